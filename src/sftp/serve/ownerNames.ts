/**
 * users-groups-by-id@openssh.com.
 *
 * Owns: numbers and names in the strings of that extension (OpenSSH PROTOCOL §4.12).
 * Must not know: who has which number.
 */
import { emptyBytes, utf8Encode } from '../../base/bytes.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type UsersGroupsById, usersGroupsNames } from '../packet/extensions.ts';
import { SftpRefusal, type StoreSession } from './store.ts';

/** Numbers in one request. */
const mostNumbers = 4096;

/** @throws SftpRefusal for what are no numbers */
export async function ownerNamesAnswer(
  ownerNames: NonNullable<StoreSession['ownerNames']>,
  { uids, gids }: UsersGroupsById,
): Promise<Uint8Array> {
  const { users, groups } = await ownerNames(numbers(uids), numbers(gids));
  return usersGroupsNames.toBytes({ usernames: strings(users), groupnames: strings(groups) });
}

function numbers(bytes: Uint8Array): number[] {
  if (bytes.length % 4 !== 0 || bytes.length > 4 * mostNumbers) {
    throw new SftpRefusal('badMessage', `numbers of 4 bytes are wanted, ${mostNumbers} at most`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(4 * index));
}

function strings(names: readonly (string | undefined)[]): Uint8Array {
  const writer = new WireWriter();
  for (const name of names) writer.string(name === undefined ? emptyBytes : utf8Encode(name));
  return writer.copyWritten();
}

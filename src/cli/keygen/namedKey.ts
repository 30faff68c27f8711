/**
 * The key file that a task is about.
 *
 * Owns: `-f`, the question where it is left out.
 * Must not know: what is in the file.
 */
import { join } from 'node:path';
import { optionsError } from '../../base/optionChecks.ts';
import { homeFolder } from '../../node/homeFolder.ts';
import type { KeygenContext } from './context.ts';
import type { KeygenArguments } from './keygenArguments.ts';

/** @throws SshError `ERR_SSH_OPTIONS` where no file is named */
export async function namedKey(args: KeygenArguments, { person }: KeygenContext): Promise<string> {
  const given = args.value('f');
  if (given !== undefined) return given;
  const home = homeFolder();
  if (person === undefined || home === undefined) throw optionsError('name a key with -f');
  const usual = join(home, '.ssh', 'id_ed25519');
  const typed = await person.ask(`Enter file in which the key is (${usual}): `);
  if (typed === undefined) throw optionsError('no file was chosen');
  return typed === '' ? usual : typed;
}

/**
 * Lists of revoked keys, as text and as KRL.
 *
 * Owns: that a list is read or refused as a whole, that a certificate is revoked
 * with its key and with its authority.
 * Must not know: engines.
 */
import { decodeCertificate } from '../../../src/crypto/keys/certificate.ts';
import { encodePublicKey } from '../../../src/crypto/keys/publicKey.ts';
import { generateKey } from '../../../src/keys/generation/generateKey.ts';
import { RevokedKeys } from '../../../src/keys/revocation/revokedKeys.ts';
import { makeCertificate } from '../../support/certificates.ts';
import { seededBytes } from '../../support/conversation.ts';
import {
  certificatesSection,
  extension,
  keyIds,
  krl,
  serialBitmap,
  serialList,
  serialRange,
  strings,
} from '../../support/krl.ts';
import { keyFiles } from '../corpus.ts';
import { attempt, type FuzzTarget, fine, law, type Verdict } from '../target.ts';

const [authority, holder] = [21, 23].map((seed) =>
  generateKey('ed25519', { randomBytes: seededBytes(seed) }),
) as [Key, Key];
type Key = ReturnType<typeof generateKey>;

const certificate = decodeCertificate(
  makeCertificate({ key: holder.publicKey, authority, serial: 3n, keyId: 'web' }),
);
const [key, signer] = [encodePublicKey(holder.publicKey), encodePublicKey(authority.publicKey)];

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const read = attempt(() => RevokedKeys.parse(data));
  if ('verdict' in read) return read.verdict;
  const list = read.value;
  const [ofKey, ofAuthority] = [list.revocation(key), list.revocation(signer)];
  const whole = list.revocation(certificate);
  law(list.revocation(holder.publicKey) === ofKey, 'a key and its blob differ');
  law(ofKey === undefined || whole === 'key', 'a certificate outlives its key');
  law(ofAuthority === undefined || ofKey !== undefined || whole === 'authority', 'it outlives its authority');
  law(list.version !== undefined || whole !== 'certificate', 'a text that revokes by number');
  return fine;
}

export const revokedKeys: FuzzTarget = {
  name: 'revokedKeys',
  shape: 'wire',
  examine,
  seeds: () => [
    krl([
      strings(2, key),
      strings(3, new Uint8Array(20)),
      strings(5, new Uint8Array(32)),
      extension(255, 'a@b', false),
    ]),
    krl([
      certificatesSection(signer, [serialList(3n, 9n), serialRange(2n, 4n), keyIds('web', 'db')]),
      certificatesSection(new Uint8Array(0), [serialBitmap(1n, [2, 40]), extension(0x39, 'a@b', false)]),
    ]),
    ...keyFiles(/\.pub$/),
  ],
  dictionary: ['SSHKRL\n\0', 'ssh-ed25519 ', 'web', '# '],
  stepBudget: 200_000_000,
};

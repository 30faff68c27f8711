/**
 * RSA signatures on OpenSSL.
 *
 * Owns: key import and the calls.
 * Must not know: SSH.
 */
import { constants, sign, verify } from 'node:crypto';
import { bigIntToBytes, bytesToBigInt } from '../../crypto/keys/bigint.ts';
import type { RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import type { Rsa } from '../../crypto/provider/primitives.ts';
import { importRsaPrivateKey, importRsaPublicKey } from './der.ts';

const padding = constants.RSA_PKCS1_PADDING;

export const opensslRsa: Rsa = {
  sign(key, hash, data) {
    const privateKey = importRsaPrivateKey(key, reduced(key, key.prime1), reduced(key, key.prime2));
    return new Uint8Array(sign(hash, data, { key: privateKey, padding }));
  },
  verify: (key, hash, data, signature) =>
    verify(hash, data, { key: importRsaPublicKey(key), padding }, signature),
};

/** d mod (prime - 1), which key files of OpenSSH leave out. */
function reduced(key: RsaPrivateKey, prime: Uint8Array): Uint8Array {
  return bigIntToBytes(bytesToBigInt(key.privateExponent) % (bytesToBigInt(prime) - 1n), prime.length);
}

/**
 * RSA signatures on OpenSSL.
 *
 * Owns: key import and the calls.
 * Must not know: SSH.
 */
import { constants, type KeyObject, sign, verify } from 'node:crypto';
import { bigIntToBytes, bytesToBigInt } from '../../crypto/keys/bigint.ts';
import type { RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import type { Rsa } from '../../crypto/provider/primitives.ts';
import { importRsaPrivateKey, importRsaPublicKey } from './der.ts';

const padding = constants.RSA_PKCS1_PADDING;

/** Keys that sign often, as OpenSSL has them: importing one and signing the first time takes a third as long again. */
const kept = new WeakMap<RsaPrivateKey, KeyObject>();

export const opensslRsa: Rsa = {
  keep(key) {
    try {
      kept.set(key, imported(key));
    } catch {
      // What is wrong with it is said by its first signature.
    }
  },
  sign: (key, hash, data) =>
    new Uint8Array(sign(hash, data, { key: kept.get(key) ?? imported(key), padding })),
  verify: (key, hash, data, signature) =>
    verify(hash, data, { key: importRsaPublicKey(key), padding }, signature),
};

function imported(key: RsaPrivateKey): KeyObject {
  return importRsaPrivateKey(key, reduced(key, key.prime1), reduced(key, key.prime2));
}

/** d mod (prime - 1), which key files of OpenSSH leave out. */
function reduced(key: RsaPrivateKey, prime: Uint8Array): Uint8Array {
  return bigIntToBytes(bytesToBigInt(key.privateExponent) % (bytesToBigInt(prime) - 1n), prime.length);
}

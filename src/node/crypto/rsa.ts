/**
 * RSA signatures on OpenSSL.
 *
 * Owns: the calls, and keys that are kept imported.
 * Must not know: SSH.
 */
import { constants, type KeyObject, sign, verify } from 'node:crypto';
import type { RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import type { Rsa } from '../../crypto/provider/primitives.ts';
import { importRsaPrivateKey, importRsaPublicKey } from './der.ts';

const padding = constants.RSA_PKCS1_PADDING;

/** Keys that sign often, as OpenSSL has them: importing one and signing the first time takes a third as long again. */
const kept = new WeakMap<RsaPrivateKey, KeyObject>();

export const opensslRsa: Rsa = {
  keep(key) {
    try {
      kept.set(key, importRsaPrivateKey(key));
    } catch {
      // What is wrong with it is said by its first signature.
    }
  },
  sign: (key, hash, data) =>
    new Uint8Array(sign(hash, data, { key: kept.get(key) ?? importRsaPrivateKey(key), padding })),
  verify: (key, hash, data, signature) =>
    verify(hash, data, { key: importRsaPublicKey(key), padding }, signature),
};

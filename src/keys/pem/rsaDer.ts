/**
 * RSA keys in DER, as PKCS#1 writes them.
 *
 * Owns: RSAPublicKey and RSAPrivateKey (RFC 8017 App. A.1).
 * Must not know: files, what stands around a key.
 */
import { bigIntToBytes, bytesToBigInt } from '../../crypto/keys/bigint.ts';
import type { RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import type { RsaPublicKey } from '../../crypto/keys/publicKey.ts';
import { derInteger, derSequence, derSmallInteger } from './derWriter.ts';

export function derRsaPublicKey(key: RsaPublicKey): Uint8Array {
  return derSequence(derInteger(key.modulus), derInteger(key.exponent));
}

/** The caller wipes what it is given: it holds all secrets of the key. */
export function derRsaPrivateKey(key: RsaPrivateKey): Uint8Array {
  return derSequence(
    derSmallInteger(0),
    derInteger(key.publicKey.modulus),
    derInteger(key.publicKey.exponent),
    derInteger(key.privateExponent),
    derInteger(key.prime1),
    derInteger(key.prime2),
    derInteger(primeExponent(key, key.prime1)),
    derInteger(primeExponent(key, key.prime2)),
    derInteger(key.coefficient),
  );
}

/** d mod (prime - 1), which keys in the form of OpenSSH leave out. */
function primeExponent(key: RsaPrivateKey, prime: Uint8Array): Uint8Array {
  return bigIntToBytes(bytesToBigInt(key.privateExponent) % (bytesToBigInt(prime) - 1n), prime.length);
}

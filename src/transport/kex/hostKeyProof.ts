/**
 * The proof that a server has the private half of the host key it shows.
 *
 * Owns: RFC 4253 §8 (the signature over H), RFC 8332 §3 (algorithm, key and
 * signature agree), host certificates as far as they are signed at all
 * (OpenSSH PROTOCOL.certkeys).
 * Must not know: whether the key or its authority is trusted, the time.
 */
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { decodeCertificate, verifyCertificate } from '../../crypto/keys/certificate.ts';
import { decodePublicKey, decodeSignature, type PublicKey } from '../../crypto/keys/publicKey.ts';
import type { CryptoProvider } from '../../crypto/provider/provider.ts';
import { blobTypeOf, isCertificateName, signatureNameOf } from '../../crypto/specialAlgorithms.ts';
import { WireReader } from '../../wire/reader.ts';
import { keyExchangeError } from './kexMessages.ts';

/** What a server sent with its key exchange reply. */
export interface HostKeyProof {
  /** That was negotiated. */
  readonly algorithm: string;
  /** Public key blob or certificate. */
  readonly hostKey: Uint8Array;
  readonly signature: Uint8Array;
}

/**
 * Checks the signature over H, and that of a certificate's authority over the
 * certificate.
 *
 * @throws SshError `ERR_SSH_KEY_EXCHANGE`, `ERR_SSH_DECODE`, `ERR_SSH_CERTIFICATE`
 */
export function verifyHostKeyProof(
  proof: HostKeyProof,
  hash: Uint8Array,
  provider: CryptoProvider,
  limits: Limits,
): void {
  const { algorithm, hostKey } = proof;
  const type = new WireReader(hostKey).name();
  if (type !== blobTypeOf(algorithm)) {
    throw keyExchangeError(`a host key of type ${type} came where ${algorithm} was negotiated`);
  }
  const key = isCertificateName(algorithm)
    ? certifiedKey(hostKey, provider, limits)
    : decodePublicKey(hostKey, limits);
  const { algorithm: signedWith, signature } = decodeSignature(proof.signature);
  const expected = signatureNameOf(algorithm);
  if (signedWith !== expected) {
    throw keyExchangeError(`the signature is by ${signedWith} where ${algorithm} was negotiated`);
  }
  // Nothing but `true` accepts: a provider of somebody's own may fail in any way.
  if (provider.verify(expected, key, hash, signature) !== true) {
    throw keyExchangeError('the signature of the server over the exchange hash is wrong');
  }
}

function certifiedKey(blob: Uint8Array, provider: CryptoProvider, limits: Limits): PublicKey {
  const certificate = decodeCertificate(blob, limits);
  if (certificate.kind !== 'host') {
    throw certificateError('the server showed the certificate of a user as its own');
  }
  if (verifyCertificate(provider, blob, limits) !== true) {
    throw certificateError('the signature on the certificate of the server is wrong');
  }
  return certificate.publicKey;
}

function certificateError(message: string): SshError {
  return new SshError('ERR_SSH_CERTIFICATE', message, { phase: 'keyExchange' });
}

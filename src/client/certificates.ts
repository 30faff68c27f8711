/**
 * Certificates of the user beside the user's keys.
 *
 * Owns: which certificate belongs to which key, and the errors of those that
 * belong to none.
 * Must not know: in which order keys are tried, who holds the private half.
 */
import { equalBytes } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Certificate } from '../crypto/certificate.ts';
import { encodePublicKey, type PublicKey } from '../crypto/publicKey.ts';
import { lateCode } from '../endpoint/lateCode.ts';
import type { CertificateInput } from './options.ts';

/**
 * The certificates that options give, read.
 *
 * @throws SshError `ERR_SSH_KEY_…` for one that cannot be read, `ERR_SSH_CERTIFICATE` for a host's
 */
export async function loadCertificates(
  given: CertificateInput | readonly CertificateInput[] | undefined,
): Promise<readonly Certificate[]> {
  if (given === undefined) return [];
  const { certificateTitle, parseCertificate } = await lateCode(
    'certificates',
    () => import('../keys/certificateFile.ts'),
  );
  const inputs = Array.isArray(given) ? (given as readonly CertificateInput[]) : [given as CertificateInput];
  return inputs.map((input) => {
    const certificate =
      typeof input === 'string' || input instanceof Uint8Array ? parseCertificate(input).certificate : input;
    if (certificate.kind === 'user') return certificate;
    throw certificateOptionError(`${certificateTitle(certificate)} is a host's and cannot log a user in`);
  });
}

/** Those for a key. */
export function certificatesFor(
  key: PublicKey,
  certificates: readonly Certificate[],
): readonly Certificate[] {
  const blob = encodePublicKey(key);
  return certificates.filter(({ publicKey }) => equalBytes(encodePublicKey(publicKey), blob));
}

/** The error of a certificate for another key than the one it was given with. */
export function misplacedCertificate(certificate: Certificate): SshError {
  return certificateOptionError(
    `a certificate (serial ${certificate.serial}) was given that is for none of the private keys`,
  );
}

function certificateOptionError(message: string): SshError {
  return new SshError('ERR_SSH_CERTIFICATE', message, { phase: 'options', origin: 'user' });
}

/**
 * Certificates of the user beside the user's keys.
 *
 * Owns: which certificate belongs to which key, and what is said of those that are
 * of no use.
 * Must not know: in which order keys are tried, who holds the private half.
 */
import { equalBytes, escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import { encodePublicKey, type PublicKey } from '../../crypto/keys/publicKey.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import type { CertificateInput } from './methods.ts';

/** Told of a certificate that is of no use, and why. */
export type NoteCertificate = (line: string) => void;

/**
 * The certificates that options give, read. One that cannot be read, or is a
 * host's, is left aside: the key it came with may do without, as with ssh.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for what can be no certificate at all
 */
export async function loadCertificates(
  given: CertificateInput | readonly CertificateInput[] | undefined,
  note: NoteCertificate,
): Promise<readonly Certificate[]> {
  if (given === undefined) return [];
  const { parseCertificate } = await lateCode(
    'certificates',
    () => import('../../keys/openssh/certificateFile.ts'),
  );
  const inputs = Array.isArray(given) ? (given as readonly CertificateInput[]) : [given as CertificateInput];
  return inputs.flatMap((input) => {
    const certificate = readOrLeft(input, (data) => parseCertificate(data).certificate, note);
    if (certificate === undefined || certificate.kind === 'user') return certificate ?? [];
    note(leftAside(certificate, "it is a host's and cannot log a user in"));
    return [];
  });
}

function readOrLeft(
  input: CertificateInput,
  parse: (data: string | Uint8Array) => Certificate,
  note: NoteCertificate,
): Certificate | undefined {
  if (typeof input === 'string' || input instanceof Uint8Array) {
    try {
      return parse(input);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      note(`a certificate is left aside: ${error.message}`);
      return undefined;
    }
  }
  if (typeof input === 'object' && input !== null && 'kind' in input) return input;
  throw optionsError(
    'certificate takes the text or bytes of a certificate file, or what parseCertificate gives',
  );
}

/** Those for a key. */
export function certificatesFor(
  key: PublicKey,
  certificates: readonly Certificate[],
): readonly Certificate[] {
  const blob = encodePublicKey(key);
  return certificates.filter(({ publicKey }) => equalBytes(encodePublicKey(publicKey), blob));
}

/** What is said of a certificate for another key than the one it was given with. */
export function misplaced(certificate: Certificate): string {
  return leftAside(certificate, 'it is for none of the private keys it was given with');
}

function leftAside({ keyId, serial }: Certificate, why: string): string {
  return `the certificate "${escapeText(keyId, 80)}" (serial ${serial}) is left aside: ${why}`;
}

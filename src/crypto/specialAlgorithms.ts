/**
 * Signature algorithms that are not offered unless something asks for them:
 * certificates, and keys that live in a security token.
 *
 * Owns: their names, the type a blob has with each, the name that stands in the
 * signature.
 * Must not know: how any of them is computed.
 * Sources: OpenSSH PROTOCOL.certkeys, PROTOCOL.u2f; RFC 8332 §3.
 */
import { type SignatureAlgorithmName, signatureAlgorithms } from './algorithms.ts';

export const certificateSuffix = '-cert-v01@openssh.com';

/** What an algorithm works with and what its signatures are called. */
export interface SpecialAlgorithmRow {
  /** The type that the blob of the key or certificate names. */
  readonly keyType: string;
  /** The algorithm that the signature blob names: a certificate signs with its key. */
  readonly signature: string;
  readonly byDefault: false;
  readonly compatible: false;
  readonly legacy: false;
}

function row(keyType: string, signature: string): SpecialAlgorithmRow {
  return { keyType, signature, byDefault: false, compatible: false, legacy: false };
}

/** Certificates, in order of preference. */
export const certificateAlgorithms: Readonly<Record<string, SpecialAlgorithmRow>> = {
  'ssh-ed25519-cert-v01@openssh.com': row('ssh-ed25519-cert-v01@openssh.com', 'ssh-ed25519'),
  'ecdsa-sha2-nistp256-cert-v01@openssh.com': row(
    'ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'ecdsa-sha2-nistp256',
  ),
  'ecdsa-sha2-nistp384-cert-v01@openssh.com': row(
    'ecdsa-sha2-nistp384-cert-v01@openssh.com',
    'ecdsa-sha2-nistp384',
  ),
  'ecdsa-sha2-nistp521-cert-v01@openssh.com': row(
    'ecdsa-sha2-nistp521-cert-v01@openssh.com',
    'ecdsa-sha2-nistp521',
  ),
  'sk-ssh-ed25519-cert-v01@openssh.com': row(
    'sk-ssh-ed25519-cert-v01@openssh.com',
    'sk-ssh-ed25519@openssh.com',
  ),
  'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com': row(
    'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'sk-ecdsa-sha2-nistp256@openssh.com',
  ),
  'rsa-sha2-512-cert-v01@openssh.com': row('ssh-rsa-cert-v01@openssh.com', 'rsa-sha2-512'),
  'rsa-sha2-256-cert-v01@openssh.com': row('ssh-rsa-cert-v01@openssh.com', 'rsa-sha2-256'),
};

/** Keys in a security token, in order of preference. */
export const securityKeyAlgorithms: Readonly<Record<string, SpecialAlgorithmRow>> = {
  'sk-ssh-ed25519@openssh.com': row('sk-ssh-ed25519@openssh.com', 'sk-ssh-ed25519@openssh.com'),
  'sk-ecdsa-sha2-nistp256@openssh.com': row(
    'sk-ecdsa-sha2-nistp256@openssh.com',
    'sk-ecdsa-sha2-nistp256@openssh.com',
  ),
};

/** Certificates of RSA keys that sign with SHA-1: used only where somebody names this one. */
const outdatedAlgorithms: Readonly<Record<string, SpecialAlgorithmRow>> = {
  'ssh-rsa-cert-v01@openssh.com': row('ssh-rsa-cert-v01@openssh.com', 'ssh-rsa'),
};

/** All of them. */
export const specialAlgorithms: Readonly<Record<string, SpecialAlgorithmRow>> = {
  ...certificateAlgorithms,
  ...securityKeyAlgorithms,
  ...outdatedAlgorithms,
};

/** Whether the algorithm, or the type of a blob, is a certificate's. */
export function isCertificateName(name: string): boolean {
  return name.endsWith(certificateSuffix);
}

/** The type that a blob names when it is used with the algorithm; undefined for one that is not known. */
export function blobTypeOf(algorithm: string): string | undefined {
  if (Object.hasOwn(specialAlgorithms, algorithm)) return specialAlgorithms[algorithm]?.keyType;
  if (!Object.hasOwn(signatureAlgorithms, algorithm)) return undefined;
  return signatureAlgorithms[algorithm as SignatureAlgorithmName].keyType;
}

/** The name that stands in a signature made with the algorithm. */
export function signatureNameOf(algorithm: string): string {
  return Object.hasOwn(specialAlgorithms, algorithm)
    ? (specialAlgorithms[algorithm]?.signature ?? algorithm)
    : algorithm;
}

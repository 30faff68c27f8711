/**
 * Who decides whether a host key is the right one.
 *
 * Owns: the verifier's interface, the policies that need no file, and the rule
 * that nothing but `true` accepts.
 * Must not know: files, key exchange.
 */
import { SshError } from '../base/errors.ts';
import { checkArgument, type OptionRule, optionsError } from '../base/optionChecks.ts';
import { type Certificate, decodeCertificate, isCertificateBlob } from '../crypto/certificate.ts';
import { decodePublicKey, encodePublicKey, type PublicKey } from '../crypto/publicKey.ts';
import { fingerprintBy, type Hashes } from '../keys/fingerprintBy.ts';

/** The key a server showed and proved to have. */
export interface HostKeyInfo {
  /** As the caller named it. */
  readonly host: string;
  readonly port: number;
  /** The public key blob (RFC 4253 §6.6); of a certificate, that of the key in it. */
  readonly blob: Uint8Array;
  readonly key: PublicKey;
  /** Type of the key, such as `ssh-ed25519`. */
  readonly type: string;
  /** Algorithm of the signature, such as `rsa-sha2-512`. */
  readonly algorithm: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
  /**
   * Present where the server showed one, signed by the authority it names. A
   * verifier has to decide whether that authority counts for this host, and to
   * call `checkCertificate` of `deadline-ssh/keys`.
   */
  readonly certificate?: Certificate | undefined;
}

/**
 * Decides about a host key. Only `true`, or a promise of `true`, accepts; an
 * `SshError` that is thrown becomes the cause of the end.
 */
export type HostKeyVerifierFunction = (hostKey: HostKeyInfo) => boolean | Promise<boolean>;

/** A verifier that knows which types of key a host is known by, so that these are negotiated first. */
export interface HostKeyPolicy {
  readonly verify: HostKeyVerifierFunction;
  readonly keyTypes?: (host: string, port: number) => readonly string[] | Promise<readonly string[]>;
  /** Whether the host may be known by a certificate, so that certificates are asked for before anything else. */
  readonly wantsCertificate?: (host: string, port: number) => boolean | Promise<boolean>;
  /** Where keys are to be followed when the server changes them. */
  readonly rotation?: HostKeyRotation | undefined;
}

/**
 * Keeps up with a server that changes its keys. Called once at most for a
 * connection, after authentication; what it throws is told to `onDebug` only.
 */
export interface HostKeyRotation {
  /** Of the key blobs a server announced, those that are not known; undefined where this host is not to be followed. */
  readonly unknown: (
    current: HostKeyInfo,
    announced: readonly Uint8Array[],
  ) => Promise<readonly Uint8Array[] | undefined>;
  /** Keeps the keys that were proved, and forgets those that are not among the announced ones. */
  readonly keep: (
    current: HostKeyInfo,
    proved: readonly Uint8Array[],
    announced: readonly Uint8Array[],
  ) => Promise<{ readonly added: number; readonly removed: number }>;
}

export type HostKeyVerifier = HostKeyVerifierFunction | HostKeyPolicy;

const fingerprintRule: OptionRule = {
  takes: 'a fingerprint such as SHA256:… or MD5:…',
  accepts: (value) =>
    typeof value === 'string' &&
    (/^SHA256:[A-Za-z0-9+/]{43}=?$/.test(value) || /^MD5(:[0-9a-fA-F]{2}){16}$/.test(value)),
};

/**
 * Accepts the host keys with these fingerprints and no others.
 *
 * @param fingerprints one or several as `SHA256:…` or `MD5:…`, as ssh-keygen -l prints them
 * @throws SshError `ERR_SSH_OPTIONS` for anything that is no fingerprint
 * @example
 * ```ts
 * import { connect, pinnedHostKey } from 'deadline-ssh';
 * const open = (host: string) =>
 *   connect({ host, verifyHostKey: pinnedHostKey('SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDtSAIIbzQmXZyXnRk') });
 * ```
 */
export function pinnedHostKey(...fingerprints: readonly string[]): HostKeyPolicy {
  for (const pinned of fingerprints) checkArgument('a pinned host key', pinned, fingerprintRule);
  if (fingerprints.length === 0) throw optionsError('pinnedHostKey needs at least one fingerprint');
  const pins = new Set(fingerprints.map(normalized));
  const wantsMd5 = fingerprints.some((pinned) => pinned.startsWith('MD5'));
  return {
    verify: async ({ blob, fingerprint: shown, host }) => {
      if (pins.has(shown) || (wantsMd5 && pins.has(await md5Fingerprint(blob)))) return true;
      throw new SshError(
        'ERR_SSH_HOST_KEY_CHANGED',
        `${host} showed the host key ${shown}, which is not the one that was pinned`,
        { phase: 'keyExchange' },
      );
    },
  };
}

/** In TypeScript, loaded by whoever pins one: a runtime need not have MD5. */
async function md5Fingerprint(blob: Uint8Array): Promise<string> {
  const { fingerprint } = await import('../keys/fingerprint.ts');
  return fingerprint(blob, 'md5');
}

/** Accepts whatever a server shows: no protection against an impostor. For tests and for keys that are checked otherwise. */
export function acceptAnyHostKey(): HostKeyPolicy {
  return { verify: () => true };
}

/** What a verifier is shown. */
export function describeHostKey(
  hashes: Hashes,
  host: string,
  port: number,
  blob: Uint8Array,
  algorithm: string,
): HostKeyInfo {
  // What is smaller than the limits in force was refused before this.
  const bounds = { rsaMinimumBits: 1024, rsaMaximumBits: 16_384 };
  if (isCertificateBlob(blob)) {
    const certificate = decodeCertificate(blob, bounds);
    const { publicKey: key } = certificate;
    const plain = encodePublicKey(key);
    const shown = fingerprintBy(hashes, plain);
    return { host, port, blob: plain, key, type: key.type, algorithm, fingerprint: shown, certificate };
  }
  const key = decodePublicKey(blob, bounds);
  return { host, port, blob, key, type: key.type, algorithm, fingerprint: fingerprintBy(hashes, blob) };
}

/**
 * Asks a verifier.
 *
 * @throws SshError `ERR_SSH_HOST_KEY_REJECTED` unless it answers `true`, or the `SshError` it threw
 */
export async function verifyHostKey(verifier: HostKeyVerifier, info: HostKeyInfo): Promise<void> {
  const verify = typeof verifier === 'function' ? verifier : verifier.verify;
  let verdict: unknown;
  try {
    verdict = await verify(info);
  } catch (error) {
    if (error instanceof SshError) throw error;
    throw rejected(info, 'its verifier failed', error);
  }
  if (verdict !== true) throw rejected(info, 'its verifier did not answer true', undefined);
}

function rejected(info: HostKeyInfo, why: string, cause: unknown): SshError {
  return new SshError(
    'ERR_SSH_HOST_KEY_REJECTED',
    `the host key of ${info.host} (${info.type} ${info.fingerprint}) was not accepted: ${why}`,
    { phase: 'keyExchange', origin: 'user', cause },
  );
}

function normalized(pinned: string): string {
  return pinned.startsWith('MD5') ? `MD5${pinned.slice(3).toLowerCase()}` : pinned.replace(/=$/, '');
}

/**
 * Who decides whether a host key is the right one.
 *
 * Owns: the verifier's interface, the policies that need no file, and the rule
 * that nothing but `true` accepts.
 * Must not know: files, key exchange.
 */
import { SshError } from '../../base/errors.ts';
import { checkArgument, type OptionRule, oneOf, optionsError } from '../../base/optionChecks.ts';
import { type Certificate, decodeCertificate, isCertificateBlob } from '../../crypto/keys/certificate.ts';
import { decodePublicKey, encodePublicKey, type PublicKey } from '../../crypto/keys/publicKey.ts';
import { askUser } from '../../endpoint/calls/userCode.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import { type FingerprintHash, fingerprintBy, type Hashes } from '../../keys/fingerprintBy.ts';
import { shownHost } from '../dial/hostName.ts';

/** The key a server showed and proved to have. */
export interface HostKeyInfo {
  /** In ASCII, by IDNA where the caller's name was not; a numeric address in its one spelling. */
  readonly host: string;
  /** The port that was dialled. */
  readonly port: number;
  /** The server's numeric address; undefined where a proxy, a hop or a stream stands in between. */
  readonly address?: string | undefined;
  /** The public key blob (RFC 4253 §6.6); of a certificate, that of the key in it. */
  readonly blob: Uint8Array;
  /** The public key, read. */
  readonly key: PublicKey;
  /** Type of the key, such as `ssh-ed25519`. */
  readonly type: string;
  /** Algorithm of the signature, such as `rsa-sha2-512`. */
  readonly algorithm: string;
  /** `SHA256:…`, or as the policy's `fingerprintHash` says. */
  readonly fingerprint: string;
  /**
   * Present where the server showed one, signed by the authority it names. A
   * verifier has to decide whether that authority counts for this host, and to
   * call `checkCertificate` of `deadline-ssh/keys`.
   */
  readonly certificate?: Certificate | undefined;
}

/** How long a lock on a file, or a program, is waited for. */
export interface LockBounds {
  /** Milliseconds. */
  readonly timeout: number;
  /** Gives the wait up. */
  readonly signal?: AbortSignal | undefined;
}

/** What a verifier may use of the dial that asks it. */
export interface HostKeyDial {
  /** Says to `onDebug` what people should know although it stops nothing. */
  readonly warn: (line: string) => void;
  /** Says to `onDebug` what people may want to know, and what went as it should. */
  readonly note?: (line: string) => void;
  /**
   * Does work that may have to wait for another program's lock on a file. That is
   * a wait of the connection, called `lock`, and not time of the caller's own
   * code: the dial's deadline goes on, and the wait has half of what is left of it
   * at most.
   *
   * @throws SshError `ERR_SSH_TIMEOUT` with `lock` as `waitingFor`, or what the work throws
   */
  readonly whileLocked: <T>(detail: string, work: (bounds: LockBounds) => Promise<T>) => Promise<T>;
  /** The same for work that waits for a program of the user's: the wait is called `knownHostsCommand`. */
  readonly whileRunning?: <T>(detail: string, work: (bounds: LockBounds) => Promise<T>) => Promise<T>;
}

/**
 * What a policy may use of a dial before there is a connection: one object a dial, so
 * that what is asked for twice need be found out once.
 */
export type BeforeHostKey = Required<Pick<HostKeyDial, 'whileRunning'>>;

/**
 * Decides about a host key. Only `true`, or a promise of `true`, accepts. What it
 * throws refuses the key, and `connect` rejects with that.
 */
export type HostKeyVerifierFunction = (
  hostKey: HostKeyInfo,
  dial?: HostKeyDial,
) => boolean | Promise<boolean>;

/** A verifier that knows which types of key a host is known by, so that these are negotiated first. */
export interface HostKeyPolicy {
  /** Decides about a key. */
  readonly verify: HostKeyVerifierFunction;
  /** Types of the keys that the host is known by, such as `ssh-ed25519`; these are negotiated first. */
  readonly keyTypes?: (
    host: string,
    port: number,
    asking?: BeforeHostKey,
  ) => readonly string[] | Promise<readonly string[]>;
  /** Whether the host may be known by a certificate, so that certificates are asked for before anything else. */
  readonly wantsCertificate?: (
    host: string,
    port: number,
    asking?: BeforeHostKey,
  ) => boolean | Promise<boolean>;
  /** Where this side follows a server that changes its keys. */
  readonly rotation?: HostKeyRotation | undefined;
  /** The hash of the fingerprints that the verifier, errors and `onDebug` get. Default: `'sha256'`. */
  readonly fingerprintHash?: FingerprintHash | undefined;
}

/** What was done about the keys a server announced. */
export interface KeptHostKeys {
  /** How many keys were added. */
  readonly added: number;
  /** How many keys were removed. */
  readonly removed: number;
  /** Why keys that the server has no longer are still there. */
  readonly remains?: string | undefined;
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
    dial?: HostKeyDial,
  ) => Promise<KeptHostKeys>;
}

/** What `verifyHostKey` of `connect` takes: a function, or a policy with more to say. */
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
 * @throws SshError `ERR_SSH_OPTIONS` for anything that is no fingerprint; from the dial
 *   `ERR_SSH_HOST_KEY_NOT_PINNED` for any other key
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
    verify: async (info) => {
      const { blob, fingerprint: shown, type } = info;
      if (pins.has(shown) || (wantsMd5 && pins.has(await md5Fingerprint(blob)))) return true;
      throw new SshError(
        'ERR_SSH_HOST_KEY_NOT_PINNED',
        `the host key of ${shownHost(info)} (${type} ${shown}) is not pinned: either the server was set up anew or somebody is in between; ask its owner for the fingerprint`,
        { phase: 'keyExchange' },
      );
    },
  };
}

/** In TypeScript, loaded where one is pinned: a runtime need not have MD5. */
async function md5Fingerprint(blob: Uint8Array): Promise<string> {
  const { fingerprint } = await lateCode('MD5 fingerprints', () => import('../../keys/fingerprint.ts'));
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
  hash: FingerprintHash = 'sha256',
): HostKeyInfo {
  // What is smaller than the limits in force was refused before this.
  const bounds = { rsaMinimumBits: 1024, rsaMaximumBits: 16_384 };
  if (isCertificateBlob(blob)) {
    const certificate = decodeCertificate(blob, bounds);
    const { publicKey: key } = certificate;
    const plain = encodePublicKey(key);
    const shown = fingerprintBy(hashes, plain, hash);
    return { host, port, blob: plain, key, type: key.type, algorithm, fingerprint: shown, certificate };
  }
  const key = decodePublicKey(blob, bounds);
  const fingerprint = fingerprintBy(hashes, blob, hash);
  return { host, port, blob, key, type: key.type, algorithm, fingerprint };
}

/** The hash that keys are shown by; undefined for the default. */
export function fingerprintHashOf(verifier: HostKeyVerifier | undefined): FingerprintHash | undefined {
  return typeof verifier === 'function' ? undefined : verifier?.fingerprintHash;
}

const hashRule = oneOf('sha256', 'md5', 'sha1', 'sha384', 'sha512');

/** @throws SshError `ERR_SSH_OPTIONS` for a policy that wants a hash there is none of */
export function checkFingerprintHash(verifier: HostKeyVerifier): void {
  const hash = fingerprintHashOf(verifier);
  if (hash !== undefined) checkArgument('fingerprintHash of the host key policy', hash, hashRule);
}

/**
 * Asks a verifier.
 *
 * @throws SshError `ERR_SSH_HOST_KEY_REJECTED` unless it answers `true`, also for what it threw, or the `SshError` it threw
 */
export async function verifyHostKey(
  verifier: HostKeyVerifier,
  info: HostKeyInfo,
  dial?: HostKeyDial,
): Promise<void> {
  const verify = typeof verifier === 'function' ? verifier : verifier.verify;
  const refused = `the host key of ${shownHost(info)} (${info.type} ${info.fingerprint}) was not accepted`;
  const verdict: unknown = await askUser('verifyHostKey', () => verify(info, dial), {
    code: 'ERR_SSH_HOST_KEY_REJECTED',
    phase: 'keyExchange',
    message: `${refused}: its verifier failed`,
  });
  if (verdict === true) return;
  throw new SshError('ERR_SSH_HOST_KEY_REJECTED', `${refused}: its verifier did not answer true`, {
    phase: 'keyExchange',
    origin: 'user',
  });
}

function normalized(pinned: string): string {
  return pinned.startsWith('MD5') ? `MD5${pinned.slice(3).toLowerCase()}` : pinned.replace(/=$/, '');
}

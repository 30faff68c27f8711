/**
 * The user's keys, as they are tried.
 *
 * Owns: the reading of those that the options give, their certificates, and the
 * ways to offer one (RFC 8332 §3.3, server-sig-algs).
 * Must not know: in which order keys are tried, messages.
 */
import { escapeText } from '../../base/bytes.ts';
import type { Limits } from '../../base/limits.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import { encodePublicKey, type PublicKey } from '../../crypto/keys/publicKey.ts';
import { lateCode } from '../../endpoint/lateCode.ts';
import { asBytes } from '../../endpoint/options/bytesOption.ts';
import {
  asList,
  type BetweenSteps,
  type LoadedKey,
  loadKey,
  type PrivateKeyInput,
  type UnlockSettings,
} from '../../endpoint/privateKeys.ts';
import { type FingerprintHash, fingerprintBy, type Hashes } from '../../keys/fingerprintBy.ts';
import type { ConnectOptions } from '../dial/options.ts';
import type { Platform } from '../platform.ts';
import { certificatesFor, loadCertificates, misplaced, type NoteCertificate } from './certificates.ts';
import { LockedKey } from './lockedKey.ts';

/** A key to try: ready, or with a passphrase function that can make it so. */
export type UserKey = LoadedKey | LockedKey;

/** What the options give to authenticate by. */
export interface UserKeys {
  readonly keys: readonly UserKey[];
  /** What is said of certificates that are of no use, for people. */
  readonly notes: readonly string[];
}

interface GivenKey {
  readonly input: PrivateKeyInput;
  readonly passphrase: ConnectOptions['passphrase'];
  /** Given with this very key. */
  readonly certificate?: ConnectOptions['certificate'];
  readonly attempts?: number | undefined;
}

/** How key files are read on a platform. */
export function keySettings(
  platform: Platform,
  limits: Limits,
  crypto: ConnectOptions['crypto'],
): UnlockSettings {
  const arithmetic = platform.keyArithmetic(crypto ?? 'auto');
  return { limits, pause: () => platform.pause(), arithmetic };
}

/**
 * The keys that the options give, parsed or waiting for their passphrase.
 * Decryption yields to the event loop between its steps, and to an abort.
 *
 * @throws SshError `ERR_SSH_KEY_…` that tells which key and why, or what `betweenSteps` throws
 */
export async function loadUserKeys(
  options: Pick<ConnectOptions, 'auth' | 'privateKey' | 'passphrase' | 'certificate'>,
  settings: UnlockSettings,
  betweenSteps?: BetweenSteps,
): Promise<UserKeys> {
  const keys: UserKey[] = [];
  const notes: string[] = [];
  const note = (line: string): void => void notes.push(line);
  const shared = options.auth === undefined ? await loadCertificates(options.certificate, note) : [];
  const placed = new Set<Certificate>();
  for (const given of givenKeys(options)) {
    if (keys.length > 0) await settings.pause();
    betweenSteps?.();
    const own = await loadCertificates(given.certificate, note);
    const key = await loadUserKey(given, settings, betweenSteps);
    const matching = matchingOf(key, [...own, ...shared]);
    for (const certificate of matching) placed.add(certificate);
    notes.push(...own.filter((certificate) => !placed.has(certificate)).map(misplaced));
    keys.push(withCertificates(key, matching));
  }
  notes.push(...shared.filter((certificate) => !placed.has(certificate)).map(misplaced));
  return { keys, notes };
}

/** The public half of some encrypted files is encrypted as well: with one key, whose certificate else? */
function matchingOf(key: UserKey, certificates: readonly Certificate[]): readonly Certificate[] {
  const half = publicHalf(key);
  return half === undefined ? certificates : certificatesFor(half, certificates);
}

function withCertificates(key: UserKey, certificates: readonly Certificate[]): UserKey {
  if (!(key instanceof LockedKey)) return { ...key, certificates };
  key.certificates = certificates;
  return key;
}

/** Of a key that was locked when the certificates were given, those that turned out to be for it. */
export function certificatesOf(key: UserKey, note: NoteCertificate): readonly Certificate[] {
  const half = publicHalf(key);
  const given = key.certificates ?? [];
  const own = half === undefined ? [] : certificatesFor(half, given);
  for (const certificate of given) if (!own.includes(certificate)) note(misplaced(certificate));
  return own;
}

function givenKeys(options: Pick<ConnectOptions, 'auth' | 'privateKey' | 'passphrase'>): GivenKey[] {
  const { auth, privateKey, passphrase } = options;
  if (auth === undefined) return asList(privateKey).map((input) => ({ input, passphrase }));
  return auth.flatMap((step) =>
    step === 'none' || step.method !== 'publickey'
      ? []
      : [
          {
            input: step.privateKey,
            passphrase: step.passphrase ?? passphrase,
            certificate: step.certificate,
            attempts: step.attempts,
          },
        ],
  );
}

async function loadUserKey(
  { input, passphrase, attempts }: GivenKey,
  settings: UnlockSettings,
  betweenSteps: BetweenSteps | undefined,
): Promise<UserKey> {
  if (typeof passphrase !== 'function') return loadKey(input, passphrase, settings, betweenSteps);
  if (typeof input === 'string' || input instanceof Uint8Array) {
    const { describePrivateKey } = await lateCode(
      'private keys',
      () => import('../../keys/privateKey/privateKeyFile.ts'),
    );
    const { encrypted, publicKey } = describePrivateKey(input);
    if (encrypted) return new LockedKey(asBytes(input), publicKey, passphrase, settings, attempts);
  }
  return loadKey(input, undefined, settings, betweenSteps);
}

export function publicHalf(key: UserKey): PublicKey | undefined {
  return key instanceof LockedKey ? key.publicKey : key.key.publicKey;
}

export function keyLabel(hashes: Hashes, key: UserKey, hash?: FingerprintHash): string {
  const half = publicHalf(key);
  const what = half === undefined ? 'encrypted key' : `${half.type} ${fingerprintBy(hashes, half, hash)}`;
  if (key instanceof LockedKey)
    return `publickey (${what}${key.isRefused ? ', its passphrase was not given' : ''})`;
  return `publickey (${what}${key.comment === '' ? '' : ` ${escapeText(key.comment, 80)}`})`;
}

/** One way to offer a key: by itself, or by a certificate for it. */
export interface KeyOffer {
  readonly algorithm: string;
  /** Public key blob or certificate. */
  readonly publicKey: Uint8Array;
}

/** The algorithms to offer a key or certificate of a type with, the best first. */
export type AlgorithmsFor = (keyType: string) => readonly string[];

/** Certificates first: who has one was given it to be used. */
export function keyOffers(
  key: PublicKey,
  certificates: readonly Certificate[],
  algorithmsFor: AlgorithmsFor,
  certificateOnly: boolean,
): readonly KeyOffer[] {
  const publicKey = encodePublicKey(key);
  return [
    ...certificates.flatMap(({ type, blob }) =>
      algorithmsFor(type).map((algorithm) => ({ algorithm, publicKey: blob })),
    ),
    ...(certificateOnly ? [] : algorithmsFor(key.type)).map((algorithm) => ({ algorithm, publicKey })),
  ];
}

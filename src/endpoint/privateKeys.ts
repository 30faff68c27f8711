/**
 * Private keys that a program gives: a user's, or a server's host keys.
 *
 * Owns: the forms in which they are given, and reading them in steps between
 * which the event loop has its turn.
 * Must not know: which role signs with them, passphrases that are asked for.
 */
import { wipe } from '../base/bytes.ts';
import type { Limits } from '../base/limits.ts';
import type { Certificate } from '../crypto/keys/certificate.ts';
import type { PrivateKey, PrivateKeyFile } from '../crypto/keys/privateKey.ts';
import { CurveMissingError, type KeyArithmetic } from '../keys/arithmetic.ts';
import {
  FormatsMissingError,
  type ParsePrivateKeyOptions,
  privateKeySteps,
} from '../keys/privateKey/privateKeyFile.ts';
import { lateCode } from './lateCode.ts';
import { asBytes } from './options/bytesOption.ts';

/** A private key as text or bytes of a file, or parsed. */
export type PrivateKeyInput = string | Uint8Array | PrivateKey | PrivateKeyFile;

/** A private key, ready to sign. */
export interface LoadedKey {
  readonly key: PrivateKey;
  readonly comment: string;
  readonly certificates?: readonly Certificate[] | undefined;
}

/** What decrypting needs apart from the passphrase. */
export interface UnlockSettings {
  readonly limits: Limits;
  /** Lets the event loop have its turn between steps. */
  readonly pause: () => Promise<void>;
  /** In place of the arithmetic in TypeScript, which is not loaded then. */
  readonly arithmetic?: KeyArithmetic | undefined;
}

/** Called between two steps of the work; what it throws is what becomes of it. */
export type BetweenSteps = () => void;

/**
 * The keys that a program signs with by itself: no function is asked for a passphrase.
 *
 * @throws SshError `ERR_SSH_KEY_…` that tells which key and why
 */
export async function loadKeys(
  given: PrivateKeyInput | readonly PrivateKeyInput[] | undefined,
  settings: UnlockSettings,
): Promise<LoadedKey[]> {
  const keys: LoadedKey[] = [];
  for (const input of asList(given)) keys.push(await loadKey(input, undefined, settings));
  return keys;
}

export function asList(
  given: PrivateKeyInput | readonly PrivateKeyInput[] | undefined,
): readonly PrivateKeyInput[] {
  if (given === undefined) return [];
  return Array.isArray(given) ? given : [given as PrivateKeyInput];
}

export async function loadKey(
  input: PrivateKeyInput,
  passphrase: string | Uint8Array | undefined,
  settings: UnlockSettings,
  betweenSteps?: BetweenSteps,
): Promise<LoadedKey> {
  if (typeof input !== 'string' && !(input instanceof Uint8Array)) {
    return 'privateKey' in input
      ? { key: input.privateKey, comment: input.comment }
      : { key: input, comment: '' };
  }
  const bytes = asBytes(input);
  try {
    const { privateKey, comment } = await parseWithPauses(bytes, passphrase, settings, betweenSteps);
    return { key: privateKey, comment };
  } finally {
    if (typeof input === 'string') wipe(bytes);
  }
}

/** Parses a key; the event loop has its turn between the steps, and so does an abort. */
export async function parseWithPauses(
  bytes: Uint8Array,
  passphrase: string | Uint8Array | undefined,
  settings: UnlockSettings,
  betweenSteps: BetweenSteps = () => {},
): Promise<PrivateKeyFile> {
  const { limits, arithmetic } = settings;
  const options = { passphrase, limits };
  if (arithmetic === undefined) return finish(await wholeSteps(bytes, options), settings, betweenSteps);
  // Most keys are plain, and the runtime has curves.
  let steps = privateKeySteps(bytes, options, { arithmetic, formats: undefined });
  for (;;) {
    try {
      return await finish(steps, settings, betweenSteps);
    } catch (error) {
      steps = await otherSteps(error, bytes, options, arithmetic);
    }
  }
}

/** The steps with the code that was missing; throws `error` where it was something else. */
async function otherSteps(
  error: unknown,
  bytes: Uint8Array,
  options: ParsePrivateKeyOptions,
  arithmetic: KeyArithmetic,
): Promise<Generator<void, PrivateKeyFile>> {
  if (error instanceof CurveMissingError) return wholeSteps(bytes, options);
  if (!(error instanceof FormatsMissingError)) throw error;
  const { protectedFormats } = await keyFileCode(() => import('../keys/privateKey/protectedFormats.ts'));
  return privateKeySteps(bytes, options, { arithmetic, formats: protectedFormats });
}

/** With the curves in TypeScript. */
async function wholeSteps(
  bytes: Uint8Array,
  options: ParsePrivateKeyOptions,
): Promise<Generator<void, PrivateKeyFile>> {
  const { parsePrivateKeyInSteps } = await keyFileCode(() => import('../keys/privateKey/parsePrivateKey.ts'));
  return parsePrivateKeyInSteps(bytes, options);
}

async function finish(
  steps: Generator<void, PrivateKeyFile>,
  { pause }: UnlockSettings,
  betweenSteps: BetweenSteps,
): Promise<PrivateKeyFile> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await pause();
    try {
      betweenSteps();
    } catch (error) {
      // What was derived so far is overwritten.
      steps.return(undefined as never);
      throw error;
    }
  }
}

function keyFileCode<T>(load: () => Promise<T>): Promise<T> {
  return lateCode('private keys', load);
}

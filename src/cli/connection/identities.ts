/**
 * The private keys a person would log in with.
 *
 * Owns: which files they are in, and what is said of those that are no use.
 * Must not know: formats of keys (`keys/`), the protocol.
 */
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SshError } from '../../base/errors.ts';
import { defaultLimits } from '../../base/limits.ts';
import { reasonOf } from '../../base/shortage.ts';
import type { AuthMethod, PassphraseFunction } from '../../client/authentication/methods.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { parseWithPauses } from '../../endpoint/privateKeys.ts';
import { parseCertificate } from '../../keys/openssh/certificateFile.ts';
import { describePrivateKey } from '../../keys/privateKey/privateKeyFile.ts';
import { parsePublicKey } from '../../keys/publicKeyFile.ts';
import { opensslKeyArithmetic } from '../../node/crypto/keyArithmetic.ts';
import { homeFolder } from '../../node/homeFolder.ts';
import { errorCode } from '../../node/knownHosts/regularFile.ts';
import { nodePlatform } from '../../node/platform.ts';
import { messageOf } from '../errorWords.ts';
import type { Person } from './person.ts';

const defaultNames = ['id_ed25519', 'id_ecdsa', 'id_rsa'] as const;

/** Files that are tried where none is named: none where the user has no home. */
export function defaultIdentityFiles(): string[] {
  const home = homeFolder();
  return home === undefined ? [] : defaultNames.map((name) => join(home, '.ssh', name));
}

/** What the reading of keys needs apart from their paths. */
export interface IdentityContext {
  /** Undefined where nobody can be asked. */
  readonly person: Person | undefined;
  /** Whether an agent is asked, which may hold the private half of a public key, or a key opened. */
  readonly hasAgent: boolean;
  /** Told of a key that is left out for a reason its owner should know. */
  readonly warn: (line: string) => void;
}

/**
 * Keys from files that were named: each must be usable, by itself or by an agent
 * that may hold it. As with ssh, a key that others may read is left out.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a file that cannot be read, or for a public key where no agent is asked;
 *   `ERR_SSH_KEY_…` for one that is no key
 */
export async function namedIdentities(
  paths: readonly string[],
  context: IdentityContext,
): Promise<AuthMethod[]> {
  const methods: AuthMethod[] = [];
  for (const path of paths) {
    try {
      methods.push(...(await identity(path, context)));
    } catch (error) {
      if (!context.hasAgent || !(error instanceof SshError) || !isMissing(error.cause)) throw error;
      methods.push(...fromAgent(path, await publicKeyBeside(path, error), context));
    }
  }
  return methods;
}

/** Keys from the default files; `note` is told of those that exist and are no use. */
export async function defaultIdentities(
  paths: readonly string[],
  context: Pick<IdentityContext, 'person' | 'warn'>,
  note: (line: string) => void,
): Promise<AuthMethod[]> {
  const methods: AuthMethod[] = [];
  for (const path of paths) {
    try {
      methods.push(...(await identity(path, { ...context, hasAgent: false })));
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      if (!isMissing(error.cause)) note(`not used: ${messageOf(error)}`);
    }
  }
  return methods;
}

/** None where the key is left out. */
async function identity(path: string, context: IdentityContext): Promise<AuthMethod[]> {
  const { bytes, othersMode } = await readIdentity(path);
  const publicKey = publicKeyOf(bytes);
  if (publicKey !== undefined) return fromAgent(path, publicKey, context);
  const { encrypted, publicKey: half } = attempt(path, () => describePrivateKey(bytes));
  if (othersMode !== undefined) return exposed(path, half, othersMode, context);
  return [await privateIdentity(path, bytes, encrypted, context)];
}

async function privateIdentity(
  path: string,
  bytes: Uint8Array,
  encrypted: boolean,
  { person, hasAgent, warn }: IdentityContext,
): Promise<AuthMethod> {
  const certificate = await certificateBeside(path, warn);
  if (!encrypted) {
    // The path tells a person more than the comment in the file.
    const reading = parseWithPauses(bytes, undefined, {
      limits: defaultLimits,
      pause: nodePlatform.pause,
      arithmetic: opensslKeyArithmetic,
    });
    const { publicKey, privateKey } = await reading.catch((error) => {
      throw namingFile(path, error);
    });
    return {
      method: 'publickey',
      privateKey: { publicKey, privateKey, comment: path },
      certificate,
    };
  }
  if (person === undefined && hasAgent) {
    return { method: 'publickey', privateKey: bytes, passphrase: () => undefined, certificate };
  }
  if (person === undefined) {
    throw keyError(
      'ERR_SSH_KEY_PASSPHRASE',
      `${path}: the key is encrypted and there is no terminal to ask on`,
    );
  }
  return { method: 'publickey', privateKey: bytes, passphrase: askPassphrase(path, person), certificate };
}

/** An agent may hold the private half of a public key. */
function fromAgent(path: string, publicKey: PublicKey, { hasAgent }: IdentityContext): AuthMethod[] {
  if (hasAgent) return [{ method: 'agent', agent: true, keys: [publicKey] }];
  throw keyError('ERR_SSH_OPTIONS', `${path} is a public key, and no agent is asked for its private half`);
}

/** A private key that others may read is not used, but an agent may hold it. */
function exposed(
  path: string,
  publicKey: PublicKey | undefined,
  mode: number,
  { hasAgent, warn }: IdentityContext,
): AuthMethod[] {
  const shown = mode.toString(8).padStart(4, '0');
  warn(
    `the private key ${path} is not used: others have access to it (mode ${shown}); chmod 600 makes it yours alone`,
  );
  return hasAgent && publicKey !== undefined ? [{ method: 'agent', agent: true, keys: [publicKey] }] : [];
}

/** Undefined for what is no public key. */
function publicKeyOf(bytes: Uint8Array): PublicKey | undefined {
  try {
    return parsePublicKey(bytes).publicKey;
  } catch {
    return undefined;
  }
}

/** Of `id_x.pub` where there is no `id_x`: an agent has the rest of it. */
async function publicKeyBeside(path: string, missing: SshError): Promise<PublicKey> {
  const bytes = await readFile(`${path}.pub`).catch(() => undefined);
  if (bytes === undefined) throw missing;
  return attempt(`${path}.pub`, () => parsePublicKey(new Uint8Array(bytes)).publicKey);
}

/** `id_x-cert.pub` beside `id_x`, which is where ssh-keygen -s puts it. */
async function certificateBeside(
  path: string,
  warn: IdentityContext['warn'],
): Promise<Certificate | undefined> {
  const file = `${path}-cert.pub`;
  try {
    return parseCertificate(new Uint8Array(await readFile(file))).certificate;
  } catch (error) {
    // The key may do without it, as with ssh.
    if (!isMissing(error)) warn(`the certificate ${file} is left aside: ${wordsOf(error)}`);
    return undefined;
  }
}

function wordsOf(error: unknown): string {
  if (error instanceof SshError) return messageOf(error);
  return error instanceof Error ? error.message : String(error);
}

interface IdentityFile {
  readonly bytes: Uint8Array;
  /** Its permissions, where it is the user's own and others have some; as ssh, nothing is said of a file of somebody else's. */
  readonly othersMode: number | undefined;
}

async function readIdentity(path: string): Promise<IdentityFile> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const { mode, uid } = await file.stat();
    const isExposed = uid === process.getuid?.() && (mode & 0o077) !== 0;
    return {
      bytes: new Uint8Array(await file.readFile()),
      othersMode: isExposed ? mode & 0o777 : undefined,
    };
  } catch (error) {
    throw keyError('ERR_SSH_OPTIONS', `cannot read the private key ${path}${reasonOf(error)}`, error);
  } finally {
    await file?.close();
  }
}

function askPassphrase(path: string, person: Person): PassphraseFunction {
  return async ({ attempt }) => {
    if (attempt > 1) person.show('That is not the passphrase.\n');
    const typed = await person.askSecretly(`Passphrase for ${path}: `);
    // As with ssh, an empty answer passes the key over.
    return typed === '' ? undefined : typed;
  };
}

/** What a file is read as; an error of that says which file it is about. */
function attempt<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw namingFile(path, error);
  }
}

function namingFile(path: string, error: unknown): unknown {
  if (!(error instanceof SshError)) return error;
  return keyError(error.code, `${path}: ${messageOf(error)}`, error);
}

function keyError(code: SshError['code'], message: string, cause?: unknown): SshError {
  return new SshError(code, message, { phase: 'options', origin: 'user', cause });
}

function isMissing(error: unknown): boolean {
  return ['ENOENT', 'ENOTDIR'].includes(errorCode(error));
}

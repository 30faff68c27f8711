/**
 * The private keys a person would log in with.
 *
 * Owns: which files they are in, and what is said of those that are no use.
 * Must not know: formats of keys (`keys/`), the protocol.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SshError } from '../base/errors.ts';
import type { AuthMethod, PassphraseFunction } from '../client/options.ts';
import type { Certificate } from '../crypto/certificate.ts';
import { parseCertificate } from '../keys/certificateFile.ts';
import { parsePrivateKey } from '../keys/parsePrivateKey.ts';
import { describePrivateKey } from '../keys/privateKeyFile.ts';
import { homeFolder } from '../node/homeFolder.ts';
import type { Person } from './person.ts';

const defaultNames = ['id_ed25519', 'id_ecdsa', 'id_rsa'] as const;

/** Files that are tried where none is named: none where the user has no home. */
export function defaultIdentityFiles(): string[] {
  const home = homeFolder();
  return home === undefined ? [] : defaultNames.map((name) => join(home, '.ssh', name));
}

/**
 * Keys from files that were named: each must be usable, by itself or by an
 * agent that may hold it opened.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a file that cannot be read, `ERR_SSH_KEY_…` for one that is no key
 */
export async function namedIdentities(
  paths: readonly string[],
  person: Person | undefined,
  hasAgent: boolean = false,
): Promise<AuthMethod[]> {
  const methods: AuthMethod[] = [];
  for (const path of paths) methods.push(await identity(path, person, hasAgent));
  return methods;
}

/** Keys from the default files; `note` is told of those that exist and are no use. */
export async function defaultIdentities(
  paths: readonly string[],
  person: Person | undefined,
  note: (line: string) => void,
): Promise<AuthMethod[]> {
  const methods: AuthMethod[] = [];
  for (const path of paths) {
    try {
      methods.push(await identity(path, person));
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      if (!isMissing(error.cause)) note(`not used: ${error.message}`);
    }
  }
  return methods;
}

async function identity(
  path: string,
  person: Person | undefined,
  hasAgent: boolean = false,
): Promise<AuthMethod> {
  const bytes = await readIdentity(path);
  const certificate = await certificateBeside(path);
  try {
    if (!describePrivateKey(bytes).encrypted) {
      // The path tells a person more than the comment in the file.
      return { method: 'publickey', privateKey: { ...parsePrivateKey(bytes), comment: path }, certificate };
    }
  } catch (error) {
    throw named(error, path);
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

/** `id_x-cert.pub` beside `id_x`, which is where ssh-keygen -s puts it. */
async function certificateBeside(path: string): Promise<Certificate | undefined> {
  const file = `${path}-cert.pub`;
  let bytes: Uint8Array;
  try {
    bytes = new Uint8Array(await readFile(file));
  } catch (error) {
    if (isMissing(error)) return undefined;
    const why = error instanceof Error ? `: ${error.message}` : '';
    throw keyError('ERR_SSH_OPTIONS', `cannot read the certificate ${file}${why}`, error);
  }
  try {
    return parseCertificate(bytes).certificate;
  } catch (error) {
    throw named(error, file);
  }
}

async function readIdentity(path: string): Promise<Uint8Array> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    const why = error instanceof Error ? `: ${error.message}` : '';
    throw keyError('ERR_SSH_OPTIONS', `cannot read the private key ${path}${why}`, error);
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

function named(error: unknown, path: string): unknown {
  return error instanceof SshError ? keyError(error.code, `${path}: ${error.message}`, error) : error;
}

function keyError(code: SshError['code'], message: string, cause?: unknown): SshError {
  return new SshError(code, message, { phase: 'options', origin: 'user', cause });
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === 'ENOENT';
}

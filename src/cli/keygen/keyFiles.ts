/**
 * The key files that keygen reads and writes.
 *
 * Owns: passphrases that are asked for, private keys that are kept whole: a file
 * is replaced as a whole or not at all, and stays its owner's alone.
 * Must not know: formats (`keys/`), what is done with a key.
 */
import { constants } from 'node:fs';
import { type FileHandle, open, realpath, rename, rm } from 'node:fs/promises';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import type { PrivateKeyFile } from '../../crypto/keys/privateKey.ts';
import { parsePrivateKey } from '../../keys/privateKey/parsePrivateKey.ts';
import { describePrivateKey } from '../../keys/privateKey/privateKeyFile.ts';
import { temporaryName } from '../../node/files/temporaryFiles.ts';
import {
  type FileVersion,
  openGently,
  openNoLink,
  readRegularFile,
  versionOf,
} from '../../node/knownHosts/regularFile.ts';
import { messageOf } from '../errorWords.ts';
import type { KeygenContext } from './context.ts';

const longestKeyFile = 1024 * 1024;
/** Keys that are too small to be used can be shown and converted. */
export const shown = { limits: { rsaMinimumBits: 1024 } } as const;

/** What is in a file. @throws SshError `ERR_SSH_OPTIONS` for a file that cannot be read */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  return (await readVersion(path)).bytes;
}

async function readVersion(
  path: string,
): Promise<{ readonly bytes: Uint8Array; readonly version: FileVersion }> {
  try {
    const read = await readRegularFile(path, openGently, longestKeyFile);
    if (read === undefined) throw new Error('there is no such file');
    return { bytes: new Uint8Array(read.bytes), version: read.version };
  } catch (error) {
    throw optionsError(`${path}: ${messageOf(error)}`);
  }
}

/** How a passphrase is come by. */
export interface PassphraseSource {
  /** From the command line; where it does not open the key, nobody is asked. */
  readonly given?: string | undefined;
}

const attempts = 3;

/** A private key, opened with the passphrase that was given or typed. @throws SshError as `parsePrivateKey` */
export async function openPrivateKey(
  path: string,
  bytes: Uint8Array,
  { person }: KeygenContext,
  { given }: PassphraseSource = {},
): Promise<PrivateKeyFile> {
  const { encrypted } = about(path, () => describePrivateKey(bytes));
  if (!encrypted) return about(path, () => parsePrivateKey(bytes, shown));
  if (given !== undefined) return about(path, () => parsePrivateKey(bytes, { ...shown, passphrase: given }));
  for (let attempt = 1; ; attempt++) {
    const typed = await person?.askSecretly(`Enter passphrase for "${path}": `);
    if (typed === undefined) {
      throw optionsError(
        `${path}: the key is encrypted, and there is nobody to ask for its passphrase; give it with -P`,
      );
    }
    try {
      return about(path, () => parsePrivateKey(bytes, { ...shown, passphrase: typed }));
    } catch (error) {
      const isWrong = error instanceof SshError && error.code === 'ERR_SSH_KEY_PASSPHRASE';
      if (!isWrong || attempt === attempts) throw error;
      person?.show('That is not the passphrase.\n');
    }
  }
}

/** A new passphrase, typed twice; empty for none. @throws SshError `ERR_SSH_OPTIONS` where nobody can be asked */
export async function newPassphrase({ person }: KeygenContext): Promise<string> {
  if (person === undefined) {
    throw optionsError("there is nobody to ask for a passphrase; give one with -N, -N '' for none");
  }
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const chosen = await person.askSecretly('Enter new passphrase (empty for no passphrase): ');
    if (chosen === undefined) break;
    if ((await person.askSecretly('Enter same passphrase again: ')) === chosen) return chosen;
    person.show('The two differ.\n');
  }
  throw optionsError('no passphrase was chosen; nothing was changed');
}

/** Writes a file that was not there. @throws SshError `ERR_SSH_OPTIONS` */
export function writeNewFile(path: string, text: string, mode: number): Promise<void> {
  return writing(path, () => writeWhole(path, text, mode));
}

/**
 * Writes a file in the place of what has that name, whole or not at all: a full disk costs
 * nobody an old key.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function writeKeyFile(path: string, text: string, mode: number): Promise<void> {
  return writing(path, async () => {
    const temporary = temporaryName(path);
    try {
      await writeWhole(temporary, text, mode);
      await rename(temporary, path);
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

/**
 * Puts a text in the place of a file that keeps its owner and its permissions,
 * whole or not at all.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for what is no regular file or has several names
 */
export function replaceFile(path: string, text: string): Promise<void> {
  return writing(path, async () => {
    // Of a link, what it leads to is replaced.
    const target = await realpath(path);
    const before = await versionOf(target);
    if (before === undefined || !before.isFile)
      throw new Error('it is not a regular file, and is left as it is');
    if (before.links > 1) throw new Error('it has several names (hard links), and is left as it is');
    const temporary = temporaryName(target);
    try {
      await writeWhole(temporary, text, before.mode, before);
      await rename(temporary, target);
    } finally {
      await rm(temporary, { force: true });
    }
  });
}

/** The private half of a key is its owner's alone from the first byte on. */
async function writeWhole(path: string, text: string, mode: number, owner?: FileVersion): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | openNoLink;
  let file: FileHandle | undefined;
  try {
    file = await open(path, flags, mode & 0o600);
    await file.writeFile(text);
    const { uid, gid } = await file.stat();
    if (owner !== undefined && (owner.uid !== uid || owner.gid !== gid))
      await file.chown(owner.uid, owner.gid);
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file?.close();
  }
}

async function writing(path: string, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (error) {
    if (error instanceof SshError) throw error;
    throw optionsError(
      `${path} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}

/** What a file is read as; an error of that says which file it is about. */
export function about<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    throw new SshError(error.code, `${path}: ${messageOf(error)}`, {
      phase: 'options',
      origin: 'user',
      cause: error,
    });
  }
}

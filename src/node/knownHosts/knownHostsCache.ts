/**
 * The known_hosts files of this machine, as they are now.
 *
 * Owns: that each version of a file is read and indexed once for the whole
 * process, however many dials and policies look into it, and that neither this
 * nor a look-up holds the event loop.
 * Must not know: what is looked up, why.
 */
import { resolve } from 'node:path';
import { SshError } from '../../base/errors.ts';
import { reasonOf, shortageIn } from '../../base/shortage.ts';
import { KnownHosts } from '../../keys/knownHosts/knownHosts.ts';
import { inSlices } from '../slices.ts';
import { openGently, type ReadFile, readRegularFile, versionOf } from './regularFile.ts';

/** Bytes of a file: some 100,000 hosts with RSA keys. */
export const longestKnownHostsFile: number = 64 * 1024 * 1024;

/** Files that are kept. */
const keptFiles = 128;

/**
 * Milliseconds after its last change in which a file may be changed again
 * without a sign of it: clocks of file systems go by ticks.
 */
const clockTick = 100;

/** What one file holds. */
interface Kept {
  readonly id: string;
  readonly known: Promise<KnownHosts>;
  /** Of a file that may have been changed since without a sign of it: to be compared. */
  readonly bytes: Buffer | undefined;
}

const kept = new Map<string, Kept>();

/** A file and what it holds. */
export interface KnownHostsFile {
  readonly known: KnownHosts;
  /** As `FileVersion.id`; undefined where there is no file. */
  readonly id: string | undefined;
}

/**
 * All the files as one, ready to be asked about a host.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a file that cannot be read
 */
export async function readKnownHosts(
  files: readonly string[],
  host: string,
  port: number,
): Promise<KnownHosts> {
  const all: KnownHosts[] = [];
  // One after the other: an error is always about the first file that has one.
  for (const file of files) all.push((await readKnownHostsFile(file)).known);
  const known = KnownHosts.merge(...all);
  await inSlices(known.searchInSteps(host, port));
  return known;
}

/**
 * One file. One that does not exist holds nothing, and neither does a device:
 * `/dev/null` is named where nothing is to be kept.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a file that cannot be read; its origin is `local` where the process has no
 *   descriptors or memory left for it
 */
export async function readKnownHostsFile(file: string): Promise<KnownHostsFile> {
  try {
    return await read(file);
  } catch (error) {
    if (error instanceof SshError) throw error;
    throw new SshError('ERR_SSH_OPTIONS', `cannot read the known hosts file ${file}${reasonOf(error)}`, {
      phase: 'options',
      origin: shortageIn(error) === undefined ? 'user' : 'local',
      cause: error,
    });
  }
}

const nothing = KnownHosts.parse('');

async function read(file: string): Promise<KnownHostsFile> {
  const path = resolve(file);
  const version = await versionOf(path);
  if (version === undefined) {
    kept.delete(path);
    return { known: nothing, id: undefined };
  }
  const { id, isFile, isFolder, isFifo } = version;
  if (!isFile && !isFolder && !isFifo) return { known: nothing, id };
  const before = kept.get(path);
  if (before?.id === id && before.bytes === undefined) return { known: await before.known, id };
  return readOnce(path, id, file);
}

/** Who asks for a version while it is being read gets what is read. */
const underWay = new Map<string, Promise<KnownHostsFile>>();

function readOnce(path: string, id: string, file: string): Promise<KnownHostsFile> {
  const key = `${id} ${path}`;
  const before = underWay.get(key);
  if (before !== undefined) return before;
  const reading = readNow(path, file).finally(() => underWay.delete(key));
  underWay.set(key, reading);
  return reading;
}

async function readNow(path: string, file: string): Promise<KnownHostsFile> {
  const started = Date.now();
  const now = await readRegularFile(path, openGently, longestKnownHostsFile);
  if (now === undefined) return { known: nothing, id: undefined };
  const { id, isFile, changed } = now.version;
  if (!isFile) return { known: nothing, id };
  const isSettled = Math.abs(started - changed) > clockTick;
  return { known: await keep(path, now, file, isSettled), id };
}

function keep(
  path: string,
  { version: { id }, bytes }: ReadFile,
  file: string,
  isSettled: boolean,
): Promise<KnownHosts> {
  const before = kept.get(path);
  const isSame = before?.id === id && (before.bytes?.equals(bytes) ?? true);
  const known = isSame ? before.known : inSlices(KnownHosts.readInSteps(bytes.toString('latin1'), file));
  kept.delete(path);
  kept.set(path, { id, known, bytes: isSettled ? undefined : bytes });
  for (const oldest of kept.keys()) {
    if (kept.size <= keptFiles) break;
    kept.delete(oldest);
  }
  return known;
}

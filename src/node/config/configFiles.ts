/**
 * Files of a configuration on this machine.
 *
 * Owns: who may own and write one, that only regular files are read and each is
 * bounded, which files a pattern of Include stands for.
 * Must not know: what is in them.
 * Source: ssh_config(5), FILES and Include.
 */
import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeyFileAnswer } from '../../config/platform.ts';
import type { FileAnswer, GlobAnswer } from '../../config/reading/facts.ts';
import { matchesSegment, parsePattern, type Segment } from '../../sftp/files/tree/globPattern.ts';
import { homeFolder } from '../homeFolder.ts';
import { errorCode, type FileVersion, openGently, readRegularFile } from '../knownHosts/regularFile.ts';

/** Names that one pattern may stand for; more are a mistake. */
const mostNames = 4096;
/** Bytes of the file of a key. */
const longestKey = 1024 * 1024;
/** Write permission of the group, and of others. */
const groupWrite = 0o020;
const otherWrite = 0o002;
const emptyFile = '/dev/null';

/** Reads a file of a configuration, which has to be text. */
export async function readConfigFile(
  path: string,
  { isGuarded, maximum }: { readonly isGuarded: boolean; readonly maximum: number },
): Promise<FileAnswer> {
  if (path === emptyFile) return { text: '' };
  try {
    const file = await readRegularFile(path, openGently, maximum);
    if (file === undefined) return { missing: true };
    // Even one that nobody writes to: it says nothing now, and anything later.
    if (file.version.isFifo) return { fault: 'it is a FIFO; a configuration is a regular file' };
    const fault = ownerFault(file.version, isGuarded);
    return fault === undefined ? { text: file.bytes.toString() } : { fault };
  } catch (error) {
    if (errorCode(error) === 'ENOTDIR') return { missing: true };
    return { fault: faultOf(error), cause: error };
  }
}

/** Anybody who can write a configuration can run commands as its user. */
function ownerFault({ mode, uid }: FileVersion, isGuarded: boolean): string | undefined {
  if (process.getuid === undefined) return undefined;
  const octal = mode.toString(8).padStart(4, '0');
  if ((mode & otherWrite) !== 0 || (isGuarded && (mode & groupWrite) !== 0)) {
    return `others may write it (mode ${octal}); chmod go-w takes that away`;
  }
  if (isGuarded && uid !== 0 && uid !== process.getuid()) {
    return 'it belongs neither to this user nor to root';
  }
  return undefined;
}

/** Reads the file of a key, and tells what others may do with it. */
export async function readKeyFile(path: string): Promise<KeyFileAnswer> {
  try {
    const file = await readRegularFile(path, openGently, longestKey);
    if (file === undefined) return { missing: true };
    const { mode, uid } = file.version;
    // As with ssh, who owns the file of another is not judged.
    const isOwn = process.getuid !== undefined && uid === process.getuid();
    const isOpen = isOwn && (mode & 0o077) !== 0;
    return { bytes: file.bytes, othersMode: isOpen ? mode.toString(8).padStart(4, '0') : undefined };
  } catch (error) {
    return errorCode(error) === 'ENOTDIR' ? { missing: true } : { fault: faultOf(error) };
  }
}

const faults: Readonly<Record<string, string>> = {
  EACCES: 'this user may not read it',
  EPERM: 'this user may not read it',
  ELOOP: 'it is a link that leads to itself',
  ENXIO: 'it is a socket, and no file',
  ENAMETOOLONG: 'its path is too long',
};

function faultOf(error: unknown): string {
  return faults[errorCode(error)] ?? (error instanceof Error ? error.message : String(error));
}

// Patterns -------------------------------------------------------------------------------

/** Files that a pattern stands for, in the order of their bytes; none where there are none. */
export async function globFiles(pattern: string): Promise<GlobAnswer> {
  const home = homeFolder();
  const anchored = pattern.replace(/^~(?=\/|$)/, home ?? '~');
  if (!anchored.startsWith('/')) {
    return { fault: home === undefined ? 'this user has no home folder' : `${pattern} leads to no folder` };
  }
  const folders = parsePattern(anchored.replace(/(?<=\/)\*{2,}(?=\/|$)/g, '*'));
  let paths: readonly string[] = ['/'];
  try {
    for (const [index, segment] of folders.entries()) {
      const found: string[] = [];
      for (const folder of paths) {
        found.push(...(await matchesIn(folder, segment, index === folders.length - 1)));
        if (found.length > mostNames) return { fault: `${pattern} stands for more than ${mostNames} files` };
      }
      paths = found;
    }
  } catch (error) {
    return { fault: `${pattern}: ${faultOf(error)}` };
  }
  return { paths: [...paths].sort(byBytes) };
}

async function matchesIn(folder: string, segment: Segment, isLast: boolean): Promise<readonly string[]> {
  if (segment.kind === 'literal') {
    const path = join(folder, segment.name);
    return isLast && !(await isThere(path)) ? [] : [path];
  }
  const entries = await entriesOf(folder);
  return entries
    .filter(({ name }) => matchesSegment(segment, name, false))
    .map(({ name }) => join(folder, name));
}

async function isThere(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch {
    return false;
  }
}

/** A folder that cannot be read has nothing that matches, as for a shell. */
async function entriesOf(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function byBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

/**
 * The command `ls`.
 *
 * Owns: which files are listed, in which order and form, as OpenSSH's sftp does it.
 * Must not know: how lines are read, where output goes.
 */
import { SshError } from '../../../base/errors.ts';
import type { FileStats } from '../../../sftp/files/stats.ts';
import type { Sftp } from '../../../sftp/sftp.ts';
import {
  absolute,
  type ByteText,
  fromBytes,
  fromText,
  joined,
  shown,
  toBytes,
} from '../../files/byteText.ts';
import { expand, type Match } from '../../files/glob/expand.ts';
import { escapePattern, expandBraces } from '../../files/glob/pattern.ts';
import { isAnswer, remoteTree } from '../../files/trees.ts';
import { terminalSize } from '../../terminal/rawTerminal.ts';
import type { ListCommand } from '../line/command.ts';
import type { SftpOutput } from '../output.ts';
import { inColumns } from './columns.ts';
import { longLine, noNames, type OwnerNames } from './longLine.ts';

/** Of an output that is no terminal. */
const usualColumns = 80;

interface Listed {
  readonly name: ByteText;
  readonly stats: FileStats;
  /** The server's own line, where it sent one. */
  readonly longname: ByteText;
}

export class Lister {
  private readonly sftp: Sftp;
  private readonly output: SftpOutput;

  constructor(sftp: Sftp, output: SftpOutput) {
    this.sftp = sftp;
    this.output = output;
  }

  /** @throws SshError what the server answered, or a pattern that nothing matches */
  async list(command: ListCommand, folder: ByteText, signal: AbortSignal): Promise<boolean> {
    const { pattern } = command;
    if (pattern === undefined) return this.folder(folder, folder, command, signal);
    const isRelative = !pattern.startsWith('/');
    const whole = absolute(pattern, escapePattern(folder));
    const found = await this.matches(whole, signal);
    const [only] = found;
    if (only === undefined) {
      throw new SshError('ERR_SSH_SFTP_NO_SUCH_FILE', `nothing matches "${shown(whole)}"`, {
        origin: 'user',
      });
    }
    if (found.length === 1 && only.isFolder) {
      return this.folder(only.path, isRelative ? folder : '', command, signal);
    }
    const listed = found.map(({ path, file }) => ({
      name: isRelative ? relative(path, folder) : path,
      stats: file,
      longname: '',
    }));
    const longest = Math.max(...found.map(({ path }) => path.length));
    return this.print(listed, longest, { ...command, all: true }, signal);
  }

  private async matches(whole: ByteText, signal: AbortSignal): Promise<readonly Match<FileStats>[]> {
    const patterns = expandBraces(whole);
    if (patterns === undefined) {
      throw new SshError('ERR_SSH_LIMIT', 'the braces stand for more patterns than can be meant', {
        origin: 'user',
      });
    }
    const tree = remoteTree(this.sftp, signal);
    const found: Match<FileStats>[] = [];
    for (const pattern of patterns) found.push(...(await expand(tree, pattern)));
    return found;
  }

  private async folder(
    path: ByteText,
    shownFrom: ByteText,
    command: ListCommand,
    signal: AbortSignal,
  ): Promise<boolean> {
    const entries = await this.sftp.readdir(toBytes(path), { withFileTypes: true, signal });
    const seen = shownFrom === '' ? path : relative(joined(path, ''), shownFrom);
    const prefix = seen === '.' ? '' : seen;
    const listed: Listed[] = entries.map((entry) => ({
      name: joined(prefix, fromBytes(entry.nameBytes)),
      stats: entry.stats(),
      longname: fromText(entry.longname),
    }));
    const own = command.all ? await this.dots(path, prefix, signal) : [];
    const visible = listed.filter(
      ({ name }) => command.all || !name.slice(name.lastIndexOf('/') + 1).startsWith('.'),
    );
    const all = [...own, ...visible];
    return this.print(all, Math.max(0, ...all.map(({ name }) => name.length)), command, signal);
  }

  /** `.` and `..`, which the listing leaves out. */
  private async dots(path: ByteText, prefix: ByteText, signal: AbortSignal): Promise<Listed[]> {
    const tree = remoteTree(this.sftp, signal);
    const found: Listed[] = [];
    for (const name of ['.', '..']) {
      const stats = await tree.stat(joined(path, name));
      if (stats !== undefined) found.push({ name: joined(prefix, name), stats, longname: '' });
    }
    return found;
  }

  private async print(
    listed: readonly Listed[],
    longest: number,
    command: ListCommand,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { output } = this;
    const sorted = inOrder(listed, command);
    const entries = () =>
      sorted.map(({ name, stats }) => ({ name: shown(name), attributes: numbersOf(stats) }));
    if (command.form === 'long') {
      const owners = command.numeric ? noNames : await this.owners(sorted, signal);
      const options = { owners: owners ?? noNames, human: command.human, now: Date.now() };
      const lines = sorted.map(({ name, stats, longname }) => {
        // A server that tells no names by number has them in its own line.
        const isTheirs = owners === undefined && !command.human && longname !== '';
        return isTheirs ? shown(longname) : longLine(name, stats.attributes, options);
      });
      await output.entries(lines, entries);
      return true;
    }
    const names = sorted.map(({ name }) => shown(name));
    const width = terminalSize([process.stdout])?.columns ?? usualColumns;
    await output.entries(command.form === 'lines' ? names : inColumns(names, longest, width), entries);
    return true;
  }

  /** Undefined where the server does not tell names by number. */
  private async owners(listed: readonly Listed[], signal: AbortSignal): Promise<OwnerNames | undefined> {
    if (!this.sftp.extensions.has('users-groups-by-id@openssh.com')) return undefined;
    const uids = distinct(listed.map(({ stats }) => stats.attributes.uid));
    const gids = distinct(listed.map(({ stats }) => stats.attributes.gid));
    if (uids.length + gids.length === 0) return noNames;
    try {
      const { users, groups } = await this.sftp.ownerNames(uids, gids, { signal });
      const userOf = new Map(uids.map((uid, index) => [uid, users[index]]));
      const groupOf = new Map(gids.map((gid, index) => [gid, groups[index]]));
      return { user: (uid) => userOf.get(uid), group: (gid) => groupOf.get(gid) };
    } catch (error) {
      if (isAnswer(error)) return noNames;
      throw error;
    }
  }
}

/** More than these would not fit into one request; who is not among them is shown by number. */
const mostOwners = 2_000;

function distinct(ids: readonly (number | undefined)[]): number[] {
  return [...new Set(ids)].filter((id) => id !== undefined).slice(0, mostOwners);
}

/** A path below a folder as it is seen from there. */
function relative(path: ByteText, folder: ByteText): ByteText {
  const prefix = joined(folder, '');
  if (path === prefix) return '.';
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}

function inOrder(listed: readonly Listed[], { order, reverse }: ListCommand): readonly Listed[] {
  if (order === 'none') return listed;
  const sign = reverse ? -1 : 1;
  const byName = (a: Listed, b: Listed): number => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0);
  // The largest and the newest come first.
  const value = ({ stats }: Listed): number => (order === 'size' ? stats.size : stats.mtimeMs) || 0;
  const compare =
    order === 'name' ? byName : (a: Listed, b: Listed): number => value(b) - value(a) || byName(a, b);
  return [...listed].sort((a, b) => sign * compare(a, b));
}

function numbersOf({ attributes }: FileStats): Readonly<Record<string, unknown>> {
  const { size, permissions, uid, gid, atime, mtime } = attributes;
  return { size: size === undefined ? undefined : Number(size), permissions, uid, gid, atime, mtime };
}

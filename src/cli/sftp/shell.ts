/**
 * The state of `deadline-ssh sftp` and what each of its commands does.
 *
 * Owns: the folder of the session; each command carried out, with the meaning that it has in OpenSSH's
 * sftp; what is printed of it.
 * Must not know: where lines come from, how they are read, how a connection came about.
 */
import { mkdir } from 'node:fs/promises';
import { SshError } from '../../base/errors.ts';
import { faultOf } from '../../node/files/localCalls.ts';
import {
  absolute,
  type ByteText,
  fromBytes,
  fromText,
  joined,
  nameInFolder,
  shown,
  toBytes,
  toLocalPath,
} from '../files/byteText.ts';
import { expand, type Match } from '../files/glob/expand.ts';
import { escapePattern, parsePattern } from '../files/glob/pattern.ts';
import type { FileSession } from '../files/session/fileSession.ts';
import type { Transfers, TransferWish } from '../files/transfers.ts';
import { isLocalFolder, isRemoteFolder, localNameOf, localTree, remoteTree } from '../files/trees.ts';
import type { SftpCommand, TransferCommand } from './line/command.ts';
import { commandHelp } from './line/commandTable.ts';
import { filesystemTable } from './listing/filesystem.ts';
import { Lister } from './listing/lister.ts';
import { runLocally } from './localShell.ts';
import type { SftpOutput } from './output.ts';

export interface ShellOptions {
  readonly session: FileSession;
  readonly transfers: Transfers;
  readonly output: SftpOutput;
  /** What is done without is said (`Fetching …`). */
  readonly isChatty: boolean;
  /** The first failure ends it, also among the files of one pattern. */
  readonly isBatch: boolean;
  /** Flags that are given for all transfers. */
  readonly always: Partial<TransferWish>;
  /** Shows how far transfers are, or no more; whether it does now. */
  toggleProgress(): boolean;
}

type RearrangingCommand =
  | Extract<SftpCommand, { verb: 'cp' | 'link' | 'symlink' }>
  | Extract<SftpCommand, { verb: 'rename' }>
  | Extract<SftpCommand, { verb: 'rm' }>
  | Extract<SftpCommand, { verb: 'mkdir' | 'rmdir' }>;

export class SftpShell {
  /** Where the session is on the server. */
  folder: ByteText;
  private readonly start: ByteText;
  private readonly options: ShellOptions;
  private readonly lister: Lister;

  /** @throws SshError a server that does not say where the session begins */
  static async begin(options: ShellOptions, signal: AbortSignal): Promise<SftpShell> {
    const start = await options.session.sftp.realpath('.', { encoding: 'buffer', signal });
    return new SftpShell(options, fromBytes(start));
  }

  private constructor(options: ShellOptions, start: ByteText) {
    this.options = options;
    this.start = start;
    this.folder = start;
    this.lister = new Lister(options.session.sftp, options.output);
  }

  /**
   * Carries a command out. Whether all of it was done; what was not has been said.
   *
   * @throws SshError where nothing more can be done: the connection has ended, or the output cannot be written
   */
  async run(command: Exclude<SftpCommand, { verb: 'quit' }>, signal: AbortSignal): Promise<boolean> {
    try {
      return await this.carryOut(command, signal);
    } catch (error) {
      const { session, output } = this.options;
      if (session.isOver || !isOrdinary(error)) throw error;
      // Where the command was given up, its user knows.
      if (!signal.aborted) output.failed(command.verb, error);
      return false;
    }
  }

  /** Goes to a folder where the path is one. */
  async enter(path: ByteText, signal: AbortSignal): Promise<boolean> {
    const { sftp } = this.options.session;
    const there = await sftp.realpath(toBytes(absolute(path, this.folder)), { encoding: 'buffer', signal });
    const stats = await sftp.stat(there, { signal });
    const found = fromBytes(there);
    if (!stats.isDirectory()) {
      const known = Number.isNaN(stats.mode)
        ? 'the server does not say whether it is a folder'
        : 'it is not a folder';
      return this.refuse('cd', `"${shown(found)}": ${known}`);
    }
    this.folder = found;
    return true;
  }

  isFolder(path: ByteText, signal: AbortSignal): Promise<boolean> {
    return isRemoteFolder(this.options.session.sftp, absolute(path, this.folder), signal);
  }

  private async carryOut(
    command: Exclude<SftpCommand, { verb: 'quit' }>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { output, session } = this.options;
    const { sftp } = session;
    switch (command.verb) {
      case 'nothing':
        return true;
      case 'get':
        return this.get(command, signal);
      case 'put':
        return this.put(command, signal);
      case 'ls':
        return this.lister.list(command, this.folder, signal);
      case 'pwd':
        await output.say(`Remote working directory: ${shown(this.folder)}`, { path: shown(this.folder) });
        return true;
      case 'lpwd': {
        const here = shown(fromText(process.cwd()));
        await output.say(`Local working directory: ${here}`, { path: here });
        return true;
      }
      case 'cd':
        return this.enter(command.path ?? this.start, signal);
      case 'lcd':
        return this.local('lcd', 'go to the folder', localHome(command.path), async (path) => {
          // Node takes no bytes here.
          process.chdir(String(path));
        });
      case 'lmkdir':
        return this.local('lmkdir', 'make the folder', command.path, (path) => mkdir(path as string));
      case 'lls':
        return runLocally(command.rest === '' ? 'ls' : `ls ${command.rest}`, output, signal);
      case 'shell':
        return runLocally(command.rest, output, signal);
      case 'lumask':
        process.umask(command.value & 0o777);
        await output.say(`Local umask: ${command.value.toString(8).padStart(3, '0')}`, {});
        return true;
      case 'progress': {
        const isOn = this.options.toggleProgress();
        await output.say(`Progress meter ${isOn ? 'enabled' : 'disabled'}`, {});
        return true;
      }
      case 'version':
        await output.say(`SFTP protocol version ${sftp.version}`, { version: sftp.version });
        return true;
      case 'help':
        await output.print(commandHelp());
        return true;
      case 'df': {
        const path = absolute(command.path ?? this.folder, this.folder);
        const stats = await sftp.statfs(toBytes(path), { signal });
        const table = command.inodes ? 'inodes' : command.human ? 'human' : 'blocks';
        await output.filesystem(filesystemTable(stats, table), stats);
        return true;
      }
      case 'chmod':
      case 'chown':
      case 'chgrp':
        return this.change(command, signal);
      case 'cp':
      case 'link':
      case 'symlink':
      case 'rename':
      case 'rm':
      case 'mkdir':
      case 'rmdir':
        return this.rearrange(command, signal);
    }
  }

  /** The commands that make, remove and rename. */
  private async rearrange(command: RearrangingCommand, signal: AbortSignal): Promise<boolean> {
    const { sftp } = this.options.session;
    const there = (path: ByteText): Uint8Array => toBytes(absolute(path, this.folder));
    switch (command.verb) {
      case 'rm':
        return this.eachMatch('rm', command.pattern, 'Removing', signal, ({ path }) =>
          sftp.unlink(toBytes(path), { signal }),
        );
      case 'mkdir':
        await sftp.mkdir(there(command.path), { mode: 0o777, signal });
        return true;
      case 'rmdir':
        await sftp.rmdir(there(command.path), { signal });
        return true;
      case 'cp':
        await sftp.copyFile(there(command.from), there(command.to), { signal });
        return true;
      case 'link':
        await sftp.link(there(command.from), there(command.to), { signal });
        return true;
      case 'symlink':
        // What a link leads to is written in it as it was given.
        await sftp.symlink(toBytes(command.from), there(command.to), { signal });
        return true;
      case 'rename':
        await sftp.rename(there(command.from), there(command.to), { replace: !command.plain, signal });
        return true;
    }
  }

  private async change(
    command: Extract<SftpCommand, { verb: 'chmod' | 'chown' | 'chgrp' }>,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { sftp } = this.options.session;
    const { verb, value, pattern, ofLink } = command;
    const what = { chmod: 'mode', chown: 'owner', chgrp: 'group' }[verb];
    return this.eachMatch(verb, pattern, `Changing ${what} on`, signal, async ({ path }) => {
      const bytes = toBytes(path);
      if (verb === 'chmod') {
        await (ofLink ? sftp.lchmod(bytes, value, { signal }) : sftp.chmod(bytes, value, { signal }));
        return;
      }
      // SFTP sets the two together.
      const { uid, gid } = await (ofLink ? sftp.lstat(bytes, { signal }) : sftp.stat(bytes, { signal }));
      if (Number.isNaN(uid) || Number.isNaN(gid)) {
        throw new SshError('ERR_SSH_SFTP_UNSUPPORTED', `the server does not say who owns "${shown(path)}"`, {
          origin: 'peer',
          path: shown(path),
        });
      }
      const owner = verb === 'chown' ? ([value, gid] as const) : ([uid, value] as const);
      await (ofLink ? sftp.lchown(bytes, ...owner, { signal }) : sftp.chown(bytes, ...owner, { signal }));
    });
  }

  /** Does something with each file that a pattern matches, or with the file of that name. */
  private async eachMatch(
    verb: string,
    pattern: ByteText,
    saying: string,
    signal: AbortSignal,
    work: (match: { readonly path: ByteText }) => Promise<void>,
  ): Promise<boolean> {
    const { output, isChatty, isBatch, session } = this.options;
    const whole = this.absolutePattern(pattern);
    const found = await expand(remoteTree(session.sftp, signal), whole);
    // A folder is named without the slash that marks it.
    const paths = found.map(({ path, isFolder }) => (isFolder && path !== '/' ? path.slice(0, -1) : path));
    let isDone = true;
    for (const path of paths.length > 0 ? paths : [parsePattern(whole).literal]) {
      if (signal.aborted) return false;
      if (isChatty) await output.say(`${saying} ${shown(path)}`, undefined);
      try {
        await work({ path });
      } catch (error) {
        if (session.isOver || !isOrdinary(error)) throw error;
        if (!signal.aborted) output.failed(verb, error);
        isDone = false;
        if (isBatch) break;
      }
    }
    return isDone;
  }

  // Transfers ------------------------------------------------------------------------------

  private async get(command: TransferCommand, signal: AbortSignal): Promise<boolean> {
    const { session, transfers } = this.options;
    const { source, target } = command;
    const whole = this.absolutePattern(source);
    const found = await expand(remoteTree(session.sftp, signal), whole);
    if (found.length === 0) {
      const path = shown(parsePattern(whole).literal);
      return this.refuse('get', `there is no file "${path}"`, path);
    }
    const isFolder = target !== undefined && (await isLocalFolder(target));
    if (found.length > 1 && target !== undefined && !isFolder) {
      return this.refuse('get', `several files match, and "${shown(target)}" is not a folder for them`);
    }
    return this.eachTransfer('get', found, command, signal, async (match, wish) => {
      const name = localNameOf(match.path);
      const to = target === undefined ? name : isFolder ? joined(target, name) : target;
      await this.announce(wish.resume ? 'Resuming' : 'Fetching', match.path, to);
      return transfers.get(match.path, to, wish, signal);
    });
  }

  private async put(command: TransferCommand, signal: AbortSignal): Promise<boolean> {
    const { transfers } = this.options;
    const { source } = command;
    const target = command.target === undefined ? undefined : absolute(command.target, this.folder);
    const found = await expand(localTree(), source);
    if (found.length === 0) {
      const path = shown(parsePattern(source).literal);
      return this.refuse('put', `there is no local file "${path}"`, path);
    }
    const isFolder = target !== undefined && (await this.isFolder(target, signal));
    if (found.length > 1 && target !== undefined && !isFolder) {
      return this.refuse('put', `several files match, and "${shown(target)}" is not a folder for them`);
    }
    return this.eachTransfer('put', found, command, signal, async (match, wish) => {
      const name = nameInFolder(match.path);
      const to = target === undefined ? joined(this.folder, name) : isFolder ? joined(target, name) : target;
      await this.announce(wish.resume ? 'Resuming upload of' : 'Uploading', match.path, to);
      return transfers.put(match.path, to, wish, signal);
    });
  }

  /** One after another; where one fails the others go on. */
  private async eachTransfer<File>(
    verb: 'get' | 'put',
    found: readonly Match<File>[],
    command: TransferCommand,
    signal: AbortSignal,
    work: (match: Match<File>, wish: TransferWish) => Promise<boolean>,
  ): Promise<boolean> {
    const { session, output, always } = this.options;
    let isDone = true;
    for (const match of found) {
      if (signal.aborted || session.isOver) return false;
      const wish = wishOf(command, always, match.isFolder);
      try {
        if (!(await work(match, wish))) isDone = false;
      } catch (error) {
        if (session.isOver || !isOrdinary(error)) throw error;
        output.failed(verb, error);
        isDone = false;
      }
    }
    return isDone;
  }

  private async announce(how: string, from: ByteText, to: ByteText): Promise<void> {
    const { output, isChatty } = this.options;
    if (isChatty) await output.say(`${how} ${shown(from)} to ${shown(to)}`, undefined);
  }

  // Helpers ----------------------------------------------------------------------------------

  private absolutePattern(pattern: ByteText): ByteText {
    return absolute(pattern, escapePattern(this.folder));
  }

  private async local(
    verb: string,
    doing: string,
    text: ByteText,
    work: (path: string | Uint8Array) => Promise<unknown>,
  ): Promise<boolean> {
    const path = toLocalPath(text);
    try {
      await work(path);
      return true;
    } catch (error) {
      return this.refuse(verb, faultOf(error, doing, path).message);
    }
  }

  private refuse(verb: string, problem: string, path?: string): boolean {
    this.options.output.failed(verb, new SshError('ERR_SSH_TRANSFER', problem, { origin: 'user', path }));
    return false;
  }
}

/** An error of one command, after which others can be tried. */
function isOrdinary(error: unknown): boolean {
  return error instanceof SshError || (error instanceof Error && 'code' in error && 'syscall' in error);
}

function wishOf(command: TransferCommand, always: Partial<TransferWish>, isFolder: boolean): TransferWish {
  return {
    recursive: isFolder && (command.recursive || always.recursive === true),
    resume: command.resume || always.resume === true,
    preserve: command.preserve || always.preserve === true,
    sync: command.sync || always.sync === true,
    followLinks: false,
    limitRate: always.limitRate,
  };
}

/** `~` and nothing are the user's home here. */
function localHome(path: ByteText | undefined): ByteText {
  const home = fromText(process.env['HOME'] ?? '.');
  if (path === undefined || path === '~') return home;
  return path.startsWith('~/') ? joined(home, path.slice(2)) : path;
}

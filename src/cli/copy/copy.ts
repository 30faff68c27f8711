/**
 * `deadline-ssh cp`: from the arguments to the exit status.
 *
 * Owns: the order of things; which sessions are opened, and that each server is connected to once.
 * Must not know: how files are transferred.
 */
import { spawn } from 'node:child_process';
import { SshError } from '../../base/errors.ts';
import { messageOf } from '../errorWords.ts';
import { brokenPipeStatus, failureStatus } from '../exitStatus.ts';
import { type ByteText, fromText, joined, nameInFolder, shown, toBytes, toText } from '../files/byteText.ts';
import { expand } from '../files/glob/expand.ts';
import { parsePattern } from '../files/glob/pattern.ts';
import { TransferDisplay } from '../files/progress/transferDisplay.ts';
import type { ServerAddress } from '../files/session/connectionWords.ts';
import { type FileSession, openFileSession } from '../files/session/fileSession.ts';
import { Transfers, type TransferWish } from '../files/transfers.ts';
import { isLocalFolder, isRemoteFolder, localNameOf, remoteTree } from '../files/trees.ts';
import { packageVersion } from '../help.ts';
import { Interruption } from '../interruption.ts';
import { Messages } from '../messages.ts';
import { BrokenPipe, OutputFault, streamSink } from '../terminal/pumps.ts';
import { Between } from './between.ts';
import {
  type CopyArguments,
  type CopyCommandLine,
  type CopyPlace,
  copyHelp,
  parseCopyArguments,
  type ServingArguments,
} from './copyArguments.ts';
import { CopyOutput } from './copyOutput.ts';
import { askToCopy, joinServers, receiveFrom, sendTo, serve } from './rcp/legacy.ts';
import { LegacyTally } from './rcp/tally.ts';

/** Something was not copied, or the options make no sense: as scp has it. */
const failed = 1;

/** @returns the exit status */
export async function run(argv: readonly string[]): Promise<number> {
  const messages = new Messages(process.stderr);
  let args: CopyCommandLine;
  try {
    args = parseCopyArguments(argv);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    messages.say(messageOf(error));
    return failed;
  }
  switch (args.mode) {
    case 'help':
    case 'version':
      process.stdout.write(args.mode === 'help' ? copyHelp : `deadline-ssh ${packageVersion()}\n`);
      return 0;
    case 'copy':
      return new CopyProgram(args, messages).run();
    case 'serve':
      return serveCopy(args, messages);
  }
}

async function serveCopy(args: ServingArguments, messages: Messages): Promise<number> {
  const interruption = new Interruption();
  const stopWatching = interruption.watch();
  try {
    return await serve(args, interruption.signal);
  } catch (error) {
    if (interruption.status === undefined) messages.say(messageOf(error));
    return interruption.status ?? failed;
  } finally {
    stopWatching();
  }
}

/** Where the copies go, once that has been looked at. */
interface Target {
  readonly place: CopyPlace;
  readonly isFolder: boolean;
}

class CopyProgram {
  private readonly args: CopyArguments;
  private readonly messages: Messages;
  private readonly interruption = new Interruption();
  private readonly display: TransferDisplay;
  private readonly output: CopyOutput;
  private readonly sessions = new Map<string, Promise<FileSession>>();
  private readonly wish: TransferWish;

  constructor(args: CopyArguments, messages: Messages) {
    const { json, connection, recursive, preserve, limitRate } = args;
    this.args = args;
    this.messages = messages;
    const isShown = !json && !connection.isQuiet && process.stdout.isTTY === true;
    this.display = new TransferDisplay(process.stdout, () => isShown);
    const isTold = args.isVerbose && !isShown;
    this.output = new CopyOutput(streamSink(process.stdout), messages, { json, isTold }, () =>
      this.display.clear(),
    );
    this.wish = { recursive, preserve, limitRate, resume: false, sync: false, followLinks: true };
  }

  async run(): Promise<number> {
    const stopWatching = this.interruption.watch();
    try {
      const status = await this.copyAll();
      this.display.total();
      return this.interruption.status ?? status;
    } catch (error) {
      return this.failed(error);
    } finally {
      await this.closeAll();
      stopWatching();
    }
  }

  private failed(error: unknown): number {
    this.display.clear();
    if (error instanceof BrokenPipe) return brokenPipeStatus;
    const { status } = this.interruption;
    if (status !== undefined) return status;
    if (error instanceof OutputFault) this.messages.say(error.message);
    else this.output.failed(error);
    return failureStatus;
  }

  private async copyAll(): Promise<number> {
    if (this.args.isLegacy) return (await this.copyByOldProtocol()) ? 0 : failed;
    const target = await this.lookAtTarget();
    if (target === undefined) return failed;
    let isDone = true;
    for (const source of this.args.sources) {
      if (this.interruption.status !== undefined) break;
      if (!(await this.attempt(source, target))) isDone = false;
    }
    return isDone ? 0 : failed;
  }

  /** With -O: what is sent goes in one connection, what is brought here in one for each source. */
  private async copyByOldProtocol(): Promise<boolean> {
    const { sources, target } = this.args;
    let isDone = true;
    const onProgress = this.display.begin(shown(sources[0]?.path ?? ''));
    const tally = new LegacyTally(onProgress);
    const report = {
      moved: (path: ByteText, bytes: number, size: number) => tally.moved(path, bytes, size),
      failed: (problem: string) => {
        isDone = this.refuse(problem);
      },
    };
    const { args, messages, interruption } = this;
    const context = { args, messages, interruption, report };
    const here = sources.filter(({ server }) => server === undefined).map(({ path }) => path);
    if (target.server === undefined) {
      if (sources.length > 1 && !(await isLocalFolder(target.path))) {
        return this.refuse(`"${shown(target.path)}" is not a folder for several files`);
      }
      for (const { server, path } of sources) {
        if (server !== undefined) await receiveFrom(server, path, target.path, context);
        else if (!(await this.here(path, target.path))) isDone = false;
      }
    } else {
      if (here.length > 0) await sendTo(target.server, target.path, here, context);
      for (const { server, path } of sources) {
        if (server !== undefined)
          await joinServers({ server, path }, { server: target.server, path: target.path }, context);
      }
    }
    this.display.end(isDone ? tally.result() : undefined);
    return isDone;
  }

  /** Several files go into a folder, which is made on a server where there is none. */
  private async lookAtTarget(): Promise<Target | undefined> {
    const { target, sources, isDirect } = this.args;
    // With -R only the servers of the sources have to reach it, and each scp there looks by itself.
    const isFar = target.server !== undefined && sources.every(({ server }) => server !== undefined);
    if (isDirect && isFar) return { place: target, isFolder: false };
    const isFolder = await this.isFolder(target);
    if (sources.length < 2 || isFolder) return { place: target, isFolder };
    if (target.server === undefined) {
      this.refuse(`"${shown(target.path)}" is not a folder for several files`);
      return undefined;
    }
    const { sftp } = await this.session(target.server);
    try {
      await sftp.mkdir(toBytes(await this.remotePath(target)), { signal: this.interruption.signal });
      return { place: target, isFolder: true };
    } catch (error) {
      if (!(error instanceof SshError) || error.status === undefined) throw error;
      this.output.failed(error);
      return undefined;
    }
  }

  private async isFolder(place: CopyPlace): Promise<boolean> {
    if (place.server === undefined) return isLocalFolder(place.path);
    const { sftp } = await this.session(place.server);
    return isRemoteFolder(sftp, await this.remotePath(place), this.interruption.signal);
  }

  /** One source. What happens to it is said, and the others go on. */
  private async attempt(source: CopyPlace, target: Target): Promise<boolean> {
    try {
      if (source.server === undefined && target.place.server === undefined) {
        return await this.here(source.path, target.place.path);
      }
      if (source.server === undefined) return await this.send(source.path, target);
      return await this.fromServer(source, source.server, target);
    } catch (error) {
      if (!(error instanceof SshError) || this.interruption.status !== undefined) throw error;
      // Only what this one source brought about concerns it alone.
      if (error.status === undefined && error.code !== 'ERR_SSH_TRANSFER') throw error;
      this.output.failed(error);
      return false;
    }
  }

  /** Between two places of this machine the system's own program copies. */
  private here(source: ByteText, target: ByteText): Promise<boolean> {
    const { recursive, preserve } = this.args;
    const flags = [...(recursive ? ['-r'] : []), ...(preserve ? ['-p'] : [])];
    return new Promise((resolve) => {
      const child = spawn('cp', [...flags, '--', toText(source), toText(target)], { stdio: 'inherit' });
      child.once('error', (error) => resolve(this.refuse(`cp cannot be run: ${error.message}`)));
      child.once('close', (code) => resolve(code === 0));
    });
  }

  private async send(source: ByteText, { place, isFolder }: Target): Promise<boolean> {
    const { transfers } = await this.transfersOf(place.server as ServerAddress);
    const path = await this.remotePath(place);
    const to = isFolder ? joined(path, nameInFolder(source)) : path;
    return transfers.put(source, to, this.wish, this.interruption.signal);
  }

  /** What a pattern on a server matches, to here or to another server. */
  private async fromServer(source: CopyPlace, server: ServerAddress, target: Target): Promise<boolean> {
    const { signal } = this.interruption;
    const other = target.place.server;
    if (this.args.isDirect && other !== undefined) {
      let isDone = true;
      const { args, messages, interruption } = this;
      const failed = (problem: string): void => {
        isDone = this.refuse(problem);
      };
      const context = { args, messages, interruption, report: { failed, moved: () => {} } };
      await askToCopy({ server, path: source.path }, { server: other, path: target.place.path }, context);
      return isDone;
    }
    const { transfers, session } = await this.transfersOf(server);
    const pattern = await this.remotePath(source);
    const paths = await pathsOf(session, pattern, signal);
    if (paths.length === 0) {
      const path = shown(parsePattern(pattern).literal);
      return this.refuse(`there is no file "${path}" on ${session.name}`, path);
    }
    const { place } = target;
    if (paths.length > 1 && !target.isFolder) {
      return this.refuse(`several files match, and "${shown(place.path)}" is not a folder for them`);
    }
    let isDone = true;
    for (const path of paths) {
      if (this.interruption.status !== undefined) return false;
      const isCopied =
        place.server === undefined
          ? await transfers.get(
              path,
              target.isFolder ? joined(place.path, localNameOf(path)) : place.path,
              this.wish,
              signal,
            )
          : await this.between(session, path, place, place.server, target.isFolder);
      if (!isCopied) isDone = false;
    }
    return isDone;
  }

  private async between(
    from: FileSession,
    path: ByteText,
    place: CopyPlace,
    server: ServerAddress,
    isFolder: boolean,
  ): Promise<boolean> {
    const to = await this.session(server);
    const base = await this.remotePath(place);
    const target = isFolder ? joined(base, nameInFolder(path)) : base;
    const { recursive, preserve, limitRate } = this.args;
    const startedAt = performance.now();
    const copy = new Between(from.sftp, to.sftp, {
      recursive,
      preserve,
      limitRate,
      signal: this.interruption.signal,
      onProgress: this.display.begin(shown(path)),
      failed: (error) => this.output.failed(error),
    });
    try {
      await copy.copy(path, target);
    } catch (error) {
      this.display.end(undefined);
      throw error;
    }
    const { files, folders, bytes, failed: failedCount } = copy.result;
    const duration = performance.now() - startedAt;
    const counts = { files, folders, links: 0, bytes, duration, skippedCount: 0, failedCount };
    const result = { ...counts, skipped: [], failed: [], warnings: [] };
    this.display.end(failedCount === 0 ? result : undefined);
    if (this.interruption.status !== undefined) return false;
    await this.output.copied(`${from.name}:${shown(path)}`, `${to.name}:${shown(target)}`, result);
    return failedCount === 0;
  }

  // Sessions -------------------------------------------------------------------------------

  private session(server: ServerAddress): Promise<FileSession> {
    const { connection } = this.args;
    const { host, port, username } = server;
    const key = JSON.stringify([host, port, username]);
    const known = this.sessions.get(key);
    if (known !== undefined) return known;
    const opened = openFileSession(connection, server, this.messages, this.interruption);
    this.sessions.set(key, opened);
    return opened;
  }

  private async transfersOf(
    server: ServerAddress,
  ): Promise<{ readonly transfers: Transfers; readonly session: FileSession }> {
    const session = await this.session(server);
    const { output } = this;
    const transfers = new Transfers(session.sftp, this.display, {
      failed: (_direction, error) => {
        // Anybody who gave it up knows.
        if (this.interruption.status === undefined) output.failed(error);
      },
      note: (text) => output.note(text),
      done: (direction, from, to, result) => {
        const there = (path: string): string => `${server.host}:${path}`;
        void (direction === 'get'
          ? output.copied(there(from), to, result)
          : output.copied(from, there(to), result));
      },
    });
    return { transfers, session };
  }

  /** The path of a place as its server takes it: `~` is where a session begins, `~name` the server knows. */
  private async remotePath({ server, path }: CopyPlace): Promise<ByteText> {
    if (path === '' || path === '~') return '.';
    if (path.startsWith('~/')) return path.slice(2).replace(/^\/+/, '') || '.';
    if (!path.startsWith('~')) return path;
    const { sftp } = await this.session(server as ServerAddress);
    if (!sftp.extensions.has('expand-path@openssh.com')) return path;
    return fromText(await sftp.expandPath(toBytes(path)));
  }

  private async closeAll(): Promise<void> {
    const opened = await Promise.allSettled(this.sessions.values());
    await Promise.all(
      opened.map(async (each) => {
        if (each.status === 'fulfilled') await each.value.close().catch(() => {});
      }),
    );
  }

  private refuse(problem: string, path?: string): boolean {
    this.output.failed(new SshError('ERR_SSH_TRANSFER', problem, { origin: 'user', path }));
    return false;
  }
}

/** What a pattern matches; where nothing does, the file of that very name. */
async function pathsOf(
  { sftp }: FileSession,
  pattern: ByteText,
  signal: AbortSignal,
): Promise<readonly ByteText[]> {
  const tree = remoteTree(sftp, signal);
  const found = await expand(tree, pattern);
  if (found.length > 0) return found.map(({ path }) => path);
  const { literal, isMagic } = parsePattern(pattern);
  return isMagic && (await tree.lstat(literal)) !== undefined ? [literal] : [];
}

/**
 * `deadline-ssh sftp`: from the arguments to the exit status.
 *
 * Owns: the order of things; which lines are carried out and which failure ends them; what Ctrl-C gives up.
 * Must not know: how any command is carried out.
 */
import { createReadStream } from 'node:fs';
import type { CompleterResult } from 'node:readline';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { messageOf, systemWords } from '../errorWords.ts';
import { brokenPipeStatus, failureStatus } from '../exitStatus.ts';
import { absolute, type ByteText, escapedButBackslash, joined, shown } from '../files/byteText.ts';
import type { FileTree } from '../files/glob/expand.ts';
import { TransferDisplay } from '../files/progress/transferDisplay.ts';
import { type FileSession, openFileSession } from '../files/session/fileSession.ts';
import { Transfers } from '../files/transfers.ts';
import { localTree, remoteTree } from '../files/trees.ts';
import { packageVersion } from '../help.ts';
import { Interruption } from '../interruption.ts';
import { Messages } from '../messages.ts';
import { jsonLine } from '../remote/jsonReport.ts';
import { BrokenPipe, OutputFault, streamSink } from '../terminal/pumps.ts';
import { completeCommand, completeName, completionAt, folderOfWord, typedText } from './completion.ts';
import { parseLine, type SftpLine } from './line/command.ts';
import { type LineSource, StreamLines } from './lineSource.ts';
import { SftpOutput } from './output.ts';
import { PromptLines } from './promptLines.ts';
import { parseSftpArguments, type SftpArguments, type SftpCommandLine, sftpHelp } from './sftpArguments.ts';
import { SftpShell } from './shell.ts';

/** A batch or a transfer failed, or the options make no sense: as sftp has it. */
const failed = 1;

/** @returns the exit status */
export async function run(argv: readonly string[]): Promise<number> {
  const messages = new Messages(process.stderr);
  let args: SftpCommandLine;
  try {
    args = parseSftpArguments(argv);
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    messages.say(messageOf(error));
    return failed;
  }
  if (args.mode === 'sftp') return new SftpProgram(args, messages).run();
  process.stdout.write(args.mode === 'help' ? sftpHelp : `deadline-ssh ${packageVersion()}\n`);
  return 0;
}

class SftpProgram {
  private readonly args: SftpArguments;
  private readonly messages: Messages;
  private readonly interruption = new Interruption();
  private readonly display: TransferDisplay;
  private readonly output: SftpOutput;
  private readonly isInteractive: boolean;
  private showsProgress: boolean;
  /** What runs, to be given up by Ctrl-C. */
  private current: AbortController | undefined;

  constructor(args: SftpArguments, messages: Messages) {
    const { batch, json, connection } = args;
    this.args = args;
    this.messages = messages;
    this.isInteractive = batch === undefined && process.stdin.isTTY === true && process.stdout.isTTY === true;
    this.showsProgress = batch === undefined && !json && !connection.isQuiet && process.stderr.isTTY === true;
    const terminal = {
      get columns() {
        return process.stderr.columns;
      },
      write: (text: string) => process.stderr.write(text),
    };
    this.display = new TransferDisplay(terminal, () => this.showsProgress);
    this.output = new SftpOutput(streamSink(process.stdout), messages, json, () => this.display.clear());
  }

  async run(): Promise<number> {
    const stopWatching = this.interruption.watch();
    let session: FileSession | undefined;
    try {
      const file = await this.batchFile();
      session = await openFileSession(
        this.args.connection,
        this.args.server,
        this.messages,
        this.interruption,
      );
      return await this.serve(session, file);
    } catch (error) {
      return await this.failed(error);
    } finally {
      await session?.close().catch(() => {});
      stopWatching();
    }
  }

  /** Before anything is connected to: a file that is not there ends it. */
  private async batchFile(): Promise<LineSource | undefined> {
    const { batch } = this.args;
    if (batch === undefined || batch === '-') return undefined;
    const stream = createReadStream(batch);
    await new Promise((resolve, reject) => {
      stream.once('open', resolve);
      stream.once('error', (error) => reject(optionsError(`the batch file ${batch}: ${systemWords(error)}`)));
    });
    return new StreamLines(stream);
  }

  private async serve(session: FileSession, file: LineSource | undefined): Promise<number> {
    const shell = await this.begin(session);
    const { path } = this.args;
    if (path !== undefined) {
      const entered = await this.openPath(shell, path);
      if (entered !== 'entered') return entered;
    }
    const lines = file ?? this.lines(session, shell);
    try {
      return await this.carryOut(session, shell, lines);
    } finally {
      lines.close();
    }
  }

  private async begin(session: FileSession): Promise<SftpShell> {
    const { args, output, display } = this;
    const { batch, isNoisy, connection, json } = args;
    const isChatty = isNoisy || (batch === undefined && !connection.isQuiet);
    if (isChatty && !json) this.messages.block(`Connected to ${escapedButBackslash(session.name)}.`);
    const transfers = new Transfers(session.sftp, display, {
      failed: (direction, error) => {
        // Anybody who gave it up knows.
        if (!this.isGivenUp) output.failed(direction, error);
      },
      note: (text) => output.note(text),
      entering: (direction, folder) => {
        void output.say(`${direction === 'get' ? 'Retrieving' : 'Entering'} ${folder}`, undefined);
      },
      done: (direction, from, to, result) => void output.transferred(direction, from, to, result),
    });
    const { resume, sync, preserve, recursive, limitRate } = args;
    return SftpShell.begin(
      {
        session,
        transfers,
        output,
        isChatty,
        isBatch: batch !== undefined,
        always: { resume, sync, preserve, recursive, limitRate },
        toggleProgress: () => {
          this.showsProgress = !this.showsProgress;
          return this.showsProgress;
        },
      },
      this.interruption.signal,
    );
  }

  private get isGivenUp(): boolean {
    return this.interruption.status !== undefined || this.current?.signal.aborted === true;
  }

  /** A folder is where the session begins; anything else is brought here, and that is all. */
  private async openPath(shell: SftpShell, path: ByteText): Promise<number | 'entered'> {
    const { target, recursive, resume, preserve, sync } = this.args;
    const { signal } = this.interruption;
    if (target === undefined && (await shell.isFolder(path, signal))) {
      return (await shell.enter(path, signal)) ? 'entered' : failed;
    }
    const get = { verb: 'get', source: path, target, recursive, resume, preserve, sync } as const;
    const isDone = await shell.run(get, signal);
    return this.interruption.status ?? (isDone ? 0 : failed);
  }

  private lines(session: FileSession, shell: SftpShell): LineSource {
    if (!this.isInteractive) return new StreamLines(process.stdin);
    return new PromptLines('sftp> ', (line) => complete(line, session, shell));
  }

  private async carryOut(session: FileSession, shell: SftpShell, lines: LineSource): Promise<number> {
    const { interruption } = this;
    const release = this.isInteractive ? this.takeCtrlC() : () => {};
    try {
      for (;;) {
        const text = await this.nextLine(session, lines);
        if (interruption.status !== undefined) return interruption.status;
        if (text === undefined) return session.isOver ? this.ended(session) : 0;
        const line = parseLine(text);
        const isDone = await this.carryOutLine(shell, text, line);
        if (interruption.status !== undefined) return interruption.status;
        if (line.command.verb === 'quit') return 0;
        if (session.isOver) return await this.ended(session);
        if (!isDone && this.args.batch !== undefined && !line.ignoresFailure) return failed;
      }
    } finally {
      release();
    }
  }

  /** The next line; undefined at their end, at the end of the session, and where the program is to end. */
  private async nextLine(session: FileSession, lines: LineSource): Promise<ByteText | undefined> {
    const { signal } = this.interruption;
    let stop: () => void = () => {};
    const stopped = new Promise<undefined>((resolve) => {
      stop = () => resolve(undefined);
      signal.addEventListener('abort', stop, { once: true });
      if (signal.aborted) resolve(undefined);
    });
    try {
      return await Promise.race([lines.next(), session.ended.then(() => undefined), stopped]);
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  private async carryOutLine(shell: SftpShell, text: ByteText, line: SftpLine): Promise<boolean> {
    const { output } = this;
    const { command, isQuiet } = line;
    if (!this.isInteractive && !isQuiet) await output.print(`sftp> ${shown(text)}\n`);
    if (command.verb === 'quit') return true;
    if (command.verb === 'invalid') {
      output.failed('sftp', new SshError('ERR_SSH_OPTIONS', command.problem, { origin: 'user' }));
      return false;
    }
    const controller = new AbortController();
    this.current = controller;
    try {
      return await shell.run(command, AbortSignal.any([controller.signal, this.interruption.signal]));
    } finally {
      this.current = undefined;
    }
  }

  /** At a prompt Ctrl-C gives up the command, and not the program. */
  private takeCtrlC(): () => void {
    const giveUp = (): void => {
      this.display.clear();
      process.stderr.write('\n');
      this.current?.abort(
        new SshError('ERR_SSH_ABORTED', 'given up by Ctrl-C', { phase: 'connection', origin: 'user' }),
      );
    };
    return this.interruption.insteadOf('SIGINT', giveUp);
  }

  private async ended(session: FileSession): Promise<number> {
    return this.failed(await session.ended);
  }

  private async failed(error: unknown): Promise<number> {
    const { interruption, messages, args } = this;
    this.display.clear();
    if (error instanceof BrokenPipe) return brokenPipeStatus;
    if (interruption.status !== undefined) return interruption.status;
    if (error instanceof OutputFault || !args.json) messages.say(messageOf(error));
    else {
      const code = error instanceof SshError ? error.code : 'ERR_SSH_INTERNAL';
      process.stdout.write(
        `${jsonLine({ error: { command: 'connect', code, message: messageOf(error) } })}\n`,
      );
    }
    return failureStatus;
  }
}

async function complete(line: ByteText, session: FileSession, shell: SftpShell): Promise<CompleterResult> {
  const found = completionAt(line);
  if (found === undefined) return [[], ''];
  const typed = typedText(found);
  if (found.kind === 'command') return [completeCommand(found.word), typed];
  const { folder } = folderOfWord(found.word);
  if (found.kind === 'local') {
    const tree = localTree();
    return [completeName(found, await candidates(tree, folder === '' ? '.' : folder)), typed];
  }
  const tree = remoteTree(session.sftp);
  return [completeName(found, await candidates(tree, absolute(folder, shell.folder) || '.')), typed];
}

/** Names that are looked at, to see which are folders. */
const mostLookedAt = 500;

async function candidates<File>(
  tree: FileTree<File>,
  folder: ByteText,
): Promise<{ name: ByteText; isFolder: boolean }[]> {
  const entries = await tree.list(folder);
  return Promise.all(
    entries.map(async ({ name, file }) => {
      const isKnown = file !== undefined && tree.kindOf(file) !== 'link';
      const isLooked = !isKnown && entries.length <= mostLookedAt;
      const stats = isLooked ? await tree.stat(joined(folder, name)) : file;
      return { name, isFolder: stats !== undefined && tree.kindOf(stats) === 'folder' };
    }),
  );
}

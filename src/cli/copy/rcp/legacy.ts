/**
 * Copies by the old protocol of scp (-O), and the far end of such a copy (-f, -t).
 *
 * Owns: the program that is run on a server and the streams of it.
 * Must not know: the lines of the protocol.
 */
import { spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { SshError } from '../../../base/errors.ts';
import { optionsError } from '../../../base/optionChecks.ts';
import { defaultTimeouts } from '../../../base/timeouts.ts';
import { type ByteText, lastName, toText } from '../../files/byteText.ts';
import { expandBraces, matches, parsePattern } from '../../files/glob/pattern.ts';
import {
  type ConnectionSettings,
  type ServerAddress,
  sshCommand,
} from '../../files/session/connectionWords.ts';
import { connectTo } from '../../files/session/ownConnection.ts';
import type { Interruption } from '../../interruption.ts';
import type { Messages } from '../../messages.ts';
import type { CopyArguments, ServingArguments } from '../copyArguments.ts';
import { RcpPipe } from './pipe.ts';
import { RcpSink } from './sink.ts';
import { RcpSource } from './source.ts';

/** The streams of a program on a server. */
interface RemoteProgram {
  readonly input: Readable;
  readonly output: Writable;
  /** Resolves when it has ended: whether well. */
  readonly ended: Promise<boolean>;
  close(): Promise<void>;
}

/** Told what becomes of the copies. */
export interface LegacyReport {
  failed(problem: string): void;
  moved(path: ByteText, bytes: number, size: number): void;
}

export interface LegacyContext {
  readonly args: CopyArguments;
  readonly messages: Messages;
  readonly interruption: Interruption;
  readonly report: LegacyReport;
}

/** Sends files to a server. @throws SshError what keeps all of them from going */
export async function sendTo(
  server: ServerAddress,
  target: ByteText,
  sources: readonly ByteText[],
  context: LegacyContext,
): Promise<void> {
  const { args, report } = context;
  const { recursive, preserve, limitRate } = args;
  const flags = sources.length > 1 ? ['-d'] : [];
  await withProgram(server, ['-t', ...flags], target, context, async (pipe) => {
    const source = new RcpSource(pipe, {
      recursive,
      preserve,
      limitRate,
      failed: report.failed,
      moved: report.moved,
    });
    await source.send(sources);
  });
}

/** Brings what a path on a server stands for here. Throws as `sendTo`. */
export async function receiveFrom(
  server: ServerAddress,
  source: ByteText,
  target: ByteText,
  context: LegacyContext,
): Promise<void> {
  const { args, report } = context;
  const { recursive, preserve, limitRate, trustsNames, sources } = args;
  await withProgram(server, ['-f'], source, context, async (pipe) => {
    const sink = new RcpSink(pipe, {
      recursive,
      preserve,
      limitRate,
      mustBeFolder: sources.length > 1,
      isWanted: trustsNames ? () => true : wantedBy(source),
      failed: report.failed,
      moved: report.moved,
      done: () => {},
    });
    await sink.receive(target);
  });
}

/** From one server to another: what each says goes to the other as it is. Throws as `sendTo`. */
export async function joinServers(
  source: { readonly server: ServerAddress; readonly path: ByteText },
  target: { readonly server: ServerAddress; readonly path: ByteText },
  context: LegacyContext,
): Promise<void> {
  const flags = context.args.sources.length > 1 ? ['-d'] : [];
  const from = await start(source.server, commandFor(['-f'], source.path, context), context);
  try {
    const to = await start(target.server, commandFor(['-t', ...flags], target.path, context), context);
    try {
      for (const stream of [from.output, to.output]) stream.on('error', () => {});
      from.input.pipe(to.output);
      to.input.pipe(from.output);
      const ends = [
        { name: source.server.host, ended: from.ended },
        { name: target.server.host, ended: to.ended },
      ];
      for (const { name, ended } of ends) {
        if (!(await ended)) context.report.failed(`scp on ${name} ended with an error`);
      }
    } finally {
      await to.close();
    }
  } finally {
    await from.close();
  }
}

/** Has one server copy to another by a scp of its own (-R); its words are its user's to read. Throws as `sendTo`. */
export async function askToCopy(
  source: { readonly server: ServerAddress; readonly path: ByteText },
  target: { readonly server: ServerAddress; readonly path: ByteText },
  context: LegacyContext,
): Promise<void> {
  const { host, username, port } = target.server;
  const account = username === undefined ? host : `${username}@${host}`;
  const flags = port === undefined ? [] : ['-P', String(port)];
  // The shell of the first server reads its own path, wildcards and all, and is told the other one word for word.
  const to = shellQuoted(`${account}:${toText(target.path)}`);
  const command = `${commandFor(flags, source.path, context)} ${to}`;
  const program = await start(source.server, command, context);
  try {
    program.output.end();
    program.input.pipe(process.stdout, { end: false });
    if (!(await program.ended)) context.report.failed(`scp on ${source.server.host} ended with an error`);
  } finally {
    await program.close();
  }
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** The far end of a copy: its streams are those of this process. @returns the exit status */
export async function serve(args: ServingArguments, signal: AbortSignal): Promise<number> {
  let status = 0;
  const failed = (): void => {
    status = 1;
  };
  const { stdin: input, stdout: output } = process;
  // Anybody who is at the other end has the time it wants.
  const timeout = Number.POSITIVE_INFINITY;
  const pipe = new RcpPipe({ input, output, timeout, host: 'the other side', signal });
  const { recursive, preserve, mustBeFolder, paths, direction } = args;
  const common = { recursive, preserve, limitRate: undefined, failed, moved: () => {} };
  if (direction === 'from') await new RcpSource(pipe, common).send(paths);
  else {
    const [target] = paths;
    if (target === undefined || paths.length > 1) throw optionsError('-t takes one path');
    await new RcpSink(pipe, { ...common, mustBeFolder, isWanted: () => true, done: () => {} }).receive(
      target,
    );
  }
  return status;
}

/** The names that a path with wildcards stands for: a server sends no others unless it is told to. */
function wantedBy(source: ByteText): (name: ByteText) => boolean {
  const patterns = (expandBraces(source) ?? []).map((each) => parsePattern(each).names.at(-1)?.name);
  const last = lastName(source);
  // What the path of a folder where one is stands for, only the server knows.
  const isOpen = ['.', '..', '/', '~'].includes(last);
  return (name) =>
    isOpen || name === last || patterns.some((each) => each !== undefined && matches(each, name));
}

/** The scp of a server, with the flags of this one. */
function commandFor(flags: readonly string[], path: ByteText, { args }: LegacyContext): string {
  const words = [
    'scp',
    ...(args.isVerbose ? ['-v'] : []),
    ...(args.recursive ? ['-r'] : []),
    ...(args.preserve ? ['-p'] : []),
    ...flags,
  ];
  const named = path === '' ? '.' : toText(path);
  // A path that begins with a dash is no option; the shell of the server reads the path, as with scp.
  return [...words, named.startsWith('-') ? `./${named}` : named].join(' ');
}

async function withProgram(
  server: ServerAddress,
  flags: readonly string[],
  path: ByteText,
  context: LegacyContext,
  work: (pipe: RcpPipe) => Promise<void>,
): Promise<void> {
  const { interruption } = context;
  const program = await start(server, commandFor(flags, path, context), context);
  const { host } = server;
  const { input, output } = program;
  const { signal } = interruption;
  const pipe = new RcpPipe({ input, output, timeout: defaultTimeouts.request, host, signal });
  try {
    await work(pipe);
    pipe.end();
    if (!(await program.ended)) context.report.failed(`scp on ${host} ended with an error`);
  } finally {
    await program.close();
  }
}

async function start(server: ServerAddress, command: string, context: LegacyContext): Promise<RemoteProgram> {
  const { args, messages, interruption } = context;
  const { connection } = args;
  if (connection.program !== undefined) return run(connection.program, connection, server, command);
  const client = await connectTo(connection, server, messages, interruption);
  try {
    const remote = await client.exec(command, { signal: interruption.signal });
    remote.stderr.pipe(process.stderr, { end: false });
    return {
      input: remote.stdout,
      output: remote.stdin,
      ended: remote.exit.then(({ code }) => code === 0),
      close: () => client.close(),
    };
  } catch (error) {
    await client.close();
    throw error;
  }
}

function run(
  program: string,
  connection: ConnectionSettings,
  server: ServerAddress,
  command: string,
): RemoteProgram {
  const [file = '', ...argv] = sshCommand(program, connection, server, command);
  const child = spawn(file, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<boolean>((resolve, reject) => {
    child.once('error', (error) => {
      const message = `${file} cannot be run: ${error.message}`;
      reject(new SshError('ERR_SSH_CONNECT', message, { phase: 'connect', origin: 'local', cause: error }));
    });
    // Its streams may have something left that nobody reads.
    child.once('exit', (code) => resolve(code === 0));
  });
  ended.catch(() => {});
  return {
    input: child.stdout,
    output: child.stdin,
    ended,
    close: async () => {
      child.stdin.end();
      child.stdout.destroy();
      const timer = setTimeout(() => void child.kill(), defaultTimeouts.close);
      await ended.catch(() => {});
      clearTimeout(timer);
    },
  };
}

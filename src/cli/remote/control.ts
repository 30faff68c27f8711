/**
 * A socket on which a program is asked and told things, and lends its connection.
 *
 * Owns: both sides of it: a request and an answer, a line of JSON each, within a
 * bound and a deadline; behind the answer to a request for a session come its
 * streams. It is not the socket of OpenSSH's ControlMaster, which passes descriptors.
 * Must not know: connections, what ends with the program, how a forward is made.
 */
import { createConnection, createServer, type Socket } from 'node:net';
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import {
  type ControlAnswer,
  type ControlRequest,
  parseAnswer,
  parseRequest,
  type SessionRequest,
} from './controlMessages.ts';
import { lendProcess, type SessionProcess, SharedProcess } from './shared/sharedProcess.ts';
import { checkSocketPath, isForeignSocket, isOwnSocket, listenAt } from './shared/socketFile.ts';

/** Bytes of a request or an answer; a session has its environment with it. */
const longestLine = 262_144;
/** Milliseconds for a whole request, and for its answer, which may have to wait for the server. */
const requestTimeout = 10_000;
const answerTimeout = 40_000;
const foreign = 'it is not a socket of this program, and perhaps one of OpenSSH';
/** Requests and answers are objects. */
const brace = '{'.charCodeAt(0);
/** Programs that have not said yet what they want. */
const mostWaiting = 32;
/** Characters of what another program says that are shown. */
const longestShown = 2_000;

/** What the program does that listens. */
export interface Controlled {
  /** The connection and the program end. */
  exit(): void;
  /** It listens no longer: it ends once nothing runs over its connection. */
  stopped(): void;
  /** @throws what the asking program is told @returns the port of a forward whose port was to be chosen */
  change(request: Extract<ControlRequest, { command: 'forward' | 'cancel' }>): Promise<number | undefined>;
  /** Starts a session for another program. @throws what that program is told */
  start(request: SessionRequest): Promise<StartedSession>;
}

export interface StartedSession {
  readonly process: SessionProcess;
  /** Why forwards do not stand. */
  readonly faults: readonly string[];
  /** Told once it is over for the program that asked for it. */
  readonly over: () => void;
}

/**
 * Listens; the returned function stops that.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where the socket cannot be made: another program is there, or a file of another kind
 */
export async function listenForControl(path: string, controlled: Controlled): Promise<() => void> {
  const waiting = new Set<Socket>();
  let stop = (): void => {};
  const server = createServer((socket) => {
    waiting.add(socket);
    // Who has said nothing for longest makes room, so that one who floods keeps nobody out.
    const [first] = waiting;
    if (waiting.size > mostWaiting) first?.destroy();
    const line = lineOf(socket, requestTimeout).finally(() => waiting.delete(socket));
    serve(socket, line, controlled, () => stop()).catch(() => socket.destroy());
  });
  stop = await listenAt(server, path).catch((error: unknown) => {
    if (error instanceof SshError) throw error;
    throw optionsError(`the control socket ${path} cannot be made: ${reasonOf(error)}`);
  });
  server.unref();
  return stop;
}

async function serve(
  socket: Socket,
  line: Promise<string>,
  controlled: Controlled,
  stopListening: () => void,
): Promise<void> {
  const request = parseRequest(await line);
  if (request === undefined) return void socket.destroy();
  const pid = process.pid;
  if (request.command === 'session') return await lend(socket, controlled, request);
  const answer: ControlAnswer =
    request.command === 'forward' || request.command === 'cancel'
      ? await controlled.change(request).then(
          (port) => (port === undefined ? { pid } : { pid, port }),
          (error: unknown) => ({ pid, error: reasonOf(error) }),
        )
      : { pid };
  socket.resume().end(`${JSON.stringify(answer)}\n`);
  if (request.command === 'exit') controlled.exit();
  if (request.command === 'exit' || request.command === 'stop') stopListening();
  if (request.command === 'stop') controlled.stopped();
}

async function lend(socket: Socket, controlled: Controlled, request: SessionRequest): Promise<void> {
  const say = (answer: ControlAnswer): string => `${JSON.stringify(answer)}\n`;
  const { pid } = process;
  let started: StartedSession;
  try {
    started = await controlled.start(request);
  } catch (error) {
    return void socket.resume().end(say({ pid, error: reasonOf(error) }));
  }
  const { process: lent, faults, over } = started;
  try {
    socket.write(say({ pid, refused: lent.refused, faults }));
    await lendProcess(socket, lent);
  } finally {
    over();
  }
}

/**
 * Tells the program that listens.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where nobody listens or does not answer, and what that program says went wrong
 */
export async function sendControl(path: string, request: ControlRequest): Promise<ControlAnswer> {
  checkSocketPath(path);
  if (await isForeignSocket(path)) throw optionsError(`the control socket ${path} is not yours`);
  const socket = createConnection(path);
  try {
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    const answer = parseAnswer(await lineOf(socket, answerTimeout));
    if (answer === undefined) throw new Error(foreign);
    if (answer.error === undefined) return answer;
    throw optionsError(escapeText(answer.error, longestShown));
  } catch (error) {
    if (error instanceof SshError) throw error;
    throw optionsError(`the control socket ${path} gives no answer: ${reasonOf(error)}`);
  } finally {
    socket.destroy();
  }
}

/** A connection to the program that listens there; undefined where none does, or the socket is not this user's. */
export async function reachControl(path: string): Promise<Socket | undefined> {
  if (!(await isOwnSocket(path))) return undefined;
  const socket = createConnection(path);
  return await new Promise((resolve) => {
    socket.once('connect', () => resolve(socket));
    // It stays: a socket that breaks before anybody uses it ends no program.
    socket.on('error', () => resolve(undefined));
  });
}

/**
 * A session over the connection of the program at the other end.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where it does not answer, and what it says went wrong
 */
export async function borrowSession(
  socket: Socket,
  request: SessionRequest,
): Promise<{ readonly process: SharedProcess; readonly faults: readonly string[] }> {
  try {
    socket.write(`${JSON.stringify(request)}\n`);
    const answer = parseAnswer(await lineOf(socket, answerTimeout));
    if (answer === undefined) throw new Error(foreign);
    if (answer.error !== undefined) throw new Error(escapeText(answer.error, longestShown));
    return {
      process: new SharedProcess(socket, answer.refused ?? []),
      faults: (answer.faults ?? []).map((fault) => escapeText(fault, longestShown)),
    };
  } catch (error) {
    socket.destroy();
    throw optionsError(`the connection is not shared: ${reasonOf(error)}`);
  }
}

/** The first line that comes; the bytes behind it stay on the socket, which is paused. @throws Error where none comes in time, or it is too long */
function lineOf(socket: Socket, timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    // Not the time without a byte, which a byte now and then would put off.
    const timer = setTimeout(() => fail(new Error(`nothing came for ${timeout / 1_000} s`)), timeout);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    const closed = (): void => fail(new Error('it ended'));
    let held: Buffer = Buffer.alloc(0);
    const take = (bytes: Buffer): void => {
      held = Buffer.concat([held, bytes]);
      // An ssh says something else, and waits for an answer; both sides need not wait for a line.
      if (held[0] !== brace) return fail(new Error(foreign));
      const end = held.indexOf('\n');
      if ((end < 0 ? held.length : end) > longestLine) return fail(new Error('it says too much'));
      if (end < 0) return;
      clearTimeout(timer);
      socket.off('data', take).off('close', closed);
      socket.pause();
      if (end + 1 < held.length) socket.unshift(held.subarray(end + 1));
      resolve(held.toString('utf8', 0, end));
    };
    socket.on('error', fail);
    socket.once('close', closed);
    socket.on('data', take);
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

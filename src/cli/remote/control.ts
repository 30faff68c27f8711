/**
 * A socket on which a program is asked and told things, and lends its connection.
 *
 * Owns: both sides of it: a request and an answer, a line of JSON each, within a
 * bound and a deadline; behind the answer to a request for a session come its
 * streams. It is not the socket of OpenSSH's ControlMaster, which passes descriptors.
 * Must not know: connections, what ends with the program, how a forward is made.
 */
import { lstat, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import { errorCode } from '../../node/knownHosts/regularFile.ts';
import {
  type ControlAnswer,
  type ControlRequest,
  parseAnswer,
  parseRequest,
  type SessionRequest,
} from './controlMessages.ts';
import { lendProcess, type SessionProcess, SharedProcess } from './shared/sharedProcess.ts';

/** Bytes of a request or an answer; a session has its environment with it. */
const longestLine = 262_144;
/** Milliseconds for a whole request, and for its answer, which may have to wait for the server. */
const requestTimeout = 10_000;
const answerTimeout = 40_000;
const foreign = 'it is no socket of this program, and perhaps one of OpenSSH';
/** Requests and answers are objects. */
const brace = '{'.charCodeAt(0);
/** Requests at once. */
const mostAtOnce = 32;

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
  await removeStale(path);
  const server = createServer((socket) => {
    serve(socket, controlled, () => stop(server)).catch(() => socket.destroy());
  });
  server.maxConnections = mostAtOnce;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    // Only the user may tell this program anything, from the first moment on. It is made within the call.
    const mask = process.umask(0o177);
    try {
      server.listen(path, resolve);
    } finally {
      process.umask(mask);
    }
  }).catch((error: unknown) => {
    throw optionsError(`the control socket ${path} cannot be made: ${reasonOf(error)}`);
  });
  server.unref();
  return () => stop(server);
}

function stop(server: Server): void {
  // Node removes the socket with it.
  server.close();
}

async function serve(socket: Socket, controlled: Controlled, stopListening: () => void): Promise<void> {
  const request = parseRequest(await lineOf(socket, requestTimeout));
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

/** A socket of this user at which nobody listens was left by a program that was killed. Nothing else is removed. */
async function removeStale(path: string): Promise<void> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats === undefined || !stats.isSocket() || stats.uid !== process.getuid?.()) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = createConnection(path);
    const end = (alive: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(alive);
    };
    const timer = setTimeout(() => end(true), requestTimeout);
    socket.once('connect', () => end(true));
    socket.once('error', (error) => end(errorCode(error) !== 'ECONNREFUSED'));
  });
  if (isAlive) throw optionsError(`the control socket ${path} is in use by another program`);
  await rm(path, { force: true });
}

/**
 * Tells the program that listens.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where nobody listens or does not answer, and what that program says went wrong
 */
export async function sendControl(path: string, request: ControlRequest): Promise<ControlAnswer> {
  const socket = createConnection(path);
  try {
    socket.once('connect', () => socket.write(`${JSON.stringify(request)}\n`));
    const answer = parseAnswer(await lineOf(socket, answerTimeout));
    if (answer === undefined) throw new Error(foreign);
    if (answer.error === undefined) return answer;
    throw optionsError(answer.error);
  } catch (error) {
    if (error instanceof SshError) throw error;
    throw optionsError(`the control socket ${path} gives no answer: ${reasonOf(error)}`);
  } finally {
    socket.destroy();
  }
}

/** A connection to the program that listens there; undefined where none does, or the socket is not this user's. */
export async function reachControl(path: string): Promise<Socket | undefined> {
  const stats = await lstat(path).catch(() => undefined);
  // The program that listens sees what is typed, and says what is shown.
  if (stats === undefined || !stats.isSocket() || stats.uid !== process.getuid?.()) return undefined;
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
    if (answer.error !== undefined) throw new Error(answer.error);
    return { process: new SharedProcess(socket, answer.refused ?? []), faults: answer.faults ?? [] };
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

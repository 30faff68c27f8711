/**
 * A socket on which a program in the background is asked and told things.
 *
 * Owns: both sides of it: a request and an answer, a line of JSON each, within a
 * bound and a deadline. It is not the socket of OpenSSH's ControlMaster: no session
 * goes through it, since that would take the passing of descriptors.
 * Must not know: connections, what ends with the program, how a forward is made.
 */
import { lstat, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import { errorCode } from '../../node/knownHosts/regularFile.ts';
import { type ControlAnswer, type ControlRequest, parseAnswer, parseRequest } from './controlMessages.ts';

/** Bytes of a request or an answer. */
const longestLine = 8_192;
/** Milliseconds for a whole request, and for its answer, which may have to wait for the server. */
const requestTimeout = 10_000;
const answerTimeout = 40_000;
/** Requests at once. */
const mostAtOnce = 32;

/** What the program does that listens. */
export interface Controlled {
  /** The connection and the program end. */
  exit(): void;
  /** @throws what the asking program is told @returns the port of a forward whose port was to be chosen */
  change(request: Extract<ControlRequest, { command: 'forward' | 'cancel' }>): Promise<number | undefined>;
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
  const answer: ControlAnswer =
    request.command === 'forward' || request.command === 'cancel'
      ? await controlled.change(request).then(
          (port) => (port === undefined ? { pid } : { pid, port }),
          (error: unknown) => ({ pid, error: reasonOf(error) }),
        )
      : { pid };
  socket.end(`${JSON.stringify(answer)}\n`);
  if (request.command === 'exit') controlled.exit();
  if (request.command === 'exit' || request.command === 'stop') stopListening();
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
    if (answer === undefined) throw new Error('it is no socket of this program, and perhaps one of OpenSSH');
    if (answer.error === undefined) return answer;
    throw optionsError(answer.error);
  } catch (error) {
    if (error instanceof SshError) throw error;
    throw optionsError(`the control socket ${path} gives no answer: ${reasonOf(error)}`);
  } finally {
    socket.destroy();
  }
}

/** The first line that comes. @throws Error where none comes in time, or it is too long */
function lineOf(socket: Socket, timeout: number): Promise<string> {
  return new Promise((resolve, reject) => {
    // Not the time without a byte, which a byte now and then would put off.
    const timer = setTimeout(() => fail(new Error(`nothing came for ${timeout / 1_000} s`)), timeout);
    const fail = (error: Error): void => {
      clearTimeout(timer);
      reject(error);
    };
    let line = '';
    socket.on('error', fail);
    socket.once('close', () => fail(new Error('it ended')));
    socket.setEncoding('utf8').on('data', (text: string) => {
      line += text;
      if (line.length > longestLine) return fail(new Error('it says too much'));
      const end = line.indexOf('\n');
      if (end < 0) return;
      clearTimeout(timer);
      resolve(line.slice(0, end));
    });
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

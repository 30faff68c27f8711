/**
 * A socket on which a program in the background is told to end.
 *
 * Owns: both sides of it: `check`, `exit` and `stop`, a word and an answer. It is
 * not the socket of OpenSSH's ControlMaster: no session goes through it, since
 * that would take the passing of descriptors.
 * Must not know: connections, what ends with the program.
 */
import { lstat, rm } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import { errorCode } from '../../node/knownHosts/regularFile.ts';
import type { controlCommands } from './arguments.ts';

export type ControlCommand = (typeof controlCommands)[number];

/** Of a word or an answer. */
const longestLine = 64;
/** Milliseconds for an answer. */
const answerTimeout = 10_000;

/** Listens; the returned function stops that. */
export async function listenForControl(path: string, exit: () => void): Promise<() => void> {
  await removeStale(path);
  const server = createServer((socket) => serve(socket, exit, () => stop(server)));
  // Only the user may tell this program anything, from the first moment on.
  const mask = process.umask(0o177);
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
  } catch (error) {
    throw optionsError(`the control socket ${path} cannot be made: ${reasonOf(error)}`);
  } finally {
    process.umask(mask);
  }
  server.unref();
  return () => stop(server);
}

function stop(server: Server): void {
  // Node removes the socket with it.
  server.close();
}

function serve(socket: Socket, exit: () => void, stopListening: () => void): void {
  let word = '';
  socket.setTimeout(answerTimeout, () => socket.destroy());
  socket.on('error', () => {});
  socket.setEncoding('utf8').on('data', (text: string) => {
    word += text;
    if (word.length > longestLine) socket.destroy();
    if (!word.endsWith('\n')) return;
    const command = word.trim();
    word = '';
    socket.end(`${process.pid}\n`);
    if (command === 'exit') exit();
    if (command === 'exit' || command === 'stop') stopListening();
  });
}

/** A socket that nobody listens at was left by a program that was killed. */
async function removeStale(path: string): Promise<void> {
  const isSocket = await lstat(path).then(
    (stats) => stats.isSocket(),
    () => false,
  );
  if (!isSocket) return;
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = createConnection(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error) => resolve(errorCode(error) !== 'ECONNREFUSED'));
  });
  if (isAlive) throw optionsError(`the control socket ${path} is in use by another program`);
  await rm(path, { force: true });
}

/**
 * Tells the program that listens.
 *
 * @returns its process id
 * @throws SshError `ERR_SSH_OPTIONS` where nobody listens, or does not answer
 */
export function sendControl(path: string, command: ControlCommand): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createConnection(path);
    const fail = (why: string): void => {
      socket.destroy();
      reject(optionsError(`the control socket ${path} gives no answer: ${why}`));
    };
    let answer = '';
    socket.setTimeout(answerTimeout, () => fail(`nothing came for ${answerTimeout / 1_000} s`));
    socket.once('error', (error) => fail(reasonOf(error)));
    socket.once('connect', () => socket.write(`${command}\n`));
    socket.setEncoding('utf8').on('data', (text: string) => {
      answer = (answer + text).slice(0, longestLine);
    });
    socket.once('end', () => {
      const pid = Number(/^(\d{1,10})\n$/.exec(answer)?.[1]);
      if (pid > 0) resolve(pid);
      else fail('it is no socket of this program, and perhaps one of OpenSSH');
    });
  });
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

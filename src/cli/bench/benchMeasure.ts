/**
 * What `deadline-ssh bench` measures over one connection.
 *
 * Owns: round trips, a download, an upload, each with a bound and a check of
 * what arrived.
 * Must not know: how a connection is dialled, how figures are shown.
 */
import { once } from 'node:events';
import { SshError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import type { RemoteProcess } from '../../client/command/remoteProcess.ts';

/** Megabytes a second, milliseconds. */
export interface Figures {
  /** Median of the pings. */
  readonly roundTrip: number;
  readonly download: number;
  readonly upload: number;
}

export interface MeasureOptions {
  /** Bytes of each transfer. */
  readonly size: number;
  /** Milliseconds for each measurement. */
  readonly timeout: number;
  readonly signal: AbortSignal;
  /** Told what is measured and how much of it is done, from 0 to 1. */
  progress(what: string, done: number): void;
}

const pings = 20;
const block = new Uint8Array(64 * 1024);

/**
 * @throws SshError of the connection or of a call; `ERR_SSH_TIMEOUT` for a measurement that takes too long;
 *   `ERR_SSH_DECODE` where not all bytes arrived
 */
export async function measure(client: Client, options: MeasureOptions): Promise<Figures> {
  return {
    roundTrip: await bounded('round trips', options, (signal) => roundTrip(client, options, signal)),
    download: await bounded('the download', options, (signal) => download(client, options, signal)),
    upload: await bounded('the upload', options, (signal) => upload(client, options, signal)),
  };
}

/** A peer that stalls costs this one measurement its time. */
async function bounded<T>(
  what: string,
  { timeout, signal }: MeasureOptions,
  step: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const expiry = new AbortController();
  const timer = setTimeout(
    () =>
      expiry.abort(
        new SshError('ERR_SSH_TIMEOUT', `${what} did not end within ${timeout} ms`, {
          phase: 'connection',
          origin: 'deadline',
          elapsed: timeout,
          deadline: timeout,
        }),
      ),
    timeout,
  );
  try {
    return await step(AbortSignal.any([signal, expiry.signal]));
  } finally {
    clearTimeout(timer);
  }
}

async function roundTrip(client: Client, options: MeasureOptions, signal: AbortSignal): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < pings; i++) {
    options.progress('round trips', i / pings);
    const start = performance.now();
    await client.ping({ signal });
    times.push(performance.now() - start);
  }
  return times.sort((a, b) => a - b)[pings >> 1] as number;
}

function download(client: Client, options: MeasureOptions, signal: AbortSignal): Promise<number> {
  const { size } = options;
  return withCommand(client, `head -c ${size} /dev/zero`, signal, async ({ stdin, stdout, exit }) => {
    stdin.end();
    let received = 0;
    const start = performance.now();
    for await (const chunk of stdout) {
      received += (chunk as Uint8Array).length;
      options.progress('download', received / size);
    }
    const elapsed = performance.now() - start;
    await exit;
    if (received !== size) throw incomplete('the server sent', received, size);
    return size / 1000 / elapsed;
  });
}

/** The server counts what came: what is measured is bytes that arrived, not bytes that were queued. */
function upload(client: Client, options: MeasureOptions, signal: AbortSignal): Promise<number> {
  const { size } = options;
  return withCommand(client, 'wc -c', signal, async ({ stdin, stdout, exit }) => {
    let answer = '';
    stdout.on('data', (chunk: Uint8Array) => {
      answer += String(chunk);
    });
    const start = performance.now();
    for (let sent = 0; sent < size; sent += block.length) {
      options.progress('upload', sent / size);
      const piece = block.subarray(0, Math.min(block.length, size - sent));
      if (!stdin.write(piece)) await once(stdin, 'drain', { signal });
    }
    stdin.end();
    await exit;
    const elapsed = performance.now() - start;
    if (Number(answer) !== size) throw incomplete('the server took', Number(answer), size);
    return size / 1000 / elapsed;
  });
}

/** Runs a command for one measurement, and ends it when that has to end. */
async function withCommand(
  client: Client,
  command: string,
  signal: AbortSignal,
  use: (remote: RemoteProcess) => Promise<number>,
): Promise<number> {
  const remote = await client.exec(command, { signal });
  const end = (): void => {
    for (const stream of [remote.stdin, remote.stdout]) stream.destroy();
  };
  signal.addEventListener('abort', end, { once: true });
  remote.stdin.on('error', () => {});
  remote.stderr.resume();
  try {
    return await use(remote);
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', end);
    await remote[Symbol.asyncDispose]();
  }
}

function incomplete(what: string, bytes: number, size: number): SshError {
  return new SshError(
    'ERR_SSH_DECODE',
    `${what} ${bytes} of ${size} bytes; has it a shell with head, cat and wc?`,
    { phase: 'connection', origin: 'peer' },
  );
}

/**
 * What a service does with connections: commands with input and output, files in
 * and out, tunnels, new keys, slow consumers, calls that are given up. Every byte
 * that comes is compared.
 *
 * Owns: one session after the other; what is drawn in it follows from a seed.
 * Must not know: what the network does meanwhile.
 */
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { connect as netConnect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, type ConnectOptions, connect } from '../../src/entry/index.ts';
import type { ServerProcess } from '../../src/entry/server.ts';
import { pattern, type Random, seeded } from '../sim/random.ts';
import type { Account } from './account.ts';

const phase = 1_500;
const dial = 4_000;
const call = 3_000;
const close = 800;

/** Deadlines of each connection of the load. */
export const deadlines: ConnectOptions = {
  timeout: dial,
  timeouts: {
    connect: phase,
    identification: phase,
    keyExchange: phase,
    authentication: phase,
    channelOpen: phase,
    request: phase,
    write: phase,
    close,
  },
  keepAlive: { interval: 500, maxMissed: 2 },
};

/** Where a load is put on. */
export interface Target {
  readonly name: string;
  readonly options: ConnectOptions;
  /** A folder that both sides can write. */
  readonly folder: string;
  /** A file of `fileLength` bytes of the pattern that both sides can read. */
  readonly file: string;
  readonly echoPort: number;
}

export const fileLength: number = 600_000;
const fileBytes = pattern(fileLength, 3);

interface Scene {
  readonly target: Target;
  readonly client: Client;
  readonly account: Account;
  readonly random: Random;
  /** Unlike any other. */
  readonly number: number;
}

/** One connection, from the dial to the end. */
export async function session(
  target: Target,
  port: number,
  seed: number,
  number: number,
  account: Account,
): Promise<void> {
  const random = seeded(seed);
  const options: ConnectOptions = {
    ...target.options,
    ...deadlines,
    port,
    // Half of them change keys all the time.
    ...(random() < 0.5 ? { rekey: { bytes: 20_000 + Math.floor(random() * 400_000) } } : {}),
  };
  const signal = givenUp(random, 0.1, dial);
  const client = await account.settle('connect', dial, () => connect({ ...options, signal }));
  if (client === undefined) return;
  const scene: Scene = { target, client, account, random, number };
  const many = 1 + Math.floor(random() * 5);
  const deeds = Array.from({ length: many }, () => allDeeds[Math.floor(random() * allDeeds.length)] ?? cat);
  const work = Promise.all(deeds.map((deed, index) => deed({ ...scene, number: number * 10 + index })));
  // Some end it in the midst of all that.
  const manner = random();
  if (manner < 0.15) await sleep(random() * 600);
  else await work;
  if (manner < 0.5) await account.settle('close', 2 * close, () => client.close());
  else if (manner < 0.7) client.destroy();
  else await account.settle('close', 2 * close, async () => client[Symbol.asyncDispose]());
  await account.settle('closed', 2 * close, () => client.closed);
  await account.settle('work behind the end', 2 * close, () => work);
}

function givenUp(random: Random, chance: number, within: number): AbortSignal | undefined {
  return random() < chance ? AbortSignal.timeout(Math.ceil(random() * within)) : undefined;
}

function someBytes(random: Random): Uint8Array {
  return pattern(Math.floor(2 ** (random() * 18)), Math.floor(random() * 100));
}

function expectBytes({ account, target }: Scene, what: string, got: Uint8Array, sent: Uint8Array): void {
  account.expect(
    Buffer.compare(got, sent) === 0,
    `${what} on ${target.name}: ${got.length} bytes came, which are not the ${sent.length} that were sent`,
  );
}

type Deed = (scene: Scene) => Promise<void>;

/** There and back. */
const cat: Deed = async (scene) => {
  const { account, client, random } = scene;
  const input = someBytes(random);
  const signal = givenUp(random, 0.1, call);
  const result = await account.settle('run cat', call, () =>
    client.run('cat', { input, encoding: 'buffer', timeout: call, signal }),
  );
  if (result?.code === 0) expectBytes(scene, 'cat', result.stdout, input);
};

const output: Deed = async (scene) => {
  const { account, client, target } = scene;
  const result = await account.settle('run output', call, () =>
    client.run(['cat', target.file], { encoding: 'buffer', timeout: call }),
  );
  if (result?.code === 0) expectBytes(scene, 'output', result.stdout, fileBytes);
};

const digest: Deed = async ({ account, client, random, target }) => {
  const input = someBytes(random);
  const result = await account.settle('run digest', call, () =>
    client.run('sha256sum', { input, timeout: call }),
  );
  if (result?.code !== 0) return;
  const sum = createHash('sha256').update(input).digest('hex');
  account.expect(result.stdout.startsWith(sum), `digest on ${target.name}: other bytes came than were sent`);
};

const put: Deed = async (scene) => {
  const { account, client, random, target, number } = scene;
  const sent = someBytes(random);
  const path = join(target.folder, `put-${number}`);
  const signal = givenUp(random, 0.1, call);
  const done = await account.settle('put', call, () => client.put(sent, path, { timeout: call, signal }));
  if (done !== undefined) expectBytes(scene, 'put', readFileSync(path), sent);
  rmSync(path, { force: true });
};

const get: Deed = async (scene) => {
  const { account, client, random, target, number } = scene;
  const path = join(target.folder, `get-${number}`);
  const signal = givenUp(random, 0.1, call);
  const done = await account.settle('get', call, () =>
    client.get(target.file, path, { timeout: call, signal }),
  );
  if (done !== undefined) expectBytes(scene, 'get', readFileSync(path), fileBytes);
  rmSync(path, { force: true });
};

/** Several requests on one session of SFTP. */
const files: Deed = async (scene) => {
  const { account, client, random, target, number } = scene;
  const sftp = await account.settle('sftp', call, () => client.sftp({ timeout: call }));
  if (sftp === undefined) return;
  const path = join(target.folder, `file-${number}`);
  const sent = someBytes(random);
  const signal = AbortSignal.timeout(call);
  const written = await account.settle('writeFile', call, async () => {
    await sftp.writeFile(path, sent, { signal });
    return true;
  });
  if (written === true) {
    const got = await account.settle('readFile', call, () =>
      sftp.readFile(path, { signal: AbortSignal.timeout(call) }),
    );
    if (got !== undefined) expectBytes(scene, 'readFile', got as Uint8Array, sent);
  }
  await account.settle('sftp.close', 2 * close, () => sftp.close());
  rmSync(path, { force: true });
};

const tunnel: Deed = async (scene) => {
  const { account, client, random, target } = scene;
  const sent = someBytes(random);
  const signal = AbortSignal.timeout(call);
  const stream = await account.settle('openTcp', call, () =>
    client.openTcp('127.0.0.1', target.echoPort, { signal }),
  );
  if (stream === undefined) return;
  const over = setTimeout(() => stream.destroy(), call);
  stream.on('error', () => {});
  stream.end(sent);
  const got: Uint8Array[] = [];
  try {
    for await (const chunk of stream) got.push(chunk as Uint8Array);
    if (stream.readableEnded) expectBytes(scene, 'a tunnel', Buffer.concat(got), sent);
  } catch {
    // It was cut: by the end of its connection, or by the time.
  }
  clearTimeout(over);
};

/** A program that knows nothing of SSH, by way of a port of this machine. */
const forward: Deed = async (scene) => {
  const { account, client, random, target } = scene;
  const sent = someBytes(random);
  const cuts: Error[] = [];
  const local = await account.settle('forwardLocal', call, () =>
    client.forwardLocal(
      { host: '127.0.0.1', port: 0 },
      { host: '127.0.0.1', port: target.echoPort },
      {
        timeout: call,
        onConnectionEnd: (_, error) => {
          if (error !== undefined) cuts.push(error);
        },
      },
    ),
  );
  if (local === undefined) return;
  const socket = netConnect({ host: '127.0.0.1', port: local.address.port ?? 0, allowHalfOpen: true });
  const over = setTimeout(() => socket.resetAndDestroy(), call);
  socket.on('error', () => {});
  socket.end(sent);
  const got: Buffer[] = [];
  try {
    for await (const chunk of socket) got.push(chunk as Buffer);
    // What is cut is reset, and an orderly end would say that this was all. But where bytes and a reset
    // come at once, libuv reads the bytes and then says that the socket has ended: what the forward
    // itself tells of the cut has to count.
    if (socket.readableEnded && cuts.length === 0) expectBytes(scene, 'a forward', Buffer.concat(got), sent);
  } catch {
    // It was cut.
  }
  clearTimeout(over);
  socket.destroy();
  await account.settle('forward.close', 2 * close, () => local.close());
};

/** Reads a little at a time, and sometimes stops for good. */
const slowly: Deed = async (scene) => {
  const { account, client, random, target } = scene;
  const over = new AbortController();
  const started = await account.settle('exec', call, () =>
    client.exec(['cat', target.file], { timeout: call, signal: over.signal }),
  );
  if (started === undefined) return;
  const timer = setTimeout(() => over.abort(), call);
  const stopsAt = random() < 0.3 ? random() * fileLength : Number.POSITIVE_INFINITY;
  const got: Uint8Array[] = [];
  let length = 0;
  started.stderr.resume();
  const exit = account.settle('exit', call + close, () => started.exit);
  try {
    for await (const chunk of started.stdout) {
      got.push(chunk as Uint8Array);
      length += (chunk as Uint8Array).length;
      if (length > stopsAt) break;
      await sleep(random() * 15);
    }
    if (length <= stopsAt && (await exit)?.code === 0) {
      expectBytes(scene, 'a slow consumer', Buffer.concat(got), fileBytes);
    }
  } catch {
    // The stream has the error of its process, which is judged there.
  }
  await exit;
  clearTimeout(timer);
};

const rekey: Deed = async ({ account, client }) => {
  await account.settle('rekey', call, () => client.rekey({ timeout: call }));
};

const ping: Deed = async ({ account, client }) => {
  await account.settle('ping', call, () => client.ping({ timeout: call }));
};

const allDeeds: readonly Deed[] = [
  cat,
  output,
  digest,
  put,
  get,
  files,
  tunnel,
  forward,
  slowly,
  rekey,
  ping,
];

/** What a server of this library's own does: as sshd, it leaves the work to a program. */
export function serveByShell(program: string, ...args: readonly string[]) {
  return (served: ServerProcess, command?: string): Promise<number> =>
    new Promise((resolve) => {
      const child = spawn(program, command === undefined ? args : [...args, command]);
      const leave = (): void => {
        child.kill('SIGKILL');
        // What nobody reads any more would hold the pipes open, though the program is gone.
        for (const pipe of child.stdio) pipe?.destroy();
      };
      served.signal.addEventListener('abort', leave);
      if (served.signal.aborted) leave();
      for (const stream of [child.stdin, served.stdin, served.stdout, served.stderr])
        stream.on('error', () => {});
      served.stdin.pipe(child.stdin);
      child.stdout.pipe(served.stdout, { end: false });
      child.stderr.pipe(served.stderr, { end: false });
      child.once('error', () => resolve(127));
      child.once('close', (code) => resolve(code ?? 255));
    });
}

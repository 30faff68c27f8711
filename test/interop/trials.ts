/**
 * What is tried on every server of the laboratory.
 *
 * Owns: one trial for each feature; it throws where the feature does not work,
 * and says what the cell shows where it does.
 * Must not know: which server it is.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, connect as dial } from 'node:net';
import { dirname, join } from 'node:path';
import { expect } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { ciphers } from '../../src/crypto/algorithms.ts';
import type { Client } from '../../src/entry/index.ts';
import { freePort } from '../support/servers/index.ts';
import { keyKinds } from '../support/servers/keys.ts';
import type { Bench } from './laboratory.ts';
import { type AlgorithmKind, commonNames } from './offers.ts';
import type { Feature } from './server.ts';

export interface Found {
  readonly text: string;
  readonly note?: string | undefined;
}

export type Trial = (bench: Bench) => Promise<Found>;

const MiB = 1024 * 1024;
const yes: Found = { text: 'yes' };

export const trials: Readonly<Record<Feature, Trial>> = {
  kex: (bench) => everyName(bench, 'kex'),
  hostKey: (bench) => everyName(bench, 'hostKey'),
  cipher: (bench) => everyName(bench, 'cipher'),
  mac: (bench) => everyName(bench, 'mac'),
  compression: (bench) => everyName(bench, 'compression'),
  password,
  keyboardInteractive,
  publickey,
  exec,
  exitSignal,
  download,
  upload,
  ourRekey,
  theirRekey,
  windowChange,
  closeOrders,
  unreadInput,
  channels,
  subsystem,
  keepAlive,
  forwarding,
  remoteForwarding,
  unixForwarding,
  remoteUnixForwarding,
};

// Algorithms -----------------------------------------------------------------------

/** Each name of a kind that both sides have, alone in our offer, with a command and data both ways. */
async function everyName(bench: Bench, kind: AlgorithmKind): Promise<Found> {
  const names = commonNames(bench.offer).common[kind];
  if (kind === 'mac' && macCiphers(bench).length === 0) {
    return { text: '–', note: 'every cipher that both sides have authenticates by itself' };
  }
  const notes: string[] = [];
  const failures: string[] = [];
  let working = 0;
  for (const name of names) {
    const broken = bench.server.brokenAlgorithms?.[name];
    const failure = await useAlgorithm(bench, kind, name);
    if (failure === undefined && broken === undefined) working++;
    else if (failure === undefined) failures.push(`${name} works, though ${broken?.why}`);
    else if (broken?.shows.test(failure) === true)
      notes.push(`${name}: ${broken.why}; the client: "${failure}"`);
    else failures.push(`${name}: ${failure}`);
  }
  expect(failures).toEqual([]);
  if (working === 0) return { text: '–', note: `no ${kind} algorithm that both sides have and that works` };
  return { text: String(working), note: notes.length === 0 ? undefined : notes.join('; ') };
}

/** How it fails; undefined where it does not. */
async function useAlgorithm(bench: Bench, kind: AlgorithmKind, name: string): Promise<string | undefined> {
  // A MAC is used beside a cipher that does not authenticate by itself, and such a cipher with any MAC there is.
  const { mac } = commonNames(bench.offer).common;
  const beside =
    kind === 'mac' ? { cipher: macCiphers(bench) } : kind === 'cipher' && mac.length > 0 ? { mac } : {};
  try {
    await using client = await bench.open({ algorithms: { [kind]: [name], ...beside } });
    await echoes(client, bench, 200_000);
    // Asked behind the data: zlib comes with new keys after authentication.
    expect(JSON.stringify(client.negotiated)).toContain(JSON.stringify(name));
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function macCiphers(bench: Bench): readonly string[] {
  return commonNames(bench.offer).common.cipher.filter(
    (name) => !ciphers[name as keyof typeof ciphers].authenticated,
  );
}

/** Data goes there and comes back as it was. */
async function echoes(client: Client, bench: Bench, length: number): Promise<void> {
  const data = bench.pattern.subarray(0, length);
  if (bench.server.lacks?.exec !== undefined) {
    await speaksSubsystem(client, bench);
    return;
  }
  const { stdout } = await client.run(commandsOf(bench).echo, { input: data, encoding: 'buffer' });
  expect(stdout.length).toBe(length);
  expect(Buffer.compare(stdout, data)).toBe(0);
}

function commandsOf(bench: Bench): ReturnType<Bench['server']['commands']> {
  return bench.server.commands(bench.patternFile);
}

// Authentication ---------------------------------------------------------------------

/** Methods the server names when it refuses `none`. */
async function offeredMethods(bench: Bench): Promise<string> {
  const error: unknown = await bench.open({ auth: ['none'] }).then(
    async (client) => client.close(),
    (failure: unknown) => failure,
  );
  if (!(error instanceof SshError)) throw new Error('the server let nobody in without a credential');
  expect(error.code).toBe('ERR_SSH_AUTHENTICATION_FAILED');
  return error.message;
}

/** What the server has to say about a method that it does not offer. */
async function methodMissing(bench: Bench, method: string): Promise<Found | undefined> {
  if (bench.server.methods.includes(method)) return undefined;
  const message = await offeredMethods(bench);
  expect(message.split(';')[0]).not.toContain(method);
  return { text: '–', note: `no ${method}; the client: "${message}"` };
}

async function password(bench: Bench): Promise<Found> {
  const missing = await methodMissing(bench, 'password');
  if (missing !== undefined) return missing;
  const { password: right } = bench.running;
  await using client = await bench.open({ auth: [{ method: 'password', password: right }] });
  await client.ping();
  await refuses(bench, { method: 'password', password: 'wrong' });
  return yes;
}

async function keyboardInteractive(bench: Bench): Promise<Found> {
  const missing = await methodMissing(bench, 'keyboard-interactive');
  if (missing !== undefined) return missing;
  const answer = (text: string) => ({
    method: 'keyboard-interactive' as const,
    answer: ({ prompts }: { readonly prompts: readonly unknown[] }) => prompts.map(() => text),
  });
  await using client = await bench.open({ auth: [answer(bench.running.password)] });
  await client.ping();
  await refuses(bench, answer('wrong'));
  return yes;
}

async function publickey(bench: Bench): Promise<Found> {
  const missing = await methodMissing(bench, 'publickey');
  if (missing !== undefined) return missing;
  const taken = bench.server.userKeys ?? keyKinds;
  const notes: string[] = [];
  for (const kind of keyKinds) {
    const step = { method: 'publickey' as const, privateKey: bench.userKey(kind) };
    if (taken.includes(kind)) {
      await using client = await bench.open({ auth: [step] });
      await client.ping();
    } else {
      notes.push(`${kind}: "${await refuses(bench, step)}"`);
    }
  }
  return {
    text: String(taken.length),
    note: notes.length === 0 ? undefined : `keys it does not take: ${notes.join(', ')}`,
  };
}

/** The server refuses a credential, and the client says so and nothing else. */
async function refuses(
  bench: Bench,
  step: NonNullable<Parameters<Bench['open']>[0]>['auth'] extends readonly (infer S)[] | undefined
    ? S
    : never,
): Promise<string> {
  const error: unknown = await bench.open({ auth: [step] }).then(
    async (client) => client.close(),
    (failure: unknown) => failure,
  );
  expect(error).toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
  return (error as SshError).message;
}

// Sessions -----------------------------------------------------------------------------

async function exec(bench: Bench): Promise<Found> {
  await withClients(bench, {}, async (next) => {
    for (const status of [0, 7, 255]) {
      const client = await next();
      const { stdout, stderr, code, signal } = await client.run(commandsOf(bench).status(status), {
        timeout: 20_000,
      });
      expect({ stdout, stderr, code, signal }).toEqual({
        stdout: 'out\n',
        stderr: 'err\n',
        code: status,
        signal: undefined,
      });
    }
  });
  return yes;
}

/** Gives a client for each command: the same one, where the server lets a connection have more than one. */
async function withClients(
  bench: Bench,
  options: NonNullable<Parameters<Bench['open']>[0]>,
  use: (next: () => Promise<Client>) => Promise<void>,
): Promise<void> {
  const clients: Client[] = [];
  const next = async (): Promise<Client> => {
    const [first] = clients;
    if (first !== undefined && bench.server.oneChannel !== true) return first;
    const client = await bench.open(options);
    clients.push(client);
    return client;
  };
  try {
    await use(next);
  } finally {
    await Promise.all(clients.map((client) => client.close()));
  }
}

async function exitSignal(bench: Bench): Promise<Found> {
  await using client = await bench.open();
  const { code, signal } = await client.run(commandsOf(bench).signal, { timeout: 20_000 });
  if (signal === undefined) throw new Error(`no exit-signal came; exit status ${String(code)}`);
  expect({ code, signal }).toEqual({ code: undefined, signal: 'TERM' });
  return yes;
}

async function download(bench: Bench): Promise<Found> {
  await using client = await bench.open();
  await downloads(client, bench, bench.bulk);
  return { text: `${bench.bulk / MiB} MiB` };
}

/** The bytes that come are those of the pattern, by their hash. */
async function downloads(client: Client, bench: Bench, count: number): Promise<void> {
  const sending = await client.exec(commandsOf(bench).send(count));
  sending.stderr.resume();
  sending.stdin.end();
  const digest = createHash('sha256');
  let length = 0;
  for await (const chunk of sending.stdout) {
    digest.update(chunk as Uint8Array);
    length += (chunk as Uint8Array).length;
  }
  expect(length).toBe(count);
  expect(digest.digest('hex')).toBe(
    createHash('sha256').update(bench.pattern.subarray(0, count)).digest('hex'),
  );
  expect((await sending.exit).code).toBe(0);
}

async function upload(bench: Bench): Promise<Found> {
  await using client = await bench.open();
  const input = bench.pattern.subarray(0, bench.bulk);
  const { stdout, code } = await client.run(commandsOf(bench).hash, { input, timeout: 90_000 });
  expect(stdout.slice(0, 64)).toBe(createHash('sha256').update(input).digest('hex'));
  expect(code).toBe(0);
  return { text: `${bench.bulk / MiB} MiB` };
}

// Keys anew ------------------------------------------------------------------------------

/** Key exchanges while the client is used, the first one not counted. */
async function countingRekeys(
  bench: Bench,
  options: NonNullable<Parameters<Bench['open']>[0]>,
  use: (client: Client, exchanges: () => number) => Promise<void>,
): Promise<number> {
  let exchanges = -1;
  const onDebug = (line: string): void => {
    if (line.startsWith('keys exchanged')) exchanges++;
  };
  await using client = await bench.open({ ...options, onDebug });
  await use(client, () => exchanges);
  return exchanges;
}

async function ourRekey(bench: Bench): Promise<Found> {
  const { oneChannel = false, lacks } = bench.server;
  const count = await countingRekeys(bench, { rekey: { bytes: MiB } }, async (client) => {
    // A server of one channel ends with it, and need not be ready before.
    if (!oneChannel) await client.rekey();
    await echoes(client, bench, 4 * MiB);
    if (oneChannel) return;
    await client.rekey();
    await client.ping();
  });
  expect(count).toBeGreaterThanOrEqual(lacks?.exec !== undefined ? 2 : oneChannel ? 3 : 5);
  return yes;
}

async function theirRekey(bench: Bench): Promise<Found> {
  const { rekeys } = bench.server;
  if (typeof rekeys === 'object' && 'never' in rekeys) return { text: '–', note: rekeys.never };
  if (typeof rekeys === 'string') {
    if (rekeys === 'optionOnceAMinute' && !bench.full) {
      return { text: '–', note: 'it looks once a minute, for which only the full run waits' };
    }
    const other = await bench.startRekeying();
    try {
      const count = await countingRekeys(other, {}, async (client, exchanges) => {
        await manyBytes(client, other, 8 * MiB);
        if (rekeys !== 'option') {
          await expect.poll(exchanges, { timeout: 90_000, interval: 200 }).toBeGreaterThan(0);
        }
        await client.ping();
      });
      expect(count).toBeGreaterThanOrEqual(rekeys === 'option' ? 2 : 1);
    } finally {
      await other.running.process.stop();
    }
    return yes;
  }
  const { afterBytes } = rekeys;
  if (!bench.full)
    return { text: '–', note: `it asks after ${afterBytes} bytes, which only the full run sends` };
  // Ours would come at the same volume.
  const ours = { rekey: { bytes: 4 * afterBytes } };
  const count = await countingRekeys(bench, ours, (client) =>
    manyBytes(client, bench, afterBytes + 64 * MiB),
  );
  expect(count).toBeGreaterThanOrEqual(1);
  return yes;
}

/** So many bytes at least come from the server. */
async function manyBytes(client: Client, bench: Bench, count: number): Promise<void> {
  if (count <= bench.pattern.length) return downloads(client, bench, count);
  const endless = await client.exec(commandsOf(bench).send(Number.POSITIVE_INFINITY));
  endless.stderr.resume();
  let length = 0;
  for await (const chunk of endless.stdout) {
    length += (chunk as Uint8Array).length;
    if (length >= count) break;
  }
  await endless.close();
}

// Channels ---------------------------------------------------------------------------------

async function windowChange(bench: Bench): Promise<Found> {
  await using client = await bench.open();
  const shown = await client.exec(commandsOf(bench).size, {
    pty: { columns: 80, rows: 24 },
    timeout: 20_000,
  });
  let text = '';
  let resized = false;
  for await (const chunk of shown.stdout) {
    text += String(chunk);
    if (!resized && /\b24 80\b/.test(text)) {
      resized = true;
      shown.resize(132, 43);
    }
    if (/\b43 132\b/.test(text)) break;
  }
  expect(text).toMatch(/24 80[\s\S]*43 132/);
  await shown.close();
  return yes;
}

async function closeOrders(bench: Bench): Promise<Found> {
  const commands = commandsOf(bench);
  await withClients(bench, { timeouts: { close: 2_000 } }, async (next) => {
    // We end our input first; nothing was in it.
    expect(await (await next()).run(commands.echo, { input: '' })).toMatchObject({ code: 0, stdout: '' });
    // The server ends while our input is still open.
    const early = await (await next()).exec(commands.status(3));
    early.stdout.resume();
    early.stderr.resume();
    expect(await early.exit).toMatchObject({ code: 3 });
    // We close while the server still sends.
    const endless = await (await next()).exec(commands.send(Number.POSITIVE_INFINITY));
    for await (const _ of endless.stdout) break;
    await endless.close();
    expect(await (await next()).run(commands.status(5))).toMatchObject({ code: 5 });
  });
  return yes;
}

async function unreadInput(bench: Bench): Promise<Found> {
  const commands = commandsOf(bench);
  await using client = await bench.open();
  const refused = await client.exec(commands.status(4));
  refused.stdin.on('error', () => {});
  refused.stdin.write(bench.pattern.subarray(0, 4 * MiB));
  refused.stdout.resume();
  refused.stderr.resume();
  const { losesStatus, hangsUp } = bench.server;
  const codes = losesStatus === undefined ? [4] : [4, undefined];
  try {
    expect(codes).toContain((await refused.exit).code);
  } catch (error) {
    if (hangsUp === undefined || !(error instanceof SshError)) throw error;
    expect(error.code).toBe('ERR_SSH_CONNECTION_LOST');
  }
  return { ...yes, note: losesStatus ?? hangsUp };
}

async function channels(bench: Bench): Promise<Found> {
  await using client = await bench.open();
  const names = ['1', '2', '3', '4', '5', '6', '7', '8'];
  // All are open before the first ends: dropbear 2022.83 closes one that is opened just then.
  const opened = await Promise.all(names.map(() => client.exec(commandsOf(bench).echo)));
  const ended = opened.map(async (echo, index) => {
    echo.stderr.resume();
    echo.stdin.end(names[index]);
    let text = '';
    for await (const chunk of echo.stdout) text += String(chunk);
    return { text, code: (await echo.exit).code };
  });
  expect(await Promise.all(ended)).toEqual(names.map((text) => ({ text, code: 0 })));
  return yes;
}

async function subsystem(bench: Bench): Promise<Found> {
  await using client = await bench.open();
  await speaksSubsystem(client, bench);
  return { text: bench.server.subsystem ?? 'yes' };
}

/** An echo, or the first exchange of SFTP (draft-ietf-secsh-filexfer-02 §4). */
async function speaksSubsystem(client: Client, bench: Bench): Promise<void> {
  const name = bench.server.subsystem ?? 'sftp';
  const stream = await client.subsystem(name);
  const said = name === 'echo' ? Buffer.from('round and round') : Buffer.from([0, 0, 0, 5, 1, 0, 0, 0, 3]);
  stream.write(said);
  let heard = Buffer.alloc(0);
  const enough = name === 'echo' ? said.length : 9;
  for await (const chunk of stream) {
    heard = Buffer.concat([heard, chunk as Buffer]);
    if (heard.length >= enough) break;
  }
  if (name === 'echo') expect(heard.toString()).toBe(said.toString());
  else expect([...heard.subarray(4, 9)]).toEqual([2, 0, 0, 0, 3]);
  stream.destroy();
}

async function keepAlive(bench: Bench): Promise<Found> {
  await using client = await bench.open({ keepAlive: { interval: 100, maxMissed: 3 } });
  await client.ping();
  const before = client.inspect().packetsReceived;
  // Nobody says anything but for the probes.
  await expect.poll(() => client.inspect().packetsReceived, { timeout: 20_000 }).toBeGreaterThan(before + 4);
  await client.ping();
  return yes;
}

// Forwards ---------------------------------------------------------------------------------

type Place = { readonly path: string } | { readonly host: string; readonly port: number };

async function forwarding(bench: Bench): Promise<Found> {
  const target = await serveEcho({ host: '127.0.0.1', port: 0 });
  await using client = await bench.open();
  try {
    // A server that forwards nothing says so here.
    (await client.openTcp('127.0.0.1', target.port)).destroy();
    await using forward = await client.forwardLocal({ port: 0 }, { host: '127.0.0.1', port: target.port });
    await carries(bench, { host: '127.0.0.1', port: forward.address.port ?? 0 });
    return yes;
  } finally {
    target.close();
  }
}

async function remoteForwarding(bench: Bench): Promise<Found> {
  const target = await serveEcho({ host: '127.0.0.1', port: 0 });
  await using client = await bench.open();
  try {
    const to = { host: '127.0.0.1', port: target.port };
    const { saysNoPort } = bench.server;
    const wanted = saysNoPort === undefined ? 0 : await freePort();
    const forward = await client.forwardRemote({ host: '127.0.0.1', port: wanted }, to);
    const there = { host: '127.0.0.1', port: forward.address.port ?? 0 };
    expect(there.port).toBeGreaterThan(0);
    await carries(bench, there);
    await forward.close();
    const { keepsListening } = bench.server;
    if (keepsListening !== undefined) {
      await leadsNowhere(there);
      return { ...yes, note: keepsListening };
    }
    await gone(there);
    // The same port by its number, now that it is free again.
    const again = await client.forwardRemote(there, to);
    await carries(bench, there);
    await again.close();
    await client.ping();
    expect(client.inspect().channels).toEqual([]);
    return { ...yes, note: saysNoPort };
  } finally {
    target.close();
  }
}

async function unixForwarding(bench: Bench): Promise<Found> {
  const path = socketPath(bench);
  const target = await serveEcho({ path });
  await using client = await bench.open();
  try {
    (await client.openUnix(path)).destroy();
    await using forward = await client.forwardLocal({ port: 0 }, { path });
    await carries(bench, { host: '127.0.0.1', port: forward.address.port ?? 0 });
    return yes;
  } finally {
    target.close();
  }
}

async function remoteUnixForwarding(bench: Bench): Promise<Found> {
  const path = socketPath(bench);
  const target = await serveEcho({ host: '127.0.0.1', port: 0 });
  await using client = await bench.open();
  try {
    const forward = await client.forwardRemote({ path }, { host: '127.0.0.1', port: target.port });
    await carries(bench, { path });
    await forward.close();
    await gone({ path });
    return yes;
  } finally {
    target.close();
    rmSync(path, { force: true });
  }
}

/** In a folder that the server sees, and where its user may write. */
function socketPath(bench: Bench): string {
  const folder = mkdtempSync(join(dirname(bench.patternFile), 'sockets-'));
  chmodSync(folder, 0o777);
  return join(folder, 's');
}

/** A program that sends back all that comes, and then ends. */
async function serveEcho(place: Place): Promise<{ readonly port: number; readonly close: () => void }> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => socket.destroy());
    socket.pipe(socket);
  });
  server.listen(place);
  await once(server, 'listening');
  if ('path' in place) chmodSync(place.path, 0o777);
  const address = server.address();
  const port = typeof address === 'string' || address === null ? 0 : address.port;
  return { port, close: () => void server.close() };
}

/** Ends its own direction first; all that it wrote comes back, and an end. */
async function carries(bench: Bench, place: Place): Promise<void> {
  const data = bench.pattern.subarray(0, 2 * MiB + 11);
  const socket = dial({ ...place, allowHalfOpen: true });
  socket.end(data);
  const received: Buffer[] = [];
  for await (const chunk of socket) received.push(chunk as Buffer);
  expect(Buffer.concat(received).equals(data)).toBe(true);
}

/** The server still listens, and the client takes no connection from there. */
async function leadsNowhere(place: Place): Promise<void> {
  const socket = dial(place);
  socket.on('error', () => {});
  socket.write('is anybody there?');
  socket.resume();
  // It may be a reset, which `once` would throw.
  await new Promise((resolve) => socket.once('close', resolve));
  expect(socket.bytesRead).toBe(0);
}

/** Nobody listens there any more. */
async function gone(place: Place): Promise<void> {
  const refused = (): Promise<unknown> =>
    new Promise((resolve) => {
      const socket = dial(place);
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code));
      socket.once('connect', () => {
        socket.destroy();
        resolve('connected');
      });
    });
  await expect.poll(refused, { timeout: 10_000 }).toMatch(/^(ECONNREFUSED|ENOENT)$/);
}

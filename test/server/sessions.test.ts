/**
 * The requests of a session channel (RFC 4254 §6): what a server grants in which state, what it
 * refuses, and that a refused request changes nothing.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Channel } from '../../src/connection/channel.ts';
import type { ServerProcess } from '../../src/entry/server.ts';
import { directTcpip } from '../../src/message/channel.ts';
import {
  authAgentReq,
  breakRequest,
  env,
  eow,
  exec,
  exitSignal,
  exitStatus,
  ptyReq,
  shell,
  signal,
  subsystem,
  windowChange,
  x11Req,
  xonXoff,
} from '../../src/message/channelRequest.ts';
import { type Embedded, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { RawClient } from '../support/rawClient.ts';

/** A process that stands, and what it was told. */
interface Run {
  readonly process: ServerProcess;
  readonly what: string;
  readonly told: string[];
  readonly end: (code: number) => void;
}

const runs: Run[] = [];
let server: Embedded;
let client: RawClient;
/** Told at each event of the client. */
let look: () => void = () => {};

function serve(process: ServerProcess, what: string): Promise<number> {
  return new Promise((end) => {
    const told: string[] = [];
    process.onSignal = (name) => told.push(name);
    process.onResize = ({ columns, rows }) => told.push(`${columns}x${rows}`);
    process.signal.addEventListener('abort', () => end(0));
    runs.push({ process, what, told, end });
  });
}

beforeAll(async () => {
  server = await startEmbedded({
    hostKeys: keyText('ed25519'),
    authentication: { none: () => true },
    exec: (process, command) => serve(process, `exec ${command}`),
    shell: (process) => serve(process, 'shell'),
    subsystems: { echo: (process) => serve(process, 'subsystem echo') },
  });
  client = new RawClient(server.port);
  client.onEvent = (event) => {
    if (event.type === 'hostKey') client.core.acceptHostKey();
    if (event.type === 'methodWanted') client.core.attempt({ method: 'none' });
    look();
  };
  await until(() => client.events.find(({ type }) => type === 'ready'));
});

afterAll(async () => {
  client[Symbol.dispose]();
  await server[Symbol.asyncDispose]();
});

beforeEach(() => {
  runs.length = 0;
  client.events.length = 0;
});

/** Resolves with what there is once there is something; rejects where the connection ends. */
function until<T>(find: () => T | undefined): Promise<T> {
  return new Promise((resolve, reject) => {
    look = () => {
      const found = find();
      if (found !== undefined) return resolve(found);
      for (const event of client.events) if (event.type === 'ended') reject(event.error);
    };
    look();
  });
}

async function open(type: string = 'session', data: Uint8Array = new Uint8Array(0)): Promise<Channel> {
  const channel = client.core.connection.open(type, data);
  client.flush();
  await until(() =>
    client.events.find((event) => event.type === 'channelOpened' && event.channel === channel),
  );
  return channel;
}

async function close(channel: Channel): Promise<void> {
  channel.close();
  client.flush();
  await until(() =>
    client.events.find((event) => event.type === 'channelClosed' && event.channel === channel),
  );
}

type Request = readonly [type: string, payload: Uint8Array];

/** What the server has answered, in the order of the requests. */
function answersOn(channel: Channel): readonly boolean[] {
  return client.events.flatMap((event) =>
    event.type === 'channelRequestAnswered' && event.request.channel === channel ? [event.success] : [],
  );
}

/** What the server answers. */
async function ask(channel: Channel, [type, payload]: Request): Promise<boolean> {
  const { length } = answersOn(channel);
  channel.request(type, payload, true);
  client.flush();
  return until(() => answersOn(channel)[length]);
}

const size = { columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
const requests = {
  env: [env.name, env.toBytes({ variableName: 'LANG', variableValue: 'C' })],
  pty: [ptyReq.name, ptyReq.toBytes({ term: 'vt100', ...size, encodedTerminalModes: new Uint8Array(0) })],
  exec: [exec.name, exec.toBytes({ command: 'any' })],
  shell: [shell.name, shell.toBytes({})],
  subsystem: [subsystem.name, subsystem.toBytes({ subsystemName: 'echo' })],
  window: [windowChange.name, windowChange.toBytes({ ...size, columns: 132 })],
  signal: [signal.name, signal.toBytes({ signalName: 'USR1' })],
} satisfies Record<string, Request>;
type Name = keyof typeof requests;

/** Nobody serves these. */
const refused: readonly Request[] = [
  ...['', 'other', 'sftp', 'constructor', 'toString', '__proto__', 'hasOwnProperty'].map(
    (subsystemName): Request => [subsystem.name, subsystem.toBytes({ subsystemName })],
  ),
  [authAgentReq.name, authAgentReq.toBytes({})],
  [
    x11Req.name,
    x11Req.toBytes({
      singleConnection: false,
      x11AuthenticationProtocol: 'MIT-MAGIC-COOKIE-1',
      x11AuthenticationCookie: '00',
      x11ScreenNumber: 0,
    }),
  ],
  [breakRequest.name, breakRequest.toBytes({ breakLength: 500 })],
  [xonXoff.name, xonXoff.toBytes({ clientCanDo: true })],
  [exitStatus.name, exitStatus.toBytes({ exitStatus: 0 })],
  [
    exitSignal.name,
    exitSignal.toBytes({ signalName: 'KILL', coreDumped: false, errorMessage: '', languageTag: '' }),
  ],
  [eow.name, eow.toBytes({})],
  ['keepalive@openssh.com', new Uint8Array(0)],
  ['exec@example.com', exec.toBytes({ command: 'any' })],
];

const all: readonly Name[] = ['env', 'pty', 'exec', 'shell', 'subsystem', 'window', 'signal'];
const starts: readonly Name[] = ['exec', 'shell', 'subsystem'];

describe('a session', () => {
  it.each<readonly [string, before: readonly Name[], granted: readonly Name[]]>([
    ['that is new', [], ['env', 'pty', ...starts]],
    ['with a variable', ['env'], ['env', 'pty', ...starts]],
    ['with a terminal', ['pty'], ['env', ...starts, 'window']],
    ...starts.map((start) => [`with ${start}`, [start], ['signal']] as const),
    ...starts.map((start) => [`with a terminal and ${start}`, ['pty', start], ['window', 'signal']] as const),
  ])('%s grants what fits its state, and nothing else', async (_what, before, granted) => {
    for (const name of all) {
      const channel = await open();
      for (const earlier of before) expect(await ask(channel, requests[earlier])).toBe(true);
      expect([name, await ask(channel, requests[name])]).toEqual([name, granted.includes(name)]);
      await close(channel);
    }
    const channel = await open();
    for (const earlier of before) await ask(channel, requests[earlier]);
    for (const request of refused)
      expect([request[0], await ask(channel, request)]).toEqual([request[0], false]);
    // It still is what it was.
    for (const name of granted.slice(0, 1)) expect(await ask(channel, requests[name])).toBe(true);
    await close(channel);
    expect(server.faults).toEqual([]);
  });

  it('has one process, told of what was granted and of nothing else', async () => {
    const channel = await open();
    for (const name of ['env', 'pty', 'window', 'signal', 'exec'] as const)
      await ask(channel, requests[name]);
    for (const name of ['env', 'pty', 'shell', 'subsystem', 'exec'] as const)
      await ask(channel, requests[name]);
    for (const name of ['signal', 'window'] as const) await ask(channel, requests[name]);
    expect(runs.map(({ what }) => what)).toEqual(['exec any']);
    const [run] = runs;
    expect(run?.told).toEqual(['USR1', '132x24']);
    expect(run?.process.env).toEqual(new Map([['LANG', 'C']]));
    expect(run?.process.terminal).toMatchObject({ term: 'vt100', ...size });
    await close(channel);
    expect(run?.process.signal.aborted).toBe(true);
  });

  it('without a terminal tells its process of no size', async () => {
    const channel = await open();
    await ask(channel, requests.exec);
    expect(await ask(channel, requests.window)).toBe(false);
    expect(runs[0]?.told).toEqual([]);
    await close(channel);
  });

  it('takes 64 KiB of variables: one that was refused, and a value that was replaced, count for nothing', async () => {
    const channel = await open();
    const set = (variableName: string, length: number): Promise<boolean> => {
      const variableValue = 'x'.repeat(length);
      return ask(channel, [env.name, env.toBytes({ variableName, variableValue })]);
    };
    const room = 64 * 1024;
    const answers = [];
    for (const [name, length] of [
      ['A', room],
      ['A', room - 1],
      ['A', room - 21],
      ['B', 20],
      ['B', 19],
      ['C', 0],
      ['B', 18],
      ['C', 0],
    ] as const) {
      answers.push(await set(name, length));
    }
    expect(answers).toEqual([false, true, true, false, true, false, true, true]);
    await ask(channel, requests.exec);
    const given = [...(runs[0]?.process.env ?? [])];
    expect(given.map(([name, { length }]) => [name, length])).toEqual([
      ['A', room - 21],
      ['B', 18],
      ['C', 0],
    ]);
    await close(channel);
  });

  it('takes 256 variables, and another value for each of them', async () => {
    const channel = await open();
    const set = (index: number): void => {
      const variable = { variableName: `N${index}`, variableValue: 'x' };
      channel.request(env.name, env.toBytes(variable), true);
    };
    for (let index = 0; index < 257; index++) set(index);
    set(255);
    client.flush();
    const answers = await until(() => {
      const all = answersOn(channel);
      return all.length === 258 ? all : undefined;
    });
    expect([answers.indexOf(false), answers.lastIndexOf(false)]).toEqual([256, 256]);
    await close(channel);
  });
});

describe('a channel that is no session', () => {
  it('grants no request, and runs on', async () => {
    const channel = await open(
      directTcpip.name,
      directTcpip.toBytes({
        hostToConnect: '127.0.0.1',
        portToConnect: server.port,
        originatorIpAddress: '',
        originatorPort: 0,
      }),
    );
    for (const name of all) expect([name, await ask(channel, requests[name])]).toEqual([name, false]);
    for (const request of refused) expect(await ask(channel, request)).toBe(false);
    expect(runs).toEqual([]);
    expect(client.events.some((event) => event.type === 'channelClosed' && event.channel === channel)).toBe(
      false,
    );
    await close(channel);
  });
});

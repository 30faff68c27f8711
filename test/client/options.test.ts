/**
 * Every option of every public function, as a table: what it takes of a list of
 * values of every kind, and what is said of those that it does not take.
 */
import { describe, expect, it } from 'vitest';
import { defaultLimits, type Limits, resolveLimits } from '../../src/base/limits.ts';
import { type KeepAlive, resolveKeepAlive, resolveTimeouts, type Timeouts } from '../../src/base/timeouts.ts';
import type { AgentAddOptions } from '../../src/client/agent/agent.ts';
import type { AuthMethod } from '../../src/client/authentication/methods.ts';
import type {
  CallOptions,
  ExecOptions,
  OpenStreamOptions,
  RunOptions,
  SessionOptions,
  ShellOptions,
} from '../../src/client/callOptions.ts';
import type { Client } from '../../src/client/client.ts';
import type { PtyOptions } from '../../src/client/command/requestPayloads.ts';
import { createConnect } from '../../src/client/dial/connect.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import type { FleetRunOptions, RunOnAllOptions } from '../../src/client/fleet/options.ts';
import { createRunOnAll } from '../../src/client/fleet/runOnAll.ts';
import { pinnedHostKey } from '../../src/client/hostKeys/hostKeys.ts';
import { type DebugHandlerOptions, debugHandler } from '../../src/diagnostics/debugHandler.ts';
import { type ReportOptions, takeReport } from '../../src/diagnostics/report.ts';
import { type AlgorithmOptions, resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { resolveRekey } from '../../src/endpoint/options/rekeyOption.ts';
import { openAgent } from '../../src/entry/index.ts';
import {
  type FormatKnownHostsOptions,
  type FormatPublicKeyOptions,
  fingerprint,
  formatKnownHostsLine,
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  type ParsePrivateKeyOptions,
  parseCertificate,
  parsePrivateKey,
  parsePublicKey,
  randomArt,
} from '../../src/entry/keys.ts';
import type { GenerateKeyOptions } from '../../src/keys/generation/generateKey.ts';
import type { FormatPrivateKeyOptions } from '../../src/keys/privateKey/formatPrivateKey.ts';
import { type KnownHostsOptions, knownHosts, trustOnFirstUse } from '../../src/node/knownHosts/knownHosts.ts';
import { nodePlatform } from '../../src/node/platform.ts';
import type { RekeyPolicy } from '../../src/transport/transport.ts';
import {
  allKinds,
  anyText,
  checkArgument,
  checkNames,
  checkRows,
  checkSets,
  flags,
  type Kind,
  milliseconds,
  numbers,
  objects,
  type Rows,
  refusalOf,
  texts,
  values,
} from '../support/optionRows.ts';
import { play } from '../support/scene.ts';

const callRows: Rows<CallOptions> = { timeout: milliseconds, signal: [] };
const sessionRows: Rows<SessionOptions> = { ...callRows, maxChannels: ['number'] };
const execRows: Rows<ExecOptions> = {
  ...sessionRows,
  pty: [...flags, ...objects],
  env: objects,
  cwd: texts,
  forwardAgent: flags,
  x11: [...flags, ...objects],
};
const runRows: Rows<RunOptions> = {
  ...execRows,
  input: [...anyText, 'bytes', 'list'],
  encoding: [],
  maxBuffer: ['number', 'zero', 'fraction', 'endless'],
  onStdout: ['function'],
  onStderr: ['function'],
};
const ptyRows: Rows<PtyOptions> = {
  term: anyText,
  columns: ['number', 'zero'],
  rows: ['number', 'zero'],
  widthPixels: ['number', 'zero'],
  heightPixels: ['number', 'zero'],
  modes: objects,
};
const shellRows: Rows<ShellOptions> = {
  ...sessionRows,
  ...ptyRows,
  env: objects,
  forwardAgent: flags,
  x11: [...flags, ...objects],
  pty: flags,
};
const connectRows: Rows<ConnectOptions> = {
  host: texts,
  port: ['number'],
  username: texts,
  privateKey: [...anyText, 'bytes', 'list'],
  passphrase: [...anyText, 'bytes', 'function'],
  certificate: [...anyText, 'bytes', 'list'],
  agent: [...texts, ...flags],
  password: [...anyText, 'function'],
  changePassword: ['function'],
  keyboardInteractive: ['function'],
  publickeyAlgorithms: ['list'],
  auth: ['list'],
  verifyHostKey: ['function'],
  algorithms: objects,
  crypto: [],
  timeout: milliseconds,
  timeouts: objects,
  keepAlive: [...flags, ...objects],
  rekey: objects,
  limits: objects,
  signal: [],
  via: [...texts, 'list', ...objects],
  proxy: texts,
  proxyCommand: texts,
  stream: [],
  maxChannels: ['number'],
  onBanner: ['function'],
  onDebug: ['function'],
  localAddress: texts,
  typeOfService: ['number', 'zero'],
  family: [],
  requireStrictKeyExchange: flags,
  softwareVersion: anyText,
  captureStack: flags,
};
const { host: _h, stream: _s, onBanner: _b, onDebug: _d, ...sharedRows } = connectRows;
const fleetRows: Rows<RunOnAllOptions> = {
  ...sharedRows,
  concurrency: ['number'],
  retry: [...flags, ...objects],
  pool: [],
  run: objects,
};
const { signal: _g, onStdout: _o, onStderr: _e, ...commandRows } = runRows;
const fleetRunRows: Rows<FleetRunOptions> = { ...commandRows, input: [...anyText, 'bytes'] };

/** A platform without a network: what reaches it has passed all checks. */
const platform = {
  ...nodePlatform,
  tcp: () => () => {
    throw new Error('dialled');
  },
  defaultHostKeyVerifier: () => () => true,
};
const connect = createConnect(platform);
const runOnAll = createRunOnAll(platform);
const key = generateKey('ed25519');

/** A function of a client that is connected. */
async function onClient(story: (client: Client) => Promise<void>): Promise<void> {
  await play(({ client }) => story(client), {
    server: { exec: () => Promise.resolve(0), shell: () => Promise.resolve(0) },
  });
}

describe('the options of', () => {
  it('connect', async () => {
    const dial = (options: ConnectOptions): Promise<unknown> => connect(options);
    await checkRows<ConnectOptions>(connectRows, dial, { rest: { host: 'a', username: 'b' } });
    await checkSets(dial);
  });

  it('each way to authenticate', async () => {
    const tables: { readonly [Method in Exclude<AuthMethod, string>['method']]: object } = {
      none: {},
      publickey: {
        privateKey: [...texts, 'bytes'],
        passphrase: [...anyText, 'bytes', 'function'],
        certificate: [...anyText, 'bytes', 'list'],
      },
      agent: { agent: [...texts, 'yes'], keys: ['list'] },
      password: { password: [...anyText, 'function'], changePassword: ['function'] },
      'keyboard-interactive': { answer: ['function'], attempts: ['number'] },
    };
    const needed = {
      publickey: { privateKey: 'x' },
      password: { password: 'x' },
      'keyboard-interactive': { answer: () => undefined },
    };
    for (const [method, rows] of Object.entries(tables)) {
      const rest = { method, ...needed[method as keyof typeof needed] };
      const call = (step: object): Promise<unknown> =>
        connect({ host: 'a', username: 'b', auth: [step as AuthMethod] });
      await checkRows<object>(rows as Rows<object>, call, { prefix: 'auth[0].', rest });
    }
    const refused = async (auth: unknown): Promise<string | undefined> =>
      (await refusalOf(() => connect({ host: 'a', username: 'b', auth: auth as AuthMethod[] })))?.message;
    expect(await refused(['none', 7])).toBe(
      "auth[1] must be an object with a method, or 'none', not a number",
    );
    expect(await refused([{ method: 'magic' }])).toMatch(
      /^auth\[0\]\.method must be 'none', 'publickey', .*, not the string "magic"$/,
    );
    expect(await refused([{ password: 'x' }])).toMatch(/^auth\[0\]\.method must be .*, not undefined$/);
    expect(await refused([{ method: 'password' }])).toMatch(
      /^auth\[0\]\.password must be .*, not undefined$/,
    );
    expect(await refused([{ method: 'publickey' }])).toMatch(
      /^auth\[0\]\.privateKey must be .*, not undefined$/,
    );
    expect(await refused([{ method: 'keyboard-interactive' }])).toMatch(
      /^auth\[0\]\.answer must be .*, not undefined$/,
    );
  });

  it('timeouts, limits, keepAlive, rekey and algorithms', async () => {
    const timeoutNames: (keyof Timeouts)[] = [
      'connect',
      'proxyCommand',
      'identification',
      'keyExchange',
      'authentication',
      'channelOpen',
      'request',
      'write',
      'close',
      'agent',
    ];
    const timeoutRows = Object.fromEntries(
      timeoutNames.map((name) => [name, milliseconds]),
    ) as unknown as Rows<Timeouts>;
    await checkRows<Timeouts>(timeoutRows, resolveTimeouts, { prefix: 'timeouts.' });
    // Whether a whole number is within its bounds is each limit's own affair.
    const bounded: readonly Kind[] = ['number', 'zero'];
    for (const name of Object.keys(defaultLimits)) {
      for (const kind of allKinds.filter((each) => !bounded.includes(each))) {
        const [value, shown, type] = values[kind];
        const refusal = await refusalOf(() => resolveLimits({ [name]: value } as Partial<Limits>));
        expect(refusal?.message).toMatch(
          new RegExp(`^limits\\.${name} must be a whole number from \\d+ to \\d+, not `),
        );
        expect([shown, type]).toContain(refusal?.message.split(', not ')[1]);
      }
    }
    await checkNames<Partial<Limits>>(resolveLimits, 'limits.', {});
    const keepAliveRows: Rows<KeepAlive> = { interval: milliseconds, maxMissed: ['number'] };
    await checkRows<KeepAlive>(keepAliveRows, resolveKeepAlive, { prefix: 'keepAlive.' });
    const rekeyRows: Rows<RekeyPolicy> = { bytes: ['endless'], packets: ['endless'], interval: ['endless'] };
    await checkRows<RekeyPolicy>(rekeyRows, resolveRekey, { prefix: 'rekey.' });
    const lists: readonly Kind[] = ['list', ...objects];
    const algorithmRows: Rows<Exclude<AlgorithmOptions, string>> = {
      kex: lists,
      hostKey: lists,
      cipher: lists,
      mac: lists,
      compression: lists,
    };
    await checkRows<Exclude<AlgorithmOptions, string>>(
      algorithmRows,
      (options) => resolveAlgorithms(options),
      { prefix: 'algorithms.' },
    );
    for (const set of [resolveTimeouts, resolveLimits, resolveRekey])
      await checkSets<object>((options) => set(options as never));
  });

  it('run', async () => {
    await onClient(async (client) => {
      const run = (options: RunOptions): Promise<unknown> => client.run('x', options);
      // Sent one by one, the lists of pieces and the like are of their own kind.
      await checkRows<RunOptions>(runRows, run);
      await checkSets(run);
      await checkRows<PtyOptions>(ptyRows, (pty) => client.run('x', { pty }), { prefix: 'pty.' });
    });
  });

  it('exec, shell and subsystem', async () => {
    await onClient(async (client) => {
      const exec = (options: ExecOptions): Promise<unknown> =>
        client.exec('x', options).then((process) => process.close());
      await checkRows<ExecOptions>(execRows, exec);
      await checkSets(exec);
      const shell = (options: ShellOptions): Promise<unknown> =>
        client.shell(options).then((process) => process.close());
      await checkRows<ShellOptions>(shellRows, shell);
      await checkSets(shell);
      const subsystem = (options: SessionOptions): Promise<unknown> => client.subsystem('x', options);
      await checkRows<SessionOptions>(sessionRows, subsystem);
      await checkSets(subsystem);
    });
  });

  it('openTcp, openUnix, ping and rekey', async () => {
    await onClient(async (client) => {
      const calls: readonly ((options: CallOptions) => Promise<unknown>)[] = [
        (options) => client.ping(options),
        (options) => client.rekey(options),
      ];
      for (const call of calls) {
        await checkRows<CallOptions>(callRows, call);
        await checkSets(call);
      }
      const opens: readonly ((options: OpenStreamOptions) => Promise<unknown>)[] = [
        (options) => client.openTcp('echo', 9, options),
        (options) => client.openUnix('/x', options),
      ];
      for (const open of opens) {
        await checkRows<OpenStreamOptions>({ ...callRows, allowHalfOpen: ['yes', 'no'] }, open);
        await checkSets(open);
      }
    });
  });

  it('runOnAll and of the command in it', async () => {
    const all = async (options: RunOnAllOptions): Promise<void> => {
      const results = runOnAll([], 'x', options);
      for await (const _ of results);
    };
    await checkRows<RunOnAllOptions>(fleetRows, all, { rest: { username: 'b' } });
    await checkSets(all);
    await checkRows<FleetRunOptions>(fleetRunRows, (run) => all({ username: 'b', run }), { prefix: 'run.' });
  });

  it('knownHosts, trustOnFirstUse, openAgent and an agent that is given a key', async () => {
    const rows: Rows<KnownHostsOptions> = {
      files: [...texts, 'list'],
      unknown: [],
      update: flags,
      hash: flags,
      revokedHostKeys: [...texts, 'list'],
      command: ['list'],
      certificateSignatures: ['list'],
      checkAddress: flags,
    };
    await checkRows<KnownHostsOptions>(rows, (options) => knownHosts(options));
    const { unknown: _u, ...trustRows } = rows;
    await checkRows<Omit<KnownHostsOptions, 'unknown'>>(trustRows, (options) => trustOnFirstUse(options));
    await checkRows<{ readonly timeout?: number }>({ timeout: milliseconds }, (options) =>
      openAgent('/nowhere', options),
    );
    await checkSets<object>((options) => openAgent('/nowhere', options));
    await using agent = openAgent('/nowhere');
    const addRows: Rows<AgentAddOptions> = {
      comment: anyText,
      certificate: [...anyText, 'bytes'],
      lifetime: ['number'],
      confirm: flags,
    };
    await checkRows<AgentAddOptions>(addRows, (options) => agent.add(key, options));
    await checkSets<AgentAddOptions>((options) => agent.add(key, options));
  });

  it('debugHandler', async () => {
    const rows: Rows<DebugHandlerOptions> = { metrics: [], hosts: ['list'], fileNames: flags };
    await checkRows<DebugHandlerOptions>(rows, (options) => debugHandler(options));
    await checkSets<DebugHandlerOptions>((options) => debugHandler(options));
  });

  it('takeReport', async () => {
    const rows: Rows<ReportOptions> = {
      details: flags,
      limit: numbers.filter((kind) => kind !== 'notANumber'),
      fileNames: flags,
    };
    await checkRows<ReportOptions>(rows, (options) => takeReport(options));
    await checkSets<ReportOptions>((options) => takeReport(options));
  });

  it('the functions for keys', async () => {
    const generateRows: Rows<GenerateKeyOptions> = {
      bits: [],
      randomBytes: ['function'],
      generateRsa: ['function'],
      arithmetic: objects,
    };
    await checkRows<GenerateKeyOptions>(generateRows, (options) => {
      // A function that gives no bytes, and arithmetic without any, are beyond a check of types.
      const isEmpty = [values.object[0], values.date[0]].includes(options.arithmetic as never);
      if (typeof options.randomBytes !== 'function' && !isEmpty) generateKey('ed25519', options);
    });
    await checkSets<GenerateKeyOptions>((options) => generateKey('ed25519', options));
    const formatRows: Rows<FormatPrivateKeyOptions> = {
      format: [],
      comment: anyText,
      passphrase: [...anyText, 'bytes'],
      cipher: anyText,
      rounds: ['number'],
      randomBytes: ['function'],
    };
    await checkRows<FormatPrivateKeyOptions>(formatRows, (options) => {
      if (typeof options.randomBytes !== 'function') formatPrivateKey(key, options);
    });
    await checkSets<FormatPrivateKeyOptions>((options) => formatPrivateKey(key, options));
    const text = formatPrivateKey(key);
    const parseRows: Rows<ParsePrivateKeyOptions> = { passphrase: [...anyText, 'bytes'], limits: objects };
    await checkRows<ParsePrivateKeyOptions>(parseRows, (options) => parsePrivateKey(text, options));
    await checkSets<ParsePrivateKeyOptions>((options) => parsePrivateKey(text, options));
    const lineRows: Rows<FormatKnownHostsOptions> = { salt: ['bytes'], comment: anyText };
    const line = (options: FormatKnownHostsOptions): string =>
      formatKnownHostsLine('host', 22, key.publicKey, options);
    await checkRows<FormatKnownHostsOptions>(lineRows, line);
    await checkSets<FormatKnownHostsOptions>(line);
    const publicRows: Rows<FormatPublicKeyOptions> = { format: [], comment: anyText };
    await checkRows<FormatPublicKeyOptions>(publicRows, (options) => formatPublicKey(key.publicKey, options));
    await checkSets<FormatPublicKeyOptions>((options) => formatPublicKey(key.publicKey, options));
  });
});

describe('the arguments of', () => {
  it('calls on a client', async () => {
    await onClient(async (client) => {
      for (const call of [
        (name: string) => client.subsystem(name),
        (path: string) => client.openUnix(path),
      ]) {
        await checkArgument(texts, call);
      }
      await checkArgument(texts, (host: string) => client.openTcp(host, 9));
      await checkArgument(['number'], (port: number) => client.openTcp('echo', port));
      const process = await client.exec('x');
      process.stdout.resume();
      process.stderr.resume();
      for (const kill of [(signal: string) => process.kill(signal)])
        await checkArgument([...texts, 'undefined' as Kind], kill);
      await checkArgument(['number', 'zero'], (columns: number) => process.resize(columns, 24));
      await checkArgument(['number', 'zero'], (rows: number) => process.resize(80, rows));
    });
  });

  it('calls on a client reject, and never throw', async () => {
    await onClient(async (client) => {
      const junk = 5 as never;
      const calls = [
        () => client.run(junk),
        () => client.exec(junk),
        () => client.shell(junk),
        () => client.subsystem(junk),
        () => client.openTcp(junk, 1),
        () => client.openUnix(junk),
        () => client.ping(junk),
        () => client.rekey(junk),
        () => client.run('x', junk),
        () => client.exec('x', junk),
        () => connect(junk),
      ];
      for (const call of calls) {
        const pending: Promise<unknown> = call();
        await expect(pending).rejects.toMatchObject({
          code: 'ERR_SSH_OPTIONS',
          message: expect.stringMatching(/5$/),
        });
      }
    });
  });

  it('runOnAll', async () => {
    await checkArgument(['list', 'bytes'], (targets: string[]) => runOnAll(targets, 'x'));
    // A list is one of words, and has errors of its own; a function is run in place of a command.
    await checkArgument([...anyText, 'list', 'function'], (command: string) => runOnAll([], command));
  });

  it('pinnedHostKey and the functions of an agent', async () => {
    await checkArgument([], (pin: string) => pinnedHostKey(pin));
    await using agent = openAgent('/nowhere');
    await checkArgument([], (one: never) => agent.add(one));
    await checkArgument(['bytes'], (one: Uint8Array) => agent.remove(one));
    await checkArgument(['bytes'], (one: Uint8Array) => agent.forward(one));
    await checkArgument(['bytes'], (one: Uint8Array) => agent.sign(one, 'ssh-ed25519', Uint8Array.of(1)));
    await checkArgument(['bytes'], (one: Uint8Array) => agent.sign(Uint8Array.of(1), 'ssh-ed25519', one));
    await checkArgument(texts, (one: string) => agent.sign(Uint8Array.of(1), one, Uint8Array.of(1)));
    await checkArgument([...texts, 'undefined' as Kind], (path: string) => openAgent(path));
  });

  it('the functions for keys', async () => {
    for (const parse of [parsePrivateKey, parsePublicKey, parseCertificate]) {
      await checkArgument([...anyText, 'bytes'], (data: string) => parse(data));
    }
    await checkArgument(['bytes'], (one: Uint8Array) => fingerprint(one));
    await checkArgument(['undefined' as Kind], (hash: 'md5') => fingerprint(key.publicKey, hash));
    await checkArgument([], (one: never) => randomArt(one));
    await checkArgument([], (type: 'rsa') => generateKey(type));
    await checkArgument(anyText, (host: string) => formatKnownHostsLine(host, 22, key.publicKey));
    await checkArgument(['number'], (port: number) => formatKnownHostsLine('host', port, key.publicKey));
  });
});

describe('a value that may be a secret', () => {
  it('is never shown', async () => {
    const secret = 'hunter2';
    const bad: readonly ConnectOptions[] = [
      { passphrase: [secret] as never },
      { password: { secret } as never },
      { password: new String(secret) as never },
      { privateKey: { secret } as never },
      { privateKey: [7, secret] as never },
      { certificate: { secret } as never },
      { auth: [{ method: 'password', password: [secret] as never }] },
      { auth: [secret as never] },
      secret as never,
    ];
    for (const options of bad) {
      const given = typeof options === 'string' ? options : { host: 'a', username: 'b', ...options };
      const refusal = await refusalOf(() => connect(given as ConnectOptions));
      expect(refusal?.message).toMatch(/must be|takes/);
      expect(refusal?.message).not.toContain(secret);
    }
    await onClient(async (client) => {
      const calls = [
        client.run('x', { env: { TOKEN: `${secret}\0` } }),
        client.run('x', { env: { TOKEN: [secret] as never } }),
        client.run('x', { input: { secret } as never }),
        client.run(`${secret}\0`),
      ];
      for (const call of calls) {
        const refusal = await refusalOf(() => call);
        expect(refusal?.code).toBe('ERR_SSH_OPTIONS');
        expect(refusal?.message).not.toContain(secret);
      }
    });
  });

  it('nor is the whole of a long text, nor what could steer a terminal', async () => {
    const refusal = await refusalOf(() =>
      connect({ host: 'a', port: `\u001b[31m${'x'.repeat(1000)}` as never }),
    );
    expect(refusal?.message.length).toBeLessThan(200);
    expect(refusal?.message).toMatch(/not the string "\\x1b\[31mx+…"$/);
  });
});

describe('environment variables', () => {
  it('have names that are names, and texts; one that is undefined is not given', async () => {
    await onClient(async (client) => {
      for (const [env, message] of [
        [{ '': 'x' }, /env has the name "", which is not a name of a variable/],
        [{ 'A=B': 'x' }, /env has the name "A=B"/],
        [{ 'A\0': 'x' }, /a name in env has a NUL/],
        [{ A: 7 }, /env\.A must be a string, not 7$/],
        [{ A: null }, /env\.A must be a string, not null$/],
        [new Map([['A', 'x']]), /env must be an object of names and values, not a Map$/],
        [['A=x'], /env must be an object of names and values, not an array$/],
      ] as const) {
        const refusal = await refusalOf(() => client.run('x', { env: env as never }));
        expect(refusal?.message).toMatch(message);
      }
      expect((await client.run('x', { env: { A: undefined } })).refusedEnv).toEqual([]);
    });
  });
});

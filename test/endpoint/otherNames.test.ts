/** What options are called elsewhere: each such name says what to write here, and that exists. */
import fc from 'fast-check';
import type { Algorithms, ConnectConfig, ExecOptions, PseudoTtyOptions, ShellOptions } from 'ssh2';
import { describe, expect, it } from 'vitest';
import { nearest, type OtherNames } from '../../src/base/optionChecks.ts';
import {
  checkCallOptions,
  checkExecOptions,
  checkRunOptions,
  checkShellOptions,
  runTable,
} from '../../src/client/callOptions.ts';
import { connectTable, resolveOptions } from '../../src/client/dial/options.ts';
import { createRunOnAll } from '../../src/client/fleet/runOnAll.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import {
  algorithmNames,
  callNames,
  connectNames,
  execNames,
  fleetNames,
  fleetRunNames,
  ptyNames,
  runNames,
  serverNames,
  shellNames,
} from '../../src/endpoint/options/otherNames.ts';
import { nodePlatform } from '../../src/node/platform.ts';
import { checkServerOptions } from '../../src/server/optionChecks.ts';

const runOnAll = createRunOnAll(nodePlatform);

type Check = (options: object) => unknown;

const checks: readonly [string, OtherNames, Check][] = [
  [
    'connect',
    connectNames,
    (options) =>
      resolveOptions(
        { host: 'a', ...options },
        () => 'b',
        (name) => name,
      ),
  ],
  ['algorithms', algorithmNames, (options) => resolveAlgorithms(options)],
  ['pty', ptyNames, (pty) => checkRunOptions({ pty })],
  ['run', runNames, checkRunOptions],
  ['exec', execNames, checkExecOptions],
  ['shell', shellNames, checkShellOptions],
  ['ping', callNames, (options) => checkCallOptions('ping', options)],
  ['runOnAll', fleetNames, (options) => runOnAll([], 'x', options)],
  ['createServer', serverNames, checkServerOptions],
  ['the command of runOnAll', fleetRunNames, (run) => runOnAll([], 'x', { run })],
];

/** What is said of a name; undefined where it is an option. */
function saidOf(check: Check, name: string): string | undefined {
  try {
    check({ [name]: undefined });
    return undefined;
  } catch (error) {
    const { message } = error as Error;
    return message.startsWith('there is no option') ? message : undefined;
  }
}

describe.each(checks)('of %s', (_call, names, check) => {
  it.each(Object.entries(names))('%s is no option, and says what is', (name, { use, note }) => {
    const message = saidOf(check, name) ?? '';
    expect(message).toMatch(/^there is no option "/);
    for (const words of [use, note]) if (words !== undefined) expect(message).toContain(words);
    if (use !== undefined) expect(saidOf(check, use)).toBeUndefined();
    expect(use ?? note).toBeDefined();
  });
});

/** Whether a word differs from another by a letter that is missing, wrong or added, or by two that are swapped. */
function isOneMistake(word: string, typed: string): boolean {
  let start = 0;
  while (start < Math.min(word.length, typed.length) && word[start] === typed[start]) start++;
  const [rest, other] = [word.slice(start), typed.slice(start)];
  const ends: readonly (readonly [string, string])[] = [
    [rest.slice(1), other],
    [rest, other.slice(1)],
    [rest.slice(1), other.slice(1)],
    [`${rest.charAt(1)}${rest.charAt(0)}${rest.slice(2)}`, other],
  ];
  return ends.some(([one, two]) => one === two);
}

/** A library's names; those that are not among ours must say something of use. */
function everyNameIsAnswered(check: Check, names: readonly string[]): void {
  for (const name of names) {
    const message = saidOf(check, name);
    if (message !== undefined)
      expect([name, message]).toEqual([name, expect.stringMatching(/"[^;]*; (?!it takes)/)]);
  }
}

const [connect, run, exec, shell, pty, algorithms] = [
  'connect',
  'run',
  'exec',
  'shell',
  'pty',
  'algorithms',
].map((name) => checks.find(([call]) => call === name)?.[2] ?? expect.unreachable()) as [
  Check,
  Check,
  Check,
  Check,
  Check,
  Check,
];

describe('the options of', () => {
  it('ssh2 each have an answer', () => {
    // A name that its types have and that is not here does not compile.
    const connectConfig: Readonly<Record<keyof ConnectConfig, true>> = {
      host: true,
      port: true,
      forceIPv4: true,
      forceIPv6: true,
      hostHash: true,
      hostVerifier: true,
      username: true,
      password: true,
      agent: true,
      privateKey: true,
      passphrase: true,
      localHostname: true,
      localUsername: true,
      tryKeyboard: true,
      keepaliveInterval: true,
      keepaliveCountMax: true,
      readyTimeout: true,
      strictVendor: true,
      sock: true,
      agentForward: true,
      algorithms: true,
      debug: true,
      authHandler: true,
      localAddress: true,
      localPort: true,
      timeout: true,
      ident: true,
    };
    everyNameIsAnswered(connect, [
      ...Object.keys(connectConfig),
      'hostname',
      'user',
      'allowAgentFwd',
      'compress',
    ]);
    const algorithmKinds: Readonly<Record<keyof Algorithms, true>> = {
      kex: true,
      cipher: true,
      serverHostKey: true,
      hmac: true,
      compress: true,
    };
    everyNameIsAnswered(algorithms, Object.keys(algorithmKinds));
    const execOptions: Readonly<Record<keyof ExecOptions, true>> = {
      env: true,
      pty: true,
      x11: true,
      allowHalfOpen: true,
    };
    everyNameIsAnswered(exec, [...Object.keys(execOptions), 'agentForward']);
    everyNameIsAnswered(run, [...Object.keys(execOptions), 'agentForward']);
    const ptyOptions: Readonly<Record<keyof PseudoTtyOptions, true>> = {
      rows: true,
      cols: true,
      height: true,
      width: true,
      term: true,
      modes: true,
    };
    everyNameIsAnswered(pty, Object.keys(ptyOptions));
    everyNameIsAnswered(shell, Object.keys(ptyOptions));
    const shellOptions: Readonly<Record<keyof ShellOptions, true>> = { env: true, x11: true };
    everyNameIsAnswered(shell, Object.keys(shellOptions));
  });

  it('node-ssh each have an answer', () => {
    everyNameIsAnswered(connect, ['privateKeyPath', 'tryKeyboard', 'onKeyboardInteractive']);
    const execCommand = [
      'cwd',
      'stdin',
      'execOptions',
      'encoding',
      'noTrim',
      'onChannel',
      'onStdout',
      'onStderr',
    ];
    everyNameIsAnswered(run, [...execCommand, 'stream']);
    everyNameIsAnswered(exec, [...execCommand, 'stream']);
    everyNameIsAnswered(shell, ['cwd']);
  });

  it('ssh2-sftp-client each have an answer', () => {
    everyNameIsAnswered(connect, [
      'retries',
      'retry_factor',
      'retry_minTimeout',
      'retry_delay',
      'promiseLimit',
      'debug',
    ]);
  });

  it('node:child_process and ssh each have an answer', () => {
    everyNameIsAnswered(run, [
      'cwd',
      'input',
      'stdio',
      'env',
      'encoding',
      'shell',
      'timeout',
      'maxBuffer',
      'killSignal',
    ]);
    everyNameIsAnswered(connect, [
      'HostName',
      'User',
      'Port',
      'IdentityFile',
      'ProxyJump',
      'ProxyCommand',
      'StrictHostKeyChecking',
      'UserKnownHostsFile',
      'ServerAliveInterval',
      'ServerAliveCountMax',
      'ConnectTimeout',
      'BindAddress',
      'ForwardAgent',
    ]);
  });
});

describe('a name that is misspelt', () => {
  const tables = { connect: Object.keys(connectTable), run: Object.keys(runTable) };

  it.each<[string, string]>([
    ['hots', 'host'],
    ['Host', 'host'],
    ['user-name', 'username'],
    ['private_key', 'privateKey'],
    ['keepalive', 'keepAlive'],
    ['onBaner', 'onBanner'],
    ['verifyHostkey', 'verifyHostKey'],
    ['timeOut', 'timeout'],
  ])('%s is asked about as %s', (name, meant) => {
    expect(saidOf(connect, name)).toBe(`there is no option "${name}" of connect; did you mean ${meant}?`);
  });

  it('by a letter that is missing, wrong, one too many or out of place is told from all others', () => {
    const change = fc.record({
      table: fc.constantFrom(...Object.values(tables)),
      which: fc.nat(),
      at: fc.nat(),
      kind: fc.constantFrom('missing', 'wrong', 'added', 'swapped'),
      letter: fc.constantFrom(...'qxzQXZ7'),
    });
    fc.assert(
      fc.property(change, ({ table, which, at, kind, letter }) => {
        const name = table[which % table.length] ?? '';
        const place = at % name.length;
        const [before, here, behind] = [name.slice(0, place), name.charAt(place), name.slice(place + 1)];
        const swapped = behind === '' ? name : `${before}${behind.charAt(0)}${here}${behind.slice(1)}`;
        const typed = {
          missing: `${before}${behind}`,
          wrong: `${before}${letter}${behind}`,
          added: `${before}${letter}${here}${behind}`,
          swapped,
        }[kind];
        fc.pre(!table.includes(typed));
        // Another may be as near.
        const near = table.filter((each) => isOneMistake(each, typed));
        expect(near).toContain(name);
        expect(near).toContain(nearest(typed, table));
      }),
      { numRuns: 500 },
    );
  });

  it('beyond recognition is told what there is, where that is not much', () => {
    expect(nearest('somethingElse', tables.connect)).toBeUndefined();
    expect(saidOf((options) => checkCallOptions('ping', options), 'somethingElse')).toBe(
      'there is no option "somethingElse" of ping; it takes timeout, signal',
    );
    expect(saidOf(connect, 'somethingElse')).toBe('there is no option "somethingElse" of connect');
  });

  it('of any length and any characters is told in a few words', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 3000 }), (name) => {
        const message = saidOf(run, name) ?? '';
        expect(message.length).toBeLessThan(300);
        expect(message).not.toMatch(/\p{Cc}/u);
      }),
    );
  });
});

describe('a callback', () => {
  it('in place of options is told that calls give promises', () => {
    expect(() => checkExecOptions(() => {})).toThrow(
      'the options of exec must be an object, not a function; calls here give promises and take no callback',
    );
  });
});

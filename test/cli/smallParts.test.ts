/** Small parts that several commands have: options of one letter, messages, signals, figures, JSON lines, faults of parseArgs. */
import { parseArgs } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { aligned, duration, tenths } from '../../src/cli/figures.ts';
import { Interruption } from '../../src/cli/interruption.ts';
import { LetterOptions } from '../../src/cli/letterOptions.ts';
import { Messages } from '../../src/cli/messages.ts';
import { parseCommandLine } from '../../src/cli/remote/arguments.ts';
import { encodedOutput, jsonLine } from '../../src/cli/remote/jsonReport.ts';
import { commandOptions } from '../../src/cli/remote/optionTable.ts';
import { queryText } from '../../src/cli/remote/query.ts';
import { besideStatus } from '../../src/cli/terminal/besideStatus.ts';
import { StatusLine } from '../../src/cli/terminal/statusLine.ts';
import { strictly, usageError } from '../../src/cli/usage.ts';
import { ciphers, compressions, kexMethods, macs } from '../../src/crypto/algorithms.ts';
import { hear } from '../support/cli/inProcess.ts';
import { ScriptedPerson } from '../support/cli/scriptedPerson.ts';

describe('options of one letter', () => {
  const options = new LetterOptions<string[]>('program', [
    { letter: 'a', apply: (draft) => void draft.push('a') },
    { letter: 'b', name: 'bee', value: 'BEE', apply: (draft, value) => void draft.push(`b=${value}`) },
    { name: 'long', apply: (draft, value) => void draft.push(`long${value}`) },
  ]);
  const taken = (...argv: readonly string[]) => {
    const draft: string[] = [];
    const { next, isTerminated } = options.take(argv, 0, draft);
    return [draft.join(), argv.slice(next).join(), isTerminated];
  };

  it.each([
    [[], ['', '', false]],
    [
      ['-a', 'w'],
      ['a', 'w', false],
    ],
    [
      ['-aab', 'x', 'w'],
      ['a,a,b=x', 'w', false],
    ],
    [
      ['-abx', 'w'],
      ['a,b=x', 'w', false],
    ],
    [
      ['-b', '-a', 'w'],
      ['b=-a', 'w', false],
    ],
    [
      ['-b', '', 'w'],
      ['b=', 'w', false],
    ],
    [
      ['--bee', 'x', 'w'],
      ['b=x', 'w', false],
    ],
    [
      ['--bee=x=y', 'w'],
      ['b=x=y', 'w', false],
    ],
    [
      ['--bee=', 'w'],
      ['b=', 'w', false],
    ],
    [
      ['--long', 'w', '-a'],
      ['long', 'w,-a', false],
    ],
    [
      ['-', '-a'],
      ['', '-,-a', false],
    ],
    [
      ['-a', '--', '-a'],
      ['a', '-a', true],
    ],
  ] as const)('%j are read as getopt does', (argv, outcome) => {
    expect(taken(...argv)).toEqual(outcome);
  });

  it.each([
    [['-x'], 'there is no option "-x"; try program --help'],
    [['-ax'], 'there is no option "-x"'],
    [['--none=1'], 'there is no option "--none"'],
    [['--a'], 'there is no option "--a"'],
    [['-b'], '-b needs a value: -b BEE'],
    [['--bee'], '--bee needs a value: --bee BEE'],
    [['--long=1'], '--long takes no value'],
    [['--long='], '--long takes no value'],
  ])('%j are refused', (argv, words) => {
    expect(() => taken(...argv)).toThrow(words);
  });

  it('of a session mean the same by their long names', () => {
    const both = commandOptions.filter(({ letter, name }) => letter !== undefined && name !== undefined);
    expect(both.length).toBeGreaterThan(10);
    for (const { letter, name, value } of both) {
      const given =
        value === undefined
          ? []
          : [letter === 'R' || letter === 'L' ? '1:h:2' : letter === 'W' ? 'h:1' : '22'];
      const command = letter === 'W' ? [] : ['command'];
      const [short, long] = [`-${letter}`, `--${name}`].map((option) =>
        parseCommandLine([option, ...given, '--', 'host', ...command]),
      );
      expect([name, long]).toEqual([name, short]);
    }
  });
});

describe('messages', () => {
  it('are lines behind the name of the program, on a raw terminal down and to the left', () => {
    const lines: string[] = [];
    const messages = new Messages({ write: (text) => lines.push(text) });
    messages.say('one');
    messages.block('two\nthree\r\nfour\n');
    messages.block('');
    messages.raw = true;
    messages.complain('five');
    messages.block('six\nseven');
    expect(lines).toEqual([
      'deadline-ssh: one\n',
      'two\nthree\nfour\n',
      '\n',
      'deadline-ssh: five\r\n',
      'six\r\nseven\r\n',
    ]);
  });

  it('are said as far as their level goes, to a file where there is one', () => {
    const [lines, log]: string[][] = [[], []];
    const messages = new Messages({ write: (text) => lines?.push(text) });
    for (const level of ['all', 'errors', 'none'] as const) {
      messages.level = level;
      messages.say(`said ${level}`);
      messages.complain(`complained ${level}`);
    }
    expect(lines).toEqual([
      'deadline-ssh: said all\n',
      'deadline-ssh: complained all\n',
      'deadline-ssh: complained errors\n',
    ]);
    messages.level = 'all';
    messages.raw = true;
    messages.logTo({ write: (text: string) => log?.push(text) });
    messages.say('to the file');
    messages.block('to the terminal');
    expect([log, lines?.at(-1)]).toEqual([['deadline-ssh: to the file\n'], 'to the terminal\r\n']);
  });
});

describe('a signal', () => {
  afterEach(() => vi.restoreAllMocks());

  it('ends the command, and a second one the program', () => {
    const interruption = new Interruption();
    expect([interruption.cause, interruption.status, interruption.signal.aborted]).toEqual([
      undefined,
      undefined,
      false,
    ]);
    const stop = interruption.watch();
    hear('SIGUSR1');
    expect([interruption.cause, interruption.status]).toEqual(['SIGUSR1', 138]);
    expect(interruption.signal.reason).toMatchObject({
      code: 'ERR_SSH_ABORTED',
      message: 'ended by SIGUSR1',
      phase: 'close',
      origin: 'user',
    });
    const exit = vi.spyOn(process, 'exit').mockImplementation((() => {}) as () => never);
    hear('SIGTERM');
    expect(exit).toHaveBeenCalledWith(138);
    stop();
    exit.mockClear();
    interruption.insteadOf('SIGINT', () => {})();
    expect(exit).not.toHaveBeenCalled();
  });

  it('is a step in place of the end while there is one', () => {
    const interruption = new Interruption();
    const stop = interruption.watch();
    let steps = 0;
    const release = interruption.insteadOf('SIGINT', () => steps++);
    hear('SIGINT');
    hear('SIGINT');
    expect([steps, interruption.status]).toEqual([2, undefined]);
    release();
    hear('SIGINT');
    expect([steps, interruption.status]).toEqual([2, 130]);
    stop();
  });
});

describe('figures', () => {
  it.each([
    [0, '0.0 ms'],
    [9.94, '9.9 ms'],
    [9.99, '10.0 ms'],
    [10, '10 ms'],
    [999.4, '999 ms'],
    [1_000, '1.00 s'],
    [9_994, '9.99 s'],
    [10_000, '10.0 s'],
    [61_250, '61.3 s'],
  ])('%d ms are %s', (milliseconds, text) => {
    expect(duration(milliseconds)).toBe(text);
  });

  it('have tenths, and columns with two blanks between', () => {
    expect([tenths(1.25), tenths(1.249), tenths(-0.04)]).toEqual([1.3, 1.2, -0]);
    expect(
      aligned([
        ['a', 'bb', 'c'],
        ['aaa', 'b', ''],
      ]),
    ).toBe('a    bb  c\naaa   b\n');
    expect(
      aligned(
        [
          ['a', 'bb', 'c'],
          ['aaa', 'b', 'cc'],
        ],
        (column) => column === 1,
      ),
    ).toBe('  a  bb   c\naaa  b   cc\n');
    expect(aligned([])).toBe('');
  });
});

describe('a line of JSON', () => {
  it('has null for what is not known, and nothing that misleads a terminal', () => {
    expect(jsonLine({ a: undefined, b: [undefined, 1] })).toBe('{"a":null,"b":[null,1]}');
    for (const code of [0x1b, 0x7f, 0x9f, 0x61c, 0x200b, 0x200f, 0x2028, 0x202e, 0x2060, 0x206f, 0xfeff]) {
      const line = jsonLine({ text: `a${String.fromCharCode(code)}b` });
      expect(line).toBe(`{"text":"a\\u${code.toString(16).padStart(4, '0')}b"}`);
      expect(JSON.parse(line)).toEqual({ text: `a${String.fromCharCode(code)}b` });
    }
    expect(jsonLine('\u00a0ü🦦')).toBe('"\u00a0ü🦦"');
  });

  it('has text where output is UTF-8, mark and all, and else base64', () => {
    expect(encodedOutput(Buffer.from('\ufeffa'))).toEqual({ text: '\ufeffa', encoding: 'utf8' });
    expect(encodedOutput(Uint8Array.of(0x61, 0xff))).toEqual({ text: 'Yf8=', encoding: 'base64' });
  });
});

describe('arguments that parseArgs refuses', () => {
  it('are told of in one sentence that leads to the help', () => {
    const parse = (args: string[]) => () =>
      strictly('deadline-ssh x', () => parseArgs({ args, options: { o: { type: 'string', short: 'o' } } }));
    expect(parse(['-o', 'v'])().values).toEqual({ o: 'v' });
    for (const args of [['--none'], ['-o'], ['word'], ['--o', '-x']]) {
      const error = (() => {
        try {
          return parse(args)();
        } catch (thrown) {
          return thrown;
        }
      })();
      expect(error).toBeInstanceOf(SshError);
      expect((error as SshError).message).toMatch(/^[^.\n]+[^.]; try deadline-ssh x --help$/);
    }
    for (const fault of [
      new TypeError('no'),
      Object.assign(new Error('no'), { code: 7 }),
      Object.assign(new Error('no'), { code: 'E' }),
      'no',
    ]) {
      expect(() =>
        strictly('x', () => {
          throw fault;
        }),
      ).toThrow(fault as Error);
    }
    expect(usageError('x', 'wrong')).toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: 'wrong; try x --help',
    });
  });
});

describe('-Q', () => {
  const list = (what: string): string[] => queryText(what).trimEnd().split('\n');

  it('lists what there is, under the names of ssh and of its keywords', () => {
    expect(list('help')).toEqual(
      'cipher cipher-auth compression kex key key-cert key-plain key-sig mac protocol-version sig'.split(' '),
    );
    expect(list('cipher')).toEqual(Object.keys(ciphers));
    expect(list('kex')).toEqual(Object.keys(kexMethods));
    expect(list('mac')).toEqual(Object.keys(macs));
    expect(new Set(list('compression'))).toEqual(new Set(Object.keys(compressions)));
    expect(list('protocol-version')).toEqual(['2']);
    for (const [keyword, what] of Object.entries({
      CASignatureAlgorithms: 'sig',
      Ciphers: 'cipher',
      HostbasedAcceptedAlgorithms: 'key-sig',
      HostKeyAlgorithms: 'key-sig',
      KexAlgorithms: 'kex',
      MACs: 'mac',
      PubkeyAcceptedAlgorithms: 'key-sig',
    })) {
      expect([keyword, list(keyword)]).toEqual([keyword, list(what)]);
    }
  });

  it('tells keys from signatures and from certificates', () => {
    const [key, plain, cert, sig, all] = ['key', 'key-plain', 'key-cert', 'sig', 'key-sig'].map(list);
    expect(key).toEqual([...(plain ?? []), ...(cert ?? [])]);
    expect(plain).toEqual(expect.arrayContaining(['ssh-ed25519', 'ssh-rsa', 'ecdsa-sha2-nistp521']));
    expect(plain?.filter((name) => /^(sk-|rsa-sha2)|cert/.test(name))).toEqual([]);
    expect(
      cert?.every((name) => name.endsWith('-cert-v01@openssh.com') && !name.startsWith('rsa-sha2')),
    ).toBe(true);
    expect(cert).toEqual(expect.arrayContaining(['ssh-rsa-cert-v01@openssh.com']));
    expect(sig).toEqual(
      expect.arrayContaining(['rsa-sha2-256', 'rsa-sha2-512', 'sk-ssh-ed25519@openssh.com']),
    );
    expect(sig?.some((name) => name.includes('-cert-'))).toBe(false);
    expect(all?.filter((name) => !name.includes('-cert-'))).toEqual(sig);
    expect(() => queryText('constructor')).toThrow('there are cipher');
  });
});

describe('a person beside a status line', () => {
  it('is asked and told things while the line is away', async () => {
    const written: string[] = [];
    const status = new StatusLine({ columns: 80, write: (text) => written.push(text) }, () => 'line');
    expect(besideStatus(status, undefined)).toBeUndefined();
    const person = new ScriptedPerson('a', 'b');
    person.columns = 77;
    const beside = besideStatus(status, person);
    status.start();
    expect(await beside?.ask('one? ')).toBe('a');
    status.stop();
    status.start();
    expect(await beside?.askSecretly('two? ')).toBe('b');
    status.stop();
    status.start();
    beside?.show('told');
    status.stop();
    expect([beside?.columns, person.transcript]).toEqual([77, 'one? |*two? |told']);
    expect(written.filter((text) => text.endsWith('\u001b[K'))).toHaveLength(3);
  });
});

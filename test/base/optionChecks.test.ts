/** What is said of an option that is wrong: what it takes, what it got, and which name was probably meant. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  abortSignal,
  anyObject,
  anyText,
  bytesOnly,
  callback,
  checkArgument,
  checkForeignText,
  checkOption,
  checkOptions,
  checkOptionsObject,
  describeType,
  describeValue,
  eitherOf,
  flag,
  milliseconds,
  nearest,
  type OptionRule,
  oneOf,
  port,
  secretly,
  someText,
  unknownOption,
  wholeNumber,
} from '../../src/base/optionChecks.ts';

/** Of a call with bad options. */
function said(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS', phase: 'options', origin: 'user' });
    return (error as Error).message;
  }
  return '';
}

describe('what an option takes', () => {
  const taken: readonly (readonly [string, OptionRule, readonly unknown[], readonly unknown[]])[] = [
    ['any text', anyText, ['', 'a'], [5, null, []]],
    ['some text', someText, ['a', ' '], ['', 5]],
    ['a flag', flag, [true, false], [0, 'yes', null]],
    ['a function', callback, [() => 0], [{}, null]],
    ['bytes', bytesOnly, [new Uint8Array(1), Buffer.from('a')], [[1], 'a', new ArrayBuffer(1)]],
    ['a time', milliseconds, [1, 0.5, Number.POSITIVE_INFINITY], [0, -1, Number.NaN, '5', null]],
    ['a port', port, [1, 65_535], [0, 65_536, 1.5, -1, '22', Number.NaN]],
    [
      'an object',
      anyObject,
      [{}, new Date()],
      [null, [], new Map(), Promise.resolve(), 'a', new Uint8Array(1)],
    ],
    [
      'a signal',
      abortSignal,
      [AbortSignal.abort(), { aborted: false, addEventListener: () => 0 }],
      [
        null,
        {},
        { aborted: false },
        { addEventListener: () => 0 },
        { aborted: 1, addEventListener: () => 0 },
      ],
    ],
    ['one of a few', oneOf('a', 5, true), ['a', 5, true], ['b', '5', false, 1]],
    ['either', eitherOf('either', flag, port), [true, 22], ['a', 0]],
    ['a secret', secretly(someText), ['a'], ['', 5]],
  ];

  it.each(taken)('%s', (_name, rule, good, bad) => {
    for (const value of good) expect(said(() => checkOption('x', value, rule))).toBe('');
    for (const value of bad)
      expect(said(() => checkOption('x', value, rule))).toContain(`x must be ${rule.takes}, not `);
    expect(said(() => checkOption('x', undefined, rule))).toBe('');
    expect(said(() => checkArgument('x', undefined, rule))).toBe(`x must be ${rule.takes}, not undefined`);
    expect(said(() => checkArgument('x', good[0], rule))).toBe('');
  });

  it('is said in words', () => {
    expect(wholeNumber(1, 5).takes).toBe('a whole number from 1 to 5');
    expect(wholeNumber(2, Number.POSITIVE_INFINITY).takes).toBe('a whole number of at least 2');
    expect(wholeNumber(1, 5, 'a few').takes).toBe('a few');
    expect(wholeNumber(1, Number.POSITIVE_INFINITY).accepts(2 ** 53)).toBe(false);
    expect([oneOf('a').takes, oneOf('a', 5).takes, oneOf('a', 'b', true).takes]).toEqual([
      "'a'",
      "'a' or 5",
      "'a', 'b' or true",
    ]);
  });
});

describe('a value in a message', () => {
  /** An object of a class of that name. */
  const named = (name: string): object => {
    const maker = { [name]: class {} }[name] as new () => object;
    return new maker();
  };
  const raise = (): never => {
    throw new Error('do not look');
  };
  const trap = new Proxy({}, { has: raise, get: raise });
  const half = Object.assign(Object.create(null), Object.fromEntries([['then', 5]]));
  // A list, since vitest would look into the values for a title.
  const rows: readonly (readonly [value: unknown, shown: string, type: string])[] = [
    ['22', 'the string "22"', 'a string'],
    ['', 'an empty string', 'a string'],
    ['a\x1b', 'the string "a\\x1b"', 'a string'],
    ['x'.repeat(40), `the string "${'x'.repeat(40)}"`, 'a string'],
    ['x'.repeat(41), `the string "${'x'.repeat(40)}…"`, 'a string'],
    [5, '5', 'a number'],
    [Number.NaN, 'NaN', 'a number'],
    [false, 'false', 'a boolean'],
    [999_999n, 'the bigint 999999n', 'a bigint'],
    [-999_999n, 'the bigint -999999n', 'a bigint'],
    [1_000_000n, 'a bigint', 'a bigint'],
    [-1_000_000n, 'a bigint', 'a bigint'],
    [undefined, 'undefined', 'undefined'],
    [null, 'null', 'null'],
    [Symbol('x'), 'a symbol', 'a symbol'],
    [raise, 'a function', 'a function'],
    [[], 'an array', 'an array'],
    [{}, 'an object', 'an object'],
    [Promise.resolve(), 'a promise (await it first)', 'a promise (await it first)'],
    [half, 'an object', 'an object'],
    [new Map(), 'a Map', 'a Map'],
    [named('Own'), 'an Own', 'an Own'],
    [named(''), 'an object', 'an object'],
    [named('a b'), 'an object', 'an object'],
    [named('x'.repeat(61)), `a ${'x'.repeat(61)}`, `a ${'x'.repeat(61)}`],
    [named('x'.repeat(62)), 'an object', 'an object'],
    [Object.create(null), 'an object', 'an object'],
    [{ constructor: { name: 'x' } }, 'an object', 'an object'],
    [trap, 'an object', 'an object'],
  ];

  it('is shown where it is short, and else named by what it is', () => {
    for (const [value, shown, type] of rows) {
      expect(describeValue(value)).toBe(shown);
      expect(describeType(value)).toBe(type);
    }
  });

  it('that may be a secret is named by its type alone', () => {
    expect(said(() => checkArgument('password', 'sesame', secretly(flag)))).toBe(
      'password must be true or false, not a string',
    );
    for (const value of ['a\0sesame', 'sesame\0', '\0'])
      expect(said(() => checkForeignText('the command', value))).toBe(
        'the command has a NUL character in it, which no program on the other side can take',
      );
    expect(said(() => checkForeignText('the command', 5))).toBe('the command must be a string, not 5');
    expect(said(() => checkForeignText('the command', ''))).toBe('');
  });
});

describe('options', () => {
  const set = { of: 'run', table: { timeout: milliseconds, cwd: anyText } };

  it('are an object', () => {
    expect(said(() => checkOptionsObject({}, 'run'))).toBe('');
    expect(said(() => checkOptionsObject(5, 'run'))).toBe('the options of run must be an object, not 5');
    expect(said(() => checkOptionsObject(() => 0, 'run'))).toBe(
      'the options of run must be an object, not a function; calls here give promises and take no callback',
    );
  });

  it('are checked one by one, as often as somebody gives them', () => {
    for (let times = 0; times < 2; times++) {
      expect(said(() => checkOptions({ timeout: 5, cwd: 'a' }, set))).toBe('');
      expect(said(() => checkOptions({ timeout: 5, cwd: undefined }, set))).toBe('');
      expect(said(() => checkOptions({ timeout: 5, cwd: 5 }, set))).toBe('cwd must be a string, not 5');
      expect(said(() => checkOptions({ toString: 5 }, set))).toBe(
        'there is no option "toString" of run; it takes timeout, cwd',
      );
      expect(said(() => checkOptions({ cwd: 5 }, { ...set, prefix: 'run.' }))).toBe(
        'run.cwd must be a string, not 5',
      );
    }
  });

  it('nobody knows are refused with what was meant', () => {
    const of = (name: string, more: object = {}): string => unknownOption(name, { ...set, ...more }).message;
    expect(of('timeuot')).toBe('there is no option "timeuot" of run; did you mean timeout?');
    expect(of('timeuot', { prefix: 'run.' })).toBe(
      'there is no option "run.timeuot"; did you mean run.timeout?',
    );
    expect(of(`a\x1b${'x'.repeat(50)}`)).toBe(
      `there is no option "a\\x1b${'x'.repeat(35)}…" of run; it takes timeout, cwd`,
    );
    const table = (count: number): object => ({
      table: Object.fromEntries(Array.from({ length: count }, (_, i) => [`n${i}`.repeat(9), flag])),
    });
    expect(of('word', table(0))).toBe('there is no option "word" of run');
    expect(of('word', table(12))).toContain(`; it takes ${'n0'.repeat(9)}, ${'n1'.repeat(9)}, `);
    expect(of('word', table(13))).toBe('there is no option "word" of run');
    const otherNames = {
      execTimeout: { use: 'timeout' },
      cwdir: { use: 'cwd', note: 'a folder' },
      stdio: { note: 'give streams' },
      silent: {},
    };
    expect(of('execTimeout', { otherNames })).toBe('there is no option "execTimeout" of run; use timeout');
    expect(of('exec-timeout', { otherNames })).toBe('there is no option "exec-timeout" of run; use timeout');
    expect(of('EXEC_TIMEOUT', { otherNames, prefix: 'run.' })).toBe(
      'there is no option "run.EXEC_TIMEOUT"; use run.timeout',
    );
    expect(of('cwdir', { otherNames })).toBe('there is no option "cwdir" of run; use cwd: a folder');
    expect(of('stdio', { otherNames })).toBe('there is no option "stdio" of run; give streams');
    expect(of('silent', { otherNames })).toBe('there is no option "silent" of run');
    expect(of('toString', { otherNames })).toBe(
      'there is no option "toString" of run; it takes timeout, cwd',
    );
  });
});

describe('the nearest name', () => {
  /** Insertions, deletions, exchanges and swaps of neighbours, counted in all ways there are. */
  const distance = (a: string, b: string): number => {
    if (a === '' || b === '') return a.length + b.length;
    const rest = [a.slice(1), b.slice(1)] as const;
    const ways = [
      distance(rest[0], b) + 1,
      distance(a, rest[1]) + 1,
      distance(...rest) + (a[0] === b[0] ? 0 : 1),
    ];
    if (a.length > 1 && b.length > 1 && a[0] === b[1] && a[1] === b[0])
      ways.push(distance(a.slice(2), b.slice(2)) + 1);
    return Math.min(...ways);
  };

  it('is the first with the fewest changes: one for a short name, two for a longer one', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 6 });
    fc.assert(
      fc.property(name, fc.array(name, { maxLength: 4 }), (wanted, known) => {
        const most = wanted.length <= 4 ? 1 : 2;
        const counted = known.map((candidate) => distance(wanted, candidate));
        const least = Math.min(...counted);
        expect(nearest(wanted, known)).toBe(least <= most ? known[counted.indexOf(least)] : undefined);
      }),
      { numRuns: 300 },
    );
  });

  it('is found whatever its case and the signs between its words', () => {
    for (const name of ['READY_TIMEOUT', 'ready-timeout', 'ready timeout', 'readyTimeuot', 'eradytimeotu'])
      expect(nearest(name, ['host', 'readyTimeout'])).toBe('readyTimeout');
    expect(nearest('x'.repeat(1e6), ['x'.repeat(64), 'y'])).toBe('x'.repeat(64));
    expect(nearest(`${'x'.repeat(64)}yyyy`, ['x'.repeat(64)])).toBe('x'.repeat(64));
    expect(nearest('x'.repeat(60), [`${'x'.repeat(60)}yyy`])).toBeUndefined();
  });
});

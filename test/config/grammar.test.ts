import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseLine, quoteWord, splitWords } from '../../src/config/syntax/line.ts';
import { assembleNames } from '../../src/config/syntax/nameLists.ts';
import { anyInNetworks, parseNetworks } from '../../src/config/syntax/networks.ts';
import { matchHostList, matchList } from '../../src/config/syntax/patterns.ts';
import { byteCount, seconds } from '../../src/config/syntax/values.ts';

describe('a line', () => {
  it.each([
    ['Port 22\n', 'port', '22', ['22']],
    ['  \tPort\t22 \r\n', 'port', '22', ['22']],
    ['Port=22', 'port', '22', ['22']],
    ['Port = 22', 'port', '22', ['22']],
    ['Port =22\f', 'port', '22', ['22']],
    ['=Port 22', 'port', '22', ['22']],
    ['Port==22', 'port', '=22', ['=22']],
    ['"Port" 22', 'port', '22', ['22']],
    ['Po"rt" 22', 'port', '22', ['22']],
    ['User "a b" c # d', 'user', '"a b" c # d', ['a b', 'c']],
    ["User 'a\"b'\\ c", 'user', "'a\"b'\\ c", ['a"b c']],
    ['User a#b', 'user', 'a#b', ['a#b']],
    ['User "" x', 'user', '"" x', ['', 'x']],
    ['User a\\b \\\\c \\"d "e\\ f"', 'user', 'a\\b \\\\c \\"d "e\\ f"', ['a\\b', '\\c', '"d', 'e\\ f']],
    ['User a\0b', 'user', 'a', ['a']],
  ])('%j has a keyword, a rest and words', (line, keyword, rest, words) => {
    expect(parseLine(line)).toEqual({ keyword, rest, words });
  });

  it.each(['', '\n', '   \t\n', '# Port 22', '  #x', '=', '\0Port 22'])('%j says nothing', (line) => {
    expect(parseLine(line)).toBeUndefined();
  });

  it.each(['Port', 'Port \t', 'Port=', 'Port "', "User 'a", 'User "a', '"Port 22'])(
    '%j is at fault',
    (line) => {
      expect(parseLine(line)).toHaveProperty('fault');
    },
  );

  it('has a word that was quoted as it was', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), (words) => {
        const kept = words.filter((word) => !/[\0]/.test(word));
        expect(splitWords(kept.map(quoteWord).join(' '))).toEqual(kept);
      }),
    );
  });

  it('is taken apart without anything thrown, in time that grows with it', () => {
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (line) => void parseLine(line)));
    for (const unit of [' ', '"', '\\', '#', '=', '" ', '\'"']) parseLine(`User ${unit.repeat(200_000)}`);
  });
});

describe('a list of patterns', () => {
  it.each([
    ['a', 'a', 'matched'],
    ['a', 'b,a', 'matched'],
    ['a', '!a', 'negated'],
    ['a', '*,!a', 'negated'],
    ['a', '!a,*', 'negated'],
    ['a', '!b', 'none'],
    ['a', '', 'none'],
    ['', '', 'none'],
    ['', ',', 'matched'],
    ['a', 'a,', 'matched'],
    ['a', `${'a'.repeat(1023)},a`, 'none'],
  ])('%j in the list %j is %s', (name, list, answer) => {
    expect(matchList(name, list)).toBe(answer);
  });

  it('of a host has no case', () => {
    expect(matchHostList('Host.Example', 'host.*')).toBe('matched');
    expect(matchHostList('host', 'HOST')).toBe('matched');
    expect(matchList('host', 'HOST')).toBe('none');
  });
});

describe('a time', () => {
  it.each([
    ['0', 0],
    ['90', 90],
    ['1m30s', 90],
    ['1h30m', 5400],
    ['1W2D', 777_600],
    ['1.9', 1],
    ['.5s', 0],
    ['2147483647', 2_147_483_647],
    ['1m30', 90],
    ['10s1m', 70],
  ])('%s is %d seconds', (text, value) => {
    expect(seconds(text)).toBe(value);
  });

  it.each([
    '',
    's',
    '1x',
    '-1',
    '+1',
    '1 ',
    ' 1',
    '1.',
    '1.5m',
    '1s1s',
    '1s5',
    '2147483648',
    '1e3',
    '0x10',
    '1..5',
    '9'.repeat(400),
  ])('%j is none', (text) => {
    expect(seconds(text)).toBeUndefined();
  });

  it('is told in time that grows with it', () => {
    expect(seconds(`${'1'.repeat(100_000)}x`)).toBeUndefined();
    expect(seconds(`${'1m'.repeat(50_000)}x`)).toBeUndefined();
  });
});

describe('a size', () => {
  it.each([
    ['0', 0n],
    ['16', 16n],
    ['1K', 1024n],
    ['1.5k', 1536n],
    ['1G', 1n << 30n],
    ['-1', -1n],
    ['+1b', 1n],
    ['1.9', 1n],
    ['7E', 7n << 60n],
    ['1K-', 1024n],
  ])('%s is %s', (text, value) => {
    expect(byteCount(text)).toBe(value);
  });

  it.each(['1Q', '1KB', '1K1', '1..2', '8E', '9223372036854775808', '+-1', 'x', '1'.repeat(30)])(
    '%j is none',
    (text) => {
      expect(byteCount(text)).toBeUndefined();
    },
  );
});

describe('a network', () => {
  it.each([
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['192.0.2.1', '192.0.2.1', true],
    ['0.0.0.0/0', '192.0.2.1', true],
    ['::/0', '192.0.2.1', false],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['2001:db8::/32,10.0.0.0/8', '2001:db8:1::', true],
    ['::ffff:0:0/96', '::ffff:1.2.3.4', true],
  ])('%s has %s: %s', (list, address, isIn) => {
    expect(anyInNetworks([address], parseNetworks(list) ?? [])).toBe(isIn);
  });

  it.each([
    '',
    '10.0.0.1/8',
    '10.0.0.0/33',
    'host',
    '10.0.0.0/8,',
    '!10.0.0.0/8',
    '10.*',
    '::1/129',
    '10.0.0.0/8/8',
  ])('%j is no list of networks', (list) => {
    expect(parseNetworks(list)).toBeUndefined();
  });
});

describe('a list of algorithms', () => {
  const all = ['a-old', 'a1', 'a2', 'b1', 'b2'];
  const byDefault = ['b1', 'a1', 'a2'];

  it.each([
    [undefined, ['b1', 'a1', 'a2']],
    ['a2,b2', ['a2', 'b2']],
    ['a*', ['a-old', 'a1', 'a2']],
    ['+b2,a1', ['b1', 'a1', 'a2', 'b2']],
    ['-a*', ['b1']],
    ['-*', []],
    ['-a*,!a2', ['b1', 'a2']],
    ['^a2,b2', ['a2', 'b2', 'b1', 'a1']],
    ['nosuch', undefined],
    ['a1,!a1', undefined],
  ])('%s comes to %j', (text, names) => {
    expect(assembleNames(text, byDefault, all)).toEqual(names);
  });

  it('never has a name twice, and only such as there are', () => {
    const text = fc
      .tuple(fc.constantFrom('', '+', '-', '^'), fc.array(fc.constantFrom(...all, '*', 'a?', 'x')))
      .map(([change, names]) => `${change}${names.join(',')}`);
    fc.assert(
      fc.property(text, (list) => {
        const names = assembleNames(list, byDefault, all) ?? [];
        expect(new Set(names).size).toBe(names.length);
        expect(all).toEqual(expect.arrayContaining([...names]));
      }),
    );
  });
});

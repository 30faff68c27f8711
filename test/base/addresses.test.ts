/** Numeric addresses have one spelling, which is the one that ssh keeps in known_hosts. */
import { spawnSync } from 'node:child_process';
import { isIPv6 } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalAddress } from '../../src/base/addresses.ts';
import { scopedAddress } from '../support/hosts.ts';
import { describeWith, pathOf } from '../support/servers/programs.ts';

/** Spellings of addresses, and texts that come close. */
const rows: readonly (readonly [string, string | undefined])[] = [
  ['127.0.0.1', '127.0.0.1'],
  ['127.1', '127.0.0.1'],
  ['127.0.1', '127.0.0.1'],
  ['1.2.3', '1.2.0.3'],
  ['0177.1', '127.0.0.1'],
  ['0x7f.1', '127.0.0.1'],
  ['0X7F000001', '127.0.0.1'],
  ['2130706433', '127.0.0.1'],
  ['010.0.0.1', '8.0.0.1'],
  ['00000000000000000000177.1', '127.0.0.1'],
  ['4294967295', '255.255.255.255'],
  ['1.16777215', '1.255.255.255'],
  ['0', '0.0.0.0'],
  ['::1', '::1'],
  ['::0001', '::1'],
  ['0:0:0:0:0:0:0:1', '::1'],
  ['0:0:0:0:0:0:0:0', '::'],
  ['::2', '::2'],
  ['::1:2', '::0.1.0.2'],
  ['::1.2.3.4', '::1.2.3.4'],
  ['::ffff:1.2.3.4', '::ffff:1.2.3.4'],
  ['::FFFF:0:1', '::ffff:0.0.0.1'],
  ['64:ff9b::1.2.3.4', '64:ff9b::102:304'],
  ['2001:DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
  ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ['1.2.3.256', undefined],
  ['1.2.3.4.', undefined],
  ['1.2.3.4.5', undefined],
  ['.1', undefined],
  ['1..2', undefined],
  ['08.1.1.1', undefined],
  ['0x', undefined],
  ['0x1g', undefined],
  ['-1', undefined],
  ['4294967296', undefined],
  ['1.16777216', undefined],
  ['1.2.65536', undefined],
  ['256.1', undefined],
  ['host', undefined],
  ['127.0.0.1:22', undefined],
  ['1:2:3:4:5:6:7', undefined],
  ['1:2:3:4:5:6:7:8:9', undefined],
  ['1:2:3:4:5:6:7::8', undefined],
  ['1::2::3', undefined],
  [':::', undefined],
  [':1::', undefined],
  ['12345::', undefined],
  ['::1.2.3', undefined],
  ['::01.2.3.4', undefined],
  ['::1.2.3.4:5', undefined],
  ['g::', undefined],
  ['', undefined],
];

describe('a numeric address', () => {
  it.each(rows)('%s is %s', (text, address) => {
    expect(canonicalAddress(text)).toBe(address);
  });

  it('keeps its zone', () => {
    expect(canonicalAddress('FE80:0::1%Eth0.1')).toBe('fe80::1%Eth0.1');
    for (const zone of ['', ' ', 'a b', 'a%b', 'a/b', 'a,b', '*', '\n'])
      expect(canonicalAddress(`fe80::1%${zone}`), zone).toBeUndefined();
    expect(canonicalAddress('127.0.0.1%lo')).toBeUndefined();
    fc.assert(
      fc.property(scopedAddress, (text) => {
        const [address = '', zone] = text.split('%');
        expect(canonicalAddress(text)).toBe(`${canonicalAddress(address)}%${zone}`);
      }),
    );
  });

  it('of version 6 is one to the runtime, and the same one', () => {
    const group = fc.oneof(
      fc.constant('0'),
      fc.string({ unit: fc.constantFrom(...'0123456789abcdefABCDEF'), minLength: 1, maxLength: 4 }),
    );
    const text = fc.oneof(
      fc.ipV6(),
      fc.array(group, { minLength: 2, maxLength: 9 }).map((groups) => groups.join(':')),
      fc
        .tuple(fc.array(group, { maxLength: 6 }), fc.array(group, { maxLength: 6 }))
        .map(([head, tail]) => `${head.join(':')}::${tail.join(':')}`),
    );
    fc.assert(
      fc.property(text, (address) => {
        const canonical = canonicalAddress(address);
        // Two colons for no group at all are let pass by some; glibc and this do not.
        if (!isIPv6(address)) expect(canonical).toBeUndefined();
        if (canonical === undefined) return;
        expect(canonicalAddress(canonical)).toBe(canonical);
        expect(new URL(`http://[${canonical}]`).host).toBe(new URL(`http://[${address}]`).host);
      }),
      { numRuns: 1_000 },
    );
  });

  it('of version 4 has as many spellings as inet_aton takes', () => {
    const number = fc.tuple(fc.nat(0xffff_ffff), fc.constantFrom(10, 8, 16), fc.integer({ min: 1, max: 4 }));
    fc.assert(
      fc.property(number, ([value, radix, parts]) => {
        const spell = (part: number): string =>
          `${radix === 8 ? '0' : radix === 16 ? '0x' : ''}${part.toString(radix)}`;
        const bytes = [24, 16, 8, 0].map((shift) => (value >>> shift) & 255);
        const rest = bytes.slice(parts - 1).reduce((sum, byte) => sum * 256 + byte, 0);
        const text = [...bytes.slice(0, parts - 1), rest].map(spell).join('.');
        expect(canonicalAddress(text)).toBe(bytes.join('.'));
      }),
    );
  });
});

describeWith({ programs: ['ssh'] }, 'the spelling of a numeric address', () => {
  it('is that of ssh', () => {
    for (const [text, address] of rows) {
      if (text === '' || text.startsWith('-')) continue;
      const { stdout } = spawnSync(pathOf('ssh'), ['-F', 'none', '-G', '--', text], { encoding: 'utf8' });
      const host = /^hostname (.*)$/m.exec(stdout)?.[1];
      expect(host, text).toBe(address ?? text);
    }
  });
});

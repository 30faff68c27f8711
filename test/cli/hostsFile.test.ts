/** Lists of hosts, good and bad. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type HostsList, parseHostsList } from '../../src/cli/fleet/hostsFile.ts';

const read = (text: string): HostsList => parseHostsList(text, { port: 22, username: 'me' });

describe('a list of hosts', () => {
  it('has one host a line, with what the line leaves open filled in', () => {
    const list = read('web1\nroot@web2:2222\n[2001:db8::7]:23\n::1\n');
    expect(list.hosts).toEqual([
      { label: 'web1', host: 'web1', port: 22, username: 'me', line: 1 },
      { label: 'root@web2:2222', host: 'web2', port: 2222, username: 'root', line: 2 },
      { label: '[2001:db8::7]:23', host: '2001:db8::7', port: 23, username: 'me', line: 3 },
      { label: '::1', host: '::1', port: 22, username: 'me', line: 4 },
    ]);
    expect([list.bad, list.duplicates]).toEqual([[], []]);
  });

  it('may hold comments, empty lines, white space, carriage returns and a byte order mark', () => {
    const list = read('\ufeff# all of them\r\n\r\n  web1 # the first\r\n\t\r\nweb2\t#x\r\nweb3');
    expect(list.hosts.map(({ label, line }) => [label, line])).toEqual([
      ['web1', 3],
      ['web2', 5],
      ['web3', 6],
    ]);
    expect(list.bad).toEqual([]);
  });

  it('says of each bad line what is wrong with it, by its number', () => {
    const { hosts, bad } = read('web1\nweb2:99999\n@web3\nweb4 web5\n[::1\nweb6\u001b[2J\nweb7\n');
    expect(hosts.map(({ label }) => label)).toEqual(['web1', 'web7']);
    expect(bad.map(({ line }) => line)).toEqual([2, 3, 4, 5, 6]);
    expect(bad[0]?.message).toContain('"99999" is not a port');
    expect(bad[2]?.message).toContain('more than one word');
    // What is wrong with a line is shown on a terminal.
    expect(bad.map(({ message }) => message).join()).not.toContain('\u001b');
  });

  it('names a host once: the first line counts, the others are told of', () => {
    const { hosts, duplicates } = read('web1\nme@web1\nWEB1:22\nroot@web1\nweb1:23\n[web1]\n');
    expect(hosts.map(({ line }) => line)).toEqual([1, 4, 5]);
    expect(duplicates).toEqual([
      { line: 2, message: 'me@web1 is the host of line 1 again' },
      { line: 3, message: 'WEB1:22 is the host of line 1 again' },
      { line: 6, message: '[web1] is the host of line 1 again' },
    ]);
  });

  it('names a host once however it is spelt: addresses have many forms, and names in other scripts two', () => {
    const { hosts, duplicates } = read(
      '127.0.0.1\n127.1\n::1\n0:0:0:0:0:0:0:1\nпример.рф\nxn--e1afmkfd.xn--p1ai\n',
    );
    expect(hosts.map(({ host, label }) => [host, label])).toEqual([
      ['127.0.0.1', '127.0.0.1'],
      ['::1', '::1'],
      ['xn--e1afmkfd.xn--p1ai', 'пример.рф'],
    ]);
    expect(duplicates.map(({ line }) => line)).toEqual([2, 4, 6]);
  });

  it('says nothing that a terminal would obey, whatever is in it', () => {
    // Controls of C0 and C1, DEL, what reorders text, what cannot be seen, half a character.
    const harmful = /[\p{Cc}\p{Cs}\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\u061c]/u;
    const part = fc.constantFrom(
      'web',
      '\x1b[2J',
      '\x9b31m',
      '\u202e',
      '\u200b',
      '\u2066',
      '\x7f',
      '\ud800',
      ' ',
      '@',
      ':',
      '22',
      '[',
      'é',
      '*',
    );
    const line = fc.oneof(
      fc.string({ unit: part, maxLength: 8 }),
      fc.string({ unit: 'binary' }),
      fc.string({ unit: part, maxLength: 3 }).map((text) => `ssh://${text}`),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const { hosts, bad, duplicates } = read(lines.join('\n'));
        const texts = [
          ...hosts.flatMap(({ label, host }) => [label, host]),
          ...[...bad, ...duplicates].map(({ message }) => message),
        ];
        for (const text of texts) expect(text).not.toMatch(harmful);
        for (const { host } of hosts) expect(host).toMatch(/^[!-~]+$/);
      }),
      { numRuns: 500 },
    );
  });

  it('loses no line, whatever is in it', () => {
    const line = fc.oneof(
      fc.constantFrom('web1', 'root@web1', 'web1:23', '# none', '', '::1', 'web1:x', 'a b'),
      fc.string({ unit: 'binary' }).map((text) => text.replace(/[\r\n#\ufeff]/g, '')),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const { hosts, bad, duplicates } = read(lines.join('\n'));
        const told = [...hosts, ...bad, ...duplicates].map((each) => each.line).sort((a, b) => a - b);
        const content = lines.map((text) => text.replace(/(^|\s)#.*$/, '').trim());
        expect(told).toEqual(content.flatMap((text, index) => (text === '' ? [] : [index + 1])));
      }),
    );
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { base64Decode, base64Encode } from '../../src/keys/base64.ts';
import { hostMatcher, hostSpelling, matchesPattern } from '../../src/keys/hostPattern.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { comments, privateKeys } from './arbitraries.ts';
import { failure } from './failure.ts';
import { fixture } from './fixtures.ts';
import { itWith, run, withFile } from './programs.ts';

/** `type base64` of a key of the fixtures, and its blob. */
function keyOf(folder: string): { readonly text: string; readonly blob: Uint8Array } {
  const [type = '', base64 = ''] = fixture(`${folder}/id.pub`).split(' ');
  return { text: `${type} ${base64}`, blob: base64Decode(base64) as Uint8Array };
}

const ed25519 = keyOf('ed25519');
const rsa = keyOf('rsa');
const ecdsa = keyOf('ecdsa256');
const other = keyOf('ecdsa384');

describe('a host key is looked up as the OpenSSH client does', () => {
  // Each row was tried with ssh and sshd 9.2 on 127.0.0.1, port 24822, whose key is the Ed25519 one.
  const here = '[127.0.0.1]:24822';
  it.each<[string, string, string]>([
    ['the key itself', `${here} ${ed25519.text}`, 'trusted'],
    ['another key of another type', `${here} ${rsa.text}`, 'changed'],
    ['another key and the key', `${here} ${rsa.text}\n${here} ${ed25519.text}`, 'trusted'],
    ['the key for the bare host', `127.0.0.1 ${ed25519.text}`, 'trusted'],
    ['another key for the bare host', `127.0.0.1 ${other.text}`, 'unknown'],
    [
      'another key, and the key for the bare host',
      `${here} ${other.text}\n127.0.0.1 ${ed25519.text}`,
      'changed',
    ],
    [
      'the key of another host, revoked',
      `@revoked elsewhere ${ed25519.text}\n${here} ${ed25519.text}`,
      'trusted',
    ],
    ['the key, revoked by a pattern', `@revoked * ${ed25519.text}\n${here} ${ed25519.text}`, 'revoked'],
    [
      'the key, revoked behind the line that trusts it',
      `${here} ${ed25519.text}\n@revoked * ${ed25519.text}`,
      'revoked',
    ],
    ['the key, revoked, and another key', `@revoked * ${ed25519.text}\n${here} ${other.text}`, 'revoked'],
    ['the key, revoked and nothing else', `@revoked * ${ed25519.text}`, 'revoked'],
    ['the key, revoked for the bare host and nothing else', `@revoked 127.0.0.1 ${ed25519.text}`, 'revoked'],
    ['another key, revoked', `@revoked * ${other.text}\n${here} ${ed25519.text}`, 'trusted'],
    [
      'another key, and the key as an authority',
      `@cert-authority * ${ed25519.text}\n${here} ${other.text}`,
      'changed',
    ],
    ['a negated pattern', `${here},!*:24822 ${ed25519.text}`, 'unknown'],
    ['a pattern for the bare host', `*.0.0.1 ${ed25519.text}`, 'trusted'],
    ['a pattern for the port', `*:24822 ${ed25519.text}`, 'trusted'],
    ['a question mark', `[127.0.0.?]:24822 ${ed25519.text}`, 'trusted'],
    ['a list of hosts', `${here},FOO ${ed25519.text}`, 'trusted'],
    [
      'two markers in a line, which is malformed',
      `@revoked @revoked * ${ed25519.text}\n${here} ${ed25519.text}`,
      'trusted',
    ],
    ['a line that is malformed', `${here} ssh-foo AAAAB3NzaC1yc2E=`, 'unknown'],
    ['nothing', '', 'unknown'],
  ])('%s: %s', (_, text, result) => {
    expect(KnownHosts.parse(text).lookup('127.0.0.1', 24822, ed25519.blob).result).toBe(result);
  });

  it('but a key revoked for the bare host is revoked on every port', () => {
    const hosts = KnownHosts.parse(`@revoked 127.0.0.1 ${ed25519.text}\n${here} ${ed25519.text}`);
    expect(hosts.lookup('127.0.0.1', 24822, ed25519.blob).result).toBe('revoked');
  });
});

describe('lookup', () => {
  it('gives the entry, with its line and comment', () => {
    const hosts = KnownHosts.parse(`# mine\n\nalpha,beta ${ed25519.text} my  host\n`, 'known_hosts');
    expect(hosts.lookup('BETA', 22, ed25519.blob)).toEqual({
      result: 'trusted',
      entry: {
        file: 'known_hosts',
        line: 3,
        marker: undefined,
        hosts: 'alpha,beta',
        keyType: 'ssh-ed25519',
        blob: ed25519.blob,
        comment: 'my host',
      },
    });
  });

  it('gives all the entries that contradict a key', () => {
    const known = KnownHosts.parse(`a ${rsa.text}\nb ${rsa.text}\na ${ecdsa.text}`).lookup(
      'a',
      22,
      ed25519.blob,
    );
    expect(known).toMatchObject({ result: 'changed', entries: [{ line: 1 }, { line: 3 }] });
  });

  it('says which authorities may vouch where no key of the host is known', () => {
    const text = `@cert-authority *.example ${rsa.text}\n@cert-authority *.example ${ecdsa.text}\n@revoked * ${ecdsa.text}`;
    const hosts = KnownHosts.parse(text);
    expect(hosts.lookup('a.example', 22, ed25519.blob)).toMatchObject({
      result: 'certAuthority',
      entries: [{ line: 1 }],
    });
    expect(hosts.certAuthorities('a.example', 2222).map(({ line }) => line)).toEqual([1]);
    expect(hosts.lookup('example', 22, ed25519.blob).result).toBe('unknown');
    expect(hosts.revocation('a.example', 22, ecdsa.blob)?.line).toBe(3);
  });

  it('never takes an authority’s key for a host’s', () => {
    const hosts = KnownHosts.parse(`@cert-authority * ${ed25519.text}`);
    expect(hosts.lookup('a', 22, ed25519.blob).result).toBe('certAuthority');
    expect(hosts.keyTypesFor('a', 22)).toEqual([]);
  });

  it('finds names that are hashed, as ssh-keygen -H hashes them', () => {
    const hashed = KnownHosts.parse(fixture('known_hosts/hashed'));
    const plain = KnownHosts.parse(fixture('known_hosts/plain'));
    expect(hashed.malformed).toEqual([]);
    expect(hashed.entries.every(({ hosts }) => hosts.startsWith('|1|'))).toBe(true);
    const asked: readonly (readonly [string, number])[] = [
      ['alpha.example', 22],
      ['Alpha.Example', 22],
      ['192.0.2.1', 22],
      ['beta.example', 2222],
      ['beta.example', 22],
      ['2001:db8::1', 22022],
      ['2001:db8::2', 22],
      ['2001:db8::2', 23],
      ['gamma.example', 22],
    ];
    for (const [host, port] of asked) {
      for (const { blob } of [ed25519, rsa, ecdsa, other]) {
        expect(hashed.lookup(host, port, blob).result).toBe(plain.lookup(host, port, blob).result);
      }
    }
    expect(hashed.lookup('192.0.2.1', 22, ed25519.blob).result).toBe('trusted');
    expect(hashed.lookup('2001:db8::1', 22022, other.blob).result).toBe('trusted');
  });

  it('treats several files as one', () => {
    const hosts = KnownHosts.merge(
      KnownHosts.parse(`a ${ed25519.text}\nnonsense`, 'mine'),
      KnownHosts.parse(`@revoked * ${ed25519.text}`, 'global'),
    );
    expect(hosts.lookup('a', 22, ed25519.blob)).toMatchObject({
      result: 'revoked',
      entry: { file: 'global', line: 1 },
    });
    expect(hosts.malformed).toMatchObject([{ file: 'mine', line: 2 }]);
  });

  it('keeps keys of types it does not have, and is contradicted by them', () => {
    const blob = new WireWriter().text('ssh-later@example.com').text('x').copyWritten();
    const hosts = KnownHosts.parse(`a ssh-later@example.com ${base64Encode(blob)}`);
    expect(hosts.malformed).toEqual([]);
    expect(hosts.lookup('a', 22, ed25519.blob).result).toBe('changed');
    expect(hosts.lookup('a', 22, blob).result).toBe('trusted');
  });
});

describe('the types of the keys of a host', () => {
  const text = [
    `a ${rsa.text}`,
    `a,b ${ed25519.text}`,
    `a ${rsa.text}`,
    `[a]:2222 ${ecdsa.text}`,
    `a ${other.text}`,
    `@revoked * ${other.text}`,
    `@cert-authority a ${ecdsa.text}`,
  ].join('\n');
  it.each<[string, number, readonly string[]]>([
    ['a', 22, ['ssh-rsa', 'ssh-ed25519']],
    ['a', 2222, ['ecdsa-sha2-nistp256']],
    ['b', 2222, ['ssh-ed25519']],
    ['c', 22, []],
  ])('%s, port %d', (host, port, types) => {
    expect(KnownHosts.parse(text).keyTypesFor(host, port)).toEqual(types);
  });
});

describe('malformed lines', () => {
  it.each<[string, RegExp]>([
    ['a', /cut off/],
    ['a ssh-ed25519', /cut off/],
    [`@revoked ${ed25519.text}`, /cut off|base64/],
    [`@later * ${ed25519.text}`, /marker "@later"/],
    [`@constructor * ${ed25519.text}`, /marker "@constructor"/],
    [`@revoked @cert-authority * ${ed25519.text}`, /two markers/],
    [`|1|AAAA|AAAA ${ed25519.text}`, /hashed host/],
    [`|2|${'A'.repeat(27)}=|${'A'.repeat(27)}= ${ed25519.text}`, /hashed host/],
    [`|1|${'A'.repeat(27)}=|${'A'.repeat(27)}=|x ${ed25519.text}`, /hashed host/],
    [`a ssh-rsa ${ed25519.text.split(' ')[1]}`, /of type "ssh-ed25519", the line says "ssh-rsa"/],
    [`a ${ed25519.text.slice(0, -3)}`, /base64/],
    [`a ${ed25519.text.slice(0, -4)}`, /malformed data/],
    [`a ${ed25519.text}AAAA`, /bytes too many|base64|malformed/],
    ['a 1024 35 1234567890', /version 1/],
    ['a ssh-ed25519 AAAA', /malformed data/],
  ])('%s', (line, reason) => {
    const hosts = KnownHosts.parse(`# first\n${line}\nb ${rsa.text}`);
    expect(hosts.malformed).toHaveLength(1);
    expect(hosts.malformed[0]).toMatchObject({ line: 2 });
    expect(hosts.malformed[0]?.reason).toMatch(reason);
    expect(hosts.entries.map((entry) => entry.line)).toEqual([3]);
    expect(hosts.lookup('a', 22, ed25519.blob).result).toBe('unknown');
  });

  it('whatever the text, reading it throws nothing, and each line is an entry, malformed or blank', () => {
    const word = fc.constantFrom(
      'a',
      '*',
      '!b',
      '@revoked',
      '|1|',
      '#',
      ed25519.text,
      rsa.text,
      'ssh-rsa',
      'AAAA',
      '\t',
      ' ',
      '\r',
      '\u0000',
      'é',
    );
    const text = fc.array(fc.array(word, { maxLength: 6 }), { maxLength: 5 });
    fc.assert(
      fc.property(text, (lines) => {
        const content = lines.map((words) => words.join(' ')).join('\n');
        const hosts = KnownHosts.parse(content);
        const count = content.split(/\r\n|\n|\r/).length;
        for (const { line } of [...hosts.entries, ...hosts.malformed])
          expect(line).toBeLessThanOrEqual(count);
        const numbers = [...hosts.entries, ...hosts.malformed].map(({ line }) => line);
        expect(new Set(numbers).size).toBe(numbers.length);
      }),
    );
  });

  it('a damaged line never makes another key trusted', () => {
    const line = new TextEncoder().encode(`a ${ed25519.text}`);
    for (let at = 0; at < line.length; at++) {
      for (const bit of [1, 2, 4, 8, 16, 32, 64, 128]) {
        const copy = line.slice();
        copy[at] = (copy[at] as number) ^ bit;
        for (const data of [copy, line.slice(0, at)]) {
          const hosts = KnownHosts.parse(data);
          expect(hosts.lookup('a', 22, rsa.blob).result).not.toBe('trusted');
          for (const entry of hosts.entries) expect(entry.blob).toHaveLength(ed25519.blob.length);
        }
      }
    }
  });
});

describe('patterns', () => {
  const unit = fc.constantFrom('a', 'b', '.', '*', '?');

  it('match as the regular expression of the same meaning', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 8 });
    fc.assert(
      fc.property(text, fc.string({ unit, maxLength: 8 }), (host, pattern) => {
        const expression = pattern.replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.');
        expect(matchesPattern(host, pattern)).toBe(new RegExp(`^${expression}$`).test(host));
      }),
      { numRuns: 500 },
    );
  });

  it('take no exponential time', () => {
    expect(matchesPattern('a'.repeat(5000), `${'*a'.repeat(200)}b`)).toBe(false);
  });

  itWith('ssh-keygen', 'match the hosts that ssh-keygen -F finds', () => {
    const part = fc.string({ unit, minLength: 1, maxLength: 5 });
    const pattern = fc.tuple(fc.constantFrom('', '!'), part).map((both) => both.join(''));
    const field = fc.array(pattern, { minLength: 1, maxLength: 4 }).map((patterns) => patterns.join(','));
    const host = fc.string({ unit: fc.constantFrom('a', 'b', '.', 'A'), minLength: 1, maxLength: 5 });
    const hosts = fc.array(host, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(field, { minLength: 20, maxLength: 40 }), hosts, (fields, asked) => {
        const text = fields.map((patterns) => `${patterns} ${ed25519.text}\n`).join('');
        withFile(text, (path) => {
          for (const name of asked) expect(matchingLines(fields, name)).toEqual(linesFound(path, name));
        });
      }),
      { numRuns: 15 },
    );
  });

  function matchingLines(fields: readonly string[], host: string): number[] {
    return fields.flatMap((field, i) => (hostMatcher(field)?.(hostSpelling(host, 22)) ? [i + 1] : []));
  }

  function linesFound(path: string, host: string): number[] {
    try {
      const found = run('ssh-keygen', ['-F', host, '-f', path]);
      return [...found.matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]));
    } catch {
      // It exits with 1 where nothing is found.
      return [];
    }
  }
});

describe('a line that is written', () => {
  const names = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
  const ports = fc.oneof(fc.constant(22), fc.integer({ min: 1, max: 65_535 }));
  const salts = fc.option(fc.uint8Array({ minLength: 20, maxLength: 20 }), { nil: undefined });

  it('makes that key trusted for that host and port, and no other', () => {
    fc.assert(
      fc.property(privateKeys, names, ports, salts, comments, ({ publicKey }, host, port, salt, comment) => {
        const line = formatKnownHostsLine(host, port, publicKey, { salt, comment: comment.trim() });
        const hosts = KnownHosts.parse(line);
        expect(hosts.malformed).toEqual([]);
        expect(hosts.lookup(host, port, publicKey).result).toBe('trusted');
        expect(hosts.lookup(host.toUpperCase(), port, publicKey).result).toBe('trusted');
        expect(hosts.lookup(`x${host}`, port, publicKey).result).toBe('unknown');
        expect(hosts.lookup(host, port === 22 ? 23 : 22, publicKey).result).toBe(
          port === 22 ? 'trusted' : 'unknown',
        );
        expect(hosts.lookup(host, port, other.blob).result).toBe('changed');
        if (salt !== undefined) expect(line.toLowerCase()).not.toContain(host.toLowerCase());
      }),
    );
  });

  itWith('ssh-keygen', 'is found by ssh-keygen -F, plain and hashed', () => {
    const salt = new Uint8Array(20).fill(7);
    const text = [
      formatKnownHostsLine('alpha.example', 22, ed25519.blob),
      formatKnownHostsLine('alpha.example', 2222, rsa.blob, { salt }),
      formatKnownHostsLine('2001:db8::1', 22, ecdsa.blob, { salt, comment: 'six' }),
    ].join('');
    withFile(text, (path) => {
      expect(run('ssh-keygen', ['-F', 'alpha.example', '-f', path])).toContain('found: line 1');
      expect(run('ssh-keygen', ['-F', '[alpha.example]:2222', '-f', path])).toContain('found: line 2');
      expect(run('ssh-keygen', ['-F', '2001:db8::1', '-f', path])).toContain('found: line 3');
    });
  });

  it.each(['', 'a b', 'a,b', '*', 'a?', '!a', '#a', '@revoked', '|1|x', 'a\nb', 'a\tb', '[a]', 'a\u0000'])(
    'is refused for the host %j',
    (host) => {
      expect(failure(() => formatKnownHostsLine(host, 22, ed25519.blob)).code).toBe('ERR_SSH_OPTIONS');
    },
  );

  it('is refused for a port, a salt or a comment that cannot be', () => {
    const line = (port: number, options: Parameters<typeof formatKnownHostsLine>[3]) => () =>
      formatKnownHostsLine('a', port, ed25519.blob, options);
    for (const port of [0, 65_536, 1.5, Number.NaN])
      expect(failure(line(port, {})).code).toBe('ERR_SSH_OPTIONS');
    expect(failure(line(22, { salt: new Uint8Array(19) })).code).toBe('ERR_SSH_OPTIONS');
    expect(failure(line(22, { comment: 'a\n* ssh-rsa' })).code).toBe('ERR_SSH_OPTIONS');
  });
});

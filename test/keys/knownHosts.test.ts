import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashSpelling } from '../../src/keys/knownHosts/hashedNames.ts';
import { byteForm, hostMatcher, hostSpelling } from '../../src/keys/knownHosts/hostPattern.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import { base64Decode, base64Encode } from '../../src/keys/pem/base64.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { numericAddress } from '../support/hosts.ts';
import { comments } from './arbitraries.ts';
import { failure } from './failure.ts';
import { fixture } from './fixtures.ts';
import { lineOf, lookups } from './lookups.ts';
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

const lookupPort = 24_822;
const lookupHost = { host: '127.0.0.1', port: lookupPort, key: ed25519.text, others: [rsa.text, other.text] };

describe('a host key is looked up as the OpenSSH client does', () => {
  // `servers/knownHostsOfSsh` asks ssh itself about each row.
  it.each(lookups)('$what: $result', ({ lines, result }) => {
    const text = lines.map((line) => lineOf(line, lookupHost)).join('\n');
    expect(KnownHosts.parse(text).lookup('127.0.0.1', lookupPort, ed25519.blob).result).toBe(result);
  });

  it('but a key revoked for the bare host is revoked on every port', () => {
    const hosts = KnownHosts.parse(`@revoked 127.0.0.1 ${ed25519.text}\n[127.0.0.1]:2222 ${ed25519.text}`);
    expect(hosts.lookup('127.0.0.1', 2222, ed25519.blob).result).toBe('revoked');
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

  it('gives lines in the order of the file, whether their hosts are plain, patterns or hidden', () => {
    const salt = (i: number): Uint8Array => new Uint8Array(20).fill(i);
    const hidden = (text: string, i: number): string => `${hashSpelling('a', salt(i))} ${text}`;
    const text = [
      hidden(rsa.text, 1),
      `? ${ecdsa.text}`,
      `a ${other.text}`,
      hidden(rsa.text, 2),
      `*,!b ${ecdsa.text}`,
    ];
    const hosts = KnownHosts.parse(text.join('\n'));
    expect(hosts.lookup('a', 22, ed25519.blob)).toMatchObject({
      result: 'changed',
      entries: [1, 2, 3, 4, 5].map((line) => ({ line })),
    });
    expect(hosts.keyTypesFor('a', 22)).toEqual(['ssh-rsa', 'ecdsa-sha2-nistp256', 'ecdsa-sha2-nistp384']);
    expect(hosts.lookup('b', 22, ed25519.blob)).toMatchObject({ entries: [{ line: 2 }] });
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
    const end = fc.constantFrom('\n', '\r\n', '\r');
    const text = fc.array(fc.tuple(fc.array(word, { maxLength: 6 }), end), { maxLength: 8 });
    fc.assert(
      fc.property(text, (lines) => {
        // A word may hold an end of a line itself.
        const content = lines.map(([words, lineEnd]) => words.join(' ') + lineEnd).join('');
        const hosts = KnownHosts.parse(content);
        const said = [...hosts.entries, ...hosts.malformed].map(({ line }) => line).sort((a, b) => a - b);
        const saying = content
          .split(/\r\n|\n|\r/)
          .flatMap((line, i) => (/^[ \t]*(#|$)/.test(line) ? [] : [i + 1]));
        expect(said).toEqual(saying);
      }),
      { numRuns: 500 },
    );
  });

  it('a damaged line says what stands in it, or nothing: no other key and no other host', () => {
    const line = new TextEncoder().encode(`a ${ed25519.text}`);
    const damaged = [...line.keys()].flatMap((at) => [
      line.slice(0, at),
      ...[1, 2, 4, 8, 16, 32, 64, 128].map((bit) => line.with(at, (line[at] as number) ^ bit)),
    ]);
    let read = 0;
    for (const bytes of damaged) {
      const text = new TextDecoder().decode(bytes);
      const hosts = KnownHosts.parse(bytes);
      expect(hosts.lookup('a', 22, rsa.blob).result).not.toBe('trusted');
      for (const { hosts: field, keyType, blob } of hosts.entries) {
        read++;
        expect(text.split(/[ \t]+/).slice(0, 3)).toEqual([field, keyType, base64Encode(blob)]);
        expect(hosts.lookup('a', 22, blob).result).toBe(hostMatcher(field)('a') ? 'trusted' : 'unknown');
      }
    }
    // Bits of the key itself, and of the host: the others make a line malformed.
    expect(read).toBeGreaterThan(200);
  });

  it('are those that are left over when all lines are read, however they are cut into steps', () => {
    const lines = Array.from({ length: 2000 }, (_, i) =>
      i % 3 === 0 ? `h${i} nonsense` : `h${i} ${rsa.text}`,
    );
    const hosts = KnownHosts.parse(lines.join('\n'));
    expect(hosts.malformed.map(({ line }) => line)).toEqual(
      lines.flatMap((line, i) => (line.endsWith('nonsense') ? [i + 1] : [])),
    );
    expect(hosts.entries.map(({ hosts: field, line }) => `${field} ${line}`)).toEqual(
      lines.flatMap((line, i) => (line.endsWith('nonsense') ? [] : [`h${i} ${i + 1}`])),
    );
  });
});

describe('patterns', () => {
  it('know bytes, as OpenSSH does: a question mark is one, and only ASCII has case', () => {
    const matches = (field: string, host: string): boolean =>
      hostMatcher(byteForm(field))(hostSpelling(host, 22));
    expect(matches('?.com', 'é.com')).toBe(false);
    expect(matches('??.com', 'é.com')).toBe(true);
    expect(matches('É.com', 'é.com')).toBe(false);
    expect(matches('\u212aernel.org', 'kernel.org')).toBe(false);
    expect(matches('KERNEL.org', 'kernel.ORG')).toBe(true);
  });

  itWith('ssh-keygen', 'match the hosts that ssh-keygen -F finds', () => {
    const unit = fc.constantFrom('a', 'b', '.', '*', '?');
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
    return fields.flatMap((field, i) => (hostMatcher(field)(hostSpelling(host, 22)) ? [i + 1] : []));
  }
});

describe('a line that is written', () => {
  /** Hosts of every kind, and texts that are none: what a line must not take for a pattern, a list, a marker. */
  const hosts = fc.oneof(
    fc.domain(),
    numericAddress,
    fc.string({
      unit: fc.constantFrom(...'aAbB.*?!,|#@[]:%"\\ -_~=\t\n\0é\u212a\uff0a'),
      minLength: 1,
      maxLength: 6,
    }),
    fc.string({ unit: 'binary', minLength: 1, maxLength: 6 }),
    // Arabic letters whose low bytes are `*`.
    fc.string({ unit: fc.constantFrom('\u062a', '.', 'c'), minLength: 1, maxLength: 6 }),
    fc.constantFrom('127.1', '0:0::1', '[a]:22', '[::1]', 'a:22', '@revoked', '|1|a|b', '#a', '-a', '*', '1'),
  );
  const ports = fc.oneof(
    fc.constant(22),
    fc.constantFrom(1, 2, 23, 222, 2222),
    fc.integer({ min: 1, max: 65_535 }),
  );
  const salts = fc.option(fc.uint8Array({ minLength: 20, maxLength: 20 }), { nil: undefined });

  /** The line; undefined where the host is refused. */
  function written(...args: Parameters<typeof formatKnownHostsLine>): string | undefined {
    try {
      return formatKnownHostsLine(...args);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS', phase: 'options' });
      return undefined;
    }
  }

  it('makes that key trusted for that host and port, and for no other', () => {
    let accepted = 0;
    fc.assert(
      fc.property(
        hosts,
        ports,
        salts,
        comments,
        hosts,
        ports,
        (host, port, salt, comment, otherHost, otherPort) => {
          const line = written(host, port, ed25519.blob, { salt, comment: comment.trim() });
          if (line === undefined) return;
          accepted++;
          // As it is written to the file, and read from it.
          const known = KnownHosts.parse(new TextEncoder().encode(line));
          expect(known.malformed).toEqual([]);
          expect(known.entries).toHaveLength(1);
          expect(known.entries[0]?.comment).toBe(comment.trim().replace(/[ \t]+/g, ' '));
          expect(known.lookup(host, port, ed25519.blob).result).toBe('trusted');
          expect(known.lookup(host, port, other.blob).result).toBe('changed');
          expect(known.lookup(host.toUpperCase(), port, ed25519.blob).result).toBe('trusted');
          const others = [
            otherHost,
            `x${host}`,
            `${host}x`,
            host.slice(1),
            host.replace(/./, 'y'),
            `[${host}]:${port}`,
            '',
          ];
          for (const name of others) {
            for (const at of [port, 22, otherPort]) {
              const isSame = hostSpelling(name, at) === hostSpelling(host, port);
              // What is known of the bare host vouches for its key on every port.
              const isBare = port === 22 && hostSpelling(name, 22) === hostSpelling(host, 22);
              expect(known.lookup(name, at, ed25519.blob).result, `${name} ${at}`).toBe(
                isSame || isBare ? 'trusted' : 'unknown',
              );
            }
          }
          if (salt !== undefined && host.length > 2)
            expect(line.split(' ')[0]).toMatch(/^\|1\|[\w+/]{27}=\|[\w+/]{27}=$/);
        },
      ),
      { numRuns: 1_000 },
    );
    expect(accepted).toBeGreaterThan(300);
  });

  it('is spelt in one way for one host and port, and in another for every other', () => {
    fc.assert(
      fc.property(hosts, ports, hosts, ports, (host, port, otherHost, otherPort) => {
        fc.pre(written(host, port, ed25519.blob) !== undefined);
        const isSame =
          port === otherPort && hostSpelling(`x.${host}`, 22) === hostSpelling(`x.${otherHost}`, 22);
        const isSameAddress = port === otherPort && hostSpelling(host, 22) === hostSpelling(otherHost, 22);
        expect(hostSpelling(host, port) === hostSpelling(otherHost, otherPort)).toBe(isSame || isSameAddress);
      }),
      { numRuns: 1_000 },
    );
  });

  it.each([
    ['127.1', '127.0.0.1'],
    ['0:0:0:0:0:0:0:1', '::1'],
    ['::0001', '::1'],
  ])('for %s is one for %s, whichever is asked for', (host, address) => {
    expect(formatKnownHostsLine(host, 22, ed25519.blob)).toBe(
      formatKnownHostsLine(address, 22, ed25519.blob),
    );
    for (const port of [22, 2222]) {
      const known = KnownHosts.parse(
        formatKnownHostsLine(address, port, ed25519.blob, { salt: new Uint8Array(20) }),
      );
      expect(known.lookup(host, port, ed25519.blob).result).toBe('trusted');
    }
  });

  itWith('ssh-keygen', 'is found by ssh-keygen -F for that host, plain and hashed, and for no other', () => {
    // What ssh-keygen takes from its arguments: no empty name, none that begins with a hyphen or is not UTF-8.
    const names = hosts.filter((host) => /^[^\0-][^\0\ud800-\udfff]*$/.test(host));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(names, ports, salts), { minLength: 10, maxLength: 30 }),
        names,
        (all, stranger) => {
          const lines = all.flatMap(([host, port, salt]) => {
            const line = written(host, port, ed25519.blob, { salt });
            return line === undefined ? [] : [{ line, spelling: hostSpelling(host, port) }];
          });
          withFile(lines.map(({ line }) => line).join(''), (path) => {
            for (const asked of [
              ...lines.slice(0, 3).map(({ spelling }) => spelling),
              hostSpelling(stranger, 22),
            ]) {
              const expected = lines.flatMap(({ spelling }, i) => (spelling === asked ? [i + 1] : []));
              expect(linesFound(path, asked), asked).toEqual(expected);
            }
          });
        },
      ),
      { numRuns: 12 },
    );
  });

  itWith('ssh-keygen', 'is hashed by ssh-keygen -H as it is here', () => {
    const spellings = ['alpha.example', '[alpha.example]:2222', '2001:db8::1', '[fe80::1%eth0]:22022'];
    const text = [
      formatKnownHostsLine('alpha.example', 22, ed25519.blob),
      formatKnownHostsLine('alpha.example', 2222, ed25519.blob),
      formatKnownHostsLine('2001:db8::1', 22, ed25519.blob),
      formatKnownHostsLine('fe80::1%eth0', 22022, ed25519.blob),
    ].join('');
    withFile(text, (path) => {
      run('ssh-keygen', ['-H', '-f', path]);
      const fields = readFileSync(path, 'utf8')
        .split('\n')
        .map((line) => line.split(' ')[0] ?? '');
      for (const [i, spelling] of spellings.entries()) {
        const salt = Buffer.from(fields[i]?.split('|')[2] ?? '', 'base64');
        expect(hashSpelling(spelling, salt)).toBe(fields[i]);
      }
    });
  });

  it.each(
    [
      ['', 'a b', 'a,b', '*', 'a?', '!a', '#a', '@revoked', '|1|x', 'a\nb', 'a\tb', '[a]', 'a\u0000', 'a"b'],
      // Written as Latin-1, the first of these was `**.com`.
      ['تت.com', 'пример.рф', 'é', '\u212aernel.org', '\uff0a.com', 'a\u202eb', 'a\x9bb', 'a'.repeat(1025)],
    ].flat(),
  )('is refused for the host %j', (host) => {
    for (const salt of [undefined, new Uint8Array(20)])
      expect(failure(() => formatKnownHostsLine(host, 22, ed25519.blob, { salt })).code).toBe(
        'ERR_SSH_OPTIONS',
      );
  });

  it('is refused with what to do for a name that is not ASCII', () => {
    const { message } = failure(() => formatKnownHostsLine('пример.рф', 22, ed25519.blob));
    expect(message).toContain('IDNA');
  });

  it('is refused for a port, a salt or a comment that cannot be', () => {
    const line = (port: number, options: Parameters<typeof formatKnownHostsLine>[3]) => () =>
      formatKnownHostsLine('a', port, ed25519.blob, options);
    for (const port of [0, 65_536, 1.5, Number.NaN])
      expect(failure(line(port, {})).code).toBe('ERR_SSH_OPTIONS');
    expect(failure(line(22, { salt: new Uint8Array(19) })).code).toBe('ERR_SSH_OPTIONS');
    expect(failure(line(22, { comment: 'a\n* ssh-rsa' })).code).toBe('ERR_SSH_OPTIONS');
  });
});

function linesFound(path: string, host: string): number[] {
  try {
    const found = run('ssh-keygen', ['-F', host, '-f', path]);
    return [...found.matchAll(/found: line (\d+)/g)].map((match) => Number(match[1]));
  } catch {
    // It exits with 1 where nothing is found.
    return [];
  }
}

describe('what is no host and no port', () => {
  it.each([
    [22, 22, 'the host to look up must be a string, not 22'],
    [undefined, 22, 'the host to look up must be a string, not undefined'],
    ['a', '22', 'the port to look up must be a whole number from 1 to 65535, not the string "22"'],
    ['a', undefined, 'the port to look up must be a whole number from 1 to 65535, not undefined'],
    ['a', 0, 'the port to look up must be a whole number from 1 to 65535, not 0'],
  ])('is refused by every look-up, and is not an unknown host: %s, %s', (host, port, message) => {
    const known = KnownHosts.parse(`a ${ed25519.text}`);
    const place = [host as never, port as never] as const;
    for (const look of [
      () => known.lookup(...place, ed25519.blob),
      () => known.ownKeys(...place),
      () => known.revocation(...place, ed25519.blob),
      () => known.certAuthorities(...place),
      () => known.keyTypesFor(...place),
    ]) {
      expect(failure(look)).toMatchObject({ code: 'ERR_SSH_OPTIONS', message });
    }
  });
});

it.each([
  ['a host that is no text', [7, 22], 'the host of a known host must be'],
  ['no host', [undefined, 22], 'the host of a known host must be'],
  ['a port that is none', ['host', 65_536], 'the port of a known host must be'],
  ['a port that is text', ['host', '22'], 'the port of a known host must be'],
  ['an empty host', ['', 22], 'cannot be written to known_hosts as a host'],
] as const)('a line is not written for %s', (_, [host, port], message) => {
  expect(() => formatKnownHostsLine(host as string, port as number, new Uint8Array(1))).toThrow(
    expect.objectContaining({ code: 'ERR_SSH_OPTIONS', message: expect.stringContaining(message) }),
  );
});

/** Of the answers of a configuration: the words of refusals, tables with a rule behind them, and what is asked once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { keywordNames, keywordRow } from '../../src/config/reading/keywords.ts';
import { createResolveHost } from '../../src/config/resolveHost.ts';
import { serviceClass, serviceMark } from '../../src/config/syntax/serviceClasses.ts';
import { resolveHost } from '../../src/entry/config.ts';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/entry/keys.ts';
import { nodeConfigPlatform } from '../../src/node/config/configPlatform.ts';
import { certificateLine, makeCertificate } from '../support/certificates.ts';
import { type Asked, keywordsFor, readText } from './reading.ts';
import { refusalOf } from './refusals.ts';

const said = (text: string): string => refusalOf(() => readText(`${text}\n`)).message;

describe('a refusal says in plain words', () => {
  it('that a value is empty, whatever the keyword', () => {
    // A list may have an empty name in it, a command may be any text, and a flag alone takes nothing.
    const ofOneWord = keywordNames.filter((name) =>
      ['choice', 'word', 'number', 'time'].includes(keywordRow(name.toLowerCase())?.form.takes ?? ''),
    );
    expect(ofOneWord.length).toBeGreaterThan(50);
    for (const name of [...ofOneWord, 'ObscureKeystrokeTiming']) {
      expect(said(`${name} ""`)).toBe(`config line 1: ${name.toLowerCase()} needs a value`);
    }
  });

  it('which words there are: one, two, or more', () => {
    expect(said('Compression maybe')).toContain('takes yes or no, not "maybe"');
    expect(said('RequestTTY maybe')).toMatch(/takes (\w+, )+\w+ or \w+, not "maybe"/);
  });

  it('what is wrong with a domain', () => {
    expect(said('CanonicalDomains ""')).toContain('the name of a domain is empty');
    expect(said('CanonicalDomains -a')).toContain('begins with a letter or a digit');
    expect(said('CanonicalDomains a..b')).toContain('two dots side by side');
    expect(said('CanonicalDomains a/b')).toContain('letters, digits, -, _ and dots only');
  });

  it('the line, where there is one', async () => {
    const refused = await resolveHost('alpha', { files: 'none', overrides: ['Port=0'] }).catch(
      (error: unknown) => error,
    );
    expect(refused).toBeInstanceOf(SshError);
    expect((refused as SshError).message).toMatch(/^command-line: port/);
    expect(said('# one\nPort 0')).toMatch(/^config line 2: port/);
  });
});

describe('a reading', () => {
  const usual = { fileSize: 1_000, includeDepth: 16, files: 10, totalSize: 1_000 };

  it('takes files as large as its limits, and no larger, and no more of them', () => {
    const text = 'Port 22\n';
    const world = { files: { '/a': text } };
    const read = (file: string, limits: Partial<typeof usual>) =>
      readText(file, 'alpha', world, { limits: { ...usual, ...limits } });
    expect(read(text, { fileSize: text.length }).port).toBe(22);
    const larger = refusalOf(() => read(text, { fileSize: text.length - 1 })).message;
    expect(larger).toContain(`it is larger than ${text.length - 1} bytes`);
    const including = `Include /a\n${text}`;
    const totalSize = including.length + text.length;
    expect(read(including, { totalSize, files: 2 }).port).toBe(22);
    for (const limits of [{ totalSize: totalSize - 1 }, { files: 1 }]) {
      expect(refusalOf(() => read(including, limits)).message).toMatch(/^\/a: (with it|it is one)/);
    }
  });

  it('asks about new host keys only where a person waits for a shell', () => {
    const asks = (text: string, command?: string): unknown =>
      keywordsFor(`UpdateHostKeys ask\n${text}\n`, 'alpha', {}, command === undefined ? {} : { command })[
        'updatehostkeys'
      ];
    for (const text of ['', 'LogLevel VERBOSE', 'RequestTTY force', 'ControlPath /s', 'ControlPersist 5']) {
      expect([text, asks(text)]).toEqual([text, 'ask']);
    }
    for (const text of [
      'LogLevel ERROR',
      'RequestTTY no',
      'ControlPath /s\nControlPersist 5',
      'RemoteCommand x',
    ]) {
      expect([text, asks(text)]).toEqual([text, 'false']);
    }
    expect(asks('', 'true')).toBe('false');
  });

  it('takes 100 files of keys, and no more', () => {
    const files = (count: number, first = 0): string =>
      Array.from({ length: count }, (_, n) => `IdentityFile /k${first + n}\n`).join('');
    expect(keywordsFor(files(100))['identityfile']).toHaveLength(100);
    expect(said(files(101).trimEnd())).toMatch(/^config line 101: /);
    // One that is there already is one more word, as with ssh.
    expect(keywordsFor(`${files(99)}IdentityFile /k0\n`)['identityfile']).toHaveLength(99);
    expect(said(`${files(100)}IdentityFile /k0`)).toMatch(/^config line 101: /);
  });

  it('takes no word that every object has', () => {
    const ofWords = keywordNames.filter((name) => keywordRow(name.toLowerCase())?.form.takes === 'choice');
    for (const name of [...ofWords, 'LogLevel', 'ObscureKeystrokeTiming']) {
      for (const word of ['constructor', 'toString', '__proto__']) {
        expect(said(`${name} ${word}`)).toMatch(/^config line 1: .* takes /);
      }
    }
  });

  it('counts bytes in powers of 1,024, with parts of one', () => {
    const units = fc.constantFrom(
      ...['', 'K', 'm', 'G'].map((unit, power) => [unit, 1024 ** power] as const),
    );
    fc.assert(
      fc.property(fc.nat(999), fc.integer({ min: 0, max: 9 }), units, (whole, tenths, [unit, factor]) => {
        const bytes = unit === '' ? whole : whole * factor + Math.floor((tenths * factor) / 10);
        fc.pre(bytes >= 16);
        for (const start of whole === 0 ? ['', '0'] : [String(whole)]) {
          expect(keywordsFor(`RekeyLimit ${start}.${tenths}${unit}\n`)['rekeylimit']).toBe(`${bytes} 0`);
        }
      }),
    );
  });

  it('takes what is in brackets as it is, also where it is empty', () => {
    expect(keywordsFor('LocalForward []:80 [a]:1\n')['localforward']).toEqual(['[]:80 [a]:1']);
    for (const place of ['[:80', '[a:80', '[a]80', '[a]b:80']) {
      expect(said(`LocalForward ${place} b:1`)).toMatch(/^config line 1: localforward/);
    }
    for (const jump of ['[::1', '[::1]x']) {
      expect(refusalOf(() => readText(`ProxyJump ${jump}\n`)).message).toContain('proxyjump');
    }
  });

  it('keeps the case of words that are no domains', () => {
    const text = 'PermitRemoteOpen Web:80\nUserKnownHostsFile /K None2\nCanonicalDomains A.Example\n';
    const keywords = keywordsFor(text, 'alpha', { lookup: () => undefined });
    expect(keywords['permitremoteopen']).toBe('Web:80');
    expect(keywords['userknownhostsfile']).toBe('/K None2');
    expect(keywordsFor('CanonicalDomains NONE\n')['canonicaldomains']).toBe('none');
  });

  it('takes a keyword in quotes, and none whose quote has no end', () => {
    expect(keywordsFor('"Port" 23\n')['port']).toBe('23');
    expect(keywordsFor('Po"rt" 23\n')['port']).toBe('23');
    expect(keywordsFor('Port"" 23\n')['port']).toBe('23');
    for (const line of ['"Port 23', 'Po"rt 23', '"', 'P"']) expect(said(line)).toMatch(/^config line 1: /);
  });

  it('refuses a pattern that is empty, wherever it stands', () => {
    for (const line of ['Host ""', 'Host alpha ""', 'Host "" alpha', 'Host other ""']) {
      expect(said(line)).toContain('has an empty pattern');
    }
  });

  it('takes a part of a URI that is encoded, and no NUL or half a code', () => {
    expect(keywordsFor('ProxyJump ssh://u%40x@j:24\n')['proxyjump']).toBe('u@x@j:24');
    for (const user of ['u%zz', 'u%4', 'u%', 'u%00', 'u%ff']) {
      expect(said(`ProxyJump ssh://${user}@j:24`)).toMatch(/^config line 1: proxyjump/);
    }
  });

  it('knows networks of either family by all of their bits', () => {
    const matches = (address: string, network: string): boolean =>
      keywordsFor(`Match localnetwork ${network}\nPort 9\n`, 'alpha', { addresses: [address] })['port'] ===
      '9';
    const word = fc.integer({ min: 0, max: 0xffff });
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 8, maxLength: 8 }),
        fc.integer({ min: 1, max: 128 }),
        (words, length) => {
          const bits = words.reduce((all, one) => (all << 16n) | BigInt(one), 0n);
          const host = BigInt(128 - length);
          const written = (value: bigint): string =>
            Array.from({ length: 8 }, (_, n) =>
              ((value >> BigInt(112 - 16 * n)) & 0xffffn).toString(16),
            ).join(':');
          const network = `${written((bits >> host) << host)}/${length}`;
          expect(matches(written(bits), network)).toBe(true);
          // The last bit that counts is another one.
          expect(matches(written(bits ^ (1n << host)), network)).toBe(false);
        },
      ),
      { numRuns: 50 },
    );
    expect(matches('10.1.2.3', '10.1.2.0/23')).toBe(true);
    expect(matches('10.1.4.3', '10.1.2.0/23')).toBe(false);
    expect(matches('10.1.2.3', '::/1')).toBe(false);
  });
});

describe('classes of service', () => {
  it('are the numbers of RFC 2474, 2597, 3246, 8622 and 5865', () => {
    const classes = new Map<string, number>([
      ['ef', 0b101110],
      ['le', 0b000001],
      ['va', 0b101100],
    ]);
    for (let n = 0; n <= 7; n++) classes.set(`cs${n}`, n << 3);
    for (let n = 1; n <= 4; n++)
      for (let drop = 1; drop <= 3; drop++) classes.set(`af${n}${drop}`, (n << 3) | (drop << 1));
    for (const [name, codePoint] of classes) {
      expect([name, serviceMark(name)]).toEqual([name, codePoint << 2]);
      expect(serviceClass(name.toUpperCase())).toBe(name);
    }
    fc.assert(
      fc.property(fc.nat(255), (value) => {
        const name = serviceClass(String(value)) ?? '';
        expect(serviceMark(name)).toBe(value);
        expect(classes.has(name)).toBe([...classes.values()].includes(value >> 2) && value % 4 === 0);
        for (const text of [`0x${value.toString(16)}`, `0${value.toString(8)}`, ` +${value}`]) {
          expect(serviceClass(text)).toBe(name);
        }
      }),
      { numRuns: 256 },
    );
  });
});

describe('a keyword', () => {
  it('of the facility of a log takes all eight local ones', () => {
    for (let n = 0; n <= 7; n++) {
      expect(keywordsFor(`SyslogFacility local${n}\n`)['syslogfacility']).toBe(`LOCAL${n}`);
    }
    expect(said('SyslogFacility local8')).toContain('local8');
  });

  it('of known hosts takes 32 files and no more', () => {
    const files = (count: number): string => Array.from({ length: count }, (_, n) => `/k${n}`).join(' ');
    for (const keyword of ['UserKnownHostsFile', 'GlobalKnownHostsFile']) {
      expect(keywordsFor(`${keyword} ${files(32)}\n`)[keyword.toLowerCase()]).toBe(files(32));
      expect(said(`${keyword} ${files(33)}`)).toContain(keyword.toLowerCase());
    }
  });

  it.each([
    ['nothing', '', 'true'],
    ['the usual file', 'UserKnownHostsFile ~/.ssh/known_hosts', 'true'],
    ['another file', 'UserKnownHostsFile /k', 'false'],
    ['two files', 'UserKnownHostsFile ~/.ssh/known_hosts /k', 'false'],
    ['no file', 'UserKnownHostsFile none', 'false'],
    ['the DNS', 'VerifyHostKeyDNS ask', 'false'],
  ])(
    'of keys that servers change follows them by itself where the configuration names %s: %s',
    (_what, text, value) => {
      expect(keywordsFor(`${text}\n`)['updatehostkeys']).toBe(value);
    },
  );
});

it('a file that is included twice is read twice and asked for once', () => {
  const asked: Asked = [];
  const text = 'Include /one\nHost alpha\nInclude /one\n';
  const keywords = keywordsFor(text, 'alpha', { files: { '/one': 'SendEnv A\n' } }, {}, asked);
  expect(keywords['sendenv']).toEqual(['A', 'A']);
  expect(asked.filter(({ kind }) => kind === 'file')).toHaveLength(1);
});

describe('the options of a host', () => {
  let folder: string;
  const agentBefore = process.env['SSH_AUTH_SOCK'];
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'config-details-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const optionsFor = async (text: string) =>
    (await resolveHost('alpha', { files: [{ path: 'config', text: `${text}\n` }] })).options;

  it("have the user's agent, unless the configuration names another or none", async () => {
    onTestFinished(() => {
      if (agentBefore === undefined) delete process.env['SSH_AUTH_SOCK'];
      else process.env['SSH_AUTH_SOCK'] = agentBefore;
    });
    const agents = async (text: string) => {
      const { auth } = await optionsFor(`IdentityFile none\n${text}`);
      return (Array.isArray(auth) ? auth : []).flatMap((step: unknown) =>
        typeof step === 'object' && step !== null && 'agent' in step ? [step.agent] : [],
      );
    };
    process.env['SSH_AUTH_SOCK'] = join(folder, 'agent');
    expect(await agents('')).toEqual([true]);
    expect(await agents('IdentityAgent SSH_AUTH_SOCK')).toEqual([true]);
    expect(await agents('IdentityAgent none')).toEqual([]);
    expect(await agents('IdentityAgent /other')).toEqual(['/other']);
    delete process.env['SSH_AUTH_SOCK'];
    expect(await agents('')).toEqual([]);
    expect(await agents('IdentityAgent SSH_AUTH_SOCK')).toEqual([]);
  });

  it('ask the agent first for the keys whose public half is known, and for nothing in place of others', async () => {
    onTestFinished(() => {
      if (agentBefore === undefined) delete process.env['SSH_AUTH_SOCK'];
      else process.env['SSH_AUTH_SOCK'] = agentBefore;
    });
    process.env['SSH_AUTH_SOCK'] = join(folder, 'agent');
    const known = generateKey('ed25519');
    const [locked, open] = [join(folder, 'locked'), join(folder, 'open')];
    // Of the older form nobody sees the public half without the passphrase.
    const pem = formatPrivateKey(generateKey('ecdsa', { bits: 256 }), {
      format: 'pkcs8',
      passphrase: 'secret',
    });
    writeFileSync(locked, pem, { mode: 0o600 });
    writeFileSync(open, formatPrivateKey(known), { mode: 0o600 });
    writeFileSync(`${open}.pub`, formatPublicKey(known.publicKey));
    const { auth } = await optionsFor(`IdentityFile ${locked}\nIdentityFile ${open}\nIdentitiesOnly yes`);
    const asked = (Array.isArray(auth) ? auth : []).flatMap((step: unknown) =>
      typeof step === 'object' && step !== null && 'agent' in step ? [step] : [],
    );
    expect(asked).toEqual([expect.objectContaining({ keys: [known.publicKey] })]);
  });

  it('are of a user and a host that have names', async () => {
    await expect(resolveHost('@alpha', { files: 'none' })).rejects.toThrow('names no user before the @');
    expect((await resolveHost('a@b@alpha', { files: 'none' })).options).toMatchObject({
      username: 'a@b',
      host: 'alpha',
    });
  });

  it('are not looked for once the caller has given up', async () => {
    const signal = AbortSignal.abort();
    await expect(resolveHost('alpha', { files: [join(folder, 'nothing')], signal })).rejects.toMatchObject({
      code: 'ERR_SSH_ABORTED',
    });
  });

  it('lead over 16 hosts, and no more', async () => {
    const way = (jumps: number) =>
      optionsFor(
        Array.from(
          { length: jumps },
          (_, n) => `Host ${n === 0 ? 'alpha' : `h${n}`}\nProxyJump h${n + 1}`,
        ).join('\n'),
      );
    expect((await way(16)).via).toHaveLength(16);
    await expect(way(17)).rejects.toThrow('proxyjump');
  });

  it('never take RSA keys of fewer than 1,024 bits', async () => {
    for (const [given, bits] of [
      ['512', 1024],
      ['1024', 1024],
      ['1025', 1025],
      ['0', 1024],
    ] as const) {
      expect((await optionsFor(`RequiredRSASize ${given}`)).limits).toEqual({ rsaMinimumBits: bits });
    }
  });

  it('say which certificates have no key', async () => {
    const key = generateKey('ed25519');
    const authority = generateKey('ed25519');
    const [path, certificate] = [join(folder, 'certified'), join(folder, 'certificate')];
    writeFileSync(path, formatPrivateKey(key), { mode: 0o600 });
    const warnings = async (of: typeof key) => {
      writeFileSync(certificate, certificateLine(makeCertificate({ key: of.publicKey, authority, kind: 1 })));
      const text = `IdentityAgent none\nIdentityFile ${path}\nCertificateFile ${certificate}\n`;
      return (await resolveHost('alpha', { files: [{ path: 'config', text }] })).warnings;
    };
    expect(await warnings(key)).toEqual([]);
    expect(await warnings(generateKey('ed25519'))).toEqual([expect.stringContaining('has its key')]);
  });

  it('know the hosts of the files of the system, also where the user has none', async () => {
    const known = join(folder, 'known');
    const key = generateKey('ed25519').publicKey;
    const line = formatPublicKey(key);
    writeFileSync(known, `alpha ${line}`);
    const { verifyHostKey } = await optionsFor(
      `UserKnownHostsFile /dev/null\nGlobalKnownHostsFile ${known} /dev/null`,
    );
    const blob = new Uint8Array(Buffer.from(line.split(' ')[1] ?? '', 'base64'));
    const info = {
      host: 'alpha',
      port: 22,
      address: undefined,
      key,
      blob,
      type: key.type,
      algorithm: key.type,
      fingerprint: '',
    };
    expect(await verifyHostKey.verify(info)).toBe(true);
    await expect(verifyHostKey.verify({ ...info, host: 'beta' }) as Promise<boolean>).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_UNKNOWN',
    });
  });

  it.each([
    ['no absolute path', 'x y', 'is no absolute path'],
    ['a token that means nothing', '/bin/x %z', 'knownhostscommand'],
  ])('take no program of known hosts with %s', async (_what, command, words) => {
    await expect(optionsFor(`KnownHostsCommand ${command}`)).rejects.toThrow(words);
  });

  it.each([[5], [null], [{}], [{ path: '' }], [{ path: 'a', text: 5 }], [{ path: 'a', more: 1 }]])(
    'are of files, which %j is none of',
    async (file) => {
      const files = [file] as unknown as readonly string[];
      await expect(resolveHost('alpha', { files })).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    },
  );

  it('have no more of a policy than the platform gives', async () => {
    const verify = () => true;
    const resolve = createResolveHost({ ...nodeConfigPlatform, knownHosts: () => ({ verify }) });
    const text = 'HostKeyAlias other\n';
    const { options } = await resolve('alpha', { files: [{ path: 'config', text }] });
    // The hash that the configuration names, or ssh's own, is all that is added.
    expect(Object.keys(options.verifyHostKey)).toEqual(['verify', 'fingerprintHash']);
    expect(options.verifyHostKey).toMatchObject({ fingerprintHash: 'sha256' });
  });

  it('of a host by another name follow changed keys where that is wanted, and else not at all', async () => {
    const policy = async (text: string) => (await optionsFor(`HostKeyAlias other\n${text}`)).verifyHostKey;
    expect(await policy('UpdateHostKeys no')).not.toHaveProperty('rotation');
    expect(await policy('UpdateHostKeys yes')).toHaveProperty('rotation.keep');
  });
});

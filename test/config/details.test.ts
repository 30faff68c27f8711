/** Of the answers of a configuration: the words of refusals, tables with a rule behind them, and what is asked once. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { keywordNames, keywordRow } from '../../src/config/reading/keywords.ts';
import { serviceClass, serviceMark } from '../../src/config/syntax/serviceClasses.ts';
import { resolveHost } from '../../src/entry/config.ts';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/entry/keys.ts';
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

  it('of a host by another name follow changed keys where that is wanted, and else not at all', async () => {
    const policy = async (text: string) => (await optionsFor(`HostKeyAlias other\n${text}`)).verifyHostKey;
    expect(await policy('UpdateHostKeys no')).not.toHaveProperty('rotation');
    expect(await policy('UpdateHostKeys yes')).toHaveProperty('rotation.keep');
  });
});

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { type Certificate, decodeCertificate, verifyCertificate } from '../../src/crypto/keys/certificate.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { certificateAlgorithms } from '../../src/crypto/specialAlgorithms.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { checkCertificate, parseCertificate } from '../../src/keys/openssh/certificateFile.ts';
import { parsePublicKey } from '../../src/keys/publicKeyFile.ts';
import {
  type CertificateContent,
  certificateLine,
  forEver,
  makeCertificate,
  optionValue,
  testProvider,
} from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';
import { failure } from './failure.ts';
import { itWith } from './programs.ts';

const authority = generateKey('ed25519', { randomBytes: seededBytes(11) });
const holder = generateKey('ed25519', { randomBytes: seededBytes(12) });
const rsaAuthority = generateKey('rsa', { randomBytes: seededBytes(13), bits: 2048 });

const content = (more: Partial<CertificateContent> = {}): CertificateContent => ({
  key: holder.publicKey,
  authority,
  ...more,
});
const make = (more: Partial<CertificateContent> = {}): Uint8Array => makeCertificate(content(more));
const certificate = (more: Partial<CertificateContent> = {}): Certificate => decodeCertificate(make(more));

describe('a certificate', () => {
  it('says what its authority wrote', () => {
    const read = certificate({
      kind: 1,
      keyId: 'a user',
      serial: 2n ** 64n - 1n,
      principals: ['ops', 'root'],
      validAfter: 10n,
      validBefore: 20n,
      criticalOptions: [['force-command', optionValue('uptime')]],
      extensions: [['permit-pty', new Uint8Array(0)]],
    });
    expect(read).toMatchObject({
      type: 'ssh-ed25519-cert-v01@openssh.com',
      kind: 'user',
      keyId: 'a user',
      serial: 2n ** 64n - 1n,
      principals: ['ops', 'root'],
      validAfter: 10n,
      validBefore: 20n,
      signatureAlgorithm: 'ssh-ed25519',
    });
    expect(read.publicKey).toEqual(holder.publicKey);
    expect(read.authority).toEqual(authority.publicKey);
    expect([...read.criticalOptions]).toEqual([['force-command', optionValue('uptime')]]);
    expect([...read.extensions.keys()]).toEqual(['permit-pty']);
  });

  it('holds by its authority’s signature, of either RSA algorithm too', () => {
    expect(verifyCertificate(testProvider, make())).toBe(true);
    for (const algorithm of ['rsa-sha2-256', 'rsa-sha2-512']) {
      expect(verifyCertificate(testProvider, make({ authority: rsaAuthority, algorithm }))).toBe(true);
    }
  });

  it('changed at any byte is refused or does not hold', () => {
    const blob = make();
    for (let at = 0; at < blob.length; at++) {
      for (const bit of [1, 0x80]) {
        const changed = blob.slice();
        changed[at] = (changed[at] as number) ^ bit;
        let holds = false;
        try {
          holds = verifyCertificate(testProvider, changed);
        } catch (error) {
          if (!(error instanceof SshError)) throw error;
          expect(['ERR_SSH_DECODE', 'ERR_SSH_KEY_UNSUPPORTED']).toContain(error.code);
        }
        expect(holds, `byte ${at}`).toBe(false);
      }
    }
  });

  it('cut off at any byte, or with one too many, is malformed', () => {
    const blob = make();
    for (let length = 0; length < blob.length; length++) {
      expect(failure(() => decodeCertificate(blob.subarray(0, length))).code).toBe('ERR_SSH_DECODE');
    }
    expect(failure(() => decodeCertificate(Uint8Array.of(...blob, 0))).code).toBe('ERR_SSH_DECODE');
  });

  it('of arbitrary bytes is a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (tail) => {
        const blob = Uint8Array.of(...make().subarray(0, 40), ...tail);
        expect(failure(() => decodeCertificate(blob)).code).toMatch(/^ERR_SSH_(DECODE|KEY_UNSUPPORTED)$/);
      }),
    );
  });

  it('signed by a certificate in place of a key is refused', () => {
    const chained = make({ authorityBlob: make() });
    expect(failure(() => decodeCertificate(chained)).message).toContain('signed by a certificate');
  });

  it('signed with SHA-1 is refused before it is verified', () => {
    const signature = encodeSignature('ssh-rsa', new Uint8Array(256).fill(1));
    const old = make({ authority: rsaAuthority, signature });
    expect(failure(() => decodeCertificate(old)).message).toContain('SHA-1');
  });

  it('signed by another key than it names does not hold', () => {
    expect(verifyCertificate(testProvider, make({ authorityBlob: encodePublicKey(holder.publicKey) }))).toBe(
      false,
    );
  });

  it('of another kind than a user’s and a host’s, with an option twice, or 257 principals is malformed', () => {
    const empty = new Uint8Array(0);
    const bad: Partial<CertificateContent>[] = [
      { kind: 0 },
      { kind: 3 },
      {
        extensions: [
          ['permit-pty', empty],
          ['permit-pty', empty],
        ],
      },
      { principals: Array.from({ length: 257 }, (_, i) => `p${i}`) },
      { extensions: Array.from({ length: 257 }, (_, i) => [`e${i}`, empty] as const) },
      { type: 'ssh-ed25519-cert-v02@openssh.com' },
      { type: 'ecdsa-sha2-nistp256-cert-v01@openssh.com' },
    ];
    for (const more of bad) expect(failure(() => certificate(more)).code).toBe('ERR_SSH_DECODE');
    expect(
      certificate({ principals: Array.from({ length: 256 }, (_, i) => `p${i}`) }).principals.length,
    ).toBe(256);
  });
});

describe('OpenSSH PROTOCOL.certkeys: what a certificate is good for', () => {
  const purpose = { kind: 'host', principal: 'host.example', now: 1000 } as const;
  const check = (more: Partial<CertificateContent>, what: Partial<typeof purpose> = {}): void =>
    checkCertificate(certificate(more), { ...purpose, ...what });

  it('is the host it names, whatever the case', () => {
    for (const principals of [['host.example'], ['other', 'HOST.example']]) {
      expect(() => check({ principals })).not.toThrow();
    }
  });

  it.each<[string, Partial<CertificateContent>, string]>([
    ['another host', { principals: ['other.example', 'x'] }, 'is for other.example, x, not for host.example'],
    ['a pattern', { principals: ['*.example', '*'] }, 'is for *.example, *, not for host.example'],
    ['nobody in particular', { principals: [] }, 'names nobody it is for'],
    ['a user', { kind: 1 }, "is a user's, where a host's is wanted"],
    ['later', { validAfter: 1001n }, 'is not valid before 1970-01-01 00:16:41 UTC'],
    ['earlier', { validBefore: 1000n }, 'expired at 1970-01-01 00:16:40 UTC'],
    ['no time at all', { validAfter: forEver }, `is not valid before second ${forEver}`],
    ['those who know an option', { criticalOptions: [['new', optionValue('')]] }, 'critical option "new"'],
  ])('is not this host now, where it is for %s', (_name, more, words) => {
    const error = failure(() => check(more));
    expect(error.code).toBe('ERR_SSH_CERTIFICATE');
    expect(error.message).toContain(words);
  });

  it('begins and ends at the second', () => {
    const times = { validAfter: 1000n, validBefore: 1002n };
    for (const [now, holds] of [
      [999.9, false],
      [1000, true],
      [1001.9, true],
      [1002, false],
    ] as const) {
      const run = (): void => checkCertificate(certificate(times), { ...purpose, now });
      if (holds) expect(run).not.toThrow();
      else expect(run).toThrow(SshError);
    }
  });

  it('does not show what a peer wrote raw', () => {
    const error = failure(() => check({ keyId: '\u001b[2J', principals: ['\u001b]0;x'] }));
    expect(error.message).not.toContain('\u001b');
  });
});

describe('dates in messages', () => {
  it('are those of the calendar', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 1n, max: 8_640_000_000_000n }), (second) => {
        const late = certificate({ validBefore: second });
        const purpose = { kind: 'host', principal: 'host.example', now: Number(second) } as const;
        const iso = new Date(Number(second) * 1000).toISOString();
        const [, year, rest] = /^\+?0*(\d{4,})-(.*)\.000Z$/.exec(iso.replace('T', ' ')) ?? [];
        expect(failure(() => checkCertificate(late, purpose)).message).toContain(`at ${year}-${rest} UTC`);
      }),
      { numRuns: 50 },
    );
  });
});

describe('a certificate file', () => {
  it('is one line of type, base64 and comment', () => {
    const { certificate: read, comment } = parseCertificate(
      `# mine\n${certificateLine(make(), 'me at home')}`,
    );
    expect(read).toEqual(certificate());
    expect(comment).toBe('me at home');
  });

  it.each<[string, string, string]>([
    ['a public key', 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA==', 'ERR_SSH_KEY_UNSUPPORTED'],
    ['something else', 'hello world', 'ERR_SSH_KEY_FORMAT'],
    ['two certificates', certificateLine(make()) + certificateLine(make()), 'ERR_SSH_KEY_FORMAT'],
    ['nothing', '', 'ERR_SSH_KEY_FORMAT'],
    ['no base64', 'ssh-ed25519-cert-v01@openssh.com !!', 'ERR_SSH_KEY_FORMAT'],
    ['another type', certificateLine(make()).replace('ed25519', 'rsa'), 'ERR_SSH_KEY_FORMAT'],
  ])('with %s in it says so', (_name, text, code) => {
    expect(failure(() => parseCertificate(text))).toMatchObject({ code, phase: 'options' });
  });

  it('cut off or changed anywhere is a typed error or the same certificate', () => {
    const line = certificateLine(make());
    const variants = [...line].flatMap((_, at) => [
      line.slice(0, at),
      line.slice(0, at) + (line[at] === 'A' ? 'B' : 'A') + line.slice(at + 1),
    ]);
    let refused = 0;
    for (const variant of variants) {
      try {
        const { certificate: read } = parseCertificate(variant);
        if (verifyCertificate(testProvider, read.blob)) expect(read).toEqual(certificate());
      } catch (error) {
        expect(error).toMatchObject({ code: expect.stringMatching(/^ERR_SSH_KEY_(FORMAT|UNSUPPORTED)$/) });
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(line.length);
  });

  it('given for a public key is told apart', () => {
    expect(failure(() => parsePublicKey(certificateLine(make())))).toMatchObject({
      code: 'ERR_SSH_KEY_UNSUPPORTED',
      message: expect.stringContaining('parseCertificate'),
    });
  });
});

describe('what ssh-keygen signs', () => {
  const kinds = [
    ['ed25519', '256'],
    ['ecdsa', '256'],
    ['ecdsa', '384'],
    ['ecdsa', '521'],
    ['rsa', '2048'],
  ] as const;

  itWith('ssh-keygen', 'is read and holds, for every type of key and of authority', () => {
    const folder = mkdtempSync(join(tmpdir(), 'certs-'));
    try {
      const keygen = (...args: string[]): string =>
        execFileSync('ssh-keygen', ['-q', ...args], { cwd: folder, encoding: 'utf8', stdio: 'pipe' });
      for (const [type, bits] of kinds) {
        keygen('-t', type, '-b', bits, '-N', '', '-f', `ca-${type}${bits}`);
        keygen('-t', type, '-b', bits, '-N', '', '-f', `key-${type}${bits}`);
      }
      const seen = new Set<string>();
      for (const [type, bits] of kinds) {
        for (const [caType, caBits] of kinds) {
          const key = `key-${type}${bits}`;
          keygen(
            ...['-s', `ca-${caType}${caBits}`, '-I', 'some id', '-n', 'a,b', '-z', '77'],
            ...['-V', '20200101000000Z:20300101000000Z', '-O', 'clear', '-O', 'permit-pty', `${key}.pub`],
          );
          const read = parseCertificate(readFileSync(join(folder, `${key}-cert.pub`))).certificate;
          expect(read).toMatchObject({ kind: 'user', keyId: 'some id', principals: ['a', 'b'], serial: 77n });
          expect([read.validAfter, read.validBefore]).toEqual([1577836800n, 1893456000n]);
          expect([...read.extensions.keys()]).toEqual(['permit-pty']);
          expect(verifyCertificate(testProvider, read.blob)).toBe(true);
          expect(encodePublicKey(read.publicKey)).toEqual(
            encodePublicKey(parsePublicKey(readFileSync(join(folder, `${key}.pub`))).publicKey),
          );
          seen.add(read.type);
        }
      }
      const plain = Object.values(certificateAlgorithms).map(({ keyType }) => keyType);
      expect([...seen].sort()).toEqual([...new Set(plain.filter((name) => !name.startsWith('sk-')))].sort());
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  itWith('ssh-keygen', 'is what is written here: it shows ours as its own', () => {
    const folder = mkdtempSync(join(tmpdir(), 'certs-'));
    try {
      const path = join(folder, 'x-cert.pub');
      writeFileSync(path, certificateLine(make({ principals: ['one', 'two'], serial: 5n })));
      const shown = execFileSync('ssh-keygen', ['-L', '-f', path], { encoding: 'utf8' });
      for (const part of ['host certificate', 'Serial: 5', 'one', 'two', 'Valid: forever']) {
        expect(shown).toContain(part);
      }
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

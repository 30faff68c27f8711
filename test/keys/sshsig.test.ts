/** Signatures over messages, beside ssh-keygen -Y in both directions. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { type Certificate, decodeCertificate } from '../../src/crypto/keys/certificate.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import {
  AllowedSigners,
  formatMessageSignature,
  formatPrivateKey,
  formatPublicKey,
  type MessageSignature,
  parseMessageSignature,
  signMessage,
  verifyMessage,
} from '../../src/entry/keys.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { parseTimestamp } from '../../src/keys/sshsig/timestamps.ts';
import { makeCertificate } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';
import { itWith } from './programs.ts';

const keys: Readonly<Record<string, PrivateKey>> = {
  ed25519: generateKey('ed25519', { randomBytes: seededBytes(31) }),
  nistp256: generateKey('ecdsa', { randomBytes: seededBytes(32), bits: 256 }),
  nistp384: generateKey('ecdsa', { randomBytes: seededBytes(33), bits: 384 }),
  nistp521: generateKey('ecdsa', { randomBytes: seededBytes(34), bits: 521 }),
  rsa: generateKey('rsa', { randomBytes: seededBytes(35), bits: 2048 }),
};
const ed25519 = keys['ed25519'] as PrivateKey;
const other = generateKey('ed25519', { randomBytes: seededBytes(36) });
const authority = generateKey('ed25519', { randomBytes: seededBytes(37) });

const folder = mkdtempSync(join(tmpdir(), 'dlssh-sshsig-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

function keygen(args: readonly string[], input: string | Uint8Array = ''): { status: number; said: string } {
  const { status, stdout, stderr } = spawnSync('ssh-keygen', args, { input, encoding: 'utf8' });
  return { status: status ?? -1, said: `${stdout}${stderr}` };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(SshError);
    return (error as SshError).code;
  }
  return 'none';
}

const line = (key: PrivateKey, before = 'me@example.org'): string =>
  `${before} ${formatPublicKey(key.publicKey)}`;
const question = { principal: 'me@example.org', namespace: 'file', now: 1_800_000_000 };

describe('beside ssh-keygen', () => {
  for (const [name, key] of Object.entries(keys)) {
    itWith('ssh-keygen', `a signature of ours by ${name} is good there`, () => {
      for (const hash of ['sha256', 'sha512'] as const) {
        const signature = signMessage('a message\n', key, { namespace: 'file', hash });
        const path = file(`${name}.sig`, signature);
        const signers = file(`${name}.signers`, line(key));
        const { status, said } = keygen(
          ['-Y', 'verify', '-f', signers, '-I', question.principal, '-n', 'file', '-s', path],
          'a message\n',
        );
        expect({ status, said }).toMatchObject({ status: 0 });
        expect(said).toContain('Good "file" signature for me@example.org');
        expect(
          keygen(['-Y', 'verify', '-f', signers, '-I', question.principal, '-n', 'file', '-s', path], 'b')
            .status,
        ).not.toBe(0);
      }
    });

    itWith('ssh-keygen', `a signature of theirs by ${name} is good here`, () => {
      const path = file(`${name}.key`, formatPrivateKey(key));
      const message = Buffer.from([0, 1, 2, 255, 10]);
      for (const hash of ['sha256', 'sha512']) {
        const target = file(`${name}.message`, message);
        rmSync(`${target}.sig`, { force: true });
        expect(keygen(['-Y', 'sign', '-f', path, '-n', 'git', `-Ohashalg=${hash}`, target]).status).toBe(0);
        const text = readFileSync(`${target}.sig`, 'utf8');
        const read = verifyMessage(message, text, { namespace: 'git' });
        expect(read).toMatchObject({ namespace: 'git', hash, publicKey: key.publicKey });
        expect(formatMessageSignature(read)).toBe(text);
      }
    });
  }

  itWith('ssh-keygen', 'both say the same of every line of allowed signers', () => {
    const rest = formatPublicKey(ed25519.publicKey);
    const lines = [
      `me@example.org ${rest}`,
      `*@example.org ${rest}`,
      `*@example.org,!me@example.org ${rest}`,
      `ME@example.org ${rest}`,
      `other@example.org ${rest}`,
      `"me@example.org" ${rest}`,
      `me@example.org namespaces="file" ${rest}`,
      `me@example.org namespaces="git,fi*" ${rest}`,
      `me@example.org namespaces="git" ${rest}`,
      `me@example.org namespaces="*,!file" ${rest}`,
      `me@example.org NAMESPACES="file" ${rest}`,
      `me@example.org valid-after="20270101Z" ${rest}`,
      `me@example.org valid-after="20300101Z" ${rest}`,
      `me@example.org valid-before="20260101Z" ${rest}`,
      `me@example.org valid-before="203001011200Z",valid-after="20200101120059Z" ${rest}`,
      `me@example.org valid-before="20200101Z",valid-after="20300101Z" ${rest}`,
      `me@example.org valid-before="20301301Z" ${rest}`,
      `me@example.org cert-authority ${rest}`,
      `me@example.org unknown-option ${rest}`,
      `me@example.org namespaces="file",namespaces="file" ${rest}`,
      `# me@example.org ${rest}`,
      `  me@example.org   ${rest}`,
      line(other),
      'me@example.org ssh-ed25519 AAAA',
      'me@example.org',
    ];
    const path = file('lines.sig', signMessage('x', ed25519, { namespace: 'file' }));
    const read = parseMessageSignature(readFileSync(path));
    const now = Date.parse('2028-01-01T00:00:00Z') / 1000;
    const verdicts = lines.map((text) => {
      const signers = file('lines.signers', `${text}\n`);
      const theirs =
        keygen(
          [
            ...['-Y', 'verify', '-f', signers, '-I', question.principal, '-n', 'file', '-s', path],
            '-Overify-time=20280101Z',
          ],
          'x',
        ).status === 0;
      const ours = codeOf(() => AllowedSigners.parse(text).allow(read, { ...question, now })) === 'none';
      return { text, theirs, ours };
    });
    expect(verdicts.filter(({ theirs, ours }) => theirs !== ours)).toEqual([]);
    expect(verdicts.filter(({ ours }) => ours).length).toBe(9);
  });

  itWith('ssh-keygen', 'a certificate speaks for its principals at its time, on both sides', () => {
    const of = (more: Partial<Parameters<typeof makeCertificate>[0]>) =>
      decodeCertificate(
        makeCertificate({
          key: ed25519.publicKey,
          authority,
          kind: 1,
          principals: ['me@example.org'],
          ...more,
        }),
      );
    const certificates = {
      good: of({}),
      host: of({ kind: 2 }),
      expired: of({ validBefore: 1_000n }),
      forOther: of({ principals: ['you@example.org'] }),
      forAll: of({ principals: [] }),
    };
    const path = file('ca.signers', line(authority, '*@example.org cert-authority'));
    const signers = AllowedSigners.parse(readFileSync(path));
    const verdicts = Object.entries(certificates).map(([name, certificate]) => {
      const text = signMessage('x', ed25519, { namespace: 'file', certificate });
      const signature = file('ca.sig', text);
      const theirs =
        keygen(['-Y', 'verify', '-f', path, '-I', question.principal, '-n', 'file', '-s', signature], 'x')
          .status === 0;
      const ours = codeOf(() => signers.allow(verifyMessage('x', text, { namespace: 'file' }), question));
      return [name, theirs, ours === 'none'];
    });
    expect(verdicts).toEqual([
      ['good', true, true],
      ['host', false, false],
      ['expired', false, false],
      ['forOther', false, false],
      ['forAll', false, false],
    ]);
  });
});

describe('a signature', () => {
  const text = signMessage('message', ed25519, { namespace: 'file' });
  const read = parseMessageSignature(text);

  it('does not hold for another message, namespace or key', () => {
    expect(codeOf(() => verifyMessage('message', text, { namespace: 'file' }))).toBe('none');
    expect(codeOf(() => verifyMessage('Message', text, { namespace: 'file' }))).toBe('ERR_SSH_SIGNATURE');
    expect(codeOf(() => verifyMessage('message', text, { namespace: 'git' }))).toBe('ERR_SSH_SIGNATURE');
    const stolen = { ...read, publicKey: other.publicKey };
    expect(codeOf(() => verifyMessage('message', stolen, { namespace: 'file' }))).toBe('ERR_SSH_SIGNATURE');
    const renamed = { ...read, namespace: 'git' };
    expect(codeOf(() => verifyMessage('message', renamed, { namespace: 'git' }))).toBe('ERR_SSH_SIGNATURE');
    const otherHash = { ...read, hash: 'sha256' as const };
    expect(codeOf(() => verifyMessage('message', otherHash, { namespace: 'file' }))).toBe(
      'ERR_SSH_SIGNATURE',
    );
  });

  it('by RSA never rests on SHA-1', () => {
    const rsa = parseMessageSignature(signMessage('x', keys['rsa'] as PrivateKey, { namespace: 'file' }));
    expect(rsa.algorithm).toBe('rsa-sha2-512');
    const weak = { ...rsa, algorithm: 'ssh-rsa' };
    expect(codeOf(() => verifyMessage('x', weak, { namespace: 'file' }))).toBe('ERR_SSH_SIGNATURE');
  });

  it('by a certificate needs the signature of its authority', () => {
    const blob = makeCertificate({
      key: ed25519.publicKey,
      authority,
      kind: 1,
      signature: undefined as never,
    });
    const forged = Uint8Array.from(blob);
    forged[forged.length - 1] = (forged.at(-1) ?? 0) ^ 1;
    const certificate = decodeCertificate(forged);
    const signed = signMessage('x', ed25519, { namespace: 'file', certificate });
    expect(codeOf(() => verifyMessage('x', signed, { namespace: 'file' }))).toBe('ERR_SSH_SIGNATURE');
    const foreign = decodeCertificate(makeCertificate({ key: other.publicKey, authority, kind: 1 }));
    expect(codeOf(() => signMessage('x', ed25519, { namespace: 'file', certificate: foreign }))).toBe(
      'ERR_SSH_OPTIONS',
    );
  });

  it('of a digest is the one of the message', async () => {
    const digest = new Uint8Array(await globalThis.crypto.subtle.digest('SHA-512', Buffer.from('message')));
    expect(signMessage({ digest }, ed25519, { namespace: 'file' })).toBe(text);
    expect(codeOf(() => signMessage({ digest: digest.subarray(1) }, ed25519, { namespace: 'file' }))).toBe(
      'ERR_SSH_OPTIONS',
    );
  });

  it('of another version, with a reserved field, another hash or no namespace is refused', () => {
    const bytes = Buffer.from(text.replace(/-----.*-----|\n/g, ''), 'base64');
    const armoured = (content: Uint8Array): string =>
      `-----BEGIN SSH SIGNATURE-----\n${Buffer.from(content).toString('base64')}\n-----END SSH SIGNATURE-----\n`;
    expect(parseMessageSignature(armoured(bytes))).toEqual(read);
    const changed = (change: (copy: Buffer) => void): string => {
      const copy = Buffer.from(bytes);
      change(copy);
      return armoured(copy);
    };
    expect(codeOf(() => parseMessageSignature(changed((copy) => copy.writeUInt32BE(2, 6))))).toBe(
      'ERR_SSH_KEY_UNSUPPORTED',
    );
    expect(codeOf(() => parseMessageSignature(changed((copy) => copy.write('X', 0))))).toBe(
      'ERR_SSH_KEY_FORMAT',
    );
    const at = bytes.indexOf('sha512');
    expect(codeOf(() => parseMessageSignature(changed((copy) => copy.write('sha384', at))))).toBe(
      'ERR_SSH_KEY_UNSUPPORTED',
    );
    expect(codeOf(() => signMessage('x', ed25519, { namespace: '' }))).toBe('ERR_SSH_OPTIONS');
  });

  it('that is damaged anywhere is an error of its own kind, or does not hold', () => {
    const bytes = Buffer.from(text.replace(/-----.*-----|\n/g, ''), 'base64');
    const codes = new Set(['ERR_SSH_KEY_FORMAT', 'ERR_SSH_KEY_UNSUPPORTED', 'ERR_SSH_SIGNATURE']);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const copy = Buffer.from(bytes);
        copy[at] = (copy[at] ?? 0) ^ change;
        const damaged = `-----BEGIN SSH SIGNATURE-----\n${copy.toString('base64')}\n-----END SSH SIGNATURE-----\n`;
        expect(codes).toContain(codeOf(() => verifyMessage('message', damaged, { namespace: 'file' })));
      }),
      { numRuns: 60 },
    );
  });
});

describe('allowed signers', () => {
  const signed = parseMessageSignature(signMessage('x', ed25519, { namespace: 'file' }));

  it('tell for whom a key may sign', () => {
    const signers = AllowedSigners.parse(
      `${line(other, 'you@example.org')}${line(ed25519, 'me@example.org,*@home')}`,
    );
    expect(signers.principalsOf(signed, { now: 0 })).toEqual(['me@example.org', '*@home']);
    expect(signers.matching('a@home').map(({ line: number }) => number)).toEqual([2]);
    expect(signers.allow(signed, { ...question, principal: 'me@home' }).line).toBe(2);
    expect(codeOf(() => AllowedSigners.parse(line(other)).principalsOf(signed, { now: 0 }))).toBe(
      'ERR_SSH_SIGNATURE',
    );
  });

  it('name the lines that cannot be read', () => {
    const { signers, malformed } = AllowedSigners.parse(`nothing\n\n# x\n${line(ed25519)}a b c\n`);
    expect(signers.map(({ line: number }) => number)).toEqual([4]);
    expect(malformed.map(({ line: number }) => number)).toEqual([1, 5]);
  });

  it('name the lines with an option twice, with one that takes a value and has none, or takes none and has one', () => {
    const of = (options: string): readonly string[] =>
      AllowedSigners.parse(line(ed25519, `me@x ${options}`)).malformed.map(({ reason }) => reason);
    expect(of('cert-authority')).toEqual([]);
    expect(of('cert-authority="yes"')).toEqual([expect.stringContaining('takes no value')]);
    expect(of('cert-authority,cert-authority')).toEqual([expect.stringContaining('twice')]);
    expect(of('namespaces')).toEqual([expect.stringContaining('no value')]);
    expect(of('valid-after="soon"')).toEqual([expect.stringContaining('no date')]);
  });

  it('of a certificate give the principals that both name', () => {
    const certificate = decodeCertificate(
      makeCertificate({ key: ed25519.publicKey, authority, kind: 1, principals: ['a@x', 'b@y', 'c@x'] }),
    );
    const byCertificate = parseMessageSignature(
      signMessage('x', ed25519, { namespace: 'file', certificate }),
    );
    const signers = AllowedSigners.parse(line(authority, '*@x cert-authority'));
    expect(signers.principalsOf(byCertificate, { now: 5 })).toEqual(['a@x', 'c@x']);
  });

  it('tell for whom a key may sign anything, whatever a line limits it to', () => {
    const signers = AllowedSigners.parse(line(ed25519, 'me@example.org namespaces="git"'));
    expect(codeOf(() => signers.principalsOf(signed, { now: 0 }))).toBe('ERR_SSH_SIGNATURE');
    expect(signers.principalsOf(signed, { now: 0, namespace: false })).toEqual(['me@example.org']);
    expect(signers.principalsOf(signed, { now: 0, namespace: 'git' })).toEqual(['me@example.org']);
  });

  it('with a certificate in place of a key speak for signatures with that certificate alone', () => {
    const of = (serial: bigint) =>
      decodeCertificate(
        makeCertificate({ key: ed25519.publicKey, authority, kind: 1, principals: ['a@x'], serial }),
      );
    const [listed, another] = [of(1n), of(2n)];
    const by = (certificate: Certificate | undefined): MessageSignature =>
      parseMessageSignature(signMessage('x', ed25519, { namespace: 'file', certificate }));
    const text = `${listed.type} ${Buffer.from(listed.blob).toString('base64')} a comment`;
    for (const options of [
      '',
      'namespaces="file,odd ssh-ed25519-cert-v01@openssh.com AAAA",valid-after="19800101" ',
    ]) {
      const signers = AllowedSigners.parse(`me@example.org ${options}${text}\n`);
      expect(signers.malformed).toEqual([]);
      expect(signers.matching('me@example.org')).toHaveLength(1);
      expect(signers.allow(by(listed), question).certificate?.serial).toBe(1n);
      expect(signers.principalsOf(by(listed), { now: question.now })).toEqual(['me@example.org']);
      for (const signature of [by(another), by(undefined)]) {
        expect(codeOf(() => signers.allow(signature, question))).toBe('ERR_SSH_SIGNATURE');
        expect(codeOf(() => signers.principalsOf(signature, { now: question.now }))).toBe(
          'ERR_SSH_SIGNATURE',
        );
      }
    }
    // A key alone, and a certificate as an authority, say nothing of signatures with a certificate.
    for (const signers of [line(ed25519), `me@example.org cert-authority ${text}\n`]) {
      expect(codeOf(() => AllowedSigners.parse(signers).allow(by(listed), question))).toBe(
        'ERR_SSH_SIGNATURE',
      );
    }
  });

  it('read dates as the calendar has them', () => {
    const utc = (seconds: number): number => seconds;
    fc.assert(
      fc.property(
        fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
        (date) => {
          const digits = date.toISOString().replace(/[-:T]|\..*/g, '');
          const seconds = Math.floor(date.getTime() / 1000);
          expect(parseTimestamp(`${digits}Z`, utc)).toBe(seconds);
          expect(parseTimestamp(digits, (wall) => wall - 3600)).toBe(seconds - 3600);
        },
      ),
    );
    for (const text of ['20260230', '20261301', '2026010124', '202601012460', '2026-01-01', '']) {
      expect(parseTimestamp(text, utc)).toBeUndefined();
    }
    expect(parseTimestamp('20240229', utc)).toBe(Date.parse('2024-02-29T00:00:00Z') / 1000);
    // Every day that four years have, and each that they have not.
    for (const year of [1900, 2000, 2023, 2024]) {
      for (let month = 0; month <= 13; month++) {
        for (let day = 0; day <= 32; day++) {
          const text = [year, ...[month, day].map((part) => String(part).padStart(2, '0'))].join('');
          const date = new Date(Date.UTC(year, month - 1, day));
          const exists = date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
          expect(parseTimestamp(text, utc), text).toBe(exists ? date.getTime() / 1000 : undefined);
        }
      }
    }
    expect(parseTimestamp('20161231235960Z', utc)).toBe(Date.parse('2017-01-01T00:00:00Z') / 1000);
    for (const time of ['240000', '236000', '235961']) {
      expect(parseTimestamp(`20161231${time}`, utc)).toBeUndefined();
    }
  });
});

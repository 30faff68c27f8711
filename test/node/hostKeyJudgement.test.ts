/** What a known_hosts file says of a host key and of a certificate: which is taken, and why another is not. */
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import type { HostKeyInfo } from '../../src/client/hostKeys/hostKeys.ts';
import { decodeCertificate } from '../../src/crypto/keys/certificate.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import { sha256Fingerprint } from '../../src/node/fingerprints.ts';
import { judgeAddress, judgeHostKey } from '../../src/node/knownHosts/hostKeyJudgement.ts';
import { type CertificateContent, makeCertificate } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';

const keyOf = (seed: number) => generateKey('ed25519', { randomBytes: seededBytes(seed) });
const [own, other, authority, stranger] = [keyOf(51), keyOf(52), keyOf(53), keyOf(54)];
const blob = encodePublicKey(own.publicKey);
const lineOf = (hosts: string, key: typeof own, mark = ''): string =>
  `${mark === '' ? '' : `${mark} `}${hosts} ssh-ed25519 ${Buffer.from(encodePublicKey(key.publicKey)).toString('base64')}`;

/** A key as a server shows it, with a certificate or without. */
function shown(content?: Partial<CertificateContent>): HostKeyInfo {
  const certificate =
    content === undefined
      ? undefined
      : decodeCertificate(makeCertificate({ key: own.publicKey, authority, ...content }));
  return {
    host: 'host.example',
    port: 22,
    blob,
    key: own.publicKey,
    type: 'ssh-ed25519',
    algorithm: 'ssh-ed25519',
    fingerprint: sha256Fingerprint(blob),
    certificate,
  };
}

const now = 1_000_000;
/** What a server shows beside its key. */
const certificates: Readonly<Record<string, Partial<CertificateContent> | undefined>> = {
  'no certificate': undefined,
  'a good one': {},
  'an expired one': { validBefore: BigInt(now) },
  'one of tomorrow': { validAfter: BigInt(now) + 1n },
  'one for another host': { principals: ['other.example'] },
  'one for a user': { kind: 1 },
  'one by a stranger': { authority: stranger },
};
const good = certificates['a good one'];
const byStranger = certificates['one by a stranger'];
const lines = {
  nothing: '',
  key: lineOf('host.example', own),
  another: lineOf('host.example', other),
  ca: lineOf('host.example', authority, '@cert-authority'),
  caOfOthers: lineOf('*.other', authority, '@cert-authority'),
  caOfAll: lineOf('*', authority, '@cert-authority'),
  revoked: lineOf('*', own, '@revoked'),
  caRevoked: lineOf('*', authority, '@revoked'),
};
type Lines = readonly (keyof typeof lines)[];

/** Lines, what the server shows, and what comes of it: known or not, a warning, or the code of the error. */
const rows: readonly (readonly [Lines, string, string])[] = [
  [['nothing'], 'no certificate', 'unknown'],
  [['key'], 'no certificate', 'known'],
  [['another'], 'no certificate', 'ERR_SSH_HOST_KEY_CHANGED'],
  [['another', 'key'], 'no certificate', 'known'],
  [['revoked', 'key'], 'no certificate', 'ERR_SSH_HOST_KEY_REVOKED'],
  [['ca'], 'no certificate', 'ERR_SSH_HOST_KEY_UNKNOWN'],
  [['caOfOthers'], 'no certificate', 'unknown'],
  [['nothing'], 'a good one', 'unknown'],
  [['ca'], 'a good one', 'known'],
  [['caOfAll'], 'a good one', 'known'],
  [['caOfOthers'], 'a good one', 'unknown'],
  [['ca', 'another'], 'a good one', 'known'],
  [['ca', 'key', 'revoked'], 'a good one', 'ERR_SSH_HOST_KEY_REVOKED'],
  [['ca', 'key', 'caRevoked'], 'a good one', 'ERR_SSH_HOST_KEY_REVOKED'],
  // By an authority that nobody knows it is as good as none.
  [['nothing'], 'one by a stranger', 'unknown'],
  [['ca'], 'one by a stranger', 'ERR_SSH_HOST_KEY_UNKNOWN'],
  [['key'], 'one by a stranger', 'known'],
  [['another'], 'one by a stranger', 'ERR_SSH_HOST_KEY_CHANGED'],
  [['ca', 'key', 'caRevoked'], 'one by a stranger', 'known'],
  // One that does not hold leaves its key, where that is known by itself.
  ...['an expired one', 'one of tomorrow', 'one for another host', 'one for a user'].flatMap((name) => [
    [['ca'], name, 'ERR_SSH_CERTIFICATE'] as const,
    [['ca', 'key'], name, 'known, with a warning'] as const,
    [['ca', 'another'], name, 'ERR_SSH_CERTIFICATE'] as const,
    [['key'], name, 'known'] as const,
  ]),
];

const judged = (call: (warn: (line: string) => void) => boolean): string => {
  const warnings: string[] = [];
  try {
    const verdict = call((line) => warnings.push(line)) ? 'known' : 'unknown';
    return warnings.length > 0 ? `${verdict}, with a warning` : verdict;
  } catch (error) {
    return (error as SshError).code;
  }
};

describe('a host key', () => {
  it.each(rows)('with the lines %j and %s is: %s', (names, certificate, expected) => {
    const known = KnownHosts.parse(names.map((name) => lines[name]).join('\n'), 'file');
    expect(judged((warn) => judgeHostKey(known, shown(certificates[certificate]), { now, warn }))).toBe(
      expected,
    );
  });

  it('counts for its own port and name alone', () => {
    const known = KnownHosts.parse(`${lineOf('[host.example]:2222', own)}\n${lines.caOfOthers}`);
    expect(judged(() => judgeHostKey(known, { ...shown(), port: 2222 }, { now }))).toBe('known');
    expect(judged(() => judgeHostKey(known, { ...shown(), port: 2223 }, { now }))).toBe('unknown');
    expect(judged(() => judgeHostKey(known, { ...shown(good), host: 'a.other' }, { now }))).toBe(
      'ERR_SSH_CERTIFICATE',
    );
  });

  it('of a certificate that is signed by an algorithm which does not count is refused, or its key taken', () => {
    const ca = KnownHosts.parse(lines.ca);
    const both = KnownHosts.parse(`${lines.ca}\n${lines.key}`);
    for (const [known, signatures, expected] of [
      [ca, ['ssh-ed25519'], 'known'],
      [ca, ['rsa-sha2-512'], 'ERR_SSH_CERTIFICATE'],
      [ca, [], 'ERR_SSH_CERTIFICATE'],
      [ca, undefined, 'known'],
      [both, ['rsa-sha2-512'], 'known, with a warning'],
    ] as const) {
      expect(judged((warn) => judgeHostKey(known, shown(good), { now, signatures, warn }))).toBe(expected);
    }
    expect(() => judgeHostKey(ca, shown(good), { now, signatures: [] })).toThrow(
      'signatures that count (none)',
    );
  });

  it('is judged for the address as well, by which an authority does not count against it', () => {
    const rows: readonly (readonly [string, string])[] = [
      ['', 'unknown'],
      [lineOf('192.0.2.1', own), 'known'],
      [lineOf('192.0.2.1', other), 'ERR_SSH_HOST_KEY_CHANGED'],
      [lineOf('*', own, '@revoked'), 'ERR_SSH_HOST_KEY_REVOKED'],
      [lines.caOfAll, 'known'],
      [lines.key, 'unknown'],
    ];
    for (const [text, expected] of rows) {
      const known = KnownHosts.parse(text);
      expect(
        judged(() => judgeAddress(known, shown(), '192.0.2.1')),
        text,
      ).toBe(expected);
    }
  });

  it('is named in the error with what is known instead, and where', () => {
    const messageOf = (text: string, content?: Partial<CertificateContent>): string => {
      try {
        judgeHostKey(KnownHosts.parse(text, 'file'), shown(content), { now });
      } catch (error) {
        return (error as SshError).message;
      }
      return '';
    };
    const mine = sha256Fingerprint(blob);
    expect(messageOf(lines.another)).toMatch(
      /\(ssh-ed25519 SHA256:.*\) is not the known one \(file:1 \(ssh-ed25519\)\)/,
    );
    expect(messageOf(lines.revoked)).toContain(`${mine}) is marked @revoked (file:1)`);
    expect(messageOf(lines.ca)).toContain(`showed a plain ssh-ed25519 key (${mine})`);
    expect(messageOf(lines.ca, byStranger)).toContain(sha256Fingerprint(encodePublicKey(stranger.publicKey)));
    expect(messageOf(`${lines.ca}\n${lines.caRevoked}`, good)).toContain(
      'the authority that signed the certificate of',
    );
    expect(messageOf(`${lines.ca}\n${lines.revoked}`, good)).toContain('the key in the certificate of');
  });
});

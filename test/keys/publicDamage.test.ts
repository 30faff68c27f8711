/**
 * Every kind of file with public keys, cut off at every byte and with every byte
 * changed.
 *
 * A public key has nothing to check it by: what another byte makes of it can be
 * another key. So these are the laws. Cut off, a file gives a typed error or the
 * right key. Changed, it gives a typed error or the key whose bytes stand in it,
 * to be written and read again as it is; another key has another fingerprint. A
 * changed certificate does not verify. A line of known_hosts is read or reported
 * with its number, and never trusts another key than the one that stands in it.
 */
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { verifyCertificate } from '../../src/crypto/keys/certificate.ts';
import { encodePublicKey, type PublicKey } from '../../src/crypto/keys/publicKey.ts';
import { fingerprint } from '../../src/keys/fingerprint.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import { type CertificateFile, parseCertificate } from '../../src/keys/openssh/certificateFile.ts';
import { formatPublicKey, parsePublicKey } from '../../src/keys/publicKeyFile.ts';
import { certificateLine, makeCertificate, testProvider } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';
import { makeSecurityKey } from '../support/securityKeys.ts';
import { fixtureBytes } from './fixtures.ts';

const skEd25519 = makeSecurityKey('ed25519', 'ssh:', 31).publicKey;
const skEcdsa = makeSecurityKey('ecdsa256', 'ssh:work', 32).publicKey;

/** The content of a file, and whether a key in it stands in base64 of its blob. */
const kinds: readonly (readonly [string, Uint8Array, 'blob' | 'der'])[] = [
  ...['ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'].flatMap(
    (type) =>
      [
        [`${type}/id.pub`, fixtureBytes(`${type}/id.pub`), 'blob'],
        [`public/${type}.rfc4716`, fixtureBytes(`public/${type}.rfc4716`), 'blob'],
      ] as const,
  ),
  ...['ed25519-openssl.spki', 'ecdsa256.spki', 'ecdsa384.spki', 'rsa.spki', 'rsa.pkcs1'].map(
    (name) => [`public/${name}.pem`, fixtureBytes(`public/${name}.pem`), 'der'] as const,
  ),
  ['a line of sk-ssh-ed25519', utf8Encode(formatPublicKey(skEd25519, { comment: 'token' })), 'blob'],
  ['a line of sk-ecdsa', utf8Encode(formatPublicKey(skEcdsa)), 'blob'],
  [
    'sk-ecdsa in RFC 4716',
    utf8Encode(formatPublicKey(skEcdsa, { format: 'rfc4716', comment: 'token' })),
    'blob',
  ],
];

const codes: readonly string[] = ['ERR_SSH_KEY_FORMAT', 'ERR_SSH_KEY_UNSUPPORTED'];

/** Undefined for a typed error; any other error passes through and fails the test. */
function orTypedError<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SshError && codes.includes(error.code) && error.phase === 'options')
      return undefined;
    throw error;
  }
}

const keyIn = (data: Uint8Array): PublicKey | undefined => orTypedError(() => parsePublicKey(data).publicKey);

function* cutOff(data: Uint8Array): Generator<Uint8Array> {
  for (let length = 0; length < data.length; length++) yield data.slice(0, length);
}

/** Another character of base64, a letter's case, and no character at all. */
function* changed(data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < data.length; at++) {
    for (const bit of [0x01, 0x20, 0x80]) {
      const copy = data.slice();
      copy[at] = (copy[at] as number) ^ bit;
      yield copy;
    }
  }
}

/** Whether the base64 text of a blob stands in the file, line breaks aside. */
function standsIn(data: Uint8Array, blob: Uint8Array): boolean {
  const text = Buffer.from(data)
    .toString('latin1')
    .replaceAll(/[\r\n]/g, '');
  return text.includes(Buffer.from(blob).toString('base64'));
}

describe.each(kinds)('%s', (_, data, form) => {
  const right = keyIn(data);

  it('cut off anywhere gives a typed error or the right key', () => {
    expect(right).toBeDefined();
    let refused = 0;
    for (const variant of cutOff(data)) {
      const key = keyIn(variant);
      if (key === undefined) refused++;
      else expect(key).toEqual(right);
    }
    expect(refused).toBeGreaterThan(0);
  });

  it('with a byte changed anywhere gives a typed error or the key that stands in it', () => {
    let refused = 0;
    for (const variant of changed(data)) {
      const key = keyIn(variant);
      if (key === undefined) {
        refused++;
        continue;
      }
      const blob = encodePublicKey(key);
      if (form === 'blob') expect(standsIn(variant, blob)).toBe(true);
      expect(parsePublicKey(formatPublicKey(key)).publicKey).toEqual(key);
      const isRight = Buffer.compare(blob, encodePublicKey(right as PublicKey)) === 0;
      expect(fingerprint(key) === fingerprint(right as PublicKey)).toBe(isRight);
    }
    expect(refused).toBeGreaterThan(0);
  });
});

const authority = generateKey('ed25519', { randomBytes: seededBytes(33) });
const holders: readonly (readonly [string, PublicKey])[] = [
  ['ssh-ed25519', parsePublicKey(fixtureBytes('ed25519/id.pub')).publicKey],
  ['ssh-rsa', parsePublicKey(fixtureBytes('rsa/id.pub')).publicKey],
  ['sk-ssh-ed25519@openssh.com', skEd25519],
];

describe.each(holders)('a certificate for %s', (_, key) => {
  const data = utf8Encode(certificateLine(makeCertificate({ key, authority }), 'mine'));
  const certificateIn = (variant: Uint8Array): CertificateFile['certificate'] | undefined =>
    orTypedError(() => parseCertificate(variant).certificate);
  const right = certificateIn(data);

  it('cut off anywhere gives a typed error or the right certificate', () => {
    expect(right).toBeDefined();
    for (const variant of cutOff(data)) {
      const certificate = certificateIn(variant);
      if (certificate !== undefined) expect(certificate).toEqual(right);
    }
  });

  it('with a byte changed anywhere gives a typed error, the right one, or one that does not verify', {
    timeout: 120_000,
  }, () => {
    let others = 0;
    for (const variant of changed(data)) {
      const certificate = certificateIn(variant);
      if (certificate === undefined) continue;
      if (Buffer.compare(certificate.blob, right?.blob ?? new Uint8Array(0)) === 0) {
        expect(certificate).toEqual(right);
        continue;
      }
      others++;
      // Reading goes through the authority's key and the signature's form: they may be spoiled as well.
      expect(orTypedOrFalse(() => verifyCertificate(testProvider, certificate.blob))).toBe(false);
    }
    expect(others).toBeGreaterThan(0);
  });
});

/** A key or signature that cannot be read verifies nothing; only that error counts as false. */
function orTypedOrFalse(verify: () => boolean): boolean {
  try {
    return verify();
  } catch (error) {
    if (error instanceof SshError) return false;
    throw error;
  }
}

describe('known_hosts', () => {
  const [host, port] = ['host.example', 22];
  const key = parsePublicKey(fixtureBytes('ed25519/id.pub')).publicKey;
  const stranger = parsePublicKey(fixtureBytes('ecdsa384/id.pub')).publicKey;
  const plain = formatKnownHostsLine(host, port, key);
  const keyText = plain.slice(plain.indexOf(' ') + 1);
  const hashed = formatKnownHostsLine(host, port, key, { salt: new Uint8Array(20).fill(5) });
  const files: readonly (readonly [string, string])[] = [
    ['a plain line', plain],
    ['a hashed line', hashed],
    ['a revoked key', `@revoked ${host} ${keyText}`],
    ['an authority', `@cert-authority ${host} ${keyText}`],
  ];

  it.each(files)(
    '%s, cut off or changed anywhere, is read or reported, and trusts no other key',
    (_, line) => {
      const data = utf8Encode(`# mine\n${line}`);
      const isTrusting = KnownHosts.parse(data).lookup(host, port, key).result === 'trusted';
      let reported = 0;
      for (const variant of [...cutOff(data), ...changed(data)]) {
        const known = KnownHosts.parse(variant);
        for (const { line: number, reason } of known.malformed) {
          reported++;
          expect(number).toBeGreaterThanOrEqual(1);
          expect(reason).not.toBe('');
        }
        expect(known.lookup(host, port, stranger).result).not.toBe('trusted');
        const found = known.lookup(host, port, key);
        if (found.result !== 'trusted') continue;
        // Not by a line that was to revoke it, nor by one of an authority.
        expect(isTrusting).toBe(true);
        expect(Buffer.from(found.entry.blob)).toEqual(Buffer.from(encodePublicKey(key)));
      }
      expect(reported).toBeGreaterThan(0);
    },
  );
});

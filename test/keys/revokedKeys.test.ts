import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Certificate, decodeCertificate } from '../../src/crypto/keys/certificate.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { formatPublicKey, generateKey, RevokedKeys } from '../../src/entry/keys.ts';
import { certificateLine, makeCertificate } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';
import {
  certificatesSection,
  extension,
  keyIds,
  krl,
  type Section,
  serialBitmap,
  serialList,
  serialRange,
  strings,
} from '../support/krl.ts';
import { itWith } from './programs.ts';

const [authority, other, holder, stranger] = [21, 22, 23, 24].map((seed) =>
  generateKey('ed25519', { randomBytes: seededBytes(seed) }),
) as [Key, Key, Key, Key];
type Key = ReturnType<typeof generateKey>;

const blobOf = ({ publicKey }: Key): Uint8Array => encodePublicKey(publicKey);
const noBytes = new Uint8Array(0);
const blob = (serial: bigint, keyId = 'x', by = authority): Uint8Array =>
  makeCertificate({ key: holder.publicKey, authority: by, serial, keyId });
const certificate = (serial: bigint, keyId = 'x', by = authority): Certificate =>
  decodeCertificate(blob(serial, keyId, by));
const hash = (name: string, key: Key): Uint8Array => createHash(name).update(blobOf(key)).digest();
const read = (...sections: readonly Section[]): RevokedKeys => RevokedKeys.parse(krl(sections));
const ofAuthority = (...parts: readonly Section[]): RevokedKeys =>
  read(certificatesSection(blobOf(authority), parts));

describe('OpenSSH PROTOCOL.krl: a key revocation list', () => {
  it('that is empty revokes nothing, and has its version', () => {
    const list = read();
    expect(list.version).toBe(7n);
    for (const of of [holder.publicKey, blobOf(holder), certificate(0n), certificate(5n)]) {
      expect(list.revocation(of)).toBeUndefined();
    }
  });

  it.each([
    ['by itself', strings(2, blobOf(stranger), blobOf(holder))],
    ['by its SHA-1', strings(3, hash('sha1', holder))],
    ['by its SHA-256', strings(5, hash('sha256', stranger), hash('sha256', holder))],
  ])('revokes a key %s, and every certificate with it', (_how, section) => {
    const list = read(section);
    expect(list.revocation(holder.publicKey)).toBe('key');
    expect(list.revocation(blobOf(holder))).toBe('key');
    expect(list.revocation(certificate(0n))).toBe('key');
    expect(list.revocation(authority.publicKey)).toBeUndefined();
  });

  it('revokes all that a revoked authority signed', () => {
    const list = read(strings(2, blobOf(authority)));
    expect(list.revocation(certificate(0n))).toBe('authority');
    expect(list.revocation(certificate(0n, 'x', other))).toBeUndefined();
    expect(list.revocation(holder.publicKey)).toBeUndefined();
  });

  it('revokes certificates by number and name, of the authority that it names', () => {
    const list = ofAuthority(
      serialList(3n, 2n ** 64n - 1n),
      serialRange(10n, 12n),
      serialBitmap(100n, [0, 9]),
      keyIds('web', 'dø'),
    );
    const revoked = [3n, 2n ** 64n - 1n, 10n, 11n, 12n, 100n, 109n];
    const fine = [0n, 1n, 2n, 4n, 9n, 13n, 99n, 101n, 108n, 110n, 116n, 2n ** 64n - 2n];
    for (const serial of revoked) expect(list.revocation(certificate(serial))).toBe('certificate');
    for (const serial of fine) expect(list.revocation(certificate(serial))).toBeUndefined();
    expect(list.revocation(certificate(1n, 'web'))).toBe('certificate');
    expect(list.revocation(certificate(0n, 'dø'))).toBe('certificate');
    expect(list.revocation(certificate(0n, 'we'))).toBeUndefined();
    for (const serial of revoked) expect(list.revocation(certificate(serial, 'web', other))).toBeUndefined();
    expect(list.revocation(holder.publicKey)).toBeUndefined();
  });

  it('means every authority where it names none', () => {
    const list = read(certificatesSection(noBytes, [keyIds('web')]));
    expect(list.revocation(certificate(1n, 'web'))).toBe('certificate');
    expect(list.revocation(certificate(1n, 'web', other))).toBe('certificate');
  });

  it('may have extensions that need not be known, and signatures at its end', () => {
    const sections = [
      extension(255, 'a@b', false),
      certificatesSection(blobOf(authority), [extension(0x39, 'a@b', false), serialList(4n)]),
    ];
    // A signature is a second string behind the key.
    const signature = Uint8Array.of(4, 0, 0, 0, 1, 9, 0, 0, 0, 2, 9, 9);
    const list = RevokedKeys.parse(Buffer.concat([krl(sections), signature, signature]));
    expect(list.revocation(certificate(4n))).toBe('certificate');
    expect(list.revocation(certificate(5n))).toBeUndefined();
  });

  it.each<[string, Uint8Array, string, RegExp]>([
    ['of another version', krl([], 2), 'ERR_SSH_KEY_UNSUPPORTED', /version 2/],
    ['with a critical extension', krl([extension(255, 'a\n', true)]), 'ERR_SSH_KEY_UNSUPPORTED', /"a\\x0a"/],
    [
      'with one among certificates',
      krl([certificatesSection(noBytes, [extension(0x39, 'c', true)])]),
      'ERR_SSH_KEY_UNSUPPORTED',
      /critical/,
    ],
    ['with a section nobody knows', krl([[9, noBytes]]), 'ERR_SSH_KEY_FORMAT', /type 9/],
    [
      'with such certificates',
      krl([certificatesSection(noBytes, [[0x24, noBytes]])]),
      'ERR_SSH_KEY_FORMAT',
      /type 36/,
    ],
    ['cut off', krl([strings(2, blobOf(holder))]).subarray(0, -1), 'ERR_SSH_KEY_FORMAT', /string/],
    ['with a short hash', krl([strings(3, Uint8Array.of(1))]), 'ERR_SSH_KEY_FORMAT', /sha1 .*1 bytes/],
    ['with a long hash', krl([strings(5, new Uint8Array(33))]), 'ERR_SSH_KEY_FORMAT', /sha256 .*33/],
    ...(
      [
        ['half a number', [0x20, new Uint8Array(12)], /half a serial/],
        ['the number 0', serialList(1n, 0n), /number 0/],
        ['a range from 0', serialRange(0n, 1n), /number 0/],
        ['a range backwards', serialRange(2n, 1n), /2 to 1/],
        ['more behind a range', [0x21, new Uint8Array(17).fill(1)], /too many/],
        ['the number 0 as a bit', serialBitmap(0n, [0]), /number 0/],
        ['a bit beyond the largest', serialBitmap(2n ** 64n - 8n, [8]), /64 bits/],
        ['a negative bitmap', [0x22, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0x80)], /negative/],
        ['a bitmap without end', serialBitmap(1n, [16_384]), /2049 bytes/],
      ] as const satisfies readonly (readonly [string, Section, RegExp])[]
    ).map(([what, part, why]): [string, Uint8Array, string, RegExp] => [
      `with ${what}`,
      krl([certificatesSection(noBytes, [part])]),
      'ERR_SSH_KEY_FORMAT',
      why,
    ]),
    [
      'with a section behind its signature',
      Buffer.concat([krl([[4, noBytes]]), Buffer.alloc(4), krl([strings(2)]).subarray(-5)]),
      'ERR_SSH_KEY_FORMAT',
      /behind its signature/,
    ],
  ])('%s is refused as a whole', (_what, data, code, why) => {
    expect(() => RevokedKeys.parse(data)).toThrowError(expect.objectContaining({ code }));
    expect(() => RevokedKeys.parse(data)).toThrow(why);
  });

  it('takes the largest serial number in a bitmap, and zeros before one', () => {
    const list = ofAuthority(serialBitmap(2n ** 64n - 8n, [7]), [
      0x22,
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 3, 0, 0, 2),
    ]);
    expect(list.revocation(certificate(2n ** 64n - 1n))).toBe('certificate');
    expect(list.revocation(certificate(6n))).toBe('certificate');
    expect(list.revocation(certificate(5n))).toBeUndefined();
  });

  it('revokes what its sections say, in whatever form and order they say it', () => {
    const serial = fc.bigInt({ min: 1n, max: 400n });
    const part = fc.oneof(
      fc.uniqueArray(serial, { maxLength: 5 }).map((serials) => ({ part: serialList(...serials), serials })),
      fc.tuple(serial, fc.bigInt({ min: 0n, max: 20n })).map(([first, more]) => ({
        part: serialRange(first, first + more),
        serials: Array.from({ length: Number(more) + 1 }, (_, i) => first + BigInt(i)),
      })),
      fc.tuple(serial, fc.uniqueArray(fc.nat(30), { maxLength: 6 })).map(([offset, bits]) => ({
        part: serialBitmap(offset, bits),
        serials: bits.map((bit) => offset + BigInt(bit)),
      })),
    );
    fc.assert(
      fc.property(
        fc.array(part, { maxLength: 6 }),
        fc.boolean(),
        fc.array(serial),
        (parts, isApart, asked) => {
          const all = parts.map((one) => one.part);
          const sections = isApart
            ? all.map((one) => certificatesSection(blobOf(authority), [one]))
            : [certificatesSection(blobOf(authority), all)];
          const list = read(...sections);
          const revoked = new Set(parts.flatMap(({ serials }) => serials));
          const like = certificate(1n);
          for (const number of [...asked, ...revoked]) {
            expect(list.revocation({ ...like, serial: number }) === 'certificate').toBe(revoked.has(number));
          }
        },
      ),
      { numRuns: 100 },
    );
  });
});

describe('a list of revoked keys as text', () => {
  const line = (key: Key): string => formatPublicKey(key.publicKey);

  it('revokes the key of each line, of certificates too, and what an authority signed', () => {
    const list = RevokedKeys.parse(`# a comment\n\n  ${line(stranger)}\t\r\n${certificateLine(blob(1n))}\n`);
    expect(list.version).toBeUndefined();
    expect(list.revocation(stranger.publicKey)).toBe('key');
    expect(list.revocation(holder.publicKey)).toBe('key');
    expect(list.revocation(certificate(2n, 'y', other))).toBe('key');
    expect(list.revocation(authority.publicKey)).toBeUndefined();
    const signed = RevokedKeys.parse(line(authority));
    expect(signed.revocation(certificate(1n))).toBe('authority');
    expect(RevokedKeys.parse('').revocation(holder.publicKey)).toBeUndefined();
  });

  it('knows keys of types that this library lacks by their blobs', () => {
    const unknown = Uint8Array.of(0, 0, 0, 3, 0x61, 0x62, 0x63, 9);
    const list = RevokedKeys.parse(`abc ${Buffer.from(unknown).toString('base64')}`);
    expect(list.revocation(unknown)).toBe('key');
  });

  it.each([
    ['no key', `${line(holder).trim()}\nhello\n`, /line 2 is not a public key/],
    ['no base64', 'ssh-ed25519 !!!\n', /line 1 is not a public key/],
    [
      'another type',
      line(holder).replace('ssh-ed25519', 'ssh-rsa'),
      /line 1: the key is of type "ssh-ed25519"/,
    ],
    ['options', `restrict ${line(holder)}`, /line 1/],
    ['a damaged certificate', certificateLine(blob(1n).subarray(0, 90)), /line 1/],
  ])('with %s in it is refused as a whole', (_what, text, why) => {
    expect(() => RevokedKeys.parse(text)).toThrowError(
      expect.objectContaining({ code: 'ERR_SSH_KEY_FORMAT' }),
    );
    expect(() => RevokedKeys.parse(text)).toThrow(why);
  });
});

describe('beside ssh-keygen', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'krl-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  const file = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content);
    return path;
  };

  /** Which of the files ssh-keygen calls revoked. */
  const asked = (list: string, files: readonly string[]): boolean[] => {
    const { stdout } = spawnSync('ssh-keygen', ['-Q', '-f', list, ...files], { encoding: 'utf8' });
    return files.map((path) => {
      const said = stdout.split('\n').find((text) => text.startsWith(`${path} (`));
      expect(said).toMatch(/: (ok|REVOKED)$/);
      return said?.endsWith('REVOKED') === true;
    });
  };

  itWith('ssh-keygen', 'the same certificates are revoked', () => {
    const ca = file('ca.pub', formatPublicKey(authority.publicKey));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(300), fc.nat(40)), { minLength: 1, maxLength: 12 }),
        fc.subarray(['web', 'db', 'a b']),
        fc.uniqueArray(fc.nat(340), { minLength: 8, maxLength: 8 }),
        (ranges, ids, serials) => {
          const spec = [
            ...ranges.map(
              ([first, more]) => `serial: ${first + 1}${more === 0 ? '' : `-${first + 1 + more}`}`,
            ),
            ...ids.map((id) => `id: ${id}`),
          ];
          const list = join(folder, 'list');
          const made = ['-q', '-k', '-f', list, '-s', ca, file('spec', spec.join('\n'))];
          execFileSync('ssh-keygen', made, { stdio: 'pipe' });
          const read = RevokedKeys.parse(readFileSync(list));
          const certificates = serials.flatMap((serial, i) =>
            [authority, other].map((by) => blob(BigInt(serial), ['web', 'db', 'mail'][i % 3], by)),
          );
          const files = certificates.map((one, i) => file(`c${i}-cert.pub`, certificateLine(one)));
          expect(certificates.map((one) => read.revocation(decodeCertificate(one)) !== undefined)).toEqual(
            asked(list, files),
          );
        },
      ),
      { numRuns: 4, endOnFailure: true },
    );
  });

  itWith('ssh-keygen', 'the same keys are revoked, however they are named', () => {
    const keys = Array.from({ length: 12 }, (_, i) =>
      generateKey(i % 2 === 0 ? 'ed25519' : 'ecdsa', { randomBytes: seededBytes(40 + i) }),
    );
    const files = keys.map((key, i) => file(`k${i}.pub`, formatPublicKey(key.publicKey)));
    const spec = keys
      .slice(0, 8)
      .map(
        (key, i) =>
          `${['key', 'sha1', 'sha256', 'hash'][i % 4]}: ${i % 4 === 3 ? fingerprintOf(key) : formatPublicKey(key.publicKey).trim()}`,
      );
    const list = join(folder, 'keys');
    execFileSync('ssh-keygen', ['-q', '-k', '-f', list, file('keyspec', spec.join('\n'))], { stdio: 'pipe' });
    const read = RevokedKeys.parse(readFileSync(list));
    const own = keys.map((key) => read.revocation(key.publicKey) !== undefined);
    expect(own).toEqual(asked(list, files));
    expect(own.filter(Boolean)).toHaveLength(8);
  });
});

function fingerprintOf(key: Key): string {
  return `SHA256:${Buffer.from(hash('sha256', key)).toString('base64').replace(/=+$/, '')}`;
}

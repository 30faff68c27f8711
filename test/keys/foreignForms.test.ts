/**
 * Key files as other programs write them, which ssh-keygen reads: BER in place
 * of DER, numbers with zeros in front, bytes behind the key, padding of another
 * block size. Whatever the spelling, the key is the same, and a file whose
 * halves do not belong together is none.
 */
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { runSteps } from '../../src/keys/derivation/steps.ts';
import { base64Decode } from '../../src/keys/pem/base64.ts';
import { decodePem, encodePem, pemLabels } from '../../src/keys/pem/pem.ts';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { describePrivateKey, privateKeySteps } from '../../src/keys/privateKey/privateKeyFile.ts';
import { protectedFormats } from '../../src/keys/privateKey/protectedFormats.ts';
import { parsePublicKey } from '../../src/keys/publicKeyFile.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { type BerSpelling, type BerValue, der, readDer, writeBer } from './berForms.ts';
import { failure } from './failure.ts';
import { fixture, passphrase } from './fixtures.ts';
import { opensslArithmetic } from './opensslArithmetic.ts';
import { itWith, run, withFile } from './programs.ts';

function read(text: string): PrivateKey {
  const tools = { arithmetic: opensslArithmetic, formats: protectedFormats };
  return runSteps(privateKeySteps(text, { passphrase }, tools)).privateKey;
}

interface DerFile {
  readonly path: string;
  readonly label: string;
  readonly bytes: Uint8Array;
  readonly value: BerValue;
  readonly key: PrivateKey;
}

function derFile(path: string): DerFile {
  const text = fixture(path);
  const label = pemLabels(text).at(-1) as string;
  const { bytes } = decodePem(text, label);
  return { path, label, bytes, value: readDer(bytes), key: read(text) };
}

const derFiles = [
  'rsa/pkcs1.pem',
  'rsa/pkcs8.pem',
  'rsa/pkcs8-aes-256-cbc.enc.pem',
  'ecdsa256/sec1.pem',
  'ecdsa521/sec1.pem',
  'ecdsa384/sec1-without-public.pem',
  'ecdsa256/pkcs8.pem',
  'ecdsa384/pkcs8.enc.pem',
  'ed25519-openssl/pkcs8.pem',
].map(derFile);

/** The value with the key that PKCS#8 wraps spelled anew as well. */
function writeDeep(value: BerValue, spelling: () => BerSpelling): Uint8Array {
  return writeBer(deepened(value, spelling), spelling);
}

function deepened(value: BerValue, spelling: () => BerSpelling): BerValue {
  if (!('parts' in value)) return value;
  const isPkcs8 = value.parts[1]?.tag === 0x30 && value.parts[2]?.tag === 0x04;
  if (!isPkcs8) return value;
  const parts = value.parts.map((part) => {
    if (part.tag !== 0x04 || 'parts' in part) return part;
    return { tag: 0x04, content: writeBer(readDer(part.content), spelling) };
  });
  return { tag: value.tag, parts };
}

const pem = (label: string, bytes: Uint8Array): string => encodePem(label, bytes);

describe('a key file in DER', () => {
  const spellings: fc.Arbitrary<BerSpelling> = fc.record({
    length: fc.oneof(fc.integer({ min: 0, max: 9 }), fc.constant('indefinite' as const)),
    zeros: fc.integer({ min: 0, max: 4 }),
    unsigned: fc.boolean(),
    pieces: fc.integer({ min: 0, max: 3 }),
  });

  it('is the same key in any spelling that BER has, and with bytes behind it', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...derFiles),
        fc.infiniteStream(spellings),
        fc.uint8Array({ maxLength: 40 }),
        ({ label, value, key }, stream, tail) => {
          const spelling = (): BerSpelling => stream.next().value;
          const bytes = concatBytes(writeDeep(value, spelling), tail);
          expect(read(pem(label, bytes))).toEqual(key);
        },
      ),
      { numRuns: 300 },
    );
  });

  it.each<[string, Partial<BerSpelling>]>([
    ['lengths of four bytes', { length: 4 }],
    ['lengths with zeros in front, beyond eight bytes', { length: 11 }],
    ['indefinite lengths', { length: 'indefinite' }],
    ['zeros in front of numbers', { zeros: 3 }],
    ['numbers without the zero that keeps them positive', { unsigned: true }],
    ['octet strings in pieces', { pieces: 2 }],
    ['octet strings in pieces of an indefinite length', { pieces: 3, length: 'indefinite' }],
  ])('is the same key with %s', (_, change) => {
    let unlike = 0;
    for (const { label, bytes, value, key } of derFiles) {
      const spelled = writeDeep(value, () => ({ ...der, ...change }));
      if (!equalBytes(spelled, bytes)) unlike++;
      expect(read(pem(label, spelled))).toEqual(key);
    }
    // Only RSA keys have numbers that a zero can stand in front of.
    expect(unlike).toBeGreaterThanOrEqual(2);
  });

  it('is refused with a value too many inside', () => {
    for (const { label, value } of derFiles) {
      if (!('parts' in value)) throw new Error('a key is a SEQUENCE');
      const longer = { tag: value.tag, parts: [...value.parts, { tag: 0x05, content: new Uint8Array(0) }] };
      expect(
        failure(() =>
          read(
            pem(
              label,
              writeBer(longer, () => der),
            ),
          ),
        ).code,
      ).toBe('ERR_SSH_KEY_FORMAT');
    }
  });

  it('is refused where its halves do not belong together, in whatever spelling', () => {
    const { label, value } = derFiles.find(({ path }) => path === 'rsa/pkcs1.pem') as DerFile;
    if (!('parts' in value)) throw new Error('a key is a SEQUENCE');
    for (const at of [1, 2, 3, 4, 5, 6, 7, 8]) {
      const parts = value.parts.map((part, i) => {
        if (i !== at || 'parts' in part) return part;
        const content = part.content.slice();
        content[content.length - 1] = (content[content.length - 1] as number) ^ 2;
        return { tag: part.tag, content };
      });
      const bytes = writeBer({ tag: value.tag, parts }, () => ({ ...der, length: 5, zeros: 2 }));
      expect(failure(() => read(pem(label, bytes))).message).toMatch(/do not belong together|RSA key/);
    }
  });

  it('that nests without end is refused, and quickly', () => {
    const definite = new Uint8Array(600_000);
    for (let at = 0, left = definite.length; left > 5; at += 5, left -= 5) {
      definite.set([0x24, 0x83, (left - 5) >> 16, (left - 5) >> 8, left - 5], at);
    }
    const indefinite = new Uint8Array(600_000).map((_, i) => (i % 2 === 0 ? 0x24 : 0x80));
    const pieces = new Uint8Array(600_000).map((_, i) => [0x04, 0x01, 0x00][i % 3] as number);
    for (const content of [definite, indefinite, pieces]) {
      const sequence = concatBytes(
        Uint8Array.of(0x30, 0x83, (content.length + 8) >> 16, (content.length + 8) >> 8, content.length + 8),
        Uint8Array.of(0x02, 0x01, 0x01),
        Uint8Array.of(0x24, 0x83, content.length >> 16, content.length >> 8, content.length),
        content,
      );
      const error = failure(() => read(pem('EC PRIVATE KEY', sequence)));
      expect(error.code).toBe('ERR_SSH_KEY_FORMAT');
    }
  });

  itWith('ssh-keygen', 'is read by ssh-keygen in each of these spellings', () => {
    const same: readonly Partial<BerSpelling>[] = [
      {},
      { length: 4 },
      { length: 'indefinite' },
      { unsigned: true },
      { pieces: 2 },
      { pieces: 3, length: 'indefinite' },
    ];
    for (const { path, label, value } of derFiles) {
      // That of Debian 12 reads no Ed25519 in PKCS#8.
      if (path.startsWith('ed25519')) continue;
      const declared = fixture(`${path.split('/')[0]}/id.pub`)
        .split(' ')
        .slice(0, 2)
        .join(' ');
      for (const change of same) {
        const bytes = concatBytes(
          writeDeep(value, () => ({ ...der, ...change })),
          new Uint8Array(2),
        );
        const printed = withFile(pem(label, bytes), (file) =>
          run('ssh-keygen', ['-y', '-P', passphrase, '-f', file]),
        );
        expect(printed.split(' ').slice(0, 2).join(' ').trim()).toBe(declared);
      }
    }
  });
});

/** The fields of a plain OpenSSH key, for a test to change. */
interface OpensshFields {
  readonly publicBlob: Uint8Array;
  readonly section: Uint8Array;
}

function openssh(path: string): OpensshFields {
  const { bytes } = decodePem(fixture(path), 'OPENSSH PRIVATE KEY');
  const reader = new WireReader(bytes, 15);
  for (let i = 0; i < 3; i++) reader.viewString();
  reader.uint32();
  return { publicBlob: reader.copyString(), section: reader.copyString() };
}

function opensshText({ publicBlob, section }: OpensshFields): string {
  const writer = new WireWriter().bytes(new TextEncoder().encode('openssh-key-v1\0'));
  writer.text('none').text('none').text('').uint32(1).string(publicBlob).string(section);
  return encodePem('OPENSSH PRIVATE KEY', writer.copyWritten(), { width: 70 });
}

/** The section with `zeros` in front of each number, padded anew. */
function withZeros(path: string, zeros: number): OpensshFields {
  const { publicBlob, section } = openssh(path);
  const reader = new WireReader(section);
  const writer = new WireWriter().bytes(reader.viewBytes(8));
  const type = reader.name();
  writer.text(type);
  const isRsa = type === 'ssh-rsa';
  if (!isRsa) writer.string(reader.viewString()).string(reader.viewString());
  for (let i = 0; i < (isRsa ? 6 : 1); i++) {
    writer.string(concatBytes(new Uint8Array(zeros), reader.viewString()));
  }
  writer.string(reader.viewString());
  for (let i = 1; writer.position % 8 !== 0; i++) writer.byte(i);
  return { publicBlob: isRsa ? blobWithZeros(publicBlob, zeros) : publicBlob, section: writer.copyWritten() };
}

function blobWithZeros(blob: Uint8Array, zeros: number): Uint8Array {
  const reader = new WireReader(blob);
  const writer = new WireWriter().text(reader.name());
  for (let i = 0; i < 2; i++) writer.string(concatBytes(new Uint8Array(zeros), reader.viewString()));
  return writer.copyWritten();
}

/** The section with its padding longer by so many bytes. */
function padded(path: string, more: number): OpensshFields {
  const { publicBlob, section } = openssh(path);
  const last = section[section.length - 1] as number;
  const before =
    last < 8 && section.subarray(section.length - last).every((byte, i) => byte === i + 1) ? last : 0;
  const longer = new Uint8Array(section.length + more);
  longer.set(section);
  for (let i = 0; i < more; i++) longer[section.length + i] = before + i + 1;
  return { publicBlob, section: longer };
}

const opensshPaths = ['ed25519/openssh', 'ecdsa256/openssh', 'ecdsa521/openssh', 'rsa/openssh'] as const;

describe('an OpenSSH key file', () => {
  it.each([8, 16, 64, 256, 1024])('may be padded by %i bytes more, as long as they count', (more) => {
    for (const path of opensshPaths) {
      const key = read(fixture(path));
      const fields = padded(path, more);
      expect(read(opensshText(fields))).toEqual(key);
      for (const at of [fields.section.length - 1, fields.section.length - more]) {
        const section = fields.section.slice();
        section[at] = (section[at] as number) ^ 1;
        expect(failure(() => read(opensshText({ ...fields, section }))).message).toMatch(/padding/);
      }
    }
  });

  it.each([1, 2, 9])('may have %i zeros too many in front of its numbers', (zeros) => {
    for (const path of ['ecdsa256/openssh', 'ecdsa521/openssh', 'rsa/openssh']) {
      expect(read(opensshText(withZeros(path, zeros)))).toEqual(read(fixture(path)));
    }
  });

  it('has no negative numbers', () => {
    const fields = withZeros('ecdsa256/openssh', 1);
    // The first byte of the scalar: behind check numbers, type, curve and point.
    const section = fields.section.slice();
    section[8 + 4 + 19 + 4 + 8 + 4 + 65 + 4] = 0x80;
    const error = failure(() => read(opensshText({ ...fields, section })));
    expect(error.code).toBe('ERR_SSH_KEY_FORMAT');
    expect(error.message).toMatch(/negative/);
  });

  it('has the public half of its own private one, whatever zeros that has', () => {
    const { section } = openssh('rsa/openssh');
    const other = base64Decode(fixture('rsa/id.pub').split(' ')[1] as string) as Uint8Array;
    const changed = blobWithZeros(other, 1);
    changed[changed.length - 1] = (changed[changed.length - 1] as number) ^ 2;
    const error = failure(() => read(opensshText({ publicBlob: changed, section })));
    expect(error.message).toMatch(/do not belong together/);
  });

  itWith('ssh-keygen', 'is read by ssh-keygen with that padding and those zeros', () => {
    for (const path of opensshPaths) {
      const forms = [padded(path, 8), padded(path, 256)];
      if (path !== 'ed25519/openssh') forms.push(withZeros(path, 1));
      for (const fields of forms) {
        const printed = withFile(opensshText(fields), (file) => run('ssh-keygen', ['-y', '-f', file]));
        expect(parsePublicKey(printed).publicKey).toEqual(read(fixture(path)).publicKey);
      }
    }
  });
});

/** What puttygen makes of a file, which it is given with further arguments. */
function puttygen(text: string, ...args: readonly string[]): string {
  return withFile(text, (file) => {
    run('puttygen', [file, ...args, '-o', `${file}.out`]);
    return readFileSync(`${file}.out`, 'utf8');
  });
}

describe('keys that PuTTYgen exports', () => {
  const types = ['ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'] as const;

  for (const type of types) {
    itWith('puttygen', `of type ${type} are read, however long their comment is`, () => {
      const key = read(fixture(`${type}/putty-3.ppk`));
      // Blocks have 16 bytes: what one type shows at each length, the others show at some.
      const step = type === 'ed25519' ? 1 : 5;
      for (let length = 1; length <= 17; length += step) {
        const ppk = puttygen(fixture(`${type}/putty-3.ppk`), '-C', 'c'.repeat(length), '-O', 'private');
        const file = parsePrivateKey(puttygen(ppk, '-O', 'private-openssh-new'));
        expect(file.privateKey).toEqual(key);
        expect(file.comment).toBe('c'.repeat(length));
      }
    });

    itWith('puttygen', `of type ${type} are read in each format, plain and encrypted`, () => {
      const key = read(fixture(`${type}/putty-3.ppk`));
      for (const format of ['private-openssh', 'private-openssh-new']) {
        for (const secret of ['', passphrase]) {
          const text = withFile(`${secret}\n`, (secretFile) =>
            puttygen(fixture(`${type}/putty-3.ppk`), '-O', format, '--new-passphrase', secretFile),
          );
          expect(describePrivateKey(text).encrypted).toBe(secret !== '');
          expect(read(text)).toEqual(key);
        }
      }
    });
  }
});

describe('a private key of ssh.com', () => {
  const written = (path: string, ...more: readonly string[]): string =>
    withFile(fixture(path), (file) => {
      run('puttygen', [file, '-O', 'private-sshcom', '-o', `${file}.out`, ...more]);
      return readFileSync(`${file}.out`, 'latin1');
    });

  itWith('puttygen', 'is the RSA key that puttygen wrote, with its comment, whatever ends its lines', () => {
    const key = read(fixture('rsa/pkcs1.pem'));
    const text = written('rsa/pkcs1.pem', '-C', 'a comment');
    for (const end of ['\n', '\r', '\r\n']) {
      const file = parsePrivateKey(text.replaceAll('\n', end));
      expect(file.privateKey).toEqual(key);
      expect(file.comment).toBe('a comment');
    }
    expect(describePrivateKey(text)).toEqual({ format: 'ssh.com', encrypted: false, publicKey: undefined });
  });

  itWith('puttygen', 'that is damaged anywhere in its numbers is none', () => {
    const text = written('rsa/pkcs1.pem');
    const lines = text.split('\n');
    const first = lines.findIndex((line) => line.startsWith('P2/5')) + 2;
    const last = lines.findIndex((line) => line.startsWith('---- END'));
    fc.assert(
      fc.property(fc.integer({ min: first, max: last - 2 }), fc.nat(), fc.boolean(), (at, offset, cuts) => {
        const line = lines[at] ?? '';
        const place = offset % line.length;
        const letter = line[place] === 'A' ? 'B' : 'A';
        const damaged = cuts
          ? lines.filter((_, index) => index !== at)
          : lines.with(at, `${line.slice(0, place)}${letter}${line.slice(place + 1)}`);
        const error = failure(() => parsePrivateKey(damaged.join('\n')));
        expect(error.code).toMatch(/^ERR_SSH_KEY_(FORMAT|UNSUPPORTED)$/);
      }),
      { numRuns: 50 },
    );
  });

  itWith('puttygen', 'that ends too early is damaged, read or described', () => {
    const lines = written('rsa/pkcs1.pem').trim().split('\n');
    const [begin = '', end = ''] = [lines[0], lines.at(-1)];
    const body = lines
      .slice(
        lines.findIndex((line) => line.startsWith('P2/5')),
        -1,
      )
      .join('');
    const most = Buffer.from(body, 'base64').length - 1;
    fc.assert(
      fc.property(fc.integer({ min: 1, max: most }), (length) => {
        const part = Buffer.from(body, 'base64').subarray(0, length).toString('base64');
        for (const act of [parsePrivateKey, describePrivateKey]) {
          const error = failure(() => act(`${begin}\n${part}\n${end}\n`));
          expect(error.code).toBe('ERR_SSH_KEY_FORMAT');
        }
      }),
    );
  });

  itWith('puttygen', 'with a passphrase, or of another type, is told of at once', () => {
    const encrypted = withFile(passphrase, (secret) => written('rsa/pkcs1.pem', '--new-passphrase', secret));
    for (const act of [parsePrivateKey, describePrivateKey]) {
      const error = failure(() => act(encrypted));
      expect(error.code).toBe('ERR_SSH_KEY_UNSUPPORTED');
      expect(error.message).toContain('passphrase');
    }
    const bytes = new WireWriter()
      .uint32(0x3f6ff9eb)
      .uint32(0)
      .text('dl-modp{sign{dsa-nist-sha1}}')
      .text('none');
    const block = (label: string): string => `---- ${label} SSH2 ENCRYPTED PRIVATE KEY ----`;
    const dsa = `${block('BEGIN')}\n${Buffer.from(bytes.string(new Uint8Array(8)).viewWritten()).toString('base64')}\n${block('END')}\n`;
    expect(failure(() => parsePrivateKey(dsa)).message).toContain('RSA alone');
  });
});

import { describe, expect, it } from 'vitest';
import { fromHex, toHex } from '../../src/base/bytes.ts';
import { base64Decode } from '../../src/keys/pem/base64.ts';
import { decodePem, encodePem } from '../../src/keys/pem/pem.ts';
import { formatPrivateKey } from '../../src/keys/privateKey/formatPrivateKey.ts';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { describePrivateKey } from '../../src/keys/privateKey/privateKeyFile.ts';
import { formatPublicKey } from '../../src/keys/publicKeyFile.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { failure } from './failure.ts';
import { fixture, fixtureBytes, passphrase } from './fixtures.ts';

const format = 'ERR_SSH_KEY_FORMAT';
const unsupported = 'ERR_SSH_KEY_UNSUPPORTED';

/** An OpenSSH file with its fields changed. */
function opensshWith(path: string, change: Partial<Record<string, (writer: WireWriter) => unknown>>): string {
  const { bytes } = decodePem(fixture(path), 'OPENSSH PRIVATE KEY');
  const magic = bytes.slice(0, 15);
  const reader = new WireReader(bytes, 15);
  const writer = new WireWriter().bytes(magic);
  const names = ['cipher', 'kdf', 'kdfOptions'] as const;
  for (const name of names) copyOr(change[name], writer, () => writer.string(reader.viewString()));
  copyOr(change['count'], writer, () => writer.uint32(reader.uint32()));
  for (const name of ['publicKey', 'section'] as const) {
    copyOr(change[name], writer, () => writer.string(reader.viewString()));
  }
  writer.bytes(reader.viewRest());
  return encodePem('OPENSSH PRIVATE KEY', writer.viewWritten(), { width: 70 });

  function copyOr(
    own: ((writer: WireWriter) => unknown) | undefined,
    to: WireWriter,
    copy: () => unknown,
  ): void {
    // The original field is read in either case, so that the next one is at hand.
    const start = to.position;
    copy();
    if (own === undefined) return;
    to.position = start;
    own(to);
  }
}

const bcryptOptions = (rounds: number) => (writer: WireWriter) =>
  writer.string(new WireWriter().string(new Uint8Array(16)).uint32(rounds).copyWritten());

describe('what is no private key is named', () => {
  const ed25519 = fixture('ed25519/id.pub');
  it.each<[string, string | Uint8Array, string, RegExp]>([
    ['nothing', '', format, /empty/],
    ['white space', ' \n\n', format, /empty/],
    ['a public key', ed25519, format, /this is a public key \(ssh-ed25519\).*without \.pub/],
    ['an RSA public key', fixture('rsa/id.pub'), format, /public key \(ssh-rsa\)/],
    [
      'a certificate',
      fixture('foreign/signed-cert.pub'),
      format,
      /certificate \(ssh-ed25519-cert-v01@openssh\.com\)/,
    ],
    ['a public key in RFC 4716', fixture('public/rsa.rfc4716'), format, /public key \(RFC 4716\)/],
    ['a public key in PEM', fixture('public/rsa.spki.pem'), format, /public key \("PUBLIC KEY"\)/],
    ['a public key in PKCS#1', fixture('public/rsa.pkcs1.pem'), format, /public key \("RSA PUBLIC KEY"\)/],
    ['known_hosts, hashed', fixture('known_hosts/hashed'), format, /known_hosts/],
    ['known_hosts', `@cert-authority * ${ed25519}`, format, /known_hosts/],
    ['authorized_keys', `restrict,command="x" ${ed25519}`, format, /public key/],
    ['an X.509 certificate', fixture('foreign/x509.pem'), format, /X\.509 certificate/],
    ['DER', fixtureBytes('foreign/rsa.der'), format, /binary.*DER/],
    [
      'UTF-16',
      new Uint8Array(Buffer.from(`\ufeff${fixture('ed25519/openssh')}`, 'utf16le')),
      format,
      /UTF-16/,
    ],
    ['a path', '~/.ssh/id_ed25519', format, /path of a key file/],
    ['a path of Windows', 'C:\\Users\\me\\id_rsa\n', format, /path of a key file/],
    ['prose', 'I have lost my key.', format, /not a private key/],
    ['something huge', 'x'.repeat(2_000_000), format, /longer than/],
    ['a JWK', '{"kty":"OKP"}', unsupported, /JWK/],
    ['DSA in OpenSSH format', fixture('foreign/dsa'), unsupported, /DSA/],
    ['DSA in PEM', fixture('foreign/dsa.pem'), unsupported, /DSA/],
    ['RSA of 1024 bits', fixture('foreign/rsa1024'), unsupported, /RSA key of 1024 bits; from 2048/],
    ['a key for SSH 1', 'SSH PRIVATE KEY FILE FORMAT 1.1\n', unsupported, /version 1 of SSH/],
    ['another curve', fixture('foreign/secp256k1.pem'), unsupported, /curve 1\.3\.132\.0\.10/],
    ['explicit curve parameters', fixture('foreign/explicit.pem'), unsupported, /explicit curve parameters/],
    ['Ed448', fixture('foreign/ed448.pem'), unsupported, /Ed448/],
    ['X25519', fixture('foreign/x25519.pem'), unsupported, /X25519/],
    [
      'PGP',
      '-----BEGIN PGP PRIVATE KEY BLOCK-----\n\n-----END PGP PRIVATE KEY BLOCK-----\n',
      unsupported,
      /"PGP PRIVATE KEY BLOCK"/,
    ],
    ['PuTTY 1', 'PuTTY-User-Key-File-1: ssh-rsa\n', unsupported, /version 1; 2 and 3/],
    [
      'only EC PARAMETERS',
      fixture('ecdsa256/sec1-with-parameters.pem').split('-----BEGIN EC PRIVATE')[0] as string,
      format,
      /truncated/,
    ],
  ])('%s', (_, data, code, message) => {
    const error = failure(() => parsePrivateKey(data));
    expect(error).toMatchObject({ code, phase: 'options', origin: 'user' });
    expect(error.message).toMatch(message);
    expect(failure(() => parsePrivateKey(data, { passphrase }))).toMatchObject({
      code,
      message: error.message,
    });
  });

  it('a key encrypted by a scheme that nobody has any more: PKCS#5 with MD2', () => {
    const { bytes } = decodePem(fixture('rsa/pkcs8-PBE-MD5-DES.enc.pem'), 'ENCRYPTED PRIVATE KEY');
    const hex = toHex(bytes);
    expect(hex.split('2a864886f70d010503')).toHaveLength(2);
    const md2 = fromHex(hex.replace('2a864886f70d010503', '2a864886f70d010501'));
    const error = failure(() => parsePrivateKey(encodePem('ENCRYPTED PRIVATE KEY', md2), { passphrase }));
    expect(error.code).toBe(unsupported);
    expect(error.message).toMatch(/scheme 1\.2\.840\.113549\.1\.5\.1, which is not supported/);
  });
});

describe('OpenSSH private keys that cannot be used are refused before any work', () => {
  const encrypted = 'ed25519/openssh-aes256-ctr.enc';
  it.each<[string, string, string, RegExp]>([
    ['two keys', opensshWith('ed25519/openssh', { count: (w) => w.uint32(2) }), unsupported, /2 keys/],
    ['an unknown cipher', opensshWith(encrypted, { cipher: (w) => w.text('rot13') }), unsupported, /"rot13"/],
    [
      'an unknown key derivation',
      opensshWith(encrypted, { kdf: (w) => w.text('scrypt') }),
      unsupported,
      /"scrypt"/,
    ],
    [
      'more rounds than allowed',
      opensshWith(encrypted, { kdfOptions: bcryptOptions(4_000_000_000) }),
      unsupported,
      /4000000000 rounds.*256 are allowed/,
    ],
    ['no rounds', opensshWith(encrypted, { kdfOptions: bcryptOptions(0) }), format, /bcrypt options/],
    [
      'no salt',
      opensshWith(encrypted, {
        kdfOptions: (w) => w.string(new WireWriter().text('').uint32(1).copyWritten()),
      }),
      format,
      /bcrypt options/,
    ],
    [
      'options cut off',
      opensshWith(encrypted, { kdfOptions: (w) => w.string(new Uint8Array(3)) }),
      format,
      /bcrypt options/,
    ],
    [
      'a section of half a block',
      opensshWith(encrypted, { section: (w) => w.string(new Uint8Array(24)) }),
      format,
      /whole blocks/,
    ],
    ['an empty section', opensshWith(encrypted, { section: (w) => w.text('') }), format, /whole blocks/],
    [
      'another public half',
      opensshWith('ed25519/openssh', {
        publicKey: (w) => w.string(base64Decode(fixture('rsa/id.pub').split(' ')[1] as string) as Uint8Array),
      }),
      format,
      /do not belong together/,
    ],
    [
      'options without encryption',
      opensshWith('ed25519/openssh', { kdfOptions: bcryptOptions(1) }),
      format,
      /not encrypted, yet/,
    ],
  ])('%s', (_, file, code, message) => {
    const error = failure(() => parsePrivateKey(file, { passphrase }));
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
  });

  it('rounds are bounded by the limit, which may be set', () => {
    const file = fixture('ed25519/openssh-16-rounds.enc');
    const error = failure(() => parsePrivateKey(file, { passphrase, limits: { bcryptRounds: 15 } }));
    expect(error.code).toBe(unsupported);
    expect(error.message).toMatch(/16 rounds.*15 are allowed/);
    expect(parsePrivateKey(file, { passphrase, limits: { bcryptRounds: 16 } }).privateKey.type).toBe(
      'ssh-ed25519',
    );
  });

  it('the smallest RSA key is a limit, which may be set', () => {
    const key = parsePrivateKey(fixture('foreign/rsa1024'), { limits: { rsaMinimumBits: 1024 } });
    expect(key.privateKey.type).toBe('ssh-rsa');
    const error = failure(() =>
      parsePrivateKey(fixture('rsa/pkcs8.pem'), { limits: { rsaMinimumBits: 3072 } }),
    );
    expect(error.code).toBe(unsupported);
  });

  it('an empty passphrase is a missing one', () => {
    for (const path of [
      'ed25519/openssh-aes256-ctr.enc',
      'ed25519/putty-3.enc.ppk',
      'ed25519/putty-2.enc.ppk',
    ]) {
      expect(failure(() => parsePrivateKey(fixture(path), { passphrase: '' })).message).toMatch(
        /no passphrase/,
      );
    }
  });
});

describe('a security key', () => {
  const blob = new WireWriter()
    .text('sk-ssh-ed25519@openssh.com')
    .string(new Uint8Array(32))
    .text('ssh:')
    .copyWritten();
  const section = new WireWriter().uint32(7).uint32(7).bytes(blob).copyWritten();
  const file = opensshWith('ed25519/openssh', {
    publicKey: (w) => w.string(blob),
    section: (w) => w.string(section.slice(0, section.length & ~7)),
  });

  it('is refused, and pointed to an agent', () => {
    const error = failure(() => parsePrivateKey(file));
    expect(error.code).toBe(unsupported);
    expect(error.message).toMatch(/agent/);
  });

  it('can be described all the same', () => {
    expect(describePrivateKey(file)).toEqual({
      format: 'openssh',
      encrypted: false,
      publicKey: { type: 'sk-ssh-ed25519@openssh.com', point: new Uint8Array(32), application: 'ssh:' },
    });
  });
});

describe('PuTTY keys that ask for too much', () => {
  const file = fixture('ed25519/putty-3.enc.ppk');
  it.each<[string, string, string]>([
    ['memory', file.replace(/Argon2-Memory: .*/, 'Argon2-Memory: 999999999'), unsupported],
    ['time', file.replace(/Argon2-Passes: .*/, 'Argon2-Passes: 999999999'), unsupported],
    ['no memory', file.replace(/Argon2-Memory: .*/, 'Argon2-Memory: 7'), format],
    ['no passes', file.replace(/Argon2-Passes: .*/, 'Argon2-Passes: 0'), format],
    ['lanes without memory', file.replace(/Argon2-Parallelism: .*/, 'Argon2-Parallelism: 1000'), format],
    ['a number that is none', file.replace(/Argon2-Passes: .*/, 'Argon2-Passes: 1e9'), format],
    ['another derivation', file.replace('Argon2id', 'Argon3'), unsupported],
    ['lines that are not there', file.replace(/Private-Lines: .*/, 'Private-Lines: 99999'), format],
  ])('%s', (_, text, code) => {
    expect(failure(() => parsePrivateKey(text, { passphrase })).code).toBe(code);
  });
});

describe('PKCS#8 keys that ask for too much', () => {
  it.each([
    ['PBKDF2', 'rsa/pkcs8-hmacWithSHA256.enc.pem', '020203e8', '02047fffffff', 2],
    ['scrypt', 'rsa/pkcs8-scrypt.enc.pem', '02020400', '020440000000', 2],
  ])('%s', (_, path, from, to, growth) => {
    const { bytes } = decodePem(fixture(path), 'ENCRYPTED PRIVATE KEY');
    const hex = Buffer.from(bytes).toString('hex');
    expect(hex.split(from)).toHaveLength(2);
    const changed = Buffer.from(hex.replace(from, to), 'hex');
    for (const at of lengthsAround(bytes, hex.indexOf(from) / 2))
      changed[at] = (changed[at] as number) + growth;
    const file = encodePem('ENCRYPTED PRIVATE KEY', new Uint8Array(changed));
    expect(failure(() => parsePrivateKey(file, { passphrase })).code).toBe(unsupported);
  });

  /** Where the last length bytes of the SEQUENCEs that contain `position` stand. */
  function lengthsAround(bytes: Uint8Array, position: number): number[] {
    const found: number[] = [];
    for (let at = 0; at < position; ) {
      const long = (bytes[at + 1] as number) & 0x80 ? (bytes[at + 1] as number) & 0x7f : 0;
      let length = bytes[at + 1] as number;
      if (long > 0) length = bytes.slice(at + 2, at + 2 + long).reduce((sum, byte) => sum * 256 + byte, 0);
      const content = at + 2 + long;
      const inside = position < content + length;
      if (inside) found.push(content - 1);
      at = inside ? content : content + length;
    }
    return found;
  }
});

describe('a PEM file that is encrypted the old way', () => {
  const whole = fixture('ecdsa256/sec1-aes256.enc.pem');
  const without = (header: string): string => whole.replace(new RegExp(`^${header}:.*\n`, 'm'), '');

  it.each([
    ['both headers', whole, 'ERR_SSH_KEY_PASSPHRASE'],
    ['the header with the cipher alone', without('Proc-Type'), 'ERR_SSH_KEY_PASSPHRASE'],
    // By what, nobody knows.
    ['the header that says so alone', without('DEK-Info'), unsupported],
  ])('is one with %s', async (_, text, code) => {
    expect((await failure(() => parsePrivateKey(text))).code).toBe(code);
    expect(describePrivateKey(text)).toMatchObject({ encrypted: true });
  });
});

describe('an Ed448 key, for which there is no file that others read', () => {
  const bytes = new Uint8Array(57).fill(7);
  const key = { type: 'ssh-ed448', seed: bytes, publicKey: { type: 'ssh-ed448', point: bytes } } as const;

  it.each(['pkcs8', 'pem', 'openssh'] as const)('is not written as a private key: %s', async (format) => {
    expect(
      await failure(() => formatPrivateKey(key, { format, randomBytes: (length) => new Uint8Array(length) })),
    ).toMatchObject({
      code: unsupported,
      message: expect.stringMatching(/ed448/i),
    });
  });

  it('is not written as a public key in PEM', async () => {
    expect(await failure(() => formatPublicKey(key.publicKey, { format: 'pem' }))).toMatchObject({
      code: unsupported,
      message: expect.stringMatching(/ed448/i),
    });
  });
});

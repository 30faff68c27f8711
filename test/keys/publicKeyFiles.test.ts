import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { fingerprint, randomArt } from '../../src/keys/fingerprint.ts';
import { formatPublicKey, parseAuthorizedKeys, parsePublicKey } from '../../src/keys/publicKeyFile.ts';
import { comments, privateKeys } from './arbitraries.ts';
import { failure } from './failure.ts';
import { fixture, fixtureBytes } from './fixtures.ts';
import { itWith, run, withFile } from './programs.ts';

const sshTypes = ['ed25519', 'ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'] as const;
const formats = fc.constantFrom('openssh', 'rfc4716', 'pem');

describe.each(sshTypes)('the public key %s', (type) => {
  const line = fixture(`${type}/id.pub`);
  const { publicKey, comment } = parsePublicKey(line);

  it('is written as ssh-keygen wrote it', () => {
    expect(formatPublicKey(publicKey, { comment })).toBe(line);
  });

  it('is read from RFC 4716 as ssh-keygen wrote it', () => {
    expect(parsePublicKey(fixture(`public/${type}.rfc4716`)).publicKey).toEqual(publicKey);
  });

  it.each(['sha256', 'md5'] as const)('has the %s fingerprint and random art of ssh-keygen', (hash) => {
    const [summary = '', ...art] = fixture(`public/${type}.${hash}.txt`).trimEnd().split('\n');
    expect(summary).toContain(` ${fingerprint(publicKey, hash)} `);
    expect(randomArt(publicKey, hash)).toBe(art.join('\n'));
  });
});

describe('public keys in PEM', () => {
  it.each(['ecdsa256', 'ecdsa384', 'ecdsa521', 'rsa'])(
    '%s is read and written as ssh-keygen and OpenSSL do',
    (type) => {
      const pem = fixture(`public/${type}.spki.pem`);
      const { publicKey } = parsePublicKey(pem);
      expect(publicKey).toEqual(parsePublicKey(fixture(`${type}/id.pub`)).publicKey);
      expect(formatPublicKey(publicKey, { format: 'pem' })).toBe(pem);
    },
  );

  it('Ed25519 as OpenSSL writes it', () => {
    const pem = fixture('public/ed25519-openssl.spki.pem');
    expect(formatPublicKey(parsePublicKey(pem).publicKey, { format: 'pem' })).toBe(pem);
  });

  it('RSA in PKCS#1', () => {
    expect(parsePublicKey(fixture('public/rsa.pkcs1.pem')).publicKey).toEqual(
      parsePublicKey(fixture('rsa/id.pub')).publicKey,
    );
  });
});

describe('public keys', () => {
  it('are read back as written, in every format; comments where the format has them', () => {
    fc.assert(
      fc.property(privateKeys, formats, comments, (key, format, comment) => {
        const trimmed = comment.trim().replaceAll('"', '');
        const read = parsePublicKey(formatPublicKey(key.publicKey, { format, comment: trimmed }));
        expect(read.publicKey).toEqual(key.publicKey);
        expect(read.options).toEqual([]);
        if (format !== 'pem') expect(read.comment).toBe(trimmed);
      }),
    );
  });

  it('keep a long comment through the folded lines of RFC 4716', () => {
    fc.assert(
      fc.property(privateKeys, fc.array(comments, { minLength: 5, maxLength: 9 }), (key, words) => {
        const comment = words.join('  ').trim().replaceAll('"', '');
        const text = formatPublicKey(key.publicKey, { format: 'rfc4716', comment });
        expect(parsePublicKey(text).comment).toBe(comment);
      }),
    );
  });

  it.each([
    ['""', ''],
    ['"', '"'],
    ['"me"', 'me'],
    ['"me', '"me'],
    ['me"', 'me"'],
  ])('are in RFC 4716 what stands between quotes, if there are two: %s', (written, comment) => {
    const key = parsePublicKey(fixture('ed25519/id.pub')).publicKey;
    const text = formatPublicKey(key, { format: 'rfc4716', comment: 'x' });
    expect(parsePublicKey(text.replace(/^Comment:.*$/m, `Comment: ${written}`)).comment).toBe(comment);
  });

  it('never grow lines beyond 72 bytes in RFC 4716', () => {
    fc.assert(
      fc.property(privateKeys, comments, (key, comment) => {
        const text = formatPublicKey(key.publicKey, { format: 'rfc4716', comment: comment.repeat(5) });
        for (const line of text.split('\n')) expect(Buffer.byteLength(line)).toBeLessThanOrEqual(72);
      }),
    );
  });

  it('refuse a comment of two lines', () => {
    const { publicKey } = parsePublicKey(fixture('ed25519/id.pub'));
    expect(failure(() => formatPublicKey(publicKey, { comment: 'a\nssh-rsa' })).code).toBe('ERR_SSH_OPTIONS');
  });

  it('may have blank lines and comments around them, tabs, CR LF', () => {
    const line = fixture('ed25519/id.pub');
    const { publicKey } = parsePublicKey(line);
    for (const text of [
      `\n# mine\n\n  ${line}\n`,
      line.replaceAll(' ', '\t'),
      line.replace('\n', '\r\n'),
      line.split(' ').slice(0, 2).join(' '),
    ]) {
      expect(parsePublicKey(text).publicKey).toEqual(publicKey);
    }
  });

  itWith('ssh-keygen', 'are read by ssh-keygen in both of its formats', () => {
    for (const type of sshTypes) {
      const { publicKey } = parsePublicKey(fixture(`${type}/id.pub`));
      const expected = fingerprint(publicKey);
      const listed = withFile(formatPublicKey(publicKey, { comment: 'c' }), (path) =>
        run('ssh-keygen', ['-lf', path]),
      );
      expect(listed).toContain(expected);
      const imported = withFile(
        formatPublicKey(publicKey, { format: 'rfc4716', comment: 'a comment '.repeat(10).trim() }),
        (path) => run('ssh-keygen', ['-i', '-f', path]),
      );
      expect(parsePublicKey(imported).publicKey).toEqual(publicKey);
    }
  });
});

describe('what is no public key is named', () => {
  const ed25519 = fixture('ed25519/id.pub');
  const [, base64 = ''] = ed25519.split(' ');
  const format = 'ERR_SSH_KEY_FORMAT';
  it.each<[string, string | Uint8Array, string, RegExp]>([
    ['a private key', fixture('ed25519/openssh'), format, /private key/],
    ['a private key in PEM', fixture('rsa/pkcs8.pem'), format, /private key/],
    ['a PuTTY key', fixture('ed25519/putty-3.ppk'), format, /private key/],
    ['a certificate', fixture('foreign/signed-cert.pub'), 'ERR_SSH_KEY_UNSUPPORTED', /certificate/],
    ['an X.509 certificate', fixture('foreign/x509.pem'), format, /X\.509/],
    ['DER', fixtureBytes('foreign/rsa.der'), format, /binary/],
    ['DSA', fixture('foreign/dsa.pub'), 'ERR_SSH_KEY_UNSUPPORTED', /ssh-dss/],
    ['comments alone', '# nothing\n\n', format, /nothing but comments/],
    ['two keys', ed25519 + ed25519, format, /2 lines/],
    ['prose', 'hello world', format, /not a public key/],
    [
      'a type that the key is not',
      `ssh-rsa ${base64}`,
      format,
      /says "ssh-rsa" and is of type "ssh-ed25519"/,
    ],
    ['a key cut off', ed25519.slice(0, 60), format, /public key/],
    ['a key that is not base64', `ssh-ed25519 ${base64.slice(0, -2)}!!`, format, /base64/],
    ['RFC 4716 cut off', fixture('public/rsa.rfc4716').slice(0, 200), format, /truncated/],
    ['PEM cut off', fixture('public/rsa.spki.pem').slice(0, 200), format, /truncated/],
  ])('%s', (_, data, code, message) => {
    const error = failure(() => parsePublicKey(data));
    expect(error).toMatchObject({ code, phase: 'options', origin: 'user' });
    expect(error.message).toMatch(message);
  });

  it('whatever it is, the error is typed, or the key is well formed', () => {
    const data = [
      'ed25519/id.pub',
      'public/rsa.rfc4716',
      'public/ecdsa256.spki.pem',
      'public/rsa.pkcs1.pem',
    ].map(fixtureBytes);
    for (const file of data) {
      for (let at = 0; at < file.length; at++) {
        for (const bit of [1, 32, 128]) {
          const copy = file.slice();
          copy[at] = (copy[at] as number) ^ bit;
          for (const variant of [copy, file.slice(0, at)]) expectTypedOrWellFormed(variant);
        }
      }
    }
  });

  function expectTypedOrWellFormed(data: Uint8Array): void {
    try {
      const { publicKey } = parsePublicKey(data);
      expect(parsePublicKey(formatPublicKey(publicKey)).publicKey).toEqual(publicKey);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      expect(error.code).toMatch(/^ERR_SSH_KEY_(FORMAT|UNSUPPORTED)$/);
    }
  }
});

describe('authorized_keys', () => {
  const key = fixture('ed25519/id.pub').trim();

  it.each<[string, readonly (readonly [string, string | undefined])[]]>([
    ['restrict', [['restrict', undefined]]],
    [
      'restrict,pty',
      [
        ['restrict', undefined],
        ['pty', undefined],
      ],
    ],
    ['command="echo \\"hi, you\\" # no"', [['command', 'echo "hi, you" # no']]],
    [
      'From="10.0.0.0/8,!10.1.1.1",no-pty',
      [
        ['from', '10.0.0.0/8,!10.1.1.1'],
        ['no-pty', undefined],
      ],
    ],
    [
      'environment="A=ssh-rsa AAAA",command=""',
      [
        ['environment', 'A=ssh-rsa AAAA'],
        ['command', ''],
      ],
    ],
    ['command="ü"', [['command', 'ü']]],
  ])('reads the options %s', (options, expected) => {
    const file = parsePublicKey(`${options} ${key}`);
    expect(file.options.map(({ name, value }) => [name, value])).toEqual(expected);
    expect(file.comment).toBe('ed25519 of the tests');
  });

  it.each(['command="open', 'command="a"b', ',pty', 'pty,', 'a=b'])('refuses the options %s', (options) => {
    expect(failure(() => parsePublicKey(`${options} ${key}`)).code).toBe('ERR_SSH_KEY_FORMAT');
  });

  it('is read line by line, malformed ones reported with their numbers', () => {
    const text = `# the keys\n\n${key}\nnonsense\nrestrict ${fixture('rsa/id.pub')}${fixture('foreign/dsa.pub')}`;
    const { entries, malformed } = parseAuthorizedKeys(text);
    expect(entries.map(({ line, publicKey }) => [line, publicKey.type])).toEqual([
      [3, 'ssh-ed25519'],
      [5, 'ssh-rsa'],
    ]);
    expect(malformed.map(({ line }) => line)).toEqual([4, 6]);
    expect(malformed[1]?.reason).toMatch(/ssh-dss/);
  });

  it('may be empty', () => {
    expect(parseAuthorizedKeys('')).toEqual({ entries: [], malformed: [] });
    expect(parseAuthorizedKeys('\n\n')).toEqual({ entries: [], malformed: [] });
  });
});

describe('fingerprints', () => {
  it('of a blob and of its key are one', () => {
    const line = fixture('rsa/id.pub');
    const blob = new Uint8Array(Buffer.from(line.split(' ')[1] as string, 'base64'));
    expect(fingerprint(blob)).toBe(fingerprint(parsePublicKey(line).publicKey));
  });
});

/** What is given in place of a key or of a file: an error that says so, and never an empty answer. */
import { describe, expect, it } from 'vitest';
import {
  fingerprint,
  formatPublicKey,
  generateKey,
  KnownHosts,
  parseAuthorizedKeys,
  parsePublicKey,
  RevokedKeys,
  randomArt,
} from '../../src/entry/keys.ts';

const key = generateKey('ed25519');
const nothings: readonly unknown[] = [
  undefined,
  null,
  5,
  true,
  {},
  [],
  new ArrayBuffer(8),
  Promise.resolve(''),
];

describe('a list of trust', () => {
  const readers: readonly [string, (data: never) => unknown][] = [
    ['KnownHosts.parse', (data) => KnownHosts.parse(data)],
    ['KnownHosts.parseInSteps', (data) => KnownHosts.parseInSteps(data).next()],
    ['RevokedKeys.parse', (data) => RevokedKeys.parse(data)],
    ['RevokedKeys.parseInSteps', (data) => RevokedKeys.parseInSteps(data).next()],
    ['parseAuthorizedKeys', (data) => parseAuthorizedKeys(data)],
  ];

  it.each(readers)('is never empty by a mistake: %s', (_name, read) => {
    for (const nothing of nothings) {
      expect(() => read(nothing as never)).toThrow(
        expect.objectContaining({
          code: 'ERR_SSH_OPTIONS',
          message: expect.stringMatching(/must be the text or bytes of the file, not /),
        }),
      );
    }
    for (const file of ['', new Uint8Array(0), Buffer.alloc(0)])
      expect(() => read(file as never)).not.toThrow();
  });
});

describe('a public key', () => {
  const users: readonly [string, (given: never) => unknown][] = [
    ['fingerprint', (given) => fingerprint(given)],
    ['randomArt', (given) => randomArt(given)],
    ['formatPublicKey', (given) => formatPublicKey(given)],
  ];

  it.each(users)('is asked for where a private key or anything else is given: %s', (_name, use) => {
    for (const given of [
      key,
      parsePublicKey(formatPublicKey(key.publicKey)),
      'ssh-ed25519 AAAA',
      ...nothings,
    ]) {
      expect(() => use(given as never)).toThrow(
        expect.objectContaining({
          code: 'ERR_SSH_OPTIONS',
          message: expect.stringContaining('must be a public key, such as parsePublicKey(…).publicKey'),
        }),
      );
    }
    expect(use(key.publicKey as never)).toBeTypeOf('string');
  });
});

/**
 * `crypto: 'openssl'`: every packet goes through OpenSSL, and nothing in
 * TypeScript that looks into a table by a secret takes part. That code is
 * replaced here by code that throws.
 */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { ciphers, macs } from '../../src/crypto/algorithms.ts';
import { connect, pinnedHostKey } from '../../src/entry/index.ts';
import { fingerprint, generateKey } from '../../src/entry/keys.ts';
import { createServer } from '../../src/entry/server.ts';
import {
  keysOf,
  nameOf,
  newOpener,
  newSealer,
  noise,
  openAll,
  providers,
  sealAll,
  suites,
} from '../packet/support.ts';

/** What looks into tables: each call is a failure of whoever made it. */
vi.mock('../../src/crypto/handwritten/aes/aesBlocks.ts', () => refusals('encryptBlocks', 'expandAesKey'));
vi.mock('../../src/crypto/handwritten/aes/ghash.ts', () => refusals('GhashKey'));
vi.mock('../../src/crypto/handwritten/aes/gcmPackets.ts', async (original) => ({
  ...(await original<object>()),
  ...refusals('GcmPackets'),
}));
vi.mock('../../src/crypto/noble/packet/cbcStreams.ts', () => ({
  nobleCbcStreams: refusals('encrypting', 'decrypting'),
}));
vi.mock('../../src/crypto/handwritten/sha256Mac.ts', () => refusals('Sha256PacketMac'));
vi.mock('../../src/crypto/handwritten/chacha/chachaBlocks.ts', async (original) => ({
  ...(await original<object>()),
  ...refusals('addChacha', 'chachaBlock'),
}));

function refusals(...names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.map((name) => [
      name,
      function refuse(): never {
        throw new Error(`${name} computes in TypeScript`);
      },
    ]),
  );
}

const everyPacket = providers['openssl for every packet'] as (typeof providers)[string];
const auto = providers['openssl'] as (typeof providers)[string];

/** Payloads of every length that matters to some cipher, and many short ones in a row. */
const payloads: readonly Uint8Array[] = [
  ...Array.from({ length: 70 }, (_, i) => noise(1 + i, i)),
  ...[255, 1024, 1400, 2200, 3584, 4096, 10_240, 32_768].map((length) => noise(length, length)),
  ...Array.from({ length: 60 }, (_, i) => noise(40, i)),
];

describe('every packet', () => {
  it.each(suites.map((suite) => [nameOf(suite), suite] as const))(
    'is computed without a table in TypeScript: %s',
    (_, suite) => {
      const sealed = sealAll(newSealer(everyPacket, keysOf(suite)), payloads);
      const opened = openAll(newOpener(everyPacket, keysOf(suite)), sealed);
      expect(opened).toEqual(payloads);
    },
  );

  it('is not where the usual way is taken, which is what the test above would notice', () => {
    const inTypeScript = suites.filter((suite) => {
      try {
        sealAll(newSealer(auto, keysOf(suite)), payloads);
        return false;
      } catch (error) {
        expect((error as Error).message).toMatch(/computes in TypeScript/);
        return true;
      }
    });
    expect(inTypeScript.map(({ cipher }) => cipher)).toEqual(
      expect.arrayContaining(['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr']),
    );
  });

  it('covers every cipher and every MAC there is', () => {
    expect(new Set(suites.map(({ cipher }) => cipher))).toEqual(new Set(Object.keys(ciphers)));
    expect(new Set(suites.flatMap(({ mac }) => (mac === undefined ? [] : [mac])))).toEqual(
      new Set(Object.keys(macs)),
    );
  });
});

describe('a runtime without an algorithm', () => {
  const { createCipheriv, createDecipheriv } = crypto;
  afterEach(() => {
    Object.assign(crypto, { createCipheriv, createDecipheriv });
    syncBuiltinESMExports();
  });

  it.each([
    ['chacha20-poly1305@openssh.com', 'chacha20'],
    ['3des-cbc', 'des-ede3-cbc'],
  ])('is told of, and TypeScript does not step in: %s', (cipher, missing) => {
    const without =
      <Make extends typeof createCipheriv | typeof createDecipheriv>(make: Make) =>
      (name: string, ...rest: unknown[]) => {
        if (name === missing) throw new Error('Unknown cipher');
        return (make as (...args: unknown[]) => unknown)(name, ...rest);
      };
    Object.assign(crypto, {
      createCipheriv: without(createCipheriv),
      createDecipheriv: without(createDecipheriv),
    });
    syncBuiltinESMExports();
    const suite = suites.find((each) => each.cipher === cipher);
    if (suite === undefined) throw new Error('no such suite');
    for (const make of [everyPacket.createSealingCipher, everyPacket.createOpeningCipher]) {
      let error: unknown;
      try {
        make(keysOf(suite));
      } catch (thrown) {
        error = thrown;
      }
      expect(error).toBeInstanceOf(SshError);
      expect(error).toMatchObject({
        code: 'ERR_SSH_CRYPTO',
        message: expect.stringContaining('does not compute'),
      });
    }
  });
});

describe('connect', () => {
  it('takes it, on both sides, and refuses what is none', async () => {
    const hostKey = generateKey('ed25519');
    const server = await createServer({
      hostKeys: hostKey,
      crypto: 'openssl',
      authentication: { none: () => true },
      exec: (process) => {
        process.stdin.pipe(process.stdout);
        return new Promise((resolve) => process.stdin.once('end', () => resolve(0)));
      },
    });
    const { port } = await server.listen();
    const options = {
      host: '127.0.0.1',
      port,
      username: 'ops',
      auth: ['none'] as const,
      verifyHostKey: pinnedHostKey(fingerprint(hostKey.publicKey)),
    };
    for (const cipher of ['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr']) {
      const client = await connect({ ...options, crypto: 'openssl', algorithms: { cipher: [cipher] } });
      const input = noise(100_000, 7);
      expect((await client.run('cat', { input, encoding: 'buffer' })).stdout).toEqual(input);
      await client.close();
    }
    await expect(connect({ ...options, crypto: 'OpenSSL' as 'openssl' })).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining("'auto', 'openssl' or 'noble'"),
    });
    await server.close();
  });
});

/** What a runtime lacks, or does otherwise: TypeScript computes it, to the same bytes. */
import crypto from 'node:crypto';
import { syncBuiltinESMExports } from 'node:module';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { toHex } from '../../../src/base/bytes.ts';
import type { CryptoProvider, CurveName } from '../../../src/crypto/provider/provider.ts';
import type { KeyArithmetic } from '../../../src/keys/arithmetic.ts';
import { nobleArithmetic } from '../../../src/keys/nobleArithmetic.ts';
import { noble, seededRandom } from '../../crypto/support.ts';
import { keysOf } from '../../packet/support.ts';

const original = { ...crypto };
const replaced = [
  'createCipheriv',
  'createDiffieHellmanGroup',
  'createECDH',
  'createHash',
  'createHmac',
  'createPrivateKey',
  'createPublicKey',
  'diffieHellman',
  'sign',
  'verify',
];
const curves: readonly CurveName[] = ['nistp256', 'nistp384', 'nistp521'];

afterEach(() => {
  for (const name of replaced) Reflect.set(crypto, name, Reflect.get(original, name));
  syncBuiltinESMExports();
  vi.resetModules();
});

/** A runtime whose calls refuse some of their arguments, and modules that have tried nothing yet. */
async function without(refusals: Readonly<Record<string, (...args: unknown[]) => boolean>>): Promise<{
  readonly provider: CryptoProvider;
  readonly arithmetic: KeyArithmetic;
  readonly CurveMissingError: unknown;
}> {
  for (const [name, refuses] of Object.entries(refusals)) {
    const call = Reflect.get(original, name) as (...args: unknown[]) => unknown;
    Reflect.set(crypto, name, (...args: unknown[]) => {
      if (refuses(...args)) throw new Error(`this runtime has no such ${name}`);
      return call(...args);
    });
  }
  syncBuiltinESMExports();
  vi.resetModules();
  const { createOpensslProvider } = await import('../../../src/node/crypto/provider.ts');
  const { loadAll } = await import('../../../src/crypto/provider/load.ts');
  const { loadMissingDigests } = await import('../../../src/node/crypto/digests.ts');
  const { opensslKeyArithmetic } = await import('../../../src/node/crypto/keyArithmetic.ts');
  const { CurveMissingError } = await import('../../../src/keys/arithmetic.ts');
  const provider = createOpensslProvider();
  await loadAll(provider);
  await loadMissingDigests();
  return { provider, arithmetic: opensslKeyArithmetic, CurveMissingError };
}

const hashes = ['md5', 'sha1', 'sha256', 'sha384', 'sha512'] as const;

/** What two providers agree upon: hashes, and secrets of either with the other. */
function expectSame(one: CryptoProvider, other: CryptoProvider, lacksHashes: boolean): void {
  for (const name of hashes) {
    const digests = [one, other].map((provider) => {
      const [hash, hmac] = [provider.createHash(name), provider.createHmac(name, Uint8Array.of(1, 2))];
      hash.update(Uint8Array.of(3));
      hmac.update(Uint8Array.of(4));
      const found = hash.digest();
      // Its slice is a copy, whoever computed it.
      expect(found.constructor).toBe(Uint8Array);
      return [toHex(found), toHex(hmac.digest())];
    });
    expect(digests[0], name).toEqual(digests[1]);
  }
  const agreements = (provider: CryptoProvider) => [
    provider.x25519,
    provider.x448,
    ...curves.map((curve) => provider.ecdh(curve)),
  ];
  for (const [index, agreement] of agreements(one).entries()) {
    const peer = agreements(other)[index] as typeof agreement;
    const [own, theirs] = [agreement.generate(), peer.generate()];
    const [secret, sameSecret] = [
      agreement.sharedSecret(own.secretKey, theirs.publicKey),
      peer.sharedSecret(theirs.secretKey, own.publicKey),
    ];
    expect(toHex(secret), String(index)).toBe(toHex(sameSecret));
  }
  const kinds = [
    [one.mlKem768, other.mlKem768],
    // It takes a hash of the runtime, and nothing else.
    ...(lacksHashes ? [[one.sntrup761, other.sntrup761] as const] : []),
  ] as const;
  for (const [mine, theirs] of kinds) {
    const { secretKey, publicKey } = mine.generate();
    const { ciphertext, sharedSecret } = theirs.encapsulate(publicKey);
    expect(toHex(mine.decapsulate(ciphertext, secretKey))).toBe(toHex(sharedSecret));
  }
}

const isCurve = (name: string) => (curve: unknown) => curve === name;
const jwk = (key: unknown): boolean => (key as { readonly format?: string }).format === 'jwk';
const der =
  (...prefixes: readonly string[]) =>
  (key: unknown): boolean => {
    const { key: bytes } = key as { readonly key?: unknown };
    return bytes instanceof Uint8Array && prefixes.some((prefix) => toHex(bytes).startsWith(prefix));
  };
const mlKemFrames = ['308204b2', '30540201'];

const runtimes: Readonly<Record<string, Parameters<typeof without>[0]>> = {
  'lacks nothing': {},
  'has no MD5': { createHash: isCurve('md5') },
  'has no HMAC of SHA-1': { createHmac: isCurve('sha1') },
  'has no hash at all': { createHash: () => true },
  'takes no JWK': { createPrivateKey: jwk, createPublicKey: jwk },
  'has no X25519': { diffieHellman: () => true, createPrivateKey: jwk },
  'signs nothing': { sign: () => true },
  'verifies nothing': { verify: () => true },
  'has no P-521': { createECDH: isCurve('secp521r1') },
  'has no ECDH at all': { createECDH: () => true },
  'reads no keys of ML-KEM': { createPublicKey: der(...mlKemFrames), createPrivateKey: der(...mlKemFrames) },
  'reads no key': { createPublicKey: () => true, createPrivateKey: () => true },
};

describe('a runtime that', () => {
  it.each(Object.entries(runtimes))(
    '%s comes to the same, or says which curve it lacks',
    async (name, refusals) => {
      const { provider, arithmetic, CurveMissingError } = await without(refusals);
      expectSame(provider, noble, name === 'has no hash at all');
      const seed = new Uint8Array(32).fill(7);
      const cases: readonly (readonly [string, (by: KeyArithmetic) => Uint8Array | undefined])[] = [
        ['Ed25519', (by) => by.ed25519PublicKey(seed)],
        ...curves.map((curve) => {
          const scalar = new Uint8Array({ nistp256: 32, nistp384: 48, nistp521: 66 }[curve]).fill(1, 1);
          return [curve, (by: KeyArithmetic) => by.ecPublicKey(curve, scalar)] as const;
        }),
      ];
      const lacking: Readonly<Record<string, readonly string[]>> = {
        'reads no key': ['Ed25519'],
        'has no P-521': ['nistp521'],
        'has no ECDH at all': curves,
      };
      for (const [what, compute] of cases) {
        // Again, as what was found out is kept.
        for (let i = 0; i < 2; i++) {
          if (lacking[name]?.includes(what) === true) {
            expect(() => compute(arithmetic), what).toThrow(CurveMissingError as ErrorConstructor);
            expect(() => compute(arithmetic), what).toThrow(what);
          } else {
            const [found, expected] = [compute(arithmetic), compute(nobleArithmetic)];
            expect(toHex(found as Uint8Array), what).toBe(toHex(expected as Uint8Array));
          }
        }
      }
    },
  );

  it('has a curve makes no key beyond its order, which is no fault of the runtime', async () => {
    const { arithmetic } = await without({});
    for (const value of [0, 0xff]) {
      expect(arithmetic.ecPublicKey('nistp256', new Uint8Array(32).fill(value))).toBeUndefined();
    }
  });
});

/** How often some function of node:crypto is called by a step. */
function callsOf(name: string, step: () => unknown): number {
  let count = 0;
  const call = Reflect.get(original, name) as (...args: unknown[]) => unknown;
  Reflect.set(crypto, name, (...args: unknown[]) => {
    count++;
    return call(...args);
  });
  syncBuiltinESMExports();
  step();
  Reflect.set(crypto, name, call);
  syncBuiltinESMExports();
  return count;
}

describe('what this runtime has', () => {
  it.each(['lacks nothing', 'takes no JWK'])(
    'is computed by it, and not in TypeScript: %s',
    async (runtime) => {
      const { provider } = await without(runtimes[runtime] ?? {});
      const { dhGroup } = await import('../../../src/crypto/kex/dhGroups.ts');
      const agree = (agreement: CryptoProvider['x25519']) => () => {
        const { secretKey, publicKey } = agreement.generate();
        agreement.sharedSecret(secretKey, publicKey);
      };
      expect(callsOf('diffieHellman', agree(provider.x25519))).toBe(1);
      expect(callsOf('diffieHellman', agree(provider.x448))).toBe(1);
      for (const curve of curves) {
        expect(callsOf('createECDH', agree(provider.ecdh(curve))), curve).toBeGreaterThan(1);
      }
      const group = dhGroup('group14');
      expect(callsOf('createDiffieHellmanGroup', agree(provider.dh(group)))).toBe(1);
      // RFC 8268 §4: what would give the secret away is refused, whoever computes.
      const { secretKey } = provider.dh(group).generate();
      const last = group.prime.slice();
      last[last.length - 1] = (last.at(-1) as number) - 1;
      for (const value of [Uint8Array.of(0), Uint8Array.of(1), last, group.prime]) {
        const padded = new Uint8Array(group.prime.length);
        padded.set(value, padded.length - value.length);
        expect(() => provider.dh(group).sharedSecret(secretKey, padded)).toThrow();
      }
      const keys = keysOf({ cipher: '3des-cbc', mac: 'hmac-sha1' });
      expect(callsOf('createCipheriv', () => provider.createSealingCipher(keys))).toBe(1);
    },
  );

  it.each<[string, Readonly<Record<string, string>>, readonly string[]]>([
    ['Node 20', { node: '20.20.2' }, ['group14', 'group16', 'group18']],
    ['Node 22', { node: '22.1.0' }, ['group14', 'group16']],
    ['Node 24', { node: '24.0.0' }, ['group14', 'group16', 'group18']],
    ['Bun', { node: '24.0.0', bun: '1.2.0' }, []],
    ['Deno', { node: '24.0.0', deno: '2.0.0' }, []],
  ])('is the faster way to the larger groups, or is not: %s', async (_name, versions, expected) => {
    const real = process.versions;
    Object.defineProperty(process, 'versions', { value: versions, configurable: true });
    try {
      vi.resetModules();
      const { opensslDhAgreement } = await import('../../../src/node/crypto/dh.ts');
      const { dhGroup } = await import('../../../src/crypto/kex/dhGroups.ts');
      const names = ['group1', 'group14', 'group16', 'group18'] as const;
      expect(names.filter((group) => opensslDhAgreement(dhGroup(group)) !== undefined)).toEqual(expected);
    } finally {
      Object.defineProperty(process, 'versions', { value: real, configurable: true });
    }
  });
});

describe('a source of randomness that is given', () => {
  it('makes the same key pairs again, of every kind', async () => {
    const { createOpensslProvider } = await import('../../../src/node/crypto/provider.ts');
    const { loadAll } = await import('../../../src/crypto/provider/load.ts');
    const { dhGroup } = await import('../../../src/crypto/kex/dhGroups.ts');
    const pairs = async (seed: string): Promise<readonly string[]> => {
      const provider = createOpensslProvider({ randomBytes: seededRandom(seed) });
      await loadAll(provider);
      const kinds = [
        provider.x25519,
        provider.x448,
        ...curves.map((curve) => provider.ecdh(curve)),
        provider.dh(dhGroup('group14')),
        provider.mlKem768,
        provider.sntrup761,
      ];
      const found = kinds.map((kind) => toHex(kind.generate().publicKey));
      const peer = createOpensslProvider({ randomBytes: seededRandom('peer') });
      const { ciphertext } = provider.mlKem768.encapsulate(peer.mlKem768.generate().publicKey);
      return [...found, toHex(ciphertext), toHex(provider.randomBytes(9))];
    };
    const [first, again, other] = [await pairs('a'), await pairs('a'), await pairs('b')];
    expect(again).toEqual(first);
    for (const [index, pair] of first.entries()) expect(other[index]).not.toBe(pair);
  });
});

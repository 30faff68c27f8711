/**
 * Diffie-Hellman over the groups of RFC 3526 on OpenSSL.
 *
 * Owns: which groups go that way on which runtime, and the secret exponents, which
 * OpenSSL draws and keeps: it takes none by value in these groups.
 * Must not know: which groups are negotiated, wire encodings.
 * Sources: RFC 4253 §8 (the numbers), RFC 8268 §4 (their range).
 *
 * Secret exponents have twice the bits of the group's strength, 225 for group 14
 * and 400 for group 18, which with OpenSSL's arithmetic makes this five times as
 * fast as `crypto/kex/dh.ts` and its 512 bits.
 */
import { createDiffieHellmanGroup, type DiffieHellmanGroup } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';
import { checkPeerValue, createDhAgreement } from '../../crypto/kex/dh.ts';
import { dhGroup } from '../../crypto/kex/dhGroups.ts';
import type { AgreementKeyPair, DhGroup, KeyAgreement } from '../../crypto/provider/provider.ts';
import { systemRandomBytes } from './random.ts';

/** By the bytes of the prime. */
const groups = {
  256: { name: 'group14', openssl: 'modp14' },
  384: { name: 'group15', openssl: 'modp15' },
  512: { name: 'group16', openssl: 'modp16' },
  768: { name: 'group17', openssl: 'modp17' },
  1024: { name: 'group18', openssl: 'modp18' },
} as const;

/**
 * Bytes of the longest prime for which this runtime is faster than TypeScript.
 * Bun looks for a generator first, Deno's exponents are as long as the prime, and
 * Node 22 tests what the peer sent by an exponentiation of that length.
 */
const longest = longestOn(process.versions);

function longestOn(versions: Readonly<Record<string, string | undefined>>): number {
  if (versions['bun'] !== undefined || versions['deno'] !== undefined) return 0;
  return versions['node']?.startsWith('22.') === true ? 512 : 1024;
}

/** Key agreement on OpenSSL; undefined for a group, or on a runtime, where it has nothing to offer. */
export function opensslDhAgreement(group: DhGroup): KeyAgreement | undefined {
  const { length } = group.prime;
  if (group.isNamed !== true || length > longest || !isKnown(length)) return undefined;
  const { name, openssl } = groups[length];
  return equalBytes(group.prime, dhGroup(name).prime) ? new OpensslDh(group, openssl) : undefined;
}

function isKnown(length: number): length is keyof typeof groups {
  return Object.hasOwn(groups, length);
}

class OpensslDh implements KeyAgreement {
  private readonly group: DhGroup;
  private readonly name: string;
  /** Objects with the exponents that were given out, until they are used. */
  private readonly drawn = new WeakMap<Uint8Array, DiffieHellmanGroup>();

  constructor(group: DhGroup, name: string) {
    this.group = group;
    this.name = name;
  }

  generate(): AgreementKeyPair {
    const exchange = createDiffieHellmanGroup(this.name);
    const publicKey = this.padded(exchange.generateKeys());
    const secretKey = new Uint8Array(exchange.getPrivateKey());
    this.drawn.set(secretKey, exchange);
    return { secretKey, publicKey };
  }

  sharedSecret(secretKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array {
    const exchange = this.drawn.get(secretKey);
    // An exponent of other origin, or used before.
    if (exchange === undefined) {
      return createDhAgreement(this.group, systemRandomBytes).sharedSecret(secretKey, peerPublicKey);
    }
    checkPeerValue(this.group, peerPublicKey);
    this.drawn.delete(secretKey);
    return this.padded(exchange.computeSecret(peerPublicKey));
  }

  /** As long as the prime. */
  private padded(value: Uint8Array): Uint8Array {
    const out = new Uint8Array(this.group.prime.length);
    out.set(value, out.length - value.length);
    return out;
  }
}

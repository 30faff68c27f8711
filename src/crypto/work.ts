/**
 * What a server computes for a client that need not compute anything itself.
 *
 * Owns: rough costs of key exchange and of host keys, to weigh them against each
 * other (CVE-2002-20001, CVE-2022-40735). In milliseconds of an ordinary core
 * with OpenSSL; in TypeScript all of it takes about `slowdown` times as long.
 * Must not know: who keeps account of it.
 */
import type { KexName } from './algorithms.ts';
import type { PrivateKey } from './keys/privateKey.ts';

/** Of a provider in TypeScript against OpenSSL. */
export const slowdown = 8;

const work: Readonly<Record<KexName, number>> = {
  'mlkem768x25519-sha256': 2,
  'sntrup761x25519-sha512': 4,
  'sntrup761x25519-sha512@openssh.com': 4,
  'curve25519-sha256': 0.5,
  'curve25519-sha256@libssh.org': 0.5,
  'ecdh-sha2-nistp256': 1,
  'ecdh-sha2-nistp384': 4,
  'ecdh-sha2-nistp521': 8,
  'curve448-sha512': 4,
  'diffie-hellman-group-exchange-sha256': groupWork(4096),
  'diffie-hellman-group16-sha512': groupWork(4096),
  'diffie-hellman-group18-sha512': groupWork(8192),
  'diffie-hellman-group15-sha512': groupWork(3072),
  'diffie-hellman-group17-sha512': groupWork(6144),
  'diffie-hellman-group14-sha256': groupWork(2048),
  'diffie-hellman-group14-sha1': groupWork(2048),
  'diffie-hellman-group-exchange-sha1': groupWork(4096),
  'diffie-hellman-group1-sha1': groupWork(1024),
};

/** Of answering a client's value with this method. */
export function exchangeWork(name: KexName): number {
  return work[name];
}

/** The same over a group of this many bits. */
export function groupWork(bits: number): number {
  return 6 * (bits / 4096) ** 2;
}

/** Of one signature by a host key, which is verified before it leaves. */
export function signatureWork(key: PrivateKey): number {
  switch (key.type) {
    case 'ssh-ed25519':
      return 0.5;
    case 'ecdsa-sha2-nistp256':
      return 1;
    case 'ssh-ed448':
    case 'ecdsa-sha2-nistp384':
      return 4;
    case 'ecdsa-sha2-nistp521':
      return 8;
    case 'ssh-rsa':
      return 1.5 * (key.publicKey.modulus.length / 256) ** 3;
    default:
      return key satisfies never;
  }
}

/**
 * A security token made of software: the keys and signatures of one (OpenSSH
 * PROTOCOL.u2f), without the token.
 */
import { utf8Encode } from '../../src/base/bytes.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import type { SecurityKeyPublicKey } from '../../src/crypto/keys/publicKey.ts';
import { encodeSecurityKeySignature, securityKeyData } from '../../src/crypto/keys/securityKey.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { testProvider } from './certificates.ts';
import { seededBytes } from './conversation.ts';

export interface TestSecurityKey {
  readonly publicKey: SecurityKeyPublicKey;
  readonly inside: PrivateKey;
}

export function makeSecurityKey(
  kind: 'ed25519' | 'ecdsa256',
  application: string,
  seed: number,
): TestSecurityKey {
  const inside = generateKey(kind === 'ed25519' ? 'ed25519' : 'ecdsa', {
    randomBytes: seededBytes(seed),
    ...(kind === 'ed25519' ? {} : { bits: 256 }),
  });
  const { publicKey } = inside;
  if (publicKey.type === 'ssh-ed25519') {
    return { inside, publicKey: { type: 'sk-ssh-ed25519@openssh.com', point: publicKey.point, application } };
  }
  if (publicKey.type !== 'ecdsa-sha2-nistp256') throw new Error('another key was made than was asked for');
  const { point } = publicKey;
  return {
    inside,
    publicKey: { type: 'sk-ecdsa-sha2-nistp256@openssh.com', curve: 'nistp256', point, application },
  };
}

/** The algorithm-specific part of the signature blob. */
export function signWithSecurityKey(
  { publicKey, inside }: TestSecurityKey,
  data: Uint8Array,
  flags: number,
  counter: number,
): Uint8Array {
  const sha256 = (bytes: Uint8Array): Uint8Array => {
    const hash = testProvider.createHash('sha256');
    hash.update(bytes);
    return hash.digest();
  };
  const signed = securityKeyData(sha256(utf8Encode(publicKey.application)), { flags, counter }, sha256(data));
  const signature = testProvider.sign(inside.type, inside, signed);
  return encodeSecurityKeySignature({ signature, flags, counter });
}

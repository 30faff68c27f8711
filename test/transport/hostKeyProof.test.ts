import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { encodePublicKey, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { verifyHostKeyProof } from '../../src/transport/kex/hostKeyProof.ts';
import { type CertificateContent, makeCertificate, testProvider } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';
import { makeSecurityKey, signWithSecurityKey } from '../support/securityKeys.ts';

const hash = new Uint8Array(32).fill(3);
const key = generateKey('ed25519', { randomBytes: seededBytes(21) });
const rsa = generateKey('rsa', { randomBytes: seededBytes(22), bits: 2048 });
const authority = generateKey('ecdsa', { randomBytes: seededBytes(23) });
const certified = (more: Partial<CertificateContent> = {}): Uint8Array =>
  makeCertificate({ key: key.publicKey, authority, ...more });
const signed = (algorithm: string, by: PrivateKey = key, over = hash): Uint8Array =>
  encodeSignature(algorithm, testProvider.sign(algorithm, by, over));

const verify = (algorithm: string, hostKey: Uint8Array, signature: Uint8Array): void =>
  verifyHostKeyProof({ algorithm, hostKey, signature }, hash, testProvider, defaultLimits);

describe('a host key', () => {
  it('is proved by the signature of its own algorithm over the exchange hash', () => {
    expect(() => verify('ssh-ed25519', encodePublicKey(key.publicKey), signed('ssh-ed25519'))).not.toThrow();
  });

  it.each<[string, string, Uint8Array, Uint8Array]>([
    [
      'of another type than was negotiated',
      'rsa-sha2-512',
      encodePublicKey(key.publicKey),
      signed('ssh-ed25519'),
    ],
    ['in a certificate nobody asked for', 'ssh-ed25519', certified(), signed('ssh-ed25519')],
    [
      'whose signature is of another algorithm',
      'rsa-sha2-512',
      encodePublicKey(rsa.publicKey),
      signed('rsa-sha2-256', rsa),
    ],
    [
      'whose signature is over something else',
      'ssh-ed25519',
      encodePublicKey(key.publicKey),
      signed('ssh-ed25519', key, new Uint8Array(32)),
    ],
  ])('%s is not proved', (_name, algorithm, hostKey, signature) => {
    expect(() => verify(algorithm, hostKey, signature)).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_KEY_EXCHANGE', phase: 'keyExchange' }),
    );
  });

  it('whose signature is of another algorithm is not proved by a provider that does not look', () => {
    const trusting = { ...testProvider, verify: () => true };
    const proof = {
      algorithm: 'rsa-sha2-512',
      hostKey: encodePublicKey(rsa.publicKey),
      signature: signed('rsa-sha2-256', rsa),
    };
    expect(() => verifyHostKeyProof(proof, hash, trusting, defaultLimits)).toThrow(
      'the signature is by rsa-sha2-256 where rsa-sha2-512 was negotiated',
    );
  });
});

describe('OpenSSH PROTOCOL.certkeys: a host certificate', () => {
  const algorithm = 'ssh-ed25519-cert-v01@openssh.com';

  it('is proved by the signature of the key in it', () => {
    expect(() => verify(algorithm, certified(), signed('ssh-ed25519'))).not.toThrow();
  });

  it('of RSA goes by the names of rsa-sha2, the blob by that of ssh-rsa', () => {
    const blob = certified({ key: rsa.publicKey });
    for (const plain of ['rsa-sha2-256', 'rsa-sha2-512']) {
      expect(() => verify(`${plain}-cert-v01@openssh.com`, blob, signed(plain, rsa))).not.toThrow();
      expect(() => verify('ssh-rsa-cert-v01@openssh.com', blob, signed(plain, rsa))).toThrow();
    }
    expect(() => verify('rsa-sha2-512-cert-v01@openssh.com', blob, signed('rsa-sha2-256', rsa))).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_KEY_EXCHANGE' }),
    );
  });

  it.each<[string, Uint8Array, string]>([
    ['of a user', certified({ kind: 1 }), 'ERR_SSH_CERTIFICATE'],
    [
      'that its authority did not sign',
      certified({ authorityBlob: encodePublicKey(key.publicKey) }),
      'ERR_SSH_CERTIFICATE',
    ],
    ['signed by a certificate', certified({ authorityBlob: certified() }), 'ERR_SSH_DECODE'],
    ['that is a plain key', encodePublicKey(key.publicKey), 'ERR_SSH_KEY_EXCHANGE'],
    ['that is cut off', certified().subarray(0, -1), 'ERR_SSH_DECODE'],
    ['with more behind it', concatBytes(certified(), Uint8Array.of(0)), 'ERR_SSH_DECODE'],
  ])('%s is refused', (_name, blob, code) => {
    expect(() => verify(algorithm, blob, signed('ssh-ed25519'))).toThrow(expect.objectContaining({ code }));
  });

  it('proves nothing where the signature is by another key', () => {
    const other = generateKey('ed25519', { randomBytes: seededBytes(24) });
    expect(() => verify(algorithm, certified(), signed('ssh-ed25519', other))).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_KEY_EXCHANGE' }),
    );
  });
});

describe.each(['ed25519', 'ecdsa256'] as const)('a host key of kind %s in a security token', (kind) => {
  const token = makeSecurityKey(kind, 'ssh:', 31);
  const { type } = token.publicKey;
  const blob = encodePublicKey(token.publicKey);

  it('is proved by a signature over its application, flags and counter', () => {
    for (const [flags, counter] of [
      [0, 0],
      [1, 7],
      [5, 0xffffffff],
    ] as const) {
      const signature = encodeSignature(type, signWithSecurityKey(token, hash, flags, counter));
      expect(() => verify(type, blob, signature)).not.toThrow();
    }
  });

  it('is not proved when flags, counter or application are others than were signed', () => {
    const part = signWithSecurityKey(token, hash, 1, 7);
    const wrong: Uint8Array[] = [
      part.slice(),
      part.slice(),
      part.slice(0, -1),
      concatBytes(part, Uint8Array.of(0)),
    ];
    (wrong[0] as Uint8Array)[part.length - 5] = 5;
    (wrong[1] as Uint8Array)[part.length - 1] = 8;
    for (const changed of wrong) {
      expect(() => verify(type, blob, encodeSignature(type, changed))).toThrow(
        expect.objectContaining({ code: 'ERR_SSH_KEY_EXCHANGE' }),
      );
    }
    const other = encodePublicKey({ ...token.publicKey, application: 'ssh:other' });
    expect(() => verify(type, other, encodeSignature(type, part))).toThrow();
  });

  it('is certified like any other', () => {
    const certificate = makeCertificate({ key: token.publicKey, authority });
    const algorithm = type.replace('@openssh.com', '-cert-v01@openssh.com');
    const signature = encodeSignature(type, signWithSecurityKey(token, hash, 1, 1));
    verify(algorithm, certificate, signature);
    const forged = encodeSignature(type, signWithSecurityKey(token, new Uint8Array(32), 1, 1));
    expect(() => verify(algorithm, certificate, forged)).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_KEY_EXCHANGE' }),
    );
  });
});

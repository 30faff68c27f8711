/**
 * Key agreement as SSH wants it, over any provider's arithmetic.
 *
 * Owns: lengths and forms of public values, refusal of weak secrets, the draw of secret keys.
 * Must not know: which implementation computes, how K enters the exchange hash (`kex.ts`).
 * Sources: RFC 8731 §3, RFC 5656 §4, FIPS 203 §7, draft-ietf-sshm-ntruprime-ssh.
 */
import { equalBytes } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import type { Curve448, Curve25519, MlKem768, NistCurve, Sntrup761 } from '../provider/primitives.ts';
import type { AgreementKeyPair, CurveName, KeyAgreement, KeyEncapsulation } from '../provider/provider.ts';
import type { RandomBytes } from '../provider/random.ts';
import type { Slot } from '../provider/slot.ts';
import { curves, drawScalar, isUncompressedPoint } from './curves.ts';

/** What X25519 and X448 have in common. */
interface MontgomeryCurve {
  readonly name: 'X25519' | 'X448';
  readonly length: 32 | 56;
  publicKey(secretKey: Uint8Array): Uint8Array;
  secret(secretKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array;
}

export function x25519Agreement(slot: Slot<Curve25519>, randomBytes: RandomBytes): KeyAgreement {
  return montgomeryAgreement(randomBytes, () => {
    const { x25519PublicKey, x25519 } = slot.use();
    return { name: 'X25519', length: 32, publicKey: x25519PublicKey, secret: x25519 };
  });
}

export function x448Agreement(slot: Slot<Curve448>, randomBytes: RandomBytes): KeyAgreement {
  return montgomeryAgreement(randomBytes, () => {
    const { x448PublicKey, x448 } = slot.use();
    return { name: 'X448', length: 56, publicKey: x448PublicKey, secret: x448 };
  });
}

/** Public values and secrets have the curve's length; an all-zero secret ends the exchange (RFC 8731 §3). */
function montgomeryAgreement(randomBytes: RandomBytes, use: () => MontgomeryCurve): KeyAgreement {
  return {
    generate(): AgreementKeyPair {
      const { length, publicKey } = use();
      const secretKey = randomBytes(length);
      return { secretKey, publicKey: publicKey(secretKey) };
    },
    sharedSecret(secretKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array {
      const { name, length, secret: compute } = use();
      if (peerPublicKey.length !== length) {
        throw exchangeError(
          `the ${name} value of the peer has ${peerPublicKey.length} bytes, ${length} expected`,
        );
      }
      const weak = `the ${name} value of the peer has small order`;
      const secret = refusing(weak, () => compute(secretKey, peerPublicKey));
      if (equalBytes(secret, new Uint8Array(length))) throw exchangeError(weak);
      return secret;
    },
  };
}

/** The secret is the x-coordinate, as long as the field (RFC 5656 §4). */
export function ecdhAgreement(
  curve: CurveName,
  slot: Slot<NistCurve>,
  randomBytes: RandomBytes,
): KeyAgreement {
  return {
    generate(): AgreementKeyPair {
      const functions = slot.use();
      const secretKey = drawScalar(curve, randomBytes);
      return { secretKey, publicKey: functions.publicKey(secretKey) };
    },
    sharedSecret(secretKey: Uint8Array, peerPublicKey: Uint8Array): Uint8Array {
      const functions = slot.use();
      if (!isUncompressedPoint(curve, peerPublicKey)) {
        throw exchangeError(
          `the ${curve} value of the peer is not an uncompressed point of ${1 + 2 * curves[curve].length} bytes`,
        );
      }
      return refusing(`the ${curve} value of the peer is not on the curve`, () =>
        functions.sharedX(secretKey, peerPublicKey),
      );
    },
  };
}

const publicKeyLength = 1184;
const ciphertextLength = 1088;

/** ML-KEM-768 with the input checks of FIPS 203 §7.2 and §7.3. */
export function mlKem768Encapsulation(slot: Slot<MlKem768>, randomBytes: RandomBytes): KeyEncapsulation {
  return {
    publicKeyLength,
    ciphertextLength,
    generate: () => slot.use().generate(randomBytes(64)),
    encapsulate(publicKey) {
      const functions = slot.use();
      if (publicKey.length !== publicKeyLength || !coefficientsAreReduced(publicKey)) {
        throw exchangeError('the ML-KEM-768 encapsulation key of the peer is malformed');
      }
      const message = randomBytes(32);
      return refusing('the ML-KEM-768 encapsulation key of the peer is malformed', () =>
        functions.encapsulate(publicKey, message),
      );
    },
    decapsulate(ciphertext, secretKey) {
      const functions = slot.use();
      if (ciphertext.length !== ciphertextLength) {
        throw exchangeError(
          `the ML-KEM-768 ciphertext of the peer has ${ciphertext.length} bytes, ${ciphertextLength} expected`,
        );
      }
      return refusing('the ML-KEM-768 ciphertext of the peer was refused', () =>
        functions.decapsulate(ciphertext, secretKey),
      );
    },
  };
}

/** The modulus check of FIPS 203 §7.2: every 12-bit coefficient is below q; rho, the last 32 bytes, is arbitrary. */
function coefficientsAreReduced(publicKey: Uint8Array): boolean {
  const q = 3329;
  for (let i = 0; i < publicKeyLength - 32; i += 3) {
    const [a, b, c] = [publicKey[i] as number, publicKey[i + 1] as number, publicKey[i + 2] as number];
    if ((a | ((b & 15) << 8)) >= q || ((b >> 4) | (c << 4)) >= q) return false;
  }
  return true;
}

const sntrupPublicKeyLength = 1158;
const sntrupCiphertextLength = 1039;

/** Streamlined NTRU Prime 761. Bytes of the right length always stand for some polynomial, so lengths are all there is to check. */
export function sntrup761Encapsulation(slot: Slot<Sntrup761>, randomBytes: RandomBytes): KeyEncapsulation {
  return {
    publicKeyLength: sntrupPublicKeyLength,
    ciphertextLength: sntrupCiphertextLength,
    generate: () => slot.use().generate(randomBytes),
    encapsulate(publicKey) {
      const functions = slot.use();
      if (publicKey.length !== sntrupPublicKeyLength) {
        throw exchangeError(
          `the sntrup761 key of the peer has ${publicKey.length} bytes, ${sntrupPublicKeyLength} expected`,
        );
      }
      return functions.encapsulate(publicKey, randomBytes);
    },
    decapsulate(ciphertext, secretKey) {
      const functions = slot.use();
      if (ciphertext.length !== sntrupCiphertextLength) {
        throw exchangeError(
          `the sntrup761 ciphertext of the peer has ${ciphertext.length} bytes, ${sntrupCiphertextLength} expected`,
        );
      }
      return functions.decapsulate(ciphertext, secretKey);
    },
  };
}

/** What the arithmetic throws over a peer's value is that peer's fault, and said as such. */
function refusing<T>(message: string, compute: () => T): T {
  try {
    return compute();
  } catch (cause) {
    throw exchangeError(message, cause);
  }
}

function exchangeError(message: string, cause?: unknown): SshError {
  return new SshError('ERR_SSH_KEY_EXCHANGE', message, { phase: 'keyExchange', cause });
}

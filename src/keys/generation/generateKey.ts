/**
 * New private keys.
 *
 * Owns: which types and sizes can be made, and how random bytes become a key.
 * Must not know: where randomness comes from, files.
 */

import { copyOf } from '../../base/bytes.ts';
import {
  anyObject,
  callback,
  checkOptions,
  describeValue,
  type OptionTable,
  wholeNumber,
} from '../../base/optionChecks.ts';
import type { PrivateKey, RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import type { CurveName } from '../../crypto/provider/provider.ts';
import type { KeyArithmetic } from '../arithmetic.ts';
import { runSteps } from '../derivation/steps.ts';
import { keyOptionsError } from '../errors.ts';
import type { KeyContext } from '../keyValues.ts';
import { ed25519PrivateKey, rsaPrivateKey, scalarLengths } from '../keyValues.ts';
import { nobleArithmetic } from '../nobleArithmetic.ts';
import { generateRsaSteps } from './rsaGeneration.ts';

/** The kinds of key that can be made. */
export type GeneratedKeyType = 'ed25519' | 'ecdsa' | 'rsa';

/** Options of `generateKey`. */
export interface GenerateKeyOptions {
  /** `ecdsa`: 256 (the default), 384 or 521; `rsa`: a multiple of 8 from 2048 to 16384, by default 3072. */
  readonly bits?: number | undefined;
  /** Random bytes from a cryptographic source. */
  readonly randomBytes: (length: number) => Uint8Array;
  /**
   * Makes RSA keys faster than TypeScript can, where a 3072-bit key takes
   * seconds and the largest take too long to wait for. Its answer is checked.
   */
  readonly generateRsa?: ((bits: number) => RsaPrivateKey) | undefined;
  /** Arithmetic on curves; the default is in TypeScript. */
  readonly arithmetic?: KeyArithmetic | undefined;
}

const optionTable: OptionTable<GenerateKeyOptions> = {
  // The type says which are possible.
  bits: wholeNumber(256, 16_384),
  randomBytes: callback,
  generateRsa: callback,
  arithmetic: anyObject,
};

/**
 * A new private key.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a type or size that does not exist
 */
export function generateKey(type: GeneratedKeyType, options: GenerateKeyOptions): PrivateKey {
  return runSteps(generateKeyInSteps(type, options));
}

/** As `generateKey`, some milliseconds of work at a time (for RSA, where `generateRsa` is not given). */
export function* generateKeyInSteps(
  type: GeneratedKeyType,
  options: GenerateKeyOptions,
): Generator<void, PrivateKey> {
  checkOptions(options, { of: 'generateKey', table: optionTable });
  const context = {
    arithmetic: options.arithmetic ?? nobleArithmetic,
    rsaBounds: { rsaMinimumBits: 2048, rsaMaximumBits: 16_384 },
  };
  switch (type) {
    case 'ed25519':
      if (options.bits !== undefined && options.bits !== 256)
        throw keyOptionsError('Ed25519 keys have 256 bits');
      return ed25519PrivateKey(context, options.randomBytes(32));
    case 'ecdsa':
      return randomEcdsaKey(context, curveOf(options.bits ?? 256), options.randomBytes);
    case 'rsa': {
      const bits = rsaBits(options.bits ?? 3072);
      const key = options.generateRsa?.(bits) ?? (yield* generateRsaSteps(bits, options.randomBytes));
      return rsaPrivateKey(context, { ...key, ...key.publicKey });
    }
    default:
      throw keyOptionsError(`the type of a key must be ed25519, ecdsa or rsa, not ${describeValue(type)}`);
  }
}

function curveOf(bits: number): CurveName {
  if (bits !== 256 && bits !== 384 && bits !== 521) {
    throw keyOptionsError(`ECDSA keys have 256, 384 or 521 bits, not ${bits}`);
  }
  return `nistp${bits}`;
}

function rsaBits(bits: number): number {
  if (!Number.isInteger(bits) || bits < 2048 || bits > 16_384 || bits % 8 !== 0) {
    throw keyOptionsError(`RSA keys have a multiple of 8 bits from 2048 to 16384, not ${bits}`);
  }
  return bits;
}

/** Drawn until it is in range (FIPS 186-5 A.2.2), so that no scalar is likelier than another. */
function randomEcdsaKey(
  context: KeyContext,
  curve: CurveName,
  randomBytes: (length: number) => Uint8Array,
): PrivateKey {
  for (;;) {
    const scalar = copyOf(randomBytes(scalarLengths[curve]));
    // The order of nistp521 has one bit in its first byte.
    if (curve === 'nistp521') scalar[0] = (scalar[0] as number) & 1;
    const point = context.arithmetic.ecPublicKey(curve, scalar);
    if (point === undefined) continue;
    const type = `ecdsa-sha2-${curve}` as const;
    return { type, publicKey: { type, curve, point: copyOf(point) }, scalar };
  }
}

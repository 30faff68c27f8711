/**
 * Numbers drawn from the randomness that a provider was given.
 *
 * Owns: uniform draws below a bound.
 * Must not know: where the bytes come from; crypto/ has no randomness of its own.
 */
import { SshError } from '../../base/errors.ts';
import { bytesToBigInt } from '../keys/bigint.ts';

/** `length` random bytes that the caller owns. A seeded one makes a provider replay its key pairs. */
export type RandomBytes = (length: number) => Uint8Array;

/** More refusals in a row than any sound source brings about: each is less likely than 1 in 2. */
const maximumDraws = 128;

/**
 * Bytes of a number from 1 to `bound - 1`, every one as likely as the other
 * (FIPS 186-5 A.2.2, testing candidates), as long as the bound.
 *
 * @param bound above 1, with `bits` bits
 * @throws SshError `ERR_SSH_CRYPTO` where the source repeats itself and no candidate fits
 */
export function randomBelow(bound: bigint, bits: number, randomBytes: RandomBytes): Uint8Array {
  const length = Math.ceil(bits / 8);
  const spareBits = 8 * length - bits;
  for (let draw = 0; draw < maximumDraws; draw++) {
    const candidate = randomBytes(length);
    candidate[0] = (candidate[0] as number) & (0xff >> spareBits);
    const value = bytesToBigInt(candidate);
    if (value > 0n && value < bound) return candidate;
  }
  throw new SshError(
    'ERR_SSH_CRYPTO',
    'the source of randomness yields no usable number; check randomBytes',
    {
      origin: 'local',
    },
  );
}

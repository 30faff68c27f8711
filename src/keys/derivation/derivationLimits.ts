/**
 * How much work an encrypted key file may ask for.
 *
 * Owns: what each key derivation costs, in the unit of its limit, and the errors
 * of a file that asks for more. A file that was made by a person's own tool takes
 * a tenth of a second there; one that takes minutes was made by somebody else.
 * Must not know: formats, how a key is derived.
 */
import type { Limits } from '../../base/limits.ts';
import { keyUnsupportedError } from '../errors.ts';
import type { ScryptParameters } from './scrypt.ts';

/** The limits of `Limits` that are about key files. */
export type DerivationLimits = Pick<
  Limits,
  'bcryptRounds' | 'pbkdf2Iterations' | 'scryptWork' | 'argon2Work'
>;

/** KiB that a derivation may hold, whatever the limits of its work are. */
const maximumMemory = 1024 * 1024;
/** The blocks of KiB that the beginning of a lane of Argon2 takes the time of. */
const laneWork = 64;
/** The repetitions that the first and the last step of scrypt take the time of. */
const scryptEnds = 16;

/** @throws SshError `ERR_SSH_KEY_UNSUPPORTED` for more rounds of bcrypt than are allowed */
export function checkBcrypt(file: string, rounds: number, { bcryptRounds }: DerivationLimits): void {
  if (rounds <= bcryptRounds) return;
  throw tooMuch(file, `${rounds} rounds of bcrypt`, `${bcryptRounds}`, 'bcryptRounds');
}

/**
 * @param cost how much longer one iteration takes than one of HMAC-SHA-256
 * @throws SshError `ERR_SSH_KEY_UNSUPPORTED` for more iterations than are allowed
 */
export function checkIterations(
  file: string,
  iterations: number,
  cost: number,
  { pbkdf2Iterations }: DerivationLimits,
): void {
  if (iterations * cost <= pbkdf2Iterations) return;
  const allowed = Math.floor(pbkdf2Iterations / cost);
  throw tooMuch(file, `${iterations} iterations`, `${allowed} of that kind`, 'pbkdf2Iterations');
}

/** @throws SshError `ERR_SSH_KEY_UNSUPPORTED` for more memory or time than is allowed */
export function checkScrypt(file: string, parameters: ScryptParameters, limits: DerivationLimits): void {
  const { cost, blockSize, parallelization } = parameters;
  const work = ((cost + scryptEnds) * blockSize * parallelization) / 8;
  if (work > limits.scryptWork) {
    throw tooMuch(file, `${Math.ceil(work)} KiB of scrypt`, `${limits.scryptWork}`, 'scryptWork');
  }
  checkMemory(file, (cost * blockSize) / 8);
}

/** @throws SshError `ERR_SSH_KEY_UNSUPPORTED` for more memory or time than is allowed */
export function checkArgon2(
  file: string,
  parameters: { readonly memory: number; readonly passes: number; readonly parallelism: number },
  limits: DerivationLimits,
): void {
  const { memory, passes, parallelism } = parameters;
  const work = memory * passes + laneWork * parallelism;
  if (work > limits.argon2Work) {
    throw tooMuch(file, `${work} KiB of Argon2`, `${limits.argon2Work}`, 'argon2Work');
  }
  checkMemory(file, memory);
}

function checkMemory(file: string, memory: number): void {
  if (memory <= maximumMemory) return;
  throw keyUnsupportedError(
    `${file} asks for ${memory} KiB of memory to derive its key; at most ${maximumMemory} are taken`,
  );
}

function tooMuch(file: string, asked: string, allowed: string, limit: keyof DerivationLimits): Error {
  return keyUnsupportedError(
    `${file} asks for ${asked} to derive its key; ${allowed} are allowed; encrypt it anew with less`,
    { hint: `limits.${limit} sets how much` },
  );
}

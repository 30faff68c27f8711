/**
 * Errors of configurations.
 *
 * Owns: how a test gets at one.
 * Must not know: what is wrong.
 */
import { SshError } from '../../src/base/errors.ts';

/** The error of a call, which has to be one of this library. */
export function refusalOf(call: () => unknown): SshError {
  let result: unknown;
  try {
    result = call();
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error(`nothing was refused: ${JSON.stringify(result)}`);
}

/** Its code and line. */
export function codeOf(call: () => unknown): string {
  const { code, line } = refusalOf(call);
  return `${code} ${line}`;
}

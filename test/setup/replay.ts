/**
 * Replaying a property's counterexample.
 *
 * Owns: the environment variables `FC_SEED` and `FC_PATH`, and the report that names them.
 * Must not know: any property.
 */
import fc, { type RunDetails } from 'fast-check';

/** What the environment says about the run; nothing where it is silent. */
export function replayOptions(environment: {
  readonly FC_SEED?: string | undefined;
  readonly FC_PATH?: string | undefined;
}): { seed?: number; path?: string; endOnFailure?: boolean } {
  const { FC_SEED: seed, FC_PATH: path } = environment;
  if (seed === undefined || seed === '') return {};
  if (!/^-?\d+$/.test(seed)) throw new RangeError(`FC_SEED is no whole number: ${seed}`);
  return {
    seed: Number(seed),
    ...(path === undefined || path === '' ? {} : { path, endOnFailure: true }),
  };
}

/** Throws where a property failed: the counterexample and how to get it again. */
export function reportFailure<Values>(details: RunDetails<Values>): void {
  if (!details.failed) return;
  const path = details.counterexamplePath;
  const replay = `FC_SEED=${details.seed}${path === null ? '' : ` FC_PATH=${path}`}`;
  const message = `${fc.defaultReportMessage(details)}\nReplay: ${replay} npx vitest run <this file> -t '<this test>'`;
  throw new Error(message, { cause: details.errorInstance });
}

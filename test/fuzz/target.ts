/**
 * What a fuzz target is.
 *
 * Owns: the shape of a target, and the checks that targets make of what they test.
 * Must not know: mutation, engines, any particular target.
 */
import { SshError, type SshErrorCode, type SshErrorPhase } from '../../src/base/errors.ts';

/** How the code under test answered an input. */
export interface Verdict {
  /** Of the first error it gave; undefined where all went well. */
  readonly code: SshErrorCode | undefined;
  readonly phase: SshErrorPhase | undefined;
}

export interface FuzzTarget {
  readonly name: string;
  /**
   * What its inputs are made of, for the mutator: SSH's data types (`wire`),
   * records of an operation, a length and a payload (`records`), lines (`text`).
   */
  readonly shape: 'wire' | 'records' | 'text';
  /** @throws whatever must not be, or rejects with it: any error is a finding */
  readonly examine: (data: Uint8Array) => Verdict | Promise<Verdict>;
  /** Inputs to begin with, from true conversations and files. */
  readonly seeds: () => readonly Uint8Array[];
  /** Words that a mutation may put in. */
  readonly dictionary: readonly string[];
  /** Steps (branches taken in the sources) that no input of 64 KiB may need. */
  readonly stepBudget: number;
}

/** All went well. */
export const fine: Verdict = { code: undefined, phase: undefined };

/** A law does not hold. */
export class Finding extends Error {
  override readonly name = 'Finding';
}

/** @throws Finding where the law does not hold */
export function law(holds: boolean, what: string): asserts holds {
  if (!holds) throw new Finding(what);
}

/** The verdict of an error. @throws the error itself unless it is an `SshError` that is no defect of ours */
export function verdictOf(error: unknown): Verdict {
  if (!(error instanceof SshError) || error.code === 'ERR_SSH_INTERNAL') throw error;
  return { code: error.code, phase: error.phase };
}

/** What a step gives, or the verdict of its error. */
export function attempt<T>(step: () => T): { readonly value: T } | { readonly verdict: Verdict } {
  try {
    return { value: step() };
  } catch (error) {
    return { verdict: verdictOf(error) };
  }
}

/** A text of two values that is equal where they are. */
export function fingerprintOf(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof Uint8Array) return `bytes:${Buffer.from(inner).toString('hex')}`;
    if (typeof inner === 'bigint') return `bigint:${inner}`;
    return inner;
  });
}

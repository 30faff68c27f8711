/**
 * The exit status of this program.
 *
 * Owns: how the end of a remote command becomes a number and, where a number
 * does not say it, a sentence.
 * Must not know: where it is printed.
 */
import { constants } from 'node:os';
import type { ExitResult } from '../client/command/remoteProcess.ts';

/** No command ran to its end: the connection, its setup or the arguments failed. As ssh has it. */
export const failureStatus = 255;
/** Anybody who read our output went away, as a shell has it for SIGPIPE. */
export const brokenPipeStatus = 141;

export interface ExitVerdict {
  readonly status: number;
  /** Undefined where the status says it all. */
  readonly message: string | undefined;
}

/** A status passes through; a signal becomes 128 and its number. */
export function exitVerdict(result: ExitResult): ExitVerdict {
  const { code, signal, coreDumped, errorMessage } = result;
  if (code !== undefined) return { status: code > 255 ? failureStatus : code, message: undefined };
  if (signal === undefined) {
    return { status: failureStatus, message: 'the server did not say how the command ended' };
  }
  const dumped = coreDumped ? ' (core dumped)' : '';
  const why = errorMessage === '' ? '' : `: ${errorMessage}`;
  return {
    status: signalStatus(`SIG${signal}`) ?? failureStatus,
    message: `the command was ended by signal ${signal}${dumped}${why}`,
  };
}

/** 128 and the signal's number; undefined for a signal this system does not have. */
export function signalStatus(signal: string): number | undefined {
  const numbers: Readonly<Record<string, number>> = constants.signals;
  const number = Object.hasOwn(numbers, signal) ? numbers[signal] : undefined;
  return number === undefined ? undefined : 128 + number;
}

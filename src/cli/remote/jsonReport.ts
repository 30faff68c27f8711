/**
 * What --json prints.
 *
 * Owns: the shape of the object: `result` or `error`.
 * Must not know: how the command ran.
 */
import type { SshError } from '../../base/errors.ts';
import type { ExitResult } from '../../client/command/remoteProcess.ts';
import type { NegotiatedSummary } from '../../client/negotiated.ts';
import { sha256Fingerprint } from '../../node/fingerprints.ts';
import type { Timings } from '../connection/trace.ts';
import { messageOf } from '../errorWords.ts';

/** A command's output with what is known of its run. */
export interface CommandOutcome {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
  readonly exit: ExitResult;
  readonly negotiated: NegotiatedSummary;
}

/**
 * `{ "result": { stdout, stderr, code, signal, … } }`. Output that is no UTF-8 is
 * given in base64, and `stdoutEncoding` or `stderrEncoding` says so. What the
 * server did not say is null.
 */
export function jsonResult(outcome: CommandOutcome, timings: Timings): string {
  const { exit, negotiated } = outcome;
  const stdout = encodedOutput(outcome.stdout);
  const stderr = encodedOutput(outcome.stderr);
  const { serverHostKey, ...agreed } = negotiated;
  return jsonLine({
    result: {
      code: exit.code ?? null,
      signal: exit.signal ?? null,
      stdout: stdout.text,
      stdoutEncoding: stdout.encoding,
      stderr: stderr.text,
      stderrEncoding: stderr.encoding,
      timings,
      negotiated: { ...agreed, hostKeyFingerprint: sha256Fingerprint(serverHostKey) },
    },
  });
}

/** What the connection itself knows apart from the error. */
export interface FailureContext {
  readonly timings: Timings;
  /** Milliseconds from the start, for errors that name no wait. */
  readonly elapsed: number;
  readonly bytesReceived: number;
}

/** `{ "error": { code, phase, origin, waitingFor, elapsed, message, … } }` */
export function jsonError(error: SshError, context: FailureContext): string {
  const { code, phase, origin, waitingFor, elapsed, deadline, bytesReceived, remoteIdentification } = error;
  return jsonLine({
    error: {
      code,
      phase,
      origin,
      waitingFor: waitingFor ?? null,
      elapsed: Math.round(elapsed ?? context.elapsed),
      deadline: deadline ?? null,
      bytesReceived: bytesReceived ?? context.bytesReceived,
      remoteIdentification: remoteIdentification ?? null,
      message: messageOf(error),
      timings: context.timings,
    },
  });
}

/** Output as text where it is UTF-8, and else in base64. */
export function encodedOutput(bytes: Uint8Array): {
  readonly text: string;
  readonly encoding: 'utf8' | 'base64';
} {
  try {
    return {
      text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes),
      encoding: 'utf8',
    };
  } catch {
    return { text: Buffer.from(bytes).toString('base64'), encoding: 'base64' };
  }
}

/** Control characters are escaped by JSON; those beyond ASCII that can mislead a terminal are escaped here. */
export function jsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_key, field: unknown) => (field === undefined ? null : field));
  return text.replace(
    /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

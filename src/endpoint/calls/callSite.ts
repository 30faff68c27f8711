/**
 * Where in the caller's code a call was made.
 *
 * Owns: the caller's frames, taken when the call begins, and how the stack of an
 * error leads to them. An error of a connection is made when a deadline passes or
 * the socket ends: its own stack shows this library and nobody's call.
 * Must not know: what the call does.
 */
import type { SshError } from '../../base/errors.ts';

/** A function as it is called by a user; frames up to and with it are not the caller's. */
export type PublicFunction = (...args: never) => unknown;

/** Bytes of a stack beyond which no more callers are added: one cause may end thousands of calls. */
const longestStack = 8 * 1024;

/** Errors whose stack leads to somebody's call already. */
const led = new WeakSet<SshError>();

/** The place of one call. Its frames become text only when they are asked for. */
export class CallSite {
  /** Written by the engine. */
  declare readonly stack?: unknown;

  constructor(calledAs: PublicFunction) {
    // Not every engine has it; there are no frames then.
    Error.captureStackTrace?.(this, calledAs);
  }

  /**
   * To be kept for longer than the call takes: until frames become text, the engine
   * holds with them whatever they were called on.
   */
  asText(): this {
    void this.stack;
    return this;
  }

  /** The caller's frames, a line each, without those of the platform. */
  get frames(): readonly string[] {
    const { stack } = this;
    if (typeof stack !== 'string') return [];
    return stack.split('\n').filter((line) => /^\s+at /.test(line) && !/[( ]node:/.test(line));
  }

  /** Adds the caller's frames to the stack of an error, behind those of this library. */
  leadTo(error: SshError): void {
    const { stack } = error;
    const { frames } = this;
    const [nearest] = frames;
    if (typeof stack !== 'string' || nearest === undefined) return;
    if (stack.includes(nearest) || stack.length > longestStack) return;
    const between = led.has(error) ? ['    and for another call:'] : [];
    led.add(error);
    error.stack = [stack, ...between, ...frames].join('\n');
  }
}

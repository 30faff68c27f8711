/**
 * A call of the public API, from outside.
 *
 * Owns: what is true of the rejection of every such call: it says to which host
 * it happened, its stack leads to the caller's line, what the caller's own
 * function threw comes back as it was thrown, and one that the caller brought
 * about by closing or aborting never counts as unhandled.
 * Must not know: what a call does.
 */
import { SshError } from '../../base/errors.ts';
import type { CallSite } from './callSite.ts';
import { rejectionOf } from './userCode.ts';

/** What is known of a call before it is made. */
export interface PublicCall {
  readonly site: CallSite;
  /** Says to which host an error happened. */
  readonly addressed?: ((error: SshError) => SshError) | undefined;
  /** The caller has closed what the call needs, whatever it ended by in the meantime. */
  readonly isGivenUp?: (() => boolean) | undefined;
}

/** Makes a call; what `work` throws at once rejects as well. */
export function publicCall<T>(known: PublicCall, work: () => Promise<T>): Promise<T> {
  const call: Promise<T> = begun(work).catch((error: unknown) => {
    if (isCallersOwn(error) || known.isGivenUp?.() === true) call.catch(() => {});
    throw rejectionOfCall(known, error);
  });
  return call;
}

/** What a call rejects with, or what an iteration throws. */
export function rejectionOfCall(
  { site, addressed }: Pick<PublicCall, 'site' | 'addressed'>,
  error: unknown,
): unknown {
  const rejection = rejectionOf(error);
  // What the user's code threw comes back untouched, whatever it is.
  if (rejection !== error || !(rejection instanceof SshError)) return rejection;
  const named = addressed?.(rejection) ?? rejection;
  site.leadTo(named);
  return named;
}

/** Longer chains of causes than tunnels in tunnels have. */
const longestChain = 16;

/**
 * Whether the caller closed, destroyed or aborted what the call needed: the
 * connection, or one that it runs through. A program does that on its way out of
 * a block, before anybody looks at the promise that the block returns.
 */
export function isCallersOwn(error: unknown): boolean {
  let cause = error;
  for (let depth = 0; depth < longestChain && cause instanceof SshError; depth++) {
    if (cause.code === 'ERR_SSH_CLOSED' || cause.code === 'ERR_SSH_ABORTED') return true;
    cause = cause.cause;
  }
  return false;
}

function begun<T>(work: () => Promise<T>): Promise<T> {
  try {
    return work();
  } catch (error) {
    return Promise.reject(error);
  }
}

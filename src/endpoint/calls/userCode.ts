/**
 * Calls of functions that the user gave.
 *
 * Owns: the one way to call such a function. Whatever it does, it never throws
 * into the code of this library, and no promise that it returns is forgotten.
 * Must not know: what the functions are for, connections.
 *
 * A function is told something (a listener) or asked for something (a password,
 * a verdict). What it throws becomes an `SshError` inside, since a connection has
 * a typed cause. The call that ends by it rejects with the thrown value itself.
 */
import { SshError, type SshErrorCode, type SshErrorPhase } from '../../base/errors.ts';

/** What a function threw, by the error that stands for it. */
const thrownValues = new WeakMap<SshError, { readonly value: unknown }>();

/** What the error of a failed function says where the default does not fit. */
export interface FaultDetails {
  readonly code?: SshErrorCode | undefined;
  readonly phase?: SshErrorPhase | undefined;
  readonly message?: string | undefined;
}

/** The error that stands for what a function threw; an `SshError` stands for itself, unless it is frozen. */
export function userFault(name: string, thrown: unknown, details: FaultDetails = {}): SshError {
  if (thrown instanceof SshError && Object.isExtensible(thrown)) return thrown;
  const { code = 'ERR_SSH_CALLBACK', phase, message = `the function ${name} failed` } = details;
  const why = thrown instanceof Error ? `: ${thrown.message}` : '';
  const error = new SshError(code, `${message}${why}`, { phase, origin: 'user', cause: thrown });
  thrownValues.set(error, { value: thrown });
  return error;
}

/**
 * As `userFault`, for what the user's code throws during a call. Even an
 * `SshError` is the user's own there, and comes back as it was thrown: it says
 * nothing of this call.
 */
export function thrownByUser(name: string, thrown: unknown): SshError {
  const why = thrown instanceof Error ? `: ${thrown.message}` : '';
  const error = new SshError('ERR_SSH_CALLBACK', `${name} failed${why}`, { origin: 'user', cause: thrown });
  thrownValues.set(error, { value: thrown });
  return error;
}

/** Whether an error stands for what the user's code threw. */
export function isUsersOwn(error: SshError): boolean {
  return thrownValues.has(error);
}

/** What a call rejects with: the value that a function of the user threw, and any other error as it is. */
export function rejectionOf(error: unknown): unknown {
  const thrown = error instanceof SshError ? thrownValues.get(error) : undefined;
  return thrown === undefined ? error : thrown.value;
}

/**
 * Asks a function of the user and waits for its answer.
 *
 * @throws SshError that stands for what the function threw
 */
export async function askUser<T>(
  name: string,
  ask: () => T | PromiseLike<T>,
  details?: FaultDetails,
): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    throw userFault(name, thrown, details);
  }
}

/**
 * As `askUser`, during a call of the user's: even an `SshError` comes back as it was thrown.
 *
 * @throws SshError that stands for what the function threw
 */
export async function askInCall<T>(name: string, ask: () => T | PromiseLike<T>): Promise<T> {
  try {
    return await ask();
  } catch (thrown) {
    throw thrownByUser(`the function ${name}`, thrown);
  }
}

/** As `tellUser`, during a call of the user's. */
export function tellInCall(name: string, tell: () => unknown, failed: (fault: SshError) => void): void {
  tellWith((thrown) => failed(thrownByUser(`the function ${name}`, thrown)), tell);
}

/**
 * Tells a function of the user something. Never throws: a fault of the function,
 * or of a promise that it returns, goes to `failed`.
 */
export function tellUser(
  name: string,
  tell: () => unknown,
  failed: (fault: SshError) => void,
  details?: FaultDetails,
): void {
  tellWith((thrown) => failed(userFault(name, thrown, details)), tell);
}

/**
 * Asks a function of the user for a yes at once. Only `true` is one: what throws, and a
 * promise, whatever becomes of it, are none.
 */
export function isTrueForUser(ask: () => unknown): boolean {
  try {
    const answer = ask();
    if (isThenable(answer)) Promise.resolve(answer).catch(() => {});
    return answer === true;
  } catch {
    return false;
  }
}

function tellWith(fault: (thrown: unknown) => void, tell: () => unknown): void {
  try {
    const answer = tell();
    if (isThenable(answer)) Promise.resolve(answer).catch(fault);
  } catch (thrown) {
    fault(thrown);
  }
}

/**
 * Runs a step in which listeners of the user's run as well, such as the delivery
 * of an event. What they throw surfaces as an uncaught exception, as it does from
 * any stream of Node, and not in the code that delivers.
 *
 * @returns what the step returned; undefined where it threw
 */
export function amongListeners<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch (thrown) {
    queueMicrotask(() => {
      throw thrown;
    });
    return undefined;
  }
}

function isThenable(value: unknown): boolean {
  return (typeof value === 'object' || typeof value === 'function') && value !== null && 'then' in value;
}

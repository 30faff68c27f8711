/**
 * Pieces that a caller's iterable or stream gives.
 *
 * Owns: the reading of it, its end, and that whatever it throws is the caller's own.
 * Must not know: what the pieces are for.
 */
import { describeValue, isObject, optionsError } from '../../base/optionChecks.ts';
import { thrownByUser } from './userCode.ts';

type Awaitable<T> = T | Promise<T>;

/** Where pieces come from. */
export interface Pieces {
  /**
   * The next one, as an iterator gives it. Its value may be anything.
   *
   * @throws SshError that stands for what the caller's code threw; `ERR_SSH_OPTIONS` where it gave no object
   */
  next(): Promise<{ readonly done: boolean; readonly value: unknown }>;
  /** No more are wanted. Not waited for, and what it throws is nobody's concern. */
  stop(): void;
}

/**
 * Begins to read.
 *
 * @param name what the caller gave, for messages: `input`
 * @throws SshError that stands for what the caller's code threw
 */
export async function openPieces(
  name: string,
  input: AsyncIterable<unknown> | Iterable<unknown>,
): Promise<Pieces> {
  const raw = await faultIsCallers(name, () => rawPieces(input));
  return {
    stop: () => raw.stop(),
    next: async () => {
      const step = await faultIsCallers(name, () => raw.next());
      if (!isObject(step)) {
        throw optionsError(
          `the iterator of ${name} must give objects with a value, not ${describeValue(step)}`,
        );
      }
      if (step.done === true) return { done: true, value: undefined };
      // As a loop does: a plain list may hold promises of its pieces.
      return { done: false, value: await faultIsCallers(name, () => step.value) };
    },
  };
}

/** `next` is the caller's own code, and may give anything. */
interface RawPieces {
  next(): Awaitable<IteratorResult<unknown> | undefined>;
  stop(): void;
}

function rawPieces(input: AsyncIterable<unknown> | Iterable<unknown>): RawPieces {
  // The iterator of a stream of the Web holds back `return()` while a read is pending; its reader does not.
  if (isFunction(Reflect.get(input, 'getReader'))) return webPieces(input as unknown as WebStream);
  const iterator =
    Symbol.asyncIterator in input
      ? input[Symbol.asyncIterator]()
      : (input as Iterable<unknown>)[Symbol.iterator]();
  return {
    next: () => iterator.next(),
    stop: () => {
      quietly(() => iterator.return?.());
      // That of a stream of Node does so as well.
      const destroy: unknown = Reflect.get(input, 'destroy');
      if (isFunction(destroy)) quietly(() => destroy.call(input));
    },
  };
}

/** What is used of a `ReadableStream`. */
interface WebStream {
  getReader(): { read(): Promise<IteratorResult<unknown>>; cancel(): Promise<void> };
}

function webPieces(stream: WebStream): RawPieces {
  const reader = stream.getReader();
  return { next: () => reader.read(), stop: () => quietly(() => reader.cancel()) };
}

async function faultIsCallers<T>(name: string, step: () => Awaitable<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw thrownByUser(name, error);
  }
}

function quietly(step: () => unknown): void {
  try {
    Promise.resolve(step()).catch(() => {});
  } catch {
    // See `Pieces.stop`.
  }
}

function isFunction(value: unknown): value is (...given: unknown[]) => unknown {
  return typeof value === 'function';
}

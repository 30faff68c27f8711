/**
 * The input of a command.
 *
 * Owns: what a caller may give as input, the reading of it piece by piece as
 * the peer takes it, and its end together with the command's.
 * Must not know: channels beyond their sink, what the command is.
 */
import { describeValue, optionsError } from '../../base/optionChecks.ts';
import { openPieces, type Pieces } from '../../endpoint/calls/callersPieces.ts';
import { asBytes } from '../../endpoint/options/bytesOption.ts';
import type { ByteSink } from '../../endpoint/streams.ts';

/**
 * Input of a command: all of it, or pieces as they come. An iterable is read as
 * the command takes what it gives. When the command ends first, its `return()`
 * is called; a stream is destroyed, as at the end of a loop over it.
 */
export type RunInput =
  | string
  | Uint8Array
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>;

/** What `input` takes, for messages. */
export const inputTakes = 'text, bytes, or an iterable of these';

/** Whether it can be read as input; its pieces are looked at when they come. */
export function isRunInput(value: unknown): value is RunInput {
  if (typeof value === 'string' || value instanceof Uint8Array) return true;
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return false;
  return (
    isFunction(Reflect.get(value, Symbol.asyncIterator)) || isFunction(Reflect.get(value, Symbol.iterator))
  );
}

/** Pieces in a row that the sink took at once, after which the event loop has its turn. */
const piecesInARow = 256;

/** Feeds one command. */
export class InputFeed {
  private readonly sink: ByteSink;
  private readonly pause: () => Promise<void>;
  private pieces: Pieces | undefined;
  private over = false;

  /** @param pause resolves when the event loop has had a turn */
  constructor(sink: ByteSink, pause: () => Promise<void>) {
    this.sink = sink;
    this.pause = pause;
  }

  /**
   * Writes the input and ends the stream behind it. Resolves when that is done,
   * or when the command takes no more: one that does not read to the end is no
   * fault.
   *
   * @throws SshError that stands for what the input throws; `ERR_SSH_OPTIONS` for a piece that is neither text nor bytes
   */
  async run(input: RunInput | undefined): Promise<void> {
    // A peer that closes the channel while nothing is being written says so here.
    this.sink.listen(() => this.stop());
    if (input === undefined) return this.end();
    if (typeof input === 'string' || input instanceof Uint8Array) {
      if (await this.write(asBytes(input))) this.end();
      return;
    }
    try {
      this.pieces = await openPieces('input', input);
      await this.writeAll(this.pieces);
    } catch (error) {
      // Nobody waits any more for an input whose command is over.
      if (this.over) return;
      this.stop();
      throw error;
    }
  }

  /** The command is over, or nobody waits for it any more. Never throws, whatever the input does. */
  stop(): void {
    if (this.over) return;
    this.over = true;
    this.pieces?.stop();
    this.sink.cancel();
  }

  private async writeAll(pieces: Pieces): Promise<void> {
    for (let inARow = 0; ; inARow++) {
      // An endless input of nothing would otherwise keep the event loop to itself.
      if (inARow % piecesInARow === piecesInARow - 1) await this.pause();
      const { done, value } = await pieces.next();
      if (this.over) return;
      if (done) return this.end();
      if (typeof value !== 'string' && !(value instanceof Uint8Array)) {
        throw optionsError(`input must be ${inputTakes}; a piece of it is ${describeValue(value)}`);
      }
      if (!(await this.write(asBytes(value)))) return this.stop();
    }
  }

  private write(bytes: Uint8Array): Promise<boolean> {
    return new Promise((resolve) => this.sink.write(bytes, (error) => resolve(error === undefined)));
  }

  private end(): void {
    if (this.over) return;
    this.over = true;
    this.sink.end(() => {});
  }
}

function isFunction(value: unknown): value is (...given: unknown[]) => unknown {
  return typeof value === 'function';
}

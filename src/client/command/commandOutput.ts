/**
 * The output of a command that is collected.
 *
 * Owns: both streams within one bound, the telling of pieces as they come, and
 * what is known of them when the command fails.
 * Must not know: channels beyond their sources, what the command is.
 */
import { concatBytes, copyOf, latin1Decode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { thrownByUser } from '../../endpoint/calls/userCode.ts';
import type { ByteSource } from '../../endpoint/streams.ts';

/** What output is made of. */
export type OutputEncoding = 'utf8' | 'latin1' | 'buffer';

/** Bytes of output held for one command, stdout and stderr together. */
export const defaultMaxBuffer: number = 64 * 1024 * 1024;

/** Told of a piece. What it returns is waited for before the next piece of that stream where it is a promise. */
export type PieceListener = (piece: string | Uint8Array) => unknown;

export interface CollectorOptions {
  readonly encoding: OutputEncoding;
  readonly maxBuffer: number;
  readonly onStdout: PieceListener | undefined;
  readonly onStderr: PieceListener | undefined;
}

/** What a command wrote. */
export interface Output {
  readonly stdout: string | Uint8Array;
  readonly stderr: string | Uint8Array;
}

/** Bytes that both streams of a command may still hold. */
interface Budget {
  readonly maxBuffer: number;
  left: number;
}

/** Collects both streams of one command. */
export class OutputCollector {
  private readonly encoding: OutputEncoding;
  private readonly stdout: StreamCollector;
  private readonly stderr: StreamCollector;

  constructor(stdout: ByteSource, stderr: ByteSource, options: CollectorOptions) {
    const { encoding, maxBuffer, onStdout, onStderr } = options;
    const budget: Budget = { maxBuffer, left: maxBuffer };
    // Neither is told of anything behind the fault of the other.
    const failed = (): void => this.stop();
    this.encoding = encoding;
    this.stdout = new StreamCollector(stdout, budget, {
      name: 'onStdout',
      tell: telling(onStdout, encoding),
      failed,
    });
    this.stderr = new StreamCollector(stderr, budget, {
      name: 'onStderr',
      tell: telling(onStderr, encoding),
      failed,
    });
  }

  /**
   * Resolves when both streams have ended and all of both was told.
   *
   * @throws SshError `ERR_SSH_MAX_BUFFER`, or the cause of the connection's end, or what stands for a value that a listener threw
   */
  async collect(): Promise<void> {
    await Promise.all([this.stdout.collect(), this.stderr.collect()]);
  }

  /** Nobody is told of anything any more. */
  stop(): void {
    this.stdout.stop();
    this.stderr.stop();
  }

  /** Whether anything came. */
  get isEmpty(): boolean {
    return this.stdout.length + this.stderr.length === 0;
  }

  /** All of it. */
  whole(): Output {
    return {
      stdout: decoded(this.stdout.bytes, this.encoding),
      stderr: decoded(this.stderr.bytes, this.encoding),
    };
  }

  /** What came until now: a character that is there in part only is left out. */
  soFar(): Output {
    const { encoding } = this;
    return {
      stdout: decoded(this.stdout.bytes, encoding, true),
      stderr: decoded(this.stderr.bytes, encoding, true),
    };
  }
}

/** Tells pieces in an encoding; the end of the stream, too, which may leave half a character. */
type Teller = (bytes: Uint8Array | undefined) => unknown;

/** Who hears of one stream. */
interface Hearer {
  /** For messages. */
  readonly name: string;
  readonly tell: Teller | undefined;
  /** The stream is not collected any further. */
  readonly failed: () => void;
}

/** Collects one stream. */
class StreamCollector {
  /** Bytes that were collected. */
  length = 0;
  private readonly source: ByteSource;
  private readonly budget: Budget;
  private readonly hearer: Hearer;
  private readonly pieces: Uint8Array[] = [];
  /** `waiting`: for the promise of a listener. */
  private state: 'idle' | 'waiting' | 'over' = 'idle';
  private hasEnded = false;
  private resolve: () => void = () => {};
  private reject: (error: unknown) => void = () => {};

  constructor(source: ByteSource, budget: Budget, hearer: Hearer) {
    this.source = source;
    this.budget = budget;
    this.hearer = hearer;
  }

  get bytes(): Uint8Array {
    return concatBytes(...this.pieces);
  }

  collect(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
      this.source.listen({
        readable: () => this.guarded(() => this.drain()),
        ended: () => {
          this.hasEnded = true;
          this.guarded(() => this.drain());
        },
        failed: (error) => {
          this.guarded(() => this.drainAll());
          // The other breaks as well, and has to hand out what it holds.
          this.finish(() => this.reject(error));
        },
        aborted: (error) => this.fail(error),
      });
    });
  }

  stop(): void {
    this.state = 'over';
  }

  private drain(): void {
    while (this.state === 'idle') {
      const piece = this.source.take();
      if (piece === undefined) break;
      this.told(this.keep(piece), () => {});
    }
    if (this.state !== 'idle' || !this.hasEnded) return;
    this.told(undefined, () => this.finish(() => this.resolve()));
  }

  /** What came ahead of a fault is the caller's, even if a listener has no time for it any more. */
  private drainAll(): void {
    this.drain();
    if (this.state !== 'waiting') return;
    for (let piece = this.source.take(); piece !== undefined; piece = this.source.take()) this.keep(piece);
  }

  /** Within the bound. */
  private keep(piece: Uint8Array): Uint8Array {
    const { budget } = this;
    const kept = piece.length > budget.left ? piece.subarray(0, budget.left) : piece;
    budget.left -= kept.length;
    this.length += kept.length;
    this.pieces.push(kept);
    if (kept.length < piece.length) {
      const { maxBuffer } = budget;
      throw new SshError('ERR_SSH_MAX_BUFFER', `the command wrote more than maxBuffer, ${maxBuffer} bytes`, {
        origin: 'user',
      });
    }
    return kept;
  }

  /** Tells the listener, and goes on when it has done its work. */
  private told(bytes: Uint8Array | undefined, next: () => void): void {
    const result = this.telling(bytes);
    if (!isPromiseLike(result)) return next();
    this.state = 'waiting';
    Promise.resolve(result).then(
      () => {
        if (this.state === 'over') return;
        this.state = 'idle';
        next();
        this.guarded(() => this.drain());
      },
      (error: unknown) => this.fail(thrownByUser(this.hearer.name, error)),
    );
  }

  private telling(bytes: Uint8Array | undefined): unknown {
    try {
      return this.hearer.tell?.(bytes);
    } catch (error) {
      throw thrownByUser(this.hearer.name, error);
    }
  }

  private guarded(step: () => void): void {
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  private fail(error: unknown): void {
    this.finish(() => {
      this.hearer.failed();
      this.reject(error);
    });
  }

  private finish(tell: () => void): void {
    if (this.state === 'over') return;
    this.state = 'over';
    tell();
  }
}

function telling(listener: PieceListener | undefined, encoding: OutputEncoding): Teller | undefined {
  if (listener === undefined) return undefined;
  if (encoding === 'buffer') return (bytes) => (bytes === undefined ? undefined : listener(copyOf(bytes)));
  if (encoding === 'latin1')
    return (bytes) => (bytes === undefined ? undefined : listener(latin1Decode(bytes)));
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return (bytes) => {
    const text = decoder.decode(bytes, { stream: bytes !== undefined });
    return text === '' ? undefined : listener(text);
  };
}

/** `latin1` keeps one character a byte. */
function decoded(bytes: Uint8Array, encoding: OutputEncoding, isCut: boolean = false): string | Uint8Array {
  if (encoding === 'buffer') return bytes;
  if (encoding === 'latin1') return latin1Decode(bytes);
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes, { stream: isCut });
}

function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}

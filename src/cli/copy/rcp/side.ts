/**
 * What both sides of the old protocol have.
 *
 * Owns: the pipe to the other side, the pace, how deep folders may nest, how a
 * problem is told to both.
 * Must not know: which side it is.
 */
import { type ByteText, fromText } from '../../files/byteText.ts';
import type { RcpPipe } from './pipe.ts';
import { RateLimit } from './rateLimit.ts';
import { formatRecord } from './record.ts';

export interface SideOptions {
  readonly recursive: boolean;
  readonly preserve: boolean;
  /** Bytes a second; undefined for no bound. */
  readonly limitRate: number | undefined;
  /** A file was not sent, or not taken. */
  readonly failed: (problem: string) => void;
  /** Bytes of a file have gone, or have come. */
  readonly moved: (path: ByteText, bytes: number, size: number) => void;
}

/** Folders within folders. */
export const deepest = 64;

export class RcpSide<Options extends SideOptions> {
  protected readonly pipe: RcpPipe;
  protected readonly options: Options;
  protected readonly limit: RateLimit;

  constructor(pipe: RcpPipe, options: Options) {
    this.pipe = pipe;
    this.options = options;
    this.limit = new RateLimit(options.limitRate);
  }

  /** Tells the user here and the other side. */
  protected async fail(problem: string, isFatal: boolean = false): Promise<void> {
    this.options.failed(problem);
    const message = fromText(`scp: ${problem}`);
    await this.pipe.write(formatRecord({ kind: 'failure', message, isFatal }));
  }
}

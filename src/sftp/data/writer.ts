/**
 * A file written from a place on, with many WRITEs on their way.
 *
 * Owns: the blocks that bytes are gathered in, how many of them are in flight, the first
 * failure, which is the failure of the file.
 * Must not know: where the bytes come from, how the file was opened.
 *
 * Bounds: what was given and is not answered is at most the pace's window and a block;
 * the requests at most `sftpRequestsPerFile`.
 */

import { writeHeaderLength } from '../packet/frame.ts';
import { statusCodes } from '../packet/status.ts';
import type { Answer } from '../protocol/clientRequest.ts';
import type { Operation } from '../protocol/errors.ts';
import type { Errand } from '../session/errand.ts';
import { Pace } from '../session/pace.ts';
import type { SftpSession } from '../session/session.ts';
import type { ByteBudget } from './budget.ts';

export interface WriterOptions {
  readonly session: SftpSession;
  readonly handle: Uint8Array;
  readonly operation: Operation;
  /** Where to begin. */
  readonly start: number;
  readonly errand: Errand | undefined;
  /** Bytes of a WRITE at most, apart from what the server takes. */
  readonly longest?: number | undefined;
  /** Bytes that several files share; undefined for none but the file's own bound. */
  readonly budget?: ByteBudget | undefined;
}

/** Memory of a WRITE: room for what stands before the data, and the data. */
export interface WriteBlock {
  readonly memory: Uint8Array;
  /** The part for the data. */
  readonly data: Uint8Array;
}

const firstWindow = 1024 * 1024;
/** Bytes that data of a block begins at a multiple of. */
const alignment = 64;
/** Blocks that are kept for the next WRITEs. */
const mostSpare = 32;

export class FileWriter {
  /** Where the next byte goes. */
  position: number;
  /** Bytes that the server has confirmed, from the beginning without a gap. */
  confirmed: number;
  private readonly options: WriterOptions;
  private readonly pace: Pace;
  private readonly header: number;
  private readonly blockLength: number;
  private readonly spare: WriteBlock[] = [];
  private block: WriteBlock | undefined;
  private filled = 0;
  private inFlight = 0;
  private requests = 0;
  /** Ends of WRITEs that were confirmed before one in front of them. */
  private readonly ahead = new Map<number, number>();
  private failure: unknown;
  private waiting: (() => void)[] = [];

  constructor(options: WriterOptions) {
    const { session, handle, start, longest = Number.POSITIVE_INFINITY } = options;
    this.options = options;
    this.pace = new Pace(firstWindow, session.link.limits.sftpBytesInFlight);
    this.header = writeHeaderLength(handle);
    this.blockLength = Math.min(session.capabilities.limits.writeLength, longest);
    this.position = start;
    this.confirmed = start;
  }

  /** Bytes one WRITE carries. */
  get longest(): number {
    return this.blockLength;
  }

  /**
   * Takes bytes; their memory may change once this resolves, which it does when there is room for more.
   *
   * @throws SshError the failure of any earlier WRITE
   */
  async write(bytes: Uint8Array): Promise<void> {
    let at = 0;
    while (at < bytes.length) {
      if (this.failure !== undefined) throw this.failure;
      this.block ??= this.takeBlock();
      const part = Math.min(bytes.length - at, this.blockLength - this.filled);
      this.block.data.set(
        at === 0 && part === bytes.length ? bytes : bytes.subarray(at, at + part),
        this.filled,
      );
      this.filled += part;
      at += part;
      if (this.filled === this.blockLength) {
        if (this.isFull) await this.room();
        this.sendGathered();
        await this.room();
      }
    }
    // Nothing on its way to gather more behind: what is there goes at once.
    if (this.requests === 0) this.sendGathered();
  }

  /** Memory for a WRITE, which `send` takes. A block for less than a whole WRITE is only as large. */
  takeBlock(length: number = this.blockLength): WriteBlock {
    const spare = length < this.blockLength ? undefined : this.spare.pop();
    if (spare !== undefined) return spare;
    // The data begins where a copy of the system is quickest.
    const start = alignment * Math.ceil(this.header / alignment);
    const memory = new Uint8Array(start + length).subarray(start - this.header);
    return { memory, data: memory.subarray(this.header) };
  }

  /** A block that was not sent. */
  giveBack(block: WriteBlock): void {
    if (block.data.length === this.blockLength && this.spare.length < mostSpare) this.spare.push(block);
  }

  /** Sends the first `length` bytes of a block; the block is the writer's again. */
  send(block: WriteBlock, length: number): void {
    const { session, handle, operation, errand, budget } = this.options;
    const offset = this.position;
    const askedAt = session.channel.now();
    this.position += length;
    this.inFlight += length;
    budget?.take(length);
    this.requests++;
    const memory =
      length === this.blockLength ? block.memory : block.memory.subarray(0, this.header + length);
    session.link.write(handle, offset, memory, operation, errand).then(
      (answer) => {
        this.pace.answered(length, askedAt, session.channel.now());
        this.answered(answer, offset, length);
        this.giveBack(block);
      },
      (error: unknown) => this.fail(error, length),
    );
  }

  /** Leaves out bytes: a hole, where the server makes one. Only where nothing is gathered. */
  skip(length: number): void {
    this.ahead.set(this.position, this.position + length);
    this.position += length;
    this.advance();
  }

  /**
   * Resolves when more may be sent.
   *
   * @throws SshError the failure of any earlier WRITE
   */
  async room(): Promise<void> {
    while (this.failure === undefined && this.isFull) await this.settled();
    if (this.failure !== undefined) throw this.failure;
  }

  /**
   * Sends what is gathered and resolves when the server has confirmed all.
   *
   * @throws SshError the failure of any WRITE
   */
  async flush(): Promise<void> {
    if (this.filled > 0) await this.room();
    this.sendGathered();
    while (this.requests > 0 && this.failure === undefined) await this.settled();
    if (this.failure !== undefined) throw this.failure;
  }

  /** No other block may be sent. Where nothing is on its way one may, however long it is. */
  private get isFull(): boolean {
    const { session, budget } = this.options;
    if (this.requests === 0) return false;
    return (
      this.requests >= session.link.limits.sftpRequestsPerFile ||
      this.inFlight + this.blockLength > this.pace.window ||
      (budget !== undefined && budget.available < this.blockLength)
    );
  }

  private sendGathered(): void {
    const { block, filled } = this;
    if (block === undefined || filled === 0) return;
    this.block = undefined;
    this.filled = 0;
    this.send(block, filled);
  }

  private answered(answer: Answer, offset: number, length: number): void {
    if (answer.kind === 'status' && answer.errorCode !== statusCodes.ok) {
      return this.fail(this.options.session.statusError(answer, this.options.operation), length);
    }
    this.over(length);
    this.ahead.set(offset, offset + length);
    this.advance();
    this.wake();
  }

  private advance(): void {
    for (let end = this.ahead.get(this.confirmed); end !== undefined; end = this.ahead.get(this.confirmed)) {
      this.ahead.delete(this.confirmed);
      this.confirmed = end;
    }
  }

  private fail(error: unknown, length: number): void {
    this.over(length);
    this.failure ??= error;
    this.wake();
  }

  private over(length: number): void {
    this.inFlight -= length;
    this.requests--;
    this.options.budget?.give(length);
  }

  private settled(): Promise<void> {
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private wake(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }
}

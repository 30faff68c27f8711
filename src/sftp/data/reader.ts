/**
 * A file read from a place on, with many READs on their way.
 *
 * Owns: which READs are asked when, and the order of what comes; a short answer, which
 * is asked for again and believed; the end of the file.
 * Must not know: what the bytes are for, how the file was opened.
 *
 * Bounds: what is asked for and what came and was not taken are together at most the
 * pace's window; the requests at most `sftpRequestsPerFile`.
 */
import { statusCodes } from '../packet/status.ts';
import type { Answer, DataAnswer } from '../protocol/clientRequest.ts';
import type { Operation } from '../protocol/errors.ts';
import type { Errand } from '../session/errand.ts';
import { Pace } from '../session/pace.ts';
import type { SftpSession } from '../session/session.ts';
import type { ByteBudget } from './budget.ts';

export interface ReaderOptions {
  readonly session: SftpSession;
  readonly handle: Uint8Array;
  readonly operation: Operation;
  /** Where to begin. */
  readonly start: number;
  /** Where to stop; `Infinity` for the end of the file. */
  readonly end: number;
  /** Bytes of the file as the server tells them; undefined or 0 where it does not tell, and then only its answers do. */
  readonly size: number | undefined;
  readonly errand: Errand | undefined;
  /** Bytes of a READ at most, apart from what the server takes. */
  readonly longest?: number | undefined;
  /** Bytes that several files share; undefined for none but the file's own bound. */
  readonly budget?: ByteBudget | undefined;
}

/** A READ that was asked, in the order of the file. */
interface Slot {
  readonly offset: number;
  readonly length: number;
  readonly askedAt: number;
  answer: DataAnswer | 'end' | undefined;
  error: unknown;
}

/** Bytes in flight at first: enough for a path of this machine, and no more than small files take. */
const firstWindow = 1024 * 1024;

export class FileReader {
  private readonly options: ReaderOptions;
  private readonly pace: Pace;
  private readonly slots: Slot[] = [];
  /** Bytes of all slots: asked for, or there and not taken. */
  private held = 0;
  /** Where the next READ begins. */
  private position: number;
  /** Up to here READs may be asked without a sign that the file goes on. */
  private known: number;
  /** READs beyond `known` that may be in flight: they grow with each that brought something. */
  private beyond = 1;
  private length: number;
  /** Bytes of the last answer, where it was short. */
  private shortLength: number | undefined;
  private waiting: { readonly resolve: () => void } | undefined;
  private isOver = false;

  constructor(options: ReaderOptions) {
    const { session, start, end, size, longest = Number.POSITIVE_INFINITY } = options;
    this.options = options;
    this.pace = new Pace(firstWindow, session.link.limits.sftpBytesInFlight);
    this.position = start;
    this.known = Math.min(end, size ?? 0);
    this.length = Math.min(session.capabilities.limits.readLength, longest);
  }

  /**
   * The next piece of the file; undefined at its end or at `end`. One call at a time.
   *
   * @throws SshError what the server answered, `ERR_SSH_TIMEOUT`, the cause of the session's end
   */
  async next(): Promise<DataAnswer | undefined> {
    for (;;) {
      this.fill();
      const [slot] = this.slots;
      if (slot === undefined) return undefined;
      if (slot.error !== undefined) return this.stop(slot.error);
      if (slot.answer === undefined) await this.settled();
      else if (slot.answer === 'end') return this.stop();
      else if (this.take(slot, slot.answer)) return slot.answer;
    }
  }

  /** Nobody wants more: what is on its way is dropped when it comes. */
  abandon(): void {
    this.isOver = true;
    this.slots.length = 0;
    this.options.budget?.give(this.held);
    this.held = 0;
  }

  /** The next piece, if it is there without waiting. */
  takeReady(): DataAnswer | undefined {
    for (;;) {
      const [slot] = this.slots;
      if (slot === undefined || slot.error !== undefined) return undefined;
      const { answer } = slot;
      if (answer === undefined || answer === 'end') return undefined;
      if (!this.take(slot, answer)) continue;
      this.fill();
      return answer;
    }
  }

  private stop(error?: unknown): undefined {
    this.abandon();
    if (error !== undefined) throw error;
    return undefined;
  }

  /** Takes the first slot; whether there is something in it. */
  private take(slot: Slot, { length }: DataAnswer): boolean {
    this.slots.shift();
    this.held -= slot.length;
    this.options.budget?.give(slot.length);
    const missing = slot.length - length;
    if (missing > 0) this.slots.unshift(this.ask(slot.offset + length, missing));
    return length > 0;
  }

  private fill(): void {
    const { end, session } = this.options;
    const most = session.link.limits.sftpRequestsPerFile;
    while (!this.isOver && this.position < end && this.slots.length < most) {
      const isKnown = this.position < this.known;
      if (!isKnown && this.inFlightBeyond() >= this.beyond) return;
      const length = Math.min(this.length, (isKnown ? this.known : end) - this.position);
      if (this.held > 0 && !this.hasRoom(length)) return;
      this.slots.push(this.ask(this.position, length));
      this.position += length;
    }
  }

  private hasRoom(length: number): boolean {
    const { budget } = this.options;
    return this.held + length <= this.pace.window && (budget === undefined || budget.available >= length);
  }

  private inFlightBeyond(): number {
    let count = 0;
    for (let i = this.slots.length - 1; i >= 0 && (this.slots[i] as Slot).offset >= this.known; i--) count++;
    return count;
  }

  private ask(offset: number, length: number): Slot {
    const { session, handle, operation, errand, budget } = this.options;
    const slot: Slot = {
      offset,
      length,
      askedAt: session.channel.now(),
      answer: undefined,
      error: undefined,
    };
    this.held += length;
    budget?.take(length);
    session.link.read(handle, offset, length, operation, errand).then(
      (answer) => this.answered(slot, answer),
      (error: unknown) => {
        slot.error = error;
        this.wake();
      },
    );
    return slot;
  }

  private answered(slot: Slot, answer: Answer): void {
    const { session, operation } = this.options;
    if (answer.kind === 'data') {
      slot.answer = answer;
      this.pace.answered(answer.length, slot.askedAt, session.channel.now());
      if (slot.offset >= this.known && answer.length > 0) this.beyond = Math.min(2 * this.beyond, 64);
      this.learnLength(slot, answer.length);
    } else if (answer.kind === 'status' && answer.errorCode === statusCodes.eof) {
      slot.answer = 'end';
    } else if (answer.kind === 'status') {
      slot.error = session.statusError(answer, operation);
    }
    this.wake();
  }

  /**
   * A server that answers short in the middle of a file, to the same length twice in a row,
   * takes no longer READs, whatever it promised: asking for less saves a request each time.
   * One short answer may be that of a file system which was interrupted.
   */
  private learnLength(slot: Slot, length: number): void {
    const goesOn = slot.offset + slot.length <= this.known;
    if (!goesOn || slot.length !== this.length) return;
    const isShort = length > 0 && length < slot.length;
    if (isShort && length === this.shortLength) this.length = length;
    this.shortLength = isShort ? length : undefined;
  }

  private settled(): Promise<void> {
    return new Promise((resolve) => {
      this.waiting = { resolve };
    });
  }

  private wake(): void {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.resolve();
  }
}

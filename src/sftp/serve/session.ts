/**
 * One session of SFTP on a server.
 *
 * Owns: the loop from bytes to requests to answers to bytes; how much of each is held at
 * once; the deadline of each request; its one end.
 * Must not know: what requests do, SSH.
 *
 * Memory: WRITEs without an answer, and answers that are not sent, have a bound each. Beyond
 * the first no more is read of the client; beyond the second no more is begun. Work that goes
 * on although its request was answered for has a bound too; beyond it the session ends.
 */
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import type { Wait } from '../../base/waits.ts';
import type { ByteSink, ByteSource } from '../../endpoint/streams.ts';
import type { SftpSnapshot } from '../../io/snapshots.ts';
import { pathText } from '../files/paths.ts';
import { extensionVersions } from '../packet/extensions.ts';
import { dataHeaderLength } from '../packet/frame.ts';
import { requestCodecs } from '../packet/requests.ts';
import { statusCodes } from '../packet/status.ts';
import type { SymlinkOrder } from '../protocol/quirks.ts';
import { type ServerRequest, SftpServerProtocol, statusResponse } from '../protocol/server.ts';
import { AnswerOrder } from './answerOrder.ts';
import { type Answer, Answers, extensionsOf, longestData } from './answers.ts';
import { statusOfFault } from './faults.ts';
import { handleNumber, OpenHandles } from './openHandles.ts';
import { Caller } from './order.ts';
import { SftpRefusal, type StoreSession } from './store.ts';

export interface ServedSessionParts {
  readonly source: ByteSource;
  readonly sink: ByteSink;
  readonly store: StoreSession;
  readonly limits: Limits;
  readonly symlinkOrder: SymlinkOrder;
  /** Whether a request is carried out, by its name in sftp-server(8); all are where not given. */
  readonly permits?: ((request: string) => boolean) | undefined;
  /** For listings, in milliseconds since 1970. */
  readonly date: () => number;
  /** Opens a wait named `request` with the timeout of that name. */
  readonly startWait: (detail: string, onExpire: () => void) => Wait | undefined;
  readonly finishWait: (wait: Wait | undefined) => void;
  readonly timeoutError: (wait: Wait) => SshError;
  /** Told of what a store threw that is no answer, and of a client that breaks the rules. */
  readonly report: (error: unknown) => void;
}

/** The bound of one request. */
interface Deadline {
  readonly end: () => void;
  /** Work that takes long goes on. */
  readonly renew: () => void;
  /** Gives up when the request has been answered for. */
  readonly caller: Caller;
}

/** What a request is called where it is allowed or denied. */
function requestName(body: ServerRequest['body']): string {
  return body.kind === 'extended' ? nameOfExtension(body.extendedRequest) : body.kind;
}

const nameOfExtension = (name: string): string => name.replace(/@openssh\.com$/, '');

function writtenBy({ body }: ServerRequest): number {
  return body.kind === 'write' ? body.data.length : 0;
}

/** The names of all requests, as sftp-server(8) takes them. */
export const requestNames: readonly string[] = [
  ...Object.keys(requestCodecs).filter((kind) => kind !== 'extended'),
  ...Object.keys(extensionVersions).map(nameOfExtension),
];

/** Answers that are not sent, in bytes, beyond which no request is begun. */
const mostHeldAnswers = 4 * 1024 * 1024;
/** What requests hold whose work goes on behind their deadline, in bytes, beyond which the session ends. */
const mostLost = 4 * 1024 * 1024;
/** What an answer is taken to hold before it is there. */
const smallAnswer = 512;
const listingAnswer = 64 * 1024;

export class ServedSession {
  /** Resolves with why it ended, when all its files are closed or on their way to be. */
  readonly ended: Promise<SshError>;
  private readonly parts: ServedSessionParts;
  private readonly core: SftpServerProtocol;
  private readonly handles: OpenHandles;
  private readonly answers: Answers;
  private readonly order = new AnswerOrder();
  private readonly arrived: ServerRequest[] = [];
  private readonly waits = new Set<Wait>();
  /** Bytes of WRITEs without an answer. */
  private heldWrites = 0;
  /** Bytes of answers that are being made, and that the sink has not handed on. */
  private heldAnswers = 0;
  /** Bytes of requests that were answered for, and whose work goes on. */
  private lost = 0;
  private isWriting = false;
  private isInputOver = false;
  private bytesRead = 0;
  private bytesWritten = 0;
  private filesOpened = 0;
  private resolveEnded: (cause: SshError) => void = () => {};

  constructor(parts: ServedSessionParts) {
    const { limits, store, symlinkOrder, date, report, permits = () => true } = parts;
    this.parts = parts;
    const encoder = new TextEncoder();
    this.core = new SftpServerProtocol({
      limits,
      extensions: extensionsOf(store)
        .filter((name) => permits(nameOfExtension(name)))
        .map((name) => ({
          name,
          data: encoder.encode(extensionVersions[name]),
        })),
    });
    this.handles = new OpenHandles(limits.sftpHandles, report);
    this.answers = new Answers({
      store,
      handles: this.handles,
      limits,
      symlinkOrder,
      date,
      isOver: () => this.core.cause !== undefined,
    });
    this.ended = new Promise((resolve) => {
      this.resolveEnded = resolve;
    });
  }

  /** Serves until the client ends it or breaks the rules, or the channel ends. */
  start(): void {
    const { source, sink } = this.parts;
    sink.listen((error) => this.fail(error));
    source.listen({
      readable: () => this.pump(),
      ended: () => {
        this.isInputOver = true;
        this.pump();
      },
      failed: (error) => this.fail(error),
      aborted: (error) => this.fail(error),
    });
  }

  /** Ends it for a reason of this side or of the connection. */
  fail(error: Error): void {
    const cause =
      error instanceof SshError
        ? error
        : new SshError('ERR_SSH_CHANNEL_CLOSED', error.message, { origin: 'network', cause: error });
    this.core.fail(cause);
    this.settle();
  }

  /** What it does at this moment. */
  snapshot(withNames: boolean): Omit<SftpSnapshot, 'channel'> {
    const { bytesRead, bytesWritten, filesOpened } = this;
    const queuedRequests = this.arrived.length;
    return {
      openHandles: this.handles.size,
      requests: this.core.inFlight - queuedRequests,
      queuedRequests,
      bytesRead,
      bytesWritten,
      filesOpened,
      transfers: [],
      fileNames: withNames ? this.handles.paths.map((path) => pathText(path)) : undefined,
    };
  }

  private pump(): void {
    const { source, limits } = this.parts;
    while (this.core.wantsInput && this.heldWrites < limits.sftpBytesInFlight) {
      const chunk = source.take();
      if (chunk === undefined) {
        if (this.isInputOver) this.core.inputEnded();
        break;
      }
      this.core.receive(chunk);
      this.collect();
    }
    this.settle();
  }

  private settle(): void {
    this.collect();
    this.begin();
    this.flush();
  }

  private collect(): void {
    for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent()) {
      if (event.type === 'request') {
        this.arrived.push(event.request);
        this.heldWrites += writtenBy(event.request);
      } else if (event.type === 'ended') this.over(event.error);
    }
  }

  private begin(): void {
    while (this.arrived.length > 0 && this.heldAnswers + this.core.pendingOutput < mostHeldAnswers) {
      void this.serve(this.arrived.shift() as ServerRequest);
    }
  }

  private async serve(request: ServerRequest): Promise<void> {
    const { body } = request;
    this.heldAnswers += this.answerLength(request);
    // sftp and scp of OpenSSH 9 cut a file short, and say nothing, where DATA overtakes DATA.
    const place = body.kind === 'read' ? this.order.enter(handleNumber(body.handle)) : undefined;
    const tell = (answer: Answer): void => {
      const answerIt = (): void => this.answer(request, answer);
      if (place === undefined) answerIt();
      else this.order.tell(place, answerIt);
      this.pump();
    };
    const { caller, renew, end } = this.deadline(request, tell);
    let answer: Answer;
    try {
      if (this.parts.permits?.(requestName(body)) === false) throw new SftpRefusal('permissionDenied');
      answer = await this.answers.to(body, { caller, moved: renew });
    } catch (error) {
      const { answer: status, isFault } = statusOfFault(error);
      if (isFault) this.parts.report(error);
      answer = status;
    }
    end();
    if (!caller.isGivenUp) return tell(answer);
    this.lost -= this.heldBy(request);
    // Nobody knows of what was opened for it.
    if (answer.kind === 'handle') this.handles.drop(answer.handle);
  }

  private answer(request: ServerRequest, answer: Answer): void {
    this.heldAnswers -= this.answerLength(request);
    this.heldWrites -= writtenBy(request);
    this.count(request, answer);
    if (answer.kind === 'block') this.core.answerData(request, answer.block);
    else this.core.answer(request, answer);
  }

  /** A request that is not carried out in time is answered for. What comes of it is nobody's then. */
  private deadline(request: ServerRequest, tell: (answer: Answer) => void): Deadline {
    const { parts, core } = this;
    const detail = `a handler of SFTP, ${request.body.kind},`;
    const caller = new Caller();
    let wait: Wait | undefined;
    const end = (): void => {
      if (wait === undefined) return;
      this.waits.delete(wait);
      parts.finishWait(wait);
      wait = undefined;
    };
    const start = (): void => {
      if (core.cause !== undefined) return;
      wait = parts.startWait(detail, () => {
        const expired = wait;
        end();
        if (expired === undefined || core.cause !== undefined) return;
        const error = parts.timeoutError(expired);
        parts.report(error);
        caller.giveUp();
        this.lost += this.heldBy(request);
        tell(statusResponse(statusCodes.failure, 'it took too long'));
        if (this.lost > mostLost) this.fail(error);
      });
      if (wait !== undefined) this.waits.add(wait);
    };
    start();
    const renew = (): void => {
      if (wait === undefined) return;
      end();
      start();
    };
    return { end, renew, caller };
  }

  private heldBy(request: ServerRequest): number {
    return this.answerLength(request) + writtenBy(request);
  }

  private count(request: ServerRequest, answer: Answer): void {
    if (answer.kind === 'status' && answer.errorCode !== statusCodes.ok) return;
    this.bytesWritten += writtenBy(request);
    if (answer.kind === 'block') this.bytesRead += answer.block.length - dataHeaderLength;
    else if (request.body.kind === 'open') this.filesOpened++;
  }

  private answerLength({ body }: ServerRequest): number {
    if (body.kind === 'readdir') return listingAnswer;
    return body.kind === 'read' ? Math.min(body.length, longestData(this.parts.limits)) : smallAnswer;
  }

  private flush(): void {
    if (this.isWriting) return;
    const { sink } = this.parts;
    const parts: Uint8Array[] = [];
    for (let part = this.core.takeOutput(); part !== undefined; part = this.core.takeOutput())
      parts.push(part);
    const last = parts.at(-1);
    if (last === undefined) return;
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    this.isWriting = true;
    this.heldAnswers += length;
    // They are handed on in their order: with the last all are.
    for (const part of parts.slice(0, -1)) sink.write(part, () => {});
    sink.write(last, (error) => {
      this.isWriting = false;
      this.heldAnswers -= length;
      if (error === undefined) this.pump();
      else this.fail(error);
    });
  }

  private over(cause: SshError): void {
    for (const wait of this.waits) this.parts.finishWait(wait);
    this.waits.clear();
    this.arrived.length = 0;
    this.handles.closeAll();
    this.parts.source.cancel();
    if (cause.code === 'ERR_SSH_SFTP_PROTOCOL') this.parts.report(cause);
    this.answers
      .behindAll(() => this.parts.store.close())
      .catch((error: unknown) => this.parts.report(error));
    this.resolveEnded(cause);
  }
}

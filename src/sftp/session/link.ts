/**
 * SFTP over a channel.
 *
 * Owns: moving bytes between a channel and the client's machine, turning its events
 * into settled promises, the queue of requests beyond the limit; that all of it ends
 * with one cause.
 * Must not know: files, what an answer is for.
 */
import { escapeBytes, escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { wideNumber } from '../../base/longCounts.ts';
import type { SftpRequest } from '../packet/requests.ts';
import type { Version } from '../packet/responses.ts';
import { statusCodes } from '../packet/status.ts';
import { type SftpClientEvent, SftpClientProtocol } from '../protocol/client.ts';
import type { Answer, ClientRequest } from '../protocol/clientRequest.ts';
import { describeOperation, type Operation } from '../protocol/errors.ts';
import type { ChannelListener, SftpChannel } from '../seam/channel.ts';
import type { Abandoner, Errand, Pending } from './errand.ts';

/** Sends one request through the machine. */
type Send = (core: SftpClientProtocol<Pending>, pending: Pending) => ClientRequest<Pending>;

/** A request that waits for its turn. */
interface Queued {
  readonly pending: Pending;
  readonly send: Send;
}

/** Requests in flight from which on output is gathered for longer. */
const busy = 4;

export class SftpLink implements ChannelListener, Abandoner {
  readonly channel: SftpChannel;
  readonly limits: Limits;
  /** Resolves with what the server announces; rejects with the cause where it never comes to that. */
  readonly ready: Promise<Version>;
  /** Bytes of files that have come. */
  bytesRead = 0;
  /** Bytes of files that the server has confirmed. */
  bytesWritten = 0;
  /** Files that were opened. */
  filesOpened = 0;
  private readonly core: SftpClientProtocol<Pending>;
  private queue: Queued[] = [];
  private writing = false;
  private flushing = false;
  private resolveReady: (version: Version) => void = () => {};
  private rejectReady: (error: SshError) => void = () => {};
  private endCause: SshError | undefined;
  private readonly endListeners = new Set<(cause: SshError) => void>();

  constructor(channel: SftpChannel, limits: Limits) {
    this.channel = channel;
    this.limits = limits;
    this.bytesRead = wideNumber;
    this.bytesRead = 0;
    this.bytesWritten = wideNumber;
    this.bytesWritten = 0;
    this.ready = new Promise((resolve, reject) => {
      this.resolveReady = resolve;
      this.rejectReady = reject;
    });
    this.ready.catch(() => {});
    this.core = new SftpClientProtocol<Pending>({
      limits,
      waits: {
        start: (detail, onExpire) =>
          channel.startWait(detail, () => {
            onExpire();
            this.settle();
          }),
        finish: (wait) => channel.finishWait(wait),
      },
    });
    channel.listen(this);
    this.touch();
  }

  /** Why the session ended; undefined while it lives. */
  get cause(): SshError | undefined {
    return this.endCause ?? this.core.cause;
  }

  /** Requests without an answer, of those that were sent. */
  get requestsInFlight(): number {
    return this.core.inFlight;
  }

  /** Requests that wait for their turn. */
  get queuedRequests(): number {
    return this.queue.length;
  }

  /** Requests in flight, and those that wait for their turn. */
  get pendingRequests(): number {
    return this.core.inFlight + this.queue.length;
  }

  /**
   * Sends a request, in its turn, and waits for its answer.
   *
   * @throws SshError `ERR_SSH_TIMEOUT` no answer in time, the cause of the session's end, the errand's cancellation
   */
  ask(body: SftpRequest, operation: Operation, errand?: Errand): Promise<Answer> {
    return this.enqueue((core, pending) => core.request(body, operation, pending), operation, errand);
  }

  /** A READ of a safe offset. Throws as `ask`. */
  read(
    handle: Uint8Array,
    offset: number,
    length: number,
    operation: Operation,
    errand?: Errand,
  ): Promise<Answer> {
    return this.enqueue(
      (core, pending) => core.read(handle, offset, length, operation, pending),
      operation,
      errand,
    );
  }

  /**
   * A WRITE of a safe offset. `block` begins with room for `writeHeaderLength(handle)`
   * bytes and must stay as it is until the answer. Throws as `ask`.
   */
  write(
    handle: Uint8Array,
    offset: number,
    block: Uint8Array,
    operation: Operation,
    errand?: Errand,
  ): Promise<Answer> {
    return this.enqueue(
      (core, pending) => core.write(handle, offset, block, operation, pending),
      operation,
      errand,
    );
  }

  /**
   * Calls back with the cause when the session has ended; at once where it has.
   *
   * @returns takes the listener back
   */
  onEnd(listener: (cause: SshError) => void): () => void {
    if (this.cause !== undefined) listener(this.cause);
    else this.endListeners.add(listener);
    return () => this.endListeners.delete(listener);
  }

  /** Ends the session for this cause. */
  fail(cause: SshError): void {
    this.core.fail(cause);
    this.settle();
  }

  abandon(pending: Pending): void {
    if (pending.request !== undefined) this.core.abandon(pending.request);
    else this.queue = this.queue.filter((queued) => queued.pending !== pending);
  }

  // Told by the channel -------------------------------------------------------------

  readable(): void {
    const { channel, core } = this;
    for (let chunk = channel.take(); chunk !== undefined; chunk = channel.take()) core.receive(chunk);
    this.settle();
  }

  ended(): void {
    this.readable();
    this.core.inputEnded();
    this.settle();
  }

  failed(error: Error): void {
    this.fail(
      error instanceof SshError
        ? error
        : new SshError('ERR_SSH_CHANNEL_CLOSED', error.message, { origin: 'network', cause: error }),
    );
  }

  // Requests ------------------------------------------------------------------------

  private enqueue(send: Send, operation: Operation, errand: Errand | undefined): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const refused = this.cause ?? errand?.cancelledBy;
      if (refused !== undefined) return reject(refused);
      const pending: Pending = { operation, errand, resolve, reject, request: undefined };
      errand?.add(pending);
      if (this.queue.length > 0 || !this.core.canRequest) this.queue.push({ pending, send });
      else this.send({ pending, send });
    });
  }

  private send({ pending, send }: Queued): void {
    try {
      pending.request = send(this.core, pending);
    } catch (error) {
      pending.errand?.delete(pending);
      pending.reject(error as SshError);
      return;
    }
    this.touch();
  }

  private sendQueued(): void {
    let sent = 0;
    while (sent < this.queue.length && this.core.canRequest) this.send(this.queue[sent++] as Queued);
    if (sent > 0) this.queue.splice(0, sent);
  }

  /**
   * Output goes out once, behind the calls of this turn. Where much is under way it goes
   * behind all that the event loop has at hand: a packet of the transport for each request
   * would cost more than the request.
   */
  private touch(): void {
    if (this.flushing || this.writing) return;
    this.flushing = true;
    const flush = (): void => {
      this.flushing = false;
      this.flush();
    };
    if (this.core.inFlight < busy) queueMicrotask(flush);
    else void this.channel.pause().then(flush);
  }

  private flush(): void {
    if (this.writing) return;
    const parts: Uint8Array[] = [];
    for (let part = this.core.takeOutput(); part !== undefined; part = this.core.takeOutput())
      parts.push(part);
    if (parts.length === 0) return;
    this.writing = true;
    this.channel.write(parts, (error) => {
      this.writing = false;
      if (error !== undefined) this.failed(error);
      else this.flush();
    });
  }

  private settle(): void {
    for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent()) {
      this.handle(event);
    }
    if (this.queue.length > 0) this.sendQueued();
    if (this.core.pendingOutput > 0) this.touch();
  }

  private handle(event: SftpClientEvent<Pending>): void {
    switch (event.type) {
      case 'ready':
        return this.resolveReady(event.version);
      case 'answered':
        event.token.errand?.delete(event.token);
        this.count(event.request, event.answer);
        return event.token.resolve(event.answer);
      case 'expired': {
        const { token, wait } = event;
        token.errand?.delete(token);
        const error = this.overdueError(token.operation, this.channel.timeoutError(wait));
        return token.reject(this.channel.addressed(error));
      }
      case 'ended':
        return this.sessionEnded(this.channel.addressed(this.explained(event.error)), event.tokens);
      default:
        return event satisfies never;
    }
  }

  private count({ kind, length }: ClientRequest<Pending>, answer: Answer): void {
    if (answer.kind === 'data') this.bytesRead += answer.length;
    else if (kind === 'open' && answer.kind === 'handle') this.filesOpened++;
    else if (kind === 'write' && answer.kind === 'status' && answer.errorCode === statusCodes.ok) {
      this.bytesWritten += length;
    }
  }

  private sessionEnded(cause: SshError, tokens: readonly Pending[]): void {
    this.endCause = cause;
    this.rejectReady(cause);
    const queued = this.queue.splice(0).map(({ pending }) => pending);
    for (const pending of [...tokens, ...queued]) {
      pending.errand?.delete(pending);
      pending.reject(cause);
    }
    for (const listener of this.endListeners) listener(cause);
    this.endListeners.clear();
    this.channel.close();
  }

  /** The error of a request without an answer says what it was about; its wait must not. */
  private overdueError(operation: Operation, timeout: SshError): SshError {
    const what = describeOperation(operation);
    const { phase, origin, waitingFor, elapsed, deadline, bytesReceived, remoteIdentification } = timeout;
    return new SshError(
      'ERR_SSH_TIMEOUT',
      `${what} on ${this.channel.host}: the server did not answer within ${Math.round(deadline ?? 0)} ms`,
      {
        phase,
        origin,
        waitingFor,
        elapsed,
        deadline,
        bytesReceived,
        remoteIdentification,
        path: operation.path === undefined ? undefined : escapeText(operation.path),
      },
    );
  }

  /** A server that gives up at the beginning says why on stderr, if anywhere. */
  private explained(error: SshError): SshError {
    const said = this.channel.errorOutput();
    if (said.length === 0 || error.code !== 'ERR_SSH_CHANNEL_CLOSED') return error;
    return new SshError(error.code, `${error.message}; it wrote: "${escapeBytes(said, 200)}"`, {
      phase: error.phase,
      origin: error.origin,
      cause: error,
    });
  }
}

/**
 * Global requests of ours and their answers.
 *
 * Owns: RFC 4254 §4: REQUEST_SUCCESS and REQUEST_FAILURE name no request, so
 * they answer those that want a reply in the order in which these were sent.
 * Once an answer is overdue it may be late or may never come, so the answers behind
 * it are doubtful: they count when every answer that is due has come, and no other
 * request is sent until then.
 * A peer that knows no global requests answers with UNIMPLEMENTED, which names
 * the packet (RFC 4253 §11.4); TinySSH does.
 * Must not know: what a request means.
 */
import { remarked } from '../base/addressed.ts';
import { emptyBytes } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';
import { globalRequest } from '../message/globalRequest.ts';
import type { Transport } from '../transport/transport.ts';
import { channelError } from './channel.ts';

/** A global request of ours that wants a reply. */
export interface GlobalRequest {
  /** Such as `tcpip-forward`. */
  readonly name: string;
  /** When it was made. */
  readonly since: number;
  /** Of its packet; undefined while it waits for a key exchange. */
  sequenceNumber: number | undefined;
  /** The wait for its answer. */
  wait: Wait | undefined;
  /** Nobody waits for the answer any more; it still takes its place in the order of answers. */
  abandoned: boolean;
}

/** The answer to a global request. `error` is set where none came in time. */
export interface GlobalRequestAnswer {
  readonly type: 'globalRequestAnswered';
  readonly request: GlobalRequest;
  readonly success: boolean;
  readonly payload: Uint8Array;
  readonly error: SshError | undefined;
}

/** The answer to a global request whose error was told already. */
export interface LateGlobalRequestAnswer {
  readonly type: 'globalRequestAnsweredLate';
  readonly request: GlobalRequest;
  readonly success: boolean;
  readonly payload: Uint8Array;
}

/** What global requests ask of the connection around them. */
export interface GlobalRequestSink {
  readonly now: number;
  /** Milliseconds that an answer may take. */
  readonly requestTimeout: number;
  emit(event: GlobalRequestAnswer | LateGlobalRequestAnswer): void;
  startWait(name: 'request', detail: string, onExpire: () => void): Wait;
  finishWait(wait: Wait | undefined): void;
  /** The error of a wait that is over, and closed by this. */
  expired(wait: Wait | undefined): SshError;
  noteRoundTrip(wait: Wait | undefined): void;
}

interface Answer {
  readonly request: GlobalRequest;
  readonly success: boolean;
  readonly payload: Uint8Array;
}

/** Requests whose answers are due, the oldest first. */
export class GlobalRequests {
  private readonly transport: Transport;
  private readonly sink: GlobalRequestSink;
  private readonly due: GlobalRequest[] = [];
  /** The first request whose answer was overdue, until every answer that is due has come. */
  private overdue: GlobalRequest | undefined;
  /** Answers that came meanwhile. */
  private doubtful: Answer[] = [];

  constructor(transport: Transport, sink: GlobalRequestSink) {
    this.transport = transport;
    this.sink = sink;
  }

  /**
   * Sends one and waits for its answer.
   *
   * @throws SshError `ERR_SSH_REQUEST_FAILED` while the answer to an earlier one is overdue
   */
  ask(name: string, payload: Uint8Array): GlobalRequest {
    this.checkOrder(name);
    const request = this.send(name, payload);
    request.wait = this.sink.startWait('request', `the answer to ${name}`, () => this.expire(request));
    return request;
  }

  /** Sends one whose answer only shows that the peer is there. */
  probe(name: string): void {
    this.send(name, emptyBytes).abandoned = true;
  }

  /** @throws SshError `ERR_SSH_CHANNEL_PROTOCOL` where no answer is due */
  answered(success: boolean, payload: Uint8Array): void {
    const request = this.due.shift();
    if (request === undefined) throw channelError('an answer to a global request that was never made');
    const answer = { request, success, payload };
    if (this.overdue === undefined) return this.finish(answer);
    if (request.wait !== undefined) this.doubtful.push(answer);
    this.settleDoubtful();
  }

  /** The peer did not understand the packet with that number: which request that is, is beyond doubt. */
  notUnderstood(sequenceNumber: number): void {
    const index = this.due.findIndex((request) => request.sequenceNumber === sequenceNumber);
    const [request] = index < 0 ? [] : this.due.splice(index, 1);
    if (request === undefined) return;
    this.finish({ request, success: false, payload: emptyBytes });
    this.settleDoubtful();
  }

  /** No answer is due. */
  get isEmpty(): boolean {
    return this.due.length === 0;
  }

  /** There were as many answers as requests: each is the one that its place says. */
  private settleDoubtful(): void {
    if (this.due.length > 0) return;
    this.overdue = undefined;
    for (const answer of this.doubtful.splice(0)) this.finish(answer);
  }

  private checkOrder(name: string): void {
    const { requestTimeout, now } = this.sink;
    const [oldest] = this.due;
    // A probe has no wait that could have noticed.
    if (oldest !== undefined && now - oldest.since >= requestTimeout) this.overdue ??= oldest;
    const { overdue } = this;
    if (overdue === undefined) return;
    throw new SshError(
      'ERR_SSH_REQUEST_FAILED',
      `${name} was not sent: the answer to an earlier ${overdue.name} has not come within ${requestTimeout} ms, ` +
        'and answers name no request, so that the next one could be taken for it; connect once more',
      { origin: 'peer' },
    );
  }

  private send(requestName: string, requestData: Uint8Array): GlobalRequest {
    const request: GlobalRequest = {
      name: requestName,
      since: this.sink.now,
      sequenceNumber: undefined,
      wait: undefined,
      abandoned: false,
    };
    this.transport.send(globalRequest, { requestName, wantReply: true, requestData }, (number) => {
      request.sequenceNumber = number;
    });
    // Behind the sending, which may be refused.
    this.due.push(request);
    return request;
  }

  private finish({ request, success, payload }: Answer): void {
    const { wait, abandoned } = request;
    if (wait === undefined) return;
    if (abandoned) return this.sink.emit({ type: 'globalRequestAnsweredLate', request, success, payload });
    this.sink.noteRoundTrip(wait);
    this.sink.finishWait(wait);
    this.sink.emit({ type: 'globalRequestAnswered', request, success, payload, error: undefined });
  }

  private expire(request: GlobalRequest): void {
    const error = this.sink.expired(request.wait);
    const earlier = this.overdue ?? this.due[0];
    request.abandoned = true;
    this.overdue ??= request;
    if (earlier !== undefined && earlier !== request) {
      const remark = `the peer has not answered an earlier ${earlier.name} in time either, and answers come in their order`;
      remarked(error, remark);
    }
    this.sink.emit({ type: 'globalRequestAnswered', request, success: false, payload: emptyBytes, error });
  }
}

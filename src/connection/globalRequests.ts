/**
 * Global requests of ours and their answers.
 *
 * Owns: RFC 4254 §4: REQUEST_SUCCESS and REQUEST_FAILURE name no request, so
 * they answer those that want a reply in the order in which these were sent.
 * A peer that knows no global requests answers with UNIMPLEMENTED, which names
 * the packet (RFC 4253 §11.4); TinySSH does.
 * Must not know: what a request means.
 */
import { emptyBytes } from '../base/bytes.ts';
import type { SshError } from '../base/errors.ts';
import type { Wait } from '../base/waits.ts';
import { globalRequest } from '../message/globalRequest.ts';
import type { Transport } from '../transport/transport.ts';
import { channelError } from './channel.ts';

/** A global request of ours that wants a reply. */
export interface GlobalRequest {
  /** Such as `tcpip-forward`. */
  readonly name: string;
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

/** What global requests ask of the connection around them. */
export interface GlobalRequestSink {
  emit(event: GlobalRequestAnswer): void;
  startWait(name: 'request', detail: string, onExpire: () => void): Wait;
  finishWait(wait: Wait | undefined): void;
  /** The error of a wait that is over, and closed by this. */
  expired(wait: Wait | undefined): SshError;
  noteRoundTrip(wait: Wait | undefined): void;
}

/** Requests whose answers are due, the oldest first. */
export class GlobalRequests {
  private readonly transport: Transport;
  private readonly sink: GlobalRequestSink;
  private readonly due: GlobalRequest[] = [];

  constructor(transport: Transport, sink: GlobalRequestSink) {
    this.transport = transport;
    this.sink = sink;
  }

  /** Sends one and waits for its answer. */
  ask(name: string, payload: Uint8Array): GlobalRequest {
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
    this.finish(request, success, payload);
  }

  /** The peer did not understand the packet with that number. */
  notUnderstood(sequenceNumber: number): void {
    const index = this.due.findIndex((request) => request.sequenceNumber === sequenceNumber);
    const [request] = index < 0 ? [] : this.due.splice(index, 1);
    if (request !== undefined) this.finish(request, false, emptyBytes);
  }

  /** No answer is due. */
  get isEmpty(): boolean {
    return this.due.length === 0;
  }

  private send(requestName: string, requestData: Uint8Array): GlobalRequest {
    const request: GlobalRequest = {
      name: requestName,
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

  private finish(request: GlobalRequest, success: boolean, payload: Uint8Array): void {
    this.sink.noteRoundTrip(request.wait);
    this.sink.finishWait(request.wait);
    if (request.abandoned) return;
    this.sink.emit({ type: 'globalRequestAnswered', request, success, payload, error: undefined });
  }

  private expire(request: GlobalRequest): void {
    const error = this.sink.expired(request.wait);
    request.abandoned = true;
    this.sink.emit({ type: 'globalRequestAnswered', request, success: false, payload: emptyBytes, error });
  }
}

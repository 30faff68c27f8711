/**
 * One channel: its two directions with their windows, its queue of requests.
 *
 * Owns: RFC 4254 §5.2 (data and windows), §5.3 (EOF and CLOSE), §5.4 (requests
 * and their replies in order), for one channel. `channelStates.ts` has the states
 * of the two directions.
 * Must not know: how messages travel (the sink), other channels, what a type or
 * a request means, clocks.
 */
import { SshError } from '../base/errors.ts';
import { wideNumber } from '../base/longCounts.ts';
import type { Wait } from '../base/waits.ts';
import type { ChannelMessages } from './channelMessages.ts';
import { type Receiving, receivingAfter, type Sending, sendingAfter } from './channelStates.ts';
import { ReceiveBuffer } from './receiveBuffer.ts';
import { ReceiveWindow } from './receiveWindow.ts';
import type { WindowBudget } from './windowBudget.ts';

/** What a channel asks of the connection around it. */
export interface ChannelSink {
  /** The time the last call from outside brought. */
  readonly now: number;
  /** Milliseconds from a question to its answer, the shortest seen; `Infinity` before any. */
  readonly roundTrip: number;
  readonly messages: Pick<ChannelMessages, keyof ChannelMessages>;
  emit(event: ChannelEvent): void;
  startRequestWait(channel: Channel, request: ChannelRequest): void;
  finishWait(wait: Wait | undefined): void;
  /** There is data to seal, or EOF behind it. */
  wantsOutput(channel: Channel): void;
}

/** A request of ours that wants a reply. */
export interface ChannelRequest {
  /** The channel that it was made on. */
  readonly channel: Channel;
  /** Such as `exec`. */
  readonly requestType: string;
  /** The wait for its answer. */
  wait: Wait | undefined;
  /** Nobody waits for the answer any more; it still takes its place in the order of answers. */
  abandoned: boolean;
}

/** What a channel has to say by itself; what concerns it and comes from the connection is in `events.ts`. */
export type ChannelEvent =
  /** Something to take where there was nothing. */
  | { readonly type: 'channelReadable'; readonly channel: Channel; readonly stream: 'data' | 'extended' }
  | { readonly type: 'channelEof'; readonly channel: Channel }
  /** Writes were handed on, or EOF behind them: `takeHandedOn` says how many. Told once until it is asked. */
  | { readonly type: 'channelDrained'; readonly channel: Channel }
  /** The answer to a request of ours. `error` is set where none came in time. */
  | {
      readonly type: 'channelRequestAnswered';
      readonly request: ChannelRequest;
      readonly success: boolean;
      readonly error: SshError | undefined;
    };

/** How far a channel is. */
export type ChannelState =
  /** Ours: CHANNEL_OPEN was sent. Theirs: it came and was not answered. */
  | 'opening'
  | 'open'
  /** Both CLOSEs have passed, or the open was refused. */
  | 'closed';

interface PendingWrite {
  readonly data: Uint8Array;
  offset: number;
  /** Undefined for CHANNEL_DATA, else the data type code of CHANNEL_EXTENDED_DATA. */
  readonly dataTypeCode: number | undefined;
}

const maximumWindow = 0xffffffff;

/** One channel (RFC 4254 §5): what it holds, and what may be said on it. */
export class Channel {
  /** Such as `session`. */
  readonly type: string;
  /** Our number for it: the peer's recipientChannel. */
  readonly localId: number;
  /** The peer's number for it. */
  remoteId = 0;
  /** How far it is. */
  state: ChannelState = 'opening';
  /** Bytes we may still send. */
  sendWindow = 0;
  /** Largest data field the peer takes. */
  sendMaximumPacketSize = 0;
  /** Bytes the peer may still send. */
  receiveWindow: number;
  /** The direction to the peer. */
  sending: Sending = 'open';
  /** The direction from the peer. */
  receiving: Receiving = 'open';
  /** Bytes that came on it. */
  bytesIn = 0;
  /** Bytes that were sent on it. */
  bytesOut = 0;
  /** Its scheduler knows that it has something to seal. */
  isReady = false;
  /** The wait for the answer to our CHANNEL_OPEN, or to our CLOSE. */
  wait: Wait | undefined;
  /** What came and was not taken; others once these belong to their reader. */
  data: ReceiveBuffer = new ReceiveBuffer();
  /** As `data`, of the second stream (stderr). */
  extended: ReceiveBuffer = new ReceiveBuffer();

  private readonly sink: ChannelSink;
  private readonly maximumPacketSize: number;
  private readonly writes: PendingWrite[] = [];
  private readonly requests: ChannelRequest[] = [];
  private handedOn = 0;
  private isHandedOnTold = false;
  private readonly window: ReceiveWindow;
  private readonly budget: WindowBudget | undefined;
  /** Bytes that came before the channel was gone, and that nobody has taken yet. */
  private heldBeyond = 0;

  constructor(
    sink: ChannelSink,
    options: {
      readonly type: string;
      readonly localId: number;
      readonly windowSize: number;
      readonly maximumWindowSize: number;
      readonly maximumPacketSize: number;
      /** Of all channels together. */
      readonly budget?: WindowBudget | undefined;
    },
  ) {
    this.sink = sink;
    this.type = options.type;
    this.bytesIn = wideNumber;
    this.bytesIn = 0;
    this.bytesOut = wideNumber;
    this.bytesOut = 0;
    this.localId = options.localId;
    this.budget = options.budget;
    this.window = new ReceiveWindow(options.windowSize, options.maximumWindowSize, options.budget);
    this.receiveWindow = options.windowSize;
    this.maximumPacketSize = options.maximumPacketSize;
  }

  // What its states say ---------------------------------------------------------

  /** This side has said that it sends no more data. */
  get eofSent(): boolean {
    return this.sending === 'ended' || this.sending === 'closed';
  }

  /** This side has closed it. */
  get closeSent(): boolean {
    return this.sending === 'closed' || this.sending === 'cut';
  }

  /** The peer has said that it sends no more data. */
  get eofReceived(): boolean {
    return this.receiving === 'ended' || this.receiving === 'closed';
  }

  /** Nobody here reads what comes: a channel that is being opened is closed as soon as it is open. */
  get isUnwanted(): boolean {
    return this.receiving === 'unwanted' || this.receiving === 'stopping' || this.receiving === 'stopped';
  }

  /** This side closed the channel while the peer might still have sent: what came is not all of it. */
  get isStopped(): boolean {
    return this.receiving === 'stopping' || this.receiving === 'stopped';
  }

  // Our side ------------------------------------------------------------------

  /**
   * Queues bytes to be sent as the peer's window allows; the memory must stay
   * as it is until `channelDrained`.
   *
   * @param dataTypeCode for CHANNEL_EXTENDED_DATA, such as 1 for stderr (RFC 4254 §5.2)
   */
  write(data: Uint8Array, dataTypeCode?: number): void {
    if (this.sending !== 'open') {
      throw new SshError('ERR_SSH_CHANNEL_CLOSED', 'the channel takes no more data', { origin: 'user' });
    }
    if (data.length === 0) return;
    this.writes.push({ data, offset: 0, dataTypeCode });
    this.sink.wantsOutput(this);
  }

  /** Sends EOF: now, so that it is ahead of what is said next, or behind data that waits. */
  eof(): void {
    this.sending = sendingAfter[this.sending].eof;
    this.sendEofIfDue();
  }

  /** Sends CLOSE now; what was written and not sent is dropped, and so is what still comes. */
  close(): void {
    if (this.closeSent) return;
    this.writes.length = 0;
    this.receiving = receivingAfter[this.receiving].stop;
    // The CLOSE of a channel that is being opened goes out when the peer has confirmed it.
    if (this.state === 'open') this.sendClose();
  }

  private sendClose(): void {
    this.sending = sendingAfter[this.sending].close;
    this.sink.messages.sendClose(this);
  }

  /** Nobody reads from it any more: what comes is dropped. */
  abandon(): void {
    this.receiving = receivingAfter[this.receiving].abandon;
  }

  /** Drops what came and what will come, what was written and what will be asked. */
  discardAll(): void {
    this.data.clear();
    this.extended.clear();
    this.letGo();
  }

  /** Drops what will come and what was written. Only its reader holds what came. */
  letGo(): void {
    this.abandon();
    this.writes.length = 0;
    this.data = new ReceiveBuffer();
    this.extended = new ReceiveBuffer();
  }

  /** The next piece of what came, owned by the caller; taking it opens the window again. */
  take(stream: 'data' | 'extended'): Uint8Array | undefined {
    const piece = this[stream].take();
    if (piece !== undefined) this.credit(piece.length);
    return piece;
  }

  /** Drops all that came on a stream, and opens the window again. */
  discard(stream: 'data' | 'extended'): void {
    this.credit(this[stream].clear());
  }

  /** So many bytes of what came were taken: opens the window again. */
  credit(length: number): void {
    if (this.state === 'closed') {
      const released = Math.min(length, this.heldBeyond);
      this.heldBeyond -= released;
      this.budget?.release(released);
      return;
    }
    const { receiving, state } = this;
    const bytesToAdd = this.window.consumed(length, this.receiveWindow, this.sink.now, this.sink.roundTrip);
    if (bytesToAdd === 0 || state !== 'open') return;
    // Where nothing more comes, or is not wanted, no window is opened.
    if (receiving !== 'open' && receiving !== 'unwanted') return;
    this.receiveWindow += bytesToAdd;
    this.sink.messages.sendWindowAdjust(this, bytesToAdd);
  }

  /**
   * Sends a request. Where it wants a reply, the returned object comes back in
   * `channelRequestAnswered`.
   */
  request(requestType: string, payload: Uint8Array, wantReply: boolean): ChannelRequest | undefined {
    if (this.closeSent || this.state !== 'open') {
      throw new SshError('ERR_SSH_CHANNEL_CLOSED', `the channel closed before ${requestType}`, {
        origin: 'peer',
      });
    }
    this.sink.messages.sendRequest(this, requestType, wantReply, payload);
    if (!wantReply) return undefined;
    const request: ChannelRequest = { channel: this, requestType, wait: undefined, abandoned: false };
    this.requests.push(request);
    this.sink.startRequestWait(this, request);
    return request;
  }

  /** @throws SshError `ERR_SSH_LIMIT` for a request that fits in no packet; `request` throws it too */
  checkRequest(requestType: string, payload: Uint8Array): void {
    this.sink.messages.checkRequest(requestType, payload);
  }

  /** Answers the oldest request of the peer that wants a reply. */
  reply(success: boolean): void {
    if (!this.closeSent && this.state === 'open') this.sink.messages.sendReply(this, success);
  }

  /** Bytes written and not yet sent. */
  get pendingBytes(): number {
    let pending = 0;
    for (const { data, offset } of this.writes) pending += data.length - offset;
    return pending;
  }

  /** Answers of the peer still due. */
  get pendingRequests(): number {
    return this.requests.length;
  }

  // For the connection ----------------------------------------------------------

  /** What can be sent now: bytes of the first write, bounded by window and packet size. */
  nextOutput(maximumLength: number): PendingWrite | undefined {
    const first = this.writes[0];
    if (first === undefined || this.sendWindow === 0 || this.state !== 'open') return undefined;
    this.outputLength = Math.min(
      first.data.length - first.offset,
      this.sendWindow,
      this.sendMaximumPacketSize,
      maximumLength,
    );
    return first;
  }

  /** Length of what `nextOutput` found. */
  outputLength = 0;

  /** `outputLength` bytes of `write` were sealed. */
  outputSent(write: PendingWrite): void {
    const length = this.outputLength;
    write.offset += length;
    this.sendWindow -= length;
    this.bytesOut += length;
    if (write.offset < write.data.length) return;
    this.writes.shift();
    this.tellHandedOn(1);
  }

  /** Writes handed on since this was asked last. */
  takeHandedOn(): number {
    const count = this.handedOn;
    this.handedOn = 0;
    this.isHandedOnTold = false;
    return count;
  }

  private tellHandedOn(count: number): void {
    this.handedOn += count;
    if (this.isHandedOnTold) return;
    this.isHandedOnTold = true;
    this.sink.emit({ type: 'channelDrained', channel: this });
  }

  /** Sends EOF once all data went before it. */
  sendEofIfDue(): void {
    if (this.sending !== 'ending' || this.writes.length > 0 || this.state !== 'open') return;
    this.sink.messages.sendEof(this);
    this.sending = sendingAfter.ending.eofSent;
    this.tellHandedOn(0);
  }

  /** Takes a CONFIRMATION, or confirms the peer's open. */
  opened(remoteId: number, initialWindowSize: number, maximumPacketSize: number): void {
    if (maximumPacketSize === 0)
      throw channelError('a maximum packet size of 0, with which nothing could be sent');
    this.remoteId = remoteId;
    this.sendWindow = initialWindowSize;
    this.sendMaximumPacketSize = maximumPacketSize;
    this.state = 'open';
    if (this.writes.length > 0 || this.sending === 'ending') this.sink.wantsOutput(this);
  }

  /** Takes a WINDOW_ADJUST, for the layer that decodes it. */
  receiveAdjust(bytesToAdd: number): void {
    if (this.sendWindow + bytesToAdd > maximumWindow) {
      throw channelError(`a window of more than ${maximumWindow} bytes on channel ${this.localId}`);
    }
    const starved = this.sendWindow === 0;
    this.sendWindow += bytesToAdd;
    if (starved && this.writes.length > 0) this.sink.wantsOutput(this);
  }

  /** CHANNEL_DATA or the stderr of CHANNEL_EXTENDED_DATA: `bytes[start…end)`. */
  receiveData(stream: 'data' | 'extended', bytes: Uint8Array, start: number, end: number): void {
    const length = end - start;
    this.checkData(length);
    this.receiveWindow -= length;
    this.bytesIn += length;
    this.window.arrived(length, this.sink.now);
    if (this.receiving !== 'open') return;
    const buffer = this[stream];
    const wasEmpty = buffer.length === 0;
    buffer.append(bytes, start, end);
    if (wasEmpty && length > 0) this.sink.emit({ type: 'channelReadable', channel: this, stream });
  }

  /** Extended data of a type nobody knows: dropped, and consumed by that. */
  receiveUnknownExtended(length: number): void {
    this.checkData(length);
    this.receiveWindow -= length;
    this.window.arrived(length, this.sink.now);
    this.credit(length);
  }

  /** Takes an EOF, for the layer that decodes it. */
  receiveEof(): void {
    const next = receivingAfter[this.receiving].eof;
    if (next === undefined) throw channelError(`EOF after CLOSE on channel ${this.localId}`);
    // Clients on Go's x/crypto say it twice, rclone among them. The second one says nothing.
    if (this.receiving === 'ended') return;
    this.receiving = next;
    this.sink.emit({ type: 'channelEof', channel: this });
  }

  /** Takes the answer to a request, for the layer that decodes it. */
  receiveReply(success: boolean): void {
    const request = this.requests.shift();
    if (request === undefined) throw channelError('an answer to a request that was never made');
    this.sink.finishWait(request.wait);
    if (!request.abandoned)
      this.sink.emit({ type: 'channelRequestAnswered', request, success, error: undefined });
  }

  /** Takes a CLOSE, for the layer that decodes it. */
  receiveClose(): void {
    const next = receivingAfter[this.receiving].close;
    if (next === undefined) throw channelError(`CLOSE twice on channel ${this.localId}`);
    this.receiving = next;
    this.writes.length = 0;
    if (this.hasOutput) this.presumeGranted();
    for (const request of this.requests.splice(0)) {
      const what = `the server closed the channel without an answer to ${request.requestType}`;
      this.settleUnanswered(request, new SshError('ERR_SSH_CHANNEL_CLOSED', what));
    }
    if (!this.closeSent) this.sendClose();
  }

  /** What was asked for was done, whatever the peer answers or does not: it sent what comes of it. */
  presumeGranted(): void {
    for (const request of this.requests) this.settleUnanswered(request, undefined);
  }

  /** Output came, which is an answer as good as any: some servers send no other. */
  get hasOutput(): boolean {
    return this.bytesIn > 0;
  }

  private settleUnanswered(request: ChannelRequest, error: SshError | undefined): void {
    this.sink.finishWait(request.wait);
    if (request.abandoned) return;
    request.abandoned = true;
    this.sink.emit({ type: 'channelRequestAnswered', request, success: error === undefined, error });
  }

  private checkData(length: number): void {
    if (this.receiving !== 'open' && receivingAfter[this.receiving].data === undefined) {
      throw channelError(
        `data after ${this.receiving === 'ended' ? 'EOF' : 'CLOSE'} on channel ${this.localId}`,
      );
    }
    if (length > this.receiveWindow) {
      throw channelError(
        `${length} bytes where the window of channel ${this.localId} has ${this.receiveWindow}`,
      );
    }
    if (length > this.maximumPacketSize) {
      throw channelError(`${length} bytes in one packet where ${this.maximumPacketSize} are allowed`);
    }
  }

  /**
   * Both CLOSEs have passed, or it was never opened: its number is free, and its window.
   *
   * @param keepsUnread whether what nobody has taken yet still counts; where it is known to be taken or dropped
   */
  gone(keepsUnread: boolean): void {
    this.state = 'closed';
    this.sending = sendingAfter[this.sending].close;
    this.receiving = receivingAfter[this.receiving].close ?? this.receiving;
    this.heldBeyond = keepsUnread ? this.data.length + this.extended.length : 0;
    this.budget?.close(this.window.size, this.heldBeyond);
  }
}

/** The error of a peer that breaks the rules of channels. */
export function channelError(what: string): SshError {
  return new SshError(
    'ERR_SSH_CHANNEL_PROTOCOL',
    `the peer broke the rules of the connection protocol: ${what}`,
  );
}

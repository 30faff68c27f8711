/**
 * The connection protocol with nothing around it: no keys, no packets, no peer but the test.
 *
 * Owns: a transport that notes what it is given, a sink that notes what a channel asks for.
 */

import { SshError } from '../../src/base/errors.ts';
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { type Wait, WaitTable } from '../../src/base/waits.ts';
import {
  Channel,
  type ChannelEvent,
  type ChannelRequest,
  type ChannelSink,
} from '../../src/connection/channel.ts';
import { Connection } from '../../src/connection/connection.ts';
import type { ConnectionEvent } from '../../src/connection/events.ts';
import {
  channelData,
  channelExtendedData,
  channelOpen,
  channelOpenConfirmation,
} from '../../src/message/channel.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import { PeerAllowances } from '../../src/transport/gate/peerAllowances.ts';
import type { Role } from '../../src/transport/identification.ts';
import type { Sealed } from '../../src/transport/output.ts';
import { type Quirks, quirksOf } from '../../src/transport/quirks.ts';
import type { Transport } from '../../src/transport/transport.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';

export const none: Uint8Array = new Uint8Array(0);

/** Bytes that tell where they lie: 0, 1, 2 … 250, 0 … */
export function counting(length: number, first = 0): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (first + i) % 251);
}

/** The code of what an action throws, and its text. */
export function thrownBy(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError) return `${error.code} ${error.origin}: ${error.message}`;
    throw error;
  }
  return 'nothing thrown';
}

/** A message that was sent: its name and its fields. */
export type Sent = readonly [name: string, fields: unknown];

/** What `Connection` uses of a transport. */
class NotingTransport {
  now = 1000;
  takesData = true;
  /** Data packets that are taken before `takesData` turns false. */
  room: number = Number.POSITIVE_INFINITY;
  /** While true, messages wait for a key exchange and are in no packet yet. */
  holds = false;
  quirks: Quirks = quirksOf(undefined);
  dataNoted = 0;
  inflationsCharged = 0;
  rests = 0;
  readonly sent: Sent[] = [];
  /** Whatever is to be sent, it fits. */
  readonly output = { checkLength: (): void => {} };
  private readonly allowances: PeerAllowances;
  private packets = 0;
  private readonly waiting: (Sealed | undefined)[] = [];
  private writer = new WireWriter();

  constructor(limits: Limits) {
    this.allowances = new PeerAllowances(limits, 'client');
  }

  send<T>(message: MessageCodec<T>, value: T, sealed?: Sealed): void {
    const writer = new WireWriter();
    message.encode(writer, value);
    this.note(message, writer.copyWritten());
    if (this.holds) this.waiting.push(sealed);
    else sealed?.(this.packets++);
  }

  /** The key exchange is over: what waited is in packets now. */
  release(): void {
    this.holds = false;
    for (const sealed of this.waiting.splice(0)) sealed?.(this.packets++);
  }

  beginData(): WireWriter {
    this.writer = new WireWriter();
    return this.writer;
  }

  endData(): void {
    const payload = this.writer.copyWritten();
    if (payload[0] === channelData.number) this.note(channelData, payload);
    else this.note(channelExtendedData, payload);
    if (--this.room === 0) this.takesData = false;
  }

  noteData(length: number): void {
    this.dataNoted += length;
  }

  spendIdleMessage(): void {
    this.allowances.spendMessage(this.now);
  }

  chargeInflatedBytes(): void {
    this.inflationsCharged++;
  }

  rest(): void {
    this.rests++;
  }

  private note<T>(message: MessageCodec<T>, payload: Uint8Array): void {
    this.sent.push([
      message.name.replace('SSH_MSG_', ''),
      message.decode(new WireReader(payload.subarray(1))),
    ]);
  }
}

/** A connection whose peer is the test. */
export class Lone {
  readonly transport: NotingTransport;
  readonly waits: WaitTable = new WaitTable();
  readonly events: ConnectionEvent[] = [];
  readonly connection: Connection;

  constructor(given: Partial<Limits> = {}, role: Role = 'client') {
    const limits = { ...defaultLimits, ...given };
    this.transport = new NotingTransport(limits);
    this.connection = new Connection({
      transport: this.transport as unknown as Transport,
      settings: {
        role,
        limits,
        timeouts: { ...defaultTimeouts, channelOpen: 111, request: 222, close: 333 },
      },
      waits: this.waits,
      upper: {
        queueEvent: (event) => void this.events.push(event),
        timeoutError: (wait) => new SshError('ERR_SSH_TIMEOUT', wait.detail, { waitingFor: wait.name }),
      },
    });
  }

  /** The peer says a message, somewhere in a buffer. */
  say<T>(message: MessageCodec<T>, value: T): this {
    const writer = new WireWriter();
    writer.bytes(Uint8Array.of(201, 202, 203));
    message.encode(writer, value);
    const end = writer.position;
    writer.bytes(Uint8Array.of(204, 205));
    this.connection.receive(message.number, writer.copyWritten(), 3, end);
    return this;
  }

  /** Messages sent since the last look. */
  takeSent(): Sent[] {
    return this.transport.sent.splice(0);
  }

  /** Events since the last look. */
  takeEvents(): ConnectionEvent[] {
    return this.events.splice(0);
  }

  /** Open waits: name, what for, since when, how long. */
  openWaits(): unknown[] {
    return this.waits.list().map(({ name, detail, since, timeout }) => [name, detail, since, timeout]);
  }

  /** Time passes, and the waits whose time is over expire. */
  advance(milliseconds: number): this {
    this.transport.now += milliseconds;
    for (const wait of this.waits.expired(this.transport.now)) wait.onExpire?.();
    return this;
  }

  /** A channel of ours that the peer, whose number for it is `remoteId`, has confirmed. */
  opened(remoteId = 70, initialWindowSize = 10_000, maximumPacketSize = 5000): Channel {
    const channel = this.connection.open('session', none);
    this.confirm(channel, remoteId, initialWindowSize, maximumPacketSize);
    this.takeSent();
    this.takeEvents();
    return channel;
  }

  confirm(channel: Channel, remoteId = 70, initialWindowSize = 10_000, maximumPacketSize = 5000): this {
    return this.say(channelOpenConfirmation, {
      recipientChannel: channel.localId,
      senderChannel: remoteId,
      initialWindowSize,
      maximumPacketSize,
      channelTypeData: none,
    });
  }

  /** The channel that the peer asks for. */
  asked(senderChannel = 80, initialWindowSize = 10_000, maximumPacketSize = 5000): Channel {
    this.say(channelOpen, {
      channelType: 'forwarded-tcpip',
      senderChannel,
      initialWindowSize,
      maximumPacketSize,
      channelTypeData: counting(5),
    });
    const event = this.events.at(-1);
    if (event?.type !== 'channelOpenRequested') throw new Error('nobody was asked');
    return event.channel;
  }
}

/** One channel and what it asks of the connection around it. */
export class LoneChannel implements ChannelSink {
  readonly messages: this = this;
  now = 0;
  roundTrip = 10;
  /** Calls, in order, without the channel they are for. */
  readonly calls: unknown[][] = [];
  readonly events: ChannelEvent[] = [];
  readonly channel: Channel;

  constructor(windowSize = 1000, maximumPacketSize = 400, maximumWindowSize: number = windowSize) {
    this.channel = new Channel(this, {
      type: 'session',
      localId: 5,
      windowSize,
      maximumWindowSize,
      maximumPacketSize,
    });
  }

  /** A channel that was confirmed. */
  static open(initialWindowSize = 1000, maximumPacketSize = 300): LoneChannel {
    const lone = new LoneChannel();
    lone.channel.opened(9, initialWindowSize, maximumPacketSize);
    return lone;
  }

  takeCalls(): unknown[][] {
    return this.calls.splice(0);
  }

  takeEvents(): ChannelEvent[] {
    return this.events.splice(0);
  }

  /** Sends what may be sent, as the connection does; returns what went. */
  pump(maximumLength = 1e6): Uint8Array[] {
    const went: Uint8Array[] = [];
    for (;;) {
      const write = this.channel.nextOutput(maximumLength);
      if (write === undefined) {
        this.channel.sendEofIfDue();
        return went;
      }
      went.push(write.data.slice(write.offset, write.offset + this.channel.outputLength));
      this.channel.outputSent(write);
    }
  }

  emit(event: ChannelEvent): void {
    this.events.push(event);
  }

  sendWindowAdjust(_: Channel, bytesToAdd: number): void {
    this.calls.push(['adjust', bytesToAdd]);
  }

  sendEof(): void {
    this.calls.push(['eof']);
  }

  sendClose(): void {
    this.calls.push(['close']);
  }

  sendRequest(_: Channel, requestType: string, wantReply: boolean, payload: Uint8Array): void {
    this.calls.push(['request', requestType, wantReply, payload]);
  }

  checkRequest(): void {
    // Whatever it is, it fits.
  }

  sendReply(_: Channel, success: boolean): void {
    this.calls.push(['reply', success]);
  }

  startRequestWait(_: Channel, request: ChannelRequest): void {
    request.wait = {
      name: 'request',
      detail: request.requestType,
      since: this.now,
      timeout: 1,
      deadline: this.now + 1,
      onExpire: undefined,
    };
    this.calls.push(['wait', request.requestType]);
  }

  finishWait(wait: Wait | undefined): void {
    this.calls.push(['finish', wait?.detail]);
  }

  wantsOutput(): void {
    this.calls.push(['output']);
  }
}

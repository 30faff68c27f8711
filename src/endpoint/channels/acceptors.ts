/**
 * What the peer asks for by itself: channels that it opens, and global requests.
 *
 * Owns: who answers which kind, that everything else is refused, and that the
 * answers to global requests go out in the order of the requests, however long
 * each takes (RFC 4254 §4, §5.1).
 * Must not know: what a kind means, which role this side has. Whether a message
 * may come at all is for the gate.
 */
import { emptyBytes } from '../../base/bytes.ts';
import { LazyMap } from '../../base/lazyMap.ts';
import type { Channel } from '../../connection/channel.ts';
import type { ConnectionEvent } from '../../connection/events.ts';
import type { ChannelPort } from './channelPort.ts';
import type { CoreDoor } from './coreDoor.ts';
import type { Ended, EventRouter, Hearing } from './eventRouter.ts';

/** Answers to global requests that may be due at once; what comes beyond is refused in its turn. */
const longestQueue = 64;

/** A channel that the peer wants. It is answered once; later answers do nothing. */
export interface ChannelOpening {
  readonly type: string;
  /** What the type adds to the message. */
  readonly data: Uint8Array;
  /** False once it was answered, or the connection has ended. */
  readonly isOpen: boolean;
  /** Confirms the channel; undefined where it is too late for that. */
  accept(): ChannelPort | undefined;
  /** @param reasonCode of RFC 4254 §5.1 */
  refuse(reasonCode: number, description: string): void;
}

/** Told of each channel of its type; answers now or later. What it throws ends the connection as a fault of the peer's message. */
export type ChannelAcceptor = (opening: ChannelOpening) => void;

/** A global request of the peer's. It is answered once; later answers do nothing. */
export interface IncomingRequest {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly wantReply: boolean;
  /** @param sent told when the answer has gone out, behind those to earlier requests; at once where none is wanted */
  reply(success: boolean, responseData?: Uint8Array, sent?: () => void): void;
}

/** What a peer is told whose channel is not opened. */
export interface OpenRefusal {
  /** Of RFC 4254 §5.1. */
  readonly reasonCode: number;
  readonly description: string;
}

/** Told of each request of its name; answers now or later. */
export type RequestAcceptor = (request: IncomingRequest) => void;

/** Makes the port of a channel that was accepted. */
export interface PortMaker {
  portFor(channel: Channel): ChannelPort;
}

export class Acceptors {
  private readonly door: CoreDoor;
  private readonly ports: PortMaker;
  /** Said to a peer whose channel nobody accepts. */
  private readonly refusal: OpenRefusal;
  private readonly channels: LazyMap<string, ChannelAcceptor> = new LazyMap();
  private readonly requests: LazyMap<string, RequestAcceptor> = new LazyMap();
  /** Requests that want a reply and have not had theirs, the oldest first. */
  private unanswered: QueuedRequest[] | undefined;

  constructor(router: EventRouter<ConnectionEvent>, door: CoreDoor, ports: PortMaker, refusal: OpenRefusal) {
    this.door = door;
    this.ports = ports;
    this.refusal = refusal;
    router.subscribe(this, hearing);
  }

  /**
   * Gives channels of a type to an acceptor.
   *
   * @returns gives none any more
   */
  onChannel(type: string, acceptor: ChannelAcceptor): () => void {
    this.channels.set(type, acceptor);
    return () => {
      if (this.channels.get(type) === acceptor) this.channels.delete(type);
    };
  }

  /**
   * Gives global requests of a name to an acceptor.
   *
   * @returns gives none any more
   */
  onRequest(name: string, acceptor: RequestAcceptor): () => void {
    this.requests.set(name, acceptor);
    return () => {
      if (this.requests.get(name) === acceptor) this.requests.delete(name);
    };
  }

  opening(channel: Channel, data: Uint8Array): void {
    const acceptor = this.channels.get(channel.type);
    const opening = new PendingOpening(channel, data, this.door, this.ports);
    if (acceptor === undefined) opening.refuse(this.refusal.reasonCode, this.refusal.description);
    else this.door.quietly(() => acceptor(opening));
  }

  request(name: string, payload: Uint8Array, wantReply: boolean): void {
    const acceptor = this.requests.get(name);
    const request = new QueuedRequest(name, payload, wantReply, () => this.flush());
    const isFull = (this.unanswered?.length ?? 0) >= longestQueue;
    if (wantReply) {
      this.unanswered ??= [];
      this.unanswered.push(request);
    }
    if (acceptor === undefined || isFull) request.reply(false);
    else this.door.quietly(() => acceptor(request));
  }

  forget(): void {
    this.unanswered = undefined;
    this.channels.clear();
    this.requests.clear();
  }

  /** Answers that are known go out, up to the first that is not. */
  private flush(): void {
    const { unanswered } = this;
    while (unanswered?.[0]?.answer !== undefined) {
      const { success, responseData, sent } = (unanswered.shift() as QueuedRequest).answer as Answer;
      this.door.quietly((core) => core.connection.replyGlobal(success, responseData));
      sent?.();
    }
    if (unanswered?.length === 0) this.unanswered = undefined;
  }
}

const hearing: Hearing<Acceptors, ConnectionEvent | Ended> = {
  channelOpenRequested: (self, { channel, channelTypeData }) => self.opening(channel, channelTypeData),
  globalRequest: (self, { name, payload, wantReply }) => self.request(name, payload, wantReply),
  ended: (self) => self.forget(),
};

class PendingOpening implements ChannelOpening {
  readonly type: string;
  readonly data: Uint8Array;
  private readonly channel: Channel;
  private readonly door: CoreDoor;
  private readonly ports: PortMaker;
  private answered = false;

  constructor(channel: Channel, data: Uint8Array, door: CoreDoor, ports: PortMaker) {
    this.type = channel.type;
    this.data = data;
    this.channel = channel;
    this.door = door;
    this.ports = ports;
  }

  get isOpen(): boolean {
    return !this.answered && this.door.isLive;
  }

  accept(): ChannelPort | undefined {
    if (!this.isOpen) return undefined;
    this.answered = true;
    this.door.quietly((core) => core.connection.acceptOpen(this.channel));
    return this.door.isLive ? this.ports.portFor(this.channel) : undefined;
  }

  refuse(reasonCode: number, description: string): void {
    if (!this.isOpen) return;
    this.answered = true;
    this.door.quietly((core) => core.connection.refuseOpen(this.channel, reasonCode, description));
  }
}

interface Answer {
  readonly success: boolean;
  readonly responseData: Uint8Array;
  readonly sent: (() => void) | undefined;
}

class QueuedRequest implements IncomingRequest {
  readonly name: string;
  readonly payload: Uint8Array;
  readonly wantReply: boolean;
  answer: Answer | undefined;
  private readonly answered: () => void;

  constructor(name: string, payload: Uint8Array, wantReply: boolean, answered: () => void) {
    this.name = name;
    this.payload = payload;
    this.wantReply = wantReply;
    this.answered = answered;
  }

  reply(success: boolean, responseData: Uint8Array = emptyBytes, sent?: () => void): void {
    if (this.answer !== undefined) return;
    this.answer = { success, responseData, sent };
    this.answered();
    if (!this.wantReply) sent?.();
  }
}

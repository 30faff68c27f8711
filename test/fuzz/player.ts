/**
 * Plays records as the life of one connection: what the peer says, what the user does, what time does.
 *
 * Owns: the numbers of the operations, the order of application calls that the
 * core's interface asks for, the laws that hold whatever is played.
 * Must not know: where the records are from.
 */

import { SshError } from '../../src/base/errors.ts';
import { defaultLimits, type Limits } from '../../src/base/limits.ts';
import type { Channel } from '../../src/connection/channel.ts';
import type { ClientEvent } from '../../src/protocol/client.ts';
import type { ServerEvent } from '../../src/protocol/server.ts';
import { seededBytes } from '../sim/random.ts';
import { createToyProvider, toyAlgorithms, toyKey } from '../sim/toyCrypto.ts';
import { Conversation, type Stage } from '../support/conversation.ts';
import type { FuzzRecord } from './records.ts';
import { attempt, law } from './target.ts';

/** What each number does. Fixtures hold them: they do not change. */
export const play = {
  /** A payload, sealed truly. */
  say: 0,
  /** Bytes on the wire as they are. */
  raw: 1,
  /** Both sides talk until there is nothing to say. */
  exchange: 2,
  /** Two bytes: tenths of a second, modulo two minutes. */
  time: 3,
  /** Two bytes: where; the rest replaces what is there in the next payload of the server. */
  tamper: 4,
  /** A payload, sealed truly, that stays with the server until something else is sent. */
  queue: 5,
  /** The link is gone. */
  linkEnds: 7,
  open: 16,
  write: 17,
  eof: 18,
  close: 19,
  request: 20,
  take: 21,
  globalRequest: 22,
  rekey: 23,
  ping: 24,
  answer: 25,
  disconnect: 26,
  discard: 27,
  decide: 28,
  serverOpen: 32,
  serverWrite: 33,
  serverEof: 34,
  serverClose: 35,
  serverRequest: 36,
  serverTake: 37,
  serverGlobalRequest: 38,
  serverRekey: 39,
  serverDecide: 40,
} as const;

/** Small enough that inputs reach them. */
export const tightLimits: Limits = {
  ...defaultLimits,
  packetLength: 40_000,
  identificationLines: 16,
  identificationBytes: 1024,
  bannerBytes: 2048,
  authenticationRounds: 6,
  channels: 6,
  windowSize: 64 * 1024,
  maximumWindowSize: 256 * 1024,
  outputQueue: 256 * 1024,
  messagesWithoutEffect: 32,
  keyExchangesWithoutData: 4,
};

/** Bytes the core may hold unread beside a packet, and seal ahead beside the queue. */
const slack = 64 * 1024;
const ahead = 320 * 1024;

/** More than a packet takes, and no more than is quick. */
const longestWrite = 36_000;

/** One side as the application sees it. */
interface Side {
  readonly core: Conversation['client'] | Conversation['server'];
  readonly salt: number;
  readonly channels: Channel[];
  readonly asked: Channel[];
  /** Requests of the peer that want a reply, a channel for each. */
  readonly requests: Channel[];
  globalRequests: number;
  seen: number;
}

export interface PlayerOptions {
  readonly stage: Stage;
  readonly limits: Limits;
  /** The server keeps the rules: what arrives is what was written, and no side accuses the other. */
  readonly honest: boolean;
}

export class Player {
  readonly conversation: Conversation;
  private readonly options: PlayerOptions;
  private readonly client: Side;
  private readonly server: Side;
  private tampering: Uint8Array | undefined;
  /** Bytes written and taken, by channel and stream. */
  private readonly written = new Map<Channel, [number, number]>();
  private readonly taken = new Map<Channel, [number, number]>();
  private checked = 0;

  constructor(options: PlayerOptions) {
    this.options = options;
    this.conversation = Conversation.to(options.stage, {
      client: {
        provider: createToyProvider(countedBytes(1)),
        preferences: toyAlgorithms,
        limits: options.limits,
        keepAlive: { interval: 15_000, maxMissed: 3 },
        rekey: { bytes: 2 ** 20, packets: 2 ** 20, interval: 3_600_000 },
      },
      server: {
        provider: createToyProvider(countedBytes(2)),
        preferences: toyAlgorithms,
        hostKeys: [hostKey],
      },
      tamper: (payload) => this.tamper(payload),
    });
    this.client = sideOf(this.conversation.client, 1);
    this.server = sideOf(this.conversation.server, 2);
  }

  /** Plays one record. Nothing is done once the client has ended. */
  play({ operation, payload }: FuzzRecord): void {
    const { conversation } = this;
    if (conversation.cause !== undefined) return;
    switch (operation) {
      case play.say:
        if (payload.length > 0) conversation.sayPayload(payload);
        break;
      case play.raw:
        conversation.sayBytes(payload);
        break;
      case play.exchange:
        conversation.exchange();
        break;
      case play.time:
        conversation.advance(100 * (word(payload, 0) % 1200));
        break;
      case play.tamper:
        this.tampering = payload;
        break;
      case play.queue:
        if (payload.length > 0) conversation.queuePayload(payload);
        break;
      case play.linkEnds:
        conversation.client.linkEnded(undefined);
        break;
      case play.answer:
        attempt(() => this.answer(payload));
        break;
      case play.ping:
        if (conversation.client.transport.peerExtensions.ping) conversation.client.transport.ping();
        break;
      case play.disconnect:
        conversation.client.disconnect(closed());
        break;
      default:
        if (operation >= play.serverOpen) this.act(this.server, operation - play.serverOpen, payload);
        else if (operation >= play.open) this.act(this.client, clientActions[operation] ?? -1, payload);
    }
    this.note();
    this.check();
  }

  /** What holds at the end: one end, one cause, and nothing that waits. */
  finish(): SshError | undefined {
    const { client, cause, events } = this.conversation.deliver();
    this.note();
    this.check();
    const ends = events.filter((event) => event.type === 'ended');
    law(ends.length === (cause === undefined ? 0 : 1), `${ends.length} ends`);
    if (cause === undefined) return undefined;
    law(events.at(-1)?.type === 'ended', 'an event behind the last');
    law(client.waits.size === 0, 'a wait outlives the connection');
    law(cause instanceof SshError, 'the cause is no SshError');
    return cause;
  }

  // The application ------------------------------------------------------------------

  private act(side: Side, action: number, payload: Uint8Array): void {
    if (side.core.cause !== undefined || !this.isReady) return;
    const channel = side.channels[(payload[0] ?? 0) % Math.max(1, side.channels.length)];
    const wanted = (payload[1] ?? 0) % 2 === 1;
    const { connection } = side.core.at(this.conversation.now);
    attempt(() => {
      switch (action) {
        case 0:
          side.channels.push(connection.open(wanted ? 'session' : 'direct-tcpip', payload.slice(2)));
          break;
        case 1:
          if (channel !== undefined) this.write(side, channel, word(payload, 2) % longestWrite, wanted);
          break;
        case 2:
          channel?.eof();
          break;
        case 3:
          if (channel !== undefined) connection.close(channel);
          break;
        case 4:
          channel?.request(wanted ? 'exec' : 'env', payload.slice(3), (payload[2] ?? 0) % 2 === 0);
          break;
        case 5:
          if (channel !== undefined) this.take(side, channel, wanted);
          break;
        case 6:
          if (wanted) connection.request('any@example', payload.slice(2), true);
          else connection.request('any@example', payload.slice(2), false);
          break;
        case 7:
          side.core.rekey();
          break;
        case 8:
          this.decide(side, payload);
          break;
        case 9:
          if (channel !== undefined) this.discard(channel);
          break;
        default:
      }
    });
  }

  /** The peer's oldest question of one kind. */
  private decide(side: Side, payload: Uint8Array): void {
    const { connection } = side.core;
    const isYes = (payload[1] ?? 0) % 2 === 1;
    switch ((payload[0] ?? 0) % 3) {
      case 0: {
        const channel = side.asked.shift();
        if (channel === undefined || channel.state !== 'opening') return;
        if (isYes) side.channels.push(channel);
        if (isYes) connection.acceptOpen(channel);
        else connection.refuseOpen(channel, 1, 'no');
        return;
      }
      case 1:
        side.requests.shift()?.reply(isYes);
        return;
      default:
        if (side.globalRequests === 0) return;
        side.globalRequests--;
        connection.replyGlobal(isYes);
    }
  }

  private write(side: Side, channel: Channel, length: number, extended: boolean): void {
    const stream = extended ? 1 : 0;
    const total = this.written.get(channel) ?? [0, 0];
    const start = total[stream];
    channel.write(patternFrom(start, length, side.salt + stream), extended ? 1 : undefined);
    total[stream] += length;
    this.written.set(channel, total);
  }

  private take(side: Side, channel: Channel, extended: boolean): void {
    const stream = extended ? 1 : 0;
    const total = this.taken.get(channel) ?? [0, 0];
    const salt = (side === this.client ? this.server : this.client).salt + stream;
    for (;;) {
      const piece = channel.take(extended ? 'extended' : 'data');
      if (piece === undefined) break;
      law(piece.length > 0, 'a piece of nothing');
      const expected = patternFrom(total[stream], piece.length, salt);
      if (this.options.honest) law(Buffer.compare(piece, expected) === 0, 'other bytes than were written');
      total[stream] += piece.length;
    }
    this.taken.set(channel, total);
  }

  private discard(channel: Channel): void {
    const total = this.taken.get(channel) ?? [0, 0];
    total[0] += channel.data.length;
    total[1] += channel.extended.length;
    this.taken.set(channel, total);
    channel.discard('data');
    channel.discard('extended');
  }

  private answer(payload: Uint8Array): void {
    const client = this.conversation.client.at(this.conversation.now);
    const text = Buffer.from(payload.subarray(1, 40)).toString('latin1');
    const asked = this.conversation.events.findLast((event) => event.type.endsWith('Wanted'));
    switch (asked?.type) {
      case 'methodWanted':
        switch ((payload[0] ?? 0) % 4) {
          case 0:
            return client.attempt({ method: 'none' });
          case 1:
            return client.attempt({ method: 'password', password: text });
          case 2:
            return client.attempt({ method: 'keyboard-interactive', submethods: '' });
          default:
            return client.attempt({
              method: 'publickey',
              algorithm: 'ssh-ed25519',
              publicKey: payload.slice(1),
              probe: (payload[0] ?? 0) >= 128,
            });
        }
      case 'signatureWanted':
        return (payload[0] ?? 0) % 2 === 0 ? client.sign(payload.slice(1)) : client.signatureFailed();
      case 'passwordChangeWanted':
        return (payload[0] ?? 0) % 2 === 0 ? client.changePassword('a', text) : client.refusePasswordChange();
      case 'promptsWanted':
        if ((payload[0] ?? 0) % 2 === 1) return client.refusePrompts();
        return client.answerPrompts(asked.prompts.map(() => text));
      default:
    }
  }

  // What came about --------------------------------------------------------------------

  private get isReady(): boolean {
    return this.conversation.client.transport.gateState === 'connection';
  }

  private note(): void {
    this.noteEvents(this.client, this.conversation.events);
    this.noteEvents(this.server, this.conversation.serverEvents);
  }

  private noteEvents(side: Side, events: readonly (ClientEvent | ServerEvent)[]): void {
    for (; side.seen < events.length; side.seen++) {
      const event = events[side.seen];
      if (event?.type === 'channelOpenRequested') side.asked.push(event.channel);
      if (event?.type === 'channelRequest' && event.wantReply) side.requests.push(event.channel);
      if (event?.type === 'globalRequest' && event.wantReply) side.globalRequests++;
      if (event?.type === 'channelClosed') removeAll(side.requests, event.channel);
    }
  }

  /** The bounds of memory, and the rules both sides keep where both are honest. */
  private check(): void {
    const { client, server, events } = this.conversation;
    const { limits, honest } = this.options;
    law(client.transport.pendingOutput <= limits.outputQueue + ahead, 'more output than the limit');
    law(events.length <= 1000 + client.bytesReceived, 'more events than bytes');
    if (client.cause === undefined) {
      law(client.bufferedInput <= limits.packetLength + slack, 'more input than the limit');
    }
    const channels = client.connection.list();
    law(channels.length <= limits.channels, 'more channels than the limit');
    for (const { data, extended } of channels) {
      law(data.length + extended.length <= limits.maximumWindowSize, 'more data than the window');
    }
    law(client.waits.size <= 16 + 2 * events.length + this.checked, 'more waits than reasons to wait');
    this.checked++;
    const causes = [client.cause, honest ? server.cause : undefined];
    for (const cause of causes) {
      if (cause?.code === 'ERR_SSH_INTERNAL') throw cause;
      law(
        !honest || cause === undefined || innocent.has(cause.code),
        `an honest peer is accused: ${cause?.message}`,
      );
    }
  }

  private tamper(payload: Uint8Array): Uint8Array {
    const { tampering } = this;
    if (tampering === undefined) return payload;
    this.tampering = undefined;
    const at = word(tampering, 0) % payload.length;
    const altered = payload.slice();
    altered.set(tampering.subarray(2, 2 + payload.length - at), at);
    return altered;
  }
}

/** What may end a connection between two that keep the rules. */
const innocent: ReadonlySet<string> = new Set([
  'ERR_SSH_TIMEOUT',
  'ERR_SSH_CLOSED',
  'ERR_SSH_DISCONNECTED',
  'ERR_SSH_CONNECTION_LOST',
  'ERR_SSH_LIMIT',
]);

/** The user's operations by the numbers that `act` knows. */
const clientActions: Readonly<Record<number, number>> = {
  [play.open]: 0,
  [play.write]: 1,
  [play.eof]: 2,
  [play.close]: 3,
  [play.request]: 4,
  [play.take]: 5,
  [play.globalRequest]: 6,
  [play.rekey]: 7,
  [play.decide]: 8,
  [play.discard]: 9,
};

const hostKey = toyKey(seededBytes(3)(32));

function sideOf(core: Side['core'], salt: number): Side {
  return { core, salt: salt * 100, channels: [], asked: [], requests: [], globalRequests: 0, seen: 0 };
}

/** Other bytes at each call; a generator would take longer than the protocol. */
function countedBytes(salt: number): (length: number) => Uint8Array {
  let calls = salt;
  return (length) => {
    calls += 2;
    return new Uint8Array(length).fill(calls);
  };
}

function closed(): SshError {
  return new SshError('ERR_SSH_CLOSED', 'closed', { origin: 'user', phase: 'close' });
}

function word(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) << 8) | (bytes[at + 1] ?? 0);
}

function patternFrom(start: number, length: number, salt: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = ((start + i) * 31 + salt * 17 + ((start + i) >> 8)) & 0xff;
  return bytes;
}

function removeAll<T>(from: T[], item: T): void {
  for (let at = from.indexOf(item); at >= 0; at = from.indexOf(item)) from.splice(at, 1);
}

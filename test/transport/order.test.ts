/**
 * Messages leave in the order in which they were said, whatever is exchanged meanwhile.
 *
 * Two cores talk over a wire that brings bytes when the test says so. Either side
 * says messages of all kinds and starts key exchanges at any moment, which is before,
 * between and behind every message of an exchange under way.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, emptyBytes } from '../../src/base/bytes.ts';
import type { Channel } from '../../src/connection/channel.ts';
import { readUint32 } from '../../src/crypto/provider/packetFields.ts';
import type { MessageCodec } from '../../src/message/codec.ts';
import { seededBytes } from '../sim/random.ts';
import { createToyProvider, toyAlgorithms, toyKey } from '../sim/toyCrypto.ts';
import { Conversation, payloadOf } from '../support/conversation.ts';

type Core = Conversation['client'] | Conversation['server'];

const hostKey = toyKey(new Uint8Array(32).fill(9));

/** One side, with the account of what it said and of what it heard. */
class Side {
  readonly core: Core;
  other: Side | undefined;
  /** Payloads of messages that are no data, as hex, in order. */
  readonly said: string[] = [];
  readonly heard: string[] = [];
  /** Bytes on their way to it. */
  readonly incoming: number[] = [];
  readonly channels: Channel[] = [];
  readonly ended = new Set<Channel>();
  /** Bytes written to each channel, and for each how many messages were said before. */
  private readonly written = new Map<Channel, number[]>();
  private readonly arrived = new Map<Channel, number>();

  constructor(core: Core) {
    this.core = core;
    const { transport } = core;
    const send = transport.send.bind(transport);
    transport.send = <T>(message: MessageCodec<T>, value: T, ...rest: []) => {
      // Noted only where it was taken: what is refused was not said.
      const sent = send(message, value, ...rest);
      this.said.push(hex(payloadOf(message, value)));
      return sent;
    };
    const receive = core.receiveMessage.bind(core);
    core.receiveMessage = (number, buffer, start, end) => {
      if (number === 94) this.heardData(readUint32(buffer, start + 1), buffer.subarray(start + 9, end));
      else this.heard.push(hex(buffer.slice(start, end)));
      receive(number, buffer, start, end);
    };
  }

  write(channel: Channel, length: number): void {
    const written = this.written.get(channel) ?? [];
    const data = Uint8Array.from({ length }, (_, i) => (written.length + i) & 0xff);
    channel.write(data);
    for (let i = 0; i < length; i++) written.push(this.said.length);
    this.written.set(channel, written);
  }

  /** Bytes come in their order, and none before what was said ahead of it. */
  private heardData(recipientChannel: number, data: Uint8Array): void {
    const { other } = this;
    const channel = other?.channels.findLast(({ remoteId }) => remoteId === recipientChannel);
    if (other === undefined || channel === undefined) throw new Error('data for nobody');
    let at = other.arrived.get(channel) ?? 0;
    const written = other.written.get(channel) ?? [];
    for (const byte of data) {
      if (byte !== (at & 0xff)) throw new Error(`byte ${at} is another one`);
      if ((written[at] ?? Number.NaN) > this.heard.length) throw new Error(`byte ${at} overtook a message`);
      at++;
    }
    other.arrived.set(channel, at);
  }

  /** What it has to say by now is on its way to the other. */
  sendTo(other: Side): void {
    for (let bytes = this.core.takeOutput(); bytes !== undefined; bytes = this.core.takeOutput()) {
      for (const byte of bytes) other.incoming.push(byte);
    }
  }

  /** Takes so many of the bytes on their way to it, and answers what is asked. */
  hear(count: number): void {
    const bytes = this.incoming.splice(0, count);
    if (bytes.length > 0) this.core.receive(Uint8Array.from(bytes), 0);
    for (let event = this.core.nextEvent(); event !== undefined; event = this.core.nextEvent()) {
      if (event.type === 'channelOpenRequested') {
        this.core.connection.acceptOpen(event.channel);
        this.channels.push(event.channel);
      } else if (event.type === 'channelOpened') this.channels.push(event.channel);
      else if (event.type === 'channelRequest' && event.wantReply) event.channel.reply(true);
      else if (event.type === 'globalRequest' && event.wantReply) this.core.connection.replyGlobal(true);
      else if (event.type === 'channelReadable') while (event.channel.take('data') !== undefined);
    }
  }
}

const deeds = ['ask', 'tell', 'open', 'request', 'write', 'eof', 'close', 'rekey', 'send', 'hear'] as const;

interface Deed {
  readonly side: 0 | 1;
  readonly deed: (typeof deeds)[number];
  readonly amount: number;
}

const story: fc.Arbitrary<Deed[]> = fc.array(
  fc.record({
    side: fc.constantFrom(0 as const, 1 as const),
    deed: fc.oneof(
      { weight: 2, arbitrary: fc.constantFrom(...deeds) },
      { weight: 1, arbitrary: fc.constantFrom('rekey' as const, 'send' as const, 'hear' as const) },
    ),
    // Of bytes: from less than a packet to more than an exchange.
    amount: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 60, max: 3000 })),
  }),
  { minLength: 5, maxLength: 80 },
);

function newConversation(compression: string): Conversation {
  const limits = { keyExchangesWithoutData: 1_000_000 };
  const preferences = { ...toyAlgorithms, compression: [compression] };
  return new Conversation({
    client: { preferences, provider: createToyProvider(seededBytes(1)), limits },
    server: { preferences, provider: createToyProvider(seededBytes(2)), limits, hostKeys: [hostKey] },
  });
}

function begin(compression: string): [Side, Side] {
  const conversation = newConversation(compression).proceed('ready').exchange();
  const [client, server] = [new Side(conversation.client), new Side(conversation.server)];
  client.other = server;
  server.other = client;
  return [client, server];
}

function act(side: Side, other: Side, { deed, amount }: Deed, index: number): void {
  const { core } = side;
  const { connection } = core.at(0);
  const channel = side.channels.filter(({ state, closeSent }) => state === 'open' && !closeSent)[0];
  switch (deed) {
    case 'ask':
      connection.request(`${index}@order`, emptyBytes, true);
      return;
    case 'tell':
      connection.request(`${index}@order`, emptyBytes, false);
      return;
    case 'open':
      connection.open(`${index}@order`, emptyBytes);
      return;
    case 'request':
      channel?.request(`${index}@order`, emptyBytes, amount % 2 === 0);
      return;
    case 'write':
      if (channel !== undefined && !side.ended.has(channel)) side.write(channel, amount);
      return;
    case 'eof':
      if (channel === undefined) return;
      side.ended.add(channel);
      channel.eof();
      return;
    case 'close':
      if (channel !== undefined && channel.pendingBytes === 0) connection.close(channel);
      return;
    case 'rekey':
      core.rekey();
      return;
    case 'send':
      return side.sendTo(other);
    case 'hear':
      return side.hear(amount);
    default:
      deed satisfies never;
  }
}

/** Both say and hear until neither has anything more to say. */
function settle(one: Side, two: Side): void {
  for (let turns = 0; turns < 200; turns++) {
    one.sendTo(two);
    two.sendTo(one);
    if (one.incoming.length + two.incoming.length === 0) return;
    one.hear(Number.POSITIVE_INFINITY);
    two.hear(Number.POSITIVE_INFINITY);
  }
  throw new Error('they never have done');
}

it('nothing overtakes anything, in either role, at whatever moment keys are exchanged', () => {
  fc.assert(
    fc.property(story, fc.constantFrom('none', 'zlib@openssh.com'), (given, compression) => {
      const [client, server] = begin(compression);
      for (const [index, deed] of given.entries()) {
        const sides = deed.side === 0 ? ([client, server] as const) : ([server, client] as const);
        act(sides[0], sides[1], deed, index);
      }
      settle(client, server);
      expect(client.core.cause).toBeUndefined();
      expect(server.core.cause).toBeUndefined();
      expect(server.heard).toEqual(client.said);
      expect(client.heard).toEqual(server.said);
    }),
    { numRuns: 300 },
  );
}, 120_000);

describe('SUCCESS that is said while keys are exchanged', () => {
  const moments = [0, 1, 2, 3, 4];

  it.each(['none', 'zlib@openssh.com'])(
    'is followed by what was said behind it (compression: %s)',
    (compression) => {
      for (const rekeys of ['client', 'server'] as const) {
        for (const moment of moments) {
          const conversation = newConversation(compression).proceed('authentication');
          const { client, server } = conversation;
          client.at(0).attempt({ method: 'password', password: 'any' });
          server.receive(takeAll(client), 0);
          conversation[rekeys].at(0).rekey();
          // The verdict comes before, between and behind the messages of the exchange.
          for (let i = 0; i < moment; i++) pass(i, client, server);
          server.accept();
          server.connection.request('behind@order', emptyBytes, false);
          for (let i = 0; i < 12; i++) pass(i, client, server);
          client.connection.request('answer@order', emptyBytes, false);
          for (let i = 0; i < 4; i++) pass(i, client, server);
          const where = `${rekeys} rekeys, verdict after ${moment} moves`;
          expect([client.cause, server.cause], where).toEqual([undefined, undefined]);
          expect(namesOf(client), where).toEqual(['behind@order']);
          expect(namesOf(server), where).toEqual(['answer@order']);
        }
      }
    },
  );

  /** By turns one side's bytes go to the other. */
  function pass(turn: number, client: Core, server: Core): void {
    const [from, to] = turn % 2 === 0 ? [client, server] : [server, client];
    const bytes = takeAll(from);
    if (bytes.length > 0) to.receive(bytes, 0);
  }

  function namesOf(core: Core): string[] {
    const names: string[] = [];
    for (let event = core.nextEvent(); event !== undefined; event = core.nextEvent()) {
      if (event.type === 'globalRequest') names.push(event.name);
    }
    return names;
  }
});

function takeAll(core: Core): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = core.takeOutput(); chunk !== undefined; chunk = core.takeOutput()) chunks.push(chunk);
  return concatBytes(...chunks);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

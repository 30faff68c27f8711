/**
 * Compression (RFC 4253 §6.2): a peer's few bytes become many, and the code that
 * makes them is exposed to whoever may send (HOSTILE 49; CVE-2026-46702 class).
 */
import { constants, createDeflate, type ZlibOptions } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { channelData } from '../../src/message/channel.ts';
import { ignore, kexInit } from '../../src/message/transport.ts';
import { userauthBanner } from '../../src/message/userauth.ts';
import { Deflater } from '../../src/packet/deflate.ts';
import { Inflater } from '../../src/packet/inflate.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { codeOf } from '../crypto/support.ts';
import { noise } from '../packet/support.ts';
import { seededBytes } from '../sim/random.ts';
import { createToyProvider, toyAlgorithms, toyKey } from '../sim/toyCrypto.ts';
import { Conversation, type ConversationOptions, payloadOf } from '../support/conversation.ts';

const with_ = (...names: readonly string[]): ConversationOptions => ({
  client: { preferences: { compression: names } },
  server: { preferences: { compression: names } },
});
const delayed = with_('zlib@openssh.com');
const inUse = ({ client }: Conversation): unknown =>
  client.transport.keyExchange.negotiated?.serverToClient.compression;

/** Says bytes as they are where the client expects compressed ones. */
function sayCompressed(conversation: Conversation, bytes: Uint8Array): Conversation {
  conversation.server.transport.sealer.compressWith(undefined);
  return conversation.sayPayload(bytes);
}

/** A channel over which the server says things to the client. */
function withChannel(conversation: Conversation): { readonly say: (data: Uint8Array) => Uint8Array } {
  const channel = conversation.client.at(0).connection.open('session', new Uint8Array(0));
  conversation.exchange();
  const [requested] = conversation.serverEventsOf('channelOpenRequested');
  if (requested === undefined) throw new Error('no channel');
  conversation.server.at(0).connection.acceptOpen(requested.channel);
  conversation.exchange();
  return {
    say: (data) => {
      conversation.say(channelData, { recipientChannel: 0, data });
      const pieces: Uint8Array[] = [];
      for (let piece = channel.take('data'); piece !== undefined; piece = channel.take('data'))
        pieces.push(piece);
      return concatBytes(...pieces);
    },
  };
}

describe('zlib@openssh.com', () => {
  it('compresses both directions from SUCCESS on, over rekeys, and not a byte before', () => {
    const before = Conversation.to('authentication', delayed);
    expect(inUse(before)).toBe('zlib@openssh.com');
    before.say(userauthBanner, { message: 'hello', languageTag: '' });
    expect(before.eventsOf('banner')).toHaveLength(1);
    const conversation = Conversation.to('ready', delayed);
    const { say } = withChannel(conversation);
    const text = new Uint8Array(30_000).fill(97);
    const received = conversation.client.bytesReceived;
    expect(say(text)).toEqual(text);
    expect(conversation.client.bytesReceived - received).toBeLessThan(500);
    conversation.client.at(0).rekey();
    conversation.exchange();
    conversation.server.at(0).rekey();
    conversation.exchange();
    expect(say(text)).toEqual(text);
    expect(conversation.cause).toBeUndefined();
    expect(conversation.server.cause).toBeUndefined();
  });

  it('goes on in whatever chunks it comes, with bytes that do not compress', () => {
    const conversation = Conversation.to('ready', { ...delayed, chunk: 11 });
    const { say } = withChannel(conversation);
    for (const length of [1, 100, 30_000]) expect(say(noise(length, length))).toEqual(noise(length, length));
  });

  it('is off unless it is named', () => {
    const conversation = Conversation.to('ready', {
      server: { preferences: { compression: ['zlib@openssh.com', 'none'] } },
    });
    expect(inUse(conversation)).toBe('none');
  });
});

describe('zlib, which would begin before the user is known', () => {
  const offers = (payloads: readonly Uint8Array[]): string[] =>
    payloads
      .filter((payload) => payload[0] === 20)
      .map((payload) =>
        kexInit.decode(new WireReader(payload, 1)).compressionAlgorithmsClientToServer.join(),
      );

  /** A server of old, which offers it from the first KEXINIT on. */
  function oldServer(options: ConversationOptions): Conversation {
    const conversation = new Conversation(options);
    const exchange = conversation.server.transport.keyExchange as unknown as {
      authenticated: boolean;
      options: { preferences: { compression: readonly string[] } };
    };
    exchange.authenticated = true;
    exchange.options.preferences.compression = ['zlib', 'none'];
    return conversation;
  }

  it.each([
    [['zlib'], 'none', 'zlib'],
    [['zlib', 'none'], 'none', 'zlib,none'],
    [['zlib@openssh.com', 'zlib', 'none'], 'zlib@openssh.com,none', 'zlib@openssh.com,zlib,none'],
  ])('of %j the first KEXINIT offers %s and later ones %s', (names, first, later) => {
    const conversation = oldServer(with_(...names));
    const { output } = conversation.client.transport as unknown as {
      output: { sendNow: (message: object, value: object) => Uint8Array };
    };
    const send = output.sendNow.bind(output);
    const payloads: Uint8Array[] = [];
    output.sendNow = (message, value) => {
      const payload = send(message, value);
      payloads.push(payload);
      return payload;
    };
    conversation.proceed('ready').exchange();
    const found = offers(payloads);
    expect([found[0], found.at(-1)]).toEqual([first, later]);
    expect(conversation.cause).toBeUndefined();
    expect(inUse(conversation)).toBe('zlib');
  });

  it('is agreed on in a key exchange of its own after authentication', () => {
    const conversation = oldServer(with_('zlib')).proceed('ready').exchange();
    expect(conversation.eventsOf('keyExchanged').map(({ cause }) => cause)).toEqual([
      'initial',
      'compression',
    ]);
    expect(inUse(conversation)).toBe('zlib');
    const { say } = withChannel(conversation);
    const received = conversation.client.bytesReceived;
    expect(say(new Uint8Array(20_000))).toEqual(new Uint8Array(20_000));
    expect(conversation.client.bytesReceived - received).toBeLessThan(400);
  });

  it('a server of this library offers it to nobody', () => {
    const conversation = Conversation.to('ready', with_('zlib', 'none')).exchange();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(1);
    expect(inUse(conversation)).toBe('none');
  });

  it('ends where it is all that this side takes and the server has it not', () => {
    const conversation = new Conversation({ client: { preferences: { compression: ['zlib'] } } });
    conversation.exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_NO_COMMON_ALGORITHM', phase: 'keyExchange' });
    expect(conversation.eventsOf('ready')).toHaveLength(0);
  });

  it('needs none where what was agreed on before is as good', () => {
    const conversation = Conversation.to('ready', with_('zlib@openssh.com', 'zlib')).exchange();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(1);
  });

  it('compressed bytes before SUCCESS are never decompressed', () => {
    const conversation = Conversation.to('authentication', delayed);
    const piece = new Deflater().deflate(payloadOf(ignore, { data: new Uint8Array(9) }), 0, 14);
    conversation.sayPayload(piece.slice());
    expect(conversation.cause?.code).toMatch(/ERR_SSH_(UNEXPECTED_MESSAGE|DECODE)/);
  });
});

describe('a compression bomb (CVE-2026-46702, asyncssh)', () => {
  it.each([300_000, 4_000_000, 16_000_000])(
    'CVE-2026-46702, asyncssh: of %i bytes ends with a typed error',
    (length) => {
      const conversation = Conversation.to('ready', delayed);
      conversation.say(ignore, { data: new Uint8Array(length) });
      expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT', origin: 'peer' });
      expect(conversation.cause?.message).toContain('more than 262144 bytes when it is decompressed');
    },
  );

  it('of as much as the limit allows is taken', () => {
    const conversation = Conversation.to('ready', delayed);
    conversation.say(ignore, { data: new Uint8Array(256 * 1024 - 5) });
    expect(conversation.cause).toBeUndefined();
    conversation.say(ignore, { data: new Uint8Array(256 * 1024 - 4) });
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
  });

  it('CVE-2026-46702, asyncssh: is stopped while it grows, nothing beyond the limit is ever written', () => {
    const deflater = new Deflater();
    const bomb = deflater.deflate(new Uint8Array(32 * 1024 * 1024), 0, 32 * 1024 * 1024).slice();
    expect(bomb.length).toBeLessThan(256 * 1024);
    const inflater = new Inflater(100_000);
    expect(codeOf(() => inflater.inflate(bomb, 0, bomb.length))).toBe('ERR_SSH_LIMIT');
    expect(Reflect.get(inflater, 'filled')).toBeLessThanOrEqual(100_000);
    expect((Reflect.get(inflater, 'output') as Uint8Array).length).toBeLessThanOrEqual(2 * 100_000);
  });

  it('the limit can be set', () => {
    const limits = { inflatedPayload: 50_000 };
    const conversation = Conversation.to('ready', { ...delayed, client: { ...delayed.client, limits } });
    conversation.say(ignore, { data: new Uint8Array(60_000) });
    expect(conversation.cause?.message).toContain('more than 50000 bytes');
  });
});

describe('compressed data that cannot be', () => {
  /** A last block where a stream goes on, a header that is none, a distance to before the beginning. */
  it.each([
    ['another header', '1f8b0800'],
    ['a last block', '789c0100000000'],
    ['a distance to before the beginning', '789c1a030200'],
  ])('%s ends', (_, hex) => {
    const conversation = Conversation.to('ready', delayed);
    // The stream of the server began with EXT_INFO or SUCCESS; a rekey begins a new one.
    conversation.client.at(0).rekey();
    conversation.exchange();
    const wasNew = new Inflater(1000);
    conversation.client.transport.opener.decompressWith(wasNew);
    expect(sayCompressed(conversation, Buffer.from(hex, 'hex')).cause).toMatchObject({
      code: 'ERR_SSH_PACKET',
    });
  });

  it('a packet that becomes nothing ends', () => {
    const conversation = Conversation.to('ready', delayed);
    conversation.client.transport.opener.decompressWith(new Inflater(1000));
    const cause = sayCompressed(conversation, Uint8Array.of(0x78, 0x9c, 0, 0, 0, 0xff, 0xff)).cause;
    expect(cause).toMatchObject({ code: 'ERR_SSH_PACKET' });
    expect(cause?.message).toContain('becomes nothing');
  });

  it('empty blocks by the ten thousand, each with tables to be made, end at the 4,097th', () => {
    // A dynamic block with the end of block for its only symbol, padded to whole bytes by an empty stored one.
    const block = concatBytes(emptyDynamicBlock(), Uint8Array.of(0, 0, 0xff, 0xff));
    const stream = (blocks: number): Uint8Array =>
      concatBytes(Uint8Array.of(0x78, 0x9c), ...Array.from({ length: blocks / 2 }, () => block));
    const inflated = (blocks: number): { code: string; blocks: number } => {
      const inflater = new Inflater(262_144);
      const bytes = stream(blocks);
      const code = codeOf(() => inflater.inflate(bytes, 0, bytes.length));
      return { code, blocks: inflater.blocks };
    };
    expect(inflated(4096)).toEqual({ code: 'nothing thrown', blocks: 4096 });
    expect(inflated(20_000)).toEqual({ code: 'ERR_SSH_LIMIT', blocks: 4097 });
  });
});

describe('decompressing that costs more than it brings', () => {
  const toy: ConversationOptions = {
    client: {
      provider: createToyProvider(seededBytes(1)),
      preferences: { ...toyAlgorithms, ...delayed.client?.preferences },
    },
    server: {
      provider: createToyProvider(seededBytes(2)),
      preferences: { ...toyAlgorithms, ...delayed.server?.preferences },
      hostKeys: [toyKey(new Uint8Array(32).fill(9))],
    },
  };
  const header = Uint8Array.of(0x78, 0x9c);
  const stored = (bytes: Uint8Array): Uint8Array => {
    const [low, high] = [bytes.length & 0xff, bytes.length >> 8];
    return concatBytes(Uint8Array.of(0, low, high, low ^ 0xff, high ^ 0xff), bytes);
  };

  /** How many of these packets are taken, at most so many. */
  function taken(pieces: (index: number) => Uint8Array, most: number, pause = 0): number {
    const conversation = Conversation.to('ready', toy);
    withChannel(conversation);
    const { client } = conversation;
    client.transport.opener.decompressWith(new Inflater(262_144));
    for (let i = 0; i < most; i++) {
      conversation.now += pause;
      sayCompressed(conversation, concatBytes(i === 0 ? header : new Uint8Array(0), pieces(i)));
      if (conversation.cause !== undefined) {
        expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT', origin: 'peer' });
        return i;
      }
      client.connection.list()[0]?.discard('data');
    }
    return most;
  }

  const data = (length: number): Uint8Array =>
    payloadOf(channelData, { recipientChannel: 0, data: noise(length, length) });
  const emptyBlocks = concatBytes(
    ...Array.from({ length: 1900 }, () => concatBytes(emptyDynamicBlock(), Uint8Array.of(0, 0, 0xff, 0xff))),
  );

  it('blocks by the thousand, in data too, end at the allowance for messages without effect', () => {
    // 3,801 blocks each, less 4 and less one for each 64 bytes.
    expect(taken(() => concatBytes(emptyBlocks, stored(data(100))), 20)).toBeLessThan(4);
  });

  it('many bytes out of few, in messages without effect, end at it', () => {
    const big = payloadOf(ignore, { data: new Uint8Array(250_000) });
    const deflater = new Deflater();
    const piece = (index: number): Uint8Array => {
      const compressed = deflater.deflate(big, 0, big.length).slice();
      return index === 0 ? compressed.subarray(2) : compressed;
    };
    const count = taken(piece, 1000);
    // 61 for the bytes of each and 1 for the message.
    expect(Math.round(defaultLimits.messagesWithoutEffect / count)).toBe(62);
    // At the rate that comes back they go on for ever.
    const later = new Deflater();
    const pieceLater = (index: number): Uint8Array => {
      const compressed = later.deflate(big, 0, big.length).slice();
      return index === 0 ? compressed.subarray(2) : compressed;
    };
    expect(taken(pieceLater, 180, 630)).toBe(180);
  });

  it('what programs compress is never charged: zeros, text, the least memory, a flush behind each line', async () => {
    const zeros = new Uint8Array(32_000);
    const text = Uint8Array.from({ length: 32_000 }, (_, i) => 97 + ((i * i) % 23));
    const line = Uint8Array.from({ length: 40 }, (_, i) => 97 + i);
    for (const [level, memLevel, what, count] of [
      [9, 9, zeros, 20],
      [1, 1, text, 10],
      [6, 1, noise(32_000, 5), 10],
      [6, 8, line, 300],
    ] as const) {
      const conversation = Conversation.to('ready', toy);
      withChannel(conversation);
      const { client } = conversation;
      client.transport.opener.decompressWith(new Inflater(262_144));
      const payload = payloadOf(channelData, { recipientChannel: 0, data: what });
      const pieces = await deflatedTogether(payload, count, { level, memLevel });
      for (const piece of pieces) {
        sayCompressed(conversation, piece);
        client.connection.list()[0]?.discard('data');
      }
      expect(conversation.cause).toBeUndefined();
      // The opening of the channel was a byte shorter when it was compressed.
      expect(spentBy(conversation), `level ${level}, memLevel ${memLevel}`).toBeLessThan(0.01);
    }
  });

  /** How much of the allowance is gone. */
  function spentBy({ client }: Conversation): number {
    const allowances = Reflect.get(client.transport, 'allowances') as object | undefined;
    const messages = allowances && (Reflect.get(allowances, 'messages') as object | undefined);
    return messages === undefined
      ? 0
      : defaultLimits.messagesWithoutEffect - Number(Reflect.get(messages, 'tokens'));
  }

  /** One payload many times, in pieces of one stream by zlib itself, a flush behind each. */
  async function deflatedTogether(
    payload: Uint8Array,
    count: number,
    options: ZlibOptions,
  ): Promise<Uint8Array[]> {
    const deflate = createDeflate(options);
    let parts: Buffer[] = [];
    deflate.on('data', (part: Buffer) => parts.push(part));
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      deflate.write(payload);
      await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
      pieces.push(concatBytes(...parts));
      parts = [];
    }
    deflate.destroy();
    return pieces;
  }
});

/** BFINAL 0, BTYPE 2, 257 + 1 symbols of which 256 alone has a code, of one bit. */
function emptyDynamicBlock(): Uint8Array {
  let text = '';
  const put = (value: number, count: number): void => {
    for (let i = 0; i < count; i++) text += (value >> i) & 1;
  };
  put(0, 1);
  put(2, 2);
  put(0, 5);
  put(0, 5);
  put(14, 4);
  // In the order 16, 17, 18, 0, 8, … 1: one bit each for 18 and 1.
  for (let i = 0; i < 18; i++) put(i === 2 || i === 17 ? 1 : 0, 3);
  // 1 sorts before 18: its code is 0. 138 + 118 zeros, the end of block, one distance.
  put(1, 1);
  put(127, 7);
  put(1, 1);
  put(107, 7);
  put(0, 1);
  put(0, 1);
  // The end of block.
  put(0, 1);
  // The head of the stored block that follows, with its padding.
  put(0, 3);
  const bits = text.padEnd(Math.ceil(text.length / 8) * 8, '0');
  return Uint8Array.from({ length: bits.length / 8 }, (_, i) =>
    [...bits.slice(8 * i, 8 * i + 8)].reduce((byte, bit, place) => byte | (Number(bit) << place), 0),
  );
}

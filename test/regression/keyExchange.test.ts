/** Values and signatures of a server that cannot be, and what peers have done in the middle of a key exchange. */
import { describe, expect, it } from 'vitest';
import { copyOf, equalBytes } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import type { HostKeyVerifierFunction } from '../../src/client/hostKeys/hostKeys.ts';
import type { Channel } from '../../src/connection/channel.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { decodeSignature, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { channelData, channelEof } from '../../src/message/channel.ts';
import { globalRequest } from '../../src/message/globalRequest.ts';
import { kexDhReply, kexEcdhReply } from '../../src/message/kex.ts';
import { kexInit, newKeys } from '../../src/message/transport.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { fixtureBytes } from '../keys/fixtures.ts';
import { clientCause } from '../sim/laws.ts';
import { createToyProvider, toyAlgorithms, toyKey } from '../sim/toyCrypto.ts';
import { patientServer, World } from '../sim/world.ts';
import { Conversation, payloadOf, seededBytes, testHostKey } from '../support/conversation.ts';
import { memoryInUse, objectsInUse } from '../support/heap.ts';

/** A conversation in which the server's KEX*_REPLY is altered at one place, and perhaps the client's verifier. */
function withReply(
  alter: (reply: { hostKey: Uint8Array; serverPublicKey: Uint8Array; signature: Uint8Array }) => object,
  kex = 'curve25519-sha256',
  verify?: () => boolean,
  rsa?: PrivateKey,
): Conversation {
  const provider = createEagerNobleProvider({ randomBytes: seededBytes(7) });
  return new Conversation({
    client: {
      preferences: { kex: [kex], ...(rsa && { hostKey: ['rsa-sha2-512'] }) },
      provider: { ...provider, ...(verify && { verify }) },
    },
    // By default a server does not offer all that a client may ask for.
    server: { hostKeys: [rsa ?? testHostKey], preferences: { kex: [kex] } },
    tamper: (payload) => {
      if (payload[0] !== 31) return payload;
      const reply = kexEcdhReply.decode(new WireReader(payload, 1));
      return payloadOf(kexEcdhReply, { ...reply, ...alter(reply) });
    },
  }).exchange();
}

const { privateKey: rsaHostKey } = parsePrivateKey(fixtureBytes('rsa/openssh'));

function withF(f: (prime: Uint8Array) => Uint8Array): Conversation {
  return new Conversation({
    client: { preferences: { kex: ['diffie-hellman-group14-sha256'] } },
    tamper: (payload) => {
      if (payload[0] !== 31) return payload;
      const reply = kexDhReply.decode(new WireReader(payload, 1));
      return payloadOf(kexDhReply, { ...reply, f: f(group14Prime) });
    },
  }).exchange();
}

const group14Prime = Uint8Array.from(
  Buffer.from(
    'ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b139b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe649286651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad961c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497cea956ae515d2261898fa051015728e5a8aacaa68ffffffffffffffff',
    'hex',
  ),
);

const ends = { code: 'ERR_SSH_KEY_EXCHANGE', phase: 'keyExchange' };
/** For the value itself, and not because the server's signature is over another. */
const refused = { ...ends, message: expect.not.stringContaining('signature') };
const malformed = { code: 'ERR_SSH_DECODE', phase: 'keyExchange' };

describe('values of the server that cannot be', () => {
  it.each([
    ['0', () => new Uint8Array(0)],
    ['1', () => Uint8Array.of(1)],
    ['p-1', (p: Uint8Array) => Uint8Array.from(p, (byte, i) => (i === p.length - 1 ? byte - 1 : byte))],
    ['p', (p: Uint8Array) => p],
    ['p+1', (p: Uint8Array) => Uint8Array.of(1, ...new Uint8Array(p.length))],
  ])('CVE-2023-28113: DH f of %s ends', (_name, f) => {
    expect(withF(f).cause).toMatchObject(refused);
  });

  it.each([
    ['of small order, for an all-zero secret', new Uint8Array(32)],
    ['of 31 bytes', new Uint8Array(31).fill(9)],
    ['of 33 bytes', new Uint8Array(33).fill(9)],
    ['that is empty', new Uint8Array(0)],
  ])('russh, RFC 8731: an X25519 value %s ends', (_name, serverPublicKey) => {
    expect(withReply(() => ({ serverPublicKey })).cause).toMatchObject(refused);
  });

  it.each([
    ['off the curve', (length: number) => Uint8Array.of(4, ...new Uint8Array(2 * length).fill(7))],
    ['at infinity', () => Uint8Array.of(0)],
    ['compressed', (length: number) => Uint8Array.of(2, ...new Uint8Array(length).fill(7))],
  ])('an EC point %s ends, on every curve', (_name, pointOf) => {
    for (const [curve, length] of [
      ['nistp256', 32],
      ['nistp384', 48],
      ['nistp521', 66],
    ] as const) {
      const reply = { serverPublicKey: pointOf(length) };
      expect(withReply(() => reply, `ecdh-sha2-${curve}`).cause).toMatchObject(refused);
    }
  });

  it.each([1, -1, 32, -32])('a hybrid answer that is too long by %i bytes ends', (difference) => {
    const conversation = withReply(({ serverPublicKey }) => {
      const altered = new Uint8Array(serverPublicKey.length + difference);
      altered.set(serverPublicKey.subarray(0, altered.length));
      return { serverPublicKey: altered };
    }, 'mlkem768x25519-sha256');
    expect(conversation.cause).toMatchObject(refused);
  });
});

describe('host keys and signatures that cannot be', () => {
  it('a host key of another type than negotiated ends', () => {
    const other = generateKey('ecdsa', { bits: 256, randomBytes: seededBytes(5) });
    const blob = new WireWriter()
      .text('ecdsa-sha2-nistp256')
      .text('nistp256')
      .string(other.type === 'ecdsa-sha2-nistp256' ? other.publicKey.point : new Uint8Array(0))
      .copyWritten();
    const { cause } = withReply(() => ({ hostKey: blob }));
    expect(cause).toMatchObject(ends);
    expect(cause?.message).toContain('of type ecdsa-sha2-nistp256');
  });

  it('a signature by another algorithm name ends', () => {
    const conversation = withReply(({ signature }) => ({
      signature: encodeSignature('rsa-sha2-256', decodeSignature(signature).signature),
    }));
    expect(conversation.cause).toMatchObject(ends);
  });

  it.each(['flipped', 'short', 'long', 'empty'])(
    'CVE-2026-46598: an Ed25519 signature that is %s ends',
    (how) => {
      const conversation = withReply(({ signature }) => {
        const { algorithm, signature: raw } = decodeSignature(signature);
        const altered = {
          flipped: Uint8Array.from(raw, (byte, i) => (i === 3 ? byte ^ 1 : byte)),
          short: raw.slice(0, 63),
          long: Uint8Array.of(...raw, 0),
          empty: new Uint8Array(0),
        }[how];
        return { signature: encodeSignature(algorithm, altered ?? raw) };
      });
      expect(conversation.cause).toMatchObject(ends);
    },
  );

  it('CVE-2020-9283: an Ed25519 host key of a wrong length ends', () => {
    const hostKey = new WireWriter().text('ssh-ed25519').string(new Uint8Array(31)).copyWritten();
    expect(withReply(() => ({ hostKey })).cause).toMatchObject({ code: 'ERR_SSH_DECODE' });
  });

  it.each([
    ['a modulus of 100,000 bits', 12_500, Uint8Array.of(1, 0, 1)],
    ['an even exponent', 256, Uint8Array.of(1, 0, 0)],
    ['a huge exponent', 256, new Uint8Array(200).fill(3)],
  ])('CVE-2026-39829: RSA with %s is refused before any arithmetic', (_name, length, exponent) => {
    const modulus = new Uint8Array(length).fill(0xff);
    const hostKey = new WireWriter().text('ssh-rsa').mpint(exponent).mpint(modulus).copyWritten();
    let verified = 0;
    const verify = (): boolean => ++verified > 0;
    const { cause } = withReply(() => ({ hostKey }), undefined, verify, rsaHostKey);
    expect(cause).toMatchObject({ code: 'ERR_SSH_DECODE' });
    expect(verified).toBe(0);
  });

  it.each([
    ['throws', () => false],
    ['returns undefined', () => undefined],
    ['returns 1', () => 1],
    ['returns a promise of true', () => Promise.resolve(true)],
  ])('CVE-2023-2283, CVE-2025-5987: a verifier that %s fails closed', (name, answer) => {
    const { cause, events } = withReply(
      () => ({}),
      undefined,
      () => {
        if (name === 'throws') throw new Error('out of memory');
        return answer() as unknown as boolean;
      },
    );
    const code = name === 'throws' ? 'ERR_SSH_INTERNAL' : 'ERR_SSH_KEY_EXCHANGE';
    expect(cause).toMatchObject({ code, phase: 'keyExchange' });
    expect(events.some(({ type }) => type === 'hostKey')).toBe(false);
  });

  const fault = new Error('no such file');
  const verdicts: readonly [string, () => unknown][] = [
    [
      'throws',
      () => {
        throw fault;
      },
    ],
    ['rejects', () => Promise.reject(fault)],
    ['returns undefined', () => undefined],
    ['returns 1', () => 1],
    ['returns the text true', () => 'true'],
    ['returns an object', () => ({ accepted: true })],
    ['returns a function', () => () => true],
    ['returns a promise of undefined', () => Promise.resolve(undefined)],
    ['returns a promise of false', () => Promise.resolve(false)],
  ];
  it.each(verdicts)(
    'CVE-2025-26465, CVE-2025-10966, ssh2#1268: a host key check that %s accepts nothing',
    async (name, verdict) => {
      const world = new World({ seed: 1 });
      const asked: string[] = [];
      const over = await world.play(async () => {
        await world.startServer({
          authentication: { publicKey: (username) => asked.push(username) > 0 },
        });
        await world.call('connect', () =>
          world.connect({ verifyHostKey: verdict as unknown as HostKeyVerifierFunction }),
        );
      });
      expect(over).toBe(true);
      const refused = expect.objectContaining({ code: 'ERR_SSH_HOST_KEY_REJECTED' });
      const failed = name === 'throws' || name === 'rejects';
      expect(world.calls[0]).toMatchObject({ outcome: 'rejected', error: failed ? fault : refused });
      expect(clientCause(world)).toEqual(refused);
      expect(asked).toEqual([]);
      expect(world.live()).toEqual([]);
    },
  );

  it('CVE-2025-26465: a promise of true accepts, once it is there', async () => {
    const world = new World({ seed: 1, server: patientServer });
    await world.play(async () => {
      await world.startServer();
      const client = await world.call('connect', () =>
        world.connect({ verifyHostKey: () => world.sleep(60_000).then(() => true) }),
      );
      client?.destroy();
    });
    expect(world.calls[0]?.outcome).toBe('fulfilled');
    expect(world.calls[0]?.endedAt).toBeGreaterThanOrEqual(60_000);
  });
});

describe('during a key exchange', () => {
  it('CVE-2025-22869: one that is never finished holds writes back, within a bound, and ends by its deadline', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.deafenServer();
    conversation.server.rekey();
    conversation.deliver();
    const before = memoryInUse();
    channel.write(new Uint8Array(8 * 1024 * 1024));
    // Requests cannot be taken back, so they are what has to have a bound.
    const flood = (): void => {
      for (let i = 0; i < 1000; i++) channel.request('env', new Uint8Array(100_000), false);
    };
    expect(flood).toThrow(expect.objectContaining({ code: 'ERR_SSH_LIMIT' }));
    conversation.exchange();
    expect(conversation.peakOutput).toBeLessThan(64 * 1024);
    expect(conversation.peakChannels).toBe(8 * 1024 * 1024);
    // What the engine makes of code that runs for the first time counts as well: less than 2 MiB too many is missed.
    expect(memoryInUse() - before).toBeLessThan(
      8 * 1024 * 1024 + defaultLimits.outputQueue + 2 * 1024 * 1024,
    );
    conversation.advance(16_000);
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'keyExchange' });
  });

  it.each([
    ['data', payloadOf(channelData, { recipientChannel: 0, data: new Uint8Array(1) })],
    ['EOF', payloadOf(channelEof, { recipientChannel: 0 })],
    [
      'a global request',
      payloadOf(globalRequest, { requestName: 'x@y', wantReply: false, requestData: new Uint8Array(0) }),
    ],
    ['a ping', Uint8Array.of(192, 0, 0, 0, 0)],
    ['a number nobody knows', Uint8Array.of(150)],
  ])('OpenSSH 72b05ecd1: %s after its own KEXINIT ends', (_name, payload) => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.deafenServer().server.rekey();
    expect(channel.localId).toBe(0);
    conversation.deliver().sayPayload(payload);
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });

  it('a second KEXINIT during an exchange ends', () => {
    const conversation = Conversation.to('ready').deafenServer();
    conversation.server.rekey();
    conversation.deliver();
    const message = { ...emptyKexInit };
    conversation.say(kexInit, message);
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });

  it('go#18439, RFC 4253 §7.1: KEXINITs that cross are one exchange', () => {
    const conversation = Conversation.to('ready');
    conversation.client.at(0).rekey();
    conversation.server.at(0).rekey();
    conversation.exchange();
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
  });

  it.each([1, 7, 1000])(
    'go#15066, libssh2#2110: new keys in the middle of a write that was taken in part are one exchange (pieces of %i bytes)',
    (chunk) => {
      const { conversation, channel, serverChannel } = Conversation.withChannel({ chunk });
      const sent = Uint8Array.from({ length: 300_000 }, (_, i) => i * 7);
      channel.write(sent);
      channel.eof();
      const first = conversation.client.takeOutput() ?? new Uint8Array(0);
      conversation.server.receive(first.slice(0, 1234), 0);
      conversation.client.at(0).rekey();
      conversation.server.at(0).rekey();
      conversation.server.receive(first.slice(1234), 0);
      conversation.exchange();
      expect(conversation.cause ?? conversation.server.cause).toBeUndefined();
      expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
      const got: number[] = [];
      for (let piece = serverChannel.take('data'); piece; piece = serverChannel.take('data'))
        got.push(...piece);
      expect(equalBytes(Uint8Array.from(got), sent)).toBe(true);
    },
  );

  it('RFC 4253 §7.1: data of the peer that was on its way is taken until its KEXINIT', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.client.at(0).rekey();
    conversation.say(channelData, { recipientChannel: channel.localId, data: new Uint8Array(5) });
    conversation.exchange();
    expect(conversation.cause).toBeUndefined();
    expect(channel.data.length).toBe(5);
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
  });

  it('CVE-2021-3634, CVE-2025-8277: thousands of rekeys keep the session id and the memory', () => {
    const toy = (seed: number) => ({
      provider: createToyProvider(seededBytes(seed)),
      preferences: toyAlgorithms,
    });
    const hostKeys = [toyKey(new Uint8Array(32).fill(9))];
    const limits = { keyExchangesWithoutData: 5000 };
    const conversation = Conversation.to('ready', {
      client: toy(7),
      server: { ...toy(8), hostKeys, limits },
    });
    const { keyExchange } = conversation.client.transport;
    const sessionId = copyOf(keyExchange.sessionId ?? new Uint8Array(0));
    const samples: number[] = [];
    for (let i = 0; i <= 2000; i++) {
      conversation.client.at(0).rekey();
      conversation.exchange();
      expect(conversation.eventsOf('keyExchanged').length).toBeGreaterThan(0);
      conversation.forget();
      if (i % 1000 === 999) samples.push(objectsInUse());
    }
    expect(conversation.cause).toBeUndefined();
    expect(equalBytes(sessionId, keyExchange.sessionId ?? new Uint8Array(0))).toBe(true);
    expect(conversation.client.waits.size).toBe(0);
    // An object kept of every hundredth exchange shows.
    const [before = Number.NaN, after = Number.NaN] = samples;
    expect(after - before).toBeLessThan(10);
  }, 120_000);

  it.each([
    ['with nothing between them', () => {}],
    [
      'with messages between them that carry nothing',
      (c: Conversation) => {
        c.say(channelData, { recipientChannel: 0, data: new Uint8Array(0) });
        c.say(globalRequest, { requestName: 'x@y', wantReply: false, requestData: new Uint8Array(0) });
      },
    ],
    [
      'with a byte of data between them',
      (c: Conversation) => c.say(channelData, { recipientChannel: 0, data: Uint8Array.of(1) }),
    ],
  ])('rekeys of the peer in a tight loop %s end at a limit', (_name, between) => {
    const { conversation } = Conversation.withChannel();
    for (let i = 0; i < 100 && conversation.cause === undefined; i++) {
      conversation.server.rekey();
      conversation.exchange();
      between(conversation);
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
    expect(conversation.eventsOf('keyExchanged').length).toBeLessThan(
      defaultLimits.keyExchangesWithoutData + 3,
    );
  });

  /** The peer begins 60 exchanges, with something before each. */
  function sixtyRekeys(
    between: (conversation: Conversation, ends: readonly [Channel, Channel]) => void,
  ): Conversation {
    const toy = (seed: number) => ({
      provider: createToyProvider(seededBytes(seed)),
      preferences: toyAlgorithms,
    });
    const { conversation, channel, serverChannel } = Conversation.withChannel({
      client: toy(7),
      server: { ...toy(8), hostKeys: [toyKey(new Uint8Array(32).fill(9))] },
    });
    for (let i = 0; i < 60 && conversation.cause === undefined; i++) {
      between(conversation, [channel, serverChannel]);
      conversation.exchange();
      channel.discard('data');
      serverChannel.discard('data');
      conversation.server.at(conversation.now).rekey();
      conversation.exchange();
    }
    return conversation;
  }

  it.each([
    ['theirs', 1],
    ['ours', 0],
  ])('rekeys of the peer go on for ever with a packet of data before each (%s)', (_whose, writer) => {
    // sshd with RekeyLimit 16 begins one for each packet, and a packet of a transfer has so much at least.
    const packet = new Uint8Array(4096);
    const conversation = sixtyRekeys((_, ends) => ends[writer]?.write(packet));
    expect(conversation.cause ?? conversation.server.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(61);
    // Half of it pays for half of them.
    const half = sixtyRekeys((_, ends) => ends[writer]?.write(packet.subarray(0, 2048)));
    expect(half.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
    expect(half.eventsOf('keyExchanged').length).toBeGreaterThan(
      2 * defaultLimits.keyExchangesWithoutData - 4,
    );
  });

  it('rekeys of the peer go on for ever with ten seconds before each', () => {
    const conversation = sixtyRekeys((each) => {
      each.now += 10_000;
    });
    expect(conversation.cause ?? conversation.server.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(61);
  });

  it('RFC 4253 §9: another host key at a rekey ends, though the RFC would let it change', () => {
    const other = generateKey('ed25519', { randomBytes: seededBytes(99) });
    const conversation = Conversation.to('ready');
    const hostKeys = (
      conversation.server.transport.keyExchange as unknown as { options: { hostKeys: Map<string, unknown> } }
    ).options.hostKeys;
    hostKeys.set('ssh-ed25519', other);
    conversation.client.at(0).rekey();
    conversation.exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_HOST_KEY_CHANGED' });
    expect(testHostKey.type).toBe('ssh-ed25519');
  });

  /** A server that says that a packet follows on its guess, and sends one that means nothing. */
  const guessing = (kex: readonly string[], packets: number): Conversation => {
    const conversation: Conversation = new Conversation({
      client: { preferences: { kex: ['curve25519-sha256', 'ecdh-sha2-nistp256'] } },
      server: { preferences: { kex } },
      serverKexInit: (message) => ({ ...message, firstKexPacketFollows: true }),
    });
    conversation.proceed('identified');
    for (let i = 0; i < packets; i++) conversation.queuePayload(Uint8Array.of(31, 1, 2, 3));
    return conversation.exchange();
  };

  it('RFC 4253 §7: after a wrong guess exactly one packet is dropped', () => {
    const wrong = ['ecdh-sha2-nistp256', 'curve25519-sha256'];
    const conversation = guessing(wrong, 1);
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('ready')).toHaveLength(1);
    expect(guessing(wrong, 2).cause).toMatchObject(malformed);
    // Nothing followed: the true reply is what is dropped, and NEWKEYS comes without one.
    const none = guessing(wrong, 0);
    expect(none.eventsOf('hostKey')).toHaveLength(0);
    expect(none.cause).toMatchObject({
      code: 'ERR_SSH_KEY_EXCHANGE',
      message: expect.stringContaining('NEWKEYS came before the key exchange was done'),
    });
  });

  it('RFC 4253 §7: after a right guess no packet is dropped', () => {
    expect(guessing(['curve25519-sha256'], 1).cause).toMatchObject(malformed);
    expect(guessing(['curve25519-sha256'], 0).eventsOf('ready')).toHaveLength(1);
  });

  it('NEWKEYS twice ends', () => {
    const conversation = Conversation.to('keysExchanged').say(newKeys, {});
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });
});

const emptyKexInit = {
  cookie: new Uint8Array(16),
  kexAlgorithms: ['curve25519-sha256'],
  serverHostKeyAlgorithms: ['ssh-ed25519'],
  encryptionAlgorithmsClientToServer: ['aes128-ctr'],
  encryptionAlgorithmsServerToClient: ['aes128-ctr'],
  macAlgorithmsClientToServer: ['hmac-sha2-256'],
  macAlgorithmsServerToClient: ['hmac-sha2-256'],
  compressionAlgorithmsClientToServer: ['none'],
  compressionAlgorithmsServerToClient: ['none'],
  languagesClientToServer: [],
  languagesServerToClient: [],
  firstKexPacketFollows: false,
  reserved: 0,
};

import { describe, expect, it } from 'vitest';
import { copyOf, equalBytes } from '../../src/base/bytes.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { decodeSignature, encodeSignature } from '../../src/crypto/publicKey.ts';
import { generateKey } from '../../src/keys/generateKey.ts';
import { channelData } from '../../src/message/channel.ts';
import { kexDhReply, kexEcdhReply } from '../../src/message/kex.ts';
import { ignore, kexInit, newKeys } from '../../src/message/transport.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import {
  Conversation,
  type ConversationOptions,
  payloadOf,
  seededBytes,
  testHostKey,
} from '../support/conversation.ts';

/** A conversation in which the server's KEX*_REPLY is altered at one place. */
function withReply(
  alter: (reply: { hostKey: Uint8Array; serverPublicKey: Uint8Array; signature: Uint8Array }) => object,
  kex = 'curve25519-sha256',
): Conversation {
  return new Conversation({
    client: { preferences: { kex: [kex] } },
    tamper: (payload) => {
      if (payload[0] !== 31) return payload;
      const reply = kexEcdhReply.decode(new WireReader(payload, 1));
      return payloadOf(kexEcdhReply, { ...reply, ...alter(reply) });
    },
  }).exchange();
}

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

describe('values of the server that cannot be', () => {
  it.each([
    ['0', () => new Uint8Array(0)],
    ['1', () => Uint8Array.of(1)],
    ['p-1', (p: Uint8Array) => Uint8Array.from(p, (byte, i) => (i === p.length - 1 ? byte - 1 : byte))],
    ['p', (p: Uint8Array) => p],
  ])('CVE-2023-28113: DH f of %s ends', (_name, f) => {
    expect(withF(f).cause).toMatchObject(ends);
  });

  it.each([
    ['of small order, for an all-zero secret', new Uint8Array(32)],
    ['of 31 bytes', new Uint8Array(31).fill(9)],
    ['of 33 bytes', new Uint8Array(33).fill(9)],
    ['that is empty', new Uint8Array(0)],
  ])('RFC 8731: an X25519 value %s ends', (_name, serverPublicKey) => {
    expect(withReply(() => ({ serverPublicKey })).cause).toMatchObject(ends);
  });

  it.each([
    ['off the curve', Uint8Array.of(4, ...new Uint8Array(64).fill(7))],
    ['at infinity', Uint8Array.of(0)],
    ['compressed', Uint8Array.of(2, ...new Uint8Array(32).fill(7))],
  ])('an EC point %s ends', (_name, serverPublicKey) => {
    expect(withReply(() => ({ serverPublicKey }), 'ecdh-sha2-nistp256').cause).toMatchObject(ends);
  });

  it.each([1, -1])('a hybrid answer that is %i byte too long ends', (difference) => {
    const conversation = withReply(({ serverPublicKey }) => {
      const altered = new Uint8Array(serverPublicKey.length + difference);
      altered.set(serverPublicKey.subarray(0, altered.length));
      return { serverPublicKey: altered };
    }, 'mlkem768x25519-sha256');
    expect(conversation.cause).toMatchObject(ends);
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
    expect(withReply(() => ({ hostKey: blob })).cause).toMatchObject(ends);
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
    expect(withReply(() => ({ hostKey })).cause).toMatchObject({ code: 'ERR_SSH_DECODE' });
  });

  it('CVE-2023-2283: a verifier that throws fails closed', () => {
    const provider = createEagerNobleProvider({ randomBytes: seededBytes(7) });
    const conversation = new Conversation({
      client: {
        provider: {
          ...provider,
          verify: () => {
            throw new Error('out of memory');
          },
        },
      },
    }).exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_INTERNAL', phase: 'keyExchange' });
    expect(conversation.eventsOf('ready')).toHaveLength(0);
  });
});

describe('during a key exchange', () => {
  const rekeyed = (options: ConversationOptions = {}): Conversation => {
    const conversation = Conversation.to('ready', options);
    conversation.client.at(0).rekey();
    return conversation;
  };

  it('CVE-2025-22869: one that is never finished holds writes back and ends by its deadline', () => {
    const conversation = Conversation.to('ready');
    const channel = conversation.client.at(0).connection.open('session', new Uint8Array(0));
    conversation.exchange();
    const [requested] = conversation.serverEventsOf('channelOpenRequested');
    if (requested === undefined) throw new Error('no channel');
    conversation.server.at(0).connection.acceptOpen(requested.channel);
    conversation.exchange();
    conversation.deafenServer();
    conversation.server.rekey();
    conversation.deliver();
    channel.write(new Uint8Array(8 * 1024 * 1024));
    conversation.exchange();
    expect(conversation.client.transport.pendingOutput).toBeLessThan(64 * 1024);
    expect(channel.pendingBytes).toBe(8 * 1024 * 1024);
    conversation.advance(16_000);
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'keyExchange' });
  });

  it('OpenSSH 72b05ecd1: data after its own KEXINIT ends', () => {
    const conversation = Conversation.to('ready').deafenServer();
    conversation.server.rekey();
    conversation.deliver();
    conversation.say(channelData, { recipientChannel: 0, data: new Uint8Array(1) });
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });

  it('a second KEXINIT during an exchange ends', () => {
    const conversation = Conversation.to('ready').deafenServer();
    conversation.server.rekey();
    conversation.deliver();
    const message = { ...emptyKexInit };
    conversation.say(kexInit, message);
    expect(conversation.cause).toBeDefined();
  });

  it('go#18439: KEXINITs that cross are one exchange', () => {
    const conversation = Conversation.to('ready');
    conversation.client.at(0).rekey();
    conversation.server.at(0).rekey();
    conversation.exchange();
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
  });

  it('RFC 4253 §7.1: data of the peer that was on its way is taken until its KEXINIT', () => {
    const conversation = rekeyed();
    conversation.say(ignore, { data: new Uint8Array(5) });
    conversation.exchange();
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
  });

  it('CVE-2021-3634: a thousand rekeys keep the session id and the memory', () => {
    const conversation = Conversation.to('ready', { server: { limits: { idleKeyExchanges: 2000 } } });
    const { keyExchange } = conversation.client.transport;
    const sessionId = copyOf(keyExchange.sessionId ?? new Uint8Array(0));
    for (let i = 0; i < 1000; i++) {
      conversation.client.at(0).rekey();
      conversation.exchange();
    }
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(1001);
    expect(equalBytes(sessionId, keyExchange.sessionId ?? new Uint8Array(0))).toBe(true);
    expect(conversation.client.waits.size).toBe(0);
  }, 120_000);

  it('rekeys of the peer in a tight loop end at a limit', () => {
    const conversation = Conversation.to('ready');
    for (let i = 0; i < 100 && conversation.cause === undefined; i++) {
      conversation.server.rekey();
      conversation.exchange();
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
  });

  it('another host key at a rekey ends', () => {
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

  it.each([
    ['wrong', true],
    ['right', false],
  ])('RFC 4253 §7: after a %s guess exactly one packet is dropped', (_name, wrong) => {
    let guessed = false;
    const conversation = new Conversation({
      client: { preferences: { kex: ['curve25519-sha256', 'ecdh-sha2-nistp256'] } },
      server: {
        preferences: { kex: wrong ? ['ecdh-sha2-nistp256', 'curve25519-sha256'] : ['curve25519-sha256'] },
      },
      tamper: (payload) => {
        if (payload[0] !== 20 || guessed) return payload;
        guessed = true;
        const message = kexInit.decode(new WireReader(payload, 1));
        return payloadOf(kexInit, { ...message, firstKexPacketFollows: wrong });
      },
    });
    conversation.proceed('identified');
    // A server has nothing to guess with in these methods: any method-specific packet stands for it.
    if (wrong) conversation.sayPayload(Uint8Array.of(31, 1, 2, 3));
    conversation.exchange();
    // The hash covers the altered KEXINIT on one side only, so the exchange itself cannot succeed; that the
    // client read the true reply and got as far as its signature shows that one packet and no more was dropped.
    if (wrong) expect(conversation.cause?.message).toContain('signature');
    else expect(conversation.cause).toBeUndefined();
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

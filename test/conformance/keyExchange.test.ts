/** Key exchange, host keys and signatures, by the statements that implementations get wrong. */
import { createECDH } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import { dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { decodeSignature, encodeSignature } from '../../src/crypto/keys/publicKey.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { kexDhReply, kexEcdhReply } from '../../src/message/kex.ts';
import type { KexInit } from '../../src/message/transport.ts';
import { kexMarkers } from '../../src/transport/kex/negotiation.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { newRsaKey } from '../crypto/support.ts';
import { Conversation, payloadOf, seededBytes, withoutKex } from '../support/conversation.ts';

const refused = { code: 'ERR_SSH_KEY_EXCHANGE', phase: 'keyExchange' };

type Reply = Parameters<typeof kexEcdhReply.encode>[1];

/** A conversation with these host keys and this method, the server's reply altered. */
function exchanged(
  kex: string,
  hostKey: PrivateKey | undefined,
  algorithm: string,
  alter: (reply: Reply) => Partial<Reply> = () => ({}),
): Conversation {
  return new Conversation({
    client: { preferences: { kex: [kex], hostKey: [algorithm] } },
    server: hostKey === undefined ? {} : { hostKeys: [hostKey] },
    tamper: (payload) => {
      if (payload[0] !== 31) return payload;
      const reply = kexEcdhReply.decode(new WireReader(payload, 1));
      return payloadOf(kexEcdhReply, { ...reply, ...alter(reply) });
    },
  }).exchange();
}

describe('Diffie-Hellman', () => {
  /** The last bits of the prime are ones. */
  const below = (distance: number) => (prime: Uint8Array) =>
    Uint8Array.from(prime, (byte, i) => (i === prime.length - 1 ? byte - distance : byte));
  const withF = (f: (prime: Uint8Array) => Uint8Array): Conversation =>
    new Conversation({
      client: { preferences: { kex: ['diffie-hellman-group14-sha256'] } },
      tamper: (payload) => {
        if (payload[0] !== 31) return payload;
        const reply = kexDhReply.decode(new WireReader(payload, 1));
        return payloadOf(kexDhReply, { ...reply, f: f(dhGroup('group14').prime) });
      },
    }).exchange();

  it('RFC 8268 §4: 1 < f < p-1, and the ends of that range are in it', () => {
    for (const f of [() => new Uint8Array(0), () => Uint8Array.of(1), below(1), below(0)]) {
      expect(withF(f).cause).toMatchObject(refused);
      expect(withF(f).cause?.message).not.toContain('signature');
    }
    // Taken, and then the signature is over another f.
    for (const f of [() => Uint8Array.of(2), below(2)]) {
      expect(withF(f).cause?.message).toContain('signature');
    }
  });
});

describe('curves', () => {
  it('RFC 5656 §4: points are uncompressed, on the curve, and not infinity', () => {
    const ecdh = createECDH('prime256v1');
    const point = new Uint8Array(ecdh.generateKeys());
    const compressed = new Uint8Array(ecdh.getPublicKey(null, 'compressed'));
    const off = point.slice();
    off[64] = (off[64] as number) ^ 1;
    const answer = (serverPublicKey: Uint8Array): Conversation =>
      exchanged('ecdh-sha2-nistp256', undefined, 'ssh-ed25519', () => ({ serverPublicKey }));
    for (const wrong of [compressed, off, Uint8Array.of(0), new Uint8Array(65), point.slice(1)]) {
      expect(answer(wrong).cause).toMatchObject(refused);
      expect(answer(wrong).cause?.message).not.toContain('signature');
    }
    expect(answer(point).cause?.message).toContain('signature');
  });

  it('RFC 8731 §3, §3.1: X25519 values are 32 bytes, an all-zero secret ends the exchange, K is an mpint of the octets', () => {
    const answer = (serverPublicKey: Uint8Array): Conversation =>
      exchanged('curve25519-sha256', undefined, 'ssh-ed25519', () => ({ serverPublicKey }));
    for (const length of [0, 31, 33])
      expect(answer(new Uint8Array(length).fill(9)).cause).toMatchObject(refused);
    // 0, 1 and p - 1 have small order (RFC 7748 §5).
    for (const u of ['00'.repeat(32), `01${'00'.repeat(31)}`, `ec${'ff'.repeat(30)}7f`]) {
      expect(answer(fromHex(u)).cause?.message).toContain('small order');
    }
    expect(answer(Uint8Array.of(9, ...new Uint8Array(31))).cause?.message).toContain('signature');
  });
});

describe('the markers in the list of key exchange methods', () => {
  it('OpenSSH PROTOCOL §1.9: the strict marker counts in the first KEXINIT only', () => {
    let first = true;
    const conversation = new Conversation({
      serverKexInit: (message: KexInit) => {
        const names = withoutKex('kex-strict')(message).kexAlgorithms;
        const kexAlgorithms = first ? names : [...names, kexMarkers.strictServer];
        first = false;
        return { ...message, kexAlgorithms };
      },
    }).exchange();
    const { transport } = conversation.client;
    expect(transport.keyExchange.strict).toBe(false);
    conversation.client.at(0).rekey();
    conversation.exchange();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
    expect(transport.keyExchange.strict).toBe(false);
    expect(transport.opener.sequenceNumber).toBe(transport.packetsIn);
    // Nor does a rekey, whose lists have no markers, end what the first exchange agreed on.
    const strict = Conversation.to('ready');
    strict.client.at(0).rekey();
    strict.exchange();
    expect(strict.client.transport.keyExchange.strict).toBe(true);
  });

  it('OpenSSH PROTOCOL §1.9, RFC 8308 §2.2: a server that offers nothing but markers has no method in common', () => {
    const conversation = new Conversation({
      serverKexInit: (message) => ({ ...message, kexAlgorithms: Object.values(kexMarkers) }),
    }).exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_NO_COMMON_ALGORITHM' });
  });
});

describe('host keys and their signatures', () => {
  const rsa = newRsaKey(2048);

  it.each(['rsa-sha2-256', 'rsa-sha2-512'])(
    'RFC 8332 §3: with %s the key says ssh-rsa and the signature the algorithm',
    (algorithm) => {
      const seen: (string | undefined)[] = [];
      const conversation = exchanged('curve25519-sha256', rsa, algorithm, ({ hostKey, signature }) => {
        seen.push(new WireReader(hostKey).name(), decodeSignature(signature).algorithm);
        return {};
      });
      expect(conversation.cause).toBeUndefined();
      expect(seen).toEqual(['ssh-rsa', algorithm]);
      const other = algorithm === 'rsa-sha2-256' ? 'rsa-sha2-512' : 'rsa-sha2-256';
      for (const name of ['ssh-rsa', other]) {
        const { cause } = exchanged('curve25519-sha256', rsa, algorithm, ({ signature }) => ({
          signature: encodeSignature(name, decodeSignature(signature).signature),
        }));
        expect(cause).toMatchObject(refused);
      }
    },
  );

  it('RFC 8332 §3: an RSA signature that lost its leading zeros is padded on the left', () => {
    const provider = createEagerNobleProvider({ randomBytes: seededBytes(3) });
    let short: Uint8Array | undefined;
    let message = new Uint8Array(0);
    for (let i = 0; short === undefined && i < 5000; i++) {
      message = Uint8Array.of(i >> 8, i & 0xff);
      const signature = provider.sign('rsa-sha2-256', rsa, message);
      if (signature[0] === 0) short = signature.slice(1);
    }
    if (short === undefined) throw new Error('no signature begins with a zero byte');
    expect(provider.verify('rsa-sha2-256', rsa.publicKey, message, short)).toBe(true);
  }, 120_000);

  it('RFC 8709 §4, §6: Ed25519 keys have 32 bytes and signatures 64, exactly', () => {
    const run = (alter: (reply: Reply) => Partial<Reply>): Conversation =>
      exchanged('curve25519-sha256', undefined, 'ssh-ed25519', alter);
    expect(run(() => ({})).cause).toBeUndefined();
    for (const length of [0, 31, 33, 64]) {
      const hostKey = new WireWriter().text('ssh-ed25519').string(new Uint8Array(length)).copyWritten();
      expect(run(() => ({ hostKey })).cause).toMatchObject({ code: 'ERR_SSH_DECODE' });
    }
    for (const change of [(s: Uint8Array) => s.slice(0, 63), (s: Uint8Array) => Uint8Array.of(...s, 0)]) {
      const { cause } = run(({ signature }) => ({
        signature: encodeSignature('ssh-ed25519', change(decodeSignature(signature).signature)),
      }));
      expect(cause).toMatchObject(refused);
    }
  });

  it('RFC 5656 §3.1, §3.1.2: an ECDSA signature is r and s as mpints, and the curve of a key is the one in its type', () => {
    const ecdsa = generateKey('ecdsa', { bits: 256, randomBytes: seededBytes(4) });
    if (ecdsa.type !== 'ecdsa-sha2-nistp256') throw new Error('another key was made');
    const run = (alter: (reply: Reply) => Partial<Reply>): Conversation =>
      exchanged('curve25519-sha256', ecdsa, 'ecdsa-sha2-nistp256', alter);
    expect(run(() => ({})).cause).toBeUndefined();
    const blob = (curve: string): Uint8Array =>
      new WireWriter().text('ecdsa-sha2-nistp256').text(curve).string(ecdsa.publicKey.point).copyWritten();
    expect(run(() => ({ hostKey: blob('nistp256') })).cause).toBeUndefined();
    expect(run(() => ({ hostKey: blob('nistp384') })).cause).toMatchObject({ code: 'ERR_SSH_DECODE' });
    // With a superfluous zero, as r ‖ s of fixed length, which some libraries give, and with a byte behind.
    const forms = [
      (r: Uint8Array, s: Uint8Array) =>
        new WireWriter()
          .string(concatBytes(new Uint8Array(34 - r.length), r))
          .mpint(s)
          .copyWritten(),
      (r: Uint8Array, s: Uint8Array) => concatBytes(padded(r), padded(s)),
      (r: Uint8Array, s: Uint8Array) => new WireWriter().mpint(r).mpint(s).byte(0).copyWritten(),
    ];
    for (const form of forms) {
      const { cause } = run(({ signature }) => {
        const reader = new WireReader(decodeSignature(signature).signature);
        const raw = form(reader.copyMpint(), reader.copyMpint());
        return { signature: encodeSignature('ecdsa-sha2-nistp256', raw) };
      });
      expect(cause).toMatchObject(refused);
    }
  });
});

function padded(bytes: Uint8Array): Uint8Array {
  return concatBytes(new Uint8Array(32 - bytes.length), bytes);
}

/** Packets and ciphers, taken apart here by node:crypto and by hand, straight from the documents. */
import { createDecipheriv, createHmac } from 'node:crypto';
import { poly1305 } from '@noble/ciphers/_poly1305.js';
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { tagMatches } from '../../src/crypto/provider/packetFields.ts';
import type { DirectionKeys } from '../../src/crypto/provider/provider.ts';
import { PacketOpener } from '../../src/packet/opener.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { buildKexInit, negotiate } from '../../src/transport/kex/negotiation.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import {
  bigEndian,
  keysOf,
  newOpener,
  newSealer,
  noise,
  openAll,
  providers,
  type Suite,
  seededPadding,
  suites,
  takeAll,
} from '../packet/support.ts';

const payloads = [noise(5, 1), noise(100, 2), noise(3000, 3)];

/** Each payload as the packet that goes over the wire, the first with this sequence number. */
function sealed(suite: Suite, provider: string, first = 0): { keys: DirectionKeys; packets: Uint8Array[] } {
  const keys = keysOf(suite);
  const sealer = newSealer(providers[provider] as (typeof providers)[string], keys);
  sealer.sequenceNumber = first;
  const packets = payloads.map((payload) => {
    sealer.begin().bytes(payload);
    sealer.finish();
    return takeAll(sealer);
  });
  return { keys, packets };
}

const uint32 = (bytes: Uint8Array): number => Buffer.from(bytes).readUInt32BE(0);

/** The payload of padding_length ‖ payload ‖ padding. */
const payloadIn = (plaintext: Uint8Array): Uint8Array =>
  plaintext.slice(1, plaintext.length - (plaintext[0] as number));

describe.each(Object.keys(providers))('packets by %s', (provider) => {
  it('RFC 4253 §6: padding is 4 to 255 bytes, and the whole a multiple of 8 or of the block', () => {
    for (const suite of [undefined, ...suites]) {
      const random = seededPadding();
      for (let length = 1; length <= 70; length++) {
        const sealer = new PacketSealer({ randomBytes: random });
        const cipher = suite && providers[provider]?.createSealingCipher(keysOf(suite));
        if (cipher) sealer.use(cipher, { resetSequence: false });
        sealer.begin().bytes(new Uint8Array(length));
        sealer.finish();
        const { blockSize, tagLength, lengthIsAligned } = cipher ?? {
          blockSize: 8,
          tagLength: 0,
          lengthIsAligned: true,
        };
        const whole = takeAll(sealer).length - tagLength;
        const padding = whole - 5 - length;
        expect((whole - (lengthIsAligned ? 0 : 4)) % Math.max(8, blockSize)).toBe(0);
        expect(padding).toBeGreaterThanOrEqual(4);
        expect(padding).toBeLessThanOrEqual(255);
      }
    }
  });

  it('RFC 4253 §6: as much padding as there can be is taken, 255 bytes', () => {
    const opener = new PacketOpener({ limits: defaultLimits });
    const packet = concatBytes(bigEndian(260), Uint8Array.of(255), noise(259, 4));
    const [payload] = openAll(opener, packet);
    expect(payload).toEqual(noise(259, 4).slice(0, 4));
  });

  it('RFC 4253 §6.4, RFC 4344 §4: MAC over sequence number and plaintext; the counter runs on across packets', () => {
    const { keys, packets } = sealed({ cipher: 'aes256-ctr', mac: 'hmac-sha2-256' }, provider, 0xffffffff);
    const decipher = createDecipheriv('aes-256-ctr', keys.encryptionKey, keys.iv);
    // The number wraps at 2^32.
    const numbers = [0xffffffff, 0, 1];
    expect(packets).toHaveLength(payloads.length);
    packets.forEach((packet, index) => {
      const tag = packet.slice(packet.length - 32);
      const plaintext = new Uint8Array(decipher.update(packet.slice(0, packet.length - 32)));
      expect(uint32(plaintext)).toBe(packet.length - 36);
      expect(payloadIn(plaintext.slice(4))).toEqual(payloads[index]);
      const covered = concatBytes(bigEndian(numbers[index] as number), plaintext);
      expect(tag).toEqual(new Uint8Array(createHmac('sha256', keys.integrityKey).update(covered).digest()));
    });
  });

  it('OpenSSH PROTOCOL §1.5: encrypt-then-MAC has its length in the clear, outside the alignment, and is authenticated first', () => {
    const suite = { cipher: 'aes128-ctr', mac: 'hmac-sha2-512-etm@openssh.com' } as const;
    const { keys, packets } = sealed(suite, provider);
    const decipher = createDecipheriv('aes-128-ctr', keys.encryptionKey, keys.iv);
    expect(packets).toHaveLength(payloads.length);
    packets.forEach((packet, index) => {
      const length = uint32(packet);
      expect(length).toBe(packet.length - 4 - 64);
      expect(length % 16).toBe(0);
      const covered = concatBytes(bigEndian(index), packet.slice(0, 4 + length));
      const tag = createHmac('sha512', keys.integrityKey).update(covered).digest();
      expect(packet.slice(4 + length)).toEqual(new Uint8Array(tag));
      expect(payloadIn(new Uint8Array(decipher.update(packet.slice(4, 4 + length))))).toEqual(
        payloads[index],
      );
    });
    // Altered, it stays as it came: nothing was decrypted.
    for (const packet of packets) {
      const altered = packet.slice();
      altered[20] = (altered[20] as number) ^ 1;
      const cipher = providers[provider]?.createOpeningCipher(keysOf(suite));
      const buffer = altered.slice();
      expect(cipher?.openLength(buffer, 0, 0)).toBe(uint32(packet));
      expect(cipher?.open(buffer, 0, uint32(packet), 0, buffer.length)).toBe(false);
      expect(buffer).toEqual(altered);
      expect(cipher?.plaintext ?? new Uint8Array(0)).toHaveLength(0);
    }
  });

  it('OpenSSH PROTOCOL §1.6: AES-GCM counts in the last eight bytes of its IV, and its length is additional data', () => {
    const { keys, packets } = sealed({ cipher: 'aes256-gcm@openssh.com', mac: undefined }, provider);
    const iv = Buffer.from(keys.iv);
    expect(iv).toHaveLength(12);
    expect(packets).toHaveLength(payloads.length);
    packets.forEach((packet, index) => {
      const length = uint32(packet);
      expect(length % 16).toBe(0);
      const decipher = createDecipheriv('aes-256-gcm', keys.encryptionKey, iv);
      decipher.setAAD(packet.slice(0, 4));
      decipher.setAuthTag(packet.slice(4 + length));
      const plaintext = Buffer.concat([decipher.update(packet.slice(4, 4 + length)), decipher.final()]);
      expect(payloadIn(new Uint8Array(plaintext))).toEqual(payloads[index]);
      iv.writeBigUInt64BE((iv.readBigUInt64BE(4) + 1n) & 0xffffffffffffffffn, 4);
    });
  });

  it('OpenSSH PROTOCOL.chacha20poly1305: the first 32 bytes of key serve the payload, the last the length; nonce and block 1', () => {
    const suite = { cipher: 'chacha20-poly1305@openssh.com', mac: undefined } as const;
    const { keys, packets } = sealed(suite, provider, 0xfffffffe);
    expect(packets).toHaveLength(payloads.length);
    packets.forEach((packet, index) => {
      const number = (0xfffffffe + index) >>> 0;
      const stream = (key: Uint8Array, block: number, bytes: Uint8Array): Uint8Array => {
        const iv = Buffer.alloc(16);
        iv.writeUInt32LE(block, 0);
        iv.writeUInt32BE(number, 12);
        return new Uint8Array(createDecipheriv('chacha20', key, iv).update(bytes));
      };
      const [payloadKey, lengthKey] = [keys.encryptionKey.slice(0, 32), keys.encryptionKey.slice(32)];
      const length = uint32(stream(lengthKey, 0, packet.slice(0, 4)));
      expect(length).toBe(packet.length - 4 - 16);
      expect(length % 8).toBe(0);
      const tagKey = stream(payloadKey, 0, new Uint8Array(32));
      expect(packet.slice(4 + length)).toEqual(poly1305(packet.slice(0, 4 + length), tagKey));
      expect(payloadIn(stream(payloadKey, 1, packet.slice(4, 4 + length)))).toEqual(payloads[index]);
    });
  });

  it('RFC 4253 §6.1: a payload of 32,768 bytes and a packet of 35,000 in all are taken, under every cipher', () => {
    for (const suite of suites) {
      const keys = keysOf(suite);
      const ciphers = providers[provider] as (typeof providers)[string];
      const sealer = newSealer(ciphers, keys);
      for (const length of [32_768, 34_900]) {
        sealer.begin().bytes(new Uint8Array(length).fill(1));
        sealer.finish();
      }
      const queue = new ByteQueue();
      queue.push(takeAll(sealer));
      const opener = newOpener(ciphers, keys);
      for (const length of [32_768, 34_900]) {
        expect(opener.next(queue)).toBe(true);
        expect(opener.payloadEnd - opener.payloadStart).toBe(length);
      }
    }
  });
});

describe('tags', () => {
  it('RFC 4253 §6.4: are compared in a loop that has no way out before its end', () => {
    for (const compare of [tagMatches, equalBytes]) {
      const source = compare.toString();
      const loop = source.slice(source.indexOf('for'));
      expect(loop).toMatch(/difference \|= /);
      expect(loop.match(/\breturn\b|\bbreak\b|\bthrow\b/g)).toEqual(['return']);
      expect(loop.indexOf('return')).toBeGreaterThan(loop.indexOf('|='));
    }
  });

  it('OpenSSH PROTOCOL §1.6: with AES-GCM no MAC is negotiated, even where none is common', () => {
    const only = (mac: readonly string[]) => ({
      kex: ['curve25519-sha256'],
      hostKey: ['ssh-ed25519'],
      cipher: ['aes128-gcm@openssh.com'],
      mac,
      compression: ['none'],
    });
    const cookie = new Uint8Array(16);
    const client = buildKexInit('client', only(['hmac-sha2-256']), cookie, 'initial');
    const server = buildKexInit('server', only(['hmac-md5']), cookie, 'initial');
    const { clientToServer, serverToClient } = negotiate(client, server, 'client');
    expect([clientToServer.mac, serverToClient.mac]).toEqual([undefined, undefined]);
  });
});

/** Suites, keys, bytes and a third implementation for the tests of the packet layer. */
import { poly1305 } from '@noble/ciphers/_poly1305.js';
import { cbc, ctr, gcm } from '@noble/ciphers/aes.js';
import { chacha20orig } from '@noble/ciphers/chacha.js';
import { hmac } from '@noble/hashes/hmac.js';
import { sha1 } from '@noble/hashes/legacy.js';
import { sha256, sha512 } from '@noble/hashes/sha2.js';
import { concatBytes } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { type CipherName, ciphers, type MacName, type MacRow, macs } from '../../src/crypto/algorithms.ts';
import { tripleDesCbcEncrypt } from '../../src/crypto/handwritten/des.ts';
import { UmacPacketMac } from '../../src/crypto/handwritten/umac.ts';
import { nobleCbcStreams } from '../../src/crypto/noble/packet/cbcStreams.ts';
import * as noble from '../../src/crypto/noble/packet/packetCiphers.ts';
import { nobleCbcSlot, umacSlot } from '../../src/crypto/noble/packet/rareSlots.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../src/crypto/provider/provider.ts';
import * as openssl from '../../src/node/crypto/packet/packetCiphers.ts';
import * as everyPacket from '../../src/node/crypto/packet/wholePacketCiphers.ts';
import { PacketOpener } from '../../src/packet/opener.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import { umacReference } from './umacReference.ts';

export interface Suite {
  readonly cipher: CipherName;
  readonly mac: MacName | undefined;
}

export interface PacketCiphers {
  createOpeningCipher(keys: DirectionKeys): OpeningCipher;
  createSealingCipher(keys: DirectionKeys): SealingCipher;
}

nobleCbcSlot.fill(nobleCbcStreams);
umacSlot.fill(UmacPacketMac);

export const providers: Readonly<Record<string, PacketCiphers>> = {
  noble,
  openssl,
  'openssl for every packet': everyPacket,
};

/** Every cipher that is offered with every MAC that is; of the others each with one or two. */
export const suites: readonly Suite[] = (Object.keys(ciphers) as CipherName[]).flatMap((cipher): Suite[] => {
  if (ciphers[cipher].authenticated) return [{ cipher, mac: undefined }];
  const names = (Object.keys(macs) as MacName[]).filter((mac) => isPaired(cipher, mac));
  return names.map((mac) => ({ cipher, mac }));
});

function isPaired(cipher: CipherName, mac: MacName): boolean {
  if (ciphers[cipher].byDefault) return macs[mac].byDefault || cipher === 'aes128-ctr';
  if (cipher === 'aes128-cbc' || cipher === '3des-cbc') return mac.startsWith('hmac-sha1');
  return mac === 'hmac-sha2-256';
}

/** Whether a fault shows only after the bytes of the longest packet: CBC, with its length encrypted. */
export function failsLate({ cipher, mac }: Suite): boolean {
  return cipher.endsWith('-cbc') && mac?.includes('etm') === false;
}

/** As many bytes of no meaning as the longest packet has. */
export const filler: Uint8Array = new Uint8Array(defaultLimits.packetLength);

export function nameOf({ cipher, mac }: Suite): string {
  return mac === undefined ? cipher : `${cipher} with ${mac}`;
}

/** Bytes that look like nothing in particular and are the same for the same seed (xorshift32). */
export function noise(length: number, seed: number): Uint8Array {
  const out = new Uint8Array(length);
  let state = (seed * 2654435761 + 1) | 1;
  for (let i = 0; i < length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    out[i] = state;
  }
  return out;
}

export function keysOf(suite: Suite, seed = 1): DirectionKeys {
  const row = ciphers[suite.cipher];
  return {
    ...suite,
    encryptionKey: noise(row.keyLength, seed),
    iv: noise(row.ivLength, seed + 1),
    integrityKey: noise(suite.mac === undefined ? 0 : macs[suite.mac].keyLength, seed + 2),
  };
}

/** A source of padding that is the same for every sealer made with the same seed. */
export function seededPadding(seed = 7): (length: number) => Uint8Array {
  let calls = 0;
  return (length) => noise(length, seed + calls++);
}

export function newSealer(provider: PacketCiphers, keys: DirectionKeys): PacketSealer {
  const sealer = new PacketSealer({ randomBytes: seededPadding() });
  sealer.use(provider.createSealingCipher(keys), { resetSequence: false });
  return sealer;
}

export function newOpener(provider: PacketCiphers, keys: DirectionKeys): PacketOpener {
  const opener = new PacketOpener({ limits: defaultLimits });
  opener.use(provider.createOpeningCipher(keys), { resetSequence: false });
  return opener;
}

export function takeAll(sealer: PacketSealer): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let part = sealer.takeOutput(); part !== undefined; part = sealer.takeOutput()) parts.push(part);
  return concatBytes(...parts);
}

/** Seals the payloads; the output is taken after each whose index is in `takes`, and at the end. */
export function sealAll(
  sealer: PacketSealer,
  payloads: readonly Uint8Array[],
  takes: ReadonlySet<number> = new Set(),
): Uint8Array {
  const parts: Uint8Array[] = [];
  payloads.forEach((payload, index) => {
    sealer.begin().bytes(payload);
    sealer.finish();
    if (takes.has(index)) parts.push(takeAll(sealer));
  });
  parts.push(takeAll(sealer));
  return concatBytes(...parts);
}

/** Opens all that a stream holds, cut into chunks of the given lengths again and again. */
export function openAll(
  opener: PacketOpener,
  stream: Uint8Array,
  cuts: readonly number[] = [],
): Uint8Array[] {
  const queue = new ByteQueue();
  const opened: Uint8Array[] = [];
  for (let at = 0, cut = 0; at < stream.length; cut++) {
    const length = cuts.length === 0 ? stream.length : (cuts[cut % cuts.length] as number);
    queue.push(stream.slice(at, at + length));
    at += length;
    while (opener.next(queue)) opened.push(opener.payload.slice(opener.payloadStart, opener.payloadEnd));
  }
  return opened;
}

/**
 * As `openAll`, from one piece of memory that is lent for each chunk and written
 * over behind it. Payloads long enough for a user to be given as they lie are kept so.
 */
export function openAllLent(opener: PacketOpener, stream: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const queue = new ByteQueue();
  const opened: Uint8Array[] = [];
  const memory = new Uint8Array(Math.max(...cuts));
  for (let at = 0, cut = 0; at < stream.length; cut++) {
    const chunk = stream.subarray(at, at + (cuts[cut % cuts.length] as number));
    memory.set(chunk);
    at += chunk.length;
    queue.push(memory.subarray(0, chunk.length), true);
    while (opener.next(queue)) {
      const { payload, payloadStart, payloadEnd } = opener;
      const view = payload.subarray(payloadStart, payloadEnd);
      opened.push(view.length < 4096 ? view.slice() : view);
    }
    queue.keep();
    memory.fill(0xee);
  }
  return opened;
}

/** Whether two lists hold the same bytes; `toEqual` takes long over long arrays. */
export function sameBytes(a: readonly Uint8Array[], b: readonly Uint8Array[]): boolean {
  return (
    a.length === b.length && a.every((bytes, index) => Buffer.compare(bytes, b[index] as Uint8Array) === 0)
  );
}

/**
 * The same packets sealed by the public functions of @noble, one by one and
 * straight from the documents: what both providers are held to.
 */
export class ReferenceSealing {
  private readonly keys: DirectionKeys;
  private counter: Uint8Array;

  constructor(keys: DirectionKeys) {
    this.keys = keys;
    this.counter = keys.iv.slice();
  }

  /** `packet` is length field, padding length, payload and padding. */
  seal(packet: Uint8Array, sequenceNumber: number): Uint8Array {
    switch (this.keys.cipher) {
      case 'aes128-gcm@openssh.com':
      case 'aes256-gcm@openssh.com':
        return this.sealGcm(packet);
      case 'chacha20-poly1305@openssh.com':
        return this.sealChacha(packet, sequenceNumber);
      default:
        return this.sealWithMac(packet, sequenceNumber);
    }
  }

  /** RFC 5647 §7: the length is additional data, the counter is the nonce's last eight bytes. */
  private sealGcm(packet: Uint8Array): Uint8Array {
    const length = packet.subarray(0, 4);
    const sealed = gcm(this.keys.encryptionKey, this.counter.slice(), length).encrypt(packet.slice(4));
    for (let i = 11; i >= 4; i--) {
      this.counter[i] = (this.counter[i] as number) + 1;
      if (this.counter[i] !== 0) break;
    }
    return concatBytes(length, sealed);
  }

  /** OpenSSH PROTOCOL.chacha20poly1305. */
  private sealChacha(packet: Uint8Array, sequenceNumber: number): Uint8Array {
    const payloadKey = this.keys.encryptionKey.slice(0, 32);
    const lengthKey = this.keys.encryptionKey.slice(32);
    const nonce = concatBytes(new Uint8Array(4), bigEndian(sequenceNumber));
    const sealed = concatBytes(
      chacha20orig(lengthKey, nonce, packet.slice(0, 4)),
      chacha20orig(payloadKey, nonce, packet.slice(4), undefined, 1),
    );
    return concatBytes(sealed, poly1305(sealed, chacha20orig(payloadKey, nonce, new Uint8Array(32))));
  }

  /** RFC 4253 §6.3, §6.4, RFC 4344 §4, or OpenSSH PROTOCOL §1.5. */
  private sealWithMac(packet: Uint8Array, sequenceNumber: number): Uint8Array {
    const row = macs[this.keys.mac as MacName];
    const clear = row.encryptThenMac ? 4 : 0;
    const encrypted = this.keys.cipher.endsWith('-cbc')
      ? this.chain(packet.slice(clear))
      : this.count(packet.slice(clear));
    const sealed = concatBytes(packet.subarray(0, clear), encrypted);
    return concatBytes(sealed, this.tag(row, row.encryptThenMac ? sealed : packet, sequenceNumber));
  }

  private count(bytes: Uint8Array): Uint8Array {
    const encrypted = ctr(this.keys.encryptionKey, this.counter.slice()).encrypt(bytes);
    for (let blocks = bytes.length / 16; blocks > 0; blocks--) {
      for (let i = 15; i >= 0; i--) {
        this.counter[i] = (this.counter[i] as number) + 1;
        if (this.counter[i] !== 0) break;
      }
    }
    return encrypted;
  }

  /** The last block of each packet is the IV of the next. */
  private chain(bytes: Uint8Array): Uint8Array {
    const { cipher, encryptionKey } = this.keys;
    const encrypted =
      cipher === '3des-cbc'
        ? tripleDesCbcEncrypt(encryptionKey, this.counter, bytes)
        : cbc(encryptionKey, this.counter, { disablePadding: true }).encrypt(bytes);
    this.counter = encrypted.slice(-this.counter.length);
    return encrypted;
  }

  private tag(row: MacRow, covered: Uint8Array, sequenceNumber: number): Uint8Array {
    const { integrityKey } = this.keys;
    const number = bigEndian(sequenceNumber);
    if (row.hash === 'umac') {
      return umacReference(integrityKey, concatBytes(new Uint8Array(4), number), covered, row.tagLength);
    }
    const hash = { sha1, sha256, sha512 }[row.hash];
    return hmac(hash, integrityKey, concatBytes(number, covered)).subarray(0, row.tagLength);
  }
}

export function bigEndian(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** A stream of plaintext packets cut into packets; cipher none leaves them as they are. */
export function splitPackets(stream: Uint8Array): Uint8Array[] {
  const packets: Uint8Array[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  for (let at = 0; at < stream.length; ) {
    const end = at + 4 + view.getUint32(at);
    packets.push(stream.slice(at, end));
    at = end;
  }
  return packets;
}

/**
 * What the packet benchmarks run over, and the streams they run on.
 *
 * Owns: cipher suites, payload sizes, ways to cut a stream, fixed keys.
 */
import { concatBytes } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { type CipherName, ciphers, type MacName, macs } from '../../src/crypto/algorithms.ts';
import * as noble from '../../src/crypto/noble/packet/packetCiphers.ts';
import type { DirectionKeys, OpeningCipher, SealingCipher } from '../../src/crypto/provider/provider.ts';
import * as openssl from '../../src/node/crypto/packet/packetCiphers.ts';
import { PacketOpener } from '../../src/packet/opener.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';

export interface Suite {
  readonly label: string;
  readonly cipher: CipherName;
  readonly mac: MacName | undefined;
}

export const suites: readonly Suite[] = [
  { label: 'aes128-gcm', cipher: 'aes128-gcm@openssh.com', mac: undefined },
  { label: 'aes256-gcm', cipher: 'aes256-gcm@openssh.com', mac: undefined },
  { label: 'chacha20-poly1305', cipher: 'chacha20-poly1305@openssh.com', mac: undefined },
  { label: 'aes128-ctr + sha2-256-etm', cipher: 'aes128-ctr', mac: 'hmac-sha2-256-etm@openssh.com' },
];

export const payloadLengths: readonly number[] = [64, 1024, 32_768];

/** How a stream is cut into chunks: 0 is one packet a chunk. */
export const chunkings: readonly { readonly label: string; readonly length: number }[] = [
  { label: 'one packet', length: 0 },
  { label: '1,448 B', length: 1448 },
  { label: '64 KiB', length: 65_536 },
];

export interface PacketCiphers {
  createOpeningCipher(keys: DirectionKeys): OpeningCipher;
  createSealingCipher(keys: DirectionKeys): SealingCipher;
}

export const providers: Readonly<Record<'openssl' | 'noble', PacketCiphers>> = { openssl, noble };

/** Fixed keys: what they are makes no difference to the time. */
export function keysOf(suite: Suite): DirectionKeys {
  const bytes = (length: number, salt: number): Uint8Array =>
    Uint8Array.from({ length }, (_, i) => (i * 73 + salt * 29 + 5) & 0xff);
  const row = ciphers[suite.cipher];
  return {
    cipher: suite.cipher,
    mac: suite.mac,
    encryptionKey: bytes(row.keyLength, 1),
    iv: bytes(row.ivLength, 2),
    integrityKey: bytes(suite.mac === undefined ? 0 : macs[suite.mac].keyLength, 3),
  };
}

export function payloadOf(length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (94 + i * 31 + (i >> 8)) & 0xff);
}

/** Stands for the random source: the padding must cost something and be the same for all. */
export function paddingBytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(0xa5);
}

export function newSealer(provider: PacketCiphers, suite: Suite): PacketSealer {
  const sealer = new PacketSealer({ randomBytes: paddingBytes });
  sealer.use(provider.createSealingCipher(keysOf(suite)), { resetSequence: false });
  return sealer;
}

export function newOpener(provider: PacketCiphers, suite: Suite): PacketOpener {
  const opener = new PacketOpener({ limits: defaultLimits });
  opener.use(provider.createOpeningCipher(keysOf(suite)), { resetSequence: false });
  return opener;
}

/** One long stream of packets, handed out in rounds: the same to whoever asks for the same round. */
export class SealedRounds {
  private readonly sealer: PacketSealer;
  private readonly payload: Uint8Array;
  private readonly packets: number;
  private round = -1;
  private stream: Uint8Array = new Uint8Array(0);

  constructor(suite: Suite, payload: Uint8Array, packets: number) {
    this.sealer = newSealer(openssl, suite);
    this.payload = payload;
    this.packets = packets;
  }

  streamOf(round: number): Uint8Array {
    while (this.round < round) {
      this.stream = this.nextStream();
      this.round++;
    }
    return this.stream;
  }

  private nextStream(): Uint8Array {
    const parts: Uint8Array[] = [];
    for (let i = 0; i < this.packets; i++) {
      this.sealer.begin().bytes(this.payload);
      this.sealer.finish();
      for (let part = this.sealer.takeOutput(); part !== undefined; part = this.sealer.takeOutput()) {
        parts.push(part);
      }
    }
    return concatBytes(...parts);
  }
}

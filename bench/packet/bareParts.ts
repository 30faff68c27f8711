/**
 * The packet path of `crypto: 'noble'` beside the parts it is made of.
 *
 * Owns: each cipher's own functions run over as many bytes as a packet has, with
 * nothing around them but the copy that makes a packet its receiver's, and
 * @noble's `gcm()`. What the packet path takes longer than
 * the bare parts is what framing, queue and nonces cost.
 */
import { gcm } from '@noble/ciphers/aes.js';
import { equalBytes } from '../../src/base/bytes.ts';
import { encryptBlocks, expandAesKey } from '../../src/crypto/handwritten/aes/aesBlocks.ts';
import { GhashKey } from '../../src/crypto/handwritten/aes/ghash.ts';
import { addChacha, chachaBlock, chachaKey } from '../../src/crypto/handwritten/chacha/chachaBlocks.ts';
import { poly1305 } from '../../src/crypto/handwritten/chacha/poly1305.ts';
import { Sha256PacketMac } from '../../src/crypto/handwritten/sha256Mac.ts';
import { AesCtrStream } from '../../src/crypto/noble/packet/aesCtrStream.ts';
import { xorWords } from '../../src/crypto/provider/packetFields.ts';
import type { Contestant } from '../lib/measure.ts';
import { sealAll } from './drive.ts';
import { ours, readBuffer } from './receive.ts';
import { keysOf, newOpener, newSealer, payloadOf, providers, SealedRounds, type Suite } from './suites.ts';

/** The longest that OpenSSH sends. */
export const partsPayloadLength = 32_768;

const packetsPerRound = 60;
/** As many blocks as the packet path works on at a time. */
const runLength = 8192;

/** Our own two directions, the parts, and where there is one @noble's function for all of it. */
export function partsContestants(suite: Suite): Contestant[] {
  const payload = payloadOf(partsPayloadLength);
  const rounds = new SealedRounds(suite, payload, packetsPerRound);
  const total = rounds.streamOf(0).length / packetsPerRound;
  const parts = partsOf(suite);
  return [
    opening(suite, payload, rounds),
    sealing(suite, payload),
    {
      name: 'the parts alone',
      prepare: (round) => {
        const stream = rounds.streamOf(round);
        return () => {
          for (let i = 0; i < packetsPerRound; i++) {
            readBuffer.set(stream.subarray(i * total, (i + 1) * total));
            parts(readBuffer.slice(0, total));
          }
          return packetsPerRound;
        };
      },
    },
    ...(suite.cipher.includes('gcm') ? [nobleGcm(suite, payload, rounds)] : []),
  ];
}

function opening(suite: Suite, payload: Uint8Array, rounds: SealedRounds): Contestant {
  const receive = ours(newOpener(providers.noble, suite));
  return {
    name: 'opened',
    prepare: (round) => {
      const stream = rounds.streamOf(round);
      return () => {
        let right = 0;
        receive(stream, stream.length / packetsPerRound, (received, start, end) => {
          // Each is compared in the first round, which is not timed.
          if (round > 0 || equalBytes(received.subarray(start, end), payload)) right++;
        });
        if (right !== packetsPerRound) throw new Error(`${right} of ${packetsPerRound} packets were opened`);
        return right;
      };
    },
  };
}

function sealing(suite: Suite, payload: Uint8Array): Contestant {
  const sealer = newSealer(providers.noble, suite);
  return {
    name: 'sealed',
    prepare: () => () => {
      let bytes = 0;
      sealAll(sealer, payload, packetsPerRound, 2, (out) => {
        bytes += out.length;
      });
      if (bytes < packetsPerRound * payload.length) throw new Error('bytes were lost');
      return packetsPerRound;
    },
  };
}

/** Opens the same packets; a key schedule and tables for each message are its own affair. */
function nobleGcm(suite: Suite, payload: Uint8Array, rounds: SealedRounds): Contestant {
  const { encryptionKey, iv } = keysOf(suite);
  const nonce = Uint8Array.from(iv);
  const view = new DataView(nonce.buffer);
  return {
    name: "@noble's gcm()",
    prepare: (round) => {
      const stream = rounds.streamOf(round);
      const total = stream.length / packetsPerRound;
      return () => {
        let right = 0;
        for (let i = 0; i < packetsPerRound; i++) {
          const packet = stream.subarray(i * total, (i + 1) * total);
          const plaintext = gcm(encryptionKey, nonce, packet.subarray(0, 4)).decrypt(packet.subarray(4));
          view.setBigUint64(4, view.getBigUint64(4) + 1n);
          if (round > 0 || equalBytes(plaintext.subarray(1, 1 + payload.length), payload)) right++;
        }
        if (right !== packetsPerRound) throw new Error(`${right} of ${packetsPerRound} packets were opened`);
        return right;
      };
    },
  };
}

/** What the cipher does to a packet, whatever comes out. */
function partsOf(suite: Suite): (packet: Uint8Array) => void {
  const { encryptionKey, iv, integrityKey } = keysOf(suite);
  switch (suite.cipher) {
    case 'aes128-gcm@openssh.com':
    case 'aes256-gcm@openssh.com':
      return gcmParts(encryptionKey);
    case 'chacha20-poly1305@openssh.com': {
      const key = chachaKey(encryptionKey.subarray(0, 32));
      const block = new Int32Array(16);
      const tag = new Int32Array(4);
      return (packet) => {
        const view = new DataView(packet.buffer);
        chachaBlock(key, 0, 1, block);
        poly1305(block, view, 0, packet.length - 16, tag);
        addChacha(key, 1, 1, view, 4, packet.length - 16);
      };
    }
    case 'aes128-ctr': {
      const stream = new AesCtrStream(encryptionKey, iv);
      const mac = new Sha256PacketMac(integrityKey);
      return (packet) => {
        mac.compute(packet, 0, packet.length - 32, 1);
        stream.crypt(packet, 4, packet.length - 32);
      };
    }
    default:
      throw new Error(`no parts are known of ${suite.cipher}`);
  }
}

function gcmParts(key: Uint8Array): (packet: Uint8Array) => void {
  const expandedKey = expandAesKey(key);
  const blocks = new DataView(new ArrayBuffer(runLength));
  encryptBlocks(expandedKey, blocks, 1);
  const ghash = new GhashKey(blocks, 0);
  return (packet) => {
    const view = new DataView(packet.buffer);
    const end = packet.length - 16;
    ghash.hashPacket(view, 0, end - 4);
    encryptBlocks(expandedKey, blocks, 1);
    let counter = 2;
    for (let at = 4; at < end; at += runLength) {
      const upTo = Math.min(end, at + runLength);
      const count = (upTo - at) / 16;
      for (let i = 0, block = 0; i < count; i++, block += 16) {
        blocks.setInt32(block, 0);
        blocks.setInt32(block + 4, 0);
        blocks.setInt32(block + 8, 0);
        blocks.setInt32(block + 12, counter++);
      }
      encryptBlocks(expandedKey, blocks, count);
      xorWords(view, at, upTo, blocks, 0);
    }
  };
}

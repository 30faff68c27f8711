/**
 * Packets under every cipher. The peer has the keys: it seals what it should not.
 *
 * Owns: that both providers open the same and refuse the same, that what was
 * sealed comes out, that nothing is read beyond a packet.
 * Must not know: engines, messages.
 */
import { concatBytes } from '../../../src/base/bytes.ts';
import { defaultLimits } from '../../../src/base/limits.ts';
import { writeUint32 } from '../../../src/crypto/provider/packetFields.ts';
import type { SealingCipher } from '../../../src/crypto/provider/provider.ts';
import { lengthFieldLength } from '../../../src/packet/framing.ts';
import { NoneOpeningCipher, NoneSealingCipher } from '../../../src/packet/noneCipher.ts';
import { PacketOpener } from '../../../src/packet/opener.ts';
import { PacketSealer } from '../../../src/packet/sealer.ts';
import { ByteQueue } from '../../../src/wire/byteQueue.ts';
import { keysOf, providers, type Suite, seededPadding, suites } from '../../packet/support.ts';
import { decodeRecords, encodeRecords, type FuzzRecord } from '../records.ts';
import { type FuzzTarget, fine, law, type Verdict, verdictOf } from '../target.ts';

/** What each number does. */
const operations = {
  /** A payload, sealed as it should be. */
  payload: 0,
  /** Four bytes of packet_length, the plaintext behind it, sealed whatever it is. */
  frame: 1,
  /** Bytes as they are. */
  raw: 2,
  /** Two bytes: where; the rest is XORed to the wire bytes that came before, from there on. */
  alter: 3,
  /** A large payload: two bytes of its length. */
  large: 4,
} as const;

/** Undefined: before the first keys. */
const choices: readonly (Suite | undefined)[] = [undefined, ...suites];
/** Of one payload, and of what one input may put on the wire: longer ones are slow and find nothing more. */
const longestPayload = 9000;
const longestStream = 24 * 1024;

interface Opening {
  readonly payloads: readonly string[];
  readonly verdict: Verdict;
  readonly sequenceNumber: number;
}

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const first = data[0] ?? 0;
  const suite = choices[first % choices.length];
  const stream = new Stream(suite);
  for (const record of decodeRecords(data, 1)) if (stream.bytes.length < longestStream) stream.add(record);
  const chunk = [1, 7, 64, 1500, 100_000][Math.floor(first / choices.length) % 5] as number;
  const openings = Object.keys(providers).flatMap((name) =>
    [stream.bytes.length, stream.bytes.length > 4096 ? Math.max(chunk, 64) : chunk].map((size) =>
      open(name, suite, stream.bytes, size),
    ),
  );
  const [opening] = openings as [Opening, ...Opening[]];
  for (const other of openings) {
    law(sameOpening(other, opening), 'providers or pieces open packets differently');
  }
  stream.honest.forEach((payload, index) => {
    law(opening.payloads[index] === payload, 'what was sealed does not come out');
  });
  return opening.verdict;
}

function sameOpening(a: Opening, b: Opening): boolean {
  return (
    a.sequenceNumber === b.sequenceNumber &&
    a.verdict.code === b.verdict.code &&
    a.payloads.length === b.payloads.length &&
    a.payloads.every((payload, index) => payload === b.payloads[index])
  );
}

/** What the peer puts on the wire. */
class Stream {
  bytes: Uint8Array = new Uint8Array(0);
  /** The payloads sealed truly before anything else was said. */
  readonly honest: string[] = [];
  private isHonest = true;
  private readonly sealer: PacketSealer;
  private readonly cipher: SealingCipher;

  constructor(suite: Suite | undefined) {
    this.cipher = suite === undefined ? new NoneSealingCipher() : noble().createSealingCipher(keysOf(suite));
    this.sealer = new PacketSealer({ randomBytes: seededPadding() });
    this.sealer.use(this.cipher, { resetSequence: false });
  }

  add({ operation, payload }: FuzzRecord): void {
    switch (operation % 5) {
      case operations.payload:
        if (payload.length > 0) this.seal(payload);
        break;
      case operations.large: {
        const length = Math.min(longestPayload, ((payload[0] ?? 0) << 8) | (payload[1] ?? 0));
        if (length > 0) this.seal(new Uint8Array(length).fill(payload[2] ?? 1));
        break;
      }
      case operations.frame:
        this.frame(payload);
        break;
      case operations.raw:
        this.isHonest = false;
        this.bytes = concatBytes(this.bytes, payload);
        break;
      default:
        this.alter(payload);
    }
  }

  private seal(payload: Uint8Array): void {
    this.sealer.begin().bytes(payload);
    this.sealer.finish();
    this.takeSealed();
    if (this.isHonest) this.honest.push(Buffer.from(payload).toString('latin1'));
  }

  private takeSealed(): void {
    for (let part = this.sealer.takeOutput(); part !== undefined; part = this.sealer.takeOutput()) {
      this.bytes = concatBytes(this.bytes, part);
    }
  }

  /** Any packet_length (as far as there is plaintext for it) with any padding_length and payload. */
  private frame(payload: Uint8Array): void {
    const { cipher, sealer } = this;
    const plain = payload.subarray(4);
    const claimed = (((payload[2] ?? 0) << 8) | (payload[3] ?? 0)) % 2048;
    // A cipher seals whole blocks only: what does not fit one is claimed in the clear, where that can be seen.
    const clear = cipher.lengthIsAligned ? lengthFieldLength : 0;
    const packetLength = Math.ceil((claimed + clear + 1) / cipher.blockSize) * cipher.blockSize - clear;
    const buffer = new Uint8Array(lengthFieldLength + packetLength + cipher.tagLength);
    buffer.set(plain.subarray(0, packetLength), lengthFieldLength);
    writeUint32(buffer, 0, packetLength);
    this.isHonest = false;
    cipher.seal(buffer, 0, packetLength, sealer.sequenceNumber, buffer.length);
    sealer.sequenceNumber = (sealer.sequenceNumber + 1) >>> 0;
    this.bytes = concatBytes(this.bytes, buffer);
  }

  private alter(payload: Uint8Array): void {
    if (this.bytes.length === 0) return;
    const at = (((payload[0] ?? 0) << 8) | (payload[1] ?? 0)) % this.bytes.length;
    const altered = this.bytes.slice();
    const mask = payload.subarray(2, 2 + altered.length - at);
    mask.forEach((bits, index) => {
      altered[at + index] = (altered[at + index] as number) ^ bits;
    });
    this.bytes = altered;
    this.isHonest = false;
    this.honest.length = 0;
  }
}

function open(name: string, suite: Suite | undefined, stream: Uint8Array, pieces: number): Opening {
  const opener = new PacketOpener({ limits: defaultLimits });
  const provider = providers[name];
  law(provider !== undefined, 'no such provider');
  const cipher = suite === undefined ? new NoneOpeningCipher() : provider.createOpeningCipher(keysOf(suite));
  opener.use(cipher, { resetSequence: false });
  const queue = new ByteQueue();
  const payloads: string[] = [];
  try {
    for (let at = 0; at < stream.length; at += pieces) {
      queue.push(stream.slice(at, at + pieces));
      while (opener.next(queue)) payloads.push(payloadOf(opener));
      law(opener.readNeed <= defaultLimits.packetLength + 4 + 64, 'more is asked for than a packet');
      law(queue.length < opener.readNeed, 'enough is there, and nothing happens');
    }
  } catch (error) {
    return { payloads, verdict: faultOf(opener, queue, error), sequenceNumber: opener.sequenceNumber };
  }
  return { payloads, verdict: fine, sequenceNumber: opener.sequenceNumber };
}

function payloadOf(opener: PacketOpener): string {
  const { payload, payloadStart, payloadEnd } = opener;
  law(payloadStart < payloadEnd && payloadEnd <= payload.length, 'a payload beyond its packet');
  return Buffer.from(payload.subarray(payloadStart, payloadEnd)).toString('latin1');
}

/** A fault stays: nothing behind it is opened. */
function faultOf(opener: PacketOpener, queue: ByteQueue, error: unknown): Verdict {
  let again: unknown;
  try {
    opener.next(queue);
  } catch (second) {
    again = second;
  }
  law(again === error, 'an opener that goes on after a fault');
  const verdict = verdictOf(error);
  law(verdict.code === 'ERR_SSH_PACKET' || verdict.code === 'ERR_SSH_MAC', `${verdict.code} from an opener`);
  return verdict;
}

function noble(): (typeof providers)[string] & object {
  const { noble: provider } = providers;
  law(provider !== undefined, 'no such provider');
  return provider;
}

/** One of every kind under every cipher. */
function seeds(): readonly Uint8Array[] {
  const text = new Uint8Array(Buffer.from('\x5e\0\0\0\0\0\0\0\x05hello', 'latin1'));
  const frame = Uint8Array.of(0, 0, 0, 60, 4, ...text);
  return choices.map((_, index) =>
    encodeRecords(index + choices.length * (index % 5), [
      { operation: operations.payload, payload: text },
      { operation: operations.payload, payload: Uint8Array.of(21) },
      { operation: operations.large, payload: Uint8Array.of(0x10, index, 7) },
      index % 3 === 0
        ? { operation: operations.frame, payload: frame }
        : index % 3 === 1
          ? { operation: operations.alter, payload: Uint8Array.of(0, 9, 1) }
          : { operation: operations.raw, payload: frame },
      { operation: operations.payload, payload: text },
    ]),
  );
}

export const packets: FuzzTarget = {
  name: 'packets',
  shape: 'records',
  examine,
  seeds,
  dictionary: [],
  stepBudget: 200_000_000,
};

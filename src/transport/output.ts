/**
 * The output for the peer that nobody has taken yet.
 *
 * Owns: the one queue of messages, which keeps their order: first the sealed ones, then
 * those that wait for this side's NEWKEYS (RFC 4253 §7.1). Owns the bound on both.
 * Must not know: when a key exchange begins or ends, what messages mean.
 *
 * Only messages of the key exchange itself overtake those that wait.
 */
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { MessageCodec } from '../message/codec.ts';
import { longestPayload } from '../packet/framing.ts';
import { deflatedGrowth } from '../packet/pieces.ts';
import type { PacketSealer } from '../packet/sealer.ts';
import { WireWriter } from '../wire/writer.ts';
import { isCompressing } from './compression.ts';
import type { AlgorithmPreferences } from './kex/negotiation.ts';

/** What a waiting message costs apart from its payload. */
const heldOverhead = 64;

export interface OutputOptions {
  /** Identification string of this side, without CR LF: the first bytes to be taken. */
  readonly identification: Uint8Array;
  readonly limits: Pick<Limits, 'outputQueue' | 'sentPacketLength'>;
  /** Payloads that may have to be compressed may be longer by that. */
  readonly preferences: Pick<AlgorithmPreferences, 'compression'>;
}

/** Told of the number of a packet once its message is in one. */
export type Sealed = (sequenceNumber: number) => void;

/** A message that waits, or a step that is taken once all messages before it are sealed. */
type Held = { readonly payload: Uint8Array; readonly sealed: Sealed | undefined } | (() => void);

export class TransportOutput {
  /** Packets sealed. */
  packets = 0;
  private readonly sealer: PacketSealer;
  private readonly maximum: number;
  private readonly longestPayload: number;
  private identification: Uint8Array | undefined;
  /** Undefined for none. */
  private held: Held[] | undefined;
  /** Of messages that wait for this side's NEWKEYS, with what else they cost. */
  heldBytes = 0;

  constructor(sealer: PacketSealer, { identification, limits, preferences }: OutputOptions) {
    const longest = longestPayload(limits.sentPacketLength);
    const compresses = preferences.compression.some(isCompressing);
    this.sealer = sealer;
    this.maximum = limits.outputQueue;
    this.longestPayload = compresses ? longest - deflatedGrowth(longest) : longest;
    this.identification = new WireWriter().bytes(identification).byte(0x0d).byte(0x0a).copyWritten();
  }

  /**
   * Seals a message, or lets it wait: while `holds` is true, and behind others that wait.
   *
   * @param sealed told of the packet's number, now or later
   * @throws SshError `ERR_SSH_LIMIT` where it fits in no packet, or too much would wait; it is not said then
   */
  send<T>(message: MessageCodec<T>, value: T, holds: boolean, sealed?: Sealed): void {
    if (holds || this.held !== undefined) return this.hold(message, value, sealed);
    const writer = this.sealer.begin();
    try {
      message.encode(writer, value);
      this.checkLength(message.name, writer.writtenLength);
      this.checkRoom(writer.writtenLength, 'the peer does not read');
    } catch (error) {
      this.sealer.forget();
      throw error;
    }
    const sequenceNumber = this.seal();
    sealed?.(sequenceNumber);
  }

  /** Sends without a look at the bound, and returns the payload. */
  sendNow<T>(message: MessageCodec<T>, value: T): Uint8Array {
    const writer = this.sealer.begin();
    message.encode(writer, value);
    // Asked of the writer: a payload that outgrows its page has moved.
    const payload = writer.copyWritten();
    this.seal();
    return payload;
  }

  /** @throws SshError `ERR_SSH_LIMIT` where a message of so many bytes fits in no packet */
  checkLength(name: string, length: number): void {
    if (length <= this.longestPayload) return;
    throw new SshError(
      'ERR_SSH_LIMIT',
      `${name} would have ${length} bytes, and no more than ${this.longestPayload} fit in one packet (limits.sentPacketLength); it was not sent`,
      { origin: 'user' },
    );
  }

  /** Takes a step once every message that was said before is sealed: at once where none waits. */
  whenSealed(holds: boolean, step: () => void): void {
    if (!holds && this.held === undefined) return step();
    this.held ??= [];
    this.held.push(step);
  }

  /** Seals what waits, in its order. This side's NEWKEYS was sealed right before. */
  release(): void {
    const { held } = this;
    if (held === undefined) return;
    // The list may grow meanwhile: what is said by then goes behind the rest.
    for (const next of held) {
      if (typeof next === 'function') {
        next();
        continue;
      }
      this.sealer.begin().bytes(next.payload);
      const sequenceNumber = this.seal();
      next.sealed?.(sequenceNumber);
    }
    this.held = undefined;
    this.heldBytes = 0;
  }

  private hold<T>(message: MessageCodec<T>, value: T, sealed: Sealed | undefined): void {
    const writer = new WireWriter();
    message.encode(writer, value);
    this.checkLength(message.name, writer.writtenLength);
    const payload = writer.copyWritten();
    this.checkRoom(payload.length + heldOverhead, 'a key exchange does not end');
    this.held ??= [];
    this.held.push({ payload, sealed });
    this.heldBytes += payload.length + heldOverhead;
  }

  /** A peer that reads nothing, or never finishes a key exchange, cannot make this side hold more and more. */
  private checkRoom(wanted: number, why: string): void {
    if (this.sealer.pending + this.heldBytes + wanted <= this.maximum) return;
    throw new SshError('ERR_SSH_LIMIT', `${why}: over ${this.maximum} bytes wait to be sent`);
  }

  /** Seals the packet begun, and returns its number. */
  seal(): number {
    this.packets++;
    return this.sealer.finish();
  }

  /** Bytes that wait to be taken. */
  get pending(): number {
    return this.sealer.pending + (this.identification?.length ?? 0);
  }

  /** Bytes for the socket, owned by the caller; undefined when there are none. */
  take(): Uint8Array | undefined {
    if (this.identification === undefined) return this.sealer.takeOutput();
    const line = this.identification;
    this.identification = undefined;
    return line;
  }
}

/**
 * What goes to the peer and has not been taken.
 *
 * Owns: the order of the identification, of what is sealed, and of what waits
 * for a key exchange to end (RFC 4253 §7.1), and the bound on both.
 * Must not know: when a key exchange begins or ends, what messages mean.
 */
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { MessageCodec } from '../message/codec.ts';
import type { PacketSealer } from '../packet/sealer.ts';
import { WireWriter } from '../wire/writer.ts';

/** What a held message costs besides its payload. */
const heldOverhead = 64;

export class TransportOutput {
  /** Packets sealed. */
  packets = 0;
  private readonly sealer: PacketSealer;
  private readonly maximum: number;
  private identification: Uint8Array | undefined;
  /** Undefined for none. */
  private held: Uint8Array[] | undefined;
  private heldBytes = 0;

  /** @param identification of this side, without CR LF: the first bytes to be taken */
  constructor(sealer: PacketSealer, identification: Uint8Array, limits: Limits) {
    this.sealer = sealer;
    this.maximum = limits.outputQueue;
    this.identification = new WireWriter().bytes(identification).byte(0x0d).byte(0x0a).copyWritten();
  }

  /**
   * @returns the number of the packet
   * @throws SshError `ERR_SSH_LIMIT` when the peer does not take what it makes this side say
   */
  send<T>(message: MessageCodec<T>, value: T): number {
    message.encode(this.sealer.begin(), value);
    const sequenceNumber = this.seal();
    if (this.sealer.pending > this.maximum) {
      throw new SshError(
        'ERR_SSH_LIMIT',
        `the peer does not read: over ${this.maximum} bytes wait to be sent`,
      );
    }
    return sequenceNumber;
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

  /** Keeps a message until `release`. */
  hold<T>(message: MessageCodec<T>, value: T): void {
    const writer = new WireWriter();
    message.encode(writer, value);
    const payload = writer.copyWritten();
    this.held ??= [];
    this.held.push(payload);
    this.heldBytes += payload.length + heldOverhead;
    if (this.heldBytes > this.maximum) {
      throw new SshError('ERR_SSH_LIMIT', 'too much output waits for the key exchange under way');
    }
  }

  /** Seals what was held, in its order. */
  release(): void {
    const { held = [] } = this;
    this.held = undefined;
    for (const payload of held) {
      this.sealer.begin().bytes(payload);
      this.seal();
    }
    this.heldBytes = 0;
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

/**
 * The bytes of a peer as packets.
 *
 * Owns: the borders of packets in whatever pieces they come, the limit on their
 * length, which is checked before anything is gathered by it; the data of a DATA,
 * which is handed on piece by piece as it lies there.
 * Must not know: what a packet says, conversations.
 */
import type { SshError } from '../../base/errors.ts';
import { unmarkSole } from '../../base/soleMemory.ts';
import { readUint32 } from '../../message/hot.ts';
import { ByteQueue } from '../../wire/byteQueue.ts';
import { lengthField, shortestPacket } from '../packet/frame.ts';
import { packetName } from '../packet/numbers.ts';
import { protocolError } from './errors.ts';

export class PacketQueue {
  private readonly queue = new ByteQueue();
  private readonly longest: number;
  /** The packet that `next` found: `buffer[start…end)`, from the type on. Valid until the next call. */
  buffer: Uint8Array = this.queue.buffer;
  start = 0;
  end = 0;

  constructor(longest: number) {
    this.longest = longest;
  }

  /** Takes ownership of a chunk. */
  push(chunk: Uint8Array): void {
    this.queue.push(chunk);
  }

  /** Bytes that came and are not consumed. */
  get length(): number {
    return this.queue.length;
  }

  /** The first bytes, for an error that quotes them. */
  viewFirst(most: number): Uint8Array {
    const length = Math.min(most, this.queue.length);
    this.queue.ensure(length);
    return this.queue.buffer.subarray(this.queue.start, this.queue.start + length);
  }

  /**
   * The length of the next packet as it claims it; undefined where that is not known yet.
   *
   * @throws SshError `ERR_SSH_SFTP_PROTOCOL` for a length that no packet has
   */
  claimedLength(): number | undefined {
    const { queue } = this;
    if (!queue.ensure(lengthField)) return undefined;
    const length = readUint32(queue.buffer, queue.start);
    if (length < shortestPacket || length > this.longest) throw this.badLength(length);
    return length;
  }

  /** The type of the next packet, once its first `bytes` bytes (length field included) are there. */
  peekType(bytes: number): number | undefined {
    if (!this.queue.ensure(bytes)) return undefined;
    return this.queue.buffer[this.queue.start + lengthField];
  }

  /** A uint32 of the next packet, at a place that `peekType` promised. */
  peekUint32(offset: number): number {
    return readUint32(this.queue.buffer, this.queue.start + offset);
  }

  /** Drops bytes that were promised. */
  skip(length: number): void {
    this.queue.consume(length);
  }

  /** Takes what lies together of the next `most` bytes; undefined where there is nothing yet. */
  takePiece(most: number): Uint8Array | undefined {
    const { queue } = this;
    const length = Math.min(most, queue.contiguous);
    if (length === 0) return undefined;
    const piece = queue.buffer.subarray(queue.start, queue.start + length);
    // What is left of the chunk is another piece.
    if (length < queue.contiguous) unmarkSole(piece);
    queue.consume(length);
    return piece;
  }

  /**
   * Takes the next whole packet, if it is there.
   *
   * @throws SshError `ERR_SSH_SFTP_PROTOCOL`
   */
  next(): boolean {
    const { queue } = this;
    const length = this.claimedLength();
    if (length === undefined || !queue.ensure(lengthField + length)) return false;
    this.buffer = queue.buffer;
    this.start = queue.start + lengthField;
    this.end = this.start + length;
    queue.consume(lengthField + length);
    return true;
  }

  private badLength(length: number): SshError {
    if (length < shortestPacket)
      return protocolError(`a packet of ${length} bytes, which is too short for any`);
    const type = this.queue.buffer[this.queue.start + lengthField];
    const what = type === undefined ? 'a packet' : packetName(type);
    return protocolError(
      `${what} of ${length} bytes where ${this.longest} are allowed (limits.sftpPacketLength)`,
    );
  }
}

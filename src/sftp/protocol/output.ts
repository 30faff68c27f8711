/**
 * Packets on their way out.
 *
 * Owns: the pages that small packets are written into, one behind the other, and
 * the order of these and of blocks that are sent as they are.
 * Must not know: what a packet says.
 */
import { WireWriter } from '../../wire/writer.ts';

const pageLength = 8 * 1024;
/** A page with less room is not begun anew. */
const leastRoom = 512;

export class OutputQueue {
  private readonly segments: Uint8Array[] = [];
  private readonly writer: WireWriter = new WireWriter(new Uint8Array(0), 0);
  private segmentStart = 0;
  /** Bytes that wait. */
  length = 0;

  /** Lets `step` append whole packets. */
  write(step: (writer: WireWriter) => void): void {
    const { writer } = this;
    if (writer.buffer.length - writer.position < leastRoom) {
      this.seal();
      writer.reset(new Uint8Array(pageLength), 0);
      this.segmentStart = 0;
    }
    const before = writer.position;
    step(writer);
    this.length += writer.position - before;
  }

  /** Appends bytes as they are; their memory must stay so until the transport has taken them. */
  push(block: Uint8Array): void {
    this.seal();
    this.segments.push(block);
    this.length += block.length;
  }

  /** The next bytes; their memory is not written to any more. */
  take(): Uint8Array | undefined {
    if (this.segments.length === 0) this.seal();
    const segment = this.segments.shift();
    if (segment !== undefined) this.length -= segment.length;
    return segment;
  }

  clear(): void {
    this.segments.length = 0;
    this.segmentStart = this.writer.position;
    this.length = 0;
  }

  /** What was written becomes a segment; the rest of the page is for the next one. */
  private seal(): void {
    const { writer, segmentStart } = this;
    if (writer.position === segmentStart) return;
    this.segments.push(writer.buffer.subarray(segmentStart, writer.position));
    this.segmentStart = writer.position;
  }
}

/**
 * Runs our opener and sealer over streams, as a connection would.
 */
import type { PacketOpener } from '../../src/packet/opener.ts';
import type { PacketSealer } from '../../src/packet/sealer.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';

export type PayloadSink = (payload: Uint8Array, start: number, end: number) => void;
export type ByteSink = (bytes: Uint8Array) => void;

/** Fresh chunks, as a socket hands them over: packets are decrypted where they lie. */
export function cut(stream: Uint8Array, length: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < stream.length; at += length) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(length, stream.length - at));
    chunk.set(stream.subarray(at, at + chunk.length));
    chunks.push(chunk);
  }
  return chunks;
}

/** Opens every packet of the chunks, in a queue that lives on. */
export function openAll(opener: PacketOpener): (chunks: readonly Buffer[], sink: PayloadSink) => void {
  const queue = new ByteQueue();
  return (chunks, sink) => {
    for (const chunk of chunks) {
      queue.push(new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.length));
      while (opener.next(queue)) sink(opener.payload, opener.payloadStart, opener.payloadEnd);
    }
  };
}

/** Seals the payload again and again; `takeEvery` packets are taken together. */
export function sealAll(
  sealer: PacketSealer,
  payload: Uint8Array,
  packets: number,
  takeEvery: number,
  sink: ByteSink,
): void {
  for (let i = 1; i <= packets; i++) {
    sealer.begin().bytes(payload);
    sealer.finish();
    if (i % takeEvery !== 0 && i < packets) continue;
    for (let out = sealer.takeOutput(); out !== undefined; out = sealer.takeOutput()) sink(out);
  }
}

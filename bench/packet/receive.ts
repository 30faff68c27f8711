/**
 * Part 1: packets through the receive path, from what a socket reads to payloads.
 *
 * Bytes are copied out of the stream, in place of the system, into the memory that
 * the library has its socket read into: that is part of what receiving costs. For
 * ssh2 it is new for each chunk, as a socket of Node's makes it; this library has
 * one buffer that all reads share, and copies short chunks out of it.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { PacketOpener } from '../../src/packet/opener.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import type { Contestant } from '../lib/measure.ts';
import type { PayloadSink } from './drive.ts';
import { addonBuilt, createDecipher } from './ssh2.ts';
import { newOpener, payloadOf, providers, SealedRounds, type Suite } from './suites.ts';

/** All ways to receive one stream. Every round checks that each byte came, the first that each was right. */
export function receiveContestants(
  suite: Suite,
  payloadLength: number,
  chunkLength: number,
  packets: number,
): Contestant[] {
  const payload = payloadOf(payloadLength);
  const rounds = new SealedRounds(suite, payload, packets);
  const streamOf = (round: number): Uint8Array => rounds.streamOf(round);
  const of = (name: string, receive: Receiver): Contestant =>
    contestant(name, payload, packets, streamOf, (stream, sink) =>
      receive(stream, chunkLength === 0 ? stream.length / packets : chunkLength, sink),
    );
  return [
    of('openssl', ours(newOpener(providers.openssl, suite))),
    of('noble', ours(newOpener(providers.noble, suite))),
    ...(addonBuilt ? [of('ssh2 with addon', ssh2(suite, true))] : []),
    of('ssh2 without', ssh2(suite, false)),
  ];
}

type Receiver = (stream: Uint8Array, chunkLength: number, sink: PayloadSink) => void;

/** As `node/socketLink.ts` has it: one buffer, lent to the core unless little was read. */
export const readBuffer: Uint8Array = new Uint8Array(256 * 1024);
const lendFrom = 16 * 1024;

/** With a queue that lives on, as a connection has it. */
export function ours(opener: PacketOpener): Receiver {
  const queue = new ByteQueue();
  return (stream, chunkLength, sink) => {
    for (let at = 0; at < stream.length; at += chunkLength) {
      const read = stream.subarray(at, at + chunkLength);
      readBuffer.set(read);
      const isLent = read.length >= lendFrom;
      queue.push(isLent ? readBuffer.subarray(0, read.length) : readBuffer.slice(0, read.length), isLent);
      while (opener.next(queue)) sink(opener.payload, opener.payloadStart, opener.payloadEnd);
      queue.keep();
    }
  };
}

function contestant(
  name: string,
  payload: Uint8Array,
  packets: number,
  streamOf: (round: number) => Uint8Array,
  receive: (stream: Uint8Array, sink: PayloadSink) => void,
): Contestant {
  let seen = 0;
  let bytes = 0;
  const count: PayloadSink = (_payload, start, end) => {
    seen++;
    bytes += end - start;
  };
  const verify: PayloadSink = (received, start, end) => {
    count(received, start, end);
    if (!equalBytes(received.subarray(start, end), payload))
      throw new Error(`${name} gave back a wrong payload`);
  };
  return {
    name,
    prepare: (round) => {
      const stream = streamOf(round);
      const sink = round === 0 ? verify : count;
      return () => {
        seen = 0;
        bytes = 0;
        receive(stream, sink);
        if (seen !== packets || bytes !== packets * payload.length) throw new Error(`${name} lost payloads`);
        return packets;
      };
    },
  };
}

function ssh2(suite: Suite, addon: boolean): Receiver {
  let sink: PayloadSink = () => {};
  const decipher = createDecipher(suite, addon, (payload) => sink(payload, 0, payload.length));
  return (stream, chunkLength, use) => {
    sink = use;
    for (let at = 0; at < stream.length; at += chunkLength) {
      const read = stream.subarray(at, at + chunkLength);
      const chunk = Buffer.allocUnsafeSlow(read.length);
      chunk.set(read);
      decipher.decrypt(chunk, 0, chunk.length);
    }
  };
}

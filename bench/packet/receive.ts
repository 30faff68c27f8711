/**
 * Part 1: packets through the receive path, from chunks to payloads.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Contestant } from '../lib/measure.ts';
import { cut, openAll, type PayloadSink } from './drive.ts';
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
  const chunksOf = (round: number): Buffer[] => {
    const stream = rounds.streamOf(round);
    return cut(stream, chunkLength === 0 ? stream.length / packets : chunkLength);
  };
  return [
    contestant('openssl', payload, packets, chunksOf, openAll(newOpener(providers.openssl, suite))),
    contestant('noble', payload, packets, chunksOf, openAll(newOpener(providers.noble, suite))),
    ...(addonBuilt ? [contestant('ssh2 with addon', payload, packets, chunksOf, ssh2(suite, true))] : []),
    contestant('ssh2 without', payload, packets, chunksOf, ssh2(suite, false)),
  ];
}

type Receiver = (chunks: readonly Buffer[], sink: PayloadSink) => void;

function contestant(
  name: string,
  payload: Uint8Array,
  packets: number,
  chunksOf: (round: number) => Buffer[],
  receive: Receiver,
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
      const chunks = chunksOf(round);
      const sink = round === 0 ? verify : count;
      return () => {
        seen = 0;
        bytes = 0;
        receive(chunks, sink);
        if (seen !== packets || bytes !== packets * payload.length) throw new Error(`${name} lost payloads`);
        return packets;
      };
    },
  };
}

function ssh2(suite: Suite, addon: boolean): Receiver {
  let sink: PayloadSink = () => {};
  const decipher = createDecipher(suite, addon, (payload) => sink(payload, 0, payload.length));
  return (chunks, use) => {
    sink = use;
    for (const chunk of chunks) decipher.decrypt(chunk, 0, chunk.length);
  };
}

/**
 * Part 2: packets through the send path, from a payload of the user's to bytes for the socket.
 */
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import type { PacketOpener } from '../../src/packet/opener.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import type { Contestant } from '../lib/measure.ts';
import { type ByteSink, sealAll } from './drive.ts';
import { addonBuilt, createCipher } from './ssh2.ts';
import { newOpener, newSealer, type PacketCiphers, payloadOf, providers, type Suite } from './suites.ts';

/** As many packets as are sealed before the output is taken, as when a socket is written once a turn. */
const bytesPerTake = 65_536;

/** All ways to send the same payload again and again. What each made in the first round was opened and compared. */
export function sendContestants(suite: Suite, payloadLength: number, packets: number): Contestant[] {
  const payload = payloadOf(payloadLength);
  return [
    contestant('openssl', suite, payload, packets, ours(providers.openssl, suite)),
    contestant('noble', suite, payload, packets, ours(providers.noble, suite)),
    ...(addonBuilt ? [contestant('ssh2 with addon', suite, payload, packets, ssh2(suite, true))] : []),
    contestant('ssh2 without', suite, payload, packets, ssh2(suite, false)),
  ];
}

type Sender = (payload: Uint8Array, packets: number, sink: ByteSink) => void;

function contestant(
  name: string,
  suite: Suite,
  payload: Uint8Array,
  packets: number,
  send: Sender,
): Contestant {
  const opener = newOpener(providers.noble, suite);
  let bytes = 0;
  const count: ByteSink = (out) => {
    bytes += out.length;
  };
  return {
    name,
    prepare: (round) => {
      const parts: Uint8Array[] = [];
      const sink: ByteSink = round === 0 ? (out) => parts.push(Uint8Array.from(out)) : count;
      return () => {
        bytes = 0;
        send(payload, packets, sink);
        if (round === 0) verify(name, opener, parts, payload, packets);
        else if (bytes < packets * payload.length) throw new Error(`${name} lost bytes`);
        return packets;
      };
    },
  };
}

function ours(provider: PacketCiphers, suite: Suite): Sender {
  const sealer = newSealer(provider, suite);
  return (payload, packets, sink) =>
    sealAll(sealer, payload, packets, Math.ceil(bytesPerTake / payload.length), sink);
}

function ssh2(suite: Suite, addon: boolean): Sender {
  let sink: ByteSink = () => {};
  const cipher = createCipher(suite, addon, (bytes) => sink(bytes));
  return (payload, packets, use) => {
    sink = use;
    for (let i = 0; i < packets; i++) {
      const packet = cipher.allocPacket(payload.length);
      packet.set(payload, 5);
      cipher.encrypt(packet);
    }
  };
}

function verify(
  name: string,
  opener: PacketOpener,
  parts: readonly Uint8Array[],
  payload: Uint8Array,
  packets: number,
): void {
  const queue = new ByteQueue();
  queue.push(concatBytes(...parts));
  let right = 0;
  while (opener.next(queue)) {
    if (equalBytes(opener.payload.subarray(opener.payloadStart, opener.payloadEnd), payload)) right++;
  }
  if (right !== packets) throw new Error(`${name} sealed ${right} of ${packets} packets right`);
}

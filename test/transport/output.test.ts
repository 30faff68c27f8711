/** What the transport sends, and what it says it sent. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { concatBytes, equalBytes } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { ignore } from '../../src/message/transport.ts';
import { PacketOpener } from '../../src/packet/opener.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { TransportOutput } from '../../src/transport/output.ts';
import { ByteQueue } from '../../src/wire/byteQueue.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { noise, seededPadding } from '../packet/support.ts';

it('returns the payload that the packet carries, wherever in a page it begins or ends', () => {
  // The exchange hash is over this payload: one that outgrows its page moves while it is written.
  const pageLength = 4096;
  const filler = fc.integer({ min: pageLength - 3_000, max: pageLength });
  fc.assert(
    fc.property(filler, fc.integer({ min: 0, max: 3_000 }), (first, second) => {
      const sealer = new PacketSealer({ randomBytes: seededPadding() });
      const output = new TransportOutput(sealer, {
        identification: new Uint8Array(0),
        limits: defaultLimits,
        preferences: { compression: ['none'] },
      });
      const messages = [noise(first, 1), noise(second, 2)].map((data) => ({
        returned: output.sendNow(ignore, { data }),
        meant: new WireWriter().byte(2).string(data).copyWritten(),
      }));
      const payloads = carried(output);
      expect(payloads).toHaveLength(2);
      messages.forEach(({ returned, meant }, i) => {
        expect(equalBytes(returned, meant)).toBe(true);
        expect(equalBytes(payloads[i] as Uint8Array, meant)).toBe(true);
      });
    }),
  );
});

/** The payloads of all packets of an output, in clear. */
function carried(output: TransportOutput): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let chunk = output.take(); chunk !== undefined; chunk = output.take()) chunks.push(chunk);
  const queue = new ByteQueue();
  // The identification is empty here: its CR LF comes first.
  queue.push(concatBytes(...chunks).subarray(2));
  const opener = new PacketOpener({ limits: defaultLimits });
  const payloads: Uint8Array[] = [];
  while (opener.next(queue)) payloads.push(opener.payload.slice(opener.payloadStart, opener.payloadEnd));
  return payloads;
}

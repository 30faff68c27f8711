/** Hand-written equals declared: the hot messages against their codecs. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { channelClose, channelData, channelExtendedData } from '../../src/message/channel.ts';
import {
  channelDataHeaderLength,
  channelDataStart,
  channelExtendedDataHeaderLength,
  channelExtendedDataStart,
  readDataTypeCode,
  readRecipientChannel,
  readUint32,
  writeChannelDataHeader,
  writeChannelExtendedDataHeader,
} from '../../src/message/hot.ts';
import { encodeMessage } from '../../src/message/registry.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { byteStrings, hexBytes, uint32s } from './support.ts';

/** A buffer that holds `payload` somewhere in its middle, as the opener leaves it. */
const placed = fc
  .tuple(fc.nat({ max: 20 }), fc.nat({ max: 20 }))
  .map(([before, after]) => (payload: Uint8Array) => {
    const buffer = new Uint8Array(before + payload.length + after).fill(0xa5);
    buffer.set(payload, before);
    return { buffer, start: before, end: before + payload.length };
  });

/** The outcome of a decoder: its value, or the code of its refusal. */
function outcome<T>(decode: () => T): T | string {
  try {
    return decode();
  } catch (error) {
    if (error instanceof SshError) return error.code;
    throw error;
  }
}

/** Near misses of the three messages: right number, arbitrary fields and lengths. */
const nearMisses = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc
    .tuple(uint32s, uint32s, fc.nat({ max: 24 }), fc.uint8Array({ maxLength: 24 }))
    .map(([channel, type, length, data]) =>
      new WireWriter().uint32(channel).uint32(type).uint32(length).bytes(data).copyWritten(),
    ),
  fc
    .tuple(uint32s, fc.nat({ max: 24 }), fc.uint8Array({ maxLength: 24 }))
    .map(([channel, length, data]) =>
      new WireWriter().uint32(channel).uint32(length).bytes(data).copyWritten(),
    ),
);

const withNumber = (number: number, fields: Uint8Array): Uint8Array =>
  new WireWriter().byte(number).bytes(fields).copyWritten();

describe('written by hand', () => {
  it('CHANNEL_DATA equals the declared codec', () => {
    fc.assert(
      fc.property(uint32s, byteStrings, (recipientChannel, data) => {
        const writer = new WireWriter();
        writeChannelDataHeader(writer, recipientChannel, data.length);
        expect(writer.position).toBe(channelDataHeaderLength);
        expect(writer.bytes(data).copyWritten()).toEqual(
          encodeMessage(channelData, { recipientChannel, data }),
        );
      }),
    );
  });

  it('CHANNEL_EXTENDED_DATA equals the declared codec', () => {
    fc.assert(
      fc.property(uint32s, uint32s, byteStrings, (recipientChannel, dataTypeCode, data) => {
        const writer = new WireWriter();
        writeChannelExtendedDataHeader(writer, recipientChannel, dataTypeCode, data.length);
        expect(writer.position).toBe(channelExtendedDataHeaderLength);
        expect(writer.bytes(data).copyWritten()).toEqual(
          encodeMessage(channelExtendedData, { recipientChannel, dataTypeCode, data }),
        );
      }),
    );
  });
});

describe('read by hand, right or wrong', () => {
  it('CHANNEL_DATA gives what the declared codec gives', () => {
    fc.assert(
      fc.property(nearMisses, placed, (fields, place) => {
        const payload = withNumber(94, fields);
        const { buffer, start, end } = place(payload);
        const byHand = outcome(() => ({
          data: buffer.slice(channelDataStart(buffer, start, end), end),
          recipientChannel: readRecipientChannel(buffer, start, end),
        }));
        expect(byHand).toEqual(outcome(() => channelData.decode(new WireReader(payload, 1))));
      }),
    );
  });

  it('CHANNEL_EXTENDED_DATA gives what the declared codec gives', () => {
    fc.assert(
      fc.property(nearMisses, placed, (fields, place) => {
        const payload = withNumber(95, fields);
        const { buffer, start, end } = place(payload);
        const byHand = outcome(() => ({
          data: buffer.slice(channelExtendedDataStart(buffer, start, end), end),
          recipientChannel: readRecipientChannel(buffer, start, end),
          dataTypeCode: readDataTypeCode(buffer, start, end),
        }));
        expect(byHand).toEqual(outcome(() => channelExtendedData.decode(new WireReader(payload, 1))));
      }),
    );
  });

  it('the recipient channel stands first in the other messages of a channel too', () => {
    const payload = encodeMessage(channelClose, { recipientChannel: 0xdeadbeef });
    expect(readRecipientChannel(payload, 0, payload.length)).toBe(0xdeadbeef);
  });

  it('errors name the message', () => {
    const cut = hexBytes('5e 00000001 000000');
    expect(() => channelDataStart(cut, 0, cut.length)).toThrow(/malformed SSH_MSG_CHANNEL_DATA/);
  });
});

describe('readUint32', () => {
  it('equals the reader, and never reads outside what it was given', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 12 }),
        fc.integer({ min: -2, max: 14 }),
        fc.nat({ max: 14 }),
        (buffer, offset, end) => {
          const inside = offset >= 0 && end <= buffer.length && offset + 4 <= end;
          const expected = inside ? new WireReader(buffer, offset, end).uint32() : 'ERR_SSH_DECODE';
          expect(outcome(() => readUint32(buffer, offset, end))).toBe(expected);
        },
      ),
    );
  });
});

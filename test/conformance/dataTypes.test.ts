/** RFC 4251: the data types, by the statements that implementations get wrong. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { hexBytes, lengthAnd } from '../message/support.ts';

const read = (...hex: readonly string[]): WireReader => new WireReader(hexBytes(...hex));
const refused: unknown = expect.objectContaining({ code: 'ERR_SSH_DECODE' });

describe('data types', () => {
  it('RFC 4251 §5: an mpint of zero is empty, has a leading 00 where its top bit is set, and no superfluous byte', () => {
    const write = (...bytes: number[]): string =>
      Buffer.from(new WireWriter().mpint(Uint8Array.from(bytes)).copyWritten()).toString('hex');
    expect([write(), write(0), write(0, 0)]).toEqual(['00000000', '00000000', '00000000']);
    expect([write(0x7f), write(0, 0, 0x7f)]).toEqual(['000000017f', '000000017f']);
    expect(write(0x80)).toBe('000000020080');
    for (const superfluous of ['00000001 00', '00000002 007f', '00000003 000080']) {
      expect(() => read(superfluous).copyMpint()).toThrow(refused);
    }
    expect(() => read('00000001 80').copyMpint()).toThrow(refused);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70 }), (magnitude) => {
        const written = new WireWriter().mpint(magnitude).copyWritten();
        const value = (bytes: Uint8Array): bigint => BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);
        expect(value(new WireReader(written).copyMpint())).toBe(value(magnitude));
      }),
    );
  });

  it('RFC 4251 §5: any boolean but 0 is true, and 1 is what is written', () => {
    for (let byte = 0; byte < 256; byte++) {
      expect(new WireReader(Uint8Array.of(byte)).boolean()).toBe(byte !== 0);
    }
    expect([...new WireWriter().boolean(true).boolean(false).copyWritten()]).toEqual([1, 0]);
  });

  it('RFC 4251 §5, §6: an empty name-list is valid; an empty name in one, or one of 65 characters, is not', () => {
    expect(read('00000000').nameList()).toEqual([]);
    expect(read(lengthAnd('x'.repeat(64))).nameList()).toHaveLength(1);
    for (const wrong of [',', 'a,', ',a', 'a,,b', `a,${'x'.repeat(65)}`, 'a b', 'a\u007f']) {
      expect(() => read(lengthAnd(wrong)).nameList()).toThrow(refused);
    }
  });
});

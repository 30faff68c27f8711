/** RFC 4251 §5 in the other direction, and that both directions are inverse. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { hexBytes, magnitudes, nameLists, texts, uint32s } from '../message/support.ts';

describe('a writer', () => {
  it('writes the examples of RFC 4251 §5', () => {
    const writer = new WireWriter()
      .uint32(699921578)
      .text('testing')
      .mpint(hexBytes(''))
      .mpint(hexBytes('09a378f9b2e332a7'))
      .mpint(hexBytes('80'))
      .nameList([])
      .nameList(['zlib'])
      .nameList(['zlib', 'none']);
    expect(writer.copyWritten()).toEqual(
      hexBytes(
        '29b7f4aa',
        '00000007 74657374696e67',
        '00000000',
        '00000008 09a378f9b2e332a7',
        '00000002 0080',
        '00000000',
        '00000004 7a6c6962',
        '00000009 7a6c69622c6e6f6e65',
      ),
    );
  });

  it('drops leading zeros of a magnitude, all of them', () => {
    expect(new WireWriter().mpint(hexBytes('0000')).copyWritten()).toEqual(hexBytes('00000000'));
    expect(new WireWriter().mpint(hexBytes('000080')).copyWritten()).toEqual(hexBytes('00000002 0080'));
    expect(new WireWriter().mpint(hexBytes('00007f')).copyWritten()).toEqual(hexBytes('00000001 7f'));
  });

  it('writes text as TextEncoder does, lone surrogates too', () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary', maxLength: 20 }),
          fc.array(fc.nat({ max: 0xffff }), { maxLength: 8 }).map((units) => String.fromCharCode(...units)),
        ),
        (text) => {
          const bytes = encoder.encode(text);
          const written = new WireWriter().text(text).copyWritten();
          expect(written.subarray(4)).toEqual(bytes);
          expect(new WireReader(written).uint32()).toBe(bytes.length);
        },
      ),
    );
  });

  it('refuses names that cannot be part of a name-list', () => {
    for (const right of ['!', '~', 'x'.repeat(64)]) {
      expect(new WireReader(new WireWriter().nameList([right]).copyWritten()).nameList()).toEqual([right]);
    }
    for (const wrong of ['', 'a,b', 'a b', 'é', 'x'.repeat(65), '\n', '\u007f']) {
      expect(() => new WireWriter().nameList(['ok', wrong])).toThrow(
        expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }),
      );
    }
  });

  it('writes into a buffer that it was given, from a position, and replaces it only when it is full', () => {
    const buffer = new Uint8Array(8).fill(0xee);
    const writer = new WireWriter(buffer, 2);
    writer.uint32(1);
    expect(writer.buffer).toBe(buffer);
    expect(writer.viewWritten()).toEqual(hexBytes('00000001'));
    expect(buffer).toEqual(hexBytes('eeee 00000001 eeee'));
    writer.uint32(2);
    expect(writer.buffer).not.toBe(buffer);
    expect(writer.buffer.subarray(0, 2)).toEqual(hexBytes('eeee'));
    expect(writer.copyWritten()).toEqual(hexBytes('00000001 00000002'));
  });

  it('doubles its buffer, so that many small writes cost few of them', () => {
    const writer = new WireWriter();
    const buffers = new Set<Uint8Array>();
    for (let i = 0; i < 100_000; i++) buffers.add(writer.byte(i & 0xff).buffer);
    expect(buffers.size).toBeLessThanOrEqual(1 + Math.ceil(Math.log2(100_000 / 256)));
    expect(writer.viewWritten()).toEqual(Uint8Array.from({ length: 100_000 }, (_, i) => i & 0xff));
  });

  it('gives views that share and copies that do not', () => {
    const writer = new WireWriter().byte(1);
    const [view, copy] = [writer.viewWritten(), writer.copyWritten()];
    writer.buffer[0] = 9;
    expect(view).toEqual(hexBytes('09'));
    expect(copy).toEqual(hexBytes('01'));
  });
});

/** A value of each data type: how it is written, and how it is read and compared. */
const values = fc.oneof(
  fc.nat({ max: 255 }).map((value) => ({
    write: (writer: WireWriter) => writer.byte(value),
    check: (reader: WireReader) => expect(reader.byte()).toBe(value),
  })),
  fc.boolean().map((value) => ({
    write: (writer: WireWriter) => writer.boolean(value),
    check: (reader: WireReader) => expect(reader.boolean()).toBe(value),
  })),
  uint32s.map((value) => ({
    write: (writer: WireWriter) => writer.uint32(value),
    check: (reader: WireReader) => expect(reader.uint32()).toBe(value),
  })),
  fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }).map((value) => ({
    write: (writer: WireWriter) => writer.uint64(value),
    check: (reader: WireReader) => expect(reader.uint64()).toBe(value),
  })),
  fc.uint8Array({ maxLength: 300 }).map((value) => ({
    write: (writer: WireWriter) => writer.string(value),
    check: (reader: WireReader) => expect(reader.copyString()).toEqual(value),
  })),
  texts.map((value) => ({
    write: (writer: WireWriter) => writer.text(value),
    check: (reader: WireReader) => expect(reader.text()).toBe(value),
  })),
  magnitudes.map((value) => ({
    write: (writer: WireWriter) => writer.mpint(value),
    check: (reader: WireReader) => expect(reader.copyMpint()).toEqual(value),
  })),
  nameLists.map((value) => ({
    write: (writer: WireWriter) => writer.nameList(value),
    check: (reader: WireReader) => expect(reader.nameList()).toEqual(value),
  })),
);

describe('a writer that is used again', () => {
  it('writes as a new one would, and leaves what is before its place alone', () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 6 }), fc.nat({ max: 20 }), (sequence, position) => {
        const used = new WireWriter().text('from before');
        const buffer = new Uint8Array(64).fill(0xa5);
        used.reset(buffer, position);
        const fresh = new WireWriter();
        for (const { write } of sequence) {
          write(used);
          write(fresh);
        }
        expect(used.copyWritten()).toEqual(fresh.copyWritten());
        expect(used.position).toBe(position + fresh.position);
        expect(used.buffer.slice(0, position)).toEqual(new Uint8Array(position).fill(0xa5));
        if (used.position <= buffer.length) expect(used.buffer).toBe(buffer);
      }),
    );
  });
});

describe('reader and writer', () => {
  it('are inverse for any values in any order, however small the first buffer', () => {
    fc.assert(
      fc.property(fc.array(values, { maxLength: 12 }), fc.nat({ max: 40 }), (sequence, size) => {
        const writer = new WireWriter(new Uint8Array(size));
        for (const { write } of sequence) write(writer);
        const reader = new WireReader(writer.copyWritten());
        for (const { check } of sequence) check(reader);
        reader.end();
      }),
    );
  });
});

/** As the pages of packets do: what does not fit goes to another place of other memory, with what was written. */
class MovingWriter extends WireWriter {
  override reserve(length: number): void {
    if (this.position + length <= this.buffer.length) return;
    const written = this.copyWritten();
    const at = (this.position + 3) % 11;
    const moved = new Uint8Array(at + written.length + length);
    moved.set(written, at);
    this.reset(moved, at);
    this.position += written.length;
  }
}

it('writes the same where making room moves what was written', () => {
  const name = fc.stringMatching(/^[a-z0-9@.-]{1,64}$/);
  const write = (writer: WireWriter, names: readonly string[], bytes: Uint8Array, text: string): Uint8Array =>
    writer
      .byte(20)
      .string(bytes)
      .nameList(names)
      .text(text)
      .mpint(bytes)
      .nameList(names)
      .uint32(7)
      .copyWritten();
  fc.assert(
    fc.property(
      fc.array(name, { maxLength: 12 }),
      fc.uint8Array(),
      fc.string(),
      fc.nat({ max: 600 }),
      (names, bytes, text, room) => {
        const moving = new MovingWriter(new Uint8Array(room), Math.min(room, 3));
        expect(write(moving, names, bytes, text)).toEqual(write(new WireWriter(), names, bytes, text));
      },
    ),
  );
});

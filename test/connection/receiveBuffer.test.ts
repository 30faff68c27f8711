/** What a channel holds for its user: the bytes, all of them, in order, and not much memory behind them. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { ReceiveBuffer } from '../../src/connection/receiveBuffer.ts';
import { counting } from './support.ts';

/** Appends copies in memory of their own, with bytes around them. */
function appendTo(buffer: ReceiveBuffer, bytes: Uint8Array, before = 3, behind = 2): void {
  const around = concatBytes(new Uint8Array(before).fill(0xee), bytes, new Uint8Array(behind).fill(0xdd));
  buffer.append(around, before, before + bytes.length);
}

/** `toEqual` takes long over long arrays. */
function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function takeAll(buffer: ReceiveBuffer): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let piece = buffer.take(); piece !== undefined; piece = buffer.take()) pieces.push(piece);
  return pieces;
}

const lengths = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 70 }) },
  { weight: 3, arbitrary: fc.integer({ min: 60, max: 3000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 4000, max: 9000 }) },
);

describe('what was received', () => {
  it('is taken whole and in order, whatever was taken and dropped between, and stays as it was taken', () => {
    const step = fc.oneof(
      { weight: 8, arbitrary: lengths },
      { weight: 3, arbitrary: fc.constant('take' as const) },
      { weight: 1, arbitrary: fc.constantFrom('take all' as const, 'clear' as const) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        const buffer = new ReceiveBuffer();
        let [sent, dropped] = [0, 0];
        const expected: number[] = [];
        const taken: Uint8Array[] = [];
        for (const now of steps) {
          if (now === 'take') taken.push(...[buffer.take()].flatMap((piece) => piece ?? []));
          else if (now === 'take all') taken.push(...takeAll(buffer));
          else if (now === 'clear') {
            const held = buffer.length;
            expect(buffer.clear()).toBe(held);
            expected.length -= held;
            dropped += held;
          } else {
            const bytes = counting(now, sent);
            appendTo(buffer, bytes);
            for (const byte of bytes) expected.push(byte);
            sent += now;
          }
          const out = taken.reduce((sum, { length }) => sum + length, 0);
          expect(buffer.length).toBe(sent - dropped - out);
        }
        taken.push(...takeAll(buffer));
        expect(buffer.length).toBe(0);
        expect(taken.every(({ length }) => length > 0)).toBe(true);
        expect(sameBytes(concatBytes(...taken), Uint8Array.from(expected))).toBe(true);
      }),
    );
  });

  it('in pieces of 4096 bytes and more is not copied, unless three quarters of the memory are of something else', () => {
    for (const [length, behind, isKept] of [
      [4095, 0, false],
      [4096, 0, true],
      [4096, 4096, true],
      [4096, 3 * 4096, true],
      [4096, 3 * 4096 + 1, false],
      [20_000, 70_000, false],
    ] as const) {
      const memory = new Uint8Array(length + behind);
      const buffer = new ReceiveBuffer();
      buffer.append(memory, 0, length);
      const piece = buffer.take();
      expect(piece).toHaveLength(length);
      expect([length, behind, piece?.buffer === memory.buffer]).toEqual([length, behind, isKept]);
    }
  });

  it('in small pieces lies together: the first in 4 KiB, more in blocks of 32 KiB that are filled', () => {
    const buffer = new ReceiveBuffer();
    for (let i = 0; i < 4 + 32 + 1; i++) appendTo(buffer, counting(1024, 1024 * i));
    const pieces = takeAll(buffer);
    expect(pieces.map(({ length, buffer: { byteLength } }) => [length, byteLength])).toEqual([
      [4096, 4096],
      [32_768, 32_768],
      [1024, 32_768],
    ]);
    expect(sameBytes(concatBytes(...pieces), counting(37 * 1024))).toBe(true);
  });

  it('one small piece at a time, as it is taken, fills one block after the other', () => {
    const buffer = new ReceiveBuffer();
    const memories = new Set<ArrayBufferLike>();
    for (let i = 0; i < 12; i++) {
      appendTo(buffer, counting(1024, i));
      const piece = buffer.take();
      expect(sameBytes(piece as Uint8Array, counting(1024, i))).toBe(true);
      memories.add((piece as Uint8Array).buffer);
    }
    expect([...memories].map(({ byteLength }) => byteLength)).toEqual([4096, 4096, 4096]);
  });

  it('begins a block of 32 KiB behind a large piece', () => {
    const buffer = new ReceiveBuffer();
    appendTo(buffer, counting(5000));
    appendTo(buffer, counting(10));
    buffer.take();
    expect(buffer.take()?.buffer.byteLength).toBe(32_768);
  });

  it('keeps its order where small pieces come before, between and behind large ones', () => {
    const buffer = new ReceiveBuffer();
    const parts = [10, 5000, 20, 30, 6000, 40].map((length, i) => counting(length, i));
    for (const part of parts) appendTo(buffer, part);
    expect(takeAll(buffer).map(({ length }) => length)).toEqual([10, 5000, 50, 6000, 40]);
    for (const part of parts) appendTo(buffer, part);
    expect(sameBytes(concatBytes(...takeAll(buffer)), concatBytes(...parts))).toBe(true);
  });

  it('is gone when it is dropped, and what comes next is not', () => {
    const buffer = new ReceiveBuffer();
    appendTo(buffer, counting(10));
    appendTo(buffer, counting(5000));
    appendTo(buffer, counting(20));
    expect(buffer.clear()).toBe(5030);
    expect([buffer.length, buffer.take()]).toEqual([0, undefined]);
    appendTo(buffer, counting(7, 1));
    expect(takeAll(buffer)).toEqual([counting(7, 1)]);
  });
});

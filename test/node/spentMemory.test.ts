/** Memory of bytes that are used up goes back at once, where it is nobody else's. */
import { describe, expect, it } from 'vitest';
import { markSole } from '../../src/base/soleMemory.ts';
import { giveBack } from '../../src/node/spentMemory.ts';

describe('memory that is used up', () => {
  const block = (isSole: boolean): Uint8Array => {
    const bytes = new Uint8Array(16 * 1024);
    if (isSole) markSole(bytes);
    return bytes;
  };
  const isFreed = ({ buffer }: Uint8Array): boolean => buffer.byteLength === 0;

  it('is given back, many pieces at once, where it is nobody else’s', () => {
    const [mine, shared] = [Array.from({ length: 16 }, () => block(true)), block(false)];
    giveBack([shared]);
    giveBack(mine.slice(0, 15));
    expect(mine.map(isFreed)).not.toContain(true);
    giveBack(mine.slice(15));
    expect(mine.map(isFreed)).not.toContain(false);
    expect(isFreed(shared)).toBe(false);
    // Two pieces of one memory are one memory.
    const more = Array.from({ length: 15 }, () => block(true));
    const halved = block(true);
    giveBack([halved.subarray(0, 100), halved.subarray(100), ...more]);
    expect([isFreed(halved), ...more.map(isFreed)]).not.toContain(false);
  });
});

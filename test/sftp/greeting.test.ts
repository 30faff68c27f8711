/** What may begin a VERSION, byte by byte. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mayBeVersion } from '../../src/sftp/protocol/greeting.ts';

describe('the first bytes of a server', () => {
  it('are those of a VERSION where the length is allowed and the type is right', () => {
    const lengths = fc.oneof(fc.nat({ max: 0xffff_ffff }), fc.nat({ max: 0x2_0000 }));
    fc.assert(
      fc.property(lengths, lengths, fc.nat({ max: 4 }), (length, longest, type) => {
        const bytes = new Uint8Array(5);
        new DataView(bytes.buffer).setUint32(0, length);
        bytes[4] = type;
        const isAllowed = length <= longest;
        expect(mayBeVersion(bytes, longest)).toBe(isAllowed && type === 2);
        expect(mayBeVersion(bytes.subarray(0, 4), longest)).toBe(isAllowed);
        // Of fewer bytes the first alone can tell.
        for (const there of [1, 2, 3]) {
          expect(mayBeVersion(bytes.subarray(0, there), longest)).toBe(
            (bytes[0] ?? 0) * 0x1000000 <= longest,
          );
        }
        expect(mayBeVersion(bytes.subarray(0, 0), longest)).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  it.each([0x100, 0xff00, 0x1_0000, 0x12_3456])(
    'may claim %i bytes where that is the limit, and no more',
    (longest) => {
      const of = (length: number): Uint8Array => Uint8Array.of(0, length >> 16, length >> 8, length, 2);
      expect(mayBeVersion(of(longest), longest)).toBe(true);
      expect(mayBeVersion(of(longest + 1), longest)).toBe(false);
    },
  );
});

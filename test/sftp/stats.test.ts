/** Attributes as `fs.Stats`, as numbers and as bigints: both say the same. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BigIntFileStats, FileStats } from '../../src/sftp/files/stats.ts';
import type { FileAttributes } from '../../src/sftp/packet/attributes.ts';

const uint32 = fc.nat({ max: 0xffff_ffff });
const some = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });
const anyAttributes: fc.Arbitrary<FileAttributes> = fc.record({
  size: some(fc.bigInt({ min: 0n, max: 2n ** 53n })),
  uid: some(uint32),
  gid: some(uint32),
  permissions: some(uint32),
  atime: some(uint32),
  mtime: some(uint32),
});

describe('the attributes of a file', () => {
  it('are the same as numbers and as bigints, and NaN or -1 where the server does not tell', () => {
    fc.assert(
      fc.property(anyAttributes, (attributes) => {
        const numbers = new FileStats(attributes);
        const bigints = new BigIntFileStats(attributes);
        const told = {
          mode: attributes.permissions,
          size: attributes.size,
          uid: attributes.uid,
          gid: attributes.gid,
          atimeMs: attributes.atime === undefined ? undefined : attributes.atime * 1000,
          mtimeMs: attributes.mtime === undefined ? undefined : attributes.mtime * 1000,
        };
        for (const [name, value] of Object.entries(told)) {
          const field = name as keyof typeof told;
          expect(numbers[field], field).toBe(value === undefined ? Number.NaN : Number(value));
          expect(bigints[field], field).toBe(value === undefined ? -1n : BigInt(value));
        }
        for (const time of ['atime', 'mtime'] as const) {
          const milliseconds = attributes[time] === undefined ? Number.NaN : attributes[time] * 1000;
          expect(numbers[time].getTime()).toBe(milliseconds);
          expect(bigints[time].getTime()).toBe(milliseconds);
          expect(bigints[`${time}Ns`]).toBe(
            attributes[time] === undefined ? -1n : BigInt(attributes[time]) * 1_000_000_000n,
          );
        }
      }),
    );
  });

  it.each([
    ['isFile', 0o100644],
    ['isDirectory', 0o040755],
    ['isSymbolicLink', 0o120777],
    ['isFIFO', 0o010600],
    ['isSocket', 0o140600],
    ['isBlockDevice', 0o060600],
    ['isCharacterDevice', 0o020600],
  ] as const)('answer %s by the mode alone', (question, mode) => {
    const modes = [0o100644, 0o040755, 0o120777, 0o010600, 0o140600, 0o060600, 0o020600];
    for (const permissions of modes) {
      expect(new FileStats({ permissions })[question]()).toBe(permissions === mode);
      expect(new BigIntFileStats({ permissions })[question]()).toBe(permissions === mode);
    }
    expect(new FileStats({})[question]()).toBe(false);
  });
});

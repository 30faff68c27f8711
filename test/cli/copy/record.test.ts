/** The lines of scp's old protocol. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatRecord, parseRecord, RcpFault, type RcpRecord } from '../../../src/cli/copy/rcp/record.ts';

const name = fc
  .array(fc.integer({ min: 1, max: 255 }), { minLength: 1, maxLength: 20 })
  .map((codes) => String.fromCharCode(...codes).replace(/[/\n]/g, '_'))
  .filter((text) => text !== '.' && text !== '..');
const item = fc.record({
  kind: fc.constantFrom('file' as const, 'folder' as const),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  size: fc.maxSafeNat(),
  name,
});
const seconds = fc.integer({ min: 0, max: 2 ** 40 });
const times = fc.record({ kind: fc.constant('times' as const), mtime: seconds, atime: seconds });

describe('a line', () => {
  it('that is sent is read as what it says', () => {
    fc.assert(
      fc.property(fc.oneof(item, times, fc.constant<RcpRecord>({ kind: 'end' })), (record) => {
        expect(parseRecord(formatRecord(record).replace(/\n$/, ''))).toEqual(record);
      }),
    );
  });

  it.each([
    'C0644 3 ../x',
    'C0644 3 /x',
    'C0644 3 .',
    'D0755 0 ..',
    'D0755 0 ',
    'C0644 3 a/b',
    'C644 3 x',
    'C0844 3 x',
    'C0644 -3 x',
    'C0644 99999999999999999999 x',
    'C0644 9007199254740993 x',
    'E1',
    'T1 0',
    'T1 0 2',
    'X',
    '',
    'C0644 3 a\0b',
  ])('%j is refused', (line) => {
    expect(() => parseRecord(line)).toThrow(RcpFault);
  });

  it('never throws anything else', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary-ascii', maxLength: 30 }),
        fc.constantFrom('', 'C', 'D', 'T', 'E'),
        (text, kind) => {
          try {
            parseRecord(`${kind}${text}`);
          } catch (error) {
            expect(error).toBeInstanceOf(RcpFault);
          }
        },
      ),
    );
  });

  it('of a name with a line end in it is one line still', () => {
    const line = formatRecord({ kind: 'file', mode: 0o644, size: 1, name: 'a\nC0644 1 b' });
    expect(line.indexOf('\n')).toBe(line.length - 1);
  });
});

/** Numbers for people: sizes, modes, times, progress. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clock,
  type ProgressState,
  progressLine,
  size,
} from '../../../src/cli/files/progress/progressLine.ts';
import { scaled } from '../../../src/cli/files/scaled.ts';
import { inColumns } from '../../../src/cli/sftp/listing/columns.ts';
import { filesystemTable } from '../../../src/cli/sftp/listing/filesystem.ts';
import { longLine, modeText, noNames, timeText } from '../../../src/cli/sftp/listing/longLine.ts';

const state: ProgressState = {
  name: 'archive.tar',
  transferred: 5 * 1024 * 1024,
  total: 10 * 1024 * 1024,
  files: 1,
  filesDone: 0,
  rate: 1024 * 1024,
  timeLeft: 5_000,
  elapsed: 5_000,
  isDone: false,
};

describe('a progress line', () => {
  it('says how much, how fast and how long', () => {
    expect(progressLine(state, 80)).toMatch(/^archive\.tar +50% +5\.0MB +1\.0MB\/s +00:05 ETA$/);
  });

  it('counts the files of a folder', () => {
    expect(progressLine({ ...state, files: 12, filesDone: 3 }, 80)).toMatch(/^archive\.tar \(3\/12\) /);
  });

  it('is at 100 % when all is there, and not before', () => {
    expect(progressLine({ ...state, transferred: state.total }, 80)).toContain(' 99%');
    expect(progressLine({ ...state, transferred: state.total, isDone: true }, 80)).toContain('100%');
    expect(progressLine({ ...state, transferred: 0, total: 0, isDone: true }, 80)).toContain('100%');
  });

  it('is at 0 % while nothing is there to come, and in whole per cent of what is, rounded down', () => {
    const percent = (transferred: number, total: number): string | undefined =>
      / (\d+)% /.exec(progressLine({ ...state, transferred, total }, 80))?.[1];
    expect([percent(0, 0), percent(7, 0), percent(0, 1), percent(1, 1)]).toEqual(['0', '0', '0', '99']);
    expect([percent(1, 2), percent(1, 3), percent(2, 3), percent(999, 1000)]).toEqual([
      '50',
      '33',
      '66',
      '99',
    ]);
  });

  it('fits its terminal, whatever it says', () => {
    const amount = fc.integer({ min: 0, max: 2 ** 50 });
    fc.assert(
      fc.property(
        fc.string({ maxLength: 120 }),
        amount,
        amount,
        amount,
        fc.integer({ min: 46, max: 200 }),
        (name, transferred, total, rate, columns) => {
          const line = progressLine({ ...state, name, transferred, total, rate, timeLeft: rate }, columns);
          expect([...line.replace(/ ETA$/, '')].length).toBeLessThan(columns + 8);
          expect(line).toMatch(/%/);
        },
      ),
    );
  });

  it.each([
    [0, '0B'],
    [999, '999B'],
    [1000, '1.0KB'],
    [1536, '1.5KB'],
    [200 * 1024, '200KB'],
    [3 * 1024 ** 4, '3.0TB'],
  ])('%d bytes are %s', (bytes, expected) => {
    expect(size(bytes).trim()).toBe(expected);
  });

  it.each([
    [0, '00:00'],
    [61_000, '01:01'],
    [3_600_000, '1:00:00'],
    [undefined, '--:--'],
  ])('%s ms are %s', (milliseconds, expected) => {
    expect(clock(milliseconds).trim()).toBe(expected);
  });
});

describe('a scaled number', () => {
  it.each([
    [0n, '0B'],
    [1023n, '1023B'],
    [1024n, '1.0K'],
    [1536n, '1.5K'],
    [102_399n, '100K'],
    [102_400n, '100K'],
    [1024n * 1024n - 1n, '1024K'],
    [1024n ** 5n, '1.0P'],
  ])('%s is %s', (bytes, expected) => {
    expect(scaled(bytes)).toBe(expected);
  });
});

describe('a line of ls -l', () => {
  it.each([
    [0o100644, '-rw-r--r--'],
    [0o040755, 'drwxr-xr-x'],
    [0o120777, 'lrwxrwxrwx'],
    [0o104755, '-rwsr-xr-x'],
    [0o104644, '-rwSr--r--'],
    [0o102755, '-rwxr-sr-x'],
    [0o041777, 'drwxrwxrwt'],
    [0o041776, 'drwxrwxrwT'],
    [0o010600, 'prw-------'],
    [0o140600, 'srw-------'],
    [0o060600, 'brw-------'],
    [0o020600, 'crw-------'],
    [0o644, '?rw-r--r--'],
  ])('%o is %s', (mode, expected) => {
    expect(modeText(mode)).toBe(expected);
  });

  it('has the time of day of what is recent, and else the year', () => {
    const now = new Date(2026, 5, 15, 12, 0, 0).getTime();
    expect(timeText(new Date(2026, 5, 3, 9, 5).getTime() / 1000, now)).toBe('Jun  3 09:05');
    expect(timeText(new Date(2025, 5, 3, 9, 5).getTime() / 1000, now)).toBe('Jun  3  2025');
    expect(timeText(new Date(2027, 0, 31).getTime() / 1000, now)).toBe('Jan 31  2027');
  });

  it('has the columns that scripts take apart, and nothing that a terminal obeys', () => {
    const attributes = { permissions: 0o100644, uid: 7, gid: 8, size: 123n, mtime: 0, atime: 0 };
    const owners = { user: () => 'o\x1bps', group: () => undefined };
    const options = { human: false, now: Date.now() };
    expect(longLine('a\x1b[2Jb', attributes, { ...options, owners: noNames })).toMatch(
      /^-rw-r--r-- {4}\? 7 {8}8 {13}123 \w{3} +\d+ +\d{4} a\\x1b\[2Jb$/,
    );
    expect(longLine('a', attributes, { ...options, owners })).toContain(' o\\x1bps ');
  });
});

describe('columns', () => {
  it('are as many as fit, and as wide as they can be', () => {
    expect(inColumns(['a', 'bb', 'c'], 2, 12)).toEqual(['a   bb  c   ']);
    expect(inColumns(['a', 'bb', 'c'], 2, 8)).toEqual(['a   bb  ', 'c   ']);
    expect(inColumns(['long'], 100, 10)).toEqual(['long      ']);
    expect(inColumns([], 0, 80)).toEqual([]);
  });
});

describe('df', () => {
  const stats = {
    bsize: 4096n,
    blocks: 1000n,
    bfree: 250n,
    bavail: 200n,
    files: 0n,
    ffree: 0n,
    favail: 0n,
    fsid: 1n,
    isReadOnly: false,
    namemax: 255n,
  };

  it('has a table of kilobytes, one for people, and one of inodes', () => {
    expect(filesystemTable(stats, 'blocks')).toContain(
      '        4000         3000          800         1000          75%',
    );
    expect(filesystemTable(stats, 'human')).toContain('   3.9MB    2.9MB    800KB   1000KB          75%');
    expect(filesystemTable(stats, 'inodes')).toContain(
      '          0           0           0           0         ERR',
    );
  });
});

/** The line at the bottom of a terminal, and what it shows of transfers: on a clock that the test sets. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { TransferDisplay } from '../../../src/cli/files/progress/transferDisplay.ts';
import { StatusLine } from '../../../src/cli/terminal/statusLine.ts';
import type { TransferProgress } from '../../../src/sftp/transfer/options.ts';
import type { TransferResult } from '../../../src/sftp/transfer/result.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

const erase = '\r\u001b[K';

/** A terminal, and what was written on it since it was looked at last. */
function terminal(columns = 80) {
  let text = '';
  return {
    columns,
    write: (more: string) => {
      text += more;
    },
    shown: (): string => {
      const now = text;
      text = '';
      return now;
    },
  };
}

describe('a status line', () => {
  it('is drawn at once and ten times a second, and nothing of it stays', () => {
    const screen = terminal();
    let count = 0;
    const line = new StatusLine(screen, () => `now ${count++}`);
    line.start();
    // A second start changes nothing.
    line.start();
    expect(screen.shown()).toBe(`${erase}now 0`);
    vi.advanceTimersByTime(99);
    expect(screen.shown()).toBe('');
    vi.advanceTimersByTime(1);
    expect(screen.shown()).toBe(`${erase}now 1`);
    line.stop();
    expect(screen.shown()).toBe(erase);
    vi.advanceTimersByTime(1_000);
    expect(screen.shown()).toBe('');
    line.stop();
    line.clear();
    expect(screen.shown()).toBe('');
  });

  it('makes room for other output, and comes back by itself', () => {
    const screen = terminal();
    const line = new StatusLine(screen, () => 'text');
    line.clear();
    expect(screen.shown()).toBe('');
    line.start();
    screen.shown();
    line.clear();
    line.clear();
    expect(screen.shown()).toBe(erase);
    vi.advanceTimersByTime(100);
    expect(screen.shown()).toBe(`${erase}text`);
    line.stop();
    screen.shown();
    line.start();
    expect(screen.shown()).toBe(`${erase}text`);
    line.stop();
  });

  it('is away until all that hides it has ended, however it ends', async () => {
    const screen = terminal();
    const line = new StatusLine(screen, () => 'text');
    line.start();
    screen.shown();
    let end = (): void => {};
    const first = line.hiddenWhile(() => new Promise<void>((resolve) => (end = resolve)));
    await expect(line.hiddenWhile(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(screen.shown()).toBe(erase);
    vi.advanceTimersByTime(500);
    expect(screen.shown()).toBe('');
    end();
    await first;
    vi.advanceTimersByTime(100);
    expect(screen.shown()).toBe(`${erase}text`);
    expect(await line.hiddenWhile(async () => 7)).toBe(7);
    line.stop();
  });

  it('is narrower than its terminal by one column, in characters', () => {
    for (const [columns, text] of [
      [5, 'abcd'],
      [2, 'a'],
      [1, 'a'],
      [0, 'abcdefgh'],
    ] as const) {
      const screen = terminal(columns);
      const line = new StatusLine(screen, () => 'abcdefgh');
      line.start();
      expect(screen.shown()).toBe(erase + text);
      line.stop();
    }
    const screen = terminal(0);
    const line = new StatusLine(screen, () => '🦦'.repeat(100));
    line.start();
    expect(screen.shown()).toBe(erase + '🦦'.repeat(79));
    line.stop();
  });

  it('is none where there is no terminal', async () => {
    const line = new StatusLine(undefined, () => {
      throw new Error('it is drawn');
    });
    line.start();
    vi.advanceTimersByTime(1_000);
    line.clear();
    expect(await line.hiddenWhile(async () => 1)).toBe(1);
    line.stop();
    expect(vi.getTimerCount()).toBe(0);
  });
});

const progress: TransferProgress = {
  path: '/f',
  transferred: 512,
  total: 1024,
  files: 1,
  filesDone: 0,
  rate: 256,
  timeLeft: 2_000,
};
const result = (bytes: number, files = 1): TransferResult =>
  ({ bytes, files, failedCount: 0 }) as unknown as TransferResult;

describe('a transfer', () => {
  it('is shown while it runs, and with its last figures once it is done', () => {
    const screen = terminal();
    const display = new TransferDisplay(screen, () => true);
    const tell = display.begin('file');
    expect(screen.shown()).toMatch(/file +0% +0B +0B\/s +--:-- ETA$/);
    vi.advanceTimersByTime(2_000);
    tell(progress);
    screen.shown();
    vi.advanceTimersByTime(100);
    expect(screen.shown()).toMatch(/file +50% +512B +256B\/s +00:02 ETA$/);
    display.clear();
    expect(screen.shown()).toBe(erase);
    vi.advanceTimersByTime(1_900);
    tell({ ...progress, transferred: 1024, timeLeft: 0 });
    screen.shown();
    display.end(result(1024));
    // What counts at the end is the whole: 1,024 bytes in four seconds.
    const [, last] = screen.shown().split(erase);
    expect(last).toMatch(/^file +100% +1\.0KB +256B\/s +00:04\n$/);
    vi.advanceTimersByTime(1_000);
    display.end(result(1024));
    tell(progress);
    expect(screen.shown()).toBe('');
    // One alone has no sum.
    display.total();
    expect(screen.shown()).toBe('');
  });

  it('that failed keeps what it came to, and no line where it came to nothing', () => {
    const screen = terminal();
    const display = new TransferDisplay(screen, () => true);
    display.begin('none');
    screen.shown();
    display.end(undefined);
    expect(screen.shown()).toBe(erase);
    display.begin('some')(progress);
    screen.shown();
    vi.advanceTimersByTime(1_000);
    display.end(undefined);
    expect(screen.shown()).toMatch(/some +50% +512B +256B\/s +00:02 ETA\n$/);
    display.total();
    expect(screen.shown()).toBe('');
  });

  it('is one of a sum, of those that arrived', () => {
    const screen = terminal();
    const display = new TransferDisplay(screen, () => true);
    for (const bytes of [300, 600]) {
      display.begin('f');
      vi.advanceTimersByTime(1_500);
      display.end(result(bytes, 2));
    }
    display.begin('failed')(progress);
    display.end(undefined);
    screen.shown();
    display.total();
    expect(screen.shown()).toMatch(/^in sum \(4\/4\) +100% +900B +300B\/s +00:03\n$/);
  });

  it('is not shown where nothing is to be', () => {
    const screen = terminal();
    let isOn = false;
    const display = new TransferDisplay(screen, () => isOn);
    for (let i = 0; i < 2; i++) {
      display.begin('f')(progress);
      vi.advanceTimersByTime(500);
      display.end(result(1));
    }
    display.total();
    expect([screen.shown(), vi.getTimerCount()]).toEqual(['', 0]);
    isOn = true;
    display.total();
    expect(screen.shown()).toMatch(/^in sum/);
  });

  it('of a rate in no time at all is none, and a terminal without a width has 80 columns', () => {
    const screen = terminal(0);
    const display = new TransferDisplay(screen, () => true);
    display.begin('f')({ ...progress, transferred: 1024 });
    screen.shown();
    display.end(result(1024));
    const line = screen.shown();
    expect(line).toMatch(/f +100% +1\.0KB +0B\/s +00:00\n$/);
    expect(line.indexOf('100%')).toBe(erase.length + 80 - 1 - 36 + 1);
  });
});

/** A connection that others use as well: how long this program stays for them, on a clock that the test sets. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { sendControl } from '../../src/cli/remote/control.ts';
import type { Forwards } from '../../src/cli/remote/forwards.ts';
import { Lending } from '../../src/cli/remote/lending.ts';
import type { Client } from '../../src/client/client.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

function scene() {
  let end: (cause: SshError) => void = () => {};
  const closed = new Promise<SshError>((resolve) => {
    end = resolve;
  });
  const state = { open: 0, isLive: true, closes: 0 };
  const client = {
    get isLive() {
      return state.isLive;
    },
    closed,
    close: () => {
      state.closes++;
      lose();
    },
  } as unknown as Client;
  const lose = (): void => {
    state.isLive = false;
    end(new SshError('ERR_SSH_CLOSED', 'it is over'));
  };
  const controller = new AbortController();
  let connectionEnds = (): void => {};
  const lending = new Lending(client, controller.signal, (onConnectionEnd) => {
    connectionEnds = onConnectionEnd;
    return {
      get open() {
        return state.open;
      },
    } as unknown as Forwards;
  });
  /** A forwarded connection comes, and goes. */
  const use = (): (() => void) => {
    state.open++;
    return () => {
      state.open--;
      connectionEnds();
    };
  };
  return { lending, state, lose, use, abort: () => controller.abort(new Error('told to')) };
}

/** Whether it is over, and how. */
function watched(work: Promise<void>): { outcome: string } {
  const seen = { outcome: 'goes on' };
  work.then(
    () => {
      seen.outcome = 'done';
    },
    (error: Error) => {
      seen.outcome = error.message;
    },
  );
  return seen;
}

const pass = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);

describe('a program that persists', () => {
  it('stays for its time where nothing uses the connection', async () => {
    const { lending } = scene();
    const seen = watched(lending.persist(2));
    await pass(1_999);
    expect(seen.outcome).toBe('goes on');
    await pass(1);
    expect([seen.outcome, vi.getTimerCount()]).toEqual(['done', 0]);
  });

  it('stays as long as something does, and from then on for its time', async () => {
    const { lending, use } = scene();
    const end = use();
    const seen = watched(lending.persist(2));
    await pass(9_000);
    expect(seen.outcome).toBe('goes on');
    end();
    await pass(1_999);
    expect(seen.outcome).toBe('goes on');
    await pass(2_001);
    expect(seen.outcome).toBe('done');
  });

  it('ends with the connection, and closes it where it is interrupted', async () => {
    const lost = scene();
    const seen = watched(lost.lending.persist(1_000));
    await pass(10);
    lost.lose();
    await pass(0);
    expect([seen.outcome, vi.getTimerCount(), lost.state.closes]).toEqual(['done', 0, 0]);
    const told = scene();
    const other = watched(told.lending.persist(Number.POSITIVE_INFINITY));
    await pass(10);
    // No timer has room for that.
    expect(vi.getTimerCount()).toBe(0);
    told.abort();
    await pass(0);
    expect([other.outcome, told.state.closes]).toEqual(['done', 1]);
  });
});

describe('a program that stays', () => {
  it('does so until its connection ends, which says why', async () => {
    const { lending, lose } = scene();
    const seen = watched(lending.stay());
    await pass(1e9);
    expect(seen.outcome).toBe('goes on');
    lose();
    await pass(0);
    expect(seen.outcome).toBe('it is over');
  });

  it('listens no longer once it is told to stop, and ends when nothing uses the connection any more', async () => {
    vi.useRealTimers();
    const folder = mkdtempSync(join(tmpdir(), 'dlssh-lending-'));
    try {
      const path = join(folder, 'control');
      const { lending, use } = scene();
      expect(lending.isListening).toBe(false);
      await lending.listen(path, true);
      expect(lending.isListening).toBe(true);
      const end = use();
      const seen = watched(lending.stay());
      await sendControl(path, { command: 'stop' });
      await expect(sendControl(path, { command: 'check' })).rejects.toThrow();
      expect(seen.outcome).toBe('goes on');
      end();
      await vi.waitFor(() => expect(seen.outcome).toBe('done'));
      expect(lending.isToldToEnd).toBe(false);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('closes its connection where another tells it to exit', async () => {
    vi.useRealTimers();
    const folder = mkdtempSync(join(tmpdir(), 'dlssh-lending-'));
    try {
      const path = join(folder, 'control');
      const { lending, state } = scene();
      await lending.listen(path, true);
      const seen = watched(lending.stay());
      await sendControl(path, { command: 'exit' });
      await vi.waitFor(() => expect(seen.outcome).toBe('it is over'));
      expect([lending.isToldToEnd, state.closes]).toEqual([true, 1]);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('waits for nothing where nothing was lent', async () => {
    const { lending, use } = scene();
    // A forwarded connection is no session of another.
    use();
    const seen = watched(lending.untilReturned());
    await pass(0);
    expect(seen.outcome).toBe('done');
  });
});

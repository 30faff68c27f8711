/**
 * A lock on a file of the user's that is never given back: a wait of the
 * connection like any other, within the time of the dial.
 */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import type { HostKeyDial, HostKeyInfo, LockBounds } from '../../src/client/hostKeys/hostKeys.ts';
import type { WaitSnapshot } from '../../src/io/snapshots.ts';
import { patientServer, World } from './world.ts';

/** What a dial with such a lock came to. */
interface Story {
  readonly world: World;
  /** The waits while the lock is waited for. */
  readonly waits: readonly WaitSnapshot[];
  readonly bounds: readonly LockBounds[];
  readonly debug: readonly string[];
  /** What the work was ended by. */
  readonly ends: readonly unknown[];
}

/** Dials with a verifier that accepts every key and cannot lock its file; `before` is time that it takes itself. */
async function dialOn(
  options: ConnectOptions,
  before: number = 0,
  during: (world: World) => void = () => {},
  kind: 'whileLocked' | 'whileRunning' = 'whileLocked',
): Promise<Story> {
  const world = new World({ seed: 5 });
  const debug: string[] = [];
  const bounds: LockBounds[] = [];
  const ends: unknown[] = [];
  let waits: readonly WaitSnapshot[] = [];
  const verify = async (_info: HostKeyInfo, dial?: HostKeyDial): Promise<boolean> => {
    if (dial === undefined) throw new Error('there is no dial');
    await world.sleep(before);
    const waiting = dial[kind]?.('the lock on known_hosts', (given) => {
      bounds.push(given);
      return new Promise(() => {});
    });
    waits = world.live().find(({ role }) => role === 'client')?.waits ?? [];
    during(world);
    try {
      await waiting;
    } catch (error) {
      ends.push(error);
      if (!(error instanceof SshError) || kind !== 'whileLocked' || error.waitingFor !== 'lock') throw error;
      dial.warn('not kept');
    }
    return true;
  };
  await world.play(async () => {
    await world.startServer(patientServer);
    const client = await world.call('connect', () =>
      world.connect({ ...options, verifyHostKey: { verify }, onDebug: (line) => void debug.push(line) }),
    );
    await client?.close();
    await world.server?.close();
  });
  return { world, waits, bounds, debug, ends };
}

const named = (waits: readonly WaitSnapshot[], name: string): WaitSnapshot | undefined =>
  waits.find((wait) => wait.name === name);

describe('a lock on known_hosts that another program holds', () => {
  it('is a wait with a name and a deadline; the login goes on without it, and says so', async () => {
    const { world, waits, bounds, debug, ends } = await dialOn({});
    expect(world.calls).toMatchObject([{ name: 'connect', outcome: 'fulfilled' }]);
    expect(named(waits, 'lock')).toMatchObject({
      waitingFor: 'the lock on known_hosts',
      elapsed: 0,
      remaining: 2_000,
    });
    expect(bounds).toMatchObject([{ timeout: 2_000 }]);
    expect(ends).toMatchObject([
      { code: 'ERR_SSH_TIMEOUT', waitingFor: 'lock', deadline: 2_000, elapsed: 2_000 },
    ]);
    expect(bounds[0]?.signal?.aborted).toBe(true);
    expect(debug).toContain('warning: not kept');
  });

  it.each([
    [{ timeout: 1_000 }, 500],
    [{ timeouts: { lock: 300 } }, 300],
    [{ timeout: 1_000, timeouts: { lock: 300 } }, 300],
    [{ timeout: Number.POSITIVE_INFINITY, timeouts: { lock: 7_000 } }, 7_000],
  ])('is waited for within %j: %d ms', async (options, milliseconds) => {
    const { world, waits } = await dialOn(options);
    // What the network took is no time of the lock's.
    const { remaining = 0 } = named(waits, 'lock') ?? {};
    expect(remaining).toBeLessThanOrEqual(milliseconds);
    expect(remaining).toBeGreaterThan(milliseconds * 0.8);
    expect(world.calls).toMatchObject([{ outcome: 'fulfilled' }]);
  });

  it('lets the dial’s time go on, which stands still while the verifier itself works', async () => {
    const { world, waits } = await dialOn({ timeout: 3_000 }, 60_000);
    expect(world.calls).toMatchObject([{ outcome: 'fulfilled' }]);
    const { elapsed = 0, remaining = 0 } = named(waits, 'dial') ?? {};
    expect(elapsed + remaining).toBeCloseTo(3_000);
    expect(remaining).toBeGreaterThan(2_000);
    // The caller's own code is asked all the while.
    expect(named(waits, 'user')).toBeDefined();
  });

  it('is given up when the dial ends meanwhile', async () => {
    const aborter = new AbortController();
    const { world, bounds, ends } = await dialOn({ signal: aborter.signal }, 0, () => aborter.abort());
    expect(world.calls).toMatchObject([{ outcome: 'rejected', error: { code: 'ERR_SSH_ABORTED' } }]);
    expect(ends).toMatchObject([{ code: 'ERR_SSH_ABORTED' }]);
    expect(bounds[0]?.signal?.aborted).toBe(true);
    expect(world.live()).toEqual([]);
  });
});

describe('a program that tells known hosts and never ends', () => {
  it('is a wait with a name and a deadline, and ends the dial', async () => {
    const { world, waits, bounds, ends } = await dialOn({}, 0, () => {}, 'whileRunning');
    expect(named(waits, 'knownHostsCommand')).toMatchObject({ elapsed: 0, remaining: 10_000 });
    expect(bounds).toMatchObject([{ timeout: 10_000 }]);
    expect(ends).toMatchObject([
      { code: 'ERR_SSH_TIMEOUT', waitingFor: 'knownHostsCommand', elapsed: 10_000 },
    ]);
    expect(bounds[0]?.signal?.aborted).toBe(true);
    expect(world.calls).toMatchObject([{ name: 'connect', outcome: 'rejected' }]);
  });
});

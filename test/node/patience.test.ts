/** One deadline over several waits of a call. */
import { describe, expect, it } from 'vitest';
import { Patience } from '../../src/node/knownHosts/patience.ts';

const never = new Promise<never>(() => {});
const made = (timeout: number, signal?: AbortSignal): Patience =>
  new Patience(() => 'another program has it', { timeout, signal });

const expired = (deadline: number): object => ({
  code: 'ERR_SSH_TIMEOUT',
  message: 'another program has it',
  phase: 'options',
  origin: 'deadline',
  waitingFor: 'lock',
  deadline,
});

describe('patience', () => {
  it('brings what it waits for, and its fault', async () => {
    const patience = made(60_000);
    expect(await patience.until(Promise.resolve(5))).toBe(5);
    const fault = new Error('no');
    await expect(patience.until(Promise.reject(fault))).rejects.toBe(fault);
    await patience.pause(1);
  });

  it('ends at its deadline, whatever it waits for then, and at once behind it', async () => {
    const patience = made(5);
    await expect(patience.until(never)).rejects.toMatchObject(expired(5));
    await expect(patience.pause(60_000)).rejects.toMatchObject(expired(5));
  });

  it('ends with its signal, fired or to be fired', async () => {
    await expect(made(60_000, AbortSignal.abort()).until(never)).rejects.toMatchObject(expired(60_000));
    const controller = new AbortController();
    const waiting = made(60_000, controller.signal).until(never);
    controller.abort();
    await expect(waiting).rejects.toMatchObject(expired(60_000));
  });

  it('says how long it was', async () => {
    let told = -1;
    const patience = new Patience(
      (elapsed) => {
        told = elapsed;
        return 'late';
      },
      { timeout: 20 },
    );
    const error: unknown = await patience.until(never).catch((reason: unknown) => reason);
    expect(told).toBeGreaterThanOrEqual(20);
    expect(Number.isInteger(told)).toBe(true);
    expect((error as { readonly elapsed: number }).elapsed).toBeGreaterThanOrEqual(20);
  });
});

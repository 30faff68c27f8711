/** How long a dial waits for its key files before there is a connection. */
import { expect, it } from 'vitest';
import { keyPatience } from '../../src/client/authentication/keyPatience.ts';
import type { Clock } from '../../src/io/clock.ts';

it('is the time of the dial, to the millisecond, and ends by an abort at once', () => {
  let now = 5_000;
  const abort = new AbortController();
  const clock = { now: () => now } as Clock;
  const between = keyPatience({
    clock,
    timeout: 1_000.5,
    signal: abort.signal,
    at: { phase: 'options', when: 'while a key was read' },
  });
  now += 1_000;
  expect(between()).toBeUndefined();
  now += 0.5;
  expect(between).toThrow(
    expect.objectContaining({
      code: 'ERR_SSH_TIMEOUT',
      message: 'timed out after 1001 ms waiting for a private key to be unlocked',
      waitingFor: 'unlock',
      origin: 'deadline',
      phase: 'options',
      deadline: 1_000.5,
    }),
  );
  abort.abort();
  expect(between).toThrow(
    expect.objectContaining({
      code: 'ERR_SSH_ABORTED',
      message: 'aborted by the caller while a key was read',
    }),
  );
});

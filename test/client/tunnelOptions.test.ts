/** What a tunnel takes beside what its forward and its connection take, and which failures it dials again after. */
import { describe, expect, it } from 'vitest';
import { SshError, type SshErrorCode } from '../../src/base/errors.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import { resolveRetry, resolveTunnelOptions, type TunnelOptions } from '../../src/client/tunnel/options.ts';
import { Backoff, defaultRetry, isWorthRetrying } from '../../src/client/tunnel/retry.ts';

describe('a tunnel', () => {
  const refusal = (given: TunnelOptions, connect: ConnectOptions = {}): string => {
    try {
      resolveTunnelOptions(given, connect);
    } catch (error) {
      if (error instanceof SshError && error.code === 'ERR_SSH_OPTIONS') return error.message;
      throw error;
    }
    return 'taken';
  };

  it('holds for ten seconds and dials for ever where nothing is said', () => {
    expect(resolveTunnelOptions({}, {})).toEqual({
      given: { signal: undefined },
      retry: { delay: 500, maxDelay: 30_000, attempts: Number.POSITIVE_INFINITY },
      holdTimeout: 10_000,
    });
    expect(resolveTunnelOptions({ holdTimeout: 0 }, {}).holdTimeout).toBe(0);
  });

  it('has one signal, wherever it is given', () => {
    const { signal } = new AbortController();
    expect(resolveTunnelOptions({ signal }, {}).given.signal).toBe(signal);
    expect(resolveTunnelOptions({}, { signal }).given.signal).toBe(signal);
    expect(refusal({ signal }, { signal })).toMatch(/^signal is given twice/);
  });

  it('can be dialled again, hop by hop', () => {
    const client = { openPort: () => {} } as never;
    expect(refusal({}, { stream: {} as never })).toMatch(/^a stream is for one connection/);
    expect(refusal({}, { via: client })).toMatch(/^a client of via cannot be dialled again/);
    expect(refusal({}, { via: ['a', client] })).toMatch(/^a client of via cannot be dialled again/);
    for (const via of ['a', ['a', 'b'], undefined]) expect(refusal({}, { via })).toBe('taken');
  });

  it('waits as it is told, and never less at most than at first', () => {
    expect(resolveRetry(false)).toBeUndefined();
    expect([resolveRetry(true), resolveRetry(undefined)]).toEqual([defaultRetry, defaultRetry]);
    expect(resolveRetry({})).toEqual(defaultRetry);
    expect(resolveRetry({ delay: 5, maxDelay: 9, attempts: 2 })).toEqual({
      delay: 5,
      maxDelay: 9,
      attempts: 2,
    });
    expect(resolveRetry({ delay: 90, maxDelay: 9 })).toMatchObject({ delay: 90, maxDelay: 90 });
    expect(resolveRetry({ delay: 40_000 })).toMatchObject({ delay: 40_000, maxDelay: 40_000 });
  });
});

describe('a dial that failed', () => {
  const codes: Readonly<Record<string, boolean>> = {
    ERR_SSH_CONNECT: true,
    ERR_SSH_TIMEOUT: true,
    ERR_SSH_CONNECTION_LOST: true,
    ERR_SSH_DISCONNECTED: true,
    ERR_SSH_NOT_SSH: true,
    // Somebody has to change something first.
    ERR_SSH_OPTIONS: false,
    ERR_SSH_HOST_KEY_REJECTED: false,
    ERR_SSH_HOST_KEY_UNKNOWN: false,
    ERR_SSH_HOST_KEY_CHANGED: false,
    ERR_SSH_HOST_KEY_REVOKED: false,
    ERR_SSH_HOST_KEY_NOT_PINNED: false,
    ERR_SSH_CERTIFICATE: false,
    ERR_SSH_AUTHENTICATION_FAILED: false,
    ERR_SSH_NO_COMMON_ALGORITHM: false,
    ERR_SSH_KEY_FORMAT: false,
    ERR_SSH_KEY_PASSPHRASE: false,
    ERR_SSH_KEY_UNSUPPORTED: false,
    ERR_SSH_CALLBACK: false,
    // The caller's own end.
    ERR_SSH_CLOSED: false,
    ERR_SSH_ABORTED: false,
  };

  it.each(Object.entries(codes))('by %s is worth another one: %s', (code, isWorth) => {
    expect(isWorthRetrying(new SshError(code as SshErrorCode, 'x'))).toBe(isWorth);
  });

  it('by what a function of the caller threw, or by the end of a hop that the caller closed, is not', () => {
    expect(isWorthRetrying(new Error('x'))).toBe(false);
    const cause = new SshError('ERR_SSH_CLOSED', 'closed');
    expect(isWorthRetrying(new SshError('ERR_SSH_CONNECTION_LOST', 'x', { cause }))).toBe(false);
  });
});

describe('the failures in a row', () => {
  it('are counted up to the last dial there may be, and forgotten behind a connection that lasted', () => {
    const backoff = new Backoff({ delay: 100, maxDelay: 350, attempts: 4 }, () => 0);
    const next = (): unknown[] => [backoff.next(), backoff.failed];
    expect([next(), next(), next()]).toEqual([
      [100, 1],
      [200, 2],
      [350, 3],
    ]);
    backoff.stood(700);
    expect(backoff.failed).toBe(3);
    backoff.stood(701);
    expect(backoff.failed).toBe(0);
    expect([next(), next(), next(), next(), next()].at(-1)).toEqual([undefined, 4]);
  });

  it('make a wait that is a half by chance at least', () => {
    const waits = [0, 0.5, 1].map((chance) =>
      new Backoff({ ...defaultRetry, delay: 100 }, () => chance).next(),
    );
    expect(waits).toEqual([100, 75, 50]);
  });
});

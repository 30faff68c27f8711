import { getEventListeners } from 'node:events';
import { describe, expect, it, vi } from 'vitest';
import { abortError, checkAborted, onAbort, untilAborted } from '../../src/endpoint/calls/abort.ts';

describe('calls that share an abort signal', () => {
  const listeners = (signal: AbortSignal): number => getEventListeners(signal, 'abort').length;

  it('have one listener together, and none when they are over', () => {
    const { signal } = new AbortController();
    const stops = Array.from({ length: 100 }, () => onAbort(signal, () => {}));
    expect(listeners(signal)).toBe(1);
    for (const stop of stops.slice(1)) stop();
    expect(listeners(signal)).toBe(1);
    stops[0]?.();
    expect(listeners(signal)).toBe(0);
  });

  it('are each told once, in the order in which they began', () => {
    const controller = new AbortController();
    const told: number[] = [];
    for (const call of [1, 2, 3]) onAbort(controller.signal, () => told.push(call));
    controller.abort();
    controller.abort();
    expect(told).toEqual([1, 2, 3]);
    expect(listeners(controller.signal)).toBe(0);
  });

  it('are not told when they ended before, even at the last moment', () => {
    const controller = new AbortController();
    const told: string[] = [];
    const callback = (): unknown => told.push('same callback');
    const stopFirst = onAbort(controller.signal, callback);
    onAbort(controller.signal, callback);
    onAbort(controller.signal, () => stopLast());
    const stopLast = onAbort(controller.signal, () => told.push('last'));
    stopFirst();
    stopFirst();
    controller.abort();
    expect(told).toEqual(['same callback']);
  });

  it('may listen anew after all others have ended', () => {
    const controller = new AbortController();
    onAbort(controller.signal, () => {})();
    let told = false;
    onAbort(controller.signal, () => {
      told = true;
    });
    controller.abort();
    expect(told).toBe(true);
  });

  it('need none, and are never told then', async () => {
    const told = vi.fn();
    onAbort(undefined, told)();
    expect([checkAborted(undefined), checkAborted(new AbortController().signal)]).toEqual([
      undefined,
      undefined,
    ]);
    expect(await untilAborted(undefined, Promise.resolve(5), {})).toBe(5);
    expect(told).not.toHaveBeenCalled();
  });
});

describe('the error of an abort', () => {
  it("has the signal's reason as its cause", () => {
    const reason = new Error('shutting down');
    const error = abortError(AbortSignal.abort(reason));
    expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED', origin: 'user', cause: reason });
    expect(error.message).toBe('aborted by the caller: shutting down');
    expect(() => checkAborted(AbortSignal.abort())).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_ABORTED', message: 'aborted by the caller' }),
    );
  });

  it('says how far the call was, and nothing of a reason that says nothing', () => {
    const at = { phase: 'connect', waitingFor: 'identification', when: 'while waiting for it' } as const;
    expect(abortError(AbortSignal.abort('a text'), at)).toMatchObject({
      message: 'aborted by the caller while waiting for it',
      phase: 'connect',
      waitingFor: 'identification',
      cause: 'a text',
    });
    const reason = new Error('shutting down');
    expect(() => checkAborted(AbortSignal.abort(reason), at)).toThrow(
      expect.objectContaining({
        message: 'aborted by the caller while waiting for it: shutting down',
        phase: 'connect',
      }),
    );
  });
});

describe('what is waited for until an abort', () => {
  const at = { waitingFor: 'agent' } as const;

  it('is what came first, and nobody listens behind it', async () => {
    for (const settle of [() => Promise.resolve('done'), () => Promise.reject(new Error('failed'))]) {
      const { signal } = new AbortController();
      const outcome = await untilAborted(signal, settle(), at).catch((error: Error) => error.message);
      expect(['done', 'failed']).toContain(outcome);
      await new Promise((resolve) => setImmediate(resolve));
      expect(getEventListeners(signal, 'abort')).toHaveLength(0);
    }
  });

  it('is given up by an abort, now or before, though it never answers or fails behind it', async () => {
    const aborted = { code: 'ERR_SSH_ABORTED', waitingFor: 'agent' };
    const controller = new AbortController();
    let fail = (_: Error): void => {};
    const late = new Promise<never>((_, reject) => {
      fail = reject;
    });
    const waiting = untilAborted(controller.signal, late, at);
    controller.abort();
    await expect(waiting).rejects.toMatchObject(aborted);
    fail(new Error('heard by nobody'));
    const failed = Promise.reject(new Error('heard by nobody'));
    await expect(untilAborted(controller.signal, failed, at)).rejects.toMatchObject(aborted);
    await expect(untilAborted(controller.signal, new Promise(() => {}), at)).rejects.toMatchObject(aborted);
  });
});

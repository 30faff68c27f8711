import { getEventListeners } from 'node:events';
import { describe, expect, it } from 'vitest';
import { abortError, checkAborted, onAbort } from '../../src/endpoint/calls/abort.ts';

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

  it('need none', () => {
    onAbort(undefined, () => {})();
    expect(() => checkAborted(undefined)).not.toThrow();
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
});

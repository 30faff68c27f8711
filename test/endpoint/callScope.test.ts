/** The bounds of one call: its time, its signal, the end of the connection. */
import { getEventListeners } from 'node:events';
import { expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { type Wait, WaitTable } from '../../src/base/waits.ts';
import { CallScope, type ScopeOwner } from '../../src/endpoint/calls/callScope.ts';

/** A connection that only keeps waits. */
class Owner implements ScopeOwner {
  readonly waits = new WaitTable();
  readonly ended: CallScope[] = [];

  startWait(name: Wait['name'], detail: string, timeout: number, onExpire: () => void): Wait {
    return this.waits.start(name, detail, 1_000, timeout, onExpire);
  }

  finishWait(wait: Wait): void {
    this.waits.finish(wait);
  }

  timeoutError({ name, detail, timeout, since }: Wait): SshError {
    return new SshError('ERR_SSH_TIMEOUT', `${name} ${detail} ${timeout} ${since}`);
  }

  scopeEnded(scope: CallScope): void {
    this.ended.push(scope);
  }

  expire(): void {
    for (const wait of this.waits.expired(Number.MAX_VALUE)) wait.onExpire?.();
  }

  scope(timeout: number = Number.POSITIVE_INFINITY, signal?: AbortSignal): CallScope {
    return new CallScope(this, { name: 'request', detail: 'an answer', timeout, signal });
  }
}

const never = new Promise<never>(() => {});

it('gives what the call gives, and leaves neither a wait nor a listener behind', async () => {
  const owner = new Owner();
  const { signal } = new AbortController();
  const scope = owner.scope(50, signal);
  expect([owner.waits.list().length, getEventListeners(signal, 'abort').length]).toEqual([1, 1]);
  expect(await scope.until(Promise.resolve('it'))).toBe('it');
  scope.end();
  expect([owner.waits.list(), getEventListeners(signal, 'abort'), owner.ended]).toEqual([[], [], [scope]]);
});

it('without a time of its own is no wait', () => {
  const owner = new Owner();
  owner.scope();
  expect(owner.waits.list()).toEqual([]);
});

it('rejects when its time is over, behind the steps that give the call up', async () => {
  const owner = new Owner();
  const scope = owner.scope(50);
  const steps: string[] = [];
  scope.onCancel(() => steps.push('first'));
  scope.onCancel(() => steps.push('second'));
  const call = scope.until(never);
  owner.expire();
  expect([steps, owner.waits.list()]).toEqual([['first', 'second'], []]);
  await expect(call).rejects.toThrow('request an answer 50 1000');
});

it('says what was waited for within it when its time is over', async () => {
  const owner = new Owner();
  const scope = owner.scope(50);
  scope.within = { name: 'queue', detail: 'its turn' };
  const call = scope.until(never);
  owner.expire();
  await expect(call).rejects.toThrow('queue its turn 50 1000');
});

it('rejects by its signal, and is given up once', async () => {
  const owner = new Owner();
  const controller = new AbortController();
  const scope = owner.scope(50, controller.signal);
  let cancelled = 0;
  scope.onCancel(() => cancelled++);
  const call = scope.until(never);
  controller.abort();
  owner.expire();
  await expect(call).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
  expect(cancelled).toBe(1);
});

it('does not begin by a signal that is aborted already', () => {
  const owner = new Owner();
  expect(() => owner.scope(50, AbortSignal.abort())).toThrow('aborted by the caller');
  expect(owner.waits.list()).toEqual([]);
});

it('is given up no more once it has ended', async () => {
  const owner = new Owner();
  const controller = new AbortController();
  const scope = owner.scope(50, controller.signal);
  let cancelled = 0;
  scope.onCancel(() => cancelled++);
  scope.end();
  controller.abort();
  owner.expire();
  expect(cancelled).toBe(0);
});

it('ends with the connection, whose cause it rejects with; nothing is left to give up', async () => {
  const owner = new Owner();
  const controller = new AbortController();
  const scope = owner.scope(50, controller.signal);
  let cancelled = 0;
  scope.onCancel(() => cancelled++);
  const cause = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');
  const call = scope.until(never);
  scope.connectionEnded(cause);
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  owner.expire();
  await expect(call).rejects.toBe(cause);
  expect(cancelled).toBe(0);
});

it('lets what loses against it reject unheard', async () => {
  const owner = new Owner();
  const scope = owner.scope(50);
  const call = scope.until(new Promise((_resolve, reject) => setImmediate(reject, new Error('late'))));
  owner.expire();
  await expect(call).rejects.toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
  // An unhandled rejection fails the run.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  expect(owner.ended).toEqual([]);
});

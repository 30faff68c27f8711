/**
 * Law 5: a call is aborted at every moment of a life. It rejects with the
 * reason at once, nothing is left of it, and the others come to what they
 * would have come to.
 */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { abortReason } from './interfere.ts';
import { checkEnd } from './laws.ts';
import { abortable } from './plans.ts';
import type { LinkPlan } from './simLink.ts';
import { wholeLife } from './stories.ts';
import { type Call, World } from './world.ts';

const plan: LinkPlan = { toServer: { delay: 3, cut: 200 }, toClient: { delay: 2, cut: 150 } };

/** Calls that go on with what the aborted one began. */
const after: Readonly<Record<string, readonly string[]>> = {
  forward: ['forward data'],
  exec: ['exec read', 'exec exit'],
};

interface Aborted {
  readonly world: World;
  /** The call that was aborted; undefined where none was pending. */
  readonly call: Call | undefined;
  readonly at: number;
}

/** A life in which one of the calls that are pending at a step is aborted; which one goes round with the steps. */
async function abortAt(step: number): Promise<Aborted> {
  const world = new World({ seed: 1, plan });
  const aborters = new Map(abortable.map((name) => [name as string, new AbortController()]));
  const signals = Object.fromEntries([...aborters].map(([name, { signal }]) => [name, signal]));
  let call: Call | undefined;
  let at = Number.NaN;
  world.clock.atStep(step, () => {
    const pending = world.calls.filter(({ name, outcome }) => outcome === 'pending' && aborters.has(name));
    call = pending[step % Math.max(1, pending.length)];
    at = world.clock.now();
    if (call !== undefined) aborters.get(call.name)?.abort(abortReason);
  });
  const over = await world.play(async () => {
    await world.startServer();
    await wholeLife(world, { signals });
  });
  checkEnd(world, over);
  return { world, call, at };
}

function byName(world: World): Record<string, unknown> {
  const results = world.results();
  return Object.fromEntries(world.calls.map(({ name }, index) => [name, results[index]]));
}

const reference = (await abortAt(Number.MAX_SAFE_INTEGER)).world;
const expected = byName(reference);
const steps = reference.clock.steps;

describe('an abort', () => {
  it('has a life of many moments to fall into', () => {
    expect(steps).toBeGreaterThan(200);
  });

  const seen = new Map<string, number>();
  const parts = 4;
  for (let part = 0; part < parts; part++) {
    const [from, to] = [part, part + 1].map((end) => 1 + Math.floor((steps * end) / parts)) as [
      number,
      number,
    ];
    it(`ends its call at once and nothing else, at step ${from} to ${to - 1}`, {
      timeout: 120_000,
    }, async () => {
      for (let step = from; step < to; step++) {
        const { world, call, at } = await abortAt(step);
        if (call === undefined) continue;
        try {
          onlyThatCallEnded(world, call, at);
          seen.set(call.name, (seen.get(call.name) ?? 0) + Number(call.outcome === 'rejected'));
        } catch (error) {
          throw new Error(`an abort of ${call.name} at step ${step}`, { cause: error });
        }
      }
    });
  }

  it('has been tried on every call that takes a signal', () => {
    expect([...seen.keys()].sort()).toEqual([...abortable].sort());
    for (const [name, count] of seen) expect(count, name).toBeGreaterThan(0);
  });
});

function onlyThatCallEnded(world: World, call: Call, at: number): void {
  expect(call.endedAt).toBe(at);
  // Its result may have been there and on its way to the caller.
  if (call.outcome === 'rejected') {
    expect(call.error).toBeInstanceOf(SshError);
    expect(call.error).toMatchObject({ code: 'ERR_SSH_ABORTED', cause: abortReason });
  }
  if (call.name === 'connect' && call.outcome === 'rejected') return;
  const results = byName(world);
  for (const [name, result] of Object.entries(expected)) {
    if (name === call.name || after[call.name]?.includes(name)) continue;
    expect(results[name], name).toEqual(result);
  }
}

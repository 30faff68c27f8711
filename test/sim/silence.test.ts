/**
 * Law 1: silence after any byte, in either direction, ends every call by its deadline.
 * Every offset of a whole life is tried.
 */
import { describe, expect, it } from 'vitest';
import type { SshErrorPhase } from '../../src/base/errors.ts';
import { checkEnd, clientCause, nobodyWaitedTooLong } from './laws.ts';
import type { Fault } from './simLink.ts';
import { wholeLife } from './stories.ts';
import { patientServer, World } from './world.ts';

type Way = 'toServer' | 'toClient';

async function live(way: Way, fault: Fault | undefined): Promise<World> {
  const world = new World({
    seed: 1,
    server: patientServer,
    plan: { [way]: { delay: 1, ...(fault && { fault }) } },
  });
  const over = await world.play(async () => {
    await world.startServer();
    await wholeLife(world);
  });
  checkEnd(world, over);
  return world;
}

const reference = await live('toClient', undefined);
const total = reference.network.wires[0]?.arrived ?? { toServer: 0, toClient: 0 };
const phases: readonly (SshErrorPhase | undefined)[] = [
  'connect',
  'identification',
  'keyExchange',
  'authentication',
  'connection',
  'close',
];

/** Tries offsets of one part of the way, so that a failure names where it is. */
async function trySilence(way: Way, from: number, to: number): Promise<void> {
  let furthest = 0;
  for (let offset = from; offset < to; offset++) {
    const world = await live(way, { offset, kind: 'stall' });
    try {
      nobodyWaitedTooLong(world);
      const cause = clientCause(world);
      // Silence may fall on the goodbye only.
      if (cause?.code !== 'ERR_SSH_CLOSED') {
        expect(cause?.code).toBe('ERR_SSH_TIMEOUT');
        expect(cause?.waitingFor).toBeDefined();
        // A key exchange that stalls later on is told as one; the dial's phases only go forward.
        const phase = world.calls[0]?.outcome === 'rejected' ? phases.indexOf(cause?.phase) : phases.length;
        // What comes towards us tells us how far we are: more bytes never mean an earlier phase.
        if (way === 'toClient') expect(phase).toBeGreaterThanOrEqual(furthest);
        furthest = Math.max(furthest, phase);
      }
    } catch (error) {
      throw new Error(`silence ${way} after byte ${offset}`, { cause: error });
    }
  }
}

describe('go#15113: silence after every byte', () => {
  it('has a life of both directions to fall into', () => {
    expect(total.toServer).toBeGreaterThan(3000);
    expect(total.toClient).toBeGreaterThan(4000);
  });

  for (const way of ['toServer', 'toClient'] as const) {
    const parts = 8;
    for (let part = 0; part < parts; part++) {
      const [from, to] = [part, part + 1].map((end) => Math.floor(((total[way] + 1) * end) / parts)) as [
        number,
        number,
      ];
      it(`ends every call by its deadline, ${way} from byte ${from} to ${to - 1}`, { timeout: 120_000 }, () =>
        trySilence(way, from, to),
      );
    }
  }
});

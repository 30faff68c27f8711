/**
 * A whole life in which the user interferes.
 *
 * Owns: signals, closes and blocked loops at given moments.
 * Must not know: which laws are checked.
 */
import type { Client } from '../../src/client/client.ts';
import type { Interference } from './plans.ts';
import { type StoryOptions, wholeLife } from './stories.ts';
import type { World } from './world.ts';

/** The reason of every abort, to be found again in its error. */
export const abortReason: Error = new Error('changed my mind');

/** Plays a whole life; returns whether it came to its end. */
export function playWith(
  world: World,
  interferences: readonly Interference[],
  story: StoryOptions = {},
): Promise<boolean> {
  const signals: Record<string, AbortSignal> = {};
  let client: Client | undefined;
  for (const { step, action } of interferences) {
    if (typeof action === 'object') {
      const aborter = new AbortController();
      signals[action.abort] = aborter.signal;
      world.clock.atStep(step, () => aborter.abort(abortReason));
    } else if (action === 'block') {
      world.clock.atStep(step, () => world.clock.block(7_000));
    } else if (action === 'close') {
      world.clock.atStep(step, () => {
        if (client !== undefined) void world.call('early close', () => (client as Client).close());
      });
    } else {
      world.clock.atStep(step, () => client?.destroy());
    }
  }
  return world.play(async () => {
    await world.startServer();
    await wholeLife(world, {
      ...story,
      signals,
      connected: (connected) => {
        client = connected;
      },
    });
  });
}

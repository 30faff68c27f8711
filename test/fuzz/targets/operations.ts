/**
 * What two programs may do with a connection between them, in any order, each keeping to the interface.
 *
 * Owns: which operations these are, and that neither side ever accuses the other.
 * Must not know: engines.
 */
import { defaultLimits } from '../../../src/base/limits.ts';
import { corpusOf } from '../corpus.ts';
import { Player, play } from '../player.ts';
import { decodeRecords } from '../records.ts';
import { type FuzzTarget, fine, type Verdict } from '../target.ts';

const dishonest: ReadonlySet<number> = new Set([play.say, play.raw, play.tamper, play.queue, play.answer]);

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const player = new Player({
    stage: 'ready',
    limits: { ...defaultLimits, windowSize: 64 * 1024, maximumWindowSize: 512 * 1024 },
    honest: true,
  });
  for (const record of decodeRecords(data, 1).slice(0, 80)) {
    if (!dishonest.has(record.operation)) player.play(record);
  }
  player.play({ operation: play.exchange, payload: new Uint8Array(0) });
  const cause = player.finish();
  return cause === undefined ? fine : { code: cause.code, phase: cause.phase };
}

export const operations: FuzzTarget = {
  name: 'operations',
  shape: 'records',
  examine,
  seeds: () => corpusOf('operations'),
  dictionary: ['exec', 'env', 'any@example'],
  stepBudget: 50_000_000,
};

/**
 * What can go wrong, for fast-check to draw from.
 *
 * Owns: the arbitraries of wires, faults and the moments at which users interfere.
 * Must not know: what must hold then.
 */
import fc from 'fast-check';
import type { DirectionPlan, Fault, LinkPlan } from './simLink.ts';

/** A direction that brings everything, in whatever manner; the delays are far below every deadline. */
const harmless: fc.Arbitrary<DirectionPlan> = fc.record(
  {
    delay: fc.integer({ min: 0, max: 200 }),
    jitter: fc.integer({ min: 0, max: 50 }),
    bytesPerMillisecond: fc.integer({ min: 20, max: 1000 }),
    cut: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 400 })),
    join: fc.integer({ min: 1, max: 30 }),
    capacity: fc.integer({ min: 64, max: 4096 }),
  },
  { requiredKeys: [] },
);

/** The wire brings everything. */
export const harmlessPlans: fc.Arbitrary<LinkPlan> = fc.record({ toServer: harmless, toClient: harmless });

/** The same, quick enough that an exchange of keys for each message brings no call near its deadline. */
export const quickPlans: fc.Arbitrary<LinkPlan> = fc
  .record(
    {
      delay: fc.integer({ min: 0, max: 3 }),
      jitter: fc.integer({ min: 0, max: 5 }),
      cut: fc.oneof(fc.constant(1), fc.integer({ min: 2, max: 400 })),
      join: fc.integer({ min: 1, max: 5 }),
      capacity: fc.integer({ min: 64, max: 4096 }),
    },
    { requiredKeys: [] },
  )
  .map((direction) => ({ toServer: direction, toClient: direction }));

/** Quick ones that bring many bytes at once. */
export const coarsePlans: fc.Arbitrary<LinkPlan> = fc
  .record(
    {
      delay: fc.integer({ min: 0, max: 3 }),
      jitter: fc.integer({ min: 0, max: 5 }),
      cut: fc.integer({ min: 400, max: 5000 }),
      join: fc.integer({ min: 1, max: 5 }),
    },
    { requiredKeys: [] },
  )
  .map((direction) => ({ toServer: direction, toClient: direction }));

const fault: fc.Arbitrary<Fault> = fc.record(
  {
    offset: fc.integer({ min: 0, max: 5300 }),
    kind: fc.constantFrom('stall', 'end', 'reset', 'corrupt', 'drip'),
    gap: fc.integer({ min: 1, max: 20_000 }),
  },
  { requiredKeys: ['offset', 'kind'] },
);

/** Bytes one at a time, with anything from a millisecond to a minute between them. */
const drip: fc.Arbitrary<DirectionPlan> = fc.record({
  cut: fc.constant(1),
  gap: fc.oneof(fc.integer({ min: 1, max: 100 }), fc.integer({ min: 100, max: 60_000 })),
});

const broken: fc.Arbitrary<DirectionPlan> = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(harmless, fault).map(([plan, struck]) => ({ ...plan, fault: struck })) },
  { weight: 1, arbitrary: drip },
  { weight: 1, arbitrary: harmless },
);

/** The wire does anything. */
export const anyPlans: fc.Arbitrary<LinkPlan> = fc.record({ toServer: broken, toClient: broken });

/** Calls of the story that take a signal. */
export const abortable = [
  'connect',
  'echo',
  'both',
  'forward',
  'rekey',
  'echo 2',
  'exec',
  'refused',
  'ping',
] as const;

/** What the user does at a moment that is told by the number of callbacks run until then. */
export interface Interference {
  readonly step: number;
  readonly action: { readonly abort: (typeof abortable)[number] } | 'close' | 'destroy' | 'block';
}

export const interferences: fc.Arbitrary<Interference> = fc.record({
  step: fc.integer({ min: 1, max: 220 }),
  action: fc.oneof(
    fc.constantFrom(...abortable).map((abort) => ({ abort })),
    fc.constantFrom('close' as const, 'destroy' as const, 'block' as const),
  ),
});

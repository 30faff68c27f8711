/**
 * The bound that deadlines are held to on real sockets (`support/idleTimer.ts`), on
 * machines of which it is known when they stand still: what it lets pass, and what
 * it would miss.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdleTimer, type Machine } from '../support/idleTimer.ts';

/** An event loop whose turns are late as it is told. Time passes while it stands still, and at no other moment. */
class Loop implements Machine {
  private time = 0;
  private readonly lateness: (turn: number) => number;
  private turns = 0;
  private readonly timers = new Set<{ readonly due: number; readonly then: () => void }>();

  /** @param lateness milliseconds by which a turn begins too late: by its number, and the time at which it is due */
  constructor(lateness: (turn: number, due: number) => number = () => 0) {
    this.lateness = (turn) => lateness(turn, this.nextDue());
  }

  readonly now = (): number => this.time;

  readonly later = (milliseconds: number, then: () => void): (() => void) => {
    const timer = { due: this.time + milliseconds, then };
    this.timers.add(timer);
    return () => this.timers.delete(timer);
  };

  private nextDue(): number {
    return Math.min(...[...this.timers].map(({ due }) => due));
  }

  /** One turn: all timers that are due by then, the earliest first. */
  private turn(): void {
    const due = this.nextDue();
    this.time = Math.max(this.time, due) + this.lateness(this.turns++);
    const ready = [...this.timers].filter((timer) => timer.due <= this.time).sort((a, b) => a.due - b.due);
    for (const timer of ready) if (this.timers.delete(timer)) timer.then();
  }

  /**
   * When a deadline is told, and what it was allowed to take: its timer, so many
   * turns of the loop behind it, and `more` milliseconds that nothing explains.
   */
  verdict(
    idle: IdleTimer,
    deadline: number,
    turns: number,
    more: number = 0,
  ): { took: number; allowed: number } {
    const begun = this.time;
    let told: { took: number; allowed: number } | undefined;
    const tell = (left: number): void => {
      if (left > 0) this.later(1, () => tell(left - 1));
      else told = { took: this.time - begun, allowed: idle.allowed(deadline, begun) };
    };
    this.later(deadline, () => this.later(more, () => tell(turns)));
    while (told === undefined) this.turn();
    return told;
  }
}

const deadlines = fc.integer({ min: 100, max: 5_000 });
const aFewTurns = fc.integer({ min: 0, max: 8 });

describe('the bound of a deadline', () => {
  it('is a tenth of it and some turns, on a machine that is in time', () => {
    fc.assert(
      fc.property(deadlines, aFewTurns, (deadline, turns) => {
        const loop = new Loop();
        const { took, allowed } = loop.verdict(new IdleTimer(loop), deadline, turns);
        expect(took).toBeLessThanOrEqual(allowed);
        expect(allowed).toBeLessThanOrEqual(1.1 * deadline + 25);
      }),
    );
  });

  it.each([
    [800, 120],
    [1_500, 190],
    [3_000, 340],
    [4_000, 440],
  ])('sees on such a machine that %i ms ended %i ms late', (deadline, late) => {
    const loop = new Loop();
    const { took, allowed } = loop.verdict(new IdleTimer(loop), deadline, 0, late);
    expect(took).toBeGreaterThan(allowed);
  });

  it('lets pass whatever a machine does that stands still, whenever and for however long', () => {
    fc.assert(
      fc.property(
        deadlines,
        aFewTurns,
        fc.array(fc.tuple(fc.integer({ min: 0, max: 6_000 }), fc.integer({ min: 0, max: 2_000 })), {
          maxLength: 20,
        }),
        (deadline, turns, stalls) => {
          const open = stalls.map(([at, milliseconds]) => ({ at, milliseconds }));
          const loop = new Loop((_, due) => {
            const index = open.findIndex(({ at }) => at <= due);
            return index < 0 ? 0 : (open.splice(index, 1)[0]?.milliseconds ?? 0);
          });
          const { took, allowed } = loop.verdict(new IdleTimer(loop), deadline, turns);
          expect(took).toBeLessThanOrEqual(allowed);
        },
      ),
    );
  });

  // A look falls into each turn and is less late than it: of more turns some are not seen.
  it('lets pass two turns on a machine that is late at each', () => {
    fc.assert(
      fc.property(
        deadlines,
        fc.integer({ min: 0, max: 2 }),
        fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 1, maxLength: 50 }),
        (deadline, turns, lates) => {
          const loop = new Loop((turn) => lates[turn % lates.length] ?? 0);
          const { took, allowed } = loop.verdict(new IdleTimer(loop), deadline, turns);
          expect(took).toBeLessThanOrEqual(allowed);
        },
      ),
    );
  });

  // With a look each 10 ms, a machine whose turns are 10 ms late has half of the time for itself.
  it.each([
    [0, 1_500, 176],
    [10, 1_500, 380],
    [50, 1_500, 1_400],
    [100, 1_500, 3_100],
  ])(
    'misses on a machine that is %i ms late at each turn a verdict %i ms + %i ms late, and none later',
    (late, deadline, missed) => {
      const overdue = (more: number): boolean => {
        const loop = new Loop(() => late);
        const { took, allowed } = loop.verdict(new IdleTimer(loop), deadline, 0, more);
        return took > allowed;
      };
      expect(overdue(missed)).toBe(true);
      expect(overdue(missed * 0.7)).toBe(false);
    },
  );
});

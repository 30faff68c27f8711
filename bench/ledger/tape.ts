/**
 * What a connection asks of its ledger of waits and of the clock, on a tape that can be played again.
 *
 * Owns: the tape, and the time it takes by itself.
 * Must not know: what the connection does meanwhile.
 */
import { type Wait, WaitTable } from '../../src/base/waits.ts';
import { type Clock, createSystemClock, type Timer } from '../../src/io/clock.ts';

const systemClock = createSystemClock();

type Step =
  | { readonly step: 'start'; readonly name: Wait['name']; readonly since: number; readonly timeout: number }
  | { readonly step: 'finish'; readonly wait: number }
  | { readonly step: 'earliest' | 'now' }
  | { readonly step: 'schedule'; readonly delay: number }
  | { readonly step: 'cancel'; readonly timer: number };

/** A ledger and a clock that do what the real ones do and write it down while `recording`. */
export class Tape {
  recording = false;
  readonly waits: WaitTable;
  readonly clock: Clock;
  private readonly steps: Step[] = [];
  private readonly numbers = new Map<Wait, number>();
  private timers = 0;

  constructor() {
    this.waits = this.table();
    this.clock = {
      afterPoll: (callback) => systemClock.afterPoll(callback),
      now: () => {
        this.note({ step: 'now' });
        return systemClock.now();
      },
      schedule: (at, sleeper) => {
        const timer = systemClock.schedule(at, sleeper);
        if (!this.recording) return timer;
        const number = this.timers++;
        this.note({ step: 'schedule', delay: at - systemClock.now() });
        return {
          cancel: () => {
            this.note({ step: 'cancel', timer: number });
            timer.cancel();
          },
        };
      },
    };
  }

  /** How often each step was taken. */
  get counts(): Readonly<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { step } of this.steps) counts[step] = (counts[step] ?? 0) + 1;
    return counts;
  }

  /** Nanoseconds of CPU that all the steps take when nothing else happens; the least of several times. */
  cost(): number {
    let least = Number.POSITIVE_INFINITY;
    for (let round = 0; round < 30; round++) {
      const begun = process.cpuUsage();
      const playings = 20;
      for (let i = 0; i < playings; i++) this.play();
      const { user, system } = process.cpuUsage(begun);
      least = Math.min(least, (1000 * (user + system)) / playings);
    }
    return least;
  }

  private play(): void {
    const table = new WaitTable();
    const waits: Wait[] = [];
    const timers: Timer[] = [];
    let sum = 0;
    for (const each of this.steps) {
      switch (each.step) {
        case 'start':
          waits.push(table.start(each.name, 'a wait of the tape', each.since, each.timeout));
          break;
        case 'finish':
          table.finish(waits[each.wait]);
          break;
        case 'earliest':
          sum += table.earliest();
          break;
        case 'now':
          sum += systemClock.now();
          break;
        case 'schedule':
          timers.push(systemClock.schedule(systemClock.now() + each.delay, { due: () => {} }));
          break;
        case 'cancel':
          timers[each.timer]?.cancel();
          break;
        default:
          each satisfies never;
      }
    }
    for (const timer of timers) timer.cancel();
    // The sum is looked at, so that no compiler leaves its parts out.
    if (Number.isNaN(sum)) throw new Error('the tape is broken');
  }

  private note(step: Step): void {
    if (this.recording) this.steps.push(step);
  }

  private table(): WaitTable {
    const table = new WaitTable();
    const start = table.start.bind(table);
    const finish = table.finish.bind(table);
    const earliest = table.earliest.bind(table);
    table.start = (name, detail, since, timeout, onExpire) => {
      const wait = start(name, detail, since, timeout, onExpire);
      if (this.recording) this.numbers.set(wait, this.numbers.size);
      this.note({ step: 'start', name, since, timeout });
      return wait;
    };
    table.finish = (wait) => {
      const number = wait === undefined ? undefined : this.numbers.get(wait);
      this.note({ step: 'finish', wait: number ?? -1 });
      finish(wait);
    };
    table.earliest = () => {
      this.note({ step: 'earliest' });
      return earliest();
    };
    return table;
  }
}

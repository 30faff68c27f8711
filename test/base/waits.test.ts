import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Wait, WaitTable } from '../../src/base/waits.ts';

describe('the table of waits', () => {
  it('knows the earliest deadline, whatever is opened and closed in whatever order', () => {
    const operation = fc.oneof(
      fc.record({ open: fc.integer({ min: 0, max: 1000 }) }),
      fc.record({ close: fc.nat({ max: 30 }) }),
    );
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const table = new WaitTable();
        const open: Wait[] = [];
        for (const step of operations) {
          if ('open' in step) open.push(table.start('request', 'x', 0, step.open));
          else if (open.length > 0) {
            const [closed] = open.splice(step.close % open.length, 1);
            table.finish(closed);
            table.finish(closed);
          }
          expect(table.earliest()).toBe(
            Math.min(Number.POSITIVE_INFINITY, ...open.map(({ deadline }) => deadline)),
          );
          expect(table.size).toBe(open.length);
          expect(table.list()).toEqual(open);
        }
      }),
    );
  });

  it('lists the expired ones, the earliest first, and keeps them until they are closed', () => {
    const table = new WaitTable();
    const late = table.start('request', 'late', 0, 20);
    const early = table.start('close', 'early', 0, 10);
    table.start('command', 'for ever', 0, Number.POSITIVE_INFINITY);
    expect(table.expired(9)).toEqual([]);
    expect(table.expired(20)).toEqual([early, late]);
    expect(table.size).toBe(3);
    table.clear();
    expect(table.earliest()).toBe(Number.POSITIVE_INFINITY);
  });

  it('tells what is waited for within a longer wait: what was opened last and has another name', () => {
    const table = new WaitTable();
    const dial = table.start('dial', 'the dial', 0, 30);
    expect(table.innermostBeside(dial)).toBeUndefined();
    const connect = table.start('connect', 'TCP', 0, 10);
    expect(table.innermostBeside(dial)).toBe(connect);
    // A connection that others dial through has dials beside its own.
    const other = table.start('dial', 'another', 0, 30);
    expect(table.innermostBeside(dial)).toBe(connect);
    expect(table.innermostBeside(connect)).toBe(other);
    const request = table.start('request', 'a request', 0, 10);
    expect(table.innermostBeside(dial)).toBe(request);
    table.finish(request);
    table.finish(connect);
    expect(table.innermostBeside(dial)).toBeUndefined();
  });

  it('knows its own waits, and those alone', () => {
    const [table, other] = [new WaitTable(), new WaitTable()];
    const wait = table.start('close', 'x', 5, 10, undefined);
    expect([wait.since, wait.timeout, wait.deadline]).toEqual([5, 10, 15]);
    expect([table.has(wait), other.has(wait), table.has({ ...wait })]).toEqual([true, false, false]);
    other.finish(wait);
    other.finish(undefined);
    expect([table.size, other.size]).toEqual([1, 0]);
    table.finish({ ...wait });
    expect(table.list()).toEqual([wait]);
    table.finish(wait);
    expect(table.has(wait)).toBe(false);
    const another = table.start('close', 'y', 0, 10);
    table.clear();
    expect([table.has(another), table.size, table.earliest()]).toEqual([false, 0, Number.POSITIVE_INFINITY]);
    expect(table.expired(Number.POSITIVE_INFINITY)).toEqual([]);
  });
});

/** Answers in the order of their requests. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AnswerOrder } from '../../../src/sftp/serve/answerOrder.ts';

describe('answers of a row', () => {
  it('are told in the order in which they entered, each as soon as it can be, and nothing is kept', () => {
    const plans = fc.array(fc.record({ row: fc.nat(3), turn: fc.nat(100) }), { maxLength: 30 });
    fc.assert(
      fc.property(plans, (plan) => {
        const order = new AnswerOrder();
        const told: number[] = [];
        const places = plan.map(({ row }) => order.enter(row));
        const ready = new Set<number>();
        const byTurn = plan.map(({ turn }, id) => ({ turn, id })).sort((a, b) => a.turn - b.turn);
        for (const { id } of byTurn) {
          order.tell(places[id] as (typeof places)[number], () => told.push(id));
          ready.add(id);
          // Told is what is ready and has nothing in front of it that is not.
          const due = plan.flatMap(({ row }, place) => {
            const before = plan.slice(0, place + 1).every((other, at) => other.row !== row || ready.has(at));
            return before ? [place] : [];
          });
          expect([...told].sort((a, b) => a - b)).toEqual(due);
        }
        for (const row of [0, 1, 2, 3]) {
          const ofRow = told.filter((id) => plan[id]?.row === row);
          expect(ofRow).toEqual([...ofRow].sort((a, b) => a - b));
        }
        expect(Reflect.get(order, 'rows')).toEqual(new Map());
      }),
    );
  });
});

/** Who hears which event of a connection. */
import { expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { EventRouter, type Hearing } from '../../src/endpoint/channels/eventRouter.ts';

type Event =
  | { readonly type: 'one'; readonly value: number }
  | { readonly type: 'two'; readonly value: number };

class Listener {
  readonly heard: string[] = [];
}

const hearsOne: Hearing<Listener, Event> = { one: (self, { value }) => self.heard.push(`one ${value}`) };

it('tells each subscriber of what its table names, in the order of the subscriptions', () => {
  const router = new EventRouter<Event>();
  const order: string[] = [];
  router.subscribe('first', { one: (self) => order.push(self), two: (self) => order.push(self) });
  router.subscribe('second', { two: (self) => order.push(self) });
  router.handle({ type: 'two', value: 1 });
  router.handle({ type: 'one', value: 1 });
  expect(order).toEqual(['first', 'second', 'first']);
});

it('tells a subscriber nothing once it has left, and the others go on', () => {
  const router = new EventRouter<Event>();
  const [stays, goes] = [new Listener(), new Listener()];
  router.subscribe(stays, hearsOne);
  const leave = router.subscribe(goes, hearsOne);
  router.handle({ type: 'one', value: 1 });
  leave();
  leave();
  router.handle({ type: 'one', value: 2 });
  expect([stays.heard, goes.heard]).toEqual([['one 1', 'one 2'], ['one 1']]);
});

it('keeps each of the others with its own table, whoever of them leaves', () => {
  for (const leaver of [0, 1, 2, 3]) {
    const router = new EventRouter<Event>();
    const all = Array.from({ length: 4 }, () => new Listener());
    const leaves = all.map((one, index) =>
      router.subscribe(one, {
        one: (self, { value }) => self.heard.push(`${value} by table ${index}`),
      }),
    );
    leaves[leaver]?.();
    router.handle({ type: 'one', value: 1 });
    expect(all.map(({ heard }) => heard)).toEqual(
      all.map((_, index) => (index === leaver ? [] : [`1 by table ${index}`])),
    );
  }
});

it('ends the one subscription that leaves, where a subscriber has several', () => {
  const router = new EventRouter<Event>();
  const both = new Listener();
  router.subscribe(both, hearsOne);
  const leave = router.subscribe(both, { two: (self, { value }) => self.heard.push(`two ${value}`) });
  leave();
  router.handle({ type: 'two', value: 1 });
  router.handle({ type: 'one', value: 2 });
  expect(both.heard).toEqual(['one 2']);
});

it('reaches with the event at hand those who were there when it began', () => {
  const router = new EventRouter<Event>();
  const [late, last] = [new Listener(), new Listener()];
  let leave = (): void => {};
  router.subscribe('changes', {
    one: () => {
      leave();
      router.subscribe(late, hearsOne);
    },
  });
  leave = router.subscribe(last, hearsOne);
  router.handle({ type: 'one', value: 1 });
  expect([late.heard, last.heard]).toEqual([[], ['one 1']]);
  router.handle({ type: 'one', value: 2 });
  expect([late.heard, last.heard]).toEqual([['one 2'], ['one 1']]);
});

it('tells the end once, with its cause, and nothing after it', () => {
  const router = new EventRouter<Event>();
  const cause = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');
  const heard: unknown[] = [];
  router.subscribe('it', { ended: (_self, { error }) => heard.push(error), one: () => heard.push('one') });
  router.ended(cause);
  router.ended(cause);
  router.handle({ type: 'one', value: 1 });
  expect(heard).toEqual([cause]);
});

/**
 * The one place where the events of a connection go to those who want them.
 *
 * Owns: who hears which event, in the order in which they subscribed.
 * Must not know: what any event means, who subscribes.
 *
 * A subscriber names what it hears in a table. The table is the same object for
 * all subscribers of a kind, so a connection pays for a reference to it and no more.
 */
import type { SshError } from '../../base/errors.ts';
import type { EventTarget } from '../../io/driverOptions.ts';

/** What a subscriber does with each event that it hears. */
export type Hearing<Self, Event extends { readonly type: string }> = {
  readonly [T in Event['type']]?: (self: Self, event: Extract<Event, { readonly type: T }>) => void;
};

/** The end of the connection, which every router can tell. */
export interface Ended {
  readonly type: 'ended';
  readonly error: SshError;
}

interface Subscription {
  readonly subscriber: unknown;
  readonly hearing: Readonly<Record<string, ((self: unknown, event: never) => void) | undefined>>;
}

/** Nobody: never changed. */
const none: readonly Subscription[] = [];

export class EventRouter<Event extends { readonly type: string }> implements EventTarget<Event> {
  private subscriptions: readonly Subscription[] = none;

  /**
   * Tells the subscriber of events from the next one on.
   *
   * @returns ends the subscription
   */
  subscribe<Self>(subscriber: Self, hearing: Hearing<Self, Event | Ended>): () => void {
    const subscription: Subscription = { subscriber, hearing: hearing as Subscription['hearing'] };
    this.subscriptions = this.subscriptions.concat(subscription);
    return () => {
      const index = this.subscriptions.indexOf(subscription);
      if (index >= 0) this.subscriptions = this.subscriptions.toSpliced(index, 1);
    };
  }

  /** Anybody who subscribes or leaves while an event is told changes what the next one reaches. */
  handle(event: Event): void {
    for (const { subscriber, hearing } of this.subscriptions) {
      hearing[event.type]?.(subscriber, event as never);
    }
  }

  ended(cause: SshError): void {
    const event: Ended = { type: 'ended', error: cause };
    for (const { subscriber, hearing } of this.subscriptions) hearing['ended']?.(subscriber, event as never);
    this.subscriptions = none;
  }
}

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

type AnyHearing = Readonly<Record<string, ((self: unknown, event: never) => void) | undefined>>;

/** Nobody: never changed. */
const none: readonly never[] = [];

export class EventRouter<Event extends { readonly type: string }> implements EventTarget<Event> {
  private subscribers: readonly unknown[] = none;
  /** What each subscriber hears, at the same place. */
  private hearings: readonly AnyHearing[] = none;

  /**
   * Tells the subscriber of events from the next one on.
   *
   * @returns ends the subscription
   */
  subscribe<Self>(subscriber: Self, hearing: Hearing<Self, Event | Ended>): () => void {
    this.subscribers = this.subscribers.concat([subscriber]);
    this.hearings = this.hearings.concat(hearing as AnyHearing);
    return () => {
      const index = this.subscribers.findIndex(
        (who, i) => who === subscriber && this.hearings[i] === hearing,
      );
      if (index < 0) return;
      this.subscribers = this.subscribers.toSpliced(index, 1);
      this.hearings = this.hearings.toSpliced(index, 1);
    };
  }

  handle(event: Event): void {
    this.tell(event.type, event);
  }

  ended(cause: SshError): void {
    this.tell('ended', { type: 'ended', error: cause });
    this.subscribers = none;
    this.hearings = none;
  }

  /** Anybody who subscribes or leaves while an event is told changes what the next one reaches. */
  private tell(type: string, event: Event | Ended): void {
    const { subscribers, hearings } = this;
    for (let i = 0; i < subscribers.length; i++) hearings[i]?.[type]?.(subscribers[i], event as never);
  }
}

/**
 * A forward as its caller holds it.
 *
 * Owns: the connections that run through it, their count and bound, its numbers,
 * its end.
 * Must not know: where connections come from, what a channel is for.
 */
import { messageAlone } from '../base/addressed.ts';
import { SshError } from '../base/errors.ts';
import { checkOptions, flag, type OptionTable } from '../base/optionChecks.ts';
import { isTrueForUser, tellUser } from '../endpoint/calls/userCode.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { ForwardSnapshot } from '../io/snapshots.ts';
import { Joint } from './joint.ts';
import type { LocalConnection } from './local.ts';
import type { ListenPlace } from './places.ts';

/** One connection of a forward, at this moment. */
export interface ForwardedConnection {
  /** Counts up through the life of the forward. */
  readonly id: number;
  /** Who connected, such as `127.0.0.1:50312`; empty for a unix socket. */
  readonly from: string;
  /** Where it goes, such as `db:5432`. */
  readonly to: string;
  /** `opening` until both sides stand. */
  readonly state: 'opening' | 'open';
  /** Milliseconds since it was accepted. */
  readonly age: number;
  /** Bytes from who connected to where it goes. */
  readonly bytesOut: number;
  /** Bytes the other way. */
  readonly bytesIn: number;
}

/** What a forward has done since it stands. */
export interface ForwardCounters {
  /** Connections that came. */
  readonly accepted: number;
  /** Connections that `filter`, `permit` or the bound on connections refused. */
  readonly refused: number;
  /** Connections that failed or were cut. */
  readonly failed: number;
  /** Bytes out, of ended and open connections. */
  readonly bytesOut: number;
  /** Bytes in, of the same connections. */
  readonly bytesIn: number;
}

/** What every kind of forward takes. */
export interface ForwardOptions {
  /** Milliseconds to open the forward. Default: only the `request` and `connect` timeouts of the connection bound its parts. */
  readonly timeout?: number | undefined;
  /** Aborts the opening of the forward, or ends the open forward. */
  readonly signal?: AbortSignal | undefined;
  /** The most connections at once; the forward refuses more. Default: 1,024. */
  readonly maxConnections?: number | undefined;
  /**
   * Returns whether a client may connect. It must answer at once: everything except
   * `true`, even a promise or a throw, refuses. Default: everybody may.
   */
  readonly filter?: ((from: { readonly address: string; readonly port: number }) => boolean) | undefined;
  /** Gets each connection that was made. */
  readonly onConnection?: ((connection: ForwardedConnection) => void) | undefined;
  /** Gets each connection that ended, with an `error` if it was cut or could not be made. */
  readonly onConnectionEnd?:
    | ((connection: ForwardedConnection, error: Error | undefined) => void)
    | undefined;
}

/** What `close` of a forward takes. */
export interface ForwardCloseOptions {
  /** Lets open connections end by themselves; a later `close()` without it still ends them. Default: `false`. */
  readonly drain?: boolean | undefined;
}

const closeTable: OptionTable<ForwardCloseOptions> = { drain: flag };

/** @throws SshError `ERR_SSH_OPTIONS` */
export function checkCloseOptions(options: ForwardCloseOptions): void {
  checkOptions(options, { of: 'close', table: closeTable });
}

/** Who has the parts that end with a forward. */
export interface ForwardParts {
  /** What is forwarded, for messages: `127.0.0.1:8080 to db:5432`. */
  readonly name: string;
  readonly now: () => number;
  readonly options: ForwardOptions;
  readonly maxConnections: number;
  /** Accepts no more; resolves when that is so. */
  readonly stop: () => Promise<void>;
  /** Says to which server an error happened. */
  readonly addressed?: ((error: SshError) => SshError) | undefined;
  /** Nothing is left of the forward. */
  readonly freed: (forward: Forward) => void;
}

/** A connection on its way through a forward. */
export class Passage {
  readonly id: number;
  readonly from: string;
  to: string;
  private readonly startedAt: number;
  private readonly now: () => number;
  private joint: Joint | undefined;
  /** Told where it is given up. */
  private givenUp: Set<(error: Error) => void> | undefined;
  private abort: AbortController | undefined;
  private cause: Error | undefined;

  constructor(id: number, from: string, to: string, now: () => number) {
    this.id = id;
    this.from = from;
    this.to = to;
    this.now = now;
    this.startedAt = now();
  }

  /** Joins both sides; resolves when the connection is over. */
  join(local: LocalConnection, port: ChannelPort, early: Uint8Array | undefined): Promise<Error | undefined> {
    this.joint = new Joint(local, port, early);
    return this.joint.over;
  }

  /** Gives up what is under way for it: made where somebody asks, as most connections need none. */
  get signal(): AbortSignal {
    if (this.abort === undefined) {
      this.abort = new AbortController();
      if (this.cause !== undefined) this.abort.abort(this.cause);
    }
    return this.abort.signal;
  }

  /** Calls back where it is given up, at once where it was; the returned function stops that. */
  whenGivenUp(callback: (error: Error) => void): () => void {
    if (this.cause !== undefined) {
      callback(this.cause);
      return () => {};
    }
    this.givenUp ??= new Set();
    this.givenUp.add(callback);
    return () => this.givenUp?.delete(callback);
  }

  destroy(error: Error): void {
    this.cause ??= error;
    this.abort?.abort(error);
    for (const callback of this.givenUp ?? []) callback(error);
    this.givenUp = undefined;
    this.joint?.destroy(error);
  }

  get snapshot(): ForwardedConnection {
    const { id, from, to, joint } = this;
    return {
      id,
      from,
      to,
      state: joint === undefined ? 'opening' : 'open',
      age: this.now() - this.startedAt,
      bytesOut: joint?.bytesOut ?? 0,
      bytesIn: joint?.bytesIn ?? 0,
    };
  }
}

/**
 * A forward that stands.
 *
 * @example
 * ```ts
 * import type { Client } from 'deadline-ssh';
 * async function throughBastion(client: Client, work: (port: number) => Promise<void>): Promise<void> {
 *   const forward = await client.forwardLocal({ port: 0 }, { host: 'db.internal', port: 5432 });
 *   try {
 *     await work(forward.address.port ?? 0);
 *   } finally {
 *     await forward.close();
 *   }
 * }
 * ```
 */
export class Forward {
  /** Where it listens: the port that was free, or the path. */
  readonly address: ListenPlace;
  /** Resolves, never rejects, when nothing is left of the forward, with the cause: `ERR_SSH_CLOSED` where this side closed it. */
  readonly closed: Promise<SshError>;
  private readonly parts: ForwardParts;
  private readonly passages = new Set<Passage>();
  private readonly totals = { accepted: 0, refused: 0, failed: 0, bytesOut: 0, bytesIn: 0 };
  private resolveClosed: (cause: SshError) => void = () => {};
  private cause: SshError | undefined;
  private stopped: Promise<void> | undefined;
  /** Those who wait until no connection lives. */
  private drains: (() => void)[] = [];

  constructor(address: ListenPlace, parts: ForwardParts) {
    this.address = address;
    this.parts = parts;
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  /** What is forwarded, for messages. */
  get name(): string {
    return this.parts.name;
  }

  /** The connections that are open or being opened. */
  get connections(): readonly ForwardedConnection[] {
    return [...this.passages].map((passage) => passage.snapshot);
  }

  /** What the forward has done since it stands. */
  get counters(): ForwardCounters {
    const { totals } = this;
    let { bytesOut, bytesIn } = totals;
    for (const { snapshot } of this.passages) {
      bytesOut += snapshot.bytesOut;
      bytesIn += snapshot.bytesIn;
    }
    return { ...totals, bytesOut, bytesIn };
  }

  /** The forward and its connections, at this moment. */
  snapshot(): ForwardSnapshot {
    return { name: this.name, connections: this.connections, ...this.counters };
  }

  /**
   * Accepts no more connections and ends those that live.
   *
   * @throws SshError `ERR_SSH_OPTIONS`
   */
  async close(options: ForwardCloseOptions = {}): Promise<void> {
    checkCloseOptions(options);
    if (options.drain === true) {
      await this.stopListening();
      while (this.passages.size > 0) await new Promise<void>((resolve) => this.drains.push(resolve));
    }
    this.end(closedError(`the forward ${this.name} was closed`));
    await this.closed;
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  // For those who make forwards ------------------------------------------------------

  /**
   * Serves one connection to its end. Its faults are its own.
   *
   * @param work opens the other side and joins both
   */
  serve(
    peer: { readonly address: string; readonly port: number },
    to: string,
    work: (passage: Passage) => Promise<Error | undefined>,
    refuse: () => void,
  ): void {
    this.totals.accepted++;
    if (this.cause !== undefined || this.stopped !== undefined || !this.admits(peer)) {
      this.totals.refused++;
      return refuse();
    }
    const from = peer.address === '' ? '' : `${peer.address}:${peer.port}`;
    const passage = new Passage(this.totals.accepted, from, to, this.parts.now);
    this.passages.add(passage);
    work(passage).then(
      (error) => this.passed(passage, error && this.named(error)),
      (error: unknown) => this.passed(passage, this.named(error)),
    );
  }

  /** A connection that was made is told of. */
  opened(passage: Passage): void {
    const { onConnection } = this.parts.options;
    if (onConnection !== undefined)
      tellUser(
        'onConnection',
        () => onConnection(passage.snapshot),
        () => {},
      );
  }

  /** Accepts no more; resolves when the place is free again. Connections live on. */
  stopListening(): Promise<void> {
    this.stopped ??= this.parts.stop().catch(() => {});
    return this.stopped;
  }

  /** Ends the forward for a reason. */
  end(cause: SshError): void {
    if (this.cause !== undefined) return;
    this.cause = this.parts.addressed?.(cause) ?? cause;
    for (const passage of this.passages) passage.destroy(this.cause);
    void this.stopListening().then(() => this.free());
  }

  private admits(peer: { readonly address: string; readonly port: number }): boolean {
    if (this.passages.size >= this.parts.maxConnections) return false;
    const { filter } = this.parts.options;
    return filter === undefined || isTrueForUser(() => filter(peer));
  }

  private passed(passage: Passage, error: Error | undefined): void {
    const { snapshot } = passage;
    this.passages.delete(passage);
    if (error !== undefined) this.totals.failed++;
    this.totals.bytesOut += snapshot.bytesOut;
    this.totals.bytesIn += snapshot.bytesIn;
    const { onConnectionEnd } = this.parts.options;
    if (onConnectionEnd !== undefined) {
      tellUser(
        'onConnectionEnd',
        () => onConnectionEnd(snapshot, error),
        () => {},
      );
    }
    if (this.passages.size > 0) return;
    for (const drained of this.drains.splice(0)) drained();
    if (this.cause !== undefined) void this.stopListening().then(() => this.free());
  }

  /** Why a connection could not be made, or was cut: one of many forwards is meant. */
  private named(error: unknown): Error {
    if (!(error instanceof SshError)) return error instanceof Error ? error : new Error(String(error));
    if (error === this.cause) return error;
    const named = error.message.includes(this.name)
      ? error
      : new SshError(error.code, `the forward ${this.name}: ${messageAlone(error)}`, {
          ...error,
          cause: error,
        });
    return this.parts.addressed?.(named) ?? named;
  }

  private free(): void {
    if (this.cause === undefined || this.passages.size > 0) return;
    this.parts.freed(this);
    this.resolveClosed(this.cause);
  }
}

function closedError(message: string): SshError {
  return new SshError('ERR_SSH_CLOSED', message, { phase: 'close', origin: 'user' });
}

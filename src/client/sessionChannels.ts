/**
 * The session channels of a connection; servers allow a limited number.
 *
 * Owns: how many the server counts, whose turn it is to open another (calls begin
 * in the order in which they came), and when a refusal may be because of a channel
 * that was just closed.
 * Must not know: what a channel is used for, messages.
 *
 * OpenSSH's server counts a session until it has cleaned up after both CLOSEs, and
 * may refuse a session that is opened right after them. Once it answers anything that
 * was sent after the CLOSE, it has cleaned up: a second try finds room.
 */
import { SshError } from '../base/errors.ts';
import { LazyMap } from '../base/lazyMap.ts';
import type { Channel } from '../connection/channel.ts';

/** Calls that may wait at once: every queue has a bound. */
const longestQueue = 65_536;

/** A call that waits for its turn. */
interface Waiting {
  /** Session channels below which it may begin. */
  readonly maxChannels: number;
  readonly begin: () => void;
}

/** A channel that was asked for. */
export interface AskedChannel {
  /** Channels that were gone by then. */
  readonly gone: number;
  /** The server may have counted one of these still. */
  readonly mayRace: boolean;
}

export class SessionChannels {
  /** From the asking to the refusal, or to both CLOSEs. */
  private readonly channels = new LazyMap<Channel, true>();
  /** Undefined while nobody waits. */
  private waiting: Waiting[] | undefined;
  private gone = 0;
  /** Of those gone, how many the server is known to have cleaned up behind. */
  private settled = 0;

  get size(): number {
    return this.channels.size;
  }

  /** Calls that wait. */
  get queued(): number {
    return this.waiting?.length ?? 0;
  }

  /** A channel is asked for. */
  asked(channel: Channel): AskedChannel {
    const { gone, settled } = this;
    this.channels.set(channel, true);
    return { gone, mayRace: gone > settled };
  }

  /** The server has answered. */
  answered({ gone }: AskedChannel): void {
    this.settled = Math.max(this.settled, gone);
  }

  /** The server has refused it. */
  refused(channel: Channel): void {
    this.channels.delete(channel);
  }

  /** Its user is told that it is closed; for the server it may be there still. */
  closed(channel: Channel): void {
    if (channel.state === 'closed' && this.channels.delete(channel)) this.gone++;
  }

  /**
   * Begins now, or when there are fewer than `maxChannels` and nobody waits who came before.
   *
   * @param begin asks for the channel at once
   * @returns gives the turn up; undefined where it has begun
   * @throws SshError `ERR_SSH_LIMIT` when too many wait
   */
  enter(maxChannels: number, begin: () => void): (() => void) | undefined {
    if (this.waiting === undefined && this.size < maxChannels) {
      begin();
      return undefined;
    }
    if (this.queued >= longestQueue) {
      throw new SshError('ERR_SSH_LIMIT', `${longestQueue} calls wait for a session channel already`, {
        origin: 'user',
      });
    }
    const entry: Waiting = { maxChannels, begin };
    this.waiting ??= [];
    this.waiting.push(entry);
    return () => this.giveUp(entry);
  }

  /** There may be room: whose turn has come begins. */
  advance(): void {
    for (;;) {
      const first = this.waiting?.[0];
      if (first === undefined || this.size >= first.maxChannels) return;
      this.waiting?.shift();
      if (this.queued === 0) this.waiting = undefined;
      first.begin();
    }
  }

  /** Nobody begins any more. */
  close(): void {
    this.waiting = undefined;
  }

  private giveUp(entry: Waiting): void {
    const place = this.waiting?.indexOf(entry) ?? -1;
    if (place < 0) return;
    this.waiting?.splice(place, 1);
    if (this.queued === 0) this.waiting = undefined;
    // It may have been the one that held up those behind it.
    this.advance();
  }
}

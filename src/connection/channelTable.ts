/**
 * Which number belongs to which channel.
 *
 * Owns: the numbers of this side (RFC 4254 §5.1), their reuse once both CLOSEs
 * have passed (§5.3), the bound on how many are taken.
 * Must not know: messages, windows.
 */
import { SshError } from '../base/errors.ts';
import { LazyMap } from '../base/lazyMap.ts';
import type { Limits } from '../base/limits.ts';
import { Channel, type ChannelSink, channelError } from './channel.ts';
import { WindowBudget } from './windowBudget.ts';

export class ChannelTable {
  private readonly sink: ChannelSink;
  private readonly limits: Limits;
  private readonly channels = new LazyMap<number, Channel>();
  private readonly freeIds: number[] = [];
  private readonly budget: WindowBudget;
  private readonly keepsUnread: boolean;
  private nextId = 0;

  /**
   * @param keepsUnread whether bytes of a channel that is gone count until somebody takes or drops them: a server,
   *   whose clients would fill one channel after the other, sees to that; a client's user may just forget a stream
   */
  constructor(sink: ChannelSink, limits: Limits, keepsUnread: boolean) {
    this.sink = sink;
    this.limits = limits;
    this.keepsUnread = keepsUnread;
    this.budget = new WindowBudget(limits);
  }

  /** As one that was never used: its numbers begin anew. */
  get isEmpty(): boolean {
    return this.channels.size === 0;
  }

  /** Nothing of a channel that is gone is left either. */
  get isUnused(): boolean {
    return this.isEmpty && this.budget.isWhole;
  }

  /** Whether the peer can open another channel. */
  get hasRoom(): boolean {
    return this.channels.size < this.limits.channels && this.budget.hasRoom;
  }

  /** @throws SshError `ERR_SSH_LIMIT` when all numbers are taken */
  checkRoom(): void {
    if (this.channels.size < this.limits.channels) return;
    const text = `${this.limits.channels} channels are open, and no more are allowed`;
    throw new SshError('ERR_SSH_LIMIT', text, { origin: 'user' });
  }

  /** Channels that hold a number, in the order in which they took it. */
  list(): readonly Channel[] {
    return this.channels.values();
  }

  /**
   * A new channel with a number of its own.
   *
   * @param announce tells the peer of it; where it throws, there is no such channel
   */
  add(type: string, announce?: (channel: Channel) => void): Channel {
    const { maximumWindowSize, maximumPacketSize } = this.limits;
    const { budget } = this;
    const freed = this.freeIds.at(-1);
    const channel = new Channel(this.sink, {
      type,
      localId: freed ?? this.nextId,
      windowSize: budget.open(),
      maximumWindowSize,
      maximumPacketSize,
      budget,
    });
    announce?.(channel);
    if (freed === undefined) this.nextId++;
    else this.freeIds.pop();
    this.channels.set(channel.localId, channel);
    return channel;
  }

  /** The channel is gone and its number is free. */
  remove(channel: Channel): void {
    if (channel.state !== 'closed') channel.gone(this.keepsUnread);
    if (!this.channels.delete(channel.localId)) return;
    if (this.channels.size > 0) this.freeIds.push(channel.localId);
    else {
      this.freeIds.length = 0;
      this.nextId = 0;
    }
  }

  /** The channel with this number; undefined where there is none. */
  get(id: number): Channel | undefined {
    return this.channels.get(id);
  }

  /** @throws SshError `ERR_SSH_CHANNEL_PROTOCOL` unless the channel is open */
  openOne(id: number): Channel {
    const channel = this.channels.get(id);
    if (channel === undefined || channel.state !== 'open') {
      throw channelError(`a message for channel ${id}, which is not open`);
    }
    return channel;
  }

  /** @throws SshError `ERR_SSH_CHANNEL_PROTOCOL` unless we asked for the channel and got no answer yet */
  openingOne(id: number): Channel {
    const channel = this.channels.get(id);
    // A channel the peer asked for is answered by us, not by the peer.
    if (channel === undefined || channel.state !== 'opening' || channel.wait === undefined) {
      throw channelError(`an answer to the opening of channel ${id}, which is not being opened`);
    }
    return channel;
  }
}

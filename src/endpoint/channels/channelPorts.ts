/**
 * The open channels of a connection as ports.
 *
 * Owns: which port each channel has, and the way of a channel's events to it.
 * Must not know: what channels are for, who opened them.
 */
import type { SshError } from '../../base/errors.ts';
import { LazyMap } from '../../base/lazyMap.ts';
import type { Channel } from '../../connection/channel.ts';
import type { ConnectionEvent } from '../../connection/events.ts';
import { ChannelPort, type PortConnection } from './channelPort.ts';
import type { Ended, EventRouter, Hearing } from './eventRouter.ts';

export class ChannelPorts {
  private readonly connection: PortConnection;
  private readonly ports: LazyMap<Channel, ChannelPort> = new LazyMap();

  constructor(router: EventRouter<ConnectionEvent>, connection: PortConnection) {
    this.connection = connection;
    router.subscribe(this, hearing);
  }

  /** Makes the port of a channel that was opened. */
  portFor(channel: Channel): ChannelPort {
    const port = new ChannelPort(channel, this.connection);
    this.ports.set(channel, port);
    return port;
  }

  get(channel: Channel): ChannelPort | undefined {
    return this.ports.get(channel);
  }

  /** The channel is gone. */
  closed(channel: Channel): void {
    this.ports.take(channel)?.ended(undefined);
  }

  ended(cause: SshError): void {
    for (const port of this.ports.values()) port.ended(cause);
    this.ports.clear();
  }
}

const hearing: Hearing<ChannelPorts, ConnectionEvent | Ended> = {
  channelReadable: (self, { channel, stream }) => self.get(channel)?.readable(stream),
  channelEof: (self, { channel }) => self.get(channel)?.eof(),
  channelDrained: (self, { channel }) => self.get(channel)?.drained(),
  channelClosed: (self, { channel }) => self.closed(channel),
  ended: (self, { error }) => self.ended(error),
};

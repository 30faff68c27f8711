/**
 * Which channel sends next.
 *
 * Owns: the turns of channels that have data to send, or EOF behind it, and the
 * packets that data becomes (RFC 4254 §5.2, §5.3).
 * Must not know: what is sent, windows (the channel knows how much may go).
 */
import type { Limits } from '../base/limits.ts';
import {
  channelExtendedDataHeaderLength,
  writeChannelDataHeader,
  writeChannelExtendedDataHeader,
} from '../message/hot.ts';
import type { Transport } from '../transport/transport.ts';
import type { Channel } from './channel.ts';

export class OutputScheduler {
  private readonly transport: Transport;
  /** The longest data field that keeps a payload within the limit. */
  private readonly maximumLength: number;
  /** Channels with something to seal, each once. A closed one has nothing: the next turn drops it. */
  private readonly ready: Channel[] = [];

  constructor(transport: Transport, limits: Limits) {
    this.transport = transport;
    this.maximumLength = limits.sentPayloadLength - channelExtendedDataHeaderLength;
  }

  /** The channel has something to seal. */
  add(channel: Channel): void {
    if (!channel.isReady) this.ready.push(channel);
    channel.isReady = true;
  }

  /** Seals a packet of each channel in turn, while the transport takes data. */
  pump(): void {
    const { ready, transport } = this;
    while (ready.length > 0) {
      let kept = 0;
      for (let i = 0; i < ready.length; i++) {
        const channel = ready[i] as Channel;
        if (transport.takesData) channel.isReady = this.sealNext(channel);
        if (channel.isReady) ready[kept++] = channel;
      }
      ready.length = kept;
      if (!transport.takesData) return;
    }
  }

  /** @returns whether there may be more to seal */
  private sealNext(channel: Channel): boolean {
    const { transport } = this;
    const write = channel.nextOutput(this.maximumLength);
    if (write === undefined) {
      channel.sendEofIfDue();
      return false;
    }
    const length = channel.outputLength;
    const writer = transport.beginData();
    if (write.dataTypeCode === undefined) writeChannelDataHeader(writer, channel.remoteId, length);
    else writeChannelExtendedDataHeader(writer, channel.remoteId, write.dataTypeCode, length);
    writer.bytes(write.data.subarray(write.offset, write.offset + length));
    transport.endData(length);
    channel.outputSent(write);
    return true;
  }
}

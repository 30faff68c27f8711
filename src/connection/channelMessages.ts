/**
 * The messages that a channel sends, except its data.
 *
 * Owns: the messages that name a channel of the peer's: RFC 4254 §5.2 (window), §5.3
 * (EOF and CLOSE), §5.4 (requests and their answers).
 * Must not know: when a channel sends them.
 */
import {
  channelClose,
  channelEof,
  channelFailure,
  channelSuccess,
  channelWindowAdjust,
} from '../message/channel.ts';
import { channelRequest } from '../message/channelRequest.ts';
import type { Transport } from '../transport/transport.ts';

/** A channel as its messages name it. */
export interface Addressee {
  /** The peer's number for it. */
  readonly remoteId: number;
}

/** Bytes of a CHANNEL_REQUEST apart from its type and what that adds: number, recipient channel, length, want reply. */
const requestOverhead = 10;

export class ChannelMessages {
  private readonly transport: Pick<Transport, 'send' | 'output'>;

  constructor(transport: Pick<Transport, 'send' | 'output'>) {
    this.transport = transport;
  }

  sendWindowAdjust({ remoteId: recipientChannel }: Addressee, bytesToAdd: number): void {
    this.transport.send(channelWindowAdjust, { recipientChannel, bytesToAdd });
  }

  sendEof({ remoteId: recipientChannel }: Addressee): void {
    this.transport.send(channelEof, { recipientChannel });
  }

  sendClose({ remoteId: recipientChannel }: Addressee): void {
    this.transport.send(channelClose, { recipientChannel });
  }

  sendRequest(
    { remoteId: recipientChannel }: Addressee,
    requestType: string,
    wantReply: boolean,
    requestData: Uint8Array,
  ): void {
    this.transport.send(channelRequest, { recipientChannel, requestType, wantReply, requestData });
  }

  /** @throws SshError `ERR_SSH_LIMIT` for a request that fits in no packet */
  checkRequest(requestType: string, { length }: Uint8Array): void {
    const name = `the ${requestType} request`;
    this.transport.output.checkLength(name, requestOverhead + requestType.length + length);
  }

  sendReply({ remoteId: recipientChannel }: Addressee, success: boolean): void {
    this.transport.send(success ? channelSuccess : channelFailure, { recipientChannel });
  }
}

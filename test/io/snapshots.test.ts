/** What a connection and its waits are at one moment. */
import { describe, expect, it } from 'vitest';
import { WaitTable } from '../../src/base/waits.ts';
import type { Link } from '../../src/io/link.ts';
import { checkSnapshotOptions, connectionSnapshot, waitSnapshot } from '../../src/io/snapshots.ts';
import { Conversation } from '../support/conversation.ts';

describe('a snapshot', () => {
  it('of a wait is in terms of the moment', () => {
    const wait = new WaitTable().start('request', 'x', 10, 30);
    expect(waitSnapshot(wait, 15)).toEqual({ name: 'request', waitingFor: 'x', elapsed: 5, remaining: 25 });
  });

  it('of a connection has what its core and its link count, and zeros before there are any', () => {
    const { conversation, channel } = Conversation.withChannel();
    const { client } = conversation;
    const shared = {
      ...({ id: 1, role: 'client', target: 'a', addresses: undefined, phase: 'connection', age: 5 } as const),
      ...{ openedAt: undefined, forwards: [], sftp: [], now: 15, waits: client.waits },
    };
    const link = { unsentBytes: () => 9 } as Link;
    channel.request('exec', new Uint8Array(0), true);
    channel.write(new Uint8Array(50));
    const { transport } = client;
    expect(connectionSnapshot({ ...shared, core: client, link })).toMatchObject({
      bytesReceived: client.bytesReceived,
      bytesSent: client.bytesSent,
      packetsReceived: transport.packetsIn,
      packetsSent: transport.packetsOut,
      unsentBytes: transport.pendingOutput + 9,
      lastMessage: 'SSH_MSG_CHANNEL_OPEN_CONFIRMATION',
      remoteIdentification: 'SSH-2.0-scripted_peer',
      waits: [{ name: 'request', elapsed: 15 }],
      channels: [
        {
          id: channel.localId,
          type: 'session',
          state: 'open',
          sendWindow: channel.sendWindow,
          receiveWindow: channel.receiveWindow,
          unread: 0,
          unsent: 50,
          pendingRequests: 1,
        },
      ],
    });
    expect(transport.pendingOutput).toBeGreaterThan(0);
    client.connection.close(channel);
    expect(connectionSnapshot({ ...shared, core: client, link }).channels).toMatchObject([
      { state: 'closing' },
    ]);
    expect(connectionSnapshot({ ...shared, core: undefined, link: undefined })).toMatchObject({
      ...{ bytesReceived: 0, bytesSent: 0, packetsReceived: 0, packetsSent: 0, unsentBytes: 0 },
      ...{ lastMessage: undefined, remoteIdentification: undefined, channels: [] },
    });
    const fresh = new Conversation().client;
    expect(connectionSnapshot({ ...shared, core: fresh, link: undefined })).toMatchObject({
      lastMessage: undefined,
      packetsReceived: 0,
    });
  });

  it('takes its options, and a depth from those who print objects', () => {
    expect(() => checkSnapshotOptions(2 as never)).not.toThrow();
    expect(() => checkSnapshotOptions({ fileNames: true })).not.toThrow();
    expect(() => checkSnapshotOptions({ fileNames: 1 } as never)).toThrow('fileNames must be true or false');
    expect(() => checkSnapshotOptions({ names: true } as never)).toThrow(
      'there is no option "names" of inspect',
    );
  });
});

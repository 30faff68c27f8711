/** RFC 4254: the statements about channels and requests that implementations get wrong. */
import { describe, expect, it } from 'vitest';
import { channelClose, channelData } from '../../src/message/channel.ts';
import { channelRequest, exitSignal, exitStatus, signal } from '../../src/message/channelRequest.ts';
import { Conversation } from '../support/conversation.ts';
import { play } from '../support/scene.ts';

const none = new Uint8Array(0);

describe('connections', () => {
  it('RFC 4254 §4: a global request that wants no reply gets none', () => {
    const conversation = Conversation.to('ready');
    conversation.server.at(0).connection.request('unknown@example', none, false);
    conversation.exchange();
    expect(conversation.eventsOf('globalRequest')[0]).toMatchObject({
      name: 'unknown@example',
      wantReply: false,
    });
    expect(conversation.cause ?? conversation.server.cause).toBeUndefined();
  });

  it('RFC 4254 §4: answers come in the order of their requests', () => {
    const conversation = Conversation.to('ready');
    const requests = ['a@x', 'b@x', 'c@x'].map((name) =>
      conversation.client.at(0).connection.request(name, none, true),
    );
    conversation.exchange();
    for (const success of [true, false, true]) conversation.server.at(0).connection.replyGlobal(success);
    conversation.exchange();
    expect(
      conversation.eventsOf('globalRequestAnswered').map(({ request, success }) => [request, success]),
    ).toEqual([
      [requests[0], true],
      [requests[1], false],
      [requests[2], true],
    ]);
  });

  it('RFC 4254 §5.2: data goes out within window and maximum packet size', () => {
    const { conversation, channel, serverChannel } = Conversation.withChannel();
    channel.sendWindow = 2500;
    channel.sendMaximumPacketSize = 1000;
    const before = conversation.client.transport.packetsOut;
    channel.write(new Uint8Array(10_000));
    conversation.exchange();
    expect(conversation.client.transport.packetsOut - before).toBe(3);
    expect(serverChannel.data.length).toBe(2500);
    expect(channel.pendingBytes).toBe(7500);
  });

  it('RFC 4254 §5.2: data and extended data share the window', () => {
    const { conversation, channel, serverChannel } = Conversation.withChannel();
    const { receiveWindow } = channel;
    conversation.say(channelData, { recipientChannel: channel.localId, data: new Uint8Array(100) });
    serverChannel.write(new Uint8Array(50), 1);
    conversation.exchange();
    expect(channel.receiveWindow).toBe(receiveWindow - 150);
    expect([channel.data.length, channel.extended.length]).toEqual([100, 50]);
  });

  it('RFC 4254 §4, §5.4: unknown requests fail where they want a reply, and get no answer where not', async () => {
    await play(async (scene) => {
      const { client, server, world } = scene;
      await client.exec('wait');
      const answers = [scene.watch('globalRequestAnswered'), scene.watch('channelRequestAnswered')];
      for (const wantReply of [false, true] as const) {
        server.act((core) => {
          if (wantReply) core.connection.request('what@ever', none, true);
          else core.connection.request('what@ever', none, false);
          core.connection.list()[0]?.request('what@ever', none, wantReply);
        });
        await world.sleep(1000);
        expect(answers.map((seen) => seen.map(({ success, error }) => [success, error]))).toEqual(
          wantReply ? [[[false, undefined]], [[false, undefined]]] : [[], []],
        );
      }
    });
  });

  it('RFC 4254 §6.10: a channel closed without exit-status has no status, which is not 0', async () => {
    await play(async (scene) => {
      const ends: [string, Uint8Array][] = [
        ['', none],
        [exitStatus.name, exitStatus.toBytes({ exitStatus: 0 })],
        [exitStatus.name, exitStatus.toBytes({ exitStatus: 0xffffffff })],
      ];
      const codes: unknown[] = [];
      for (const [requestType, requestData] of ends) {
        const running = scene.client.run('wait');
        await scene.world.sleep(10);
        const [channel] = scene.client.inspect().channels;
        const recipientChannel = channel?.id ?? 99;
        if (requestType !== '') {
          scene.say(channelRequest, { recipientChannel, requestType, wantReply: false, requestData });
        }
        for (const open of scene.channels) scene.server.act((core) => core.connection.close(open));
        codes.push((await running).code);
      }
      expect(codes).toEqual([undefined, 0, 0xffffffff]);
    });
  });

  it('RFC 4254 §6.9, §6.10: names of signals go without SIG, both ways', async () => {
    await play(async (scene) => {
      const requests = scene.watch('channelRequest');
      const process = await scene.client.exec('wait');
      process.kill('SIGTERM');
      process.kill('INT');
      await scene.world.sleep(10);
      const sent = requests.filter(({ requestType }) => requestType === signal.name);
      expect(sent.map(({ payload }) => signal.fromBytes(payload).signalName)).toEqual(['TERM', 'INT']);
      for (const signalName of ['TERM', 'SIGKILL']) {
        const requestData = exitSignal.toBytes({
          signalName,
          coreDumped: false,
          errorMessage: '',
          languageTag: '',
        });
        const running = scene.client.run('wait');
        await scene.world.sleep(10);
        const recipientChannel = scene.client.inspect().channels.at(-1)?.id ?? 99;
        const request = { recipientChannel, requestType: exitSignal.name, wantReply: false, requestData };
        scene.say(channelRequest, request);
        scene.server.act((core) => core.connection.close(core.connection.list().at(-1) as never));
        const { code, signal: ended } = await running;
        expect([code, ended]).toEqual([undefined, signalName.replace('SIG', '')]);
      }
    });
  });

  it('RFC 4254 §5.3: CLOSE needs no EOF before it, is answered once, and then the number is free', () => {
    const { conversation, channel, serverChannel } = Conversation.withChannel();
    const before = conversation.client.transport.packetsOut;
    conversation.deafenServer().say(channelClose, { recipientChannel: channel.localId });
    expect(conversation.eventsOf('channelEof')).toHaveLength(0);
    expect(conversation.eventsOf('channelClosed')).toHaveLength(1);
    conversation.client.at(0).connection.close(channel);
    conversation.exchange();
    expect(conversation.client.transport.packetsOut - before).toBe(1);
    expect(conversation.client.at(0).connection.open('session', none).localId).toBe(channel.localId);
    expect(serverChannel.localId).toBe(0);
  });
});

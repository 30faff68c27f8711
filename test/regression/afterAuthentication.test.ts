/** What peers have done on a connection that was up: silence, windows, floods, messages nobody asked for. */
import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import {
  channelClose,
  channelData,
  channelEof,
  channelExtendedData,
  channelFailure,
  channelOpen,
  channelOpenConfirmation,
  channelOpenFailure,
  channelSuccess,
  channelWindowAdjust,
} from '../../src/message/channel.ts';
import { channelRequest } from '../../src/message/channelRequest.ts';
import { globalRequest, requestFailure, requestSuccess } from '../../src/message/globalRequest.ts';
import { debug, disconnect, ignore, unimplemented } from '../../src/message/transport.ts';
import { createToyProvider, toyAlgorithms, toyKey } from '../sim/toyCrypto.ts';
import { Conversation, payloadOf, seededBytes } from '../support/conversation.ts';
import { memoryInUse } from '../support/heap.ts';

const none = new Uint8Array(0);

const breaksRules = { code: 'ERR_SSH_CHANNEL_PROTOCOL', phase: 'connection', origin: 'peer' };

describe('a peer that never answers', () => {
  it('go#26643: an open without an answer ends by its deadline and the connection lives', () => {
    const conversation = Conversation.to('ready');
    conversation.client.at(0).connection.open('session', none);
    conversation.exchange().advance(14_999);
    expect(conversation.eventsOf('channelOpenFailed')).toHaveLength(0);
    conversation.advance(1);
    expect(conversation.eventsOf('channelOpenFailed')[0]?.error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'channelOpen',
      deadline: 15_000,
    });
    expect(conversation.cause).toBeUndefined();
    expect(conversation.client.waits.size).toBe(0);
  });

  it('go#26643: a late answer to an open nobody waits for closes the channel again', () => {
    const conversation = Conversation.to('ready');
    conversation.client.at(0).connection.open('session', none);
    conversation.exchange().advance(15_000);
    const [requested] = conversation.serverEventsOf('channelOpenRequested');
    if (requested === undefined) throw new Error('no open');
    conversation.server.at(0).connection.acceptOpen(requested.channel);
    conversation.exchange();
    expect(conversation.eventsOf('channelOpened')).toHaveLength(0);
    expect(conversation.client.connection.list()).toHaveLength(0);
    expect(conversation.server.connection.list()).toHaveLength(0);
  });

  it('ssh2#955: a request without an answer ends by its deadline, and answers stay in order', () => {
    const { conversation, channel } = Conversation.withChannel();
    const first = channel.request('exec', none, true);
    conversation.exchange().advance(15_000);
    const second = channel.request('shell', none, true);
    conversation.exchange();
    conversation.say(channelSuccess, { recipientChannel: channel.localId });
    conversation.say(channelFailure, { recipientChannel: channel.localId });
    const answers = conversation.eventsOf('channelRequestAnswered');
    expect(answers.map(({ request, success, error }) => [request, success, error?.code])).toEqual([
      [first, false, 'ERR_SSH_TIMEOUT'],
      [second, false, undefined],
    ]);
    expect(conversation.cause).toBeUndefined();
  });

  it('go#21699: a close without an answer ends by its deadline', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.deafenServer();
    conversation.client.at(0).connection.close(channel);
    conversation.exchange().advance(5_000);
    expect(conversation.eventsOf('channelClosed')).toHaveLength(1);
    expect(conversation.cause).toBeUndefined();
    expect(conversation.client.waits.size).toBe(0);
  });

  it('ssh2#294: a dead peer is noticed by keep-alive', () => {
    const conversation = Conversation.to('ready', {
      client: { keepAlive: { interval: 15_000, maxMissed: 3 } },
    });
    conversation.deafenServer().advance(59_999);
    expect(conversation.cause).toBeUndefined();
    conversation.advance(1);
    expect(conversation.cause).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'keepAlive',
      origin: 'deadline',
    });
  });

  it('a peer that answers probes lives for ever', () => {
    const conversation = Conversation.to('ready', {
      client: {
        keepAlive: { interval: 15_000, maxMissed: 3 },
        rekey: { interval: Number.POSITIVE_INFINITY },
      },
    });
    conversation.advance(10 * 3_600_000);
    expect(conversation.cause).toBeUndefined();
    expect(conversation.client.waits.size).toBe(0);
  });
});

describe('windows and packet sizes that break the rules', () => {
  it('CVE-2025-54804: a window of more than 2^32-1 ends the connection', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.say(channelWindowAdjust, { recipientChannel: channel.localId, bytesToAdd: 0xffffffff });
    expect(conversation.cause).toMatchObject(breaksRules);
  });

  it('CVE-2025-54804: a window of exactly 2^32-1 is taken', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.say(channelWindowAdjust, {
      recipientChannel: channel.localId,
      bytesToAdd: 0xffffffff - channel.sendWindow,
    });
    expect(conversation.cause).toBeUndefined();
    expect(channel.sendWindow).toBe(0xffffffff);
  });

  it('ssh2: more data than the window ends the connection', () => {
    const { conversation, channel } = Conversation.withChannel({
      client: { limits: { windowSize: 32 * 1024 } },
    });
    const data = new Uint8Array(20_000);
    conversation.say(channelData, { recipientChannel: channel.localId, data });
    expect(conversation.cause).toBeUndefined();
    conversation.say(channelData, { recipientChannel: channel.localId, data });
    expect(conversation.cause).toMatchObject(breaksRules);
    expect(conversation.peakChannels).toBe(20_000);
  });

  it('ssh2: whatever a consumer leaves unread is bounded by the window, to the byte', () => {
    const windowSize = 2 * 1024 * 1024;
    const { conversation, channel, serverChannel } = Conversation.withChannel({
      client: { limits: { windowSize } },
      chunk: 65_536,
    });
    const written = new Uint8Array(4 * 1024 * 1024);
    const before = memoryInUse();
    serverChannel.write(written);
    serverChannel.write(written, 1);
    conversation.exchange().forget();
    expect(channel.data.length + channel.extended.length).toBe(windowSize);
    expect(conversation.peakChannels).toBe(windowSize);
    expect(memoryInUse() - before).toBeLessThan(2 * windowSize);
    expect(conversation.cause).toBeUndefined();
  });

  it('ssh2: data in small pieces among long messages without effect holds no more memory than its window', () => {
    const windowSize = 1024 * 1024;
    const { conversation, channel } = Conversation.withChannel({
      client: { limits: { windowSize } },
      chunk: 65_536,
    });
    const data = payloadOf(channelData, { recipientChannel: 0, data: new Uint8Array(4096) });
    const before = memoryInUse();
    for (let held = 0; held < windowSize; held += 4096) {
      conversation.queuePayload(payloadOf(ignore, { data: new Uint8Array(58_000) })).queuePayload(data);
      conversation.deliver();
    }
    expect(conversation.cause).toBeUndefined();
    expect(channel.data.length).toBe(windowSize);
    expect(memoryInUse() - before).toBeLessThan(4 * windowSize);
  });

  it('ssh2: a packet larger than agreed on ends the connection', () => {
    const { conversation, channel } = Conversation.withChannel();
    const data = new Uint8Array(defaultLimits.maximumPacketSize + 1);
    conversation.say(channelData, { recipientChannel: channel.localId, data });
    expect(conversation.cause).toMatchObject(breaksRules);
  });

  it('asyncssh 2.24: a maximum packet size of 0 is a typed error and no loop', () => {
    const conversation = Conversation.to('ready');
    const channel = conversation.client.at(0).connection.open('session', none);
    conversation.deafenServer().exchange();
    conversation.say(channelOpenConfirmation, {
      recipientChannel: channel.localId,
      senderChannel: 0,
      initialWindowSize: 100,
      maximumPacketSize: 0,
      channelTypeData: none,
    });
    expect(conversation.cause).toMatchObject(breaksRules);
  });

  it('asyncssh 2.24: an initial window of 0 holds data back and loses none', () => {
    const conversation = Conversation.to('ready');
    const channel = conversation.client.at(0).connection.open('session', none);
    conversation.deafenServer().exchange();
    conversation.say(channelOpenConfirmation, {
      recipientChannel: channel.localId,
      senderChannel: 0,
      initialWindowSize: 0,
      maximumPacketSize: 100,
      channelTypeData: none,
    });
    channel.write(new Uint8Array(250));
    conversation.exchange();
    expect(channel.pendingBytes).toBe(250);
    conversation.say(channelWindowAdjust, { recipientChannel: channel.localId, bytesToAdd: 220 }).exchange();
    expect(channel.pendingBytes).toBe(30);
    expect(conversation.cause).toBeUndefined();
  });

  it('go#80333: extended data of an unknown type is dropped and opens the window again', () => {
    const { conversation, channel } = Conversation.withChannel();
    for (let i = 0; i < 200; i++) {
      conversation.say(channelExtendedData, {
        recipientChannel: channel.localId,
        dataTypeCode: 99,
        data: new Uint8Array(32_000),
      });
    }
    expect(conversation.cause).toBeUndefined();
    expect(channel.extended.length).toBe(0);
  });

  it('go#80333: stderr nobody reads is bounded by the window, which opens as it is taken', () => {
    const { conversation, channel } = Conversation.withChannel({
      client: { limits: { windowSize: 64 * 1024 } },
    });
    const data = new Uint8Array(32_000);
    for (let i = 0; i < 2; i++) {
      conversation.say(channelExtendedData, { recipientChannel: channel.localId, dataTypeCode: 1, data });
    }
    expect(channel.receiveWindow).toBe(64 * 1024 - 64_000);
    expect(channel.extended.length).toBe(64_000);
    conversation.client.at(0);
    while (channel.take('extended') !== undefined);
    expect(channel.receiveWindow).toBe(64 * 1024);
  });

  it('CVE-2026-39834: counters and windows do not wrap at 32 bits', () => {
    const { conversation, channel } = Conversation.withChannel();
    const chunk = new Uint8Array(32 * 1024 * 1024);
    conversation.deafenServer();
    const total = 5 * 2 ** 30;
    const before = channel.sendWindow;
    channel.sendWindow = 0xffffffff;
    let written = 0;
    // The seam of bytes and seals is left out: only the channel's own arithmetic is run over 5 GiB.
    while (written < total) {
      channel.write(chunk);
      for (let write = channel.nextOutput(32_000); write !== undefined; write = channel.nextOutput(32_000)) {
        channel.outputSent(write);
      }
      written += chunk.length;
      channel.sendWindow = Math.min(0xffffffff, channel.sendWindow + chunk.length);
    }
    expect(before).toBeGreaterThan(0);
    expect(channel.bytesOut).toBe(total);
    expect(channel.pendingBytes).toBe(0);
  });
});

describe('messages nobody asked for', () => {
  it.each([
    ['CHANNEL_SUCCESS', (c: Conversation, id: number) => c.say(channelSuccess, { recipientChannel: id })],
    ['CHANNEL_FAILURE', (c: Conversation, id: number) => c.say(channelFailure, { recipientChannel: id })],
    ['REQUEST_SUCCESS', (c: Conversation) => c.say(requestSuccess, { responseData: none })],
    ['REQUEST_FAILURE', (c: Conversation) => c.say(requestFailure, {})],
    [
      'data for an unknown channel',
      (c: Conversation) => c.say(channelData, { recipientChannel: 77, data: none }),
    ],
    ['CLOSE of an unknown channel', (c: Conversation) => c.say(channelClose, { recipientChannel: 77 })],
    [
      'an answer to a channel that was never opened',
      (c: Conversation) =>
        c.say(channelOpenConfirmation, {
          recipientChannel: 5,
          senderChannel: 0,
          initialWindowSize: 1,
          maximumPacketSize: 1,
          channelTypeData: none,
        }),
    ],
    [
      'a refusal of a channel that is open',
      (c: Conversation, id: number) =>
        c.say(channelOpenFailure, { recipientChannel: id, reasonCode: 1, description: '', languageTag: '' }),
    ],
  ])('CVE-2026-39830, go#79717: %s ends the connection', (_name, act) => {
    const { conversation, channel } = Conversation.withChannel();
    act(conversation, channel.localId);
    expect(conversation.cause).toMatchObject(breaksRules);
  });

  it.each([
    ['CHANNEL_SUCCESS', payloadOf(channelSuccess, { recipientChannel: 0 })],
    ['CHANNEL_FAILURE', payloadOf(channelFailure, { recipientChannel: 0 })],
    ['data', payloadOf(channelData, { recipientChannel: 0, data: none })],
    ['EOF', payloadOf(channelEof, { recipientChannel: 0 })],
  ])('CVE-2026-39830, go#79717: %s for a channel that is closed ends the connection', (_name, payload) => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.client.at(0).connection.close(channel);
    conversation.exchange();
    expect(conversation.client.connection.list()).toHaveLength(0);
    conversation.sayPayload(payload);
    expect(conversation.cause).toMatchObject(breaksRules);
  });

  it('CVE-2026-39830: adjustments for channels that are closed are dropped, and a flood of them ends', () => {
    const conversation = Conversation.to('ready', { client: { limits: { messagesWithoutEffect: 300 } } });
    let sent = 0;
    for (; sent < 1000 && conversation.cause === undefined; sent++) {
      conversation.say(channelWindowAdjust, { recipientChannel: 3, bytesToAdd: 1 });
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
    expect(sent).toBe(301);
  });

  it.each(['session', 'x11', 'auth-agent@openssh.com', 'forwarded-tcpip', 'what-is-this'])(
    'a thousand %s channels of the peer are handed on one by one and none is held once refused',
    (channelType) => {
      const conversation = Conversation.to('ready');
      for (let i = 0; i < 1000; i++) {
        conversation.say(channelOpen, {
          channelType,
          senderChannel: i,
          initialWindowSize: 1,
          maximumPacketSize: 1,
          channelTypeData: none,
        });
        const requested = conversation.eventsOf('channelOpenRequested')[i];
        if (requested === undefined) throw new Error('no event');
        conversation.client.at(0).connection.refuseOpen(requested.channel, 1, 'no');
      }
      conversation.exchange();
      expect(conversation.client.connection.list()).toHaveLength(0);
    },
  );

  it('go#35127: a million opens that are refused, no faster than is allowed, leave table and memory as they were', () => {
    const toy = { provider: createToyProvider(seededBytes(1)), preferences: toyAlgorithms };
    const hostKeys = [toyKey(new Uint8Array(32).fill(9))];
    const client = { ...toy, rekey: { interval: Number.POSITIVE_INFINITY } };
    const conversation = Conversation.to('ready', { client, server: { ...toy, hostKeys } });
    const { connection } = conversation.deafenServer().client;
    const open = payloadOf(channelOpen, {
      channelType: 'session',
      senderChannel: 7,
      initialWindowSize: 1,
      maximumPacketSize: 1,
      channelTypeData: none,
    });
    let refused = 0;
    let before = 0;
    for (let second = 0; second < 10_000; second++) {
      conversation.now += 1000;
      for (let i = 0; i < 100; i++) conversation.queuePayload(open);
      conversation.deliver();
      for (const { channel } of conversation.eventsOf('channelOpenRequested')) {
        conversation.client.at(conversation.now).connection.refuseOpen(channel, 1, 'no');
        refused++;
      }
      conversation.exchange().forget();
      if (second === 1000) before = memoryInUse();
    }
    expect(refused).toBe(1_000_000);
    expect(conversation.cause).toBeUndefined();
    expect(connection.list()).toHaveLength(0);
    // Eight bytes kept of each would be seen.
    expect(memoryInUse() - before).toBeLessThan(2 * 1024 * 1024);
    expect(connection.open('session', none).localId).toBeLessThan(100);
  }, 120_000);

  it('go#35127: as a flood they end at a limit', () => {
    const conversation = Conversation.to('ready', { client: { limits: { messagesWithoutEffect: 500 } } });
    let opens = 0;
    for (; opens < 10_000 && conversation.cause === undefined; opens++) {
      conversation.say(channelOpen, {
        channelType: 'session',
        senderChannel: opens,
        initialWindowSize: 1,
        maximumPacketSize: 1,
        channelTypeData: none,
      });
      const requested = conversation.eventsOf('channelOpenRequested').at(-1);
      if (requested !== undefined && conversation.cause === undefined) {
        try {
          conversation.client.at(0).connection.refuseOpen(requested.channel, 1, 'no');
        } catch (error) {
          conversation.client.fail(error);
        }
      }
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
    expect(opens).toBe(501);
  });

  it.each([
    ['IGNORE', (c: Conversation) => c.say(ignore, { data: new Uint8Array(100) })],
    ['DEBUG', (c: Conversation) => c.say(debug, { alwaysDisplay: false, message: 'x', languageTag: '' })],
    ['UNIMPLEMENTED', (c: Conversation) => c.say(unimplemented, { packetSequenceNumber: 1 })],
    [
      'global requests',
      (c: Conversation) => c.say(globalRequest, { requestName: 'x@y', wantReply: false, requestData: none }),
    ],
    ['unknown messages', (c: Conversation) => c.sayPayload(Uint8Array.of(150))],
    ['long IGNORE', (c: Conversation) => c.say(ignore, { data: new Uint8Array(60_000) })],
  ])('a flood of %s ends at a rate limit, with bounded memory', (_name, act) => {
    const conversation = Conversation.to('ready', {
      client: { limits: { messagesWithoutEffect: 300 } },
    }).deafenServer();
    let sent = 0;
    let before = 0;
    for (; sent < 5000 && conversation.cause === undefined; sent++) {
      act(conversation);
      conversation.forget();
      if (sent === 20) before = memoryInUse();
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
    expect(sent).toBe(301);
    expect([conversation.peakInput, conversation.client.bufferedInput]).toEqual([0, 0]);
    expect(conversation.peakOutput).toBeLessThan(32 * 1024);
    expect(memoryInUse() - before).toBeLessThan(1024 * 1024);
  });

  it('one IGNORE a second, for ever, is no flood', () => {
    const conversation = Conversation.to('ready', { client: { limits: { messagesWithoutEffect: 16 } } });
    for (let i = 0; i < 5000; i++) {
      conversation.now += 1000;
      conversation.say(ignore, { data: none });
    }
    expect(conversation.cause).toBeUndefined();
  });

  it('RFC 4253 §11.4: an unknown message gets UNIMPLEMENTED with its sequence number', () => {
    const conversation = Conversation.to('ready');
    const { sequenceNumber } = conversation.server.transport.sealer;
    conversation.sayPayload(Uint8Array.of(150)).exchange();
    expect(conversation.serverEventsOf('unimplemented')).toEqual([{ type: 'unimplemented', sequenceNumber }]);
  });
});

describe('the end of a channel', () => {
  it('RFC 4254 §5.3: CLOSE without EOF closes, is answered once, and frees the number', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.say(channelClose, { recipientChannel: channel.localId });
    expect(conversation.eventsOf('channelClosed')).toHaveLength(1);
    expect(channel.closeSent).toBe(true);
    expect(conversation.client.connection.list()).toHaveLength(0);
    const next = conversation.client.at(0).connection.open('session', none);
    expect(next.localId).toBe(channel.localId);
  });

  it('RFC 4254 §5.3: data after EOF ends the connection', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.say(channelEof, { recipientChannel: channel.localId });
    conversation.say(channelData, { recipientChannel: channel.localId, data: utf8Encode('x') });
    expect(conversation.cause).toMatchObject(breaksRules);
  });

  it('RFC 4254 §5.3: CLOSE twice ends the connection', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.say(channelClose, { recipientChannel: channel.localId });
    conversation.say(channelClose, { recipientChannel: channel.localId });
    expect(conversation.cause).toMatchObject(breaksRules);
  });

  it('RFC 4254 §5.3: an adjustment after CLOSE, which was on its way, is dropped', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.say(channelClose, { recipientChannel: channel.localId });
    conversation.say(channelWindowAdjust, { recipientChannel: channel.localId, bytesToAdd: 1 });
    expect(conversation.cause).toBeUndefined();
  });

  it('RFC 4254 §5.3: what came before CLOSE is still there to be taken', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.say(channelData, { recipientChannel: channel.localId, data: utf8Encode('last words') });
    conversation.say(channelClose, { recipientChannel: channel.localId });
    expect(channel.take('data')).toEqual(utf8Encode('last words'));
  });

  it('a channel closed with requests unanswered fails them, in order, before it is gone', () => {
    const { conversation, channel } = Conversation.withChannel();
    channel.request('exec', none, true);
    conversation.exchange();
    conversation.say(channelClose, { recipientChannel: channel.localId });
    expect(conversation.eventsOf('channelRequestAnswered')[0]).toMatchObject({
      success: false,
      error: { code: 'ERR_SSH_CHANNEL_CLOSED' },
    });
    expect(conversation.client.waits.size).toBe(0);
  });

  it('a request after CLOSE ends the connection', () => {
    const { conversation, channel } = Conversation.withChannel();
    conversation.client.at(0).connection.close(channel);
    conversation.deafenServer().exchange();
    conversation.say(channelRequest, {
      recipientChannel: channel.localId,
      requestType: 'exit-status',
      wantReply: false,
      requestData: Uint8Array.of(0, 0, 0, 0),
    });
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('channelRequest')).toHaveLength(1);
    conversation.say(channelClose, { recipientChannel: channel.localId });
    conversation.say(channelRequest, {
      recipientChannel: channel.localId,
      requestType: 'exit-status',
      wantReply: false,
      requestData: Uint8Array.of(0, 0, 0, 0),
    });
    expect(conversation.cause).toMatchObject(breaksRules);
  });
});

describe('the end of the connection', () => {
  it('ssh2: DISCONNECT is a typed error with the escaped text and the reason', () => {
    const conversation = Conversation.to('ready').say(disconnect, {
      reasonCode: 11,
      description: 'bye \x1b[31mred',
      languageTag: '',
    });
    expect(conversation.cause).toMatchObject({
      code: 'ERR_SSH_DISCONNECTED',
      origin: 'peer',
      disconnectReason: 11,
    });
    expect(conversation.cause?.message).toContain('bye \\x1b[31mred');
    // Many say nothing, and then there is nothing to say of it.
    const silent = Conversation.to('ready').say(disconnect, {
      ...{ reasonCode: 11, description: '', languageTag: '' },
    });
    expect(silent.cause?.message).toMatch(/the peer disconnected \(reason 11\)$/);
  });

  it('one end, one cause: nothing after the end changes it or is listened to', () => {
    const { conversation, channel } = Conversation.withChannel();
    channel.request('exec', none, true);
    conversation.exchange();
    conversation.say(channelData, { recipientChannel: 99, data: none });
    const { cause } = conversation;
    conversation.say(ignore, { data: none }).advance(100_000);
    conversation.client.linkEnded(new Error('reset'));
    expect(conversation.cause).toBe(cause);
    expect(conversation.eventsOf('ended')).toEqual([{ type: 'ended', error: cause }]);
    expect(conversation.client.waits.size).toBe(0);
    expect(conversation.client.deadline()).toBe(Number.POSITIVE_INFINITY);
  });

  it('the peer is told why, by the reason code of the fault', () => {
    const { conversation } = Conversation.withChannel();
    conversation.say(channelData, { recipientChannel: 99, data: none }).exchange();
    expect(conversation.server.cause).toMatchObject({ code: 'ERR_SSH_DISCONNECTED', disconnectReason: 2 });
  });
});

/** RFC 4254 §4 and §5 for a whole connection, message by message. */
import { describe, expect, it } from 'vitest';
import type { Channel } from '../../src/connection/channel.ts';
import {
  channelClose,
  channelData,
  channelEof,
  channelExtendedData,
  channelFailure,
  channelOpen,
  channelOpenFailure,
  channelSuccess,
  channelWindowAdjust,
} from '../../src/message/channel.ts';
import { channelRequest, exitSignal, exitStatus } from '../../src/message/channelRequest.ts';
import type { PayloadCodec } from '../../src/message/codec.ts';
import { globalRequest, requestFailure, requestSuccess } from '../../src/message/globalRequest.ts';
import { counting, Lone, none, thrownBy } from './support.ts';

const notOpen = (id: number): string =>
  `ERR_SSH_CHANNEL_PROTOCOL peer: the peer broke the rules of the connection protocol: a message for channel ${id}, which is not open`;
const flooded = 'ERR_SSH_LIMIT peer: the peer floods this side with messages without effect';
const on = ({ localId }: Channel): { readonly recipientChannel: number } => ({ recipientChannel: localId });

describe('a channel of ours', () => {
  it('is asked for with its number, window and packet size, and waited for', () => {
    const lone = new Lone({ windowSize: 50_000, maximumPacketSize: 2000 });
    const channel = lone.connection.open('direct-tcpip', counting(7));
    expect(lone.takeSent()).toEqual([
      [
        'CHANNEL_OPEN',
        {
          channelType: 'direct-tcpip',
          senderChannel: 0,
          initialWindowSize: 50_000,
          maximumPacketSize: 2000,
          channelTypeData: counting(7),
        },
      ],
    ]);
    expect(lone.openWaits()).toEqual([['channelOpen', 'the opening of a direct-tcpip channel', 1000, 111]]);
    lone.confirm(channel, 71, 5, 6);
    expect(lone.openWaits()).toEqual([]);
    expect(lone.takeEvents()).toEqual([{ type: 'channelOpened', channel }]);
    expect(channel).toMatchObject({ remoteId: 71, sendWindow: 5, sendMaximumPacketSize: 6, state: 'open' });
    expect(lone.connection.list()).toEqual([channel]);
    expect(lone.takeSent()).toEqual([]);
  });

  it('that is refused is gone, with the reason, and its number is free', () => {
    const lone = new Lone();
    const refusals = [
      [2, 'no route\n', 'connectFailed): no route\\x0a'],
      [77, 'because', 'reason 77): because'],
    ] as const;
    for (const [reasonCode, description, told] of refusals) {
      const channel = lone.connection.open('session', none);
      lone.say(channelOpenFailure, { ...on(channel), reasonCode, description, languageTag: '' });
      const [event] = lone.takeEvents();
      expect(event).toMatchObject({
        type: 'channelOpenFailed',
        channel,
        error: { code: 'ERR_SSH_CHANNEL_OPEN_FAILED', channelOpenReason: reasonCode },
      });
      expect((event as { error?: Error }).error?.message).toContain(told);
      expect([channel.localId, channel.state, lone.openWaits()]).toEqual([0, 'closed', []]);
      expect(lone.connection.list()).toEqual([]);
    }
  });

  it('that is not answered in time fails, and is closed when it is confirmed after all', () => {
    const lone = new Lone();
    const channel = lone.connection.open('session', none);
    lone.takeSent();
    lone.advance(110);
    expect(lone.takeEvents()).toEqual([]);
    lone.advance(1);
    expect(lone.takeEvents()).toMatchObject([
      { type: 'channelOpenFailed', channel, error: { code: 'ERR_SSH_TIMEOUT', waitingFor: 'channelOpen' } },
    ]);
    expect(lone.openWaits()).toEqual([]);
    lone.confirm(channel, 71);
    expect(lone.takeEvents()).toEqual([]);
    expect(lone.takeSent()).toEqual([['CHANNEL_CLOSE', { recipientChannel: 71 }]]);
    expect(lone.openWaits()).toEqual([['close', 'SSH_MSG_CHANNEL_CLOSE of channel 0', 1111, 333]]);
  });

  it('that nobody wants any more is not waited for, closed when confirmed, and gone when refused', () => {
    const lone = new Lone();
    const [one, other] = [lone.connection.open('session', none), lone.connection.open('session', none)];
    lone.connection.abandonOpen(one);
    lone.connection.abandonOpen(other);
    expect(lone.openWaits()).toEqual([]);
    lone.takeSent();
    lone.confirm(one, 71);
    lone.say(channelOpenFailure, { ...on(other), reasonCode: 1, description: '', languageTag: '' });
    expect(lone.takeSent()).toEqual([['CHANNEL_CLOSE', { recipientChannel: 71 }]]);
    // Its number is free: whoever waits for room is told of that.
    expect(lone.takeEvents()).toEqual([{ type: 'channelClosed', channel: other }]);
    expect(lone.connection.list()).toEqual([one]);
  });

  it('closed while it is being opened is closed once it is confirmed', () => {
    const lone = new Lone();
    const channel = lone.connection.open('session', none);
    lone.takeSent();
    lone.connection.close(channel);
    expect([lone.takeSent(), lone.waits.list().map(({ name }) => name)]).toEqual([[], ['channelOpen']]);
    lone.confirm(channel, 71);
    expect(lone.takeSent()).toEqual([['CHANNEL_CLOSE', { recipientChannel: 71 }]]);
  });

  it('beyond as many as are allowed is refused to the user, and not asked for', () => {
    const lone = new Lone({ channels: 2 });
    lone.opened();
    lone.asked();
    lone.takeSent();
    expect(thrownBy(() => lone.connection.open('session', none))).toBe(
      'ERR_SSH_LIMIT user: 2 channels are open, and no more are allowed',
    );
    expect(lone.takeSent()).toEqual([]);
  });

  it('has the first number again once all are gone, in whatever order they went, and then the transport rests', () => {
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
    ]) {
      const lone = new Lone();
      const channels = [0, 1, 2].map(() => lone.connection.open('session', none));
      const rests = order.map((index) => {
        lone.say(channelOpenFailure, {
          ...on(channels[index] as Channel),
          reasonCode: 1,
          description: '',
          languageTag: '',
        });
        return lone.transport.rests;
      });
      expect(rests).toEqual([0, 0, 1]);
      expect([0, 1, 2].map(() => lone.connection.open('session', none).localId)).toEqual([0, 1, 2]);
    }
  });

  it('has the first number again though somebody still reads what came for those that are gone', () => {
    const lone = new Lone({}, 'server');
    const channels = [80, 81, 82].map((id) => {
      const channel = lone.asked(id);
      lone.connection.acceptOpen(channel);
      return channel;
    });
    for (const channel of channels) {
      lone.say(channelData, { ...on(channel), data: counting(5) });
      lone.connection.close(channel);
      lone.say(channelClose, on(channel));
    }
    expect([83, 84].map((id) => lone.asked(id).localId)).toEqual([0, 1]);
    expect(channels.map((channel) => channel.take('data'))).toEqual([counting(5), counting(5), counting(5)]);
  });

  it('that is refused is told of with how many sessions are open, which servers bound', () => {
    const lone = new Lone();
    const refuse = (): string => {
      const channel = lone.connection.open('session', none);
      lone.takeEvents();
      const refusal = { ...on(channel), reasonCode: 1, description: '', languageTag: '' };
      lone.say(channelOpenFailure, refusal);
      const [event] = lone.takeEvents();
      return event?.type === 'channelOpenFailed' ? event.error.message : '';
    };
    expect(refuse()).toContain('no other is open on this connection');
    lone.opened(70);
    expect(refuse()).toContain('1 is open on this connection');
    lone.opened(71);
    expect(refuse()).toContain('2 are open on this connection');
  });

  it.each([
    [exitStatus, { exitStatus: 3 }],
    [exitSignal, { signalName: 'TERM', coreDumped: false, errorMessage: '', languageTag: '' }],
  ] as const)('whose process has ended had it begun, though no SUCCESS came: $name', (codec, fields) => {
    const lone = new Lone();
    const channel = lone.opened();
    channel.request('exec', none, true);
    const requestData = (codec as PayloadCodec<typeof fields>).toBytes(fields);
    lone.say(channelRequest, { ...on(channel), requestType: codec.name, wantReply: false, requestData });
    expect(lone.takeEvents().map(({ type }) => type)).toEqual(['channelRequestAnswered', 'channelRequest']);
    // Any other request says nothing of the one that waits.
    const other = lone.opened(71);
    other.request('exec', none, true);
    lone.say(channelRequest, { ...on(other), requestType: 'xon-xoff', wantReply: false, requestData: none });
    expect(lone.takeEvents().map(({ type }) => type)).toEqual(['channelRequest']);
  });

  it('holds nothing of either stream once the connection is over', () => {
    const lone = new Lone();
    const channel = lone.opened();
    lone.say(channelData, { ...on(channel), data: counting(5) });
    lone.say(channelExtendedData, { ...on(channel), dataTypeCode: 1, data: counting(6) });
    lone.connection.letGo();
    expect([channel.take('data'), channel.take('extended')]).toEqual([undefined, undefined]);
  });

  it('is answered once, and only where it was asked for', () => {
    const lone = new Lone();
    const channel = lone.opened();
    const asked = lone.asked();
    for (const recipientChannel of [channel.localId, asked.localId, 9]) {
      const fault = new RegExp(`opening of channel ${recipientChannel}, which is not being opened`);
      expect(thrownBy(() => lone.confirm({ localId: recipientChannel } as Channel))).toMatch(fault);
      const refusal = { recipientChannel, reasonCode: 1, description: '', languageTag: '' };
      expect(thrownBy(() => lone.say(channelOpenFailure, refusal))).toMatch(fault);
    }
  });

  it('has a number that is used again once both sides have closed it', () => {
    const lone = new Lone();
    const channels = [lone.opened(), lone.opened(), lone.opened()];
    expect(channels.map(({ localId }) => localId)).toEqual([0, 1, 2]);
    lone.say(channelClose, on(channels[1] as Channel));
    expect(lone.connection.list()).toEqual([channels[0], channels[2]]);
    expect([lone.opened(), lone.opened()].map(({ localId }) => localId)).toEqual([1, 3]);
  });
});

describe('a channel of the peer', () => {
  it('is told of, and confirmed', () => {
    const lone = new Lone({ windowSize: 50_000, maximumPacketSize: 2000 });
    const channel = lone.asked(81, 60, 70);
    expect(lone.takeEvents()).toEqual([
      { type: 'channelOpenRequested', channel, channelTypeData: counting(5) },
    ]);
    expect(channel).toMatchObject({ type: 'forwarded-tcpip', state: 'opening', remoteId: 81 });
    lone.connection.acceptOpen(channel, counting(3));
    expect(lone.takeSent()).toEqual([
      [
        'CHANNEL_OPEN_CONFIRMATION',
        {
          recipientChannel: 81,
          senderChannel: 0,
          initialWindowSize: 50_000,
          maximumPacketSize: 2000,
          channelTypeData: counting(3),
        },
      ],
    ]);
    expect(channel).toMatchObject({ state: 'open', sendWindow: 60, sendMaximumPacketSize: 70, remoteId: 81 });
  });

  it('that is refused is gone', () => {
    const lone = new Lone();
    const channel = lone.asked(81);
    lone.connection.refuseOpen(channel, 3, 'what is this');
    expect(lone.takeSent()).toEqual([
      [
        'CHANNEL_OPEN_FAILURE',
        { recipientChannel: 81, reasonCode: 3, description: 'what is this', languageTag: '' },
      ],
    ]);
    expect([channel.state, lone.connection.list()]).toEqual(['closed', []]);
  });

  it('beyond as many as are allowed is refused unasked', () => {
    const lone = new Lone({ channels: 1 });
    lone.opened();
    const open = { channelType: 'x11', initialWindowSize: 1, maximumPacketSize: 1, channelTypeData: none };
    lone.say(channelOpen, { ...open, senderChannel: 90 });
    expect(lone.takeSent()).toEqual([
      [
        'CHANNEL_OPEN_FAILURE',
        { recipientChannel: 90, reasonCode: 4, description: 'too many channels', languageTag: '' },
      ],
    ]);
    expect([lone.takeEvents(), lone.connection.list().length]).toEqual([[], 1]);
  });
});

describe('a flood of what costs work and brings nothing', () => {
  const open = { channelType: 'x11', initialWindowSize: 1, maximumPacketSize: 1, channelTypeData: none };
  const floods: Record<string, (lone: Lone, channel: Channel) => void> = {
    'global requests': (lone) =>
      void lone.say(globalRequest, { requestName: 'x', wantReply: false, requestData: none }),
    'channels beyond the limit': (lone) => void lone.say(channelOpen, { ...open, senderChannel: 90 }),
    'adjustments of channels that are gone': (lone) =>
      void lone.say(channelWindowAdjust, { recipientChannel: 9, bytesToAdd: 1 }),
    'late answers of servers that are known for them': (lone) => {
      lone.transport.quirks = { ...lone.transport.quirks, answersAfterClose: true };
      lone.say(channelSuccess, { recipientChannel: 9 });
    },
  };
  it.each(Object.entries(floods))('ends the connection: %s', (_, flood) => {
    const lone = new Lone({ channels: 1, messagesWithoutEffect: 3 });
    const channel = lone.opened();
    for (let i = 0; i < 3; i++) flood(lone, channel);
    expect(thrownBy(() => flood(lone, channel))).toBe(flooded);
    // A hundred a second are let through for ever.
    lone.transport.now += 9.95;
    expect(thrownBy(() => flood(lone, channel))).toBe(flooded);
    lone.transport.now += 0.06;
    flood(lone, channel);
    expect(thrownBy(() => flood(lone, channel))).toBe(flooded);
  });

  it('ends the connection: channels that are refused', () => {
    const lone = new Lone({ messagesWithoutEffect: 2 });
    const refuse = (): void => lone.connection.refuseOpen(lone.asked(), 1, '');
    refuse();
    refuse();
    expect(thrownBy(refuse)).toBe(flooded);
  });
});

describe('global requests of ours (RFC 4254 §4)', () => {
  it('are answered in order, by success, failure, or not being understood', () => {
    const lone = new Lone();
    const requests = ['a', 'b', 'c', 'd'].map((name) => lone.connection.request(name, counting(2), true));
    expect(lone.connection.request('e', none, false)).toBeUndefined();
    expect(lone.takeSent()[0]).toEqual([
      'GLOBAL_REQUEST',
      { requestName: 'a', wantReply: true, requestData: counting(2) },
    ]);
    expect(lone.openWaits()[3]).toEqual(['request', 'the answer to d', 1000, 222]);
    lone.say(requestSuccess, { responseData: counting(4) });
    lone.connection.notUnderstood(2);
    lone.connection.notUnderstood(99);
    lone.connection.notUnderstood(1);
    lone.say(requestFailure, {});
    const [a, b, c, d] = requests;
    const failed = { type: 'globalRequestAnswered', success: false, payload: none, error: undefined };
    expect(lone.takeEvents()).toEqual([
      { ...failed, request: a, success: true, payload: counting(4) },
      { ...failed, request: c },
      { ...failed, request: b },
      { ...failed, request: d },
    ]);
    expect(lone.openWaits()).toEqual([]);
    expect(thrownBy(() => lone.say(requestFailure, {}))).toMatch(
      /^ERR_SSH_CHANNEL_PROTOCOL peer: .*an answer to a global request that was never made$/,
    );
  });

  it('are refused with nothing more to say', () => {
    const lone = new Lone();
    lone.connection.request('a', none, true);
    expect(thrownBy(() => lone.connection.receive(82, Uint8Array.of(82, 0), 0, 2))).toMatch(
      /^ERR_SSH_DECODE peer: malformed SSH_MSG_REQUEST_FAILURE/,
    );
  });

  it('that wait for a key exchange have the number of the packet that they come to be in', () => {
    const lone = new Lone();
    lone.transport.holds = true;
    const request = lone.connection.request('a', none, true);
    lone.connection.notUnderstood(0);
    expect([request.sequenceNumber, lone.takeEvents()]).toEqual([undefined, []]);
    lone.transport.release();
    lone.connection.notUnderstood(0);
    expect(lone.takeEvents()).toMatchObject([{ request: { name: 'a', sequenceNumber: 0 }, success: false }]);
    expect(lone.openWaits()).toEqual([]);
  });

  it('not answered in time fail, and keep their place in the order', () => {
    const lone = new Lone();
    const first = lone.connection.request('a', none, true);
    lone.advance(100);
    const second = lone.connection.request('b', none, true);
    lone.advance(122);
    expect(lone.takeEvents()).toMatchObject([
      { type: 'globalRequestAnswered', request: first, success: false, payload: none },
    ]);
    expect(lone.openWaits()).toHaveLength(1);
    lone.say(requestSuccess, { responseData: counting(1) });
    // Whose answer that is, is known when as many have come as there were requests.
    expect(lone.takeEvents()).toEqual([]);
    lone.say(requestFailure, {});
    expect(lone.takeEvents()).toMatchObject([
      { type: 'globalRequestAnsweredLate', request: first, success: true, payload: counting(1) },
      { type: 'globalRequestAnswered', request: second, success: false, error: undefined },
    ]);
    expect(lone.openWaits()).toEqual([]);
  });

  it('are not sent while the answer to an earlier one is overdue, be it a sign of life', () => {
    const lone = new Lone();
    lone.connection.probe('keepalive@openssh.com');
    lone.advance(221);
    const second = lone.connection.request('b', none, true);
    lone.advance(1);
    expect(thrownBy(() => lone.connection.request('c', none, true))).toMatch(
      /^ERR_SSH_REQUEST_FAILED peer: c was not sent: the answer to an earlier keepalive@openssh.com has not come within 222 ms/,
    );
    lone.connection.request('d', none, false);
    lone.advance(221);
    expect(lone.takeEvents()).toMatchObject([
      {
        request: second,
        error: { message: expect.stringContaining('has not answered an earlier keepalive@openssh.com') },
      },
    ]);
    lone.say(requestFailure, {});
    expect(thrownBy(() => lone.connection.request('e', none, true))).toContain('e was not sent');
    // What was not understood is named by the packet.
    lone.connection.notUnderstood(1);
    expect(lone.takeEvents()).toMatchObject([
      { type: 'globalRequestAnsweredLate', request: second, success: false },
    ]);
    expect(lone.connection.request('f', none, true).name).toBe('f');
  });

  it('as probes have no wait, and their answers are told to nobody', () => {
    const lone = new Lone();
    lone.connection.probe('keepalive@openssh.com');
    expect(lone.takeSent()).toEqual([
      ['GLOBAL_REQUEST', { requestName: 'keepalive@openssh.com', wantReply: true, requestData: none }],
    ]);
    expect(lone.openWaits()).toEqual([]);
    lone.say(requestFailure, {});
    expect(lone.takeEvents()).toEqual([]);
  });
});

describe('global requests of the peer', () => {
  it('are told of and answered', () => {
    const lone = new Lone();
    lone.say(globalRequest, { requestName: 'a', wantReply: true, requestData: counting(3) });
    expect(lone.takeEvents()).toEqual([
      { type: 'globalRequest', name: 'a', wantReply: true, payload: counting(3) },
    ]);
    lone.connection.replyGlobal(true, counting(2));
    lone.connection.replyGlobal(true);
    lone.connection.replyGlobal(false);
    expect(lone.takeSent()).toEqual([
      ['REQUEST_SUCCESS', { responseData: counting(2) }],
      ['REQUEST_SUCCESS', { responseData: none }],
      ['REQUEST_FAILURE', {}],
    ]);
  });
});

describe('the round trip', () => {
  it('is the shortest from a question to its answer, a millisecond at least; probes tell nothing', () => {
    const lone = new Lone();
    expect(lone.connection.roundTrip).toBe(Number.POSITIVE_INFINITY);
    lone.connection.probe('keepalive@openssh.com');
    lone.say(requestFailure, {});
    expect(lone.connection.roundTrip).toBe(Number.POSITIVE_INFINITY);
    const answer = (milliseconds: number): number => {
      lone.connection.request('a', none, true);
      lone.transport.now += milliseconds;
      lone.say(requestFailure, {});
      return lone.connection.roundTrip;
    };
    expect([40, 30, 35, 7].map(answer)).toEqual([40, 30, 30, 7]);
    const channel = lone.connection.open('session', none);
    lone.transport.now += 5;
    lone.confirm(channel);
    expect(lone.connection.roundTrip).toBe(5);
    expect(answer(0)).toBe(1);
  });
});

describe('data', () => {
  it('of each kind goes to the channel and is noted by the transport, byte by byte', () => {
    const lone = new Lone();
    lone.opened();
    const channel = lone.opened();
    const { transport } = lone;
    lone.say(channelData, { ...on(channel), data: counting(20) });
    expect(transport.dataNoted).toBe(20);
    lone.say(channelExtendedData, { ...on(channel), dataTypeCode: 1, data: counting(30) });
    expect(transport.dataNoted).toBe(50);
    expect(transport.inflationsCharged).toBe(0);
    lone.say(channelExtendedData, { ...on(channel), dataTypeCode: 2, data: counting(40) });
    expect(transport.dataNoted).toBe(90);
    // Nobody takes it, so no window bounds it.
    expect(transport.inflationsCharged).toBe(1);
    lone.say(channelData, { ...on(channel), data: none });
    lone.say(channelExtendedData, { ...on(channel), dataTypeCode: 1, data: none });
    expect(transport.dataNoted).toBe(90);
    lone.say(channelData, { ...on(channel), data: counting(1) });
    lone.say(channelExtendedData, { ...on(channel), dataTypeCode: 1, data: counting(1) });
    expect(transport.dataNoted).toBe(92);
    expect(channel.take('data')).toEqual(Uint8Array.from([...counting(20), 0]));
    expect(channel.take('extended')).toEqual(Uint8Array.from([...counting(30), 0]));
    expect(channel.bytesIn).toBe(52);
    expect(channel.receiveWindow).toBe(2 * 1024 * 1024 - 92);
    lone.say(channelEof, on(channel));
    expect(lone.takeEvents()).toEqual([
      { type: 'channelReadable', channel, stream: 'data' },
      { type: 'channelReadable', channel, stream: 'extended' },
      { type: 'channelEof', channel },
    ]);
  });

  it('opens the window of the peer by its own number when it was taken', () => {
    const lone = new Lone({ windowSize: 32 * 1024, maximumWindowSize: 32 * 1024 });
    const channel = lone.opened(71);
    lone.say(channelData, { ...on(channel), data: counting(16 * 1024) });
    channel.take('data');
    expect(lone.takeSent()).toEqual([
      ['CHANNEL_WINDOW_ADJUST', { recipientChannel: 71, bytesToAdd: 16 * 1024 }],
    ]);
  });

  it('goes out in turn, however often a channel was given more to send', () => {
    const lone = new Lone();
    const [first, second] = [lone.opened(70, 100_000, 10), lone.opened(71, 100_000, 10)];
    lone.transport.takesData = false;
    for (let i = 0; i < 6; i++) first.write(counting(10));
    for (let i = 0; i < 3; i++) second.write(counting(10));
    lone.connection.pump();
    expect(lone.takeSent()).toEqual([]);
    lone.transport.takesData = true;
    lone.connection.pump();
    const receivers = lone
      .takeSent()
      .map(([, fields]) => (fields as { recipientChannel: number }).recipientChannel);
    expect(receivers).toEqual([70, 71, 70, 71, 70, 71, 70, 70, 70]);
  });

  it('of all channels goes out a packet each in turn, then EOF, while the transport takes it', () => {
    const lone = new Lone();
    const [one, other] = [lone.opened(71, 100, 40), lone.opened(72, 100, 60)];
    one.write(counting(90));
    one.eof();
    other.write(counting(70), 1);
    expect(lone.connection.pendingBytes).toBe(160);
    lone.transport.takesData = false;
    lone.connection.pump();
    expect(lone.takeSent()).toEqual([]);
    lone.transport.takesData = true;
    lone.transport.room = 3;
    lone.connection.pump();
    expect(lone.takeSent()).toEqual([
      ['CHANNEL_DATA', { recipientChannel: 71, data: counting(40) }],
      ['CHANNEL_EXTENDED_DATA', { recipientChannel: 72, dataTypeCode: 1, data: counting(60) }],
      ['CHANNEL_DATA', { recipientChannel: 71, data: counting(40, 40) }],
    ]);
    expect(lone.connection.pendingBytes).toBe(20);
    lone.transport.takesData = true;
    lone.transport.room = 9;
    lone.connection.pump();
    lone.connection.pump();
    const rest = lone.takeSent();
    expect(rest.filter(([name]) => name !== 'CHANNEL_EXTENDED_DATA')).toEqual([
      ['CHANNEL_DATA', { recipientChannel: 71, data: counting(10, 80) }],
      ['CHANNEL_EOF', { recipientChannel: 71 }],
    ]);
    expect(rest.filter(([name]) => name === 'CHANNEL_EXTENDED_DATA')).toEqual([
      ['CHANNEL_EXTENDED_DATA', { recipientChannel: 72, dataTypeCode: 1, data: counting(10, 60) }],
    ]);
    expect([one.eofSent, other.eofSent, lone.connection.pendingBytes]).toEqual([true, false, 0]);
  });

  it('goes out in payloads of 13 bytes of header and what else is allowed', () => {
    const lone = new Lone({ sentPayloadLength: 1024 });
    const channel = lone.opened(71, 10_000, 10_000);
    channel.write(counting(1500));
    lone.connection.pump();
    expect(lone.takeSent().map(([, fields]) => (fields as { data: Uint8Array }).data.length)).toEqual([
      1011, 489,
    ]);
  });

  it('goes on when the peer opens its window', () => {
    const lone = new Lone();
    const channel = lone.opened(71, 5, 40);
    channel.write(counting(8));
    lone.connection.pump();
    expect(lone.takeSent()).toHaveLength(1);
    lone.say(channelWindowAdjust, { ...on(channel), bytesToAdd: 100 });
    lone.connection.pump();
    expect(lone.takeSent()).toEqual([['CHANNEL_DATA', { recipientChannel: 71, data: counting(3, 5) }]]);
    expect(channel.sendWindow).toBe(97);
  });

  it('written before the channel is open, and of one that is closed, does not take a turn', () => {
    const lone = new Lone();
    const channel = lone.connection.open('session', none);
    channel.write(counting(5));
    expect(lone.connection.pendingBytes).toBe(5);
    lone.connection.pump();
    expect(lone.connection.pendingBytes).toBe(5);
    lone.takeSent();
    lone.confirm(channel, 71);
    expect(lone.connection.pendingBytes).toBe(5);
    lone.connection.close(channel);
    lone.connection.pump();
    expect(lone.takeSent()).toEqual([['CHANNEL_CLOSE', { recipientChannel: 71 }]]);
  });

  it('is for channels that are open: no other message of a channel is let through either', () => {
    const lone = new Lone();
    const asked = lone.asked();
    for (const recipientChannel of [asked.localId, 9]) {
      const says = [
        () => lone.say(channelData, { recipientChannel, data: counting(1) }),
        () => lone.say(channelExtendedData, { recipientChannel, dataTypeCode: 1, data: counting(1) }),
        () => lone.say(channelEof, { recipientChannel }),
        () => lone.say(channelClose, { recipientChannel }),
        () => lone.say(channelSuccess, { recipientChannel }),
        () => lone.say(channelFailure, { recipientChannel }),
        () =>
          lone.say(channelRequest, {
            recipientChannel,
            requestType: 'x',
            wantReply: false,
            requestData: none,
          }),
      ];
      for (const say of says) expect(thrownBy(say)).toBe(notOpen(recipientChannel));
    }
    lone.say(channelWindowAdjust, { recipientChannel: asked.localId, bytesToAdd: 5 });
    expect(asked.sendWindow).toBe(10_000);
  });

  it('never comes under a number that the gate does not let through', () => {
    const lone = new Lone();
    expect(thrownBy(() => lone.connection.receive(83, Uint8Array.of(83), 0, 1))).toBe(
      'ERR_SSH_INTERNAL local: the gate let message 83 through',
    );
  });
});

describe('requests on channels (RFC 4254 §5.4)', () => {
  it('of ours are sent by the number of the peer, waited for and answered', () => {
    const lone = new Lone();
    const channel = lone.opened(71);
    const first = channel.request('exec', counting(3), true);
    const second = channel.request('pty-req', none, true);
    expect(lone.takeSent()[0]).toEqual([
      'CHANNEL_REQUEST',
      { recipientChannel: 71, requestType: 'exec', wantReply: true, requestData: counting(3) },
    ]);
    expect(lone.openWaits()).toEqual([
      ['request', 'the answer to exec on channel 0', 1000, 222],
      ['request', 'the answer to pty-req on channel 0', 1000, 222],
    ]);
    lone.say(channelSuccess, on(channel)).say(channelFailure, on(channel));
    expect(lone.takeEvents()).toEqual([
      { type: 'channelRequestAnswered', request: first, success: true, error: undefined },
      { type: 'channelRequestAnswered', request: second, success: false, error: undefined },
    ]);
    expect(lone.openWaits()).toEqual([]);
  });

  it('of ours that are not answered in time fail, and keep their place in the order', () => {
    const lone = new Lone();
    const channel = lone.opened();
    const request = channel.request('exec', none, true);
    lone.advance(222);
    expect(lone.takeEvents()).toMatchObject([
      {
        type: 'channelRequestAnswered',
        request,
        success: false,
        error: { code: 'ERR_SSH_TIMEOUT', waitingFor: 'request' },
      },
    ]);
    expect([lone.openWaits(), channel.pendingRequests]).toEqual([[], 1]);
    lone.say(channelSuccess, on(channel));
    expect(lone.takeEvents()).toEqual([]);
  });

  it('of the peer are told of and answered by its number', () => {
    const lone = new Lone();
    const channel = lone.opened(71);
    const fields = { ...on(channel), requestType: 'exit-status', wantReply: true, requestData: counting(4) };
    lone.say(channelRequest, fields);
    expect(lone.takeEvents()).toEqual([
      {
        type: 'channelRequest',
        channel,
        requestType: 'exit-status',
        wantReply: true,
        payload: counting(4),
      },
    ]);
    channel.reply(true);
    channel.reply(false);
    expect(lone.takeSent()).toEqual([
      ['CHANNEL_SUCCESS', { recipientChannel: 71 }],
      ['CHANNEL_FAILURE', { recipientChannel: 71 }],
    ]);
  });

  it('of ours are answered by servers that are known for it after CLOSE too, on open channels as ever', () => {
    const lone = new Lone();
    lone.transport.quirks = { ...lone.transport.quirks, answersAfterClose: true };
    lone.say(channelSuccess, { recipientChannel: 9 });
    const channel = lone.opened();
    channel.request('exec', none, true);
    lone.say(channelSuccess, on(channel));
    expect(lone.takeEvents()).toMatchObject([{ type: 'channelRequestAnswered', success: true }]);
    expect(thrownBy(() => lone.say(channelSuccess, on(channel)))).toMatch(/never made/);
  });
});

describe('CLOSE (RFC 4254 §5.3)', () => {
  it('of ours is sent once and waited for; that of the peer ends the channel', () => {
    const lone = new Lone();
    const channel = lone.opened(71);
    lone.connection.close(channel);
    lone.connection.close(channel);
    expect(lone.takeSent()).toEqual([['CHANNEL_CLOSE', { recipientChannel: 71 }]]);
    expect(lone.openWaits()).toEqual([['close', 'SSH_MSG_CHANNEL_CLOSE of channel 0', 1000, 333]]);
    lone.say(channelClose, on(channel));
    expect(lone.openWaits()).toEqual([]);
    expect(lone.takeEvents()).toEqual([{ type: 'channelClosed', channel }]);
    expect([lone.takeSent(), channel.state, lone.connection.list()]).toEqual([[], 'closed', []]);
    lone.connection.close(channel);
    expect([lone.takeSent(), lone.openWaits()]).toEqual([[], []]);
  });

  it('of the peer is answered, and ends the channel', () => {
    const lone = new Lone();
    const channel = lone.opened(71);
    channel.write(counting(5));
    lone.say(channelClose, on(channel));
    expect(lone.takeSent()).toEqual([['CHANNEL_CLOSE', { recipientChannel: 71 }]]);
    expect(lone.takeEvents()).toEqual([{ type: 'channelClosed', channel }]);
    lone.connection.pump();
    expect([lone.takeSent(), channel.state, lone.openWaits()]).toEqual([[], 'closed', []]);
  });

  it('of ours that is not answered in time: the user is told, and the number stays taken', () => {
    const lone = new Lone();
    const channel = lone.opened(71);
    lone.say(channelData, { ...on(channel), data: counting(50) });
    lone.takeEvents();
    lone.connection.close(channel);
    lone.advance(333);
    expect(lone.takeEvents()).toEqual([{ type: 'channelClosed', channel }]);
    expect(channel).toMatchObject({ receiving: 'stopping', state: 'open' });
    expect(channel.data.length).toBe(0);
    expect([lone.openWaits(), lone.connection.list()]).toEqual([[], [channel]]);
    expect(lone.connection.open('session', none).localId).toBe(1);
  });
});

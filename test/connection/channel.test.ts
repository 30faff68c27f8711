/** RFC 4254 §5.2 to §5.4 for one channel, by itself. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { counting, LoneChannel, none, thrownBy } from './support.ts';

const closedByUs = 'ERR_SSH_CHANNEL_CLOSED user: the channel takes no more data';
const brokenRule = (what: string): string =>
  `ERR_SSH_CHANNEL_PROTOCOL peer: the peer broke the rules of the connection protocol: ${what}`;

function receive(lone: LoneChannel, length: number, stream: 'data' | 'extended' = 'data'): void {
  lone.channel.receiveData(stream, counting(length), 0, length);
}

describe('a new channel', () => {
  it('is being opened, and nothing was sent or came on it', () => {
    const { channel, calls, events } = new LoneChannel();
    expect(channel).toMatchObject({
      type: 'session',
      localId: 5,
      remoteId: 0,
      state: 'opening',
      sendWindow: 0,
      sendMaximumPacketSize: 0,
      receiveWindow: 1000,
      sending: 'open',
      receiving: 'open',
      bytesIn: 0,
      bytesOut: 0,
      pendingBytes: 0,
      pendingRequests: 0,
      outputLength: 0,
    });
    expect([calls, events]).toEqual([[], []]);
  });

  it('takes the number, the window and the packet size of the peer when it opens', () => {
    const lone = new LoneChannel();
    lone.channel.opened(9, 1000, 300);
    expect(lone.channel).toMatchObject({
      remoteId: 9,
      sendWindow: 1000,
      sendMaximumPacketSize: 300,
      state: 'open',
    });
    expect(lone.calls).toEqual([]);
  });

  it('to which no byte could be sent breaks the rules; one byte a packet is enough', () => {
    expect(thrownBy(() => new LoneChannel().channel.opened(9, 1000, 0))).toBe(
      brokenRule('a maximum packet size of 0, with which nothing could be sent'),
    );
    expect(thrownBy(() => new LoneChannel().channel.opened(9, 1000, 1))).toBe('nothing thrown');
  });

  it('sends what was written while it was being opened, and EOF, once it is open', () => {
    const written = new LoneChannel();
    written.channel.write(counting(10));
    expect(written.pump()).toEqual([]);
    written.takeCalls();
    written.channel.opened(9, 1000, 300);
    expect(written.calls).toEqual([['output']]);
    expect(written.pump()).toEqual([counting(10)]);

    const ended = new LoneChannel();
    ended.channel.eof();
    expect(ended.takeCalls()).toEqual([]);
    ended.channel.opened(9, 1000, 300);
    expect(ended.takeCalls()).toEqual([['output']]);
    ended.pump();
    expect(ended.calls).toEqual([['eof']]);
  });
});

describe('data to the peer', () => {
  it('goes out in order, within the window, its packet size and ours, and is counted', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 700 }), { maxLength: 12 }),
        fc.integer({ min: 0, max: 4000 }),
        fc.integer({ min: 1, max: 500 }),
        fc.integer({ min: 1, max: 500 }),
        (lengths, window, packetSize, maximumLength) => {
          const lone = LoneChannel.open(window, packetSize);
          let written = 0;
          for (const length of lengths) {
            lone.channel.write(counting(length, written));
            written += length;
            expect(lone.channel.pendingBytes).toBe(written);
          }
          const went = lone.pump(maximumLength);
          const sent = Math.min(window, written);
          expect(concatBytes(...went)).toEqual(counting(sent));
          expect(Math.max(0, ...went.map(({ length }) => length))).toBeLessThanOrEqual(
            Math.min(packetSize, maximumLength),
          );
          expect(went.every(({ length }) => length > 0)).toBe(true);
          expect(lone.channel).toMatchObject({
            sendWindow: window - sent,
            bytesOut: sent,
            pendingBytes: written - sent,
          });
          const ends = lengths.map((_, i) => lengths.slice(0, i + 1).reduce((sum, each) => sum + each, 0));
          const handedOn = lengths.filter((length, i) => length > 0 && (ends[i] ?? 0) <= sent).length;
          expect(lone.takeEvents()).toEqual(
            handedOn > 0 ? [{ type: 'channelDrained', channel: lone.channel }] : [],
          );
          expect(lone.channel.takeHandedOn()).toBe(handedOn);
          expect(lone.channel.takeHandedOn()).toBe(0);
        },
      ),
    );
  });

  it('keeps the type of extended data', () => {
    const { channel } = LoneChannel.open();
    channel.write(counting(4), 1);
    expect(channel.nextOutput(100)).toMatchObject({ dataTypeCode: 1, offset: 0 });
    const plain = LoneChannel.open();
    plain.channel.write(counting(4));
    expect(plain.channel.nextOutput(100)?.dataTypeCode).toBeUndefined();
  });

  it('asks for its turn where there is any', () => {
    const lone = LoneChannel.open();
    lone.channel.write(none);
    expect(lone.takeCalls()).toEqual([]);
    lone.channel.write(counting(1));
    expect(lone.takeCalls()).toEqual([['output']]);
  });

  it('asks again where an adjustment ends the want of window, and only there', () => {
    const lone = LoneChannel.open(5, 300);
    lone.channel.write(counting(10));
    expect(lone.pump()).toEqual([counting(5)]);
    expect(lone.events).toEqual([]);
    lone.takeCalls();
    lone.channel.receiveAdjust(2);
    expect(lone.takeCalls()).toEqual([['output']]);
    lone.channel.receiveAdjust(1);
    expect([lone.takeCalls(), lone.channel.sendWindow]).toEqual([[], 3]);
    lone.channel.receiveAdjust(100);
    expect(lone.pump()).toEqual([counting(5, 5)]);
    expect(lone.channel.sendWindow).toBe(98);

    const idle = LoneChannel.open(0, 300);
    idle.channel.receiveAdjust(2);
    expect([idle.calls, idle.channel.sendWindow]).toEqual([[], 2]);
  });

  it('§5.2: the window is at most 2^32 - 1', () => {
    const lone = LoneChannel.open(1, 300);
    lone.channel.receiveAdjust(0xfffffffe);
    expect(lone.channel.sendWindow).toBe(0xffffffff);
    expect(thrownBy(() => lone.channel.receiveAdjust(1))).toBe(
      brokenRule('a window of more than 4294967295 bytes on channel 5'),
    );
    expect(lone.channel.sendWindow).toBe(0xffffffff);
  });

  it('is refused after EOF and after CLOSE', () => {
    const afterEof = LoneChannel.open();
    afterEof.channel.eof();
    expect(thrownBy(() => afterEof.channel.write(counting(1)))).toBe(closedByUs);
    const afterClose = LoneChannel.open();
    afterClose.channel.close();
    expect(thrownBy(() => afterClose.channel.write(counting(1)))).toBe(closedByUs);
    const refused = new LoneChannel();
    refused.channel.gone(false);
    expect(thrownBy(() => refused.channel.write(counting(1)))).toBe(closedByUs);
  });

  it('does not go on a channel that is no longer open', () => {
    const lone = LoneChannel.open();
    lone.channel.write(counting(1));
    lone.channel.gone(false);
    expect(lone.pump()).toEqual([]);
  });
});

describe('EOF to the peer', () => {
  it('goes once, behind all data', () => {
    const lone = LoneChannel.open(5, 300);
    lone.channel.write(counting(10));
    lone.takeCalls();
    lone.channel.eof();
    lone.pump();
    expect(lone.takeCalls()).toEqual([]);
    lone.channel.receiveAdjust(5);
    lone.takeCalls();
    lone.pump();
    expect(lone.takeCalls()).toEqual([['eof']]);
    lone.channel.eof();
    lone.pump();
    expect(lone.takeCalls()).toEqual([]);
  });

  it('goes at once where no data waits, ahead of what is said next', () => {
    const lone = LoneChannel.open();
    lone.channel.eof();
    lone.channel.request('exit-status', counting(4), false);
    lone.channel.close();
    expect(lone.calls.map(([what]) => what)).toEqual(['eof', 'request', 'close']);
  });

  it('is said by nobody who did not ask for it, nor on a channel that is gone', () => {
    const unasked = LoneChannel.open();
    unasked.channel.sendEofIfDue();
    expect(unasked.calls).toEqual([]);
    const gone = LoneChannel.open();
    gone.channel.write(counting(1));
    gone.channel.eof();
    gone.takeCalls();
    gone.channel.gone(false);
    gone.pump();
    expect(gone.calls).toEqual([]);
  });

  it('asked for behind CLOSE, or of a channel that is gone, is not sent', () => {
    const closed = LoneChannel.open();
    closed.channel.close();
    closed.takeCalls();
    closed.channel.eof();
    expect(closed.takeCalls()).toEqual([]);
    const gone = LoneChannel.open();
    gone.channel.gone(false);
    gone.channel.eof();
    expect(gone.takeCalls()).toEqual([]);
  });
});

describe('CLOSE to the peer', () => {
  it('is sent once, and drops what was written', () => {
    const lone = LoneChannel.open();
    lone.channel.write(counting(10));
    lone.takeCalls();
    lone.channel.close();
    lone.channel.close();
    expect(lone.takeCalls()).toEqual([['close']]);
    expect(lone.channel).toMatchObject({ sending: 'cut', receiving: 'stopping', pendingBytes: 0 });
    expect(lone.pump()).toEqual([]);
  });

  it('waits for the confirmation of a channel that is being opened', () => {
    const lone = new LoneChannel();
    lone.channel.write(counting(10));
    lone.takeCalls();
    lone.channel.close();
    expect(lone.takeCalls()).toEqual([]);
    expect(lone.channel).toMatchObject({ sending: 'open', receiving: 'stopping', pendingBytes: 0 });
  });

  it('is not sent on a channel that is gone', () => {
    const lone = LoneChannel.open();
    lone.channel.gone(false);
    lone.channel.close();
    expect(lone.takeCalls()).toEqual([]);
  });
});

describe('data of the peer', () => {
  it('takes from the window, is counted, and is told of once until it was taken', () => {
    const lone = LoneChannel.open();
    const { channel } = lone;
    receive(lone, 100);
    receive(lone, 50);
    expect(lone.takeEvents()).toEqual([{ type: 'channelReadable', channel, stream: 'data' }]);
    receive(lone, 30, 'extended');
    expect(lone.takeEvents()).toEqual([{ type: 'channelReadable', channel, stream: 'extended' }]);
    expect(channel).toMatchObject({ receiveWindow: 820, bytesIn: 180 });
    expect([channel.data.length, channel.extended.length]).toEqual([150, 30]);
    expect(channel.take('extended')).toEqual(counting(30));
    expect(channel.take('data')).toEqual(concatBytes(counting(100), counting(50)));
    expect([channel.take('data'), channel.take('extended')]).toEqual([undefined, undefined]);
    receive(lone, 1);
    expect(lone.takeEvents()).toEqual([{ type: 'channelReadable', channel, stream: 'data' }]);
  });

  it('of no length is nothing to tell of', () => {
    const lone = LoneChannel.open();
    receive(lone, 0);
    expect(lone.events).toEqual([]);
  });

  it('lies where the message says, in memory with other things around it', () => {
    const { channel } = LoneChannel.open();
    channel.receiveData('data', counting(100), 20, 60);
    expect(channel.take('data')).toEqual(counting(40, 20));
    expect(channel).toMatchObject({ receiveWindow: 960, bytesIn: 40 });
  });

  it('as long as window and packet size allow is taken, a byte more breaks the rules', () => {
    const lone = LoneChannel.open();
    receive(lone, 400);
    receive(lone, 400);
    expect(thrownBy(() => receive(lone, 201))).toBe(
      brokenRule('201 bytes where the window of channel 5 has 200'),
    );
    expect(thrownBy(() => lone.channel.receiveUnknownExtended(201))).toMatch(/window of channel 5 has 200/);
    receive(lone, 200);
    expect(lone.channel.receiveWindow).toBe(0);
    expect(thrownBy(() => receive(LoneChannel.open(), 401))).toBe(
      brokenRule('401 bytes in one packet where 400 are allowed'),
    );
    expect(thrownBy(() => LoneChannel.open().channel.receiveUnknownExtended(401))).toMatch(
      /401 bytes in one packet/,
    );
  });

  it('of an unknown type is dropped, and consumed by that', () => {
    const lone = LoneChannel.open();
    lone.channel.receiveUnknownExtended(400);
    expect([lone.channel.receiveWindow, lone.takeCalls()]).toEqual([600, []]);
    lone.channel.receiveUnknownExtended(100);
    expect([lone.channel.receiveWindow, lone.takeCalls()]).toEqual([1000, [['adjust', 500]]]);
    expect(lone.events).toEqual([]);
  });

  it('breaks the rules after EOF, and after CLOSE', () => {
    const ended = LoneChannel.open();
    ended.channel.receiveEof();
    expect(thrownBy(() => receive(ended, 1))).toBe(brokenRule('data after EOF on channel 5'));
    expect(thrownBy(() => ended.channel.receiveUnknownExtended(1))).toMatch(/data after EOF/);
    const closed = LoneChannel.open();
    closed.channel.receiveClose();
    expect(thrownBy(() => receive(closed, 1))).toBe(brokenRule('data after CLOSE on channel 5'));
  });

  it('is dropped where nobody wants the channel, or CLOSE was sent, and takes from the window all the same', () => {
    for (const end of ['discardAll', 'close'] as const) {
      const lone = LoneChannel.open();
      lone.channel[end]();
      receive(lone, 100);
      expect(lone.channel.data.length).toBe(0);
      expect(lone.channel).toMatchObject({ receiveWindow: 900, bytesIn: 100 });
      expect(lone.events).toEqual([]);
    }
  });

  it('and what was written is dropped when nobody wants the channel any more', () => {
    const lone = LoneChannel.open();
    receive(lone, 100);
    receive(lone, 100, 'extended');
    lone.channel.write(counting(10));
    lone.channel.discardAll();
    const { channel } = lone;
    expect(channel).toMatchObject({ receiving: 'unwanted', pendingBytes: 0 });
    expect([channel.data.length, channel.extended.length]).toEqual([0, 0]);
  });
});

describe('the window of the peer', () => {
  it('opens again by what was taken, half of it at a time', () => {
    const lone = LoneChannel.open();
    receive(lone, 400);
    receive(lone, 300);
    receive(lone, 299, 'extended');
    lone.channel.take('extended');
    expect(lone.takeCalls()).toEqual([]);
    lone.channel.take('data');
    expect(lone.takeCalls()).toEqual([['adjust', 999]]);
    expect(lone.channel.receiveWindow).toBe(1000);
  });

  it('opens again by what was dropped', () => {
    const lone = LoneChannel.open();
    receive(lone, 400, 'extended');
    receive(lone, 400, 'extended');
    lone.channel.discard('extended');
    expect(lone.takeCalls()).toEqual([['adjust', 800]]);
    expect([lone.channel.receiveWindow, lone.channel.extended.length]).toEqual([1000, 0]);
  });

  it('stays as it is once nothing more can come', () => {
    const ends: ((lone: LoneChannel) => void)[] = [
      ({ channel }) => channel.receiveEof(),
      ({ channel }) => channel.close(),
      ({ channel }) => channel.receiveClose(),
      ({ channel }) => channel.gone(false),
    ];
    for (const end of ends) {
      const lone = LoneChannel.open();
      receive(lone, 400);
      receive(lone, 400);
      end(lone);
      lone.takeCalls();
      expect(lone.channel.take('data')).toHaveLength(800);
      expect([lone.takeCalls(), lone.channel.receiveWindow]).toEqual([[], 200]);
    }
  });

  it('grows by the time and the round trip of the connection', () => {
    const lone = new LoneChannel(1000, 1000, 4000);
    lone.channel.opened(9, 1000, 300);
    // The peer stands still behind each half.
    for (const now of [100, 105, 110, 115]) {
      lone.now = now;
      receive(lone, 500);
      lone.channel.take('data');
    }
    expect(lone.takeCalls()).toEqual([
      ['adjust', 500],
      ['adjust', 500],
      ['adjust', 500],
      ['adjust', 1500],
    ]);
    expect(lone.channel.receiveWindow).toBe(2000);
  });
});

describe('EOF of the peer', () => {
  it('is told of once, however often a peer says it (Go’s x/crypto says it twice)', () => {
    const lone = LoneChannel.open();
    lone.channel.receiveEof();
    expect(lone.takeEvents()).toEqual([{ type: 'channelEof', channel: lone.channel }]);
    expect(lone.channel.eofReceived).toBe(true);
    lone.channel.receiveEof();
    expect(lone.takeEvents()).toEqual([]);
    expect(lone.channel.eofReceived).toBe(true);
  });
});

describe('requests of ours (RFC 4254 §5.4)', () => {
  it('are sent, and those that want a reply are answered in their order', () => {
    const lone = LoneChannel.open();
    const { channel } = lone;
    const first = channel.request('pty-req', counting(3), true);
    expect(channel.request('env', counting(4), false)).toBeUndefined();
    const second = channel.request('exec', counting(5), true);
    expect(lone.takeCalls()).toEqual([
      ['request', 'pty-req', true, counting(3)],
      ['wait', 'pty-req'],
      ['request', 'env', false, counting(4)],
      ['request', 'exec', true, counting(5)],
      ['wait', 'exec'],
    ]);
    expect(first).toMatchObject({ channel, requestType: 'pty-req', abandoned: false });
    expect(channel.pendingRequests).toBe(2);
    channel.receiveReply(true);
    channel.receiveReply(false);
    expect(lone.takeCalls()).toEqual([
      ['finish', 'pty-req'],
      ['finish', 'exec'],
    ]);
    expect(lone.takeEvents()).toEqual([
      { type: 'channelRequestAnswered', request: first, success: true, error: undefined },
      { type: 'channelRequestAnswered', request: second, success: false, error: undefined },
    ]);
    expect(thrownBy(() => channel.receiveReply(true))).toBe(
      brokenRule('an answer to a request that was never made'),
    );
  });

  it('for whose answer nobody waits keep their place in the order', () => {
    const lone = LoneChannel.open();
    const first = lone.channel.request('one', none, true);
    const second = lone.channel.request('two', none, true);
    if (first !== undefined) first.abandoned = true;
    lone.channel.receiveReply(true);
    expect(lone.takeEvents()).toEqual([]);
    lone.channel.receiveReply(false);
    expect(lone.takeEvents()).toMatchObject([{ request: second, success: false }]);
  });

  it('fail when the peer closes, each once and but for those nobody waits for', () => {
    const lone = LoneChannel.open();
    const requests = ['one', 'two', 'three'].map((name) => lone.channel.request(name, none, true));
    const [, second] = requests;
    if (second !== undefined) second.abandoned = true;
    lone.takeCalls();
    lone.channel.receiveClose();
    expect(lone.takeCalls()).toEqual([['finish', 'one'], ['finish', 'two'], ['finish', 'three'], ['close']]);
    const events = lone.takeEvents();
    expect(events).toMatchObject([
      { type: 'channelRequestAnswered', request: requests[0], success: false },
      { type: 'channelRequestAnswered', request: requests[2], success: false },
    ]);
    for (const event of events) {
      const { error } = event as { error?: SshError };
      expect(error).toBeInstanceOf(SshError);
      expect(error).toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED', origin: 'peer' });
      expect(error?.message).toMatch(/without an answer to (one|three)$/);
    }
    expect(lone.channel.pendingRequests).toBe(0);
  });

  it('cannot be made before the channel is open, nor after a CLOSE of either side', () => {
    const ends: ((lone: LoneChannel) => void)[] = [
      ({ channel }) => channel.close(),
      ({ channel }) => channel.receiveClose(),
      ({ channel }) => channel.gone(false),
    ];
    const ended = ends.map((end) => {
      const lone = LoneChannel.open();
      end(lone);
      return lone;
    });
    for (const lone of [new LoneChannel(), ...ended]) {
      lone.takeCalls();
      expect(thrownBy(() => lone.channel.request('exec', none, true))).toBe(
        'ERR_SSH_CHANNEL_CLOSED peer: the channel closed before exec',
      );
      expect([lone.takeCalls(), lone.channel.pendingRequests]).toEqual([[], 0]);
    }
  });
});

describe('answers of ours', () => {
  it('are sent while the channel is open, and not behind CLOSE', () => {
    const lone = LoneChannel.open();
    lone.channel.reply(true);
    lone.channel.reply(false);
    expect(lone.takeCalls()).toEqual([
      ['reply', true],
      ['reply', false],
    ]);
    lone.channel.close();
    lone.takeCalls();
    lone.channel.reply(true);
    expect(lone.takeCalls()).toEqual([]);
    const gone = LoneChannel.open();
    gone.channel.gone(false);
    gone.channel.reply(true);
    expect(gone.takeCalls()).toEqual([]);
  });
});

describe('CLOSE of the peer (RFC 4254 §5.3)', () => {
  it('is answered, drops what was written, and comes once', () => {
    const lone = LoneChannel.open();
    lone.channel.write(counting(10));
    lone.takeCalls();
    lone.channel.receiveClose();
    expect(lone.takeCalls()).toEqual([['close']]);
    expect(lone.channel).toMatchObject({ receiving: 'cut', sending: 'cut', pendingBytes: 0 });
    expect(thrownBy(() => lone.channel.receiveClose())).toBe(brokenRule('CLOSE twice on channel 5'));
  });

  it('that answers ours is not answered', () => {
    const lone = LoneChannel.open();
    lone.channel.close();
    lone.takeCalls();
    lone.channel.receiveClose();
    expect(lone.takeCalls()).toEqual([]);
    expect(lone.channel.receiving).toBe('stopped');
  });
});

/** A channel as those hold it who read and write: what each of them hears, and what goes down to the channel. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { Channel } from '../../src/connection/channel.ts';
import type { Connection } from '../../src/connection/connection.ts';
import { CallSite } from '../../src/endpoint/calls/callSite.ts';
import { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { CoreDoor } from '../../src/endpoint/channels/coreDoor.ts';
import type { SourceListener } from '../../src/endpoint/streams.ts';
import type { AnyCore } from '../../src/protocol/core.ts';
import { counting, LoneChannel } from '../connection/support.ts';

/** A port whose connection and peer are the test. */
class LonePort {
  readonly lone: LoneChannel;
  readonly channel: Channel;
  readonly port: ChannelPort;
  /** Errors that were given the name of the host. */
  readonly errors: SshError[] = [];
  /** What was asked of the connection, beside calls on the channel. */
  readonly asked: string[] = [];
  isLive = true;

  constructor(sendWindow = 1000) {
    this.lone = LoneChannel.open(sendWindow);
    this.channel = this.lone.channel;
    const connection: Partial<Connection> = {
      close: (channel) => {
        this.asked.push('close');
        channel.close();
      },
    };
    const core = { connection } as AnyCore;
    const isLive = (): boolean => this.isLive;
    const door: Partial<CoreDoor> = {
      get isLive() {
        return isLive();
      },
      act: (call) => call(core),
      quietly: (step) => step(core),
      addressed: (error) => {
        this.errors.push(error);
        return error;
      },
    };
    this.port = new ChannelPort(this.channel, {
      door: door as CoreDoor,
      terminate: (_core, _channel, by) => void this.asked.push(`terminate by ${by}`),
    });
  }

  /** The peer says so many bytes on a stream. */
  comes(length: number, stream: 'data' | 'extended' = 'data'): void {
    this.channel.receiveData(stream, counting(length), 0, length);
    this.port.readable(stream);
  }

  /** Sends what the window of the peer lets through, and tells the port. */
  pump(): void {
    this.lone.pump();
    this.port.drained();
  }
}

/** Takes all that there is, and notes it and what else a source tells. */
function reading(port: ChannelPort, stream: 'data' | 'extended' = 'data'): unknown[] {
  const heard: unknown[] = [];
  port[stream].listen({
    readable: () => {
      for (let bytes = port[stream].take(); bytes !== undefined; bytes = port[stream].take()) {
        heard.push(bytes.length);
      }
    },
    ended: () => heard.push('ended'),
    failed: (error) => heard.push(error),
    aborted: (error) => heard.push('aborted', error),
  });
  return heard;
}

const deaf: SourceListener = { readable: () => {}, ended: () => {}, failed: () => {}, aborted: () => {} };
const lost = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');

describe('the end of a channel', () => {
  it('in order makes no error where nobody is to hear one', async () => {
    const { port, errors } = new LonePort();
    const heard = reading(port);
    port.ended(undefined);
    expect(await port.closed).toBeUndefined();
    expect([heard, errors]).toEqual([['ended'], []]);
  });

  it('is told to whoever still writes, each the same error', () => {
    const { port, errors } = new LonePort();
    const heard: unknown[] = [];
    port.outbound.listen((error) => heard.push(error));
    port.ended(undefined);
    port.outbound.write(new Uint8Array(1), (error) => heard.push(error));
    expect(heard).toHaveLength(2);
    expect(heard[0]).toMatchObject({
      code: 'ERR_SSH_CHANNEL_CLOSED',
      message: 'the peer closed the channel',
      origin: 'peer',
    });
    expect([new Set(heard).size, errors.length]).toEqual([1, 1]);
  });

  it('by that of its connection has one cause, which everybody hears', async () => {
    const { port, errors } = new LonePort();
    const heard: unknown[] = [];
    port.outbound.listen(() => heard.push('its writes are told of it'));
    for (const source of [port.data, port.extended]) {
      source.listen({ ...deaf, failed: (error) => heard.push(error) });
    }
    port.outbound.write(new Uint8Array(5), (error) => heard.push(error));
    port.outbound.end((error) => heard.push(error));
    port.ended(lost);
    heard.push(await port.closed);
    expect(heard).toEqual([lost, lost, lost, lost, lost]);
    expect(errors).toEqual([lost]);
  });

  it('is told once, and by the first cause', async () => {
    const { port, asked, errors } = new LonePort();
    const heard = reading(port);
    port.ended(undefined);
    port.ended(lost);
    port.eof();
    port.fail(lost);
    port.close();
    port.terminate();
    expect([heard, asked, await port.closed, errors]).toEqual([['ended'], [], undefined, []]);
  });

  it('that this side made while the peer was still sending is no end in order', () => {
    const scene = new LonePort();
    const heard = reading(scene.port);
    scene.port.close();
    scene.port.ended(undefined);
    expect(heard).toEqual([
      expect.objectContaining({
        code: 'ERR_SSH_CHANNEL_CLOSED',
        message: 'this side closed the channel before the peer had sent everything',
        origin: 'user',
      }),
    ]);
    // Behind its EOF there was nothing more to send.
    const whole = new LonePort();
    const all = reading(whole.port);
    whole.channel.receiveEof();
    whole.port.eof();
    whole.port.close();
    whole.port.ended(undefined);
    expect(all).toEqual(['ended']);
  });

  it('leads to the call whose streams they are', () => {
    const { port } = new LonePort();
    const error = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');
    const led: SshError[] = [];
    port.openedBy = Object.assign(new CallSite(() => {}), { leadTo: (one: SshError) => led.push(one) });
    port.ended(error);
    expect(led).toEqual([error]);
  });

  it('by a fault of this side comes before what was not read, and ends the process', async () => {
    const scene = new LonePort();
    const { port, channel } = scene;
    scene.comes(5);
    scene.comes(5, 'extended');
    const fault = new SshError('ERR_SSH_TIMEOUT', 'too late');
    const heard = [port.data, port.extended].map((source) => {
      const events: unknown[] = [];
      source.listen({
        readable: () => events.push('readable'),
        ended: () => events.push('ended'),
        failed: (error) => events.push('failed', error),
        aborted: (error) => events.push('aborted', error),
      });
      return events;
    });
    port.fail(fault);
    expect(heard).toEqual([
      ['readable', 'aborted', fault],
      ['readable', 'aborted', fault],
    ]);
    expect([channel.data.length, channel.extended.length]).toEqual([0, 0]);
    expect([scene.asked, await port.closed]).toEqual([['terminate by signal'], fault]);
  });
});

describe('what comes', () => {
  it('is handed over as it comes, and its bytes open the window again', () => {
    const scene = new LonePort();
    const heard = reading(scene.port);
    const errors = reading(scene.port, 'extended');
    scene.comes(300);
    scene.comes(300);
    scene.comes(200, 'extended');
    expect([heard, errors]).toEqual([[300, 300], [200]]);
    // What is beyond the window would be refused.
    for (let i = 0; i < 20; i++) scene.comes(400, i % 3 === 0 ? 'extended' : 'data');
    scene.port.eof();
    expect([heard.at(-1), errors.at(-1)]).toEqual(['ended', 'ended']);
  });

  it('waits for whoever listens late, and its end behind it', () => {
    const scene = new LonePort();
    scene.comes(7);
    scene.port.eof();
    expect(reading(scene.port)).toEqual([7, 'ended']);
    expect(reading(scene.port, 'extended')).toEqual(['ended']);
    const broken = new LonePort();
    broken.comes(7);
    broken.port.ended(lost);
    expect(reading(broken.port)).toEqual([7, lost]);
    const quiet = new LonePort();
    let woken = 0;
    quiet.port.data.listen({ ...deaf, readable: () => woken++ });
    expect(woken).toBe(0);
  });

  it('that has ended in order stays so, though the connection breaks behind it', () => {
    const scene = new LonePort();
    const heard = reading(scene.port);
    scene.port.eof();
    scene.port.ended(lost);
    expect(heard).toEqual(['ended']);
    const broken = new LonePort();
    const faults = reading(broken.port);
    broken.port.fail(lost);
    broken.port.ended(undefined);
    expect(faults).toEqual(['aborted', lost]);
  });

  it('is still its reader’s once the connection is gone, where no window is opened any more', () => {
    const scene = new LonePort();
    for (let i = 0; i < 3; i++) scene.comes(300);
    scene.isLive = false;
    scene.lone.takeCalls();
    let taken = 0;
    for (let bytes = scene.port.data.take(); bytes !== undefined; bytes = scene.port.data.take()) {
      taken += bytes.length;
    }
    expect([taken, scene.lone.takeCalls()]).toEqual([900, []]);
  });

  it('is dropped once nobody wants it, what is there and what follows, and the peer may go on', () => {
    const scene = new LonePort();
    const { channel, port } = scene;
    port.extended.listen(deaf);
    const heard: string[] = [];
    port.data.listen({ ...deaf, readable: () => heard.push('readable') });
    for (let i = 0; i < 3; i++) scene.comes(300);
    port.data.cancel();
    port.data.cancel();
    expect([channel.data.length, heard.length]).toEqual([0, 3]);
    for (let i = 0; i < 20; i++) scene.comes(400);
    for (let i = 0; i < 2000; i++) scene.comes(1);
    expect([channel.data.length, heard.length, scene.asked]).toEqual([0, 3, []]);
  });

  it('ends the channel when nobody wants any of it any more, but not a process of ours', () => {
    const closes = (...steps: ((port: ChannelPort) => void)[]): boolean => {
      const { port, asked } = new LonePort();
      for (const step of steps) step(port);
      return asked.includes('close');
    };
    const [data, extended] = [
      (port: ChannelPort) => port.data.cancel(),
      (port: ChannelPort) => port.extended.cancel(),
    ];
    const readsErrors = (port: ChannelPort): void => port.extended.listen(deaf);
    const writesErrors = (port: ChannelPort): void => port.outboundExtended.listen(() => {});
    const hasEnded = (port: ChannelPort): void => port.eof();
    expect(closes(data)).toBe(true);
    expect(closes(extended)).toBe(false);
    expect(closes(readsErrors, data)).toBe(false);
    expect(closes(readsErrors, data, extended)).toBe(true);
    expect(closes(readsErrors, extended, data)).toBe(true);
    expect(closes(writesErrors, data, extended)).toBe(false);
    // What is over needs no end.
    expect(closes(hasEnded, data, extended)).toBe(false);
    const { port, asked } = new LonePort();
    for (let i = 0; i < 3; i++) port.data.cancel();
    expect(asked).toEqual(['close']);
  });
});

describe('what goes', () => {
  it('is told of when it was handed on, in its order and once, whatever the window and the output', () => {
    const step = fc.oneof(
      fc.record({ write: fc.nat({ max: 120 }), errors: fc.boolean() }),
      fc.record({ adjust: fc.integer({ min: 1, max: 200 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.nat({ max: 300 }), (steps, window) => {
        const scene = new LonePort(window);
        const told: number[] = [];
        const ends: number[] = [];
        let [written, granted] = [0, window];
        for (const [at, what] of steps.entries()) {
          if ('write' in what) {
            const { port } = scene;
            const sink = what.errors ? port.outboundExtended : port.outbound;
            written += what.write;
            // Nothing has no end to wait for.
            if (what.write > 0) ends.push(written);
            sink.write(new Uint8Array(what.write), (error) => {
              expect(error).toBeUndefined();
              told.push(at);
            });
          } else {
            granted += what.adjust;
            scene.channel.receiveAdjust(what.adjust);
          }
          scene.pump();
          const done = ends.filter((end) => end <= granted).length;
          const empty = steps.slice(0, at + 1).filter((one) => 'write' in one && one.write === 0).length;
          expect(told).toHaveLength(done + empty);
        }
        scene.channel.receiveAdjust(10_000);
        scene.pump();
        const whole = told.filter((at) => (steps[at] as { readonly write: number }).write > 0);
        expect(whole).toEqual([...whole].sort((a, b) => a - b));
        expect(new Set(told).size).toBe(steps.filter((one) => 'write' in one).length);
      }),
    );
  });

  it('is nothing where nothing is written, and that is done at once', () => {
    const { port, lone } = new LonePort();
    let told = 0;
    port.outbound.write(new Uint8Array(0), () => told++);
    expect([told, lone.pump(), lone.takeCalls()]).toEqual([1, [], []]);
  });

  it('has the type of its output: data, or the errors of a process (RFC 4254 §5.2)', () => {
    const { port, channel } = new LonePort();
    port.outboundExtended.write(new Uint8Array(2), () => {});
    port.outbound.write(new Uint8Array(1), () => {});
    const types: unknown[] = [];
    for (let write = channel.nextOutput(100); write !== undefined; write = channel.nextOutput(100)) {
      types.push([write.data.length, write.dataTypeCode]);
      channel.outputSent(write);
    }
    expect(types).toEqual([
      [2, 1],
      [1, undefined],
    ]);
  });

  it('ends by one EOF behind the last of both outputs, where both are there', () => {
    const eofs = (scene: LonePort): number =>
      scene.lone.takeCalls().filter(([name]) => name === 'eof').length;
    const one = new LonePort();
    let told = 0;
    one.port.outbound.end(() => told++);
    one.pump();
    expect([eofs(one), told]).toEqual([1, 1]);
    const both = new LonePort(3);
    both.port.outboundExtended.listen(() => {});
    both.port.outboundExtended.write(new Uint8Array(5), () => {});
    both.port.outbound.end(() => told++);
    both.pump();
    // The first has nothing to wait for, and the end of the second goes behind what it wrote.
    expect([eofs(both), told]).toEqual([0, 2]);
    both.port.outboundExtended.end(() => told++);
    both.pump();
    expect([eofs(both), told]).toEqual([0, 2]);
    both.channel.receiveAdjust(2);
    both.pump();
    expect([eofs(both), told]).toEqual([1, 3]);
    both.port.outbound.end(() => told++);
    expect([eofs(both), told]).toEqual([0, 4]);
  });

  it('ends at once where nothing can be sent any more', () => {
    const scene = new LonePort();
    scene.isLive = false;
    let told = 0;
    scene.port.outbound.end(() => told++);
    const closed = new LonePort();
    closed.port.ended(undefined);
    closed.port.outbound.end(() => told++);
    expect([told, scene.lone.takeCalls(), closed.lone.takeCalls()]).toEqual([2, [], []]);
  });

  it('is told of by its write alone where one is under way when the channel ends', () => {
    const scene = new LonePort(0);
    const heard: string[] = [];
    scene.port.outbound.listen(() => heard.push('listener'));
    scene.port.outbound.write(new Uint8Array(1), () => heard.push('write'));
    scene.port.ended(lost);
    expect(heard).toEqual(['write']);
    // And by nobody who has finished.
    const done = new LonePort();
    done.port.outbound.listen(() => heard.push('a listener that has finished'));
    done.port.outbound.end(() => {});
    done.port.ended(lost);
    expect(heard).toEqual(['write']);
  });

  it('is told to a writer that comes late, and not to one that has finished', () => {
    const { port } = new LonePort();
    port.outboundExtended.end(() => {});
    port.ended(lost);
    const heard: unknown[] = [];
    port.outbound.listen((error) => heard.push(error));
    port.outboundExtended.listen((error) => heard.push('finished', error));
    expect(heard).toEqual([lost]);
  });

  it('cannot be written where the channel takes no more, and the writer goes on hearing of the end', () => {
    const scene = new LonePort();
    scene.channel.eof();
    const heard: unknown[] = [];
    scene.port.outbound.listen(() => heard.push('listener'));
    scene.port.outbound.write(new Uint8Array(1), (error) => heard.push(error));
    expect(heard).toEqual([
      expect.objectContaining({
        code: 'ERR_SSH_CHANNEL_CLOSED',
        message: 'the channel takes no more data',
      }),
    ]);
    scene.port.ended(lost);
    expect(heard).toHaveLength(2);
  });

  it('is nobody’s any more once it is cancelled, and its end goes out', () => {
    const scene = new LonePort(0);
    const heard: unknown[] = [];
    scene.port.outbound.listen((error) => heard.push(error));
    scene.port.outbound.write(new Uint8Array(3), (error) => heard.push(error));
    scene.port.outbound.cancel();
    scene.port.outbound.cancel();
    scene.channel.receiveAdjust(3);
    scene.pump();
    scene.port.ended(lost);
    expect(heard).toEqual([]);
    expect(scene.lone.takeCalls().filter(([name]) => name === 'eof')).toHaveLength(1);
  });
});

it('a process that nobody waits for is told to end as its caller says', () => {
  const { port, asked } = new LonePort();
  port.terminate();
  port.terminate('end of input');
  expect(asked).toEqual(['terminate by signal', 'terminate by end of input']);
});

/** A local connection and a channel, joined: bytes, ends and faults of each become those of the other. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { Joint } from '../../src/forwarding/joint.ts';
import { FakeLocal, FakePort, settled } from './support.ts';

const bytes = (length: number, fill = 1): Uint8Array => new Uint8Array(length).fill(fill);
const ahead = 256 * 1024;

function joined(early?: Uint8Array) {
  const [local, port] = [new FakeLocal(), new FakePort()];
  const joint = new Joint(local, port.port, early);
  let over: unknown = 'not over';
  void joint.over.then((error) => {
    over = error;
  });
  const outcome = async (): Promise<unknown> => {
    await settled();
    return over;
  };
  return { local, port, joint, outcome };
}

describe('what is joined', () => {
  it('passes on what lies there and what comes, in both directions, and counts it', async () => {
    const [local, port] = [new FakeLocal(), new FakePort()];
    local.source.comes(bytes(3));
    const joint = new Joint(local, port.port, Uint8Array.of(7));
    local.source.comes(bytes(2, 2), bytes(0), bytes(1, 3));
    port.data.comes(bytes(4, 4));
    expect([...port.outbound.all]).toEqual([7, 1, 1, 1, 2, 2, 3]);
    expect([...local.sink.all]).toEqual([4, 4, 4, 4]);
    // A write of nothing would be told of ahead of those under way.
    expect(port.outbound.written.map(({ length }) => length)).toEqual([1, 3, 2, 1]);
    expect([joint.bytesOut, joint.bytesIn]).toEqual([7, 4]);
    expect(port.extended.isCancelled).toBe(true);
  });

  it('passes nothing on ahead of time where what came early is empty', () => {
    const { port } = joined(new Uint8Array(0));
    expect(port.outbound.written).toEqual([]);
  });

  it('ends each direction by itself, and is over when both have ended', async () => {
    const { local, port, outcome } = joined();
    local.source.ends();
    expect([port.outbound.hasEnded, local.sink.hasEnded]).toEqual([true, false]);
    port.data.comes(bytes(5));
    expect(local.sink.all).toHaveLength(5);
    expect(await outcome()).toBe('not over');
    port.saysEof();
    expect(local.sink.hasEnded).toBe(true);
    expect(await outcome()).toBeUndefined();
    expect([local.destroyed, port.closes]).toEqual([[false], 1]);
  });

  it('ends a direction behind all that was written, and waits until the end was handed on', async () => {
    const { local, port, outcome } = joined();
    port.outbound.isQuick = false;
    local.source.comes(bytes(1), bytes(1)).ends();
    expect([port.outbound.written.length, port.outbound.hasEnded]).toEqual([2, true]);
    port.saysEof();
    for (let passed = 0; passed < 3; passed++) {
      expect(await outcome()).toBe('not over');
      port.outbound.passes();
    }
    expect(await outcome()).toBeUndefined();
  });

  it('takes no more of a source than its sink may be ahead, and goes on as that passes it on', () => {
    const { local, port } = joined();
    port.outbound.isQuick = false;
    local.source.comes(bytes(ahead - 1), bytes(1), bytes(1), bytes(1));
    expect([port.outbound.written.length, local.source.left]).toEqual([2, 2]);
    local.source.ends();
    expect(port.outbound.hasEnded).toBe(false);
    port.outbound.passes();
    expect([port.outbound.written.length, local.source.left, port.outbound.hasEnded]).toEqual([4, 0, true]);
  });

  it('holds back the end as long as it holds back the bytes', () => {
    const { local, port } = joined();
    port.outbound.isQuick = false;
    local.source.comes(bytes(ahead)).ends();
    expect(port.outbound.hasEnded).toBe(false);
    port.outbound.passes();
    expect(port.outbound.hasEnded).toBe(true);
  });

  it.each<[string, (parts: ReturnType<typeof joined>, error: Error) => void]>([
    ['the local source fails', ({ local }, error) => local.source.fails(error)],
    ['the local source is broken off', ({ local }, error) => local.source.aborts(error)],
    ['the local sink breaks', ({ local }, error) => local.sink.breaks(error)],
    ['the channel fails', ({ port }, error) => port.data.fails(error)],
    ['the channel takes no more', ({ port }, error) => port.outbound.breaks(error)],
    ['it is destroyed', ({ joint }, error) => joint.destroy(error)],
    [
      'a write is lost',
      ({ local, port }, error) => {
        port.outbound.isQuick = false;
        local.source.comes(bytes(1));
        port.outbound.passes(error);
      },
    ],
    [
      'an end is lost',
      ({ local, port }, error) => {
        port.outbound.isQuick = false;
        local.source.ends();
        port.outbound.passes(error);
      },
    ],
  ])('is cut on both sides, once, where %s', async (_what, harm) => {
    const parts = joined();
    const { local, port, joint, outcome } = parts;
    const error = new Error('it broke');
    harm(parts, error);
    expect(await outcome()).toBe(error);
    expect([local.destroyed, port.closes]).toEqual([[true], 1]);
    expect([local.source.isCancelled, port.data.isCancelled]).toEqual([true, true]);
    // Whatever comes after the end changes nothing.
    local.source.fails(new Error('again'));
    joint.destroy(new Error('again'));
    const written = port.outbound.written.length;
    local.source.comes(bytes(1));
    port.data.comes(bytes(1)).ends();
    expect([local.destroyed, port.closes, port.outbound.written.length]).toEqual([[true], 1, written]);
    await port.ends(new SshError('ERR_SSH_CONNECTION_LOST', 'gone'));
    expect([local.destroyed, port.closes]).toEqual([[true], 1]);
  });
});

describe('a channel that is closed', () => {
  it('without an end of its data was cut, and so is the connection', async () => {
    const { local, port, outcome } = joined();
    port.data.ends();
    expect([local.sink.hasEnded, await outcome()]).toEqual([false, 'not over']);
    await port.ends();
    expect(await outcome()).toMatchObject({
      code: 'ERR_SSH_CHANNEL_CLOSED',
      origin: 'peer',
      message: 'the peer closed the channel without an end of its data',
    });
    expect(local.destroyed).toEqual([true]);
  });

  it('with the connection has its cause', async () => {
    const { local, port, outcome } = joined();
    const cause = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');
    port.channel.eofReceived = true;
    await port.ends(cause);
    expect(await outcome()).toBe(cause);
    expect(local.destroyed).toEqual([true]);
  });

  it('behind the end of its data lets the local side have all that came, and sends no more', async () => {
    const { local, port, outcome } = joined();
    local.sink.isQuick = false;
    port.data.comes(bytes(3));
    port.saysEof();
    await port.ends();
    expect(local.source.isCancelled).toBe(true);
    local.source.comes(bytes(1));
    expect(port.outbound.written).toEqual([]);
    expect(await outcome()).toBe('not over');
    local.sink.passes();
    local.sink.passes();
    expect(await outcome()).toBeUndefined();
    expect(local.destroyed).toEqual([false]);
  });

  it('behind all there was leaves nothing to wait for', async () => {
    const { local, port, outcome } = joined();
    port.saysEof();
    await port.ends();
    expect(await outcome()).toBeUndefined();
    expect([local.destroyed, port.closes]).toEqual([[false], 1]);
  });
});

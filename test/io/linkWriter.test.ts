/** The way out of a connection: what a link is given, and the wait for a peer that takes nothing. */
import { describe, expect, it } from 'vitest';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import type { Link } from '../../src/io/link.ts';
import { LinkWriter, unsentError } from '../../src/io/linkWriter.ts';
import { ignore } from '../../src/message/transport.ts';
import { Conversation } from '../support/conversation.ts';
import { VirtualClock } from '../support/virtualClock.ts';

/** A link that takes what is written when the test says so. */
class SlowLink implements Link {
  readonly writes: Uint8Array[] = [];
  takes = true;
  unsent = 0;
  backlog = 0;
  write(bytes: Uint8Array): boolean {
    this.writes.push(bytes);
    this.unsent += bytes.length;
    return this.takes;
  }
  unsentBytes(): number {
    return this.unsent;
  }
  writeBacklog(): number {
    return this.backlog;
  }
  end(): void {}
  destroy(): void {}
  addresses() {
    const nowhere = { localAddress: undefined, localPort: undefined };
    return { ...nowhere, remoteAddress: undefined, remotePort: undefined };
  }
}

describe('the way out', () => {
  const made = () => {
    const { conversation, channel } = Conversation.withChannel();
    const { client } = conversation;
    const clock = new VirtualClock();
    const link = new SlowLink();
    const writer = new LinkWriter(clock, client.waits, { ...defaultTimeouts, write: 100 });
    const say = (): void => {
      client.transport.disconnect(11, 'x');
    };
    return { client, clock, link, writer, say, channel };
  };

  it('hands on what was sealed while the link takes more, and the rest when it has written', () => {
    const { client, link, writer, say } = made();
    say();
    writer.flush(client);
    expect([link.writes.length, writer.isGone]).toEqual([0, true]);
    writer.link = link;
    expect(writer.isGone).toBe(false);
    link.takes = false;
    writer.flush(client);
    expect(link.writes).toHaveLength(1);
    say();
    writer.flush(client);
    expect(link.writes).toHaveLength(1);
    writer.written();
    link.takes = true;
    writer.flush(client);
    expect(link.writes).toHaveLength(2);
    say();
    writer.flush(client);
    expect(link.writes).toHaveLength(3);
  });

  it('hands on the last words though the link is full, and nothing once it is closed', () => {
    const { client, link, writer, say } = made();
    writer.link = link;
    link.takes = false;
    say();
    writer.flush(client);
    say();
    writer.flushAll(client);
    expect(link.writes).toHaveLength(2);
    writer.closed();
    expect(writer.isGone).toBe(true);
    say();
    writer.flush(client);
    writer.flushAll(client);
    writer.written();
    writer.flush(client);
    expect(link.writes).toHaveLength(2);
    link.unsent = 5;
    writer.watch(client);
    expect(client.waits.size).toBe(0);
  });

  it('waits for the peer to take what was written, anew at each write that it takes', () => {
    const { client, clock, link, writer } = made();
    writer.watch(client);
    writer.link = link;
    writer.watch(client);
    expect(client.waits.size).toBe(0);
    link.unsent = 10;
    clock.block(5);
    writer.watch(client);
    writer.watch(client);
    expect(client.waits.list()).toMatchObject([{ name: 'write', since: 5, deadline: 105 }]);
    writer.written();
    expect(client.waits.size).toBe(0);
    clock.block(5);
    writer.watch(client);
    expect(client.waits.list()).toMatchObject([{ since: 10, deadline: 110 }]);
    link.unsent = 0;
    writer.watch(client);
    expect(client.waits.size).toBe(0);
  });

  it('is given up where nothing was taken of the write, and goes on where something was', () => {
    const { client, clock, link, writer } = made();
    writer.link = link;
    link.unsent = link.backlog = 100;
    writer.watch(client);
    link.backlog = 99;
    clock.block(100);
    client.expire(100);
    expect(client.cause).toBeUndefined();
    expect(client.waits.list()).toMatchObject([{ name: 'write', since: 100, deadline: 200 }]);
    clock.block(100);
    client.expire(200);
    expect(client.cause).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'write',
      message: 'timed out after 100 ms waiting for the peer to take what was written',
      deadline: 100,
      elapsed: 100,
    });
  });

  it('knows all that has not left: of channels, of the core and of the link', () => {
    const { client, link, writer, channel } = made();
    expect(writer.unsent(undefined)).toBe(0);
    writer.link = link;
    link.unsent = 7;
    expect(writer.unsent(undefined)).toBe(7);
    expect(writer.unsent(client)).toBe(7);
    channel.write(new Uint8Array(100));
    expect(writer.unsent(client)).toBe(107);
    client.at(0).rekey();
    client.transport.send(ignore, { data: new Uint8Array(5) });
    const { heldBytes } = client.transport.output;
    expect(heldBytes).toBeGreaterThan(0);
    expect(client.transport.pendingOutput).toBeGreaterThan(0);
    expect(writer.unsent(client)).toBe(107 + heldBytes + client.transport.pendingOutput);
  });

  it('says how much is lost where it is closed too soon', () => {
    const { client } = made();
    const wait = client.waits.start('close', 'what was written to be taken', 0, 50);
    client.at(50);
    expect(unsentError(client, wait, 7)).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'close',
      waitingFor: 'close',
      message: 'timed out after 50 ms waiting for the peer to take what was written; 7 bytes were not sent',
    });
  });
});

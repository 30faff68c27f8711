/**
 * Law 8: no false alarm. The event loop is held up again and again for longer
 * than every deadline, while the answers lie in the kernel.
 */
import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, connect } from '../../src/entry/index.ts';
import { liveConnections } from '../../src/io/registry.ts';

const deadline = 400;
const held = 1000;
const timeouts = {
  connect: deadline,
  identification: deadline,
  // Two round trips under one deadline: while this side is held up between them, no answer can be there.
  keyExchange: 60_000,
  authentication: deadline,
  channelOpen: deadline,
  request: deadline,
  write: deadline,
  close: deadline,
};

/** More than a socket takes at once. */
const payload = Buffer.alloc(128 * 1024, 'held up');

let peer: Worker;
let port = 0;

beforeAll(async () => {
  peer = new Worker(new URL('./ssh2Peer.mjs', import.meta.url));
  [port] = (await once(peer, 'message')) as [number];
});

afterAll(async () => {
  await peer.terminate();
});

/** Holds the loop up, again and again, with a breath between. */
function holdUp(): { readonly times: () => number; readonly stop: () => void } {
  const cell = new Int32Array(new SharedArrayBuffer(4));
  let times = 0;
  const timer = setInterval(() => {
    Atomics.wait(cell, 0, 0, held);
    times++;
  }, 5);
  return { times: () => times, stop: () => clearInterval(timer) };
}

async function bytesOf(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describe('an event loop that is held up', () => {
  it('ends nothing whose answer is there when it comes back', { timeout: 120_000 }, async () => {
    const loop = holdUp();
    try {
      const client = await connect({
        host: '127.0.0.1',
        port,
        username: 'user',
        verifyHostKey: acceptAnyHostKey(),
        timeouts,
        timeout: 60_000,
        keepAlive: { interval: deadline, maxMissed: 1 },
      });
      for (let i = 0; i < 2; i++) {
        expect(await client.run(`command ${i}`)).toMatchObject({ stdout: `command ${i} done`, code: 0 });
        await client.ping();
      }
      const forwarded = await client.openTcp('anywhere', 7);
      forwarded.end(payload);
      expect(await bytesOf(forwarded)).toEqual(payload);
      const shell = await client.shell();
      shell.stderr.resume();
      shell.stdin.end(payload);
      expect(await bytesOf(shell.stdout)).toEqual(payload);
      expect(await shell.exit).toMatchObject({ code: 0 });
      const subsystem = await client.subsystem('echo');
      subsystem.end('through it');
      expect(String(await bytesOf(subsystem))).toBe('through it');
      await client.rekey();
      await client.close();
      expect((await client.closed).code).toBe('ERR_SSH_CLOSED');
    } finally {
      loop.stop();
    }
    expect(loop.times()).toBeGreaterThan(5);
    expect(liveConnections()).toEqual([]);
  });

  it('ends what is not answered all the same', { timeout: 60_000 }, async () => {
    const sockets: Socket[] = [];
    const mute = createServer((socket) => sockets.push(socket));
    mute.listen(0, '127.0.0.1');
    await once(mute, 'listening');
    const address = mute.address();
    if (address === null || typeof address === 'string') throw new Error('no port');
    const loop = holdUp();
    try {
      await expect(
        connect({
          host: '127.0.0.1',
          port: address.port,
          username: 'user',
          verifyHostKey: acceptAnyHostKey(),
          timeouts,
        }),
      ).rejects.toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'identification' });
    } finally {
      loop.stop();
      for (const socket of sockets) socket.destroy();
      mute.close();
    }
    // The call rejects at once; the socket's close is told by the loop's next round.
    await expect.poll(() => liveConnections().length).toBe(0);
  });
});

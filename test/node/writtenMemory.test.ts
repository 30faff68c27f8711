/** What a link has written out: who may do what with its memory then. */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket, connect as tcpConnect } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { markSole } from '../../src/base/soleMemory.ts';
import type { Link, LinkOpener } from '../../src/io/link.ts';
import { streamLink, tcpLink } from '../../src/node/socketLink.ts';

const length = 40_000;

let accepted: Promise<Buffer>;
let port = 0;
let close = (): void => {};

beforeEach(async () => {
  const server = createServer();
  accepted = once(server, 'connection').then(async ([socket]: Socket[]) => {
    const chunks: Buffer[] = [];
    for await (const chunk of socket as Socket) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
  close = () => server.close();
});

afterEach(() => close());

/** Writes through a link and waits until the peer has all of it. */
async function writeAll(open: LinkOpener, pieces: readonly Uint8Array[]): Promise<Buffer> {
  let link: Link | undefined;
  await new Promise<void>((resolve, reject) => {
    let left = pieces.length;
    const connected = (): void => {
      for (const piece of pieces) link?.write(piece);
    };
    link = open({
      connected: (other) => {
        link = other ?? link;
        connected();
      },
      received: () => {},
      lent: () => {},
      ended: (error) => (error === undefined ? undefined : reject(error)),
      written: () => {
        if (--left === 0) resolve();
      },
      closed: () => {},
    });
  });
  link?.end();
  const came = await accepted;
  link?.destroy();
  return came;
}

/** As many as are given back in one call. */
const many = 16;

const marked = (): Uint8Array => {
  const bytes = new Uint8Array(length).fill(1);
  markSole(bytes);
  return bytes;
};

it('memory that holds one packet is freed when a socket of ours has written it, other memory is not', async () => {
  const packets = Array.from({ length: many }, marked);
  const page = new Uint8Array(length).fill(2);
  const came = await writeAll(tcpLink({ host: '127.0.0.1', port }), [...packets, page]);
  expect(came.equals(Buffer.concat([Buffer.alloc(many * length, 1), Buffer.alloc(length, 2)]))).toBe(true);
  expect(packets.map(({ buffer }) => buffer.byteLength)).toEqual(Array.from({ length: many }, () => 0));
  expect(page.buffer.byteLength).toBe(length);
});

it("nothing is freed that went to a stream of the caller's, who may still look at it", async () => {
  const socket = tcpConnect(port, '127.0.0.1');
  await once(socket, 'connect');
  const packets = Array.from({ length: many }, marked);
  const came = await writeAll(streamLink(socket), packets);
  expect(came.equals(Buffer.alloc(many * length, 1))).toBe(true);
  expect(packets.map(({ buffer }) => buffer.byteLength)).toEqual(Array.from({ length: many }, () => length));
});

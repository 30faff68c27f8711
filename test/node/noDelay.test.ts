/** TCP_NODELAY is set on every socket that a connection runs over, whoever made it. */

import { once } from 'node:events';
import { type AddressInfo, createServer as createTcpServer, Socket, connect as tcpConnect } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { acceptAnyHostKey, connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';

/** What Node sets options of a socket with. */
interface Handle {
  setNoDelay(on: boolean): number;
}

/** Sockets whose option was set, each with its last value. */
const set = new Map<Handle, boolean>();
let server: SshServer;
let undo = (): void => {};

beforeEach(async () => {
  const prototype = await handlePrototype();
  const { setNoDelay } = prototype;
  prototype.setNoDelay = function (this: Handle, on: boolean): number {
    set.set(this, on);
    return setNoDelay.call(this, on);
  };
  undo = () => {
    prototype.setNoDelay = setNoDelay;
  };
  server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    exec: () => Promise.resolve(3),
  });
});

afterEach(async () => {
  undo();
  set.clear();
  await server.close();
});

/** What all handles of sockets inherit from. */
async function handlePrototype(): Promise<Handle> {
  const listener = createTcpServer((socket) => socket.end());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const socket = tcpConnect((listener.address() as AddressInfo).port, '127.0.0.1');
  const { _handle: handle } = socket as unknown as { readonly _handle: object };
  const prototype = Object.getPrototypeOf(handle) as Handle;
  socket.resume();
  await once(socket, 'close');
  listener.close();
  return prototype;
}

const login = { username: 'ops', verifyHostKey: acceptAnyHostKey() };

it('by connect and by a server that listens', async () => {
  const { host, port } = await server.listen();
  await using client = await connect({ host, port, ...login });
  expect([...set.values()]).toEqual([true, true]);
  expect((await client.run('x')).code).toBe(3);
});

it('on a socket of the caller, on either side', async () => {
  const listener = createTcpServer((socket) => void server.accept(socket));
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const stream = new Socket();
  stream.connect((listener.address() as AddressInfo).port, '127.0.0.1');
  await using client = await connect({ stream, ...login });
  expect([...set.values()]).toEqual([true, true]);
  expect((await client.run('x')).code).toBe(3);
  await client.close();
  listener.close();
});

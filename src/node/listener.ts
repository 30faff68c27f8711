/**
 * Listening for TCP connections.
 *
 * Owns: the listening socket.
 * Must not know: SSH.
 */
import { type AddressInfo, createServer } from 'node:net';
import { SshError } from '../base/errors.ts';
import type { LinkOpener } from '../io/link.ts';
import type { Acceptor, ServerAddress } from '../server/server.ts';
import { streamLink } from './socketLink.ts';

export function listen(
  address: ServerAddress,
  accepted: (open: LinkOpener, from: string) => void,
  refuse: () => boolean,
  failed: (error: SshError) => void,
): Promise<Acceptor> {
  return new Promise((resolve, reject) => {
    const server = createServer({ noDelay: true, keepAlive: true, allowHalfOpen: true }, (socket) => {
      if (refuse()) socket.destroy();
      else accepted(streamLink(socket), `${socket.remoteAddress}:${socket.remotePort}`);
    });
    // More than one may come: a process out of descriptors fails to accept again and again.
    server.on('error', (error) => {
      const what = server.listening ? 'accept a connection' : 'listen';
      const failure = new SshError(
        'ERR_SSH_CONNECT',
        `cannot ${what} on ${address.host}:${address.port}: ${error.message}`,
        { phase: 'connect', origin: 'local', cause: error },
      );
      if (server.listening) failed(failure);
      else reject(failure);
    });
    server.listen(address.port, address.host, () => {
      const { port, address: host } = server.address() as AddressInfo;
      resolve({
        address: { host, port },
        close: () =>
          new Promise((closed) => {
            server.close(() => closed());
          }),
      });
    });
  });
}

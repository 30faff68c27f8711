/**
 * Machines that accept and never speak.
 *
 * Owns: their listening sockets, and the connections they hold.
 * Must not know: who dials.
 */
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

export interface SilentPeer {
  readonly ports: readonly number[];
  /** Connections there are now. */
  connections(): number;
  close(): Promise<void>;
}

/** Connections that may wait to be accepted; the system has a bound of its own. */
const backlog = 4096;

/** Listens on several ports of loopback. */
export async function listenSilently(count: number): Promise<SilentPeer> {
  const sockets = new Set<Socket>();
  const servers: Server[] = [];
  const ports: number[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer({ pauseOnConnect: true }, (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      socket.on('error', () => {});
      // Read so that the end is seen, and dropped.
      socket.resume();
    });
    await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1', backlog }, resolve));
    servers.push(server);
    ports.push((server.address() as AddressInfo).port);
  }
  return {
    ports,
    connections: () => sockets.size,
    close: async () => {
      const closed = servers.map((server) => new Promise((resolve) => server.close(resolve)));
      for (const socket of sockets) socket.destroy();
      await Promise.all(closed);
    },
  };
}

/**
 * A port that refuses connections, for as long as a test needs that.
 *
 * Owns: the sockets that keep everybody else from listening there.
 * Must not know: who is going to dial it.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/**
 * A port that was free a moment ago may be anybody's by the time it is dialled.
 * This one is in use, by connections that begin there, so that nobody can listen
 * on it; who dials it is refused.
 */
export class ClosedPort implements AsyncDisposable {
  readonly port: number;
  private readonly server: Server;
  private readonly holders: readonly Socket[];

  private constructor(server: Server, holders: readonly Socket[]) {
    this.server = server;
    this.holders = holders;
    this.port = holders[0]?.localPort ?? 0;
  }

  /** @param addresses of loopback, on each of which the port is held */
  static async hold(...addresses: readonly string[]): Promise<ClosedPort> {
    const server = createServer((socket) => socket.on('error', () => {}));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const holders: Socket[] = [];
    for (const localAddress of addresses.length === 0 ? ['127.0.0.1'] : addresses) {
      const localPort = holders[0]?.localPort;
      const holder = connect({ host: '127.0.0.1', port, localAddress, ...(localPort && { localPort }) });
      holders.push(holder);
      await Promise.all([once(holder, 'connect'), once(server, 'connection')]);
    }
    return new ClosedPort(server, holders);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    // Reset, not ended: the port has to be nobody's at once.
    for (const holder of this.holders) holder.resetAndDestroy();
    await closed;
  }
}

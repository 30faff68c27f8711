/**
 * Listens on a local port and carries each connection to a host behind the
 * server, as `ssh -L` does.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { connect } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [target = '', localPort, host = '', port] = argumentsOr(
  'tunnel [user@]server[:port] local-port host port',
  4,
);
const client = await connect(optionsFor(target));

const listener = createServer({ allowHalfOpen: true }, (socket) => {
  client
    .openTcp(host, Number(port))
    // One of the two ends, in good order or not, and so does the other.
    .then((stream) => Promise.all([pipeline(socket, stream), pipeline(stream, socket)]))
    .catch((error: Error) => {
      console.error(`${socket.remotePort}: ${error.message}`);
      socket.destroy();
    });
});
listener.listen(Number(localPort), '127.0.0.1');
await once(listener, 'listening');
console.log(`port ${(listener.address() as AddressInfo).port} leads to ${host}:${port}`);

process.once('SIGINT', () => void client.close());
process.once('SIGTERM', () => void client.close());
// However the connection ends.
const cause = await client.closed;
listener.close();
if (cause.code !== 'ERR_SSH_CLOSED') {
  console.error(cause.message);
  process.exitCode = 255;
}

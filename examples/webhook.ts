/**
 * Receives webhooks on this machine by a port of a server, as `ssh -R` does, with nothing that
 * listens here: connections that come to the server are handed to the HTTP server as they are.
 */
import { createServer } from 'node:http';
import { connect } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [target = '', remotePort] = argumentsOr('webhook [user@]server[:port] remote-port', 2);
const client = await connect(optionsFor(target));

const hooks = createServer(async (request, answer) => {
  let body = '';
  for await (const chunk of request) body += String(chunk);
  console.log(`${request.method} ${request.url} ${body}`);
  answer.end('thank you\n');
});
const forward = await client.forwardRemote({ port: Number(remotePort) }, (stream) => {
  hooks.emit('connection', stream);
});
console.log(`port ${forward.address.port} of the server leads here`);

process.once('SIGINT', () => void client.close());
process.once('SIGTERM', () => void client.close());
const cause = await client.closed;
if (cause.code !== 'ERR_SSH_CLOSED') {
  console.error(cause.message);
  process.exitCode = 255;
}

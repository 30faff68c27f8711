/** A local port that leads to a host behind the server, as `ssh -L` has it. */
import { connect } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [target = '', localPort, host = '', port] = argumentsOr(
  'tunnel [user@]server[:port] local-port host port',
  4,
);
const client = await connect(optionsFor(target));
const forward = await client.forwardLocal(
  { port: Number(localPort) },
  { host, port: Number(port) },
  {
    onConnectionEnd: ({ from, bytesOut, bytesIn }, error) => {
      console.error(
        `${from}: ${bytesOut} bytes out, ${bytesIn} in${error === undefined ? '' : `, ${error.message}`}`,
      );
    },
  },
);
console.log(`port ${forward.address.port} leads to ${host}:${port}`);

process.once('SIGINT', () => void client.close());
process.once('SIGTERM', () => void client.close());
const cause = await client.closed;
if (cause.code !== 'ERR_SSH_CLOSED') {
  console.error(cause.message);
  process.exitCode = 255;
}

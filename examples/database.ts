/**
 * A database behind a bastion, on a port of this machine: `database bastion[,bastion…] host port`.
 * The tunnel stays up while servers come and go; drivers connect to the local port.
 */
import { openTunnel } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [way = '', host = '', port, localPort = '0'] = argumentsOr(
  'database [user@]bastion[:port][,[user@]inner[:port]…] host port [local-port]',
  3,
);
const bastions = way.split(',');
const last = bastions.pop() ?? '';

const tunnel = await openTunnel(
  { ...optionsFor(last), via: bastions.map(optionsFor) },
  { port: Number(localPort) },
  { host, port: Number(port) },
  {
    onState: ({ state, error, retryIn }) => {
      const why = error === undefined ? '' : `: ${error.message}`;
      const next = retryIn === undefined ? '' : `; next dial in ${Math.round(retryIn)} ms`;
      console.error(`${state}${why}${next}`);
    },
  },
);
console.log(`port ${tunnel.address.port} leads to ${host}:${port}`);

process.once('SIGINT', () => void tunnel.close());
process.once('SIGTERM', () => void tunnel.close());
const cause = await tunnel.closed;
if (cause.code !== 'ERR_SSH_CLOSED') process.exitCode = 255;

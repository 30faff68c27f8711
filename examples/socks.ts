/**
 * A SOCKS proxy whose connections a server makes, as `ssh -D` has it: for browsers, and for
 * `curl --proxy socks5h://127.0.0.1:1080 http://wiki.internal/`.
 */
import { connect } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [target = '', localPort = '1080'] = argumentsOr('socks [user@]server[:port] [local-port]', 1);
const client = await connect(optionsFor(target));
const proxy = await client.forwardSocks(
  { port: Number(localPort) },
  {
    onConnectionEnd: ({ to, bytesOut, bytesIn }, error) => {
      console.error(
        `${to}: ${bytesOut} bytes out, ${bytesIn} in${error === undefined ? '' : `, ${error.message}`}`,
      );
    },
  },
);
console.log(`socks5h://127.0.0.1:${proxy.address.port}`);

process.once('SIGINT', () => void client.close());
process.once('SIGTERM', () => void client.close());
const cause = await client.closed;
if (cause.code !== 'ERR_SSH_CLOSED') {
  console.error(cause.message);
  process.exitCode = 255;
}

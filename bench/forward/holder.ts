/**
 * One library in a process of its own, which holds a forward from a free port.
 *
 * Argument: what to forward as JSON. Prints the port as JSON, and ends with its input.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { type AddressInfo, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Target } from '../lib/sshd.ts';
import type { Algorithms } from '../session/libraries.ts';

export interface Holding {
  readonly library: 'deadline-ssh' | 'ssh2 with addon' | 'ssh2 without';
  readonly target: Target;
  readonly algorithms: Algorithms;
  /** Port on 127.0.0.1, as the server sees it. */
  readonly to: number;
}

/** As it is published. */
const published = new URL('../../../../dist/entry/index.js', import.meta.url).href;

const holding = JSON.parse(process.argv[2] ?? '') as Holding;
const port = await (holding.library === 'deadline-ssh' ? ours(holding) : ssh2(holding));
process.stdout.write(`${JSON.stringify({ port })}\n`);
process.stdin.resume().once('end', () => process.exit());

async function ours({ target, algorithms, to }: Holding): Promise<number> {
  const { acceptAnyHostKey, connect } = (await import(
    published
  )) as typeof import('../../src/entry/index.ts');
  const client = await connect({
    host: target.host,
    port: target.port,
    username: target.username,
    privateKey: readFileSync(target.privateKey),
    verifyHostKey: acceptAnyHostKey(),
    algorithms: {
      ...(algorithms.kex === undefined ? {} : { kex: [algorithms.kex] }),
      ...(algorithms.cipher === undefined ? {} : { cipher: [algorithms.cipher] }),
    },
  });
  const forward = await client.forwardLocal(
    { host: '127.0.0.1', port: 0 },
    { host: '127.0.0.1', port: to },
    { maxConnections: 4_096 },
  );
  return forward.address.port ?? 0;
}

/** ssh2 has no types for what is not public; these are the calls that are. */
interface Ssh2Client {
  on(event: string, listener: (...values: never[]) => void): this;
  connect(options: object): void;
  forwardOut(
    fromHost: string,
    fromPort: number,
    toHost: string,
    toPort: number,
    callback: (error: Error | undefined, stream: Duplex) => void,
  ): void;
}

/** A server of `node:net` piped to what `forwardOut` gives, as its documents show. */
async function ssh2({ library, target, algorithms, to }: Holding): Promise<number> {
  const require = createRequire(import.meta.url);
  const addon = library === 'ssh2 with addon';
  if (!addon) {
    process.dlopen = () => {
      throw new Error('no addons in this process');
    };
  }
  const { Client } = require('ssh2') as { readonly Client: new () => Ssh2Client };
  const { bindingAvailable } = require('ssh2/lib/protocol/crypto.js') as {
    readonly bindingAvailable: boolean;
  };
  if (bindingAvailable !== addon) throw new Error('the addon of ssh2 was not built');
  const client = new Client();
  await new Promise<void>((resolve, reject) => {
    client.on('error', reject as never);
    client.on('ready', resolve);
    client.connect({
      host: target.host,
      port: target.port,
      username: target.username,
      privateKey: readFileSync(target.privateKey),
      readyTimeout: 120_000,
      algorithms: {
        ...(algorithms.kex === undefined ? {} : { kex: [algorithms.kex] }),
        ...(algorithms.cipher === undefined ? {} : { cipher: [algorithms.cipher] }),
        serverHostKey: ['ssh-ed25519'],
      },
    });
  });
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    // Without it a connection that breaks would end the process.
    socket.on('error', () => socket.destroy());
    client.forwardOut('127.0.0.1', socket.remotePort ?? 0, '127.0.0.1', to, (error, stream) => {
      if (error !== undefined) return socket.destroy();
      stream.on('error', () => socket.destroy());
      socket.on('close', () => stream.destroy());
      socket.pipe(stream).pipe(socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

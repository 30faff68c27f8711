/**
 * The embedded server as the tests of client programs start it.
 *
 * Owns: its users, its commands, its subsystem and the places it leads to.
 * Must not know: which client calls.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect as netConnect, type Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { SshError } from '../../../src/entry/index.ts';
import {
  createServer,
  type OpenTcpRequest,
  type ServerOptions,
  type ServerProcess,
  type SshServer,
} from '../../../src/entry/server.ts';
import { keyKinds } from '../servers/keys.ts';
import { keyText, publicLine } from './lab.ts';

export const password = 'correct horse';

/** Bytes that follow from their number, the same for every test. */
export function pseudoRandom(length: number, seed: number = 1): Buffer {
  const bytes = Buffer.alloc(length);
  let state = seed >>> 0 || 1;
  for (let i = 0; i + 4 <= length; i += 4) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    bytes.writeInt32LE(state | 0, i);
  }
  return bytes;
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function put(stream: Writable, bytes: Uint8Array): Promise<void> {
  if (!stream.write(bytes) && !stream.destroyed) await once(stream, 'drain');
}

type Command = (process: ServerProcess, argument: string) => Promise<number>;

const commands: Readonly<Record<string, Command>> = {
  greet: async ({ stdout, stderr, username }, argument) => {
    stdout.write(`hello ${argument}\n`);
    stderr.write(`from ${username}\n`);
    return 7;
  },
  /** stdin to stdout. */
  cat: async ({ stdin, stdout }) => {
    for await (const chunk of stdin) await put(stdout, chunk as Buffer);
    return 0;
  },
  /** Tells what came in, once it is over. */
  sink: async ({ stdin, stdout }) => {
    const hash = createHash('sha256');
    let length = 0;
    for await (const chunk of stdin) {
      hash.update(chunk as Buffer);
      length += (chunk as Buffer).length;
    }
    stdout.write(`${length} ${hash.digest('hex')}\n`);
    return 0;
  },
  /** So many bytes, and then a status though the client may still send. */
  source: async ({ stdout }, argument) => {
    await put(stdout, pseudoRandom(Number(argument)));
    return 0;
  },
  /** Ends its own output first and tells afterwards what it read. */
  closeFirst: async ({ stdin, stdout, stderr }) => {
    stdout.end('the end\n');
    let length = 0;
    for await (const chunk of stdin) length += (chunk as Buffer).length;
    stderr.write(`read ${length}\n`);
    return 5;
  },
  /** Ends all of its output, and only then reads. */
  closeAll: async ({ stdin, stdout, stderr }) => {
    stderr.end();
    stdout.end('the end\n');
    let length = 0;
    for await (const chunk of stdin) length += (chunk as Buffer).length;
    return length % 256;
  },
  env: async ({ env, stdout }, argument) => {
    stdout.write(`${argument}=${env.get(argument) ?? ''}\n`);
    return 0;
  },
  tty: async ({ terminal, stdout }) => {
    if (terminal === undefined) {
      stdout.write('no terminal\r\n');
      return 1;
    }
    const { term, columns, rows, modes } = terminal;
    stdout.write(`${term} ${columns}x${rows} modes ${modes.size > 0}\r\n`);
    return 0;
  },
  /** Tells the size of its terminal, at the start and whenever it changes, until a line comes. */
  size: async (process) => {
    const tell = ({ columns, rows }: { columns: number; rows: number }): void => {
      process.stdout.write(`${columns}x${rows}\r\n`);
    };
    if (process.terminal !== undefined) tell(process.terminal);
    process.onResize = tell;
    for await (const chunk of process.stdin) {
      process.stdout.write(`got ${JSON.stringify(String(chunk))}\r\n`);
      return 6;
    }
    return 0;
  },
  die: async (process, argument) => {
    process.stdout.write('about to die\n');
    await process.exitWithSignal(argument, 'as was asked for');
    return 0;
  },
  /** Ends when a signal or the client's leaving ends it. */
  wait: (process) =>
    new Promise((resolve) => {
      process.stdout.write('waiting\n');
      process.onSignal = (name) => {
        process.stdout.write(`got ${name}\n`);
        resolve(4);
      };
      process.signal.addEventListener('abort', () => resolve(0));
    }),
  throw: async () => {
    throw new Error('a fault of the handler');
  },
};

export function runCommand(process: ServerProcess, line: string): Promise<number> {
  const [name = '', ...rest] = line.split(' ');
  const command = commands[name];
  if (command === undefined) {
    process.stderr.write(`${name}: no such command\n`);
    return Promise.resolve(127);
  }
  return command(process, rest.join(' '));
}

/** A shell of one line after the other. */
async function shell(process: ServerProcess): Promise<number> {
  process.stdout.write('$ ');
  let pending = '';
  for await (const chunk of process.stdin) {
    pending += String(chunk);
    for (let end = pending.search(/[\r\n]/); end >= 0; end = pending.search(/[\r\n]/)) {
      const line = pending.slice(0, end);
      pending = pending.slice(end + 1);
      if (line === 'exit') return 3;
      process.stdout.write(`you typed ${line}\r\n$ `);
    }
  }
  return 0;
}

/** Everybody who can prove to be `ops`, by any method but none. */
export const everyMethod: ServerOptions['authentication'] = {
  password: (username, given) => username === 'ops' && given === password,
  publicKey: (username, { blob }) =>
    username === 'ops' &&
    keyKinds.some((kind) => publicLine(kind).split(' ')[1] === Buffer.from(blob).toString('base64')),
  keyboardInteractive: async (username, ask) => {
    const answers = await ask({
      name: 'Two questions',
      instruction: 'Answer both.',
      prompts: [
        { prompt: 'Colour: ', echo: false },
        { prompt: 'Animal: ', echo: false },
      ],
    });
    return username === 'ops' && answers[0] === 'blue' && answers[1] === 'otter';
  },
};

/** A place named localhost is given up as soon as it ends, as sockets are unless one says otherwise. */
const openTcp = ({ host, port }: OpenTcpRequest): Socket | undefined =>
  host === 'forbidden' ? undefined : netConnect({ host, port, allowHalfOpen: host !== 'localhost' });

/** A server that listens, and what it was told of. */
export interface Embedded extends AsyncDisposable {
  readonly server: SshServer;
  readonly port: number;
  /** Faults of handlers and of connections. That a client leaves without a word, as PuTTY and dropbear do, is none. */
  readonly faults: unknown[];
}

function isLeaving(error: unknown): boolean {
  return error instanceof SshError && error.code === 'ERR_SSH_CONNECTION_LOST';
}

export async function startEmbedded(options: Partial<ServerOptions> = {}): Promise<Embedded> {
  const faults: unknown[] = [];
  const server = await createServer({
    hostKeys: keyKinds.map(keyText),
    authentication: everyMethod,
    exec: runCommand,
    shell,
    subsystems: { echo: (process) => runCommand(process, 'cat') },
    openTcp,
    // Tests of refusals need not wait for them; the delay has tests of its own on a virtual clock.
    failureDelay: 0,
    onError: (error) => {
      if (!isLeaving(error)) faults.push(error);
    },
    ...options,
  });
  const { port } = await server.listen();
  return { server, port, faults, [Symbol.asyncDispose]: () => server.close() };
}

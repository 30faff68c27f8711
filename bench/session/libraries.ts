/**
 * The libraries that are held against each other, behind one face.
 *
 * Owns: how each is asked to connect and to run a command.
 * Must not know: what is measured.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Duplex, Readable, Writable } from 'node:stream';
import type { Target } from '../lib/sshd.ts';

export type LibraryName = 'deadline-ssh' | 'deadline-ssh, noble' | 'ssh2 with addon' | 'ssh2 without';

/** What is named is all that is offered; what is not is up to the library. */
export interface Algorithms {
  readonly kex?: string | undefined;
  readonly cipher?: string | undefined;
}

export interface Command {
  readonly stdin: Writable;
  readonly stdout: Readable;
  /** The exit status, once all is over. */
  readonly status: Promise<number | undefined>;
}

export interface Session {
  exec(command: string): Promise<Command>;
  close(): Promise<void>;
}

export interface Library {
  /** @param knownHosts path of a file that the key of the server is looked up in; any key is taken where it is not given */
  connect(target: Target, algorithms: Algorithms, knownHosts?: string): Promise<Session>;
}

export async function load(name: LibraryName): Promise<Library> {
  switch (name) {
    case 'deadline-ssh':
      return ours('auto');
    case 'deadline-ssh, noble':
      return ours('noble');
    case 'ssh2 with addon':
      return ssh2(true);
    case 'ssh2 without':
      return ssh2(false);
    default:
      throw new Error(`there is no library ${name satisfies never}`);
  }
}

/** As it is published: comments and a file for each module cost memory and time that no user pays. */
const published = new URL('../../../../dist/entry/index.js', import.meta.url).href;

async function ours(crypto: 'auto' | 'noble'): Promise<Library> {
  const { acceptAnyHostKey, connect, knownHosts } = (await import(
    published
  )) as typeof import('../../src/entry/index.ts');
  return {
    connect: async ({ host, port, username, privateKey }, algorithms, known) => {
      const client = await connect({
        host,
        port,
        username,
        privateKey: readFileSync(privateKey),
        verifyHostKey: known === undefined ? acceptAnyHostKey() : knownHosts(known),
        algorithms: { kex: listOf(algorithms.kex), cipher: listOf(algorithms.cipher) },
        crypto,
      });
      return {
        exec: async (command) => {
          const { stdin, stdout, stderr, exit } = await client.exec(command);
          stderr.resume();
          return { stdin, stdout, status: exit.then(({ code }) => code) };
        },
        close: () => client.close(),
      };
    },
  };
}

function listOf(name: string | undefined): readonly string[] | undefined {
  return name === undefined ? undefined : [name];
}

/** ssh2 has no types for what is not public; these are the calls that are. */
interface Ssh2Client {
  on(event: string, listener: (...values: never[]) => void): this;
  connect(options: object): void;
  exec(command: string, callback: (error: Error | undefined, stream: Ssh2Stream) => void): void;
  end(): void;
}

type Ssh2Stream = Duplex & { readonly stderr: Readable };

async function ssh2(addon: boolean): Promise<Library> {
  // Another Node has a copy of its own, with an addon that was built for it.
  const require = createRequire(process.env['BENCH_MODULES'] ?? import.meta.url);
  if (!addon) {
    // What npm leaves when install scripts do not run: the addon cannot be loaded.
    process.dlopen = () => {
      throw new Error('no addons in this process');
    };
  }
  const { Client } = require('ssh2') as { readonly Client: new () => Ssh2Client };
  const { bindingAvailable } = require('ssh2/lib/protocol/crypto.js') as {
    readonly bindingAvailable: boolean;
  };
  if (bindingAvailable !== addon) throw new Error('the addon of ssh2 was not built');
  return {
    connect: ({ host, port, username, privateKey }, { kex, cipher }) =>
      new Promise((resolve, reject) => {
        const client = new Client();
        const closed = new Promise<void>((over) => client.on('close', () => over()));
        client.on('error', reject as never);
        client.on('ready', () =>
          resolve({
            exec: (command) => startWithSsh2(client, command),
            close: () => {
              client.end();
              return closed;
            },
          }),
        );
        client.connect({
          host,
          port,
          username,
          privateKey: readFileSync(privateKey),
          // Fifty at once wait for each other.
          readyTimeout: 120_000,
          algorithms: {
            ...(kex === undefined ? {} : { kex: [kex] }),
            ...(cipher === undefined ? {} : { cipher: [cipher] }),
            serverHostKey: ['ssh-ed25519'],
          },
        });
      }),
  };
}

function startWithSsh2(client: Ssh2Client, command: string): Promise<Command> {
  return new Promise((resolve, reject) => {
    client.exec(command, (error, stream) => {
      if (error !== undefined) return reject(error);
      stream.stderr.resume();
      let code: number | undefined;
      stream.on('exit', (status: number | null) => {
        code = status ?? undefined;
      });
      const status = new Promise<number | undefined>((over) => stream.on('close', () => over(code)));
      resolve({ stdin: stream, stdout: stream, status });
    });
  });
}

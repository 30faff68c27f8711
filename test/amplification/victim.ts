/**
 * The process that pays: a server or clients of this library with their defaults,
 * and an account of what they cost.
 *
 * Owns: what it serves and dials, its CPU and memory as the system tells them.
 * Must not know: what is asked of it.
 */
import { generateKeyPairSync } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { acceptAnyHostKey, type Client, connect } from '../../src/entry/index.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** What is asked, and answered by `Answer` under the same number. */
export type Question =
  | { readonly number: number; readonly ask: 'serve' }
  | { readonly number: number; readonly ask: 'dial'; readonly port: number }
  | { readonly number: number; readonly ask: 'drop' | 'cpu' | 'memory' };

export interface Answer {
  readonly number: number;
  readonly value: number;
}

let server: SshServer | undefined;
const clients = new Set<Client>();
const dials = new Set<AbortController>();

/** Large enough that it never matters: the costs of single requests are measured here. */
const unbounded = 1e12;

async function serve(): Promise<number> {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 3072 });
  server ??= await createServer({
    hostKeys: [
      generateKey('ed25519', { randomBytes: (length) => new Uint8Array(length).fill(7) }),
      rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    ],
    authentication: {
      password: (_username, password) => {
        if (password.startsWith('wait')) return new Promise<boolean>(() => {});
        return password === 'right';
      },
      // Public keys are public: whoever asks knows which are right.
      publicKey: (username) => username === 'known',
      keyboardInteractive: async (_username, ask) => {
        await ask({ prompts: [{ prompt: '?', echo: true }] });
        return false;
      },
    },
    exec: (process, command) => {
      // `hold` reads nothing and never ends; all else ends at once.
      if (!command.startsWith('hold')) return 0;
      return new Promise((resolve) => {
        process.signal.addEventListener('abort', () => resolve(0));
      });
    },
    openTcp: () => undefined,
    subsystems: {},
    failureDelay: 0,
    loginTimeout: 600_000,
    keyExchangeBudget: {
      perAddress: { burst: unbounded, perSecond: 1 },
      total: { burst: unbounded, perSecond: 1 },
    },
    maxStartups: { start: 10_000, full: 10_000 },
    algorithms: { compression: { append: ['zlib@openssh.com'] } },
    onError: () => {},
  });
  return (await server.listen()).port;
}

/** Dials once; what becomes of it is the other side's choice. */
function dial(port: number): void {
  const abort = new AbortController();
  dials.add(abort);
  connect({
    host: '127.0.0.1',
    port,
    username: 'user',
    password: 'right',
    keyboardInteractive: () => new Promise(() => {}),
    agent: false,
    verifyHostKey: acceptAnyHostKey(),
    algorithms: { compression: { append: ['zlib@openssh.com'] } },
    timeout: 600_000,
    timeouts: { identification: 600_000, keyExchange: 600_000, authentication: 600_000 },
    signal: abort.signal,
  }).then(
    (client) => {
      clients.add(client);
      void client.closed.then(() => clients.delete(client));
    },
    () => dials.delete(abort),
  );
}

function drop(): void {
  for (const abort of dials) abort.abort();
  for (const client of clients) client.destroy();
  for (const connection of server?.connections() ?? []) connection.destroy();
  dials.clear();
}

/** Milliseconds. */
function cpu(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** Bytes: objects, and the memory of arrays outside of the heap. */
function memory(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

async function answer(question: Question): Promise<number> {
  switch (question.ask) {
    case 'serve':
      return serve();
    case 'dial':
      dial(question.port);
      return 0;
    case 'drop':
      drop();
      return 0;
    case 'cpu':
      return cpu();
    case 'memory':
      return memory();
    default:
      return question satisfies never;
  }
}

process.on('message', (question: Question) => {
  void answer(question).then((value) => process.send?.({ number: question.number, value } satisfies Answer));
});
process.on('disconnect', () => process.exit(0));

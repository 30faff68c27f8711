/**
 * A fleet of loopback targets, each on a port of its own, most of which do
 * something else than to answer.
 *
 * Owns: the server, the listeners around it, the manners in which targets fail.
 * Must not know: who dials them, what is printed.
 */
import { once } from 'node:events';
import {
  type AddressInfo,
  connect as connectSocket,
  createServer as createListener,
  type Server,
  type Socket,
} from 'node:net';
import { type ConnectOptions, pinnedHostKey } from '../src/entry/index.ts';
import { fingerprint, generateKey } from '../src/entry/keys.ts';
import { createServer, type ServerConnection, type SshServer } from '../src/entry/server.ts';
import { type Judge, Tap } from './tap.ts';

/** What a target does. */
export type Manner = 'good' | 'silent' | 'drip' | 'closed' | 'dropped' | 'stuck' | 'mute' | 'busy';

/** Targets that do the same. */
export interface Group {
  readonly manner: Manner;
  readonly count: number;
  /** What a user would see of it. */
  readonly story: string;
}

/** Bytes of the server that get through before the key exchange is cut: its version line and a part of what it offers. */
const partOfTheKeyExchange = 400;
/** Milliseconds between two bytes of a drip. */
const dripInterval = 100;

/** In the order in which they are dialled: the good ones wait behind all the others. */
export const groups: readonly Group[] = [
  { manner: 'silent', count: 30, story: 'accept and never speak' },
  { manner: 'drip', count: 10, story: 'send a byte now and then' },
  { manner: 'closed', count: 5, story: 'refuse the connection' },
  { manner: 'dropped', count: 5, story: 'hang up in the handshake' },
  { manner: 'stuck', count: 10, story: 'fall silent in the key exchange' },
  { manner: 'mute', count: 5, story: 'log you in, then open no channel' },
  { manner: 'busy', count: 5, story: 'run the command for ever' },
  { manner: 'good', count: 40, story: 'answer' },
];

/** The targets, listening. */
export class Fleet {
  readonly targets: readonly ConnectOptions[];
  private readonly server: SshServer;
  private readonly listeners: readonly Server[];
  private readonly sockets: ReadonlySet<Socket>;

  private constructor(parts: {
    readonly server: SshServer;
    readonly listeners: readonly Server[];
    readonly sockets: ReadonlySet<Socket>;
    readonly targets: readonly ConnectOptions[];
  }) {
    this.server = parts.server;
    this.listeners = parts.listeners;
    this.sockets = parts.sockets;
    this.targets = parts.targets;
  }

  static async start(): Promise<Fleet> {
    const hostKey = generateKey('ed25519');
    const server = await createServer({
      hostKeys: hostKey,
      authentication: { password: (_username, password) => password === 'demo' },
      exec: (process, command) => {
        if (!process.username.startsWith('busy')) {
          process.stdout.write(`${process.username} ran ${command}\n`);
          return 0;
        }
        return new Promise((resolve) => process.signal.addEventListener('abort', () => resolve(0)));
      },
    });
    const sockets = new Set<Socket>();
    const behind = (judgeOf: (connection: () => ServerConnection) => Judge): Server =>
      listener(sockets, (socket) => {
        const tap: Tap = new Tap(
          socket,
          judgeOf(() => connection),
        );
        const connection: ServerConnection = server.accept(tap);
      });
    const listenerOf: Record<Manner, () => Server> = {
      good: () => behind(() => all),
      busy: () => behind(() => all),
      silent: () => listener(sockets, () => {}),
      drip: () => listener(sockets, drip),
      closed: () => listener(sockets, (socket) => socket.resume()),
      dropped: () => behind(() => upTo(partOfTheKeyExchange, true)),
      stuck: () => behind(() => upTo(partOfTheKeyExchange, false)),
      mute: () => behind((connection) => untilLoggedIn(connection)),
    };
    const verifyHostKey = pinnedHostKey(fingerprint(hostKey.publicKey));
    const targets: ConnectOptions[] = [];
    const listeners: Server[] = [];
    for (const { manner, count } of groups) {
      for (let i = 1; i <= count; i++) {
        const target = listenerOf[manner]();
        listeners.push(target);
        const listening = await listen(target);
        const port = manner === 'closed' ? await refusingPort(listening, sockets) : listening;
        targets.push({
          host: '127.0.0.1',
          port,
          username: `${manner}-${i}`,
          password: 'demo',
          verifyHostKey,
        });
      }
    }
    return new Fleet({ server, listeners, sockets, targets });
  }

  /** Stops listening and lets go of everything. */
  async close(): Promise<void> {
    await this.server.close();
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.listeners.map(close));
  }
}

/** What the target of that name does. */
export function isOf({ manner }: Group, target: ConnectOptions): boolean {
  return target.username?.startsWith(`${manner}-`) === true;
}

function listener(sockets: Set<Socket>, accepted: (socket: Socket) => void): Server {
  return createListener({ noDelay: true, allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // A client that gave up resets the connection; nobody here is surprised.
    socket.on('error', () => socket.destroy());
    accepted(socket);
  });
}

/**
 * A port that refuses connections and stays so. It is the near end of a
 * connection of our own, so that no other program can listen on it meanwhile.
 */
async function refusingPort(listening: number, sockets: Set<Socket>): Promise<number> {
  const socket = connectSocket(listening, '127.0.0.1');
  sockets.add(socket);
  socket.once('close', () => sockets.delete(socket));
  await once(socket, 'connect');
  return (socket.address() as AddressInfo).port;
}

function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write('.'), dripInterval);
  socket.once('close', () => clearInterval(timer));
}

const all: Judge = (length) => ({ pass: length });

/** So many bytes and no more. */
function upTo(bytes: number, hangUp: boolean): Judge {
  let left = bytes;
  return (length) => {
    const pass = Math.min(left, length);
    left -= pass;
    return { pass, hangUp: hangUp && left === 0 };
  };
}

/** Everything up to the packet that says who has logged in. */
function untilLoggedIn(connection: () => ServerConnection): Judge {
  let afterLogin = 0;
  return (length) => {
    if (connection().username !== undefined) afterLogin++;
    return { pass: afterLogin > 1 ? 0 : length };
  };
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    if (server.listening) server.close(() => resolve());
    else resolve();
  });
}

/**
 * Connections and listeners of this machine, for forwarding.
 *
 * Owns: TCP and unix sockets as sources and sinks, back-pressure on either, ports that
 * no other process of a cluster has a part in.
 * Must not know: SSH, channels, how a unix socket is made.
 */
import { readSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { SshError } from '../base/errors.ts';
import type { ByteSink, ByteSource, SourceListener } from '../endpoint/streams.ts';
import type { LocalConnection, LocalListener, LocalNetwork, LocalPeer } from '../forwarding/local.ts';
import { type ListenPlace, type ListenTcp, placeText, type TargetPlace } from '../forwarding/places.ts';
import { giveBack } from './spentMemory.ts';
import { listenAtPath } from './unixSocket.ts';

/** Bytes that are read of a socket ahead of who takes them. */
const readAhead = 64 * 1024;

export const localNetwork: LocalNetwork = {
  async listen(place, accepted, failed) {
    const start = async <T>(listen: (server: Server) => Promise<T>): Promise<readonly [Server, T]> => {
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true }, (socket) =>
        accepted(new SocketConnection(socket)),
      );
      const made = await listen(server).catch((error: Error) => {
        throw listenError(place, error);
      });
      // A process that is out of descriptors fails to accept again and again.
      server.on('error', (error) => failed(listenError(place, error)));
      return [server, made];
    };
    if (place.path !== undefined) {
      const [server, remove] = await start((made) => listenAtPath(made, place));
      return {
        place,
        close: async () => {
          const removed = remove();
          await Promise.all([stopped(server), removed]);
        },
      };
    }
    const startTcp = async (at: ListenTcp): Promise<Server> =>
      (await start((server) => startListening(server, at)))[0];
    const isLocalhost = place.host?.toLowerCase() === 'localhost';
    return listenerOf(isLocalhost ? await startLoopback(place, startTcp) : [await startTcp(place)], place);
  },

  connect(place, signal) {
    return new Promise((resolve, reject) => {
      const socket = connect({ ...targetOf(place), allowHalfOpen: true, noDelay: true });
      socket.pause();
      const settled = (): void => {
        signal.removeEventListener('abort', aborted);
        socket.off('error', failed);
        socket.off('connect', connected);
      };
      const failed = (error: Error): void => {
        settled();
        socket.destroy();
        reject(connectError(place, error));
      };
      const aborted = (): void => {
        settled();
        socket.on('error', () => {});
        socket.destroy();
        reject(signal.reason);
      };
      const connected = (): void => {
        settled();
        resolve(new SocketConnection(socket));
      };
      socket.once('error', failed);
      socket.once('connect', connected);
      signal.addEventListener('abort', aborted, { once: true });
      if (signal.aborted) aborted();
    });
  },
};

function targetOf(place: TargetPlace): { path: string } | { host: string; port: number } {
  return place.path === undefined ? { host: place.host, port: place.port } : { path: place.path };
}

function startListening(server: Server, { host = '', port }: ListenTcp): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    // Without a host Node listens on all addresses of both families.
    const at = host === '' || host === '*' ? { port } : { host, port };
    // The processes of a cluster would share a port, and each get connections of the others.
    server.listen({ ...at, exclusive: true }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Ports that both families may have free are looked for so often. */
const loopbackTries = 16;

/**
 * `localhost` is the loopback address of both families (RFC 4254 §7.1), on one port:
 * programs that look the name up begin with either. A machine may have but one of them.
 */
async function startLoopback(
  { port }: ListenTcp,
  start: (place: ListenTcp) => Promise<Server>,
): Promise<readonly Server[]> {
  for (let tries = 1; ; tries++) {
    const first = await start({ host: '127.0.0.1', port }).catch(unlessMissing);
    const chosen = first === undefined ? port : portOf(first);
    try {
      const second = await start({ host: '::1', port: chosen }).catch(
        first === undefined ? rethrow : unlessMissing,
      );
      return [first, second].filter((server) => server !== undefined);
    } catch (error) {
      if (first !== undefined) await stopped(first);
      // Somebody else has the port that was free in the other family.
      if (port !== 0 || causeOf(error) !== 'EADDRINUSE' || tries >= loopbackTries) throw error;
    }
  }
}

/** The machine has no such address. */
function unlessMissing(error: unknown): undefined {
  const code = causeOf(error);
  if (code !== 'EADDRNOTAVAIL' && code !== 'EAFNOSUPPORT') throw error;
}

function rethrow(error: unknown): never {
  throw error;
}

function causeOf(error: unknown): string | undefined {
  return error instanceof SshError ? (error.cause as NodeJS.ErrnoException).code : undefined;
}

function portOf(server: Server): number {
  return (server.address() as AddressInfo).port;
}

function listenerOf(servers: readonly Server[], place: ListenTcp): LocalListener {
  const [first] = servers;
  const standing = first === undefined ? place : { host: place.host, port: portOf(first) };
  return { place: standing, close: async () => void (await Promise.all(servers.map(stopped))) };
}

function stopped(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // Its callback waits for the connections too; the port is free before.
    server.close();
    if (server.listening) server.once('close', () => resolve());
    else resolve();
  });
}

class SocketConnection implements LocalConnection {
  readonly peer: LocalPeer;
  readonly source: SocketSource;
  readonly sink: SocketSink;
  private readonly socket: Socket;

  constructor(socket: Socket) {
    this.socket = socket;
    this.peer = { address: socket.remoteAddress ?? '', port: socket.remotePort ?? 0 };
    this.source = new SocketSource(socket);
    this.sink = new SocketSink(socket);
    // Told to both; and one that comes after all is over ends nobody's process.
    socket.on('error', (error) => {
      this.source.failed(error);
      this.sink.failed(error);
    });
  }

  destroy(reset: boolean): void {
    const { socket } = this;
    this.source.forget();
    this.sink.forget();
    // All is with the system and the end as well: there is nothing left to cut, and a reset
    // during a shutdown fails and leaves the descriptor open.
    const isEnding = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0;
    if (reset && !isEnding && socket.remoteAddress !== undefined) socket.resetAndDestroy();
    else socket.destroy();
  }
}

class SocketSource implements ByteSource {
  private readonly socket: Socket;
  private readonly chunks: Uint8Array[] = [];
  private held = 0;
  private isPaused = true;
  private listener: SourceListener | undefined;
  private isEnded = false;
  private fault: Error | undefined;
  private cancelled = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk: Buffer) => this.received(chunk));
    socket.on('end', () => {
      if (wasReset(socket)) this.failed(resetError());
      else this.ended();
    });
    socket.on('close', () => this.ended());
    // A listener for data lets a socket flow; this one waits until it is wanted.
    socket.pause();
  }

  listen(listener: SourceListener): void {
    this.listener = listener;
    if (this.chunks.length > 0) listener.readable();
    if (this.fault !== undefined) listener.failed(this.fault);
    else if (this.isEnded) listener.ended();
    else this.resume();
  }

  take(): Uint8Array | undefined {
    const chunk = this.chunks.shift();
    if (chunk === undefined) return undefined;
    this.held -= chunk.length;
    if (this.held < readAhead) this.resume();
    return chunk;
  }

  cancel(): void {
    this.cancelled = true;
    this.chunks.length = 0;
    this.held = 0;
    // Who sends on is not held back for ever, and its end is still seen.
    if (!this.socket.destroyed) this.socket.resume();
  }

  forget(): void {
    this.listener = undefined;
    this.chunks.length = 0;
  }

  failed(error: Error): void {
    if (this.isEnded || this.fault !== undefined) return;
    this.fault = error;
    this.listener?.failed(error);
  }

  private received(chunk: Uint8Array): void {
    if (this.cancelled) return;
    this.chunks.push(chunk);
    this.held += chunk.length;
    if (this.held >= readAhead) {
      this.isPaused = true;
      this.socket.pause();
    }
    if (this.chunks.length === 1) this.listener?.readable();
  }

  private resume(): void {
    if (!this.isPaused || this.socket.destroyed) return;
    this.isPaused = false;
    this.socket.resume();
  }

  private ended(): void {
    if (this.isEnded || this.fault !== undefined) return;
    this.isEnded = true;
    this.listener?.ended();
  }
}

/**
 * Whether an end that Node tells of was a reset. libuv looks for no error behind the last
 * bytes of a connection, so that a reset right behind bytes, or one that comes while the
 * socket is paused, is told as an end. The system keeps the error for who reads once more;
 * behind a true end there is nothing to read. Where this process cannot read (Windows has
 * no descriptor), the system still knows the peer of a connection that has ended in one
 * direction, and none of one that was reset. Once this side has ended as well, it knows
 * none in either case.
 */
function wasReset(socket: Socket): boolean {
  // Not among the types of Node; another runtime need not have it.
  const handle = Reflect.get(socket, '_handle') as
    | { readonly fd?: number; readonly getpeername?: (out: object) => number }
    | null
    | undefined;
  if (typeof handle?.fd === 'number' && handle.fd >= 0) return failsToRead(handle.fd);
  if (socket.writableEnded || socket.remoteAddress === undefined) return false;
  return typeof handle?.getpeername === 'function' && handle.getpeername({}) !== 0;
}

/** @param fd of a socket that has told its end: it never waits, and no byte can follow */
function failsToRead(fd: number): boolean {
  try {
    readSync(fd, new Uint8Array(1));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ECONNRESET';
  }
}

function resetError(): Error {
  return Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
}

/** Told of in microtasks: what is written in a turn of the loop goes to the system in one call. */
const soon: Promise<void> = Promise.resolve();

class SocketSink implements ByteSink {
  private readonly socket: Socket;
  private listener: ((error: Error) => void) | undefined;
  private fault: Error | undefined;
  private isCorked = false;

  constructor(socket: Socket) {
    this.socket = socket;
  }

  listen(failed: (error: Error) => void): void {
    this.listener = failed;
    if (this.fault !== undefined) failed(this.fault);
  }

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    if (this.fault !== undefined) return done(this.fault);
    if (!this.isCorked) this.gather();
    this.socket.write(bytes, (error) => {
      // Node says null where there is no error. What is written is with the system.
      if (error === null || error === undefined) giveBack([bytes]);
      done(error ?? undefined);
    });
  }

  end(done: (error?: Error) => void): void {
    if (this.fault !== undefined) return done(this.fault);
    this.uncork();
    this.socket.end(() => done());
  }

  private gather(): void {
    this.isCorked = true;
    this.socket.cork();
    void soon.then(this.uncork);
  }

  private readonly uncork = (): void => {
    if (!this.isCorked) return;
    this.isCorked = false;
    this.socket.uncork();
  };

  cancel(): void {
    this.socket.destroySoon();
  }

  forget(): void {
    this.listener = undefined;
  }

  failed(error: Error): void {
    this.fault ??= error;
    this.listener?.(error);
  }
}

const pathHints: Readonly<Record<string, string>> = {
  EADDRINUSE: 'something lies there already; { unlink: true } removes an old socket, and nothing else',
  // The system says the same of either.
  EACCES: 'this user may not make a socket there, or there is no such folder',
  ENAMETOOLONG: 'the path is too long for a unix socket',
};

function listenError(place: ListenPlace, error: Error): SshError {
  const { code } = error as NodeJS.ErrnoException;
  const hints: Readonly<Record<string, string>> = {
    EADDRINUSE: 'the address is in use; choose another port, or 0 for any free one',
    EACCES: 'this user may not listen there; ports below 1024 are for the administrator',
    EADDRNOTAVAIL: 'the address is none of this machine',
  };
  const why = (place.path === undefined ? hints : pathHints)[code ?? ''] ?? error.message;
  return new SshError('ERR_SSH_FORWARD', `cannot listen on ${placeText(place)}: ${why}`, {
    origin: 'local',
    cause: error,
  });
}

function connectError(place: TargetPlace, error: Error): SshError {
  return new SshError('ERR_SSH_FORWARD', `cannot connect to ${placeText(place)}: ${error.message}`, {
    origin: 'local',
    cause: error,
  });
}

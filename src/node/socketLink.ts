/**
 * Links over what Node offers: a TCP socket, a local socket, any duplex stream.
 *
 * Owns: name lookup and TCP connect with TCP keep-alive, and the translation of
 * stream events into the link's.
 * Must not know: SSH, deadlines (the driver ends what takes too long), which
 * address of a host is tried when (`io/connecting/addressRace.ts`).
 */
import dns, { type LookupAddress } from 'node:dns';
import { isIP, connect as netConnect, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { optionsError } from '../base/optionChecks.ts';
import type { AddressFamily, HostAddress } from '../io/connecting/addressRace.ts';
import {
  type AttemptListener,
  type OpenAttempt,
  type RaceWaits,
  raceLink,
} from '../io/connecting/raceLink.ts';
import type { Link, LinkAddresses, LinkOpener, LinkReceiver } from '../io/link.ts';
import { nodeClock } from './clock.ts';
import { giveBack } from './spentMemory.ts';
import { longestSocketPath } from './unixSocket.ts';

export interface TcpTarget {
  readonly host: string;
  readonly port: number;
  /** Local address to connect from. */
  readonly localAddress?: string | undefined;
  /** Of no effect where the runtime cannot set it. */
  readonly typeOfService?: number | undefined;
  /** 4, 6, or 0 for either. */
  readonly family?: AddressFamily | undefined;
  /** Where look-ups and attempts are to be seen. */
  readonly waits?: RaceWaits | undefined;
}

/** Milliseconds of silence before TCP probes a peer by itself. */
const tcpKeepAliveDelay = 30_000;

/**
 * All sockets read into the same memory: a read is over before the next begins,
 * and an idle connection holds none of it. Other runtimes may read ahead.
 */
const readLength = 256 * 1024;
const sharesReads = process.versions['bun'] === undefined && process.versions['deno'] === undefined;
let readBuffer: Uint8Array | undefined;

/** A read below this is copied: it may hold anything, where a longer one is mostly data. */
const lendFrom = 16 * 1024;

interface SharedRead {
  readonly buffer: Uint8Array;
  callback(length: number, buffer: Uint8Array): boolean;
}

/** What sockets are told of a read with: one function for all. Node calls it as a method of the socket. */
function sharedRead(): SharedRead {
  readBuffer ??= new Uint8Array(readLength);
  return { buffer: readBuffer, callback: listeners.read };
}

/**
 * Opens a TCP connection to the first address of a host that answers (RFC 8305).
 *
 * @throws SshError `ERR_SSH_OPTIONS`, when it is opened, where the local address is none or of the other family
 */
export function tcpLink(target: TcpTarget): LinkOpener {
  const { host, port, localAddress, typeOfService, waits } = target;
  return (receiver) => {
    const family = wantedFamily(target);
    const network = {
      lookup: lookUp,
      attempt: (address: HostAddress, listener: AttemptListener) =>
        new TcpAttempt(address, port, { localAddress, typeOfService }, listener),
    };
    return raceLink(network, { host, port, family, address: literal(host) }, nodeClock, waits)(receiver);
  };
}

/** Addresses of the other family than the local address cannot be connected to from there. */
function wantedFamily({ localAddress, family = 0 }: TcpTarget): AddressFamily {
  if (localAddress === undefined) return family;
  const own = isIP(localAddress);
  if (own !== 4 && own !== 6)
    throw optionsError(`localAddress must be an address, not ${JSON.stringify(localAddress)}`);
  if (family !== 0 && family !== own) {
    throw optionsError(
      `localAddress ${localAddress} is an IPv${own} address, and family asks for IPv${family}`,
    );
  }
  return own;
}

/** A host that is an address needs no look-up. */
function literal(host: string): HostAddress | undefined {
  const family = isIP(host);
  return family === 4 || family === 6 ? { address: host, family } : undefined;
}

/** Called through the module, so that a program that replaces the system's look-up replaces ours. */
function lookUp(
  host: string,
  family: AddressFamily,
  answered: (error: Error | undefined, addresses: readonly HostAddress[]) => void,
): void {
  // As Node's own connections: no question about a family that this machine has no address of.
  const hints = family === 0 && process.platform !== 'win32' ? dns.ADDRCONFIG : 0;
  dns.lookup(host, { all: true, family, hints }, (error: Error | null, found: readonly LookupAddress[]) => {
    if (error !== null) return answered(error, []);
    answered(
      undefined,
      found.flatMap(({ address }) => literal(address) ?? []),
    );
  });
}

/** One socket on its way. */
class TcpAttempt implements OpenAttempt {
  private readonly socket: Socket;
  private readonly listener: AttemptListener;

  constructor(
    { address, family }: HostAddress,
    port: number,
    { localAddress, typeOfService }: Pick<TcpTarget, 'localAddress' | 'typeOfService'>,
    listener: AttemptListener,
  ) {
    this.listener = listener;
    this.socket = netConnect({
      host: address,
      port,
      family,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: tcpKeepAliveDelay,
      ...(localAddress === undefined ? {} : { localAddress }),
      ...(sharesReads ? { onread: sharedRead() } : {}),
    });
    if (typeOfService !== undefined) markPackets(this.socket, typeOfService);
    this.socket.once('connect', this.onConnect).on('error', this.onError).once('close', this.onClose);
  }

  abandon(): void {
    this.socket.destroy();
  }

  toLink(receiver: LinkReceiver): Link {
    const { socket } = this;
    socket.off('error', this.onError).off('close', this.onClose);
    const link = new StreamLink(socket, receiver, true);
    // Nothing listens for data where reads are shared, and nothing would flow.
    socket.resume();
    return link;
  }

  private readonly onConnect = (): void => this.listener.connected();
  private readonly onError = (error: Error): void => this.listener.failed(error);
  private readonly onClose = (): void => this.listener.closed();
}

/** A socket of a runtime that can mark packets: Node 24 and later. */
interface MarkingSocket {
  setTypeOfService?(mark: number): void;
}

/** Whether this runtime can mark packets. */
export function canMarkPackets(): boolean {
  return (Socket.prototype as MarkingSocket).setTypeOfService !== undefined;
}

/** The runtime keeps the mark until there is a connection. What the system refuses stops nothing. */
function markPackets(socket: Socket, mark: number): void {
  try {
    (socket as MarkingSocket).setTypeOfService?.(mark);
  } catch {
    // A mark is a wish.
  }
}

/** Connects to a local socket, or to a named pipe of Windows. */
export function localLink(path: string): LinkOpener {
  return (receiver) => {
    const socket = isTooLong(path) ? unconnected() : netConnect({ path });
    socket.once('connect', () => receiver.connected());
    return new StreamLink(socket, receiver, true);
  };
}

function isTooLong(path: string): boolean {
  return Buffer.byteLength(path) > longestSocketPath;
}

/** Node would connect to what lies at the beginning of the path. */
function unconnected(): Socket {
  const why = `a path of a socket has at most ${longestSocketPath} bytes`;
  return new Socket().destroy(Object.assign(new Error(why), { code: 'ENAMETOOLONG' }));
}

/**
 * Runs over a stream of the caller, which is taken as connected. Small packets
 * of a socket go out at once, as they do for those that are opened here: what
 * waits for more would wait for an answer to what it holds back.
 */
export function streamLink(stream: Duplex): LinkOpener {
  return (receiver) => {
    const link = new StreamLink(stream, receiver, false);
    if (stream instanceof Socket) stream.setNoDelay(true);
    if (stream instanceof Socket && stream.connecting) stream.once('connect', () => receiver.connected());
    else queueMicrotask(() => receiver.connected());
    return link;
  };
}

/** What is left of the write under way; Node uses it for its own timeouts and has no public name for it. */
interface SocketHandle {
  readonly writeQueueSize?: number;
}

/**
 * What is taken at once. A stream's own mark, 16 KiB on some versions of Node, is
 * less than one packet of data: there would be a turn of the event loop for each.
 */
const unsentAhead = 256 * 1024;

/** Where a stream's link is found by listeners that all streams share: closures of its own would be a third of a kilobyte. */
const linkOf = Symbol('link');

interface LinkedStream extends Duplex {
  [linkOf]?: StreamLink | undefined;
}

const listeners = {
  read(this: LinkedStream, length: number, buffer: Uint8Array): boolean {
    const receiver = this[linkOf]?.receiver;
    if (length < lendFrom) receiver?.received(buffer.slice(0, length));
    else receiver?.lent(buffer.subarray(0, length));
    return true;
  },
  data(this: LinkedStream, chunk: Uint8Array): void {
    this[linkOf]?.receiver.received(plain(chunk));
  },
  end(this: LinkedStream): void {
    this[linkOf]?.receiver.ended(undefined);
  },
  error(this: LinkedStream, error: Error): void {
    this[linkOf]?.receiver.ended(error);
  },
  close(this: LinkedStream): void {
    this[linkOf]?.closed();
  },
};

const soon: Promise<void> = Promise.resolve();

/** Links that have written in this turn. */
const corked: StreamLink[] = [];

function uncorkAll(): void {
  for (const link of corked.splice(0)) link.uncork();
}

class StreamLink implements Link {
  private readonly stream: LinkedStream;
  readonly receiver: LinkReceiver;
  private unsent = 0;
  /** Writes that are not finished. */
  private readonly writes: Uint8Array[] = [];
  private isCorked = false;
  private isClosed = false;
  /** What the stream says that it has written is with the system, and nobody reads it any more. */
  private readonly isOwnSocket: boolean;
  private known: LinkAddresses | undefined;

  constructor(stream: Duplex, receiver: LinkReceiver, isOwnSocket: boolean = false) {
    this.stream = stream;
    this.receiver = receiver;
    this.isOwnSocket = isOwnSocket;
    this.stream[linkOf] = this;
    stream.on('data', listeners.data);
    stream.on('end', listeners.end);
    stream.on('error', listeners.error);
    stream.on('close', listeners.close);
  }

  write(bytes: Uint8Array): boolean {
    if (this.stream.destroyed || this.stream.writableEnded) return false;
    this.unsent += bytes.length;
    this.writes.push(bytes);
    try {
      this.gather();
      this.stream.write(bytes, this.written);
    } catch (thrown) {
      this.broken(thrown);
    }
    return this.unsent < unsentAhead;
  }

  /** Writes are told of in their order. One function a link: one a write would be compiled anew again and again. */
  private readonly written = (error?: Error | null): void => {
    const bytes = this.writes.shift();
    if (bytes !== undefined) {
      this.unsent -= bytes.length;
      if (this.isOwnSocket && !error) giveBack([bytes]);
    }
    this.receiver.written();
  };

  /** A stream of the caller's may throw where one of Node's would emit an error: the link is broken then. */
  private guarded(step: () => void): void {
    try {
      step();
    } catch (thrown) {
      this.broken(thrown);
    }
  }

  private broken(thrown: unknown): void {
    const error = thrown instanceof Error ? thrown : new Error(String(thrown));
    // Never from within a call to the link.
    queueMicrotask(() => this.receiver.ended(error));
  }

  /** All that is written in a turn goes to the system in one call. */
  private gather(): void {
    if (this.isCorked) return;
    this.isCorked = true;
    this.stream.cork();
    if (corked.push(this) === 1) void soon.then(uncorkAll);
  }

  uncork(): void {
    this.isCorked = false;
    try {
      this.stream.uncork();
    } catch (thrown) {
      this.broken(thrown);
    }
  }

  unsentBytes(): number {
    return this.unsent;
  }

  writeBacklog(): number {
    const { _handle: handle } = this.stream as unknown as { readonly _handle?: SocketHandle | null };
    return handle?.writeQueueSize ?? this.unsent;
  }

  end(): void {
    if (!this.stream.writableEnded) this.guarded(() => this.stream.end());
  }

  destroy(): void {
    // A goodbye that was written goes out before the end.
    this.guarded(() => {
      if (this.isCorked) this.stream.uncork();
    });
    this.guarded(() => this.stream.destroy());
    // A stream of the caller need not emit `close`; a socket always does, once its handle is gone.
    if (!(this.stream instanceof Socket)) setImmediate(() => this.closed());
  }

  addresses(): LinkAddresses {
    if (this.stream instanceof Socket) {
      const { localAddress, localPort, remoteAddress, remotePort } = this.stream;
      // A socket that is destroyed has forgotten its own side, and no more than that.
      const knowsMore = localAddress !== undefined || this.known === undefined;
      if (remoteAddress !== undefined && knowsMore)
        this.known = { localAddress, localPort, remoteAddress, remotePort };
    }
    return (
      this.known ?? {
        localAddress: undefined,
        localPort: undefined,
        remoteAddress: undefined,
        remotePort: undefined,
      }
    );
  }

  closed(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    const { stream } = this;
    stream[linkOf] = undefined;
    stream.off('data', listeners.data);
    stream.off('end', listeners.end);
    stream.off('error', listeners.error);
    stream.off('close', listeners.close);
    // A stream may report an error even after it closed; it has been told already.
    stream.on('error', () => {});
    this.receiver.closed();
  }
}

/** The same memory without Buffer's methods, which share memory in calls where a Uint8Array's copy it. */
function plain(chunk: Uint8Array): Uint8Array {
  return new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}

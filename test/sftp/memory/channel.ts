/**
 * A channel between a client of SFTP and a server in memory.
 *
 * Owns: moving bytes both ways in pieces of any length, turn by turn of the event loop; waits
 * whose time the test moves.
 * Must not know: what is said.
 */
import { setImmediate as afterTurn } from 'node:timers/promises';
import { addressed } from '../../../src/base/addressed.ts';
import { SshError } from '../../../src/base/errors.ts';
import { defaultLimits, type Limits } from '../../../src/base/limits.ts';
import { type Wait, type WaitName, WaitTable } from '../../../src/base/waits.ts';
import { CallScope, type ScopeOwner } from '../../../src/endpoint/calls/callScope.ts';
import type { Clock } from '../../../src/io/clock.ts';
import { nodeFileStreams } from '../../../src/node/files/fileStreams.ts';
import { nodeLocalFiles } from '../../../src/node/files/localFiles.ts';
import type {
  CallBounds,
  CallOptions,
  ChannelListener,
  SftpChannel,
} from '../../../src/sftp/seam/channel.ts';
import type { LocalFiles } from '../../../src/sftp/seam/localFiles.ts';
import type { SftpPlatform } from '../../../src/sftp/seam/platform.ts';
import type { ServerOptions } from '../../../src/sftp/session/capabilities.ts';
import { Sftp } from '../../../src/sftp/sftp.ts';
import { MemoryFiles } from './files.ts';
import { type Manners, MemoryServer } from './server.ts';

/** What is at the other end. */
export interface Peer {
  receive(chunk: Uint8Array): void;
  /** Does one step of its own; whether there was one to do. */
  step(): boolean;
  /** The next bytes for the client. */
  takeOutput(): Uint8Array | undefined;
}

export interface ChannelManners {
  readonly identification?: string | undefined;
  /** Length of the next piece, of so many bytes that are there. */
  readonly cut?: ((length: number) => number) | undefined;
}

export class MemoryChannel implements SftpChannel {
  readonly host: string = 'memory:22';
  readonly isGivenUp: boolean = false;
  readonly remoteIdentification: string;
  readonly waits: WaitTable = new WaitTable();
  readonly closed: Promise<void>;
  /** Milliseconds, moved by the test alone. */
  time = 0;
  /** Nothing more comes from the server, and it takes nothing. */
  isSilent = false;
  isClosed = false;
  private readonly peer: Peer;
  private readonly manners: ChannelManners;
  private listener: ChannelListener | undefined;
  private readonly inbound: Uint8Array[] = [];
  private running = false;
  private resolveClosed: () => void = () => {};

  constructor(peer: Peer, manners: ChannelManners = {}) {
    this.peer = peer;
    this.manners = manners;
    this.remoteIdentification = manners.identification ?? 'SSH-2.0-OpenSSH_9.2';
    this.closed = new Promise((resolve) => {
      this.resolveClosed = resolve;
    });
  }

  addressed(error: SshError): SshError {
    return addressed(error, { host: 'memory', port: 22 });
  }

  show(): undefined {}

  now(): number {
    return this.time;
  }

  pause(): Promise<void> {
    return afterTurn();
  }

  listen(listener: ChannelListener): void {
    this.listener = listener;
  }

  take(): Uint8Array | undefined {
    return this.inbound.shift();
  }

  write(parts: readonly Uint8Array[], done: (error?: Error) => void): void {
    if (this.isClosed) return done(new Error('the channel is closed'));
    // The memory is the client's again once `done` was called.
    const copies = parts.map((part) => part.slice());
    setImmediate(() => {
      for (const copy of copies)
        for (const piece of this.cut(copy)) if (!this.isSilent) this.peer.receive(piece);
      done();
      this.run();
    });
  }

  errorOutput(): Uint8Array {
    return new Uint8Array(0);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.resolveClosed();
  }

  startWait(detail: string, onExpire: () => void): Wait {
    return this.waits.start('request', detail, this.time, 15_000, onExpire);
  }

  startCloseWait(detail: string, onExpire: () => void): Wait {
    return this.waits.start('close', detail, this.time, 5_000, onExpire);
  }

  finishWait(wait: Wait): void {
    this.waits.finish(wait);
  }

  timeoutError(wait: Wait): SshError {
    return new SshError('ERR_SSH_TIMEOUT', `timed out waiting for ${wait.detail}`, {
      origin: 'deadline',
      waitingFor: wait.name,
      elapsed: this.time - wait.since,
      deadline: wait.timeout,
    });
  }

  bounds(detail: string, { timeout = Number.POSITIVE_INFINITY, signal }: CallOptions): CallBounds {
    const owner: ScopeOwner = {
      startWait: (name: WaitName, text, milliseconds, onExpire) =>
        this.waits.start(name, text, this.time, milliseconds, onExpire),
      finishWait: (wait) => this.finishWait(wait),
      timeoutError: (wait) => this.timeoutError(wait),
      scopeEnded: () => {},
    };
    return new CallScope(owner, { name: 'request', detail, timeout, signal });
  }

  // The test's side ----------------------------------------------------------------

  /** Lets time pass. */
  pass(milliseconds: number): void {
    this.time += milliseconds;
    for (const wait of this.waits.expired(this.time)) wait.onExpire?.();
  }

  /** The connection breaks. */
  break(error: Error): void {
    this.isSilent = true;
    this.listener?.failed(error);
  }

  /** The server closes the channel in order. */
  end(): void {
    this.listener?.ended();
  }

  /** Bytes for the client, whatever they are. */
  say(...chunks: readonly Uint8Array[]): void {
    this.inbound.push(...chunks.map((chunk) => chunk.slice()));
    this.listener?.readable();
  }

  /** Has the server do what there is to do. */
  run(): void {
    if (this.running) return;
    this.running = true;
    void this.toRest().finally(() => {
      this.running = false;
    });
  }

  /** Resolves when the server has nothing more to do. */
  async rest(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet = this.running ? 0 : quiet + 1) await afterTurn();
  }

  private async toRest(): Promise<void> {
    for (;;) {
      const worked = !this.isSilent && !this.isClosed && this.peer.step();
      for (let output = this.peer.takeOutput(); output !== undefined; output = this.peer.takeOutput()) {
        if (this.isSilent || this.isClosed) continue;
        this.inbound.push(...this.cut(output));
      }
      if (this.inbound.length > 0) this.listener?.readable();
      if (!worked) return;
      await afterTurn();
    }
  }

  private cut(bytes: Uint8Array): Uint8Array[] {
    const { cut } = this.manners;
    if (cut === undefined) return [bytes.slice()];
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < bytes.length; ) {
      const length = Math.max(1, Math.min(bytes.length - at, cut(bytes.length - at)));
      pieces.push(bytes.slice(at, at + length));
      at += length;
    }
    return pieces;
  }
}

/** The clock of transfers: a pause ends at once, since no test waits. */
const hastyClock: Clock = {
  now: () => performance.now(),
  schedule: (_at, sleeper) => {
    const immediate = setImmediate(() => sleeper.due());
    return { cancel: () => clearImmediate(immediate) };
  },
  afterPoll: (callback) => {
    const immediate = setImmediate(callback);
    return { cancel: () => clearImmediate(immediate) };
  },
};

export interface MemorySession {
  readonly sftp: Sftp;
  readonly server: MemoryServer;
  readonly files: MemoryFiles;
  readonly channel: MemoryChannel;
}

export interface MemoryOptions extends Manners, ChannelManners {
  readonly files?: MemoryFiles | undefined;
  readonly limits?: Partial<Limits> | undefined;
  readonly local?: LocalFiles | undefined;
  readonly run?: SftpPlatform['run'];
  readonly server?: ServerOptions | undefined;
}

/** A client with a server in memory. */
export async function openMemory(options: MemoryOptions = {}): Promise<MemorySession> {
  const server = new MemoryServer(options.files ?? new MemoryFiles(), options);
  const peer: Peer = {
    receive: (chunk) => server.receive(chunk),
    step: () => server.step(),
    takeOutput: () => server.core.takeOutput(),
  };
  const channel = new MemoryChannel(peer, options);
  const platform: SftpPlatform = {
    clock: hastyClock,
    streams: nodeFileStreams,
    files: options.local ?? nodeLocalFiles,
    run: options.run,
  };
  const sftp = await Sftp.open(channel, { ...defaultLimits, ...options.limits }, platform, options.server);
  return { sftp, server, files: server.files, channel };
}

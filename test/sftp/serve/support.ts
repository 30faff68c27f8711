/**
 * A client and a session of this library's server, without a connection between them.
 *
 * Owns: bytes both ways, waits that the test expires, what the server reports.
 * Must not know: what is served.
 */
import { SshError } from '../../../src/base/errors.ts';
import { defaultLimits, type Limits } from '../../../src/base/limits.ts';
import { WaitTable } from '../../../src/base/waits.ts';
import type { ByteSink, ByteSource, SourceListener } from '../../../src/endpoint/streams.ts';
import { nodeFileStreams } from '../../../src/node/files/fileStreams.ts';
import { nodeLocalFiles } from '../../../src/node/files/localFiles.ts';
import { ServedSession } from '../../../src/sftp/serve/session.ts';
import type { SftpStore } from '../../../src/sftp/serve/store.ts';
import { Sftp } from '../../../src/sftp/sftp.ts';
import { MemoryChannel, type Peer } from '../memory/channel.ts';

/** What came from a client, for a session. */
export class Inbox implements ByteSource {
  private readonly chunks: Uint8Array[] = [];
  private listener: SourceListener | undefined;
  isCancelled = false;

  get length(): number {
    return this.chunks.reduce((sum, { length }) => sum + length, 0);
  }

  listen(listener: SourceListener): void {
    this.listener = listener;
    if (this.chunks.length > 0) listener.readable();
  }

  take(): Uint8Array | undefined {
    return this.chunks.shift();
  }

  cancel(): void {
    this.isCancelled = true;
  }

  push(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.listener?.readable();
  }

  end(): void {
    this.listener?.ended();
  }
}

/** What goes to a client. With `isStopped` nothing is handed on. */
export class Outbox implements ByteSink {
  readonly sent: Uint8Array[] = [];
  isStopped = false;
  private readonly held: (() => void)[] = [];
  private readonly tell: () => void;

  constructor(tell: () => void) {
    this.tell = tell;
  }

  listen(): void {}

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    const hand = (): void => {
      this.sent.push(bytes.slice());
      setImmediate(() => done());
      this.tell();
    };
    if (this.isStopped) this.held.push(hand);
    else hand();
  }

  go(): void {
    this.isStopped = false;
    for (const hand of this.held.splice(0)) hand();
  }

  end(done: (error?: Error) => void): void {
    done();
  }

  cancel(): void {}
}

export interface Served {
  readonly session: ServedSession;
  readonly inbox: Inbox;
  readonly outbox: Outbox;
  readonly waits: WaitTable;
  readonly reports: unknown[];
  /** Milliseconds pass on the server's side. */
  pass(milliseconds: number): void;
}

export interface ServedOptions {
  readonly limits?: Partial<Limits>;
  readonly identification?: string;
  readonly tell?: () => void;
  readonly permits?: (request: string) => boolean;
}

export async function serve(store: SftpStore, options: ServedOptions = {}): Promise<Served> {
  const inbox = new Inbox();
  const outbox = new Outbox(options.tell ?? (() => {}));
  const waits = new WaitTable();
  const reports: unknown[] = [];
  let now = 0;
  const aborter = new AbortController();
  const session = new ServedSession({
    source: inbox,
    sink: outbox,
    store: await store.begin({ username: 'ops', signal: aborter.signal }),
    limits: { ...defaultLimits, ...options.limits },
    symlinkOrder: 'target',
    permits: options.permits,
    date: () => Date.UTC(2024, 5, 1),
    startWait: (detail, onExpire) => waits.start('request', detail, now, 15_000, onExpire),
    finishWait: (wait) => waits.finish(wait),
    timeoutError: (wait) => new SshError('ERR_SSH_TIMEOUT', wait.detail, { origin: 'deadline' }),
    report: (error) => reports.push(error),
  });
  void session.ended.then((cause) => aborter.abort(cause));
  session.start();
  const pass = (milliseconds: number): void => {
    now += milliseconds;
    for (const wait of waits.expired(now)) wait.onExpire?.();
  };
  return { session, inbox, outbox, waits, reports, pass };
}

export interface ServedClient extends Served {
  readonly sftp: Sftp;
  readonly channel: MemoryChannel;
}

/** The same with a client of this library at the other end. */
export async function connectTo(store: SftpStore, options: ServedOptions = {}): Promise<ServedClient> {
  let channel: MemoryChannel | undefined;
  // A turn later: a run that is about to end would not see it.
  const served = await serve(store, { ...options, tell: () => void setImmediate(() => channel?.run()) });
  const peer: Peer = {
    receive: (chunk) => served.inbox.push(chunk),
    step: () => false,
    takeOutput: () => served.outbox.sent.shift(),
  };
  channel = new MemoryChannel(peer);
  const platform = {
    clock: { now: () => performance.now(), schedule: notUsed, afterPoll: notUsed },
    streams: nodeFileStreams,
    files: nodeLocalFiles,
    run: undefined,
  };
  const sftp = await Sftp.open(channel, defaultLimits, platform);
  return { ...served, sftp, channel };
}

function notUsed(): never {
  throw new Error('no timer is wanted here');
}

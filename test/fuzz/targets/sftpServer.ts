/**
 * A session of SFTP on a server, on a store in memory, against whatever a client sends.
 *
 * Owns: what a client asks, in valid requests and in bytes of any kind; handlers that hang,
 * a client that takes no answers, time; the laws of the session: one answer for each request,
 * answers of READs and WRITEs in their order, one end, bounds, nothing left open.
 * Must not know: engines.
 */
import { MemoryStore } from '../../../examples/memoryStore.ts';
import { SshError } from '../../../src/base/errors.ts';
import { defaultLimits } from '../../../src/base/limits.ts';
import { WaitTable } from '../../../src/base/waits.ts';
import type { ByteSink, ByteSource, SourceListener } from '../../../src/endpoint/streams.ts';
import type { FileAttributes } from '../../../src/sftp/packet/attributes.ts';
import * as extensions from '../../../src/sftp/packet/extensions.ts';
import { decodeResponse, encodeInit, encodeRequest } from '../../../src/sftp/packet/frame.ts';
import type { SftpRequest } from '../../../src/sftp/packet/requests.ts';
import { type SftpHandlers, serveFiles } from '../../../src/sftp/serve/handlers.ts';
import { ServedSession } from '../../../src/sftp/serve/session.ts';
import { requestRows } from '../../sftp/packets.ts';
import { decodeRecords, encodeRecords, type FuzzRecord } from '../records.ts';
import { type FuzzTarget, fine, fingerprintOf, law, type Verdict } from '../target.ts';

/** What a record does. */
export const operations = {
  bytes: 0,
  ask: 1,
  example: 2,
  time: 3,
  stop: 4,
  go: 5,
  hang: 6,
  release: 7,
  end: 8,
} as const;

const limits = {
  ...defaultLimits,
  sftpPacketLength: 40_000,
  sftpRequests: 8,
  sftpHandles: 5,
  sftpNameLength: 300,
  sftpBytesInFlight: 100_000,
};
const mostRecords = 60;
/** Bytes of answers that a session may hold for a client that takes none: its bound and what is made at once. */
const mostAnswers = 6 * 1024 * 1024;

/** For engines that take a function. */
export async function fuzz(data: Uint8Array): Promise<void> {
  await examine(data);
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const handlers = [
  ...['readdir', 'stat', 'lstat', 'setAttributes', 'unlink', 'mkdir', 'rmdir'],
  ...['rename', 'readlink', 'symlink', 'link', 'realpath', 'statfs'],
];

/** Handlers that hang while the input wants it, and count what is open. */
class Gate {
  opened = 0;
  closed = 0;
  hangs = false;
  private readonly held: (() => void)[] = [];

  /** What hangs goes on: in the order of the calls, or the last ones first. */
  release(isReversed: boolean): void {
    this.hangs = false;
    const held = this.held.splice(0);
    for (const go of isReversed ? held.reverse() : held) go();
  }

  handlers(): SftpHandlers {
    const store = new MemoryStore(256 * 1024);
    const gated = Object.fromEntries(handlers.map((name) => [name, this.gated(store, name)]));
    return {
      ...(gated as SftpHandlers),
      open: async (path, how) => {
        await this.pass();
        const file = store.open(path, how);
        this.opened++;
        const close = async (): Promise<void> => {
          await this.pass();
          this.closed++;
        };
        const calls = Object.keys(file).map((name) => [name, this.gated(file, name)]);
        return { ...Object.fromEntries(calls), close };
      },
    };
  }

  private gated(of: object, name: string): (...given: unknown[]) => Promise<unknown> {
    return async (...given) => {
      await this.pass();
      return (Reflect.get(of, name) as (...given: unknown[]) => unknown).apply(of, given);
    };
  }

  private pass(): Promise<void> {
    return this.hangs ? new Promise((resolve) => this.held.push(resolve)) : Promise.resolve();
  }
}

class Client implements ByteSource, ByteSink {
  /** Bytes that were handed on. */
  readonly answers: Uint8Array[] = [];
  isStopped = false;
  private readonly chunks: Uint8Array[] = [];
  private readonly held: (() => void)[] = [];
  private heldBytes = 0;
  private source: SourceListener | undefined;

  listen(listener: SourceListener | ((error: Error) => void)): void {
    if (typeof listener !== 'function') this.source = listener;
  }
  take(): Uint8Array | undefined {
    return this.chunks.shift();
  }
  cancel(): void {
    this.chunks.length = 0;
  }
  push(chunk: Uint8Array): void {
    this.chunks.push(chunk);
    this.source?.readable();
  }
  finish(): void {
    this.source?.ended();
  }

  write(bytes: Uint8Array, done: (error?: Error) => void): void {
    this.heldBytes += bytes.length;
    law(this.heldBytes < mostAnswers, 'more answers than may be held');
    this.held.push(() => {
      this.heldBytes -= bytes.length;
      this.answers.push(bytes.slice());
      done();
    });
    if (!this.isStopped) queueMicrotask(() => this.go());
  }
  end(done: (error?: Error) => void): void {
    done();
  }
  go(): void {
    if (!this.isStopped) for (const hand of this.held.splice(0)) hand();
  }
}

/** Requests whose answers keep an order, by the id: READs and WRITEs of a handle. */
type Row = `${'read' | 'write'} ${number}`;

class Player {
  readonly told: string[] = [];
  private readonly gate = new Gate();
  private readonly client = new Client();
  private readonly waits = new WaitTable();
  private readonly rows = new Map<number, Row>();
  private readonly cut: boolean;
  private now = 0;
  private nextId = 1;
  /** Bytes came that nobody counts requests in. */
  private isWild = false;
  private isOver = false;
  private ends = 0;
  private cause: SshError | undefined;
  private fault: unknown;
  private session: ServedSession | undefined;

  constructor(cut: boolean) {
    this.cut = cut;
  }

  async begin(isGreeted: boolean): Promise<void> {
    const store = serveFiles(this.gate.handlers());
    const session = new ServedSession({
      source: this.client,
      sink: this.client,
      store: await store.begin({ username: 'ops', signal: new AbortController().signal }),
      limits,
      symlinkOrder: 'target',
      date: () => 0,
      startWait: (detail, onExpire) => this.waits.start('request', detail, this.now, 15_000, onExpire),
      finishWait: (wait) => this.waits.finish(wait),
      timeoutError: (wait) => new SshError('ERR_SSH_TIMEOUT', wait.detail, { origin: 'deadline' }),
      report: (error) => this.report(error),
    });
    this.session = session;
    void session.ended.then((cause) => {
      this.ends++;
      this.cause = cause;
    });
    session.start();
    if (isGreeted) this.client.push(encodeInit({ version: 3, extensions: [] }));
    else this.isWild = true;
    await turn();
  }

  async play({ operation, payload }: FuzzRecord): Promise<void> {
    const { client, gate } = this;
    const [first = 0] = payload;
    switch (operation % 9) {
      case operations.bytes:
        this.isWild = true;
        this.receive(payload);
        break;
      case operations.ask:
        for (let i = 0; i <= (first >> 6) * 3; i++) this.ask(requestOf(first & 0x3f, payload));
        break;
      case operations.example:
        this.ask((requestRows[first % requestRows.length] as (typeof requestRows)[number]).example);
        break;
      case operations.time:
        this.now += first * 100;
        for (const wait of this.waits.expired(this.now)) wait.onExpire?.();
        break;
      case operations.stop:
        client.isStopped = true;
        break;
      case operations.go:
        client.isStopped = false;
        client.go();
        break;
      case operations.hang:
        // Calls that hang already go on to do so.
        gate.hangs = (first & 1) === 0;
        break;
      case operations.release:
        gate.release((first & 1) === 1);
        break;
      default:
        this.isOver = true;
        client.finish();
    }
    await turn();
    this.look();
  }

  async finish(): Promise<Verdict> {
    const { client, gate } = this;
    client.isStopped = false;
    client.go();
    gate.release(false);
    await turn();
    client.finish();
    // Each turn hands on answers and makes room for requests that wait.
    for (let i = 0; i < 20 + this.nextId && (this.ends === 0 || gate.closed < gate.opened); i++) await turn();
    this.look();
    law(this.ends === 1, `${this.ends} ends`);
    law(this.waits.size === 0, 'a wait that is left');
    law(gate.opened === gate.closed, 'a file that is left open');
    law(this.session?.snapshot(false).openHandles === 0, 'a handle that is left');
    this.checkAnswers();
    const { code, phase } = this.cause as SshError;
    law(code !== 'ERR_SSH_INTERNAL', 'a fault of its own');
    return code === 'ERR_SSH_CHANNEL_CLOSED' ? fine : { code, phase };
  }

  private receive(bytes: Uint8Array): void {
    const middle = this.cut ? bytes.length >> 1 : 0;
    for (const piece of [bytes.slice(0, middle), bytes.slice(middle)])
      if (piece.length > 0) this.client.push(piece);
  }

  private ask(body: SftpRequest): void {
    if (this.isOver) return;
    const id = this.nextId++;
    if (body.kind === 'read' || body.kind === 'write') {
      const [last = 0] = body.handle.slice(-1);
      this.rows.set(id, `${body.kind} ${last}`);
    }
    this.receive(encodeRequest(id, body));
  }

  /** A client that breaks the rules, time that ran out, and what the store says: nothing else is told. */
  private report(error: unknown): void {
    if (error instanceof SshError && error.code !== 'ERR_SSH_INTERNAL') return;
    const isOfStore = error instanceof Error && /^E[A-Z]+$/.test(String(Reflect.get(error, 'code')));
    if (!isOfStore) this.fault ??= error;
  }

  private look(): void {
    if (this.fault !== undefined) throw this.fault;
    const { requests = 0, queuedRequests = 0, openHandles = 0 } = this.session?.snapshot(true) ?? {};
    law(requests + queuedRequests <= limits.sftpRequests, 'more requests than are allowed');
    law(openHandles <= limits.sftpHandles, 'more handles than are allowed');
    law(this.waits.size <= requests, 'a wait without a request');
  }

  private checkAnswers(): void {
    const sent = Buffer.concat(this.client.answers);
    const answered = new Map<number, number>();
    const last = new Map<Row, number>();
    for (let at = 0, index = 0; at < sent.length; index++) {
      const length = sent.readUInt32BE(at);
      const packet = sent.subarray(at + 4, at + 4 + length);
      law(packet.length === length && length <= limits.sftpPacketLength, 'a packet that is no whole one');
      at += 4 + length;
      law((index === 0) === (packet[0] === 2), 'a VERSION in another place than the first');
      if (index === 0) continue;
      const { id, body } = decodeResponse(packet);
      const text = body.kind === 'data' ? fingerprintOf(body) : body.kind;
      this.told.push(`${id} ${body.kind === 'status' ? `status ${body.errorCode}` : text}`);
      answered.set(id, (answered.get(id) ?? 0) + 1);
      const row = this.rows.get(id);
      if (row === undefined || this.isWild) continue;
      law((last.get(row) ?? 0) < id, `an answer to a ${row.split(' ')[0]} that overtakes another`);
      last.set(row, id);
    }
    if (this.isWild) return;
    law(
      [...answered.values()].every((count) => count === 1),
      'two answers to a request',
    );
    // Work that hangs may end the session.
    if (this.cause?.code === 'ERR_SSH_CHANNEL_CLOSED') {
      law(answered.size === this.nextId - 1, 'a request without an answer');
    } else law(this.cause?.code === 'ERR_SSH_TIMEOUT', 'an end that a true client does not bring about');
  }
}

const paths = [
  '/',
  '/a',
  '/b',
  '/a/c',
  '/a/d',
  'a/../b',
  '/l',
  '.',
  '',
  '~',
  '~/a',
  '/none/x',
  `/${'n'.repeat(299)}`,
];
const pathAt = (index: number): Uint8Array => new Uint8Array(Buffer.from(paths[index % paths.length] ?? ''));

function attributesAt(seed: number): FileAttributes {
  return {
    size: (seed & 1) === 0 ? undefined : BigInt(seed * 10),
    permissions: (seed & 2) === 0 ? undefined : seed * 7,
    ...((seed & 4) === 0 ? {} : { uid: seed, gid: seed }),
    ...((seed & 8) === 0 ? {} : { atime: seed, mtime: seed }),
  };
}

/** A valid request: its kind, two paths or a handle, a place, and bytes. */
function requestOf(kind: number, [, one = 0, two = 0, place = 0, ...rest]: Uint8Array): SftpRequest {
  const [path, other] = [pathAt(one), pathAt(two)];
  const handle = Uint8Array.of(0, 0, 0, one % 8);
  const otherHandle = Uint8Array.of(0, 0, 0, two % 8);
  const offset = place === 0xff ? 2n ** 63n + BigInt(two) : BigInt(place * 100);
  const attrs = attributesAt(place);
  const extended = (extendedRequest: string, payload: Uint8Array): SftpRequest => ({
    kind: 'extended',
    extendedRequest,
    payload,
  });
  const twoPaths = extensions.twoPaths.toBytes({ oldpath: path, newpath: other });
  const onePath = extensions.onePath.toBytes({ path });
  const oneHandle = extensions.oneHandle.toBytes({ handle });
  const requests: readonly (() => SftpRequest)[] = [
    () => ({ kind: 'open', filename: path, pflags: two, attrs }),
    () => ({ kind: 'open', filename: path, pflags: 0x1b, attrs }),
    () => ({ kind: 'close', handle }),
    () => ({ kind: 'read', handle, offset, length: two * 300 }),
    () => ({ kind: 'write', handle, offset, data: Uint8Array.from(rest) }),
    () => ({ kind: 'write', handle, offset, data: new Uint8Array(two * 100) }),
    () => ({ kind: 'lstat', path }),
    () => ({ kind: 'stat', path }),
    () => ({ kind: 'fstat', handle }),
    () => ({ kind: 'setstat', path, attrs }),
    () => ({ kind: 'fsetstat', handle, attrs }),
    () => ({ kind: 'opendir', path }),
    () => ({ kind: 'readdir', handle }),
    () => ({ kind: 'remove', filename: path }),
    () => ({ kind: 'mkdir', path, attrs }),
    () => ({ kind: 'rmdir', path }),
    () => ({ kind: 'realpath', path }),
    () => ({ kind: 'rename', oldpath: path, newpath: other }),
    () => ({ kind: 'readlink', path }),
    () => ({ kind: 'symlink', first: other, second: path }),
    () => extended('posix-rename@openssh.com', twoPaths),
    () => extended('hardlink@openssh.com', twoPaths),
    () => extended('statvfs@openssh.com', onePath),
    () => extended('expand-path@openssh.com', onePath),
    () => extended('fstatvfs@openssh.com', oneHandle),
    () => extended('fsync@openssh.com', oneHandle),
    () => extended('lsetstat@openssh.com', extensions.lsetstat.toBytes({ path, attrs })),
    () => extended('limits@openssh.com', new Uint8Array(0)),
    () => extended('home-directory', extensions.homeDirectory.toBytes({ username: path })),
    () =>
      extended(
        'copy-data',
        extensions.copyData.toBytes({
          readFromHandle: handle,
          readFromOffset: offset,
          readDataLength: BigInt(rest.length * 1000),
          writeToHandle: otherHandle,
          writeToOffset: 0n,
        }),
      ),
    () => extended('users-groups-by-id@openssh.com', Uint8Array.from(rest)),
    () => extended('of-nobody', Uint8Array.from(rest)),
  ];
  return (requests[kind % requests.length] as () => SftpRequest)();
}

async function examine(data: Uint8Array): Promise<Verdict> {
  const isGreeted = ((data[0] ?? 0) & 1) === 0;
  const records = decodeRecords(data, 1).slice(0, mostRecords);
  let unhandled: unknown;
  const onUnhandled = (error: unknown): void => {
    unhandled ??= error ?? 'nothing';
  };
  process.on('unhandledRejection', onUnhandled);
  try {
    const told: string[] = [];
    let verdict = fine;
    for (const cut of [false, true]) {
      const player = new Player(cut);
      await player.begin(isGreeted);
      for (const record of records) await player.play(record);
      verdict = await player.finish();
      told.push(player.told.join('\n'));
    }
    if (unhandled !== undefined) throw unhandled;
    // What is not sent yet when a client breaks the rules is not sent any more.
    const [whole = '', pieces = ''] = told;
    law(verdict === fine ? whole === pieces : pieces.startsWith(whole), 'pieces matter');
    return verdict;
  } finally {
    process.off('unhandledRejection', onUnhandled);
  }
}

const { bytes, ask, example, time, stop, go, hang, release, end } = operations;
const record = (operation: number, ...payload: readonly number[]): FuzzRecord => ({
  operation,
  payload: Uint8Array.from(payload),
});
const [openFile, close, read, write, listing, readdir, mkdir, rename, copy] = [
  1, 2, 3, 5, 11, 12, 14, 17, 29,
];
const burst = 0xc0;

export const sftpServer: FuzzTarget = {
  name: 'sftpServer',
  shape: 'records',
  examine,
  seeds: () => [
    encodeRecords(1, [record(bytes, ...encodeInit({ version: 3, extensions: [] })), record(end)]),
    encodeRecords(0, [record(bytes, 0, 0, 0, 1), record(end)]),
    encodeRecords(
      0,
      requestRows.map((_, index) => record(example, index)),
    ),
    encodeRecords(
      0,
      Array.from({ length: 32 }, (_, kind) => record(ask, kind, 1, 2, 3, 4, 5)),
    ),
    encodeRecords(0, [
      record(ask, openFile, 1),
      record(ask, burst | write, 1, 100, 1),
      record(hang),
      record(ask, burst | read, 1, 100, 0),
      record(time, 100),
      record(release),
      record(ask, burst | read, 1, 100, 0),
      record(time, 100),
      record(ask, close, 1),
      record(end),
    ]),
    encodeRecords(0, [
      record(stop),
      record(ask, mkdir, 1),
      record(ask, openFile, 3),
      record(ask, openFile, 2),
      record(ask, copy, 1, 2, 0),
      record(ask, listing, 1),
      record(ask, burst | readdir, 3),
      record(go),
      record(ask, rename, 1, 6),
      record(ask, close, 3),
    ]),
    encodeRecords(0, [
      record(ask, openFile, 1),
      record(ask, write, 1, 100, 1),
      record(hang),
      record(ask, read, 1, 100, 0),
      record(hang, 1),
      record(ask, burst | read, 1, 100, 0),
      record(time, 160),
      record(ask, burst | read, 1, 100, 0),
      record(release, 1),
    ]),
    encodeRecords(0, [record(hang), record(ask, openFile, 1), record(bytes, 0, 0, 0, 0), record(release)]),
    encodeRecords(0, [
      record(hang),
      record(ask, burst | mkdir, 1),
      record(time, 160),
      record(end),
      record(release),
    ]),
  ],
  stepBudget: 20_000_000,
  dictionary: ['copy-data', 'limits@openssh.com', 'fsync@openssh.com'],
};

/**
 * Several streams and notes over one local socket, between two programs of one user.
 *
 * Owns: the frames, and that of each stream no more is under way than its reader has
 * granted, so that one that is not read holds up neither the others nor the notes.
 * Must not know: what the streams are, what the notes say.
 */
import type { Socket } from 'node:net';
import { Readable, Writable } from 'node:stream';
import { SshError } from '../../../base/errors.ts';

/** Bytes of a stream that may be under way. */
const window = 256 * 1024;
/** Bytes of a frame. */
const mostBytes = 32 * 1024;
const longestNote = 16 * 1024;
/** Bytes that a stream holds for its reader before it grants no more. */
const buffered = 64 * 1024;
/** A kind, the number of a stream, a length. */
const headerLength = 6;

const kinds = { data: 0, end: 1, credit: 2, note: 3 } as const;

export class Duct {
  /** Resolves once the socket is gone. */
  readonly closed: Promise<void>;
  private readonly socket: Socket;
  private readonly readers = new Map<number, DuctReader>();
  private readonly writers = new Map<number, DuctWriter>();
  private readonly onNote: (note: unknown) => void;
  private held: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, onNote: (note: unknown) => void) {
    this.socket = socket;
    this.onNote = onNote;
    this.closed = new Promise<void>((resolve) => {
      if (socket.closed) resolve();
      else socket.once('close', () => resolve());
    }).then(() => this.broken());
    socket.on('error', () => socket.destroy());
    socket.on('data', (bytes: Buffer) => this.receive(bytes));
    // Neither side is of use to the other once it takes no more.
    socket.once('end', () => socket.destroy());
    socket.resume();
  }

  /** What comes on a stream. */
  reader(stream: number): Readable {
    const reader = new DuctReader((bytes) => this.send(kinds.credit, stream, lengthOf(bytes)));
    this.readers.set(stream, reader);
    return reader;
  }

  /** What goes on a stream. */
  writer(stream: number): Writable {
    const writer = new DuctWriter((bytes) =>
      bytes === undefined
        ? this.send(kinds.end, stream, Buffer.alloc(0))
        : this.send(kinds.data, stream, bytes),
    );
    this.writers.set(stream, writer);
    return writer;
  }

  /** Says something beside the streams, in order with them. */
  note(note: object): void {
    this.send(kinds.note, 0, Buffer.from(JSON.stringify(note)));
  }

  /** Nothing more is said. Resolves once what was said is sent, or the socket is gone. */
  async end(): Promise<void> {
    const sent = new Promise<void>((resolve) => this.socket.end(resolve));
    await Promise.race([sent, this.closed]);
  }

  destroy(): void {
    this.socket.destroy();
  }

  private send(kind: number, stream: number, payload: Uint8Array): void {
    if (this.socket.destroyed || this.socket.writableEnded) return;
    const header = Buffer.alloc(headerLength);
    header.writeUInt8(kind, 0);
    header.writeUInt8(stream, 1);
    header.writeUInt32BE(payload.length, 2);
    this.socket.cork();
    this.socket.write(header);
    this.socket.write(payload);
    this.socket.uncork();
  }

  private receive(bytes: Buffer): void {
    this.held = this.held.length === 0 ? bytes : Buffer.concat([this.held, bytes]);
    let at = 0;
    while (this.held.length - at >= headerLength) {
      const length = this.held.readUInt32BE(at + 2);
      if (length > mostBytes) return this.destroy();
      const end = at + headerLength + length;
      if (end > this.held.length) break;
      const payload = this.held.subarray(at + headerLength, end);
      if (!this.take(this.held.readUInt8(at), this.held.readUInt8(at + 1), payload)) return this.destroy();
      at = end;
    }
    this.held = this.held.subarray(at);
  }

  /** @returns whether it is a frame */
  private take(kind: number, stream: number, payload: Buffer): boolean {
    switch (kind) {
      case kinds.data:
        return this.readers.get(stream)?.receive(payload) ?? false;
      case kinds.end:
        this.readers.get(stream)?.receiveEnd();
        return true;
      case kinds.credit:
        // Of what was granted all has been read, so no more than a window of each stream can wait here.
        if (payload.length !== 4 || this.socket.writableLength > (this.writers.size + 1) * window)
          return false;
        return this.writers.get(stream)?.grant(payload.readUInt32BE(0)) ?? true;
      case kinds.note: {
        const note = payload.length > longestNote ? undefined : parsed(payload);
        if (note === undefined) return false;
        this.onNote(note);
        return true;
      }
      default:
        return false;
    }
  }

  private broken(): void {
    for (const stream of [...this.readers.values(), ...this.writers.values()]) stream.broken();
  }
}

/** One stream that comes. */
class DuctReader extends Readable {
  private readonly grant: (bytes: number) => void;
  /** Bytes that the other side may still send. */
  private allowed = window;
  /** Bytes that came and are not granted again yet. */
  private owed = 0;
  private hasEnded = false;

  constructor(grant: (bytes: number) => void) {
    super({ highWaterMark: buffered });
    this.grant = grant;
    // The reader gets it. Where there is none, it must not end this program.
    this.on('error', () => {});
  }

  /** @returns whether that much was granted */
  receive(bytes: Buffer): boolean {
    if (bytes.length > this.allowed || this.hasEnded) return false;
    this.allowed -= bytes.length;
    this.owed += bytes.length;
    if (this.destroyed) this.payBack();
    // A copy: the frame lies in the buffer of a read, which others share.
    else this.push(Buffer.from(bytes));
    return true;
  }

  receiveEnd(): void {
    this.hasEnded = true;
    if (!this.destroyed) this.push(null);
  }

  broken(): void {
    if (!this.hasEnded) this.destroy(goneError());
  }

  override _read(): void {
    this.payBack();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.payBack();
    done(error);
  }

  private payBack(): void {
    if (this.owed === 0) return;
    this.allowed += this.owed;
    this.grant(this.owed);
    this.owed = 0;
  }
}

/** One stream that goes. */
class DuctWriter extends Writable {
  private readonly send: (bytes: Uint8Array | undefined) => void;
  private credit = window;
  private waiting: { bytes: Uint8Array; readonly done: () => void } | undefined;

  constructor(send: (bytes: Uint8Array | undefined) => void) {
    super({ highWaterMark: buffered, decodeStrings: true });
    this.send = send;
    this.on('error', () => {});
  }

  /** @returns whether that much was under way: who grants more would have it all held here */
  grant(bytes: number): boolean {
    if (this.credit + bytes > window) return false;
    this.credit += bytes;
    this.pump();
    return true;
  }

  broken(): void {
    if (!this.writableFinished) this.destroy(goneError());
  }

  override _write(bytes: Buffer, _encoding: string, done: () => void): void {
    this.waiting = { bytes, done };
    this.pump();
  }

  override _final(done: () => void): void {
    this.send(undefined);
    done();
  }

  private pump(): void {
    const { waiting } = this;
    if (waiting === undefined) return;
    while (waiting.bytes.length > 0 && this.credit > 0) {
      const piece = waiting.bytes.subarray(0, Math.min(this.credit, mostBytes));
      waiting.bytes = waiting.bytes.subarray(piece.length);
      this.credit -= piece.length;
      this.send(piece);
    }
    if (waiting.bytes.length > 0) return;
    this.waiting = undefined;
    waiting.done();
  }
}

/** The other program is not there any more. */
export function goneError(): SshError {
  return new SshError('ERR_SSH_CONNECTION_LOST', 'the program whose connection is shared has ended', {
    phase: 'connection',
    origin: 'local',
  });
}

function lengthOf(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return payload;
}

function parsed(payload: Buffer): unknown {
  try {
    return JSON.parse(payload.toString('utf8')) as unknown;
  } catch {
    return undefined;
  }
}

/**
 * A connection in which the server's bytes can be held back.
 *
 * Owns: the stream between a socket and the server behind it.
 * Must not know: SSH, when to hold back.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';

/** What becomes of bytes on their way to the client: how many get through, and whether that was all. */
export interface Verdict {
  readonly pass: number;
  readonly hangUp?: boolean;
}

/** Asked about each chunk, by its length. */
export type Judge = (length: number) => Verdict;

export class Tap extends Duplex {
  private readonly socket: Socket;
  private readonly judge: Judge;

  constructor(socket: Socket, judge: Judge) {
    super();
    this.socket = socket;
    this.judge = judge;
    socket.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on('end', () => this.push(null));
    socket.on('error', () => this.destroy());
    socket.on('close', () => this.destroy());
  }

  override _read(): void {
    this.socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    const { pass, hangUp = false } = this.judge(chunk.length);
    if (pass > 0) this.socket.write(chunk.subarray(0, pass), done);
    else done();
    if (hangUp) this.socket.end();
  }

  override _final(done: (error?: Error | null) => void): void {
    this.socket.end(() => done());
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.socket.destroy();
    done(error);
  }
}

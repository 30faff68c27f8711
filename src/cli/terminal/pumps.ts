/**
 * Bytes between the standard streams of this process and those of a remote one.
 *
 * Owns: back-pressure in both directions, the end of input, the collecting of
 * output within a bound.
 * Must not know: terminals, what the bytes mean.
 */
import type { Readable, Writable } from 'node:stream';
import { SshError } from '../../base/errors.ts';

/** Anybody who read our output has gone. */
export class BrokenPipe extends Error {
  constructor() {
    super('nobody reads the output any more');
    this.name = 'BrokenPipe';
  }
}

/** Output cannot be written: the disk is full, the device fails. */
export class OutputFault extends Error {
  constructor(cause: Error) {
    super(`the output cannot be written: ${cause.message}`, { cause });
    this.name = 'OutputFault';
  }
}

/** Where output goes. */
export interface OutputSink {
  /** Resolves when more may be written. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves when all has been handed on. */
  flush(): Promise<void>;
}

/**
 * Moves output to its sink at the pace of the sink. Resolves at its end.
 *
 * @throws BrokenPipe, OutputFault; the cause of the connection's end
 */
export async function pumpOutput(source: Readable, sink: OutputSink): Promise<void> {
  for await (const chunk of source) await sink.write(chunk as Uint8Array);
  await sink.flush();
}

/** A standard stream as a sink. Its `error` has a listener from now on. */
export function streamSink(stream: Writable): OutputSink {
  let fault: Error | undefined;
  let wake: () => void = () => {};
  stream.on('error', (error: NodeJS.ErrnoException) => {
    fault = error.code === 'EPIPE' || error.code === 'EIO' ? new BrokenPipe() : new OutputFault(error);
    wake();
  });
  // An error does not always reach the callback of a write, so both are waited for.
  const wait = (begin: (done: () => void) => void): Promise<void> =>
    new Promise((resolve, reject) => {
      const settle = (): void => (fault === undefined ? resolve() : reject(fault));
      wake = settle;
      if (fault === undefined) begin(settle);
      else settle();
    });
  return {
    write: (chunk) =>
      wait((done) => {
        if (stream.write(chunk)) done();
        else stream.once('drain', done);
      }),
    flush: () => wait((done) => void stream.write('', () => done())),
  };
}

/** Holds output back while a person types a line to this program; the peer is held back by its window then. */
export class OutputGate {
  private waiting: (() => void)[] | undefined;

  /** What is written to the sink waits from now on. */
  close(): void {
    this.waiting ??= [];
  }

  open(): void {
    const { waiting = [] } = this;
    this.waiting = undefined;
    for (const go of waiting) go();
  }

  before(sink: OutputSink): OutputSink {
    return {
      write: async (chunk) => {
        while (this.waiting !== undefined) await new Promise<void>((resolve) => this.waiting?.push(resolve));
        await sink.write(chunk);
      },
      flush: () => sink.flush(),
    };
  }
}

/** Writes a text of this program itself, to the last byte. */
export async function printText(sink: OutputSink, text: string): Promise<void> {
  await sink.write(Buffer.from(text));
  await sink.flush();
}

/** Output that is kept, up to a bound that several may share. */
export class CollectingSink implements OutputSink {
  private readonly chunks: Uint8Array[] = [];
  private readonly budget: { left: number };

  /** @param budget bytes that may still come */
  constructor(budget: { left: number }) {
    this.budget = budget;
  }

  async write(chunk: Uint8Array): Promise<void> {
    this.budget.left -= chunk.length;
    if (this.budget.left < 0) {
      throw new SshError(
        'ERR_SSH_MAX_BUFFER',
        'the command wrote more than --json can hold; without it output is passed on as it comes',
        { origin: 'user' },
      );
    }
    this.chunks.push(chunk);
  }

  async flush(): Promise<void> {}

  get bytes(): Uint8Array {
    return Buffer.concat(this.chunks);
  }
}

/** Where input goes: bytes are written on, anything else has been taken care of. */
export type InputFilter = (chunk: Uint8Array) => readonly Uint8Array[];

/**
 * Moves input on until it ends, the process takes no more, or the returned
 * function is called. A process that ends without reading its input is no fault.
 */
export function pumpInput(source: Readable, sink: Writable, filter: InputFilter): () => void {
  const resume = (): void => void source.resume();
  const take = (chunk: Uint8Array): void => {
    let more = true;
    for (const piece of filter(chunk)) more = sink.write(piece);
    if (more || sink.destroyed) return;
    source.pause();
    sink.once('drain', resume);
  };
  const end = (): void => {
    stop();
    sink.end();
  };
  const stop = (): void => {
    source.off('data', take);
    source.off('end', end);
    source.off('error', end);
    sink.off('drain', resume);
    sink.off('close', stop);
    source.pause();
  };
  source.on('data', take);
  source.once('end', end);
  source.once('error', end);
  sink.once('close', stop);
  return stop;
}

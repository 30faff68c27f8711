/**
 * The two streams that the old protocol of scp runs over.
 *
 * Owns: lines and counted bytes of what comes, the deadline of each wait for it; the acknowledgements.
 * Must not know: what lines mean.
 */
import type { Readable, Writable } from 'node:stream';
import { SshError } from '../../../base/errors.ts';
import { type ByteText, fromBytes, shown, toBytes } from '../../files/byteText.ts';

/** Bytes of a line: a name has 4,096 at most. */
const longestLine = 8_192;

export interface PipeParts {
  readonly input: Readable;
  readonly output: Writable;
  /** Milliseconds for each piece that is waited for; `Infinity` where the other side has the time it wants. */
  readonly timeout: number;
  /** What messages call the other side. */
  readonly host: string;
  readonly signal: AbortSignal;
}

export class RcpPipe {
  readonly host: string;
  private readonly parts: PipeParts;
  private readonly chunks: AsyncIterator<unknown>;
  private rest: Uint8Array = new Uint8Array(0);
  private outputFault: Error | undefined;

  constructor(parts: PipeParts) {
    this.parts = parts;
    this.host = parts.host;
    this.chunks = parts.input[Symbol.asyncIterator]();
    parts.output.on('error', (error) => {
      this.outputFault = error;
    });
  }

  /** The next line without its end; undefined at the end of the input. */
  async line(): Promise<ByteText | undefined> {
    let line = '';
    for (;;) {
      const at = this.rest.indexOf(0x0a);
      const piece = this.rest.subarray(0, at < 0 ? undefined : at);
      line += fromBytes(piece);
      this.rest = this.rest.subarray(at < 0 ? this.rest.length : at + 1);
      if (line.length > longestLine) throw this.broken(`it sent a line of more than ${longestLine} bytes`);
      if (at >= 0) return line;
      if (!(await this.more())) {
        if (line === '') return undefined;
        throw this.broken(`it ended within a line: "${shown(line.slice(0, 100))}"`);
      }
    }
  }

  /** The next bytes, at most so many. @throws SshError the input has ended */
  async bytes(most: number): Promise<Uint8Array> {
    if (this.rest.length === 0 && !(await this.more())) throw this.broken('it ended within a file');
    const taken = this.rest.subarray(0, most);
    this.rest = this.rest.subarray(taken.length);
    return taken;
  }

  /** Resolves when more may be written. */
  async write(data: ByteText | Uint8Array): Promise<void> {
    const { output, signal } = this.parts;
    if (this.outputFault !== undefined) throw this.outputFault;
    const bytes = typeof data === 'string' ? toBytes(data) : data;
    if (output.write(bytes)) return;
    await this.bounded(
      new Promise<void>((resolve, reject) => {
        output.once('drain', resolve);
        output.once('close', () => reject(this.broken('it takes no more')));
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      }),
    );
  }

  /** This side has taken what came. */
  accept(): Promise<void> {
    return this.write('\0');
  }

  /**
   * The other side's answer to what this side sent: undefined where it was taken, and else why not.
   *
   * @throws SshError it was not, and nothing more will be
   */
  async answer(): Promise<string | undefined> {
    const [byte] = await this.bytes(1);
    if (byte === 0) return undefined;
    const rest = (await this.line()) ?? '';
    if (byte === 1) return shown(rest);
    if (byte === 2) throw this.broken(`it gave up: ${shown(rest)}`);
    throw this.broken(
      `it sent "${shown(String.fromCharCode(byte ?? 0) + rest.slice(0, 100))}", which is no answer`,
    );
  }

  /** An error of the other side. */
  broken(problem: string): SshError {
    return new SshError('ERR_SSH_TRANSFER', `scp on ${this.host}: ${problem}`, { origin: 'peer' });
  }

  end(): void {
    this.parts.output.end();
  }

  private async more(): Promise<boolean> {
    const { done, value } = await this.bounded(this.chunks.next());
    if (done === true) return false;
    this.rest = value as Uint8Array;
    return true;
  }

  /** Within the deadline of one wait. */
  private bounded<T>(promise: Promise<T>): Promise<T> {
    const { timeout, signal } = this.parts;
    return new Promise((resolve, reject) => {
      const isBounded = timeout !== Number.POSITIVE_INFINITY;
      const timer = isBounded ? setTimeout(() => reject(this.overdue()), timeout) : undefined;
      const abort = (): void => reject(signal.reason);
      signal.addEventListener('abort', abort, { once: true });
      if (signal.aborted) abort();
      promise.then(resolve, reject).finally(() => {
        clearTimeout(timer);
        signal.removeEventListener('abort', abort);
      });
    });
  }

  private overdue(): SshError {
    const { timeout } = this.parts;
    return new SshError('ERR_SSH_TIMEOUT', `scp on ${this.host} did not answer within ${timeout} ms`, {
      phase: 'connection',
      origin: 'peer',
      waitingFor: 'request',
      deadline: timeout,
      elapsed: timeout,
    });
  }
}

/**
 * Lines of a file or of a pipe, as they come.
 *
 * Owns: where a line ends, and how long one may be.
 * Must not know: what lines mean, terminals.
 */
import type { Readable } from 'node:stream';
import { optionsError } from '../../base/optionChecks.ts';
import { type ByteText, fromBytes } from '../files/byteText.ts';

/** Where lines come from. */
export interface LineSource {
  /** The next line, without its end; undefined where there is none. */
  next(): Promise<ByteText | undefined>;
  close(): void;
}

/** Bytes of a line; no command is that long. */
const longestLine = 64 * 1024;

export class StreamLines implements LineSource {
  private readonly stream: Readable;
  private readonly lines: AsyncIterator<ByteText>;

  constructor(stream: Readable) {
    this.stream = stream;
    this.lines = linesOf(stream);
  }

  /** @throws SshError `ERR_SSH_OPTIONS` a line without end; what reading failed with */
  async next(): Promise<ByteText | undefined> {
    const { done, value } = await this.lines.next();
    return done === true ? undefined : value;
  }

  close(): void {
    this.stream.destroy();
  }
}

async function* linesOf(stream: AsyncIterable<unknown>): AsyncGenerator<ByteText, undefined> {
  let rest = '';
  for await (const chunk of stream) {
    const lines = `${rest}${fromBytes(chunk as Uint8Array)}`.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine)
      throw optionsError(`a line of the input has more than ${longestLine} bytes`);
    yield* lines;
  }
  if (rest !== '') yield rest;
}

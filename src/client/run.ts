/**
 * Running a command to its end.
 *
 * Owns: the collecting of output within a bound, the feeding of input.
 * Must not know: channels beyond their port.
 */
import { concatBytes, latin1Decode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { ChannelPort } from './channelPort.ts';
import { asBytes, optionsError } from './optionErrors.ts';
import type { ByteSource } from './streams.ts';

/** Input of a command: all of it, or pieces as they come. */
export type RunInput =
  | string
  | Uint8Array
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>;

/** Bytes of output held for one command, stdout and stderr together. */
export const defaultMaxBuffer: number = 64 * 1024 * 1024;

/** What a command wrote. */
export interface Output {
  readonly stdout: Uint8Array;
  readonly stderr: Uint8Array;
}

/**
 * Collects both streams until both have ended.
 *
 * @throws SshError `ERR_SSH_MAX_BUFFER`, or the cause of the connection's end
 */
export async function collectOutput(port: ChannelPort, maxBuffer: number): Promise<Output> {
  let total = 0;
  const add = (length: number): void => {
    total += length;
    if (total > maxBuffer) {
      throw new SshError('ERR_SSH_MAX_BUFFER', `the command wrote more than maxBuffer, ${maxBuffer} bytes`, {
        origin: 'user',
      });
    }
  };
  const [stdout, stderr] = await Promise.all([collect(port.data, add), collect(port.extended, add)]);
  return { stdout, stderr };
}

function collect(source: ByteSource, add: (length: number) => void): Promise<Uint8Array> {
  const pieces: Uint8Array[] = [];
  return new Promise((resolve, reject) => {
    const drain = (): void => {
      for (let piece = source.take(); piece !== undefined; piece = source.take()) {
        pieces.push(piece);
        add(piece.length);
      }
    };
    const guarded = (step: () => void): void => {
      try {
        step();
      } catch (error) {
        reject(error);
      }
    };
    source.listen({
      readable: () => guarded(drain),
      ended: () =>
        guarded(() => {
          drain();
          resolve(concatBytes(...pieces));
        }),
      failed: reject,
      aborted: reject,
    });
  });
}

/** Writes the input and ends the stream behind it. A command that does not read to the end is no fault. */
export async function feedInput(port: ChannelPort, input: RunInput | undefined): Promise<void> {
  const { outbound } = port;
  const write = (bytes: Uint8Array): Promise<boolean> =>
    new Promise((resolve) => outbound.write(bytes, (error) => resolve(error === undefined)));
  const end = (): Promise<void> => new Promise((resolve) => outbound.end(() => resolve()));
  if (input === undefined) return end();
  const pieces = typeof input === 'string' || input instanceof Uint8Array ? [input] : input;
  for await (const piece of pieces) {
    if (typeof piece !== 'string' && !(piece instanceof Uint8Array)) {
      throw optionsError('input must be text, bytes, or an iterable of these');
    }
    if (!(await write(asBytes(piece)))) return;
  }
  await end();
}

/** Text of output; `latin1` keeps one character a byte. */
export function decodeOutput(bytes: Uint8Array, encoding: 'utf8' | 'latin1'): string {
  return encoding === 'utf8'
    ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes)
    : latin1Decode(bytes);
}

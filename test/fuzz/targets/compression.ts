/**
 * The compressed stream that a peer sends, and the one that this side makes.
 *
 * Owns: that zlib says the same, that the pieces in which a stream comes do not
 * matter, that nothing grows beyond the limit, that compressing is undone.
 * Must not know: engines, packets.
 */
import { constants, deflateSync, inflateSync } from 'node:zlib';
import { concatBytes } from '../../../src/base/bytes.ts';
import { SshError } from '../../../src/base/errors.ts';
import { Deflater } from '../../../src/packet/deflate.ts';
import { Inflater } from '../../../src/packet/inflate.ts';
import { noise } from '../../packet/support.ts';
import { withFirst } from '../corpus.ts';
import { type FuzzTarget, fine, law, type Verdict, verdictOf } from '../target.ts';

/** Bytes that one packet may become. */
const limit = 64 * 1024;
const synced = { finishFlush: constants.Z_SYNC_FLUSH };
/** The stream says that its window is the largest there is, as ours takes it to be. */
const largestWindow = 7;

interface Inflated {
  readonly bytes: Uint8Array;
  readonly error: unknown;
}

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const bytes = data.slice(1);
  checkDeflater(bytes.subarray(0, 8192));
  const whole = inflate(bytes, bytes.length);
  const pieces = inflate(bytes, 1 + ((data[0] ?? 0) % 64));
  const verdict = whole.error === undefined ? fine : verdictOf(whole.error);
  const isBounded = [whole, pieces].some(
    ({ error }) => error instanceof SshError && error.code === 'ERR_SSH_LIMIT',
  );
  if (!isBounded) {
    law((whole.error === undefined) === (pieces.error === undefined), 'the pieces of a stream matter');
    if (whole.error === undefined)
      law(Buffer.compare(whole.bytes, pieces.bytes) === 0, 'pieces become other bytes');
    if ((bytes[0] ?? 0) >> 4 === largestWindow) checkAgainstZlib(bytes, whole);
  }
  return verdict;
}

function inflate(bytes: Uint8Array, size: number): Inflated {
  const inflater = new Inflater(limit);
  const parts: Uint8Array[] = [];
  try {
    for (let at = 0; at < bytes.length; at += size) {
      const part = inflater.inflate(bytes, at, Math.min(bytes.length, at + size));
      law(part.length <= limit, 'more than the limit');
      parts.push(part);
    }
  } catch (error) {
    verdictOf(error);
    return { bytes: concatBytes(...parts), error };
  }
  return { bytes: concatBytes(...parts), error: undefined };
}

/** A last block aside, which a stream of SSH never has. */
function checkAgainstZlib(bytes: Uint8Array, ours: Inflated): void {
  if (ours.error instanceof Error && /it ends where/.test(ours.error.message)) return;
  let theirs: Uint8Array | undefined;
  try {
    theirs = inflateSync(bytes, synced);
  } catch {
    theirs = undefined;
  }
  if (ours.error !== undefined) {
    // Of a code that stands for nothing zlib says so when it is used, which here may be never.
    const sure = inflate(bytes, 1).bytes;
    law(theirs === undefined || Buffer.compare(theirs, sure) === 0, 'zlib takes what is refused');
  } else {
    // A code that cannot be is known here once as many bits are there as the longest has.
    const more = concatBytes(bytes, new Uint8Array(4));
    law(theirs !== undefined || inflate(more, more.length).error !== undefined, 'zlib refuses what is taken');
    if (theirs !== undefined) law(Buffer.compare(theirs, ours.bytes) === 0, 'zlib has other bytes');
  }
}

function checkDeflater(bytes: Uint8Array): void {
  const deflater = new Deflater();
  const inflater = new Inflater(limit);
  const streams: Uint8Array[] = [];
  const middle = bytes.length >> 1;
  for (const part of [bytes.subarray(0, middle), bytes.subarray(middle)]) {
    const piece = deflater.deflate(part, 0, part.length).slice();
    law(
      Buffer.compare(inflater.inflate(piece, 0, piece.length), part) === 0,
      'what is deflated is not inflated',
    );
    streams.push(piece);
  }
  law(
    Buffer.compare(inflateSync(concatBytes(...streams), synced), bytes) === 0,
    'zlib inflates something else',
  );
}

/** What zlib makes of texts and noise, with every kind of block. */
function seeds(): readonly Uint8Array[] {
  const text = Buffer.from('total 48\ndrwxr-xr-x 2 root root 4096 Jan 1 00:00 .\n'.repeat(12));
  const options = [
    {},
    { level: 0 },
    { level: 1 },
    { strategy: constants.Z_FIXED },
    { strategy: constants.Z_HUFFMAN_ONLY },
    { strategy: constants.Z_RLE },
  ];
  return options.flatMap((option, index) =>
    [text, noise(300, index), Buffer.alloc(5000)].map((plain) =>
      withFirst(index * 7, new Uint8Array(deflateSync(plain, { ...option, ...synced }))),
    ),
  );
}

export const compression: FuzzTarget = {
  name: 'compression',
  shape: 'wire',
  examine,
  seeds,
  dictionary: ['\x78\x9c', '\0\0\xff\xff', '\x02\0'],
  stepBudget: 100_000_000,
};

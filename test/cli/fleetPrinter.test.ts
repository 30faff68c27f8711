/** What `fleet` shows on a terminal: lines behind their host, escaped a piece at a time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { escapeText, utf8Decode } from '../../src/base/bytes.ts';
import { type HostResult, LinePrinter } from '../../src/cli/fleet/fleetPrinter.ts';
import { Messages } from '../../src/cli/messages.ts';
import { memoryInUse } from '../support/heap.ts';

function resultOf(stdout: Uint8Array): HostResult {
  return {
    ok: true,
    index: 0,
    target: 'host',
    elapsed: 1,
    timings: {},
    code: 0,
    signal: undefined,
    stdout,
    stderr: new Uint8Array(0),
  } as unknown as HostResult;
}

/** Prints a command's output, and hands on each piece that is written. */
async function print(
  stdout: Uint8Array,
  isTerminal: boolean,
  take: (piece: Uint8Array) => void,
): Promise<void> {
  const sink = async (piece: Uint8Array): Promise<void> => take(piece);
  const printer = new LinePrinter({
    output: sink,
    errors: sink,
    messages: new Messages({ write: () => true }),
    outputIsTerminal: isTerminal,
    errorsAreTerminal: isTerminal,
  });
  await printer.host({ label: 'host' } as Parameters<LinePrinter['host']>[0], resultOf(stdout));
}

async function printed(stdout: Uint8Array, isTerminal: boolean): Promise<string> {
  const pieces: Uint8Array[] = [];
  await print(stdout, isTerminal, (piece) => void pieces.push(piece));
  return Buffer.concat(pieces).toString();
}

/** All of it at once: what the pieces have to add up to. */
function expected(stdout: Uint8Array): string {
  const lines = utf8Decode(stdout).split('\n');
  if (lines.at(-1) === '') lines.pop();
  const shown = (line: string): string =>
    line
      .replace(/\r$/, '')
      .split('\t')
      .map((part) => escapeText(part, Number.POSITIVE_INFINITY))
      .join('\t');
  return lines.map((line) => `host: ${shown(line)}\n`).join('');
}

describe('lines of a host', () => {
  it('are the same in pieces as all at once, wherever a piece ends', async () => {
    const pieceLength = 64 * 1024;
    const near = fc.integer({ min: pieceLength - 6, max: pieceLength + 6 });
    const end = fc.oneof(
      fc.uint8Array({ maxLength: 16 }),
      fc
        .array(fc.constantFrom('😀', 'é', '\u0800', '\x1b', '\t', '\r', '\n', 'x'), { maxLength: 8 })
        .map((parts) => Buffer.from(parts.join(''))),
      fc
        .array(fc.constantFrom(0x80, 0xbf, 0xf0, 0xe2, 0x41), { maxLength: 12 })
        .map((bytes) => Uint8Array.from(bytes)),
    );
    await fc.assert(
      fc.asyncProperty(near, end, async (length, rest) => {
        const stdout = Buffer.concat([Buffer.alloc(length, 'a'), rest]);
        expect(await printed(stdout, true)).toBe(expected(stdout));
      }),
    );
  });

  it('are not changed where they go to a file', async () => {
    expect(await printed(Buffer.from('a\x1b[0m\r\nb'), false)).toBe('host: a\x1b[0m\r\nhost: b\n');
  });

  it('that are long are never held escaped: one of 8 MB that becomes 32 takes a few', async () => {
    const stdout = new Uint8Array(8_000_000).fill(0x1b);
    const before = memoryInUse();
    let written = 0;
    let pieces = 0;
    let peak = 0;
    await print(stdout, true, (piece) => {
      written += piece.length;
      if (pieces++ % 16 === 0) peak = Math.max(peak, memoryInUse() - before);
    });
    expect(written).toBe('host: '.length + 4 * stdout.length + 1);
    expect(peak).toBeLessThan(4_000_000);
  });
});

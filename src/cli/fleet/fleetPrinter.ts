/**
 * What `fleet` prints for each host, and at the end.
 *
 * Owns: lines behind the name of their host for people, objects for programs.
 * Must not know: how results come about.
 */
import { escapeText, utf8Decode, utf8Encode } from '../../base/bytes.ts';
import type { FleetResult } from '../../client/fleet/runOnAll.ts';
import { messageOf } from '../errorWords.ts';
import { exitVerdict } from '../exitStatus.ts';
import { duration, tenths } from '../figures.ts';
import type { Messages } from '../messages.ts';
import { encodedOutput, jsonLine } from '../remote/jsonReport.ts';
import { type FleetSummary, stageOf } from './fleetSummary.ts';
import type { ListedHost } from './hostsFile.ts';

export type HostResult = FleetResult<unknown, Uint8Array>;

/** Where it goes. */
export interface FleetSinks {
  /** Resolves when more may be written. */
  output(bytes: Uint8Array): Promise<void>;
  /** What commands wrote to their standard error. */
  errors(bytes: Uint8Array): Promise<void>;
  readonly messages: Messages;
  /** Whether these two are terminals, which a host's output must not be able to steer. */
  readonly outputIsTerminal: boolean;
  readonly errorsAreTerminal: boolean;
}

export interface FleetPrinter {
  host(host: ListedHost, result: HostResult): Promise<void>;
  /** @param unfinished hosts that came to no result, as the run was ended before */
  end(summary: FleetSummary, elapsed: number, unfinished: number): Promise<void>;
}

/** For people. */
export class LinePrinter implements FleetPrinter {
  private readonly sinks: FleetSinks;

  constructor(sinks: FleetSinks) {
    this.sinks = sinks;
  }

  async host({ label }: ListedHost, result: HostResult): Promise<void> {
    const { sinks } = this;
    const { stdout, stderr } = outputOf(result);
    for (const piece of prefixed(label, stdout, sinks.outputIsTerminal ? escaped : unchanged))
      await sinks.output(piece);
    for (const piece of prefixed(label, stderr, sinks.errorsAreTerminal ? escaped : unchanged))
      await sinks.errors(piece);
    if (!result.ok) {
      sinks.messages.say(`${label}: ${messageOf(result.error)} (${duration(result.elapsed)})`);
      return;
    }
    const { status, message } = exitVerdict(result);
    if (status !== 0) sinks.messages.say(`${label}: ${message ?? `the command ended with status ${status}`}`);
  }

  async end(summary: FleetSummary, elapsed: number, unfinished: number): Promise<void> {
    const { messages } = this.sinks;
    if (summary.hosts > 0) messages.block(`\n${summary.table()}`);
    messages.say(summary.verdict(elapsed));
    if (unfinished > 0) messages.say(`ended early: ${unfinished} more had no result yet`);
  }
}

/** For programs: an object a line. */
export class JsonPrinter implements FleetPrinter {
  private readonly sinks: FleetSinks;

  constructor(sinks: FleetSinks) {
    this.sinks = sinks;
  }

  host({ label }: ListedHost, result: HostResult): Promise<void> {
    return this.print({
      host: label,
      ...(result.ok ? { result: success(result) } : { error: failure(result) }),
    });
  }

  end(summary: FleetSummary, elapsed: number, unfinished: number): Promise<void> {
    const { hosts, succeeded, ended, failed, phases } = summary;
    const counts = { hosts: hosts + unfinished, succeeded, otherStatus: ended, failed, unfinished };
    return this.print({ summary: { ...counts, elapsed: tenths(elapsed), phases } });
  }

  private print(value: object): Promise<void> {
    return this.sinks.output(Buffer.from(`${jsonLine(value)}\n`));
  }
}

function success(result: HostResult & { readonly ok: true }): object {
  return {
    code: result.code,
    signal: result.signal,
    ...shownOutput(result),
    timings: timings(result),
  };
}

function shownOutput(result: HostResult): object {
  const output = outputOf(result);
  const [stdout, stderr] = [encodedOutput(output.stdout), encodedOutput(output.stderr)];
  return {
    stdout: stdout.text,
    stdoutEncoding: stdout.encoding,
    stderr: stderr.text,
    stderrEncoding: stderr.encoding,
  };
}

/** What the command wrote, if only until it failed; nothing where it was never begun. */
function outputOf(result: HostResult): { readonly stdout: Uint8Array; readonly stderr: Uint8Array } {
  if (result.ok) return result;
  const { stdout, stderr } = result.error;
  return { stdout: bytesOf(stdout), stderr: bytesOf(stderr) };
}

function bytesOf(output: string | Uint8Array | undefined): Uint8Array {
  return output instanceof Uint8Array ? output : utf8Encode(output ?? '');
}

function failure(result: HostResult & { readonly ok: false }): object {
  const { code, origin, waitingFor, deadline, remoteIdentification } = result.error;
  return {
    code,
    phase: stageOf(result.error),
    origin,
    waitingFor,
    deadline,
    elapsed: tenths(result.elapsed),
    remoteIdentification,
    message: messageOf(result.error),
    ...shownOutput(result),
    timings: timings(result),
  };
}

function timings(result: HostResult): object {
  const entries = Object.entries({ ...result.timings, total: result.elapsed });
  return Object.fromEntries(entries.map(([phase, time]) => [phase, tenths(time)]));
}

/**
 * Each line behind the name of its host; the last one is ended where it was not.
 * In pieces, since an escaped line may be many times as long as what came.
 */
function* prefixed(
  label: string,
  bytes: Uint8Array,
  shown: (line: Uint8Array) => Iterable<Uint8Array>,
): Generator<Uint8Array> {
  const prefix = Buffer.from(`${label}: `);
  let pieces: Uint8Array[] = [];
  let length = 0;
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    for (const part of linePieces(prefix, shown(bytes.subarray(start, end)))) {
      pieces.push(part);
      length += part.length;
      if (length < pieceLength) continue;
      yield Buffer.concat(pieces);
      pieces = [];
      length = 0;
    }
    start = end + 1;
  }
  if (length > 0) yield Buffer.concat(pieces);
}

function* linePieces(prefix: Uint8Array, line: Iterable<Uint8Array>): Generator<Uint8Array> {
  yield prefix;
  yield* line;
  yield lineFeed;
}

const lineFeed = Uint8Array.of(0x0a);

/** What is decoded, and what is written, at once. */
const pieceLength = 64 * 1024;

/** Tabs align columns, a return before the line feed is a habit; neither is shown as an escape. */
function* escaped(line: Uint8Array): Generator<Uint8Array> {
  const end = line.at(-1) === 0x0d ? line.length - 1 : line.length;
  for (let start = 0; start < end; ) {
    const cut = characterEnd(line, Math.min(end, start + pieceLength), end);
    const parts = utf8Decode(line.subarray(start, cut)).split('\t');
    yield Buffer.from(parts.map((part) => escapeText(part, Number.POSITIVE_INFINITY)).join('\t'));
    start = cut;
  }
}

/** Where a character begins, at `near` or a few bytes before it. No character has more than three bytes behind its first. */
function characterEnd(line: Uint8Array, near: number, end: number): number {
  if (near === end) return end;
  for (let at = near; at > near - 4; at--) {
    if (((line[at] as number) & 0xc0) !== 0x80) return at;
  }
  return near;
}

function unchanged(line: Uint8Array): Iterable<Uint8Array> {
  return [line];
}

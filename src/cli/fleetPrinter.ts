/**
 * What `fleet` prints for each host, and at the end.
 *
 * Owns: lines behind the name of their host for people, objects for programs.
 * Must not know: how results come about.
 */
import { messageAlone } from '../base/addressed.ts';
import { escapeText, utf8Decode } from '../base/bytes.ts';
import type { FleetResult } from '../client/runOnAll.ts';
import { exitVerdict } from './exitStatus.ts';
import { duration, type FleetSummary, stageOf } from './fleetSummary.ts';
import type { ListedHost } from './hostsFile.ts';
import { encodedOutput, jsonLine } from './jsonReport.ts';
import type { Messages } from './messages.ts';

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
    if (!result.ok) {
      sinks.messages.say(`${label}: ${messageAlone(result.error)} (${duration(result.elapsed)})`);
      return;
    }
    const { stdout, stderr } = result;
    if (stdout.length > 0)
      await sinks.output(prefixed(label, stdout, sinks.outputIsTerminal ? escaped : unchanged));
    if (stderr.length > 0)
      await sinks.errors(prefixed(label, stderr, sinks.errorsAreTerminal ? escaped : unchanged));
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
    return this.print({ summary: { ...counts, elapsed: rounded(elapsed), phases } });
  }

  private print(value: object): Promise<void> {
    return this.sinks.output(Buffer.from(`${jsonLine(value)}\n`));
  }
}

function success(result: HostResult & { readonly ok: true }): object {
  const [stdout, stderr] = [encodedOutput(result.stdout), encodedOutput(result.stderr)];
  return {
    code: result.code,
    signal: result.signal,
    stdout: stdout.text,
    stdoutEncoding: stdout.encoding,
    stderr: stderr.text,
    stderrEncoding: stderr.encoding,
    timings: timings(result),
  };
}

function failure(result: HostResult & { readonly ok: false }): object {
  const { code, origin, waitingFor, deadline, remoteIdentification, message } = result.error;
  return {
    code,
    phase: stageOf(result.error),
    origin,
    waitingFor,
    deadline,
    elapsed: rounded(result.elapsed),
    remoteIdentification,
    message,
    timings: timings(result),
  };
}

function timings(result: HostResult): object {
  const entries = Object.entries({ ...result.timings, total: result.elapsed });
  return Object.fromEntries(entries.map(([phase, time]) => [phase, rounded(time)]));
}

/** Each line behind the name of its host; the last one is ended where it was not. */
function prefixed(label: string, bytes: Uint8Array, shown: (line: Uint8Array) => Uint8Array): Uint8Array {
  const prefix = Buffer.from(`${label}: `);
  const pieces: Uint8Array[] = [];
  for (let start = 0; start < bytes.length; ) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline;
    const line = bytes.subarray(start, end);
    pieces.push(prefix, shown(line), lineFeed);
    start = end + 1;
  }
  return Buffer.concat(pieces);
}

const lineFeed = Uint8Array.of(0x0a);

/** Tabs align columns, a return before the line feed is a habit; neither is shown as an escape. */
function escaped(line: Uint8Array): Uint8Array {
  const text = utf8Decode(line).replace(/\r$/, '');
  const parts = text.split('\t').map((part) => escapeText(part, Number.POSITIVE_INFINITY));
  return Buffer.from(parts.join('\t'));
}

function unchanged(line: Uint8Array): Uint8Array {
  return line;
}

function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10;
}

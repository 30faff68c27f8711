/**
 * `deadline-ssh bench`: a server measured, once for each cipher.
 *
 * Owns: the order of things, the table, the lines of --json.
 * Must not know: how any single figure is measured.
 */
import { SshError } from '../../base/errors.ts';
import { dial } from '../connection/dial.ts';
import { TerminalPerson } from '../connection/person.ts';
import { resolveLine } from '../connection/resolution.ts';
import { type Timings, Trace } from '../connection/trace.ts';
import { messageOf } from '../errorWords.ts';
import { brokenPipeStatus, failureStatus } from '../exitStatus.ts';
import { aligned } from '../figures.ts';
import { Interruption } from '../interruption.ts';
import { Messages } from '../messages.ts';
import { jsonError, jsonLine } from '../remote/jsonReport.ts';
import { besideStatus } from '../terminal/besideStatus.ts';
import { BrokenPipe, OutputFault, type OutputSink, printText, streamSink } from '../terminal/pumps.ts';
import { StatusLine } from '../terminal/statusLine.ts';
import { type BenchArguments, benchHelp, parseBenchArguments } from './benchArguments.ts';
import { type Figures, measure } from './benchMeasure.ts';

/** @returns the exit status */
export async function run(argv: readonly string[]): Promise<number> {
  const messages = new Messages(process.stderr);
  try {
    const args = parseBenchArguments(argv);
    if (args.mode === 'bench') return await new BenchCommand(args).run();
    process.stdout.write(benchHelp);
    return 0;
  } catch (error) {
    if (error instanceof BrokenPipe) return brokenPipeStatus;
    if (!(error instanceof SshError || error instanceof OutputFault)) throw error;
    messages.say(messageOf(error));
    return failureStatus;
  }
}

interface Row {
  readonly cipher: string;
  readonly timings: Timings;
  readonly figures: Figures;
}

class BenchCommand {
  private readonly args: BenchArguments;
  private readonly interruption = new Interruption();
  private readonly output: OutputSink = streamSink(process.stdout);
  private step = '';
  private readonly status: StatusLine = new StatusLine(
    process.stderr.isTTY ? process.stderr : undefined,
    () => this.step,
  );
  private readonly messages: Messages = new Messages({
    write: (line) => {
      this.status.clear();
      return process.stderr.write(line);
    },
  });

  constructor(args: BenchArguments) {
    this.args = args;
  }

  async run(): Promise<number> {
    const { args, interruption } = this;
    const stopWatching = interruption.watch();
    this.status.start();
    const rows: Row[] = [];
    try {
      for (const cipher of args.ciphers) {
        const row = await this.row(cipher);
        if (interruption.status !== undefined) return interruption.status;
        if (row !== undefined) rows.push(row);
      }
    } finally {
      this.status.stop();
      stopWatching();
    }
    if (!args.json && rows.length > 0) await printText(this.output, table(rows));
    return rows.length === args.ciphers.length ? 0 : failureStatus;
  }

  /** Undefined where it could not be measured; why has been said. */
  private async row(cipher: string): Promise<Row | undefined> {
    const trace = new Trace(0, this.messages);
    const stopTrace = trace.watch();
    try {
      const figures = await this.figures(cipher, trace);
      const { timings } = trace;
      if (this.args.json) await this.printJson({ cipher, result: { timings, ...figures } });
      return { cipher, timings, figures };
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      const { timings, elapsed, bytesReceived } = trace;
      if (this.args.json) {
        const report = JSON.parse(jsonError(error, { timings, elapsed, bytesReceived })) as object;
        await this.printJson({ cipher, ...report });
      } else if (this.interruption.cause === undefined) {
        this.messages.say(`${cipher}: ${messageOf(error).replaceAll('\n', '; ')}`);
      }
      return undefined;
    } finally {
      stopTrace();
    }
  }

  private async figures(cipher: string, trace: Trace): Promise<Figures> {
    const { args, interruption, messages } = this;
    const { signal } = interruption;
    this.progress(cipher, 'connecting', 0);
    const person = TerminalPerson.find(() => interruption.interrupt('SIGINT'));
    try {
      const options = { algorithms: { cipher: [cipher] }, crypto: args.crypto };
      const context = { person: besideStatus(this.status, person), trace, messages, signal, options };
      const resolved = await resolveLine(args.dial, context);
      const client = await dial(resolved, { ...context, timeout: args.dial.timeout });
      try {
        return await measure(client, {
          size: args.size,
          timeout: args.stepTimeout,
          signal,
          progress: (what, done) => this.progress(cipher, what, done),
        });
      } finally {
        await client.close();
      }
    } finally {
      person?.close();
    }
  }

  private printJson(value: object): Promise<void> {
    return printText(this.output, `${jsonLine(value)}\n`);
  }

  private progress(cipher: string, what: string, done: number): void {
    this.step = `${cipher}: ${what} ${Math.floor(100 * done)} %`;
  }
}

const columns: readonly (readonly [string, (row: Row) => string])[] = [
  ['cipher', ({ cipher }) => cipher],
  ['connect ms', ({ timings }) => shown(timings.connect)],
  ['identification ms', ({ timings }) => shown(timings.identification)],
  ['key exchange ms', ({ timings }) => shown(timings.keyExchange)],
  ['authentication ms', ({ timings }) => shown(timings.authentication)],
  ['round trip ms', ({ figures }) => figures.roundTrip.toFixed(2)],
  ['download MB/s', ({ figures }) => shown(figures.download)],
  ['upload MB/s', ({ figures }) => shown(figures.upload)],
];

function table(rows: readonly Row[]): string {
  const cells = [columns.map(([title]) => title), ...rows.map((row) => columns.map(([, cell]) => cell(row)))];
  return aligned(cells, (column) => column === 0);
}

function shown(value: number | undefined): string {
  return value === undefined ? '–' : value.toFixed(1);
}

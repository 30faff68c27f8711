/**
 * `deadline-ssh fleet`: one command on many hosts, from the list to the exit status.
 *
 * Owns: the order of things, and what is refused before anything is run.
 * Must not know: how the list is read, how results are printed, how dials are bounded.
 */
import { readFile } from 'node:fs/promises';
import { addAbortSignal } from 'node:stream';
import { text } from 'node:stream/consumers';
import { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { reasonOf } from '../../base/shortage.ts';
import type { AuthMethod } from '../../client/authentication/methods.ts';
import type { ConnectOptions } from '../../client/dial/options.ts';
import { createRunOnAll } from '../../client/fleet/runOnAll.ts';
import { liveConnections } from '../../io/registry.ts';
import { nodePlatform } from '../../node/platform.ts';
import { authenticationOrder } from '../connection/credentials.ts';
import { defaultIdentities, defaultIdentityFiles, namedIdentities } from '../connection/identities.ts';
import { type Person, TerminalPerson } from '../connection/person.ts';
import { messageOf } from '../errorWords.ts';
import { brokenPipeStatus, failureStatus } from '../exitStatus.ts';
import { duration } from '../figures.ts';
import { Interruption } from '../interruption.ts';
import { Messages } from '../messages.ts';
import { besideStatus } from '../terminal/besideStatus.ts';
import { BrokenPipe, OutputFault, type OutputSink, streamSink } from '../terminal/pumps.ts';
import { StatusLine } from '../terminal/statusLine.ts';
import { type FleetArguments, fleetHelp, parseFleetArguments } from './fleetArguments.ts';
import { type FleetPrinter, JsonPrinter, LinePrinter } from './fleetPrinter.ts';
import { FleetSummary, hostCount } from './fleetSummary.ts';
import { type HostsList, type LineRemark, type ListedHost, parseHostsList } from './hostsFile.ts';

/** Remarks about lines that are shown; the rest is counted. */
const shownRemarks = 20;
/** Milliseconds for goodbyes. */
const closeTimeout = 2_000;

/** @returns the exit status */
export async function run(argv: readonly string[]): Promise<number> {
  const messages = new Messages(process.stderr);
  try {
    const args = parseFleetArguments(argv);
    if (args.mode === 'fleet') return await new FleetCommand(args).run();
    process.stdout.write(fleetHelp);
    return 0;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    messages.say(messageOf(error));
    return failureStatus;
  }
}

class FleetCommand {
  private readonly args: FleetArguments;
  private readonly interruption = new Interruption();
  private readonly summary = new FleetSummary();
  private readonly started: number = performance.now();
  private readonly status: StatusLine = new StatusLine(
    process.stderr.isTTY ? process.stderr : undefined,
    () => this.statusText(),
  );
  /** Whatever is said, the status line makes room first. */
  private readonly messages: Messages = new Messages({
    write: (line) => {
      this.status.clear();
      return process.stderr.write(line);
    },
  });
  private hosts: readonly ListedHost[] = [];

  constructor(args: FleetArguments) {
    this.args = args;
  }

  /** @throws SshError for what keeps everything from running */
  async run(): Promise<number> {
    const stopWatching = this.interruption.watch();
    const person = TerminalPerson.find(() => this.interruption.interrupt('SIGINT'));
    try {
      this.hosts = this.checked(await this.readList());
      const auth = await this.credentials(person);
      this.status.start();
      return await this.runOn(auth);
    } catch (error) {
      if (error instanceof BrokenPipe) return brokenPipeStatus;
      if (error instanceof OutputFault) {
        this.messages.say(error.message);
        return failureStatus;
      }
      const { status } = this.interruption;
      if (status === undefined) throw error;
      return status;
    } finally {
      this.status.stop();
      person?.close();
      stopWatching();
    }
  }

  // Before ---------------------------------------------------------------------------

  private async readList(): Promise<HostsList> {
    const { file, port = 22 } = this.args;
    const username = this.args.username ?? nodePlatform.localUser();
    if (username === undefined) {
      throw optionsError('this system does not tell who you are; name a user with -l');
    }
    return parseHostsList(await readText(file, this.interruption.signal), { port, username });
  }

  /** The hosts to run on, after all that is odd about the list has been said. */
  private checked({ hosts, bad, duplicates }: HostsList): readonly ListedHost[] {
    const { file, skipBadLines } = this.args;
    this.remark(duplicates, 'and the command runs there once');
    this.remark(bad, skipBadLines ? 'skipped' : '');
    if (bad.length > 0 && !skipBadLines) {
      const lines = bad.length === 1 ? '1 bad line' : `${bad.length} bad lines`;
      throw optionsError(
        `nothing was run: ${shownName(file)} has ${lines}; --skip-bad-lines runs on the rest`,
      );
    }
    if (hosts.length === 0) throw optionsError(`there are no hosts in ${shownName(file)}`);
    return hosts;
  }

  private remark(remarks: readonly LineRemark[], consequence: string): void {
    const name = shownName(this.args.file);
    for (const { line, message } of remarks.slice(0, shownRemarks)) {
      this.messages.say(`${name}:${line}: ${message}${consequence === '' ? '' : `; ${consequence}`}`);
    }
    const more = remarks.length - shownRemarks;
    if (more > 0) this.messages.say(`${name}: ${more} more lines like that`);
  }

  private async credentials(person: Person | undefined): Promise<readonly AuthMethod[]> {
    const { identities } = this.args;
    const asked = besideStatus(this.status, person);
    const warn = (line: string): void => this.messages.say(line);
    const keys =
      identities.length > 0
        ? await namedIdentities(identities, { person: asked, hasAgent: false, warn })
        : await defaultIdentities(defaultIdentityFiles(), { person: asked, warn }, () => {});
    // Nobody types a password for each of many hosts.
    return authenticationOrder(keys, 'all', undefined);
  }

  // Running ---------------------------------------------------------------------------

  private async runOn(auth: readonly AuthMethod[]): Promise<number> {
    const { args, hosts, interruption, summary } = this;
    const printer = this.printer();
    const { command, concurrency, timeout, algorithms, commandTimeout } = args;
    const targets = hosts.map(({ host, port, username }): ConnectOptions => ({ host, port, username }));
    const results = createRunOnAll(nodePlatform)(targets, command, {
      concurrency,
      auth,
      timeout,
      algorithms,
      timeouts: { close: closeTimeout },
      run: { timeout: commandTimeout, encoding: 'buffer' },
      signal: interruption.signal,
    });
    try {
      for await (const result of results) {
        summary.add(result);
        await printer.host(hosts[result.index] as ListedHost, result);
      }
    } catch (error) {
      if (interruption.cause === undefined) throw error;
    }
    this.status.stop();
    await printer.end(summary, performance.now() - this.started, hosts.length - summary.hosts);
    return interruption.status ?? summary.status;
  }

  private printer(): FleetPrinter {
    const { status, messages } = this;
    const { stdout, stderr } = process;
    const above =
      (sink: OutputSink) =>
      (bytes: Uint8Array): Promise<void> => {
        status.clear();
        return sink.write(bytes);
      };
    const sinks = {
      output: above(streamSink(stdout)),
      errors: above(streamSink(stderr)),
      messages,
      outputIsTerminal: stdout.isTTY === true,
      errorsAreTerminal: stderr.isTTY === true,
    };
    return this.args.json ? new JsonPrinter(sinks) : new LinePrinter(sinks);
  }

  private statusText(): string {
    const { summary, hosts } = this;
    const phases = new Map<string, number>();
    for (const connection of liveConnections()) {
      const { phase } = connection.snapshot();
      phases.set(phase, (phases.get(phase) ?? 0) + 1);
    }
    const now = [...phases].map(([phase, count]) => `${count} in ${phase}`).join(', ');
    const failures = summary.failed + summary.ended;
    return [
      `${summary.hosts} of ${hostCount(hosts.length)}`,
      ...(failures > 0 ? [`${failures} not well`] : []),
      ...(now === '' ? [] : [now]),
      duration(performance.now() - this.started),
    ].join(' | ');
  }
}

async function readText(file: string, signal: AbortSignal): Promise<string> {
  try {
    return file === '-'
      ? await text(addAbortSignal(signal, process.stdin))
      : await readFile(file, { encoding: 'utf8', signal });
  } catch (error) {
    throw new SshError(
      'ERR_SSH_OPTIONS',
      `cannot read the list of hosts ${shownName(file)}${reasonOf(error)}`,
      {
        phase: 'options',
        origin: 'user',
        cause: error,
      },
    );
  }
}

function shownName(file: string): string {
  return file === '-' ? 'standard input' : file;
}

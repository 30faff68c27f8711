/**
 * What has happened to connections, in numbers.
 *
 * Owns: the counting, from what observers are told and what connections are at the moment.
 * Must not know: how numbers are shown or who collects them.
 */
import type { SshErrorPhase } from '../base/errors.ts';
import { liveConnections, observeConnections, type RegisteredConnection } from '../io/registry.ts';
import type { ConnectionSnapshot, SftpSnapshot, TransferKind } from '../io/snapshots.ts';
import {
  dialPhases,
  durationBuckets,
  livePhases,
  type MetricDefinition,
  type MetricName,
  metricTable,
  waitNames,
} from './metricTable.ts';
import { Histogram, type Sample, Sums } from './series.ts';

/** One metric with its numbers. */
export interface MetricFamily {
  /** Name of the metric. */
  readonly name: MetricName;
  /** What kind of metric it is. */
  readonly type: MetricDefinition['type'];
  /** What it counts, in a sentence. */
  readonly help: string;
  /** Its numbers, one for each set of labels. */
  readonly samples: readonly Sample[];
}

const roles = ['client', 'server'] as const;
const transferKinds: readonly TransferKind[] = ['get', 'put', 'sync'];

/** What is counted of sessions of SFTP over their life. */
type SftpCount = 'bytesRead' | 'bytesWritten' | 'filesOpened';

/** Counts from the moment it is made until it is stopped. `metrics()` has the one of the process. */
export class Metrics {
  private readonly dials = { client: new Sums(), server: new Sums() };
  private readonly expired = new Sums();
  private readonly commands = new Sums();
  private readonly transfers = new Sums();
  /** Of sessions of SFTP that are over. */
  private readonly sftp = { client: noCounts(), server: noCounts() };
  private readonly durations = new Histogram(durationBuckets);
  /** Bytes of connections that are over. */
  private readonly received = { client: 0, server: 0 };
  private readonly sent = { client: 0, server: 0 };
  /** The phase in which a dial failed, until its cause is told. */
  private readonly failedIn = new Map<RegisteredConnection, SshErrorPhase>();
  private readonly stopObserving: () => void;

  constructor() {
    this.stopObserving = observeConnections({
      phaseChanged: (connection, from, to, elapsed) => this.phaseChanged(connection, from, to, elapsed),
      waitExpired: (_connection, { name }) => this.expired.add({ wait: name }),
      commandEnded: (_connection, kind, _elapsed, outcome) => this.commands.add({ kind, outcome }),
      transferEnded: (_connection, { kind, outcome }) => this.transfers.add({ kind, outcome }),
      sftpEnded: ({ role }, last) => {
        const counts = this.sftp[role];
        for (const name of sftpCounts) counts[name] += last[name];
      },
      ended: (connection, { origin }, { bytesReceived, bytesSent }) => {
        const { role } = connection;
        this.received[role] += bytesReceived;
        this.sent[role] += bytesSent;
        const phase = this.failedIn.get(connection);
        if (phase !== undefined) this.dials[role].add({ result: origin, phase });
        this.failedIn.delete(connection);
      },
    });
  }

  /** Counts no more. */
  stop(): void {
    this.stopObserving();
    this.failedIn.clear();
  }

  /** All metrics as they are now. */
  families(): MetricFamily[] {
    const live = liveSnapshots();
    return (Object.keys(metricTable) as MetricName[]).map((name) => this.family(name, live));
  }

  /** One metric as it is now, with the live connections of this moment. */
  family(name: MetricName, live: readonly ConnectionSnapshot[] = liveSnapshots()): MetricFamily {
    const { type, help } = metricTable[name];
    return { name, type, help, samples: this.samples(name, live) };
  }

  private phaseChanged(
    connection: RegisteredConnection,
    from: SshErrorPhase,
    to: SshErrorPhase,
    elapsed: number,
  ): void {
    if (!dialPhases.has(from)) return;
    const { role } = connection;
    const outcome = to === 'close' ? 'failed' : 'completed';
    this.durations.observe({ role, phase: from, outcome }, elapsed / 1000);
    if (to === 'connection') this.dials[role].add({ result: 'ready', phase: to });
    else if (to === 'close') this.failedIn.set(connection, from);
  }

  private sftpCounts(which: SftpCount, live: readonly ConnectionSnapshot[]): Sample[] {
    const over = { client: this.sftp.client[which], server: this.sftp.server[which] };
    return totals(over, live, ({ sftp }) => sum(sftp, which));
  }

  private samples(name: MetricName, live: readonly ConnectionSnapshot[]): Sample[] {
    switch (name) {
      case 'deadline_ssh_dials_total':
        return this.dials.client.samples();
      case 'deadline_ssh_accepts_total':
        return this.dials.server.samples();
      case 'deadline_ssh_open_connections':
        return openConnections(live);
      case 'deadline_ssh_open_forwards':
        return byRole(live, ({ forwards }) => forwards.length);
      case 'deadline_ssh_forwarded_connections':
        return byRole(live, ({ forwards }) =>
          forwards.reduce((sum, { connections }) => sum + connections.length, 0),
        );
      case 'deadline_ssh_open_sftp_sessions':
        return byRole(live, ({ sftp }) => sftp.length);
      case 'deadline_ssh_open_sftp_handles':
        return byRole(live, ({ sftp }) => sum(sftp, 'openHandles'));
      case 'deadline_ssh_open_sftp_requests':
        return byRole(live, ({ sftp }) => sum(sftp, 'requests'));
      case 'deadline_ssh_open_transfers':
        return openTransfers(live);
      case 'deadline_ssh_sftp_read_bytes_total':
        return this.sftpCounts('bytesRead', live);
      case 'deadline_ssh_sftp_written_bytes_total':
        return this.sftpCounts('bytesWritten', live);
      case 'deadline_ssh_sftp_files_total':
        return this.sftpCounts('filesOpened', live);
      case 'deadline_ssh_transfers_total':
        return this.transfers.samples();
      case 'deadline_ssh_open_waits':
        return openWaits(live);
      case 'deadline_ssh_waits_expired_total':
        return this.expired.samples();
      case 'deadline_ssh_received_bytes_total':
        return totals(this.received, live, ({ bytesReceived }) => bytesReceived);
      case 'deadline_ssh_sent_bytes_total':
        return totals(this.sent, live, ({ bytesSent }) => bytesSent);
      case 'deadline_ssh_commands_total':
        return this.commands.samples();
      case 'deadline_ssh_phase_duration_seconds':
        return this.durations.samples();
      default:
        return name satisfies never;
    }
  }
}

const sftpCounts: readonly SftpCount[] = ['bytesRead', 'bytesWritten', 'filesOpened'];

function noCounts(): Record<SftpCount, number> {
  return { bytesRead: 0, bytesWritten: 0, filesOpened: 0 };
}

let own: Metrics | undefined;

/**
 * The metrics of this process, counted from the first call on.
 *
 * @example
 * ```ts
 * import { formatMetrics, metrics } from 'deadline-ssh/diagnostics';
 * const counting = metrics(); // early, so that the first connections count
 * const page = () => formatMetrics(counting);
 * ```
 */
export function metrics(): Metrics {
  own ??= new Metrics();
  return own;
}

function openConnections(live: readonly ConnectionSnapshot[]): Sample[] {
  const sums = new Sums();
  for (const role of roles) for (const phase of livePhases) sums.add({ role, phase }, 0);
  for (const { role, phase } of live) sums.add({ role, phase });
  return sums.samples();
}

function byRole(live: readonly ConnectionSnapshot[], count: (each: ConnectionSnapshot) => number): Sample[] {
  const sums = new Sums();
  for (const role of roles) sums.add({ role }, 0);
  for (const snapshot of live) sums.add({ role: snapshot.role }, count(snapshot));
  return sums.samples();
}

function openTransfers(live: readonly ConnectionSnapshot[]): Sample[] {
  const sums = new Sums();
  for (const kind of transferKinds) sums.add({ kind }, 0);
  for (const { sftp } of live) {
    for (const { transfers } of sftp) for (const { kind } of transfers) sums.add({ kind });
  }
  return sums.samples();
}

function sum(sessions: readonly SftpSnapshot[], which: SftpCount | 'openHandles' | 'requests'): number {
  return sessions.reduce((total, session) => total + session[which], 0);
}

function openWaits(live: readonly ConnectionSnapshot[]): Sample[] {
  const sums = new Sums();
  for (const wait of waitNames) sums.add({ wait }, 0);
  for (const { waits } of live) for (const { name } of waits) sums.add({ wait: name });
  return sums.samples();
}

/** The counts of what is over and those of live ones, so that the sum never falls. */
function totals(
  over: Readonly<Record<'client' | 'server', number>>,
  live: readonly ConnectionSnapshot[],
  count: (each: ConnectionSnapshot) => number,
): Sample[] {
  const sums = new Sums();
  for (const role of roles) sums.add({ role }, over[role]);
  for (const snapshot of live) sums.add({ role: snapshot.role }, count(snapshot));
  return sums.samples();
}

function liveSnapshots(): readonly ConnectionSnapshot[] {
  return liveConnections().map((connection) => connection.snapshot());
}

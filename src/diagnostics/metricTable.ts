/**
 * The metrics there are.
 *
 * Owns: their names, kinds, labels, and the values labels may have, so that no
 * peer and no user can make new time series.
 * Must not know: how they are counted or shown.
 */
import type { SshErrorPhase } from '../base/errors.ts';
import type { WaitName } from '../base/waits.ts';

/** What a metric is, as Prometheus has it. */
export interface MetricDefinition {
  /** What kind of metric it is. */
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** What it counts, in a sentence. */
  readonly help: string;
  /** Names of its labels. */
  readonly labels: readonly string[];
}

/** The name of a metric. */
export type MetricName =
  | 'deadline_ssh_dials_total'
  | 'deadline_ssh_accepts_total'
  | 'deadline_ssh_open_connections'
  | 'deadline_ssh_open_forwards'
  | 'deadline_ssh_forwarded_connections'
  | 'deadline_ssh_open_sftp_sessions'
  | 'deadline_ssh_open_sftp_handles'
  | 'deadline_ssh_open_sftp_requests'
  | 'deadline_ssh_open_transfers'
  | 'deadline_ssh_sftp_read_bytes_total'
  | 'deadline_ssh_sftp_written_bytes_total'
  | 'deadline_ssh_sftp_files_total'
  | 'deadline_ssh_transfers_total'
  | 'deadline_ssh_open_waits'
  | 'deadline_ssh_waits_expired_total'
  | 'deadline_ssh_received_bytes_total'
  | 'deadline_ssh_sent_bytes_total'
  | 'deadline_ssh_commands_total'
  | 'deadline_ssh_phase_duration_seconds';

/** By name. Times are seconds, as is the custom of Prometheus. */
export const metricTable: Readonly<Record<MetricName, MetricDefinition>> = {
  deadline_ssh_dials_total: {
    type: 'counter',
    help: 'Dials of clients that became ready or failed, by result (ready, or the origin of the error) and the last phase.',
    labels: ['result', 'phase'],
  },
  deadline_ssh_accepts_total: {
    type: 'counter',
    help: 'Connections accepted by servers that became ready or failed, by result (ready, or the origin of the error) and the last phase.',
    labels: ['result', 'phase'],
  },
  deadline_ssh_open_connections: {
    type: 'gauge',
    help: 'Open connections, by role and phase.',
    labels: ['role', 'phase'],
  },
  deadline_ssh_open_forwards: {
    type: 'gauge',
    help: 'Open forwards, by role.',
    labels: ['role'],
  },
  deadline_ssh_forwarded_connections: {
    type: 'gauge',
    help: 'Open connections through forwards, by role.',
    labels: ['role'],
  },
  deadline_ssh_open_sftp_sessions: {
    type: 'gauge',
    help: 'Open SFTP sessions, by role.',
    labels: ['role'],
  },
  deadline_ssh_open_sftp_handles: {
    type: 'gauge',
    help: 'Open files and folders over SFTP, by role.',
    labels: ['role'],
  },
  deadline_ssh_open_sftp_requests: {
    type: 'gauge',
    help: 'SFTP requests that are sent and not yet answered, by role.',
    labels: ['role'],
  },
  deadline_ssh_open_transfers: {
    type: 'gauge',
    help: 'Running transfers of clients, by kind.',
    labels: ['kind'],
  },
  deadline_ssh_sftp_read_bytes_total: {
    type: 'counter',
    help: 'Bytes of files read over SFTP, by role.',
    labels: ['role'],
  },
  deadline_ssh_sftp_written_bytes_total: {
    type: 'counter',
    help: 'Bytes of files written over SFTP, by role.',
    labels: ['role'],
  },
  deadline_ssh_sftp_files_total: {
    type: 'counter',
    help: 'Files opened over SFTP, by role.',
    labels: ['role'],
  },
  deadline_ssh_transfers_total: {
    type: 'counter',
    help: 'Ended transfers of clients, by kind and outcome.',
    labels: ['kind', 'outcome'],
  },
  deadline_ssh_open_waits: {
    type: 'gauge',
    help: 'Open waits, by name.',
    labels: ['wait'],
  },
  deadline_ssh_waits_expired_total: {
    type: 'counter',
    help: 'Waits whose deadline passed, by name; each keep-alive probe without an answer counts.',
    labels: ['wait'],
  },
  deadline_ssh_received_bytes_total: {
    type: 'counter',
    help: 'Bytes received, by role.',
    labels: ['role'],
  },
  deadline_ssh_sent_bytes_total: {
    type: 'counter',
    help: 'Bytes sent, by role.',
    labels: ['role'],
  },
  deadline_ssh_commands_total: {
    type: 'counter',
    help: 'Ended commands, shells and subsystems of clients, by kind and outcome.',
    labels: ['kind', 'outcome'],
  },
  deadline_ssh_phase_duration_seconds: {
    type: 'histogram',
    help: 'How long each phase of dialling and accepting took, by role, phase and outcome (completed or failed).',
    labels: ['role', 'phase', 'outcome'],
  },
};

/** Upper bounds of the buckets of durations, in seconds: from a key exchange nearby to the longest deadline. */
export const durationBuckets: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15, 30, 60,
];

/** The phases before a connection is ready. */
export const dialPhases: ReadonlySet<SshErrorPhase> = new Set<SshErrorPhase>([
  'connect',
  'identification',
  'keyExchange',
  'authentication',
]);

/** Phases a live connection can be in. */
export const livePhases: readonly SshErrorPhase[] = [...dialPhases, 'connection', 'close'];

const everyWait: Readonly<Record<WaitName, true>> = {
  dial: true,
  connect: true,
  proxyCommand: true,
  identification: true,
  keyExchange: true,
  authentication: true,
  queue: true,
  channelOpen: true,
  request: true,
  command: true,
  write: true,
  keepAlive: true,
  close: true,
  agent: true,
  lock: true,
  knownHostsCommand: true,
  user: true,
  unlock: true,
};

export const waitNames: readonly string[] = Object.keys(everyWait);

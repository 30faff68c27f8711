/**
 * Reports as text, for a terminal or a log.
 *
 * Owns: the lines: one a group, or a block a connection.
 * Must not know: how a report is made.
 */
import type { TransferSnapshot } from '../io/snapshots.ts';
import type { ConnectionDetail, Report, ReportGroup, WaitDetail } from './report.ts';

/**
 * A report in lines: the groups, and below them each connection where the
 * report has details.
 *
 * @example
 * ```ts
 * import { formatReport, takeReport } from 'deadline-ssh/diagnostics';
 * process.on('SIGUSR2', () => console.error(formatReport(takeReport({ details: true }))));
 * ```
 */
export function formatReport(report: Report): string {
  const { connections, takenAt, groups, details } = report;
  const lines = [
    `deadline-ssh: ${counted(connections, 'connection')} at ${takenAt}`,
    ...groups.map(groupLine),
  ];
  const left = details === null ? 0 : connections - details.length;
  for (const detail of details ?? []) lines.push('', ...detailLines(detail));
  if (left > 0) lines.push('', `and ${left} more, which are younger`);
  return `${lines.join('\n')}\n`;
}

/** One connection in lines. */
export function formatConnection(detail: ConnectionDetail): string {
  return `${detailLines(detail).join('\n')}\n`;
}

/** Milliseconds for people. */
export function duration(milliseconds: number): string {
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  const seconds = milliseconds / 1000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 120
    ? `${minutes} min ${Math.floor(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A number and its noun: `1 connection`, `2 connections`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** What a connection waits for, in a few words. */
export function waitWords(names: readonly string[]): string {
  return names.length === 0 ? 'nothing' : names.join(' and ');
}

function groupLine(group: ReportGroup): string {
  const { connections, role, phase, oldestAge, longestWait, nextDeadline, oldest } = group;
  const parts = [`oldest ${duration(oldestAge)}`];
  if (longestWait !== null) parts.push(`longest wait ${duration(longestWait)}`);
  if (nextDeadline !== null) parts.push(`first deadline in ${duration(nextDeadline)}`);
  const more = connections > oldest.length ? ', …' : '';
  parts.push(`connection ${oldest.join(', ')}${more}`);
  return `${connections} ${role} in ${phase}, waiting for ${waitWords(group.waitsFor)}: ${parts.join('; ')}`;
}

function detailLines(detail: ConnectionDetail): string[] {
  const { id, role, phase, age, target, localAddress, remoteAddress } = detail;
  return [
    `connection ${id} [${role}, ${phase}, ${duration(age)}] ${target}`,
    line('peer', detail.remoteIdentification ?? 'has not identified itself'),
    line('addresses', `${localAddress ?? 'none'} to ${remoteAddress ?? 'none'}`),
    ...detail.waits.map((wait) => line('waits for', waitLine(wait))),
    line(
      'received',
      `${counted(detail.bytesReceived, 'byte')} in ${counted(detail.packetsReceived, 'packet')}`,
    ),
    line(
      'sent',
      `${counted(detail.bytesSent, 'byte')} in ${counted(detail.packetsSent, 'packet')}, ${detail.unsentBytes} not yet taken by the socket`,
    ),
    line('last came', detail.lastMessage ?? 'nothing'),
    ...detail.channels.map((channel) =>
      line(
        `channel ${channel.id}`,
        `${channel.type}, ${channel.state}; window ${channel.sendWindow} to send, ${channel.receiveWindow} to receive; ` +
          `${channel.bytesSent} bytes sent, ${channel.bytesReceived} received; ${channel.unread} unread, ${channel.unsent} unsent; ` +
          `${counted(channel.pendingRequests, 'request')} unanswered`,
      ),
    ),
    ...detail.forwards.flatMap(forwardLines),
    ...detail.sftp.flatMap(sftpLines),
    ...(detail.openedAt ?? []).map((frame) => line('opened at', frame)),
  ];
}

/** Connections of a forward, and files, that a text lists; of the others it says how many there are. */
const mostListed = 10;

function forwardLines(forward: ConnectionDetail['forwards'][number]): string[] {
  const { name, connections, accepted, refused, failed, bytesOut, bytesIn } = forward;
  const listed = connections.slice(0, mostListed);
  const more = connections.length - listed.length;
  return [
    line(
      'forward',
      `${name}; ${counted(connections.length, 'connection')} open, ${accepted} came, ${refused} refused, ${failed} failed; ` +
        `${bytesOut} bytes out, ${bytesIn} in`,
    ),
    ...listed.map(({ id, from, to, state, age, ...bytes }) =>
      line(
        `  ${id}`,
        `${from === '' ? 'a unix socket' : from} to ${to}, ${state}, ${duration(age)}; ` +
          `${bytes.bytesOut} bytes out, ${bytes.bytesIn} in`,
      ),
    ),
    ...(more > 0 ? [line('  …', `and ${more} more`)] : []),
  ];
}

function sftpLines(sftp: ConnectionDetail['sftp'][number]): string[] {
  const { channel, openHandles, requests, queuedRequests, filesOpened, bytesRead, bytesWritten } = sftp;
  const names = sftp.fileNames ?? [];
  const more = names.length - mostListed;
  return [
    line(
      'sftp',
      `on channel ${channel}; ${counted(openHandles, 'handle')} open, ${counted(requests, 'request')} unanswered, ${queuedRequests} queued; ` +
        `${counted(filesOpened, 'file')} opened, ${counted(bytesRead, 'byte')} read, ${bytesWritten} written`,
    ),
    ...sftp.transfers.map((transfer) => line(`  ${transfer.kind}`, transferWords(transfer))),
    ...names.slice(0, mostListed).map((name) => line('  open', name)),
    ...(more > 0 ? [line('  …', `and ${more} more`)] : []),
  ];
}

/** How far a transfer is. */
export function transferWords(transfer: TransferSnapshot): string {
  const { filesDone, files, transferred, total, failed, age } = transfer;
  return `${filesDone} of ${files} files, ${transferred} of ${total} bytes, ${failed} failed, ${duration(age)}`;
}

function waitLine({ name, waitingFor, elapsed, timeout, remaining }: WaitDetail): string {
  const bound =
    timeout === null || remaining === null
      ? 'no bound of its own'
      : `${duration(Math.max(0, remaining))} of ${duration(timeout)} left`;
  return `${name}: ${waitingFor}, for ${duration(elapsed)}, ${bound}`;
}

function line(label: string, text: string): string {
  return `  ${label.padEnd(11)} ${text}`;
}

/**
 * A session of SFTP as reports and observers hear of it.
 *
 * Owns: what a session tells the connection that it runs on.
 * Must not know: SFTP, how reports look (diagnostics).
 */
import type { EndedTransfer } from './registry.ts';
import type { SftpSnapshot, TransferKind } from './snapshots.ts';

/** The session at this moment. */
export type LookAtSftp = (withNames: boolean) => SftpSnapshot;

/** What a session of SFTP tells while it lives. */
export interface ShownSftp {
  transferStarted(kind: TransferKind): void;
  transferEnded(transfer: EndedTransfer): void;
  /** It has ended. A second time says nothing. */
  over(): void;
}

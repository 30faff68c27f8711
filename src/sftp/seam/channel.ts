/**
 * The seam between SFTP and the connection under it.
 *
 * Owns: what SFTP asks of a channel, of the clock and of the table of waits.
 * Must not know: SSH. `client/` fulfils it; so do tests, with a pair in memory.
 */
import type { SshError } from '../../base/errors.ts';
import type { Wait } from '../../base/waits.ts';
import type { ShownSftp } from '../../io/shownSftp.ts';
import type { SftpSnapshot } from '../../io/snapshots.ts';

/** What each call that waits takes. */
export interface CallOptions {
  /** Milliseconds for the whole call; the `request` timeout also bounds each request in it. Default: only that. */
  readonly timeout?: number | undefined;
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined;
}

/** Told of what changed. */
export interface ChannelListener {
  /** There is something to take. */
  readable(): void;
  /** Nothing will follow what is there. */
  ended(): void;
  /** The channel or the connection broke. */
  failed(error: Error): void;
}

/** The bounds of one call: its timeout, its signal, the end of the connection. */
export interface CallBounds {
  /** The promise, or the rejection of the bounds if that comes first. */
  until<T>(promise: Promise<T>): Promise<T>;
  /** The call is over. */
  end(): void;
}

export interface SftpChannel {
  /** Such as `example.org:22`, for messages. */
  readonly host: string;
  /** Says to which host an error happened. */
  addressed(error: SshError): SshError;
  /** The caller has closed the connection, whatever it ended by in the meantime. */
  readonly isGivenUp: boolean;
  /** What the server calls itself, such as `SSH-2.0-OpenSSH_9.2`. */
  readonly remoteIdentification: string;
  /** Shows the session in reports of the connection; undefined where there is none to report on. */
  show(look: (withNames: boolean) => Omit<SftpSnapshot, 'channel'>): ShownSftp | undefined;
  /** Milliseconds on a clock that never goes back. */
  now(): number;
  /** Resolves after what the event loop has at hand. */
  pause(): Promise<void>;
  listen(listener: ChannelListener): void;
  /** The next bytes, owned by the caller. */
  take(): Uint8Array | undefined;
  /** Sends parts in their order. One call at a time: `done` comes when their memory may change. */
  write(parts: readonly Uint8Array[], done: (error?: Error) => void): void;
  /** What the server wrote to its stderr so far, the beginning of it. */
  errorOutput(): Uint8Array;
  /** Closes the channel, within the `close` deadline. */
  close(): void;
  /** Resolves when the channel is gone. */
  readonly closed: Promise<unknown>;
  /** Opens a wait named `request` with the timeout of that name. */
  startWait(detail: string, onExpire: () => void): Wait;
  /** Opens a wait named `close` with the timeout of that name. */
  startCloseWait(detail: string, onExpire: () => void): Wait;
  finishWait(wait: Wait): void;
  timeoutError(wait: Wait): SshError;
  /** @throws SshError `ERR_SSH_ABORTED` where the signal is aborted already; the cause of the connection's end */
  bounds(detail: string, options: CallOptions): CallBounds;
}

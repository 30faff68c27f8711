/**
 * A channel as SFTP needs it.
 *
 * Owns: the translation of a channel's port, and of the connection's waits, into SFTP's seam.
 * Must not know: what is said over it.
 */
import { concatBytes, emptyBytes } from '../../base/bytes.ts';
import type { SshError } from '../../base/errors.ts';
import { checkedTimeout } from '../../base/timeouts.ts';
import type { Wait } from '../../base/waits.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import type { ShownSftp } from '../../io/shownSftp.ts';
import type { SftpSnapshot } from '../../io/snapshots.ts';
import type { CallBounds, CallOptions, ChannelListener, SftpChannel } from '../../sftp/seam/channel.ts';
import type { Session } from '../session.ts';

/** Bytes of the server's stderr that are kept. */
const keptErrorOutput = 512;

export interface SftpChannelParts {
  readonly session: Session;
  readonly port: ChannelPort;
  readonly host: string;
  readonly now: () => number;
  readonly pause: () => Promise<void>;
  /** Milliseconds, of the timeouts of these names. */
  readonly timeouts: { readonly request: number; readonly close: number };
}

export class PortSftpChannel implements SftpChannel {
  readonly host: string;
  readonly remoteIdentification: string;
  private readonly parts: SftpChannelParts;
  private said: Uint8Array = emptyBytes;

  constructor(parts: SftpChannelParts) {
    this.parts = parts;
    this.host = parts.host;
    this.remoteIdentification = parts.session.core.transport.remote?.text ?? '';
    const { extended } = parts.port;
    extended.listen({
      readable: () => this.keepErrorOutput(),
      ended: () => {},
      failed: () => {},
      aborted: () => {},
    });
  }

  get closed(): Promise<unknown> {
    return this.parts.port.closed;
  }

  get isGivenUp(): boolean {
    return this.parts.session.isGivenUp;
  }

  addressed(error: SshError): SshError {
    return this.parts.session.addressed(error);
  }

  show(look: (withNames: boolean) => Omit<SftpSnapshot, 'channel'>): ShownSftp {
    const { session, port } = this.parts;
    const { localId: channel } = port.channel;
    return session.driver.showSftp((withNames) => ({ channel, ...look(withNames) }));
  }

  now(): number {
    return this.parts.now();
  }

  pause(): Promise<void> {
    return this.parts.pause();
  }

  listen(listener: ChannelListener): void {
    const { data, outbound } = this.parts.port;
    data.listen({
      readable: () => listener.readable(),
      ended: () => listener.ended(),
      failed: (error) => listener.failed(error),
      aborted: (error) => listener.failed(error),
    });
    outbound.listen((error) => listener.failed(error));
  }

  take(): Uint8Array | undefined {
    return this.parts.port.data.take();
  }

  write(parts: readonly Uint8Array[], done: (error?: Error) => void): void {
    const { port } = this.parts;
    const last = parts.at(-1);
    if (last === undefined) return done();
    // They are handed on in their order: with the last all are.
    for (const part of parts.slice(0, -1)) port.outbound.write(part, () => {});
    port.outbound.write(last, done);
  }

  errorOutput(): Uint8Array {
    return this.said;
  }

  close(): void {
    // A server that is told the end goes by itself; sshd refuses signals to it, and logs that.
    this.parts.port.terminate('end of input');
  }

  startWait(detail: string, onExpire: () => void): Wait {
    return this.parts.session.startWait(
      'request',
      this.detailed(detail),
      this.parts.timeouts.request,
      onExpire,
    );
  }

  startCloseWait(detail: string, onExpire: () => void): Wait {
    return this.parts.session.startWait('close', this.detailed(detail), this.parts.timeouts.close, onExpire);
  }

  finishWait(wait: Wait): void {
    this.parts.session.finishWait(wait);
  }

  timeoutError(wait: Wait): SshError {
    return this.parts.session.timeoutError(wait);
  }

  bounds(detail: string, { timeout, signal }: CallOptions): CallBounds {
    const bound = timeout === undefined ? Number.POSITIVE_INFINITY : checkedTimeout('timeout', timeout);
    return this.parts.session.scope({ name: 'request', detail, timeout: bound, signal });
  }

  private detailed(detail: string): string {
    return `${detail} on channel ${this.parts.port.channel.localId}`;
  }

  private keepErrorOutput(): void {
    const { extended } = this.parts.port;
    for (let bytes = extended.take(); bytes !== undefined; bytes = extended.take()) {
      const room = keptErrorOutput - this.said.length;
      if (room > 0) this.said = concatBytes(this.said, bytes.subarray(0, room));
    }
  }
}

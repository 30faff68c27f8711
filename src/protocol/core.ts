/**
 * The composition that both roles share: transport and connection in one object.
 *
 * Owns: the five verbs (`receive`, `takeOutput`, `nextEvent`, `deadline`,
 * `expire`), the waits of the first steps, the one end with its one cause.
 * Must not know: sockets, promises, clocks (every verb that needs the time is given it).
 */
import { disconnectReasonFor, disconnectReasons, SshError, type SshErrorPhase } from '../base/errors.ts';
import { wideNumber } from '../base/longCounts.ts';
import { unmarkSole } from '../base/soleMemory.ts';
import type { Wait, WaitTable } from '../base/waits.ts';
import { Connection, type ConnectionUpper } from '../connection/connection.ts';
import type { ConnectionEvent } from '../connection/events.ts';
import { isConnectionNumber } from '../message/numbers.ts';
import type { TransportEvent } from '../transport/events.ts';
import { Transport, type TransportUpper } from '../transport/transport.ts';
import { ByteQueue } from '../wire/byteQueue.ts';
import { KeepAliveProbes, type ProbedConnection } from './keepAlive.ts';
import type { CoreSettings, OwnOptions } from './options.ts';

/** The end of the connection, the last event there is. */
export interface EndedEvent {
  /** Nothing more comes. */
  readonly type: 'ended';
  /** The one cause of the end. */
  readonly error: SshError;
}

/** Events both roles have. */
export type CoreEvent = TransportEvent | ConnectionEvent | EndedEvent;

/** A core of either role, as far as both have the same. */
export type AnyCore = ProtocolCore<{ readonly type: string }>;

/** Bytes a call of `receive` may leave unread before more of them are refused: one packet and its framing. */
const slack = 64 * 1024;

/** What every event has. */
interface TypedEvent {
  /** Tells the events apart. */
  readonly type: string;
}

/** What both roles are: the layers on each other, their waits and their events, without a socket or a clock. */
export abstract class ProtocolCore<Event extends TypedEvent>
  implements TransportUpper, ConnectionUpper, ProbedConnection
{
  /** Packets and keys. */
  readonly transport: Transport;
  /** Channels and global requests. */
  readonly connection: Connection;
  /** What is waited for at this moment. */
  readonly waits: WaitTable;
  /** The cause of the end; undefined while the connection lives. */
  cause: SshError | undefined;
  /** Bytes that came. */
  bytesReceived = 0;
  /** Bytes that were handed out. */
  bytesSent = 0;

  protected readonly settings: CoreSettings;
  private readonly queue = new ByteQueue();
  /** One event waits, or none, most of the time; an array would keep the room for those it once had. */
  private nextInLine: Event | CoreEvent | undefined;
  private laterInLine: (Event | CoreEvent)[] | undefined;
  private keyExchangeWait: Wait | undefined;
  /** While it is suspended. */
  private keyExchangeElapsed: number | undefined;
  /** Of the first byte, where there is a wait for that, then of the whole identification. */
  private identificationWait: Wait | undefined;
  /** Undefined where the peer is not probed. */
  private readonly probes: KeepAliveProbes | undefined;

  constructor(settings: CoreSettings, { waits, now, firstByte }: OwnOptions) {
    this.settings = settings;
    this.waits = waits;
    this.bytesReceived = wideNumber;
    this.bytesReceived = 0;
    this.bytesSent = wideNumber;
    this.bytesSent = 0;
    const { keepAlive } = settings;
    this.probes = keepAlive && new KeepAliveProbes(this, keepAlive, waits, now);
    this.transport = new Transport(this.settings, this, now);
    this.connection = new Connection({
      transport: this.transport,
      settings: this.settings,
      waits,
      upper: this,
    });
    if (firstByte === undefined) this.awaitIdentification(now);
    else {
      const detail = 'the first byte through the proxy command';
      this.identificationWait = waits.start('proxyCommand', detail, now, firstByte);
    }
  }

  // The five verbs -------------------------------------------------------------

  /** Takes ownership of bytes that came unless they are `lent` for the call. Never throws: a fault becomes `ended`. */
  receive(chunk: Uint8Array, now: number, lent: boolean = false): void {
    if (this.cause !== undefined) return;
    this.transport.now = now;
    if (this.identificationWait?.name === 'proxyCommand') this.awaitIdentification(now);
    this.bytesReceived += chunk.length;
    // Packets that are opened where they lie share it; what is lent is nobody's sole memory.
    if (!lent) unmarkSole(chunk);
    this.queue.push(chunk, lent);
    this.guarded(() => {
      while (this.cause === undefined && this.transport.step(this.queue));
      this.transport.opener.release();
      this.queue.keep();
      this.probes?.heard(this.transport.packetsIn, now);
      this.transport.rekeyIfDue();
      if (this.queue.length > this.settings.limits.packetLength + slack) {
        throw new SshError('ERR_SSH_INTERNAL', 'bytes pile up unread', { origin: 'local' });
      }
    });
  }

  /** Sealed bytes for the peer, owned by the caller; undefined when there are none at present, or a cipher failed. */
  takeOutput(): Uint8Array | undefined {
    this.guarded(() => {
      this.connection.pump();
      this.transport.rekeyIfDue();
    });
    let output: Uint8Array | undefined;
    try {
      output = this.transport.takeOutput();
    } catch (error) {
      this.fail(error);
    }
    this.bytesSent += output?.length ?? 0;
    return output;
  }

  /** The next event, in the order in which they came about; undefined when there is none. */
  nextEvent(): Event | CoreEvent | undefined {
    const event = this.nextInLine;
    this.nextInLine = this.laterInLine?.shift();
    if (this.nextInLine === undefined) this.laterInLine = undefined;
    return event;
  }

  /** When `expire` has to be called at the latest; `Infinity` when there is nothing to expire. */
  deadline(): number {
    if (this.cause !== undefined) return this.waits.earliest();
    return Math.min(this.waits.earliest(), this.probeAt(), this.transport.rekeyAt);
  }

  /** Acts on every wait and timer whose time is over. */
  expire(now: number): void {
    this.transport.now = now;
    if (this.cause === undefined) {
      if (now >= this.probeAt()) this.guarded(() => this.probes?.send());
      if (now >= this.transport.rekeyAt) this.guarded(() => this.transport.rekeyIfDue());
    }
    for (const wait of this.waits.expired(now)) {
      // One that expired before it may have ended them all.
      if (!this.waits.has(wait)) continue;
      if (wait.onExpire === undefined) this.fail(this.timeoutError(wait));
      else if (this.cause === undefined) this.guarded(wait.onExpire);
      else wait.onExpire();
    }
  }

  // Calls from outside ------------------------------------------------------------

  /** Bytes of input held, for the accounts of tests and reports. */
  get bufferedInput(): number {
    return this.queue.length;
  }

  /** The time of the calls that follow. */
  at(now: number): this {
    this.transport.now = now;
    return this;
  }

  /** Starts a key exchange; `keyExchanged` follows. */
  rekey(): void {
    this.guarded(() => this.transport.rekey('user'));
  }

  /** The code asked for with `algorithmsWanted` is loaded. */
  algorithmsLoaded(): void {
    this.guarded(() => this.transport.keyExchange.algorithmsLoaded());
  }

  /** Ends the connection with a goodbye; what was written before and fits the windows goes first. */
  disconnect(error: SshError): void {
    if (this.cause !== undefined) return;
    this.guarded(() => this.connection.pump());
    this.fail(error);
  }

  /** The transport below ended or broke. */
  linkEnded(cause: unknown): void {
    if (this.cause !== undefined) return;
    this.fail(
      lostError(
        cause,
        this.phase,
        this.transport.remote === undefined ? this.beforeIdentification() : undefined,
      ),
    );
  }

  /** Ends the connection: one cause for everything that is pending. */
  fail(error: unknown): void {
    if (this.cause !== undefined) return;
    const cause = this.stamped(error);
    this.cause = cause;
    const reason = disconnectReasonFor(cause);
    if (reason !== undefined) {
      try {
        const text = reason === disconnectReasons.byApplication ? '' : cause.code;
        this.transport.disconnect(reason, text);
      } catch {
        // Nothing can be said any more, and the cause is known.
      }
    }
    this.waits.clear();
    this.queueEvent({ type: 'ended', error: cause });
  }

  /** Nothing will be asked of it any more but what it was: frees all bytes and channels. */
  letGo(): void {
    this.queue.clear();
    this.connection.letGo();
  }

  /** The error of a wait whose time is over. */
  timeoutError(wait: Wait): SshError {
    const bound = wait.timeout;
    const inner = this.innermost(wait);
    return new SshError(
      'ERR_SSH_TIMEOUT',
      `timed out after ${Math.round(bound)} ms waiting for ${inner.detail}${this.hint(inner)}`,
      {
        phase: this.phaseOf(inner),
        origin: 'deadline',
        waitingFor: inner.name,
        elapsed: this.transport.now - wait.since,
        deadline: bound,
        bytesReceived: this.bytesReceived,
        remoteIdentification: this.transport.remote?.text,
      },
    );
  }

  /** Where the connection is in its life. */
  get phase(): SshErrorPhase {
    switch (this.transport.gateState) {
      case 'beforeKexInit':
        return this.transport.remote === undefined ? 'identification' : 'keyExchange';
      case 'initialKeyExchange':
        return 'keyExchange';
      case 'service':
        return this.transport.keyExchange.idle ? 'authentication' : 'keyExchange';
      case 'authentication':
        return 'authentication';
      case 'connection':
        return 'connection';
      default:
        return this.transport.gateState satisfies never;
    }
  }

  // TransportUpper --------------------------------------------------------------

  /** Takes an event of the transport, for the layers below. */
  emit(event: TransportEvent): void {
    if (event.type === 'identified') {
      this.waits.finish(this.identificationWait);
      this.identificationWait = undefined;
    } else if (event.type === 'keyExchangeStarted') {
      this.startKeyExchangeWait(0);
    } else if (event.type === 'keyExchanged') {
      this.waits.finish(this.keyExchangeWait);
      this.keyExchangeWait = undefined;
    }
    this.received(event);
    this.queueEvent(event);
  }

  protected abstract receiveUserauth(number: number, buffer: Uint8Array, start: number, end: number): void;

  /** A transport event, before it is queued: the roles move on by them. */
  protected abstract received(event: TransportEvent): void;

  receiveMessage(number: number, buffer: Uint8Array, start: number, end: number): void {
    if (isConnectionNumber(number)) this.connection.receive(number, buffer, start, end);
    else this.receiveUserauth(number, buffer, start, end);
  }

  // Helpers of the roles -----------------------------------------------------------

  /** Queues an event, for the layers below. */
  queueEvent(event: Event | CoreEvent): void {
    if (this.nextInLine === undefined) this.nextInLine = event;
    else if (this.laterInLine === undefined) this.laterInLine = [event];
    else this.laterInLine.push(event);
  }

  /** Runs a step; what it throws ends the connection. */
  protected guarded(step: () => void): void {
    if (this.cause !== undefined) return;
    try {
      step();
    } catch (error) {
      this.fail(error);
    }
  }

  /** The peer's part of the key exchange is done; the time until the host key is accepted is not the peer's. */
  protected suspendKeyExchange(): void {
    if (this.keyExchangeWait === undefined) return;
    this.keyExchangeElapsed = this.transport.now - this.keyExchangeWait.since;
    this.waits.finish(this.keyExchangeWait);
    this.keyExchangeWait = undefined;
  }

  /** The host key was accepted; if the peer has still to do its part, it has the time that was left. */
  protected resumeKeyExchange(): void {
    const { keyExchangeElapsed = 0 } = this;
    this.keyExchangeElapsed = undefined;
    if (this.cause !== undefined || this.transport.keyExchange.idle) return;
    this.startKeyExchangeWait(keyExchangeElapsed);
  }

  /** @param elapsed milliseconds of it that are used up already */
  private startKeyExchangeWait(elapsed: number): void {
    this.keyExchangeWait = this.waits.start(
      'keyExchange',
      'the key exchange to finish',
      this.transport.now - elapsed,
      this.settings.timeouts.keyExchange,
    );
  }

  // ProbedConnection ---------------------------------------------------------------------

  /** The time of the call at hand. */
  get now(): number {
    return this.transport.now;
  }

  /** Asks the peer for a sign of life. */
  sendProbe(): void {
    if (this.transport.peerExtensions.ping) this.transport.ping();
    else this.connection.probe('keepalive@openssh.com');
  }

  /** Ends the connection: nothing answered. */
  peerIsGone(last: Wait): void {
    this.fail(this.timeoutError(last));
  }

  /** A key exchange under way has a deadline of its own and holds probes back. */
  private probeAt(): number {
    const rests = !this.transport.keyExchange.idle || this.phase !== 'connection';
    return rests ? Number.POSITIVE_INFINITY : (this.probes?.dueAt() ?? Number.POSITIVE_INFINITY);
  }

  private awaitIdentification(now: number): void {
    const { waits } = this;
    waits.finish(this.identificationWait);
    const { identification } = this.settings.timeouts;
    this.identificationWait = waits.start('identification', "the peer's identification", now, identification);
  }

  // Errors -----------------------------------------------------------------------------

  private stamped(error: unknown): SshError {
    if (!(error instanceof SshError)) {
      return new SshError('ERR_SSH_INTERNAL', 'an unexpected error inside the library', {
        phase: this.phase,
        origin: 'local',
        cause: error,
      });
    }
    // Lower layers know no phase.
    if (error.phase === 'connection') error.phase = this.phase;
    error.bytesReceived ??= this.bytesReceived;
    if (this.transport.remote !== undefined) error.remoteIdentification ??= this.transport.remote.text;
    return error;
  }

  /** A dial waits for one thing after the other: which one it was is worth more than that it was the dial. */
  private innermost(wait: Wait): Wait {
    if (wait.name !== 'dial' || wait.onExpire !== undefined) return wait;
    return this.waits.innermostBeside(wait) ?? wait;
  }

  private hint(wait: Wait): string {
    if (wait.name === 'keyExchange') return ` (it waits for ${this.transport.keyExchange.waitingFor})`;
    if (wait.name !== 'identification') return '';
    const received = this.beforeIdentification();
    return received === '' ? '; it sent nothing' : `; it sent "${received}"`;
  }

  /** What came in place of an identification, escaped; empty where nothing came. Empty lines alone leave no text. */
  private beforeIdentification(): string {
    return this.bytesReceived === 0 ? '' : this.transport.receivedInstead(this.queue) || '\\n';
  }

  private phaseOf(wait: Wait): SshErrorPhase {
    switch (wait.name) {
      case 'connect':
      case 'identification':
      case 'keyExchange':
      case 'authentication':
        return wait.name;
      case 'close':
        return this.cause === undefined ? 'connection' : 'close';
      default:
        return this.phase;
    }
  }
}

/**
 * The error of a connection that ended without a goodbye.
 *
 * @param instead what came in place of an identification, escaped; undefined where the peer identified itself
 */
function lostError(cause: unknown, phase: SshErrorPhase, instead: string | undefined): SshError {
  const reason = cause instanceof Error ? cause : undefined;
  if (instead === undefined) {
    const why = reason === undefined ? '' : `: ${reason.message}`;
    return new SshError('ERR_SSH_CONNECTION_LOST', `the connection was lost${why}`, {
      phase,
      origin: 'network',
      cause: reason,
    });
  }
  const isSilent = instead === '';
  // The link says itself why it leads nowhere.
  if (isSilent && reason instanceof SshError && reason.code === 'ERR_SSH_CONNECT') return reason;
  const what = isSilent ? 'without a word' : `after "${instead}"`;
  return new SshError(
    isSilent ? 'ERR_SSH_CONNECTION_LOST' : 'ERR_SSH_IDENTIFICATION',
    `the peer ended the connection ${what}, before it identified itself; is it an SSH server?`,
    { phase: 'identification', origin: isSilent ? 'network' : 'peer', cause: reason },
  );
}

/**
 * An SFTP session that is open: the link, what the server can do, and single requests.
 *
 * Owns: opening (the agreement on a version, the server's limits), the end; each kind of
 * answer as a value or an error; the bounds of a call of the user.
 * Must not know: files as a user sees them, transfers.
 */
import { SshError } from '../../base/errors.ts';
import type { Limits } from '../../base/limits.ts';
import { CallSite, type PublicFunction } from '../../endpoint/calls/callSite.ts';
import { publicCall, rejectionOfCall } from '../../endpoint/calls/publicCall.ts';
import type { EndedTransfer } from '../../io/registry.ts';
import type { ShownSftp } from '../../io/shownSftp.ts';
import type { SftpSnapshot, TransferSnapshot } from '../../io/snapshots.ts';
import type { FileAttributes } from '../packet/attributes.ts';
import { type ExtensionName, serverLimits } from '../packet/extensions.ts';
import type { SftpRequest } from '../packet/requests.ts';
import type { NameEntry } from '../packet/responses.ts';
import { statusCodes } from '../packet/status.ts';
import type { Answer } from '../protocol/clientRequest.ts';
import { describeOperation, type Operation, protocolError, statusError } from '../protocol/errors.ts';
import type { CallOptions, SftpChannel } from '../seam/channel.ts';
import { Capabilities, type ServerOptions } from './capabilities.ts';
import { Errand } from './errand.ts';
import { HandleLedger } from './handles.ts';
import { SftpLink } from './link.ts';
import { HandleTurns } from './turns.ts';

export class SftpSession {
  readonly link: SftpLink;
  readonly channel: SftpChannel;
  readonly capabilities: Capabilities;
  readonly handles: HandleLedger = new HandleLedger();
  /** Whose turn it is to open something. */
  readonly turns: HandleTurns;
  /** Targets of transfers that run: no two go to one. */
  readonly claims: Set<string> = new Set();

  /** Transfers that run. */
  private readonly transfers = new Set<() => TransferSnapshot>();
  private readonly shown: ShownSftp | undefined;

  private constructor(link: SftpLink, capabilities: Capabilities) {
    this.link = link;
    this.channel = link.channel;
    this.turns = new HandleTurns(link, this.handles);
    this.capabilities = capabilities;
    this.shown = link.channel.show((withNames) => this.snapshot(withNames));
    link.onEnd(() => {
      this.handles.end();
      this.shown?.over();
    });
  }

  /**
   * Agrees on a version and learns the server's limits.
   *
   * @throws SshError `ERR_SSH_SFTP_PROTOCOL`, `ERR_SSH_TIMEOUT`, `ERR_SSH_CHANNEL_CLOSED`
   */
  static async open(channel: SftpChannel, limits: Limits, server: ServerOptions): Promise<SftpSession> {
    const link = new SftpLink(channel, limits);
    try {
      const version = await link.ready;
      const capabilities = new Capabilities(version, channel.remoteIdentification, limits, server);
      const session = new SftpSession(link, capabilities);
      await session.learnLimits();
      const { handles } = session;
      handles.told = server.openHandles ?? capabilities.limits.openHandles ?? handles.told;
      return session;
    } catch (error) {
      if (error instanceof SshError) link.fail(error);
      throw error;
    }
  }

  /** Ends the session; what runs rejects with this cause. */
  close(cause: SshError): void {
    this.link.fail(cause);
  }

  // For reports -----------------------------------------------------------------------

  /** Shows a transfer in reports. The returned function says how it ended. */
  showTransfer(look: () => TransferSnapshot): (outcome: EndedTransfer['outcome']) => void {
    this.transfers.add(look);
    this.shown?.transferStarted(look().kind);
    return (outcome) => {
      this.transfers.delete(look);
      const { kind, age: elapsed, filesDone: files, transferred: bytes } = look();
      this.shown?.transferEnded({ kind, outcome, elapsed, files, bytes });
    };
  }

  private snapshot(withNames: boolean): Omit<SftpSnapshot, 'channel'> {
    const { link, handles } = this;
    return {
      openHandles: handles.held,
      requests: link.requestsInFlight,
      queuedRequests: link.queuedRequests,
      bytesRead: link.bytesRead,
      bytesWritten: link.bytesWritten,
      filesOpened: link.filesOpened,
      transfers: [...this.transfers].map((look) => look()),
      fileNames: withNames ? handles.paths : undefined,
    };
  }

  // Single requests -------------------------------------------------------------------

  /** A request that is answered by a STATUS alone. @throws SshError unless that is OK */
  async ok(body: SftpRequest, operation: Operation, errand?: Errand): Promise<void> {
    this.mustBe('status', await this.link.ask(body, operation, errand), operation);
  }

  /** OPEN or OPENDIR. */
  async handle(body: SftpRequest, operation: Operation, errand?: Errand): Promise<Uint8Array> {
    return this.mustBe('handle', await this.link.ask(body, operation, errand), operation).handle;
  }

  async attributes(body: SftpRequest, operation: Operation, errand?: Errand): Promise<FileAttributes> {
    return this.mustBe('attrs', await this.link.ask(body, operation, errand), operation).attrs;
  }

  /** REALPATH or READLINK. */
  async name(body: SftpRequest, operation: Operation, errand?: Errand): Promise<Uint8Array> {
    const { names } = this.mustBe('name', await this.link.ask(body, operation, errand), operation);
    return (names[0] as NameEntry).filename;
  }

  /** An extension that is answered by an EXTENDED_REPLY: what that holds. */
  async extended(
    name: ExtensionName,
    payload: Uint8Array,
    operation: Operation,
    errand?: Errand,
  ): Promise<Uint8Array> {
    const answer = await this.extendedAnswer(name, payload, operation, errand);
    return this.mustBe('extendedReply', answer, operation).payload;
  }

  /** An extension that is answered by a STATUS. */
  async extendedOk(
    name: ExtensionName,
    payload: Uint8Array,
    operation: Operation,
    errand?: Errand,
  ): Promise<void> {
    this.mustBe('status', await this.extendedAnswer(name, payload, operation, errand), operation);
  }

  /** Closes a handle; whether that worked concerns nobody. It has its own deadline. */
  closeQuietly(handle: Uint8Array): void {
    this.link
      .ask({ kind: 'close', handle }, { name: 'close', path: undefined })
      .catch(() => {})
      .finally(() => this.handles.closed(handle));
  }

  /** The error of a status that is no success. */
  statusError(answer: Answer & { kind: 'status' }, operation: Operation): SshError {
    return this.channel.addressed(statusError(answer, operation, this.channel.host));
  }

  /**
   * The error of something that the server cannot do.
   *
   * @param instead what may be tried
   */
  unsupported(operation: Operation, what: string, instead: string = ''): SshError {
    const hint = instead === '' ? '' : `; ${instead}`;
    return this.channel.addressed(
      new SshError(
        'ERR_SSH_SFTP_UNSUPPORTED',
        `${describeOperation(operation)} on ${this.channel.host}: the server has no ${what}${hint}`,
        { origin: 'peer', path: operation.path },
      ),
    );
  }

  /** A server that announces its limits and then does not tell them has none to tell. */
  private async learnLimits(): Promise<void> {
    const { capabilities, link } = this;
    if (!capabilities.has('limits@openssh.com')) return;
    const operation = { name: 'limits', path: undefined };
    try {
      const payload = await this.extended('limits@openssh.com', new Uint8Array(0), operation);
      capabilities.learnLimits(
        decoded(() => serverLimits.fromBytes(payload)),
        link.limits,
      );
    } catch (error) {
      const isRefusal = error instanceof SshError && error.status !== undefined;
      if (!isRefusal) throw error;
    }
  }

  private extendedAnswer(
    name: ExtensionName,
    payload: Uint8Array,
    operation: Operation,
    errand: Errand | undefined,
  ): Promise<Answer> {
    if (!this.capabilities.has(name)) return Promise.reject(this.unsupported(operation, name));
    return this.link.ask({ kind: 'extended', extendedRequest: name, payload }, operation, errand);
  }

  /** The machine holds answers to their requests, so that another kind is a STATUS or a success without a value. */
  private mustBe<K extends Answer['kind']>(
    kind: K,
    answer: Answer,
    operation: Operation,
  ): Extract<Answer, { kind: K }> {
    const failed = answer.kind === 'status' && answer.errorCode !== statusCodes.ok;
    if (answer.kind === kind && !failed) return answer as Extract<Answer, { kind: K }>;
    if (answer.kind === 'status' && failed) throw this.statusError(answer, operation);
    const error = protocolError(`${answer.kind} in answer to ${operation.name}, where ${kind} was due`);
    this.link.fail(error);
    throw error;
  }

  // Calls -----------------------------------------------------------------------------

  /** A call of the public API: its error says to which host it happened, and leads to the caller's line. */
  publicCall<T>(calledAs: PublicFunction, work: () => Promise<T>): Promise<T> {
    const { channel } = this;
    const known = {
      site: new CallSite(calledAs),
      addressed: (error: SshError): SshError => channel.addressed(error),
      isGivenUp: () => channel.isGivenUp,
    };
    return publicCall(known, work);
  }

  /** What an iteration or a stream of the caller's fails with: its error leads to where that was begun. */
  rejection(site: CallSite, error: unknown): unknown {
    return rejectionOfCall({ site, addressed: (named) => this.channel.addressed(named) }, error);
  }

  /**
   * Bounds a call by its timeout and its signal. What the call has asked by then is given
   * up, and it has the `close` time to put away what it has open here.
   *
   * @throws SshError `ERR_SSH_TIMEOUT`, `ERR_SSH_ABORTED`, or whatever `work` throws
   */
  async call<T>(
    detail: string,
    options: CallOptions,
    work: (errand: Errand | undefined) => Promise<T>,
  ): Promise<T> {
    if (options.signal === undefined && options.timeout === undefined) return work(undefined);
    const bounds = this.channel.bounds(detail, options);
    const errand = new Errand(this.link);
    const working = work(errand);
    try {
      return await bounds.until(working);
    } catch (error) {
      if (error instanceof SshError) {
        errand.cancel(error);
        await this.within(working, `${detail} to be put away`);
      }
      throw error;
    } finally {
      bounds.end();
    }
  }

  /** What the caller's own code gives, or the end of the call or of the session if that comes first. */
  callersOwn<T>(promise: Promise<T>, errand: Errand | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.link.cause !== undefined) reject(this.link.cause);
      const forget = this.link.onEnd(reject);
      const keep = errand?.onCancel(reject);
      const done = (): void => {
        forget();
        keep?.();
      };
      promise.then(resolve, reject).finally(done);
    });
  }

  /** Resolves when the promise settles, when the session ends, or when the `close` time is over. */
  within(promise: Promise<unknown>, detail: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.link.cause !== undefined) return resolve();
      const { channel } = this;
      const done = (): void => {
        channel.finishWait(wait);
        forget();
        resolve();
      };
      const wait = channel.startCloseWait(detail, done);
      const forget = this.link.onEnd(done);
      promise.then(done, done);
    });
  }
}

/** An answer that cannot be read breaks the rules. */
export function decoded<T>(step: () => T): T {
  try {
    return step();
  } catch (error) {
    throw protocolError(error instanceof Error ? error.message : String(error), { cause: error });
  }
}

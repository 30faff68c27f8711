/**
 * A file that is open on the server, from the inside.
 *
 * Owns: OPEN, CLOSE and FSTAT; that a handle is closed once, and what a closed one answers.
 * Must not know: how a user reads and writes (`fileHandle.ts`), transfers.
 */
import { escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import type { FileAttributes } from '../../packet/attributes.ts';
import { describeOperation, isPlainFailure, type Operation } from '../../protocol/errors.ts';
import type { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';
import type { TurnOptions } from '../../session/turns.ts';
import { pathBytes, pathText, type RemotePath } from '../paths.ts';

/** How a file is opened by a call that closes it soon. */
export interface OpenOptions extends TurnOptions {
  /** What its errors name, where that is another file to the caller. */
  readonly shownAs?: RemotePath | undefined;
}

export class OpenFile {
  readonly session: SftpSession;
  /** As errors name it. */
  readonly path: string;
  /** As the server named it. */
  readonly handle: Uint8Array;
  private readonly givenPath: RemotePath;
  private closing: Promise<void> | undefined;

  private constructor(session: SftpSession, path: RemotePath, handle: Uint8Array, shownAs: string) {
    this.session = session;
    this.path = shownAs;
    this.givenPath = path;
    this.handle = handle;
  }

  /**
   * Opens a file that the caller's own code closes, in its turn as `openInTurn`.
   *
   * @throws SshError what the server answered
   */
  static openForCaller(
    session: SftpSession,
    path: RemotePath,
    pflags: number,
    attrs: FileAttributes,
    errand?: Errand,
  ): Promise<OpenFile> {
    const ask = (): Promise<OpenFile> =>
      OpenFile.ask(session, path, pflags, attrs, { errand, isCallers: true });
    return session.turns.ask(ask, { errand });
  }

  /** In its turn where the server bounds the handles that are open, whether it tells that or not. */
  static openInTurn(
    session: SftpSession,
    path: RemotePath,
    pflags: number,
    attrs: FileAttributes,
    options: OpenOptions,
  ): Promise<OpenFile> {
    return session.turns.ask(() => OpenFile.ask(session, path, pflags, attrs, options), options);
  }

  /** As `openInTurn`, for what may be refused for another reason: that is for the caller to find out. */
  static async tryInTurn(
    session: SftpSession,
    path: RemotePath,
    pflags: number,
    attrs: FileAttributes,
    options: Pick<OpenOptions, 'errand' | 'shownAs'>,
  ): Promise<OpenFile> {
    await session.turns.take(options.errand);
    return OpenFile.ask(session, path, pflags, attrs, options);
  }

  /** As `openInTurn`, and undefined where that would have to wait for others to be closed. */
  static async openUnlessFull(
    session: SftpSession,
    path: RemotePath,
    pflags: number,
    attrs: FileAttributes,
    errand?: Errand,
  ): Promise<OpenFile | undefined> {
    const { handles, turns } = session;
    if (handles.isFull || handles.isHeldBack) return undefined;
    const ask = (): Promise<OpenFile> => OpenFile.ask(session, path, pflags, attrs, { errand });
    handles.asked();
    try {
      return await ask();
    } catch (error) {
      if (!isPlainFailure(error)) throw error;
      const verdict = await turns.judge(ask, errand);
      if (verdict.about === 'file') throw error;
      return verdict.about === 'nothing' ? verdict.result : undefined;
    }
  }

  /** Asks for a handle that has been counted in. */
  private static async ask(
    session: SftpSession,
    path: RemotePath,
    pflags: number,
    attrs: FileAttributes,
    { errand, shownAs = path, isCallers }: OpenOptions & { readonly isCallers?: boolean },
  ): Promise<OpenFile> {
    const shown = pathText(shownAs);
    try {
      const body = { kind: 'open', filename: pathBytes(path), pflags, attrs } as const;
      const handle = await session.handle(body, { name: 'open', path: shown }, errand);
      session.handles.opened(handle, pathText(path), isCallers);
      return new OpenFile(session, path, handle, shown);
    } catch (error) {
      session.handles.refused();
      throw error;
    }
  }

  get isClosed(): boolean {
    return this.closing !== undefined;
  }

  operation(name: string): Operation {
    return { name, path: this.path };
  }

  /** @throws SshError `ERR_SSH_CLOSED` */
  check(name: string): void {
    if (this.closing !== undefined) throw this.closedError(name);
  }

  /** The error of a call on a closed file. */
  closedError(name: string): SshError {
    return new SshError('ERR_SSH_CLOSED', `${describeOperation(this.operation(name))}: the file is closed`, {
      origin: 'user',
      path: escapeText(this.path),
    });
  }

  /** FSTAT; a server that refuses that is asked about the path, which leads to the same file as long as nobody renames it. */
  async attributes(errand?: Errand): Promise<FileAttributes> {
    this.check('stat');
    const { session, handle, givenPath } = this;
    const operation = this.operation('stat');
    try {
      return await session.attributes({ kind: 'fstat', handle }, operation, errand);
    } catch (error) {
      if (!isRefused(error)) throw error;
      return session.attributes({ kind: 'stat', path: pathBytes(givenPath) }, operation, errand);
    }
  }

  setAttributes(attrs: FileAttributes, name: string, errand?: Errand): Promise<void> {
    this.check(name);
    return this.session.ok({ kind: 'fsetstat', handle: this.handle, attrs }, this.operation(name), errand);
  }

  /**
   * Closes the handle, once; it has its own deadline.
   *
   * @throws SshError what the server answered: it may tell of a failed WRITE only now
   */
  close(): Promise<void> {
    this.closing ??= this.session
      .ok({ kind: 'close', handle: this.handle }, this.operation('close'))
      .finally(() => this.session.handles.closed(this.handle));
    return this.closing;
  }

  /** Closes it where its end is of no interest any more. */
  closeQuietly(): void {
    this.close().catch(() => {});
  }
}

/** The server does not do that for anybody, or not for this user: servers can be told which requests they take. */
function isRefused(error: unknown): boolean {
  if (!(error instanceof SshError)) return false;
  return error.code === 'ERR_SSH_SFTP_PERMISSION_DENIED' || error.code === 'ERR_SSH_SFTP_UNSUPPORTED';
}

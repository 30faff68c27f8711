/**
 * Reading folders.
 *
 * Owns: OPENDIR and READDIR, some of them asked ahead; a folder as a user
 * iterates over it.
 * Must not know: what the entries are for.
 *
 * Memory: batches that came and were not taken, as many as are asked ahead at most.
 */
import type { CallSite } from '../../../endpoint/calls/callSite.ts';
import type { NameEntry } from '../../packet/responses.ts';
import { statusCodes } from '../../packet/status.ts';
import type { Answer } from '../../protocol/clientRequest.ts';
import type { Operation } from '../../protocol/errors.ts';
import type { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';
import { DirectoryEntry } from '../entry.ts';
import { isDotName, isPossibleName, pathBytes, pathText, type RemotePath } from '../paths.ts';

/** READDIRs in flight at most; the number doubles from one whenever somebody has to wait for a batch. */
const mostAhead = 32;
/** Entries that those in flight may bring, at the length of the last batch: servers give from some to thousands in one. */
const mostEntriesAhead = 1024;

/** A READDIR that was asked. */
interface Asked {
  readonly answer: Promise<Answer>;
  isHere: boolean;
}

/**
 * Whose a folder is: a call's, which closes it soon; the caller's own code's, which does so
 * whenever it likes; one of a walk's, which gives handles of its own back where there are no more.
 */
export type FolderHolder = 'call' | 'caller' | 'walk';

/** The batches of one folder, in the order in which they were asked for. */
export class FolderReader {
  readonly path: Uint8Array;
  private readonly session: SftpSession;
  private readonly errand: Errand | undefined;
  private readonly operation: Operation;
  private opening: Promise<Uint8Array> | undefined;
  private readonly asked: Asked[] = [];
  private ahead = 1;
  private isClosed = false;
  private readonly who: FolderHolder;
  /** Other handles that may have been open when the server refused to open the folder. */
  othersAtRefusal = 0;

  constructor(session: SftpSession, path: RemotePath, errand?: Errand, who: FolderHolder = 'call') {
    this.session = session;
    this.who = who;
    this.path = pathBytes(path);
    this.errand = errand;
    this.operation = { name: 'readdir', path: pathText(path) };
  }

  /** Opens the folder and asks for its first batch, if that has not been done. */
  begin(): void {
    if (this.opening !== undefined || this.isClosed) return;
    this.opening = this.open();
    // Anybody who asks for a batch hears of it.
    this.opening.catch(() => {});
  }

  /** As `begin`, at once and with a handle that has been counted in. @throws SshError what the server answered */
  async openNow(): Promise<void> {
    this.opening = this.askToOpen();
    await this.opening;
  }

  /**
   * The next entries, `.` and `..` and names that no folder can have among them; undefined at the end.
   *
   * @throws SshError what the server answered, `ERR_SSH_TIMEOUT`, the cause of the session's end
   */
  async next(): Promise<readonly NameEntry[] | undefined> {
    if (this.isClosed) return undefined;
    try {
      this.begin();
      const handle = await (this.opening as Promise<Uint8Array>);
      // Abandoned meanwhile.
      if (this.isClosed) return undefined;
      this.ask(handle);
      const first = this.asked.shift() as Asked;
      const isLate = !first.isHere;
      const answer = await first.answer;
      if (answer.kind === 'name') {
        const { names } = answer;
        // Who is slower than the server needs no more of them, and would only hold them.
        if (isLate) this.ahead = aheadAfter(this.ahead, names.length);
        this.ask(handle);
        return names;
      }
      if (answer.kind === 'status' && answer.errorCode !== statusCodes.eof) {
        throw this.session.statusError(answer, this.operation);
      }
    } catch (error) {
      this.close();
      throw error;
    }
    this.close();
    return undefined;
  }

  /** Closes the folder. Nobody waits for that: it has its own deadline. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.asked.length = 0;
    this.opening?.then(
      (handle) => {
        this.session.closeQuietly(handle);
      },
      () => {},
    );
  }

  private async open(): Promise<Uint8Array> {
    const { session, errand } = this;
    if (this.who !== 'walk') return session.turns.ask(() => this.askToOpen(), { errand });
    await session.turns.take(errand);
    return this.askToOpen();
  }

  /** Asks for a handle that has been counted in. */
  private async askToOpen(): Promise<Uint8Array> {
    const { session, path, errand, operation } = this;
    const countOthers = session.handles.countOthers();
    try {
      const opening = { name: 'opendir', path: operation.path };
      const handle = await session.handle({ kind: 'opendir', path }, opening, errand);
      session.handles.opened(handle, operation.path ?? '', this.who === 'caller');
      if (!this.isClosed) this.ask(handle);
      return handle;
    } catch (error) {
      this.othersAtRefusal = countOthers();
      session.handles.refused();
      throw error;
    }
  }

  private ask(handle: Uint8Array): void {
    while (this.asked.length < this.ahead) {
      const answer = this.session.link.ask({ kind: 'readdir', handle }, this.operation, this.errand);
      const asked: Asked = { answer, isHere: false };
      // One that nobody comes to take must not count as unhandled.
      const came = (): void => {
        asked.isHere = true;
      };
      answer.then(came, came);
      this.asked.push(asked);
    }
  }
}

/** How many are asked ahead once somebody has waited for a batch of this length. */
function aheadAfter(before: number, batchLength: number): number {
  const fitting = Math.max(1, Math.floor(mostEntriesAhead / Math.max(1, batchLength)));
  return Math.min(2 * before, mostAhead, fitting);
}

/**
 * A folder on the server, to be iterated over. It holds some batches and never the
 * whole folder. `.` and `..` are left out, and so are names that no folder can truly
 * have (empty, with `/` or NUL in them).
 *
 * @example
 * ```ts
 * import type { Sftp } from 'deadline-ssh';
 * async function bytesIn(sftp: Sftp, folder: string): Promise<number> {
 *   let sum = 0;
 *   for await (const entry of sftp.opendir(folder)) if (entry.isFile()) sum += entry.stats().size;
 *   return sum;
 * }
 * ```
 */
export class SftpFolder implements AsyncIterable<DirectoryEntry> {
  private readonly reader: FolderReader;
  private readonly fault: (error: unknown) => unknown;
  private batch: readonly NameEntry[] = [];
  private at = 0;

  private constructor(reader: FolderReader, fault: (error: unknown) => unknown) {
    this.reader = reader;
    this.fault = fault;
  }

  /** Made by `sftp.opendir()`. `site`: where that was called. */
  static at(session: SftpSession, path: RemotePath, site: CallSite): SftpFolder {
    const reader = new FolderReader(session, path, undefined, 'caller');
    return new SftpFolder(reader, (error) => session.rejection(site, error));
  }

  /** The folder, as it was given. */
  get path(): string {
    return pathText(this.reader.path);
  }

  /**
   * The next entry; undefined at the end, which closes the folder.
   *
   * @throws SshError `ERR_SSH_SFTP_NO_SUCH_FILE`, `ERR_SSH_SFTP_PERMISSION_DENIED`, `ERR_SSH_TIMEOUT`, …
   */
  async read(): Promise<DirectoryEntry | undefined> {
    for (;;) {
      while (this.at < this.batch.length) {
        const entry = this.batch[this.at++] as NameEntry;
        if (isPossibleName(entry.filename)) return new DirectoryEntry(entry, this.reader.path);
      }
      const batch = await this.nextBatch();
      if (batch === undefined) return undefined;
      this.batch = batch;
      this.at = 0;
    }
  }

  /** Ends the listing before its end. */
  async close(): Promise<void> {
    this.reader.close();
  }

  /** The entries, one after the other; `break` ends the listing. */
  async *[Symbol.asyncIterator](): AsyncGenerator<DirectoryEntry, undefined> {
    try {
      for (let entry = await this.read(); entry !== undefined; entry = await this.read()) yield entry;
    } finally {
      await this.close();
    }
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private async nextBatch(): Promise<readonly NameEntry[] | undefined> {
    try {
      return await this.reader.next();
    } catch (error) {
      throw this.fault(error);
    }
  }
}

/** The entries of a folder but `.` and `..`, and but the names that no folder can have. */
export async function* possibleEntries(
  session: SftpSession,
  path: Uint8Array,
  errand?: Errand,
): AsyncGenerator<DirectoryEntry, undefined> {
  for await (const entry of everyEntry(session, path, errand)) {
    if (isPossibleName(entry.nameBytes)) yield entry;
  }
}

/** All entries of a folder but `.` and `..`, including names that no folder can have: for those who report them. */
export async function* everyEntry(
  session: SftpSession,
  path: Uint8Array,
  errand?: Errand,
): AsyncGenerator<DirectoryEntry, undefined> {
  const reader = new FolderReader(session, path, errand);
  try {
    for (let batch = await reader.next(); batch !== undefined; batch = await reader.next()) {
      for (const entry of batch) if (!isDotName(entry.filename)) yield new DirectoryEntry(entry, path);
    }
  } finally {
    reader.close();
  }
}

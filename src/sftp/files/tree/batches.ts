/**
 * The entries of a folder, for a walk through many.
 *
 * Owns: that the handle of a folder is given back early where a server has few: what is left
 * of the folder is held in memory then.
 * Must not know: the order of a walk.
 */
import { escapeText } from '../../../base/bytes.ts';
import { SshError } from '../../../base/errors.ts';
import type { NameEntry } from '../../packet/responses.ts';
import { isPlainFailure } from '../../protocol/errors.ts';
import type { Errand } from '../../session/errand.ts';
import type { SftpSession } from '../../session/session.ts';
import { noneLeft, type Verdict } from '../../session/turns.ts';
import { DirectoryEntry } from '../entry.ts';
import { isDotName, pathText } from '../paths.ts';
import { FolderReader } from './listing.ts';

/** Servers that allow fewer handles than this are listed a folder at a time. */
const fewHandles = 4;
/** Entries held of a folder whose handle was given back. */
const mostHeld = 1_000_000;

export class FolderBatches {
  readonly path: Uint8Array;
  private readonly session: SftpSession;
  private readonly errand: Errand | undefined;
  private reader: FolderReader;
  /** Those whose handles are open while this folder is read, the outermost first. */
  private readonly above: readonly FolderBatches[];
  private readonly held: (readonly NameEntry[])[] = [];
  private isDrained = false;
  /** Why there is nothing behind what is held: it is told when that has been taken. */
  private failure: { readonly error: unknown } | undefined;
  private readonly dropAhead: () => void;
  private isFirst = true;

  /**
   * @param reader that has begun already, where there is one
   * @param dropAhead closes folders that were opened ahead of their turn
   */
  constructor(
    session: SftpSession,
    path: Uint8Array,
    above: readonly FolderBatches[],
    errand: Errand | undefined,
    reader?: FolderReader,
    dropAhead: () => void = () => {},
  ) {
    this.session = session;
    this.path = path;
    this.above = above;
    this.errand = errand;
    this.dropAhead = dropAhead;
    this.reader = reader ?? this.again();
  }

  /** The next entries; undefined at the end. */
  async next(): Promise<readonly NameEntry[] | undefined> {
    if (this.isFirst) {
      this.isFirst = false;
      return this.first();
    }
    const held = this.held.shift();
    if (held !== undefined) return held;
    if (this.failure !== undefined) throw this.failure.error;
    return this.isDrained ? undefined : this.reader.next();
  }

  /** Reads the rest and gives the handle back. What fails in that is told to who reads this folder. */
  async drain(): Promise<void> {
    if (this.isDrained) return;
    this.isDrained = true;
    let count = 0;
    try {
      for (let batch = await this.reader.next(); batch !== undefined; batch = await this.reader.next()) {
        count += batch.length;
        if (count > mostHeld) throw this.tooMany();
        this.held.push(batch);
      }
    } catch (error) {
      this.failure = { error };
      this.reader.close();
    }
  }

  close(): void {
    this.reader.close();
    this.held.length = 0;
  }

  /** A server that fails to open a folder while others are open may have too few handles: they are given back. */
  private async first(): Promise<readonly NameEntry[] | undefined> {
    const { session, errand } = this;
    const { handles, turns } = session;
    for (let isFirst = true; ; isFirst = false) {
      await turns.unhindered(errand);
      // Who waits for a handle holds none.
      if (handles.limit < fewHandles || handles.isFull) await this.giveBack();
      try {
        const batch = await this.reader.next();
        if (!isFirst) handles.prove();
        if (handles.limit < fewHandles) await this.drain();
        return batch;
      } catch (error) {
        if (!isPlainFailure(error)) throw error;
        const isAlone = this.reader.othersAtRefusal === 0;
        const verdict: Verdict<void> = isAlone
          ? { about: 'file' }
          : await turns.judge(() => this.openAgain(), errand);
        if (verdict.about === 'nothing') continue;
        if (verdict.about === 'file') {
          if (!isFirst) handles.acquit();
          throw error;
        }
        handles.suspect(isFirst ? verdict.most : 1);
        await this.giveBack();
        if (!isFirst && handles.held > 0 && !(await turns.closed(errand))) {
          throw noneLeft(error, handles.held, 0);
        }
        this.reader = this.again();
      }
    }
  }

  private async giveBack(): Promise<void> {
    this.dropAhead();
    for (const folder of this.above) await folder.drain();
  }

  /** Opens the folder anew with a handle that has been counted in. */
  private async openAgain(): Promise<void> {
    this.reader = this.again();
    await this.reader.openNow();
  }

  private again(): FolderReader {
    return new FolderReader(this.session, this.path, this.errand, 'walk');
  }

  private tooMany(): SshError {
    const path = escapeText(pathText(this.path));
    return new SshError(
      'ERR_SSH_LIMIT',
      `"${path}" has more than ${mostHeld} entries, on a server with few handles`,
      {
        origin: 'peer',
        path,
      },
    );
  }
}

/**
 * The entries of a folder but `.` and `..`, including names that no folder can have.
 *
 * @param parent the folder as the entries name it
 */
export async function* entriesOf(
  folder: FolderBatches,
  parent: Uint8Array = folder.path,
): AsyncGenerator<DirectoryEntry, undefined> {
  try {
    for (let batch = await folder.next(); batch !== undefined; batch = await folder.next()) {
      for (const entry of batch) if (!isDotName(entry.filename)) yield new DirectoryEntry(entry, parent);
    }
  } finally {
    folder.close();
  }
}

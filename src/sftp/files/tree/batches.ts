/**
 * The entries of a folder, for a walk through many.
 *
 * Owns: that the handle of a folder is given back early where a server has few: what is left
 * of the folder is held in memory then.
 * Must not know: the order of a walk.
 */
import { SshError } from '../../../base/errors.ts';
import type { NameEntry } from '../../packet/responses.ts';
import { isPlainFailure, type SftpSession } from '../../session/session.ts';
import { pathText } from '../paths.ts';
import type { FolderReader } from './listing.ts';

/** Servers that allow fewer handles than this are listed a folder at a time. */
const fewHandles = 4;
/** Entries held of a folder whose handle was given back. */
const mostHeld = 1_000_000;

export class FolderBatches {
  readonly path: Uint8Array;
  private readonly session: SftpSession;
  private reader: FolderReader;
  private readonly again: () => FolderReader;
  /** Those whose handles are open while this folder is read, the outermost first. */
  private readonly above: readonly FolderBatches[];
  private readonly held: (readonly NameEntry[])[] = [];
  private isDrained = false;
  private isFirst = true;

  constructor(
    session: SftpSession,
    again: () => FolderReader,
    reader: FolderReader | undefined,
    above: readonly FolderBatches[],
  ) {
    this.session = session;
    this.again = again;
    this.reader = reader ?? again();
    this.above = above;
    this.path = this.reader.path;
  }

  /** The next entries; undefined at the end. */
  async next(): Promise<readonly NameEntry[] | undefined> {
    if (this.isFirst) {
      this.isFirst = false;
      return this.first();
    }
    const held = this.held.shift();
    if (held !== undefined) return held;
    return this.isDrained ? undefined : this.reader.next();
  }

  /** Reads the rest and gives the handle back. */
  async drain(): Promise<void> {
    if (this.isDrained) return;
    this.isDrained = true;
    let count = 0;
    for (let batch = await this.reader.next(); batch !== undefined; batch = await this.reader.next()) {
      count += batch.length;
      if (count > mostHeld) throw this.tooMany();
      this.held.push(batch);
    }
  }

  close(): void {
    this.reader.close();
    this.held.length = 0;
  }

  /** A server that fails to open a folder while others are open may have too few handles: they are given back. */
  private async first(): Promise<readonly NameEntry[] | undefined> {
    const { session } = this;
    const { handles } = session;
    for (let isFirst = true; ; isFirst = false) {
      if (handles.limit < fewHandles) for (const folder of this.above) await folder.drain();
      try {
        const batch = await this.reader.next();
        if (!isFirst) handles.prove();
        if (handles.limit < fewHandles) await this.drain();
        return batch;
      } catch (error) {
        if (!isPlainFailure(error)) throw error;
        const others = this.reader.heldAtRefusal;
        if (others === 0) {
          if (!isFirst) handles.acquit();
          throw error;
        }
        handles.suspect(isFirst ? others : 1);
        for (const folder of this.above) await folder.drain();
        if (!isFirst && handles.held > 0 && !(await session.handleClosed())) throw error;
        this.reader = this.again();
      }
    }
  }

  private tooMany(): SshError {
    const path = pathText(this.path);
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

/**
 * What the files of a folder may hold together.
 *
 * Owns: the count of their bytes, and that no change takes it beyond the bound.
 * Must not know: SFTP, sessions: all of them share one.
 *
 * Changes run one after the other, since each has to know what the one before it made of the
 * count. One that was given up, since its request was answered for, holds up none behind it: the
 * whole length that it may still give its file stays counted until it has ended, as others may
 * shorten that file meanwhile. Then the folder is counted anew. A file counts with its length,
 * whatever holes are in it.
 */
import type * as fs from 'node:fs';
import { tooLong, WorkOrder } from '../../sftp/serve/order.ts';
import type { StoreCaller } from '../../sftp/serve/store.ts';
import { kindOfEntry, nameOfEntry } from '../folderEntries.ts';
import * as system from './systemCalls.ts';
import { binaryPath, hasCode, systemError } from './systemCalls.ts';

/** A change that has its turn. */
export interface QuotaChange {
  /** @throws SftpRefusal once the change is given up: what it has not begun it does no more */
  check(): void;
  /**
   * A file will hold so many bytes more: they count from now on.
   *
   * @param length what the file may have when this is done, whatever others do to it
   * @throws EDQUOT where they are too many; SftpRefusal once the change is given up
   */
  grow(bytes: number, length: number): void;
  /** Files hold so many bytes fewer, or fewer than they were going to. */
  shrink(bytes: number): void;
}

export class Quota {
  /** Bytes. */
  readonly limit: number;
  private readonly order = new WorkOrder();
  private counted: number | undefined;
  /** Goes on where those who wait for it give up: a large folder takes long. */
  private counting: { readonly found: Promise<number> } | undefined;
  /** Lengths that changes may still give to files which were given up and go on. */
  private outstanding = 0;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes in use, once they were counted. */
  get used(): number {
    return this.counted ?? 0;
  }

  /**
   * Does a step that changes the sizes of files.
   *
   * @param root counted at the first of them
   * @throws SftpRefusal where the caller gives up before the step begins
   */
  change<T>(root: string, step: (change: QuotaChange) => Promise<T>, caller?: StoreCaller): Promise<T> {
    return this.order.alone(async () => {
      await this.count(root);
      const check = (): void => {
        if (caller?.isGivenUp === true) throw tooLong();
      };
      check();
      let brought = 0;
      let longest = 0;
      let kept = 0;
      let isOver = false;
      caller?.whenGivenUp(() => {
        if (isOver) return;
        kept = longest;
        this.outstanding += kept;
        this.add(kept - brought);
      });
      const change: QuotaChange = {
        check,
        grow: (bytes, length) => {
          check();
          if (bytes > 0 && this.used + bytes > this.limit) throw systemError('EDQUOT');
          brought += bytes;
          longest = Math.max(longest, length);
          this.add(bytes);
        },
        shrink: (bytes) => this.add(-bytes),
      };
      try {
        return await step(change);
      } finally {
        isOver = true;
        if (caller?.isGivenUp === true) {
          this.outstanding -= kept;
          // Others may have measured the same files meanwhile.
          this.counted = undefined;
          this.counting = undefined;
        }
      }
    }, caller);
  }

  /** One count for all who wait for it. */
  private async count(root: string): Promise<void> {
    while (this.counted === undefined) {
      this.counting ??= { found: bytesIn(root) };
      const { counting } = this;
      try {
        const found = await counting.found;
        if (this.counting === counting) this.counted = found + this.outstanding;
      } finally {
        if (this.counting === counting) this.counting = undefined;
      }
    }
  }

  private add(bytes: number): void {
    if (this.counted !== undefined) this.counted = Math.max(0, this.counted + bytes);
  }
}

/** What removing one of its names frees. */
export function bytesFreed(stats: fs.Stats): number {
  return stats.isFile() && stats.nlink <= 1 ? stats.size : 0;
}

/** The lengths of all files below a folder; one with several names counts once. */
async function bytesIn(root: string): Promise<number> {
  const seen = new Set<string>();
  const left = [root];
  let sum = 0;
  for (let path = left.pop(); path !== undefined; path = left.pop()) {
    for await (const entry of await system.opendir(path)) {
      const inner = `${path}/${binaryPath(nameOfEntry(entry))}`;
      const told = await kindOfEntry(entry, () => system.lstat(inner));
      if (told?.isDirectory()) left.push(inner);
      else if (told?.isFile()) sum += await lengthOf(inner, seen);
    }
  }
  return sum;
}

async function lengthOf(path: string, seen: Set<string>): Promise<number> {
  try {
    const { size, nlink, dev, ino } = await system.lstat(path);
    if (nlink <= 1) return size;
    const identity = `${dev}:${ino}`;
    if (seen.has(identity)) return 0;
    seen.add(identity);
    return size;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return 0;
    throw error;
  }
}

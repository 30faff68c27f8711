/**
 * What the files of a folder may hold together.
 *
 * Owns: the count of their bytes, and that no change takes it beyond the bound.
 * Must not know: SFTP, sessions: all of them share one.
 *
 * Changes run one after the other, since each has to know what the one before it made of the
 * count. A file counts with its length, whatever holes are in it.
 */
import type * as fs from 'node:fs';
import { WorkOrder } from '../../sftp/serve/order.ts';
import * as system from './systemCalls.ts';
import { binaryPath, hasCode, systemError } from './systemCalls.ts';

export class Quota {
  /** Bytes. */
  readonly limit: number;
  private readonly order = new WorkOrder();
  private counted: number | undefined;

  constructor(limit: number) {
    this.limit = limit;
  }

  /** Bytes in use, once they were counted. */
  get used(): number {
    return this.counted ?? 0;
  }

  /** Does a step that changes the sizes of files. @param root counted at the first of them */
  change<T>(root: string, step: () => Promise<T>): Promise<T> {
    return this.order.alone(async () => {
      this.counted ??= await bytesIn(root);
      return step();
    });
  }

  /** @throws EDQUOT where so many bytes more are too many */
  check(more: number): void {
    if (more > 0 && this.used + more > this.limit) throw systemError('EDQUOT');
  }

  /** So many bytes more are in use, or fewer. */
  moved(by: number): void {
    this.counted = Math.max(0, this.used + by);
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
      const inner = `${path}/${binaryPath(entry.name as unknown as Buffer)}`;
      if (entry.isDirectory()) left.push(inner);
      else if (entry.isFile()) sum += await lengthOf(inner, seen);
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

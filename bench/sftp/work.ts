/**
 * What is moved or listed, and the proof that it was.
 *
 * Owns: each row's files: made before the clock runs, compared after it has stopped.
 * Must not know: who does the work.
 */
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readdirSync, readSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export type WorkKind = 'get' | 'put' | 'get tree' | 'put tree' | 'list';

/** One row of the table. */
export interface Work {
  /** Its name on the command line and in the table. */
  readonly name: string;
  readonly kind: WorkKind;
  /** Milliseconds of round trip that a proxy adds; 0 for loopback. */
  readonly roundTrip: number;
  /** Files. */
  readonly count: number;
  /** Bytes of each. */
  readonly size: number;
}

const MiB = 1024 * 1024;

export function worksOf(quick: boolean): readonly Work[] {
  const [whole, far, tree, farTree, folder, farFolder] = quick
    ? [32 * MiB, 16 * MiB, 200, 20, 2_000, 1_000]
    : [1024 * MiB, 256 * MiB, 10_000, 60, 50_000, 10_000];
  return [
    { name: 'get', kind: 'get', roundTrip: 0, count: 1, size: whole },
    { name: 'put', kind: 'put', roundTrip: 0, count: 1, size: whole },
    { name: 'get-far', kind: 'get', roundTrip: 50, count: 1, size: far },
    { name: 'put-far', kind: 'put', roundTrip: 50, count: 1, size: far },
    { name: 'get-tree', kind: 'get tree', roundTrip: 0, count: tree, size: 1024 },
    { name: 'put-tree', kind: 'put tree', roundTrip: 0, count: tree, size: 1024 },
    { name: 'get-tree-far', kind: 'get tree', roundTrip: 50, count: farTree, size: 1024 },
    { name: 'put-tree-far', kind: 'put tree', roundTrip: 50, count: farTree, size: 1024 },
    { name: 'list', kind: 'list', roundTrip: 0, count: folder, size: 0 },
    { name: 'list-far', kind: 'list', roundTrip: 50, count: farFolder, size: 0 },
  ];
}

/** `1 GiB`, `10,000 files of 1,024 B` */
export function amountOf({ kind, count, size }: Work): string {
  if (kind === 'list') return `${count.toLocaleString('en')} entries`;
  if (kind === 'get' || kind === 'put') return `${size / MiB} MiB`;
  return `${count.toLocaleString('en')} files of ${size.toLocaleString('en')} B`;
}

/** Makes what is moved: a file, or a folder of files. No two blocks of it are alike. */
export function makeSource(path: string, { kind, count, size }: Pick<Work, 'kind' | 'count' | 'size'>): void {
  if (kind === 'get' || kind === 'put') return writeFile(path, size);
  mkdirSync(path);
  for (let i = 0; i < count; i++) writeFile(join(path, nameOf(i)), size);
}

/** Throws unless what arrived is what was sent, byte by byte. */
export function checkArrived(source: string, target: string, { kind, count }: Work): void {
  if (kind === 'get' || kind === 'put') return checkSame(source, target);
  const arrived = readdirSync(target);
  if (arrived.length !== count) throw new Error(`${arrived.length} of ${count} files arrived`);
  for (const name of arrived) checkSame(join(source, name), join(target, name));
}

/** The names that a listing has to give, as one hash. */
export function hashOfNames(names: readonly string[]): string {
  return createHash('sha256')
    .update([...names].sort().join('\n'))
    .digest('hex');
}

export function removeAll(path: string): void {
  rmSync(path, { recursive: true, force: true });
}

function nameOf(index: number): string {
  return `file-${String(index).padStart(6, '0')}.txt`;
}

function writeFile(path: string, size: number): void {
  const seed = randomBytes(Math.min(size, MiB));
  const fd = openSync(path, 'wx');
  try {
    for (let at = 0; at < size; at += seed.length) {
      seed.writeUInt32BE(at / seed.length, 0);
      writeSync(fd, seed, 0, Math.min(seed.length, size - at));
    }
  } finally {
    closeSync(fd);
  }
}

function checkSame(source: string, target: string): void {
  const { size } = statSync(source);
  if (statSync(target).size !== size) throw new Error(`${statSync(target).size} of ${size} bytes arrived`);
  const [a, b] = [openSync(source, 'r'), openSync(target, 'r')];
  const [first, second] = [Buffer.alloc(MiB), Buffer.alloc(MiB)];
  try {
    for (let at = 0; at < size; at += MiB) {
      const length = readSync(a, first, 0, MiB, at);
      readSync(b, second, 0, MiB, at);
      if (first.compare(second, 0, length, 0, length) !== 0) {
        throw new Error(`other bytes arrived from ${at} on`);
      }
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}

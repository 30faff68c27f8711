/**
 * Small file systems, for the faults of large ones.
 *
 * Owns: their mounting and unmounting.
 * Must not know: what goes wrong on them.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let isPossible: boolean | undefined;

/** Whether this process may mount file systems: as root it may on a machine, and in some containers. */
export function canMount(): boolean {
  isPossible ??= tryMount();
  return isPossible;
}

function tryMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-mount-'));
  try {
    mountMemory(folder, 'size=64k')();
    return true;
  } catch {
    return false;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * Mounts a file system in memory on a folder that exists.
 *
 * @param options of mount(8), such as `size=64k`
 * @returns what unmounts it
 */
export function mountMemory(folder: string, options: string): () => void {
  mount(['-t', 'tmpfs', '-o', options, 'tmpfs', folder]);
  return () => void execFileSync('umount', [folder], { stdio: 'pipe' });
}

/** The file system on that folder can only be read from now on. */
export function makeReadOnly(folder: string): void {
  mount(['-o', 'remount,ro', folder]);
}

/** Mounts a file on itself, as containers do it: it can be written and not replaced. */
export function mountFile(path: string): () => void {
  mount(['--bind', path, path]);
  return () => void execFileSync('umount', [path], { stdio: 'pipe' });
}

function mount(args: readonly string[]): void {
  execFileSync('mount', args, { stdio: 'pipe' });
}

/**
 * What makes one tree like another.
 *
 * Owns: the comparison of two entries of one name, and the step that follows from it.
 * Must not know: how entries are found and steps are carried out.
 */

/** An entry of either side, as far as it is compared. */
export interface SyncEntry {
  readonly kind: 'file' | 'folder' | 'link' | 'other';
  readonly size: number | undefined;
  /** Whole seconds since 1970, as SFTP has them. */
  readonly mtime: number | undefined;
}

/** One step of a synchronization. */
export interface SyncStep {
  /** `copy`: the file goes over. `folder`: it is made. `delete`: it is removed from the side that is written. */
  readonly action: 'copy' | 'folder' | 'delete';
  /** Below the folders that were given, with `/` between names. */
  readonly path: string;
  /** Why the step is taken. */
  readonly reason: 'missing' | 'size' | 'time' | 'sha256' | 'kind' | 'extra';
}

/** What is to be done about an entry of the side that is read. */
export type Verdict =
  | { readonly action: 'same' }
  /** Only a hash can tell. */
  | { readonly action: 'hash' }
  | { readonly action: 'copy' | 'folder'; readonly reason: SyncStep['reason'] }
  /** Something of another kind is in its place. */
  | { readonly action: 'replace'; readonly reason: 'kind' };

/** Compares an entry with what is in its place on the other side. */
export function compare(
  source: SyncEntry,
  target: SyncEntry | undefined,
  by: 'size-time' | 'sha256',
): Verdict {
  const action = source.kind === 'folder' ? 'folder' : 'copy';
  if (target === undefined) return { action, reason: 'missing' };
  if (source.kind !== target.kind) return { action: 'replace', reason: 'kind' };
  if (source.kind === 'folder') return { action: 'same' };
  if (source.size !== target.size) return { action, reason: 'size' };
  if (by === 'sha256') return { action: 'hash' };
  return source.mtime === target.mtime ? { action: 'same' } : { action, reason: 'time' };
}

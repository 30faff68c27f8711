/**
 * Entries of a folder that was opened for names as bytes, as each runtime gives them.
 *
 * Owns: the bytes of a name, and how its kind is found out.
 * Must not know: which folder it is, and what is done with it.
 *
 * Node gives an object whose name is a Buffer, Bun the Buffer alone, and Deno an
 * object whose name is text. None of them agrees with the types.
 */
import type fs from 'node:fs';

/** The bytes of the name, owned by the caller. */
export function nameOfEntry(entry: fs.Dirent): Buffer {
  const given: unknown = entry;
  if (given instanceof Uint8Array) return Buffer.from(given);
  const name: unknown = entry.name;
  return name instanceof Uint8Array ? Buffer.from(name) : Buffer.from(String(name), 'utf8');
}

/**
 * What tells the kind of the entry; `lstat` is asked where the entry is a name alone.
 * Undefined for an entry that is gone by then.
 */
export async function kindOfEntry(
  entry: fs.Dirent,
  lstat: () => Promise<fs.Stats>,
): Promise<fs.Dirent | fs.Stats | undefined> {
  if (typeof entry.isFile === 'function') return entry;
  try {
    return await lstat();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

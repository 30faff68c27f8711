/**
 * The memory of key derivations that are to cost memory.
 *
 * Owns: that a machine which has no more is a typed error, and that what was
 * derived from a passphrase is overwritten, in pieces: half a gibibyte at once
 * would hold an event loop up.
 * Must not know: which derivation it is for.
 */
import { keyUnsupportedError } from '../errors.ts';

/** Words that are overwritten between two interruptions. */
const wipedWords = 1024 * 1024;

/**
 * So many 32-bit words.
 *
 * @throws SshError `ERR_SSH_KEY_UNSUPPORTED` where there are no more
 */
export function derivationMemory(words: number): Int32Array {
  try {
    return new Int32Array(words);
  } catch (cause) {
    throw keyUnsupportedError(
      `the key derivation of the file needs ${Math.ceil(words / 256)} KiB of memory, which this process cannot get`,
      { cause },
    );
  }
}

/**
 * Overwrites them with zeros. Not for a `finally` block: a generator that yields
 * there once `return` was called goes on behind the `yield*` it was called by.
 */
export function* wipeInSteps(words: Int32Array): Generator<void, void> {
  for (let start = 0; start < words.length; start += wipedWords) {
    words.fill(0, start, start + wipedWords);
    if (start + wipedWords < words.length) yield;
  }
}

/**
 * Padding to whole cipher blocks.
 *
 * Owns: RFC 5652 §6.3 (the padding of PKCS#7), which PEM encryption uses.
 * Must not know: ciphers, files.
 */

/** The text and 1 to `blockSize` bytes that say how many they are. */
export function addPadding(text: Uint8Array, blockSize: number): Uint8Array {
  const count = blockSize - (text.length % blockSize);
  const out = new Uint8Array(text.length + count).fill(count);
  out.set(text);
  return out;
}

/** The text, as a view; undefined where the padding is not of this form. */
export function viewUnpadded(padded: Uint8Array, blockSize: number): Uint8Array | undefined {
  const count = padded[padded.length - 1];
  if (count === undefined || count === 0 || count > blockSize || count > padded.length) return undefined;
  const start = padded.length - count;
  for (let i = start; i < padded.length; i++) if (padded[i] !== count) return undefined;
  return padded.subarray(0, start);
}

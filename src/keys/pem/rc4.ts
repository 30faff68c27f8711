/**
 * RC4, for old encrypted key files.
 *
 * Owns: the cipher that is also known as arcfour (draft-kaukonen-cipher-arcfour-03
 * §3). No connection is encrypted with it, whatever a server would take.
 * Must not know: key files.
 */

/** The text, or what is sealed: both directions are one. */
export function rc4(key: Uint8Array, text: Uint8Array): Uint8Array {
  const state = new Uint8Array(256).map((_, i) => i);
  const swap = (i: number, j: number): void => {
    const held = state[i] as number;
    state[i] = state[j] as number;
    state[j] = held;
  };
  for (let i = 0, j = 0; i < 256; i++) {
    j = (j + (state[i] as number) + (key[i % key.length] as number)) & 0xff;
    swap(i, j);
  }
  const out = new Uint8Array(text.length);
  let i = 0;
  let j = 0;
  for (let at = 0; at < text.length; at++) {
    i = (i + 1) & 0xff;
    j = (j + (state[i] as number)) & 0xff;
    swap(i, j);
    out[at] = (text[at] as number) ^ (state[((state[i] as number) + (state[j] as number)) & 0xff] as number);
  }
  state.fill(0);
  return out;
}

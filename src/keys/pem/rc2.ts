/**
 * RC2 in CBC mode, for old encrypted key files.
 *
 * Owns: the key expansion and the decryption of RFC 2268. Nothing is encrypted
 * with it any more.
 * Must not know: key files.
 */
import { fromHex } from '../../base/bytes.ts';

/** PITABLE of RFC 2268 §2, a permutation of all bytes. */
const piTable = fromHex(
  'd978f9c419ddb5ed28e9fd794aa0d89dc67e37832b76538e624c6488448bfba2' +
    '179a59f587b34f1361456d8d09817d32bd8f40eb86b77b0bf09521225c6b4e82' +
    '54d66593ce60b21c7356c014a78cf1dc1275ca1f3bbee4d1423dd430a33cb626' +
    '6fbf0eda4669075727f21d9bbc944303f811c7f690ef3ee706c3d52fc8661ed7' +
    '08e8eade8052eef784aa72ac354d6a2a961ad2715a1549744b9fd05e0418a4ec' +
    'c2e0416e0f51cbcc2491af50a1f47039997c3a8523b8b47afc02365b25559731' +
    '2d5dfa98e38a92ae05df2910676cbac9d300e6cfe19ea82c6316013f58e289a9' +
    '0d38341bab33ffb0bb480c5fb9b1cd2ec5f3db47e5a59c770aa62068fe7fc1ad',
);

/** How far each of the four words turns in a mixing round (RFC 2268 §3.1). */
const turns = [1, 2, 3, 5] as const;

/**
 * Decrypts whole blocks of 8 bytes, padding left on.
 *
 * @param key as long as it is, of as many effective bits (RFC 2268 §2)
 */
export function rc2CbcDecrypt(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): Uint8Array {
  const schedule = expand(key);
  const out = new Uint8Array(sealed.length);
  const view = new DataView(sealed.buffer, sealed.byteOffset, sealed.length);
  const words = new Uint16Array(4);
  let before = iv;
  for (let at = 0; at < sealed.length; at += 8) {
    for (let i = 0; i < 4; i++) words[i] = view.getUint16(at + 2 * i, true);
    decryptWords(schedule, words);
    for (let i = 0; i < 8; i++) {
      out[at + i] = ((words[i >> 1] as number) >> (8 * (i & 1))) ^ (before[i] as number);
    }
    before = sealed.subarray(at, at + 8);
  }
  schedule.fill(0);
  words.fill(0);
  return out;
}

/** 64 words (RFC 2268 §2). */
function expand(key: Uint8Array): Uint16Array {
  const bytes = new Uint8Array(128);
  bytes.set(key);
  for (let i = key.length; i < 128; i++) bytes[i] = pi(byte(bytes, i - 1) + byte(bytes, i - key.length));
  // The effective bits are the key's own: all of its bytes count, and no bit of them is masked.
  bytes[128 - key.length] = pi(byte(bytes, 128 - key.length));
  for (let i = 127 - key.length; i >= 0; i--) {
    bytes[i] = pi(byte(bytes, i + 1) ^ byte(bytes, i + key.length));
  }
  const words = new Uint16Array(64);
  for (let i = 0; i < 64; i++) words[i] = byte(bytes, 2 * i) | (byte(bytes, 2 * i + 1) << 8);
  bytes.fill(0);
  return words;
}

/** One block, the rounds of RFC 2268 §4: five of mixing, a mash, six, a mash, five. */
function decryptWords(schedule: Uint16Array, words: Uint16Array): void {
  for (let round = 15; round >= 0; round--) {
    for (let i = 3; i >= 0; i--) {
      const turned = word(words, i);
      const back = (turned >> (turns[i] as number)) | (turned << (16 - (turns[i] as number)));
      const [one, two, three] = [word(words, i + 3), word(words, i + 2), word(words, i + 1)];
      words[i] = back - word(schedule, 4 * round + i) - (one & two) - (~one & three);
    }
    if (round !== 11 && round !== 5) continue;
    for (let i = 3; i >= 0; i--) words[i] = word(words, i) - word(schedule, word(words, i + 3) & 63);
  }
}

function pi(index: number): number {
  return piTable[index & 0xff] as number;
}

function byte(bytes: Uint8Array, index: number): number {
  return bytes[index] as number;
}

/** The words of a block go round. */
function word(words: Uint16Array, index: number): number {
  return words[index % words.length] as number;
}

/**
 * bcrypt_pbkdf: the key derivation of encrypted OpenSSH private keys.
 *
 * Owns: bcrypt_pbkdf as OpenBSD defined it and OpenSSH's PROTOCOL.key uses it.
 * Must not know: key files, limits (the caller checks the rounds), clocks. It is
 * a generator because a few dozen rounds take longer than an event loop may stand
 * still: it stops four times in each bcrypt hash, after some two milliseconds of work.
 */
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8Encode, wipe } from '../../base/bytes.ts';
import { Blowfish, scheduleWords } from './blowfish.ts';

const blockLength = 32;
/** Of the 64 expansions of a hash, those between two interruptions. */
const stepExpansions = 16;
const magicWords: Int32Array = scheduleWords(utf8Encode('OxychromaticBlowfishSwatDynamite'));

/**
 * Derives `length` bytes. Each `next()` does some two milliseconds of work.
 *
 * @param passphrase one byte or more
 * @param salt one byte or more
 * @param rounds 1 or more; the time grows in proportion
 */
export function* bcryptPbkdf(
  passphrase: Uint8Array,
  salt: Uint8Array,
  rounds: number,
  length: number,
): Generator<void, Uint8Array> {
  const hashedPassphrase = sha512(passphrase);
  const passphraseWords = scheduleWords(hashedPassphrase);
  const state = new Blowfish();
  const key = new Uint8Array(length);
  // Blocks are dealt out byte by byte over the whole key, so that no part of it comes cheaper.
  const stride = Math.ceil(length / blockLength);
  try {
    for (let block = 0; block < stride; block++) {
      const first = concatBytes(salt, Uint8Array.of(0, 0, 0, block + 1));
      const bytes = yield* deriveBlock(state, passphraseWords, first, rounds);
      for (let i = 0; i < blockLength && i * stride + block < length; i++) {
        key[i * stride + block] = bytes[i] as number;
      }
      wipe(bytes);
    }
    return key;
  } finally {
    state.wipe();
    passphraseWords.fill(0);
    wipe(hashedPassphrase);
  }
}

function* deriveBlock(
  state: Blowfish,
  passphraseWords: Int32Array,
  salt: Uint8Array,
  rounds: number,
): Generator<void, Uint8Array> {
  let hash = yield* bcryptHash(state, passphraseWords, scheduleWords(sha512(salt)));
  const out = hash.slice();
  for (let round = 1; round < rounds; round++) {
    hash = yield* bcryptHash(state, passphraseWords, scheduleWords(sha512(hash)));
    for (let i = 0; i < blockLength; i++) out[i] = (out[i] as number) ^ (hash[i] as number);
  }
  return out;
}

function* bcryptHash(
  state: Blowfish,
  passphraseWords: Int32Array,
  saltWords: Int32Array,
): Generator<void, Uint8Array> {
  state.reset();
  state.expandSalted(saltWords, passphraseWords);
  for (let i = 0; i < 64; i++) {
    state.expand(saltWords);
    state.expand(passphraseWords);
    if (i % stepExpansions === stepExpansions - 1) yield;
  }
  const words = magicWords.slice();
  for (let i = 0; i < words.length; i += 2) {
    for (let n = 0; n < 64; n++) state.encryptWords(words, i);
  }
  const out = new Uint8Array(blockLength);
  const view = new DataView(out.buffer);
  words.forEach((word, i) => {
    view.setInt32(4 * i, word, true);
  });
  return out;
}

/**
 * Names of hosts that known_hosts hides.
 *
 * Owns: the form `|1|salt|hash` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), HMAC-SHA-1
 * (RFC 2104) of one name under thousands of salts, the search for a name in steps.
 * Must not know: lines, keys, how a name is spelt.
 */
import { latin1Encode } from '../../base/bytes.ts';
import { base64Encode, base64Words } from '../pem/base64.ts';
import { sha1Block, sha1BlockWords, sha1Start, sha1StateWords } from './sha1Block.ts';

/** Bytes of an SHA-1 hash, and of the salt beside it. */
export const hashedNameLength = 20;

/** Where salt and hash stand in `|1|salt|hash`, and how long all of it is. */
const saltAt = 3;
const hashAt = 32;
const fieldLength = 60;

/** Five words of salt and five of hash; undefined where the first field of a line is malformed. */
function parseField(field: string): Int32Array | undefined {
  const words = new Int32Array(2 * sha1StateWords);
  return readField(field, words, 0, words, sha1StateWords) ? words : undefined;
}

function readField(
  field: string,
  salt: Int32Array,
  saltStart: number,
  hash: Int32Array,
  hashStart: number,
): boolean {
  return (
    field.length === fieldLength &&
    field.startsWith('|1|') &&
    field[hashAt - 1] === '|' &&
    base64Words(field, saltAt, salt, saltStart) &&
    base64Words(field, hashAt, hash, hashStart)
  );
}

/** Whether a first field that begins with `|` is well formed. */
export function isHashedName(field: string): boolean {
  return parseField(field) !== undefined;
}

/** The first field of a line that hides its host. The spelling has a character for each byte. */
export function hashSpelling(spelling: string, salt: Uint8Array): string {
  const key = new Int32Array(sha1StateWords);
  for (const [i, byte] of salt.entries()) key[i >> 2] = (key[i >> 2] ?? 0) | (byte << (24 - 8 * (i & 3)));
  const states = new Int32Array(2 * sha1StateWords);
  keyStates(key, states, 0);
  const result = new Int32Array(sha1StateWords);
  hmac(messageBlocks(spelling), states, 0, result);
  const hash = new Uint8Array(hashedNameLength);
  const view = new DataView(hash.buffer);
  for (const [i, word] of result.entries()) view.setInt32(4 * i, word);
  return `|1|${base64Encode(salt)}|${base64Encode(hash)}`;
}

/** How far a search for a name has come. */
class Search {
  readonly blocks: Int32Array;
  /** The first name that was not looked at. */
  next = 0;
  readonly found: number[] = [];

  constructor(spelling: string) {
    this.blocks = messageBlocks(spelling);
  }
}

/** Names that are looked at in one step: a fraction of a millisecond, also before the code is compiled. */
const stepLength = 32;

/** Searches that are kept; with more hosts than this, the oldest are forgotten and done again. */
const keptSearches = 4096;

/** Of each name the HMAC's two states behind the key, and the hash: what does not depend on what is searched. */
const rowWords = 3 * sha1StateWords;
const rowHashAt = 2 * sha1StateWords;

/**
 * Many hidden names; some may be a given one. Each is computed once for
 * each spelling that is searched.
 */
export class HashedNames {
  private readonly fields: string[] = [];
  private readonly malformed = new Set<number>();
  private rows = new Int32Array(0);
  private prepared = 0;
  private readonly searches = new Map<string, Search>();
  private readonly computed = new Int32Array(sha1StateWords);

  /** Adds the first field of a line; a malformed one hides nothing. */
  add(field: string): void {
    this.fields.push(field);
  }

  /** Numbers of the fields that hide this spelling, from 0 in the order in which they were added. */
  matching(spelling: string): readonly number[] {
    const steps = this.searchInSteps(spelling);
    while (steps.next().done !== true);
    return this.search(spelling).found;
  }

  /** The work of `matching`, less than a millisecond at a time. Several may search at once, and share what is done. */
  *searchInSteps(spelling: string): Generator<void, void> {
    const search = this.search(spelling);
    while (search.next < this.fields.length) {
      const end = Math.min(search.next + stepLength, this.fields.length);
      this.prepare(end);
      while (search.next < end) this.look(search);
      yield;
    }
  }

  private search(spelling: string): Search {
    const known = this.searches.get(spelling);
    if (known !== undefined) return known;
    const search = new Search(spelling);
    for (const oldest of this.searches.keys()) {
      if (this.searches.size < keptSearches) break;
      this.searches.delete(oldest);
    }
    this.searches.set(spelling, search);
    return search;
  }

  private look(search: Search): void {
    const { rows, computed } = this;
    const row = search.next * rowWords;
    const number = search.next++;
    hmac(search.blocks, rows, row, computed);
    for (let i = 0; i < sha1StateWords; i++) if (computed[i] !== rows[row + rowHashAt + i]) return;
    if (!this.malformed.has(number)) search.found.push(number);
  }

  /** The part of the names up to `end` that all searches share. */
  private prepare(end: number): void {
    if (this.rows.length < this.fields.length * rowWords) {
      const rows = new Int32Array(this.fields.length * rowWords);
      rows.set(this.rows.subarray(0, this.prepared * rowWords));
      this.rows = rows;
    }
    for (; this.prepared < end; this.prepared++) {
      const row = this.prepared * rowWords;
      const field = this.fields[this.prepared] ?? '';
      if (readField(field, salt, 0, this.rows, row + rowHashAt)) keyStates(salt, this.rows, row);
      else this.malformed.add(this.prepared);
    }
  }
}

const salt = new Int32Array(sha1StateWords);
const keyBlock = new Int32Array(sha1BlockWords);

/** The states of both hashes of an HMAC behind its key of five words. */
function keyStates(key: Int32Array, target: Int32Array, at: number): void {
  for (let i = 0; i < 2; i++) {
    const pad = i === 0 ? 0x36363636 : 0x5c5c5c5c;
    keyBlock.fill(pad);
    for (let word = 0; word < sha1StateWords; word++) keyBlock[word] = (key[word] as number) ^ pad;
    sha1Block(keyBlock, 0, sha1Start, 0, target, at + i * sha1StateWords);
  }
}

/** The message of the inner hash behind the key's block, padded: whole blocks. */
function messageBlocks(text: string): Int32Array {
  const bytes = latin1Encode(text);
  // A bit that is set and eight bytes of length follow.
  const blocks = new Int32Array(Math.ceil((bytes.length + 9) / 64) * sha1BlockWords);
  for (const [i, byte] of bytes.entries())
    blocks[i >> 2] = (blocks[i >> 2] ?? 0) | (byte << (24 - 8 * (i & 3)));
  const end = bytes.length >> 2;
  blocks[end] = (blocks[end] ?? 0) | (0x80 << (24 - 8 * (bytes.length & 3)));
  blocks[blocks.length - 1] = (64 + bytes.length) * 8;
  return blocks;
}

/** The outer message: the inner hash, its end, and the length of a block and a hash in bits. */
const outerBlock = Int32Array.of(0, 0, 0, 0, 0, 0x80000000, 0, 0, 0, 0, 0, 0, 0, 0, 0, (64 + 20) * 8);

/** HMAC-SHA-1 of a message from the states behind a key. */
function hmac(blocks: Int32Array, states: Int32Array, at: number, result: Int32Array): void {
  sha1Block(blocks, 0, states, at, outerBlock, 0);
  for (let block = sha1BlockWords; block < blocks.length; block += sha1BlockWords) {
    sha1Block(blocks, block, outerBlock, 0, outerBlock, 0);
  }
  sha1Block(outerBlock, 0, states, at + sha1StateWords, result, 0);
}

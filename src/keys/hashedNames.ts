/**
 * Names of hosts that known_hosts hides.
 *
 * Owns: the form `|1|salt|hash` (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT), HMAC-SHA-1
 * (RFC 2104) of one name under thousands of salts, the search for a name in steps.
 * Must not know: lines, keys, how a name is spelt.
 */
import { base64Decode, base64Encode } from './base64.ts';
import { sha1Block, sha1BlockWords, sha1Start, sha1StateWords } from './sha1Block.ts';
import { latin1Bytes } from './textLines.ts';

/** Bytes of an SHA-1 hash, and of the salt beside it. */
export const hashedNameLength = 20;

/** Salt and hash of a hidden name. */
export interface HashedName {
  readonly salt: Uint8Array;
  readonly hash: Uint8Array;
}

/** The name that a first field hides; undefined where the field is malformed. */
export function parseHashedName(field: string): HashedName | undefined {
  const [empty, magic, saltText = '', hashText = '', ...rest] = field.split('|');
  if (empty !== '' || magic !== '1' || rest.length > 0) return undefined;
  const salt = base64Decode(saltText);
  const hash = base64Decode(hashText);
  if (salt?.length !== hashedNameLength || hash?.length !== hashedNameLength) return undefined;
  return { salt, hash };
}

/** The first field of a line that hides its host. The spelling has a character for each byte. */
export function hashSpelling(spelling: string, salt: Uint8Array): string {
  const states = new Int32Array(2 * sha1StateWords);
  keyStates(salt, states, 0);
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

/** Names that are looked at in one step: well below a millisecond. */
const stepLength = 128;

/** Searches that are kept; with more hosts than this, the oldest are forgotten and done again. */
const keptSearches = 4096;

/** Of each name the HMAC's two states behind the key, and the hash: what does not depend on what is searched. */
const rowWords = 3 * sha1StateWords;
const hashAt = 2 * sha1StateWords;

/**
 * Many hidden names, of which some may be a given one. Each is computed once for
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
    for (let i = 0; i < sha1StateWords; i++) if (computed[i] !== rows[row + hashAt + i]) return;
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
      const name = parseHashedName(this.fields[this.prepared] ?? '');
      if (name === undefined) {
        this.malformed.add(this.prepared);
        continue;
      }
      const row = this.prepared * rowWords;
      keyStates(name.salt, this.rows, row);
      const { buffer, byteOffset } = name.hash;
      const hash = new DataView(buffer, byteOffset);
      for (let i = 0; i < sha1StateWords; i++) this.rows[row + hashAt + i] = hash.getInt32(4 * i);
    }
  }
}

/** The states of both hashes of an HMAC behind its key, which is shorter than a block. */
function keyStates(key: Uint8Array, target: Int32Array, at: number): void {
  for (const [i, pad] of [0x36363636, 0x5c5c5c5c].entries()) {
    const block = new Int32Array(sha1BlockWords).fill(pad);
    for (const [j, byte] of key.entries())
      block[j >> 2] = (block[j >> 2] ?? 0) ^ (byte << (24 - 8 * (j & 3)));
    sha1Block(block, 0, sha1Start, 0, target, at + i * sha1StateWords);
  }
}

/** The message of the inner hash behind the key's block, padded: whole blocks. */
function messageBlocks(text: string): Int32Array {
  const bytes = latin1Bytes(text);
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

/**
 * What people compare keys by, with hashes of the caller.
 *
 * Owns: the fingerprints of a public key blob as OpenSSH prints them, and the
 * picture it draws of them ("drunken bishop").
 * Must not know: files.
 * Sources: RFC 4716 §4 (MD5); ssh-keygen(1), -l and -v; D. Loss, T. Limmer,
 * A. von Gernler, "The drunken bishop" (2009).
 */
import { toHex } from '../base/bytes.ts';
import type { PublicKey } from '../crypto/keys/publicKey.ts';
import { bitLength, encodePublicKey } from '../crypto/keys/publicKey.ts';
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import { base64Encode } from './pem/base64.ts';

/** `sha256` is what OpenSSH shows; `md5` what it showed before 6.8. It has the others as well. */
export type FingerprintHash = 'sha256' | 'md5' | 'sha1' | 'sha384' | 'sha512';

/** Where the hash comes from: a caller with a provider need not load another. */
export type Hashes = Pick<CryptoProvider, 'createHash'>;

/** As `fingerprint`. */
export function fingerprintBy(
  hashes: Hashes,
  key: PublicKey | Uint8Array,
  hash: FingerprintHash = 'sha256',
): string {
  const bytes = digest(hashes, key, hash);
  if (hash === 'md5') return `MD5:${(toHex(bytes).match(/../g) ?? []).join(':')}`;
  return `${hash.toUpperCase()}:${base64Encode(bytes).replace(/=+$/, '')}`;
}

/** The hash of a fingerprint that was shown: what is compared with it is shown by the same. */
export function hashOfFingerprint(shown: string): FingerprintHash {
  return shown.slice(0, shown.indexOf(':')).toLowerCase() as FingerprintHash;
}

const columns = 17;
const rows = 9;
/** What a field shows that was visited 0, 1, 2… times; the last two mark start and end. */
const marks = ' .o+=*BOX@%&#/^SE';
const startMark = marks.length - 2;
const endMark = marks.length - 1;

/** As `randomArt`. */
export function randomArtBy(hashes: Hashes, key: PublicKey, hash: FingerprintHash = 'sha256'): string {
  const board = walk(digest(hashes, key, hash));
  const lines = board.map((row) => `|${row.map((mark) => marks.charAt(mark)).join('')}|`);
  return [border(title(key)), ...lines, border(`[${hash.toUpperCase()}]`)].join('\n');
}

/** Two bits at a time, least significant first, move the bishop diagonally; walls stop it. */
function walk(bytes: Uint8Array): number[][] {
  const board = Array.from({ length: rows }, () => new Array<number>(columns).fill(0));
  let x = (columns - 1) / 2;
  let y = (rows - 1) / 2;
  for (const byte of bytes) {
    for (let shift = 0; shift < 8; shift += 2) {
      x = clamp(x + ((byte >> shift) & 1 ? 1 : -1), columns);
      y = clamp(y + ((byte >> shift) & 2 ? 1 : -1), rows);
      const row = board[y] as number[];
      row[x] = Math.min((row[x] as number) + 1, startMark - 1);
    }
  }
  (board[(rows - 1) / 2] as number[])[(columns - 1) / 2] = startMark;
  (board[y] as number[])[x] = endMark;
  return board;
}

function clamp(value: number, size: number): number {
  return Math.min(Math.max(value, 0), size - 1);
}

function title(key: PublicKey): string {
  switch (key.type) {
    case 'ssh-ed25519':
      return '[ED25519 256]';
    case 'ssh-ed448':
      return '[ED448 456]';
    case 'ssh-rsa':
      return `[RSA ${bitLength(key.modulus)}]`;
    case 'sk-ssh-ed25519@openssh.com':
      return '[ED25519-SK 256]';
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return '[ECDSA-SK 256]';
    default:
      return `[ECDSA ${key.curve.slice('nistp'.length)}]`;
  }
}

function border(text: string): string {
  const before = Math.floor((columns - text.length) / 2);
  return `+${'-'.repeat(before)}${text}${'-'.repeat(columns - text.length - before)}+`;
}

function digest(hashes: Hashes, key: PublicKey | Uint8Array, hash: FingerprintHash): Uint8Array {
  const running = hashes.createHash(hash);
  running.update(key instanceof Uint8Array ? key : encodePublicKey(key));
  return running.digest();
}

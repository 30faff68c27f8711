/**
 * The old encryption of PEM files.
 *
 * Owns: `Proc-Type: 4,ENCRYPTED` with `DEK-Info` (RFC 1421 §4.6) as OpenSSL
 * writes it: one MD5 pass over passphrase and salt, CBC, padding, no check but
 * the padding's. Kept because such files are still about.
 * Must not know: what the decrypted key looks like.
 */
import { md5 } from '@noble/hashes/legacy.js';
import { concatBytes, emptyBytes, fromHex, toHex, wipe } from '../../base/bytes.ts';
import {
  keyFormatError,
  keyUnsupportedError,
  passphraseMissing,
  passphraseWrong,
  quoted,
} from '../errors.ts';
import type { SshFileCipherName } from '../openssh/sshCiphers.ts';
import { sshFileCiphers } from '../openssh/sshCiphers.ts';
import { addPadding, viewUnpadded } from '../padding.ts';
import { isVersionedSequence } from './der.ts';
import type { PemBlock } from './pem.ts';

/** A cipher of the table, and how many bytes of key it takes: single DES is Triple DES with one key thrice. */
interface OldCipher {
  readonly name: SshFileCipherName;
  readonly derivedLength: number;
}

const ciphers: Readonly<Record<string, OldCipher>> = {
  'AES-128-CBC': { name: 'aes128-cbc', derivedLength: 16 },
  'AES-192-CBC': { name: 'aes192-cbc', derivedLength: 24 },
  'AES-256-CBC': { name: 'aes256-cbc', derivedLength: 32 },
  'DES-EDE3-CBC': { name: '3des-cbc', derivedLength: 24 },
  'DES-CBC': { name: '3des-cbc', derivedLength: 8 },
};

/** The DER in an encrypted block, for the caller to wipe. */
export function decryptOldPem(block: PemBlock, passphrase: Uint8Array | undefined): Uint8Array {
  const fileName = `the ${block.label} file`;
  const [cipherName = '', ivHex = ''] = (block.headers.get('dek-info') ?? '').split(',');
  const row = Object.hasOwn(ciphers, cipherName) ? ciphers[cipherName] : undefined;
  if (row === undefined) {
    throw keyUnsupportedError(`${fileName} is encrypted with ${quoted(cipherName)}, which is not supported`);
  }
  const cipher = sshFileCiphers[row.name];
  const iv =
    /^[0-9A-Fa-f]+$/.test(ivHex) && ivHex.length === 2 * cipher.ivLength ? fromHex(ivHex) : undefined;
  if (iv === undefined || block.bytes.length % cipher.blockSize !== 0) {
    throw keyFormatError(`${fileName} is damaged: its DEK-Info or its length is wrong`);
  }
  if (passphrase === undefined) throw passphraseMissing(fileName);
  const key = deriveOldKey(row, passphrase, iv);
  const padded = cipher.decrypt(key, iv, block.bytes);
  wipe(key);
  const text = padded === undefined ? undefined : viewUnpadded(padded, cipher.blockSize);
  if (text === undefined || !isVersionedSequence(text)) throw passphraseWrong(fileName);
  return text;
}

/** Headers and body of a block encrypted as OpenSSH does for `ssh-keygen -m PEM`: AES-128-CBC. */
export function encryptOldPem(
  text: Uint8Array,
  passphrase: Uint8Array,
  randomBytes: (length: number) => Uint8Array,
): { readonly headers: readonly (readonly [string, string])[]; readonly bytes: Uint8Array } {
  const cipher = sshFileCiphers['aes128-cbc'];
  const iv = randomBytes(cipher.ivLength);
  const key = deriveOldKey({ name: 'aes128-cbc', derivedLength: 16 }, passphrase, iv);
  const bytes = cipher.encrypt(key, iv, addPadding(text, cipher.blockSize));
  wipe(key);
  const headers = [
    ['Proc-Type', '4,ENCRYPTED'],
    ['DEK-Info', `AES-128-CBC,${toHex(iv).toUpperCase()}`],
  ] as const;
  return { headers, bytes };
}

/** MD5 chained until there is enough, the first eight bytes of the IV as salt. */
function deriveOldKey(cipher: OldCipher, passphrase: Uint8Array, iv: Uint8Array): Uint8Array {
  const salt = iv.subarray(0, 8);
  let derived: Uint8Array = emptyBytes;
  let last: Uint8Array = emptyBytes;
  while (derived.length < cipher.derivedLength) {
    last = md5(concatBytes(last, passphrase, salt));
    derived = concatBytes(derived, last);
  }
  const key = derived.slice(0, cipher.derivedLength);
  return cipher.derivedLength === 8 ? concatBytes(key, key, key) : key;
}

/**
 * Ciphers of encrypted OpenSSH private keys.
 *
 * Owns: the table of those ssh-keygen can write (`ssh-keygen -Z`), and their use
 * on a whole text at once.
 * Must not know: key derivation, the layout of the file.
 * Sources: OpenSSH PROTOCOL.key, PROTOCOL.chacha20poly1305; RFC 4253 §6.3, RFC 4344, RFC 5647.
 */
import { poly1305 } from '@noble/ciphers/_poly1305.js';
import { cbc, ctr, gcm } from '@noble/ciphers/aes.js';
import { chacha20orig } from '@noble/ciphers/chacha.js';
import { concatBytes, equalBytes } from '../../base/bytes.ts';
import { tripleDesCbcDecrypt, tripleDesCbcEncrypt } from '../../crypto/handwritten/des.ts';

/** Sizes of a cipher, and the cipher without padding of its own. */
export interface SshFileCipher {
  readonly keyLength: number;
  readonly ivLength: number;
  readonly blockSize: number;
  readonly tagLength: number;
  /** Text and tag, one behind the other. */
  encrypt(key: Uint8Array, iv: Uint8Array, text: Uint8Array): Uint8Array;
  /** From text and tag; undefined where the tag does not match. */
  decrypt(key: Uint8Array, iv: Uint8Array, sealed: Uint8Array): Uint8Array | undefined;
}

/** Every cipher that a key file of OpenSSH can be encrypted with. */
export type SshFileCipherName =
  | 'aes128-ctr'
  | 'aes192-ctr'
  | 'aes256-ctr'
  | 'aes128-cbc'
  | 'aes192-cbc'
  | 'aes256-cbc'
  | 'aes128-gcm@openssh.com'
  | 'aes256-gcm@openssh.com'
  | 'chacha20-poly1305@openssh.com'
  | '3des-cbc';

const aesCtr = (keyLength: number): SshFileCipher => ({
  keyLength,
  ivLength: 16,
  blockSize: 16,
  tagLength: 0,
  encrypt: (key, iv, text) => ctr(key, iv).encrypt(text),
  decrypt: (key, iv, sealed) => ctr(key, iv).decrypt(sealed),
});

const aesCbc = (keyLength: number): SshFileCipher => ({
  keyLength,
  ivLength: 16,
  blockSize: 16,
  tagLength: 0,
  encrypt: (key, iv, text) => cbc(key, iv, { disablePadding: true }).encrypt(text),
  decrypt: (key, iv, sealed) => cbc(key, iv, { disablePadding: true }).decrypt(sealed),
});

const aesGcm = (keyLength: number): SshFileCipher => ({
  keyLength,
  ivLength: 12,
  blockSize: 16,
  tagLength: 16,
  encrypt: (key, iv, text) => gcm(key, iv).encrypt(text),
  decrypt: (key, iv, sealed) => {
    try {
      return gcm(key, iv).decrypt(sealed);
    } catch {
      // Its arguments being of the right lengths, the tag is all that it can complain of.
      return undefined;
    }
  },
});

/** PROTOCOL.chacha20poly1305 with sequence number 0 and no length field: the second half of the key goes unused. */
const chachaPoly: SshFileCipher = {
  keyLength: 64,
  ivLength: 0,
  blockSize: 8,
  tagLength: 16,
  encrypt: (key, _iv, text) => {
    const sealed = chacha20orig(key.subarray(0, 32), chachaNonce, text, undefined, 1);
    return concatBytes(sealed, chachaTag(key, sealed));
  },
  decrypt: (key, _iv, sealed) => {
    const text = sealed.subarray(0, sealed.length - 16);
    if (!equalBytes(chachaTag(key, text), sealed.subarray(text.length))) return undefined;
    return chacha20orig(key.subarray(0, 32), chachaNonce, text, undefined, 1);
  },
};

const chachaNonce = new Uint8Array(8);

function chachaTag(key: Uint8Array, sealed: Uint8Array): Uint8Array {
  const oneTimeKey = chacha20orig(key.subarray(0, 32), chachaNonce, new Uint8Array(32));
  return poly1305(sealed, oneTimeKey);
}

export const sshFileCiphers: Readonly<Record<SshFileCipherName, SshFileCipher>> = {
  'aes256-ctr': aesCtr(32),
  'aes192-ctr': aesCtr(24),
  'aes128-ctr': aesCtr(16),
  'aes256-gcm@openssh.com': aesGcm(32),
  'aes128-gcm@openssh.com': aesGcm(16),
  'chacha20-poly1305@openssh.com': chachaPoly,
  'aes256-cbc': aesCbc(32),
  'aes192-cbc': aesCbc(24),
  'aes128-cbc': aesCbc(16),
  '3des-cbc': {
    keyLength: 24,
    ivLength: 8,
    blockSize: 8,
    tagLength: 0,
    encrypt: tripleDesCbcEncrypt,
    decrypt: tripleDesCbcDecrypt,
  },
};

export function isSshFileCipher(name: string): name is SshFileCipherName {
  return Object.hasOwn(sshFileCiphers, name);
}

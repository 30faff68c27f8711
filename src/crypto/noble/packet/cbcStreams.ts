/**
 * Cipher block chaining in TypeScript, as streams that run on across packets.
 *
 * Owns: the chain, which the last block of one packet hands on to the next
 * (RFC 4253 §6.3), for AES and triple DES.
 * Must not know: packets, MACs.
 */
import { unsafe } from '@noble/ciphers/aes.js';
import type { CbcName } from '../../algorithms.ts';
import { TripleDes } from '../../handwritten/des.ts';
import type { PacketStream } from '../../provider/packetStream.ts';
import type { CbcStreams } from '../../provider/primitives.ts';

/** Works on one block, in place. */
type BlockFunction = (block: Uint8Array) => void;

export const nobleCbcStreams: CbcStreams = {
  encrypting: (cipher, key, iv) => new Encrypting(encryption(cipher, key), iv),
  decrypting: (cipher, key, iv) => new Decrypting(decryption(cipher, key), iv),
};

function encryption(cipher: CbcName, key: Uint8Array): BlockFunction {
  if (cipher === '3des-cbc') {
    const des = new TripleDes(key);
    return (block) => des.encryptBlock(block);
  }
  const expanded = unsafe.expandKeyLE(key);
  return (block) => void unsafe.encryptBlock(expanded, block);
}

function decryption(cipher: CbcName, key: Uint8Array): BlockFunction {
  if (cipher === '3des-cbc') {
    const des = new TripleDes(key);
    return (block) => des.decryptBlock(block);
  }
  const expanded = unsafe.expandKeyDecLE(key);
  return (block) => void unsafe.decryptBlock(expanded, block);
}

class Encrypting implements PacketStream {
  private readonly encrypt: BlockFunction;
  /** The last block of ciphertext; a buffer of its own, because the library wants it aligned. */
  private readonly chain: Uint8Array;

  constructor(encrypt: BlockFunction, iv: Uint8Array) {
    this.encrypt = encrypt;
    this.chain = iv.slice();
  }

  crypt(buffer: Uint8Array, start: number, end: number): void {
    const { chain } = this;
    for (let at = start; at < end; at += chain.length) {
      for (let i = 0; i < chain.length; i++) chain[i] = (chain[i] as number) ^ (buffer[at + i] as number);
      this.encrypt(chain);
      buffer.set(chain, at);
    }
  }
}

class Decrypting implements PacketStream {
  private readonly decrypt: BlockFunction;
  private readonly chain: Uint8Array;
  private readonly block: Uint8Array;

  constructor(decrypt: BlockFunction, iv: Uint8Array) {
    this.decrypt = decrypt;
    this.chain = iv.slice();
    this.block = iv.slice();
  }

  crypt(buffer: Uint8Array, start: number, end: number): void {
    const { chain, block } = this;
    const { length } = chain;
    for (let at = start; at < end; at += length) {
      for (let i = 0; i < length; i++) block[i] = buffer[at + i] as number;
      this.decrypt(block);
      for (let i = 0; i < length; i++) {
        const sealed = buffer[at + i] as number;
        buffer[at + i] = (block[i] as number) ^ (chain[i] as number);
        chain[i] = sealed;
      }
    }
  }
}

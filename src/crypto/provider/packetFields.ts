/**
 * What the packet ciphers of every provider share.
 *
 * Owns: big-endian fields in packets, keystream added to bytes, the comparison of tags, the check of key sizes.
 * Must not know: framing, queues, any cipher's arithmetic.
 * Source: RFC 4253 §6.
 */
import { SshError } from '../../base/errors.ts';
import { ciphers, macs } from '../algorithms.ts';
import type { DirectionKeys } from './provider.ts';

export function readUint32(bytes: Uint8Array, offset: number): number {
  return (
    (bytes[offset] as number) * 0x1000000 +
    (((bytes[offset + 1] as number) << 16) |
      ((bytes[offset + 2] as number) << 8) |
      (bytes[offset + 3] as number))
  );
}

export function writeUint32(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 24;
  bytes[offset + 1] = value >>> 16;
  bytes[offset + 2] = value >>> 8;
  bytes[offset + 3] = value;
}

const noView: DataView = new DataView(new ArrayBuffer(0));

/** A view of the bytes last asked for: packets that lie in one chunk share it. */
export class LastView {
  private bytes: Uint8Array | undefined;
  private view: DataView = noView;

  of(bytes: Uint8Array): DataView {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    return this.view;
  }
}

/** XORs keystream onto `view[start…end)`, whole words. */
export function xorWords(
  view: DataView,
  start: number,
  end: number,
  keystream: DataView,
  keystreamStart: number,
): void {
  const shift = keystreamStart - start;
  for (let at = start; at < end; at += 4) {
    view.setInt32(at, view.getInt32(at, true) ^ keystream.getInt32(at + shift, true), true);
  }
}

/** Whether `expected` and the bytes at `offset` are the same, in time that depends on the length only. */
export function tagMatches(buffer: Uint8Array, offset: number, expected: Uint8Array): boolean {
  let difference = 0;
  for (let i = 0; i < expected.length; i++) {
    difference |= (buffer[offset + i] as number) ^ (expected[i] as number);
  }
  return difference === 0;
}

/**
 * Checks that keys fit their algorithms.
 *
 * @throws SshError `ERR_SSH_CRYPTO`
 */
export function checkDirectionKeys(keys: DirectionKeys): void {
  const cipher = ciphers[keys.cipher];
  if (cipher === undefined) throw keyError(`${String(keys.cipher)} is not a cipher of this library`);
  if (keys.encryptionKey.length !== cipher.keyLength) {
    throw keyError(`${keys.cipher} takes a key of ${cipher.keyLength} bytes`);
  }
  if (keys.iv.length !== cipher.ivLength)
    throw keyError(`${keys.cipher} takes an IV of ${cipher.ivLength} bytes`);
  if (cipher.authenticated) return;
  if (keys.mac === undefined) throw keyError(`${keys.cipher} needs a MAC`);
  const mac = macs[keys.mac];
  if (mac === undefined) throw keyError(`${String(keys.mac)} is not a MAC of this library`);
  if (keys.integrityKey.length !== mac.keyLength) {
    throw keyError(`${keys.mac} takes a key of ${mac.keyLength} bytes`);
  }
}

function keyError(message: string): SshError {
  return new SshError('ERR_SSH_CRYPTO', message, { origin: 'local', phase: 'keyExchange' });
}

/**
 * UMAC word by word as RFC 4418 writes it, in whole numbers of any size: slow,
 * and with nothing in common with the one under test.
 *
 * Owns: the third opinion. Messages of up to 16 MiB.
 */
import { createCipheriv } from 'node:crypto';

type Bytes = Uint8Array;
const number = (bytes: Bytes): bigint => BigInt(`0x0${Buffer.from(bytes).toString('hex')}`);
const bytesOf = (value: bigint, length: number): Buffer =>
  Buffer.from(value.toString(16).padStart(2 * length, '0'), 'hex');

function aes(key: Bytes, block: Bytes): Buffer {
  return createCipheriv(`aes-${8 * key.length}-ecb`, key, null)
    .setAutoPadding(false)
    .update(block);
}

function kdf(key: Bytes, index: number, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 16) }, (_, i) =>
    aes(key, bytesOf((BigInt(index) << 64n) + BigInt(i + 1), 16)),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

function pdf(key: Bytes, nonce: Bytes, tagLength: number): Buffer {
  const index = tagLength > 8 ? 0n : number(nonce) % BigInt(16 / tagLength);
  const padded = Buffer.concat([bytesOf(number(nonce) ^ index, nonce.length), Buffer.alloc(16)]);
  const pad = aes(kdf(key, 0, 16), padded.subarray(0, 16));
  return pad.subarray(Number(index) * tagLength, Number(index) * tagLength + tagLength);
}

function nh(key: Bytes, message: Bytes): bigint {
  const word = (bytes: Bytes, i: number): bigint => number(bytes.subarray(4 * i, 4 * i + 4));
  const swapped = Buffer.from(message).swap32();
  let sum = 0n;
  const add = (i: number): bigint => (word(swapped, i) + word(key, i)) % 2n ** 32n;
  for (let i = 0; i < message.length / 4; i += 8) {
    for (let j = i; j < i + 4; j++) sum += add(j) * add(j + 4);
  }
  return sum % 2n ** 64n;
}

function first(key: Bytes, message: Bytes): Buffer {
  const chunks: Buffer[] = [];
  for (let at = 0; at === 0 || at < message.length; at += 1024) {
    const chunk = message.subarray(at, at + 1024);
    const padded = Buffer.alloc(Math.max(32, Math.ceil(chunk.length / 32) * 32));
    padded.set(chunk);
    chunks.push(bytesOf((nh(key, padded) + 8n * BigInt(chunk.length)) % 2n ** 64n, 8));
  }
  return Buffer.concat(chunks);
}

function second(key: Bytes, message: Bytes): bigint {
  const prime = 2n ** 64n - 59n;
  const k = number(key.subarray(0, 8)) & 0x01ffffff01ffffffn;
  let y = 1n;
  for (let at = 0; at < message.length; at += 8) {
    const m = number(message.subarray(at, at + 8));
    const words = m >= 2n ** 64n - 2n ** 32n ? [prime - 1n, m - 59n] : [m];
    for (const word of words) y = (k * y + word) % prime;
  }
  return y;
}

function third(key: Bytes, mask: Bytes, message: Bytes): bigint {
  const prime = 2n ** 36n - 5n;
  let y = 0n;
  for (let i = 0; i < 8; i++) {
    y += number(message.subarray(2 * i, 2 * i + 2)) * (number(key.subarray(8 * i, 8 * i + 8)) % prime);
  }
  return ((y % prime) % 2n ** 32n) ^ number(mask);
}

/** The tag of a message, 8, 12 or 16 bytes long. */
export function umacReference(key: Bytes, nonce: Bytes, message: Bytes, tagLength: number): Buffer {
  const streams = tagLength / 4;
  const keys = [kdf(key, 1, 1024 + 16 * (streams - 1)), kdf(key, 2, 24 * streams), kdf(key, 3, 64 * streams)];
  const masks = kdf(key, 4, 4 * streams);
  const [firstKeys, secondKeys, thirdKeys] = keys as [Buffer, Buffer, Buffer];
  const hashed = Array.from({ length: streams }, (_, i) => {
    const a = first(firstKeys.subarray(16 * i, 16 * i + 1024), message);
    const b = message.length <= 1024 ? number(a) : second(secondKeys.subarray(24 * i, 24 * i + 24), a);
    return bytesOf(
      third(thirdKeys.subarray(64 * i, 64 * i + 64), masks.subarray(4 * i, 4 * i + 4), bytesOf(b, 16)),
      4,
    );
  });
  return bytesOf(number(Buffer.concat(hashed)) ^ number(pdf(key, nonce, tagLength)), tagLength);
}

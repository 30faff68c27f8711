/**
 * Crypto that keeps the rules of the seam and costs next to nothing.
 *
 * Owns: a key agreement both sides of which come to the same secret, signatures
 * that check, packet ciphers that are keyed and notice every altered bit.
 * Must not know: the protocol. It protects nothing: simulations of many
 * thousand connections pay for the protocol alone.
 */
import { createHash, createHmac } from 'node:crypto';
import { UmacPacketMac } from '../../src/crypto/handwritten/umac.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { nobleCurve448 } from '../../src/crypto/noble/curve448.ts';
import { nobleMlKem768 } from '../../src/crypto/noble/mlKem768.ts';
import { nobleNistCurves } from '../../src/crypto/noble/nistCurves.ts';
import { nobleCbcStreams } from '../../src/crypto/noble/packet/cbcStreams.ts';
import { nobleSntrup761 as sntrup761 } from '../../src/crypto/noble/sntrup761.ts';
import { assembleProvider } from '../../src/crypto/provider/assemble.ts';
import { readUint32, writeUint32 } from '../../src/crypto/provider/packetFields.ts';
import type { Curve25519, PacketCiphers } from '../../src/crypto/provider/primitives.ts';
import type {
  CryptoProvider,
  DirectionKeys,
  HashName,
  OpeningCipher,
  SealingCipher,
} from '../../src/crypto/provider/provider.ts';
import { filledSlot } from '../../src/crypto/provider/slot.ts';

/** A prime small enough for products in doubles, and a primitive root of it. */
const prime = 94_906_249;
const generator = 7;

function power(base: number, exponent: number): number {
  let result = 1;
  let factor = base % prime;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result = (result * factor) % prime;
    factor = (factor * factor) % prime;
  }
  return result;
}

function digest(name: 'sha256' | 'sha512', ...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash(name);
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
}

function padded(value: number): Uint8Array {
  const bytes = new Uint8Array(32);
  writeUint32(bytes, 28, value);
  return bytes;
}

/** The top bits are clear, as those of a point that is usable. */
function publicPoint(seed: Uint8Array): Uint8Array {
  const point = digest('sha256', seed);
  point[31] = (point[31] as number) & 0x3f;
  return point;
}

const curve25519: Curve25519 = {
  x25519PublicKey: (secretKey) => padded(power(generator, readUint32(secretKey, 0))),
  x25519: (secretKey, peerPublicKey) =>
    digest('sha256', padded(power(readUint32(peerPublicKey, 28), readUint32(secretKey, 0)))),
  ed25519PublicKey: publicPoint,
  ed25519Sign: (seed, data) => digest('sha512', publicPoint(seed), data),
  ed25519Verify: (publicKey, data, signature) =>
    Buffer.compare(digest('sha512', publicKey, data), signature) === 0,
};

const tagLength = 16;

/** One direction: a stream of 32-bit words for each packet, and a checksum that starts from the key. */
class ToyPacketCipher implements OpeningCipher, SealingCipher {
  readonly blockSize = 8;
  readonly lengthIsAligned = false;
  readonly tagLength: number = tagLength;
  readonly headerLength = 4;
  plaintext: Uint8Array = new Uint8Array(0);
  plaintextOffset = 0;
  private readonly key: number;

  constructor(keys: DirectionKeys) {
    let key = 0x811c9dc5;
    for (const byte of keys.encryptionKey) key = Math.imul(key ^ byte, 0x01000193);
    this.key = key >>> 0;
  }

  openLength(buffer: Uint8Array, offset: number, sequenceNumber: number): number {
    return (readUint32(buffer, offset) ^ this.lengthMask(sequenceNumber)) >>> 0;
  }

  open(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): boolean {
    const end = offset + 4 + packetLength;
    const tag = this.tag(buffer, offset, end, sequenceNumber);
    for (let i = 0; i < tagLength; i++) if (buffer[end + i] !== tag[i]) return false;
    this.crypt(buffer, offset + 4, end, sequenceNumber);
    this.plaintext = buffer;
    this.plaintextOffset = offset + 4;
    return true;
  }

  seal(buffer: Uint8Array, offset: number, packetLength: number, sequenceNumber: number): void {
    const end = offset + 4 + packetLength;
    this.crypt(buffer, offset + 4, end, sequenceNumber);
    writeUint32(buffer, offset, readUint32(buffer, offset) ^ this.lengthMask(sequenceNumber));
    buffer.set(this.tag(buffer, offset, end, sequenceNumber), end);
  }

  private lengthMask(sequenceNumber: number): number {
    return Math.imul(this.key ^ sequenceNumber, 0x85ebca6b);
  }

  private crypt(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): void {
    let state = (this.key ^ Math.imul(sequenceNumber + 1, 0xc2b2ae35)) | 1;
    for (let i = start; i < end; i++) {
      state ^= state << 13;
      state ^= state >>> 17;
      state ^= state << 5;
      buffer[i] = (buffer[i] as number) ^ (state & 0xff);
    }
  }

  /** Each step is one-to-one in the byte, so that no single change stays unseen. */
  private tag(buffer: Uint8Array, start: number, end: number, sequenceNumber: number): Uint8Array {
    const tag = new Uint8Array(tagLength);
    let a = this.key ^ sequenceNumber;
    for (let i = start; i < end; i++) a = Math.imul(a ^ (buffer[i] as number), 0x01000193);
    writeUint32(tag, 0, a);
    writeUint32(tag, 4, Math.imul(a ^ this.key, 0x9e3779b1));
    writeUint32(tag, 8, Math.imul(a, 0xcc9e2d51) ^ sequenceNumber);
    writeUint32(tag, 12, Math.imul(a, 0x1b873593));
    return tag;
  }
}

const packetCiphers: PacketCiphers = {
  createOpeningCipher: (keys) => new ToyPacketCipher(keys),
  createSealingCipher: (keys) => new ToyPacketCipher(keys),
};

function refuse(): never {
  throw new Error('the simulation negotiates no RSA');
}

/** A provider for simulations; the same `randomBytes` make the same connection. */
export function createToyProvider(randomBytes: (length: number) => Uint8Array): CryptoProvider {
  // All of it is there: a module that is loaded later takes real time, which a virtual clock has none of.
  return assembleProvider({
    name: 'toy',
    randomBytes,
    createHash: (name: HashName) => {
      const hash = createHash(name);
      return { update: (bytes) => void hash.update(bytes), digest: () => new Uint8Array(hash.digest()) };
    },
    createHmac: (name: HashName, key: Uint8Array) => {
      const hmac = createHmac(name, key);
      return { update: (bytes) => void hmac.update(bytes), digest: () => new Uint8Array(hmac.digest()) };
    },
    curve25519: filledSlot(curve25519),
    curve448: filledSlot(nobleCurve448),
    nistCurves: {
      nistp256: filledSlot(nobleNistCurves.nistp256),
      nistp384: filledSlot(nobleNistCurves.nistp384),
      nistp521: filledSlot(nobleNistCurves.nistp521),
    },
    mlKem768: filledSlot(nobleMlKem768),
    sntrup761: filledSlot(sntrup761),
    rsa: { sign: refuse, verify: refuse },
    packetCiphers: () => filledSlot(packetCiphers),
    rareCode: { cbc: filledSlot(nobleCbcStreams), umac: filledSlot(UmacPacketMac) },
  });
}

/** The names the toy provider is made for: a short KEXINIT, and a shape with a tag and no MAC. */
export const toyAlgorithms = {
  kex: ['curve25519-sha256'],
  hostKey: ['ssh-ed25519'],
  cipher: ['chacha20-poly1305@openssh.com'],
  mac: ['hmac-sha2-256'],
} as const;

/** A key pair of the toy's signatures. */
export function toyKey(seed: Uint8Array): PrivateKey {
  return { type: 'ssh-ed25519', seed, publicKey: { type: 'ssh-ed25519', point: publicPoint(seed) } };
}

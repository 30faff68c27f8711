/**
 * The packet ciphers of ssh2, with its C++ addon and without.
 *
 * Owns: what is known of ssh2's internals. They are not a public interface, which
 * is why the version is pinned by the lock file.
 */
import { createRequire } from 'node:module';
import { ciphers, type MacName, macs } from '../../src/crypto/algorithms.ts';
import { keysOf, type Suite } from './suites.ts';

interface Ssh2Decipher {
  decrypt(data: Buffer, start: number, length: number): unknown;
  free?(): void;
}

interface Ssh2Cipher {
  allocPacket(payloadLength: number): Buffer;
  encrypt(packet: Buffer): void;
  free?(): void;
}

interface Ssh2Crypto {
  readonly CIPHER_INFO: Readonly<Record<string, unknown>>;
  readonly MAC_INFO: Readonly<Record<string, unknown>>;
  readonly bindingAvailable: boolean;
  readonly init: Promise<void>;
  createCipher(config: object): Ssh2Cipher;
  createDecipher(config: object): Ssh2Decipher;
}

const crypto = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js') as Ssh2Crypto;

/** Whether the addon was built; npm skips install scripts unless told otherwise. */
export const addonBuilt: boolean = crypto.bindingAvailable;

/** ssh2's WebAssembly Poly1305 loads asynchronously. */
export const ready: Promise<void> = crypto.init;

export function createDecipher(
  suite: Suite,
  addon: boolean,
  onPayload: (payload: Uint8Array) => void,
): Ssh2Decipher {
  const keys = keysOf(suite);
  return crypto.createDecipher({
    inbound: {
      seqno: 0,
      decipherInfo: crypto.CIPHER_INFO[suite.cipher],
      decipherKey: Buffer.from(keys.encryptionKey),
      decipherIV: Buffer.from(keys.iv),
      ...(suite.mac === undefined ? {} : macOf(suite.mac, keys.integrityKey)),
      forceNative: !addon,
      onPayload,
    },
  });
}

export function createCipher(suite: Suite, addon: boolean, onWrite: (bytes: Buffer) => void): Ssh2Cipher {
  const keys = keysOf(suite);
  return crypto.createCipher({
    outbound: {
      seqno: 0,
      cipherInfo: crypto.CIPHER_INFO[suite.cipher],
      cipherKey: Buffer.from(keys.encryptionKey),
      cipherIV: ciphers[suite.cipher].ivLength === 0 ? undefined : Buffer.from(keys.iv),
      ...(suite.mac === undefined ? {} : macOf(suite.mac, keys.integrityKey)),
      forceNative: !addon,
      onWrite,
    },
  });
}

function macOf(mac: MacName, key: Uint8Array): object {
  if (macs[mac] === undefined) throw new Error(`${mac} is unknown`);
  return { macInfo: crypto.MAC_INFO[mac], macKey: Buffer.from(key) };
}

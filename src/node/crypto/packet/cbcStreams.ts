/**
 * Cipher block chaining on OpenSSL, as streams that run on across packets.
 *
 * Owns: one kept context for each direction.
 * Must not know: packets, MACs.
 * Source: RFC 4253 §6.3.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import type { CbcName } from '../../../crypto/algorithms.ts';
import type { PacketStream } from '../../../crypto/provider/packetStream.ts';
import type { CbcStreams } from '../../../crypto/provider/primitives.ts';

const names: { readonly [N in CbcName]: string } = {
  'aes128-cbc': 'aes-128-cbc',
  'aes192-cbc': 'aes-192-cbc',
  'aes256-cbc': 'aes-256-cbc',
  '3des-cbc': 'des-ede3-cbc',
};

export const opensslCbcStreams: CbcStreams = {
  encrypting: (cipher, key, iv) => kept(createCipheriv(names[cipher], key, iv)),
  decrypting: (cipher, key, iv) => kept(createDecipheriv(names[cipher], key, iv)),
};

/** Without padding a context gives out every whole block at once. */
function kept(context: {
  setAutoPadding(on: boolean): unknown;
  update(bytes: Uint8Array): Uint8Array;
}): PacketStream {
  context.setAutoPadding(false);
  return {
    crypt: (buffer, start, end) => {
      if (start < end) buffer.set(context.update(buffer.subarray(start, end)), start);
    },
  };
}

/**
 * The frame of a binary packet, written once for both directions and every cipher.
 *
 * Owns: which lengths and paddings are legal, how much padding a payload gets.
 * Must not know: how a packet is encrypted, queues, payloads.
 * Sources: RFC 4253 §6; OpenSSH PROTOCOL §1.5 (encrypt-then-MAC), §1.6 (AES-GCM), PROTOCOL.chacha20poly1305.
 */
import { SshError } from '../base/errors.ts';
import type { PacketCipherShape } from '../crypto/provider/provider.ts';

/** The packet_length field. */
export const lengthFieldLength = 4;
/** RFC 4253 §6: at least four bytes of padding. */
export const minimumPadding = 4;
/** Longer than any packet: a whole number, where infinity would be an object beside each that holds it. */
export const beyondPackets: number = 2 ** 30;
/** RFC 4253 §6: at least 16 bytes in a packet, the length field counted and the MAC not. */
const minimumPacket = 16;

/**
 * The one check of a packet_length, before a byte is buffered on its word.
 *
 * RFC 4253 §6 asks for 16 bytes a packet at least. OpenSSH sends 12 under
 * chacha20-poly1305@openssh.com (a message of up to three bytes with the least
 * padding), so where the length field stands outside the alignment one block is enough.
 *
 * For CTR with a plain MAC the answer to a bad length is immediate as well.
 * Reading on before the verdict, as some implementations do, hides from an
 * attacker which plaintext the length field had; that helps against splicing
 * CBC blocks, while under CTR what can be changed is known beforehand. Under CBC
 * the opener does so.
 *
 * @throws SshError `ERR_SSH_PACKET`
 */
export function checkPacketLength(packetLength: number, shape: PacketCipherShape, maximum: number): void {
  const clear = shape.lengthIsAligned ? lengthFieldLength : 0;
  const least = shape.lengthIsAligned ? Math.max(minimumPacket, shape.blockSize) : shape.blockSize;
  const aligned = packetLength + clear;
  if (aligned >= least && packetLength <= maximum && aligned % shape.blockSize === 0) return;
  throw packetError(
    packetLength > maximum
      ? `a packet that claims ${packetLength} bytes, ${maximum} are allowed`
      : aligned < least
        ? `a packet that claims ${packetLength} bytes, too few to hold a message`
        : `a packet that claims ${packetLength} bytes, not a multiple of the block size ${shape.blockSize}`,
  );
}

/**
 * The one check of a padding_length, after the packet was authenticated.
 *
 * @throws SshError `ERR_SSH_PACKET`
 */
export function checkPaddingLength(paddingLength: number, packetLength: number): void {
  // At least one byte of payload: the message number.
  if (paddingLength >= minimumPadding && paddingLength + 2 <= packetLength) return;
  throw packetError(
    paddingLength < minimumPadding
      ? `a packet with ${paddingLength} bytes of padding, at least ${minimumPadding} are required`
      : `a packet of ${packetLength} bytes with ${paddingLength} bytes of padding, which leaves no room for a message`,
  );
}

/** The least legal padding for a payload of that many bytes. */
export function paddingFor(payloadLength: number, shape: PacketCipherShape): number {
  const { blockSize } = shape;
  const unpadded = 1 + payloadLength + (shape.lengthIsAligned ? lengthFieldLength : 0);
  let padding = blockSize - (unpadded % blockSize);
  if (padding < minimumPadding) padding += blockSize;
  while (lengthFieldLength + 1 + payloadLength + padding < minimumPacket) padding += blockSize;
  return padding;
}

/** The largest block there is. */
const largestBlock = 16;

/** The longest payload whose packet_length stays within a limit, whatever cipher seals it. */
export function longestPayload(limit: number): number {
  // The length field is part of what is aligned under some ciphers, and not under others.
  const together = limit - ((limit + lengthFieldLength) % largestBlock);
  const apart = limit - (limit % largestBlock);
  return Math.min(together, apart) - 1 - minimumPadding;
}

function packetError(what: string): SshError {
  return new SshError('ERR_SSH_PACKET', `malformed packet: ${what}; the stream is corrupt or not SSH`);
}

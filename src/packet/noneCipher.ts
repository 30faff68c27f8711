/**
 * Cipher `none` with MAC `none`: what both directions start with.
 *
 * Owns: the shape of packets before the first NEWKEYS.
 * Must not know: framing rules, keys.
 * Source: RFC 4253 §6.3, §6.4.
 */
import { emptyBytes } from '../base/bytes.ts';
import type { OpeningCipher, SealingCipher } from '../crypto/provider/provider.ts';

/** Packets in the clear, from the peer. */
export class NoneOpeningCipher implements OpeningCipher {
  readonly blockSize = 8;
  readonly lengthIsAligned = true;
  readonly tagLength = 0;
  readonly headerLength = 4;
  /** The buffer itself. */
  plaintext: Uint8Array = emptyBytes;
  /** Where the packet's padding_length lies in it. */
  plaintextOffset = 0;

  openLength(buffer: Uint8Array, offset: number): number {
    return (
      (buffer[offset] as number) * 0x1000000 +
      (((buffer[offset + 1] as number) << 16) |
        ((buffer[offset + 2] as number) << 8) |
        (buffer[offset + 3] as number))
    );
  }

  open(buffer: Uint8Array, offset: number): boolean {
    this.plaintext = buffer;
    this.plaintextOffset = offset + 4;
    return true;
  }
}

/** Packets in the clear, to the peer. */
export class NoneSealingCipher implements SealingCipher {
  readonly blockSize = 8;
  readonly lengthIsAligned = true;
  readonly tagLength = 0;

  seal(): void {
    // The plaintext is what goes out.
  }
}

/**
 * What comes in place of SFTP's first packet.
 *
 * Owns: telling text (the greeting of a shell's start-up file) from a packet, and the
 * error that quotes it.
 * Must not know: what follows a first packet that is one.
 */
import { escapeBytes } from '../../base/bytes.ts';
import type { SshError } from '../../base/errors.ts';
import { packetTypes } from '../packet/numbers.ts';
import { protocolError } from './errors.ts';

/** Bytes that the error quotes. */
export const quotedBytes = 200;

/** The error of a first packet that is none. `first`: the bytes that came, length field included. */
export function notSftp(first: Uint8Array): SshError {
  const end = first.indexOf(0);
  // The zero of a length field may follow the text in the same piece.
  const text = end < 0 ? first : first.subarray(0, end);
  if (text.length >= 4) {
    return protocolError(
      `text came before its first packet: "${escapeBytes(text, quotedBytes)}". ` +
        'A start-up file of the user on the server (such as .bashrc) may print it: it must print nothing where there is no terminal',
    );
  }
  return protocolError(
    `its first packet is not an SSH_FXP_VERSION (it begins with "${escapeBytes(first, 16)}")`,
  );
}

/** Whether bytes can begin a VERSION: as many of its length and type as have come. */
export function mayBeVersion(first: Uint8Array, longest: number): boolean {
  const [b0 = 0, b1 = 0, b2 = 0, b3 = 0] = first;
  if (first.length >= 1 && b0 * 0x1000000 > longest) return false;
  if (first.length >= 4 && b0 * 0x1000000 + b1 * 0x10000 + b2 * 0x100 + b3 > longest) return false;
  return first.length < 5 || first[4] === packetTypes.version;
}

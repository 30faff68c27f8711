/**
 * The first words of an X client, with the cookie that its server knows.
 *
 * Owns: the reading of a connection setup, the check of the cookie in it, and its
 * exchange for the true one.
 * Must not know: channels, sockets, displays.
 * Source: X Window System Protocol, "Connection Setup"; RFC 4254 §6.3.1.
 */
import { concatBytes, emptyBytes, equalBytes, utf8Encode } from '../../base/bytes.ts';

/** The kind of authorization that is forwarded. */
export const cookieProtocol = 'MIT-MAGIC-COOKIE-1';

/** Bytes ahead of the name and the data. */
const headLength = 12;
/** Bytes that a name, and the data, may have. */
const longestPart = 256;

/** The setup of one connection as a synchronous object. */
export class X11Setup {
  /** `ready`: `output` is what goes to the display. `refused`: `fault` says why. */
  state: 'reading' | 'ready' | 'refused' = 'reading';
  fault: string | undefined;
  output: Uint8Array = emptyBytes;
  private readonly fake: Uint8Array;
  private readonly real: Uint8Array | undefined;
  private held: Uint8Array = emptyBytes;

  /** @param real undefined for a display that wants none */
  constructor(fake: Uint8Array, real: Uint8Array | undefined) {
    this.fake = fake;
    this.real = real;
  }

  receive(chunk: Uint8Array): void {
    if (this.state !== 'reading') return;
    this.held = concatBytes(this.held, chunk);
    const { held } = this;
    if (held.length === 0) return;
    const isBigEndian = held[0] === 0x42;
    if (!isBigEndian && held[0] !== 0x6c) return this.refuse('it does not begin as an X client does');
    if (held.length < headLength) return;
    const view = new DataView(held.buffer, held.byteOffset, held.length);
    const [nameLength, dataLength] = [view.getUint16(6, !isBigEndian), view.getUint16(8, !isBigEndian)];
    if (nameLength > longestPart || dataLength > longestPart)
      return this.refuse('its authorization is too long');
    const dataAt = headLength + padded(nameLength);
    const length = dataAt + padded(dataLength);
    if (held.length < length) return;
    const name = held.subarray(headLength, headLength + nameLength);
    const data = held.subarray(dataAt, dataAt + dataLength);
    const isKnown = equalBytes(name, utf8Encode(cookieProtocol)) && equalBytes(data, this.fake);
    if (!isKnown) return this.refuse('it does not have the cookie of this command');
    this.output = concatBytes(this.setup(held.slice(0, headLength), isBigEndian), held.subarray(length));
    this.held = emptyBytes;
    this.state = 'ready';
  }

  private setup(head: Uint8Array, isBigEndian: boolean): Uint8Array {
    const name = this.real === undefined ? emptyBytes : utf8Encode(cookieProtocol);
    const data = this.real ?? emptyBytes;
    const view = new DataView(head.buffer, head.byteOffset, head.length);
    view.setUint16(6, name.length, !isBigEndian);
    view.setUint16(8, data.length, !isBigEndian);
    return concatBytes(head, filled(name), filled(data));
  }

  private refuse(fault: string): void {
    this.state = 'refused';
    this.fault = fault;
    this.held = emptyBytes;
  }
}

function padded(length: number): number {
  return (length + 3) & ~3;
}

function filled(bytes: Uint8Array): Uint8Array {
  return concatBytes(bytes, new Uint8Array(padded(bytes.length) - bytes.length));
}

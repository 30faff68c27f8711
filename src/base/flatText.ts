/**
 * Strings that are made by the character, and lie in one piece afterwards.
 *
 * Owns: gathering code units and joining them. A string that is put together with
 * `+=` stays a chain of its pieces for as long as somebody holds it, 32 bytes a
 * character: a text of a peer that came in 256 KB would hold 8 MB.
 * Must not know: where the characters come from, encodings.
 */

/** Code units that are made a string at once: as many arguments as every engine takes in one call. */
const pieceLength = 4096;

/** Of the text at hand: nothing here is called while another text is being made. */
const units: Uint16Array = new Uint16Array(pieceLength);

/** One text that is being made. Finish it before the next one is begun. */
export class FlatText {
  /** Code units so far. */
  length = 0;
  private used = 0;
  private readonly pieces: string[] = [];

  /** Adds a UTF-16 code unit. */
  unit(unit: number): void {
    if (this.used === pieceLength) this.closePiece();
    units[this.used++] = unit;
    this.length++;
  }

  /** Adds a code point as one or two code units. */
  codePoint(codePoint: number): void {
    if (codePoint < 0x10000) return this.unit(codePoint);
    this.unit(0xd800 + ((codePoint - 0x10000) >> 10));
    this.unit(0xdc00 + ((codePoint - 0x10000) & 0x3ff));
  }

  /** Adds all of a text, which should be short. */
  text(text: string): void {
    for (let i = 0; i < text.length; i++) this.unit(text.charCodeAt(i));
  }

  /** The text. `join` lays its pieces out in memory of their own. */
  finish(): string {
    this.closePiece();
    return this.pieces.length === 1 ? (this.pieces[0] as string) : this.pieces.join('');
  }

  private closePiece(): void {
    if (this.used === 0) return;
    // Spread would go through an iterator, unit by unit; apply takes what is like an array.
    const piece: ArrayLike<number> = units.subarray(0, this.used);
    this.pieces.push(String.fromCharCode.apply(null, piece as number[]));
    this.used = 0;
  }
}

/**
 * One line typed at a prompt on a terminal in raw mode.
 *
 * Owns: which keys edit the line, what is shown of it, and how it ends.
 * Must not know: terminals, what is asked for.
 */

/** How a line ended: with Enter, with Ctrl-C, or with Ctrl-D where nothing was typed. */
export type LineEnd =
  | { readonly type: 'entered'; readonly text: string }
  | { readonly type: 'interrupted' }
  | { readonly type: 'closed' };

const keys = {
  interrupt: 0x03,
  endOfFile: 0x04,
  backspace: 0x08,
  lineFeed: 0x0a,
  carriageReturn: 0x0d,
  killLine: 0x15,
  quit: 0x1c,
  escape: 0x1b,
  delete: 0x7f,
} as const;

/** Bytes a line may have; what is typed beyond is not taken. */
const longestLine = 4096;

export class LineReader {
  /** Set once the line has ended. */
  end: LineEnd | undefined;
  private readonly echo: boolean;
  private bytes: number[] = [];
  /** Within the escape sequence of a key such as an arrow: `start` behind ESC, `rest` behind its second byte. */
  private sequence: 'none' | 'start' | 'rest' = 'none';

  /** @param echo whether what is typed is shown */
  constructor(echo: boolean) {
    this.echo = echo;
  }

  /** Takes keys up to the end of the line; returns what the terminal is to show. */
  receive(chunk: Uint8Array): string {
    let shown = '';
    for (const key of chunk) {
      if (this.end !== undefined) break;
      shown += this.key(key);
    }
    return shown;
  }

  private key(key: number): string {
    if (this.sequence !== 'none' && key >= 0x20) return this.inSequence(key);
    this.sequence = 'none';
    switch (key) {
      case keys.carriageReturn:
      case keys.lineFeed:
        return this.finish({ type: 'entered', text: Buffer.from(this.bytes).toString('utf8') });
      case keys.interrupt:
      case keys.quit:
        return this.finish({ type: 'interrupted' });
      case keys.endOfFile:
        return this.bytes.length === 0 ? this.finish({ type: 'closed' }) : '';
      case keys.backspace:
      case keys.delete:
        return this.eraseOne();
      case keys.killLine:
        return this.eraseAll();
      case keys.escape:
        this.sequence = 'start';
        return '';
      default:
        return key < 0x20 ? '' : this.add(key);
    }
  }

  /** The keys of an escape sequence are not part of the line (ECMA-48 §5.4: CSI ends with 40 to 7E); a control character breaks it off. */
  private inSequence(key: number): string {
    const introduces = this.sequence === 'start' && (key === 0x5b || key === 0x4f);
    const goesOn = this.sequence === 'rest' && (key < 0x40 || key > 0x7e);
    this.sequence = introduces || goesOn ? 'rest' : 'none';
    return '';
  }

  private add(key: number): string {
    if (this.bytes.length >= longestLine) return '';
    this.bytes.push(key);
    if (!this.echo) return '';
    return this.shownSince(this.lastCharacterAt());
  }

  /** The last character once all of its bytes are there. */
  private shownSince(start: number): string {
    const text = Buffer.from(this.bytes.slice(start)).toString('utf8');
    return text.includes('\ufffd') ? '' : text;
  }

  private eraseOne(): string {
    if (this.bytes.length === 0) return '';
    this.bytes.length = this.lastCharacterAt();
    return this.echo ? '\b \b' : '';
  }

  private eraseAll(): string {
    let shown = '';
    while (this.bytes.length > 0) shown += this.eraseOne();
    return shown;
  }

  /** Bytes 80 to BF continue a character of UTF-8. */
  private lastCharacterAt(): number {
    let at = this.bytes.length - 1;
    while (at > 0 && ((this.bytes[at] as number) & 0xc0) === 0x80) at--;
    return at;
  }

  private finish(end: LineEnd): string {
    this.end = end;
    this.bytes.fill(0);
    this.bytes = [];
    return '\r\n';
  }
}

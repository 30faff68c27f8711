/** What typed keys mean: to a session, where ~ is this program's, and at a prompt. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type EscapeAction, EscapeReader } from '../../src/cli/terminal/escapes.ts';
import { LineReader } from '../../src/cli/terminal/lineReader.ts';

const tilde = 0x7e;
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));

/** What goes to the server, with actions in angle brackets. */
function typed(...chunks: readonly string[]): string {
  const reader = new EscapeReader(tilde);
  return shown(chunks.flatMap((chunk) => reader.receive(bytes(chunk))));
}

function shown(pieces: readonly (Uint8Array | EscapeAction)[]): string {
  return pieces
    .map((piece) => (typeof piece === 'string' ? `<${piece}>` : Buffer.from(piece).toString()))
    .join('');
}

describe('escapes', () => {
  it.each([
    ['~.', '<disconnect>'],
    ['ls\r~.', 'ls\r<disconnect>'],
    ['ls\n~?', 'ls\n<help>'],
    ['~R', '<rekey>'],
    ['~i~.', '<report><disconnect>'],
    ['~\u001a', '<suspend>'],
    ['~~.', '~.'],
    ['~~~.', '~~.'],
    ['~x', '~x'],
    ['~\r~.', '~\r<disconnect>'],
    ['cd ~.', 'cd ~.'],
    ['a~.', 'a~.'],
    ['~r', '~r'],
  ])('%j means %j', (keys, meaning) => {
    expect(typed(keys)).toBe(meaning);
  });

  it('means the same however the keys arrive', () => {
    const key = fc.constantFrom('~', '.', '\r', 'a', '?', 'R', '\n', '\u001a');
    fc.assert(
      fc.property(fc.array(key), fc.array(fc.nat(20)), (keys, cuts) => {
        const whole = keys.join('');
        const at = [...new Set(cuts)].filter((cut) => cut < whole.length).sort((a, b) => a - b);
        const pieces = [0, ...at].map((start, i) => whole.slice(start, at[i] ?? whole.length));
        expect(typed(...pieces)).toBe(typed(whole));
      }),
    );
  });

  it('are none where there is no escape character', () => {
    const keys = bytes('~.\r~?\n~~');
    expect(new EscapeReader(undefined).receive(keys)).toEqual([keys]);
  });

  it('are those of another character where one is given', () => {
    const reader = new EscapeReader(0x01);
    expect(shown(reader.receive(bytes('\u0001?\r~.\r\u0001\u0001.\r\u0001.')))).toBe(
      '<help>\r~.\r\u0001.\r<disconnect>',
    );
  });

  it('loses no key of a session without a tilde', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (chunk) => {
        fc.pre(!chunk.includes(tilde));
        const pieces = new EscapeReader(tilde).receive(chunk);
        expect(Buffer.concat(pieces as Uint8Array[])).toEqual(Buffer.from(chunk));
      }),
    );
  });
});

describe('a prompt', () => {
  function answered(keys: string, echo: boolean): { end: LineReader['end']; shown: string } {
    const line = new LineReader(echo);
    let output = '';
    for (const byte of bytes(keys)) output += line.receive(Uint8Array.of(byte));
    return { end: line.end, shown: output };
  }

  it.each([
    ['secret\r', 'secret'],
    ['secret\n', 'secret'],
    ['wrong\u0015secret\r', 'secret'],
    ['secrex\u007ft\r', 'secret'],
    ['\u007f\bsecret\r', 'secret'],
    ['pässw\u00f6\u007förd\r', 'pässwörd'],
    ['sec\u001b[Aret\r', 'secret'],
    ['sec\u001b[1;5Cret\u001bOH\r', 'secret'],
    ['secret\u001b\r', 'secret'],
    ['secret\u001b[\r', 'secret'],
    ['\u0001a\u0004b\r', 'ab'],
    ['\r', ''],
  ])('%j answers %j', (keys, text) => {
    expect(answered(keys, false).end).toEqual({ type: 'entered', text });
  });

  it('shows nothing of a secret but the end of its line', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (secret) => {
        fc.pre(![0x0d, 0x0a, 0x03, 0x04, 0x1c].some((key) => secret.includes(key)));
        const line = new LineReader(false);
        expect(line.receive(secret) + line.receive(bytes('\r'))).toBe('\r\n');
        expect(line.end?.type).toBe('entered');
      }),
    );
  });

  it('shows what may be shown, whole characters at a time', () => {
    expect(answered('jä\u007fa\r', true)).toEqual({
      end: { type: 'entered', text: 'ja' },
      shown: 'jä\b \ba\r\n',
    });
    expect(answered('ab\u0015c\r', true).shown).toBe('ab\b \b\b \bc\r\n');
  });

  it('ends without an answer by Ctrl-C, and by Ctrl-D on an empty line', () => {
    expect(answered('sec\u0003', false).end).toEqual({ type: 'interrupted' });
    expect(answered('\u001c', false).end).toEqual({ type: 'interrupted' });
    expect(answered('\u0004', false).end).toEqual({ type: 'closed' });
    expect(answered('sec', false).end).toBeUndefined();
  });

  it('holds no more than a line may have', () => {
    const { end } = answered(`${'x'.repeat(10_000)}\r`, false);
    expect(end).toEqual({ type: 'entered', text: 'x'.repeat(4096) });
  });
});

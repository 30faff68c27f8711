/**
 * What a server says, told apart from what this program says.
 *
 * Owns: the prefix of each line, and that no line of a server is without it,
 * whatever it holds and however wide the terminal is: a server that could begin
 * a line of its own could ask in this program's words, and get what is meant for
 * the key file.
 * Must not know: where it is shown. Texts come escaped but for line ends and tabs.
 */

/** No line of this program begins so. */
export const serverPrefix = '[server] ';

/** A tab moves by this much at most. */
const tabWidth = 8;

/**
 * Lines of a server, without an end of the last one.
 *
 * @param columns of the terminal, whose wrapping would begin a line without a prefix; undefined where nothing wraps
 */
export function serverLines(text: string, columns?: number): string {
  // A full line is left one short: terminals differ in what comes next.
  const room =
    columns === undefined ? Number.POSITIVE_INFINITY : Math.max(1, columns - serverPrefix.length - 1);
  return text
    .replace(/\r?\n$/, '')
    .split(/\r?\n/)
    .flatMap((line) => wrapped(line, room))
    .map((line) => (line === '' ? serverPrefix.trimEnd() : `${serverPrefix}${line}`))
    .join('\n');
}

/** A question of a server. A line end in it is shown as one: a question is a line, and this one is not. */
export function serverPrompt(account: string, prompt: string, columns: number): string {
  const shown = `(${account}) ${prompt}`.replaceAll('\n', '\\n\n');
  // Anybody who answers types behind the last line, which has to be one of the server's.
  return serverLines(shown.endsWith('\n') ? `${shown} ` : shown, columns);
}

/** Pieces that fit; by how wide characters may be, not by how wide they are. */
function wrapped(line: string, room: number): string[] {
  const pieces: string[] = [];
  let piece = '';
  let width = 0;
  for (const character of line) {
    const more = widthOf(character);
    if (piece !== '' && width + more > room) {
      pieces.push(piece);
      piece = '';
      width = 0;
    }
    piece += character;
    width += more;
  }
  return [...pieces, piece];
}

function widthOf(character: string): number {
  if (character === '\t') return tabWidth;
  return character >= ' ' && character <= '~' ? 1 : 2;
}

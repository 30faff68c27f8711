/**
 * The escape character of an interactive session, `~` at the start of a line
 * unless EscapeChar says another.
 *
 * Owns: which keys are meant for this program and which go to the server.
 * Must not know: what an escape does, terminals.
 */

/** What a person can ask of this program during a session. */
export type EscapeAction =
  | 'commandLine'
  | 'disconnect'
  | 'forwards'
  | 'help'
  | 'rekey'
  | 'report'
  | 'suspend';

/** The key behind the escape character that asks for it. */
const actions: ReadonlyMap<number, EscapeAction> = new Map([
  [0x23, 'forwards'],
  [0x2e, 'disconnect'],
  [0x3f, 'help'],
  [0x43, 'commandLine'],
  [0x52, 'rekey'],
  [0x69, 'report'],
  [0x1a, 'suspend'],
]);

/** Printed for `~?`. Lines end as a terminal in raw mode needs it. */
export const escapeHelp: string = [
  'Escapes, at the start of a line:',
  '  ~.   disconnect',
  '  ~i   show what the connection is doing and waiting for',
  '  ~#   list forwards and the connections through them',
  '  ~C   a command line: -L, -R and -D add forwards, -KL, -KR and -KD cancel them',
  '  ~R   agree on new keys',
  '  ~^Z  suspend this program',
  '  ~~   send a ~',
  '  ~?   this list',
  '',
].join('\r\n');

/** Parts the keys of a session into bytes for the server and actions for this program. */
export class EscapeReader {
  private readonly character: number | undefined;
  private atLineStart = true;
  private pending = false;

  /** @param character the escape character; undefined for none, when every key goes to the server */
  constructor(character: number | undefined) {
    this.character = character;
  }

  /** What the keys mean, in their order. Pieces of bytes are views of the chunk, but for a `~` held back. */
  receive(chunk: Uint8Array): (Uint8Array | EscapeAction)[] {
    const { character } = this;
    if (character === undefined) return [chunk];
    const found: (Uint8Array | EscapeAction)[] = [];
    let from = 0;
    const passUpTo = (end: number): void => {
      if (end > from) found.push(chunk.subarray(from, end));
      from = end;
    };
    for (let i = 0; i < chunk.length; i++) {
      const key = chunk[i] as number;
      if (this.pending) {
        this.pending = false;
        const action = actions.get(key);
        if (action !== undefined) {
          found.push(action);
          from = i + 1;
          continue;
        }
        found.push(Uint8Array.of(character));
        // Of `~~` only one goes on; any other key follows its `~`.
        if (key === character) from = i + 1;
      } else if (this.atLineStart && key === character) {
        passUpTo(i);
        this.pending = true;
        from = i + 1;
        continue;
      }
      this.atLineStart = key === 0x0d || key === 0x0a;
    }
    passUpTo(chunk.length);
    return found;
  }
}

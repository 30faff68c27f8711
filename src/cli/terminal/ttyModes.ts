/**
 * The modes of the local terminal, for the server to set on its own.
 *
 * Owns: the reading of `stty -a`, as GNU, busybox and BSD print it, into the
 * names of RFC 4254 §8.
 * Must not know: how it is run.
 */

/** Names of stty that differ from the names of RFC 4254 §8 by more than case. */
const characterNames: Readonly<Record<string, string>> = {
  intr: 'VINTR',
  quit: 'VQUIT',
  erase: 'VERASE',
  kill: 'VKILL',
  eof: 'VEOF',
  eol: 'VEOL',
  eol2: 'VEOL2',
  start: 'VSTART',
  stop: 'VSTOP',
  susp: 'VSUSP',
  dsusp: 'VDSUSP',
  rprnt: 'VREPRINT',
  reprint: 'VREPRINT',
  werase: 'VWERASE',
  lnext: 'VLNEXT',
  flush: 'VFLUSH',
  swtch: 'VSWTCH',
  status: 'VSTATUS',
  discard: 'VDISCARD',
};

const flagNames: ReadonlySet<string> = new Set([
  ...['IGNPAR', 'PARMRK', 'INPCK', 'ISTRIP', 'INLCR', 'IGNCR', 'ICRNL', 'IUCLC', 'IXON', 'IXANY', 'IXOFF'],
  ...['IMAXBEL', 'IUTF8', 'ISIG', 'ICANON', 'XCASE', 'ECHO', 'ECHOE', 'ECHOK', 'ECHONL', 'NOFLSH', 'TOSTOP'],
  ...['IEXTEN', 'ECHOCTL', 'ECHOKE', 'PENDIN', 'OPOST', 'OLCUC', 'ONLCR', 'OCRNL', 'ONOCR', 'ONLRET'],
  ...['CS7', 'CS8', 'PARENB', 'PARODD'],
]);

/** RFC 4254 §8: the value of a character that is not used. */
const unusedCharacter = 255;

/** Modes by their names in RFC 4254 §8, as `PtyOptions.modes` takes them. What is not understood is left out. */
export function parseSttyModes(output: string): Record<string, number> {
  const modes: Record<string, number> = {};
  const rest = output.replace(/([a-z0-9]+) = ([^;]+);/g, (_whole, name: string, value: string) => {
    const mode = Object.hasOwn(characterNames, name) ? characterNames[name] : undefined;
    const character = characterValue(value);
    if (mode !== undefined && character !== undefined) modes[mode] = character;
    return ' ';
  });
  for (const [, off, name = ''] of rest.matchAll(/(?<=\s)(-?)([a-z][a-z0-9]*)(?=\s|$)/g)) {
    if (flagNames.has(name.toUpperCase())) modes[name.toUpperCase()] = off === '' ? 1 : 0;
  }
  const speed = Number(/speed (\d+) baud/.exec(output)?.[1]);
  return speed > 0 ? { ...modes, TTY_OP_ISPEED: speed, TTY_OP_OSPEED: speed } : modes;
}

/** `^C`, `^?`, `M-^?`, `<undef>` or the character itself. */
function characterValue(text: string): number | undefined {
  if (text === '<undef>' || text === 'undef') return unusedCharacter;
  const [, meta, caret, character = ''] = /^(M-)?(\^)?(.)$/.exec(text) ?? [];
  if (character === '') return undefined;
  const code = character.charCodeAt(0);
  const base = caret === undefined ? code : character === '?' ? 0x7f : code & 0x1f;
  return base + (meta === undefined ? 0 : 0x80);
}

/**
 * Patterns of names, with the meaning that glob(3) gives them in OpenSSH's sftp.
 *
 * Owns: `*`, `?`, `[…]`, `{a,b}` and the backslash; whether a name matches.
 * Must not know: where names come from.
 */
import type { ByteText } from '../byteText.ts';

/** What one byte of a name may be. */
interface ByteSet {
  readonly negated: boolean;
  /** From the first byte to the last one, both included. */
  readonly ranges: readonly (readonly [number, number])[];
}

/** `any` is `*`; `one` is `?`; a number is that byte. */
type Atom = 'any' | 'one' | number | ByteSet;

/** One name of a path, between slashes. */
export interface NamePattern {
  readonly atoms: readonly Atom[];
  /** The only name that matches; undefined where several may. */
  readonly literal: ByteText | undefined;
}

/** A path, taken apart. */
export interface PathPattern {
  /** Each name with the slashes before it, as they were written. */
  readonly names: readonly { readonly slashes: string; readonly name: NamePattern }[];
  /** Slashes behind the last name. */
  readonly ending: string;
  /** The whole as text without escapes. */
  readonly literal: ByteText;
  /** Whether it holds `*`, `?` or a set. */
  readonly isMagic: boolean;
}

const classes: Readonly<Record<string, readonly (readonly [number, number])[]>> = {
  alnum: [
    [0x30, 0x39],
    [0x41, 0x5a],
    [0x61, 0x7a],
  ],
  alpha: [
    [0x41, 0x5a],
    [0x61, 0x7a],
  ],
  blank: [
    [0x09, 0x09],
    [0x20, 0x20],
  ],
  cntrl: [
    [0x00, 0x1f],
    [0x7f, 0x7f],
  ],
  digit: [[0x30, 0x39]],
  graph: [[0x21, 0x7e]],
  lower: [[0x61, 0x7a]],
  print: [[0x20, 0x7e]],
  punct: [
    [0x21, 0x2f],
    [0x3a, 0x40],
    [0x5b, 0x60],
    [0x7b, 0x7e],
  ],
  space: [
    [0x09, 0x0d],
    [0x20, 0x20],
  ],
  upper: [[0x41, 0x5a]],
  xdigit: [
    [0x30, 0x39],
    [0x41, 0x46],
    [0x61, 0x66],
  ],
};

export function parsePattern(text: ByteText): PathPattern {
  const names: { slashes: string; name: NamePattern }[] = [];
  let ending = '';
  for (const [, slashes = '', name = ''] of text.matchAll(/(\/*)((?:\\.|[^/])*)/gs)) {
    if (name !== '') names.push({ slashes, name: parseName(name) });
    else if (slashes !== '') ending = slashes;
  }
  const isMagic = names.some(({ name }) => name.literal === undefined);
  return { names, ending, literal: withoutEscapes(text), isMagic };
}

/** A text in which each character stands for itself, as a pattern. */
export function escapePattern(text: ByteText): ByteText {
  return text.replace(/[\\*?[\]{}]/g, '\\$&');
}

/** The text that a pattern is where nothing matches it: a backslash stands for what follows it. */
function withoutEscapes(text: ByteText): ByteText {
  return text.replace(/\\(.)/gs, '$1');
}

function parseName(text: ByteText): NamePattern {
  const atoms: Atom[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at] as string;
    if (character === '\\' && at + 1 < text.length) {
      atoms.push(text.charCodeAt(at + 1));
      at += 2;
    } else if (character === '*') {
      if (atoms.at(-1) !== 'any') atoms.push('any');
      at++;
    } else if (character === '?') {
      atoms.push('one');
      at++;
    } else if (character === '[') {
      const set = parseSet(text, at + 1);
      atoms.push(set?.set ?? 0x5b);
      at = set?.next ?? at + 1;
    } else {
      atoms.push(text.charCodeAt(at));
      at++;
    }
  }
  const isLiteral = atoms.every((atom) => typeof atom === 'number');
  return { atoms, literal: isLiteral ? String.fromCharCode(...(atoms as number[])) : undefined };
}

/** A set behind its bracket; undefined where no bracket closes it, and `[` stands for itself. */
function parseSet(
  text: ByteText,
  from: number,
): { readonly set: ByteSet; readonly next: number } | undefined {
  let at = from;
  const negated = text[at] === '!';
  if (negated) at++;
  const ranges: (readonly [number, number])[] = [];
  // A bracket right at the beginning is a member.
  for (let isFirst = true; ; isFirst = false) {
    if (at >= text.length) return undefined;
    if (text[at] === ']' && !isFirst) return { set: { negated, ranges }, next: at + 1 };
    const [named = '', name = ''] = /^\[:([a-z]+):\]/.exec(text.slice(at)) ?? [];
    const members = Object.hasOwn(classes, name) ? classes[name] : undefined;
    if (members !== undefined) {
      ranges.push(...members);
      at += named.length;
      continue;
    }
    const first = member(text, at);
    at = first.next;
    if (text[at] === '-' && at + 1 < text.length && text[at + 1] !== ']') {
      const last = member(text, at + 1);
      ranges.push([first.byte, last.byte]);
      at = last.next;
    } else ranges.push([first.byte, first.byte]);
  }
}

function member(text: ByteText, at: number): { readonly byte: number; readonly next: number } {
  const isEscaped = text[at] === '\\' && at + 1 < text.length;
  const place = isEscaped ? at + 1 : at;
  return { byte: text.charCodeAt(place), next: place + 1 };
}

/** Whether a name matches. A dot at its beginning is matched by a dot alone. */
export function matches({ atoms }: NamePattern, name: ByteText): boolean {
  if (name.startsWith('.') && atoms[0] !== 0x2e) return false;
  let atom = 0;
  let at = 0;
  // Where the last `*` stands and how much of the name it takes: the only place to come back to.
  let star = -1;
  let taken = 0;
  while (at < name.length) {
    const wanted = atoms[atom];
    if (wanted === 'any') {
      star = atom++;
      taken = at;
    } else if (wanted !== undefined && accepts(wanted, name.charCodeAt(at))) {
      atom++;
      at++;
    } else if (star >= 0) {
      atom = star + 1;
      at = ++taken;
    } else return false;
  }
  while (atoms[atom] === 'any') atom++;
  return atom === atoms.length;
}

function accepts(atom: Exclude<Atom, 'any'>, byte: number): boolean {
  if (atom === 'one') return true;
  if (typeof atom === 'number') return atom === byte;
  return atom.ranges.some(([first, last]) => first <= byte && byte <= last) !== atom.negated;
}

// Braces ------------------------------------------------------------------------------

/** Patterns that braces may become. */
const mostAlternatives = 10_000;

/**
 * The patterns that a pattern with `{a,b}` stands for; `{}` stands for itself, as does a brace without its
 * other half.
 *
 * @returns undefined for more than can be meant
 */
export function expandBraces(pattern: ByteText): readonly ByteText[] | undefined {
  const done: ByteText[] = [];
  const open = [pattern];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    if (done.length + open.length > mostAlternatives) return undefined;
    const found = firstBraces(next);
    if (found === undefined) {
      done.push(next);
      continue;
    }
    const { start, end, parts } = found;
    const before = next.slice(0, start);
    const behind = next.slice(end);
    open.push(...parts.map((part) => `${before}${part}${behind}`).reverse());
  }
  return done;
}

/** The first pair of braces with its alternatives, which may hold braces themselves. */
function firstBraces(
  pattern: ByteText,
): { readonly start: number; readonly end: number; readonly parts: readonly ByteText[] } | undefined {
  for (let start = 0; start < pattern.length; start = behindOne(pattern, start)) {
    if (pattern[start] !== '{' || pattern[start + 1] === '}') continue;
    const parts: ByteText[] = [];
    let depth = 0;
    let from = start + 1;
    for (let at = start + 1; at < pattern.length; at = behindOne(pattern, at)) {
      const character = pattern[at];
      if (character === '{') depth++;
      else if (character === ',' && depth === 0) {
        parts.push(pattern.slice(from, at));
        from = at + 1;
      } else if (character === '}' && depth-- === 0) {
        return { start, end: at + 1, parts: [...parts, pattern.slice(from, at)] };
      }
    }
  }
  return undefined;
}

/** Behind the character there, the escaped character or the set. */
function behindOne(pattern: ByteText, at: number): number {
  if (pattern[at] === '\\') return at + 2;
  if (pattern[at] === '[') return parseSet(pattern, at + 1)?.next ?? at + 1;
  return at + 1;
}

/**
 * Patterns for names.
 *
 * Owns: what `*`, `?`, `[…]`, `{a,b}` and `**` mean; a pattern as segments between
 * slashes; each matches a name in time that grows with both lengths only.
 * Must not know: folders.
 */
import { optionsError } from '../../../base/optionChecks.ts';

/** One segment of a pattern. */
export type Segment =
  /** A name as it is. */
  | { readonly kind: 'literal'; readonly name: string }
  | { readonly kind: 'names'; readonly tokens: readonly Token[] }
  /** `**`: this folder and all below it. */
  | { readonly kind: 'folders' };

type Token =
  | { readonly kind: 'character'; readonly character: string }
  | { readonly kind: 'any' }
  | { readonly kind: 'many' }
  | {
      readonly kind: 'class';
      readonly negated: boolean;
      readonly ranges: readonly (readonly [string, string])[];
    };

/** Patterns that `{…}` may become, and characters of one pattern. */
const mostAlternatives = 1024;
const longestPattern = 4096;

/**
 * The patterns that a pattern with `{a,b}` stands for.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for one that is empty, too long or stands for too many
 */
export function expandBraces(pattern: string): readonly string[] {
  if (typeof pattern !== 'string' || pattern === '')
    throw optionsError('a pattern must be a string that is not empty');
  if (pattern.length > longestPattern)
    throw optionsError(`a pattern has at most ${longestPattern} characters`);
  let patterns = [pattern];
  for (let depth = 0; depth < longestPattern; depth++) {
    const next = patterns.flatMap(expandFirst);
    if (next.length > mostAlternatives)
      throw optionsError(`{…} of a pattern stands for more than ${mostAlternatives}`);
    if (next.length === patterns.length && next.every((text, index) => text === patterns[index])) break;
    patterns = next;
  }
  return [...new Set(patterns.map((text) => text.replaceAll(quotedBrace, '\\{')))];
}

/** A brace that begins no alternatives is put aside, so that it is not looked at again. */
const quotedBrace = '\ue000';

function expandFirst(pattern: string): string[] {
  const open = indexOfUnquoted(pattern, '{', 0);
  if (open < 0) return [pattern];
  const parts: string[] = [];
  let depth = 0;
  let start = open + 1;
  for (let at = open; at < pattern.length; at++) {
    const character = pattern[at];
    if (character === '\\') at++;
    else if (character === '{') depth++;
    else if (character === ',' && depth === 1) {
      parts.push(pattern.slice(start, at));
      start = at + 1;
    } else if (character === '}' && --depth === 0) {
      parts.push(pattern.slice(start, at));
      if (parts.length < 2) break;
      const [head, tail] = [pattern.slice(0, open), pattern.slice(at + 1)];
      return parts.map((part) => head + part + tail);
    }
  }
  return [`${pattern.slice(0, open)}${quotedBrace}${pattern.slice(open + 1)}`];
}

function indexOfUnquoted(text: string, wanted: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === wanted) return at;
  }
  return -1;
}

/** The segments of a pattern without `{…}`; empty ones are left out. */
export function parsePattern(pattern: string): readonly Segment[] {
  return pattern.split('/').flatMap((part) => (part === '' ? [] : [parseSegment(part)]));
}

function parseSegment(part: string): Segment {
  if (part === '**') return { kind: 'folders' };
  const tokens: Token[] = [];
  for (let at = 0; at < part.length; ) {
    const { token, next } = tokenAt(part, at);
    const isSecondStar = token.kind === 'many' && tokens.at(-1)?.kind === 'many';
    if (!isSecondStar) tokens.push(token);
    at = next;
  }
  if (tokens.every(({ kind }) => kind === 'character')) {
    const name = tokens.map((token) => (token.kind === 'character' ? token.character : '')).join('');
    return { kind: 'literal', name };
  }
  return { kind: 'names', tokens };
}

function tokenAt(part: string, at: number): { readonly token: Token; readonly next: number } {
  const character = String.fromCodePoint(part.codePointAt(at) ?? 0);
  const next = at + character.length;
  switch (character) {
    case '*':
      return { token: { kind: 'many' }, next };
    case '?':
      return { token: { kind: 'any' }, next };
    case '[':
      return classAt(part, at) ?? { token: { kind: 'character', character }, next };
    case '\\': {
      if (next >= part.length) return { token: { kind: 'character', character }, next };
      const quoted = String.fromCodePoint(part.codePointAt(next) ?? 0);
      return { token: { kind: 'character', character: quoted }, next: next + quoted.length };
    }
    default:
      return { token: { kind: 'character', character }, next };
  }
}

/** `[a-z]`, `[!a]`, `[^a]`; a `]` in the first place is one of the characters. Undefined where it does not end. */
function classAt(part: string, at: number): { readonly token: Token; readonly next: number } | undefined {
  const characters = [...part.slice(at + 1)];
  const negated = characters[0] === '!' || characters[0] === '^';
  const first = negated ? 1 : 0;
  const ranges: (readonly [string, string])[] = [];
  for (let i = first; i < characters.length; i++) {
    const low = characters[i] as string;
    if (low === ']' && i > first) {
      const length = characters.slice(0, i + 1).join('').length;
      return { token: { kind: 'class', negated, ranges }, next: at + 1 + length };
    }
    const high = characters[i + 2];
    if (characters[i + 1] === '-' && high !== undefined && high !== ']') {
      ranges.push([low, high]);
      i += 2;
    } else ranges.push([low, low]);
  }
  return undefined;
}

/** Whether a name matches; one that begins with a dot does so only where the pattern does, or with `dot`. */
export function matchesSegment(segment: Segment, name: string, dot: boolean): boolean {
  if (segment.kind === 'literal') return segment.name === name;
  if (segment.kind === 'folders') return dot || !name.startsWith('.');
  const [first] = segment.tokens;
  const saysDot = first?.kind === 'character' && first.character === '.';
  if (name.startsWith('.') && !dot && !saysDot) return false;
  return matchesTokens(segment.tokens, [...name]);
}

/** A star takes as little as it can and is widened where what follows does not match: only the last one ever has to be. */
function matchesTokens(tokens: readonly Token[], characters: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let starToken = -1;
  let starAt = 0;
  while (at < characters.length) {
    const current = tokens[token];
    if (current?.kind === 'many') {
      starToken = token++;
      starAt = at;
    } else if (current !== undefined && matchesToken(current, characters[at] as string)) {
      token++;
      at++;
    } else if (starToken >= 0) {
      token = starToken + 1;
      at = ++starAt;
    } else return false;
  }
  while (tokens[token]?.kind === 'many') token++;
  return token === tokens.length;
}

function matchesToken(token: Token, character: string): boolean {
  switch (token.kind) {
    case 'character':
      return token.character === character;
    case 'any':
      return true;
    case 'many':
      return false;
    case 'class':
      return token.ranges.some(([low, high]) => low <= character && character <= high) !== token.negated;
    default:
      return token satisfies never;
  }
}

/**
 * The lines of one known_hosts text, found by the host they are for.
 *
 * Owns: the lines and their numbers, the index: plain names by themselves,
 * patterns one by one, hidden names by their hash. A line is read whole when it
 * is about a host that is asked for: of thousands that is one or two.
 * Must not know: what lines say together, where the text is from.
 */

import { splitLines } from '../textLines.ts';
import { HashedNames } from './hashedNames.ts';
import { type HostMatcher, hostMatcher, plainNames } from './hostPattern.ts';
import { type KnownHostsEntry, lineStart, parseLine } from './knownHostsLine.ts';

/** A line that was passed over. */
export interface MalformedLine {
  /** What `parse` was told of where the text is from. */
  readonly file: string | undefined;
  /** From 1. */
  readonly line: number;
  /** What is wrong with it. */
  readonly reason: string;
}

/** A line that is not empty and no comment. */
class Line {
  readonly number: number;
  readonly file: string | undefined;
  private readonly content: string;
  private parsed: KnownHostsEntry | string | undefined;

  constructor(content: string, file: string | undefined, number: number) {
    this.content = content;
    this.file = file;
    this.number = number;
  }

  /** What it says, or why it is malformed. */
  get read(): KnownHostsEntry | string {
    this.parsed ??= parseLine(this.content, this.file, this.number);
    return this.parsed;
  }
}

/** Lines of one kind: those that trust a key, or those with a marker. */
class LineIndex {
  private readonly plain = new Map<string, Line[]>();
  private readonly patterns: { readonly line: Line; readonly matches: HostMatcher }[] = [];
  private readonly hiding: Line[] = [];
  private readonly hidden = new HashedNames();

  add(line: Line, hosts: string): void {
    if (hosts.startsWith('|')) {
      this.hiding.push(line);
      this.hidden.add(hosts);
      return;
    }
    const names = plainNames(hosts);
    if (names === undefined) this.patterns.push({ line, matches: hostMatcher(hosts) });
    for (const name of names ?? []) {
      const lines = this.plain.get(name);
      if (lines === undefined) this.plain.set(name, [line]);
      else if (lines.at(-1) !== line) lines.push(line);
    }
  }

  searchInSteps(spelling: string): Generator<void, void> {
    return this.hidden.searchInSteps(spelling);
  }

  /** In the order of the text. */
  matching(spelling: string): Line[] {
    const lines = [
      ...(this.plain.get(spelling) ?? []),
      ...this.patterns.filter(({ matches }) => matches(spelling)).map(({ line }) => line),
      ...this.hidden.matching(spelling).flatMap((i) => this.hiding[i] ?? []),
    ];
    return lines.sort((a, b) => a.number - b.number);
  }
}

/** Characters that are read in one step: some hundred lines, well below a millisecond. */
const stepLength = 32 * 1024;

/** What lines are for: keys that are trusted, or a marker. */
export type LineKind = 'keys' | 'marked';

export class KnownHostsText {
  private readonly lines: Line[] = [];
  private readonly index: Readonly<Record<LineKind, LineIndex>> = {
    keys: new LineIndex(),
    marked: new LineIndex(),
  };

  /**
   * Reads a text with a character for each byte, less than a millisecond at a
   * time. Never throws for its content.
   */
  static *readInSteps(text: string, file: string | undefined): Generator<void, KnownHostsText> {
    const read = new KnownHostsText();
    let number = 0;
    // A byte order mark is no part of the first line.
    let at = text.startsWith('\xef\xbb\xbf') ? 3 : 0;
    while (at < text.length) {
      const lineFeed = text.indexOf('\n', at + stepLength);
      const end = lineFeed < 0 ? text.length : lineFeed;
      for (const line of splitLines(text.slice(at, end))) read.add(line, file, ++number);
      at = end + 1;
      yield;
    }
    return read;
  }

  private add(content: string, file: string | undefined, number: number): void {
    const start = lineStart(content);
    if (start === undefined) return;
    const line = new Line(content, file, number);
    this.lines.push(line);
    this.index[start.isMarked ? 'marked' : 'keys'].add(line, start.hosts);
  }

  /** All lines that are well formed. */
  entries(): KnownHostsEntry[] {
    return entriesOf(this.lines);
  }

  /** The lines that are not. */
  malformed(): MalformedLine[] {
    return this.lines.flatMap(({ read: reason, file, number: line }) =>
      typeof reason === 'string' ? [{ file, line, reason }] : [],
    );
  }

  /** The lines of a kind for a host, by its spelling. */
  matching(spelling: string, kind: LineKind): KnownHostsEntry[] {
    return entriesOf(this.index[kind].matching(spelling));
  }

  /** The work of `matching`, less than a millisecond at a time. */
  searchInSteps(spelling: string, kind: LineKind): Generator<void, void> {
    return this.index[kind].searchInSteps(spelling);
  }
}

function entriesOf(lines: readonly Line[]): KnownHostsEntry[] {
  return lines.flatMap(({ read }) => (typeof read === 'string' ? [] : [read]));
}

/**
 * A line of `deadline-ssh sftp`, as what is to be done.
 *
 * Owns: the commands, their flags and arguments, and what is wrong with a line, with the rules of
 * OpenSSH's sftp.
 * Must not know: how any command is carried out.
 */
import type { ByteText } from '../../files/byteText.ts';
import { type CommandName, commandNamed } from './commandTable.ts';
import { literalOf, wordsOf } from './words.ts';

export interface TransferCommand {
  readonly verb: 'get' | 'put';
  readonly source: ByteText;
  /** Undefined for the folder where the session is. */
  readonly target: ByteText | undefined;
  readonly resume: boolean;
  readonly preserve: boolean;
  readonly recursive: boolean;
  /** Waits until the disk has it. */
  readonly sync: boolean;
}

export interface ListCommand {
  readonly verb: 'ls';
  /** A pattern; undefined for the folder where the session is. */
  readonly pattern: ByteText | undefined;
  readonly form: 'columns' | 'lines' | 'long';
  readonly all: boolean;
  readonly human: boolean;
  /** Users and groups by number. */
  readonly numeric: boolean;
  readonly order: 'name' | 'size' | 'time' | 'none';
  readonly reverse: boolean;
}

export type SftpCommand =
  | TransferCommand
  | ListCommand
  | { readonly verb: 'nothing' | 'pwd' | 'lpwd' | 'help' | 'version' | 'progress' }
  | { readonly verb: 'quit' }
  | { readonly verb: 'cp' | 'link' | 'symlink'; readonly from: ByteText; readonly to: ByteText }
  | {
      readonly verb: 'rename';
      readonly from: ByteText;
      readonly to: ByteText;
      /** By the rename of the protocol itself, which replaces nothing. */
      readonly plain: boolean;
    }
  | { readonly verb: 'rm'; readonly pattern: ByteText }
  | { readonly verb: 'mkdir' | 'rmdir'; readonly path: ByteText }
  | { readonly verb: 'lmkdir'; readonly path: ByteText }
  | { readonly verb: 'cd' | 'lcd'; readonly path: ByteText | undefined }
  | {
      readonly verb: 'df';
      readonly path: ByteText | undefined;
      readonly human: boolean;
      readonly inodes: boolean;
    }
  | {
      readonly verb: 'chmod' | 'chown' | 'chgrp';
      readonly value: number;
      readonly pattern: ByteText;
      /** Of a link itself. */
      readonly ofLink: boolean;
    }
  | { readonly verb: 'lumask'; readonly value: number }
  | { readonly verb: 'lls' | 'shell'; readonly rest: ByteText };

export interface SftpLine {
  readonly command: SftpCommand | { readonly verb: 'invalid'; readonly problem: string };
  /** `-` before it: a batch goes on after its failure. */
  readonly ignoresFailure: boolean;
  /** `@` before it: a batch does not print it. */
  readonly isQuiet: boolean;
}

export function parseLine(line: ByteText): SftpLine {
  const [prefix = ''] = /^[ \t]*[-@]*[ \t]*/.exec(line) ?? [];
  const text = line.slice(prefix.length);
  const marks = { ignoresFailure: prefix.includes('-'), isQuiet: prefix.includes('@') };
  if (text === '' || text.startsWith('#')) {
    return { ...marks, command: { verb: 'nothing' } };
  }
  try {
    return { ...marks, command: parseCommand(text) };
  } catch (error) {
    if (!(error instanceof LineProblem)) throw error;
    return { ...marks, command: { verb: 'invalid', problem: error.message } };
  }
}

class LineProblem extends Error {}

function parseCommand(text: ByteText): SftpCommand {
  if (text.startsWith('!')) {
    return { verb: 'shell', rest: text.slice(1).trimStart() };
  }
  const parsed = wordsOf(text);
  if ('problem' in parsed) throw new LineProblem(parsed.problem);
  if (parsed.isOpen) throw new LineProblem('a quoted argument does not end');
  const [first, ...rest] = parsed.words.map(({ pattern }) => pattern);
  const entry = first === undefined ? undefined : commandNamed(first);
  if (first === undefined || entry === undefined) {
    throw new LineProblem('there is no such command; help lists those there are');
  }
  const { name } = entry;
  if (name === 'lls') {
    return { verb: name, rest: text.slice(first.length).trimStart() };
  }
  const { flags, words } = takeFlags(first, rest, entry.flags);
  return build(name, first, flags, words);
}

/** Flags stand before the first word that is none; `--` ends them. */
function takeFlags(
  name: ByteText,
  words: readonly ByteText[],
  known: string,
): { readonly flags: ReadonlySet<string>; readonly words: readonly ByteText[] } {
  const flags = new Set<string>();
  let at = 0;
  for (; at < words.length; at++) {
    const word = words[at] as string;
    if (word === '--') {
      at++;
      break;
    }
    if (!word.startsWith('-') || word === '-') break;
    for (const flag of word.slice(1)) {
      if (!known.includes(flag)) throw new LineProblem(`${name}: there is no flag -${flag}`);
      // The last of the orders counts, as it does for ls(1).
      flags.delete(flag);
      flags.add(flag);
    }
  }
  return { flags, words: words.slice(at) };
}

function build(
  name: Exclude<CommandName, 'lls'>,
  typed: ByteText,
  flags: ReadonlySet<string>,
  words: readonly ByteText[],
): SftpCommand {
  const [first, second] = words;
  switch (name) {
    case 'get':
    case 'put':
    case 'reget':
    case 'reput': {
      if (first === undefined) throw new LineProblem(`${typed} needs a path`);
      return {
        verb: name === 'get' || name === 'reget' ? 'get' : 'put',
        source: first,
        target: second === undefined ? undefined : literalOf(second),
        resume: name.startsWith('re') || flags.has('a'),
        preserve: flags.has('p') || flags.has('P'),
        recursive: flags.has('r') || flags.has('R'),
        sync: flags.has('f'),
      };
    }
    case 'ls':
      return listCommand(flags, first);
    case 'cp':
    case 'ln':
    case 'rename':
    case 'symlink': {
      if (first === undefined || second === undefined) throw new LineProblem(`${typed} needs two paths`);
      const paths = { from: literalOf(first), to: literalOf(second) };
      if (name === 'rename') return { verb: name, ...paths, plain: flags.has('l') };
      if (name === 'cp') return { verb: name, ...paths };
      return { verb: name === 'symlink' || flags.has('s') ? 'symlink' : 'link', ...paths };
    }
    case 'rm':
      return { verb: name, pattern: needed(typed, first) };
    case 'mkdir':
    case 'rmdir':
    case 'lmkdir':
      return { verb: name, path: literalOf(needed(typed, first)) };
    case 'cd':
    case 'lcd':
      return { verb: name, path: first === undefined || first === '' ? undefined : literalOf(first) };
    case 'df': {
      const path = first === undefined ? undefined : literalOf(first);
      return { verb: name, path, human: flags.has('h'), inodes: flags.has('i') };
    }
    case 'chmod':
    case 'chown':
    case 'chgrp': {
      const value = numberOf(typed, first, name === 'chmod' ? 8 : 10);
      return { verb: name, value, pattern: needed(typed, second), ofLink: flags.has('h') };
    }
    case 'lumask':
      return { verb: name, value: numberOf(typed, first, 8) };
    default:
      return { verb: name };
  }
}

function listCommand(flags: ReadonlySet<string>, pattern: ByteText | undefined): ListCommand {
  const given = [...flags];
  const order = given.filter((flag) => 'Stf'.includes(flag)).at(-1);
  const orders = { S: 'size', t: 'time', f: 'none' } as const;
  return {
    verb: 'ls',
    pattern,
    form: formOf(given),
    all: flags.has('a'),
    human: flags.has('h'),
    numeric: flags.has('n'),
    order: order === undefined ? 'name' : orders[order as 'S' | 't' | 'f'],
    reverse: flags.has('r'),
  };
}

/** -1 takes back what -l and -n said before it, and they what -1 said. */
function formOf(flags: readonly string[]): ListCommand['form'] {
  const last = flags.filter((flag) => '1ln'.includes(flag)).at(-1);
  if (last === undefined) return 'columns';
  return last === '1' ? 'lines' : 'long';
}

function needed(typed: ByteText, word: ByteText | undefined): ByteText {
  if (word === undefined) throw new LineProblem(`${typed} needs a path`);
  return word;
}

function numberOf(typed: ByteText, word: ByteText | undefined, base: 8 | 10): number {
  const form = base === 8 ? /^\+?[0-7]+$/ : /^\+?[0-9]+$/;
  const value = word !== undefined && form.test(word) ? Number.parseInt(word, base) : Number.NaN;
  // A uid of 32 bits is the most that SFTP has room for.
  if (value <= (base === 8 ? 0o7777 : 0xffff_ffff)) return value;
  throw new LineProblem(`${typed} needs ${base === 8 ? 'an octal number such as 644' : 'a number'}`);
}

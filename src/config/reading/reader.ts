/**
 * Files of a configuration, read line by line.
 *
 * Owns: the order of files, Include and its bounds, the block that applies now,
 * and that all problems of a file are told at once.
 * Must not know: where files are, what a setting is for.
 * Source: ssh_config(5), Include.
 */
import { quotedText } from '../../base/bytes.ts';
import { type ConfigProblem, SshError } from '../../base/errors.ts';
import { nearest } from '../../base/optionChecks.ts';
import { expand } from '../syntax/expansion.ts';
import { type Directive, parseLine } from '../syntax/line.ts';
import { matchHostList } from '../syntax/patterns.ts';
import { Arguments } from './arguments.ts';
import { earlyTokens, hostBlock, hostNow, matchBlock, type Situation } from './blocks.ts';
import { type LineContext, type Refusal, readForm } from './directives.ts';
import { type Asking, ask, type FileAnswer } from './facts.ts';
import { everyKeyword, keywordRow } from './keywords.ts';
import { ownReaders } from './ownDirectives.ts';
import { commandLine, configError, type Origin, problemAt } from './problems.ts';

/** A file to begin with. */
export interface Source {
  /** Its path, or the name that messages call it by. */
  readonly path: string;
  /** Where it does not have to be read any more. */
  readonly text?: string | undefined;
  /** Of the user, or of the system: which decides where Include looks. */
  readonly isUsers: boolean;
  /** Whether it has to belong to the user or to root, with nobody else allowed to write. */
  readonly isGuarded: boolean;
  /** Whether it is an error that it is not there. */
  readonly isNeeded: boolean;
}

/** Bounds on what a configuration may have. */
export interface ConfigLimits {
  /** Characters of one file. */
  readonly fileSize: number;
  /** Includes within each other. */
  readonly includeDepth: number;
  /** Files in one pass, those that are read twice counted twice. */
  readonly files: number;
  /** Characters of all of them. */
  readonly totalSize: number;
}

export const defaultConfigLimits: ConfigLimits = {
  fileSize: 1024 * 1024,
  includeDepth: 16,
  files: 1024,
  totalSize: 16 * 1024 * 1024,
};

/** Where the files of the user and of the system are. */
const userFolder = '~/.ssh/';
const systemFolder = '/etc/ssh/';

/** Problems of one file that are kept: a file of 1 MiB has room for more than anybody reads. */
const mostProblems = 1000;

interface FileContext {
  readonly path: string;
  readonly isUsers: boolean;
  readonly depth: number;
  /** Whether any block of it may apply. */
  readonly isPossible: boolean;
}

/** One pass over all files. */
export class ConfigReader {
  /** Whether `Match final` was met. */
  wantsFinal = false;
  private readonly situation: Situation;
  private readonly limits: ConfigLimits;
  private readonly known: Map<string, FileAnswer>;
  private files = 0;
  private size = 0;

  /** @param known files that were read before, so that a second pass sees the same */
  constructor(situation: Situation, limits: ConfigLimits, known: Map<string, FileAnswer>) {
    this.situation = situation;
    this.limits = limits;
    this.known = known;
  }

  /**
   * Reads an option of the caller, `Keyword value` or `Keyword=value`.
   *
   * @throws SshError `ERR_SSH_CONFIG`
   */
  readOption(text: string): void {
    const origin = { file: commandLine, line: 0 };
    const line = parseLine(text);
    if (line === undefined) return;
    const refusal = 'fault' in line ? line.fault : this.readOptionLine(line, origin);
    if (refusal !== undefined) throw problemAt(origin, refusal);
  }

  /** @throws SshError `ERR_SSH_CONFIG` */
  *readSource(source: Source): Asking<void> {
    const { path, isUsers } = source;
    const origin = { file: path, line: 0 };
    const answer: FileAnswer =
      source.text !== undefined ? { text: source.text } : yield* this.fileOf(path, source.isGuarded);
    if ('fault' in answer) throw problemAt(origin, answer.fault, answer.cause);
    if ('missing' in answer) {
      if (!source.isNeeded) return;
      throw problemAt(origin, 'there is no such file');
    }
    yield* this.readText(answer.text, { path, isUsers, depth: 0, isPossible: true }, true);
  }

  /** @param isActive whether lines before the first block apply */
  private *readText(text: string, file: FileContext, isActive: boolean): Asking<void> {
    this.checkText(text, file);
    const problems: ConfigProblem[] = [];
    let active = isActive;
    let number = 0;
    for (const line of linesOf(text)) {
      const origin = { file: file.path, line: ++number };
      const result = yield* within(problems, this.readLine(line, origin, file, active));
      if (typeof result === 'boolean') active = result;
      else if (problems.length < mostProblems) problems.push({ ...origin, ...result });
    }
    if (problems.length > 0) throw configError(problems);
  }

  private checkText(text: string, { path }: FileContext): void {
    const { fileSize, files, totalSize } = this.limits;
    const origin = { file: path, line: 0 };
    this.size += text.length;
    if (text.length > fileSize) throw problemAt(origin, `it is larger than ${fileSize} bytes`);
    if (this.size > totalSize)
      throw problemAt(origin, `with it all files are larger than ${totalSize} bytes`);
    if (++this.files > files) throw problemAt(origin, `it is one file more than the ${files} that are read`);
  }

  /** Whether the block applies behind this line, or what is wrong with it. */
  private *readLine(
    text: string,
    origin: Origin,
    file: FileContext,
    isActive: boolean,
  ): Asking<boolean | { readonly message: string }> {
    const line = parseLine(text);
    if (line === undefined) return isActive;
    if ('fault' in line) return { message: line.fault };
    const words = new Arguments(line.words);
    switch (line.keyword) {
      case 'host':
      case 'match': {
        const answer =
          line.keyword === 'host'
            ? hostBlock(this.situation.host, words)
            : yield* matchBlock(this.situation, words, file.isPossible);
        if ('fault' in answer) {
          // A command that cannot be run ends everything, as a condition without an answer.
          if (answer.cause !== undefined)
            throw problemAt(origin, `${line.keyword}: ${answer.fault}`, answer.cause);
          return { message: `${line.keyword}: ${answer.fault}` };
        }
        if (answer.wantsFinal === true) this.wantsFinal = true;
        if (words.left > 0) return { message: `${line.keyword} has more words than it takes` };
        return answer.applies && file.isPossible;
      }
      case 'include': {
        const refusal = yield* this.include(words, origin, file, isActive);
        return refusal === undefined ? isActive : { message: `include: ${refusal}` };
      }
      default: {
        const refusal = this.readDirective(line, words, origin, isActive, file.isUsers, false);
        return refusal === undefined ? isActive : { message: refusal };
      }
    }
  }

  private readOptionLine(line: Directive, origin: Origin): Refusal {
    if (line.keyword === 'host' || line.keyword === 'match' || line.keyword === 'include') {
      return `${line.keyword} cannot be an option: it belongs into a file`;
    }
    return this.readDirective(line, new Arguments(line.words), origin, true, true, true);
  }

  private readDirective(
    line: Directive,
    words: Arguments,
    origin: Origin,
    isActive: boolean,
    isUsers: boolean,
    isOption: boolean,
  ): Refusal {
    const { settings, facts, openSsh } = this.situation;
    const row = keywordRow(line.keyword);
    if (row === undefined) return this.isIgnored(line.keyword) ? undefined : unknownKeyword(line.keyword);
    const context: LineContext = {
      keyword: row.name,
      directive: line,
      words,
      settings,
      facts,
      openSsh,
      origin,
      isActive,
      isUsers,
      isOption,
    };
    const refusal = row.form.takes === 'own' ? ownReaders[row.name]?.(context) : readForm(row.form, context);
    if (refusal !== undefined) return `${line.keyword} ${refusal}`;
    return words.left > 0 ? `${line.keyword} has more words than it takes` : undefined;
  }

  private isIgnored(keyword: string): boolean {
    const ignored = this.situation.settings.value('ignoreunknown');
    return ignored !== undefined && matchHostList(keyword, ignored) === 'matched';
  }

  // Include ------------------------------------------------------------------------------

  private *include(words: Arguments, origin: Origin, file: FileContext, isActive: boolean): Asking<Refusal> {
    let refusal: Refusal;
    for (let word = words.next(); word !== undefined; word = words.next()) {
      if (word === '') return 'has an empty word';
      const pattern = this.includePattern(word, file);
      if ('fault' in pattern) return pattern.fault;
      if (pattern.text === undefined) continue;
      const found = yield* ask({ kind: 'glob', pattern: pattern.text });
      if ('fault' in found) return found.fault;
      for (const path of found.paths) {
        refusal = (yield* this.includeFile(path, origin, file, isActive)) ?? refusal;
      }
    }
    return refusal;
  }

  /** The pattern, anchored; without a text where a variable in it is not set. */
  private includePattern(
    word: string,
    { isUsers }: FileContext,
  ): { readonly text: string | undefined } | { readonly fault: string } {
    const { situation } = this;
    const host = hostNow(situation);
    if ('fault' in host) return host;
    const { variables } = situation.facts;
    const expanded = expand(word, { tokens: earlyTokens(situation, host.text), variables });
    if ('fault' in expanded) return expanded;
    const { text } = expanded;
    if (text.startsWith('~') && !isUsers)
      return { fault: `${quotedText(text)} in a file of the system begins with ~` };
    if (text.startsWith('/') || text.startsWith('~')) return { text };
    return { text: `${isUsers ? userFolder : systemFolder}${text}` };
  }

  private *includeFile(
    path: string,
    origin: Origin,
    { isUsers, depth, isPossible }: FileContext,
    isActive: boolean,
  ): Asking<Refusal> {
    const { includeDepth } = this.limits;
    if (depth + 1 > includeDepth) {
      throw problemAt(
        origin,
        `include: ${quotedText(path)} is more than ${includeDepth} files deep; a file that includes itself, or one that includes it, never ends`,
      );
    }
    const answer = yield* this.fileOf(path, true);
    if ('fault' in answer)
      throw problemAt(origin, `include: ${quotedText(path)}: ${answer.fault}`, answer.cause);
    if ('missing' in answer) return `${quotedText(path)} leads to no file`;
    const inner = { path, isUsers, depth: depth + 1, isPossible: isPossible && isActive };
    yield* this.readText(answer.text, inner, isActive);
    return undefined;
  }

  private *fileOf(path: string, isGuarded: boolean): Asking<FileAnswer> {
    // Who may write a file is no matter for one that was named, and is for one that is included.
    const key = `${isGuarded ? 'guarded' : 'named'} ${path}`;
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const answer = yield* ask({ kind: 'file', path, isGuarded });
    this.known.set(key, answer);
    return answer;
  }
}

/** A file that is included and is not right ends the reading: what is wrong before it is told as well. */
function* within<T>(problems: readonly ConfigProblem[], work: Asking<T>): Asking<T> {
  try {
    return yield* work;
  } catch (error) {
    if (problems.length === 0 || !(error instanceof SshError) || error.problems === undefined) throw error;
    throw configError([...problems, ...error.problems], error.cause);
  }
}

/** The lines of a text, one at a time. The last may have no end. */
function* linesOf(text: string): Generator<string> {
  let at = 0;
  while (at < text.length) {
    const end = text.indexOf('\n', at);
    const next = end < 0 ? text.length : end + 1;
    yield text.slice(at, next);
    at = next;
  }
}

function unknownKeyword(keyword: string): string {
  const near = nearest(keyword, everyKeyword);
  const meant = near === undefined ? 'IgnoreUnknown passes over it' : `did you mean ${near}?`;
  return `there is no keyword ${quotedText(keyword)}; ${meant}`;
}

/**
 * What the program that reads a configuration has to tell it.
 *
 * Owns: the facts that are at hand (the user, the machine), the questions that
 * take time to answer, and how an answer comes back.
 * Must not know: who answers, and how.
 */
import type { Homes, Variables } from '../syntax/expansion.ts';
import type { Services } from '../syntax/hosts.ts';

export interface Facts {
  /** Name of the local user. */
  readonly userName: string;
  readonly userId: number;
  /** With its domain where the machine knows one. */
  readonly hostName: string;
  readonly homes: Homes;
  readonly variables: Variables;
  readonly services: Services;
  /** Addresses of interfaces that are up. */
  readonly localAddresses: () => readonly string[];
  /** SHA-1 in hexadecimal of a text, for `%C`. */
  readonly sha1: (text: string) => string;
}

/** A file to be read. */
export interface FileQuestion {
  readonly kind: 'file';
  readonly path: string;
  /** Whether it has to belong to the user or to root, with nobody else allowed to write. */
  readonly isGuarded: boolean;
}

/** Files that a pattern stands for, sorted. */
export interface GlobQuestion {
  readonly kind: 'glob';
  readonly pattern: string;
}

/** A command whose exit status counts. */
export interface ExecQuestion {
  readonly kind: 'exec';
  readonly command: string;
}

/** A name to be looked up. */
export interface LookupQuestion {
  readonly kind: 'lookup';
  readonly name: string;
  readonly family: 4 | 6 | undefined;
}

export type Question = FileQuestion | GlobQuestion | ExecQuestion | LookupQuestion;

/** What came of a file: its text, that there is none, or why it is not read. */
export type FileAnswer =
  | { readonly text: string }
  | { readonly missing: true }
  | { readonly fault: string; readonly cause?: unknown };

export type GlobAnswer = { readonly paths: readonly string[] } | { readonly fault: string };

export type ExecAnswer = { readonly status: number } | { readonly fault: string; readonly cause?: unknown };

/** The canonical name that the look-up told; undefined where the name leads nowhere. */
export type LookupAnswer = { readonly canonicalName: string | undefined } | undefined;

export interface Answers {
  readonly file: FileAnswer;
  readonly glob: GlobAnswer;
  readonly exec: ExecAnswer;
  readonly lookup: LookupAnswer;
}

/** Work that asks, and goes on with the answer. */
export type Asking<Result> = Generator<Question, Result, unknown>;

/** Asks one question. Anybody who runs the work answers each with what belongs to its kind. */
export function* ask<Kind extends Question['kind']>(
  question: Extract<Question, { readonly kind: Kind }>,
): Generator<Question, Answers[Kind], unknown> {
  return (yield question) as Answers[Kind];
}

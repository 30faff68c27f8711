/**
 * The settings that a configuration comes to.
 *
 * Owns: that the first value of a keyword stays, what adds up instead, and where
 * each value was said.
 * Must not know: the grammar of any value.
 */
import { matchesPattern } from '../../base/wildcards.ts';
import type { ForwardSpec } from '../syntax/forwardSpecs.ts';
import type { Place } from '../syntax/hosts.ts';
import type { Origin } from './problems.ts';

/** A file of a key, and whether somebody named it: those that did not are tried where they are there. */
export interface NamedFile {
  readonly path: string;
  readonly isNamed: boolean;
}

/** Files of keys, and of certificates, that a configuration may name; as in OpenSSH. */
const mostFiles = 100;

/** The hosts to jump over: the last one, and the text of those before it. */
export interface Jump {
  /** `none` without a port and a user is no jump. */
  readonly last: Place;
  readonly before: string | undefined;
}

export class Settings {
  /** Single values, as `ssh -G` prints them. */
  private readonly values = new Map<string, string>();
  private readonly lists = new Map<string, readonly string[]>();
  private readonly origins = new Map<string, Origin>();
  readonly identities: NamedFile[] = [];
  readonly certificates: NamedFile[] = [];
  readonly localForwards: ForwardSpec[] = [];
  readonly remoteForwards: ForwardSpec[] = [];
  /** Names and patterns of variables, in order. */
  sendEnv: readonly string[] = [];
  jump: Jump | undefined;

  value(keyword: string): string | undefined {
    return this.values.get(keyword);
  }

  list(keyword: string): readonly string[] {
    return this.lists.get(keyword) ?? [];
  }

  /** Where a keyword got its value; the first place for those that add up. */
  origin(keyword: string): Origin | undefined {
    return this.origins.get(keyword);
  }

  has(keyword: string): boolean {
    return this.values.has(keyword) || this.lists.has(keyword);
  }

  /** Gives a keyword its value unless it has one. */
  offer(keyword: string, value: string, origin?: Origin): void {
    if (!this.values.has(keyword)) this.replace(keyword, value, origin);
  }

  /** Gives a keyword a value in place of what it has. */
  replace(keyword: string, value: string, origin?: Origin): void {
    this.values.set(keyword, value);
    this.tellOrigin(keyword, origin);
  }

  remove(keyword: string): void {
    this.values.delete(keyword);
    this.lists.delete(keyword);
  }

  offerList(keyword: string, list: readonly string[], origin?: Origin): void {
    if (this.list(keyword).length === 0) this.replaceList(keyword, list, origin);
  }

  replaceList(keyword: string, list: readonly string[], origin?: Origin): void {
    this.lists.set(keyword, list);
    this.tellOrigin(keyword, origin);
  }

  /** Adds a file of a key or certificate; false where there are too many. */
  addFile(kind: 'identities' | 'certificates', file: NamedFile, origin?: Origin): boolean {
    const files = this[kind];
    this.tellOrigin(kind, origin);
    if (files.some(({ path, isNamed }) => path === file.path && isNamed === file.isNamed)) {
      return files.length < mostFiles;
    }
    if (files.length >= mostFiles) return false;
    files.push(file);
    return true;
  }

  /** Adds a forward unless there is the same one. */
  addForward(kind: 'localForwards' | 'remoteForwards', forward: ForwardSpec, origin?: Origin): void {
    const forwards = this[kind];
    this.tellOrigin(kind, origin);
    const text = JSON.stringify(forward);
    if (!forwards.some((known) => JSON.stringify(known) === text)) forwards.push(forward);
  }

  clearForwards(): void {
    this.localForwards.length = 0;
    this.remoteForwards.length = 0;
  }

  /** Adds a variable to send, or with `-` in front takes those away that fit. */
  addSendEnv(name: string, origin?: Origin): void {
    this.tellOrigin('sendenv', origin);
    this.sendEnv = name.startsWith('-')
      ? this.sendEnv.filter((known) => !matchesPattern(known, name.slice(1)))
      : [...this.sendEnv, name];
  }

  /** Sets the hosts to jump over unless some are set. */
  offerJump(last: Place, before: string | undefined, origin: Origin): void {
    this.jump ??= { last, before };
    this.tellOrigin('proxyjump', origin);
  }

  private tellOrigin(keyword: string, origin: Origin | undefined): void {
    if (origin !== undefined && !this.origins.has(keyword)) this.origins.set(keyword, origin);
  }
}

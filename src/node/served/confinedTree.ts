/**
 * A folder that nothing leads out of.
 *
 * Owns: the way from a path of a client to an entry of a folder that is held. Links are
 * followed as if the folder were the root of the file system: one that leads out leads to a
 * place within, or nowhere.
 * Must not know: what is done at a place, SFTP.
 *
 * Every folder on the way is opened without following links, or checked after it was opened. A
 * link is read, and its text is a path from where it lies: it goes through the same door.
 */
import { normalPath } from '../../sftp/serve/virtualPath.ts';
import type { Anchor, Anchorage } from './anchors.ts';
import * as system from './systemCalls.ts';
import { hasCode, systemError } from './systemCalls.ts';

/** An entry of a folder, whether it is there or not. */
export interface Place {
  readonly folder: Anchor;
  /** Of the root itself it is `.`. */
  readonly name: string;
  /** For calls that do not follow a link in its last name. */
  readonly at: string;
  /** As the client sees it, links in its folder followed. */
  readonly path: string;
}

/** As many as Linux follows on one way. */
const mostLinks = 40;

export class ConfinedTree {
  private readonly anchorage: Anchorage;
  private readonly root: Anchor;
  /** Where the root itself is the root of the file system nothing leads out. */
  readonly isWhole: boolean;

  constructor(anchorage: Anchorage, root: Anchor) {
    this.anchorage = anchorage;
    this.root = root;
    this.isWhole = root.path === '/';
  }

  close(): void {
    this.root.release();
  }

  /** Does a step at a place. A link in the last name of the path is not followed. @throws the error of the system */
  async at<T>(path: string, step: (place: Place) => Promise<T>): Promise<T> {
    const place = await this.find(path, { links: 0 });
    try {
      return await step(place);
    } finally {
      if (place.folder !== this.root) place.folder.release();
    }
  }

  /** Does a step where a path leads to in the end: at no link, unless one is put there meanwhile. */
  async behindLinks<T>(path: string, step: (place: Place) => Promise<T>): Promise<T> {
    const count = { links: 0 };
    let next = path;
    for (;;) {
      const place = await this.find(next, count);
      try {
        const target = await this.linkAt(place);
        if (target === undefined) return await step(place);
        next = this.follow(place.path, target, count);
      } finally {
        if (place.folder !== this.root) place.folder.release();
      }
    }
  }

  /** The text of the link at a place; undefined where none is. */
  private async linkAt({ at, name }: Place): Promise<string | undefined> {
    if (name === '.') return undefined;
    try {
      return await system.readlink(at);
    } catch (error) {
      // EINVAL: it is no link. UNKNOWN: the same, as Windows says it.
      if (hasCode(error, 'EINVAL', 'ENOENT', 'UNKNOWN')) return undefined;
      throw error;
    }
  }

  private follow(path: string, target: string, count: { links: number }): string {
    if (++count.links > mostLinks) throw systemError('ELOOP');
    return resolved(path, this.fromRoot(target));
  }

  /** A target that names the served folder by its true path means what it means to this machine. */
  private fromRoot(target: string): string {
    const { path } = this.root;
    if (this.isWhole || !target.startsWith(path)) return target;
    const rest = target.slice(path.length);
    return rest === '' || rest.startsWith('/') ? `/${rest}` : target;
  }

  private async find(path: string, count: { links: number }): Promise<Place> {
    // `..` behind a link is the folder above what the link leads to: one name after the other.
    const parts = namesOf(path);
    if (!parts.includes('..')) {
      const name = parts.pop();
      if (name === undefined) return this.place(this.root, '.', '/');
      if (parts.length === 0) return this.place(this.root, name, `/${name}`);
      const folder = await this.anchorage.jump(this.root, parts.join('/'));
      if (folder !== undefined) return this.place(folder, name, `/${[...parts, name].join('/')}`);
    }
    return this.walk(path, count);
  }

  private place(folder: Anchor, name: string, path: string): Place {
    return { folder, name, at: `${folder.base}/${name}`, path };
  }

  /** Goes one name after the other. */
  private async walk(path: string, count: { links: number }): Promise<Place> {
    let left = namesOf(path);
    let names: string[] = [];
    let anchors: Anchor[] = [];
    const folder = (): Anchor => anchors.at(-1) ?? this.root;
    try {
      for (;;) {
        const name = left.shift();
        if (name === undefined) break;
        if (name === '..') {
          anchors.pop()?.release();
          names.pop();
          continue;
        }
        const isLast = left.length === 0;
        if (isLast) {
          const last = anchors.pop() ?? this.root;
          return this.place(last, name, `/${[...names, name].join('/')}`);
        }
        const inner = await this.anchorage.enter(folder(), name);
        if (inner !== undefined) {
          anchors.push(inner);
          names.push(name);
          continue;
        }
        const target = await system.readlink(`${folder().base}/${name}`);
        const next = this.follow(`/${[...names, name].join('/')}`, target, count);
        left = [...namesOf(next), ...left];
        for (const anchor of anchors) anchor.release();
        anchors = [];
        names = [];
      }
      // It ended in `..` or at the root: the folder itself.
      const own = anchors.pop() ?? this.root;
      return this.place(own, '.', `/${names.join('/')}`);
    } finally {
      for (const anchor of anchors) anchor.release();
    }
  }
}

const namesOf = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.');

/** What a link at `path` leads to. `..` in it is left for the walk: it may stand behind another link. */
function resolved(path: string, target: string): string {
  if (target.startsWith('/')) return target;
  return `${path.slice(0, path.lastIndexOf('/') + 1)}${target}`;
}

/** Whether the target of a link that is to lie at `path` stays below the root, by its text. */
export function staysBelow(path: string, target: string): boolean {
  let depth = normalPath(path).split('/').length - 2;
  for (const part of target.split('/')) {
    if (part === '..') depth--;
    else if (part !== '' && part !== '.') depth++;
    if (depth < 0) return false;
  }
  return true;
}

/** The relative form of an absolute target, so that it means the same to the client and to this machine. */
export function relativeTarget(path: string, target: string): string {
  const above = normalPath(path).split('/').length - 2;
  const rest = normalPath(target).slice(1);
  const up = '../'.repeat(above);
  return `${up}${rest}` === '' ? '.' : `${up}${rest}`.replace(/\/$/, '');
}

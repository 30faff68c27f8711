/**
 * A file system in memory, as SFTP sees one.
 *
 * Owns: files, folders, links, their attributes; what each operation does and which status
 * it fails with.
 * Must not know: packets, sessions.
 */
import type { FileAttributes } from '../../../src/sftp/packet/attributes.ts';
import { statusCodes } from '../../../src/sftp/packet/status.ts';

/** Names are Latin-1 of their bytes, so that any bytes can be a name. */
export type Name = string;

export interface FileNode {
  readonly type: 'file';
  data: Buffer;
  mode: number;
  atime: number;
  mtime: number;
  uid: number;
  gid: number;
}

export interface FolderNode extends Omit<FileNode, 'type' | 'data'> {
  readonly type: 'folder';
  readonly entries: Map<Name, Node>;
}

export interface LinkNode extends Omit<FileNode, 'type' | 'data'> {
  readonly type: 'link';
  readonly target: string;
}

export interface OtherNode extends Omit<FileNode, 'type' | 'data'> {
  readonly type: 'fifo';
}

export type Node = FileNode | FolderNode | LinkNode | OtherNode;

/** Fails with a status. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message?: string) {
    super(message ?? `status ${status}`);
    this.status = status;
  }
}

const noSuchFile = (): Refused => new Refused(statusCodes.noSuchFile);
const failure = (text?: string): Refused => new Refused(statusCodes.failure, text);

const typeBits = { file: 0o100000, folder: 0o040000, link: 0o120000, fifo: 0o010000 } as const;

/** Links in a row before it is given up. */
const mostLinks = 40;

export class MemoryFiles {
  readonly root: FolderNode = this.newFolder(0o755);
  /** Seconds; each change has the next one. */
  clock = 1_000_000_000;

  // Making things from a test -----------------------------------------------------

  /** Makes a file and the folders above it. */
  file(path: string, data: string | Uint8Array = '', mode: number = 0o644): FileNode {
    const node = this.newFile(mode);
    node.data = Buffer.from(data);
    this.parent(path).entries.set(lastOf(path), node);
    return node;
  }

  folder(path: string): FolderNode {
    const node = this.newFolder(0o755);
    this.parent(path).entries.set(lastOf(path), node);
    return node;
  }

  link(path: string, target: string): void {
    this.parent(path).entries.set(lastOf(path), { ...this.attributesOfNew(0o777), type: 'link', target });
  }

  fifo(path: string): void {
    this.parent(path).entries.set(lastOf(path), { ...this.attributesOfNew(0o644), type: 'fifo' });
  }

  /** The text of a file; undefined where there is none. */
  text(path: string): string | undefined {
    return this.bytes(path)?.toString('latin1');
  }

  bytes(path: string): Buffer | undefined {
    const node = this.lookup(path, false);
    return node?.type === 'file' ? node.data : undefined;
  }

  /** All paths, folders with a slash behind them, links with their target, files with their text. */
  tree(path: string = '/'): Record<string, string> {
    const found: Record<string, string> = {};
    const visit = (node: Node, at: string): void => {
      if (node.type === 'folder') {
        if (at !== '') found[`${at}/`] = '';
        for (const [name, inner] of [...node.entries].sort(([a], [b]) => (a < b ? -1 : 1)))
          visit(inner, `${at}/${name}`);
      } else
        found[at] =
          node.type === 'file'
            ? node.data.toString('latin1')
            : node.type === 'link'
              ? `-> ${node.target}`
              : 'fifo';
    };
    const node = this.lookup(path, true);
    if (node !== undefined) visit(node, path === '/' ? '' : path);
    return found;
  }

  // What a server does -----------------------------------------------------------

  /** The node at a path. @throws Refused NO_SUCH_FILE */
  find(path: string, follow: boolean): Node {
    const node = this.lookup(path, follow);
    if (node === undefined) throw noSuchFile();
    return node;
  }

  openFile(
    path: string,
    flags: { readonly create: boolean; readonly exclusive: boolean; readonly truncate: boolean },
    mode: number,
  ): FileNode | FolderNode {
    const there = this.lookup(path, false);
    if (there !== undefined && flags.create && flags.exclusive) throw failure('it is there');
    const real = there?.type === 'link' ? this.resolve(path) : path;
    const node = real === undefined ? undefined : this.lookup(real, false);
    if (node === undefined) {
      if (!flags.create || real === undefined) throw noSuchFile();
      const made = this.newFile(mode & ~0o022);
      this.folderAt(real).entries.set(lastOf(real), made);
      return made;
    }
    if (node.type === 'folder') {
      if (flags.create || flags.truncate) throw failure('it is a folder');
      return node;
    }
    if (node.type !== 'file') throw failure('it is not a file');
    if (flags.truncate) {
      node.data = Buffer.alloc(0);
      node.mtime = this.tick();
    }
    return node;
  }

  write(node: FileNode, offset: number, data: Uint8Array): void {
    const end = offset + data.length;
    if (end > node.data.length) {
      const grown = Buffer.alloc(end);
      node.data.copy(grown);
      node.data = grown;
    }
    node.data.set(data, offset);
    node.mtime = this.tick();
  }

  setAttributes(node: Node, attrs: FileAttributes): void {
    if (attrs.size !== undefined) {
      if (node.type !== 'file') throw failure();
      const grown = Buffer.alloc(Number(attrs.size));
      node.data.copy(grown);
      node.data = grown;
      node.mtime = this.tick();
    }
    if (attrs.permissions !== undefined) node.mode = attrs.permissions & 0o7777;
    if (attrs.atime !== undefined) node.atime = attrs.atime;
    if (attrs.mtime !== undefined) node.mtime = attrs.mtime;
    if (attrs.uid !== undefined) node.uid = attrs.uid;
    if (attrs.gid !== undefined) node.gid = attrs.gid;
  }

  mkdir(path: string, mode: number): void {
    if (this.lookup(path, false) !== undefined) throw failure('it is there');
    this.folderAt(path).entries.set(lastOf(path), this.newFolder(mode & ~0o022));
  }

  rmdir(path: string): void {
    const node = this.find(path, false);
    if (node.type !== 'folder') throw failure('it is not a folder');
    if (node.entries.size > 0) throw failure('it is not empty');
    this.folderAt(path).entries.delete(lastOf(path));
  }

  remove(path: string): void {
    if (this.find(path, false).type === 'folder') throw failure('it is a folder');
    this.folderAt(path).entries.delete(lastOf(path));
  }

  rename(from: string, to: string, replaces: boolean): void {
    const node = this.find(from, false);
    const there = this.lookup(to, false);
    if (there !== undefined && !replaces) throw failure('it is there');
    if (there === node) return;
    if (there?.type === 'folder' && (node.type !== 'folder' || there.entries.size > 0))
      throw failure('it is a folder');
    if (there !== undefined && there.type !== 'folder' && node.type === 'folder')
      throw failure('it is not a folder');
    if (node.type === 'folder' && `${clean(to)}/`.startsWith(`${clean(from)}/`)) throw failure('into itself');
    const target = this.folderAt(to);
    this.folderAt(from).entries.delete(lastOf(from));
    target.entries.set(lastOf(to), node);
  }

  symlink(target: string, path: string): void {
    if (this.lookup(path, false) !== undefined) throw failure('it is there');
    this.folderAt(path).entries.set(lastOf(path), { ...this.attributesOfNew(0o777), type: 'link', target });
  }

  hardLink(existing: string, path: string): void {
    const node = this.find(existing, false);
    if (node.type === 'folder') throw failure();
    if (this.lookup(path, false) !== undefined) throw failure('it is there');
    this.folderAt(path).entries.set(lastOf(path), node);
  }

  readlink(path: string): string {
    const node = this.find(path, false);
    if (node.type !== 'link') throw failure();
    return node.target;
  }

  realpath(path: string): string {
    const real = this.resolve(path);
    if (real === undefined) throw noSuchFile();
    return real;
  }

  attributes(node: Node): FileAttributes {
    const { mode, atime, mtime, uid, gid, type } = node;
    const size = node.type === 'file' ? node.data.length : node.type === 'link' ? node.target.length : 0;
    return { size: BigInt(size), uid, gid, permissions: typeBits[type] | mode, atime, mtime };
  }

  private lookup(path: string, follow: boolean): Node | undefined {
    const real = follow ? this.resolve(path) : this.resolveParent(path);
    if (real === undefined) return undefined;
    let node: Node = this.root;
    for (const name of namesOf(real)) {
      const inner: Node | undefined = node.type === 'folder' ? node.entries.get(name) : undefined;
      if (inner === undefined) return undefined;
      node = inner;
    }
    return node;
  }

  /** The path without links in its folders. */
  private resolveParent(path: string): string | undefined {
    const names = namesOf(path);
    const last = names.pop();
    if (last === undefined) return '/';
    const parent = this.resolve(`/${names.join('/')}`);
    if (parent === undefined) return undefined;
    return parent === '/' ? `/${last}` : `${parent}/${last}`;
  }

  /** The path without any links; undefined where a folder on the way is missing, or links go in a circle. */
  private resolve(path: string): string | undefined {
    let rest = namesOf(path);
    let links = 0;
    const stack: { readonly name: string; readonly node: Node }[] = [];
    const top = (): Node => stack.at(-1)?.node ?? this.root;
    while (rest.length > 0) {
      const [name, ...more] = rest as [string, ...string[]];
      rest = more;
      const folder = top();
      if (folder.type !== 'folder') return undefined;
      const node = folder.entries.get(name);
      if (node === undefined) {
        if (rest.length > 0) return undefined;
        return `/${[...stack.map((step) => step.name), name].join('/')}`;
      }
      if (node.type !== 'link') stack.push({ name, node });
      else {
        if (++links > mostLinks) return undefined;
        const base = node.target.startsWith('/') ? [] : stack.map((step) => step.name);
        rest = namesOf(`/${[...base, node.target, ...rest].join('/')}`);
        stack.length = 0;
      }
    }
    return `/${stack.map((step) => step.name).join('/')}`;
  }

  private folderAt(path: string): FolderNode {
    const real = this.resolveParent(path);
    if (real === undefined) throw noSuchFile();
    const names = namesOf(real);
    names.pop();
    const node = this.lookup(`/${names.join('/')}`, true);
    if (node?.type !== 'folder') throw noSuchFile();
    return node;
  }

  private parent(path: string): FolderNode {
    let folder = this.root;
    for (const name of namesOf(path).slice(0, -1)) {
      let inner = folder.entries.get(name);
      if (inner === undefined) {
        inner = this.newFolder(0o755);
        folder.entries.set(name, inner);
      }
      if (inner.type !== 'folder') throw new Error(`${name} is not a folder`);
      folder = inner;
    }
    return folder;
  }

  private newFile(mode: number): FileNode {
    return { ...this.attributesOfNew(mode), type: 'file', data: Buffer.alloc(0) };
  }

  private newFolder(mode: number): FolderNode {
    return { ...this.attributesOfNew(mode), type: 'folder', entries: new Map() };
  }

  private attributesOfNew(mode: number): Omit<FileNode, 'type' | 'data'> {
    const now = this.tick();
    return { mode, atime: now, mtime: now, uid: 1000, gid: 1000 };
  }

  private tick(): number {
    this.clock = (this.clock ?? 1_000_000_000) + 1;
    return this.clock;
  }
}

/** Names of a path, `.` and `..` worked off. */
function namesOf(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return names;
}

function clean(path: string): string {
  return `/${namesOf(path).join('/')}`;
}

function lastOf(path: string): string {
  return namesOf(path).at(-1) ?? '';
}

/** A store of files in memory for `serveFiles`: what handlers of your own look like. */
import type {
  AttributeChanges,
  FilesystemStatus,
  OpenHow,
  ServedAttributes,
  ServedEntry,
  ServedFile,
  SftpHandlers,
} from 'deadline-ssh/server';

interface Node {
  readonly type: 'file' | 'folder' | 'link';
  mode: number;
  mtime: Date;
  atime: Date;
  /** Of a file. */
  data: Uint8Array;
  /** Of a folder. */
  readonly entries: Map<string, Node>;
  /** Of a link. */
  readonly target: string;
}

/** An error that SFTP has an answer for: the codes of the system are understood. */
function refused(
  code: 'ENOENT' | 'ENOTDIR' | 'EEXIST' | 'EISDIR' | 'ENOTEMPTY' | 'ELOOP' | 'EINVAL' | 'EPERM' | 'ENOSPC',
): Error {
  return Object.assign(new Error(code), { code });
}

function node(type: Node['type'], mode: number, target = ''): Node {
  const now = new Date();
  return { type, mode, mtime: now, atime: now, data: new Uint8Array(0), entries: new Map(), target };
}

const mostLinks = 40;
const blockLength = 4096;

export class MemoryStore implements SftpHandlers {
  readonly root: Node = node('folder', 0o755);
  private readonly mostBytes: number;
  private bytes = 0;

  /** @param mostBytes that all files hold together */
  constructor(mostBytes: number = 64 * 1024 * 1024) {
    this.mostBytes = mostBytes;
  }

  open(path: string, how: OpenHow): ServedFile {
    const [folder, name] = this.place(path, !how.exclusive);
    let file = folder.entries.get(name);
    if (file === undefined && path !== '/') {
      if (!how.creates) throw refused('ENOENT');
      file = node('file', (how.mode ?? 0o644) & 0o777);
      folder.entries.set(name, file);
    } else if (how.creates && how.exclusive) throw refused('EEXIST');
    if (file === undefined || file.type !== 'file') throw refused('EISDIR');
    if (how.truncates) this.resize(file, 0);
    return this.opened(file, how.appends);
  }

  readdir(path: string): ServedEntry[] {
    const folder = this.find(path, true);
    if (folder.type !== 'folder') throw refused('ENOTDIR');
    return [...folder.entries].map(([name, entry]) => ({ name, ...attributesOf(entry) }));
  }

  stat(path: string): ServedAttributes {
    return attributesOf(this.find(path, true));
  }

  lstat(path: string): ServedAttributes {
    return attributesOf(this.find(path, false));
  }
  setAttributes(path: string, changes: AttributeChanges, followsLink: boolean): void {
    this.change(this.find(path, followsLink), changes);
  }

  mkdir(path: string, mode: number): void {
    this.add(path, node('folder', mode));
  }
  symlink(target: string, path: string): void {
    this.add(path, node('link', 0o777, target));
  }

  readlink(path: string): string {
    const found = this.find(path, false);
    if (found.type !== 'link') throw refused('EINVAL');
    return found.target;
  }
  realpath(path: string): string {
    if (path === '/') return path;
    const [, , real] = this.place(path, true);
    return real;
  }

  link(existing: string, path: string): void {
    const found = this.find(existing, false);
    if (found.type === 'folder') throw refused('EPERM');
    this.add(path, found);
  }

  unlink(path: string): void {
    const [folder, name] = this.place(path, false);
    const found = this.find(path, false);
    if (found.type === 'folder') throw refused('EISDIR');
    folder.entries.delete(name);
    this.bytes -= found.data.length;
  }

  rmdir(path: string): void {
    const found = this.find(path, false);
    if (found.type !== 'folder') throw refused('ENOTDIR');
    if (found.entries.size > 0 || path === '/') throw refused('ENOTEMPTY');
    const [folder, name] = this.place(path, false);
    folder.entries.delete(name);
  }

  rename(from: string, to: string, replaces: boolean): void {
    const [oldFolder, oldName] = this.place(from, false);
    const [newFolder, newName] = this.place(to, false);
    const moved = this.find(from, false);
    const there = newFolder.entries.get(newName);
    if (there === moved) return;
    if (there !== undefined && !replaces) throw refused('EEXIST');
    // A link is replaced like a file.
    const isFolder = moved.type === 'folder';
    if (there !== undefined && (there.type === 'folder') !== isFolder)
      throw refused(isFolder ? 'ENOTDIR' : 'EISDIR');
    if (there?.type === 'folder' && there.entries.size > 0) throw refused('ENOTEMPTY');
    oldFolder.entries.delete(oldName);
    newFolder.entries.set(newName, moved);
    this.bytes -= there?.data.length ?? 0;
  }

  statfs(path: string): Partial<FilesystemStatus> {
    this.find(path, true);
    const blocks = (bytes: number): bigint => BigInt(Math.floor(bytes / blockLength));
    const free = blocks(this.mostBytes - this.bytes);
    const bsize = BigInt(blockLength);
    return { bsize, frsize: bsize, blocks: blocks(this.mostBytes), bfree: free, bavail: free };
  }

  private opened(file: Node, appends: boolean): ServedFile {
    return {
      read: (length, position) => file.data.subarray(position, position + length),
      write: (data, position) => {
        const start = appends ? file.data.length : position;
        if (start + data.length > file.data.length) this.resize(file, start + data.length);
        file.data.set(data, start);
        file.mtime = new Date();
      },
      stat: () => attributesOf(file),
      setAttributes: (changes) => this.change(file, changes),
      sync: () => {},
    };
  }

  private change(file: Node, { size, mode, atime, mtime }: AttributeChanges): void {
    if (size !== undefined) {
      if (file.type !== 'file') throw refused('EISDIR');
      this.resize(file, Number(size));
    }
    if (mode !== undefined) file.mode = mode & 0o777;
    if (atime !== undefined) file.atime = atime;
    if (mtime !== undefined) file.mtime = mtime;
  }

  private resize(file: Node, length: number): void {
    if (this.bytes + length - file.data.length > this.mostBytes) throw refused('ENOSPC');
    const before = file.data.length;
    this.bytes += length - before;
    if (length > file.data.buffer.byteLength) {
      // Twice as much as before: a file that grows is not copied with each write.
      const data = new Uint8Array(Math.max(length, 2 * before));
      data.set(file.data);
      file.data = data.subarray(0, length);
    } else {
      file.data = new Uint8Array(file.data.buffer, 0, length);
      file.data.fill(0, Math.min(before, length));
    }
  }

  private add(path: string, added: Node): void {
    const [folder, name] = this.place(path, false);
    if (path === '/' || folder.entries.has(name)) throw refused('EEXIST');
    folder.entries.set(name, added);
  }

  private find(path: string, followsLink: boolean): Node {
    if (path === '/') return this.root;
    const [folder, name] = this.place(path, followsLink);
    const found = name === '' ? this.root : folder.entries.get(name);
    if (found === undefined) throw refused('ENOENT');
    return found;
  }

  /** The folder that a path's last name is in, that name, and the path once links are followed. */
  private place(path: string, followsLast: boolean): [folder: Node, name: string, real: string] {
    let left = namesOf(path);
    let names: string[] = [];
    for (let links = 0; ; ) {
      const name = left.shift();
      if (name === undefined) {
        const last = names.pop() ?? '';
        return [this.at(names), last, `/${[...names, last].join('/')}`];
      }
      if (name === '..') {
        names.pop();
        continue;
      }
      const entry = this.at(names).entries.get(name);
      const isLast = left.length === 0;
      if (entry?.type === 'link' && (followsLast || !isLast)) {
        if (++links > mostLinks) throw refused('ELOOP');
        if (entry.target.startsWith('/')) names = [];
        left = [...namesOf(entry.target), ...left];
        continue;
      }
      if (isLast) {
        return [this.at(names), name, `/${[...names, name].join('/')}`];
      }
      if (entry === undefined) throw refused('ENOENT');
      if (entry.type !== 'folder') throw refused('ENOTDIR');
      names.push(name);
    }
  }

  private at(names: readonly string[]): Node {
    let folder = this.root;
    for (const name of names) {
      const inner = folder.entries.get(name);
      if (inner === undefined) throw refused('ENOENT');
      folder = inner;
    }
    return folder;
  }
}

const namesOf = (path: string): string[] => path.split('/').filter((name) => name !== '' && name !== '.');

function attributesOf({ type, mode, mtime, atime, data }: Node): ServedAttributes {
  return { type, size: data.length, mode, mtime, atime };
}

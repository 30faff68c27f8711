/**
 * What a client of SFTP asks.
 *
 * Owns: draft-ietf-secsh-filexfer-02 §4 (INIT), §6 (requests) and §8 (EXTENDED):
 * each packet an interface and a codec. The id of the request is not among the
 * fields; INIT has none.
 * Must not know: answers, what a server does.
 */
import { rest, string, text, uint32, uint64 } from '../../wire/codec.ts';
import { attributes, type FileAttributes } from './attributes.ts';
import { handle, type PacketCodec, packet, request, windowed } from './codec.ts';
import { type Extension, extensionList } from './extensionPairs.ts';

/** SSH_FXP_INIT (§4): the client's version and what it can do beyond it. */
export interface Init {
  readonly kind: 'init';
  readonly version: number;
  readonly extensions: readonly Extension[];
}

/** SSH_FXP_OPEN (§6.3). */
export interface Open {
  readonly kind: 'open';
  readonly filename: Uint8Array;
  readonly pflags: number;
  readonly attrs: FileAttributes;
}

/** SSH_FXP_CLOSE (§6.3). */
export interface Close {
  readonly kind: 'close';
  readonly handle: Uint8Array;
}

/** SSH_FXP_READ (§6.4). */
export interface Read {
  readonly kind: 'read';
  readonly handle: Uint8Array;
  readonly offset: bigint;
  readonly length: number;
}

/** SSH_FXP_WRITE (§6.4). A decoded one has its data as a window into the packet, not as a copy. */
export interface Write {
  readonly kind: 'write';
  readonly handle: Uint8Array;
  readonly offset: bigint;
  readonly data: Uint8Array;
}

/** SSH_FXP_LSTAT (§6.8): of a link itself. */
export interface Lstat {
  readonly kind: 'lstat';
  readonly path: Uint8Array;
}

/** SSH_FXP_FSTAT (§6.8). */
export interface Fstat {
  readonly kind: 'fstat';
  readonly handle: Uint8Array;
}

/** SSH_FXP_SETSTAT (§6.9). */
export interface Setstat {
  readonly kind: 'setstat';
  readonly path: Uint8Array;
  readonly attrs: FileAttributes;
}

/** SSH_FXP_FSETSTAT (§6.9). */
export interface Fsetstat {
  readonly kind: 'fsetstat';
  readonly handle: Uint8Array;
  readonly attrs: FileAttributes;
}

/** SSH_FXP_OPENDIR (§6.7). */
export interface Opendir {
  readonly kind: 'opendir';
  readonly path: Uint8Array;
}

/** SSH_FXP_READDIR (§6.7): some entries more. */
export interface Readdir {
  readonly kind: 'readdir';
  readonly handle: Uint8Array;
}

/** SSH_FXP_REMOVE (§6.5): a file, not a folder. */
export interface Remove {
  readonly kind: 'remove';
  readonly filename: Uint8Array;
}

/** SSH_FXP_MKDIR (§6.6). */
export interface Mkdir {
  readonly kind: 'mkdir';
  readonly path: Uint8Array;
  readonly attrs: FileAttributes;
}

/** SSH_FXP_RMDIR (§6.6). */
export interface Rmdir {
  readonly kind: 'rmdir';
  readonly path: Uint8Array;
}

/** SSH_FXP_REALPATH (§6.11). */
export interface Realpath {
  readonly kind: 'realpath';
  readonly path: Uint8Array;
}

/** SSH_FXP_STAT (§6.8): of what a link leads to. */
export interface Stat {
  readonly kind: 'stat';
  readonly path: Uint8Array;
}

/** SSH_FXP_RENAME (§6.5): fails where `newpath` exists. */
export interface Rename {
  readonly kind: 'rename';
  readonly oldpath: Uint8Array;
  readonly newpath: Uint8Array;
}

/** SSH_FXP_READLINK (§6.10). */
export interface Readlink {
  readonly kind: 'readlink';
  readonly path: Uint8Array;
}

/**
 * SSH_FXP_SYMLINK (§6.10). The draft puts the path of the link first; OpenSSH and
 * most servers take its target first (OpenSSH PROTOCOL §4.1), so the fields are
 * named by their place.
 */
export interface Symlink {
  readonly kind: 'symlink';
  readonly first: Uint8Array;
  readonly second: Uint8Array;
}

/** SSH_FXP_EXTENDED (§8). */
export interface Extended {
  readonly kind: 'extended';
  readonly extendedRequest: string;
  /** What follows the name; its form depends on it. */
  readonly payload: Uint8Array;
}

/** Everything a client may ask once the versions are agreed on. */
export type SftpRequest =
  | Open
  | Close
  | Read
  | Write
  | Lstat
  | Fstat
  | Setstat
  | Fsetstat
  | Opendir
  | Readdir
  | Remove
  | Mkdir
  | Rmdir
  | Realpath
  | Stat
  | Rename
  | Readlink
  | Symlink
  | Extended;

export const init: PacketCodec<Init> = packet<Init>('init', { version: uint32, extensions: extensionList });
export const open: PacketCodec<Open> = request<Open>('open', {
  filename: string,
  pflags: uint32,
  attrs: attributes,
});
export const close: PacketCodec<Close> = request<Close>('close', { handle });
export const read: PacketCodec<Read> = request<Read>('read', { handle, offset: uint64, length: uint32 });
export const write: PacketCodec<Write> = request<Write>('write', { handle, offset: uint64, data: windowed });
export const lstat: PacketCodec<Lstat> = request<Lstat>('lstat', { path: string });
export const fstat: PacketCodec<Fstat> = request<Fstat>('fstat', { handle });
export const setstat: PacketCodec<Setstat> = request<Setstat>('setstat', { path: string, attrs: attributes });
export const fsetstat: PacketCodec<Fsetstat> = request<Fsetstat>('fsetstat', { handle, attrs: attributes });
export const opendir: PacketCodec<Opendir> = request<Opendir>('opendir', { path: string });
export const readdir: PacketCodec<Readdir> = request<Readdir>('readdir', { handle });
export const remove: PacketCodec<Remove> = request<Remove>('remove', { filename: string });
export const mkdir: PacketCodec<Mkdir> = request<Mkdir>('mkdir', { path: string, attrs: attributes });
export const rmdir: PacketCodec<Rmdir> = request<Rmdir>('rmdir', { path: string });
export const realpath: PacketCodec<Realpath> = request<Realpath>('realpath', { path: string });
export const stat: PacketCodec<Stat> = request<Stat>('stat', { path: string });
export const rename: PacketCodec<Rename> = request<Rename>('rename', { oldpath: string, newpath: string });
export const readlink: PacketCodec<Readlink> = request<Readlink>('readlink', { path: string });
export const symlink: PacketCodec<Symlink> = request<Symlink>('symlink', { first: string, second: string });
export const extended: PacketCodec<Extended> = request<Extended>('extended', {
  extendedRequest: text,
  payload: rest,
});

/** The codec of each kind of request. */
export const requestCodecs: {
  readonly [K in SftpRequest['kind']]: PacketCodec<Extract<SftpRequest, { kind: K }>>;
} = {
  open,
  close,
  read,
  write,
  lstat,
  fstat,
  setstat,
  fsetstat,
  opendir,
  readdir,
  remove,
  mkdir,
  rmdir,
  realpath,
  stat,
  rename,
  readlink,
  symlink,
  extended,
};

/**
 * The extensions of OpenSSH.
 *
 * Owns: OpenSSH PROTOCOL §4.3 to §4.12: each name with the version it is known
 * with, the fields of its request and of its answer.
 * Must not know: who announces what (`protocol/`).
 */

import { string, uint64 } from '../../wire/codec.ts';
import { attributes, type FileAttributes } from './attributes.ts';
import { handle } from './codec.ts';
import { type MessagePart, part } from './part.ts';

/** The extensions this library knows, and the version of each. */
export const extensionVersions = {
  'posix-rename@openssh.com': '1',
  'statvfs@openssh.com': '2',
  'fstatvfs@openssh.com': '2',
  'hardlink@openssh.com': '1',
  'fsync@openssh.com': '1',
  'lsetstat@openssh.com': '1',
  'limits@openssh.com': '1',
  'expand-path@openssh.com': '1',
  'copy-data': '1',
  'home-directory': '1',
  'users-groups-by-id@openssh.com': '1',
} as const;

/** The name of an extension that this library knows. */
export type ExtensionName = keyof typeof extensionVersions;

/** Whether the name is one that this library knows, at any version. */
export function isExtensionName(name: string): name is ExtensionName {
  return Object.hasOwn(extensionVersions, name);
}

/** posix-rename@openssh.com, hardlink@openssh.com: two paths. */
export interface TwoPaths {
  readonly oldpath: Uint8Array;
  readonly newpath: Uint8Array;
}

/** statvfs@openssh.com, expand-path@openssh.com: one path. */
export interface OnePath {
  readonly path: Uint8Array;
}

/** fstatvfs@openssh.com, fsync@openssh.com: one handle. */
export interface OneHandle {
  readonly handle: Uint8Array;
}

/** lsetstat@openssh.com. */
export interface Lsetstat {
  readonly path: Uint8Array;
  readonly attrs: FileAttributes;
}

/** copy-data. A length of 0 means up to the end of the file. */
export interface CopyData {
  readonly readFromHandle: Uint8Array;
  readonly readFromOffset: bigint;
  readonly readDataLength: bigint;
  readonly writeToHandle: Uint8Array;
  readonly writeToOffset: bigint;
}

/** home-directory; an empty name is the user's own. */
export interface HomeDirectory {
  readonly username: Uint8Array;
}

/** users-groups-by-id@openssh.com: numbers of 32 bits, one after the other, in each string. */
export interface UsersGroupsById {
  readonly uids: Uint8Array;
  readonly gids: Uint8Array;
}

/** The answer: as many names, an empty one for a number that nobody has. */
export interface UsersGroupsNames {
  readonly usernames: Uint8Array;
  readonly groupnames: Uint8Array;
}

/** The answer of statvfs@openssh.com and fstatvfs@openssh.com, fields as POSIX has them. */
export interface FilesystemStatus {
  /** Bytes of a block. */
  readonly bsize: bigint;
  /** Bytes of a fragment, in which the counts are. */
  readonly frsize: bigint;
  /** Fragments in all. */
  readonly blocks: bigint;
  /** Free fragments. */
  readonly bfree: bigint;
  /** Free fragments for users without privileges. */
  readonly bavail: bigint;
  /** Files that it can have. */
  readonly files: bigint;
  /** Files that it can still have. */
  readonly ffree: bigint;
  /** The same for users without privileges. */
  readonly favail: bigint;
  /** What the system calls it. */
  readonly fsid: bigint;
  /** 1 read-only, 2 without setuid. */
  readonly flag: bigint;
  /** Bytes of a name at most. */
  readonly namemax: bigint;
}

/** The answer of limits@openssh.com; 0 means that the server does not say. */
export interface ServerLimits {
  /** What the length field of a packet may hold. */
  readonly maxPacketLength: bigint;
  readonly maxReadLength: bigint;
  readonly maxWriteLength: bigint;
  /** Handles open at once; no count of requests. */
  readonly maxOpenHandles: bigint;
}

export const twoPaths: MessagePart<TwoPaths> = part<TwoPaths>('two paths', {
  oldpath: string,
  newpath: string,
});
export const onePath: MessagePart<OnePath> = part<OnePath>('a path', { path: string });
export const oneHandle: MessagePart<OneHandle> = part<OneHandle>('a handle', { handle });
export const lsetstat: MessagePart<Lsetstat> = part<Lsetstat>('lsetstat@openssh.com', {
  path: string,
  attrs: attributes,
});
export const copyData: MessagePart<CopyData> = part<CopyData>('copy-data', {
  readFromHandle: handle,
  readFromOffset: uint64,
  readDataLength: uint64,
  writeToHandle: handle,
  writeToOffset: uint64,
});
export const homeDirectory: MessagePart<HomeDirectory> = part<HomeDirectory>('home-directory', {
  username: string,
});
export const usersGroupsById: MessagePart<UsersGroupsById> = part<UsersGroupsById>(
  'users-groups-by-id@openssh.com',
  { uids: string, gids: string },
);
export const usersGroupsNames: MessagePart<UsersGroupsNames> = part<UsersGroupsNames>(
  'the answer to users-groups-by-id@openssh.com',
  { usernames: string, groupnames: string },
);
export const filesystemStatus: MessagePart<FilesystemStatus> = part<FilesystemStatus>(
  'the answer to statvfs@openssh.com',
  {
    bsize: uint64,
    frsize: uint64,
    blocks: uint64,
    bfree: uint64,
    bavail: uint64,
    files: uint64,
    ffree: uint64,
    favail: uint64,
    fsid: uint64,
    flag: uint64,
    namemax: uint64,
  },
);
export const serverLimits: MessagePart<ServerLimits> = part<ServerLimits>(
  'the answer to limits@openssh.com',
  { maxPacketLength: uint64, maxReadLength: uint64, maxWriteLength: uint64, maxOpenHandles: uint64 },
);

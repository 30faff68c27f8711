/**
 * What a server of SFTP serves: a store of files, as the protocol asks for it.
 *
 * Owns: the calls that a session makes of a store, with names and paths as bytes; the
 * refusal of one, with its status.
 * Must not know: packets, what a store keeps its files in.
 */
import type { FileAttributes } from '../packet/attributes.ts';
import type { FilesystemStatus } from '../packet/extensions.ts';
import { statusCodes } from '../packet/status.ts';

/** What a server tells about a session of SFTP. */
export interface SftpContext {
  /** Who has logged in. */
  readonly username: string;
  /** Aborted when the session ends. */
  readonly signal: AbortSignal;
}

/**
 * The request that a call is made for. One whose deadline has passed is given up: it has been
 * answered for, and the calls behind it begin although its own goes on.
 */
export interface StoreCaller {
  /** It has been answered for. */
  readonly isGivenUp: boolean;
  /** Calls back once at that moment. */
  whenGivenUp(listener: () => void): void;
}

/** Attributes, and what only the long form of a listing shows. */
export interface StoreAttributes extends FileAttributes {
  /** Names that the file has. */
  readonly links?: number | undefined;
}

export interface StoreEntry {
  /** As the client gets it. */
  readonly name: Uint8Array;
  /** What the listing says of it. */
  readonly attributes: StoreAttributes;
}

/** How to open a file. */
export interface OpenHow {
  /** The client wants to read. */
  readonly reads: boolean;
  /** The client wants to write. */
  readonly writes: boolean;
  /** Each write goes to the end of the file. */
  readonly appends: boolean;
  /** Makes the file where it is not there. */
  readonly creates: boolean;
  /** Empties it. */
  readonly truncates: boolean;
  /** Fails where it is there. */
  readonly exclusive: boolean;
  /** Permissions of a file that is made; undefined for the usual ones. */
  readonly mode: number | undefined;
}

/** A file that is open. One `close`, when nothing else of it runs. */
export interface StoreFile {
  /** Fills `into` from `position` on. How many bytes: fewer where the file ends, 0 at its end. */
  read(into: Uint8Array, position: bigint): Promise<number>;
  write(data: Uint8Array, position: bigint, caller?: StoreCaller): Promise<void>;
  attributes(): Promise<StoreAttributes>;
  setAttributes(attributes: FileAttributes, caller?: StoreCaller): Promise<void>;
  /** To the disk. */
  readonly sync?: (() => Promise<void>) | undefined;
  readonly statFilesystem?: (() => Promise<FilesystemStatus>) | undefined;
  close(): Promise<void>;
}

/** A folder that is listed. */
export interface StoreFolder {
  /** Some entries more, `.` and `..` among them or not; none at the end. */
  next(): Promise<readonly StoreEntry[]>;
  close(): Promise<void>;
}

/** The store as one session sees it. A call that is not there is one that the store cannot do. */
export interface StoreSession {
  /** The absolute path of what a path leads to. Its last name may be of nothing. */
  realpath(path: Uint8Array): Promise<Uint8Array>;
  /** What a file is like. */
  readonly attributes?: ((path: Uint8Array, followsLink: boolean) => Promise<StoreAttributes>) | undefined;
  /** Changes what a file is like. */
  readonly setAttributes?:
    | ((
        path: Uint8Array,
        attributes: FileAttributes,
        followsLink: boolean,
        caller?: StoreCaller,
      ) => Promise<void>)
    | undefined;
  /** Opens or makes a file. */
  readonly open?: ((path: Uint8Array, how: OpenHow, caller?: StoreCaller) => Promise<StoreFile>) | undefined;
  /** Begins a listing. */
  readonly openFolder?: ((path: Uint8Array) => Promise<StoreFolder>) | undefined;
  /** Removes a file or a link. */
  readonly remove?: ((path: Uint8Array, caller?: StoreCaller) => Promise<void>) | undefined;
  /** Makes a folder. */
  readonly makeFolder?: ((path: Uint8Array, mode: number | undefined) => Promise<void>) | undefined;
  /** Removes an empty folder. */
  readonly removeFolder?: ((path: Uint8Array) => Promise<void>) | undefined;
  /** `replaces`: a file that has the new name goes; it is an error otherwise. */
  readonly rename?:
    | ((from: Uint8Array, to: Uint8Array, replaces: boolean, caller?: StoreCaller) => Promise<void>)
    | undefined;
  /** The target of a link. */
  readonly readLink?: ((path: Uint8Array) => Promise<Uint8Array>) | undefined;
  /** Makes a link. */
  readonly makeLink?: ((target: Uint8Array, path: Uint8Array) => Promise<void>) | undefined;
  /** Gives a file a second name. */
  readonly hardLink?: ((from: Uint8Array, to: Uint8Array) => Promise<void>) | undefined;
  /** Size and room of the file system. */
  readonly statFilesystem?: ((path: Uint8Array) => Promise<FilesystemStatus>) | undefined;
  /** Names of users and groups by number; undefined for a number that nobody has. */
  readonly ownerNames?:
    | ((
        uids: readonly number[],
        gids: readonly number[],
      ) => Promise<{
        /** In the order of the numbers. */
        readonly users: readonly (string | undefined)[];
        /** In the order of the numbers. */
        readonly groups: readonly (string | undefined)[];
      }>)
    | undefined;
  /** Files can be brought to the disk, and be asked for their file system. */
  readonly syncs: boolean;
  /** Nothing can be changed in it. */
  readonly isReadOnly: boolean;
  /** The session is over, and all its files are closed. */
  close(): Promise<void>;
}

/** Serves sessions. Made by `serveFolder` and `serveFiles`. */
export interface SftpStore {
  /** Begins a session. @throws what keeps the store from being served */
  begin(context: SftpContext): Promise<StoreSession>;
}

/** Why a store refuses: what version 3 of SFTP has a status for. */
export type RefusalReason = 'noSuchFile' | 'permissionDenied' | 'failure' | 'badMessage' | 'opUnsupported';

/**
 * Thrown by a handler to answer with a status. Anything else that a handler throws is
 * answered as a failure, and told to the application.
 *
 * @example
 * ```ts
 * import { SftpRefusal, serveFiles } from 'deadline-ssh/server';
 * const sftp = serveFiles({
 *   unlink: () => {
 *     throw new SftpRefusal('permissionDenied', 'nothing is removed here');
 *   },
 * });
 * ```
 */
export class SftpRefusal extends Error {
  /** Why, as version 3 of SFTP can say it. */
  readonly reason: RefusalReason;

  /** @param message for the client; the usual one of the status where not given */
  constructor(reason: RefusalReason, message: string = '', options?: ErrorOptions) {
    super(message, options);
    this.name = 'SftpRefusal';
    this.reason = reason;
  }

  /** The number of its status. */
  get status(): number {
    return statusCodes[this.reason];
  }
}

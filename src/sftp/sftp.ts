/**
 * Files on a server: what `client.sftp()` gives.
 *
 * Owns: the session's own state and end; what goes beyond single files: patterns, walks,
 * streams, transfers.
 * Must not know: connections, how a channel is opened.
 */
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { CallSite } from '../endpoint/calls/callSite.ts';
import { WireReader } from '../wire/reader.ts';
import { ReadSource, WriteSink } from './files/content/streams.ts';
import type { DirectoryEntry } from './files/entry.ts';
import { FileCalls } from './files/fileCalls.ts';
import * as check from './files/options.ts';
import { pathBytes, pathText, type RemotePath } from './files/paths.ts';
import { findMatches } from './files/tree/glob.ts';
import { walkTree } from './files/tree/walk.ts';
import { usersGroupsById, usersGroupsNames } from './packet/extensions.ts';
import type { CallOptions, SftpChannel } from './seam/channel.ts';
import type { LocalPath } from './seam/localFiles.ts';
import type { SftpPlatform } from './seam/platform.ts';
import type { Readable, Writable } from './seam/streams.ts';
import type { ServerOptions, SftpLimits } from './session/capabilities.ts';
import { iterate } from './session/iterate.ts';
import { decoded, SftpSession } from './session/session.ts';
import { get, type WritableTarget } from './transfer/get.ts';
import type { TransferOptions } from './transfer/options.ts';
import { put, type UploadSource } from './transfer/put.ts';
import type { TransferResult } from './transfer/result.ts';
import { type SyncOptions, type SyncResult, sync } from './transfer/sync/sync.ts';

/** Bytes a stream holds by itself where nothing else is said. */
const usualHighWaterMark = 256 * 1024;

/** Names of users and groups, in the order of the numbers that were asked for. */
export interface OwnerNames {
  /** Undefined for a number that no user has. */
  readonly users: readonly (string | undefined)[];
  /** Undefined for a number that no group has. */
  readonly groups: readonly (string | undefined)[];
}

/**
 * Files on a server. Made by `client.sftp()`.
 *
 * @example
 * ```ts
 * import { connect } from 'deadline-ssh';
 * async function names(host: string): Promise<string[]> {
 *   await using client = await connect({ host, username: 'ops' });
 *   await using sftp = await client.sftp({ timeout: 5_000 });
 *   return sftp.readdir('/var/log');
 * }
 * ```
 */
export class Sftp extends FileCalls {
  private readonly platform: SftpPlatform;

  private constructor(session: SftpSession, platform: SftpPlatform) {
    super(session);
    this.platform = platform;
  }

  /** Begins SFTP on a channel. For this library and for tests; a user calls `client.sftp()`. */
  static async open(
    channel: SftpChannel,
    limits: Limits,
    platform: SftpPlatform,
    server: ServerOptions = {},
  ): Promise<Sftp> {
    return new Sftp(await SftpSession.open(channel, limits, server), platform);
  }

  // The session ----------------------------------------------------------------------

  /** The version of the protocol that was agreed on: 3. */
  get version(): number {
    return this.session.capabilities.version;
  }

  /** What the server announced, by name, with its data, as escaped text. */
  get extensions(): ReadonlyMap<string, string> {
    return this.session.capabilities.extensions;
  }

  /** What the server's packets, reads, writes and handles are bounded by, as far as it tells. */
  get limits(): SftpLimits {
    return this.session.capabilities.limits;
  }

  /** Requests that have no answer yet. */
  get pendingRequests(): number {
    return this.session.link.pendingRequests;
  }

  /** Ends the session; what still runs rejects with `ERR_SSH_CLOSED`. The connection stays. */
  async close(): Promise<void> {
    const { link, channel } = this.session;
    if (link.cause === undefined) {
      link.fail(
        new SshError('ERR_SSH_CLOSED', 'the SFTP session was closed', { phase: 'close', origin: 'user' }),
      );
    }
    await channel.closed;
  }

  /** As `close`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /**
   * Names of users and groups by number (users-groups-by-id@openssh.com); undefined for a number that nobody has.
   *
   * @throws SshError `ERR_SSH_SFTP_UNSUPPORTED` the server has no such extension
   */
  ownerNames(
    uids: readonly number[],
    gids: readonly number[],
    options: CallOptions = {},
  ): Promise<OwnerNames> {
    return this.simple('ownerNames', options, async (errand) => {
      const operation = { name: 'users-groups-by-id', path: undefined };
      const asked = usersGroupsById.toBytes({ uids: numbersAsBytes(uids), gids: numbersAsBytes(gids) });
      const payload = await this.session.extended('users-groups-by-id@openssh.com', asked, operation, errand);
      const { usernames, groupnames } = decoded(() => usersGroupsNames.fromBytes(payload));
      return {
        users: decoded(() => namesFrom(usernames, uids.length)),
        groups: decoded(() => namesFrom(groupnames, gids.length)),
      };
    });
  }

  // Many files -----------------------------------------------------------------------

  /** Files whose paths match a pattern with `*`, `?`, `[…]`, `{a,b}` and `**`; in no order that can be relied on. */
  glob(
    pattern: string,
    options: check.GlobOptions & { readonly withFileTypes: true },
  ): AsyncGenerator<DirectoryEntry, undefined>;
  glob(pattern: string, options?: check.GlobOptions): AsyncGenerator<string, undefined>;
  async *glob(
    pattern: string,
    options: check.GlobOptions = {},
  ): AsyncGenerator<string | DirectoryEntry, undefined> {
    check.checkGlob(options);
    const { withFileTypes = false, dot = false, ...bounds } = options;
    const site = new CallSite(Sftp.prototype.glob);
    const matches = iterate(this.session, { site, detail: 'glob over SFTP', bounds }, (errand) =>
      findMatches(this.session, pattern, dot, errand),
    );
    for await (const entry of matches) yield withFileTypes ? entry : entry.path;
  }

  /**
   * Everything below a folder, a folder before what is in it; links are given and not followed.
   *
   * @throws SshError `ERR_SSH_LIMIT` for folders within folders beyond `limits.sftpNesting`, unless `onError` says `skip`
   */
  async *walk(path: RemotePath, options: check.WalkOptions = {}): AsyncGenerator<DirectoryEntry, undefined> {
    check.checkWalk(options);
    const { onError, ...bounds } = options;
    const root = pathBytes(path);
    const site = new CallSite(Sftp.prototype.walk);
    yield* iterate(this.session, { site, detail: 'walk over SFTP', bounds }, (errand) =>
      walkTree(this.session, root, onError, errand),
    );
  }

  // Transfers ------------------------------------------------------------------------

  /**
   * Brings a file here, with `recursive` a folder. A local path that ends in `/` is a folder
   * which it goes into under its own name; a folder whose target is not there becomes it.
   *
   * @throws SshError `ERR_SSH_TRANSFER` a check failed, a local file cannot be written, or is not to be replaced; what the
   *   server answered; `ERR_SSH_TIMEOUT`, `ERR_SSH_ABORTED`, the cause of the connection's end
   */
  get(
    remote: RemotePath,
    local: LocalPath | WritableTarget,
    options: TransferOptions = {},
  ): Promise<TransferResult> {
    return this.session.publicCall(Sftp.prototype.get, () => this.getWithin(remote, local, options));
  }

  /** As `get`, within another call of this library. */
  getWithin(
    remote: RemotePath,
    local: LocalPath | WritableTarget,
    options: TransferOptions,
  ): Promise<TransferResult> {
    return get(this.session, this.platform, remote, local, options);
  }

  /**
   * Sends a file, with `recursive` a folder; or bytes, or a stream. A path on the server that
   * ends in `/` is as for `get`. Errors as `get`.
   */
  put(local: UploadSource, remote: RemotePath, options: TransferOptions = {}): Promise<TransferResult> {
    return this.session.publicCall(Sftp.prototype.put, () => this.putWithin(local, remote, options));
  }

  /** As `put`, within another call of this library. */
  putWithin(local: UploadSource, remote: RemotePath, options: TransferOptions): Promise<TransferResult> {
    return put(this.session, this.platform, local, remote, options);
  }

  /** Makes a folder on the server like one here, or the other way round: what is missing or differs goes over. Errors as `get`. */
  sync(local: string, remote: RemotePath, options: SyncOptions): Promise<SyncResult> {
    return this.session.publicCall(Sftp.prototype.sync, () =>
      sync(this.session, this.platform, local, remote, options),
    );
  }

  // Streams --------------------------------------------------------------------------

  /** A file as a stream; it reads ahead as much as the path takes while its consumer keeps up. */
  createReadStream(path: RemotePath, options: check.ReadStreamOptions = {}): Readable {
    check.checkReadStream(options);
    const { start = 0, end, encoding, highWaterMark = usualHighWaterMark, signal } = options;
    const span = {
      path: checkedPath(path),
      start,
      end: end === undefined ? Number.POSITIVE_INFINITY : Math.max(start, end + 1),
    };
    const site = new CallSite(Sftp.prototype.createReadStream).asText();
    const source = new ReadSource(this.session, span, site);
    const stream = this.platform.streams.readable(source, highWaterMark, signal);
    if (encoding !== undefined) stream.setEncoding(encoding);
    return stream;
  }

  /** A stream into a file. It finishes when the server has confirmed all writes and the close. */
  createWriteStream(path: RemotePath, options: check.WriteStreamOptions = {}): Writable {
    check.checkWriteStream(options);
    const { flags = 'w', mode, start, highWaterMark = usualHighWaterMark, signal } = options;
    const site = new CallSite(Sftp.prototype.createWriteStream).asText();
    const sink = new WriteSink(this.session, { path: checkedPath(path), flags, mode, start }, site);
    return this.platform.streams.writable(sink, highWaterMark, signal);
  }
}

/** @throws SshError `ERR_SSH_OPTIONS` now, and not when the stream is used */
function checkedPath(path: RemotePath): RemotePath {
  pathBytes(path);
  return path;
}

function numbersAsBytes(numbers: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * numbers.length);
  const view = new DataView(bytes.buffer);
  for (const [index, number] of numbers.entries()) view.setUint32(4 * index, number);
  return bytes;
}

/** As many names as were asked for, each a string. @throws SshError `ERR_SSH_DECODE` */
function namesFrom(bytes: Uint8Array, count: number): (string | undefined)[] {
  const reader = new WireReader(bytes);
  const names: (string | undefined)[] = [];
  for (let i = 0; i < count; i++) names.push(pathText(reader.viewString()) || undefined);
  reader.end();
  return names;
}

/**
 * `sync`: makes one tree like another.
 *
 * Owns: going through both trees at once, the steps, their order.
 * Must not know: how a file is transferred.
 */
import { escapeText, utf8Decode } from '../../../base/bytes.ts';
import type { SshError } from '../../../base/errors.ts';
import { callback, checkOptions, flag, oneOf, optionsError } from '../../../base/optionChecks.ts';
import { makeFolderUnlessThere } from '../../files/nameCalls.ts';
import { pathBytes, type RemotePath } from '../../files/paths.ts';
import { LocalFault } from '../../seam/localFiles.ts';
import type { SftpPlatform } from '../../seam/platform.ts';
import type { SftpSession } from '../../session/session.ts';
import { download } from '../download/download.ts';
import { transferError } from '../errors.ts';
import { resolveTransfer, type TransferOptions, transferNames, transferTable } from '../options.ts';
import type { TransferResult } from '../result.ts';
import { Transfer } from '../transfer.ts';
import { upload } from '../upload/upload.ts';
import { compare, type SyncEntry, type SyncStep } from './plan.ts';
import { LocalSide, nameOf, RemoteSide, type Side } from './sides.ts';

/** What `sync` takes. */
export interface SyncOptions extends Omit<TransferOptions, 'recursive' | 'links'> {
  /** `up` makes the server's folder like the one here, `down` the other way round. */
  readonly direction: 'up' | 'down';
  /** Removes entries of the target that the source does not have. Default: `false`. */
  readonly delete?: boolean | undefined;
  /** Changes nothing, and returns the steps that it would take. Default: `false`. */
  readonly dryRun?: boolean | undefined;
  /** How to compare files of the same size: by their time in whole seconds, or by their hash. Default: `size-time`. */
  readonly compare?: 'size-time' | 'sha256' | undefined;
  /** Told of each step before it is taken. */
  readonly onStep?: ((step: SyncStep) => void) | undefined;
}

/** What came of `sync`. */
export interface SyncResult extends TransferResult {
  /** The steps that were taken, or would be; 100,000 at most. */
  readonly steps: readonly SyncStep[];
  /** Entries that were removed. */
  readonly deleted: number;
}

const mostSteps = 100_000;

const { recursive: _recursive, links: _links, ...shared } = transferTable;
const table = {
  ...shared,
  direction: oneOf('up', 'down'),
  delete: flag,
  dryRun: flag,
  compare: oneOf('size-time', 'sha256'),
  onStep: callback,
};

/** @throws SshError as `get` and `put` */
export async function sync(
  session: SftpSession,
  platform: SftpPlatform,
  localFolder: string,
  remoteFolder: RemotePath,
  given: SyncOptions,
): Promise<SyncResult> {
  checkOptions(given, { of: 'sync', table, otherNames: transferNames });
  if (given.direction === undefined) throw optionsError("sync needs a direction, 'up' or 'down'");
  if (typeof localFolder !== 'string' || localFolder === '') throw optionsError('sync needs a local folder');
  const {
    direction,
    delete: removes = false,
    dryRun = false,
    compare: by = 'size-time',
    onStep,
    ...rest
  } = given;
  // Times tell files apart the next time, so that they are kept unless the caller says otherwise.
  const options = resolveTransfer('sync', { preserve: { times: true, mode: false }, ...rest });
  const transfer = new Transfer(session, platform, options);
  const run = new Synchronization(transfer, localFolder, pathBytes(remoteFolder, 'remote folder'), {
    direction,
    removes,
    dryRun,
    by,
    onStep,
  });
  const result = await transfer.run('sync', rest, () => run.toEnd());
  return { ...result, steps: run.steps, deleted: run.deleted };
}

interface Manner {
  readonly direction: 'up' | 'down';
  readonly removes: boolean;
  readonly dryRun: boolean;
  readonly by: 'size-time' | 'sha256';
  readonly onStep: SyncOptions['onStep'];
}

type Names = readonly Uint8Array[];

class Synchronization {
  readonly steps: SyncStep[] = [];
  deleted = 0;
  private readonly transfer: Transfer;
  private readonly manner: Manner;
  private readonly local: LocalSide;
  private readonly remote: RemoteSide;
  private readonly source: Side;
  private readonly target: Side;

  constructor(transfer: Transfer, localFolder: string, remoteFolder: Uint8Array, manner: Manner) {
    this.transfer = transfer;
    this.manner = manner;
    this.local = new LocalSide(transfer, localFolder);
    this.remote = new RemoteSide(transfer, remoteFolder);
    const isUp = manner.direction === 'up';
    this.source = isUp ? this.local : this.remote;
    this.target = isUp ? this.remote : this.local;
  }

  async toEnd(): Promise<void> {
    await this.checkSource();
    const isNew = await this.makeRoot();
    await this.folder([], isNew);
    await this.transfer.settled();
  }

  /** A source that is not there would, with `delete`, empty the target. */
  private async checkSource(): Promise<void> {
    const { transfer, manner } = this;
    if (manner.direction === 'down') return;
    const path = transfer.local.text(this.local.path([]));
    const stat = await transfer.local.stat(path);
    if (stat?.kind !== 'folder') {
      throw transferError(`"${escapeText(path)}" is not a folder on this machine`, path, { origin: 'user' });
    }
  }

  /** Whether the folder that is written is not there yet. */
  private async makeRoot(): Promise<boolean> {
    const { transfer, manner } = this;
    if (manner.dryRun) return (await this.listTarget([], false)).size === 0;
    if (manner.direction === 'up') {
      return makeFolderUnlessThere(transfer.session, this.remote.path([]), {}, transfer.errand);
    }
    const path = this.local.path([]);
    if ((await transfer.local.stat(path))?.kind === 'folder') return false;
    await transfer.local.mkdir(path, 0o777);
    return true;
  }

  private async folder(names: Names, isNew: boolean): Promise<void> {
    const { transfer, manner } = this;
    if (names.length > transfer.session.link.limits.sftpNesting) {
      throw tooDeep(names);
    }
    const [source, target] = await Promise.all([this.source.list(names), this.listTarget(names, isNew)]);
    for (const [key, entry] of source) {
      transfer.check();
      const there = target.get(key);
      target.delete(key);
      await this.entry([...names, nameOf(key)], entry, there);
    }
    if (!manner.removes) return;
    for (const [key, entry] of target) {
      const path = [...names, nameOf(key)];
      await transfer.attempt(text(path), () => this.remove(path, entry, 'extra'));
    }
  }

  /** In a dry run a folder of the target may not be there. */
  private async listTarget(names: Names, isNew: boolean): Promise<Map<string, SyncEntry>> {
    if (isNew) return new Map();
    try {
      return await this.target.list(names);
    } catch (error) {
      if (this.manner.dryRun && isNotThere(error)) return new Map();
      throw error;
    }
  }

  private async entry(names: Names, entry: SyncEntry, there: SyncEntry | undefined): Promise<void> {
    const { transfer, manner } = this;
    const { counts } = transfer;
    const path = text(names);
    if (entry.kind === 'link' || entry.kind === 'other') {
      return counts.skip(path, entry.kind === 'link' ? 'it is a link' : 'it is not a file or folder');
    }
    const { kind, size } = entry;
    if (!(await transfer.isWanted(path, () => ({ kind, size })))) return;
    const verdict = compare(entry, there, manner.by);
    if (entry.kind === 'folder') {
      let isNew = verdict.action === 'folder';
      const went = await transfer.attempt(path, async () => {
        if (verdict.action === 'replace') isNew = await this.makeWay(names, there, 'folder');
        if (isNew) await this.makeFolder(names);
      });
      if (went) await this.folder(names, isNew);
      return;
    }
    if (verdict.action === 'same') return;
    // A download counts its bytes when it knows them for certain.
    transfer.progress.found(manner.direction === 'up' ? (entry.size ?? 0) : 0);
    await transfer.add(path, async () => {
      if (verdict.action === 'hash' && (await this.isSameByHash(names))) return;
      if (verdict.action === 'replace') await this.makeWay(names, there, 'file');
      const reason =
        verdict.action === 'hash' ? 'sha256' : verdict.action === 'replace' ? 'kind' : verdict.reason;
      this.step({ action: 'copy', path, reason });
      if (!manner.dryRun) await this.copy(names);
    });
  }

  /** Something of another kind has the name: it is removed only where removing is asked for. */
  private async makeWay(names: Names, there: SyncEntry | undefined, kind: string): Promise<true> {
    const path = text(names);
    if (!this.manner.removes) {
      throw transferError(
        `"${escapeText(path)}" is a ${there?.kind ?? 'file'} where a ${kind} is to be; { delete: true } removes it`,
        path,
      );
    }
    if (there !== undefined) await this.remove(names, there, 'kind');
    return true;
  }

  private async isSameByHash(names: Names): Promise<boolean> {
    const [a, b] = await Promise.all([this.source.sha256(names), this.target.sha256(names)]);
    return a === b;
  }

  private async makeFolder(names: Names): Promise<void> {
    const { transfer, manner } = this;
    this.step({ action: 'folder', path: text(names), reason: 'missing' });
    if (manner.dryRun) return;
    if (manner.direction === 'up') {
      await makeFolderUnlessThere(transfer.session, this.remote.path(names), {}, transfer.errand);
    } else await transfer.local.mkdir(this.local.path(names), 0o777);
    transfer.counts.folders++;
  }

  private copy(names: Names): Promise<void> {
    const { transfer, manner } = this;
    const local = this.local.path(names);
    const remote = this.remote.path(names);
    const path = text(names);
    if (manner.direction === 'up') {
      return upload(transfer, { local, path, place: { path: remote, isFresh: false }, isCounted: true });
    }
    const place = { path: local, isFresh: false, isNamed: false };
    return download(transfer, { remote, path, attributes: undefined, place });
  }

  /** Removes an entry of the target with all below it; links are removed and not followed. */
  private async remove(names: Names, entry: SyncEntry, reason: SyncStep['reason']): Promise<void> {
    const { manner, transfer } = this;
    if (entry.kind === 'folder') {
      if (names.length > transfer.session.link.limits.sftpNesting) {
        throw tooDeep(names);
      }
      for (const [key, inner] of await this.target.list(names)) {
        await this.remove([...names, nameOf(key)], inner, reason);
      }
    }
    this.step({ action: 'delete', path: text(names), reason });
    this.deleted++;
    if (!manner.dryRun) await this.target.remove(names, entry.kind);
  }

  private step(step: SyncStep): void {
    if (this.steps.length < mostSteps) this.steps.push(step);
    const { onStep } = this.manner;
    if (onStep !== undefined) this.transfer.tell('onStep', () => onStep(step));
    // What the function did may have ended the transfer.
    this.transfer.check();
  }
}

function isNotThere(error: unknown): boolean {
  if (error instanceof LocalFault) return error.code === 'ENOENT';
  return error instanceof Error && 'code' in error && error.code === 'ERR_SSH_SFTP_NO_SUCH_FILE';
}

function tooDeep(names: Names): SshError {
  const path = text(names);
  return transferError(`"${escapeText(path)}" lies deeper than limits.sftpNesting allows`, path);
}

/** Not escaped: it is what steps and results name an entry by. */
function text(names: Names): string {
  return names.map((name) => utf8Decode(name)).join('/');
}

/**
 * The side of the old protocol that takes files.
 *
 * Owns: where each file goes: nothing that the other side says leads out of the target.
 * Must not know: where files come from.
 */
import { chmod, lstat, mkdir, stat, utimes } from 'node:fs/promises';
import { faultOf } from '../../../node/files/localCalls.ts';
import { nodeLocalFiles } from '../../../node/files/localFiles.ts';
import { type ByteText, joined, shown, toBytes, toLocalPath } from '../../files/byteText.ts';
import { LocalCopy } from './localCopy.ts';
import { parseRecord, RcpFault, type RcpRecord } from './record.ts';
import { deepest, RcpSide, type SideOptions } from './side.ts';

export interface SinkOptions extends SideOptions {
  readonly mustBeFolder: boolean;
  /** Whether a name is one that was asked for. */
  readonly isWanted: (name: ByteText) => boolean;
  readonly done: (path: ByteText) => void;
}

type Item = Extract<RcpRecord, { kind: 'file' | 'folder' }>;
type Times = Extract<RcpRecord, { kind: 'times' }>;

export class RcpSink extends RcpSide<SinkOptions> {
  /** Takes what the other side sends. @throws SshError it breaks the rules, or has gone */
  async receive(target: ByteText): Promise<void> {
    const isFolder = await this.isFolder(target);
    if (this.options.mustBeFolder && !isFolder) {
      await this.fail(`"${shown(target)}" is not a folder`, true);
      return;
    }
    await this.items(target, isFolder, 0);
  }

  /** The entries of a folder, or what goes to the target. */
  private async items(target: ByteText, isFolder: boolean, depth: number): Promise<void> {
    const { pipe } = this;
    await pipe.accept();
    let times: Times | undefined;
    for (;;) {
      const line = await pipe.line();
      if (line === undefined) {
        if (depth > 0) throw pipe.broken('it ended within a folder');
        return;
      }
      const record = this.parsed(line);
      switch (record.kind) {
        case 'failure':
          this.options.failed(shown(record.message));
          if (record.isFatal) throw pipe.broken('it gave up');
          break;
        case 'times':
          times = record;
          await pipe.accept();
          break;
        case 'end':
          if (depth === 0) throw pipe.broken('it ended a folder that it had not begun');
          await pipe.accept();
          return;
        default:
          if (depth === 0 && !this.options.isWanted(record.name)) {
            throw pipe.broken(`it sent "${shown(record.name)}", which was not asked for`);
          }
          await this.item(record, times, isFolder ? joined(target, record.name) : target, isFolder, depth);
          times = undefined;
      }
    }
  }

  private parsed(line: ByteText): RcpRecord {
    try {
      const record = parseRecord(line);
      if (record.kind !== 'file' && record.kind !== 'folder') return record;
      const problem = nodeLocalFiles.nameProblem(toBytes(record.name));
      if (problem === undefined) return record;
      throw new RcpFault(`"${shown(record.name)}": ${problem}`);
    } catch (error) {
      throw error instanceof RcpFault ? this.pipe.broken(error.message) : error;
    }
  }

  private async item(
    item: Item,
    times: Times | undefined,
    path: ByteText,
    isInFolder: boolean,
    depth: number,
  ): Promise<void> {
    if (item.kind === 'file') return this.file(item, times, path, isInFolder);
    if (!this.options.recursive)
      throw this.pipe.broken(`it sent the folder "${shown(item.name)}", and no folder was asked for`);
    if (depth >= deepest) throw this.pipe.broken(`it sent folders deeper than ${deepest}`);
    await this.folder(item, times, path, isInFolder, depth);
  }

  private async folder(
    { mode }: Item,
    times: Times | undefined,
    path: ByteText,
    isInFolder: boolean,
    depth: number,
  ): Promise<void> {
    const local = toLocalPath(path) as string;
    try {
      // A link that is there would lead elsewhere, unless the user has named it.
      const there = await (isInFolder ? lstat(local) : stat(local)).catch(() => undefined);
      if (there === undefined) await mkdir(local, (mode & 0o777) | 0o700);
      else if (!there.isDirectory()) {
        throw this.pipe.broken(`"${shown(path)}" is there already, and is not a folder`);
      }
    } catch (error) {
      if (!('syscall' in (error as object))) throw error;
      throw this.pipe.broken(faultOf(error, 'make the folder', local).message);
    }
    await this.items(path, true, depth + 1);
    if (!this.options.preserve) return;
    await chmod(local, mode & 0o777);
    if (times !== undefined) await utimes(local, times.atime, times.mtime);
  }

  private async file(
    { mode, size }: Item,
    times: Times | undefined,
    path: ByteText,
    isInFolder: boolean,
  ): Promise<void> {
    const { preserve, moved, done } = this.options;
    let copy: LocalCopy;
    try {
      copy = await LocalCopy.begin(path, mode & 0o777, !isInFolder);
    } catch (error) {
      // What is refused before it is accepted is not sent.
      return this.fail(faultOf(error, 'write', toLocalPath(path)).message);
    }
    await this.pipe.accept();
    let problem: string | undefined;
    try {
      for (let position = 0; position < size; ) {
        const bytes = await this.pipe.bytes(size - position);
        await this.limit.take(bytes.length);
        if (problem === undefined) {
          await copy.write(bytes).catch((error: unknown) => {
            problem = faultOf(error, 'write', toLocalPath(path)).message;
          });
        }
        position += bytes.length;
        moved(path, bytes.length, size);
      }
      problem = (await this.pipe.answer()) ?? problem;
    } catch (error) {
      await copy.abandon();
      throw error;
    }
    if (problem !== undefined) {
      await copy.abandon();
      return this.fail(problem);
    }
    await copy.finish(preserve ? { mode: mode & 0o777, times } : undefined);
    done(path);
    await this.pipe.accept();
  }

  private async isFolder(path: ByteText): Promise<boolean> {
    const there = await stat(toLocalPath(path) as string).catch(() => undefined);
    return there?.isDirectory() === true;
  }
}

/**
 * What `df` prints.
 *
 * Owns: the tables of room and of inodes, as OpenSSH's sftp has them.
 * Must not know: how the numbers are asked for.
 */
import type { FilesystemStats } from '../../../sftp/files/pathCalls.ts';
import { scaled } from '../../files/scaled.ts';

export type FilesystemTable = 'blocks' | 'human' | 'inodes';

export function filesystemTable(stats: FilesystemStats, table: FilesystemTable): string {
  const { bsize, blocks, bfree, bavail, files, ffree, favail } = stats;
  if (table === 'inodes') {
    const numbers = [files, files - ffree, favail, ffree].map((value) => String(value).padStart(11));
    const title = '     Inodes        Used       Avail      (root)    %Capacity';
    return `${title}\n${numbers.join(' ')}         ${share(files - ffree, files)}\n`;
  }
  const bytes = [blocks, blocks - bfree, bavail, bfree].map((value) => value * bsize);
  const used = share(blocks - bfree, blocks);
  if (table === 'human') {
    const numbers = bytes.map((value) => `${scaled(value).padStart(7)}B`);
    return `    Size     Used    Avail   (root)    %Capacity\n${numbers.join(' ')}         ${used}\n`;
  }
  const numbers = bytes.map((value) => String(value / 1024n).padStart(12));
  return `        Size         Used        Avail       (root)    %Capacity\n${numbers.join(' ')}         ${used}\n`;
}

function share(part: bigint, whole: bigint): string {
  return whole === 0n ? 'ERR' : `${String((100n * part) / whole).padStart(3)}%`;
}

/**
 * The lines of the old protocol of scp and rcp.
 *
 * Owns: what each line says, and which names one may say.
 * Must not know: files, how lines are transferred. There is no standard of it: this is what scp of
 * OpenSSH sends and takes.
 */
import { type ByteText, shown } from '../../files/byteText.ts';

export type RcpRecord =
  /** A file of so many bytes, which follow; or the beginning of a folder. */
  | {
      readonly kind: 'file' | 'folder';
      readonly mode: number;
      readonly size: number;
      readonly name: ByteText;
    }
  /** The end of a folder. */
  | { readonly kind: 'end' }
  /** When the next file or folder was changed and read, in seconds. */
  | { readonly kind: 'times'; readonly mtime: number; readonly atime: number }
  /** Something did not work; `isFatal`: and nothing follows. */
  | { readonly kind: 'failure'; readonly message: ByteText; readonly isFatal: boolean };

/** What a line breaks. */
export class RcpFault extends Error {}

/** Reads a line, without its end. @throws RcpFault */
export function parseRecord(line: ByteText): RcpRecord {
  const [kind] = line;
  switch (kind) {
    case '\x01':
    case '\x02':
      return { kind: 'failure', message: line.slice(1), isFatal: kind === '\x02' };
    case 'E':
      if (line !== 'E') break;
      return { kind: 'end' };
    case 'T': {
      const [, mtime, atime] = /^T(\d{1,15}) \d{1,6} (\d{1,15}) \d{1,6}$/.exec(line) ?? [];
      if (mtime === undefined || atime === undefined) break;
      return { kind: 'times', mtime: Number(mtime), atime: Number(atime) };
    }
    case 'C':
    case 'D': {
      const [, mode = '', size, name = ''] = /^[CD]([0-7]{4}) (\d{1,16}) (.*)$/s.exec(line) ?? [];
      if (size === undefined || Number(size) > Number.MAX_SAFE_INTEGER) break;
      if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) {
        throw new RcpFault(`"${shown(name)}" is not a name that a file of a folder can have`);
      }
      const fields = { mode: Number.parseInt(mode, 8), size: Number(size), name };
      return { kind: kind === 'C' ? 'file' : 'folder', ...fields };
    }
  }
  throw new RcpFault(`"${shown(line.slice(0, 100))}" is not a line of scp's protocol`);
}

/** A line with its end. A line end in a name would end the line: it is sent as `\^J`, as scp does. */
export function formatRecord(record: RcpRecord): ByteText {
  switch (record.kind) {
    case 'end':
      return 'E\n';
    case 'times':
      return `T${record.mtime} 0 ${record.atime} 0\n`;
    case 'failure':
      return `${record.isFatal ? '\x02' : '\x01'}${record.message.replaceAll('\n', ' ')}\n`;
    default: {
      const letter = record.kind === 'file' ? 'C' : 'D';
      const mode = (record.mode & 0o7777).toString(8).padStart(4, '0');
      return `${letter}${mode} ${record.size} ${record.name.replaceAll('\n', '\\^J')}\n`;
    }
  }
}

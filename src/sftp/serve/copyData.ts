/**
 * copy-data: from one open file to another.
 *
 * Owns: the range that is copied, block by block (OpenSSH PROTOCOL §4.10).
 * Must not know: stores.
 */
import { equalBytes } from '../../base/bytes.ts';
import type { CopyData } from '../packet/extensions.ts';
import type { OpenHandles } from './openHandles.ts';
import type { Caller } from './order.ts';
import { SftpRefusal, type StoreFile } from './store.ts';

const blockLength = 256 * 1024;

/**
 * @param step called before each block; what it throws ends the copying
 * @throws SftpRefusal for one handle in both places
 */
export async function copyOnServer(
  handles: OpenHandles,
  { readFromHandle, readFromOffset, readDataLength, writeToHandle, writeToOffset }: CopyData,
  step: () => void,
  caller: Caller,
): Promise<void> {
  const source = handles.file(readFromHandle);
  const target = handles.file(writeToHandle);
  if (source.order === target.order) throw ontoItself();
  const copy = (): Promise<void> =>
    source.order.beside(async () => {
      const block = new Uint8Array(blockLength);
      const there = await endOf(source.file);
      if (there === undefined && equalBytes(source.path, target.path)) throw ontoItself();
      const asked = readDataLength === 0n ? undefined : readFromOffset + readDataLength;
      const end = asked === undefined || (there !== undefined && there < asked) ? there : asked;
      for (let from = readFromOffset, to = writeToOffset; end === undefined || from < end; ) {
        step();
        const wanted = end === undefined || end - from > blockLength ? blockLength : Number(end - from);
        const count = await source.file.read(block.subarray(0, wanted), from);
        if (count === 0) return;
        await target.file.write(block.subarray(0, count), to, caller);
        from += BigInt(count);
        to += BigInt(count);
      }
    }, caller);
  await target.order.alone(copy, caller);
}

/**
 * Where the file ends when the copy begins: two handles may be of one file, which would grow in front
 * of who copies it. Undefined for one that does not tell, as those of /proc.
 */
async function endOf(file: StoreFile): Promise<bigint | undefined> {
  try {
    return (await file.attributes()).size || undefined;
  } catch {
    return undefined;
  }
}

function ontoItself(): SftpRefusal {
  return new SftpRefusal('failure', 'a file is not copied onto itself');
}

/**
 * The handles of a session.
 *
 * Owns: their names, their bound, the order of work on each, that every one is closed.
 * Must not know: packets, stores.
 */
import { WorkOrder } from './order.ts';
import { SftpRefusal, type StoreCaller, type StoreEntry, type StoreFile, type StoreFolder } from './store.ts';

/** A file or folder that a client has open. */
export interface OpenHandle {
  readonly file: StoreFile | undefined;
  readonly folder: StoreFolder | undefined;
  /** As the client named it. */
  readonly path: Uint8Array;
  /** Entries that came and no answer has held yet. */
  readonly rest: StoreEntry[];
  readonly order: WorkOrder;
  /** What is done with it changes something. */
  readonly writes: boolean;
}

const handleLength = 4;

export class OpenHandles {
  private readonly most: number;
  private readonly report: (error: unknown) => void;
  private readonly handles = new Map<number, OpenHandle>();
  private opening = 0;
  private last = 0;
  private isOver = false;

  /** @param report told of a close that failed and that nobody asked for */
  constructor(most: number, report: (error: unknown) => void) {
    this.most = most;
    this.report = report;
  }

  get size(): number {
    return this.handles.size;
  }

  /** Paths of what is open, as clients named them. */
  get paths(): readonly Uint8Array[] {
    return [...this.handles.values()].map(({ path }) => path);
  }

  /**
   * Opens something and gives it a handle. Who gives up has no place any more.
   *
   * @throws SftpRefusal beyond the bound
   */
  async open(
    path: Uint8Array,
    step: () => Promise<Pick<OpenHandle, 'file' | 'folder' | 'writes'>>,
    caller?: StoreCaller,
  ): Promise<Uint8Array> {
    if (this.handles.size + this.opening >= this.most) {
      throw new SftpRefusal('failure', `${this.most} files are open, and no more are allowed`);
    }
    this.opening++;
    let hasPlace = true;
    const leave = (): void => {
      if (hasPlace) this.opening--;
      hasPlace = false;
    };
    caller?.whenGivenUp(leave);
    try {
      const handle: OpenHandle = { ...(await step()), path, rest: [], order: new WorkOrder() };
      this.last = (this.last + 1) >>> 0;
      this.handles.set(this.last, handle);
      if (this.isOver) this.closeQuietly(this.last, handle);
      const name = new Uint8Array(handleLength);
      new DataView(name.buffer).setUint32(0, this.last);
      return name;
    } finally {
      leave();
    }
  }

  /** @throws SftpRefusal for one that is not open */
  find(name: Uint8Array): OpenHandle {
    const handle = this.handles.get(handleNumber(name));
    if (handle === undefined) throw new SftpRefusal('failure', 'no such handle');
    return handle;
  }

  /** @throws SftpRefusal for a folder */
  file(name: Uint8Array): OpenHandle & { readonly file: StoreFile } {
    const { file, ...rest } = this.find(name);
    if (file === undefined) throw new SftpRefusal('failure', 'the handle is of a folder');
    return { file, ...rest };
  }

  /** @throws SftpRefusal for a file */
  folder(name: Uint8Array): OpenHandle & { readonly folder: StoreFolder } {
    const { folder, ...rest } = this.find(name);
    if (folder === undefined) throw new SftpRefusal('failure', 'the handle is of a file');
    return { folder, ...rest };
  }

  /**
   * Closes one behind all work on it. Its name is nobody's from now on. Work that was given up
   * is waited for too: the system may give a descriptor that is closed to another file.
   */
  close(name: Uint8Array): Promise<void> {
    const handle = this.find(name);
    this.handles.delete(handleNumber(name));
    return handle.order.last(() => closeOf(handle));
  }

  /** Closes one that nobody knows of. */
  drop(name: Uint8Array): void {
    const handle = this.handles.get(handleNumber(name));
    if (handle !== undefined) this.closeQuietly(handleNumber(name), handle);
  }

  /** Closes what is open, each when the work on it is done, and what will be. */
  closeAll(): void {
    this.isOver = true;
    for (const [number, handle] of [...this.handles]) this.closeQuietly(number, handle);
  }

  private closeQuietly(number: number, handle: OpenHandle): void {
    this.handles.delete(number);
    handle.order.last(() => closeOf(handle)).catch(this.report);
  }
}

async function closeOf({ file, folder }: OpenHandle): Promise<void> {
  await file?.close();
  await folder?.close();
}

/** What a name of a handle stands for; 0 for one that no handle has. */
export function handleNumber(name: Uint8Array): number {
  if (name.length !== handleLength) return 0;
  return new DataView(name.buffer, name.byteOffset, handleLength).getUint32(0);
}

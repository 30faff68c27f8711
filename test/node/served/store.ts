/** A session of a store, called as the answers of SFTP call it. */
import type { FileAttributes } from '../../../src/sftp/packet/attributes.ts';
import type { OpenHow, StoreFile, StoreFolder, StoreSession } from '../../../src/sftp/serve/store.ts';

const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text));
const text = (path: Uint8Array): string => Buffer.from(path).toString();

const reading: OpenHow = {
  reads: true,
  writes: false,
  appends: false,
  creates: false,
  truncates: false,
  exclusive: false,
  mode: undefined,
};
/** As `r`, `w`, `a` and the like mean it. */
export const how = (given: Partial<OpenHow> = {}): OpenHow => ({ ...reading, ...given });
export const writing: OpenHow = how({ reads: false, writes: true, creates: true });

/** A store that can do everything. */
type WholeSession = { readonly [K in keyof StoreSession]-?: NonNullable<StoreSession[K]> };

/** Calls by paths that are text, with the code of the error where one fails. */
export class Client {
  readonly session: WholeSession;

  constructor(session: StoreSession) {
    this.session = session as WholeSession;
  }

  realpath = async (path: string): Promise<string> => text(await this.session.realpath(bytes(path)));
  stat = (path: string, follows: boolean = true): ReturnType<WholeSession['attributes']> =>
    this.session.attributes(bytes(path), follows);
  set = (path: string, attributes: FileAttributes, follows: boolean = true): Promise<void> =>
    this.session.setAttributes(bytes(path), attributes, follows);
  open = (path: string, given: OpenHow): Promise<StoreFile> => this.session.open(bytes(path), given);
  openFolder = (path: string): Promise<StoreFolder> => this.session.openFolder(bytes(path));
  remove = (path: string): Promise<void> => this.session.remove(bytes(path));
  makeFolder = (path: string, mode?: number): Promise<void> => this.session.makeFolder(bytes(path), mode);
  removeFolder = (path: string): Promise<void> => this.session.removeFolder(bytes(path));
  rename = (from: string, to: string, replaces: boolean = false): Promise<void> =>
    this.session.rename(bytes(from), bytes(to), replaces);
  readLink = async (path: string): Promise<string> => text(await this.session.readLink(bytes(path)));
  makeLink = (target: string, path: string): Promise<void> =>
    this.session.makeLink(bytes(target), bytes(path));
  hardLink = (from: string, to: string): Promise<void> => this.session.hardLink(bytes(from), bytes(to));
  statFilesystem = (path: string): ReturnType<WholeSession['statFilesystem']> =>
    this.session.statFilesystem(bytes(path));

  async write(path: string, data: string, given: OpenHow = writing, position: bigint = 0n): Promise<void> {
    const file = await this.open(path, given);
    try {
      await file.write(bytes(data), position);
    } finally {
      await file.close();
    }
  }

  async read(path: string, length: number = 1000, position: bigint = 0n): Promise<string> {
    const file = await this.open(path, how());
    try {
      const into = new Uint8Array(length);
      return text(into.subarray(0, await file.read(into, position)));
    } finally {
      await file.close();
    }
  }

  /** The names of a folder, piece by piece. */
  async list(path: string): Promise<readonly (readonly string[])[]> {
    const folder = await this.openFolder(path);
    const pieces: string[][] = [];
    try {
      for (;;) {
        const entries = await folder.next();
        if (entries.length === 0) return pieces;
        pieces.push(entries.map(({ name }) => text(name)));
      }
    } finally {
      await folder.close();
    }
  }
}

/** What became of a call: `ok`, or the code or reason of its error. */
export async function codeOf(call: Promise<unknown>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    const { code, reason, message } = error as Record<string, string | undefined>;
    return code ?? reason ?? message ?? 'an error';
  }
}

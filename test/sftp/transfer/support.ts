/**
 * Transfers in a test: a folder of this machine that goes away again.
 *
 * Owns: making, reading and removing it.
 * Must not know: what a test transfers.
 */
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach } from 'vitest';
import { SshError } from '../../../src/base/errors.ts';
import type { TransferResult } from '../../../src/sftp/transfer/result.ts';

const made: string[] = [];

afterEach(() => {
  for (const path of made.splice(0)) rmSync(path, { recursive: true, force: true });
});

export class LocalFolder {
  readonly path: string = mkdtempSync(join(tmpdir(), 'deadline-ssh-'));

  constructor() {
    made.push(this.path);
  }

  at(name: string): string {
    return join(this.path, name);
  }

  file(name: string, data: string | Uint8Array = '', mode: number = 0o644): string {
    const path = this.at(name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, data, { mode });
    return path;
  }

  folder(name: string): string {
    mkdirSync(this.at(name), { recursive: true });
    return this.at(name);
  }

  link(name: string, target: string): void {
    mkdirSync(dirname(this.at(name)), { recursive: true });
    symlinkSync(target, this.at(name));
  }

  text(name: string): string {
    return readFileSync(this.at(name), 'latin1');
  }

  mode(name: string): number {
    return lstatSync(this.at(name)).mode & 0o7777;
  }

  /** All below it: folders with a slash, links with their target, files with their text. */
  tree(name: string = '.'): Record<string, string> {
    const found: Record<string, string> = {};
    const visit = (folder: string, prefix: string): void => {
      for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) =>
        a.name < b.name ? -1 : 1,
      )) {
        const path = join(folder, entry.name);
        const key = `${prefix}${entry.name}`;
        if (entry.isDirectory()) {
          found[`${key}/`] = '';
          visit(path, `${key}/`);
        } else if (entry.isSymbolicLink()) found[key] = `-> ${readlinkSync(path)}`;
        else found[key] = entry.isFile() ? readFileSync(path, 'latin1') : 'no file';
      }
    };
    visit(this.at(name), '');
    return found;
  }
}

/** The error that a transfer rejects with. */
export async function failureOf(transfer: Promise<TransferResult>): Promise<SshError> {
  try {
    await transfer;
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error('the transfer went well');
}

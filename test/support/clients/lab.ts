/**
 * What the client programs of one test file share: a folder that is their home, keys in their formats.
 *
 * Owns: the folder, from before the first test until after the last; the law
 * that no test leaves a connection behind.
 * Must not know: which client reads what.
 */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach } from 'vitest';
import { nothingIsLeft } from '../servers/index.ts';
import type { KeyKind } from '../servers/keys.ts';
import { pathOf } from '../servers/programs.ts';

const fixtures = fileURLToPath(new URL('../../../fixtures/keys/', import.meta.url));

/** Text of a private key of the fixtures. */
export function keyText(kind: KeyKind): string {
  return readFileSync(join(fixtures, kind, 'openssh'), 'utf8');
}

/** `ssh-ed25519 AAAA…` of a key of the fixtures. */
export function publicLine(kind: KeyKind): string {
  return readFileSync(join(fixtures, kind, 'id.pub'), 'utf8')
    .trim()
    .split(' ')
    .slice(0, 2)
    .join(' ');
}

export class ClientLab {
  readonly folder: string = mkdtempSync(join(tmpdir(), 'dlssh-clients-'));
  private files = 0;

  /** A new file that only its owner can read. */
  file(content: string, mode: number = 0o600): string {
    const path = join(this.folder, `file-${this.files++}`);
    writeFileSync(path, content, { mode });
    return path;
  }

  /** A file of that name, in folders that are made. */
  named(folder: string, name: string, content: string): string {
    mkdirSync(join(this.folder, folder), { recursive: true, mode: 0o700 });
    const path = join(this.folder, folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  }

  /** A private key of the fixtures as a file of OpenSSH, PuTTY or dropbear. */
  key(kind: KeyKind, format: 'openssh' | 'putty-3.ppk' | 'dropbear'): string {
    const path = join(this.folder, `${kind}.${format}`);
    if (format !== 'dropbear') {
      copyFileSync(join(fixtures, kind, format), path);
      chmodSync(path, 0o600);
      return path;
    }
    const source = this.key(kind, 'openssh');
    const args = ['openssh', 'dropbear', source, path];
    execFileSync(pathOf('dropbearconvert'), args, { stdio: 'pipe' });
    return path;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** A lab for the suite around the call, there from the start. */
export function useClientLab(): ClientLab {
  const lab = new ClientLab();
  afterAll(() => lab.remove());
  afterEach(nothingIsLeft);
  return lab;
}

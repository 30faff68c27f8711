/**
 * A home folder of a user who types commands.
 *
 * Owns: its .ssh folder.
 * Must not know: what is in the files.
 */
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach } from 'vitest';
import type { TestServer } from '../servers/index.ts';

export class Home {
  readonly path: string = realpathSync(mkdtempSync(join(tmpdir(), 'dlssh-home-')));

  constructor() {
    mkdirSync(join(this.path, '.ssh'), { mode: 0o700 });
  }

  /** Path of a file in .ssh. */
  at(name: string): string {
    return join(this.path, '.ssh', name);
  }

  /** Writes a file in .ssh, for the user alone; returns its path. */
  write(name: string, content: string): string {
    writeFileSync(this.at(name), content, { mode: 0o600 });
    return this.at(name);
  }

  read(name: string): string {
    return readFileSync(this.at(name), 'utf8');
  }

  /** Knows the server by its host keys. */
  knows(server: TestServer): this {
    const lines = server.hostKeys.map(({ publicLine }) => `[${server.host}]:${server.port} ${publicLine}\n`);
    this.write('known_hosts', lines.join(''));
    return this;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Homes for the tests of this file; each is removed after its test. */
export function useHomes(): () => Home {
  const homes: Home[] = [];
  afterEach(() => {
    for (const home of homes.splice(0)) home.remove();
  });
  return () => {
    const home = new Home();
    homes.push(home);
    return home;
  };
}

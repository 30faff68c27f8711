/**
 * Other people's programs, where the machine has them. A test that needs one it
 * has not is reported as skipped, by its name and the program's; with
 * DEADLINE_SSH_REQUIRE_SERVERS=1 it fails instead.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'vitest';
import { serversRequired } from '../support/servers/programs.ts';

export type Program = 'ssh-keygen' | 'openssl' | 'puttygen';

function isThere(program: Program): boolean {
  const probe = spawnSync(program, ['--version'], { stdio: 'ignore' });
  return probe.error === undefined;
}

/** A test that runs `program`. */
export function itWith(program: Program, name: string, body: () => void): void {
  if (serversRequired || isThere(program)) it(name, body, 60_000);
  else it.skip(`${name} (${program} is not installed)`, body);
}

/** Standard output of a program. */
export function run(program: Program, args: readonly string[], input?: string): string {
  return execFileSync(program, args, {
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(input === undefined ? {} : { input }),
  });
}

/** Calls `use` with the path of a file of that content that only its owner can read, and removes it. */
export function withFile<T>(content: string, use: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'keys-'));
  try {
    const path = join(folder, 'file');
    writeFileSync(path, content, { mode: 0o600 });
    return use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

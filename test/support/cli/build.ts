/**
 * The command as it is installed: compiled, beside a package.json.
 *
 * Owns: a folder with that, made before the first test of a file and removed
 * after the last.
 * Must not know: what is tested.
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { isCopy, sourceRoot } from '../sourceRoot.ts';

const buildTimeout = 120_000;

/** Compiles the sources for the tests of this file; gives the path of the command while they run. */
export function useBuiltCommand(): () => string {
  let folder: string | undefined;
  beforeAll(() => {
    folder = build();
  }, buildTimeout);
  afterAll(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });
  return () => {
    if (folder === undefined) throw new Error('there is a command only while tests run');
    return join(folder, 'dist', 'cli', 'main.js');
  };
}

function build(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'dlssh-command-')));
  copyFileSync(join(sourceRoot, 'package.json'), join(folder, 'package.json'));
  symlinkSync(join(sourceRoot, 'node_modules'), join(folder, 'node_modules'));
  if (isCopy && existsSync(join(sourceRoot, 'dist'))) {
    cpSync(join(sourceRoot, 'dist'), join(folder, 'dist'), { recursive: true });
    return folder;
  }
  const bundler = join(sourceRoot, 'node_modules', 'rolldown', 'bin', 'cli.mjs');
  // As `npm run build` does, but for the types.
  // `npm run coverage` counts lines of sources.
  const maps = process.env['NODE_V8_COVERAGE'] === undefined ? [] : ['--sourcemap'];
  const args = [bundler, '-c', '--log-level', 'warn', '--dir', join(folder, 'dist'), ...maps];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: sourceRoot, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the sources do not compile:\n${stdout}${stderr}`);
  return folder;
}

/**
 * A copy of the project from which tests compile the command and other child
 * processes over changed sources.
 *
 * Owns: the copy, and the command that is built from it, once.
 * Must not know: what stands in a source, or who runs the tests.
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What compiled programs need of the project. */
const folders = ['src', 'test', 'bench', 'examples', 'demo', 'fixtures'];

export class Mirror {
  constructor(root, folder) {
    this.root = root;
    this.folder = folder;
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    for (const name of folders) cpSync(join(root, name), join(folder, name), { recursive: true });
    for (const name of readdirSync(root)) {
      if (/\.(json|mjs|md)$/.test(name)) cpSync(join(root, name), join(folder, name));
    }
    symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  }

  /** Another text in place of a source. */
  write(path, text) {
    mkdirSync(dirname(join(this.folder, path)), { recursive: true });
    writeFileSync(join(this.folder, path), text);
  }

  /** The command, which tests copy (`test/support/cli/build.ts`) instead of building it each. */
  build() {
    const bundler = join(this.folder, 'node_modules', 'rolldown', 'bin', 'cli.mjs');
    const args = [bundler, '-c', '--log-level', 'warn', '--dir', join(this.folder, 'dist')];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: this.folder, encoding: 'utf8' });
    if (status !== 0) throw new Error(`the changed sources do not compile:\n${stderr}`);
  }
}

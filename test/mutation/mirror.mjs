/**
 * A copy of the project from which tests compile the command and other child
 * processes while a source is changed.
 *
 * Owns: the copy, and the lines that let a child process note its branches.
 * Must not know: which change is made, or who runs the tests.
 */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
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

  /** The source as it is. */
  restore(path) {
    this.write(path, readFileSync(join(this.root, path), 'utf8'));
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** Numbers of branches stay below this. */
export const branchesAtMost = 1 << 17;

/** A line for the top of a source: a process that ends adds the branches it took to a file. */
export function childCounter(file) {
  const collect = `() => {
    const taken = new Uint8Array(${branchesAtMost});
    process.on('exit', () => {
      const numbers = [...taken.keys()].filter((branch) => taken[branch] === 1);
      try { process.getBuiltinModule('node:fs').appendFileSync(${JSON.stringify(file)}, JSON.stringify(numbers) + '\\n'); } catch {}
    });
    return taken;
  }`.replaceAll(/\s*\n\s*/g, ' ');
  return `const __taken: Uint8Array = ((globalThis as any).__taken ??= (${collect})()); const __hit = (branch: number): void => { __taken[branch] = 1; };`;
}

/** A text with a line put before it, behind the `#!` where there is one. */
export function withPreamble(preamble, text) {
  const [shebang = ''] = /^#!.*\n/.exec(text) ?? [];
  return `${shebang}${preamble}${text.slice(shebang.length)}`;
}

/** The branches that child processes noted, and a clean file for the next ones. */
export function takeChildBranches(file) {
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  writeFileSync(file, '');
  return lines.filter((line) => line !== '').flatMap((line) => JSON.parse(line));
}

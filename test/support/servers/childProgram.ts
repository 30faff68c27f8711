/**
 * Programs that run in a process of their own, with nothing in it but the
 * library: what is left there, and what blocks there, is the library's.
 *
 * Owns: their compilation, once for each lab, and their start.
 * Must not know: what they do.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sourceRoot } from '../sourceRoot.ts';

/** The longest a program may take, in milliseconds. */
const endsWithin = 60_000;

/** The compiled library and the programs of one folder, which may import it by its name. */
export class ChildPrograms {
  private readonly folder: string;
  private readonly programs: string;
  private runs = 0;

  /**
   * @param folder that exists and is empty of `compiled`
   * @param programs where they are, from the root of the project
   */
  constructor(folder: string, programs: string = 'test/servers/children') {
    this.folder = join(folder, 'compiled');
    this.programs = programs;
    mkdirSync(this.folder);
    symlinkSync(join(sourceRoot, 'node_modules'), join(this.folder, 'node_modules'));
    const exports = { '.': './src/entry/index.js', './*': './src/entry/*.js' };
    writeFileSync(
      join(this.folder, 'package.json'),
      JSON.stringify({ name: 'deadline-ssh', type: 'module', exports }),
    );
    const config = join(this.folder, 'tsconfig.json');
    writeFileSync(config, JSON.stringify(this.configuration()));
    const compiler = join(sourceRoot, 'node_modules', 'typescript', 'bin', 'tsc');
    const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, '-p', config], {
      encoding: 'utf8',
    });
    if (status !== 0) throw new Error(`the programs do not compile:\n${stdout}${stderr}`);
  }

  /** The compiled file of a program. */
  pathOf(name: string): string {
    return join(this.folder, this.programs, `${name}.js`);
  }

  /**
   * Runs a program to its end and returns what it reported. A program that has
   * finished its work but does not end has left something open, and fails.
   *
   * @param input what it reads with `readInput`
   */
  run(name: string, input: object): Promise<unknown> {
    const program = this.pathOf(name);
    const inputFile = join(this.folder, `input-${this.runs++}.json`);
    writeFileSync(inputFile, JSON.stringify(input), { mode: 0o600 });
    const child = spawn(process.execPath, [program, inputFile], { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += String(chunk);
      });
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), endsWithin);
      child.once('error', reject);
      child.once('close', (code, signal) => {
        clearTimeout(timer);
        if (code === 0) resolve(JSON.parse(readFileSync(`${inputFile}.report`, 'utf8')));
        else reject(new Error(`${name} ended with ${code ?? signal}:\n${output}`));
      });
    });
  }

  /** Types are checked elsewhere. */
  private configuration(): object {
    return {
      extends: join(sourceRoot, 'tsconfig.json'),
      compilerOptions: {
        noEmit: false,
        noCheck: true,
        // `npm run coverage` counts lines of sources.
        sourceMap: process.env['NODE_V8_COVERAGE'] !== undefined,
        declaration: false,
        isolatedDeclarations: false,
        rootDir: sourceRoot,
        outDir: this.folder,
      },
      include: [join(sourceRoot, 'src'), join(sourceRoot, this.programs)],
    };
  }
}

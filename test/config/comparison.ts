/**
 * One configuration, given to a genuine ssh and to this library.
 *
 * Owns: its files on the disk, and what both are asked.
 * Must not know: what either says.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { folderMark, type GeneratedConfig } from './arbitraries.ts';
import { differences } from './differences.ts';
import { type Judge, ours, theirs } from './programs.ts';

/** Variables that values name. */
export const environment: Readonly<Record<string, string>> = { CONFIG_TEST: '/tmp' };

/** What differs, a line each, with the files in front; nothing where all is the same. */
export async function compare(
  judge: Judge,
  config: GeneratedConfig,
  folder: string,
): Promise<readonly string[]> {
  mkdirSync(folder, { recursive: true });
  try {
    for (const [name, text] of Object.entries(config.files)) {
      writeFileSync(join(folder, name), text.replaceAll(folderMark, folder), { mode: 0o644 });
    }
    const asked = { file: join(folder, 'main'), host: config.host, overrides: config.overrides };
    const found = differences(judge, await theirs(judge, asked), await ours(judge, asked));
    return found.length === 0 ? [] : [judge.name, JSON.stringify(config, undefined, 1), ...found];
  } finally {
    rmSync(folder, { recursive: true });
  }
}

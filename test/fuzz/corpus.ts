/**
 * Seeds: inputs from true conversations and key files.
 *
 * Owns: the form of fixtures/corpus (a line of hex for each input), the way to the key files.
 * Must not know: what a target does with them.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The root of the project: commands and tests run there. */
const root = process.cwd();

/** The inputs kept for a target; none where there is no file. */
export function corpusOf(target: string): Uint8Array[] {
  const path = join(root, 'fixtures/corpus', `${target}.txt`);
  if (!existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== '')
    .map((line) => new Uint8Array(Buffer.from(line, 'hex')));
}

/** The files of fixtures/keys whose path fits. */
export function keyFiles(pattern: RegExp): Uint8Array[] {
  const folder = join(root, 'fixtures/keys');
  return (readdirSync(folder, { recursive: true }) as string[])
    .filter((path) => pattern.test(path.replaceAll('\\', '/')))
    .sort()
    .map((path) => new Uint8Array(readFileSync(join(folder, path))));
}

/** An input with a byte before it that says how to take it. */
export function withFirst(first: number, data: Uint8Array): Uint8Array {
  const result = new Uint8Array(data.length + 1);
  result[0] = first;
  result.set(data, 1);
  return result;
}

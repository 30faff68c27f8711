/** Descriptors of this process, for tests of what closes them. Linux tells. */
import { readdirSync, readlinkSync } from 'node:fs';
import { expect } from 'vitest';

/** Those of files and folders below a path; none where the system does not tell. */
export function openBelow(path: string): readonly string[] {
  if (process.platform !== 'linux') return [];
  return readdirSync('/proc/self/fd')
    .map((name) => {
      try {
        return readlinkSync(`/proc/self/fd/${name}`);
      } catch {
        return '';
      }
    })
    .filter((target) => target === path || target.startsWith(`${path}/`))
    .sort();
}

/** A close that nobody waits for is over a few turns of the loop later. */
export async function expectClosedBelow(path: string): Promise<void> {
  for (let turn = 0; turn < 2000 && openBelow(path).length > 0; turn++) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(openBelow(path)).toEqual([]);
}

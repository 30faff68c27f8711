/** The code of compression, which most programs never need. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { sourceFiles } from '../architecture/sources.ts';
import { ChildPrograms } from '../support/servers/childProgram.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Files that bring `module` along when they are loaded. */
const broughtBy = (module: string): string[] =>
  sourceFiles(root)
    .filter(({ text }) => new RegExp(`^(?:import|export) (?!type\\b)[^;]*/${module}\\.ts';$`, 'm').test(text))
    .map(({ path }) => path);

it('comes with no module but the one that is loaded when it is agreed on, and with the core for those who wait for nothing', () => {
  expect(broughtBy('deflate')).toEqual(['src/packet/zlib.ts']);
  expect(broughtBy('inflate')).toEqual(['src/packet/zlib.ts']);
  expect(broughtBy('huffman')).toEqual(['src/packet/deflate.ts', 'src/packet/inflate.ts']);
  expect(broughtBy('zlib')).toEqual(['src/protocol/eagerProvider.ts']);
  expect(broughtBy('eagerProvider')).toEqual(['src/entry/protocol.ts', 'src/protocol/eagerProvider.ts']);
});

it('is not there after a dial without compression, and there after one that agreed on it', {
  timeout: 90_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'compression-code-'));
  try {
    expect(await new ChildPrograms(folder).run('compressionCode', {})).toEqual({
      atFirst: false,
      afterPlain: false,
      afterCompressed: true,
      isSame: true,
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/**
 * The built package, as its users import it.
 *
 * Owns: the way to each entry of `dist`, typed by its source, and a server of that package.
 * Must not know: what is tested.
 */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

type Entries = {
  index: typeof import('../../src/entry/index.ts');
  diagnostics: typeof import('../../src/entry/diagnostics.ts');
  keys: typeof import('../../src/entry/keys.ts');
  protocol: typeof import('../../src/entry/protocol.ts');
  server: typeof import('../../src/entry/server.ts');
  wire: typeof import('../../src/entry/wire.ts');
};

/** Where `npm run build` puts it. */
export const dist: string = fileURLToPath(new URL('../../dist/', import.meta.url));

/** An entry; the same module for all who ask, which plain Node loads. */
export async function built<Name extends keyof Entries>(name: Name): Promise<Entries[Name]> {
  const path = `${dist}entry/${name}.js`;
  if (!existsSync(path)) throw new Error('there is no dist: run `npm run build` first');
  return (await import(/* @vite-ignore */ path)) as Entries[Name];
}

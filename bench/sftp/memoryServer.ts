/**
 * A server of this library whose one folder has as many entries as it is told.
 *
 * Argument: how many. Prints its port.
 */
import type { ServedEntry, SshServer } from '../../src/entry/server.ts';

const count = Number(process.argv[2]);
const built = (name: string): string => new URL(`../../../../dist/entry/${name}.js`, import.meta.url).href;
const { createServer, serveFiles } = (await import(
  built('server')
)) as typeof import('../../src/entry/server.ts');
const { generateKey } = (await import(built('keys'))) as typeof import('../../src/entry/keys.ts');

function* entries(): Iterable<ServedEntry> {
  for (let i = 0; i < count; i++) yield { name: `entry-${i}`, type: 'file', size: i, mode: 0o644 };
}

const server: SshServer = await createServer({
  hostKeys: generateKey('ed25519'),
  authentication: { none: () => true },
  sftp: serveFiles({
    readdir: () => entries(),
    stat: () => ({ type: 'folder' }),
  }),
});
const { port } = await server.listen();
process.stdout.write(`${port}\n`);

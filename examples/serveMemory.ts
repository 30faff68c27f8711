/**
 * An SFTP server whose files are in memory, for the tests of a program of yours:
 *
 *     node serveMemory.js 2222      then      sftp -P 2222 127.0.0.1, with any password
 */
import { generateKey } from 'deadline-ssh/keys';
import { createServer } from 'deadline-ssh/server';
import { MemoryStore } from './memoryStore.ts';

const server = await createServer({
  hostKeys: generateKey('ed25519'),
  authentication: { none: () => true, password: () => true },
  sftp: new MemoryStore(),
  onError: (error) => console.error(error),
});
const { host, port } = await server.listen(Number(process.argv[2] ?? 0));
console.log(`listening on ${host}:${port}`);
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());

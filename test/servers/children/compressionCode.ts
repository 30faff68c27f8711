/**
 * Dials a server of this process without compression and then with it, and
 * reports after which of them the code of DEFLATE was there.
 */
import { acceptAnyHostKey, connect } from '../../../src/entry/index.ts';
import { generateKey } from '../../../src/entry/keys.ts';
import { createServer } from '../../../src/entry/server.ts';
import { compressionSlot } from '../../../src/packet/compressionCode.ts';
import { writeReport } from './exchange.ts';

const server = await createServer({
  hostKeys: generateKey('ed25519'),
  authentication: { none: () => true },
  algorithms: { compression: ['none', 'zlib@openssh.com'] },
  exec: async ({ stdout }, command) => {
    stdout.end(command);
    return 0;
  },
});
const { port } = await server.listen(0, '127.0.0.1');

async function echoed(compression: string): Promise<string> {
  await using client = await connect({
    host: '127.0.0.1',
    port,
    username: 'ops',
    verifyHostKey: acceptAnyHostKey(),
    algorithms: { compression: [compression] },
  });
  return (await client.run('again and again '.repeat(64))).stdout;
}

const atFirst = compressionSlot.ready;
const plain = await echoed('none');
const afterPlain = compressionSlot.ready;
const compressed = await echoed('zlib@openssh.com');
const afterCompressed = compressionSlot.ready;
await server.close();
writeReport({ atFirst, afterPlain, afterCompressed, isSame: plain === compressed && plain.length > 512 });

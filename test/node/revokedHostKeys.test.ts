/** A file of revoked keys that cannot be read, or is no file, revokes every key. */
import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { HostKeyInfo, HostKeyPolicy } from '../../src/client/hostKeys/hostKeys.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { withoutRevoked } from '../../src/node/knownHosts/revokedHostKeys.ts';
import { testHostKey } from '../support/conversation.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'revoked-'));
  execFileSync('mkfifo', [join(folder, 'fifo')]);
  await writeFile(join(folder, 'empty'), '');
});
afterAll(() => rm(folder, { recursive: true }));

const accepts = { verify: () => true } as unknown as HostKeyPolicy;
const info = { host: 'a', port: 22, blob: encodePublicKey(testHostKey.publicKey) } as unknown as HostKeyInfo;
const verdict = async (...files: readonly string[]): Promise<unknown> =>
  withoutRevoked(accepts, files).verify(info, {} as never);

it.each([
  ['none', 'there is no such file'],
  ['fifo', 'it is not a regular file'],
  ['', 'it is a folder'],
])('"%s" lets no key through: %s', async (name, why) => {
  const file = join(folder, name);
  await expect(verdict(join(folder, 'empty'), file)).rejects.toMatchObject({
    code: 'ERR_SSH_OPTIONS',
    message: `no host key is accepted while the file of revoked keys ${file} cannot be read: ${why}`,
  });
});

it('an empty one, or /dev/null, lets all through that the policy takes', async () => {
  expect(await verdict(join(folder, 'empty'), '/dev/null')).toBe(true);
});

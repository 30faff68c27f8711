/** Which version of a known_hosts file is held: by its state, and where that cannot tell, by its content. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import type { FileVersion } from '../../src/node/knownHosts/regularFile.ts';
import { seededBytes } from '../support/conversation.ts';

vi.mock('../../src/node/knownHosts/regularFile.ts', { spy: true });
// Modules that a test of another file has loaded, in the same process, would not be looked at.
vi.resetModules();
const regularFile = await import('../../src/node/knownHosts/regularFile.ts');
const { formatKnownHostsLine, KnownHosts } = await import('../../src/keys/knownHosts/knownHosts.ts');
const { readKnownHosts, readKnownHostsFile } = await import('../../src/node/knownHosts/knownHostsCache.ts');

const key = encodePublicKey(generateKey('ed25519', { randomBytes: seededBytes(95) }).publicKey);
const line = (host: string): string => formatKnownHostsLine(host, 22, key);

// Nor is anybody after this to get those with spies in them.
afterAll(() => {
  vi.resetModules();
});

let folder: string;
let file: string;
beforeEach(() => {
  // How long a read takes is none of these tests' matter.
  vi.useFakeTimers({ toFake: ['Date'] });
  folder = mkdtempSync(join(tmpdir(), 'dlssh-cache-'));
  file = join(folder, 'known_hosts');
});
afterEach(() => {
  vi.resetAllMocks();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

/** The file system tells nothing of changes, the last of which was so long ago. */
async function coarse(milliseconds: number): Promise<void> {
  const real = await vi.importActual<typeof regularFile>('../../src/node/knownHosts/regularFile.ts');
  const blurred = (version: FileVersion): FileVersion => ({
    ...version,
    id: `the same ${folder}`,
    changed: Date.now() - milliseconds,
  });
  vi.mocked(regularFile.versionOf).mockImplementation(async (path) => {
    const version = await real.versionOf(path);
    return version && blurred(version);
  });
  vi.mocked(regularFile.readRegularFile).mockImplementation(async (...args) => {
    const read = await real.readRegularFile(...args);
    return read && { ...read, version: blurred(read.version) };
  });
}

const hosts = async (): Promise<readonly string[]> =>
  (await readKnownHostsFile(file)).known.entries.map((entry) => entry.hosts);

describe('a version of a file', () => {
  it('that was changed just now is read again, and indexed again only where it is another', async () => {
    await coarse(0);
    const index = vi.spyOn(KnownHosts, 'readInSteps');
    writeFileSync(file, line('a'));
    expect(await hosts()).toEqual(['a']);
    writeFileSync(file, line('b'));
    expect(await hosts()).toEqual(['b']);
    expect(await hosts()).toEqual(['b']);
    expect(regularFile.readRegularFile).toHaveBeenCalledTimes(3);
    expect(index).toHaveBeenCalledTimes(2);
  });

  it('that has settled is read once', async () => {
    await coarse(1_000);
    writeFileSync(file, line('a'));
    for (let time = 0; time < 5; time++) expect(await hosts()).toEqual(['a']);
    expect(regularFile.readRegularFile).toHaveBeenCalledTimes(1);
  });

  it('is read once by all who ask at once', async () => {
    await coarse(0);
    writeFileSync(file, line('a'));
    await Promise.all(Array.from({ length: 50 }, () => readKnownHosts([file], 'a', 22)));
    expect(regularFile.readRegularFile).toHaveBeenCalledTimes(1);
  });

  it('is forgotten where so many other files are read', async () => {
    writeFileSync(file, line('a'));
    const index = vi.spyOn(KnownHosts, 'readInSteps');
    await hosts();
    for (let i = 0; i < 130; i++) {
      const other = join(folder, `other-${i}`);
      writeFileSync(other, line('b'));
      await readKnownHostsFile(other);
    }
    await hosts();
    expect(index).toHaveBeenCalledTimes(132);
  });

  it('that is too long is an error and is not read', async () => {
    const real = await vi.importActual<typeof regularFile>('../../src/node/knownHosts/regularFile.ts');
    vi.mocked(regularFile.readRegularFile).mockImplementation((path, flags) =>
      real.readRegularFile(path, flags, 10),
    );
    writeFileSync(file, line('a'));
    await expect(readKnownHostsFile(file)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining('longer than 10 bytes'),
    });
  });

  it.each([
    ['EMFILE', 'local', /; this process has no file descriptors left: .*ulimit -n/],
    ['ENOMEM', 'local', /; the system has no memory left$/],
    ['EACCES', 'user', /EACCES$/],
  ])('that cannot be read tells whose matter that is: %s', async (code, origin, message) => {
    vi.mocked(regularFile.readRegularFile).mockRejectedValue(Object.assign(new Error(code), { code }));
    writeFileSync(file, line('a'));
    await expect(readKnownHostsFile(file)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      origin,
      message: expect.stringMatching(message),
    });
  });
});

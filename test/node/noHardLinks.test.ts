/**
 * What file systems and other programs do at the worst of moments: no hard links
 * (FAT, some of FUSE, some of networks), half a write, a lock that changes hands.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import * as files from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import { takeLock } from '../../src/node/knownHosts/fileLock.ts';
import { addKnownHost, changeKnownHosts } from '../../src/node/knownHosts/knownHostsFile.ts';
import { seededBytes } from '../support/conversation.ts';

vi.mock('node:fs/promises', { spy: true });

const key = encodePublicKey(generateKey('ed25519', { randomBytes: seededBytes(91) }).publicKey);
const fault = (code: string): Error => Object.assign(new Error(code), { code });

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-links-'));
  file = join(folder, 'known_hosts');
});
afterEach(() => {
  // Each is itself again.
  vi.resetAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK'])('where `link` says %s', (code) => {
  beforeEach(() => {
    vi.mocked(files.link).mockRejectedValue(fault(code));
  });

  it('known_hosts is locked and changed all the same', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map((host) => addKnownHost(file, host, 22, key)));
    expect(files.link).toHaveBeenCalledTimes(4);
    await changeKnownHosts(file, async () => ({ added: [], removed: new Set([1]) }));
    expect(KnownHosts.parse(readFileSync(file)).entries).toHaveLength(3);
    expect(readdirSync(folder)).toEqual(['known_hosts']);
  });

  it('a lock that another holds is waited for, and one that was left is taken over', async () => {
    const lock = `${file}.lock`;
    writeFileSync(lock, '');
    await expect(takeLock(lock, { timeout: 50 })).rejects.toMatchObject({ waitingFor: 'lock' });
    utimesSync(lock, 1_000, 1_000);
    const taken = await takeLock(lock, { timeout: 20_000 });
    expect(await taken?.isHeld()).toBe(true);
    await taken?.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a lock that cannot be written does not stay behind', async () => {
    const { writeFile } = await vi.importActual<typeof files>('node:fs/promises');
    vi.mocked(files.writeFile).mockImplementation(async (path, ...rest) => {
      if (path !== `${file}.lock`) return writeFile(path, ...rest);
      // Made, and then no space for what is in it.
      writeFileSync(String(path), '');
      throw fault('ENOSPC');
    });
    await expect(addKnownHost(file, 'a', 22, key)).rejects.toThrow('ENOSPC');
    expect(readdirSync(folder)).toEqual([]);
  });
});

describe('a lock that was left', () => {
  const lock = (): string => `${file}.lock`;
  const living = `${process.pid} ${hostname()} somebody\n`;

  beforeEach(() => {
    writeFileSync(lock(), '1 elsewhere somebody\n');
    utimesSync(lock(), 1_000, 1_000);
  });

  /** Another program does something just before the lock is taken away. */
  async function justBefore(step: () => void): Promise<void> {
    const { rename } = await vi.importActual<typeof files>('node:fs/promises');
    vi.mocked(files.rename).mockImplementationOnce(async (from, to) => {
      step();
      return rename(from, to);
    });
  }

  it('and that a faster program has taken since is put back', async () => {
    await justBefore(() => {
      rmSync(lock());
      writeFileSync(lock(), living);
    });
    await expect(takeLock(lock(), { timeout: 50 })).rejects.toMatchObject({ waitingFor: 'lock' });
    expect(readFileSync(lock(), 'utf8')).toBe(living);
    expect(readdirSync(folder)).toEqual(['known_hosts.lock']);
  });

  it('and that a faster program has taken since is put back without hard links too', async () => {
    vi.mocked(files.link).mockRejectedValue(fault('EPERM'));
    await justBefore(() => {
      rmSync(lock());
      writeFileSync(lock(), living);
    });
    await expect(takeLock(lock(), { timeout: 50 })).rejects.toMatchObject({ waitingFor: 'lock' });
    expect(readFileSync(lock(), 'utf8')).toBe(living);
  });

  it('and is gone meanwhile is taken', async () => {
    await justBefore(() => rmSync(lock()));
    const taken = await takeLock(lock(), { timeout: 20_000 });
    expect(await taken?.isHeld()).toBe(true);
    await taken?.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('and may not be taken away, such as another user’s in a folder for all, means that there is none', async () => {
    vi.mocked(files.rename).mockRejectedValue(fault('EPERM'));
    expect(await takeLock(lock(), { timeout: 20_000 })).toBeUndefined();
    // The line is added all the same, as ssh does it.
    await addKnownHost(file, 'a', 22, key);
    expect(KnownHosts.parse(readFileSync(file)).entries).toHaveLength(1);
  });
});

describe('a short write', () => {
  it('is taken back, unless another program has written behind it', async () => {
    const before = '# first\n';
    const { open } = await vi.importActual<typeof files>('node:fs/promises');
    const half = (between: () => void): void => {
      vi.mocked(files.open).mockImplementation(async (path, flags, mode) => {
        const handle = await open(path, flags, mode);
        if (path !== file || typeof flags !== 'number' || (flags & 2) === 0) return handle;
        const write = handle.write.bind(handle) as (
          ...args: readonly unknown[]
        ) => Promise<{ bytesWritten: number }>;
        Object.assign(handle, {
          write: async (bytes: Buffer) => {
            const { bytesWritten } = await write(bytes, 0, 10, null);
            between();
            return { bytesWritten, buffer: bytes };
          },
        });
        return handle;
      });
    };
    writeFileSync(file, before);
    half(() => {});
    await expect(addKnownHost(file, 'host.example', 22, key)).rejects.toThrow('space');
    expect(readFileSync(file, 'utf8')).toBe(before);
    half(() => writeFileSync(file, '# by ssh\n', { flag: 'a' }));
    await expect(addKnownHost(file, 'host.example', 22, key)).rejects.toThrow('space');
    const line = formatKnownHostsLine('host.example', 22, key);
    expect(readFileSync(file, 'utf8')).toBe(`${before}${line.slice(0, 10)}# by ssh\n`);
  });
});

/** The known_hosts files of this machine, which change while a program runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { defaultIdentityFiles } from '../../src/cli/connection/identities.ts';
import { userKnownHostsFile } from '../../src/cli/connection/knownHostsFile.ts';
import { describeHostKey } from '../../src/client/hostKeys/hostKeys.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import * as sha1 from '../../src/keys/knownHosts/sha1Block.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { knownHosts, trustOnFirstUse } from '../../src/node/knownHosts/knownHosts.ts';
import { asUser, nobody } from '../support/asUser.ts';
import { describeWith } from '../support/servers/programs.ts';

const { publicKey } = generateKey('ed25519');
const other = generateKey('ed25519').publicKey;
const shown = describeHostKey(createOpensslProvider(), 'web1', 22, encodePublicKey(publicKey), 'ssh-ed25519');

let folder: string;
let file: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-known-'));
  file = join(folder, 'known_hosts');
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

describe('known_hosts', () => {
  it('is read anew when it has changed, come or gone', async () => {
    const { verify } = knownHosts(file);
    const outcome = async (): Promise<unknown> => {
      try {
        return await verify(shown);
      } catch (error) {
        return (error as { readonly code: string }).code;
      }
    };
    expect(await outcome()).toBe('ERR_SSH_HOST_KEY_UNKNOWN');
    writeFileSync(file, formatKnownHostsLine('web1', 22, publicKey));
    expect(await outcome()).toBe(true);
    // As long as before, at once: neither size nor time need tell.
    writeFileSync(file, formatKnownHostsLine('web1', 22, other));
    expect(await outcome()).toBe('ERR_SSH_HOST_KEY_CHANGED');
    writeFileSync(file, formatKnownHostsLine('web1', 22, publicKey));
    expect(await outcome()).toBe(true);
    rmSync(file);
    expect(await outcome()).toBe('ERR_SSH_HOST_KEY_UNKNOWN');
  });

  it('is read anew however often it changes within a tick of the file system’s clock', async () => {
    const { verify } = knownHosts(file);
    for (let time = 0; time < 40; time++) {
      const isKnown = time % 3 === 0;
      writeFileSync(file, formatKnownHostsLine('web1', 22, isKnown ? publicKey : other));
      const verdict = Promise.resolve(verify(shown)).then(
        () => true,
        () => false,
      );
      expect(await verdict, `time ${time}`).toBe(isKnown);
    }
  });

  it('is read and indexed once for all policies and dials while it stays the same', async () => {
    writeFileSync(file, formatKnownHostsLine('web1', 22, publicKey));
    const read = vi.spyOn(KnownHosts, 'readInSteps');
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        const { verify, keyTypes, wantsCertificate } = knownHosts(file);
        expect(await keyTypes?.('web1', 22)).toEqual(['ssh-ed25519']);
        expect(await wantsCertificate?.('web1', 22)).toBe(false);
        expect(await verify(shown)).toBe(true);
      }),
    );
    expect(read.mock.calls.length).toBe(1);
    await appendFile(file, formatKnownHostsLine('web2', 22, publicKey));
    expect(await knownHosts(file).keyTypes?.('web2', 22)).toEqual(['ssh-ed25519']);
    // Written just now, it is read again and found to be the same.
    expect(await knownHosts(file).keyTypes?.('web2', 22)).toEqual(['ssh-ed25519']);
    expect(read.mock.calls.length).toBe(2);
  });

  it('is searched for a hidden host once for all dials to it', async () => {
    const salt = (i: number): Uint8Array => new Uint8Array(20).fill(i);
    const lines = Array.from({ length: 2000 }, (_, i) =>
      formatKnownHostsLine(i === 1500 ? 'web1' : `host${i}`, 22, publicKey, { salt: salt(i & 255) }),
    );
    writeFileSync(file, lines.join(''));
    const block = vi.spyOn(sha1, 'sha1Block');
    const policy = knownHosts(file);
    await policy.keyTypes?.('web1', 22);
    // Two for the key of each, which are the same for all hosts, and two for the host.
    expect(block.mock.calls.length).toBe(4 * 2000);
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        expect(await knownHosts(file).verify(shown)).toBe(true);
        expect(await policy.keyTypes?.('web1', 22)).toEqual(['ssh-ed25519']);
      }),
    );
    expect(block.mock.calls.length).toBe(4 * 2000);
    // The host with its port is known: the bare host is not looked for.
    writeFileSync(file, formatKnownHostsLine('web3', 2222, publicKey, { salt: salt(1) }));
    block.mockClear();
    expect(await policy.keyTypes?.('web3', 2222)).toEqual(['ssh-ed25519']);
    expect(block.mock.calls.length).toBe(4);
    expect(await policy.keyTypes?.('web4', 2222)).toEqual([]);
    expect(block.mock.calls.length).toBe(4 + 2 + 2);
  });

  it('is read and searched in slices of the event loop', async () => {
    const hidden = (i: number): string =>
      formatKnownHostsLine(`host${i}`, 22, publicKey, { salt: new Uint8Array(20).fill(i & 255) });
    // Fifteen steps to read, and as many to search.
    const lines = Array.from({ length: 15 * 256 }, (_, i) => hidden(i));
    writeFileSync(file, lines.join(''));
    let now = performance.now();
    // A millisecond passes whenever somebody looks.
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => ++now);
    const turns = countTurns();
    expect(await knownHosts(file).keyTypes?.('host9', 22)).toEqual(['ssh-ed25519']);
    expect(turns.stop()).toBeGreaterThan(10);
    clock.mockRestore();
  });

  it('that cannot be read is tried anew', async () => {
    const { verify } = knownHosts(folder, file);
    await expect(Promise.resolve(verify(shown))).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    await expect(Promise.resolve(verify(shown))).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  });
});

describe('a user without a home', () => {
  it.each(['', 'relative/home'])('which is what HOME=%j means, has the system’s file alone', async (home) => {
    vi.stubEnv('HOME', home);
    const policy = knownHosts();
    await expect(Promise.resolve(policy.verify(shown))).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_UNKNOWN',
      message: expect.stringMatching(/is not in \/etc\/ssh\/ssh_known_hosts;/),
    });
  });

  it('has nowhere to keep keys, which is an error at once, unless a file is named', async () => {
    vi.stubEnv('HOME', '');
    for (const make of [
      trustOnFirstUse,
      () => knownHosts({ unknown: 'add' }),
      () => knownHosts({ update: true }),
    ]) {
      expect(make).toThrow(expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }));
    }
    expect(await trustOnFirstUse({ files: file }).verify(shown)).toBe(true);
  });
});

describeWith({ programs: [], root: true }, 'a user whom the system has no name for', () => {
  it('and who has no HOME, has the system’s file alone, and nowhere to keep keys', async () => {
    vi.stubEnv('HOME', undefined);
    await asUser(nobody, async () => {
      expect(homedir).toThrow();
      const policy = knownHosts();
      await expect(Promise.resolve(policy.verify(shown))).rejects.toMatchObject({
        code: 'ERR_SSH_HOST_KEY_UNKNOWN',
      });
      expect(trustOnFirstUse).toThrow(expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }));
      expect(userKnownHostsFile).toThrow(expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }));
      expect(defaultIdentityFiles()).toEqual([]);
      const dialling = connect({ host: '127.0.0.1', port: 1, username: 'ops', agent: false });
      await expect(dialling).rejects.toMatchObject({ code: 'ERR_SSH_CONNECT' });
    });
  });
});

/** How often the event loop went round. */
function countTurns(): { readonly stop: () => number } {
  let turns = 0;
  let next = setImmediate(function again() {
    turns++;
    next = setImmediate(again);
  });
  return {
    stop: () => {
      clearImmediate(next);
      return turns;
    },
  };
}

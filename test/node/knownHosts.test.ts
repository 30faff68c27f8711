/** The known_hosts files of this machine, which change while a program runs. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { describeHostKey } from '../../src/client/hostKeys.ts';
import { encodePublicKey } from '../../src/crypto/publicKey.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { knownHosts } from '../../src/node/knownHosts.ts';

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
    // As long as before: the size does not tell.
    writeFileSync(file, formatKnownHostsLine('web1', 22, other));
    expect(await outcome()).toBe('ERR_SSH_HOST_KEY_CHANGED');
    rmSync(file);
    expect(await outcome()).toBe('ERR_SSH_HOST_KEY_UNKNOWN');
  });

  it('is parsed once for all dials of a policy while it stays the same', async () => {
    writeFileSync(file, formatKnownHostsLine('web1', 22, publicKey));
    const parse = vi.spyOn(KnownHosts, 'parse');
    const { verify, keyTypes } = knownHosts(file);
    await Promise.all(
      Array.from({ length: 100 }, async () => {
        expect(await keyTypes?.('web1', 22)).toEqual(['ssh-ed25519']);
        expect(await verify(shown)).toBe(true);
      }),
    );
    expect(parse.mock.calls.length).toBe(1);
  });

  it('that cannot be read is tried anew', async () => {
    const { verify } = knownHosts(folder, file);
    await expect(Promise.resolve(verify(shown))).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    await expect(Promise.resolve(verify(shown))).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  });
});

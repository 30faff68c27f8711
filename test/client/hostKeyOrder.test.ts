/** In which order the algorithms of host keys are asked for, by what is known of the host. */
import { describe, expect, it } from 'vitest';
import { type ConnectOptions, resolveOptions } from '../../src/client/dial/options.ts';
import { orderHostKeyAlgorithms } from '../../src/client/hostKeys/hostKeyOrder.ts';
import type { BeforeHostKey, HostKeyPolicy } from '../../src/client/hostKeys/hostKeys.ts';

const verify = (): boolean => true;
const resolved = (given: ConnectOptions) =>
  resolveOptions(
    { host: 'h', port: 7, username: 'u', ...given },
    () => undefined,
    (name) => name,
  );

async function order(
  known: Partial<HostKeyPolicy>,
  given: ConnectOptions = {},
): Promise<{ readonly names: readonly string[]; readonly usual: readonly string[] }> {
  const options = resolved(given);
  const policy = { verify, ...known } as HostKeyPolicy;
  const { preferences } = await orderHostKeyAlgorithms(options, policy, {} as BeforeHostKey);
  return { names: preferences.hostKey, usual: options.preferences.hostKey };
}

describe('the order of host key algorithms', () => {
  it('is the usual one where nothing is known, or nobody is asked', async () => {
    for (const known of [{}, { keyTypes: () => [] }, { wantsCertificate: () => false }]) {
      const { names, usual } = await order(known);
      expect(names).toBe(usual);
    }
    const options = resolved({});
    expect(await orderHostKeyAlgorithms(options, verify, {} as BeforeHostKey)).toBe(options);
  });

  it('begins with the types by which the host is known, also those that are offered to nobody else', async () => {
    const asked: unknown[] = [];
    const { names, usual } = await order({
      keyTypes: async (host, port) => {
        asked.push([host, port]);
        return ['ssh-rsa'];
      },
    });
    expect(asked).toEqual([['h', 7]]);
    const rsa = usual.filter((name) => name.startsWith('rsa-'));
    expect(names.slice(0, rsa.length)).toEqual(rsa);
    expect(new Set(names).size).toBe(names.length);
    for (const name of usual) expect(names).toContain(name);
    const token = 'sk-ssh-ed25519@openssh.com';
    expect((await order({ keyTypes: () => [token] })).names[0]).toBe(token);
    expect((await order({ keyTypes: () => ['ssh-ed25519'] })).names).not.toContain(token);
  });

  it('begins with certificates where an authority vouches for the host, and has none elsewhere', async () => {
    const isCertified = (name: string): boolean => name.includes('-cert-v01@');
    const { names, usual } = await order({ wantsCertificate: () => true });
    const count = names.filter(isCertified).length;
    expect(count).toBeGreaterThan(3);
    expect(names.slice(0, count).every(isCertified)).toBe(true);
    expect(names.slice(count)).toEqual(usual);
    expect((await order({ keyTypes: () => ['ssh-rsa'] })).names.some(isCertified)).toBe(false);
  });

  it('is that of the caller where that is a list, and has nothing that the caller removes', async () => {
    const hostKey = ['ssh-ed25519', 'rsa-sha2-512'];
    const known = { keyTypes: () => ['ssh-rsa'], wantsCertificate: () => true };
    expect((await order(known, { algorithms: { hostKey } })).names).toEqual(hostKey);
    const removed = 'ssh-ed25519-cert-v01@openssh.com';
    const { names } = await order(known, { algorithms: { hostKey: { remove: [removed, 'rsa-sha2-512'] } } });
    expect([names.includes(removed), names.includes('rsa-sha2-512')]).toEqual([false, false]);
    expect(names.some((name) => name.includes('-cert-v01@'))).toBe(true);
  });

  it('cannot be had of a verifier that answers with no list', async () => {
    const keyTypes = (() => 'ssh-rsa') as unknown as NonNullable<HostKeyPolicy['keyTypes']>;
    await expect(order({ keyTypes })).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: 'keyTypes must answer with a list of types of keys',
    });
    const fault = new Error('a fault');
    const failing = order({
      wantsCertificate: () => {
        throw fault;
      },
    });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_SSH_CALLBACK', phase: 'options', cause: fault });
  });
});

/** The option `algorithms`: its forms, and errors that list what there is. */
import { describe, expect, it } from 'vitest';
import {
  ciphers,
  compressions,
  kexMethods,
  macs,
  type Offered,
  signatureAlgorithms,
} from '../../src/crypto/algorithms.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';

const tables = {
  kex: kexMethods,
  hostKey: signatureAlgorithms,
  cipher: ciphers,
  mac: macs,
  compression: compressions,
};
const kinds = Object.keys(tables) as (keyof typeof tables)[];
const namesWhere = (kind: keyof typeof tables, isMeant: (row: Offered) => boolean): string[] =>
  Object.entries<Offered>(tables[kind])
    .filter(([, row]) => isMeant(row))
    .map(([name]) => name);
const legacyOf = (kind: keyof typeof tables): string[] => namesWhere(kind, (row) => row.legacy);
const compatibleOf = (kind: keyof typeof tables): string[] =>
  namesWhere(kind, (row) => row.byDefault || row.compatible);
const refusal = (message: string): object => ({
  code: 'ERR_SSH_OPTIONS',
  phase: 'options',
  message: expect.stringContaining(message),
});
const attempt = (given: unknown): unknown => {
  try {
    return resolveAlgorithms(given as Parameters<typeof resolveAlgorithms>[0]);
  } catch (error) {
    return error;
  }
};

describe('the option algorithms', () => {
  it('offers the default ones where nothing is said, and none that is legacy', () => {
    expect(resolveAlgorithms(undefined)).toEqual(defaultPreferences);
    for (const kind of kinds) {
      for (const name of legacyOf(kind)) expect(defaultPreferences[kind]).not.toContain(name);
    }
  });

  it("puts what only old servers need behind the others with 'legacy', for all kinds or for one", () => {
    const all = resolveAlgorithms('legacy');
    for (const kind of kinds) expect(all[kind]).toEqual([...compatibleOf(kind), ...legacyOf(kind)]);
    expect(legacyOf('cipher')).toEqual(['aes128-cbc', 'aes192-cbc', 'aes256-cbc', '3des-cbc']);
    const one = resolveAlgorithms({ mac: 'legacy' });
    expect(one).toEqual({
      ...defaultPreferences,
      mac: all.mac,
      wider: { ...defaultPreferences.wider, mac: all.mac },
    });
  });

  it("puts what is sound and no longer the best in its place with 'compatible', and nothing that is legacy", () => {
    const all = resolveAlgorithms('compatible');
    for (const kind of kinds) expect(all[kind]).toEqual(compatibleOf(kind));
    expect(all.kex.slice(0, 4)).toEqual([
      'mlkem768x25519-sha256',
      'sntrup761x25519-sha512',
      'sntrup761x25519-sha512@openssh.com',
      'curve25519-sha256',
    ]);
    expect(all.hostKey).toContain('ecdsa-sha2-nistp256');
    expect(all.mac.slice(2)).toEqual(['hmac-sha2-256', 'hmac-sha2-512']);
    expect(resolveAlgorithms({ mac: 'compatible' })).toEqual({ ...defaultPreferences, mac: all.mac });
  });

  it('holds ready what may be offered where something speaks for it, changed as the list is', () => {
    const { kex, hostKey, mac } = resolveAlgorithms('compatible');
    expect(defaultPreferences.wider).toEqual({ kex, hostKey, mac });
    const changed = resolveAlgorithms({
      kex: { prepend: ['curve448-sha512'], remove: ['sntrup761x25519-sha512'] },
      hostKey: ['ssh-ed25519'],
    });
    expect(changed.wider).toEqual({
      kex: ['curve448-sha512', ...kex.filter((name) => !/^sntrup761x25519-sha512$|^curve448/.test(name))],
      mac,
    });
  });

  it('takes a list as it is, and no name twice', () => {
    const { cipher } = resolveAlgorithms({ cipher: ['aes256-ctr', '3des-cbc', 'aes256-ctr'] });
    expect(cipher).toEqual(['aes256-ctr', '3des-cbc']);
  });

  it('changes the default list by prepend, append and remove', () => {
    const { mac } = resolveAlgorithms({
      mac: {
        prepend: ['umac-128-etm@openssh.com'],
        append: ['hmac-sha1'],
        remove: ['hmac-sha2-512-etm@openssh.com'],
      },
    });
    expect(mac).toEqual(['umac-128-etm@openssh.com', 'hmac-sha2-256-etm@openssh.com', 'hmac-sha1']);
  });

  it.each([
    [
      { kex: ['diffie-hellman-group2-sha1'] },
      '"diffie-hellman-group2-sha1", which is not supported; there are mlkem768x25519-sha256, ',
    ],
    [
      { cipher: { append: ['arcfour'] } },
      '"arcfour", which is not supported; there are aes128-gcm@openssh.com, ',
    ],
    [
      { mac: { remove: ['hmac-md5'] } },
      '"hmac-md5", which is not supported; there are hmac-sha2-256-etm@openssh.com, ',
    ],
    [
      { mac: 'hmac-sha1' },
      "algorithms.mac must be a list of names, { prepend, append, remove }, 'compatible' or 'legacy', not the string \"hmac-sha1\"",
    ],
    [
      { cipher: { first: [] } },
      'there is no option "algorithms.cipher.first"; it takes prepend, append, remove',
    ],
    [
      { cipher: { append: 'aes128-ctr' } },
      'algorithms.cipher.append must be a list of names, not the string',
    ],
    [{ cipher: [7] }, 'algorithms.cipher names 7, which is not supported'],
    [{ ciphers: ['aes128-ctr'] }, 'there is no option "algorithms.ciphers"; did you mean algorithms.cipher?'],
    [{ serverHostKey: ['ssh-rsa'] }, 'there is no option "algorithms.serverHostKey"; use algorithms.hostKey'],
    [{ cipher: [] }, 'algorithms.cipher leaves nothing to offer'],
    ['modern', 'compression, not the string "modern"'],
    [['aes128-ctr'], "algorithms must be 'compatible', 'legacy' or an object with kex"],
  ])('refuses %j and says what there is', (given, message) => {
    expect(attempt(given)).toMatchObject(refusal(message));
  });
});

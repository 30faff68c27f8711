import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { ciphers, kexMethods, macs, signatureAlgorithms } from '../../src/crypto/algorithms.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import {
  type AlgorithmPreferences,
  bothStrict,
  buildKexInit,
  defaultPreferences,
  guessedRight,
  kexMarkers,
  negotiate,
} from '../../src/transport/kex/negotiation.ts';
import { nothingInCommon } from '../../src/transport/kex/nothingInCommon.ts';

const names = {
  kex: Object.keys(kexMethods),
  hostKey: Object.keys(signatureAlgorithms),
  cipher: Object.keys(ciphers),
  mac: Object.keys(macs),
  compression: ['none'],
};

const cookie = new Uint8Array(16);

function some(all: readonly string[]): fc.Arbitrary<string[]> {
  return fc.shuffledSubarray([...all], { minLength: 1 });
}

const preferences: fc.Arbitrary<AlgorithmPreferences> = fc.record({
  kex: some(names.kex),
  hostKey: some(names.hostKey),
  cipher: some(names.cipher),
  mac: some(names.mac),
  compression: fc.constant(['none']),
});

const all: AlgorithmPreferences = names;

describe('negotiation (RFC 4253 §7.1)', () => {
  it("RFC 4253 §7.1: chooses the first of the client's names that the server has, and both sides choose the same", () => {
    fc.assert(
      fc.property(preferences, preferences, (ours, theirs) => {
        const client = buildKexInit('client', ours, cookie, 'initial');
        const server = buildKexInit('server', theirs, cookie, 'initial');
        const common = (kind: Exclude<keyof AlgorithmPreferences, 'wider'>): string | undefined =>
          ours[kind].find((name) => theirs[kind].includes(name));
        try {
          const chosen = negotiate(client, server, 'client');
          expect(chosen).toEqual(negotiate(client, server, 'server'));
          expect(chosen.kex).toBe(common('kex'));
          expect(chosen.hostKey).toBe(common('hostKey'));
          expect(chosen.clientToServer.cipher).toBe(common('cipher'));
          const authenticated = ciphers[chosen.clientToServer.cipher as keyof typeof ciphers].authenticated;
          expect(chosen.clientToServer.mac).toBe(authenticated ? undefined : common('mac'));
        } catch (error) {
          if (!(error instanceof SshError)) throw error;
          expect(error).toMatchObject({ code: 'ERR_SSH_NO_COMMON_ALGORITHM', phase: 'keyExchange' });
          const missing = (['kex', 'hostKey', 'cipher', 'mac'] as const).filter(
            (kind) => common(kind) === undefined,
          );
          expect(missing.length).toBeGreaterThan(0);
        }
      }),
    );
  });

  it('RFC 4252 §8: never agrees on a connection that is not encrypted: a peer that offers cipher none gets none', () => {
    expect(() => resolveAlgorithms({ cipher: ['none'] })).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_OPTIONS' }),
    );
    const theirs = { ...all, cipher: ['none'] };
    for (const role of ['client', 'server'] as const) {
      const ours = buildKexInit(role, all, cookie, 'initial');
      const other = buildKexInit(role === 'client' ? 'server' : 'client', theirs, cookie, 'initial');
      const [client, server] = role === 'client' ? [ours, other] : [other, ours];
      expect(() => negotiate(client, server, role)).toThrow(
        expect.objectContaining({ code: 'ERR_SSH_NO_COMMON_ALGORITHM' }),
      );
    }
  });

  it('an AEAD cipher needs no MAC in common', () => {
    const client = buildKexInit(
      'client',
      { ...all, cipher: ['aes128-gcm@openssh.com'], mac: ['hmac-sha2-256'] },
      cookie,
      'initial',
    );
    const server = buildKexInit('server', { ...all, mac: ['hmac-sha2-512'] }, cookie, 'initial');
    expect(negotiate(client, server, 'client').clientToServer).toEqual({
      cipher: 'aes128-gcm@openssh.com',
      mac: undefined,
      compression: 'none',
    });
  });

  it('a failure lists what each side offers, escaped', () => {
    const client = buildKexInit('client', { ...all, kex: ['curve25519-sha256'] }, cookie, 'initial');
    const server = { ...buildKexInit('server', all, cookie, 'initial'), kexAlgorithms: ['old\x1b[2Jkex'] };
    expect(() => negotiate(client, server, 'client')).toThrow(
      'no common key exchange algorithm: this side offers curve25519-sha256; the peer offers old\\x1b[2Jkex',
    );
    expect(() => negotiate(client, server, 'server')).toThrow(
      'this side offers old\\x1b[2Jkex; the peer offers curve25519-sha256',
    );
  });

  it.each([
    [
      'kex',
      { kexAlgorithms: ['ecdh-sha2-nistp384', 'diffie-hellman-group1-sha1'] },
      "This side has ecdh-sha2-nistp384 as well, and offers it only when told to; allow it with algorithms: { kex: { append: ['ecdh-sha2-nistp384'] } }, or algorithms: 'compatible'",
    ],
    [
      'hostKey',
      { serverHostKeyAlgorithms: ['ssh-rsa', 'ssh-dss'] },
      "This side has ssh-rsa as well, though broken or weak, and offers it only when told to; allow it with algorithms: { hostKey: { append: ['ssh-rsa'] } }, or algorithms: 'legacy'",
    ],
    [
      'mac',
      {
        encryptionAlgorithmsServerToClient: ['aes128-ctr'],
        macAlgorithmsServerToClient: ['umac-64@openssh.com'],
      },
      "This side has umac-64@openssh.com as well, and offers it only when told to; allow it with algorithms: { mac: { append: ['umac-64@openssh.com'] } }",
    ],
  ])(
    'a failure over %s says what this side has and did not offer, and how to allow it',
    (_, offer, advice) => {
      const client = buildKexInit('client', defaultPreferences, cookie, 'initial');
      const server = { ...buildKexInit('server', defaultPreferences, cookie, 'initial'), ...offer };
      let message = '';
      try {
        negotiate(client, server, 'client');
      } catch (error) {
        message = error instanceof Error ? error.message : '';
      }
      expect(message.slice(message.indexOf('. ') + 2)).toBe(advice);
    },
  );

  it('OpenSSH PROTOCOL §1.9, RFC 8308 §2.1: the markers are offered in the first KEXINIT only and can never be chosen', () => {
    const first = buildKexInit('client', all, cookie, 'initial').kexAlgorithms;
    const later = buildKexInit('client', all, cookie, 'rekey').kexAlgorithms;
    expect(first.slice(-2)).toEqual([kexMarkers.extInfoClient, kexMarkers.strictClient]);
    expect(later).toEqual(all.kex);
    for (const marker of Object.values(kexMarkers)) {
      const only = { ...buildKexInit('client', all, cookie, 'initial'), kexAlgorithms: [marker] };
      expect(() => negotiate(only, only, 'client')).toThrow(SshError);
    }
  });

  it('strict key exchange needs the marker of each side', () => {
    const client = buildKexInit('client', all, cookie, 'initial');
    const server = buildKexInit('server', all, cookie, 'initial');
    expect(bothStrict(client, server)).toBe(true);
    expect(bothStrict({ ...client, kexAlgorithms: all.kex }, server)).toBe(false);
    expect(bothStrict(client, { ...server, kexAlgorithms: all.kex })).toBe(false);
    expect(bothStrict(client, client)).toBe(false);
  });

  it('a guess is right when both first names agree, markers aside', () => {
    const client = buildKexInit('client', all, cookie, 'initial');
    const server = buildKexInit('server', all, cookie, 'initial');
    expect(guessedRight(client, server)).toBe(true);
    expect(guessedRight({ ...client, kexAlgorithms: [kexMarkers.extInfoClient, ...all.kex] }, server)).toBe(
      true,
    );
    expect(guessedRight(client, { ...server, kexAlgorithms: [...all.kex].reverse() })).toBe(false);
    expect(guessedRight(client, { ...server, serverHostKeyAlgorithms: ['x', ...all.hostKey] })).toBe(false);
  });

  it('the KEXINIT of a server says its lists for both directions, and nothing else but its markers', () => {
    expect(buildKexInit('server', all, cookie, 'initial')).toEqual({
      cookie,
      kexAlgorithms: [...all.kex, 'ext-info-s', 'kex-strict-s-v00@openssh.com'],
      serverHostKeyAlgorithms: all.hostKey,
      encryptionAlgorithmsClientToServer: all.cipher,
      encryptionAlgorithmsServerToClient: all.cipher,
      macAlgorithmsClientToServer: all.mac,
      macAlgorithmsServerToClient: all.mac,
      compressionAlgorithmsClientToServer: all.compression,
      compressionAlgorithmsServerToClient: all.compression,
      languagesClientToServer: [],
      languagesServerToClient: [],
      firstKexPacketFollows: false,
      reserved: 0,
    });
    expect(buildKexInit('client', all, cookie, 'initial').kexAlgorithms).toEqual([
      ...all.kex,
      'ext-info-c',
      'kex-strict-c-v00@openssh.com',
    ]);
  });

  it('tells 2,048 characters of what a peer offers, and marks where it is cut', () => {
    const told = (length: number): string => {
      const { message } = nothingInCommon('mac', [], ['n'.repeat(length)]);
      return /the peer offers (n*…?)/.exec(message)?.[1] ?? '';
    };
    expect(told(2048)).toBe('n'.repeat(2048));
    expect(told(2049)).toBe(`${'n'.repeat(2048)}…`);
  });

  it('a list of nothing is said to be that', () => {
    const client = buildKexInit('client', { ...all, hostKey: [] }, cookie, 'initial');
    const server = buildKexInit('server', { ...all, hostKey: ['ssh-ed25519'] }, cookie, 'initial');
    expect(() => negotiate(client, server, 'client')).toThrow(
      'no common host key algorithm: this side offers none; the peer offers ssh-ed25519',
    );
  });

  it('each direction has algorithms of its own', () => {
    const client = buildKexInit('client', all, cookie, 'initial');
    const server = {
      ...buildKexInit('server', all, cookie, 'initial'),
      encryptionAlgorithmsClientToServer: ['aes256-ctr'],
      encryptionAlgorithmsServerToClient: ['a cipher of somebody', 'aes128-ctr'],
      macAlgorithmsServerToClient: ['hmac-sha2-512'],
      macAlgorithmsClientToServer: ['hmac-sha2-256'],
    };
    expect(negotiate(client, server, 'client')).toMatchObject({
      clientToServer: { cipher: 'aes256-ctr', mac: 'hmac-sha2-256' },
      serverToClient: { cipher: 'aes128-ctr', mac: 'hmac-sha2-512' },
    });
    for (const direction of ['ClientToServer', 'ServerToClient']) {
      for (const kind of ['encryption', 'mac', 'compression']) {
        const without = { ...server, [`${kind}Algorithms${direction}`]: [] };
        expect(() => negotiate(client, without, 'client')).toThrow(
          direction === 'ClientToServer' ? 'client to server' : 'server to client',
        );
      }
    }
  });
});

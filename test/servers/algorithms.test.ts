/**
 * Every algorithm of this library that a server has, each with a command run
 * over it, with both crypto providers. What a server lacks is tested as well:
 * the error tells what either side offers.
 */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { ciphers, kexMethods, macs, signatureAlgorithms } from '../../src/crypto/algorithms.ts';
import type { Client, ConnectOptions } from '../../src/entry/index.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import {
  describeEachServer,
  describeServer,
  type KeyKind,
  keyKinds,
  keyTypes,
  openSsh,
  type ServerName,
  setupTimeout,
  type TestServer,
} from '../support/servers/index.ts';
import { readOffer } from '../support/servers/offer.ts';

const cryptos = ['auto', 'noble', 'openssl'] as const;
type Kind = 'kex' | 'cipher' | 'mac' | 'hostKey';
const all: Readonly<Record<Kind, readonly string[]>> = {
  kex: Object.keys(kexMethods),
  cipher: Object.keys(ciphers),
  mac: Object.keys(macs),
  hostKey: Object.keys(signatureAlgorithms),
};
const authenticated = new Set(
  Object.entries(ciphers)
    .filter(([, row]) => row.authenticated)
    .map(([name]) => name),
);

/** What OpenSSH 9.2 and dropbear 2022.83 have of it; later ones have more, and none has dropped any. */
const has: Readonly<Record<ServerName, Readonly<Record<Kind, readonly string[]>>>> = {
  OpenSSH: {
    ...all,
    kex: without(
      'kex',
      'mlkem768x25519-sha256',
      'curve448-sha512',
      'diffie-hellman-group15-sha512',
      'diffie-hellman-group17-sha512',
    ),
    hostKey: without('hostKey', 'ssh-ed448'),
  },
  dropbear: {
    kex: [
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group14-sha256',
      'diffie-hellman-group14-sha1',
    ],
    cipher: ['chacha20-poly1305@openssh.com', 'aes128-ctr', 'aes256-ctr'],
    mac: ['hmac-sha2-256', 'hmac-sha1'],
    hostKey: without('hostKey', 'rsa-sha2-512', 'ssh-ed448'),
  },
};

/** What sshd takes once it is told to: everything it has. */
const permissive = {
  Ciphers: '+aes128-cbc,aes192-cbc,aes256-cbc,3des-cbc',
  MACs: '+hmac-sha1-96',
  KexAlgorithms: '+diffie-hellman-group14-sha1,diffie-hellman-group-exchange-sha1,diffie-hellman-group1-sha1',
  HostKeyAlgorithms: '+ssh-rsa',
};

function without(kind: Kind, ...names: readonly string[]): readonly string[] {
  return all[kind].filter((name) => !names.includes(name));
}

/** Every pair of those offered by default; of the others each once with one that is, and CBC in both orders. */
function isPaired(cipher: string, mac: string): boolean {
  const isDefault = (defaultPreferences.mac as readonly string[]).includes(mac);
  if (defaultPreferences.cipher.includes(cipher)) return isDefault || cipher === 'aes128-ctr';
  return mac === 'hmac-sha2-256' || mac === 'hmac-sha1-etm@openssh.com';
}

/** More than one packet and no whole number of blocks. */
const input = randomBytes(100_003);

/** Runs a command over a connection of its own and returns what was negotiated. */
async function exchange(server: TestServer, options: ConnectOptions): Promise<Client['negotiated']> {
  await using client = await server.connect(options);
  const { stdout, code } = await client.run('cat', { input, encoding: 'buffer' });
  expect(code).toBe(0);
  expect(Buffer.compare(stdout, input)).toBe(0);
  return client.negotiated;
}

/** The error where nothing is common, with what the server said it has. */
async function refusal(server: TestServer, kind: Kind, name: string): Promise<void> {
  const offer = await readOffer(server.port);
  const offered = {
    kex: offer.kexAlgorithms.filter((method) => !/^(ext-info|kex-strict)-/.test(method)),
    cipher: offer.encryptionAlgorithmsClientToServer,
    mac: offer.macAlgorithmsClientToServer,
    hostKey: offer.serverHostKeyAlgorithms,
  }[kind];
  // A server newer than those the tests were written on.
  if (offered.includes(name)) return;
  const algorithms = { ...(kind === 'mac' ? { cipher: ['aes128-ctr'] } : {}), [kind]: [name] };
  await expect(server.connect({ algorithms })).rejects.toMatchObject({
    code: 'ERR_SSH_NO_COMMON_ALGORITHM',
    phase: 'keyExchange',
    origin: 'peer',
    message: expect.stringContaining(`this side offers ${name}; the peer offers ${offered.join(', ')}`),
  });
}

describeEachServer('every algorithm', (kind, lab) => {
  const own = has[kind.name];
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab(), { config: permissive });
  }, setupTimeout);

  for (const crypto of cryptos) {
    describe(`with crypto: '${crypto}'`, () => {
      it.each(own.kex)('exchanges keys by %s', async (name) => {
        const { kex } = await exchange(server, { crypto, algorithms: { kex: [name] } });
        expect(kex).toBe(name);
      });

      for (const name of own.cipher.filter((cipher) => authenticated.has(cipher))) {
        it(`encrypts and authenticates by ${name}`, async () => {
          const { cipher, mac } = await exchange(server, { crypto, algorithms: { cipher: [name] } });
          expect(cipher).toEqual({ clientToServer: name, serverToClient: name });
          expect(mac).toEqual({ clientToServer: undefined, serverToClient: undefined });
        });
      }

      for (const cipherName of own.cipher.filter((cipher) => !authenticated.has(cipher))) {
        it.each(own.mac.filter((mac) => isPaired(cipherName, mac)))(
          `encrypts by ${cipherName} and authenticates by %s`,
          async (macName) => {
            const algorithms = { cipher: [cipherName], mac: [macName] };
            const { cipher, mac } = await exchange(server, { crypto, algorithms });
            expect(cipher).toEqual({ clientToServer: cipherName, serverToClient: cipherName });
            expect(mac).toEqual({ clientToServer: macName, serverToClient: macName });
          },
        );
      }
    });
  }

  it('compresses by zlib@openssh.com, both ways, text and noise, over a rekey', async () => {
    const name = 'zlib@openssh.com';
    await using client = await server.connect({ algorithms: { compression: [name] } });
    const text = Buffer.concat([Buffer.from('all work and no play\n'.repeat(20_000)), input]);
    const echo = async (): Promise<void> => {
      const { stdout } = await client.run('cat', { input: text, encoding: 'buffer' });
      expect(Buffer.compare(stdout, text)).toBe(0);
    };
    await echo();
    expect(client.negotiated.compression).toEqual({ clientToServer: name, serverToClient: name });
    expect(client.inspect().bytesReceived).toBeLessThan(text.length / 2);
    await client.rekey();
    await echo();
  });

  for (const algorithmKind of ['kex', 'cipher', 'mac'] as const) {
    const missing = without(algorithmKind, ...own[algorithmKind]);
    it.each(missing)(`tells each side's ${algorithmKind} offers where the server has no %s`, async (name) => {
      await refusal(server, algorithmKind, name);
    });
  }
});

describeEachServer('every host key', (kind, lab) => {
  const own = has[kind.name].hostKey;

  it.each(own)('proves itself by %s', async (name) => {
    const server = await kind.start(lab(), { hostKeys: [keyKindFor(name)], config: permissive });
    for (const crypto of cryptos) {
      const { hostKey } = await exchange(server, { crypto, algorithms: { hostKey: [name] } });
      expect(hostKey).toBe(name);
    }
    await server.stop();
  });

  it.each(without('hostKey', ...own))("tells each side's offers where the server has no %s", async (name) => {
    const hostKeys: readonly KeyKind[] = name === 'ssh-ed448' ? ['ed25519'] : [keyKindFor(name)];
    const server = await kind.start(lab(), { hostKeys, config: permissive });
    await refusal(server, 'hostKey', name);
    await server.stop();
  });
});

describeServer('a user who signs with SHA-1', openSsh, (lab) => {
  it('gets in where the server takes nothing else and the options name nothing else, and not otherwise', async () => {
    const server = await openSsh.start(lab(), { config: { PubkeyAcceptedAlgorithms: 'ssh-rsa' } });
    // The server announces rsa-sha2 all the same, and a key is one attempt: ssh fails there in the same way.
    const sha1 = { hostKey: { append: ['ssh-rsa'], remove: ['rsa-sha2-512', 'rsa-sha2-256'] } };
    await using client = await server.connect({ algorithms: sha1 }, 'rsa');
    expect((await client.run('echo in')).stdout).toBe('in\n');
    await expect(server.connect({}, 'rsa')).rejects.toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
    await client.close();
    await server.stop();
  });
});

function keyKindFor(algorithm: string): KeyKind {
  const { keyType } = (signatureAlgorithms as Readonly<Record<string, { readonly keyType: string }>>)[
    algorithm
  ] ?? { keyType: algorithm };
  const kind = keyKinds.find((candidate) => keyTypes[candidate] === keyType);
  if (kind === undefined) throw new Error(`no server key of type ${keyType}`);
  return kind;
}

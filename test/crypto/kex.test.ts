import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { concatBytes, fromHex } from '../../src/base/bytes.ts';
import { type KexName, kexMethods } from '../../src/crypto/algorithms.ts';
import { isGroupExchange, kexMethod } from '../../src/crypto/kex/kex.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { codeOf, noble, openssl, providers, seededRandom } from './support.ts';

const names = (Object.keys(kexMethods) as KexName[]).filter((name) => !isGroupExchange(name));
const refused = 'ERR_SSH_KEY_EXCHANGE';
const combinations: readonly [string, CryptoProvider, CryptoProvider][] = providers.flatMap(([a, client]) =>
  providers.map(
    ([b, server]) => [`${a} to ${b}`, client, server] as [string, CryptoProvider, CryptoProvider],
  ),
);

/** A provider whose X25519 secret is the given bytes, for values that are known. */
function withX25519Secret(secret: Uint8Array): CryptoProvider {
  const x25519 = { ...noble.x25519, sharedSecret: () => secret.slice() };
  return { ...noble, x25519 };
}

describe('the table of methods', () => {
  it('calls post-quantum what has ML-KEM or NTRU Prime in it, and nothing else', () => {
    for (const [name, { postQuantum }] of Object.entries(kexMethods)) {
      expect(postQuantum, name).toBe(/^(mlkem768|sntrup761)/.test(name));
    }
  });

  it('gives each the hash that its name ends with, but for curves of NIST (RFC 5656 §6.2.1)', () => {
    const byCurve: Record<string, string> = { nistp256: 'sha256', nistp384: 'sha384', nistp521: 'sha512' };
    for (const [name, { hash }] of Object.entries(kexMethods)) {
      const last = name.replace(/@.*/, '').split('-').at(-1) ?? '';
      expect(hash, name).toBe(byCurve[last] ?? last);
    }
  });
});

describe.each(names)('%s', (name) => {
  const method = kexMethod(name);

  it('has the name and hash of its row', () => {
    expect(method.name).toBe(name);
    expect(method.hash).toBe(kexMethods[name].hash);
    expect(method.valueEncoding).toBe(name.startsWith('diffie-hellman') ? 'mpint' : 'string');
  });

  it.each(combinations)('gives both sides the same K: %s', (_, client, server) => {
    const initiator = method.initiate(client);
    const { serverValue, encodedSecret } = method.respond(server, initiator.publicValue);
    expect(initiator.finish(serverValue)).toEqual(encodedSecret);
  });

  it('encodes K as one whole mpint, or as one string where it is a hash', () => {
    const { encodedSecret } = method.respond(noble, method.initiate(noble).publicValue);
    const reader = new WireReader(encodedSecret);
    const isHybrid = name.startsWith('mlkem') || name.startsWith('sntrup');
    const value = isHybrid ? reader.copyString() : reader.copyMpint();
    reader.end();
    if (isHybrid) expect(value).toHaveLength(name.endsWith('sha256') ? 32 : 64);
    else expect(value.length).toBeGreaterThan(0);
  });

  it('makes a new key pair for every exchange, the same one from the same seed', async () => {
    // With bytes of its own it makes each key pair by itself, by code of its own.
    await createOpensslProvider({ randomBytes: seededRandom(name) }).loaderFor(name)?.();
    expect(method.initiate(noble).publicValue).not.toEqual(method.initiate(noble).publicValue);
    const replay = (create: typeof createEagerNobleProvider): Uint8Array =>
      method.initiate(create({ randomBytes: seededRandom(name) })).publicValue;
    expect(replay(createEagerNobleProvider)).toEqual(replay(createEagerNobleProvider));
    expect(replay(createOpensslProvider)).toEqual(replay(createEagerNobleProvider));
  });

  it('can be finished once, whether that went well or not', () => {
    const initiator = method.initiate(openssl);
    const { serverValue } = method.respond(openssl, initiator.publicValue);
    initiator.finish(serverValue);
    expect(codeOf(() => initiator.finish(serverValue))).toBe('ERR_SSH_INTERNAL');
    const failed = method.initiate(openssl);
    expect(codeOf(() => failed.finish(new Uint8Array(0)))).toBe(refused);
    expect(codeOf(() => failed.finish(serverValue))).toBe('ERR_SSH_INTERNAL');
  });

  it.each(providers)('refuses values that are empty, cut or too long, on both sides: %s', (_, provider) => {
    const initiator = method.initiate(provider);
    const { serverValue } = method.respond(provider, initiator.publicValue);
    const spoil = (value: Uint8Array): Uint8Array[] => [
      new Uint8Array(0),
      concatBytes(value, Uint8Array.of(0)),
      // A shorter number is a number still.
      ...(method.valueEncoding === 'string' ? [value.subarray(1), value.subarray(0, -1)] : []),
    ];
    for (const bad of spoil(serverValue)) {
      expect(codeOf(() => method.initiate(provider).finish(bad))).toBe(refused);
    }
    for (const bad of spoil(initiator.publicValue)) {
      expect(codeOf(() => method.respond(provider, bad))).toBe(refused);
    }
  });
});

describe('K of X25519 is an mpint of its octets (RFC 8731 §3.1)', () => {
  const cases: readonly [string, string, string][] = [
    ['plain', `11${'22'.repeat(31)}`, `0000002011${'22'.repeat(31)}`],
    ['with the top bit set', `80${'22'.repeat(31)}`, `000000210080${'22'.repeat(31)}`],
    ['with leading zeros', `0000${'22'.repeat(30)}`, `0000001e${'22'.repeat(30)}`],
    ['with a zero before a set top bit', `00ff${'22'.repeat(30)}`, `0000002000ff${'22'.repeat(30)}`],
  ];
  it.each(cases)('%s', (_, secret, expected) => {
    const initiator = kexMethod('curve25519-sha256').initiate(withX25519Secret(fromHex(secret)));
    expect(initiator.finish(new Uint8Array(32))).toEqual(fromHex(expected));
  });
});

describe('mlkem768x25519-sha256 (draft-ietf-sshm-mlkem-hybrid-kex §2)', () => {
  const method = kexMethod('mlkem768x25519-sha256');

  it('sends 1,184 + 32 and 1,088 + 32 bytes', () => {
    const initiator = method.initiate(noble);
    expect(initiator.publicValue).toHaveLength(1216);
    expect(method.respond(noble, initiator.publicValue).serverValue).toHaveLength(1120);
  });

  it('K is the string SHA-256(K_PQ ‖ K_CL), computed here by hand', () => {
    const kem = noble.mlKem768.generate();
    const classical = noble.x25519.generate();
    const { serverValue, encodedSecret } = method.respond(
      openssl,
      concatBytes(kem.publicKey, classical.publicKey),
    );
    const postQuantum = noble.mlKem768.decapsulate(serverValue.subarray(0, 1088), kem.secretKey);
    const secret = noble.x25519.sharedSecret(classical.secretKey, serverValue.subarray(1088));
    const digest = createHash('sha256').update(postQuantum).update(secret).digest();
    expect(encodedSecret).toEqual(concatBytes(Uint8Array.of(0, 0, 0, 32), digest));
  });

  it('ends where either half is weak', () => {
    const initiator = method.initiate(noble);
    const { serverValue } = method.respond(noble, initiator.publicValue);
    serverValue.fill(0, 1088);
    expect(codeOf(() => initiator.finish(serverValue))).toBe(refused);
    const clientValue = method.initiate(noble).publicValue.slice();
    clientValue.fill(0, 1184);
    expect(codeOf(() => method.respond(noble, clientValue))).toBe(refused);
    const unreduced = method.initiate(noble).publicValue.slice();
    unreduced.fill(0xff, 0, 1152);
    expect(codeOf(() => method.respond(noble, unreduced))).toBe(refused);
  });

  it('goes to another K where the ciphertext was forged', () => {
    const initiator = method.initiate(noble);
    const { serverValue, encodedSecret } = method.respond(noble, initiator.publicValue);
    serverValue[100] = (serverValue[100] ?? 0) ^ 1;
    expect(initiator.finish(serverValue)).not.toEqual(encodedSecret);
  });
});

describe('sntrup761x25519-sha512 (draft-ietf-sshm-ntruprime-ssh)', () => {
  const method = kexMethod('sntrup761x25519-sha512');

  it('draft-ietf-sshm-ntruprime-ssh: lengths are exact, 1,158 + 32 and 1,039 + 32 bytes', () => {
    const initiator = method.initiate(noble);
    expect(initiator.publicValue).toHaveLength(1190);
    const { serverValue } = method.respond(noble, initiator.publicValue);
    expect(serverValue).toHaveLength(1071);
    for (const length of [1189, 1191]) {
      const value = concatBytes(initiator.publicValue, Uint8Array.of(0)).subarray(0, length);
      expect(codeOf(() => method.respond(noble, value))).toBe(refused);
    }
    for (const length of [1070, 1072]) {
      const value = concatBytes(serverValue, Uint8Array.of(0)).subarray(0, length);
      expect(codeOf(() => method.initiate(noble).finish(value))).toBe(refused);
    }
  });

  it('draft-ietf-sshm-ntruprime-ssh: K is the string SHA-512(K_PQ ‖ K_CL), computed here by hand', () => {
    const kem = noble.sntrup761.generate();
    const classical = noble.x25519.generate();
    const { serverValue, encodedSecret } = method.respond(
      openssl,
      concatBytes(kem.publicKey, classical.publicKey),
    );
    const postQuantum = noble.sntrup761.decapsulate(serverValue.subarray(0, 1039), kem.secretKey);
    const secret = noble.x25519.sharedSecret(classical.secretKey, serverValue.subarray(1039));
    const digest = createHash('sha512').update(postQuantum).update(secret).digest();
    expect(encodedSecret).toEqual(concatBytes(Uint8Array.of(0, 0, 0, 64), digest));
  });
});

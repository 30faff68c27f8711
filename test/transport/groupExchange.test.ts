/** The group of a group exchange, to the bit (RFC 4419 §3, RFC 8270 §2); `regression/groupExchange` has it in conversations. */
import { describe, expect, it } from 'vitest';
import type { CipherName } from '../../src/crypto/algorithms.ts';
import { dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import { kexMethod } from '../../src/crypto/kex/kex.ts';
import { bigIntToBytes } from '../../src/crypto/keys/bigint.ts';
import {
  kexDhGexGroup,
  kexDhGexInit,
  kexDhGexReply,
  kexDhGexRequest,
  kexDhGexRequestOld,
  kexDhInit,
  kexDhReply,
  kexEcdhInit,
  kexEcdhReply,
} from '../../src/message/kex.ts';
import { encodeMessage } from '../../src/message/registry.ts';
import { answerRequest, groupRequestFor, methodOfGroup } from '../../src/transport/kex/groupExchange.ts';
import { decodeInit, decodeReply, sendInit, sendReply } from '../../src/transport/kex/kexMessages.ts';
import { quirksOf } from '../../src/transport/quirks.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { codeOf } from '../crypto/support.ts';

const name = 'diffie-hellman-group-exchange-sha256';
/** Odd, of this many bits: what is no prime is not told here. */
const odd = (bits: number): Uint8Array => bigIntToBytes(2n ** BigInt(bits - 1) + 1n, Math.ceil(bits / 8));
const two = Uint8Array.of(2);
const groupRequest = { min: 2048, n: 3072, max: 8192 };
const propose = (p: Uint8Array, g: Uint8Array = two, request = groupRequest) =>
  methodOfGroup(encodeMessage(kexDhGexGroup, { p, g }), name, request);

describe('the group that a client asks for', () => {
  const direction = (cipher: string) => ({ cipher, mac: undefined, compression: 'none' });
  const asked = (clientToServer: string, serverToClient: string, softwareVersion?: string) =>
    groupRequestFor(
      { clientToServer: direction(clientToServer), serverToClient: direction(serverToClient) },
      quirksOf(softwareVersion),
    );

  /** NIST SP 800-57 part 1, table 2, of the cipher and its MAC; OpenSSH's `dh_estimate` has the same. */
  const needed: Readonly<Record<CipherName, number>> = {
    '3des-cbc': 3072,
    'aes128-gcm@openssh.com': 3072,
    'aes128-ctr': 3072,
    'aes128-cbc': 3072,
    'aes192-ctr': 7680,
    'aes192-cbc': 7680,
    'aes256-gcm@openssh.com': 8192,
    'aes256-ctr': 8192,
    'aes256-cbc': 8192,
    'chacha20-poly1305@openssh.com': 8192,
  };

  it.each(Object.entries(needed))(
    'is as strong as %s: %i bits, within the bounds of all groups',
    (cipher, bits) => {
      expect(asked(cipher, cipher)).toEqual({ min: 2048, n: bits, max: 8192 });
      for (const [other, others] of Object.entries(needed)) {
        const n = Math.max(bits, others);
        expect([asked(cipher, other).n, asked(other, cipher).n]).toEqual([n, n]);
      }
    },
  );

  it('is no larger than servers take that are known to fail beyond', () => {
    expect(asked('aes256-ctr', 'aes256-ctr', 'Cisco-1.25')).toEqual({ min: 2048, n: 4096, max: 8192 });
    expect(asked('aes128-ctr', 'aes128-ctr', 'Cisco-1.25').n).toBe(3072);
  });
});

describe('a group that a server proposes', () => {
  it('may be as small and as large as was asked for, and no more', () => {
    for (const bits of [2048, 3072, 8192]) expect(propose(odd(bits)).name).toBe(name);
    for (const bits of [2047, 8193]) {
      expect(() => propose(odd(bits))).toThrow(`a group of ${bits} bits; 2048 to 8192 were asked for`);
    }
    const request = { min: 3000, n: 3000, max: 3000 };
    expect(propose(odd(3000), two, request).name).toBe(name);
    for (const bits of [2999, 3001]) expect(() => propose(odd(bits), two, request)).toThrow('3000 to 3000');
  });

  it('has an odd prime, and a generator of 2 bits at least and no more than the prime has', () => {
    const even = odd(2048);
    even[even.length - 1] = 2;
    expect(() => propose(even)).toThrow('an even prime');
    expect(propose(odd(2048), Uint8Array.of(3)).name).toBe(name);
    expect(propose(odd(2048), odd(2048)).name).toBe(name);
    for (const g of [new Uint8Array(0), Uint8Array.of(1), odd(2049)]) {
      expect(() => propose(odd(2048), g)).toThrow('a generator out of range');
    }
  });

  it('is hashed behind the sizes that were asked for (RFC 4419 §3)', () => {
    const { hashPrefix, afterGroupExchange } = propose(odd(2048));
    expect(afterGroupExchange).toBe(true);
    expect(hashPrefix).toEqual(
      new WireWriter().uint32(2048).uint32(3072).uint32(8192).mpint(odd(2048)).mpint(two).copyWritten(),
    );
  });
});

describe('a group that a client asks for', () => {
  const bits = (payload: Uint8Array): number => 8 * answerRequest(payload, name).group.p.length;
  const request = (min: number, n: number, max: number): Uint8Array =>
    encodeMessage(kexDhGexRequest, { min, n, max });

  it.each([
    [4096, 4096, 4096, 4096],
    [2048, 2048, 8192, 2048],
    [2048, 8192, 8192, 8192],
  ])('of %i, %i, %i is one of %i bits: the ends of the range are in it', (min, n, max, expected) => {
    expect(bits(request(min, n, max))).toBe(expected);
  });

  it('is refused where the sizes contradict each other or nothing is there', () => {
    for (const [min, n, max] of [
      [3073, 3072, 8192],
      [2048, 3073, 3072],
      [2049, 2049, 2049],
    ] as const) {
      expect(codeOf(() => answerRequest(request(min, n, max), name))).toBe('ERR_SSH_KEY_EXCHANGE');
    }
  });

  it.each([
    [1024, 2048],
    [2048, 2048],
    [4096, 4096],
    [9000, 8192],
  ])('before RFC 4419, of %i alone, is one of %i', (n, expected) => {
    const { group, method } = answerRequest(encodeMessage(kexDhGexRequestOld, { n }), name);
    expect(8 * group.p.length).toBe(expected);
    const { prime, generator } = dhGroup(
      expected === 2048 ? 'group14' : expected === 4096 ? 'group16' : 'group18',
    );
    expect(method.hashPrefix).toEqual(new WireWriter().uint32(n).mpint(prime).mpint(generator).copyWritten());
    expect(group.g).toEqual(generator);
  });
});

describe('the init and the reply', () => {
  // With its first bit set, a number has a zero before it in a message, and the bytes of a curve have not.
  const [hostKey, value, signature] = [Uint8Array.of(1), Uint8Array.of(0x82), Uint8Array.of(3)];
  const reply = { hostKey, serverValue: value, signature };
  const methods = [
    [
      kexMethod('curve25519-sha256'),
      encodeMessage(kexEcdhInit, { clientPublicKey: value }),
      encodeMessage(kexEcdhReply, { hostKey, serverPublicKey: value, signature }),
    ],
    [
      kexMethod('diffie-hellman-group14-sha256'),
      encodeMessage(kexDhInit, { e: value }),
      encodeMessage(kexDhReply, { hostKey, f: value, signature }),
    ],
    [
      propose(odd(2048)),
      encodeMessage(kexDhGexInit, { e: value }),
      encodeMessage(kexDhGexReply, { hostKey, f: value, signature }),
    ],
  ] as const;

  it.each(methods)('are those of the method: %#', (method, init, answer) => {
    const sent: Uint8Array[] = [];
    const sender: Parameters<typeof sendInit>[0] = {
      sendNow: (message, content) => sent.push(encodeMessage(message, content)),
    };
    sendInit(sender, method, value);
    sendReply(sender, method, reply);
    expect(sent).toEqual([init, answer]);
    expect(decodeInit(init, method)).toEqual(value);
    expect(decodeReply(answer, method)).toEqual(reply);
    expect(() => decodeInit(answer, method)).toThrow(`message ${answer[0]} came in place of the init`);
    expect(() => decodeReply(init, method)).toThrow(`message ${init[0]} came in place of the reply`);
    for (const decode of [
      () => decodeInit(init.slice(0, -1), method),
      () => decodeReply(answer.slice(0, -1), method),
    ]) {
      expect(codeOf(decode)).toBe('ERR_SSH_DECODE');
    }
  });
});

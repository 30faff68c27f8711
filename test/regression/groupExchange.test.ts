/**
 * Diffie-Hellman group exchange (RFC 4419, RFC 8270; HOSTILE 13): a server
 * proposes the group, so everything about it is a peer's claim.
 */
import { performance } from 'node:perf_hooks';
import { describe, expect, it } from 'vitest';
import { dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import { bigIntToBytes, bytesToBigInt, modPow } from '../../src/crypto/keys/bigint.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import type { RandomBytes } from '../../src/crypto/provider/random.ts';
import {
  type KexDhGexGroup,
  type KexDhGexReply,
  type KexDhGexRequest,
  kexDhGexGroup,
  kexDhGexInit,
  kexDhGexReply,
  kexDhGexRequest,
  kexDhGexRequestOld,
} from '../../src/message/kex.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { systemRandomBytes } from '../../src/node/crypto/random.ts';
import { answerRequest, methodOfGroup } from '../../src/transport/kex/groupExchange.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { codeOf, noble, openssl } from '../crypto/support.ts';
import { Conversation, type ConversationOptions, payloadOf } from '../support/conversation.ts';

const names = ['diffie-hellman-group-exchange-sha256', 'diffie-hellman-group-exchange-sha1'] as const;
const name = names[0];
const both = (kex: string): ConversationOptions => ({
  client: { preferences: { kex: [kex] } },
  server: { preferences: { kex: [kex] } },
});

/** A conversation in which one message of the server is another. */
function withMessage(number: number, alter: (payload: Uint8Array) => Uint8Array): Conversation {
  return new Conversation({
    ...both(name),
    tamper: (payload) => (payload[0] === number ? alter(payload) : payload),
  }).exchange();
}

const withGroup = (group: Partial<KexDhGexGroup>): Conversation =>
  withMessage(31, (payload) =>
    payloadOf(kexDhGexGroup, { ...kexDhGexGroup.decode(new WireReader(payload, 1)), ...group }),
  );
const withReply = (alter: Partial<KexDhGexReply>): Conversation =>
  withMessage(33, (payload) =>
    payloadOf(kexDhGexReply, { ...kexDhGexReply.decode(new WireReader(payload, 1)), ...alter }),
  );

const refused = { code: 'ERR_SSH_KEY_EXCHANGE', phase: 'keyExchange', origin: 'peer' };
const prime = dhGroup('group15').prime;
const p = bytesToBigInt(prime);
const number = (value: bigint): Uint8Array => bigIntToBytes(value, Math.ceil(value.toString(16).length / 2));

describe('group exchange', () => {
  it.each(names)('comes to keys and goes on to authentication: %s', (kex) => {
    const conversation = Conversation.to('ready', both(kex));
    expect(conversation.client.transport.keyExchange.negotiated?.kex).toBe(kex);
    conversation.client.at(0).rekey();
    conversation.exchange();
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
  });

  it.each([
    ['aes128-gcm@openssh.com', 3072],
    ['aes192-ctr', 7680],
    ['aes256-gcm@openssh.com', 8192],
  ])(
    'asks for 2,048 bits at least, 8,192 at most, and at best for what %s needs: %i (RFC 4419 §3)',
    (cipher, n) => {
      const sent: KexDhGexRequest[] = [];
      const conversation = new Conversation({
        client: { preferences: { kex: [name], cipher: [cipher] } },
        server: { preferences: { kex: [name], cipher: [cipher] } },
      });
      const { output } = conversation.client.transport;
      const sendNow = output.sendNow.bind(output);
      output.sendNow = (message, value) => {
        const payload = sendNow(message, value);
        if (message.number === kexDhGexRequest.number) {
          sent.push(kexDhGexRequest.decode(new WireReader(payload, 1)));
        }
        return payload;
      };
      conversation.proceed('ready');
      expect(sent).toEqual([{ min: 2048, n, max: 8192 }]);
      expect(conversation.cause).toBeUndefined();
    },
  );

  it('goes on whatever the chunks are that its messages come in', () => {
    expect(Conversation.to('ready', { ...both(name), chunk: 7 }).cause).toBeUndefined();
  });
});

describe('a group that cannot be (HOSTILE 13; RFC 4419 §3, RFC 8270 §2)', () => {
  const groups: readonly [string, Partial<KexDhGexGroup>][] = [
    ['p of no bytes', { p: new Uint8Array(0) }],
    ['p of 7', { p: Uint8Array.of(7) }],
    ['p of 1,024 bits, below the request', { p: dhGroup('group1').prime }],
    ['p of 2,047 bits', { p: number(2n ** 2047n - 1n) }],
    ['p of 8,193 bits, above the request', { p: number(2n ** 8192n + 1n) }],
    ['p of 16,384 bits', { p: new Uint8Array(2048).fill(0xff) }],
    ['an even p', { p: number(p - 1n) }],
    ['g of 0', { g: new Uint8Array(0) }],
    ['g of 1', { g: Uint8Array.of(1) }],
    ['g of p-1', { g: number(p - 1n) }],
    ['g of p', { g: prime }],
    ['g above p', { g: number(p + 2n) }],
    ['g far above p', { g: new Uint8Array(20_000).fill(0xff) }],
  ];
  it.each(groups)('RFC 4419, RFC 8270: %s ends before a host key is looked at', (_, group) => {
    const conversation = withGroup(group);
    expect(conversation.cause).toMatchObject(refused);
    expect(conversation.eventsOf('hostKey')).toHaveLength(0);
  });

  it('says what was proposed and what was asked for', () => {
    expect(withGroup({ p: dhGroup('group1').prime }).cause?.message).toContain(
      'a group of 1024 bits; 2048 to 8192 were asked for',
    );
  });

  it('another p or g than the one the server used shows in the signature: both are hashed', () => {
    for (const group of [{ p: number(p + 2n) }, { g: Uint8Array.of(5) }]) {
      expect(withGroup(group).cause?.message).toContain('signature');
    }
  });
});

describe('what follows on the group', () => {
  it.each([
    ['0', new Uint8Array(0)],
    ['1', Uint8Array.of(1)],
    ['p-1', number(p - 1n)],
    ['p', prime],
    ['above p', new Uint8Array(1024).fill(0xff)],
  ])('f of %s ends (RFC 8268 §4)', (_, f) => {
    expect(withReply({ f }).cause).toMatchObject(refused);
  });

  it('a signature over another hash ends', () => {
    expect(withReply({ f: Uint8Array.of(9) }).cause?.message).toContain('signature');
  });

  it('the reply in place of the group, the group twice, and a reply with the number of another method end', () => {
    const reply = { hostKey: new Uint8Array(0), f: Uint8Array.of(9), signature: new Uint8Array(0) };
    const early = withMessage(31, () => payloadOf(kexDhGexReply, reply));
    expect(early.cause?.message).toContain('message 33 came in place of the group');
    const twice = withMessage(33, () => payloadOf(kexDhGexGroup, { p: prime, g: Uint8Array.of(2) }));
    expect(twice.cause?.message).toContain('message 31 came in place of the reply');
  });

  it('one that never comes ends by the deadline, and the error says what it was', () => {
    const conversation = new Conversation({
      ...both(name),
      tamper: (payload) => (payload[0] === 31 ? undefined : payload),
    });
    conversation.exchange();
    conversation.advance(16_000);
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'keyExchange' });
    expect(conversation.cause?.message).toContain('SSH_MSG_KEX_DH_GEX_GROUP');
  });
});

describe('a server', () => {
  const answer = (min: number, n: number, max: number): number | string => {
    try {
      const payload = payloadOf(kexDhGexRequest, { min, n, max } satisfies KexDhGexRequest);
      return 8 * answerRequest(payload, name).group.p.length;
    } catch (error) {
      return codeOf(() => {
        throw error;
      });
    }
  };

  it.each([
    [2048, 3072, 8192, 3072],
    [2048, 2048, 2048, 2048],
    [1024, 1024, 8192, 2048],
    [2048, 3073, 8192, 4096],
    [2048, 8192, 8192, 8192],
    [2048, 7000, 7000, 6144],
    [0, 0, 0xffffffff, 2048],
  ])('answers min %i, n %i, max %i with %i bits', (min, n, max, bits) => {
    expect(answer(min, n, max)).toBe(bits);
  });

  it.each([
    ['least above best', 4096, 3072, 8192],
    ['best above most', 2048, 8192, 4096],
    ['nothing above 1,024', 512, 1024, 1024],
    ['nothing below 16,384', 16_384, 16_384, 16_384],
    ['nothing between two groups', 2049, 2500, 3000],
  ])('refuses a request for %s', (_, min, n, max) => {
    expect(answer(min, n, max)).toBe('ERR_SSH_KEY_EXCHANGE');
  });

  it('takes the request with one size of clients from before RFC 4419, and hashes it as it was sent', () => {
    const request = payloadOf(kexDhGexRequestOld, { n: 4096 });
    const { group, method } = answerRequest(request, name);
    expect(8 * group.p.length).toBe(4096);
    expect(method.hashPrefix.subarray(0, 4)).toEqual(request.subarray(1));
  });

  it('ends where the request is another message', () => {
    expect(codeOf(() => answerRequest(payloadOf(kexDhGexInit, { e: Uint8Array.of(9) }), name))).toBe(
      'ERR_SSH_KEY_EXCHANGE',
    );
  });
});

describe('the largest group', () => {
  const group = payloadOf(kexDhGexGroup, { p: dhGroup('group18').prime, g: Uint8Array.of(2) });
  const method = (): ReturnType<typeof methodOfGroup> =>
    methodOfGroup(group, name, { min: 2048, n: 8192, max: 8192 });

  it.each([
    ['noble', (randomBytes: RandomBytes) => createEagerNobleProvider({ randomBytes })],
    ['openssl', (randomBytes: RandomBytes) => createOpensslProvider({ randomBytes })],
  ])('RFC 4419: costs an exponent of 512 bits, drawn once, and both sides come to one K: %s', (_, make) => {
    const draws: Uint8Array[] = [];
    const provider = make((length) => {
      const bytes = systemRandomBytes(length);
      draws.push(bytes);
      return bytes;
    });
    const initiator = method().initiate(provider);
    expect(draws.map(({ length }) => length)).toEqual([64]);
    const [secret = new Uint8Array(0)] = draws;
    // The work is the square of the prime's length times that of the exponent: nothing longer stands behind the value sent.
    expect(bytesToBigInt(secret) >> 511n).toBe(1n);
    expect(bytesToBigInt(initiator.publicValue)).toBe(
      modPow(2n, bytesToBigInt(secret), bytesToBigInt(dhGroup('group18').prime)),
    );
    const { serverValue, encodedSecret } = method().respond(provider, initiator.publicValue);
    expect(initiator.finish(serverValue)).toEqual(encodedSecret);
    expect(draws.map(({ length }) => length)).toEqual([64, 64]);
  });

  it('RFC 4419: holds the event loop for an exponentiation, and not for a look at the prime', () => {
    const shortest = (action: () => unknown): number =>
      Math.min(
        ...[1, 2, 3, 4, 5].map(() => {
          const start = performance.now();
          action();
          return performance.now() - start;
        }),
      );
    const one = shortest(() => modPow(2n, (1n << 512n) - 1n, bytesToBigInt(dhGroup('group18').prime)));
    // Both slow down together where the machine has other work. A second exponentiation of 512 bits
    // would be missed; an exponent as long as the prime, or a test whether it is one, takes 16 times as long.
    for (const provider of [noble, openssl]) {
      expect(shortest(() => method().initiate(provider)) / one).toBeLessThan(4);
    }
  });
});

/**
 * DHeat (CVE-2002-20001): a client that computes nothing has a server compute a
 * bounded amount, whatever it sends and from wherever it comes.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { type KexName, kexMethods } from '../../src/crypto/algorithms.ts';
import { type DhGroupName, dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import { isGroupExchange, kexMethod } from '../../src/crypto/kex/kex.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import type { CryptoProvider, DhGroup } from '../../src/crypto/provider/provider.ts';
import { groupWork } from '../../src/crypto/work.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { kexDhGexRequest } from '../../src/message/kex.ts';
import { encodeMessage } from '../../src/message/registry.ts';
import { networkOf } from '../../src/server/admission/clientAddress.ts';
import { defaultKeyExchangeBudget, KeyExchangeBudget } from '../../src/server/admission/keyExchangeBudget.ts';
import { resolveServerOptions, type ServerOptions } from '../../src/server/options.ts';
import { answerRequest } from '../../src/transport/kex/groupExchange.ts';
import { World } from '../sim/world.ts';
import { Conversation, seededBytes } from '../support/conversation.ts';
import { playIn } from '../support/scene.ts';

const gex = 'diffie-hellman-group-exchange-sha256';
const request = (min: number, n: number, max: number): Uint8Array =>
  encodeMessage(kexDhGexRequest, { min, n, max });

/** A provider that keeps account of the groups it computes in. */
function watched(groups: DhGroup[]): CryptoProvider {
  const provider = createEagerNobleProvider({ randomBytes: seededBytes(3) });
  return {
    ...provider,
    dh: (group) => {
      groups.push(group);
      return provider.dh(group);
    },
  };
}

describe('the groups of a server', () => {
  it('stay named through a group exchange, so that OpenSSL computes in them: on both sides', () => {
    const kex = { kex: [gex] };
    const [ofClient, ofServer]: [DhGroup[], DhGroup[]] = [[], []];
    const conversation = Conversation.to('keysExchanged', {
      client: { preferences: kex, provider: watched(ofClient) },
      server: { preferences: kex, provider: watched(ofServer) },
    });
    expect(conversation.cause).toBeUndefined();
    for (const groups of [ofClient, ofServer]) {
      expect(groups.length).toBeGreaterThan(0);
      expect(groups.every(({ isNamed }) => isNamed === true)).toBe(true);
    }
  });

  it.each<readonly [DhGroupName, number]>([
    ['group14', 2048],
    ['group15', 3072],
    ['group16', 4096],
  ])('cost what they cost by their own name: %s', (name, bits) => {
    const { method } = answerRequest(request(2048, bits, 8192), gex, 4096);
    expect(method.work).toBe(groupWork(bits));
    expect(method.hashPrefix.length).toBeGreaterThan(dhGroup(name).prime.length);
  });

  it('have 4,096 bits at most, unless the limit says otherwise', () => {
    expect(defaultLimits.groupExchangeBits).toBe(4096);
    const bits = (payload: Uint8Array, longest: number): number =>
      8 * answerRequest(payload, gex, longest).group.p.length;
    expect(bits(request(2048, 8192, 8192), defaultLimits.groupExchangeBits)).toBe(4096);
    expect(bits(request(2048, 8192, 8192), 8192)).toBe(8192);
    expect(() => bits(request(6144, 8192, 8192), 4096)).toThrow('this side has 2048 to 4096');
  });

  it('reach a client that asks for more bits, in a whole conversation', () => {
    const kex = { kex: [gex] };
    const conversation = new Conversation({
      client: { preferences: kex },
      server: { preferences: kex },
    });
    const asked: number[] = [];
    const { keyExchange } = conversation.server.transport;
    const receive = keyExchange.receiveMethodMessage.bind(keyExchange);
    keyExchange.receiveMethodMessage = (payload) => {
      if (payload[0] === kexDhGexRequest.number) receive(request(2048, 8192, 8192));
      else receive(payload);
      asked.push(payload[0] as number);
    };
    const computed: number[] = [];
    keyExchange.admit = (work) => void computed.push(work);
    // The sizes are hashed, so that the two do not agree; how much was to be computed is known by then.
    conversation.exchange();
    expect(asked).toContain(kexDhGexRequest.number);
    expect(computed[0]).toBeLessThan(groupWork(4096) + 1);
  });

  it('are none of those that cost most, nor are curves: these have to be named', () => {
    const costly = [
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'curve448-sha512',
      'diffie-hellman-group18-sha512',
      'diffie-hellman-group17-sha512',
    ];
    for (const given of [undefined, 'compatible', 'legacy', { kex: { append: [] } }] as const) {
      const { kex, wider } = resolveAlgorithms(given, 'server');
      expect([...kex, ...(wider?.kex ?? [])].filter((name) => costly.includes(name))).toEqual([]);
    }
    expect(resolveAlgorithms({ kex: { append: costly } }, 'server').kex.slice(-5)).toEqual(costly);
    expect(resolveAlgorithms('compatible', 'client').kex).toEqual(expect.arrayContaining(costly));
    expect(resolveAlgorithms({ kex: costly }, 'server').kex).toEqual(costly);
  });

  it('and all other methods cost less than 10 milliseconds, by the estimate that is charged', () => {
    for (const name of resolveAlgorithms(undefined, 'server').kex as KexName[]) {
      if (!isGroupExchange(name)) expect(kexMethod(name).work).toBeLessThan(10);
    }
    expect(Object.keys(kexMethods).length).toBeGreaterThan(10);
  });
});

describe('the budget of key exchanges', () => {
  const small = { perAddress: { burst: 10, perSecond: 1 }, total: { burst: 25, perSecond: 2 } };

  it('is one for each address, and one for all', () => {
    const budget = new KeyExchangeBudget(small);
    expect(budget.spend('10.0.0.1', 10, 0)).toBeUndefined();
    expect(budget.spend('10.0.0.1', 1, 0)).toBe('address');
    expect(budget.spend('10.0.0.2', 10, 0)).toBeUndefined();
    expect(budget.spend('10.0.0.3', 5, 0)).toBeUndefined();
    expect(budget.spend('10.0.0.3', 5, 0)).toBe('total');
    // Who was refused was not charged.
    expect(budget.spend('10.0.0.3', 5, 2_500)).toBeUndefined();
    expect(budget.spend(undefined, 5, 2_500)).toBe('total');
  });

  it('comes back with time, and by a login', () => {
    const budget = new KeyExchangeBudget(small);
    expect(budget.spend('a', 10, 0)).toBeUndefined();
    expect(budget.spend('a', 2, 1_999)).toBe('address');
    expect(budget.spend('a', 2, 2_000)).toBeUndefined();
    budget.refund('a', 12, 2_000);
    expect(budget.spend('a', 10, 2_000)).toBeUndefined();
  });

  it('lets one exchange through that costs more than all of it, and waits for it to be paid', () => {
    const budget = new KeyExchangeBudget(small);
    expect(budget.spend('a', 20, 0)).toBeUndefined();
    expect(budget.spend('a', 1, 10_000)).toBe('address');
    expect(budget.spend('a', 1, 11_000)).toBeUndefined();
  });

  it('of all lets one exchange through as well that costs more than it has when it is full', () => {
    const budget = new KeyExchangeBudget({ ...small, perAddress: { burst: 1e6, perSecond: 1 } });
    expect(budget.spend('a', 30, 0)).toBeUndefined();
    expect(budget.spend('b', 1, 2_999)).toBe('total');
    expect(budget.spend('b', 1, 3_000)).toBeUndefined();
  });

  it('of all lets none through that costs more than it has when it is not full, by however little', () => {
    const budget = new KeyExchangeBudget({ ...small, perAddress: { burst: 1e6, perSecond: 1 } });
    expect(budget.spend('a', 1, 0)).toBeUndefined();
    expect(budget.spend('b', 26, 499)).toBe('total');
    expect(budget.spend('b', 26, 500)).toBeUndefined();
  });

  it('forgets no debtor for the sake of strangers while there are older ones that owe as well', () => {
    const budget = new KeyExchangeBudget({ ...small, total: { burst: 1e9, perSecond: 1 } });
    for (let i = 0; i < 4_096; i++) budget.spend(`10.0.${i >> 8}.${i & 255}`, 10, 0);
    // Nobody has paid: only the oldest makes room.
    expect(budget.spend('the next', 10, 0)).toBeUndefined();
    expect(budget.size).toBe(4_096);
    for (const address of ['10.0.0.1', '10.0.15.255', 'the next']) {
      expect(budget.spend(address, 1, 0)).toBe('address');
    }
  });

  it('forgets nobody who owes something where one who owes nothing can be forgotten', () => {
    const budget = new KeyExchangeBudget({ ...small, total: { burst: 1e9, perSecond: 1 } });
    budget.spend('the first', 10, 0);
    for (let i = 0; budget.size < 4_096; i++) budget.spend(`10.0.${i >> 8}.${i & 255}`, 1, 0);
    // All others have paid by now.
    expect(budget.spend('the next', 1, 1_000)).toBeUndefined();
    expect(budget.size).toBe(2);
    expect(budget.spend('the first', 2, 1_000)).toBe('address');
  });

  it('never grants more than it has, whoever asks and whenever', () => {
    const asks = fc.array(
      fc.record({
        address: fc.constantFrom('a', 'b', 'c', undefined),
        cost: fc.integer({ min: 1, max: 10 }),
        wait: fc.integer({ min: 0, max: 2_000 }),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(asks, (all) => {
        const budget = new KeyExchangeBudget(small);
        const granted = new Map<string | undefined, number>();
        let [now, total] = [0, 0];
        for (const { address, cost, wait } of all) {
          now += wait;
          if (budget.spend(address, cost, now) !== undefined) continue;
          total += cost;
          granted.set(address, (granted.get(address) ?? 0) + cost);
          const { perAddress } = small;
          const own = perAddress.burst + (now / 1000) * perAddress.perSecond;
          if (address !== undefined) expect(granted.get(address)).toBeLessThanOrEqual(own + 1e-6);
          expect(total).toBeLessThanOrEqual(small.total.burst + (now / 1000) * small.total.perSecond + 1e-6);
        }
      }),
    );
  });

  it('keeps account of a bounded number of addresses, and of none that owes nothing', () => {
    const budget = new KeyExchangeBudget({ ...small, total: { burst: 1e9, perSecond: 1 } });
    for (let i = 0; i < 10_000; i++) budget.spend(`10.0.${i >> 8}.${i & 255}`, 1, 0);
    expect(budget.size).toBeLessThanOrEqual(4_096);
    budget.spend('b', 1, 0);
    const before = budget.size;
    budget.refund('b', 1, 0);
    expect(budget.size).toBe(before - 1);
  });

  it.each([
    ['10.1.2.3', '10.1.2.3'],
    ['::ffff:10.1.2.3', '10.1.2.3'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:DB8:1:2::9', '2001:db8:1:2::/64'],
    ['2001:db8::9', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['client', 'client'],
  ])('knows the network of %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it('is checked, and has defaults', () => {
    const options = (keyExchangeBudget: unknown): ServerOptions =>
      ({ authentication: { none: () => true }, hostKeys: [], keyExchangeBudget }) as ServerOptions;
    expect(resolveServerOptions(options(undefined)).keyExchangeBudget).toEqual(defaultKeyExchangeBudget);
    expect(resolveServerOptions(options({ total: { burst: 7 } })).keyExchangeBudget).toEqual({
      ...defaultKeyExchangeBudget,
      total: { ...defaultKeyExchangeBudget.total, burst: 7 },
    });
    for (const given of [{ total: { burst: 0 } }, { perAddress: { perSecond: Number.NaN } }]) {
      expect(() => resolveServerOptions(options(given))).toThrow(/keyExchangeBudget\./);
    }
  });
});

describe('clients beyond the budget', () => {
  /** Two milliseconds a dial of the simulation: half of it for the curve, half for the host key. */
  const server: Partial<ServerOptions> = {
    failureDelay: 0,
    keyExchangeBudget: { perAddress: { burst: 3, perSecond: 1 } },
  };

  it('that do not log in are refused, until time has passed; those that do cost nothing', async () => {
    await playIn(new World({ seed: 5, server }), async (world) => {
      await world.startServer({ authentication: { publicKey: (username) => username === 'user' } });
      for (let i = 0; i < 10; i++) (await world.connect()).destroy();
      const stranger = async (): Promise<unknown> =>
        world.connect({ username: 'stranger' }).then(
          () => 'in',
          (error: { readonly code: string }) => error.code,
        );
      const outcomes = [];
      for (let i = 0; i < 5; i++) outcomes.push(await stranger());
      expect(outcomes.filter((code) => code === 'ERR_SSH_AUTHENTICATION_FAILED')).toHaveLength(3);
      for (const code of outcomes.slice(3)) expect(code).toMatch(/DISCONNECTED|CONNECTION_LOST/);
      const told = world.faults.filter((fault) => (fault as SshError).code === 'ERR_SSH_LIMIT');
      expect(told).toHaveLength(2);
      expect(told[0]).toMatchObject({ phase: 'keyExchange', origin: 'local' });
      expect(String(told[0])).toContain('keyExchangeBudget');
      await world.sleep(1_000);
      expect(await stranger()).toBe('ERR_SSH_AUTHENTICATION_FAILED');
    });
  });
});

/** The small laws of the transport: allowances, when keys are due, what waits to be sent. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8Decode, utf8Encode } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { ignore } from '../../src/message/transport.ts';
import { PacketSealer } from '../../src/packet/sealer.ts';
import { announce, noExtensions, readExtensions } from '../../src/transport/extInfo.ts';
import { Allowance } from '../../src/transport/gate/allowance.ts';
import { PeerAllowances } from '../../src/transport/gate/peerAllowances.ts';
import { defaultRekeyPolicy, noRekey, type Passed, rekeyCause } from '../../src/transport/kex/rekeyPolicy.ts';
import { TransportOutput } from '../../src/transport/output.ts';
import { quirksOf } from '../../src/transport/quirks.ts';
import { codeOf } from '../crypto/support.ts';
import { noise, seededPadding } from '../packet/support.ts';

describe('an allowance', () => {
  const what = 'messages';
  /** How often in a row it can be spent. */
  const left = (allowance: Allowance, now: number): number => {
    for (let times = 0; times < 1000; times++) {
      if (codeOf(() => allowance.spend(now)) === 'ERR_SSH_LIMIT') return times;
    }
    return Number.POSITIVE_INFINITY;
  };
  const spent = (): Allowance => {
    const allowance = new Allowance(what, 10, 4, 500);
    expect(left(allowance, 500)).toBe(10);
    return allowance;
  };

  it('is a burst at once, and not one more', () => {
    spent();
    const allowance = new Allowance(what, 1, 4, 500);
    allowance.spend(500);
    expect(() => allowance.spend(500)).toThrow('the peer floods this side with messages');
  });

  it('comes back at its rate, counted once, and never beyond the burst', () => {
    expect(left(spent(), 1499)).toBe(3);
    expect(left(spent(), 1500)).toBe(4);
    expect(left(spent(), 1_000_000)).toBe(10);
    const allowance = spent();
    expect(left(allowance, 1000)).toBe(2);
    expect(left(allowance, 1250)).toBe(1);
    expect(left(allowance, 1250)).toBe(0);
  });

  it('lets the rate go on for ever', () => {
    const allowance = spent();
    for (let now = 750; now <= 100_000; now += 250) allowance.spend(now);
    // And no more than the rate.
    expect(left(allowance, 100_000)).toBe(0);
  });

  it('is whole before it is spent, and once all of it has come back', () => {
    expect(new Allowance(what, 10, 4, 500).isWhole(500)).toBe(true);
    expect(spent().isWhole(500)).toBe(false);
    expect(spent().isWhole(2999)).toBe(false);
    expect(spent().isWhole(3000)).toBe(true);
  });
});

describe('new keys are due (RFC 4253 §9, RFC 4344 §3)', () => {
  const policy = { bytes: 1000, packets: 100, interval: 1 };
  const passed = (more: Partial<Passed> = {}): Passed => ({
    bytes: 999,
    packets: 99,
    blocks: 2 ** 32 - 1,
    ...more,
  });

  it('when a limit is reached in either direction, and not one before it', () => {
    expect(rekeyCause(policy, passed(), passed())).toBeUndefined();
    const limits = { bytes: 1000, packets: 100, blocks: 2 ** 32 } as const;
    for (const cause of ['bytes', 'packets', 'blocks'] as const) {
      const reached = passed({ [cause]: limits[cause] });
      expect(rekeyCause(policy, reached, passed())).toBe(cause);
      expect(rekeyCause(policy, passed(), reached)).toBe(cause);
    }
  });

  it('after a gigabyte, 2^31 packets or an hour where nobody said otherwise', () => {
    expect(defaultRekeyPolicy).toEqual({ bytes: 1_073_741_824, packets: 2_147_483_648, interval: 3_600_000 });
  });

  it('for a peer that knows none, only when the cipher demands it', () => {
    const much = passed({ bytes: 2 ** 50, packets: 2 ** 50 });
    expect(rekeyCause(noRekey, much, much)).toBeUndefined();
    expect(rekeyCause(noRekey, much, { ...much, blocks: 2 ** 32 })).toBe('blocks');
  });
});

describe('what a peer is charged with', () => {
  const limits = { ...defaultLimits, keyExchangesWithoutData: 4 };

  it('is kept from the first thing that costs something, until all of it has come back', () => {
    const dues: readonly [string, (allowances: PeerAllowances) => void][] = [
      ['a message', (allowances) => allowances.spendMessage(0)],
      ['a block', (allowances) => allowances.spendInflation(0, 0, 1)],
      ['a byte', (allowances) => allowances.spendInflation(0, 1, 0)],
      ['a key exchange', (allowances) => allowances.spendKeyExchange(0)],
    ];
    for (const [what, spend] of dues) {
      const allowances = new PeerAllowances(limits, 'server');
      expect(allowances.isEmpty, what).toBe(true);
      spend(allowances);
      allowances.rest(0);
      expect(allowances.isEmpty, what).toBe(false);
      allowances.rest(1e9);
      expect(allowances.isEmpty, what).toBe(true);
    }
    const nothing = new PeerAllowances(limits, 'server');
    nothing.spendInflation(0, 0, 0);
    nothing.noteData(1e9);
    expect(nothing.isEmpty).toBe(true);
  });

  it.each([
    ['client', 4096],
    ['server', 1024 * 1024],
  ] as const)('comes back for a key exchange with data as well, in the role of a %s', (role, price) => {
    const times = (bytes: number): number => {
      const allowances = new PeerAllowances(limits, role);
      for (let done = 0; done < 100; done++) {
        if (codeOf(() => allowances.spendKeyExchange(0)) === 'ERR_SSH_LIMIT') return done;
        allowances.noteData(bytes);
      }
      return Number.POSITIVE_INFINITY;
    };
    const idle = times(0);
    expect(idle).toBeLessThan(100);
    expect(times(price / 2)).toBeGreaterThan(idle);
    expect(times(price)).toBe(Number.POSITIVE_INFINITY);
    expect(times(0.94 * price)).toBeLessThan(100);
  });
});

describe('EXT_INFO (RFC 8308)', () => {
  const said = (...pairs: readonly [string, string][]) =>
    readExtensions({
      extensions: pairs.map(([extensionName, value]) => ({
        extensionName,
        extensionValue: utf8Encode(value),
      })),
    });

  it('is read name by name, and unknown names are ignored (§2.5)', () => {
    expect(said(['x@y', '0'])).toEqual(noExtensions);
    expect(noExtensions).toEqual({ serverSigAlgs: undefined, ping: false, publickeyHostbound: false });
    expect(said(['server-sig-algs', 'a,b,a'])).toEqual({ ...noExtensions, serverSigAlgs: ['a', 'b'] });
    expect(said(['server-sig-algs', ''])).toEqual({ ...noExtensions, serverSigAlgs: [] });
    expect(said(['ping@openssh.com', '0'])).toEqual({ ...noExtensions, ping: true });
    expect(said(['publickey-hostbound@openssh.com', '0'])).toEqual({
      ...noExtensions,
      publickeyHostbound: true,
    });
  });

  it('has names of 64 letters at most (RFC 4251 §6), and leaves longer ones aside', () => {
    const names = [63, 64, 65, 66].map((length) => 'n'.repeat(length));
    expect(said(['server-sig-algs', names.join(',')]).serverSigAlgs).toEqual(names.slice(0, 2));
  });

  it('says nothing in a version that is not known here', () => {
    for (const name of ['ping@openssh.com', 'publickey-hostbound@openssh.com']) {
      for (const version of ['1', '', '00']) expect(said([name, version])).toEqual(noExtensions);
    }
  });

  it('adds rsa-sha2 where a server is known to take it unsaid', () => {
    const extensions = [
      { extensionName: 'server-sig-algs', extensionValue: utf8Encode('ssh-rsa,rsa-sha2-256') },
    ];
    expect(readExtensions({ extensions }, quirksOf('OpenSSH_7.4')).serverSigAlgs).toEqual([
      'ssh-rsa',
      'rsa-sha2-256',
      'rsa-sha2-512',
    ]);
  });

  it('says what is to be announced, name by name', () => {
    const { extensions } = announce({ a: '0', b: 'x,y' });
    expect(
      extensions.map(({ extensionName, extensionValue }) => [extensionName, utf8Decode(extensionValue)]),
    ).toEqual([
      ['a', '0'],
      ['b', 'x,y'],
    ]);
  });
});

describe('what waits to be sent', () => {
  const maximum = 1000;
  const newOutput = (identification = ''): { output: TransportOutput; sealer: PacketSealer } => {
    const sealer = new PacketSealer({ randomBytes: seededPadding() });
    const limits = { ...defaultLimits, outputQueue: maximum };
    const preferences = { compression: ['none'] };
    return {
      output: new TransportOutput(sealer, {
        identification: utf8Encode(identification),
        limits,
        preferences,
      }),
      sealer,
    };
  };
  const take = (output: TransportOutput): Uint8Array => {
    const chunks: Uint8Array[] = [];
    for (let chunk = output.take(); chunk !== undefined; chunk = output.take()) chunks.push(chunk);
    return concatBytes(...chunks);
  };

  it('begins with the identification and CR LF, once', () => {
    const { output } = newOutput('SSH-2.0-x');
    expect(output.pending).toBe(11);
    expect(utf8Decode(output.take() ?? new Uint8Array(0))).toBe('SSH-2.0-x\r\n');
    expect(output.pending).toBe(0);
    expect(output.take()).toBeUndefined();
  });

  it('is counted, packet by packet, and each says its number', () => {
    const { output, sealer } = newOutput();
    take(output);
    const numbers: number[] = [];
    for (const i of [0, 1, 2])
      output.send(ignore, { data: noise(i, 1) }, false, (number) => numbers.push(number));
    expect(numbers).toEqual([0, 1, 2]);
    expect(output.packets).toBe(3);
    expect(output.pending).toBe(sealer.pending);
    expect(take(output)).toHaveLength(3 * 16);
    expect(output.pending).toBe(0);
  });

  it('may be as much as the limit, and no more', () => {
    const { output } = newOutput();
    take(output);
    // A packet of 1,000 bytes: 4 of length, 1 and 4 of padding, 5 of IGNORE.
    output.send(ignore, { data: new Uint8Array(maximum - 14) }, false);
    expect(output.pending).toBe(maximum);
    expect(codeOf(() => output.send(ignore, { data: new Uint8Array(0) }, false))).toBe('ERR_SSH_LIMIT');
    expect(output.pending).toBe(maximum);
    // What has to be said at once is said all the same.
    output.sendNow(ignore, { data: new Uint8Array(0) });
    expect(output.pending).toBe(maximum + 16);
  });

  it('for a key exchange comes out in its order when that ends, and costs nothing afterwards', () => {
    const sizes = fc.array(fc.nat({ max: 100 }), { maxLength: 6 });
    fc.assert(
      fc.property(sizes, sizes, (first, second) => {
        const [held, plain] = [newOutput().output, newOutput().output];
        for (const round of [first, second]) {
          for (const length of round) held.send(ignore, { data: noise(length, length) }, true);
          expect(held.packets).toBe(plain.packets);
          held.release();
          for (const length of round) plain.sendNow(ignore, { data: noise(length, length) });
          expect(take(held)).toEqual(take(plain));
        }
      }),
    );
  });

  it('for a key exchange may be as much as the limit, with 64 bytes for each message, and no more', () => {
    const { output } = newOutput();
    const hold = (length: number): void => output.send(ignore, { data: new Uint8Array(length) }, true);
    for (let round = 0; round < 2; round++) {
      // 5 bytes of IGNORE and 64 around each.
      hold(500 - 69);
      hold(500 - 69);
      output.release();
      take(output);
    }
    hold(500 - 69);
    expect(codeOf(() => hold(501 - 69))).toBe('ERR_SSH_LIMIT');
  });
});

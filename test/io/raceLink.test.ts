/**
 * One link out of several attempts: what is told, when, how often, and that
 * nothing is left: no row, no timer, no attempt.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { WaitTable } from '../../src/base/waits.ts';
import { attemptDelay, type HostAddress, lookupPatience } from '../../src/io/connecting/addressRace.ts';
import {
  type AttemptListener,
  type OpenAttempt,
  type RaceNetwork,
  raceLink,
} from '../../src/io/connecting/raceLink.ts';
import type { Link, LinkReceiver } from '../../src/io/link.ts';
import { drained, VirtualClock } from '../support/virtualClock.ts';

class FakeAttempt implements OpenAttempt {
  isAbandoned = false;
  receiver: LinkReceiver | undefined;
  readonly address: string;
  readonly listener: AttemptListener;
  readonly link: Link = { isLink: true } as unknown as Link;

  constructor(address: string, listener: AttemptListener) {
    this.address = address;
    this.listener = listener;
  }

  abandon(): void {
    this.isAbandoned = true;
  }

  toLink(receiver: LinkReceiver): Link {
    this.receiver = receiver;
    return this.link;
  }
}

type Answered = Parameters<RaceNetwork['lookup']>[2];

let clock: VirtualClock;
let waits: WaitTable;
let attempts: FakeAttempt[];
let lookups: { readonly family: number; readonly answered: Answered }[];
let told: unknown[];
const broken = new Set<string>();

const network: RaceNetwork = {
  lookup: (host, family, answered) => {
    if (broken.has(host)) throw new Error(`${host} is no name`);
    lookups.push({ family, answered });
  },
  attempt: ({ address }, listener) => {
    if (broken.has(address)) throw new Error(`${address} is broken`);
    const attempt = new FakeAttempt(address, listener);
    attempts.push(attempt);
    return attempt;
  },
};

const receiver: LinkReceiver = {
  connected: (link) => void told.push(['connected', link]),
  ended: (error) => void told.push(['ended', error?.message]),
  closed: () => void told.push(['closed']),
  received: () => {},
  lent: () => {},
  written: () => {},
};

beforeEach(() => {
  clock = new VirtualClock();
  waits = new WaitTable();
  attempts = [];
  lookups = [];
  told = [];
  broken.clear();
});

function open(host: string = 'name', address?: HostAddress): Link {
  const target = { host, port: 22, family: 0, address } as const;
  return raceLink(network, target, clock, { table: waits, timeout: 10_000 })(receiver);
}

function answer(...addresses: readonly string[]): void {
  lookups[0]?.answered(
    undefined,
    addresses.map((address) => ({ address, family: 4 })),
  );
}

const rows = (): string[] => waits.list().map(({ detail }) => detail);
const pass = (milliseconds: number): Promise<void> => clock.run({ until: clock.now() + milliseconds });

describe('a race that is won', () => {
  it('hands over the link of the winner, and leaves no row, no timer and no other attempt', async () => {
    open();
    answer('a', 'b', 'c');
    await pass(attemptDelay);
    expect(rows()).toEqual(['a to answer at port 22', 'b to answer at port 22']);
    expect(clock.liveTimers).toBe(1);
    attempts[1]?.listener.connected();
    expect(told).toEqual([['connected', attempts[1]?.link]]);
    expect(attempts[1]?.receiver).toBe(receiver);
    expect(attempts.map(({ isAbandoned }) => isAbandoned)).toEqual([true, false]);
    expect(rows()).toEqual([]);
    expect(clock.liveTimers).toBe(0);
  });

  it('leaves no row of a look-up that is still due', async () => {
    open();
    await pass(lookupPatience);
    lookups[2]?.answered(undefined, [{ address: 'a', family: 4 }]);
    await pass(100);
    expect(rows()).toEqual(['the addresses of name', 'the IPv6 addresses of name', 'a to answer at port 22']);
    attempts[0]?.listener.connected();
    expect(rows()).toEqual([]);
    // What comes late changes nothing.
    answer('b');
    lookups[1]?.answered(new Error('late'), []);
    await pass(60_000);
    expect([attempts.length, told.length]).toEqual([1, 1]);
  });

  it('is won once, though another attempt connects in the same moment', async () => {
    open();
    answer('a', 'b');
    await pass(attemptDelay);
    attempts[0]?.listener.connected();
    attempts[1]?.listener.connected();
    attempts[1]?.listener.failed(new Error('late'));
    attempts[1]?.listener.closed();
    await drained();
    expect(told).toEqual([['connected', attempts[0]?.link]]);
    expect(attempts[1]?.receiver).toBeUndefined();
  });
});

describe('a race that is lost', () => {
  it('is told of once, and closed when the last attempt is', async () => {
    open();
    answer('a', 'b');
    attempts[0]?.listener.failed(new Error('a fails'));
    attempts[1]?.listener.failed(new Error('b fails'));
    await drained();
    expect(told).toEqual([['ended', 'a: a fails; b: b fails']]);
    attempts[0]?.listener.closed();
    await drained();
    expect(told).toHaveLength(1);
    attempts[1]?.listener.closed();
    await drained();
    expect(told.slice(1)).toEqual([['closed']]);
    expect([rows(), clock.liveTimers]).toEqual([[], 0]);
  });

  it('is never told of from within the call that opens the link', async () => {
    broken.add('a');
    const link = open('a', { address: 'a', family: 4 });
    expect(told).toEqual([]);
    await drained();
    expect(told).toEqual([['ended', 'a is broken'], ['closed']]);
    link.destroy();
    await drained();
    expect(told).toHaveLength(2);
  });

  it('by a look-up that throws is lost like any other', async () => {
    broken.add('odd');
    open('odd');
    await drained();
    expect(told).toEqual([['ended', 'odd is no name'], ['closed']]);
    expect([rows(), clock.liveTimers]).toEqual([[], 0]);
  });

  it('goes on with the next address where one cannot even be begun', async () => {
    broken.add('a');
    open();
    answer('a', 'b');
    attempts[0]?.listener.connected();
    expect(told).toEqual([['connected', attempts[0]?.link]]);
    expect(attempts[0]?.address).toBe('b');
  });
});

describe('a race that is given up', () => {
  it('abandons every attempt, and is closed when they are', async () => {
    const link = open();
    answer('a', 'b');
    await pass(attemptDelay);
    expect(link.progress?.()).toBe('a: no answer; b: no answer');
    link.destroy();
    expect(attempts.every(({ isAbandoned }) => isAbandoned)).toBe(true);
    expect([rows(), clock.liveTimers]).toEqual([[], 0]);
    for (const { listener } of attempts) {
      await drained();
      expect(told).toEqual([]);
      listener.closed();
    }
    await drained();
    expect(told).toEqual([['closed']]);
    link.destroy();
    await drained();
    expect(told).toHaveLength(1);
  });

  it('is closed at once while its name is looked up, and begins nothing any more', async () => {
    const link = open();
    link.end();
    await drained();
    expect(told).toEqual([['closed']]);
    answer('a');
    await pass(60_000);
    expect([attempts, rows(), clock.liveTimers]).toEqual([[], [], 0]);
  });
});

it('the rows end with the deadline of the whole, and end nothing by themselves', async () => {
  open();
  await pass(400);
  answer('a');
  const row = waits.list()[0];
  expect(row).toMatchObject({ name: 'connect', since: 400, deadline: 10_000 });
  row?.onExpire?.();
  expect(told).toEqual([]);
});

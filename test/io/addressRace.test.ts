/**
 * Which address is tried when (RFC 8305), by a race that is told what happens and what time it is.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type AddressFamily,
  AddressRace,
  type Attempt,
  attemptDelay,
  type HostAddress,
  lookupPatience,
  maximumAddresses,
  resolutionDelay,
} from '../../src/io/connecting/addressRace.ts';

/** What an address does once it is tried, and how long that takes. */
interface Behaviour {
  readonly address: string;
  readonly does: 'answer' | 'refuse' | 'nothing';
  readonly after: number;
}

/** What a look-up comes to. */
interface Answer {
  readonly after: number;
  /** Undefined where it fails. */
  readonly addresses: readonly string[] | undefined;
}

interface Story {
  readonly family?: AddressFamily;
  readonly lookups: { readonly [family in AddressFamily]?: Answer };
  readonly behaviours?: readonly Behaviour[];
}

interface Outcome {
  readonly started: { readonly address: string; readonly at: number }[];
  readonly failed: { readonly address: string; readonly at: number }[];
  readonly lookedUp: { readonly family: AddressFamily; readonly at: number }[];
  won: { readonly address: string; readonly at: number } | undefined;
  lostAt: number | undefined;
  readonly race: AddressRace;
}

function hostAddress(address: string): HostAddress {
  return { address, family: address.includes(':') ? 6 : 4 };
}

/** Plays a race on a list of what happens when; ends when it is over or nothing more can happen. */
function play({ family = 0, lookups, behaviours = [] }: Story): Outcome {
  const race = new AddressRace(family);
  const outcome: Outcome = { started: [], failed: [], lookedUp: [], won: undefined, lostAt: undefined, race };
  const events: { readonly at: number; readonly happen: (now: number) => void }[] = [];
  const later = (at: number, happen: (now: number) => void): void => {
    if (at !== Number.POSITIVE_INFINITY) events.push({ at, happen });
  };
  const begin = (attempt: Attempt, now: number): void => {
    const { address } = attempt.target;
    outcome.started.push({ address, at: now });
    const { does, after } = behaviours.find((each) => each.address === address) ?? {
      does: 'nothing',
      after: 0,
    };
    if (does === 'answer') {
      later(now + after, (at) => {
        outcome.won ??= { address, at };
      });
    }
    if (does === 'refuse') {
      later(now + after, (at) => {
        outcome.failed.push({ address, at });
        race.attemptFailed(attempt, new Error(`${address} refuses`), at);
      });
    }
  };
  const lookUp = (wanted: AddressFamily, now: number): void => {
    outcome.lookedUp.push({ family: wanted, at: now });
    const { after, addresses } = lookups[wanted] ?? { after: Number.POSITIVE_INFINITY, addresses: [] };
    later(now + after, (at) => {
      if (addresses === undefined) race.lookupFailed(wanted, new Error('no such host'), at);
      else race.resolved(wanted, addresses.map(hostAddress), at);
    });
  };
  const act = (now: number): void => {
    for (let action = race.nextAction(); action !== undefined; action = race.nextAction()) {
      if (action.type === 'lookup') lookUp(action.family, now);
      else begin(action.attempt, now);
    }
    if (race.isLost) outcome.lostAt ??= now;
  };
  race.lookUp(0);
  act(0);
  while (outcome.won === undefined && outcome.lostAt === undefined) {
    const next = Math.min(race.deadline(), ...events.map(({ at }) => at));
    if (next === Number.POSITIVE_INFINITY) break;
    const due = events.findIndex(({ at }) => at === next);
    if (due >= 0) events.splice(due, 1)[0]?.happen(next);
    else race.expire(next);
    act(next);
  }
  return outcome;
}

const [four1, four2, four3] = ['192.0.2.1', '192.0.2.2', '192.0.2.3'] as const;
const [six1, six2] = ['2001:db8::1', '2001:db8::2'] as const;
const atOnce = (...addresses: readonly string[]): Story['lookups'] => ({ 0: { after: 0, addresses } });

describe('the order of addresses', () => {
  it.each([
    [
      [six1, six2, four1, four2],
      [six1, four1, six2, four2],
    ],
    [
      [four1, four2, six1],
      [four1, six1, four2],
    ],
    [
      [four1, four2, four3],
      [four1, four2, four3],
    ],
    [
      [six1, four1, four2, four3, six2],
      [six1, four1, six2, four2, four3],
    ],
  ])('RFC 8305 §4: of %j is %j: the families take turns, the resolver’s first one first', (told, tried) => {
    expect(play({ lookups: atOnce(...told) }).started.map(({ address }) => address)).toEqual(tried);
  });

  it('has each address once, and no more than a bound of them', () => {
    const many = Array.from({ length: 3 * maximumAddresses }, (_, i) => `10.0.${i >> 8}.${i & 255}`);
    const { started } = play({ lookups: atOnce(four1, four1, ...many, four2) });
    expect(started).toHaveLength(maximumAddresses);
    expect(new Set(started.map(({ address }) => address)).size).toBe(maximumAddresses);
  });

  it('leaves out the family that is not wanted, whatever a resolver says', () => {
    const { started } = play({
      family: 4,
      lookups: { 4: { after: 0, addresses: [six1, four1, six2, four2] } },
    });
    expect(started.map(({ address }) => address)).toEqual([four1, four2]);
  });
});

describe('attempts', () => {
  it('RFC 8305 §5: overlap: a slow first address wins though the second is dead', () => {
    const { started, won } = play({
      lookups: atOnce(four1, four2),
      behaviours: [
        { address: four1, does: 'answer', after: 400 },
        { address: four2, does: 'refuse', after: 1 },
      ],
    });
    expect(started).toEqual([
      { address: four1, at: 0 },
      { address: four2, at: attemptDelay },
    ]);
    expect(won).toEqual({ address: four1, at: 400 });
  });

  it('go on at once where one fails', () => {
    const { started, won } = play({
      lookups: atOnce(four1, four2),
      behaviours: [
        { address: four1, does: 'refuse', after: 3 },
        { address: four2, does: 'answer', after: 10 },
      ],
    });
    expect(started.map(({ at }) => at)).toEqual([0, 3]);
    expect(won).toEqual({ address: four2, at: 13 });
  });

  it('are lost when the last one that could succeed has failed, and not before', () => {
    const { lostAt, race } = play({
      lookups: atOnce(four1, six1),
      behaviours: [
        { address: four1, does: 'refuse', after: 900 },
        { address: six1, does: 'refuse', after: 5 },
      ],
    });
    expect(lostAt).toBe(900);
    expect(race.attempts.map(({ target, error }) => [target.address, error?.message])).toEqual([
      [four1, `${four1} refuses`],
      [six1, `${six1} refuses`],
    ]);
  });
});

describe('look-ups', () => {
  it('are one for both families where that answers soon', () => {
    const { lookedUp, won } = play({
      lookups: { 0: { after: lookupPatience - 1, addresses: [four1] } },
      behaviours: [{ address: four1, does: 'answer', after: 1 }],
    });
    expect(lookedUp).toEqual([{ family: 0, at: 0 }]);
    expect(won?.at).toBe(lookupPatience);
  });

  it('RFC 8305 §3: are one for each family besides, where a resolver keeps silent about one of them', () => {
    const { lookedUp, won } = play({
      lookups: { 4: { after: 10, addresses: [four1] } },
      behaviours: [{ address: four1, does: 'answer', after: 1 }],
    });
    expect(lookedUp).toEqual([
      { family: 0, at: 0 },
      { family: 6, at: lookupPatience },
      { family: 4, at: lookupPatience },
    ]);
    expect(won?.at).toBe(lookupPatience + 10 + resolutionDelay + 1);
  });

  it('give IPv6 a moment where IPv4 is answered first, and no longer than it takes', () => {
    const story = (six: Answer): Outcome =>
      play({ lookups: { 4: { after: 10, addresses: [four1] }, 6: six } });
    expect(story({ after: 30, addresses: [six1] }).started[0]).toEqual({
      address: four1,
      at: lookupPatience + 30,
    });
    expect(story({ after: 30, addresses: undefined }).started[0]?.at).toBe(lookupPatience + 30);
    expect(story({ after: 300, addresses: [six1] }).started[0]?.at).toBe(
      lookupPatience + 10 + resolutionDelay,
    );
  });

  it('of one family are one', () => {
    expect(play({ family: 6, lookups: { 6: { after: 5_000, addresses: undefined } } })).toMatchObject({
      lookedUp: [{ family: 6, at: 0 }],
      lostAt: 5_000,
    });
  });

  it.each<[string, Story['lookups'], number]>([
    ['the one for both has failed', { 0: { after: 1_500, addresses: undefined } }, 1_500],
    [
      'those for each have failed',
      { 4: { after: 10, addresses: undefined }, 6: { after: 20, addresses: undefined } },
      lookupPatience + 20,
    ],
    ['the one for both has no address', { 0: { after: 7, addresses: [] } }, 7],
  ])('are over when %s', (_, lookups, at) => {
    const { lostAt, race } = play({ lookups });
    expect(lostAt).toBe(at);
    expect(race.attempts).toEqual([]);
    expect(race.isLookingUp).toBe(false);
  });

  it('are waited for while every address so far has failed', () => {
    const { started, won } = play({
      lookups: { 4: { after: 0, addresses: [four1] }, 6: { after: 2_000, addresses: [six1] } },
      behaviours: [
        { address: four1, does: 'refuse', after: 1 },
        { address: six1, does: 'answer', after: 1 },
      ],
    });
    expect(started.map(({ address }) => address)).toEqual([four1, six1]);
    expect(won).toEqual({ address: six1, at: lookupPatience + 2_001 });
  });
});

describe('whatever addresses do', () => {
  const address = fc.oneof(
    fc.nat({ max: 9 }).map((n) => `192.0.2.${n}`),
    fc.nat({ max: 9 }).map((n) => `2001:db8::${n}`),
  );
  const time = fc.oneof(
    fc.nat({ max: 600 }),
    fc.constantFrom(0, 1, attemptDelay - 1, attemptDelay, attemptDelay + 1),
  );
  const behaviour = fc.record({ does: fc.constantFrom('answer', 'refuse', 'nothing'), after: time });
  const lookup = fc.record({
    after: fc.oneof(time, fc.integer({ min: 900, max: 3_000 }), fc.constant(Number.POSITIVE_INFINITY)),
    addresses: fc.oneof(
      { weight: 5, arbitrary: fc.uniqueArray(address, { maxLength: 8 }) },
      { weight: 1, arbitrary: fc.constant(undefined) },
    ),
  });
  const story = fc
    .record({
      family: fc.constantFrom<AddressFamily>(0, 0, 0, 4, 6),
      lookups: fc.record({ 0: lookup, 4: lookup, 6: lookup }),
      behaviours: fc.dictionary(address, behaviour),
    })
    .map(({ behaviours, ...rest }) => ({
      ...rest,
      behaviours: Object.entries(behaviours).map(([name, does]) => ({ address: name, ...does }) as Behaviour),
    }));

  it('the first that answers wins, none earlier is given up, and nothing is lost while one could', () => {
    fc.assert(
      fc.property(story, (told) => {
        const { started, won, lostAt } = play(told);
        const ends = started.map(({ address: name, at }) => {
          const { does, after } = told.behaviours.find((each) => each.address === name) ?? {
            does: 'nothing' as const,
            after: 0,
          };
          return { does, at: at + after };
        });
        const answers = ends.filter(({ does }) => does === 'answer').map(({ at }) => at);
        if (answers.length > 0) expect(won?.at).toBe(Math.min(...answers));
        else expect(won).toBeUndefined();
        if (lostAt !== undefined) {
          expect(ends.every(({ does }) => does === 'refuse')).toBe(true);
          expect(lostAt).toBeGreaterThanOrEqual(Math.max(0, ...ends.map(({ at }) => at)));
        }
      }),
    );
  });

  it('each is tried once, at the pace, and sooner only where one has just failed', () => {
    fc.assert(
      fc.property(story, (told) => {
        const { started, failed } = play(told);
        expect(new Set(started.map(({ address: name }) => name)).size).toBe(started.length);
        for (const [i, { at }] of started.entries()) {
          const before = started[i - 1];
          if (before === undefined) continue;
          const byFailure = failed.some((failure) => failure.at === at);
          expect(byFailure || at - before.at >= attemptDelay).toBe(true);
        }
      }),
    );
  });

  it('none that is known waits longer than the pace demands', () => {
    fc.assert(
      fc.property(story, fc.uniqueArray(address, { minLength: 1, maxLength: 8 }), (told, addresses) => {
        const { started, won, race } = play({ ...told, family: 0, lookups: atOnce(...addresses) });
        for (const [i, { at }] of started.entries()) {
          if (i > 0) expect(at - (started[i - 1]?.at ?? 0)).toBeLessThanOrEqual(attemptDelay);
        }
        // What was not tried was not due yet when another one answered.
        if (race.waiting.length > 0) {
          expect(won?.at).toBeLessThanOrEqual((started.at(-1)?.at ?? 0) + attemptDelay);
        }
      }),
    );
  });
});

/**
 * Two factors are two: neither lets anyone in alone, whatever comes first and
 * in between, and only what a partial success named may follow it.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import type { Authentication, AuthenticationContext, AuthenticationMethod } from '../../src/entry/server.ts';
import { createServer } from '../../src/entry/server.ts';
import { Factors } from '../../src/server/factors.ts';
import { startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { type Answer, logIn, type Try, userKey } from '../support/logIn.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

afterEach(nothingIsLeft);

const key = userKey(1);
const otherKey = userKey(2);
const right: Try = { password: 'right' };

const isKnown = (blob: Uint8Array): boolean =>
  [key, otherKey].some((known) => Buffer.compare(encodePublicKey(known.publicKey), blob) === 0);

/** What the server answers each try with, and the faults it was told of. */
async function outcomeOf(
  authentication: Authentication,
  ...tries: readonly Try[]
): Promise<{ readonly answers: Answer[]; readonly faults: unknown[] }> {
  await using server = await startEmbedded({ hostKeys: keyText('ed25519'), authentication });
  return { answers: await logIn(server.port, tries), faults: server.faults };
}

const refused = (...canContinue: string[]): Answer => ({ canContinue, partial: false });
const partial = (...canContinue: string[]): Answer => ({ canContinue, partial: true });

/** The key first, and then the password: as a callback that looks at what succeeded says it. */
const inCallbacks: Authentication = {
  publicKey: (_username, { blob }) => isKnown(blob) && { partial: ['password'] },
  password: (_username, given, { succeeded }) => given === 'right' && succeeded.includes('publickey'),
};

/** The same as a list. */
const asList: Authentication = {
  required: [['publickey', 'password']],
  publicKey: (_username, { blob }) => isKnown(blob),
  password: (_username, given) => given === 'right',
};

describe.each([
  ['in callbacks', inCallbacks, ['publickey', 'password']],
  ['as a list', asList, ['publickey']],
] as const)('a key and then a password, required %s', (_how, authentication, first) => {
  it('let their user in together', async () => {
    const { answers, faults } = await outcomeOf(authentication, { key }, right);
    expect(answers).toEqual([partial('password'), 'success']);
    expect(faults).toEqual([]);
  });

  it('let nobody in alone', async () => {
    const { answers } = await outcomeOf(authentication, right, right, { password: 'wrong' });
    expect(answers).toEqual([refused(...first), refused(...first), refused(...first)]);
    expect((await outcomeOf(authentication, { key })).answers).toEqual([partial('password')]);
  });

  it('are no two where the key was only asked about, or its signature is forged', async () => {
    const { answers } = await outcomeOf(
      authentication,
      { key, query: true },
      right,
      { key, forged: true },
      right,
    );
    expect(answers).toEqual(['keyWouldDo', refused(...first), refused(...first), refused(...first)]);
  });

  it('are no two where the key came twice, and nothing but a password follows it', async () => {
    const { answers } = await outcomeOf(
      authentication,
      { key },
      { key },
      { key: otherKey },
      { key, query: true },
      { answers: [] },
      'none',
      { password: 'wrong' },
      right,
    );
    const only = refused('password');
    expect(answers).toEqual([partial('password'), only, only, only, only, only, only, 'success']);
  });
});

describe('a partial success', () => {
  const both = (verdict: Awaited<ReturnType<NonNullable<Authentication['publicKey']>>>): Authentication => ({
    publicKey: () => verdict,
    password: (_username, given, { succeeded }) => given === 'right' && succeeded.length > 0,
    keyboardInteractive: async (_username, ask, { succeeded }) =>
      (await ask({ prompts: [{ prompt: '?', echo: true }] }))[0] === 'right' && succeeded.length > 0,
  });

  it('that names nothing means the other methods', async () => {
    const { answers } = await outcomeOf(both('partial'), { key }, { key }, { answers: ['right'] });
    expect(answers).toEqual([
      partial('password', 'keyboard-interactive'),
      refused('password', 'keyboard-interactive'),
      'success',
    ]);
  });

  it('may name a method again, and then another key is wanted', async () => {
    const { answers } = await outcomeOf(
      {
        publicKey: (_username, { blob }, { succeeded }) =>
          isKnown(blob) && (succeeded.length === 1 ? true : { partial: ['publickey'] }),
      },
      { key },
      { key },
      { key, query: true },
      { key: otherKey },
    );
    expect(answers).toEqual([partial('publickey'), refused('publickey'), refused('publickey'), 'success']);
  });

  it.each([
    ['names a method without a callback', { partial: ['password'] as const }],
    ['names nothing at all', { partial: [] }],
    ['names no method', { partial: ['none' as 'password'] }],
    ['is the only method’s', 'partial'],
  ] as const)('that %s refuses, and the server is told', async (_what, verdict) => {
    const { answers, faults } = await outcomeOf({ publicKey: () => verdict }, { key }, { key });
    expect(answers).toEqual([refused('publickey'), refused('publickey')]);
    expect(faults).toMatchObject([{ code: 'ERR_SSH_OPTIONS', phase: 'authentication' }, {}]);
  });

  it('of none is no such thing', async () => {
    const { answers } = await outcomeOf(
      { none: () => 'partial' as unknown as boolean, password: () => false },
      'none',
    );
    expect(answers).toEqual([refused('password')]);
  });

  it('is seen by the next callback, with the place of the client, and is its own copy', async () => {
    const contexts: AuthenticationContext[] = [];
    const { answers } = await outcomeOf(
      {
        publicKey: (_username, _key, context) => {
          contexts.push(context);
          (context.succeeded as AuthenticationMethod[]).push('password');
          return 'partial';
        },
        password: (_username, _given, context) => {
          contexts.push({ ...context, succeeded: [...context.succeeded] });
          return context.succeeded.length === 1 && 'partial';
        },
        keyboardInteractive: (_username, _ask, context) => {
          contexts.push(context);
          return true;
        },
      },
      { key },
      right,
      { answers: [] },
    );
    expect(answers.at(-1)).toBe('success');
    expect(contexts[0]?.from).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(contexts.map(({ succeeded }) => succeeded).slice(1)).toEqual([
      ['publickey'],
      ['publickey', 'password'],
    ]);
  });
});

describe('a change of the password', () => {
  const expired: Authentication['password'] = (_username, given) =>
    given === 'old' && { changePassword: 'Your password has expired.' };

  it('reaches its callback, with both passwords', async () => {
    const seen: unknown[] = [];
    const { answers } = await outcomeOf(
      {
        password: expired,
        changePassword: (username, passwords, { succeeded }) => {
          seen.push({ username, ...passwords, succeeded });
          return true;
        },
      },
      { password: 'old', changeTo: 'new' },
    );
    expect(answers).toEqual(['success']);
    expect(seen).toEqual([{ username: 'ops', oldPassword: 'old', newPassword: 'new', succeeded: [] }]);
  });

  it('is refused without one, however right the old password is', async () => {
    const asked: string[] = [];
    const { answers, faults } = await outcomeOf(
      {
        password: (username, given) => {
          asked.push(given);
          return expired?.(username, given, { succeeded: [], from: '' }) ?? false;
        },
      },
      { password: 'old', changeTo: 'new' },
    );
    expect(answers).toEqual([refused('password')]);
    expect(asked).toEqual(['old']);
    expect(faults).toMatchObject([{ code: 'ERR_SSH_OPTIONS' }]);
  });

  it('may be one of two factors, and be refused', async () => {
    const authentication: Authentication = {
      required: [['password', 'publickey']],
      publicKey: (_username, { blob }) => isKnown(blob),
      password: expired,
      changePassword: (_username, { newPassword }) => newPassword === 'better',
    };
    expect(
      (await outcomeOf(authentication, { password: 'old', changeTo: 'better' }, { key })).answers,
    ).toEqual([partial('publickey'), 'success']);
    expect(
      (await outcomeOf(authentication, { password: 'old', changeTo: 'worse' }, { key })).answers,
    ).toEqual([refused('password'), refused('password')]);
  });
});

describe('options that let nobody in, or everybody', () => {
  const password = (): boolean => true;
  it.each([
    ['no callback', {}, /no callback/],
    ['changePassword alone', { publicKey: password, changePassword: password }, /changePassword needs/],
    ['required and none', { required: [['password']], password, none: password }, /authentication\.none/],
    ['an empty required', { required: [], password }, /takes lists/],
    ['an empty list in it', { required: [[]], password }, /takes lists/],
    ['one name', { required: ['password'], password }, /takes lists/],
    ['a method without a callback', { required: [['publickey', 'password']], password }, /"publickey"/],
  ] as const)('are refused: %s', async (_what, authentication, message) => {
    await expect(
      createServer({
        hostKeys: keyText('ed25519'),
        authentication: authentication as unknown as Authentication,
      }),
    ).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS', message: expect.stringMatching(message) });
  });
});

describe('required lists, whatever a client tries', () => {
  const methods = ['publickey', 'password', 'keyboard-interactive'] as const;
  const method = fc.constantFrom(...methods);
  const lists = fc.array(fc.array(method, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 });

  it('are completed by whoever is accepted, in their order, and each step goes on', () => {
    fc.assert(
      fc.property(lists, fc.array(fc.tuple(method, fc.boolean()), { maxLength: 12 }), (required, tries) => {
        const factors = new Factors(methods, required);
        const succeeded: AuthenticationMethod[] = [];
        let taken = factors.first;
        for (const [name, isRight] of tries) {
          if (!taken.includes(name)) continue;
          const judgement = factors.judge(succeeded, name, isRight);
          if (!isRight) {
            expect(judgement.outcome).toBe('refused');
            continue;
          }
          succeeded.push(name);
          const complete = required.some((list) => list.join() === succeeded.join());
          expect(judgement.outcome).toBe(complete ? 'accepted' : 'partial');
          if (judgement.outcome !== 'partial') return;
          expect(judgement.methods.length).toBeGreaterThan(0);
          taken = judgement.methods;
        }
      }),
    );
  });
});

it('a verdict that is no verdict refuses, whatever it is', () => {
  const isVerdict = (verdict: unknown): boolean =>
    verdict === true ||
    verdict === 'partial' ||
    (typeof verdict === 'object' &&
      verdict !== null &&
      'partial' in verdict &&
      Array.isArray(verdict.partial));
  const verdicts = fc.oneof(
    fc.anything(),
    fc.record({
      partial: fc.oneof(fc.constantFrom<unknown>('password', 'publickey', 1, null), fc.anything()),
    }),
  );
  fc.assert(
    fc.property(verdicts, (verdict) => {
      fc.pre(!isVerdict(verdict));
      const factors = new Factors(['publickey', 'password'], undefined);
      expect(factors.judge([], 'publickey', verdict)).toEqual({ outcome: 'refused', fault: undefined });
    }),
  );
});

/** What is judged after these methods succeeded, and what the server tells its owner of the verdict. */
it.each<[readonly AuthenticationMethod[], readonly string[], unknown, string]>([
  [['publickey', 'password'], [], { partial: ['none'] }, 'it names "none"; publickey, password may follow'],
  [
    ['publickey', 'password'],
    [],
    { partial: [] },
    'it leaves nothing that may follow; publickey, password may follow',
  ],
  [['password'], [], 'partial', 'it leaves nothing that may follow; no method may follow'],
  [
    ['publickey', 'password'],
    ['publickey'],
    'partial',
    'it leaves nothing that may follow; no method may follow',
  ],
])(
  'with %j after %j the verdict %o is a fault of the application',
  (configured, succeeded, verdict, words) => {
    const judgement = new Factors(configured, undefined).judge(succeeded, 'password', verdict);
    expect(judgement).toMatchObject({
      outcome: 'refused',
      fault: {
        code: 'ERR_SSH_OPTIONS',
        origin: 'user',
        message: `a callback of authentication answered with a partial success, and ${words}`,
      },
    });
  },
);

describe('the fault of a partial success that nobody could follow', () => {
  it.each<readonly [string, verdict: unknown, succeeded: readonly string[], message: string]>([
    [
      'it names one that has no callback',
      { partial: ['hostbased'] },
      [],
      'names "hostbased"; publickey, password may follow',
    ],
    ['it names none', { partial: [] }, [], 'leaves nothing that may follow; publickey, password may follow'],
    ['all have succeeded', 'partial', ['password'], 'leaves nothing that may follow; no method may follow'],
  ])('says what may follow: %s', (_why, verdict, succeeded, message) => {
    const judgement = new Factors(['publickey', 'password'], undefined).judge(
      succeeded,
      'publickey',
      verdict,
    );
    expect(judgement).toMatchObject({
      outcome: 'refused',
      fault: { code: 'ERR_SSH_OPTIONS', message: expect.stringContaining(message) },
    });
  });
});

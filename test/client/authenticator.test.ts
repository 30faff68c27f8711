/** In which order credentials are tried, how often each, and what is said when none of them was enough. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import type { Agent, AgentAddOptions, AgentIdentity } from '../../src/client/agent/agent.ts';
import { type AgentAccess, Authenticator } from '../../src/client/authentication/authentication.ts';
import { loadUserKeys } from '../../src/client/authentication/userKeys.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import type { PrivateKey } from '../../src/crypto/keys/privateKey.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { generateKey, parseCertificate } from '../../src/entry/keys.ts';
import { fingerprint } from '../../src/keys/fingerprint.ts';
import type { UserauthAttempt } from '../../src/userauth/client.ts';
import { makeCertificate } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';

const provider = createEagerNobleProvider({ randomBytes: seededBytes(1) });
const [one, two, three] = [11, 12, 13].map((seed) =>
  generateKey('ed25519', { randomBytes: seededBytes(seed) }),
) as [PrivateKey, PrivateKey, PrivateKey];
const settings = { limits: defaultLimits, pause: () => Promise.resolve(), arithmetic: undefined };
const every = ['publickey', 'password', 'keyboard-interactive'];

/** An agent that holds these keys. */
class HeldKeys {
  isOpen = true;
  readonly added: { readonly key: PrivateKey; readonly options: AgentAddOptions }[] = [];
  failure: unknown;
  closes = 0;
  private readonly keys: readonly PrivateKey[];

  constructor(...keys: readonly PrivateKey[]) {
    this.keys = keys;
  }

  async identities(): Promise<readonly AgentIdentity[]> {
    return this.keys.map(({ publicKey }) => {
      const blob = encodePublicKey(publicKey);
      return { blob, type: publicKey.type, comment: '', fingerprint: fingerprint(blob) };
    });
  }

  async sign(): Promise<Uint8Array> {
    throw this.failure;
  }

  async add(key: PrivateKey, options: AgentAddOptions): Promise<void> {
    if (this.failure !== undefined) throw this.failure;
    this.added.push({ key, options });
  }

  close(): void {
    this.closes++;
  }
}

interface Scene {
  readonly authenticator: Authenticator;
  readonly debug: string[];
  /** The paths of the agents that were opened. */
  readonly opened: (string | undefined)[];
}

async function scene(options: ConnectOptions, agent?: HeldKeys, isThere = true): Promise<Scene> {
  const debug: string[] = [];
  const opened: (string | undefined)[] = [];
  const agents: AgentAccess | undefined = agent && {
    isThere,
    open: (path) => {
      opened.push(path);
      return agent as unknown as Agent;
    },
    bind: async () => {},
  };
  const authenticator = new Authenticator(options, await loadUserKeys(options, settings), {
    provider,
    agents,
    debug: (line) => debug.push(line),
  });
  return { authenticator, debug, opened };
}

/** The next attempt of a server that accepts these methods, where the one before failed. */
const next = ({ authenticator }: Scene, methods: readonly string[] = every): Promise<UserauthAttempt> =>
  authenticator.nextAttempt(
    { type: 'methodWanted', methodsThatCanContinue: methods, partialSuccess: false, failed: undefined },
    undefined,
  );
/** The same, where the one before succeeded and is not enough. */
const nextOfMore = ({ authenticator }: Scene, methods: readonly string[] = every): Promise<UserauthAttempt> =>
  authenticator.nextAttempt(
    { type: 'methodWanted', methodsThatCanContinue: methods, partialSuccess: true, failed: undefined },
    undefined,
  );

function shown(attempt: UserauthAttempt): string {
  switch (attempt.method) {
    case 'publickey':
      return `key ${[one, two, three].findIndex(({ publicKey }) => Buffer.from(encodePublicKey(publicKey)).equals(attempt.publicKey)) + 1}`;
    case 'password':
      return `password ${attempt.password}`;
    default:
      return attempt.method;
  }
}

/** All attempts against a server that lets nobody in, and the message of the end. */
async function all(
  given: Scene,
  methods?: readonly string[],
  between: (attempt: UserauthAttempt) => Promise<unknown> = async () => {},
): Promise<{ readonly tried: string[]; readonly message: string }> {
  const tried: string[] = [];
  for (;;) {
    try {
      const attempt = await next(given, methods);
      tried.push(shown(attempt));
      if (tried.length > 50) throw new Error('no end of it');
      await between(attempt);
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      expect(error.code).toBe('ERR_SSH_AUTHENTICATION_FAILED');
      return { tried, message: error.message };
    }
  }
}

/** One round of questions, answered. */
const answered = (given: Scene, echo = false): Promise<readonly string[] | undefined> =>
  given.authenticator.answers({
    type: 'promptsWanted',
    name: 'n\u001b',
    instruction: 'i\u001b\n',
    prompts: [{ prompt: 'Password:\u001b', echo }],
  });

const label = (key: PrivateKey): string => `publickey (${key.publicKey.type} ${fingerprint(key.publicKey)})`;

describe('what the options give', () => {
  it('is tried in the order of ssh: own keys, the agent, the password, questions', async () => {
    const asked: number[] = [];
    const given = await scene(
      {
        privateKey: [one, two],
        agent: '/socket',
        password: ({ attempt }) => {
          asked.push(attempt);
          return `p${attempt}`;
        },
        keyboardInteractive: () => ['x'],
      },
      new HeldKeys(three),
    );
    const { tried } = await all(given, undefined, async ({ method }) => {
      if (method === 'keyboard-interactive') await answered(given);
    });
    expect(tried).toEqual([
      'key 1',
      'key 2',
      'key 3',
      'password p1',
      'password p2',
      'password p3',
      'keyboard-interactive',
    ]);
    expect(asked).toEqual([1, 2, 3]);
    expect(given.opened).toEqual(['/socket']);
  });

  it('is `none` where it is nothing, and the agent of the user, where there is one', async () => {
    expect((await all(await scene({}))).tried).toEqual(['none']);
    const own = await scene({}, new HeldKeys(one));
    expect((await all(own)).tried).toEqual(['none', 'key 1']);
    expect(own.opened).toEqual([undefined]);
    expect((await all(await scene({}, new HeldKeys(one), false))).tried).toEqual(['none']);
    expect((await all(await scene({ agent: false }, new HeldKeys(one)))).tried).toEqual(['none']);
    // Who gives a credential is not asked for another one.
    const password = await scene({ password: 'x' }, new HeldKeys(one));
    expect((await all(password)).tried).toEqual(['password x', 'keyboard-interactive']);
    expect(password.opened).toEqual([]);
    expect((await all(await scene({ agent: true }, new HeldKeys(one)))).tried).toEqual(['key 1']);
  });

  it('says what to give where nothing was given, and only there', async () => {
    const nothing = (await all(await scene({}, new HeldKeys(one), false))).message;
    expect(nothing).toContain('; the options have no credential: give privateKey, password or agent: true');
    expect((await all(await scene({}, new HeldKeys(one)))).message).toContain(
      '; the options have no credential, so the agent was asked: give privateKey or password, or ssh-add a key',
    );
    for (const options of [{ password: 'x' }, { privateKey: one }, { agent: true as const }, { auth: [] }]) {
      expect((await all(await scene(options, new HeldKeys(one)))).message).not.toContain('no credential');
    }
  });

  it('of an order is tried in that order, each as often as it says', async () => {
    const given = await scene(
      {
        auth: [
          { method: 'keyboard-interactive', answer: () => ['x'], attempts: 2 },
          { method: 'password', password: () => 'a', attempts: 2 },
          'none',
          { method: 'publickey', privateKey: two },
          { method: 'agent', agent: '/one', keys: [three.publicKey] },
          { method: 'password', password: 'b', attempts: 5 },
          { method: 'none' },
          { method: 'publickey', privateKey: one },
        ],
      },
      new HeldKeys(one, three),
    );
    const { tried } = await all(given, undefined, async ({ method }) => {
      if (method === 'keyboard-interactive') await answered(given);
    });
    expect(tried).toEqual([
      'keyboard-interactive',
      'keyboard-interactive',
      'password a',
      'password a',
      'none',
      'key 2',
      'key 3',
      'password b',
      'none',
      'key 1',
    ]);
    expect(given.opened).toEqual(['/one']);
  });

  it('that is no method at all is refused, though a program without types got it past the checks', async () => {
    const auth = [{ method: 'magic' }] as unknown as NonNullable<ConnectOptions['auth']>;
    await expect(scene({ auth })).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: 'auth takes none, publickey, agent, password and keyboard-interactive',
    });
  });
});

describe('a credential', () => {
  it('of a method that the server does not accept is not tried, and the error says so', async () => {
    const given = await scene({ privateKey: one, password: 'x' });
    const { tried, message } = await all(given, ['keyboard-interactive', 'hostbased\u001b']);
    expect(tried).toEqual(['keyboard-interactive']);
    expect(message).toBe(
      'authentication failed: the server accepts keyboard-interactive, hostbased\\x1b; ' +
        `tried: keyboard-interactive; not tried: ${label(one)}; password`,
    );
  });

  it('is tried before the server has said what it accepts', async () => {
    const { tried, message } = await all(await scene({ password: () => undefined }), []);
    expect(tried).toEqual(['keyboard-interactive']);
    expect(message).toBe(
      'authentication failed: the server did not say what it accepts; tried: keyboard-interactive; not tried: password',
    );
    expect((await all(await scene({ auth: [] }), [])).message).toBe(
      'authentication failed: the server did not say what it accepts; nothing could be tried',
    );
  });

  it('that was accepted and is not enough is not tried again, and others are', async () => {
    const given = await scene({ privateKey: [one, two], password: () => 'x' });
    expect(shown(await next(given))).toBe('key 1');
    expect(shown(await nextOfMore(given))).toBe('key 2');
    expect(shown(await nextOfMore(given, ['password']))).toBe('password x');
    expect(shown(await nextOfMore(given, ['keyboard-interactive']))).toBe('keyboard-interactive');
    await expect(nextOfMore(given)).rejects.toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
  });

  it('of an agent with several keys gives the next one where one is not enough, and ends with the last', async () => {
    const given = await scene({ agent: true, password: 'x' }, new HeldKeys(one, two));
    expect(shown(await next(given))).toBe('key 1');
    expect(shown(await nextOfMore(given))).toBe('key 2');
    expect(shown(await nextOfMore(given))).toBe('password x');
  });

  it('of an agent that is lost has no more keys, and the next credential is tried', async () => {
    const agent = new HeldKeys(one, two);
    const given = await scene({ agent: true, password: 'x' }, agent);
    expect(shown(await next(given))).toBe('key 1');
    agent.isOpen = false;
    expect(shown(await next(given))).toBe('password x');
  });

  it('that holds a key which the server refused does not show it again', async () => {
    const given = await scene({ privateKey: [one, two, one], agent: true }, new HeldKeys(two, three));
    expect((await all(given)).tried).toEqual(['key 1', 'key 2', 'key 3']);
  });

  it('and from files are named by the hash that the host key is shown by', async () => {
    const verifyHostKey = { verify: () => true, fingerprintHash: 'md5' } as const;
    const given = await scene({ verifyHostKey, privateKey: one, agent: true }, new HeldKeys(two));
    const named = (): string | undefined => given.authenticator.lastTried;
    const labels: (string | undefined)[] = [];
    await all(given, undefined, async () => labels.push(named()));
    expect(labels).toEqual([
      expect.stringContaining(`(ssh-ed25519 ${fingerprint(one.publicKey, 'md5')}`),
      `publickey (ssh-ed25519 ${fingerprint(two.publicKey, 'md5')}, from the agent)`,
    ]);
  });

  it('whose key could not sign is told of as that, and the key of another is still shown', async () => {
    const agent = new HeldKeys(two);
    agent.failure = new SshError('ERR_SSH_AGENT', 'no finger was there');
    const given = await scene({ auth: [{ method: 'password', password: 'x' }, { method: 'agent' }] }, agent);
    const { authenticator } = given;
    const { message } = await all(given, undefined, async (attempt) => {
      expect(authenticator.lastTried).toBe(
        attempt.method === 'password'
          ? 'password'
          : `publickey (ssh-ed25519 ${fingerprint(two.publicKey)}, from the agent)`,
      );
      if (attempt.method !== 'publickey') return;
      const { algorithm, publicKey } = attempt;
      const data = new Uint8Array(8);
      expect(
        await authenticator.sign({ type: 'signatureWanted', algorithm, publicKey, data }),
      ).toBeUndefined();
    });
    expect(message).toContain(
      `tried: password; publickey (ssh-ed25519 ${fingerprint(two.publicKey)}, from the agent: no finger was there)`,
    );
    const both = await scene(
      { auth: [{ method: 'agent' }, { method: 'publickey', privateKey: two }] },
      agent,
    );
    const { tried } = await all(both, undefined, async (attempt) => {
      if (attempt.method !== 'publickey' || !attempt.probe) return;
      const { algorithm, publicKey } = attempt;
      await both.authenticator.sign({
        type: 'signatureWanted',
        algorithm,
        publicKey,
        data: new Uint8Array(8),
      });
    });
    expect(tried).toEqual(['key 2', 'key 2']);
  });
});

describe('a password', () => {
  it('as text is given once, whatever attempts says; as a function until it gives none', async () => {
    const order = (password: string | (() => string | undefined)): Promise<Scene> =>
      scene({ auth: [{ method: 'password', password, attempts: 4 }] });
    expect((await all(await order('x'))).tried).toEqual(['password x']);
    expect((await all(await order(() => 'x'))).tried).toHaveLength(4);
    const left = ['a', 'b'];
    expect((await all(await order(() => left.shift()))).tried).toEqual(['password a', 'password b']);
  });

  it('is the answer to the one hidden question of a server, once, and to no other question', async () => {
    const answersTo = async (...echoes: readonly boolean[]): Promise<unknown[]> => {
      const given = await scene({ password: 'secret' });
      await next(given, ['keyboard-interactive']);
      const answers: unknown[] = [];
      for (const echo of echoes) answers.push(await answered(given, echo));
      return answers;
    };
    expect(await answersTo(false, false)).toEqual([['secret'], undefined]);
    expect(await answersTo(true)).toEqual([undefined]);
  });

  it('that has expired is changed by the function that is there for it', async () => {
    const prompts: string[] = [];
    const given = await scene({
      password: 'old',
      changePassword: (prompt) => {
        prompts.push(prompt);
        return 'new';
      },
    });
    await next(given);
    expect(await given.authenticator.newPassword('Expired.\u001b')).toEqual({ old: 'old', new: 'new' });
    expect(prompts).toEqual(['Expired.\\x1b']);
    const refused = await scene({ password: 'old', changePassword: () => undefined });
    await next(refused);
    expect(await refused.authenticator.newPassword('')).toBeUndefined();
    const without = await scene({ password: 'old' });
    await next(without);
    expect(await without.authenticator.newPassword('')).toBeUndefined();
  });
});

describe('questions', () => {
  it('are escaped, and the answers are as many texts as were asked for', async () => {
    const challenges: unknown[] = [];
    const cases: readonly (readonly [answer: unknown, outcome: unknown])[] = [
      [['x'], ['x']],
      [undefined, undefined],
      [[], 'keyboardInteractive gave 0 answers where 1 were asked for'],
      [['x', 'y'], 'keyboardInteractive gave 2 answers where 1 were asked for'],
      [[7], 'keyboardInteractive must answer with a list of texts, or undefined'],
      ['x', 'keyboardInteractive must answer with a list of texts, or undefined'],
    ];
    for (const [answer, outcome] of cases) {
      const given = await scene({
        keyboardInteractive: (challenge) => {
          challenges.push(challenge);
          return answer as string[];
        },
      });
      await next(given);
      const got = await answered(given).catch((error: Error) => error.message);
      expect([answer, got]).toEqual([answer, outcome]);
    }
    expect(challenges[0]).toEqual({
      name: 'n\\x1b',
      instruction: 'i\\x1b\n',
      prompts: [{ prompt: 'Password:\\x1b', echo: false }],
    });
  });

  it('are not asked for again by one who gave no answer, however many attempts are left', async () => {
    const given = await scene({
      auth: [{ method: 'keyboard-interactive', answer: async () => undefined, attempts: 9 }],
    });
    const { tried } = await all(given, undefined, () => answered(given));
    expect(tried).toEqual(['keyboard-interactive']);
  });
});

describe('a key that an agent is to hold', () => {
  const step = (addToAgent: object): ConnectOptions => ({
    auth: [{ method: 'publickey', privateKey: one, addToAgent }],
  });
  const signed = async (given: Scene): Promise<Uint8Array | undefined> => {
    const attempt = await next(given);
    if (attempt.method !== 'publickey') throw new Error('no key');
    const { algorithm, publicKey } = attempt;
    return given.authenticator.sign({ type: 'signatureWanted', algorithm, publicKey, data: publicKey });
  };

  it('is given to it once it has signed, once, as the options say', async () => {
    const agent = new HeldKeys();
    const given = await scene(
      step({ agent: '/socket', comment: 'c', lifetime: 5, confirm: true, ask: () => true }),
      agent,
    );
    expect(await signed(given)).toBeInstanceOf(Uint8Array);
    expect(given.opened).toEqual(['/socket']);
    expect(agent.added).toEqual([{ key: one, options: { comment: 'c', lifetime: 5, confirm: true } }]);
    expect(agent.closes).toBe(1);
    expect(given.debug).toEqual(['the key was given to the agent']);
  });

  it('is not where the user says no, and what goes wrong with it stops nothing', async () => {
    const agent = new HeldKeys();
    const refused = await scene(step({ ask: () => false }), agent);
    expect(await signed(refused)).toBeInstanceOf(Uint8Array);
    expect([refused.opened, agent.added]).toEqual([[], []]);
    agent.failure = new SshError('ERR_SSH_AGENT', 'it is locked');
    const failing = await scene(step({}), agent);
    expect(await signed(failing)).toBeInstanceOf(Uint8Array);
    expect(failing.debug).toEqual(['the key was not given to the agent: it is locked']);
    expect(agent.closes).toBe(1);
    agent.failure = new TypeError('a fault of this library');
    await expect(signed(await scene(step({}), agent))).rejects.toBe(agent.failure);
  });
});

describe('a certificate that is of no use', () => {
  const blob = makeCertificate({ key: two.publicKey, authority: three, kind: 1 });
  const other = `ssh-ed25519-cert-v01@openssh.com ${Buffer.from(blob).toString('base64')}`;

  it('is told of once, and again when nothing worked', async () => {
    const given = await scene({ auth: [{ method: 'publickey', privateKey: one, certificate: other }] });
    const { tried, message } = await all(given);
    expect(tried).toEqual(['key 1']);
    expect(given.debug).toEqual([expect.stringMatching(/^warning: the certificate .* is for none of the/)]);
    expect(message).toMatch(/; the certificate .* is left aside: it is for none of the private keys/);
  });

  it('is judged for each key of an order by itself, and for all keys together where it stands beside them', async () => {
    const order = await loadUserKeys(
      {
        auth: [
          { method: 'publickey', privateKey: two, certificate: other },
          { method: 'publickey', privateKey: one, certificate: other },
        ],
      },
      settings,
    );
    expect(order.keys.map(({ certificates = [] }) => certificates.length)).toEqual([1, 0]);
    expect(order.notes).toHaveLength(1);
    const shared = await loadUserKeys({ privateKey: [one, two], certificate: other }, settings);
    expect(shared.keys.map(({ certificates = [] }) => certificates.length)).toEqual([0, 1]);
    expect(shared.notes).toEqual([]);
    const { certificate } = parseCertificate(other);
    const parsed = await loadUserKeys({ privateKey: [one, two], certificate }, settings);
    expect(parsed.keys.map(({ certificates = [] }) => certificates)).toEqual([[], [certificate]]);
    const none = await loadUserKeys({ privateKey: [one, three], certificate: other }, settings);
    expect(none.notes).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['as text', 'ssh-ed25519-cert-v01@openssh.com AAAA'],
    ['as bytes', Uint8Array.of(1, 2, 3)],
  ])('is left aside where it cannot be read %s', async (_, certificate) => {
    const { keys, notes } = await loadUserKeys(
      { privateKey: one, certificate: certificate as string },
      settings,
    );
    expect(keys).toHaveLength(1);
    expect(notes).toEqual([expect.stringMatching(/^a certificate is left aside: /)]);
  });

  it('is refused where it can be none', async () => {
    await expect(
      loadUserKeys({ privateKey: one, certificate: 7 as unknown as string }, settings),
    ).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringMatching(/^certificate takes/),
    });
  });
});

it('lets go of everything when it is closed', async () => {
  const agent = new HeldKeys(one, two);
  const given = await scene({ agent: true, password: 'x' }, agent);
  await next(given);
  given.authenticator.close();
  expect(agent.closes).toBe(1);
  expect(given.authenticator.lastTried).toBe('nothing');
  const { tried, message } = await all(given);
  expect(tried).toEqual([]);
  expect(message).toMatch(/; nothing could be tried$/);
});

/**
 * Client programs prove who their users are: by a key of every type, a
 * password, a dialogue, nothing at all, and by two of these together.
 */
import { expect, it } from 'vitest';
import type { ServerOptions } from '../../../src/entry/server.ts';
import { everyMethod, password, startEmbedded } from '../../support/clients/embedded.ts';
import { describeEachClient } from '../../support/clients/index.ts';
import type { ClientKind, Login } from '../../support/clients/kinds.ts';
import type { ClientLab } from '../../support/clients/lab.ts';
import { type Outcome, runAnswering, runClient } from '../../support/clients/process.ts';
import { keyKinds, keyTypes } from '../../support/servers/keys.ts';

const greeted = { code: 7, stdout: 'hello you\n' };

type Method = 'key' | 'password' | 'answers';

/** What each program says where its user was not let in; a status of 0 or 1 means nothing in two of them. */
const refusals: Readonly<Record<string, Readonly<Record<Method, RegExp>>>> = {
  OpenSSH: {
    key: /Permission denied \(publickey\)/,
    password: /Permission denied \(password\)/,
    answers: /Permission denied \(keyboard-interactive\)/,
  },
  'PuTTY plink': { key: /Server refused our key/, password: /Access denied/, answers: /Access denied/ },
  'dropbear dbclient': {
    key: /No auth methods could be used/,
    password: /exited: /,
    // It asks again.
    answers: /Animal: .*Colour: /s,
  },
};

/** The program ended by itself and in its own words, and nothing ran: no crash looks like that. */
function expectRefusal(kind: ClientKind, method: Method, outcome: Outcome): void {
  expect(outcome.stdout).toBe('');
  expect(outcome.stderr).toMatch(refusals[kind.name]?.[method] ?? /^there is no such program$/);
  expect(kind.name === 'OpenSSH' ? [255] : [0, 1]).toContain(outcome.code);
}

/** Logs in and runs a command, with the answers of a person at standard input where the client asks there. */
async function logIn(
  kind: ClientKind,
  lab: ClientLab,
  options: Partial<ServerOptions>,
  login: Login,
  verbose: boolean = false,
): Promise<Outcome> {
  await using server = await startEmbedded(options);
  const invocation = kind.invoke(lab, { port: server.port, login, command: 'greet you', verbose });
  const outcome = await (login !== 'none' && 'answers' in login && kind.asksAtInput
    ? runAnswering(invocation, login.answers)
    : runClient(invocation));
  if (outcome.code === greeted.code) expect(server.faults).toEqual([]);
  return outcome;
}

describeEachClient('authentication', (kind, lab) => {
  it.each(keyKinds)('by a key of type %s', async (key) => {
    const offered: string[] = [];
    const publicKey: ServerOptions['authentication']['publicKey'] = (username, candidate, context) => {
      offered.push(candidate.type);
      return everyMethod.publicKey?.(username, candidate, context) ?? false;
    };
    const outcome = await logIn(kind, lab, { authentication: { publicKey } }, { key });
    expect(outcome).toMatchObject(greeted);
    expect(new Set(offered)).toEqual(new Set([keyTypes[key]]));
  });

  it('by a key is refused where the key is not the user’s', async () => {
    const offered: string[] = [];
    const publicKey: ServerOptions['authentication']['publicKey'] = (_username, { type }) => {
      offered.push(type);
      return false;
    };
    const outcome = await logIn(kind, lab, { authentication: { publicKey } }, { key: 'ed25519' });
    expectRefusal(kind, 'key', outcome);
    expect(new Set(offered)).toEqual(new Set([keyTypes.ed25519]));
  });

  it('by a password', async () => {
    const given: string[] = [];
    const options: Partial<ServerOptions> = {
      authentication: {
        password: (username, tried, context) => {
          given.push(tried);
          return everyMethod.password?.(username, tried, context) ?? false;
        },
      },
    };
    expect(await logIn(kind, lab, options, { password })).toMatchObject(greeted);
    expect(given).toEqual([password]);
    expectRefusal(kind, 'password', await logIn(kind, lab, options, { password: 'wrong' }));
    // Some try once more, with nothing or with the same.
    expect(given[1]).toBe('wrong');
    expect(given.slice(1)).not.toContain(password);
  });

  it('by answers to questions', async () => {
    const given: (readonly string[])[] = [];
    const options: Partial<ServerOptions> = {
      authentication: {
        keyboardInteractive: (username, ask, context) => {
          const noting: typeof ask = async (challenge) => {
            const answers = await ask(challenge);
            given.push(answers);
            return answers;
          };
          return everyMethod.keyboardInteractive?.(username, noting, context) ?? false;
        },
      },
    };
    const answers = { Colour: 'blue', Animal: 'otter' };
    expect(await logIn(kind, lab, options, { answers })).toMatchObject(greeted);
    expect(given).toEqual([['blue', 'otter']]);
    const wrong = { Colour: 'blue', Animal: 'badger' };
    expectRefusal(kind, 'answers', await logIn(kind, lab, options, { answers: wrong }));
    expect(given[1]).toEqual(['blue', 'badger']);
  });

  it('by nothing, where the server lets everybody in', async () => {
    const none = (username: string): boolean => username === 'ops';
    expect(await logIn(kind, lab, { authentication: { none } }, 'none')).toMatchObject(greeted);
  });

  it('by a key and a password together', async () => {
    const steps: string[] = [];
    const authentication: ServerOptions['authentication'] = {
      publicKey: async (username, key, context) => {
        steps.push('key');
        return (await everyMethod.publicKey?.(username, key, context)) === true && 'partial';
      },
      password: (_username, given) => {
        steps.push('password');
        return steps.includes('key') && given === password;
      },
    };
    const outcome = await logIn(kind, lab, { authentication }, { key: 'ed25519', password });
    expect(outcome).toMatchObject(greeted);
    expect(steps.at(0)).toBe('key');
    expect(steps.at(-1)).toBe('password');
  });

  it('shows the banner', async () => {
    const banner = 'Authorised persons only.\n';
    const outcome = await logIn(kind, lab, { banner }, { key: 'ed25519' }, true);
    expect(outcome.code).toBe(7);
    expect(outcome.stderr).toContain('Authorised persons only.');
  });
});

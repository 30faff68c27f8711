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
    const outcome = await logIn(
      kind,
      lab,
      { authentication: { publicKey: () => false } },
      { key: 'ed25519' },
    );
    expect(outcome).toMatchObject({ stdout: '' });
    expect(outcome.code).not.toBe(0);
    expect(outcome.code).not.toBe(7);
  });

  it('by a password', async () => {
    const { password: check } = everyMethod;
    const options = { authentication: { ...(check && { password: check }) } };
    expect(await logIn(kind, lab, options, { password })).toMatchObject(greeted);
    expect(await logIn(kind, lab, options, { password: 'wrong' })).not.toMatchObject({ code: 7 });
  });

  it('by answers to questions', async () => {
    const { keyboardInteractive } = everyMethod;
    const options = { authentication: { ...(keyboardInteractive && { keyboardInteractive }) } };
    const answers = { Colour: 'blue', Animal: 'otter' };
    expect(await logIn(kind, lab, options, { answers })).toMatchObject(greeted);
    const wrong = { Colour: 'blue', Animal: 'badger' };
    expect(await logIn(kind, lab, options, { answers: wrong })).not.toMatchObject({ code: 7 });
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

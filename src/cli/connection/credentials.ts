/**
 * How this user authenticates: keys first, then what a person types.
 *
 * Owns: the order of methods and the words of the prompts.
 * Must not know: key files, terminals, the protocol.
 */
import type {
  AuthMethod,
  ChangePassword,
  KeyboardInteractive,
  PasswordFunction,
} from '../../client/authentication/methods.ts';
import type { PublicKey } from '../../crypto/keys/publicKey.ts';
import { describePrivateKey } from '../../keys/privateKey/privateKeyFile.ts';
import type { Person } from './person.ts';
import { serverLines, serverPrompt } from './serverText.ts';

/** How often a person may answer a server's questions, or choose a new password. */
const attempts = 3;

/** `namedKeysFirst` where the user named key files. */
export type AgentUse = 'none' | 'all' | 'namedKeysFirst';

/**
 * The agent goes first, so that nobody is asked for the passphrase of a key it
 * holds. Keys that were named go before those that merely are there.
 *
 * @param keys from files; of public ones the agent is asked for the private half
 * @param account `user@host`, for prompts
 * @param person undefined where nobody can be asked
 */
export function authenticationOrder(
  keys: readonly AuthMethod[],
  account: string,
  person: Person | undefined,
  agent: AgentUse = 'none',
): AuthMethod[] {
  const own = keys.filter((method) => method === 'none' || method.method !== 'agent');
  const all = [...fromAgent(keys, agent), ...own, ...(agent === 'namedKeysFirst' ? [anyOfAgent] : [])];
  // With nothing to show, `none` makes the server say what it takes before a person is asked.
  const shown: AuthMethod[] = keys.length === 0 ? ['none', ...all] : all;
  if (person === undefined) return shown;
  return [
    ...shown,
    { method: 'keyboard-interactive', answer: askChallenge(account, person), attempts },
    {
      method: 'password',
      password: askPassword(account, person),
      changePassword: askNewPassword(account, person),
    },
  ];
}

const anyOfAgent: AuthMethod = { method: 'agent', agent: true };

/** Of an agent that holds keys the user named, these first. */
function fromAgent(keys: readonly AuthMethod[], agent: AgentUse): AuthMethod[] {
  if (agent === 'none') return [];
  if (agent === 'all') return [anyOfAgent];
  const wanted = keys.flatMap(publicHalf);
  return wanted.length === 0 ? [] : [{ method: 'agent', agent: true, keys: wanted }];
}

function publicHalf(method: AuthMethod): PublicKey[] {
  if (method !== 'none' && method.method === 'agent') return [...(method.keys ?? [])];
  if (method === 'none' || method.method !== 'publickey') return [];
  const { privateKey } = method;
  if (typeof privateKey === 'string' || privateKey instanceof Uint8Array) {
    const { publicKey } = describePrivateKey(privateKey);
    return publicKey === undefined ? [] : [publicKey];
  }
  return [privateKey.publicKey];
}

export function askPassword(account: string, person: Person): PasswordFunction {
  return ({ attempt }) => {
    if (attempt > 1) person.show('The server did not accept that; try again.\n');
    return person.askSecretly(`Password for ${account}: `);
  };
}

export function askNewPassword(account: string, person: Person): ChangePassword {
  return async (prompt) => {
    sayForServer(prompt, person);
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const chosen = await person.askSecretly(`New password for ${account}: `);
      if (chosen === undefined || chosen === '') return undefined;
      if ((await person.askSecretly('The same again: ')) === chosen) return chosen;
      person.show('The two differ.\n');
    }
    return undefined;
  };
}

/** Shows the server's questions, as the server's; texts come escaped from the library. */
export function askChallenge(account: string, person: Person): KeyboardInteractive {
  return async ({ name, instruction, prompts }) => {
    for (const text of [name, instruction]) sayForServer(text, person);
    const answers: string[] = [];
    for (const { prompt, echo } of prompts) {
      const text = serverPrompt(account, prompt, person.columns);
      const answer = echo ? await person.ask(text) : await person.askSecretly(text);
      if (answer === undefined) return undefined;
      answers.push(answer);
    }
    return answers;
  };
}

function sayForServer(text: string, person: Person): void {
  if (text.trim() !== '') person.show(`${serverLines(text, person.columns)}\n`);
}

/**
 * How this user authenticates: keys first, then what a person types.
 *
 * Owns: the order of methods and the words of the prompts.
 * Must not know: key files, terminals, the protocol.
 */
import type { AuthMethod, ChangePassword, KeyboardInteractive, PasswordFunction } from '../client/options.ts';
import type { Person } from './person.ts';

/** How often a person may answer a server's questions, or choose a new password. */
const attempts = 3;

/**
 * @param account `user@host`, for prompts
 * @param person undefined where nobody can be asked
 */
export function authenticationOrder(
  keys: readonly AuthMethod[],
  account: string,
  person: Person | undefined,
): AuthMethod[] {
  if (person === undefined) return keys.length === 0 ? ['none'] : [...keys];
  return [
    // With nothing to show, `none` makes the server say what it takes before a person is asked.
    ...(keys.length === 0 ? (['none'] as const) : keys),
    { method: 'keyboard-interactive', answer: askChallenge(account, person), attempts },
    {
      method: 'password',
      password: askPassword(account, person),
      changePassword: askNewPassword(account, person),
    },
  ];
}

function askPassword(account: string, person: Person): PasswordFunction {
  return ({ attempt }) => {
    if (attempt > 1) person.show('The server did not accept that; try again.\n');
    return person.askSecretly(`Password for ${account}: `);
  };
}

function askNewPassword(account: string, person: Person): ChangePassword {
  return async (prompt) => {
    if (prompt.trim() !== '') person.show(`${prompt}\n`);
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const chosen = await person.askSecretly(`New password for ${account}: `);
      if (chosen === undefined || chosen === '') return undefined;
      if ((await person.askSecretly('The same again: ')) === chosen) return chosen;
      person.show('The two differ.\n');
    }
    return undefined;
  };
}

/** Shows the server's questions; texts come escaped from the library. */
function askChallenge(account: string, person: Person): KeyboardInteractive {
  return async ({ name, instruction, prompts }) => {
    for (const text of [name, instruction]) {
      if (text.trim() !== '') person.show(`${text}\n`);
    }
    const answers: string[] = [];
    for (const { prompt, echo } of prompts) {
      const text = `(${account}) ${prompt}`;
      const answer = echo ? await person.ask(text) : await person.askSecretly(text);
      if (answer === undefined) return undefined;
      answers.push(answer);
    }
    return answers;
  };
}

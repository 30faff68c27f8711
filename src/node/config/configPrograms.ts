/**
 * Commands and look-ups that a configuration asks for.
 *
 * Owns: that a command of `Match exec` runs in the user's shell, says nothing, and
 * ends with the reading; how a name is looked up.
 * Must not know: what depends on the answer.
 * Source: ssh_config(5), Match.
 */
import { spawn } from 'node:child_process';
import { lookup, Resolver } from 'node:dns/promises';
import { accessSync, constants } from 'node:fs';
import type { ExecAnswer, LookupAnswer } from '../../config/reading/facts.ts';

const usualShell = '/bin/sh';

/**
 * Runs a command; what it writes to its standard error is shown.
 *
 * @param signal ends it, with everything that it has started
 */
export function runInShell(command: string, signal: AbortSignal): Promise<ExecAnswer> {
  const shell = process.env['SHELL'] ?? usualShell;
  try {
    accessSync(shell, constants.X_OK);
  } catch (cause) {
    return Promise.resolve({ fault: `the shell ${shell} cannot be run`, cause });
  }
  return new Promise((resolve) => {
    const child = spawn(shell, ['-c', command], {
      stdio: ['ignore', 'ignore', 'inherit'],
      // A group of its own, so that it ends as a whole.
      detached: process.platform !== 'win32',
    });
    const end = (): void => {
      if (child.pid === undefined) return;
      try {
        process.kill(process.platform === 'win32' ? child.pid : -child.pid, 'SIGKILL');
      } catch {
        // It has ended already.
      }
    };
    const settle = (answer: ExecAnswer): void => {
      signal.removeEventListener('abort', end);
      resolve(answer);
    };
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
    child.once('error', (cause) => settle({ fault: `the command cannot be run: ${cause.message}`, cause }));
    child.once('exit', (status, by) =>
      settle(
        status === null
          ? { fault: `the command was ended by ${by ?? 'a signal'}`, cause: new Error(`ended by ${by}`) }
          : { status },
      ),
    );
  });
}

/**
 * Looks a name up. The system tells whether it leads anywhere; what it stands for
 * is asked of the name servers, since Node's own look-up does not say.
 */
export async function lookUpName(name: string, family: 4 | 6 | undefined): Promise<LookupAnswer> {
  try {
    await lookup(name, { family: family ?? 0 });
  } catch {
    return undefined;
  }
  return { canonicalName: await canonicalName(name) };
}

/** Links of a chain of names that are followed. */
const longestChain = 16;
/** Milliseconds for one answer. */
const answerTimeout = 5000;

async function canonicalName(name: string): Promise<string> {
  const resolver = new Resolver({ timeout: answerTimeout, tries: 1 });
  let current = name.replace(/\.$/, '');
  for (let link = 0; link < longestChain; link++) {
    const [next] = await resolver.resolveCname(current).catch((): string[] => []);
    if (next === undefined) break;
    current = next;
  }
  return current;
}

/**
 * Going to the background (-f), and leaving a program there (ControlPersist).
 *
 * Owns: the two processes it takes. Node cannot fork, so a second process does all
 * the work, in a session of its own, and this one waits until the second says that
 * it is ready. Until then it lends its terminal: questions come over a channel
 * between the two. One that is left there holds no stream of the first: a program
 * that reads those to their end would wait for it.
 * Must not know: connections, what is asked.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SshError } from '../../base/errors.ts';
import type { AskablePerson } from '../connection/findPerson.ts';
import { failureStatus } from '../exitStatus.ts';

/** Tells the second process what it is. */
const variable = 'DEADLINE_SSH_BACKGROUND';

type ToParent =
  | { readonly type: 'ready' }
  | { readonly type: 'show'; readonly text: string }
  /** For standard error, of a process that has none. */
  | { readonly type: 'say'; readonly text: string }
  | { readonly type: 'ask'; readonly text: string; readonly isSecret: boolean };

interface ToChild {
  readonly answer: string | null;
  readonly interrupted?: boolean;
}

const given = process.env[variable];
// Programs that are started from here are none.
delete process.env[variable];

/** Whether this process is the second one. */
export const isInBackground: boolean = given !== undefined && process.send !== undefined;

/** Whether it is there to lend its connection, and for no session of its own. */
export const isLender: boolean = isInBackground && given?.startsWith('lender') === true;

/** Runs this program again in the background. @returns 0 once it is ready, and else its exit status */
export async function runInBackground(
  person: AskablePerson | undefined,
  signal: AbortSignal,
): Promise<number> {
  const ended = await startSecond(person, signal, '', 'inherit');
  return ended === 'ready' ? 0 : ended;
}

/**
 * Runs this program again, to connect and to lend its connection.
 *
 * @returns its exit status where it ends instead; 0 where it has no place to listen
 */
export function startLender(
  person: AskablePerson | undefined,
  signal: AbortSignal,
): Promise<number | 'ready'> {
  return startSecond(person, signal, 'lender-', 'ignore');
}

function startSecond(
  person: AskablePerson | undefined,
  signal: AbortSignal,
  kind: '' | 'lender-',
  output: 'inherit' | 'ignore',
): Promise<number | 'ready'> {
  const [, script = '', ...argv] = process.argv;
  const child = spawn(process.execPath, [...process.execArgv, script, ...argv], {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
    env: { ...process.env, [variable]: `${kind}${person === undefined ? 'alone' : 'asking'}` },
  });
  const end = (): void => void child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  return new Promise<number | 'ready'>((resolve, reject) => {
    child.on('message', (message: ToParent) => {
      switch (message.type) {
        case 'ready':
          child.disconnect();
          child.unref();
          resolve('ready');
          break;
        case 'show':
          person?.show(message.text);
          break;
        case 'say':
          process.stderr.write(message.text);
          break;
        case 'ask':
          void answer(child, person, message);
          break;
        default:
          message satisfies never;
      }
    });
    child.once('error', reject);
    child.once('exit', (status, by) => {
      resolve(status ?? (by === null ? failureStatus : 128 + constants.signals[by]));
    });
  }).finally(() => signal.removeEventListener('abort', end));
}

async function answer(
  child: ChildProcess,
  person: AskablePerson | undefined,
  { text, isSecret }: Extract<ToParent, { readonly type: 'ask' }>,
): Promise<void> {
  let reply: ToChild;
  try {
    const typed = await (isSecret ? person?.askSecretly(text) : person?.ask(text));
    reply = { answer: typed ?? null };
  } catch {
    reply = { answer: null, interrupted: true };
  }
  // One that ends just now reads it no more, and says so by its exit.
  if (child.connected) child.send(reply, () => {});
}

/** The parent, from the second process. */
export class Parent implements AskablePerson {
  readonly columns: number = process.stderr.isTTY ? process.stderr.columns : 80;

  /** Undefined where the parent has nobody to ask. */
  static find(): Parent | undefined {
    return given?.endsWith('asking') === true ? new Parent() : undefined;
  }

  ask(prompt: string): Promise<string | undefined> {
    return this.question(prompt, false);
  }

  askSecretly(prompt: string): Promise<string | undefined> {
    return this.question(prompt, true);
  }

  show(text: string): void {
    tell({ type: 'show', text });
  }

  close(): void {}

  private question(text: string, isSecret: boolean): Promise<string | undefined> {
    return new Promise((resolve, reject) => {
      const gone = (): void => {
        process.off('message', take);
        resolve(undefined);
      };
      const take = ({ answer: typed, interrupted }: ToChild): void => {
        process.off('disconnect', gone);
        if (interrupted === true) reject(new SshError('ERR_SSH_ABORTED', 'interrupted', { origin: 'user' }));
        else resolve(typed ?? undefined);
      };
      process.once('message', take);
      process.once('disconnect', gone);
      tell({ type: 'ask', text, isSecret });
    });
  }
}

/** Standard error of the parent, as long as it waits. */
export const parentErrors: { write(text: string): void } = {
  write: (text) => tell({ type: 'say', text }),
};

/** Lets the parent go. */
export function becomeBackground(): void {
  if (!process.connected) return;
  tell({ type: 'ready' });
}

function tell(message: ToParent): void {
  // A parent that ends just now has nobody left to tell.
  if (process.connected) process.send?.(message, undefined, undefined, () => {});
}

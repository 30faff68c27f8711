/**
 * The display that programs of the server get (-X, -Y), and the cookie for it.
 *
 * Owns: the calls of xauth, and what is said where there is no display or no cookie.
 * Must not know: channels, how the cookie is exchanged.
 * Source: ssh(1), -X and -Y; ssh_config(5), ForwardX11; xauth(1).
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quotedText } from '../../base/bytes.ts';
import type { X11Options } from '../../client/callOptions.ts';
import type { X11Settings } from '../../config/session.ts';
import type { Trace } from '../connection/trace.ts';
import type { Messages } from '../messages.ts';

const protocol = 'MIT-MAGIC-COOKIE-1';
/** Milliseconds for one call of xauth, which waits for a lock on its file. */
const xauthTimeout = 15_000;
/** Bytes of what it prints. */
const longestList = 65_536;
/** Seconds by which a cookie outlives the time for new connections, as with ssh. */
const slack = 60;
const longestTimeout = 0xffff_ffff;

export interface X11Context {
  readonly trace: Pick<Trace, 'note'>;
  readonly messages: Pick<Messages, 'say'>;
  readonly signal: AbortSignal;
  /** DISPLAY. */
  readonly display: string | undefined;
}

/**
 * @returns what `exec` takes; `false` where X11 is not forwarded, which is said
 */
export async function displayFor(
  { trusted, timeout, xauth }: X11Settings,
  { trace, messages, signal, display }: X11Context,
): Promise<X11Options | false> {
  if (display === undefined || display === '') {
    trace.note('X11 is not forwarded: DISPLAY is not set');
    return false;
  }
  // As ssh has it: what goes on to another program as its argument is a plain name.
  if (!/^[A-Za-z0-9:/.\-_[\]]*$/.test(display)) {
    messages.say(`X11 is not forwarded: DISPLAY is ${quotedText(display)}, which is not a display`);
    return false;
  }
  const program = await found(xauth);
  // Where ssh itself forwards a display, it is kept under this name.
  const name = display.replace(/^localhost:/, 'unix:');
  if (!trusted) {
    const cookie = program === undefined ? undefined : await untrustedCookie(program, name, timeout, signal);
    if (cookie !== undefined)
      return { display, cookie, ...(timeout === 0 ? {} : { acceptFor: timeout * 1_000 }) };
    const why =
      program === undefined ? `there is no ${xauth ?? 'xauth'}` : `${program} made no cookie for ${display}`;
    messages.say(`X11 is not forwarded: ${why}; -Y forwards it to a server that you trust`);
    return false;
  }
  // Without the program the library looks into the file itself.
  if (program === undefined) return { display };
  const cookie = await listedCookie(program, ['list', name], signal);
  if (cookie !== undefined) return { display, cookie };
  messages.say(
    `warning: ${program} knows no cookie for ${display}; programs can use it only if it wants none`,
  );
  return { display };
}

async function found(program: string | undefined): Promise<string | undefined> {
  if (program === undefined || program === 'none') return undefined;
  const isThere = await stat(program).then(
    (stats) => stats.isFile(),
    () => false,
  );
  return isThere ? program : undefined;
}

/** A cookie with which a program can do no harm to others, in a file of its own, which is removed again. */
async function untrustedCookie(
  program: string,
  display: string,
  timeout: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'deadline-ssh-x11-'));
  const file = join(folder, 'xauthority');
  const bound = timeout === 0 ? [] : ['timeout', String(Math.min(timeout + slack, longestTimeout))];
  try {
    const made = await run(
      program,
      ['-f', file, 'generate', display, protocol, 'untrusted', ...bound],
      signal,
    );
    return made === undefined
      ? undefined
      : await listedCookie(program, ['-f', file, 'list', display], signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function listedCookie(
  program: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  const lines = (await run(program, args, signal))?.split('\n') ?? [];
  const cookies = lines.map((line) => /^\S+\s+(\S+)\s+((?:[0-9a-f]{2}){8,64})\s*$/i.exec(line));
  return cookies.find((match) => match?.[1] === protocol)?.[2];
}

/** @returns what it prints; undefined where it failed */
function run(program: string, args: readonly string[], signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(
      program,
      args,
      { encoding: 'utf8', timeout: xauthTimeout, maxBuffer: longestList, signal },
      (error, stdout) => resolve(error === null ? stdout : undefined),
    );
  });
}

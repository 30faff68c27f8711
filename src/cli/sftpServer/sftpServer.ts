/**
 * `deadline-ssh sftp-server`: SFTP as a server on standard input and output.
 *
 * Owns: the session from its first byte to the exit status.
 * Must not know: requests, files.
 *
 * Nothing here has a deadline of its own: it waits for a client that sshd guards, and for the
 * disk of this machine.
 */
import { userInfo } from 'node:os';
import { resolve } from 'node:path';
import { SshError } from '../../base/errors.ts';
import { defaultLimits } from '../../base/limits.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { serveWholeSystem } from '../../node/served/wholeSystem.ts';
import { requestNames, ServedSession } from '../../sftp/serve/session.ts';
import { messageOf } from '../errorWords.ts';
import { Messages } from '../messages.ts';
import { loggedStore, ServerLog } from './log.ts';
import {
  parseServerArguments,
  type Served,
  type ServerArguments,
  sftpServerHelp,
} from './serverArguments.ts';
import { StreamSink, StreamSource } from './standardStreams.ts';

const failed = 1;

/** @returns the exit status; `argv` is what stands behind the name */
export async function run(argv: readonly string[]): Promise<number> {
  try {
    const who = served();
    const args = parseServerArguments(argv, requestNames, who);
    if (args === 'help') process.stdout.write(sftpServerHelp);
    else if (args === 'requests') process.stdout.write(`${requestNames.join('\n')}\n`);
    else return await serve(args, who);
    return 0;
  } catch (error) {
    if (!(error instanceof SshError)) throw error;
    new Messages(process.stderr).complain(messageOf(error));
    return failed;
  }
}

async function serve(args: ServerArguments, { username }: Served): Promise<number> {
  if (args.umask !== undefined) process.umask(args.umask);
  const log = new ServerLog(args);
  const aborter = new AbortController();
  const store = await serveWholeSystem({
    readOnly: args.isReadOnly,
    startFolder: startFolder(args.startFolder),
  }).begin({ username, signal: aborter.signal });
  let reported: unknown;
  const session = new ServedSession({
    source: new StreamSource(process.stdin),
    sink: new StreamSink(process.stdout),
    store: log.has('info') ? loggedStore(store, log) : store,
    limits: defaultLimits,
    symlinkOrder: 'target',
    permits: (request) => !args.denied.has(request) && args.allowed?.has(request) !== false,
    date: () => Date.now(),
    startWait: () => undefined,
    finishWait: () => {},
    timeoutError: ({ detail }) => new SshError('ERR_SSH_TIMEOUT', detail, { origin: 'deadline' }),
    report: (error) => {
      reported = error;
      log.say('error', error instanceof Error ? error.message : 'a request failed');
    },
  });
  log.say('info', `session opened for ${username}`);
  session.start();
  const cause = await session.ended;
  aborter.abort(cause);
  const isOver = cause.code === 'ERR_SSH_CHANNEL_CLOSED';
  if (isOver) log.say('info', `session closed for ${username}`);
  else if (cause !== reported) log.say('error', cause.message);
  await log.end();
  return isOver ? 0 : failed;
}

/** @throws SshError `ERR_SSH_OPTIONS` where it cannot be gone to */
function startFolder(given: string | undefined): string {
  if (given === undefined) return process.cwd();
  try {
    process.chdir(given);
  } catch (error) {
    const why = error instanceof Error ? error.message : '';
    throw optionsError(`-d ${resolve(given)}: ${why}`);
  }
  return process.cwd();
}

/** A user without an entry among the users is served too. */
function served(): Served {
  try {
    const { username, homedir: home } = userInfo();
    return { username, home };
  } catch {
    return { username: String(process.getuid?.() ?? ''), home: process.env['HOME'] ?? '/' };
  }
}

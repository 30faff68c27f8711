/**
 * From the command line to a connection that is up.
 *
 * Owns: which keys, which policy for host keys and which prompts a dial gets.
 * Must not know: what is done with the connection.
 */
import { escapeText } from '../../base/bytes.ts';
import type { Client } from '../../client/client.ts';
import { createConnect } from '../../client/dial/connect.ts';
import type { ConnectOptions } from '../../client/dial/options.ts';
import { optionsError } from '../../endpoint/options/optionErrors.ts';
import { knownHosts } from '../../node/knownHosts/knownHosts.ts';
import { nodePlatform } from '../../node/platform.ts';
import type { Messages } from '../messages.ts';
import type { SshArguments } from '../remote/arguments.ts';
import { terminalSize } from '../terminal/rawTerminal.ts';
import { type AgentUse, authenticationOrder } from './credentials.ts';
import { askAboutUnknownKeys, type KeepHostKey } from './hostKeyQuestion.ts';
import { defaultIdentities, defaultIdentityFiles, namedIdentities } from './identities.ts';
import { addKnownHost, userKnownHostsFile } from './knownHostsFile.ts';
import { type Person, usualColumns } from './person.ts';
import { serverLines } from './serverText.ts';
import type { Trace } from './trace.ts';

/** Milliseconds for goodbyes: whoever waits for a prompt to come back has little use for more. */
const closeTimeout = 2_000;

export interface DialContext {
  /** Undefined where nobody can be asked. */
  readonly person: Person | undefined;
  readonly trace: Trace;
  readonly messages: Messages;
  readonly signal: AbortSignal;
  /** What a measurement wants otherwise than a session. */
  readonly options?: Pick<ConnectOptions, 'algorithms' | 'crypto' | 'limits'>;
}

/** @throws SshError as `connect`, and for key files that were named and are no use */
export async function dial(args: SshArguments, context: DialContext): Promise<Client> {
  const { host, port, timeout, algorithms, identities } = args;
  const { person, trace, messages, signal } = context;
  const username = args.username ?? nodePlatform.localUser();
  if (username === undefined)
    throw optionsError('this system does not tell who you are; name a user with -l');
  const warn = (line: string): void => messages.say(line);
  const keys =
    identities.length > 0
      ? await namedIdentities(identities, { person, hasAgent: agentUse(args) !== 'none', warn })
      : await defaultIdentities(defaultIdentityFiles(), { person, warn }, (line) => trace.note(line));
  const policy = knownHosts();
  return createConnect(nodePlatform)({
    host,
    port,
    username,
    timeout,
    algorithms,
    timeouts: { close: closeTimeout },
    auth: authenticationOrder(keys, escapeText(`${username}@${host}`, 300), person, agentUse(args)),
    verifyHostKey: person === undefined ? policy : askAboutUnknownKeys(policy, person, keep),
    signal,
    onBanner: (text) => messages.block(serverLines(text, errorColumns())),
    onDebug: (line) => trace.debug(line),
    ...context.options,
  });
}

/** Undefined where standard error is no terminal, and nothing wraps. */
function errorColumns(): number | undefined {
  return process.stderr.isTTY ? (terminalSize([process.stderr])?.columns ?? usualColumns) : undefined;
}

function agentUse({ agent, identities }: SshArguments): AgentUse {
  if (!agent || nodePlatform.agentPath() === undefined) return 'none';
  return identities.length > 0 ? 'namedKeysFirst' : 'all';
}

const keep: KeepHostKey = async ({ host, port, blob }, bounds) => {
  const file = userKnownHostsFile();
  await addKnownHost(file, host, port, blob, {}, bounds);
  return file;
};

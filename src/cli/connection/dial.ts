/**
 * From a resolved host to a connection that is up.
 *
 * Owns: who is asked about host keys, what the command adds to the options of the
 * configuration, how often a dial is tried.
 * Must not know: how a configuration is read, what is done with the connection.
 */
import { SshError } from '../../base/errors.ts';
import type { Client } from '../../client/client.ts';
import { createConnect } from '../../client/dial/connect.ts';
import { shownHost } from '../../client/dial/hostName.ts';
import type { ConnectOptions } from '../../client/dial/options.ts';
import type { HostKeyPolicy } from '../../client/hostKeys/hostKeys.ts';
import type { CommandStart } from '../../client/platform.ts';
import type { ResolvedOptions } from '../../config/connectOptions.ts';
import type { ResolvedHost } from '../../config/resolveHost.ts';
import type { AlgorithmPreset } from '../../endpoint/options/algorithmOptions.ts';
import type { LinkOpener } from '../../io/link.ts';
import { commandLink } from '../../node/command/commandLink.ts';
import { keyPicture } from '../../node/fingerprints.ts';
import { nodePlatform } from '../../node/platform.ts';
import type { Messages } from '../messages.ts';
import { terminalSize } from '../terminal/rawTerminal.ts';
import { askAboutUnknownKeys, type KeepHostKey } from './hostKeyQuestion.ts';
import { addKnownHost, userKnownHostsFile } from './knownHostsFile.ts';
import { type Person, usualColumns } from './person.ts';
import { serverLines } from './serverText.ts';
import type { Trace } from './trace.ts';

/** Milliseconds for goodbyes: a person who waits for the prompt has little use for more. */
const closeTimeout = 2_000;
const bannerBytes = 1024 * 1024;
/** Milliseconds between two attempts, as with ssh. */
const attemptPause = 1_000;

export interface DialContext {
  /** Undefined where nobody can be asked. */
  readonly person: Person | undefined;
  readonly trace: Trace;
  readonly messages: Messages;
  readonly signal: AbortSignal;
  /** Milliseconds for the whole dial, in place of what the configuration says. */
  readonly timeout?: number | undefined;
  readonly preset?: AlgorithmPreset | undefined;
  /** What a measurement wants otherwise than a session. */
  readonly options?: Pick<ConnectOptions, 'algorithms' | 'crypto' | 'limits'>;
}

/** A ProxyCommand runs in the user's own shell, as with ssh. */
const platform = {
  ...nodePlatform,
  command: (start: CommandStart): LinkOpener => commandLink(start, process.env['SHELL']),
};

/** @throws SshError as `connect` */
export async function dial(resolved: ResolvedHost, context: DialContext): Promise<Client> {
  const options = optionsFor(resolved, context);
  const attempts = resolved.session.connectionAttempts;
  for (let attempt = 1; ; attempt++) {
    try {
      return await createConnect(platform)(options);
    } catch (error) {
      const mayTryAgain = error instanceof SshError && error.code === 'ERR_SSH_CONNECT' && attempt < attempts;
      if (!mayTryAgain || context.signal.aborted) throw error;
      context.trace.note(`attempt ${attempt} of ${attempts} failed: ${error.message}`);
      await pause(attemptPause, context.signal);
    }
  }
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function optionsFor(resolved: ResolvedHost, context: DialContext): ConnectOptions {
  const { options, session } = resolved;
  const { trace, messages, signal, timeout, preset } = context;
  const isQuiet = session.logLevel === 'QUIET';
  const { via, ...own } = options;
  const { limits, ...wanted } = context.options ?? {};
  return {
    ...own,
    ...(preset === undefined ? {} : { algorithms: withPreset(options.algorithms, preset) }),
    ...(timeout === undefined ? {} : { timeout }),
    timeouts: { ...options.timeouts, close: closeTimeout },
    // A banner is for a person to read, and ssh shows it whole.
    limits: { ...options.limits, bannerBytes, ...limits },
    verifyHostKey: showing(resolved, asking(resolved, options.verifyHostKey, context), context),
    ...(via === undefined
      ? {}
      : {
          via: via.map((hop) => ({
            ...hop,
            verifyHostKey: showing(resolved, asking(resolved, hop.verifyHostKey, context), context),
          })),
        }),
    // The methods of `auth` name their agent themselves: this is the one that is forwarded.
    ...(forwardedAgent(session.forwardAgent) ?? {}),
    signal,
    onBanner: (text) => {
      if (!isQuiet) showBanner(text, messages);
    },
    onDebug: (line) => trace.debug(line),
    ...wanted,
  };
}

/** A list that the configuration gives stays as it is. */
function withPreset(
  given: ResolvedOptions['algorithms'],
  preset: AlgorithmPreset,
): ResolvedOptions['algorithms'] {
  if (given === undefined || typeof given === 'string') return preset;
  return { kex: preset, hostKey: preset, cipher: preset, mac: preset, ...given };
}

/** A path, or `$NAME` of the environment. */
function forwardedAgent(said: boolean | string): { readonly agent: string } | undefined {
  if (typeof said === 'boolean') return undefined;
  const path = said.startsWith('$') ? process.env[said.slice(1)] : said;
  return path === undefined || path === '' ? undefined : { agent: path };
}

/** On a terminal every line of the server's is marked as one; in a file it is as the server sent it. */
function showBanner(text: string, messages: Messages): void {
  if (!process.stderr.isTTY) process.stderr.write(text);
  else messages.block(serverLines(text, terminalSize([process.stderr])?.columns ?? usualColumns));
}

/** VisualHostKey: the picture of every key that is accepted. */
function showing({ session }: ResolvedHost, policy: HostKeyPolicy, { messages }: DialContext): HostKeyPolicy {
  if (!session.visualHostKey) return policy;
  return {
    ...policy,
    verify: async (info, dial) => {
      const isAccepted = await policy.verify(info, dial);
      messages.say(`the host key of ${shownHost(info)} is ${info.type} ${info.fingerprint}`);
      if (messages.level === 'all') messages.block(keyPicture(info.key, session.fingerprintHash));
      return isAccepted;
    },
  };
}

/** A key that nobody vouches for is shown to the person, where StrictHostKeyChecking is `ask`. */
function asking(
  { session, keywords }: ResolvedHost,
  policy: HostKeyPolicy,
  { person }: DialContext,
): HostKeyPolicy {
  const { strictHostKeyChecking, batchMode } = session;
  if (person === undefined || batchMode || strictHostKeyChecking !== 'ask') return policy;
  const keep: KeepHostKey = async ({ host, port, blob }, bounds) => {
    const file = keptIn(keywords);
    const alias = keywords['hostkeyalias'];
    const [name, number] = typeof alias === 'string' ? ([alias, 22] as const) : ([host, port] as const);
    await addKnownHost(file, name, number, blob, { hash: keywords['hashknownhosts'] === 'yes' }, bounds);
    return file;
  };
  return askAboutUnknownKeys(policy, person, keep);
}

/** The first file of the user's. */
function keptIn(keywords: ResolvedHost['keywords']): string {
  const files = keywords['userknownhostsfile'];
  const [first] = typeof files === 'string' ? files.split(' ') : [];
  return first === undefined || first === 'none' ? userKnownHostsFile() : first;
}

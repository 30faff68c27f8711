/**
 * From what was typed to the configuration of the host.
 *
 * Owns: what a person is asked while logging in, files named with -i that are not
 * there, what is said of a configuration that is not right.
 * Must not know: how a configuration is read (`config/`), what is done with it.
 */
import { escapeText } from '../../base/bytes.ts';
import type { SshError } from '../../base/errors.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { problemText } from '../../config/reading/problems.ts';
import { createResolveHost, type ResolvedHost } from '../../config/resolveHost.ts';
import { nodeConfigPlatform } from '../../node/config/configPlatform.ts';
import { homeFolder } from '../../node/homeFolder.ts';
import { versionOf } from '../../node/knownHosts/regularFile.ts';
import type { Messages } from '../messages.ts';
import type { SshCommandLine } from '../remote/arguments.ts';
import { askChallenge, askNewPassword, askPassword } from './credentials.ts';
import type { Person } from './person.ts';
import { type Trace, verbosityOf } from './trace.ts';

export interface ResolutionContext {
  /** Undefined where nobody can be asked. */
  readonly person: Person | undefined;
  readonly messages: Messages;
  readonly signal: AbortSignal;
}

/** A user without a home has no files of their own, and those of the system still count. */
const homeless: readonly string[] = ['UserKnownHostsFile=/dev/null', 'IdentityFile=none'];

/** @throws SshError `ERR_SSH_CONFIG`, `ERR_SSH_OPTIONS` */
export async function resolveLine(
  line: SshCommandLine,
  { person, messages, signal }: ResolutionContext,
): Promise<ResolvedHost> {
  for (const path of line.identities) await sayWhereMissing(path, messages);
  // The account is known once the configuration was read, and nobody is asked before that.
  let account = line.host;
  const resolved = await createResolveHost(nodeConfigPlatform)(line.host, {
    files: line.configFile,
    overrides: homeFolder() === undefined ? [...line.overrides, ...homeless] : line.overrides,
    command: line.command,
    forwardOnly: line.stdioForward !== undefined,
    signal,
    ...(person === undefined
      ? {}
      : {
          passphrase: async ({ path, attempt }) => {
            if (attempt > 1) person.show('That is not the passphrase.\n');
            const typed = await person.askSecretly(`Passphrase for ${escapeText(path, 300)}: `);
            // As with ssh, an empty answer passes the key over.
            return typed === '' ? undefined : typed;
          },
          addToAgent: async ({ path }) =>
            /^y(es)?$/i.test(
              (
                (await person.ask(`Add the key ${escapeText(path, 300)} to the agent? (yes/no) `)) ?? ''
              ).trim(),
            ),
          password: (request) => askPassword(account, person)(request),
          changePassword: (prompt) => askNewPassword(account, person)(prompt),
          keyboardInteractive: (challenge) => askChallenge(account, person)(challenge),
        }),
  });
  if (resolved.options.username === '') {
    throw optionsError('this system does not tell who you are; name a user with -l');
  }
  account = escapeText(`${resolved.options.username}@${line.host}`, 300);
  return resolved;
}

async function sayWhereMissing(path: string, messages: Messages): Promise<void> {
  // What has tokens or a tilde is known when they are expanded.
  if (/^~|%|\$\{/.test(path) || path.toLowerCase() === 'none') return;
  const isThere = async (file: string): Promise<boolean> =>
    (await versionOf(file).catch(() => undefined)) !== undefined;
  if ((await isThere(path)) || (await isThere(`${path}.pub`))) return;
  messages.say(`warning: the key file ${escapeText(path, 300)} is not there, and is not used`);
}

/** Each problem of a configuration, a line each; other errors have one. */
export function problemLines(error: SshError): readonly string[] | undefined {
  return error.code === 'ERR_SSH_CONFIG' && error.problems !== undefined
    ? error.problems.map(problemText)
    : undefined;
}

/** How much is said from now on, as LogLevel has it, and what the configuration has to say itself. */
export function hearConfiguration(
  { session: { logLevel }, warnings }: ResolvedHost,
  trace: Trace,
  messages: Messages,
): void {
  if (logLevel === 'QUIET') messages.level = 'none';
  if (logLevel === 'FATAL' || logLevel === 'ERROR') messages.level = 'errors';
  trace.verbosity = verbosityOf(logLevel);
  for (const warning of warnings) {
    // What has no effect on a connection has one on this program.
    if (/^Control(Master|Path|Persist) /.test(warning)) continue;
    if (isForEverybody(warning)) messages.say(`warning: ${warning}`);
    else trace.note(`configuration: ${warning}`);
  }
}

/** Warnings of a resolution that everybody is told: of keys that are passed over, and of a way that is not taken. */
function isForEverybody(warning: string): boolean {
  return /^(IdentityFile|CertificateFile|ProxyCommand|ProxyUseFdpass|BindInterface) /.test(warning);
}

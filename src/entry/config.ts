/**
 * `deadline-ssh/config`: what ssh_config says about a host.
 *
 * Owns: the list of public names, and the platform they work on.
 * Must not know: anything else.
 */
import { createResolveHost, type ResolveHost } from '../config/resolveHost.ts';
import { nodeConfigPlatform } from '../node/config/configPlatform.ts';

/**
 * Looks a host up in `~/.ssh/config` and `/etc/ssh/ssh_config`, as ssh does, and
 * answers with options for `connect`. Files are read with the rules of OpenSSH 10:
 * Host, Match, Include, tokens, canonical names, hosts to jump over. `Match exec`
 * runs commands.
 *
 * @param host an alias, a name, an address, `user@host` or `ssh://user@host:port`
 * @throws SshError `ERR_SSH_CONFIG` with `file` and `line` for what is not right in a configuration, `ERR_SSH_OPTIONS`
 *   for what is not right in the call, `ERR_SSH_CONNECT` for a name that the configuration wants to lead somewhere,
 *   `ERR_SSH_TIMEOUT`, `ERR_SSH_ABORTED`
 * @example
 * ```ts
 * import { connect } from 'deadline-ssh';
 * import { resolveHost } from 'deadline-ssh/config';
 * const { options, warnings } = await resolveHost('alias', { overrides: ['ConnectTimeout 5'] });
 * for (const line of warnings) console.warn(line);
 * await using client = await connect(options);
 * ```
 */
export const resolveHost: ResolveHost = createResolveHost(nodeConfigPlatform);

export { type ConfigProblem, SshError, type SshErrorCode } from '../base/errors.ts';
export type { ResolvedOptions } from '../config/connectOptions.ts';
export type { Credentials, KeyPassphrase } from '../config/credentials.ts';
export type {
  ConfigForward,
  ConfigListen,
  ConfigTarget,
  ForwardSettings,
} from '../config/forwards.ts';
export { formatKeywords, type Keywords } from '../config/reading/output.ts';
export type { ConfigLimits } from '../config/reading/reader.ts';
export type { ConfigFile, ResolvedHost, ResolveHost, ResolveHostOptions } from '../config/resolveHost.ts';
export type { SessionSettings } from '../config/session.ts';

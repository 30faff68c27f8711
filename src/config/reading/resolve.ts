/**
 * From a name that a person types to all that is known of the host.
 *
 * Owns: the order of it: options of the caller, the files, the name of the host,
 * the files again where that is wanted, defaults, tokens.
 * Must not know: the form of any value, how files are read, what is done with
 * the settings.
 * Source: ssh_config(5); the order is that of OpenSSH 10.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { expand, type Tokens } from '../syntax/expansion.ts';
import { isHostName, isUserName } from '../syntax/hosts.ts';
import { lowerCase } from '../syntax/patterns.ts';
import { jumpHost, tokensOf } from './blocks.ts';
import { canonicalName, isAddress } from './canonical.ts';
import { fillDefaults } from './defaults.ts';
import { expandSettings } from './expandSettings.ts';
import type { Asking, Facts, FileAnswer } from './facts.ts';
import { type OpenSsh, openSsh as openSsh10 } from './openssh.ts';
import { commandLine, problemAt } from './problems.ts';
import { type ConfigLimits, ConfigReader, defaultConfigLimits, type Source } from './reader.ts';
import { Settings } from './settings.ts';

/** What is asked for. */
export interface Request {
  /** The host as it was given. */
  readonly host: string;
  /** The user that was given beside the host, which comes before all that a file says. */
  readonly user?: string | undefined;
  readonly port?: number | undefined;
  /** Options of the caller, as `-o` takes them; the first one counts. */
  readonly overrides: readonly string[];
  readonly sources: readonly Source[];
  /** What is to be run, for `Match command`. */
  readonly command?: string | undefined;
  /** Whether standard input and output lead to a place, as with `-W`, so that nothing else is forwarded. */
  readonly isForwardOnly?: boolean | undefined;
  readonly limits?: ConfigLimits | undefined;
  /** The OpenSSH whose rules are followed. */
  readonly openSsh?: OpenSsh | undefined;
}

/** What came of it. */
export interface Resolution {
  readonly settings: Settings;
  readonly givenHost: string;
  /** The host as it is dialled. */
  readonly host: string;
  readonly user: string;
  readonly port: number;
  /** The tokens that most keywords take, for those that are expanded when they are used. */
  readonly tokens: Tokens;
  readonly openSsh: OpenSsh;
}

export const sshPort = 22;

/**
 * Reads everything and answers what it comes to.
 *
 * @throws SshError `ERR_SSH_CONFIG` with file and line, `ERR_SSH_OPTIONS` for what the caller gave,
 *   `ERR_SSH_CONNECT` for a name that has to lead somewhere
 */
export function* resolve(request: Request, facts: Facts): Asking<Resolution> {
  const { host: givenHost, openSsh = openSsh10, limits = defaultConfigLimits } = request;
  const { command = '', sources } = request;
  if (!isHostName(givenHost)) throw optionsError(`${quotedText(givenHost)} cannot be the name of a host`);
  const settings = new Settings();
  const known = new Map<string, FileAnswer>();
  const reader = (host: string, isFinal: boolean): ConfigReader =>
    new ConfigReader({ settings, facts, openSsh, host, givenHost, command, isFinal }, limits, known);
  readOptions(request, settings, reader(givenHost, false));
  const first = reader(givenHost, false);
  for (const source of sources) yield* first.readSource(source);
  settleCanonicalizing(settings);
  const host = yield* hostOf(givenHost, settings);
  if (first.wantsFinal || isCanonicalizing(settings)) {
    settings.replace('hostname', host);
    const second = reader(host, true);
    for (const source of sources) yield* second.readSource(source);
  }
  fillDefaults(settings, openSsh, request.isForwardOnly === true);
  // A descriptor can be passed by a program of the user's only.
  if (settings.jump !== undefined) settings.replace('proxyusefdpass', 'no');
  const port = Number(settings.value('port') ?? sshPort);
  settings.replace('port', String(port));
  const user = settings.value('user') ?? facts.userName;
  checkLoop(settings, host, port, user);
  return expanded({ request, settings, facts, openSsh, host, port });
}

/** What was given beside the host comes before the options, which come before the files. */
function readOptions({ user, port, overrides }: Request, settings: Settings, reader: ConfigReader): void {
  if (user !== undefined) settings.offer('user', user);
  if (port !== undefined) settings.offer('port', String(port));
  for (const option of overrides) reader.readOption(option);
  const asked = settings.value('user');
  if (asked !== undefined && !isUserName(asked)) {
    throw optionsError(`${quotedText(asked)} cannot be the name of a user`);
  }
}

/** What decides about the name of the host has no say in the second pass, which comes of it. */
function settleCanonicalizing(settings: Settings): void {
  settings.offer('canonicalizehostname', 'false');
  settings.offer('canonicalizemaxdots', '1');
  settings.offer('canonicalizefallbacklocal', 'yes');
}

function* hostOf(givenHost: string, settings: Settings): Asking<string> {
  const hostname = settings.value('hostname');
  const named = hostname === undefined ? { text: givenHost } : expand(hostname, { tokens: { h: givenHost } });
  if ('fault' in named) throw problemAt(originOf(settings, 'hostname'), `hostname: ${named.fault}`);
  const name = isAddress(named.text) ? named.text : lowerCase(named.text);
  return yield* canonicalName(name, settings);
}

function isCanonicalizing(settings: Settings): boolean {
  return (settings.value('canonicalizehostname') ?? 'false') !== 'false';
}

function checkLoop(settings: Settings, host: string, port: number, user: string): void {
  const { jump } = settings;
  if (jump === undefined) return;
  const { last } = jump;
  if (last.host !== host || (last.port ?? sshPort) !== port || (last.user ?? user) !== user) return;
  throw problemAt(
    originOf(settings, 'proxyjump'),
    `proxyjump: ${quotedText(last.host)} is the host itself, which cannot be jumped over to reach it; say ProxyJump none in its own block`,
  );
}

/** A person can only be asked about new host keys where a shell is what they wait for. */
function settleHostKeys(settings: Settings, { command = '' }: Request): void {
  if (settings.value('updatehostkeys') !== 'ask') return;
  const isShared = settings.value('controlpersist') !== 'no' && settings.value('controlpath') !== undefined;
  const runs = command !== '' || settings.value('remotecommand') !== undefined;
  const isQuiet = ['QUIET', 'FATAL', 'ERROR'].includes(settings.value('loglevel') ?? '');
  if (isShared || runs || settings.value('requesttty') === 'false' || isQuiet) {
    settings.replace('updatehostkeys', 'false');
  }
}

interface Known {
  readonly request: Request;
  readonly settings: Settings;
  readonly facts: Facts;
  readonly openSsh: OpenSsh;
  readonly host: string;
  readonly port: number;
}

function expanded({ request, settings, facts, openSsh, host, port }: Known): Resolution {
  const { host: givenHost } = request;
  const sources = {
    facts,
    host,
    givenHost,
    keyAlias: settings.value('hostkeyalias')?.toLowerCase() ?? givenHost,
    port: String(port),
    jump: jumpHost(settings),
  };
  const user = userOf(request, settings, facts, tokensOf({ ...sources, user: undefined }));
  settings.replace('user', user);
  const tokens = tokensOf({ ...sources, user });
  settleHostKeys(settings, request);
  expandSettings(settings, tokens, facts);
  return { settings, givenHost, host, user, port, tokens, openSsh };
}

/** A user that a configuration makes of tokens has to be one; what the caller gave is taken as it is. */
function userOf(request: Request, settings: Settings, facts: Facts, tokens: Tokens): string {
  const said = settings.value('user');
  if (said === undefined) return facts.userName;
  if (request.user !== undefined) return said;
  const origin = originOf(settings, 'user');
  const made = expand(said, { tokens, variables: facts.variables });
  if ('fault' in made) throw problemAt(origin, `user: ${made.fault}`);
  if (made.text !== said && !isUserName(made.text)) {
    throw problemAt(origin, `user: ${quotedText(made.text)} cannot be the name of a user`);
  }
  return made.text;
}

function originOf(settings: Settings, keyword: string): { readonly file: string; readonly line: number } {
  return settings.origin(keyword) ?? { file: commandLine, line: 0 };
}

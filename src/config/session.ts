/**
 * What a configuration says about the session, for the program that runs one.
 *
 * Owns: the form of it.
 * Must not know: channels, terminals.
 * Source: ssh_config(5).
 */

import { matchesPattern } from '../base/wildcards.ts';
import type { FingerprintHash } from '../keys/fingerprintBy.ts';
import { fingerprintHashOf } from './hostKeyPolicy.ts';
import { forwardAgentPath } from './reading/ownDirectives.ts';
import { commandLine, problemAt } from './reading/problems.ts';
import type { Resolution } from './reading/resolve.ts';
import { expand, type Variables } from './syntax/expansion.ts';

/** How programs of the server show windows here. */
export interface X11Settings {
  /** ForwardX11Trusted: whether they may use the display as a program of this side does. */
  readonly trusted: boolean;
  /** ForwardX11Timeout, for those that are not trusted: seconds for which they may connect; 0 for no bound. */
  readonly timeout: number;
  /** XAuthLocation: the program that tells cookies, and makes them. */
  readonly xauth: string | undefined;
}

/** The session that a configuration wants. `connect` opens none, so this stands beside its options. */
export interface SessionSettings {
  /** Whether a command, a subsystem or nothing is run: SessionType. */
  readonly type: 'default' | 'none' | 'subsystem';
  /** RemoteCommand, its tokens expanded. */
  readonly remoteCommand: string | undefined;
  /** RequestTTY. */
  readonly requestTty: 'auto' | 'yes' | 'no' | 'force';
  /** SetEnv, and what SendEnv takes of the environment; the former come first. */
  readonly env: Readonly<Record<string, string>>;
  /** Patterns of SendEnv. */
  readonly sendEnv: readonly string[];
  /** ForwardAgent: whether, or the path of the agent. */
  readonly forwardAgent: boolean | string;
  /** ForwardX11 and its kin; `false` for none. */
  readonly forwardX11: X11Settings | false;
  /** StdinNull. */
  readonly stdinNull: boolean;
  /** ForkAfterAuthentication. */
  readonly fork: boolean;
  /** EscapeChar; undefined for none. */
  readonly escapeChar: string | undefined;
  /** EnableEscapeCommandline. */
  readonly escapeCommandline: boolean;
  /** LocalCommand where PermitLocalCommand allows it, its tokens expanded. */
  readonly localCommand: string | undefined;
  /** BatchMode: nobody is asked anything. */
  readonly batchMode: boolean;
  /** VisualHostKey. */
  readonly visualHostKey: boolean;
  /** FingerprintHash. */
  readonly fingerprintHash: FingerprintHash;
  /** StrictHostKeyChecking: `ask` is for programs that can ask. */
  readonly strictHostKeyChecking: 'yes' | 'no' | 'ask' | 'accept-new';
  /** NumberOfPasswordPrompts. */
  readonly passwordPrompts: number;
  /** ConnectionAttempts: `connect` dials once, and its caller may do so this often. */
  readonly connectionAttempts: number;
  /** LogLevel. */
  readonly logLevel: string;
}

const yesNo: Readonly<Record<string, 'yes' | 'no'>> = { true: 'yes', false: 'no' };

/** The session of a resolution. @throws SshError `ERR_SSH_CONFIG` for a token in LocalCommand that means nothing */
export function sessionOf(
  resolution: Resolution,
  variables: Variables,
  names: readonly string[],
): SessionSettings {
  const { settings } = resolution;
  const value = (keyword: string): string => settings.value(keyword) ?? '';
  const isOn = (keyword: string): boolean => value(keyword) === 'yes';
  const agent = settings.value(forwardAgentPath);
  const escapeChar = value('escapechar');
  const tty = value('requesttty');
  const strict = value('stricthostkeychecking');
  return {
    type: value('sessiontype') as SessionSettings['type'],
    remoteCommand: settings.value('remotecommand'),
    requestTty: yesNo[tty] ?? (tty === 'force' ? 'force' : 'auto'),
    env: environment(settings.list('setenv'), settings.sendEnv, variables, names),
    sendEnv: settings.sendEnv,
    forwardAgent: isOn('forwardagent') ? (agent ?? true) : false,
    forwardX11: isOn('forwardx11')
      ? {
          trusted: isOn('forwardx11trusted'),
          timeout: Number(value('forwardx11timeout')),
          xauth: settings.value('xauthlocation'),
        }
      : false,
    stdinNull: isOn('stdinnull'),
    fork: isOn('forkafterauthentication'),
    escapeChar: escapeChar === 'none' ? undefined : escapeChar,
    escapeCommandline: isOn('enableescapecommandline'),
    localCommand: isOn('permitlocalcommand') ? localCommand(resolution) : undefined,
    batchMode: isOn('batchmode'),
    visualHostKey: isOn('visualhostkey'),
    fingerprintHash: fingerprintHashOf(settings),
    strictHostKeyChecking: yesNo[strict] ?? (strict === 'accept-new' ? 'accept-new' : 'ask'),
    passwordPrompts: Number(value('numberofpasswordprompts')),
    connectionAttempts: Number(value('connectionattempts')),
    logLevel: value('loglevel'),
  };
}

function environment(
  setEnv: readonly string[],
  sendEnv: readonly string[],
  variables: Variables,
  names: readonly string[],
): Readonly<Record<string, string>> {
  const env: Record<string, string> = {};
  for (const name of names) {
    if (!sendEnv.some((pattern) => matchesPattern(name, pattern))) continue;
    const value = variables(name);
    if (value !== undefined) env[name] = value;
  }
  for (const text of setEnv) {
    const equals = text.indexOf('=');
    env[text.slice(0, equals)] = text.slice(equals + 1);
  }
  return env;
}

/** There is no tunnel interface here, which is what `%T` would name. */
function localCommand({ settings, tokens }: Resolution): string | undefined {
  const text = settings.value('localcommand');
  if (text === undefined) return undefined;
  const expanded = expand(text, { tokens: { ...tokens, T: 'NONE' } });
  if ('text' in expanded) return expanded.text;
  const origin = settings.origin('localcommand') ?? { file: commandLine, line: 0 };
  throw problemAt(origin, `localcommand: ${expanded.fault}`);
}

/**
 * ProxyCommand, for the dial.
 *
 * Owns: the tokens that only the configuration can fill; those of the target are
 * left to the dial, which knows what a shell must not see.
 * Must not know: how a program is started.
 * Source: ssh_config(5), TOKENS.
 */
import { quotedText } from '../base/bytes.ts';
import { commandLine, problemAt } from './reading/problems.ts';
import type { Resolution } from './reading/resolve.ts';
import { expand } from './syntax/expansion.ts';
import { isHostName } from './syntax/hosts.ts';

/** The command; undefined where there is none. @throws SshError `ERR_SSH_CONFIG` for a token that means nothing */
export function proxyCommandOf({ settings, givenHost }: Resolution, warnings: string[]): string | undefined {
  const command = settings.value('proxycommand');
  if (command === undefined) return undefined;
  if (command === '-') {
    warnings.push('ProxyCommand - is not done: give the streams to connect as its option stream');
    return undefined;
  }
  const origin = settings.origin('proxycommand') ?? { file: commandLine, line: 0 };
  const alias = settings.value('hostkeyalias') ?? givenHost;
  if (command.includes('%k') && !isHostName(alias)) {
    throw problemAt(origin, `proxycommand: ${quotedText(alias)} cannot stand in a command`);
  }
  const kept = { '%': '%%', h: '%h', p: '%p', r: '%r', n: givenHost, k: alias };
  // A percent sign stays doubled, for the dial takes it off.
  const expanded = expand(command.replaceAll('%%', '%%%%'), { tokens: kept });
  if ('fault' in expanded) throw problemAt(origin, `proxycommand: ${expanded.fault}`);
  return expanded.text;
}

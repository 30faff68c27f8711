/**
 * KnownHostsCommand, for the policy of host keys.
 *
 * Owns: the words of the command, and the tokens that only the configuration can
 * fill; those of the key are left to the policy.
 * Must not know: how a program is started.
 * Source: ssh_config(5), KnownHostsCommand and TOKENS.
 */
import { quotedText } from '../base/bytes.ts';
import { commandLine, problemAt } from './reading/problems.ts';
import type { Resolution } from './reading/resolve.ts';
import { expand, type Variables } from './syntax/expansion.ts';
import { splitWords } from './syntax/line.ts';

/** Tokens of the key that is asked about. */
const ofTheKey = { f: '%f', H: '%H', I: '%I', K: '%K', t: '%t' };

/**
 * The program and its arguments; undefined where there is none.
 *
 * @throws SshError `ERR_SSH_CONFIG` for quotes without an end, a path that is not absolute, a token that means nothing
 */
export function knownHostsCommandOf(
  { settings, tokens }: Resolution,
  variables: Variables,
): readonly string[] | undefined {
  const command = settings.value('knownhostscommand');
  if (command === undefined) return undefined;
  const origin = settings.origin('knownhostscommand') ?? { file: commandLine, line: 0 };
  const words = splitWords(command);
  if (words === undefined) throw problemAt(origin, 'knownhostscommand: a quote in it has no end');
  const [program, ...rest] = words;
  if (program?.startsWith('/') !== true) {
    throw problemAt(
      origin,
      `knownhostscommand: ${quotedText(program ?? '')} is no absolute path of a program`,
    );
  }
  const kept = Object.fromEntries(
    // A percent sign stays doubled, for the policy takes it off.
    Object.entries(tokens).map(([name, text]) => [name, text.replaceAll('%', '%%')]),
  );
  const args = rest.map((word) => {
    const expanded = expand(word.replaceAll('%%', '%%%%'), {
      tokens: { ...kept, ...ofTheKey },
      variables: (name) => variables(name)?.replaceAll('%', '%%'),
    });
    if ('fault' in expanded) throw problemAt(origin, `knownhostscommand: ${expanded.fault}`);
    return expanded.text;
  });
  return [program, ...args];
}

/**
 * Lists of algorithms of a configuration, in the terms of this client.
 *
 * Owns: what `+`, `-`, `^` and wildcards come to with the algorithms that this
 * client has and offers by default, and what is said of those that it lacks.
 * Must not know: how any of them is computed.
 */
import { quotedText } from '../base/bytes.ts';
import { ciphers, compressions, kexMethods, macs, signatureAlgorithms } from '../crypto/algorithms.ts';
import { specialAlgorithms } from '../crypto/specialAlgorithms.ts';
import type { AlgorithmList, AlgorithmOptions } from '../endpoint/options/algorithmOptions.ts';
import { writtenList } from './reading/defaults.ts';
import { commandLine, problemAt } from './reading/problems.ts';
import type { Settings } from './reading/settings.ts';
import { parseNameList } from './syntax/nameLists.ts';
import { matchList } from './syntax/patterns.ts';

const kinds = [
  ['kex', 'kexalgorithms', 'KexAlgorithms', kexMethods],
  ['cipher', 'ciphers', 'Ciphers', ciphers],
  ['mac', 'macs', 'MACs', macs],
  ['hostKey', 'hostkeyalgorithms', 'HostKeyAlgorithms', { ...signatureAlgorithms, ...specialAlgorithms }],
] as const;

/** The lists that the configuration changes. @throws SshError `ERR_SSH_CONFIG` where this client has none of a list */
export function algorithmsOf(
  settings: Settings,
  warnings: string[],
): Exclude<AlgorithmOptions, string> | undefined {
  const lists: { -readonly [Kind in keyof Exclude<AlgorithmOptions, string>]: AlgorithmList } = {};
  for (const [kind, keyword, spelling, table] of kinds) {
    const written = settings.value(writtenList(keyword));
    if (written === undefined) continue;
    const list = listOf(written, Object.keys(table));
    if (list.lacking.length > 0) {
      warnings.push(
        `${spelling}: this client does not have ${list.lacking.map((name) => quotedText(name)).join(', ')}`,
      );
    }
    if (list.algorithms === undefined) {
      throw problemAt(
        settings.origin(keyword) ?? { file: commandLine, line: 0 },
        `${keyword}: this client has none of these; it has ${Object.keys(table).join(', ')}`,
      );
    }
    lists[kind] = list.algorithms;
  }
  const compression = settings.value('compression') === 'yes';
  if (compression)
    lists.compression = Object.keys(compressions)
      .filter((name) => name !== 'zlib')
      .reverse();
  return Object.keys(lists).length === 0 ? undefined : lists;
}

function listOf(
  written: string,
  all: readonly string[],
): { readonly algorithms: AlgorithmList | undefined; readonly lacking: readonly string[] } {
  const { change, names } = parseNameList(written);
  const patterns = names.split(',').filter((name) => name !== '');
  const found = [
    ...new Set(patterns.flatMap((pattern) => all.filter((name) => matchList(name, pattern) === 'matched'))),
  ];
  if (change === '-') return { algorithms: { remove: found }, lacking: [] };
  const lacking = patterns.filter((pattern) => !/[*?!]/.test(pattern) && !all.includes(pattern));
  if (change === '+') return { algorithms: { append: found }, lacking };
  if (change === '^') return { algorithms: { prepend: found }, lacking };
  return { algorithms: found.length === 0 ? undefined : found, lacking };
}

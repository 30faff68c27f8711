/**
 * Lists of algorithms of a configuration, in the terms of this client.
 *
 * Owns: what `+`, `-`, `^` and wildcards come to with the algorithms that this
 * client has and offers by default, and what is said of those that it lacks.
 * Must not know: how any of them is computed.
 */
import { quotedText } from '../base/bytes.ts';
import { ciphers, compressions, kexMethods, macs, signatureAlgorithms } from '../crypto/algorithms.ts';
import { securityKeyAlgorithms, signatureNameOf, specialAlgorithms } from '../crypto/specialAlgorithms.ts';
import type { AlgorithmList, AlgorithmOptions } from '../endpoint/options/algorithmOptions.ts';
import { writtenList } from './reading/defaults.ts';
import { commandLine, problemAt } from './reading/problems.ts';
import type { Settings } from './reading/settings.ts';
import { parseNameList } from './syntax/nameLists.ts';
import { matchList } from './syntax/patterns.ts';

/** Signatures, certificates and keys in tokens. */
const signatures = { ...signatureAlgorithms, ...specialAlgorithms };

const kinds = [
  ['kex', 'kexalgorithms', 'KexAlgorithms', kexMethods],
  ['cipher', 'ciphers', 'Ciphers', ciphers],
  ['mac', 'macs', 'MACs', macs],
  ['hostKey', 'hostkeyalgorithms', 'HostKeyAlgorithms', signatures],
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
    warnOfLacking(spelling, list.lacking, warnings);
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

function warnOfLacking(spelling: string, lacking: readonly string[], warnings: string[]): void {
  if (lacking.length === 0) return;
  warnings.push(
    `${spelling}: this client does not have ${lacking.map((name) => quotedText(name)).join(', ')}`,
  );
}

/**
 * What the user's keys may authenticate with; undefined where nobody says
 * anything. HostKeyAlgorithms, by which `connect` chooses the hash of RSA keys too
 * where it is told no more, does not count for them here.
 */
export function publickeyAlgorithmsOf(settings: Settings, warnings: string[]): readonly string[] | undefined {
  const isSaid = ['pubkeyacceptedalgorithms', 'hostkeyalgorithms'].some(
    (keyword) => settings.value(writtenList(keyword)) !== undefined,
  );
  return isSaid
    ? namesOf('PubkeyAcceptedAlgorithms', Object.keys(signatures), settings, warnings)
    : undefined;
}

/** The signatures that a certificate of a host may bear; undefined where nobody says anything. */
export function authoritySignaturesOf(settings: Settings, warnings: string[]): readonly string[] | undefined {
  if (settings.value(writtenList('casignaturealgorithms')) === undefined) return undefined;
  const all = [...Object.keys(signatureAlgorithms), ...Object.keys(securityKeyAlgorithms)];
  return namesOf('CASignatureAlgorithms', all, settings, warnings);
}

/** A whole list, from what is written and the default, which is all but SHA-1. */
function namesOf(
  spelling: string,
  all: readonly string[],
  settings: Settings,
  warnings: string[],
): readonly string[] {
  const written = settings.value(writtenList(spelling.toLowerCase()));
  const usual = all.filter((name) => signatureNameOf(name) !== 'ssh-rsa');
  if (written === undefined) return usual;
  const { algorithms = [], lacking } = listOf(written, all);
  warnOfLacking(spelling, lacking, warnings);
  if (typeof algorithms === 'string') return usual;
  if (isNames(algorithms)) return algorithms;
  const { prepend = [], append = [], remove = [] } = algorithms;
  return [...new Set([...prepend, ...usual, ...append])].filter((name) => !remove.includes(name));
}

function isNames(list: AlgorithmList): list is readonly string[] {
  return Array.isArray(list);
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

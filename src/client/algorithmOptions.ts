/**
 * Which algorithms are offered, from what the user says.
 *
 * Owns: the option `algorithms`, its forms and the errors of bad ones.
 * Must not know: how anything is negotiated.
 */
import {
  ciphers,
  compressions,
  kexMethods,
  macs,
  type Offered,
  signatureAlgorithms,
} from '../crypto/algorithms.ts';
import { specialAlgorithms } from '../crypto/specialAlgorithms.ts';
import type { AlgorithmPreferences } from '../transport/negotiation.ts';
import { optionsError } from './optionErrors.ts';

/**
 * Names in order of preference, or changes to the default ones, or `'legacy'`:
 * the default ones and behind them those that only old servers need, with SHA-1,
 * CBC and short groups.
 *
 * @example
 * ```ts
 * import type { ConnectOptions } from 'deadline-ssh';
 * const algorithms: ConnectOptions['algorithms'] = {
 *   kex: { remove: ['curve448-sha512'] },
 *   cipher: ['aes256-gcm@openssh.com'],
 *   mac: 'legacy',
 *   compression: { prepend: ['zlib@openssh.com'] },
 * };
 * ```
 */
export type AlgorithmList =
  | readonly string[]
  | 'legacy'
  | {
      readonly prepend?: readonly string[] | undefined;
      readonly append?: readonly string[] | undefined;
      readonly remove?: readonly string[] | undefined;
    };

/** One list for each kind; a single `'legacy'` stands for all of them. */
export type AlgorithmOptions =
  | 'legacy'
  | {
      readonly kex?: AlgorithmList | undefined;
      readonly hostKey?: AlgorithmList | undefined;
      readonly cipher?: AlgorithmList | undefined;
      readonly mac?: AlgorithmList | undefined;
      readonly compression?: AlgorithmList | undefined;
    };

type Kind = keyof AlgorithmPreferences;

/** Every name this library can negotiate, best first. */
const available: { readonly [K in Kind]: Readonly<Record<string, Offered>> } = {
  kex: kexMethods,
  hostKey: { ...signatureAlgorithms, ...specialAlgorithms },
  cipher: ciphers,
  mac: macs,
  compression: compressions,
};

const changes: ReadonlySet<string> = new Set(['prepend', 'append', 'remove']);

/**
 * The names to offer.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for kinds and names that do not exist, and lists left empty
 */
export function resolveAlgorithms(given: AlgorithmOptions | undefined): AlgorithmPreferences {
  if (given !== undefined && given !== 'legacy' && (typeof given !== 'object' || Array.isArray(given))) {
    throw optionsError("algorithms takes 'legacy' or an object with kex, hostKey, cipher, mac, compression");
  }
  const lists = given === 'legacy' ? {} : (given ?? {});
  for (const kind of Object.keys(lists)) {
    if (Object.hasOwn(available, kind)) continue;
    throw optionsError(
      `there is no kind of algorithm ${JSON.stringify(kind)}; there are ${Object.keys(available).join(', ')}`,
    );
  }
  const resolve = (kind: Kind): readonly string[] =>
    resolveList(kind, given === 'legacy' ? 'legacy' : lists[kind]);
  return {
    kex: resolve('kex'),
    hostKey: resolve('hostKey'),
    cipher: resolve('cipher'),
    mac: resolve('mac'),
    compression: resolve('compression'),
  };
}

function resolveList(kind: Kind, given: AlgorithmList | undefined): readonly string[] {
  const names = namesOf(kind, given);
  if (names.length === 0) throw optionsError(`algorithms.${kind} leaves nothing to offer`);
  return [...new Set(names)];
}

function namesOf(kind: Kind, given: AlgorithmList | undefined): readonly string[] {
  const rows = Object.entries(available[kind]);
  const defaults = rows.filter(([, row]) => row.byDefault).map(([name]) => name);
  if (given === undefined) return defaults;
  if (given === 'legacy') return [...defaults, ...rows.filter(([, row]) => row.legacy).map(([name]) => name)];
  if (isList(given)) return checked(kind, given);
  if (typeof given !== 'object') {
    throw optionsError(`algorithms.${kind} takes a list of names, { prepend, append, remove } or 'legacy'`);
  }
  for (const change of Object.keys(given)) {
    if (changes.has(change)) continue;
    throw optionsError(`algorithms.${kind} takes prepend, append and remove, not ${JSON.stringify(change)}`);
  }
  const removed = checked(kind, given.remove);
  return [...checked(kind, given.prepend), ...defaults, ...checked(kind, given.append)].filter(
    (name) => !removed.includes(name),
  );
}

function checked(kind: Kind, names: readonly string[] = []): readonly string[] {
  const known = Object.keys(available[kind]);
  for (const name of names) {
    if (known.includes(name)) continue;
    throw optionsError(
      `algorithms.${kind} names ${JSON.stringify(name)}, which is not supported; there are ${known.join(', ')}`,
    );
  }
  return names;
}

function isList(given: AlgorithmList): given is readonly string[] {
  return Array.isArray(given);
}

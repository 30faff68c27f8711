/**
 * Which algorithms are offered, from what the user says.
 *
 * Owns: the option `algorithms`, its forms and the errors of bad ones.
 * Must not know: how anything is negotiated.
 */
import {
  anyObject,
  checkArgument,
  checkOptions,
  describeValue,
  eitherOf,
  type OptionRule,
  type OptionSet,
  oneOf,
  optionsError,
} from '../../base/optionChecks.ts';
import { SharedObjects } from '../../base/shared.ts';
import {
  ciphers,
  compressions,
  kexMethods,
  macs,
  type Offered,
  signatureAlgorithms,
} from '../../crypto/algorithms.ts';
import { specialAlgorithms } from '../../crypto/specialAlgorithms.ts';
import type { AlgorithmPreferences, WiderPreferences } from '../../transport/kex/negotiation.ts';
import { algorithmNames } from './otherNames.ts';

/**
 * Names in order of preference, or changes to the default ones, or a preset.
 * `'compatible'`: the default ones and those that are sound but no longer the
 * best, such as the NIST curves and HMAC over the plaintext. `'legacy'`: these
 * and behind them what only old servers need, with SHA-1, CBC and short groups.
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
  | AlgorithmPreset
  | {
      /** Names to try before the default ones. */
      readonly prepend?: readonly string[] | undefined;
      /** Names to try behind the default ones. */
      readonly append?: readonly string[] | undefined;
      /** Names of the default ones to leave out. */
      readonly remove?: readonly string[] | undefined;
    };

/** Lists for servers that are older than what is offered by default. */
export type AlgorithmPreset = 'compatible' | 'legacy';

/** One list for each kind; a single preset stands for all of them. */
export type AlgorithmOptions =
  | AlgorithmPreset
  | {
      /** Key exchange, such as `curve25519-sha256`. */
      readonly kex?: AlgorithmList | undefined;
      /** Signatures of the server, such as `rsa-sha2-512`; also which ones your own RSA keys make. */
      readonly hostKey?: AlgorithmList | undefined;
      /** Such as `aes256-gcm@openssh.com`. */
      readonly cipher?: AlgorithmList | undefined;
      /** For ciphers that do not authenticate by themselves, such as `hmac-sha2-256-etm@openssh.com`. */
      readonly mac?: AlgorithmList | undefined;
      /** `none` only, where not given. */
      readonly compression?: AlgorithmList | undefined;
    };

type Kind = Exclude<keyof AlgorithmPreferences, 'wider'>;

/** Every name this library can negotiate, best first. */
const available: { readonly [K in Kind]: Readonly<Record<string, Offered>> } = {
  kex: kexMethods,
  hostKey: { ...signatureAlgorithms, ...specialAlgorithms },
  cipher: ciphers,
  mac: macs,
  compression: compressions,
};

const presets = oneOf('compatible', 'legacy');

const optionRule = eitherOf(
  "'compatible', 'legacy' or an object with kex, hostKey, cipher, mac, compression",
  presets,
  anyObject,
);

const namesRule: OptionRule = { takes: 'a list of names', accepts: Array.isArray };

const listRule = eitherOf(
  "a list of names, { prepend, append, remove }, 'compatible' or 'legacy'",
  presets,
  anyObject,
  namesRule,
);

const kinds: OptionSet = {
  of: 'algorithms',
  table: { kex: listRule, hostKey: listRule, cipher: listRule, mac: listRule, compression: listRule },
  otherNames: algorithmNames,
  prefix: 'algorithms.',
};

const changesTable = { prepend: namesRule, append: namesRule, remove: namesRule };

/**
 * The names to offer.
 *
 * @param role a server takes what `'compatible'` offers unless told otherwise: which of it is used is the client's
 *   choice, and some clients have no other MAC beside AES (dropbear). What is costly to compute for anybody has
 *   to be named.
 * @throws SshError `ERR_SSH_OPTIONS` for kinds and names that do not exist, and lists left empty
 */
export function resolveAlgorithms(
  given: AlgorithmOptions | undefined,
  role: 'client' | 'server' = 'client',
): AlgorithmPreferences {
  if (given === undefined) {
    // What most connections offer.
    byDefault[role] ??= resolveGiven({}, role);
    return byDefault[role];
  }
  return resolveGiven(given, role);
}

function resolveGiven(given: AlgorithmOptions, role: 'client' | 'server'): AlgorithmPreferences {
  checkArgument('algorithms', given, optionRule);
  const lists = isPreset(given) ? {} : given;
  checkOptions(lists, kinds);
  const listOf = (kind: Kind): AlgorithmList | undefined => (isPreset(given) ? given : lists[kind]);
  const { base, compatible } = meant[role];
  const resolve = (kind: Kind): readonly string[] =>
    resolveList(kind, listOf(kind), namesIn(kind, base), role);
  const wider: WiderPreferences = Object.fromEntries(
    (['kex', 'hostKey', 'mac'] as const).flatMap((kind) => {
      const list = listOf(kind);
      // A list that was given name by name is meant as it is.
      if (list !== undefined && isList(list)) return [];
      return [[kind, resolveList(kind, list, namesIn(kind, compatible), role)]];
    }),
  );
  return sharedPreferences({
    kex: resolve('kex'),
    hostKey: resolve('hostKey'),
    cipher: resolve('cipher'),
    mac: resolve('mac'),
    compression: resolve('compression'),
    wider,
  });
}

const byDefault: { client?: AlgorithmPreferences; server?: AlgorithmPreferences } = {};

const known = new SharedObjects<AlgorithmPreferences>();

/** The same preferences, in the object that all connections with equal ones have: each keeps them for its next key exchange. */
export function sharedPreferences(preferences: AlgorithmPreferences): AlgorithmPreferences {
  const { kex, hostKey, cipher, mac, compression, wider } = preferences;
  const lists = [kex, hostKey, cipher, mac, compression, wider?.kex, wider?.hostKey, wider?.mac];
  return known.get(lists.map((list) => list?.join() ?? '-').join(' '), () => preferences);
}

function resolveList(
  kind: Kind,
  given: AlgorithmList | undefined,
  base: readonly string[],
  role: 'client' | 'server',
): readonly string[] {
  // The lists of the tables are one for all connections.
  if (given === undefined) return base;
  const names = namesOf(kind, given, base, role);
  if (names.length === 0) throw optionsError(`algorithms.${kind} leaves nothing to offer`);
  return [...new Set(names)];
}

/** @param base what changes are changes to */
function namesOf(
  kind: Kind,
  given: AlgorithmList,
  base: readonly string[],
  role: 'client' | 'server',
): readonly string[] {
  const { compatible, legacy } = meant[role];
  if (given === 'compatible') return namesIn(kind, compatible);
  if (given === 'legacy') return [...namesIn(kind, compatible), ...namesIn(kind, legacy)];
  if (isList(given)) return checked(kind, given);
  const of = `algorithms.${kind}`;
  checkOptions(given, { of, table: changesTable, prefix: `${of}.` });
  const removed = checked(kind, given.remove);
  return [...checked(kind, given.prepend), ...base, ...checked(kind, given.append)].filter(
    (name) => !removed.includes(name),
  );
}

function checked(kind: Kind, names: readonly string[] = []): readonly string[] {
  const known = Object.keys(available[kind]);
  for (const name of names) {
    if (known.includes(name)) continue;
    throw optionsError(
      `algorithms.${kind} names ${describeValue(name)}, which is not supported; there are ${known.join(', ')}`,
    );
  }
  return names;
}

/** Lists of names by what makes the choice, and by kind: the tables never change. */
const chosen = new Map<(row: Offered) => boolean, Map<Kind, readonly string[]>>();

function namesIn(kind: Kind, isMeant: (row: Offered) => boolean): readonly string[] {
  const known = chosen.get(isMeant) ?? new Map<Kind, readonly string[]>();
  chosen.set(isMeant, known);
  const names =
    known.get(kind) ??
    Object.entries<Offered>(available[kind]).flatMap(([name, row]) => (isMeant(row) ? [name] : []));
  known.set(kind, names);
  return names;
}

const isDefault = (row: Offered): boolean => row.byDefault;
const isCompatible = (row: Offered): boolean => row.byDefault || row.compatible;
const isLegacy = (row: Offered): boolean => row.legacy;
const isServed = (row: Offered): boolean => isCompatible(row) && row.costly !== true;

/** What is meant where nothing is said, and by the presets. Which of it is used is the client's choice. */
const meant = {
  client: { base: isDefault, compatible: isCompatible, legacy: isLegacy },
  server: { base: isServed, compatible: isServed, legacy: isLegacy },
} as const;

function isPreset(given: AlgorithmOptions | undefined): given is AlgorithmPreset {
  return given === 'compatible' || given === 'legacy';
}

function isList(given: AlgorithmList): given is readonly string[] {
  return Array.isArray(given);
}

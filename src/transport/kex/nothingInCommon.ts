/**
 * The error where two sides have no algorithm of a kind in common.
 *
 * Owns: what it says, and the advice where this side has one that it did not offer.
 * Must not know: how algorithms are chosen.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import {
  ciphers,
  compressions,
  kexMethods,
  macs,
  type Offered,
  signatureAlgorithms,
} from '../../crypto/algorithms.ts';
import { specialAlgorithms } from '../../crypto/specialAlgorithms.ts';

export type AlgorithmKind = 'kex' | 'hostKey' | 'cipher' | 'mac' | 'compression';

interface KindRow {
  /** For people. */
  readonly title: string;
  readonly table: Readonly<Record<string, Offered>>;
}

/** By the names of the option `algorithms`. */
const kinds: Readonly<Record<AlgorithmKind, KindRow>> = {
  kex: { title: 'key exchange', table: kexMethods },
  hostKey: { title: 'host key', table: { ...signatureAlgorithms, ...specialAlgorithms } },
  cipher: { title: 'cipher', table: ciphers },
  mac: { title: 'MAC', table: macs },
  compression: { title: 'compression', table: compressions },
};

/**
 * `ERR_SSH_NO_COMMON_ALGORITHM` with what each side offers.
 *
 * @param direction `client to server`, where it is chosen for each
 */
export function nothingInCommon(
  kind: AlgorithmKind,
  ours: readonly string[],
  theirs: readonly string[],
  direction?: string,
): SshError {
  const what = [kinds[kind].title, ...(direction === undefined ? [] : [direction])].join(' ');
  const { remark, hint } = advice(kind, ours, theirs);
  return new SshError(
    'ERR_SSH_NO_COMMON_ALGORITHM',
    `no common ${what} algorithm: this side offers ${list(ours)}; the peer offers ${list(theirs)}${remark}`,
    { phase: 'keyExchange', hint },
  );
}

interface Advice {
  readonly remark: string;
  readonly hint: string | undefined;
}

/** How to allow what the peer has, where this side has it too: the best of it. */
function advice(kind: AlgorithmKind, ours: readonly string[], theirs: readonly string[]): Advice {
  const held = Object.entries(kinds[kind].table).filter(
    ([name]) => theirs.includes(name) && !ours.includes(name),
  );
  const sound = held.filter(([, row]) => !row.legacy);
  const names = (sound.length > 0 ? sound : held).map(([name]) => name);
  if (names.length === 0) return { remark: '', hint: undefined };
  const preset = presetWith(held.map(([, row]) => row));
  const weak = sound.length > 0 ? '' : ', though broken or weak';
  return {
    remark: `. This side has ${names.join(', ')} as well${weak}, and offers it only when told to`,
    hint: `allow it with algorithms: { ${kind}: { append: ['${names[0]}'] } }${preset}`,
  };
}

function presetWith(rows: readonly Offered[]): string {
  if (rows.some((row) => row.compatible)) return ", or algorithms: 'compatible'";
  return rows.some((row) => row.legacy) ? ", or algorithms: 'legacy'" : '';
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'none' : escapeText(names.join(', '), 2048);
}

/**
 * What this client can do (`-Q`).
 *
 * Owns: the names of ssh(1) -Q, and the lists behind them.
 * Must not know: how anything is negotiated.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { ciphers, compressions, kexMethods, macs, signatureAlgorithms } from '../../crypto/algorithms.ts';
import { certificateSuffix, specialAlgorithms } from '../../crypto/specialAlgorithms.ts';

/** Signatures whose names are no names of keys. */
const signaturesOnly = ['rsa-sha2-256', 'rsa-sha2-512'];

const signatures = [...Object.keys(signatureAlgorithms), ...Object.keys(specialAlgorithms)];
const isCertificate = (name: string): boolean => name.endsWith(certificateSuffix);
const isKey = (name: string): boolean =>
  !signaturesOnly.some((only) => name === only || name === `${only}${certificateSuffix}`);
/** Keys that this program can make and use by itself. */
const plainKeys = signatures.filter((name) => isKey(name) && !isCertificate(name) && !name.startsWith('sk-'));
const certificates = signatures.filter((name) => isKey(name) && isCertificate(name));
const cipherNames = Object.keys(ciphers);

const lists: Readonly<Record<string, readonly string[]>> = {
  cipher: cipherNames,
  'cipher-auth': cipherNames.filter((name) => /gcm|poly1305/.test(name)),
  compression: ['none', 'zlib@openssh.com', 'zlib'].filter((name) => Object.hasOwn(compressions, name)),
  kex: Object.keys(kexMethods),
  key: [...plainKeys, ...certificates],
  'key-cert': certificates,
  'key-plain': plainKeys,
  'key-sig': signatures,
  mac: Object.keys(macs),
  'protocol-version': ['2'],
  sig: signatures.filter((name) => !isCertificate(name)),
};

/** Keywords of ssh_config stand for the lists that they are made of. */
const keywords: Readonly<Record<string, string>> = {
  casignaturealgorithms: 'sig',
  ciphers: 'cipher',
  hostbasedacceptedalgorithms: 'key-sig',
  hostkeyalgorithms: 'key-sig',
  kexalgorithms: 'kex',
  macs: 'mac',
  pubkeyacceptedalgorithms: 'key-sig',
};

/** A line for each name. @throws SshError `ERR_SSH_OPTIONS` for a list that does not exist */
export function queryText(what: string): string {
  if (what === 'help') return lines(Object.keys(lists));
  const name = keywords[what.toLowerCase()] ?? what;
  const list = Object.hasOwn(lists, name) ? lists[name] : undefined;
  if (list === undefined)
    throw optionsError(`-Q ${quotedText(what)}: there are ${Object.keys(lists).join(', ')}`);
  return lines(list);
}

function lines(names: readonly string[]): string {
  return names.map((name) => `${name}\n`).join('');
}

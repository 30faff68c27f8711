/**
 * What some servers do differently from the standards.
 *
 * Owns: the quirks, by the software version of the identification string. A quirk is
 * here only if without it a connection fails or is weaker than it could be. No quirk
 * weakens a connection to another server: the host key signs the identification too
 * (RFC 4253 §8).
 * Must not know: how a quirk is answered.
 * Sources: compat.c of OpenSSH, the lists of PuTTY and asyncssh, and servers met
 * in the laboratory (`npm run lab`); release notes of OpenSSH 6.2, 8.5, 8.9, 9.0 and 9.9.
 */
import type { AlgorithmPreferences } from './kex/negotiation.ts';

/** What a peer does, by what follows from it here. */
export interface Quirks {
  /** What it sends between its KEXINIT and its NEWKEYS of a rekey, against RFC 4253 §7.1. */
  readonly talksDuringRekey: 'nothing' | 'channels' | 'answers';
  /** Its UNIMPLEMENTED names the number behind that of the packet. */
  readonly unimplementedCountsAhead: boolean;
  /** Takes rsa-sha2 signatures, though its server-sig-algs does not list them. */
  readonly takesRsaSha2: boolean;
  /** Ends the connection at a second key exchange. */
  readonly knowsNoRekey: boolean;
  /** Answers channel requests after it has closed the channel. */
  readonly answersAfterClose: boolean;
  /** The largest group to ask for in a group exchange. */
  readonly mostGroupBits: number;
  /** Key exchange methods that fail with it, as prefixes of their names. */
  readonly brokenKex: readonly string[];
  /** Key exchange methods it has and that are not offered to everybody, the best it has. */
  readonly alsoKex: readonly string[];
  /** MACs; without one of them only ciphers that authenticate could be agreed on. */
  readonly alsoMac: readonly string[];
}

/** One row of the list. */
export interface QuirkRow {
  /** Of the software version. Every row that matches counts. */
  readonly pattern: RegExp;
  readonly quirks: Partial<Quirks>;
  /** What happens otherwise, for people. */
  readonly why: string;
  /** A software version that shows it. */
  readonly example: string;
}

const none: Quirks = {
  talksDuringRekey: 'nothing',
  unimplementedCountsAhead: false,
  takesRsaSha2: false,
  knowsNoRekey: false,
  answersAfterClose: false,
  mostGroupBits: Number.POSITIVE_INFINITY,
  brokenKex: [],
  alsoKex: [],
  alsoMac: [],
};

export const quirkRows: readonly QuirkRow[] = [
  {
    pattern: /^AsyncSSH_2\.(?:\d|1[0-4])\./,
    quirks: { talksDuringRekey: 'channels' },
    why: 'with the corrections against CVE-2023-46445 it forgot to hold data back during a rekey; 2.15 does again',
    example: 'AsyncSSH_2.10.1',
  },
  {
    pattern: /^paramiko_/,
    quirks: { talksDuringRekey: 'answers' },
    why: 'it answers global requests and refuses channels without a look at its own KEXINIT, so a ping at that moment would end the connection',
    example: 'paramiko_2.12.0',
  },
  {
    pattern: /^tinyssh_/,
    quirks: { unimplementedCountsAhead: true },
    why: 'it counts a packet as received before it answers, and knows no global requests, so a ping would never end',
    example: 'tinyssh_20230101-1',
  },
  {
    pattern: /^OpenSSH_7\.4/,
    quirks: { takesRsaSha2: true },
    why: 'its server-sig-algs leaves out rsa-sha2, so RSA keys would seem to be of no use (CentOS 7)',
    example: 'OpenSSH_7.4',
  },
  {
    pattern: /^OpenSSH_6\.(?:5|6(?!\.1))/,
    quirks: { brokenKex: ['curve25519-'] },
    why: 'it encodes one in 256 shared secrets of Curve25519 wrongly, and the key exchange fails',
    example: 'OpenSSH_6.6p1',
  },
  {
    pattern: /^Cisco-1\./,
    quirks: { brokenKex: ['diffie-hellman-group-exchange-'], mostGroupBits: 4096 },
    why: 'it ends the connection over groups of more than 4096 bits, or gives one that was not asked for',
    example: 'Cisco-1.25',
  },
  {
    pattern: /^(?:Sun_SSH_1\.0(?:\.1)?$|WeOnlyDo(?:-|$))/,
    quirks: { knowsNoRekey: true },
    why: 'the connection would end after an hour or a gigabyte',
    example: 'WeOnlyDo-wodFTPD',
  },
  {
    pattern: /^(?:OpenSSH_(?:[2-5]\.|6\.[0-6](?!\d))|dropbear_0\.(?:[2-4]\d|5[01])(?!\d))/,
    quirks: { answersAfterClose: true },
    why: 'an answer to a channel request that comes after CHANNEL_CLOSE would look like one for a channel that never was',
    example: 'OpenSSH_5.3',
  },
  {
    pattern: /^(?:OpenSSH_(?:8\.[5-9]|9\.[0-8])(?!\d)|tinyssh_)/,
    quirks: { alsoKex: ['sntrup761x25519-sha512', 'sntrup761x25519-sha512@openssh.com'] },
    why: 'it has sntrup761 and not yet ML-KEM, so nothing would protect against quantum computers',
    example: 'OpenSSH_9.2p1',
  },
  {
    pattern: /^(?:Twisted_|OpenSSH_(?:5\.|6\.[01](?!\d)))/,
    quirks: { alsoMac: ['hmac-sha2-256', 'hmac-sha2-512'] },
    why: 'it has no cipher that authenticates and no MAC that is computed over the ciphertext',
    example: 'Twisted_22.4.0',
  },
];

/** By which rows matched, as bits: connections to servers of a kind share one. */
const known = new Map<number, Quirks>([[0, none]]);

/** Everything the list says about a software version. */
export function quirksOf(softwareVersion: string | undefined): Quirks {
  if (softwareVersion === undefined) return none;
  const rows = quirkRows.filter(({ pattern }) => pattern.test(softwareVersion));
  const key = rows.reduce((bits, row) => bits | (1 << quirkRows.indexOf(row)), 0);
  let all = known.get(key);
  if (all === undefined) {
    all = Object.assign({}, none, ...rows.map(({ quirks }) => quirks)) as Quirks;
    known.set(key, all);
  }
  return all;
}

/** What to offer to a peer: what the user wants, without what fails with it, and with what only it needs. */
export function offerTo(quirks: Quirks, preferences: AlgorithmPreferences): AlgorithmPreferences {
  const { kex, mac, wider } = preferences;
  return {
    ...preferences,
    kex: withoutBroken(widened(kex, wider?.kex, quirks.alsoKex), quirks.brokenKex),
    mac: widened(mac, wider?.mac, quirks.alsoMac),
  };
}

/** With some names more where the wider list has them, in its order. */
function widened(
  names: readonly string[],
  wider: readonly string[] | undefined,
  also: readonly string[],
): readonly string[] {
  const more = also.filter((name) => !names.includes(name));
  if (wider === undefined || !more.some((name) => wider.includes(name))) return names;
  const ordered = wider.filter((name) => names.includes(name) || more.includes(name));
  return [...new Set([...ordered, ...names])];
}

/** The methods to offer to a peer: without those that fail with it, unless no other would be left. */
export function withoutBroken(kex: readonly string[], brokenKex: readonly string[]): readonly string[] {
  const working = kex.filter((name) => !brokenKex.some((prefix) => name.startsWith(prefix)));
  return working.length === 0 ? kex : working;
}

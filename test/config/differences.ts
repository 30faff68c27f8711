/**
 * Where the answer of a genuine ssh and that of this library may differ.
 *
 * Owns: the oddities of releases and distributions, each by its name; a difference
 * that none of them explains is one.
 * Must not know: which configurations are compared.
 */
import type { Answer, Judge } from './programs.ts';

/** An oddity of the program. */
interface Oddity {
  readonly name: string;
  readonly applies: (judge: Judge) => boolean;
  /** Whether it explains the difference in this keyword. */
  readonly explains: (keyword: string, theirs: Values, ours: Values) => boolean;
}

type Values = ReadonlyMap<string, readonly string[]>;

const gssapiOfDebian = [
  'gssapikeyexchange',
  'gssapitrustdns',
  'gssapirenewalforcesrekey',
  'gssapikexalgorithms',
  'gssapiclientidentity',
  'gssapiserveridentity',
];

export const oddities: readonly Oddity[] = [
  {
    name: 'Debian prints the keywords of its GSSAPI patch',
    applies: ({ isDebian }) => isDebian,
    explains: (keyword) => gssapiOfDebian.includes(keyword),
  },
  {
    name: 'Debian keeps connections in batch mode alive by itself: BatchMode yes means ServerAliveInterval 300',
    applies: ({ isDebian }) => isDebian,
    explains: (keyword, theirs, ours) =>
      keyword === 'serveraliveinterval' &&
      theirs.get('batchmode')?.[0] === 'yes' &&
      theirs.get(keyword)?.[0] === '300' &&
      ours.get(keyword)?.[0] === '0',
  },
  {
    name: 'Debian prints SILENT for the log level QUIET',
    applies: ({ isDebian }) => isDebian,
    explains: (keyword, theirs, ours) =>
      keyword === 'loglevel' && theirs.get(keyword)?.[0] === 'SILENT' && ours.get(keyword)?.[0] === 'QUIET',
  },
  {
    name: 'before 10.1 WarnWeakCrypto is not there',
    applies: ({ release }) => release < 1001,
    explains: (keyword) => keyword === 'warnweakcrypto',
  },
  {
    name: 'before 9.5 ObscureKeystrokeTiming is not there',
    applies: ({ release }) => release < 905,
    explains: (keyword) => keyword === 'obscurekeystroketiming',
  },
  {
    name: 'before 9.6 ChannelTimeout is not there',
    applies: ({ release }) => release < 906,
    explains: (keyword) => keyword === 'channeltimeout',
  },
  {
    name: 'before 10.3 RevokedHostKeys is one file, and is not printed where there is none',
    applies: ({ release }) => release < 1003,
    explains: (keyword, theirs, ours) =>
      keyword === 'revokedhostkeys' && !theirs.has(keyword) && ours.get(keyword)?.[0] === 'none',
  },
];

/** The keywords in which two answers differ, each with both values. */
export function differences(judge: Judge, theirs: Answer, ours: Answer): readonly string[] {
  if (theirs.keywords === undefined || ours.keywords === undefined) {
    if (theirs.keywords !== ours.keywords) {
      return [`one refuses: ssh says ${JSON.stringify(theirs.said)}, this says ${JSON.stringify(ours.said)}`];
    }
    return sameComplaints(theirs, ours) ? [] : [`they complain of other places: ${theirs.said} ${ours.said}`];
  }
  const [a, b] = [theirs.keywords, ours.keywords];
  const known = oddities.filter(({ applies }) => applies(judge));
  return [...new Set([...a.keys(), ...b.keys()])].flatMap((keyword) => {
    const [left, right] = [a.get(keyword), b.get(keyword)].map((values) => JSON.stringify(values ?? []));
    if (left === right || known.some(({ explains }) => explains(keyword, a, b))) return [];
    return [`${keyword}: ssh has ${left}, this has ${right}`];
  });
}

/** Some mistakes end ssh at once; this library tells of all that are in the file. */
function sameComplaints(theirs: Answer, ours: Answer): boolean {
  const places = theirs.complaints.filter((place) => !place.endsWith(':0'));
  // A LogLevel among the options may keep ssh from saying anything.
  if (places.length === 0) return true;
  const isAll = /terminating, \d+ bad/.test(theirs.said);
  if (!isAll) return places.every((place) => ours.complaints.includes(place));
  return places.join(' ') === ours.complaints.join(' ');
}

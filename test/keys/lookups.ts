/**
 * What known_hosts may say of a host on a port, and what comes of it.
 *
 * Owns: the rows.
 * Must not know: who is asked: the library, or ssh.
 */

/** Which line: for whom, and with which key. */
interface RowLine {
  readonly hosts: (host: string, port: number) => string;
  /** That of the host, or one of two others. */
  readonly key: 'own' | 0 | 1;
  readonly marker?: '@revoked' | '@cert-authority' | '@revoked @revoked';
}

/** A host and keys, as public lines. */
export interface LookupHost {
  readonly host: string;
  readonly port: number;
  readonly key: string;
  /** The first of another type than the host's, and the second of another than either. */
  readonly others: readonly string[];
}

/** The text of a line. */
export function lineOf(line: RowLine | string, { host, port, key, others }: LookupHost): string {
  if (typeof line === 'string') return line.replaceAll('HERE', `[${host}]:${port}`);
  const marker = line.marker === undefined ? '' : `${line.marker} `;
  return `${marker}${line.hosts(host, port)} ${line.key === 'own' ? key : others[line.key]}`;
}

const here = (host: string, port: number): string => `[${host}]:${port}`;
const bare = (host: string): string => host;
const all = (): string => '*';

/** Each row: what the file says, and what is known of the host's key. */
export const lookups: readonly {
  readonly what: string;
  readonly lines: readonly (RowLine | string)[];
  readonly result: 'trusted' | 'changed' | 'unknown' | 'revoked';
}[] = [
  { what: 'the key itself', lines: [{ hosts: here, key: 'own' }], result: 'trusted' },
  { what: 'another key of another type', lines: [{ hosts: here, key: 0 }], result: 'changed' },
  {
    what: 'another key and the key',
    lines: [
      { hosts: here, key: 0 },
      { hosts: here, key: 'own' },
    ],
    result: 'trusted',
  },
  { what: 'the key for the bare host', lines: [{ hosts: bare, key: 'own' }], result: 'trusted' },
  { what: 'another key for the bare host', lines: [{ hosts: bare, key: 1 }], result: 'unknown' },
  {
    what: 'another key, and the key for the bare host',
    lines: [
      { hosts: here, key: 1 },
      { hosts: bare, key: 'own' },
    ],
    result: 'changed',
  },
  {
    what: 'the key of another host, revoked',
    lines: [
      { hosts: () => 'elsewhere', key: 'own', marker: '@revoked' },
      { hosts: here, key: 'own' },
    ],
    result: 'trusted',
  },
  {
    what: 'the key, revoked by a pattern',
    lines: [
      { hosts: all, key: 'own', marker: '@revoked' },
      { hosts: here, key: 'own' },
    ],
    result: 'revoked',
  },
  {
    what: 'the key, revoked behind the line that trusts it',
    lines: [
      { hosts: here, key: 'own' },
      { hosts: all, key: 'own', marker: '@revoked' },
    ],
    result: 'revoked',
  },
  {
    what: 'the key, revoked, and another key',
    lines: [
      { hosts: all, key: 'own', marker: '@revoked' },
      { hosts: here, key: 1 },
    ],
    result: 'revoked',
  },
  {
    what: 'the key, revoked and nothing else',
    lines: [{ hosts: all, key: 'own', marker: '@revoked' }],
    result: 'revoked',
  },
  {
    what: 'the key, revoked for the bare host and nothing else',
    lines: [{ hosts: bare, key: 'own', marker: '@revoked' }],
    result: 'revoked',
  },
  {
    what: 'another key, revoked',
    lines: [
      { hosts: all, key: 1, marker: '@revoked' },
      { hosts: here, key: 'own' },
    ],
    result: 'trusted',
  },
  {
    what: 'another key, and the key as an authority',
    lines: [
      { hosts: all, key: 'own', marker: '@cert-authority' },
      { hosts: here, key: 1 },
    ],
    result: 'changed',
  },
  {
    what: 'a negated pattern',
    lines: [{ hosts: (host, port) => `${here(host, port)},!*:${port}`, key: 'own' }],
    result: 'unknown',
  },
  {
    what: 'a pattern for the bare host',
    lines: [{ hosts: (host) => `*${host.slice(3)}`, key: 'own' }],
    result: 'trusted',
  },
  {
    what: 'a pattern for the port',
    lines: [{ hosts: (_, port) => `*:${port}`, key: 'own' }],
    result: 'trusted',
  },
  {
    what: 'a question mark',
    lines: [{ hosts: (host, port) => here(`${host.slice(0, -1)}?`, port), key: 'own' }],
    result: 'trusted',
  },
  {
    what: 'a list of hosts',
    lines: [{ hosts: (host, port) => `${here(host, port)},FOO`, key: 'own' }],
    result: 'trusted',
  },
  {
    what: 'two markers in a line, which is malformed',
    lines: [
      { hosts: all, key: 'own', marker: '@revoked @revoked' },
      { hosts: here, key: 'own' },
    ],
    result: 'trusted',
  },
  { what: 'a line that is malformed', lines: ['HERE ssh-foo AAAAB3NzaC1yc2E='], result: 'unknown' },
  {
    what: 'a comment',
    lines: [{ hosts: (host, port) => `#${here(host, port)}`, key: 'own' }],
    result: 'unknown',
  },
  { what: 'nothing', lines: [], result: 'unknown' },
];

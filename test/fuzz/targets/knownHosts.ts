/**
 * known_hosts, and what it says of a host.
 *
 * Owns: that every line is read or reported, that a lookup ends, that a line
 * written for a host is found for it.
 * Must not know: engines.
 */
import { hostSpelling } from '../../../src/keys/knownHosts/hostPattern.ts';
import { formatKnownHostsLine, KnownHosts } from '../../../src/keys/knownHosts/knownHosts.ts';
import { corpusOf, keyFiles } from '../corpus.ts';
import { attempt, type FuzzTarget, fine, law, type Verdict } from '../target.ts';

const ports = [22, 2222] as const;

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const hosts = KnownHosts.parse(data);
  const names = ['host.example', '10.0.0.1', ...hosts.entries.slice(0, 4).map(({ hosts: field }) => field)];
  for (const entry of hosts.entries.slice(0, 4)) {
    for (const host of names) {
      for (const port of ports) {
        hosts.certAuthorities(host, port);
        hosts.revocation(host, port, entry.blob);
        const known = hosts.lookup(host, port, entry.blob);
        if (known.result === 'trusted') {
          law(Buffer.compare(known.entry.blob, entry.blob) === 0, 'trusted by the line of another key');
          law(known.entry.marker === undefined, 'trusted by a line with a marker');
        }
      }
    }
  }
  let verdict = fine;
  for (const { hosts: host, blob } of hosts.entries.slice(0, 4)) {
    for (const salt of [undefined, new Uint8Array(20).fill(7)]) {
      const line = attempt(() => formatKnownHostsLine(host, 2222, blob, { salt }));
      if ('verdict' in line) {
        verdict = line.verdict;
        continue;
      }
      const written = KnownHosts.parse(line.value);
      law(written.lookup(host, 2222, blob).result === 'trusted', 'a lost line');
      for (const other of names) {
        const isSame = hostSpelling(other, 2222) === hostSpelling(host, 2222);
        law(isSame || written.lookup(other, 2222, blob).result === 'unknown', 'a line for two hosts');
      }
    }
  }
  return verdict;
}

export const knownHosts: FuzzTarget = {
  name: 'knownHosts',
  shape: 'text',
  examine,
  seeds: () => [...keyFiles(/^known_hosts\//), ...corpusOf('knownHosts')],
  dictionary: [
    '@revoked',
    '@cert-authority',
    '|1|',
    '[host.example]:2222',
    'host.example',
    '!host.example',
    '*.example',
    '*',
    '?',
    '10.0.0.1',
    'ssh-ed25519',
    'ssh-rsa',
    'ecdsa-sha2-nistp256',
    '#',
  ],
  stepBudget: 200_000_000,
};

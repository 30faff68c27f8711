/**
 * What -v says about the algorithms of a connection.
 *
 * Owns: the warnings, for people.
 * Must not know: how anything was negotiated.
 */
import type { NegotiatedSummary } from '../../client/negotiated.ts';
import { ciphers, kexMethods, macs, type Offered, signatureAlgorithms } from '../../crypto/algorithms.ts';

/** A line for each thing to know: no safety against quantum computers, as OpenSSH 10.1 warns, and what is legacy. */
export function warningsAbout(negotiated: NegotiatedSummary): readonly string[] {
  const { kex, postQuantum } = negotiated;
  const warnings = legacyIn(negotiated).map(
    (name) => `warning: ${name} is broken or too weak for new servers; the server may need an upgrade`,
  );
  if (!postQuantum) {
    warnings.push(
      `warning: the key exchange ${kex} is not safe against quantum computers: anybody who records this connection may be able to read it one day; the server may need an upgrade`,
    );
  }
  return warnings;
}

function legacyIn({ kex, hostKey, cipher, mac }: NegotiatedSummary): string[] {
  const tables: Readonly<Record<string, Offered>> = {
    ...kexMethods,
    ...signatureAlgorithms,
    ...ciphers,
    ...macs,
  };
  const names = [kex, hostKey, ...Object.values(cipher), ...Object.values(mac)];
  return [...new Set(names)].filter(
    (name): name is string => name !== undefined && tables[name]?.legacy === true,
  );
}

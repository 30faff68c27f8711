/**
 * What the last key exchange agreed on, for users.
 *
 * Owns: the summary and what goes into it.
 * Must not know: how keys are exchanged.
 */
import { SshError } from '../base/errors.ts';
import { kexMethods } from '../crypto/algorithms.ts';
import type { Transport } from '../transport/transport.ts';

/** What the last key exchange agreed on. */
export interface NegotiatedSummary {
  readonly kex: string;
  readonly hostKey: string;
  readonly cipher: { readonly clientToServer: string; readonly serverToClient: string };
  /** Undefined where the cipher authenticates by itself. */
  readonly mac: { readonly clientToServer: string | undefined; readonly serverToClient: string | undefined };
  readonly compression: { readonly clientToServer: string; readonly serverToClient: string };
  /** Strict key exchange, which defeats the Terrapin attack (CVE-2023-48795). */
  readonly strict: boolean;
  /** The key exchange withstands an adversary with a quantum computer. */
  readonly postQuantum: boolean;
  /** The server's identification string, escaped. */
  readonly remoteIdentification: string;
  /** The host key blob that was accepted. */
  readonly serverHostKey: Uint8Array;
}

export function negotiatedSummary({ keyExchange, remote }: Transport): NegotiatedSummary {
  const { negotiated, strict, hostKey } = keyExchange;
  if (negotiated === undefined || hostKey === undefined) {
    throw new SshError('ERR_SSH_INTERNAL', 'a client before its first key exchange', { origin: 'local' });
  }
  const { kex, clientToServer, serverToClient } = negotiated;
  return {
    kex,
    hostKey: negotiated.hostKey,
    cipher: { clientToServer: clientToServer.cipher, serverToClient: serverToClient.cipher },
    mac: { clientToServer: clientToServer.mac, serverToClient: serverToClient.mac },
    compression: { clientToServer: clientToServer.compression, serverToClient: serverToClient.compression },
    strict,
    postQuantum: isKex(kex) && kexMethods[kex].postQuantum,
    remoteIdentification: remote?.text ?? '',
    serverHostKey: hostKey,
  };
}

function isKex(name: string): name is keyof typeof kexMethods {
  return Object.hasOwn(kexMethods, name);
}

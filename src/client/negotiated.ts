/**
 * What a key exchange agreed on, as a user sees it.
 *
 * Owns: the choice of what is shown.
 * Must not know: how it was agreed on.
 */
import { SshError } from '../base/errors.ts';
import { kexMethods } from '../crypto/algorithms.ts';
import type { Transport } from '../transport/transport.ts';

/** What holds for each direction of a connection. */
export interface ByDirection<Choice> {
  /** For what the client sends. */
  readonly clientToServer: Choice;
  /** For what the server sends. */
  readonly serverToClient: Choice;
}

/** What the last key exchange agreed on. */
export interface NegotiatedSummary {
  /** Method of the key exchange, such as `curve25519-sha256`. */
  readonly kex: string;
  /** Algorithm of the server's signature, such as `ssh-ed25519`. */
  readonly hostKey: string;
  /** Such as `aes128-gcm@openssh.com`. */
  readonly cipher: ByDirection<string>;
  /** Undefined where the cipher authenticates by itself. */
  readonly mac: ByDirection<string | undefined>;
  /** `none`, or `zlib@openssh.com`. */
  readonly compression: ByDirection<string>;
  /** Strict key exchange, which defeats the Terrapin attack (CVE-2023-48795). */
  readonly strict: boolean;
  /** The key exchange withstands an adversary with a quantum computer. */
  readonly postQuantum: boolean;
  /** The server's identification string, escaped. */
  readonly remoteIdentification: string;
  /** The host key blob that was accepted. */
  readonly serverHostKey: Uint8Array;
}

/** @throws SshError `ERR_SSH_INTERNAL` before the first key exchange: a client is given out after it */
export function negotiatedBy({ keyExchange, remote }: Transport): NegotiatedSummary {
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

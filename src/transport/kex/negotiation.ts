/**
 * Algorithm negotiation.
 *
 * Owns: RFC 4253 §7.1 (the choice from two KEXINITs and the guess), the marker
 * names of RFC 8308 §2.1 and of strict key exchange (OpenSSH PROTOCOL §1.9).
 * Must not know: how anything negotiated works.
 */
import {
  ciphers,
  compressions,
  kexMethods,
  macs,
  type Offered,
  signatureAlgorithms,
} from '../../crypto/algorithms.ts';
import type { KexInit } from '../../message/transport.ts';
import type { Role } from '../identification.ts';
import { type AlgorithmKind, nothingInCommon } from './nothingInCommon.ts';

/** Names to offer, the best first. */
export interface AlgorithmPreferences {
  /** Key exchange methods. */
  readonly kex: readonly string[];
  /** Signature algorithms of host keys. */
  readonly hostKey: readonly string[];
  /** Ciphers, the same for both directions. */
  readonly cipher: readonly string[];
  /** MACs, the same for both directions. */
  readonly mac: readonly string[];
  /** Compressions, the same for both directions. */
  readonly compression: readonly string[];
  /**
   * Of these kinds the same names and, in their places, others that are offered
   * where something speaks for one: the peer's identification (`quirks.ts`), a
   * host that is known by a key of that type, a host key of one's own. Nothing
   * does where a list is absent, as where the user gave it name by name: who
   * replaces a list takes away its wider one.
   */
  readonly wider?: WiderPreferences;
}

export type WiderPreferences = Partial<Pick<AlgorithmPreferences, 'kex' | 'hostKey' | 'mac'>>;

const byDefault = (row: Offered): boolean => row.byDefault;
const compatible = (row: Offered): boolean => row.byDefault || row.compatible;

/** What is offered unless the user says otherwise. */
export const defaultPreferences: AlgorithmPreferences = {
  kex: namesWhere(kexMethods, byDefault),
  hostKey: namesWhere(signatureAlgorithms, byDefault),
  cipher: namesWhere(ciphers, byDefault),
  mac: namesWhere(macs, byDefault),
  compression: namesWhere(compressions, byDefault),
  wider: {
    kex: namesWhere(kexMethods, compatible),
    hostKey: namesWhere(signatureAlgorithms, compatible),
    mac: namesWhere(macs, compatible),
  },
};

export interface NegotiatedDirection {
  readonly cipher: string;
  /** Undefined where the cipher authenticates by itself. */
  readonly mac: string | undefined;
  readonly compression: string;
}

/** What one key exchange agreed on. */
export interface NegotiatedAlgorithms {
  /** Method of the key exchange. */
  readonly kex: string;
  /** Signature algorithm of the host key. */
  readonly hostKey: string;
  /** What protects what the client sends. */
  readonly clientToServer: NegotiatedDirection;
  /** What protects what the server sends. */
  readonly serverToClient: NegotiatedDirection;
}

/** Names in the kex list that signal a capability and can never be chosen. */
export const kexMarkers = {
  extInfoClient: 'ext-info-c',
  extInfoServer: 'ext-info-s',
  strictClient: 'kex-strict-c-v00@openssh.com',
  strictServer: 'kex-strict-s-v00@openssh.com',
} as const;

const allMarkers: ReadonlySet<string> = new Set(Object.values(kexMarkers));

/** The KEXINIT of this side, its cookie aside. Markers go with the first one only. */
export function buildKexInit(
  role: Role,
  preferences: AlgorithmPreferences,
  cookie: Uint8Array,
  cause: 'initial' | 'rekey',
): KexInit {
  const markers =
    role === 'client'
      ? [kexMarkers.extInfoClient, kexMarkers.strictClient]
      : [kexMarkers.extInfoServer, kexMarkers.strictServer];
  return {
    cookie,
    kexAlgorithms: cause === 'initial' ? [...preferences.kex, ...markers] : preferences.kex,
    serverHostKeyAlgorithms: preferences.hostKey,
    encryptionAlgorithmsClientToServer: preferences.cipher,
    encryptionAlgorithmsServerToClient: preferences.cipher,
    macAlgorithmsClientToServer: preferences.mac,
    macAlgorithmsServerToClient: preferences.mac,
    compressionAlgorithmsClientToServer: preferences.compression,
    compressionAlgorithmsServerToClient: preferences.compression,
    languagesClientToServer: [],
    languagesServerToClient: [],
    firstKexPacketFollows: false,
    reserved: 0,
  };
}

/** Whether both sides asked for strict key exchange; asked of the first pair of KEXINITs only. */
export function bothStrict(client: KexInit, server: KexInit): boolean {
  return (
    client.kexAlgorithms.includes(kexMarkers.strictClient) &&
    server.kexAlgorithms.includes(kexMarkers.strictServer)
  );
}

/**
 * The algorithms two KEXINITs agree on: of each kind the first of the client's
 * that the server has. Host keys of every type supported here can sign for
 * every key exchange, so no choice of one restricts the other (RFC 4253 §7.1).
 *
 * @throws SshError `ERR_SSH_NO_COMMON_ALGORITHM` with what each side offered
 */
export function negotiate(client: KexInit, server: KexInit, role: Role): NegotiatedAlgorithms {
  const kex = choose('kex', withoutMarkers(client.kexAlgorithms), withoutMarkers(server.kexAlgorithms), role);
  const hostKey = choose('hostKey', client.serverHostKeyAlgorithms, server.serverHostKeyAlgorithms, role);
  return {
    kex,
    hostKey,
    clientToServer: chooseDirection('client to server', toServer(client), toServer(server), role),
    serverToClient: chooseDirection('server to client', toClient(client), toClient(server), role),
  };
}

/** Whether the packet a peer sent on a guess is of the method that was chosen (RFC 4253 §7). */
export function guessedRight(client: KexInit, server: KexInit): boolean {
  return (
    withoutMarkers(client.kexAlgorithms)[0] === withoutMarkers(server.kexAlgorithms)[0] &&
    client.serverHostKeyAlgorithms[0] === server.serverHostKeyAlgorithms[0]
  );
}

/** What one side offers for one direction. */
type DirectionOffer = Pick<AlgorithmPreferences, 'cipher' | 'mac' | 'compression'>;

function toServer(offer: KexInit): DirectionOffer {
  return {
    cipher: offer.encryptionAlgorithmsClientToServer,
    mac: offer.macAlgorithmsClientToServer,
    compression: offer.compressionAlgorithmsClientToServer,
  };
}

function toClient(offer: KexInit): DirectionOffer {
  return {
    cipher: offer.encryptionAlgorithmsServerToClient,
    mac: offer.macAlgorithmsServerToClient,
    compression: offer.compressionAlgorithmsServerToClient,
  };
}

function chooseDirection(
  direction: string,
  client: DirectionOffer,
  server: DirectionOffer,
  role: Role,
): NegotiatedDirection {
  const cipher = choose('cipher', client.cipher, server.cipher, role, direction);
  const authenticated = isCipher(cipher) && ciphers[cipher].authenticated;
  return {
    cipher,
    mac: authenticated ? undefined : choose('mac', client.mac, server.mac, role, direction),
    compression: choose('compression', client.compression, server.compression, role, direction),
  };
}

function choose(
  kind: AlgorithmKind,
  client: readonly string[],
  server: readonly string[],
  role: Role,
  direction?: string,
): string {
  const chosen = client.find((name) => server.includes(name));
  if (chosen !== undefined) return chosen;
  const [ours, theirs] = role === 'client' ? [client, server] : [server, client];
  throw nothingInCommon(kind, ours, theirs, direction);
}

function withoutMarkers(names: readonly string[]): readonly string[] {
  return names.filter((name) => !allMarkers.has(name));
}

function isCipher(name: string): name is keyof typeof ciphers {
  return Object.hasOwn(ciphers, name);
}

function namesWhere(
  table: Readonly<Record<string, Offered>>,
  isOffered: (row: Offered) => boolean,
): readonly string[] {
  return Object.entries(table).flatMap(([name, row]) => (isOffered(row) ? [name] : []));
}

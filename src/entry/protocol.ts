/**
 * `deadline-ssh/protocol`: the synchronous core, for fuzzers, simulations and other transports.
 *
 * Owns: which names are public. Everything here is synchronous, reads no clock
 * and no randomness but what it is given, and runs on any ECMAScript host.
 * Must not know: sockets, promises, platforms.
 */

export { errorCodes, SshError, type SshErrorCode, type SshErrorPhase } from '../base/errors.ts';
export { defaultLimits, type Limits, resolveLimits } from '../base/limits.ts';
export {
  defaultKeepAlive,
  defaultTimeouts,
  type KeepAlive,
  resolveTimeouts,
  type Timeouts,
} from '../base/timeouts.ts';
export { type Wait, type WaitName, WaitTable } from '../base/waits.ts';
export { Channel, type ChannelRequest, type ChannelState } from '../connection/channel.ts';
export type { Connection } from '../connection/connection.ts';
export type { ConnectionEvent } from '../connection/events.ts';
export type { GlobalRequest } from '../connection/globalRequests.ts';
export {
  type CipherName,
  ciphers,
  type KexName,
  kexMethods,
  type MacName,
  macs,
  type SignatureAlgorithmName,
  signatureAlgorithms,
} from '../crypto/algorithms.ts';
export type { PrivateKey } from '../crypto/keys/privateKey.ts';
export { encodePublicKey, encodeSignature, type PublicKey } from '../crypto/keys/publicKey.ts';
export { createNobleProvider, type NobleProviderOptions } from '../crypto/noble/provider.ts';
export { loadAlgorithms, loadAll } from '../crypto/provider/load.ts';
export type {
  CryptoProvider,
  DirectionKeys,
  OpeningCipher,
  PacketCipherShape,
  SealingCipher,
} from '../crypto/provider/provider.ts';
export type { RandomBytes } from '../crypto/provider/random.ts';
export { NoneOpeningCipher, NoneSealingCipher } from '../packet/noneCipher.ts';
export { PacketOpener } from '../packet/opener.ts';
export { PacketSealer } from '../packet/sealer.ts';
export {
  type ClientEvent,
  ClientProtocol,
  type ClientProtocolOptions,
  clientSettings,
  type ReadyEvent,
} from '../protocol/client.ts';
export type { CoreEvent, EndedEvent, ProtocolCore } from '../protocol/core.ts';
export { createEagerProvider as createEagerNobleProvider } from '../protocol/eagerProvider.ts';
export type { CoreOptions, CoreSettings, OwnOptions, SharedOptions } from '../protocol/options.ts';
export type { ChosenGroup, KeyExchangeCause, TransportEvent } from '../transport/events.ts';
export type { PeerExtensions } from '../transport/extInfo.ts';
export { type Identification, identificationLine, type Role } from '../transport/identification.ts';
export {
  type AlgorithmPreferences,
  defaultPreferences,
  type NegotiatedAlgorithms,
} from '../transport/kex/negotiation.ts';
export { defaultRekeyPolicy, type RekeyPolicy, type Transport } from '../transport/transport.ts';
export type { UserauthAttempt, UserauthQuestion } from '../userauth/client.ts';
export { ByteQueue } from '../wire/byteQueue.ts';

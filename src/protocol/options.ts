/**
 * What a protocol object is made from.
 *
 * Owns: the options that both roles have, and the object that connections with the
 * same ones can share.
 * Must not know: what any of them does, who makes many connections.
 */
import type { Limits } from '../base/limits.ts';
import type { KeepAlive, Timeouts } from '../base/timeouts.ts';
import type { WaitTable } from '../base/waits.ts';
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import type { HostKeys } from '../transport/kex/keyExchangeOptions.ts';
import type { AlgorithmPreferences } from '../transport/kex/negotiation.ts';
import type { RekeyPolicy } from '../transport/kex/rekeyPolicy.ts';
import type { TransportOptions } from '../transport/transport.ts';

/** What connections of one kind have in common. */
export interface SharedOptions {
  /** Does the arithmetic. */
  readonly provider: CryptoProvider;
  /** The algorithms that are offered, best first. */
  readonly preferences: AlgorithmPreferences;
  /** What the peer may make this side hold or do. */
  readonly limits: Limits;
  /** The deadline of each wait, in milliseconds. */
  readonly timeouts: Timeouts;
  /** Undefined for none. */
  readonly keepAlive: KeepAlive | undefined;
  /** When new keys are agreed on. */
  readonly rekey: RekeyPolicy;
  /** Identification string of this side, without CR LF. */
  readonly identification: Uint8Array;
  /** Ends the connection to a peer without the strict rules of key exchange. */
  readonly requireStrict: boolean;
}

/** What is one connection's own. */
export interface OwnOptions {
  /** Where the waits are kept; given, so that those outside the protocol (name lookup, writing) share it. */
  readonly waits: WaitTable;
  /** The present time, in milliseconds of the caller's clock. */
  readonly now: number;
  /** Milliseconds for the first byte, ahead of the identification, where a program has to find the way to the peer. */
  readonly firstByte?: number | undefined;
}

/** What both roles are made from. */
export interface CoreOptions extends SharedOptions, OwnOptions {}

/** What the roles add. */
export interface RoleOptions {
  readonly hostKeys: HostKeys;
  readonly extensions: Readonly<Record<string, string>>;
}

/** All of it that is not one connection's own. */
export interface CoreSettings extends TransportOptions {
  /** The deadline of each wait, in milliseconds. */
  readonly timeouts: Timeouts;
  /** Undefined for none. */
  readonly keepAlive: KeepAlive | undefined;
}

/** The settings of one role. */
export function settingsOf(
  role: CoreSettings['role'],
  options: SharedOptions,
  { hostKeys, extensions }: RoleOptions,
): CoreSettings {
  const { provider, preferences, limits, timeouts, keepAlive, rekey, identification, requireStrict } =
    options;
  return {
    role,
    provider,
    preferences,
    limits,
    timeouts,
    keepAlive,
    rekey,
    identification,
    hostKeys,
    extensions,
    requireStrict,
  };
}

/**
 * What a protocol object is made from.
 *
 * Owns: the options that both roles have, and that connections with the same ones
 * share one object of them.
 * Must not know: what any of them does.
 */
import type { Limits } from '../base/limits.ts';
import type { KeepAlive, Timeouts } from '../base/timeouts.ts';
import type { WaitTable } from '../base/waits.ts';
import type { CryptoProvider } from '../crypto/provider/provider.ts';
import type { HostKeys } from '../transport/keyExchangeOptions.ts';
import type { AlgorithmPreferences } from '../transport/negotiation.ts';
import type { TransportOptions } from '../transport/options.ts';
import type { RekeyPolicy } from '../transport/rekeyPolicy.ts';

/** What both roles are made from. */
export interface CoreOptions {
  readonly provider: CryptoProvider;
  readonly preferences: AlgorithmPreferences;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  /** Undefined for none. */
  readonly keepAlive: KeepAlive | undefined;
  readonly rekey: RekeyPolicy;
  /** Identification string of this side, without CR LF. */
  readonly identification: Uint8Array;
  readonly requireStrict: boolean;
  /** Where the waits are kept; given, so that those outside the protocol (name lookup, writing) share it. */
  readonly waits: WaitTable;
  readonly now: number;
}

/** What the roles add. */
export interface RoleOptions {
  readonly hostKeys: HostKeys;
  readonly extensions: Readonly<Record<string, string>>;
}

/** All of it that is not one connection's own. */
export interface CoreSettings extends TransportOptions {
  readonly timeouts: Timeouts;
  readonly keepAlive: KeepAlive | undefined;
}

/** The last ones that were made, while a connection has them: they may hold the keys of a server. */
let last: WeakRef<CoreSettings> | undefined;

/** The settings in an object that connections of one kind share: a program that has thousands made them all alike. */
export function settingsOf(
  role: CoreSettings['role'],
  options: CoreOptions,
  { hostKeys, extensions }: RoleOptions,
): CoreSettings {
  const { provider, preferences, limits, timeouts, keepAlive, rekey, identification, requireStrict } =
    options;
  const settings: CoreSettings = {
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
  const known = last?.deref();
  if (known !== undefined && isSame(known, settings)) return known;
  last = new WeakRef(settings);
  return settings;
}

function isSame(one: CoreSettings, other: CoreSettings): boolean {
  for (const name of Object.keys(one) as (keyof CoreSettings)[]) {
    if (one[name] !== other[name]) return false;
  }
  return true;
}

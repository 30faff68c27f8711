/**
 * How long each kind of wait may last.
 *
 * Owns: the timeouts, their defaults, the check of those a user gives.
 * Must not know: who waits.
 */
import {
  anyObject,
  checkArgument,
  checkOptions,
  eitherOf,
  flag,
  milliseconds,
  type OptionTable,
  wholeNumber,
} from './optionChecks.ts';

/** Milliseconds; `Infinity` where the user says so outright. */
export interface Timeouts {
  /** Name lookup and TCP. */
  readonly connect: number;
  /** A proxy command from its start to its first byte. */
  readonly proxyCommand: number;
  /** TCP up to the peer's identification string; with a proxy command, from its first byte. */
  readonly identification: number;
  /** Our SSH_MSG_KEXINIT to their SSH_MSG_NEWKEYS, at the start and at each rekey. */
  readonly keyExchange: number;
  /** Each authentication request to its reply. */
  readonly authentication: number;
  /** SSH_MSG_CHANNEL_OPEN to its reply. */
  readonly channelOpen: number;
  /** Any request that wants a reply. */
  readonly request: number;
  /** The transport takes none of the bytes that wait for it. */
  readonly write: number;
  /** SSH_MSG_CHANNEL_CLOSE or SSH_MSG_DISCONNECT to the end. */
  readonly close: number;
  /** Each request to an authentication agent, which may ask its user. */
  readonly agent: number;
  /** A file of the user's, such as known_hosts, that another program has locked. */
  readonly lock: number;
  /** A program of the user's that tells known hosts. */
  readonly knownHostsCommand: number;
}

/** The deadline of each wait where none is given. */
export const defaultTimeouts: Timeouts = {
  connect: 10_000,
  proxyCommand: 10_000,
  identification: 10_000,
  keyExchange: 15_000,
  authentication: 15_000,
  channelOpen: 15_000,
  request: 15_000,
  write: 30_000,
  close: 5_000,
  agent: 30_000,
  lock: 2_000,
  knownHostsCommand: 10_000,
};

/** The whole dial, from the call of `connect` to the end of authentication. */
export const defaultDialTimeout = 30_000;

/** When quiet for `interval` a probe is sent; the connection ends once `maxMissed` in a row stay unanswered for an interval each. */
export interface KeepAlive {
  /** Milliseconds. */
  readonly interval: number;
  /** Requests without an answer, one after the other, after which the connection ends. */
  readonly maxMissed: number;
}

/** A request after 15 seconds of silence, the end after three without an answer. */
export const defaultKeepAlive: KeepAlive = { interval: 15_000, maxMissed: 3 };

const timeoutTable: OptionTable<Timeouts> = {
  connect: milliseconds,
  proxyCommand: milliseconds,
  identification: milliseconds,
  keyExchange: milliseconds,
  authentication: milliseconds,
  channelOpen: milliseconds,
  request: milliseconds,
  write: milliseconds,
  close: milliseconds,
  agent: milliseconds,
  lock: milliseconds,
  knownHostsCommand: milliseconds,
};

const keepAliveTable: OptionTable<KeepAlive> = {
  interval: milliseconds,
  maxMissed: wholeNumber(1, Number.POSITIVE_INFINITY),
};

const keepAliveRule = eitherOf('true, false or an object with interval and maxMissed', flag, anyObject);

/**
 * The default timeouts with a user's changes.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for an unknown name or a value that is no positive number
 */
export function resolveTimeouts(
  given: { readonly [K in keyof Timeouts]?: number | undefined } = {},
): Timeouts {
  checkOptions(given, { of: 'timeouts', table: timeoutTable, prefix: 'timeouts.' });
  const changes = Object.entries(given).filter(([, value]) => value !== undefined);
  // Connections with nothing of their own share the defaults.
  return changes.length === 0 ? defaultTimeouts : { ...defaultTimeouts, ...Object.fromEntries(changes) };
}

/**
 * `value`, if it can bound a wait.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for what is not a positive number; 0 and NaN never mean "for ever"
 */
export function checkedTimeout(name: string, value: unknown): number {
  checkArgument(name, value, milliseconds);
  return value as number;
}

/**
 * The keep-alive in force; undefined for none.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for values that are no positive numbers
 */
export function resolveKeepAlive(
  given:
    | { readonly interval?: number | undefined; readonly maxMissed?: number | undefined }
    | boolean
    | undefined,
): KeepAlive | undefined {
  if (given === false) return undefined;
  if (given === undefined || given === true) return defaultKeepAlive;
  checkArgument('keepAlive', given, keepAliveRule);
  checkOptions(given, { of: 'keepAlive', table: keepAliveTable, prefix: 'keepAlive.' });
  const { interval, maxMissed } = defaultKeepAlive;
  return { interval: given.interval ?? interval, maxMissed: given.maxMissed ?? maxMissed };
}

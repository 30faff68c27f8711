/**
 * Every limit on what a peer can make this side hold or do.
 *
 * Owns: the limits, their defaults, the check of those a user gives.
 * Must not know: who enforces them.
 */
import { checkOptions, type OptionRule, optionsError, wholeNumber } from './optionChecks.ts';

/** All limits; lengths in bytes unless the name says otherwise. */
export interface Limits {
  /** Largest packet taken from the wire, its length field and MAC not counted (RFC 4253 §6.1 asks for 35,000). */
  readonly packetLength: number;
  /** Largest payload this side puts in one packet (RFC 4253 §6.1). */
  readonly sentPayloadLength: number;
  /** One line of the identification, CR LF included (RFC 4253 §4.2). */
  readonly identificationLine: number;
  /** Lines a server may send before its identification. */
  readonly identificationLines: number;
  /** Bytes a server may send before its identification. */
  readonly identificationBytes: number;
  /** Names in one name-list, and bytes of one name (RFC 4251 §6: 64). */
  readonly nameListEntries: number;
  readonly nameLength: number;
  /** Bytes of all authentication banners together. */
  readonly bannerBytes: number;
  /** Requests of the authentication protocol, INFO_REQUEST rounds included. */
  readonly authenticationRounds: number;
  /** Channels open at once. */
  readonly channels: number;
  /** Bytes a channel's peer may send ahead of the consumer. */
  readonly windowSize: number;
  /** What that grows to on a path that is long and fast, while the consumer keeps up. */
  readonly maximumWindowSize: number;
  /** Largest data field offered to the peer for one CHANNEL_DATA (RFC 4254 §5.1). */
  readonly maximumPacketSize: number;
  /** Bytes this side holds for a peer that does not read. */
  readonly outputQueue: number;
  /** Largest payload after decompression. */
  readonly inflatedPayload: number;
  /** Rounds of bcrypt_pbkdf an encrypted key file may ask for. */
  readonly bcryptRounds: number;
  /** Bits of an RSA modulus. */
  readonly rsaMinimumBits: number;
  readonly rsaMaximumBits: number;
  /** Messages without effect (IGNORE, DEBUG, UNIMPLEMENTED, unknown, global requests, rejected opens) between messages that have one. */
  readonly idleMessages: number;
  /** Key exchanges a peer may start without a byte of channel data, in either direction, between them. */
  readonly idleKeyExchanges: number;
}

/** The limits in force when nothing is said. */
export const defaultLimits: Limits = {
  packetLength: 256 * 1024,
  sentPayloadLength: 32 * 1024,
  identificationLine: 255,
  identificationLines: 1024,
  identificationBytes: 64 * 1024,
  nameListEntries: 512,
  nameLength: 64,
  bannerBytes: 64 * 1024,
  authenticationRounds: 64,
  channels: 1024,
  windowSize: 2 * 1024 * 1024,
  maximumWindowSize: 16 * 1024 * 1024,
  maximumPacketSize: 32 * 1024,
  outputQueue: 4 * 1024 * 1024,
  inflatedPayload: 256 * 1024,
  bcryptRounds: 1024,
  rsaMinimumBits: 2048,
  rsaMaximumBits: 16384,
  idleMessages: 10_000,
  idleKeyExchanges: 16,
};

/** Bounds beyond which a limit would break the protocol or lift the protection it is there for. */
const bounds: { readonly [K in keyof Limits]: readonly [number, number] } = {
  packetLength: [35_000, 16 * 1024 * 1024],
  sentPayloadLength: [1024, 32 * 1024],
  identificationLine: [64, 8192],
  identificationLines: [0, 65_536],
  identificationBytes: [255, 1024 * 1024],
  nameListEntries: [16, 65_536],
  nameLength: [64, 64],
  bannerBytes: [0, 16 * 1024 * 1024],
  authenticationRounds: [1, 1024],
  channels: [1, 65_536],
  windowSize: [32 * 1024, 1024 * 1024 * 1024],
  maximumWindowSize: [32 * 1024, 1024 * 1024 * 1024],
  maximumPacketSize: [1024, 8 * 1024 * 1024],
  outputQueue: [256 * 1024, 1024 * 1024 * 1024],
  inflatedPayload: [35_000, 16 * 1024 * 1024],
  bcryptRounds: [1, 65_536],
  rsaMinimumBits: [1024, 16_384],
  rsaMaximumBits: [2048, 16_384],
  idleMessages: [16, 1_000_000_000],
  idleKeyExchanges: [1, 1_000_000],
};

const limitTable: Readonly<Record<string, OptionRule>> = Object.fromEntries(
  Object.entries(bounds).map(([name, [low, high]]): [string, OptionRule] => [name, wholeNumber(low, high)]),
);

/**
 * The defaults with a user's changes.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a name that is no limit or a value outside its bounds.
 */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  if (given === defaultLimits) return defaultLimits;
  checkOptions(given, { of: 'limits', table: limitTable, prefix: 'limits.' });
  const changes = Object.entries(given).filter(([, value]) => value !== undefined);
  // Connections with nothing of their own share the defaults.
  if (changes.length === 0) return defaultLimits;
  const resolved: Limits = { ...defaultLimits, ...Object.fromEntries(changes) };
  if (resolved.maximumPacketSize + 1024 > resolved.packetLength) {
    throw optionsError('limits.packetLength must exceed limits.maximumPacketSize by at least 1024');
  }
  return resolved;
}

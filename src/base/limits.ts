/**
 * Every limit on what a peer can make this side hold or do.
 *
 * Owns: the limits, their defaults, the check of those a user gives.
 * Must not know: who enforces them.
 */
import { SshError } from './errors.ts';

/** All limits; lengths in bytes unless the name says otherwise. */
export interface Limits {
  /** Largest packet taken from the wire, its length field and MAC not counted (RFC 4253 §6.1 asks for 35,000). */
  readonly packetLength: number;
  /** Largest payload of channel data that this side sends (RFC 4253 §6.1). */
  readonly sentPayloadLength: number;
  /**
   * Largest packet this side sends, counted as `packetLength`. A call whose message
   * needs more is refused, and nothing is sent for it. OpenSSH takes 256 KiB;
   * RFC 4253 §6.1 promises 35,000, and some servers end the connection beyond that.
   */
  readonly sentPacketLength: number;
  /** The line of the identification, CR LF included (RFC 4253 §4.2). */
  readonly identificationLine: number;
  /** Characters of a line that a server sends before its identification; OpenSSH takes as many. */
  readonly greetingLine: number;
  /** Lines a server may send before its identification. */
  readonly identificationLines: number;
  /** Bytes a server may send before its identification. */
  readonly identificationBytes: number;
  /** Bytes of all authentication banners together; what is beyond is cut off, and that is said. */
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
  /**
   * Messages without effect that a peer may send at once: IGNORE, DEBUG, UNIMPLEMENTED,
   * unknown ones, global requests, opens that are refused. 100 more may come with each
   * second. 4 KiB that decompressing adds to any message but channel data count as one
   * such message, and so does each block of compressed data beyond what compressors make.
   */
  readonly idleMessages: number;
  /** Key exchanges that a peer may start at once. One more may come with each ten seconds, and with each MiB of channel data in either direction. */
  readonly idleKeyExchanges: number;
}

/** The limits in force when nothing is said. */
export const defaultLimits: Limits = {
  packetLength: 256 * 1024,
  sentPayloadLength: 32 * 1024,
  sentPacketLength: 256 * 1024,
  identificationLine: 255,
  greetingLine: 8192,
  identificationLines: 1024,
  identificationBytes: 64 * 1024,
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
  sentPacketLength: [35_000, 16 * 1024 * 1024],
  identificationLine: [64, 8192],
  greetingLine: [64, 65_536],
  identificationLines: [0, 65_536],
  identificationBytes: [255, 1024 * 1024],
  bannerBytes: [0, 16 * 1024 * 1024],
  authenticationRounds: [1, 1024],
  channels: [1, 65_536],
  windowSize: [1, 1024 * 1024 * 1024],
  maximumWindowSize: [1, 1024 * 1024 * 1024],
  maximumPacketSize: [1024, 8 * 1024 * 1024],
  outputQueue: [256 * 1024, 1024 * 1024 * 1024],
  inflatedPayload: [35_000, 16 * 1024 * 1024],
  bcryptRounds: [1, 65_536],
  rsaMinimumBits: [1024, 16_384],
  rsaMaximumBits: [2048, 16_384],
  idleMessages: [16, 1_000_000_000],
  idleKeyExchanges: [1, 1_000_000],
};

/**
 * The defaults with a user's changes.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a name that is no limit or a value outside its bounds.
 */
export function resolveLimits(given: Partial<Limits> = {}): Limits {
  // Connections with nothing of their own share the defaults.
  if (given === defaultLimits || Object.keys(given).length === 0) return defaultLimits;
  const resolved: { -readonly [K in keyof Limits]: number } = { ...defaultLimits };
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    if (!isLimitName(name)) throw optionsError(`limits.${name} is not a limit`);
    const [low, high] = bounds[name];
    if (!Number.isSafeInteger(value) || value < low || value > high) {
      throw optionsError(`limits.${name} must be a whole number from ${low} to ${high}`);
    }
    resolved[name] = value;
  }
  if (resolved.maximumPacketSize + 1024 > resolved.packetLength) {
    throw optionsError('limits.packetLength must exceed limits.maximumPacketSize by at least 1024');
  }
  return resolved;
}

function isLimitName(name: string): name is keyof Limits {
  return Object.hasOwn(defaultLimits, name);
}

function optionsError(message: string): SshError {
  return new SshError('ERR_SSH_OPTIONS', message, { phase: 'options', origin: 'user' });
}

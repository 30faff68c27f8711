/**
 * Every limit on what a peer can make this side hold or do.
 *
 * Owns: the limits, their defaults, the check of those a user gives.
 * Must not know: who enforces them.
 */
import { checkOptions, type OptionRule, optionsError, wholeNumber } from './optionChecks.ts';

/**
 * Bytes of a text that names something: a user, a host, a path, a terminal, a
 * language. Fixed: nothing that is named needs more.
 */
export const longestName = 1024;

/** A window with which a channel works, if slowly: RFC 4254 §5.2 speaks of packets of 32,768 bytes. */
export const leastWindow: number = 32 * 1024;

/** All limits; lengths in bytes unless the name says otherwise. */
export interface Limits {
  /** Largest packet taken from the wire, its length field and MAC not counted (RFC 4253 §6.1 asks for 35,000). */
  readonly packetLength: number;
  /** The same for a server until its user is authenticated: anybody may send those. */
  readonly unauthenticatedPacketLength: number;
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
  /** Credentials that a server refuses before it ends the connection: passwords, answers, signatures. */
  readonly authenticationAttempts: number;
  /** Channels open at once. */
  readonly channels: number;
  /** Bytes a channel's peer may send ahead of the consumer. */
  readonly windowSize: number;
  /** What that grows to on a path that is long and fast, while the consumer keeps up. */
  readonly maximumWindowSize: number;
  /**
   * What all channels of a connection together may be sent ahead of their consumers.
   * Windows are smaller where there are many. Where not given, as much more than the
   * default as larger windows need.
   */
  readonly connectionWindow: number;
  /** Largest data field offered to the peer for one CHANNEL_DATA (RFC 4254 §5.1). */
  readonly maximumPacketSize: number;
  /** Bytes this side holds for a peer that does not read. */
  readonly outputQueue: number;
  /** Largest payload after decompression. */
  readonly inflatedPayload: number;
  /**
   * What an encrypted key file may ask for, each some two seconds of a desktop:
   * rounds of bcrypt_pbkdf, …
   */
  readonly bcryptRounds: number;
  /** … iterations of PBKDF2 with SHA-256 (one with SHA-512 counts as two, and each block of key by itself), … */
  readonly pbkdf2Iterations: number;
  /** … KiB that scrypt goes through: N·r·p / 8, … */
  readonly scryptWork: number;
  /** … and KiB that Argon2 goes through: memory times passes. */
  readonly argon2Work: number;
  /** Bits of an RSA modulus. */
  readonly rsaMinimumBits: number;
  /** Bits of an RSA modulus at most. */
  readonly rsaMaximumBits: number;
  /** Bits of an RSA key that a server lets its users log in with. */
  readonly userRsaBits: number;
  /** Bits of the longest group that a server answers a group exchange with (RFC 4419). */
  readonly groupExchangeBits: number;
  /**
   * Messages without effect that a peer may send at once: IGNORE, DEBUG, UNIMPLEMENTED,
   * unknown ones, global requests, opens that are refused. 100 more may come with each
   * second. 4 KiB that decompressing adds to any message but channel data count as one
   * such message, and so does each block of compressed data beyond what compressors make.
   */
  readonly messagesWithoutEffect: number;
  /** Key exchanges that a peer may start at once. One more may come with each ten seconds, and with channel data in either direction: with each 4 KiB that a client sends or gets, with each MiB of a server. */
  readonly keyExchangesWithoutData: number;
  /** Forwards of one connection. */
  readonly forwards: number;
  /** Connections through one forward at once. */
  readonly forwardConnections: number;
  /** Bytes of a SOCKS greeting. */
  readonly socksGreetingLength: number;
  /** Largest SFTP packet taken or sent, its length field not counted. */
  readonly sftpPacketLength: number;
  /** Requests of one SFTP session that are in flight at once. */
  readonly sftpRequests: number;
  /** Reads or writes of one file that are in flight at once. */
  readonly sftpRequestsPerFile: number;
  /** Bytes of one transfer that are asked for or sent, and not yet answered or stored. */
  readonly sftpBytesInFlight: number;
  /** Folders within folders that a walk or a transfer goes down. */
  readonly sftpNesting: number;
  /** Files and folders that a client of a server has open at once in one SFTP session. */
  readonly sftpHandles: number;
  /** Bytes of one file name or path that a peer gives. */
  readonly sftpNameLength: number;
}

/** The limits in force when nothing is said. */
export const defaultLimits: Limits = {
  packetLength: 256 * 1024,
  unauthenticatedPacketLength: 35_000,
  sentPayloadLength: 32 * 1024,
  sentPacketLength: 256 * 1024,
  identificationLine: 255,
  greetingLine: 8192,
  identificationLines: 1024,
  identificationBytes: 64 * 1024,
  bannerBytes: 64 * 1024,
  authenticationRounds: 64,
  authenticationAttempts: 6,
  channels: 1024,
  windowSize: 2 * 1024 * 1024,
  maximumWindowSize: 16 * 1024 * 1024,
  connectionWindow: 64 * 1024 * 1024,
  maximumPacketSize: 32 * 1024,
  outputQueue: 4 * 1024 * 1024,
  inflatedPayload: 256 * 1024,
  bcryptRounds: 256,
  pbkdf2Iterations: 1_000_000,
  scryptWork: 256 * 1024,
  // PuTTYgen takes as many passes over 8 MiB as a tenth of a second allows: 55 on the fastest machines.
  argon2Work: 512 * 1024,
  rsaMinimumBits: 2048,
  rsaMaximumBits: 16384,
  userRsaBits: 8192,
  groupExchangeBits: 4096,
  messagesWithoutEffect: 10_000,
  keyExchangesWithoutData: 16,
  forwards: 1024,
  forwardConnections: 1024,
  socksGreetingLength: 1024,
  sftpPacketLength: 256 * 1024,
  sftpRequests: 1024,
  sftpRequestsPerFile: 64,
  sftpBytesInFlight: 8 * 1024 * 1024,
  sftpNesting: 64,
  sftpHandles: 256,
  sftpNameLength: 4096,
};

/** Bounds beyond which a limit would break the protocol or lift the protection it is there for. */
const bounds: { readonly [K in keyof Limits]: readonly [number, number] } = {
  packetLength: [35_000, 16 * 1024 * 1024],
  unauthenticatedPacketLength: [35_000, 16 * 1024 * 1024],
  sentPayloadLength: [1024, 32 * 1024],
  sentPacketLength: [35_000, 16 * 1024 * 1024],
  identificationLine: [64, 8192],
  greetingLine: [64, 65_536],
  identificationLines: [0, 65_536],
  identificationBytes: [255, 1024 * 1024],
  bannerBytes: [0, 16 * 1024 * 1024],
  authenticationRounds: [1, 1024],
  authenticationAttempts: [1, 1024],
  channels: [1, 65_536],
  windowSize: [1, 1024 * 1024 * 1024],
  maximumWindowSize: [1, 1024 * 1024 * 1024],
  connectionWindow: [1, 64 * 1024 * 1024 * 1024],
  maximumPacketSize: [1024, 8 * 1024 * 1024],
  outputQueue: [256 * 1024, 1024 * 1024 * 1024],
  inflatedPayload: [35_000, 16 * 1024 * 1024],
  bcryptRounds: [1, 65_536],
  pbkdf2Iterations: [1, 1_000_000_000],
  scryptWork: [1, 1024 * 1024 * 1024],
  argon2Work: [1, 1024 * 1024 * 1024],
  rsaMinimumBits: [1024, 16_384],
  rsaMaximumBits: [2048, 16_384],
  userRsaBits: [2048, 16_384],
  groupExchangeBits: [2048, 8192],
  messagesWithoutEffect: [16, 1_000_000_000],
  keyExchangesWithoutData: [1, 1_000_000],
  forwards: [1, 65_536],
  forwardConnections: [1, 65_536],
  socksGreetingLength: [262, 65_536],
  // A server must take 34,000 bytes (draft-ietf-secsh-filexfer-02 §3).
  sftpPacketLength: [34_000, 16 * 1024 * 1024],
  sftpRequests: [1, 65_536],
  sftpRequestsPerFile: [1, 4096],
  sftpBytesInFlight: [32 * 1024, 1024 * 1024 * 1024],
  sftpNesting: [1, 1024],
  sftpHandles: [1, 65_536],
  sftpNameLength: [255, 65_536],
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
  const resolved: { -readonly [K in keyof Limits]: number } = {
    ...defaultLimits,
    ...Object.fromEntries(changes),
  };
  if (given.connectionWindow === undefined) {
    const { windowSize, maximumWindowSize, channels } = resolved;
    const needed = 2 * Math.max(2 * windowSize, maximumWindowSize) + leastWindow * channels;
    resolved.connectionWindow = Math.max(resolved.connectionWindow, needed);
  }
  if (resolved.maximumPacketSize + 1024 > resolved.packetLength) {
    throw optionsError('limits.packetLength must exceed limits.maximumPacketSize by at least 1024');
  }
  return resolved;
}

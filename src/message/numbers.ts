/**
 * The numbers of messages, and the names people know them by.
 *
 * Owns: RFC 4250 §4.1 (message numbers), RFC 8308 §2.3 and §3.2, RFC 4419 §5,
 * RFC 5656 §7.1, RFC 4252 §6, RFC 4256 §5, ping@openssh.com (OpenSSH PROTOCOL).
 * Must not know: what a message holds, when it may come.
 */

/**
 * Message numbers by their RFC names without `SSH_MSG_`. Numbers 30 to 49 are
 * given anew by each key exchange method and 60 to 79 by each authentication
 * method, so there one number stands under several names.
 */
export const messageNumbers = {
  /** SSH_MSG_DISCONNECT. */
  disconnect: 1,
  /** SSH_MSG_IGNORE. */
  ignore: 2,
  /** SSH_MSG_UNIMPLEMENTED. */
  unimplemented: 3,
  /** SSH_MSG_DEBUG. */
  debug: 4,
  /** SSH_MSG_SERVICE_REQUEST. */
  serviceRequest: 5,
  /** SSH_MSG_SERVICE_ACCEPT. */
  serviceAccept: 6,
  /** SSH_MSG_EXT_INFO. */
  extInfo: 7,
  /** SSH_MSG_NEWCOMPRESS. */
  newCompress: 8,
  /** SSH_MSG_KEXINIT. */
  kexInit: 20,
  /** SSH_MSG_NEWKEYS. */
  newKeys: 21,
  /** SSH_MSG_KEXDH_INIT. */
  kexDhInit: 30,
  /** SSH_MSG_KEXDH_REPLY. */
  kexDhReply: 31,
  /** SSH_MSG_KEX_ECDH_INIT. */
  kexEcdhInit: 30,
  /** SSH_MSG_KEX_ECDH_REPLY. */
  kexEcdhReply: 31,
  /** SSH_MSG_KEX_DH_GEX_REQUEST_OLD. */
  kexDhGexRequestOld: 30,
  /** SSH_MSG_KEX_DH_GEX_GROUP. */
  kexDhGexGroup: 31,
  /** SSH_MSG_KEX_DH_GEX_INIT. */
  kexDhGexInit: 32,
  /** SSH_MSG_KEX_DH_GEX_REPLY. */
  kexDhGexReply: 33,
  /** SSH_MSG_KEX_DH_GEX_REQUEST. */
  kexDhGexRequest: 34,
  /** SSH_MSG_USERAUTH_REQUEST. */
  userauthRequest: 50,
  /** SSH_MSG_USERAUTH_FAILURE. */
  userauthFailure: 51,
  /** SSH_MSG_USERAUTH_SUCCESS. */
  userauthSuccess: 52,
  /** SSH_MSG_USERAUTH_BANNER. */
  userauthBanner: 53,
  /** SSH_MSG_USERAUTH_PK_OK. */
  userauthPkOk: 60,
  /** SSH_MSG_USERAUTH_PASSWD_CHANGE_REQ. */
  userauthPasswdChangeReq: 60,
  /** SSH_MSG_USERAUTH_INFO_REQUEST. */
  userauthInfoRequest: 60,
  /** SSH_MSG_USERAUTH_INFO_RESPONSE. */
  userauthInfoResponse: 61,
  /** SSH_MSG_GLOBAL_REQUEST. */
  globalRequest: 80,
  /** SSH_MSG_REQUEST_SUCCESS. */
  requestSuccess: 81,
  /** SSH_MSG_REQUEST_FAILURE. */
  requestFailure: 82,
  /** SSH_MSG_CHANNEL_OPEN. */
  channelOpen: 90,
  /** SSH_MSG_CHANNEL_OPEN_CONFIRMATION. */
  channelOpenConfirmation: 91,
  /** SSH_MSG_CHANNEL_OPEN_FAILURE. */
  channelOpenFailure: 92,
  /** SSH_MSG_CHANNEL_WINDOW_ADJUST. */
  channelWindowAdjust: 93,
  /** SSH_MSG_CHANNEL_DATA. */
  channelData: 94,
  /** SSH_MSG_CHANNEL_EXTENDED_DATA. */
  channelExtendedData: 95,
  /** SSH_MSG_CHANNEL_EOF. */
  channelEof: 96,
  /** SSH_MSG_CHANNEL_CLOSE. */
  channelClose: 97,
  /** SSH_MSG_CHANNEL_REQUEST. */
  channelRequest: 98,
  /** SSH_MSG_CHANNEL_SUCCESS. */
  channelSuccess: 99,
  /** SSH_MSG_CHANNEL_FAILURE. */
  channelFailure: 100,
  /** SSH_MSG_PING. */
  ping: 192,
  /** SSH_MSG_PONG. */
  pong: 193,
} as const;

/** Numbers that each key exchange method gives anew (RFC 4250 §4.1.2). */
export function isKeyExchangeMethodNumber(number: number): boolean {
  return number >= 30 && number <= 49;
}

/** Numbers of the user authentication protocol. */
export function isUserauthNumber(number: number): boolean {
  return number >= 50 && number <= 79;
}

/** Numbers of the connection protocol. */
export function isConnectionNumber(number: number): boolean {
  return number >= 80 && number <= 127;
}

/** Where a number has several meanings, all are named: which one applies is not the number's to say. */
const names: ReadonlyMap<number, string> = new Map([
  [1, 'SSH_MSG_DISCONNECT'],
  [2, 'SSH_MSG_IGNORE'],
  [3, 'SSH_MSG_UNIMPLEMENTED'],
  [4, 'SSH_MSG_DEBUG'],
  [5, 'SSH_MSG_SERVICE_REQUEST'],
  [6, 'SSH_MSG_SERVICE_ACCEPT'],
  [7, 'SSH_MSG_EXT_INFO'],
  [8, 'SSH_MSG_NEWCOMPRESS'],
  [20, 'SSH_MSG_KEXINIT'],
  [21, 'SSH_MSG_NEWKEYS'],
  [30, 'SSH_MSG_KEXDH_INIT/KEX_ECDH_INIT'],
  [31, 'SSH_MSG_KEXDH_REPLY/KEX_ECDH_REPLY/KEX_DH_GEX_GROUP'],
  [32, 'SSH_MSG_KEX_DH_GEX_INIT'],
  [33, 'SSH_MSG_KEX_DH_GEX_REPLY'],
  [34, 'SSH_MSG_KEX_DH_GEX_REQUEST'],
  [50, 'SSH_MSG_USERAUTH_REQUEST'],
  [51, 'SSH_MSG_USERAUTH_FAILURE'],
  [52, 'SSH_MSG_USERAUTH_SUCCESS'],
  [53, 'SSH_MSG_USERAUTH_BANNER'],
  [60, 'SSH_MSG_USERAUTH_PK_OK/PASSWD_CHANGEREQ/INFO_REQUEST'],
  [61, 'SSH_MSG_USERAUTH_INFO_RESPONSE'],
  [80, 'SSH_MSG_GLOBAL_REQUEST'],
  [81, 'SSH_MSG_REQUEST_SUCCESS'],
  [82, 'SSH_MSG_REQUEST_FAILURE'],
  [90, 'SSH_MSG_CHANNEL_OPEN'],
  [91, 'SSH_MSG_CHANNEL_OPEN_CONFIRMATION'],
  [92, 'SSH_MSG_CHANNEL_OPEN_FAILURE'],
  [93, 'SSH_MSG_CHANNEL_WINDOW_ADJUST'],
  [94, 'SSH_MSG_CHANNEL_DATA'],
  [95, 'SSH_MSG_CHANNEL_EXTENDED_DATA'],
  [96, 'SSH_MSG_CHANNEL_EOF'],
  [97, 'SSH_MSG_CHANNEL_CLOSE'],
  [98, 'SSH_MSG_CHANNEL_REQUEST'],
  [99, 'SSH_MSG_CHANNEL_SUCCESS'],
  [100, 'SSH_MSG_CHANNEL_FAILURE'],
  [192, 'SSH_MSG_PING'],
  [193, 'SSH_MSG_PONG'],
]);

/**
 * The name of a message number for people, such as `SSH_MSG_KEXINIT`; a number
 * without a name reads `message 211`.
 */
export function messageName(number: number): string {
  return names.get(number) ?? `message ${number}`;
}

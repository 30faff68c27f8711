/**
 * The numbers of SFTP version 3.
 *
 * Owns: draft-ietf-secsh-filexfer-02 §3 (packet types) and §6.3 (flags of OPEN),
 * and their names.
 * Must not know: what is in a packet.
 */

/** The version this library speaks, as all OpenSSH servers do. */
export const protocolVersion = 3;

/** Packet types. */
export const packetTypes = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const;

/** One of the packets, by the name that this library has for it. */
export type PacketKind = keyof typeof packetTypes;

const names: ReadonlyMap<number, string> = new Map(
  Object.entries(packetTypes).map(([kind, number]) => [number, nameOf(kind)]),
);

/** Such as `SSH_FXP_OPEN`; for an unknown number `SSH_FXP_ 77`. */
export function packetName(number: number): string {
  return names.get(number) ?? `SSH_FXP_ ${number}`;
}

/** Flags of OPEN (§6.3). */
export const openFlags = {
  read: 0x1,
  write: 0x2,
  append: 0x4,
  create: 0x8,
  truncate: 0x10,
  exclusive: 0x20,
} as const;

/** Longest handle (§6.2: "MUST NOT be longer than 256 bytes"). */
export const longestHandle = 256;

function nameOf(kind: string): string {
  return `SSH_FXP_${kind === 'extendedReply' ? 'EXTENDED_REPLY' : kind.toUpperCase()}`;
}

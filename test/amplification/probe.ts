/**
 * One thing a peer can ask for, and what it may cost.
 *
 * Owns: the shape of a probe and of what was measured, the bounds.
 * Must not know: how anything is measured or asked.
 */
import type { AttackClient } from './attackClient.ts';
import type { AttackServer } from './attackServer.ts';

/** Who pays. */
export type Payer = 'server' | 'client';

interface Common {
  /** For the table: `silence`, `a key exchange, group16`. */
  readonly asks: string;
  /** How far both go before what is sent counts. */
  readonly from: 'connect' | 'authentication' | 'login';
  /** Connections that ask at once. */
  readonly connections: number;
  /** Whether the answers are heard; what is not heard cannot be answered wrongly. */
  readonly listens?: boolean;
  /** Whether both compress what they say after login. */
  readonly compresses?: boolean;
  /** What bounds it besides, for the table. */
  readonly bound: string;
}

/** What a client asks of a server. */
export interface ServerProbe extends Common {
  /** Sends it, on one connection. */
  readonly ask: (client: AttackClient) => void | Promise<void>;
}

/** What a server asks of a client. */
export interface ClientProbe extends Common {
  readonly ask: (server: AttackServer) => void | Promise<void>;
}

/** What one probe cost. */
export interface Measured {
  readonly payer: Payer;
  readonly from: Common['from'];
  readonly asks: string;
  readonly bound: string;
  /** Sent on each connection. */
  readonly bytes: number;
  /** Milliseconds of CPU for each connection. */
  readonly cpu: number;
  /** Bytes held for each connection while it stays. */
  readonly held: number;
}

/** Milliseconds of CPU for a kilobyte, and bytes held for a byte. */
export const mostCpu = 10;
export const mostHeld = 100;

/** Bytes of headers, IPv4 and TCP with its time stamps. */
const headers = 52;
/** A connection begins with a SYN, whose options take 8 bytes more, and an ACK. */
const handshake = 2 * headers + 8;

/**
 * Bytes on the wire.
 *
 * @param payload of the stream
 * @param packets written, and pieces that came and had to be acknowledged: fewer than there were, as a long write
 *   is several packets
 * @param connects whether the connection itself is part of what is asked
 */
export function wireBytes(payload: number, packets: number, connects: boolean): number {
  return payload + packets * headers + (connects ? handshake : 0);
}

export function cpuPerKilobyte({ cpu, bytes }: Measured): number {
  return (cpu / bytes) * 1024;
}

export function heldPerByte({ held, bytes }: Measured): number {
  return Math.max(0, held) / bytes;
}

export function isOver(measured: Measured): boolean {
  return cpuPerKilobyte(measured) > mostCpu || heldPerByte(measured) > mostHeld;
}

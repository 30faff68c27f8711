/**
 * Which message may come in which state: the one place where that is decided.
 *
 * Owns: the legality rules of RFC 4253 §6, §7.1, §7.3, §10, §11, RFC 8308 §2.4,
 * strict key exchange (OpenSSH PROTOCOL §1.9), RFC 4252 §6 and RFC 4254 §1, by
 * message number. Order within one method of authentication or one channel is
 * the business of those machines.
 * Must not know: what messages hold.
 */
import type { Role } from '../identification.ts';
import type { Quirks } from '../quirks.ts';

/** How far the connection is, as a receiver of messages sees it. */
export type GateState =
  /** Nothing but the identification came yet. */
  | 'beforeKexInit'
  /** The peer's first KEXINIT came, its NEWKEYS did not. */
  | 'initialKeyExchange'
  /** Keys are in use, authentication has not been agreed upon. */
  | 'service'
  | 'authentication'
  | 'connection';

/** What the gate goes by, besides the number. */
export interface GateView {
  readonly role: Role;
  readonly state: GateState;
  /** Both sides asked for strict key exchange. */
  readonly strict: boolean;
  /** The peer's KEXINIT of a rekey came, its NEWKEYS did not (RFC 4253 §7.1). */
  readonly peerRekeying: boolean;
  /** What the peer is known to send all the same while it rekeys. */
  readonly talksDuringRekey: Quirks['talksDuringRekey'];
  /** EXT_INFO is legal now: first after NEWKEYS, or right before SUCCESS (RFC 8308 §2.4). */
  readonly extInfoAllowed: boolean;
  /** This side announced ping@openssh.com. */
  readonly pingAllowed: boolean;
}

export type GateVerdict = 'accept' | 'unimplemented' | 'unexpected';

const DISCONNECT = 1;
const SERVICE_REQUEST = 5;
const SERVICE_ACCEPT = 6;
const EXT_INFO = 7;
const KEXINIT = 20;
const NEWKEYS = 21;
const PING = 192;
const PONG = 193;

/** The verdict on a message with this number. */
export function judge(view: GateView, number: number): GateVerdict {
  if (number === DISCONNECT) return 'accept';
  if (view.state === 'beforeKexInit') return judgeBeforeKexInit(number);
  if (view.state === 'initialKeyExchange') return judgeInitial(view, number);
  if (view.peerRekeying) return judgeRekey(view, number);
  if (isGeneric(number) || number === KEXINIT) return 'accept';
  if (number === NEWKEYS || isMethodSpecific(number)) return 'unexpected';
  if (number === EXT_INFO) return view.extInfoAllowed ? 'accept' : 'unexpected';
  if (number === SERVICE_REQUEST || number === SERVICE_ACCEPT) return judgeService(view, number);
  if (number >= 50 && number <= 79) return judgeUserauth(view, number);
  if (number >= 80 && number <= 127) return judgeConnection(view, number);
  if (number === PING || number === PONG) {
    return view.state === 'connection' && view.pingAllowed ? 'accept' : 'unexpected';
  }
  return 'unimplemented';
}

/** Strictness is not known yet; that KEXINIT was the first packet is checked when it comes. */
function judgeBeforeKexInit(number: number): GateVerdict {
  return isGeneric(number) || number === KEXINIT ? 'accept' : 'unexpected';
}

function judgeInitial(view: GateView, number: number): GateVerdict {
  if (number === NEWKEYS || isMethodSpecific(number)) return 'accept';
  if (isGeneric(number)) return view.strict ? 'unexpected' : 'accept';
  return 'unexpected';
}

function judgeRekey(view: GateView, number: number): GateVerdict {
  if (isGeneric(number) || isKeyExchange(number)) return 'accept';
  const known =
    view.talksDuringRekey === 'channels'
      ? number >= 90 && number <= 100
      : view.talksDuringRekey === 'answers' && isAnswer(number);
  return known ? judgeConnection(view, number) : 'unexpected';
}

function judgeService(view: GateView, number: number): GateVerdict {
  const wanted = view.role === 'client' ? SERVICE_ACCEPT : SERVICE_REQUEST;
  return number === wanted && view.state === 'service' ? 'accept' : 'unexpected';
}

function judgeUserauth(view: GateView, number: number): GateVerdict {
  if (view.state === 'authentication') {
    // A client sends requests and answers, a server everything else (RFC 4252 §6, RFC 4256 §3).
    const fromClient = number === 50 || number === 61;
    return fromClient === (view.role === 'server') ? 'accept' : 'unexpected';
  }
  // Requests that were on their way when SUCCESS was sent are ignored by a server (RFC 4252 §5.3).
  if (view.state === 'connection' && view.role === 'server' && number === 50) return 'accept';
  return 'unexpected';
}

function judgeConnection(view: GateView, number: number): GateVerdict {
  if (view.state !== 'connection') return 'unexpected';
  return (number >= 80 && number <= 82) || (number >= 90 && number <= 100) ? 'accept' : 'unimplemented';
}

/** IGNORE, UNIMPLEMENTED, DEBUG. */
function isGeneric(number: number): boolean {
  return number >= 2 && number <= 4;
}

/** REQUEST_SUCCESS, REQUEST_FAILURE, CHANNEL_OPEN_FAILURE. */
function isAnswer(number: number): boolean {
  return number === 81 || number === 82 || number === 92;
}

function isMethodSpecific(number: number): boolean {
  return number >= 30 && number <= 49;
}

function isKeyExchange(number: number): boolean {
  return number === NEWKEYS || isMethodSpecific(number);
}

/**
 * Which message may come in which state: the one place where that is decided.
 *
 * Owns: the legality rules of RFC 4253 §6, §7.1, §7.3, §10, §11, RFC 8308 §2.4,
 * strict key exchange (OpenSSH PROTOCOL §1.9), RFC 4252 §6 and RFC 4254 §1, by
 * message number. Order within one method of authentication or one channel is
 * the business of those machines.
 * Must not know: what messages hold.
 */
import {
  isConnectionNumber,
  isKeyExchangeMethodNumber,
  isUserauthNumber,
  messageNumbers,
} from '../../message/numbers.ts';
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

/** What the gate goes by, apart from the number. */
export interface GateView {
  readonly role: Role;
  readonly gateState: GateState;
  /** Both sides asked for strict key exchange. */
  readonly strict: boolean;
  /** The peer's KEXINIT of a rekey came, its NEWKEYS did not (RFC 4253 §7.1). */
  readonly peerRekeying: boolean;
  /** What the peer is known to send while it rekeys, against the rules. */
  readonly talksDuringRekey: Quirks['talksDuringRekey'];
  /** EXT_INFO is legal now: first after NEWKEYS, or right before SUCCESS (RFC 8308 §2.4). */
  readonly extInfoAllowed: boolean;
  /** This side announced ping@openssh.com. */
  readonly pingAllowed: boolean;
}

export type GateVerdict = 'accept' | 'unimplemented' | 'unexpected';

/** The verdict on a message with this number. */
export function judge(view: GateView, number: number): GateVerdict {
  if (number === messageNumbers.disconnect) return 'accept';
  if (view.gateState === 'beforeKexInit') return judgeBeforeKexInit(number);
  if (view.gateState === 'initialKeyExchange') return judgeInitial(view, number);
  if (view.peerRekeying) return judgeRekey(view, number);
  if (isGeneric(number) || number === messageNumbers.kexInit) return 'accept';
  if (number === messageNumbers.newKeys || isKeyExchangeMethodNumber(number)) return 'unexpected';
  if (number === messageNumbers.extInfo) return view.extInfoAllowed ? 'accept' : 'unexpected';
  if (number === messageNumbers.serviceRequest || number === messageNumbers.serviceAccept)
    return judgeService(view, number);
  if (isUserauthNumber(number)) return judgeUserauth(view, number);
  if (isConnectionNumber(number)) return judgeConnection(view, number);
  if (number === messageNumbers.ping || number === messageNumbers.pong) {
    return view.gateState === 'connection' && view.pingAllowed ? 'accept' : 'unexpected';
  }
  return 'unimplemented';
}

/** Strictness is not known yet; that KEXINIT was the first packet is checked when it comes. */
function judgeBeforeKexInit(number: number): GateVerdict {
  return isGeneric(number) || number === messageNumbers.kexInit ? 'accept' : 'unexpected';
}

function judgeInitial(view: GateView, number: number): GateVerdict {
  if (number === messageNumbers.newKeys || isKeyExchangeMethodNumber(number)) return 'accept';
  if (isGeneric(number)) return view.strict ? 'unexpected' : 'accept';
  return 'unexpected';
}

function judgeRekey(view: GateView, number: number): GateVerdict {
  if (isGeneric(number) || isKeyExchange(number)) return 'accept';
  const known =
    view.talksDuringRekey === 'channels'
      ? isChannelMessage(number)
      : view.talksDuringRekey === 'answers' && isAnswer(number);
  return known ? judgeConnection(view, number) : 'unexpected';
}

function judgeService(view: GateView, number: number): GateVerdict {
  const wanted = view.role === 'client' ? messageNumbers.serviceAccept : messageNumbers.serviceRequest;
  return number === wanted && view.gateState === 'service' ? 'accept' : 'unexpected';
}

function judgeUserauth(view: GateView, number: number): GateVerdict {
  if (view.gateState === 'authentication') {
    // A client sends requests and answers, a server everything else (RFC 4252 §6, RFC 4256 §3).
    const fromClient =
      number === messageNumbers.userauthRequest || number === messageNumbers.userauthInfoResponse;
    return fromClient === (view.role === 'server') ? 'accept' : 'unexpected';
  }
  // Requests that were on their way when SUCCESS was sent are ignored by a server (RFC 4252 §5.3).
  if (view.gateState === 'connection' && view.role === 'server' && number === messageNumbers.userauthRequest)
    return 'accept';
  return 'unexpected';
}

function judgeConnection(view: GateView, number: number): GateVerdict {
  if (view.gateState !== 'connection') return 'unexpected';
  return isGlobalMessage(number) || isChannelMessage(number) ? 'accept' : 'unimplemented';
}

/** IGNORE, UNIMPLEMENTED, DEBUG. */
function isGeneric(number: number): boolean {
  return number >= messageNumbers.ignore && number <= messageNumbers.debug;
}

/** REQUEST_SUCCESS, REQUEST_FAILURE, CHANNEL_OPEN_FAILURE. */
function isAnswer(number: number): boolean {
  return (
    number === messageNumbers.requestSuccess ||
    number === messageNumbers.requestFailure ||
    number === messageNumbers.channelOpenFailure
  );
}

/** GLOBAL_REQUEST and its answers. */
function isGlobalMessage(number: number): boolean {
  return number >= messageNumbers.globalRequest && number <= messageNumbers.requestFailure;
}

/** CHANNEL_OPEN to CHANNEL_FAILURE. */
function isChannelMessage(number: number): boolean {
  return number >= messageNumbers.channelOpen && number <= messageNumbers.channelFailure;
}

function isKeyExchange(number: number): boolean {
  return number === messageNumbers.newKeys || isKeyExchangeMethodNumber(number);
}

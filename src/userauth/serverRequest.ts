/**
 * Requests as a server reads them.
 *
 * Owns: the form of each method's request (RFC 4252 §5.2, §7, §8; RFC 4256 §3.1).
 * Must not know: states, answers, who may come in.
 */
import {
  userauthKeyboardInteractiveRequest,
  userauthPasswordChangeRequest,
  userauthPasswordRequest,
  userauthPublickeyQuery,
  userauthPublickeyRequest,
  userauthRequest,
} from '../message/userauth.ts';
import { WireReader } from '../wire/reader.ts';
import { publickeySignatureData } from './publickey.ts';
import type { Applicant, KeyFilter, Pending, UserauthServerMethod } from './serverEvents.ts';
import { keyMatchesAlgorithm, signatureMatchesAlgorithm } from './signatureAlgorithms.ts';

/** What every request begins with. */
export interface RequestHead {
  readonly applicant: Applicant;
  readonly methodName: string;
  /** The boolean that `publickey` and `password` begin with. */
  readonly flag: boolean;
}

/** What the application can decide on. */
export interface Decision {
  readonly pending: Pending;
  readonly method: UserauthServerMethod;
}

/** What reading a request needs to know. */
export interface RequestContext {
  readonly sessionId: Uint8Array;
  readonly takesKey: KeyFilter;
}

/**
 * Reads who asks for what; the number of the message is taken off.
 *
 * @throws SshError `ERR_SSH_DECODE`
 */
export function readHead(payload: Uint8Array): RequestHead {
  const { userName, serviceName, methodName, methodFields } = userauthRequest.decode(new WireReader(payload));
  const flag = methodFields[0] !== undefined && methodFields[0] !== 0;
  return { applicant: { username: userName, service: serviceName }, methodName, flag };
}

/**
 * Reads the rest of a request. Methods not known here, secrets over an open
 * connection, services that do not exist, keys that do not fit their algorithm
 * or are none that this side takes leave nothing to decide: undefined.
 *
 * @throws SshError `ERR_SSH_DECODE`
 */
export function readDecision(
  { applicant, methodName, flag }: RequestHead,
  payload: Uint8Array,
  context: RequestContext,
): Decision | undefined {
  const decision = readMethod(methodName, flag, payload, context);
  return applicant.service === 'ssh-connection' ? decision : undefined;
}

function readMethod(
  methodName: string,
  flag: boolean,
  payload: Uint8Array,
  context: RequestContext,
): Decision | undefined {
  switch (methodName) {
    case 'none':
      return { pending: { kind: 'none' }, method: { method: 'none' } };
    case 'publickey':
      return flag ? readPublickeyRequest(payload, context) : readPublickeyQuery(payload, context);
    case 'password':
      return readPassword(flag, payload);
    case 'keyboard-interactive':
      return readKeyboardInteractive(payload);
    default:
      return undefined;
  }
}

function readPublickeyQuery(payload: Uint8Array, context: RequestContext): Decision | undefined {
  const { publicKeyAlgorithm: algorithm, publicKey } = userauthPublickeyQuery.decode(new WireReader(payload));
  if (!isUsable(algorithm, publicKey, context)) return undefined;
  return {
    pending: { kind: 'publickeyQuery', algorithm, publicKey },
    method: { method: 'publickey', algorithm, publicKey, signed: false },
  };
}

function readPublickeyRequest(payload: Uint8Array, context: RequestContext): Decision | undefined {
  const request = userauthPublickeyRequest.decode(new WireReader(payload));
  const { publicKeyAlgorithm: algorithm, publicKey, signature } = request;
  if (!isUsable(algorithm, publicKey, context)) return undefined;
  if (!signatureMatchesAlgorithm(signature, algorithm)) return undefined;
  const data = publickeySignatureData(context.sessionId, request);
  return {
    pending: { kind: 'publickey', algorithm, publicKey, data, signature },
    method: { method: 'publickey', algorithm, publicKey, signed: true },
  };
}

/** Fails closed: a key that cannot be read is none that is taken. */
function isUsable(algorithm: string, publicKey: Uint8Array, { takesKey }: RequestContext): boolean {
  if (!keyMatchesAlgorithm(publicKey, algorithm)) return false;
  try {
    return takesKey(algorithm, publicKey) === true;
  } catch {
    return false;
  }
}

function readPassword(changes: boolean, payload: Uint8Array): Decision | undefined {
  const pending: Pending = { kind: 'password' };
  if (!changes) {
    const { password } = userauthPasswordRequest.decode(new WireReader(payload));
    return { pending, method: { method: 'password', password, newPassword: undefined } };
  }
  const { oldPassword, newPassword } = userauthPasswordChangeRequest.decode(new WireReader(payload));
  return { pending, method: { method: 'password', password: oldPassword, newPassword } };
}

function readKeyboardInteractive(payload: Uint8Array): Decision | undefined {
  const { submethods } = userauthKeyboardInteractiveRequest.decode(new WireReader(payload));
  return {
    pending: { kind: 'keyboard-interactive', submethods },
    method: { method: 'keyboard-interactive', submethods, responses: undefined },
  };
}

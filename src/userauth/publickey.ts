/**
 * The publickey method, client side.
 *
 * Owns: RFC 4252 §7 (query, PK_OK, what is signed), RFC 8332 §3.2 (algorithm,
 * key and signature agree), publickey-hostbound (OpenSSH PROTOCOL §3.1).
 * Must not know: private keys, agents, in which order keys are tried.
 */
import { equalBytes, escapeText } from '../base/bytes.ts';
import { signatureNameOf } from '../crypto/specialAlgorithms.ts';
import {
  type UserauthHostboundRequest,
  type UserauthPublickeyRequest,
  userauthHostboundRequest,
  userauthPkOk,
  userauthPublickeyQuery,
  userauthPublickeyRequest,
} from '../message/userauth.ts';
import type { WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { keyMatchesAlgorithm, signatureMatchesAlgorithm } from './signatureAlgorithms.ts';
import { misuse, type OfferedKey, protocolError, type RequestHead, type Step } from './step.ts';

/**
 * What a user signs, and a server verifies: the session id as a string, then
 * the request up to its signature.
 */
export function publickeySignatureData(
  sessionId: Uint8Array,
  request: Omit<UserauthPublickeyRequest, 'signature'>,
): Uint8Array {
  const { userName, serviceName, methodName, publicKeyAlgorithm, publicKey } = request;
  return new WireWriter()
    .string(sessionId)
    .byte(userauthPublickeyRequest.number)
    .text(userName)
    .text(serviceName)
    .text(methodName)
    .boolean(true)
    .text(publicKeyAlgorithm)
    .string(publicKey)
    .copyWritten();
}

/** The same for a signature that is bound to the host key too (OpenSSH PROTOCOL §3.1). */
export function hostboundSignatureData(
  sessionId: Uint8Array,
  request: Omit<UserauthHostboundRequest, 'signature'>,
): Uint8Array {
  const { userName, serviceName, methodName, publicKeyAlgorithm, publicKey, serverHostKey } = request;
  return new WireWriter()
    .string(sessionId)
    .byte(userauthHostboundRequest.number)
    .text(userName)
    .text(serviceName)
    .text(methodName)
    .boolean(true)
    .text(publicKeyAlgorithm)
    .string(publicKey)
    .string(serverHostKey)
    .copyWritten();
}

/** Begins with a query, where a signature is asked for only if the key would do. */
export function queryKey(head: RequestHead, key: OfferedKey): Step {
  checkKey(key);
  return {
    state: { name: 'publickeyQuerySent', key },
    send: (sink) =>
      sink.send(userauthPublickeyQuery, {
        ...head,
        methodName: 'publickey',
        hasSignature: false,
        publicKeyAlgorithm: key.algorithm,
        publicKey: key.publicKey,
      }),
  };
}

/** Asks the driver for the signature. */
export function wantSignature(head: RequestHead, sessionId: Uint8Array, key: OfferedKey): Step {
  checkKey(key);
  return {
    state: { name: 'signatureWanted', key },
    question: {
      type: 'signatureWanted',
      data: signatureData(head, sessionId, key),
      algorithm: key.algorithm,
      publicKey: key.publicKey,
    },
  };
}

/**
 * PK_OK: the key would do, if it is the one that was asked about. A server that
 * echoes another could have a signature made with a key it was not shown.
 */
export function receivePkOk(
  head: RequestHead,
  sessionId: Uint8Array,
  key: OfferedKey,
  reader: WireReader,
): Step {
  const { publicKeyAlgorithm, publicKey } = userauthPkOk.decode(reader);
  if (publicKeyAlgorithm !== key.algorithm) {
    throw protocolError(
      `SSH_MSG_USERAUTH_PK_OK for algorithm ${escapeText(publicKeyAlgorithm)}, ${key.algorithm} was asked about`,
    );
  }
  if (!equalBytes(publicKey, key.publicKey)) {
    throw protocolError('SSH_MSG_USERAUTH_PK_OK for another key than was asked about');
  }
  return wantSignature(head, sessionId, key);
}

/** The request with its signature. */
export function sendSignature(head: RequestHead, key: OfferedKey, signature: Uint8Array): Step {
  if (!signatureMatchesAlgorithm(signature, key.algorithm)) {
    throw misuse(
      `the signature is not one of ${signatureNameOf(key.algorithm)}; an agent that does not know the algorithm signs with an older one`,
      'ERR_SSH_CRYPTO',
    );
  }
  const { serverHostKey } = key;
  if (serverHostKey !== undefined) {
    const request = { ...unsignedHostbound(head, key, serverHostKey), signature };
    return { state: { name: 'publickeySent' }, send: (sink) => sink.send(userauthHostboundRequest, request) };
  }
  return {
    state: { name: 'publickeySent' },
    send: (sink) => sink.send(userauthPublickeyRequest, { ...unsigned(head, key), signature }),
  };
}

function unsigned(head: RequestHead, key: OfferedKey): Omit<UserauthPublickeyRequest, 'signature'> {
  const { userName, serviceName } = head;
  return {
    userName,
    serviceName,
    methodName: 'publickey',
    hasSignature: true,
    publicKeyAlgorithm: key.algorithm,
    publicKey: key.publicKey,
  };
}

function unsignedHostbound(
  head: RequestHead,
  key: OfferedKey,
  serverHostKey: Uint8Array,
): Omit<UserauthHostboundRequest, 'signature'> {
  return { ...unsigned(head, key), methodName: 'publickey-hostbound-v00@openssh.com', serverHostKey };
}

function signatureData(head: RequestHead, sessionId: Uint8Array, key: OfferedKey): Uint8Array {
  const { serverHostKey } = key;
  return serverHostKey === undefined
    ? publickeySignatureData(sessionId, unsigned(head, key))
    : hostboundSignatureData(sessionId, unsignedHostbound(head, key, serverHostKey));
}

function checkKey({ algorithm, publicKey }: OfferedKey): void {
  if (keyMatchesAlgorithm(publicKey, algorithm)) return;
  throw misuse(`the public key is not of the type that ${escapeText(algorithm)} works with`);
}

/**
 * The init and the reply of key exchange methods with one round.
 *
 * Owns: RFC 4253 §8 and RFC 5656 §4: the two shapes of the same two messages,
 * and the numbers they have after a group exchange (RFC 4419 §5).
 * Must not know: when they are due, what is computed from them.
 */
import { SshError } from '../../base/errors.ts';
import type { KexMethod } from '../../crypto/kex/kex.ts';
import type { MessageCodec } from '../../message/codec.ts';
import {
  type KexDhInit,
  type KexDhReply,
  kexDhGexInit,
  kexDhGexReply,
  kexDhInit,
  kexDhReply,
  kexEcdhInit,
  kexEcdhReply,
} from '../../message/kex.ts';
import { WireReader } from '../../wire/reader.ts';

/** What a server answers. */
export interface KexReply {
  /** K_S. */
  readonly hostKey: Uint8Array;
  /** f or Q_S. */
  readonly serverValue: Uint8Array;
  /** Of H. */
  readonly signature: Uint8Array;
}

interface Sender {
  sendNow<T>(message: MessageCodec<T>, value: T): unknown;
}

export function sendInit(sender: Sender, method: KexMethod, clientValue: Uint8Array): void {
  if (method.valueEncoding === 'mpint') sender.sendNow(dhMessages(method).init, { e: clientValue });
  else sender.sendNow(kexEcdhInit, { clientPublicKey: clientValue });
}

export function sendReply(sender: Sender, method: KexMethod, reply: KexReply): void {
  const { hostKey, serverValue, signature } = reply;
  if (method.valueEncoding === 'mpint') {
    sender.sendNow(dhMessages(method).reply, { hostKey, f: serverValue, signature });
  } else {
    sender.sendNow(kexEcdhReply, { hostKey, serverPublicKey: serverValue, signature });
  }
}

/** `payload` is the whole message, its number included. */
export function decodeReply(payload: Uint8Array, method: KexMethod): KexReply {
  const codec = dhMessages(method).reply;
  if (payload[0] !== codec.number) throw keyExchangeError(`message ${payload[0]} came in place of the reply`);
  const reader = new WireReader(payload, 1);
  if (method.valueEncoding === 'mpint') {
    const { hostKey, f, signature } = codec.decode(reader);
    return { hostKey, serverValue: f, signature };
  }
  const { hostKey, serverPublicKey, signature } = kexEcdhReply.decode(reader);
  return { hostKey, serverValue: serverPublicKey, signature };
}

/** e or Q_C. `payload` is the whole message, its number included. */
export function decodeInit(payload: Uint8Array, method: KexMethod): Uint8Array {
  const codec = dhMessages(method).init;
  if (payload[0] !== codec.number) throw keyExchangeError(`message ${payload[0]} came in place of the init`);
  const reader = new WireReader(payload, 1);
  return method.valueEncoding === 'mpint'
    ? codec.decode(reader).e
    : kexEcdhInit.decode(reader).clientPublicKey;
}

/** The numbers are those of the elliptic curves as well. */
function dhMessages(method: KexMethod): {
  readonly init: MessageCodec<KexDhInit>;
  readonly reply: MessageCodec<KexDhReply>;
} {
  return method.afterGroupExchange
    ? { init: kexDhGexInit, reply: kexDhGexReply }
    : { init: kexDhInit, reply: kexDhReply };
}

export function keyExchangeError(what: string): SshError {
  return new SshError('ERR_SSH_KEY_EXCHANGE', `key exchange failed: ${what}`, { phase: 'keyExchange' });
}

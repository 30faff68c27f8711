/**
 * The init and the reply of key exchange methods with one round.
 *
 * Owns: RFC 4253 §8 and RFC 5656 §4: the two shapes of the same two messages.
 * Must not know: when they are due, what is computed from them.
 */
import { SshError } from '../base/errors.ts';
import type { KexMethod } from '../crypto/kex.ts';
import type { MessageCodec } from '../message/codec.ts';
import { kexDhInit, kexDhReply, kexEcdhInit, kexEcdhReply } from '../message/kex.ts';
import { WireReader } from '../wire/reader.ts';

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
  if (method.valueEncoding === 'mpint') sender.sendNow(kexDhInit, { e: clientValue });
  else sender.sendNow(kexEcdhInit, { clientPublicKey: clientValue });
}

export function sendReply(sender: Sender, method: KexMethod, reply: KexReply): void {
  const { hostKey, serverValue, signature } = reply;
  if (method.valueEncoding === 'mpint') sender.sendNow(kexDhReply, { hostKey, f: serverValue, signature });
  else sender.sendNow(kexEcdhReply, { hostKey, serverPublicKey: serverValue, signature });
}

/** `payload` is the whole message, its number included. */
export function decodeReply(payload: Uint8Array, method: KexMethod): KexReply {
  if (payload[0] !== kexDhReply.number)
    throw keyExchangeError(`message ${payload[0]} came in place of the reply`);
  const reader = new WireReader(payload, 1);
  if (method.valueEncoding === 'mpint') {
    const { hostKey, f, signature } = kexDhReply.decode(reader);
    return { hostKey, serverValue: f, signature };
  }
  const { hostKey, serverPublicKey, signature } = kexEcdhReply.decode(reader);
  return { hostKey, serverValue: serverPublicKey, signature };
}

/** e or Q_C. `payload` is the whole message, its number included. */
export function decodeInit(payload: Uint8Array, method: KexMethod): Uint8Array {
  if (payload[0] !== kexDhInit.number)
    throw keyExchangeError(`message ${payload[0]} came in place of the init`);
  const reader = new WireReader(payload, 1);
  return method.valueEncoding === 'mpint'
    ? kexDhInit.decode(reader).e
    : kexEcdhInit.decode(reader).clientPublicKey;
}

export function keyExchangeError(what: string): SshError {
  return new SshError('ERR_SSH_KEY_EXCHANGE', `key exchange failed: ${what}`, { phase: 'keyExchange' });
}

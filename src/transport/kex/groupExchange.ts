/**
 * The two messages in which client and server agree on a group.
 *
 * Owns: the sizes asked for, the checks of what is proposed, the choice of a server.
 * Must not know: what follows, which is Diffie-Hellman as with any group (`crypto/kex/kex.ts`).
 * Sources: RFC 4419 §3, §5; RFC 8270 §2 (2,048 bits at least).
 *
 * A prime that only looks like one would need a test of seconds to be found out.
 * What vouches for it is the server's signature over the exchange hash, which
 * covers it: a server that wants to weaken its own exchange can do so anyway.
 */
import { type CipherName, ciphers } from '../../crypto/algorithms.ts';
import { dhBounds } from '../../crypto/kex/dh.ts';
import { groupWithin, namedGroup } from '../../crypto/kex/dhGroups.ts';
import { type GroupExchangeName, groupExchangeMethod, type KexMethod } from '../../crypto/kex/kex.ts';
import { bitLength } from '../../crypto/keys/publicKey.ts';
import {
  type KexDhGexGroup,
  type KexDhGexRequest,
  kexDhGexGroup,
  kexDhGexRequest,
  kexDhGexRequestOld,
} from '../../message/kex.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import type { Quirks } from '../quirks.ts';
import { keyExchangeError } from './kexMessages.ts';
import type { NegotiatedAlgorithms } from './negotiation.ts';

/** Bits of a group that is as strong as a cipher of so many bits (NIST SP 800-57 part 1, table 2), the most of all beyond that. */
const groupBits: readonly (readonly [strength: number, bits: number])[] = [
  [128, 3072],
  [192, 7680],
];

/**
 * The sizes a client asks for: what its ciphers need, and whatever a server has
 * within the bounds of all groups where it has none of that size.
 */
export function groupRequestFor(
  negotiated: Pick<NegotiatedAlgorithms, 'clientToServer' | 'serverToClient'>,
  quirks: Pick<Quirks, 'mostGroupBits'>,
): KexDhGexRequest {
  const { minimum: min, maximum: max } = dhBounds;
  const { clientToServer, serverToClient } = negotiated;
  const strength = Math.max(strengthOf(clientToServer.cipher), strengthOf(serverToClient.cipher));
  const [, wanted] = groupBits.find(([most]) => strength <= most) ?? [strength, max];
  return { min, n: Math.min(wanted, max, quirks.mostGroupBits), max };
}

/** Bits of work that breaking a cipher takes, and the MAC beside it. */
function strengthOf(cipher: string): number {
  // Two keys of three (meet in the middle) are 112 bits, and its MAC has 128, which OpenSSH counts as well.
  if (cipher === '3des-cbc') return 128;
  // One key of two: the other one hides lengths.
  if (cipher === 'chacha20-poly1305@openssh.com') return 256;
  return 8 * ciphers[cipher as CipherName].keyLength;
}

/**
 * A client's method once the server proposed a group. `payload` is the whole
 * message, its number included.
 *
 * @throws SshError `ERR_SSH_KEY_EXCHANGE` for a group outside the request or of no use
 */
export function methodOfGroup(
  payload: Uint8Array,
  name: GroupExchangeName,
  request: KexDhGexRequest,
): KexMethod {
  if (payload[0] !== kexDhGexGroup.number)
    throw keyExchangeError(`message ${payload[0]} came in place of the group`);
  const { p, g } = kexDhGexGroup.decode(new WireReader(payload, 1));
  checkGroup(p, g, request);
  const sizes = new WireWriter().uint32(request.min).uint32(request.n).uint32(request.max).copyWritten();
  return groupExchangeMethod(name, sizes, namedGroup(p, g) ?? { prime: p, generator: g });
}

/** Before it is made a number: what is out of bounds costs nothing. Its range is checked where it is used. */
function checkGroup(p: Uint8Array, g: Uint8Array, { min, max }: KexDhGexRequest): void {
  const bits = bitLength(p);
  if (bits < min || bits > max) {
    throw keyExchangeError(`the server proposes a group of ${bits} bits; ${min} to ${max} were asked for`);
  }
  if (((p[p.length - 1] ?? 0) & 1) === 0) throw keyExchangeError('the server proposes an even prime');
  if (bitLength(g) > bits || bitLength(g) < 2) {
    throw keyExchangeError('the server proposes a generator out of range');
  }
}

/**
 * A server's answer to a request, and the method that follows from it. Clients
 * from before RFC 4419 name one size. `payload` is the whole message.
 *
 * @param longest bits of the longest group that this side computes in
 * @throws SshError `ERR_SSH_KEY_EXCHANGE` for sizes that contradict each other or leave no group
 */
export function answerRequest(
  payload: Uint8Array,
  name: GroupExchangeName,
  longest: number = dhBounds.maximum,
): { readonly group: KexDhGexGroup; readonly method: KexMethod } {
  const { min, n, max } = readRequest(payload);
  if (min > n || n > max)
    throw keyExchangeError(`the client asks for a group of ${min} to ${max}, best ${n}`);
  const group = groupWithin(min, n, Math.min(max, longest));
  if (group === undefined) {
    throw keyExchangeError(`no group of ${min} to ${max} bits; this side has 2048 to ${longest}`);
  }
  // It stays a named group: OpenSSL computes in those, and several times as fast.
  const method = groupExchangeMethod(name, payload.slice(1), group);
  return { group: { p: group.prime, g: group.generator }, method };
}

function readRequest(payload: Uint8Array): KexDhGexRequest {
  const reader = new WireReader(payload, 1);
  if (payload[0] === kexDhGexRequest.number) return kexDhGexRequest.decode(reader);
  if (payload[0] === kexDhGexRequestOld.number) {
    const { n } = kexDhGexRequestOld.decode(reader);
    return { min: Math.min(n, dhBounds.minimum), n, max: Math.max(n, dhBounds.maximum) };
  }
  throw keyExchangeError(`message ${payload[0]} came in place of the group request`);
}

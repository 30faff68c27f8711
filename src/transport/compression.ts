/**
 * When payloads are compressed.
 *
 * Owns: the beginning of compression in each direction: with new keys after the login
 * (RFC 4253 §6.2), and for zlib@openssh.com with SUCCESS itself. Nothing is ever
 * decompressed before authentication. `zlib` would begin before it, so only a client
 * offers it, and only afterwards, in a key exchange of its own.
 * Must not know: the format, messages.
 * Sources: RFC 4253 §6.2, draft-miller-secsh-compression-delayed.
 */
import type { CompressionName } from '../crypto/algorithms.ts';
import type { Loadable } from '../crypto/provider/slot.ts';
import { compressionSlot } from '../packet/compressionCode.ts';
import type { Inflater } from '../packet/inflate.ts';
import type { PacketOpener } from '../packet/opener.ts';
import type { PacketSealer } from '../packet/sealer.ts';
import type { AlgorithmPreferences, NegotiatedAlgorithms } from './kex/negotiation.ts';
import { nothingInCommon } from './kex/nothingInCommon.ts';

const compressing: ReadonlySet<string> = new Set<CompressionName>(['zlib@openssh.com', 'zlib']);

/** Whether payloads become others by it. */
export function isCompressing(name: string): boolean {
  return compressing.has(name);
}

/** Loads what an agreed name of compression needs; undefined where nothing is missing. */
export function compressionLoader(name: string): Loadable['load'] | undefined {
  return isCompressing(name) && !compressionSlot.ready ? () => compressionSlot.load() : undefined;
}

/** What is offered before the user is known: none in place of what would begin at once. */
export function beforeAuthentication(preferences: AlgorithmPreferences): AlgorithmPreferences {
  if (!preferences.compression.includes('zlib')) return preferences;
  const others = preferences.compression.filter((name) => name !== 'zlib');
  return { ...preferences, compression: others.length === 0 ? ['none'] : others };
}

/**
 * Whether `zlib`, which could not be had before the user was known, is what both sides want now.
 *
 * @throws SshError `ERR_SSH_NO_COMMON_ALGORITHM` where it is all that this side takes and the peer has it not
 */
export function wantsZlib(
  preferences: AlgorithmPreferences,
  exchange: {
    readonly negotiated: NegotiatedAlgorithms | undefined;
    readonly peerCompressions: readonly string[];
  },
): boolean {
  const { negotiated, peerCompressions } = exchange;
  if (negotiated === undefined || !preferences.compression.includes('zlib')) return false;
  const wanted = preferences.compression.find((name) => peerCompressions.includes(name));
  if (wanted === undefined) throw nothingInCommon('compression', preferences.compression, peerCompressions);
  return wanted !== negotiated.clientToServer.compression;
}

export class Compression {
  private readonly opener: PacketOpener;
  private readonly sealer: PacketSealer;
  private readonly limit: number;
  private outgoing = 'none';
  private incoming = 'none';
  private outgoingBegan = false;
  private incomingBegan = false;
  private readonly crosses: boolean;
  private inflater: Inflater | undefined;

  /**
   * @param limit bytes that one payload may become
   * @param crosses SUCCESS goes to the peer: what it said before that reached it is plain
   */
  constructor(opener: PacketOpener, sealer: PacketSealer, limit: number, crosses: boolean) {
    this.opener = opener;
    this.sealer = sealer;
    this.limit = limit;
    this.crosses = crosses;
  }

  /** New keys to the peer: every key exchange begins a new stream. */
  sealWith(name: string): void {
    this.outgoing = name;
    if (!this.outgoingBegan) return;
    this.sealer.compressWith(isCompressing(name) ? new (compressionSlot.use().Deflater)() : undefined);
  }

  /** New keys from the peer. */
  openWith(name: string): void {
    this.incoming = name;
    if (!this.incomingBegan) return;
    const mayBePlain = this.crosses && this.inflater?.hasBegun !== true;
    this.inflater = isCompressing(name)
      ? new (compressionSlot.use().Inflater)(this.limit, mayBePlain)
      : undefined;
    this.opener.decompressWith(this.inflater);
  }

  /** SUCCESS came or was said: what the peer says next is compressed, or once it has heard of that. */
  beginIncoming(): void {
    this.incomingBegan = true;
    this.openWith(this.incoming);
  }

  /** What this side says next is compressed; later than the above where SUCCESS itself waits for a key exchange. */
  beginOutgoing(): void {
    this.outgoingBegan = true;
    this.sealWith(this.outgoing);
  }
}

/**
 * The seam to whatever carries the bytes: a TCP socket, a channel of another
 * connection, a stream of the user, a simulated wire.
 *
 * Owns: what a link is, what it reports and to whom.
 * Must not know: any of its implementations.
 */

/** What a link reports. No report comes from within a call on the link, or from within the call that opens it. */
export interface LinkReceiver {
  /** The link is up; bytes may be written. Where `link` is given, it is the one from now on. */
  connected(link?: Link): void;
  /** Takes ownership of `chunk`. */
  received(chunk: Uint8Array): void;
  /** As `received`, of memory that is the link's again when the call returns. */
  lent(chunk: Uint8Array): void;
  /** The peer ended its direction, or the link broke: nothing follows but `closed`. */
  ended(error: Error | undefined): void;
  /** Bytes given to `write` have left this process. */
  written(): void;
  /** Nothing is left of the link. */
  closed(): void;
}

/** Where a link leads, for reports. */
export interface LinkAddresses {
  /** Address of this side. */
  readonly localAddress: string | undefined;
  /** Port of this side. */
  readonly localPort: number | undefined;
  /** Address of the peer. */
  readonly remoteAddress: string | undefined;
  /** Port of the peer. */
  readonly remotePort: number | undefined;
}

export interface Link {
  /** Takes ownership of `bytes`. Returns false when it should be given no more until `written`. */
  write(bytes: Uint8Array): boolean;
  /** Bytes of writes that are not finished. */
  unsentBytes(): number;
  /** What is left of the oldest unfinished write, where the platform tells; shrinks as the peer takes it. */
  writeBacklog(): number;
  /** Ends our direction behind what was written. */
  end(): void;
  /** Frees everything, now. `closed` follows. */
  destroy(): void;
  addresses(): LinkAddresses;
  /** While it is not up: what is known of the way there, for the error of a time-out. */
  progress?(): string;
}

/** Starts a link; its receiver hears of it later. */
export type LinkOpener = (receiver: LinkReceiver) => Link;

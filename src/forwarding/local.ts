/**
 * The seam to this machine's own network.
 *
 * Owns: what a local connection and a local listener are, and who makes them.
 * Must not know: any platform. `node/` fulfils it.
 */
import type { SshError } from '../base/errors.ts';
import type { ByteSink, ByteSource } from '../endpoint/streams.ts';
import type { ListenPlace, TargetPlace } from './places.ts';

/** Who is at the other end of a local connection. */
export interface LocalPeer {
  /** Empty for a unix socket. */
  readonly address: string;
  /** 0 for a unix socket. */
  readonly port: number;
}

/** A connection on this machine. Nothing is read from it before its source is listened to. */
export interface LocalConnection {
  readonly peer: LocalPeer;
  readonly source: ByteSource;
  /** Takes several writes at once, each told when it was handed on. */
  readonly sink: ByteSink;
  /** Frees the connection; `reset` tells its other end that bytes are missing. */
  destroy(reset: boolean): void;
}

/** A socket that listens. */
export interface LocalListener {
  /** Where it listens in truth: the port that was free, or the path. */
  readonly place: ListenPlace;
  /** Accepts no more; resolves when the port is free again. Connections that it accepted live on. */
  close(): Promise<void>;
}

/** Makes local connections. */
export interface LocalNetwork {
  /**
   * Listens.
   *
   * @param accepted told of each connection
   * @param failed told of a connection that could not be accepted; the listener goes on
   * @throws SshError `ERR_SSH_FORWARD`
   */
  listen(
    place: ListenPlace,
    accepted: (connection: LocalConnection) => void,
    failed: (error: SshError) => void,
  ): Promise<LocalListener>;
  /**
   * Connects.
   *
   * @param signal gives it up
   * @throws SshError `ERR_SSH_FORWARD`
   */
  connect(place: TargetPlace, signal: AbortSignal): Promise<LocalConnection>;
}

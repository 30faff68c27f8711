/**
 * What forwarding asks of the connection that it runs on.
 *
 * Owns: this interface.
 * Must not know: how either role fulfils it.
 */
import type { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import type { Timeouts } from '../base/timeouts.ts';
import type { Wait, WaitName } from '../base/waits.ts';
import type { Acceptors } from '../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { ForwardSnapshot } from '../io/snapshots.ts';
import type { LocalNetwork } from './local.ts';

/** Something that may be given up. */
export interface GivenUp {
  /** Calls back where it is given up, at once where it was; the returned function stops that. */
  whenGivenUp(callback: (error: Error) => void): () => void;
}

/** A call that its caller may give up. */
export interface CancellableCall {
  /** Run when it is given up, before the call rejects. */
  onCancel(step: () => void): void;
}

export interface ForwardingHost {
  readonly isLive: boolean;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly acceptors: Acceptors;
  readonly network: LocalNetwork;
  /** Milliseconds of the connection's clock. */
  readonly now: number;
  /** Opens a channel within the `channelOpen` deadline. */
  openChannel(type: string, data: Uint8Array, call: GivenUp): Promise<ChannelPort>;
  /**
   * Sends a global request; undefined where the peer refuses it. Within the `request` deadline.
   *
   * @param late told of a success that comes after it
   */
  globalRequest(
    name: string,
    payload: Uint8Array,
    late?: (answer: Uint8Array) => void,
  ): Promise<Uint8Array | undefined>;
  /** Sends a global request that nobody answers. */
  announce(name: string, payload: Uint8Array): void;
  startWait(name: WaitName, detail: string, timeout: number, onExpire: () => void): Wait;
  finishWait(wait: Wait): void;
  timeoutError(wait: Wait): SshError;
  /** Says to which server an error happened. */
  addressed(error: SshError): SshError;
  /** Shows the forwards of the connection in reports. */
  show(forwards: () => readonly ForwardSnapshot[]): void;
  /** Tells of the end of the connection, once; the returned function stops that. */
  onEnd(listener: (cause: SshError) => void): () => void;
}

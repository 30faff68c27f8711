/**
 * The calls and processes of a client's connection that have not ended.
 *
 * Owns: the table of calls that wait for an answer, and the table of processes that still run.
 * Must not know: what the answers mean.
 */
import { LazyMap } from '../base/lazyMap.ts';
import type { Channel, ChannelRequest } from '../connection/channel.ts';
import type { GlobalRequest } from '../connection/globalRequests.ts';
import type { CallScope } from '../endpoint/calls/callScope.ts';
import type { ChannelPort } from '../endpoint/channels/channelPort.ts';
import type { ExitCollector } from './command/remoteProcess.ts';
import type { AskedChannel } from './sessionChannels.ts';

export interface Deferred<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
}

/** A global request that waits for its answer. */
export interface PendingGlobalRequest extends Deferred<Uint8Array | undefined> {
  /** Told of a success that comes after the call has failed. */
  readonly late: ((answer: Uint8Array) => void) | undefined;
}

/** A channel that is being opened. */
export interface PendingOpen extends Deferred<ChannelPort> {
  /** Of a session channel. */
  readonly asked: AskedChannel | undefined;
  /** Asks once more. */
  readonly again: () => void;
}

/** Made for the first call and let go with the last: a connection that idles has none. */
export class UnderWay {
  readonly exits: LazyMap<Channel, ExitCollector> = new LazyMap();
  readonly opens: LazyMap<Channel, PendingOpen> = new LazyMap();
  readonly requests: LazyMap<ChannelRequest, Deferred<void>> = new LazyMap();
  readonly globalRequests: LazyMap<GlobalRequest, PendingGlobalRequest> = new LazyMap();
  readonly scopes: LazyMap<CallScope, CallScope> = new LazyMap();
  readonly rekeys: LazyMap<Deferred<void>, Deferred<void>> = new LazyMap();

  get isOver(): boolean {
    const { exits, opens, requests, globalRequests, scopes, rekeys } = this;
    return (
      exits.size + opens.size + requests.size === 0 && globalRequests.size + scopes.size + rekeys.size === 0
    );
  }
}

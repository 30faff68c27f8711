/**
 * What a client's connection has under way.
 *
 * Owns: the tables of open ports and of calls that wait for an answer.
 * Must not know: what the answers mean.
 */
import { LazyMap } from '../base/lazyMap.ts';
import type { Channel, ChannelRequest } from '../connection/channel.ts';
import type { GlobalRequest } from '../connection/globalRequests.ts';
import type { CallScope } from './callScope.ts';
import type { ChannelPort } from './channelPort.ts';
import type { ExitCollector } from './remoteProcess.ts';
import type { AskedChannel } from './sessionChannels.ts';

export interface Deferred<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: unknown) => void;
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
  readonly ports: LazyMap<Channel, ChannelPort> = new LazyMap();
  /** Commands that were given the agent. */
  readonly agentUsers: LazyMap<ChannelPort, true> = new LazyMap();
  readonly exits: LazyMap<Channel, ExitCollector> = new LazyMap();
  readonly opens: LazyMap<Channel, PendingOpen> = new LazyMap();
  readonly requests: LazyMap<ChannelRequest, Deferred<void>> = new LazyMap();
  readonly globalRequests: LazyMap<GlobalRequest, Deferred<Uint8Array | undefined>> = new LazyMap();
  readonly scopes: LazyMap<CallScope, CallScope> = new LazyMap();
  readonly rekeys: LazyMap<Deferred<void>, Deferred<void>> = new LazyMap();

  get isOver(): boolean {
    const { ports, agentUsers, exits, opens, requests, globalRequests, scopes, rekeys } = this;
    return (
      ports.size + agentUsers.size + exits.size + opens.size === 0 &&
      requests.size + globalRequests.size + scopes.size + rekeys.size === 0
    );
  }
}

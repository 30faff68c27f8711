/**
 * The seam to the platform's HTTP client.
 *
 * Owns: what an agent is to its user, and what it is made from.
 * Must not know: how a platform speaks HTTP. The only import is of types: the public
 * API speaks of Node's agents, and Bun and Deno have the same.
 */
import type { Agent } from 'node:http';
import type { SocketStream } from './streams.ts';

/** An agent for `http.request` and `https.request`, whose connections run through a server. */
export interface TunnelAgent extends Agent {
  /**
   * For `fetch(url, { dispatcher: agent.dispatcher })`: a dispatcher of the runtime's own
   * undici; undefined where the runtime has none.
   */
  readonly dispatcher: object | undefined;
}

/** A connection on its way to where a request goes. */
export interface AgentConnection {
  /** May be used at once: what is written waits. It breaks where the connection cannot be made. */
  readonly stream: SocketStream;
  /** Rejects with what breaks the stream. Need not be handled. */
  readonly opened: Promise<void>;
  /** Breaks the stream where its handshake is not done in time; the returned function says that it is. */
  boundHandshake(): () => void;
}

/** Opens a connection to where a request goes. */
export type AgentConnect = (host: string, port: number) => AgentConnection;

/** Makes an agent. */
export type AgentFactory = (connect: AgentConnect, options: object) => TunnelAgent;

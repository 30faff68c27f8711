/**
 * The seam to the platform's HTTP client.
 *
 * Owns: what an agent is to its user, and what it is made from.
 * Must not know: how a platform speaks HTTP. The only import is of types: the public
 * API speaks of Node's agents, and Bun and Deno have the same.
 */
import type { Agent } from 'node:http';
import type { Duplex } from './streams.ts';

/** An agent for `http.request` and `https.request`, whose connections run through a server. */
export interface TunnelAgent extends Agent {
  /**
   * For `fetch(url, { dispatcher: agent.dispatcher })`: a dispatcher of the runtime's own
   * undici; undefined where the runtime has none.
   */
  readonly dispatcher: object | undefined;
}

/** Opens a connection to where a request goes. */
export type AgentConnect = (host: string, port: number, signal: AbortSignal) => Promise<Duplex>;

/** Makes an agent. */
export type AgentFactory = (connect: AgentConnect, options: object) => TunnelAgent;

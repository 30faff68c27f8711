/**
 * The connections of an agent for HTTP.
 *
 * Owns: where each leads, its deadlines, the handshake of TLS included, and what
 * its errors say.
 * Must not know: HTTP, TLS.
 */
import type { Timeouts } from '../base/timeouts.ts';
import type { CallSite } from '../endpoint/calls/callSite.ts';
import { rejectionOfCall } from '../endpoint/calls/publicCall.ts';
import type { AgentConnect } from '../endpoint/httpAgent.ts';
import { checkTarget, placeText, type TargetPlace } from '../forwarding/places.ts';
import { openDirect } from './directChannels.ts';
import { lateSocket } from './lateSocket.ts';
import type { Platform } from './platform.ts';
import type { Session } from './session.ts';

export interface AgentParts {
  readonly session: Session;
  readonly platform: Pick<Platform, 'streams'>;
  readonly timeouts: Timeouts;
  /** Where all of them lead; undefined for where each request goes. */
  readonly place: TargetPlace | undefined;
}

/** @param site where the agent was made */
export function agentConnections(parts: AgentParts, site: CallSite): AgentConnect {
  const { session, platform, timeouts, place } = parts;
  const addressed = (error: unknown): unknown =>
    rejectionOfCall({ site, addressed: (named) => session.addressed(named) }, error);
  return (host, port) => {
    const to = place ?? { host, port };
    const { stream, opened } = lateSocket(
      async (signal) => {
        try {
          const there = place ?? checkTarget('the address of a request', { host, port });
          const channel = await openDirect(session, there, { signal });
          channel.openedBy = site.asText();
          return channel;
        } catch (error) {
          throw addressed(error);
        }
      },
      platform.streams,
      to,
    );
    // As a socket of Node's own: what the other side has ended is not kept for the next request.
    stream.allowHalfOpen = false;
    const boundHandshake = (): (() => void) => {
      let done = (): void => {};
      const over = new Promise<void>((resolve) => {
        done = resolve;
      });
      const detail = `the TLS handshake with ${placeText(to)}`;
      session
        .scoped('connect', detail, { timeout: timeouts.connect }, (scope) => scope.until(over))
        .catch((error: unknown) => stream.destroy(addressed(error) as Error));
      return done;
    };
    return { stream, opened, boundHandshake };
  };
}

/**
 * How a connection comes to the user's agent.
 *
 * Owns: where the agent is, and that it is told which connection it signs for.
 * Must not know: what is signed, which credentials are tried.
 * Source: OpenSSH PROTOCOL.agent §1 (session-bind@openssh.com).
 */
import type { WaitTable } from '../../base/waits.ts';
import type { AgentAccess } from '../authentication/authentication.ts';
import type { Platform } from '../platform.ts';
import type { Session } from '../session.ts';
import { Agent } from './agent.ts';
import { AgentForwarding } from './agentForwarding.ts';
import { AgentLink, agentError } from './agentLink.ts';

export interface AgentAccessOptions {
  readonly platform: Platform;
  readonly session: Session;
  readonly waits: WaitTable;
  /** Milliseconds for an answer of the agent. */
  readonly timeout: number;
}

/** The agent for the dial. */
export class UserAgent implements AgentAccess {
  private readonly options: AgentAccessOptions;
  /** Undefined where the user has none. */
  private readonly path: string | undefined;

  constructor(options: AgentAccessOptions) {
    this.options = options;
    this.path = options.platform.agentPath();
  }

  get isThere(): boolean {
    return this.path !== undefined;
  }

  open(path: string | undefined = this.path): Agent {
    if (path === undefined) throw agentError('there is no agent: SSH_AUTH_SOCK is not set');
    const { platform, waits, timeout } = this.options;
    const open = platform.local(path);
    return new Agent(new AgentLink({ open, clock: platform.clock, waits, timeout, path }));
  }

  bind(agent: Agent): Promise<void> {
    return bindSession(this.options.session, agent, false);
  }
}

/** The agent for the commands that ask for it; undefined where there is none. */
export function agentForwarding(
  options: AgentAccessOptions,
  path: string | undefined,
  debug: (line: string) => void,
): AgentForwarding | undefined {
  const access = new UserAgent(options);
  const { session } = options;
  if (path === undefined && !access.isThere) return undefined;
  return new AgentForwarding({
    open: () => {
      const agent = access.open(path);
      return {
        bind: () => bindSession(session, agent, true),
        forward: (message) => agent.forward(message),
        close: () => agent.close(),
      };
    },
    debug,
    acceptors: session.acceptors,
    request: (port, requestType, payload) => session.request(port, requestType, payload),
  });
}

/** An agent that knows nothing of sessions still signs; one that is no agent shows it here. */
async function bindSession(session: Session, agent: Agent, isForwarding: boolean): Promise<void> {
  const { firstProof, sessionId } = session.core.transport.keyExchange;
  if (firstProof === undefined || sessionId === undefined) return;
  const { hostKey, signature } = firstProof;
  await agent.bindSession({ hostKey, sessionId, signature, isForwarding });
}

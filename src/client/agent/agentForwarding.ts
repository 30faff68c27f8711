/**
 * A server's programs at the user's agent.
 *
 * Owns: the commands that it is forwarded for, what programs may ask of it (the
 * list of keys, signatures, and to be bound to one more connection), the framing
 * of their requests, and how many may ask at once.
 * Must not know: how commands are started.
 * Sources: OpenSSH PROTOCOL.agent; draft-ietf-sshm-ssh-agent §3, §7.
 */
import { concatBytes, emptyBytes } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { LazyMap } from '../../base/lazyMap.ts';
import type { Acceptors } from '../../endpoint/channels/acceptors.ts';
import type { ChannelPort } from '../../endpoint/channels/channelPort.ts';
import { agentExtension, agentMessageLength, agentNumbers, agentSessionBind } from '../../message/agent.ts';
import { authAgent } from '../../message/channel.ts';
import { authAgentReq } from '../../message/channelRequest.ts';
import { WireReader } from '../../wire/reader.ts';
import { noChannels } from '../session.ts';

/** Programs of one server that are served at once; each has a connection to the agent. */
export const forwardedAgents = 16;

/** An agent as far as it is forwarded. */
export interface ForwardedAgent {
  /** Tells it that the server forwards what it is asked. */
  bind(): Promise<void>;
  /** Passes a message on and returns the answer, both with their numbers. */
  forward(message: Uint8Array): Promise<Uint8Array>;
  close(): void;
}

export interface AgentForwardingOptions {
  readonly open: () => ForwardedAgent;
  readonly debug: (line: string) => void;
  /** Where the server's channels to the agent come in. */
  readonly acceptors: Pick<Acceptors, 'onChannel'>;
  /** Sends a channel request and waits for its answer. */
  readonly request: (port: ChannelPort, requestType: string, payload: Uint8Array) => Promise<void>;
}

/** Requests that are passed on, and the answers each may have. Adding and removing keys is not the server's to do. */
const allowed: ReadonlyMap<number, number> = new Map([
  [agentNumbers.requestIdentities, agentNumbers.identitiesAnswer],
  [agentNumbers.signRequest, agentNumbers.signResponse],
  [agentNumbers.extension, agentNumbers.success],
]);

/**
 * Whether a request is one to pass on. Of the extensions only session-bind is: a
 * program at the server says which host it goes on to, and the agent, which was
 * told that this server forwards, decides whether a key that is restricted to
 * some hosts may be used there. It can only narrow what the agent would sign.
 */
function isAllowed(request: Uint8Array): boolean {
  if (request[0] !== agentNumbers.extension) return allowed.has(request[0] ?? 0);
  try {
    const { extensionType, contents } = agentExtension.decode(new WireReader(request, 1));
    if (extensionType !== agentSessionBind.name) return false;
    agentSessionBind.fromBytes(contents);
    return true;
  } catch {
    return false;
  }
}

const refusal = Uint8Array.of(agentNumbers.failure);

export class AgentForwarding {
  private readonly options: AgentForwardingOptions;
  private readonly served: LazyMap<ServedProgram, true> = new LazyMap();
  /** Commands that were given the agent and have not ended. */
  private readonly users: LazyMap<ChannelPort, true> = new LazyMap();
  private isGranted = false;
  private stopAccepting: () => void = () => {};

  constructor(options: AgentForwardingOptions) {
    this.options = options;
  }

  get isFull(): boolean {
    return this.served.size >= forwardedAgents;
  }

  /**
   * Lets the programs of a command use the user's agent for as long as its channel is open.
   *
   * @throws SshError `ERR_SSH_REQUEST_FAILED` where the server does not forward it
   */
  async forward(port: ChannelPort): Promise<void> {
    if (this.users.size === 0) this.stopAccepting = this.accept();
    this.users.set(port, true);
    void port.closed.then(() => {
      this.users.delete(port);
      if (this.users.size === 0) this.stopAccepting();
    });
    try {
      await this.options.request(port, authAgentReq.name, authAgentReq.toBytes({}));
      this.isGranted = true;
    } catch (error) {
      // OpenSSH's server forwards for the whole connection, and refuses to be asked again.
      const refused = error instanceof SshError && error.code === 'ERR_SSH_REQUEST_FAILED';
      if (!refused || !this.isGranted) throw error;
    }
  }

  private accept(): () => void {
    return this.options.acceptors.onChannel(authAgent.name, (opening) => {
      const port = this.isFull ? undefined : opening.accept();
      if (port === undefined) opening.refuse(noChannels.reasonCode, noChannels.description);
      else this.serve(port);
    });
  }

  /** Serves a channel until it ends. */
  serve(port: ChannelPort): void {
    const program = new ServedProgram(port, this.options);
    this.served.set(program, true);
    void program.run().finally(() => this.served.delete(program));
  }
}

/** One channel and its connection to the agent. */
class ServedProgram {
  private readonly port: ChannelPort;
  private readonly options: AgentForwardingOptions;
  private agent: ForwardedAgent | undefined;
  private unread: Uint8Array = emptyBytes;
  private isOver = false;
  private wake: () => void = () => {};

  constructor(port: ChannelPort, options: AgentForwardingOptions) {
    this.port = port;
    this.options = options;
  }

  async run(): Promise<void> {
    const { port } = this;
    const over = (): void => {
      this.isOver = true;
      this.wake();
    };
    port.data.listen({ readable: () => this.wake(), ended: over, failed: over, aborted: over });
    port.extended.cancel();
    port.outbound.listen(over);
    void port.closed.then(() => {
      over();
      this.agent?.close();
    });
    try {
      for (;;) {
        const request = await this.next();
        if (request === undefined) return;
        const answer = await this.answer(request);
        await this.write(answer);
      }
    } catch (error) {
      this.options.debug(`agent forwarding: ${error instanceof Error ? error.message : String(error)}`);
    } finally {
      this.agent?.close();
      port.close();
    }
  }

  /**
   * The next request; undefined once none will come. While one is worked on
   * nothing is taken from the channel, so that its window holds the server back.
   */
  private async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const request = this.takeRequest();
      if (request !== undefined) return request;
      const chunk = this.port.data.take();
      if (chunk !== undefined) this.unread = concatBytes(this.unread, chunk);
      else if (this.isOver) return undefined;
      else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }

  private takeRequest(): Uint8Array | undefined {
    const { unread } = this;
    if (unread.length < 4) return undefined;
    const length = new DataView(unread.buffer, unread.byteOffset, 4).getUint32(0);
    if (length === 0 || length > agentMessageLength) {
      throw new Error(`the server sent a request of ${length} bytes; 1 to ${agentMessageLength} are taken`);
    }
    if (unread.length < 4 + length) return undefined;
    this.unread = unread.slice(4 + length);
    return unread.slice(4, 4 + length);
  }

  private async answer(request: Uint8Array): Promise<Uint8Array> {
    if (!isAllowed(request)) {
      this.options.debug(`agent forwarding: the server may not ask for message ${request[0]}`);
      return refusal;
    }
    const answer = await (await this.opened()).forward(request);
    return answer[0] === allowed.get(request[0] ?? 0) ? answer : refusal;
  }

  private async opened(): Promise<ForwardedAgent> {
    if (this.agent !== undefined) return this.agent;
    this.agent = this.options.open();
    await this.agent.bind();
    return this.agent;
  }

  private write(answer: Uint8Array): Promise<void> {
    const framed = new Uint8Array(4 + answer.length);
    new DataView(framed.buffer).setUint32(0, answer.length);
    framed.set(answer, 4);
    return new Promise((resolve, reject) => {
      this.port.outbound.write(framed, (error) => (error === undefined ? resolve() : reject(error)));
    });
  }
}

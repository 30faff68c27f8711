/**
 * A server's programs at the user's agent.
 *
 * Owns: what they may ask of it (the list of keys, and signatures), the framing
 * of their requests, and how many may ask at once.
 * Must not know: which commands it is forwarded for, how channels come about.
 * Sources: OpenSSH PROTOCOL.agent; draft-ietf-sshm-ssh-agent §3, §7.
 */
import { concatBytes, emptyBytes } from '../base/bytes.ts';
import { agentMessageLength, agentNumbers } from '../message/agent.ts';
import type { ChannelPort } from './channelPort.ts';

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
}

/** Requests that are passed on, and the answers each may have. Adding and removing keys is not the server's to do. */
const allowed: ReadonlyMap<number, number> = new Map([
  [agentNumbers.requestIdentities, agentNumbers.identitiesAnswer],
  [agentNumbers.signRequest, agentNumbers.signResponse],
]);

const refusal = Uint8Array.of(agentNumbers.failure);

export class AgentForwarding {
  private readonly options: AgentForwardingOptions;
  private readonly served = new Set<ServedProgram>();

  constructor(options: AgentForwardingOptions) {
    this.options = options;
  }

  get isFull(): boolean {
    return this.served.size >= forwardedAgents;
  }

  /** Serves a channel until it ends. */
  serve(port: ChannelPort): void {
    const program = new ServedProgram(port, this.options);
    this.served.add(program);
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
    const expected = allowed.get(request[0] ?? 0);
    if (expected === undefined) {
      this.options.debug(`agent forwarding: the server may not ask for message ${request[0]}`);
      return refusal;
    }
    const answer = await (await this.opened()).forward(request);
    return answer[0] === expected ? answer : refusal;
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

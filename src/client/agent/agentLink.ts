/**
 * One connection to an authentication agent.
 *
 * Owns: the framing of its messages, one request at a time, each under a
 * deadline that is in the table of waits.
 * Must not know: what the messages mean, what kind of link it is.
 * Source: draft-ietf-sshm-ssh-agent §3.
 */
import { concatBytes, copyOf, emptyBytes } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import type { WaitTable } from '../../base/waits.ts';
import type { Clock } from '../../io/clock.ts';
import { DeadlineReader } from '../../io/deadlineReader.ts';
import type { Link, LinkOpener, LinkReceiver } from '../../io/link.ts';
import { agentMessageLength } from '../../message/agent.ts';

export interface AgentLinkOptions {
  readonly open: LinkOpener;
  readonly clock: Clock;
  readonly waits: WaitTable;
  /** Milliseconds for each request, the connecting of the first included. */
  readonly timeout: number;
  /** Of the socket, for messages. */
  readonly path: string;
}

/** What an agent may say before it is asked: nothing, and what it says at all is held for one message. */
const longestUnread = agentMessageLength + 64 * 1024;

export class AgentLink {
  private readonly options: AgentLinkOptions;
  private readonly reader: DeadlineReader;
  private link: Link | undefined;
  private connected = false;
  private unread: Uint8Array = emptyBytes;
  private waiting = 0;
  private queue: Promise<unknown> = Promise.resolve();
  private fault: SshError | undefined;

  constructor(options: AgentLinkOptions) {
    this.options = options;
    this.reader = new DeadlineReader(options.clock);
  }

  /**
   * Sends a message and returns the answer, its number included. Requests are
   * made one after the other.
   *
   * @param detail what is waited for, for reports
   * @throws SshError `ERR_SSH_AGENT`, or `ERR_SSH_TIMEOUT` with `waitingFor` `agent`; the connection is of no more use then
   */
  request(message: Uint8Array, detail: string): Promise<Uint8Array> {
    const answer = this.queue.then(() => this.exchange(message, detail));
    this.queue = answer.catch(() => {});
    return answer;
  }

  /** Requests can be made; false once it was closed, or the agent has failed. */
  get isOpen(): boolean {
    return this.fault === undefined;
  }

  /** Frees everything; a request under way is given up. */
  close(cause: SshError = closedError()): void {
    this.fail(cause);
  }

  private async exchange(message: Uint8Array, detail: string): Promise<Uint8Array> {
    if (this.fault !== undefined) throw this.fault;
    const { clock, waits, timeout } = this.options;
    const started = clock.now();
    // The reader below gives the verdict; a driver that sees the row expire first only takes it out.
    const wait = waits.start('agent', detail, started, timeout, () => waits.finish(wait));
    try {
      this.open();
      let sent = false;
      for (;;) {
        if (this.connected && !sent) {
          this.send(message);
          sent = true;
        }
        const answer = sent ? this.takeMessage() : undefined;
        if (answer !== undefined) return answer;
        const outcome = await this.reader.fill(started + timeout);
        if (this.fault !== undefined) throw this.fault;
        if (outcome === 'expired') throw this.timedOut(detail, started);
        if (outcome === 'ended') throw this.ended();
        for (const chunk of this.reader.take()) this.keep(chunk);
      }
    } catch (error) {
      this.fail(error instanceof SshError ? error : agentError('the agent could not be asked', error));
      throw this.fault;
    } finally {
      waits.finish(wait);
    }
  }

  private open(): void {
    if (this.link !== undefined) return;
    const { reader } = this;
    const received = (chunk: Uint8Array): void => {
      this.waiting += chunk.length;
      // Nobody may be reading: what an idle agent pours in is not kept.
      if (this.waiting > longestUnread) this.fail(tooMuch());
      else reader.push(chunk);
    };
    const receiver: LinkReceiver = {
      connected: () => {
        this.connected = true;
        reader.wake();
      },
      received,
      lent: (chunk) => received(copyOf(chunk)),
      ended: (error) => reader.end(error),
      written: () => {},
      closed: () => reader.end(undefined),
    };
    this.link = this.options.open(receiver);
  }

  private send(message: Uint8Array): void {
    const framed = new Uint8Array(4 + message.length);
    new DataView(framed.buffer).setUint32(0, message.length);
    framed.set(message, 4);
    this.link?.write(framed);
  }

  private keep(chunk: Uint8Array): void {
    this.unread = this.unread.length === 0 ? chunk : concatBytes(this.unread, chunk);
  }

  private takeMessage(): Uint8Array | undefined {
    const { unread } = this;
    if (unread.length < 4) return undefined;
    const length = new DataView(unread.buffer, unread.byteOffset, 4).getUint32(0);
    if (length === 0) throw agentError('the agent answered with an empty message');
    if (length > agentMessageLength) {
      throw agentError(
        `the agent announces an answer of ${length} bytes; at most ${agentMessageLength} are taken`,
      );
    }
    if (unread.length < 4 + length) return undefined;
    if (unread.length > 4 + length) throw agentError('the agent said more than it was asked');
    this.unread = emptyBytes;
    this.waiting = 0;
    return unread.slice(4);
  }

  private ended(): SshError {
    const { error } = this.reader;
    if (!this.connected) {
      return agentError(`the agent at ${this.options.path} cannot be reached${reasonOf(error)}`, error);
    }
    return agentError('the agent closed the connection before it answered', error);
  }

  private timedOut(detail: string, started: number): SshError {
    const { timeout, clock } = this.options;
    return new SshError('ERR_SSH_TIMEOUT', `agent timed out after ${timeout} ms waiting for ${detail}`, {
      phase: 'authentication',
      origin: 'deadline',
      waitingFor: 'agent',
      deadline: timeout,
      elapsed: clock.now() - started,
    });
  }

  private fail(error: SshError): void {
    if (this.fault !== undefined) return;
    this.fault = error;
    this.unread = emptyBytes;
    this.link?.destroy();
    this.reader.close();
    this.reader.take();
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: ': there is no socket of that name',
  ECONNREFUSED: ': nobody listens there any more',
  EACCES: ': this user may not',
  ENAMETOOLONG: ': its path is too long for a socket; use a shorter one, or a link to its folder',
};

/** What the system says, in words. */
function reasonOf(error: Error | undefined): string {
  const { code = '' } = (error ?? {}) as { readonly code?: string };
  return Object.hasOwn(reasons, code) ? (reasons[code] ?? '') : '';
}

function tooMuch(): SshError {
  return agentError(`the agent sent more than ${longestUnread} bytes at once`);
}

function closedError(): SshError {
  return new SshError('ERR_SSH_CLOSED', 'the connection to the agent was closed', {
    phase: 'close',
    origin: 'user',
  });
}

/** The error of an agent that fails or misbehaves. */
export function agentError(message: string, cause?: unknown): SshError {
  return new SshError('ERR_SSH_AGENT', message, { phase: 'authentication', origin: 'local', cause });
}

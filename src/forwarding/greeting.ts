/**
 * A SOCKS greeting over a connection.
 *
 * Owns: feeding the greeting with what comes, sending what it says, its deadline.
 * Must not know: what SOCKS looks like on the wire, which side the program is on.
 */
import { SshError } from '../base/errors.ts';
import type { ByteSink, ByteSource } from '../endpoint/streams.ts';
import type { ForwardingHost } from './host.ts';
import { type SocksReply, type SocksRequest, SocksServer } from './socks/socksServer.ts';

export interface GreetingOptions {
  readonly credentials: { readonly username: string; readonly password: string } | undefined;
  /** Bytes. */
  readonly greetingLength: number;
  readonly host: ForwardingHost;
  readonly signal: AbortSignal;
}

/** A program that has asked for a connection. */
export interface Asked {
  readonly request: SocksRequest;
  /** What the program sent behind its request. */
  readonly rest: Uint8Array;
  /**
   * Resolves when the answer was handed on, within the `request` deadline.
   *
   * @throws SshError `ERR_SSH_TIMEOUT` where the program does not take it; the error that broke its connection
   */
  answer(reply: SocksReply): Promise<void>;
}

/**
 * Reads a greeting, within the `request` deadline. The source is free for
 * another listener then.
 *
 * @throws SshError `ERR_SSH_FORWARD` for what is no greeting; `ERR_SSH_TIMEOUT`
 */
export function greet(source: ByteSource, sink: ByteSink, options: GreetingOptions): Promise<Asked> {
  const { host, signal } = options;
  const socks = new SocksServer(options);
  return new Promise((resolve, reject) => {
    let isOver = false;
    const finish = (): boolean => {
      if (isOver) return false;
      isOver = true;
      host.finishWait(wait);
      signal.removeEventListener('abort', aborted);
      return true;
    };
    const fail = (error: Error): void => {
      if (finish()) reject(error);
    };
    const aborted = (): void => fail(signal.reason as Error);
    const wait = host.startWait('request', 'a SOCKS greeting', host.timeouts.request, () =>
      fail(host.timeoutError(wait)),
    );
    signal.addEventListener('abort', aborted, { once: true });
    const move = (): void => {
      while (!isOver && socks.request === undefined && socks.fault === undefined) {
        const bytes = source.take();
        if (bytes === undefined) break;
        socks.receive(bytes);
      }
      if (isOver) return;
      const { fault, request } = socks;
      const last = fault === undefined ? () => {} : () => fail(greetingError(fault));
      const output = socks.takeOutput();
      if (output !== undefined) sink.write(output, last);
      else last();
      if (request === undefined || !finish()) return;
      resolve({
        request,
        rest: socks.rest,
        answer: (reply) => {
          socks.answer(reply);
          return handedOn(sink, socks.takeOutput(), options);
        },
      });
    };
    sink.listen(fail);
    source.listen({
      readable: move,
      ended: () => {
        move();
        fail(greetingError('the program left before it had asked'));
      },
      failed: fail,
      aborted: fail,
    });
    if (signal.aborted) aborted();
    else move();
  });
}

function handedOn(
  sink: ByteSink,
  bytes: Uint8Array | undefined,
  { host, signal }: GreetingOptions,
): Promise<void> {
  if (bytes === undefined) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const finish = (error?: unknown): void => {
      host.finishWait(wait);
      signal.removeEventListener('abort', aborted);
      if (error === undefined) resolve();
      else reject(error);
    };
    const aborted = (): void => finish(signal.reason);
    const detail = 'a program to take the answer of the SOCKS proxy';
    const wait = host.startWait('request', detail, host.timeouts.request, () =>
      finish(host.timeoutError(wait)),
    );
    signal.addEventListener('abort', aborted, { once: true });
    sink.write(bytes, finish);
    if (signal.aborted) aborted();
  });
}

function greetingError(fault: string): SshError {
  return new SshError('ERR_SSH_FORWARD', `the SOCKS proxy refused a program: ${fault}`, { origin: 'peer' });
}

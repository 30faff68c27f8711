/** A SOCKS greeting over a connection: each wait for the program has an end, whatever the program does. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { Wait } from '../../src/base/waits.ts';
import type { ByteSink, ByteSource, SourceListener } from '../../src/endpoint/streams.ts';
import { type Asked, greet } from '../../src/forwarding/greeting.ts';
import type { ForwardingHost } from '../../src/forwarding/host.ts';
import { socksReplies } from '../../src/forwarding/socks/socksServer.ts';

/** Without authentication to 127.0.0.1:80. */
const greeting = Uint8Array.of(5, 1, 0, 5, 1, 0, 1, 127, 0, 0, 1, 0, 80);

/** A program that has greeted, and may stop reading; and the waits of the connection. */
class Program implements ByteSource, ByteSink {
  readonly waits = new Map<Wait, () => void>();
  readonly writes: ((error?: Error) => void)[] = [];
  readonly abort = new AbortController();
  isReading = true;
  private unread: Uint8Array | undefined = greeting;

  listen(listener: SourceListener | ((error: Error) => void)): void {
    if (typeof listener !== 'function') listener.readable();
  }

  take(): Uint8Array | undefined {
    const { unread } = this;
    this.unread = undefined;
    return unread;
  }

  write(_bytes: Uint8Array, done: (error?: Error) => void): void {
    if (this.isReading) done();
    else this.writes.push(done);
  }

  end(): void {}

  cancel(): void {}

  greeted(): Promise<Asked> {
    const host = {
      timeouts: { request: 1_000 },
      startWait: (name: Wait['name'], detail: string, timeout: number, onExpire: () => void) => {
        const wait = { name, detail, since: 0, timeout, deadline: timeout, onExpire };
        this.waits.set(wait, onExpire);
        return wait;
      },
      finishWait: (wait: Wait) => void this.waits.delete(wait),
      timeoutError: ({ detail }: Wait) => new SshError('ERR_SSH_TIMEOUT', detail, { origin: 'peer' }),
    } as unknown as ForwardingHost;
    const { signal } = this.abort;
    return greet(this, this, { credentials: undefined, greetingLength: 1_024, host, signal });
  }
}

describe('the answer to a program that does not read it', () => {
  it.each([
    [
      'ends by its deadline',
      ({ waits }: Program) => [...waits.values()][0]?.(),
      { code: 'ERR_SSH_TIMEOUT', message: 'a program to take the answer of the SOCKS proxy' },
    ],
    [
      'ends with its forward',
      ({ abort }: Program) => abort.abort(new Error('closed')),
      { message: 'closed' },
    ],
    [
      'ends with the connection to it',
      ({ writes }: Program) => writes[0]?.(new Error('read ECONNRESET')),
      { message: 'read ECONNRESET' },
    ],
    ['may come late', ({ writes }: Program) => writes[0]?.(), undefined],
  ])('%s, and no wait is left', async (_name, happens, expected) => {
    const program = new Program();
    const asked = await program.greeted();
    expect(program.waits.size).toBe(0);
    program.isReading = false;
    const answered = asked.answer(socksReplies.succeeded).catch((error: unknown) => error);
    expect([...program.waits.keys()]).toMatchObject([{ name: 'request', timeout: 1_000 }]);
    happens(program);
    const outcome = await answered;
    if (expected === undefined) expect(outcome).toBeUndefined();
    else expect(outcome).toMatchObject(expected);
    expect(program.waits.size).toBe(0);
  });

  it('is given up at once where the forward has ended by then', async () => {
    const program = new Program();
    const asked = await program.greeted();
    program.isReading = false;
    program.abort.abort(new Error('closed'));
    await expect(asked.answer(socksReplies.notAllowed)).rejects.toThrow('closed');
    expect(program.waits.size).toBe(0);
  });
});

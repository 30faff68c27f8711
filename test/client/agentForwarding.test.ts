import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import { AgentForwarding, forwardedAgents } from '../../src/client/agent/agentForwarding.ts';
import type { ChannelPort } from '../../src/endpoint/channels/channelPort.ts';
import type { SourceListener } from '../../src/endpoint/streams.ts';
import {
  agentExtension,
  agentMessageLength,
  agentNumbers,
  agentSessionBind,
} from '../../src/message/agent.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { framed } from '../support/agents.ts';

const list = Uint8Array.of(agentNumbers.requestIdentities);
const sign = Uint8Array.of(agentNumbers.signRequest, 1, 2, 3);
const keys = Uint8Array.of(agentNumbers.identitiesAnswer, 0, 0, 0, 0);
const failure = framed(Uint8Array.of(agentNumbers.failure));
const session = {
  hostKey: new Uint8Array(51).fill(1),
  sessionId: new Uint8Array(32).fill(2),
  signature: new Uint8Array(83).fill(3),
  isForwarding: false,
};

function extension(extensionType: string, contents: Uint8Array): Uint8Array {
  const writer = new WireWriter();
  agentExtension.encode(writer, { extensionType, contents });
  return writer.copyWritten();
}

/** A channel as far as forwarding needs one: what the server sends, and what it is sent. */
class FakePort {
  sent: Uint8Array = new Uint8Array(0);
  taken = 0;
  isClosed = false;
  readonly closed: Promise<undefined>;
  readonly extended = { cancel: (): void => {} };
  readonly data = {
    listen: (listener: SourceListener): void => {
      this.listener = listener;
    },
    take: (): Uint8Array | undefined => {
      const chunk = this.chunks.shift();
      if (chunk !== undefined) this.taken++;
      return chunk;
    },
  };
  readonly outbound = {
    listen: (): void => {},
    write: (bytes: Uint8Array, done: (error?: Error) => void): void => {
      this.sent = concatBytes(this.sent, bytes);
      done();
    },
  };
  private readonly chunks: Uint8Array[] = [];
  private listener: SourceListener | undefined;
  private resolve: (value: undefined) => void = () => {};

  constructor() {
    this.closed = new Promise((resolve) => {
      this.resolve = resolve;
    });
  }

  say(...chunks: readonly Uint8Array[]): void {
    this.chunks.push(...chunks);
    this.listener?.readable();
  }

  end(): void {
    this.listener?.ended();
  }

  close(): void {
    this.isClosed = true;
    this.resolve(undefined);
  }

  get port(): ChannelPort {
    return this as unknown as ChannelPort;
  }
}

class FakeAgent {
  readonly asked: Uint8Array[] = [];
  isClosed = false;
  bound = 0;
  private readonly reply: (request: Uint8Array) => Promise<Uint8Array>;

  constructor(reply: (request: Uint8Array) => Promise<Uint8Array>) {
    this.reply = reply;
  }

  async bind(): Promise<void> {
    this.bound++;
  }

  forward(request: Uint8Array): Promise<Uint8Array> {
    this.asked.push(request);
    return this.reply(request);
  }

  close(): void {
    this.isClosed = true;
  }
}

function forwarding(agent: FakeAgent): AgentForwarding {
  return new AgentForwarding({
    open: () => agent,
    debug: () => {},
    acceptors: { onChannel: () => () => {} },
    request: async () => {},
  });
}

describe('a forwarded agent', () => {
  it('lists and signs, in order, whatever the chunks, and is bound once', async () => {
    const agent = new FakeAgent(async (request) => Uint8Array.of((request[0] ?? 0) + 1, request.length));
    const one = forwarding(agent);
    const port = new FakePort();
    one.serve(port.port);
    const bytes = concatBytes(framed(list), framed(sign), framed(list));
    port.say(...Array.from(bytes, (byte) => Uint8Array.of(byte)));
    const answers = [list, sign, list].map((request) =>
      framed(Uint8Array.of((request[0] ?? 0) + 1, request.length)),
    );
    await expect.poll(() => port.sent).toEqual(concatBytes(...answers));
    expect(agent.asked).toEqual([list, sign, list]);
    expect(agent.bound).toBe(1);
    port.end();
    await expect.poll(() => [port.isClosed, agent.isClosed]).toEqual([true, true]);
  });

  it('does nothing else: the agent does not even hear of it', async () => {
    const agent = new FakeAgent(async () => keys);
    const port = new FakePort();
    forwarding(agent).serve(port.port);
    const others = Object.values(agentNumbers).filter((number) => number !== 11 && number !== 13);
    for (const number of [...others, 0, 22, 23, 255]) port.say(framed(Uint8Array.of(number, 0, 0)));
    await expect.poll(() => port.sent.length).toBe((others.length + 4) * failure.length);
    expect(agent.asked).toEqual([]);
    expect(port.isClosed).toBe(false);
  });

  it('passes on that it is bound to a further connection, and the answer', async () => {
    const success = Uint8Array.of(agentNumbers.success);
    const agent = new FakeAgent(async (request) => (request[0] === agentNumbers.extension ? success : keys));
    const port = new FakePort();
    forwarding(agent).serve(port.port);
    const bind = extension(agentSessionBind.name, agentSessionBind.toBytes(session));
    port.say(framed(bind), framed(list));
    await expect.poll(() => port.sent).toEqual(concatBytes(framed(success), framed(keys)));
    expect(agent.asked).toEqual([bind, list]);
    // It was told first that this server forwards.
    expect(agent.bound).toBe(1);
  });

  it.each([agentNumbers.failure, agentNumbers.extensionFailure, agentNumbers.extensionResponse])(
    'says failure where an agent answers a bind with %i',
    async (number) => {
      const port = new FakePort();
      forwarding(new FakeAgent(async () => Uint8Array.of(number, 0, 0, 0, 0))).serve(port.port);
      port.say(framed(extension(agentSessionBind.name, agentSessionBind.toBytes(session))));
      await expect.poll(() => port.sent).toEqual(failure);
    },
  );

  it.each<[string, Uint8Array]>([
    ['another extension', extension('query', new Uint8Array(0))],
    ['one that begins with the same name', extension(`${agentSessionBind.name}x`, new Uint8Array(0))],
    [
      'a bind that is cut off',
      extension(agentSessionBind.name, agentSessionBind.toBytes(session).slice(0, -1)),
    ],
    [
      'a bind with more behind it',
      extension(agentSessionBind.name, concatBytes(agentSessionBind.toBytes(session), list)),
    ],
    ['an extension without a name', Uint8Array.of(agentNumbers.extension)],
  ])('passes on no other extension: %s', async (_name, request) => {
    const agent = new FakeAgent(async () => Uint8Array.of(agentNumbers.success));
    const port = new FakePort();
    forwarding(agent).serve(port.port);
    port.say(framed(request));
    await expect.poll(() => port.sent).toEqual(failure);
    expect(agent.asked).toEqual([]);
  });

  it('passes on no answer of another kind than was asked for', async () => {
    const port = new FakePort();
    forwarding(new FakeAgent(async () => Uint8Array.of(agentNumbers.success))).serve(port.port);
    port.say(framed(list));
    await expect.poll(() => port.sent).toEqual(failure);
  });

  it.each<[string, Uint8Array]>([
    ['of no length', new Uint8Array(4)],
    ['one byte longer than is taken', Uint8Array.of(0, 4, 0, 1)],
    ['of a huge length', new Uint8Array(4).fill(255)],
  ])('closes the channel for a request %s', async (_name, bytes) => {
    const agent = new FakeAgent(async () => keys);
    const port = new FakePort();
    forwarding(agent).serve(port.port);
    port.say(bytes);
    await expect.poll(() => port.isClosed).toBe(true);
    expect(agentMessageLength).toBe(0x40000);
    expect(agent.asked).toEqual([]);
  });

  it('takes nothing from the channel while a request is worked on', async () => {
    let answer: (bytes: Uint8Array) => void = () => {};
    const agent = new FakeAgent(
      () =>
        new Promise((resolve) => {
          answer = resolve;
        }),
    );
    const port = new FakePort();
    forwarding(agent).serve(port.port);
    port.say(framed(list));
    await expect.poll(() => agent.asked.length).toBe(1);
    for (let i = 0; i < 100; i++) port.say(framed(list));
    await Promise.resolve();
    expect(port.taken).toBe(1);
    answer(keys);
    await expect.poll(() => agent.asked.length).toBe(2);
  });

  it('whose agent fails closes the channel', async () => {
    const port = new FakePort();
    const agent = new FakeAgent(() => Promise.reject(new Error('gone')));
    forwarding(agent).serve(port.port);
    port.say(framed(list));
    await expect.poll(() => [port.isClosed, agent.isClosed]).toEqual([true, true]);
  });

  it('serves so many programs at once and no more, and has room again when one has ended', async () => {
    const one = forwarding(new FakeAgent(async () => keys));
    const ports = Array.from({ length: forwardedAgents }, () => new FakePort());
    for (const port of ports) {
      expect(one.isFull).toBe(false);
      one.serve(port.port);
    }
    expect(one.isFull).toBe(true);
    ports[0]?.close();
    await expect.poll(() => one.isFull).toBe(false);
  });
});

/** The way to an agent that goes wrong on this side: whatever it is, it is a typed error, and the next request has it too. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { WaitTable } from '../../src/base/waits.ts';
import { AgentLink } from '../../src/client/agent/agentLink.ts';
import type { Link, LinkOpener, LinkReceiver } from '../../src/io/link.ts';
import { VirtualClock } from '../support/virtualClock.ts';

function scene(open?: LinkOpener) {
  const [waits, clock] = [new WaitTable(), new VirtualClock()];
  const written: Uint8Array[] = [];
  const scene = { destroyed: 0, receiver: undefined as LinkReceiver | undefined };
  const link: Partial<Link> = {
    write: (bytes) => {
      written.push(bytes);
      return true;
    },
    destroy: () => void scene.destroyed++,
  };
  const opener: LinkOpener = (receiver) => {
    scene.receiver = receiver;
    return link as Link;
  };
  const agent = new AgentLink({ open: open ?? opener, clock, waits, timeout: 1_000, path: '/agent' });
  return Object.assign(scene, { agent, waits, clock, written });
}

const request = Uint8Array.of(11);
const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const framed = (...bytes: readonly number[]): Uint8Array => Uint8Array.of(0, 0, 0, bytes.length, ...bytes);

describe('a request to an agent', () => {
  it('is framed, and its answer is what the frame holds, in whatever pieces it comes', async () => {
    const one = scene();
    const answers = [one.agent.request(request, 'one'), one.agent.request(Uint8Array.of(13, 1), 'two')];
    await soon();
    expect(one.waits.list().map(({ name, detail }) => [name, detail])).toEqual([['agent', 'one']]);
    one.receiver?.connected();
    await soon();
    for (const byte of framed(12, 0)) {
      one.receiver?.lent(Uint8Array.of(byte));
      await soon();
    }
    expect(await answers[0]).toEqual(Uint8Array.of(12, 0));
    await soon();
    one.receiver?.received(framed(14));
    expect(await answers[1]).toEqual(Uint8Array.of(14));
    expect(one.written).toEqual([framed(11), framed(13, 1)]);
    expect([one.waits.list(), one.agent.isOpen]).toEqual([[], true]);
  });

  it('whose way cannot even be begun fails by a typed error with that as its cause', async () => {
    const fault = new TypeError('no sockets here');
    const { agent, waits } = scene(() => {
      throw fault;
    });
    const failed = { code: 'ERR_SSH_AGENT', message: 'the agent could not be asked', cause: fault };
    const error: unknown = await agent.request(request, 'keys').catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(SshError);
    expect(error).toMatchObject(failed);
    await expect(agent.request(request, 'keys')).rejects.toBe(error);
    expect([agent.isOpen, waits.list()]).toEqual([false, []]);
  });

  it.each<[string, Uint8Array, string]>([
    ['an empty message', framed(), 'the agent answered with an empty message'],
    ['more than one message', new Uint8Array([...framed(12), 1]), 'the agent said more than it was asked'],
    [
      'a length beyond all bounds',
      Uint8Array.of(255, 0, 0, 0),
      'the agent announces an answer of 4278190080 bytes; at most 262144 are taken',
    ],
  ])('that is answered by %s fails, and the way is left', async (_, answer, message) => {
    const one = scene();
    const answered = one.agent.request(request, 'keys');
    await soon();
    one.receiver?.connected();
    one.receiver?.received(answer);
    await expect(answered).rejects.toMatchObject({ code: 'ERR_SSH_AGENT', message });
    expect([one.destroyed, one.agent.isOpen]).toEqual([1, false]);
    one.agent.close();
    expect(one.destroyed).toBe(1);
  });

  it('fails where the agent goes, and the error says whether it was ever there', async () => {
    for (const [isConnected, message, code] of [
      [false, 'the agent at /agent cannot be reached'],
      [false, 'the agent at /agent cannot be reached: there is no socket of that name', 'ENOENT'],
      [false, 'the agent at /agent cannot be reached: nobody listens there any more', 'ECONNREFUSED'],
      [true, 'the agent closed the connection before it answered', 'ENOENT'],
    ] as const) {
      const one = scene();
      const answered = one.agent.request(request, 'keys');
      await soon();
      if (isConnected) one.receiver?.connected();
      const cause = Object.assign(new Error('reset'), { code });
      one.receiver?.ended(cause);
      await expect(answered).rejects.toMatchObject({ code: 'ERR_SSH_AGENT', message, cause });
    }
  });

  it('that nobody waits for any more is given up by its close', async () => {
    const one = scene();
    const answered = one.agent.request(request, 'keys');
    await soon();
    one.agent.close();
    await expect(answered).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED', phase: 'close', origin: 'user' });
    await expect(one.agent.request(request, 'keys')).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED' });
    expect(one.destroyed).toBe(1);
  });
});

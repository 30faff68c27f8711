/** Calls that wait until a session channel is free, in virtual time. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { SessionChannels } from '../../src/client/sessionChannels.ts';
import type { Channel, ChannelState } from '../../src/connection/channel.ts';
import { channelOpenFailure, channelOpenFailureReasons } from '../../src/message/channel.ts';
import type { ServerProcess } from '../../src/server/serverProcess.ts';
import { play, type Scene } from '../support/scene.ts';

/** A server whose commands take as many milliseconds as they say, and how many of them ran at once. */
class Busy {
  most = 0;
  readonly begun: string[] = [];
  private running = 0;
  private sleep: (milliseconds: number) => Promise<void> = () => Promise.resolve();

  readonly exec = async (process: ServerProcess, command: string): Promise<number> => {
    this.begun.push(command);
    this.most = Math.max(this.most, ++this.running);
    const gone = new Promise((resolve) => process.signal.addEventListener('abort', resolve));
    await Promise.race([this.sleep(Number.parseInt(command, 10)), gone]);
    this.running--;
    return 0;
  };

  play(
    story: (scene: Scene) => Promise<void>,
    connect: { readonly maxChannels?: number } = {},
  ): Promise<unknown> {
    return play(
      (scene) => {
        this.sleep = (milliseconds) => scene.world.sleep(milliseconds);
        return story(scene);
      },
      { server: { exec: this.exec }, connect },
    );
  }
}

/** What the client waits for, without what is not a call's. */
function waits({ client }: Scene): string[] {
  return client
    .inspect()
    .waits.map(({ name }) => name)
    .filter((name) => name !== 'write');
}

describe('maxChannels', () => {
  it('of run lets no more commands run at once, in the order in which they were called', async () => {
    const busy = new Busy();
    await busy.play(async ({ client }) => {
      const commands = Array.from({ length: 20 }, (_, index) => `${100 + index} ${index}`);
      const results = await Promise.all(commands.map((command) => client.run(command, { maxChannels: 3 })));
      expect(results.map(({ code }) => code)).toEqual(commands.map(() => 0));
      expect(busy.begun).toEqual(commands);
    });
    expect(busy.most).toBe(3);
  });

  it('of connect is for all session channels, and a call may say another', async () => {
    const busy = new Busy();
    await busy.play(
      async ({ client, world }) => {
        const first = await client.exec('1000');
        first.stdout.resume();
        first.stderr.resume();
        const queued = [client.run('1'), client.exec('2'), client.run('3', { maxChannels: 1 })];
        const above = client.run('4', { maxChannels: 9 });
        await world.sleep(500);
        expect(busy.begun).toEqual(['1000']);
        const [, second] = await Promise.all(queued.slice(0, 2));
        expect(world.clock.now()).toBeGreaterThan(1000);
        expect(await (second as Awaited<typeof first>).exit).toMatchObject({ code: 0 });
        await Promise.all([queued[2], above]);
        // Nobody overtakes those who wait.
        expect(busy.begun).toEqual(['1000', '1', '2', '3', '4']);
      },
      { maxChannels: 1 },
    );
    // The last one has room beside another.
    expect(busy.most).toBe(2);
  });

  it('does not hold up calls that say nothing of it, nor connections through the server', async () => {
    const busy = new Busy();
    await busy.play(async ({ client, world }) => {
      const long = client.run('1000');
      const queued = client.run('1', { maxChannels: 1 });
      await client.run('2');
      const stream = await client.openTcp('echo', 7);
      stream.destroy();
      expect(busy.begun).toEqual(['1000', '2']);
      expect(world.clock.now()).toBeLessThan(1000);
      await Promise.all([long, queued]);
    });
  });

  it('shows the wait, and names it when the time of the call is over', async () => {
    const busy = new Busy();
    await busy.play(async (scene) => {
      const { client, world } = scene;
      const long = client.run('2000');
      await world.sleep(100);
      const queued = client.run('1', { maxChannels: 1, timeout: 500 });
      queued.catch(() => {});
      expect(waits(scene)).toEqual(['command', 'command', 'queue']);
      expect(client.inspect().waits.at(-1)?.waitingFor).toMatch(/a session channel to become free/);
      await expect(queued).rejects.toMatchObject({
        code: 'ERR_SSH_TIMEOUT',
        waitingFor: 'queue',
        elapsed: 500,
        deadline: 500,
        message: expect.stringMatching(/after 500 ms waiting for a session channel to become free/),
      });
      expect(waits(scene)).toEqual(['command']);
      await long;
      expect(busy.begun).toEqual(['2000']);
    });
  });

  it('once it is the turn of a call, the time of the call goes on from its beginning', async () => {
    const busy = new Busy();
    await busy.play(async ({ client, world }) => {
      const long = client.run('400');
      await world.sleep(1);
      const queued = client.run('1000', { maxChannels: 1, timeout: 500 });
      await expect(queued).rejects.toMatchObject({ waitingFor: 'command', elapsed: 500 });
      await long;
    });
  });

  it('lets a call that is aborted go, and the next one come', async () => {
    const busy = new Busy();
    await busy.play(async (scene) => {
      const { client, world } = scene;
      const aborter = new AbortController();
      const long = client.run('1000');
      const aborted = client.run('1', { maxChannels: 1, signal: aborter.signal });
      const next = client.run('2', { maxChannels: 1 });
      const roomy = client.run('3', { maxChannels: 2 });
      aborted.catch(() => {});
      await world.sleep(100);
      aborter.abort();
      await expect(aborted).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
      await Promise.all([long, next, roomy]);
      expect(busy.begun).toEqual(['1000', '2', '3']);
      expect(waits(scene)).toEqual([]);
    });
  });

  it.each(['close', 'lost'] as const)(
    'rejects those that wait when the connection ends (%s)',
    async (how) => {
      const busy = new Busy();
      await busy.play(async ({ client, world }) => {
        const calls = Array.from({ length: 5 }, () => client.run('100000', { maxChannels: 1 }));
        const outcomes = calls.map((call) => call.catch((error: unknown) => error));
        await world.sleep(100);
        if (how === 'close') void client.close();
        else world.network.wires[0]?.client.broken();
        const cause = await client.closed;
        expect(await Promise.all(outcomes)).toEqual(
          calls.map(() => expect.objectContaining({ code: cause.code })),
        );
        expect(busy.begun).toHaveLength(1);
      });
    },
  );

  it('counts a channel that is being opened until the server has refused it, though nobody wants it', async () => {
    const busy = new Busy();
    await busy.play(async (scene) => {
      const { client, world } = scene;
      scene.mute(91);
      const aborter = new AbortController();
      const aborted = client.run('1', { signal: aborter.signal });
      aborted.catch(() => {});
      await world.sleep(100);
      aborter.abort();
      const queued = client.run('2', { maxChannels: 1 });
      await world.sleep(100);
      expect(waits(scene)).toEqual(['queue']);
      scene.unmute();
      const { connectFailed: reasonCode } = channelOpenFailureReasons;
      scene.say(channelOpenFailure, { recipientChannel: 0, reasonCode, description: '', languageTag: '' });
      expect(await queued).toMatchObject({ code: 0 });
    });
  });

  it('counts a channel whose CLOSE was not answered until it is', async () => {
    const busy = new Busy();
    await busy.play(async (scene) => {
      const { client, world } = scene;
      scene.mute(97);
      await client.run('1');
      const queued = client.run('2', { maxChannels: 1, timeout: 10_000 });
      await expect(queued).rejects.toMatchObject({ waitingFor: 'queue' });
      expect(world.clock.now()).toBeGreaterThan(defaultTimeouts.close);
    });
  });
});

/** As much of a channel as is looked at. */
function channelIn(state: ChannelState): Channel {
  return { type: 'session', state } as Channel;
}

describe('the queue', () => {
  it('never lets more begin than there is room for, forgets nobody, and keeps the order', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('enter' as const), max: fc.integer({ min: 1, max: 4 }) }),
      fc.record({
        kind: fc.constantFrom('close' as const, 'expire' as const, 'refuse' as const),
        which: fc.nat(4),
      }),
      fc.record({ kind: fc.constant('giveUp' as const), which: fc.nat(20) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const open: Channel[] = [];
        const begun: number[] = [];
        const gone = new Set<number>();
        const waiting = new Map<number, () => void>();
        const sessions = new SessionChannels();
        const remove = (channel: Channel, how: 'closed' | 'refused'): void => {
          open.splice(open.indexOf(channel), 1);
          channel.state = 'closed';
          sessions[how](channel);
          sessions.advance();
        };
        let count = 0;
        for (const each of steps) {
          if (each.kind === 'enter') {
            const id = count++;
            const giveUp = sessions.enter(each.max, () => {
              expect(open.length).toBeLessThan(each.max);
              const channel = channelIn('opening');
              open.push(channel);
              sessions.asked(channel);
              begun.push(id);
              waiting.delete(id);
            });
            if (giveUp !== undefined) waiting.set(id, giveUp);
          } else if (each.kind === 'giveUp') {
            const [id, giveUp] = [...waiting][each.which] ?? [];
            if (id === undefined || giveUp === undefined) continue;
            waiting.delete(id);
            gone.add(id);
            giveUp();
          } else {
            const channel = open[each.which];
            if (channel === undefined) continue;
            // One whose CLOSE nobody answered is there for the server still.
            if (each.kind === 'expire') sessions.closed(channel);
            else remove(channel, each.kind === 'close' ? 'closed' : 'refused');
          }
          expect(sessions.size).toBe(open.length);
        }
        while (open[0] !== undefined) remove(open[0], 'closed');
        expect(begun).toEqual([...Array(count).keys()].filter((id) => !gone.has(id)));
        expect(sessions.queued).toBe(0);
      }),
    );
  });

  it('lets those behind begin as soon as the one that held them up has gone', () => {
    const sessions = new SessionChannels();
    sessions.asked(channelIn('open'));
    const begun: string[] = [];
    const giveUp = sessions.enter(1, () => begun.push('narrow'));
    sessions.enter(5, () => begun.push('wide'));
    expect(begun).toEqual([]);
    giveUp?.();
    expect(begun).toEqual(['wide']);
  });

  it('has a bound', () => {
    const sessions = new SessionChannels();
    sessions.asked(channelIn('open'));
    for (let i = 0; i < 65_536; i++) sessions.enter(1, () => {});
    expect(() => sessions.enter(1, () => {})).toThrow(expect.objectContaining({ code: 'ERR_SSH_LIMIT' }));
    expect(sessions.queued).toBe(65_536);
  });

  it('takes a refusal for one that raced a close until the server has answered what was sent behind it', () => {
    const sessions = new SessionChannels();
    const first = channelIn('open');
    expect(sessions.asked(first).mayRace).toBe(false);
    first.state = 'closed';
    sessions.closed(first);
    const racing = sessions.asked(channelIn('opening'));
    const beside = sessions.asked(channelIn('opening'));
    expect([racing.mayRace, beside.mayRace]).toEqual([true, true]);
    sessions.answered(racing);
    expect(sessions.asked(channelIn('opening')).mayRace).toBe(false);
  });
});

/**
 * A message that fits in no packet is the fault of the call that asked for it: the
 * call is refused, nothing is sent, and nobody else notices.
 */
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import type { Client } from '../../src/client/client.ts';
import { longestPayload } from '../../src/packet/framing.ts';
import type { ServerProcess } from '../../src/server/serverProcess.ts';
import { patience, rekeyBy } from '../sim/rekeys.ts';
import { World } from '../sim/world.ts';
import { Conversation } from '../support/conversation.ts';
import { play, playIn } from '../support/scene.ts';

const tooLong = 'x'.repeat(262_200);
const refusal = { code: 'ERR_SSH_LIMIT', origin: 'user' };
const longest = longestPayload(defaultLimits.sentPacketLength);
/** Number, recipient channel, type, want reply and the length of the command. */
const execOverhead = 1 + 4 + 4 + 'exec'.length + 1 + 4;

const calls: Record<string, (client: Client) => Promise<unknown>> = {
  run: (client) => client.run(tooLong),
  exec: (client) => client.exec(tooLong),
  'a variable': (client) => client.run('both', { env: { A: 'short', B: tooLong } }),
  'the name of a variable': (client) => client.run('both', { env: { [tooLong]: '' } }),
  'the name of a terminal': (client) => client.shell({ term: tooLong }),
  'a subsystem': (client) => client.subsystem(tooLong),
  'a host': (client) => client.openTcp(tooLong, 22),
  'a path': (client) => client.openUnix(`/${tooLong}`),
};

describe('a call whose message fits in no packet', () => {
  it.each(Object.keys(calls))('is refused, and nothing is sent: %s', async (name) => {
    await play(async ({ client, world }) => {
      const call = calls[name];
      if (call === undefined) throw new Error('no such call');
      const before = client.inspect();
      await expect(call(client)).rejects.toMatchObject(refusal);
      await world.sleep(1000);
      const { packetsSent, channels } = client.inspect();
      expect([packetsSent, channels]).toEqual([before.packetsSent, []]);
      const { code } = await client.run('both');
      expect(code).toBe(3);
    });
  });

  it('is refused as well while a key exchange holds messages back, and by a channel that is open', async () => {
    await play(async ({ client, world }) => {
      const process = await client.exec('echo');
      process.stdout.resume();
      process.stderr.resume();
      const rekeyed = client.rekey();
      await expect(client.run(tooLong)).rejects.toMatchObject(refusal);
      await rekeyed;
      process.stdin.end();
      await world.call('exit', () => process.exit);
      expect(world.calls[0]?.value).toMatchObject({ code: 0 });
    });
  });

  it('one byte less than that arrives whole, at any moment of a key exchange', async () => {
    const most = longest - execOverhead;
    const heard: string[] = [];
    const exec = async (_: ServerProcess, command: string): Promise<number> => {
      heard.push(command);
      return 0;
    };
    for (const rekeys of [{}, { client: { every: 1, moment: 'before' } as const }]) {
      const { stop } = rekeyBy(rekeys);
      await playIn(new World({ seed: 1, server: { exec, limits: patience } }), async (world) => {
        await world.startServer({ exec });
        const client = await world.connect({ limits: patience });
        const command = 'y'.repeat(most);
        expect((await client.run(command)).code).toBe(0);
        expect(heard.splice(0)).toEqual([command]);
        await expect(client.run(`${command}y`)).rejects.toMatchObject(refusal);
        await client.close();
      });
      stop();
    }
  });

  it('goes by limits.sentPacketLength', async () => {
    const limits = { sentPacketLength: 35_000 };
    await play(
      async ({ client }) => {
        await expect(client.run('x'.repeat(35_000))).rejects.toMatchObject(refusal);
        expect((await client.run('both')).code).toBe(3);
      },
      { connect: { limits } },
    );
  });

  it('says how long it would have been, and how long it may be', async () => {
    await play(async ({ client }) => {
      await expect(client.run(tooLong)).rejects.toThrow(
        `the exec request would have ${tooLong.length + execOverhead} bytes, and no more than ${longest} fit in one packet (limits.sentPacketLength); it was not sent`,
      );
    });
  });

  it('of a dial refuses the dial: user names and passwords', async () => {
    await playIn(new World({ seed: 1 }), async (world) => {
      const names: string[] = [];
      await world.startServer({
        authentication: {
          password: (username) => {
            names.push(username);
            return true;
          },
        },
      });
      for (const options of [{ password: tooLong }, { username: tooLong, password: 'short' }]) {
        await expect(world.connect({ privateKey: [], ...options })).rejects.toMatchObject({
          ...refusal,
          phase: 'authentication',
        });
      }
      expect(names).toEqual([]);
    });
  });

  it('of a handler of a server rejects there, and the process can still end', async () => {
    const rejections: unknown[] = [];
    await play(
      async ({ client }) => {
        expect(await client.run('any')).toMatchObject({ signal: 'KILL' });
        expect((await client.run('any')).signal).toBe('KILL');
      },
      {
        server: {
          exec: async (process) => {
            await process.exitWithSignal('KILL', tooLong).catch((error: unknown) => rejections.push(error));
            await process.exitWithSignal('KILL', 'short');
            return 0;
          },
        },
      },
    );
    expect(rejections).toMatchObject([refusal, refusal]);
  });
});

describe('the core, whoever drives it', () => {
  it('takes no number for a channel and expects no answer to a request that was not said', () => {
    const { conversation, channel } = Conversation.withChannel();
    const { connection } = conversation.client.at(0);
    const long = new Uint8Array(262_200);
    const waits = conversation.client.waits.size;
    expect(() => connection.open('session', long)).toThrow(expect.objectContaining(refusal));
    expect(() => connection.request('x@y', long, true)).toThrow(expect.objectContaining(refusal));
    expect(() => channel.request('exec', long, true)).toThrow(expect.objectContaining(refusal));
    expect([connection.list().length, channel.pendingRequests, conversation.client.waits.size]).toEqual([
      1,
      0,
      waits,
    ]);
    // The number is the next one's.
    expect(connection.open('session', new Uint8Array(0)).localId).toBe(1);
    conversation.exchange();
    expect([conversation.cause, conversation.server.cause]).toEqual([undefined, undefined]);
    // A packet that was begun and forgotten does not stand in the way of new keys.
    expect(() => connection.request('x@y', long, false)).toThrow(expect.objectContaining(refusal));
    conversation.client.rekey();
    conversation.exchange();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
  });
});

/**
 * The functions of a server's user: what they are told, how often they are asked,
 * and that those which never answer, or answer nobody, cost nothing.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type Client, type ConnectOptions, connect } from '../../src/entry/index.ts';
import type { ServerOptions } from '../../src/entry/server.ts';
import { ptyReq, subsystem, windowChange } from '../../src/message/channelRequest.ts';
import { type Embedded, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { RawClient } from '../support/rawClient.ts';
import { nothingIsLeft } from '../support/servers/index.ts';
import { uncaughtIn } from '../support/uncaught.ts';

afterEach(nothingIsLeft);

const start = (options: Partial<ServerOptions>): Promise<Embedded> =>
  startEmbedded({ hostKeys: keyText('ed25519'), authentication: { none: () => true }, ...options });

const dial = ({ port }: Embedded, more: ConnectOptions = {}): Promise<Client> =>
  connect({
    host: '127.0.0.1',
    port,
    username: 'ops',
    auth: ['none'],
    verifyHostKey: acceptAnyHostKey(),
    ...more,
  });

const never = (): Promise<never> => new Promise(() => {});

describe('onDebug of a server', () => {
  it('is told what happens, each line with the address of its client', async () => {
    const lines: string[] = [];
    await using server = await start({ onDebug: (line) => lines.push(line) });
    await using client = await dial(server);
    await client.run('greet you');
    expect(lines).not.toHaveLength(0);
    for (const line of lines) expect(line).toMatch(/^127\.0\.0\.1:\d+: ./);
    expect(lines.filter((line) => /keys exchanged: /.test(line))).toHaveLength(1);
    expect(new Set(lines.map((line) => line.split(': ')[0])).size).toBe(1);
  });

  it('may throw: that is told to onError, and the client is served', async () => {
    const fault = new Error('of the listener');
    await using server = await start({
      onDebug: () => {
        throw fault;
      },
    });
    await using client = await dial(server);
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
    expect(server.faults).not.toHaveLength(0);
    expect(new Set(server.faults)).toEqual(new Set([fault]));
  });
});

describe('a callback that asks questions', () => {
  it('may turn to something else, though its client leaves without an answer', async () => {
    let asked: () => void = () => {};
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve;
    });
    const { rejections } = await uncaughtIn(async () => {
      await using server = await start({
        authentication: {
          keyboardInteractive: (_username, ask) => {
            // Nobody looks at these answers.
            void ask({ prompts: [{ prompt: '?', echo: true }] });
            asked();
            return never();
          },
        },
      });
      const leaving = new AbortController();
      const dialled = dial(server, {
        auth: undefined,
        keyboardInteractive: never,
        signal: leaving.signal,
      });
      await isAsked;
      await sleep(0);
      leaving.abort();
      await expect(dialled).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
      await expect.poll(() => server.server.connections()).toEqual([]);
    });
    expect(rejections).toEqual([]);
  });
});

describe('the function sftp of a server', () => {
  it('is asked once for a channel, whatever is asked of that channel later', async () => {
    let calls = 0;
    await using server = await start({
      sftp: () => {
        calls++;
        return never();
      },
    });
    using client = new RawClient(server.port);
    client.onEvent = (event) => {
      if (event.type === 'hostKey') client.core.acceptHostKey();
      if (event.type === 'methodWanted') client.core.attempt({ method: 'none' });
      if (event.type === 'ready') client.core.connection.open('session', new Uint8Array(0));
      if (event.type !== 'channelOpened') return;
      const terminal = { term: 'vt100', columns: 80, rows: 24, widthPixels: 0, heightPixels: 0 };
      const { channel } = event;
      channel.request(
        ptyReq.name,
        ptyReq.toBytes({ ...terminal, encodedTerminalModes: new Uint8Array(0) }),
        true,
      );
      channel.request(subsystem.name, subsystem.toBytes({ subsystemName: 'sftp' }), true);
      // A terminal may change its size: the server grants that as well.
      for (const columns of [100, 120]) {
        channel.request(windowChange.name, windowChange.toBytes({ ...terminal, columns }), true);
      }
    };
    const answers = (): boolean[] =>
      client.events.flatMap((event) => (event.type === 'channelRequestAnswered' ? [event.success] : []));
    await expect.poll(answers, { timeout: 10_000 }).toEqual([true, true, true, true]);
    await expect.poll(() => calls).toBeGreaterThan(0);
    await sleep(0);
    expect(calls).toBe(1);
  });

  it('has its time; then the channel ends, and nothing is waited for', async () => {
    await using server = await start({ sftp: never, timeouts: { request: 100 } });
    await using client = await dial(server);
    const channel = await client.subsystem('sftp');
    channel.resume();
    channel.on('error', () => {});
    await new Promise((resolve) => channel.once('close', resolve));
    expect(server.faults).toEqual([
      expect.objectContaining({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'request' }),
    ]);
    const [connection] = server.server.connections();
    expect(connection?.inspect().waits.filter(({ name }) => name === 'request')).toEqual([]);
  });
});

/**
 * A client that stops at any phase is dropped by its deadline, and the error
 * says which; the server goes on with others.
 */
import { connect } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import { acceptAnyHostKey, connect as connectClient } from '../../src/entry/index.ts';
import type { ServerOptions } from '../../src/entry/server.ts';
import { messageNumbers } from '../../src/message/numbers.ts';
import { everyMethod, password, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { IdleTimer } from '../support/idleTimer.ts';
import { RawClient } from '../support/rawClient.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

afterEach(nothingIsLeft);

const short: Partial<ServerOptions> = {
  hostKeys: keyText('ed25519'),
  loginTimeout: 1_500,
  timeouts: { identification: 300, keyExchange: 600, close: 300 },
};

/** The first fault the server reports, of a client that does what is given and then nothing. */
async function faultOf(
  begin: (port: number) => Disposable,
  options: Partial<ServerOptions> = {},
): Promise<SshError> {
  using idle = new IdleTimer();
  const started = performance.now();
  /** What the fault may have taken at most, at the time when it came. */
  let allowed = Number.NaN;
  const faults: unknown[] = [];
  await using server = await startEmbedded({
    ...short,
    ...options,
    onError: (error) => {
      const { deadline = Number.NaN, elapsed = Number.NaN } = error as SshError;
      allowed = idle.allowed(deadline, performance.now() - elapsed);
      faults.push(error);
    },
  });
  using client = begin(server.port);
  await expect.poll(() => faults.length, { timeout: 10_000 }).toBe(1);
  expect(client).toBeDefined();
  await expect.poll(() => server.server.connections().length).toBe(0);
  const fault = faults[0] as SshError;
  expect(fault).toMatchObject({ code: 'ERR_SSH_TIMEOUT', origin: 'deadline' });
  expect(performance.now() - started).toBeGreaterThan((fault.deadline ?? Number.NaN) - 5);
  expect(fault.elapsed).toBeLessThan(allowed);
  return fault;
}

function bare(port: number, ...lines: string[]): Disposable {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => {});
  for (const line of lines) socket.write(line);
  return { [Symbol.dispose]: () => socket.destroy() };
}

/** Goes on until the event, and does nothing about it. */
function until(port: number, type: string): RawClient {
  const client = new RawClient(port);
  client.onEvent = (event) => {
    if (event.type === type) client.core.takeOutput = () => undefined;
    else if (event.type === 'hostKey') client.core.acceptHostKey();
  };
  return client;
}

describe('a client that stops', () => {
  it('before its identification', async () => {
    const fault = await faultOf((port) => bare(port));
    expect(fault).toMatchObject({ phase: 'identification', waitingFor: 'identification', deadline: 300 });
  });

  it('in the midst of it, and drips', async () => {
    const fault = await faultOf((port) => {
      const client = connect({ host: '127.0.0.1', port });
      client.on('error', () => {});
      const timer = setInterval(() => client.write('S'), 40);
      return {
        [Symbol.dispose]: () => {
          clearInterval(timer);
          client.destroy();
        },
      };
    });
    expect(fault).toMatchObject({ phase: 'identification', waitingFor: 'identification', deadline: 300 });
  });

  it('before its KEXINIT', async () => {
    const fault = await faultOf((port) => bare(port, 'SSH-2.0-mute\r\n'));
    expect(fault).toMatchObject({ phase: 'keyExchange', waitingFor: 'keyExchange', deadline: 600 });
    expect(fault.message).toContain('SSH_MSG_KEXINIT');
  });

  it('before its NEWKEYS', async () => {
    const fault = await faultOf((port) => until(port, 'hostKey'));
    expect(fault).toMatchObject({ phase: 'keyExchange', waitingFor: 'keyExchange' });
    expect(fault.message).toContain('SSH_MSG_NEWKEYS');
  });

  it('before it asks for authentication', async () => {
    const fault = await faultOf((port) => {
      const client = until(port, 'never');
      const { transport } = client.core;
      const send = transport.send.bind(transport);
      transport.send = (message, value) => {
        if (message.number !== messageNumbers.serviceRequest) send(message, value);
      };
      return client;
    });
    expect(fault).toMatchObject({ phase: 'authentication', waitingFor: 'dial', deadline: 1_500 });
  });

  it('before any request of authentication', async () => {
    const fault = await faultOf((port) => until(port, 'methodWanted'));
    expect(fault).toMatchObject({ phase: 'authentication', waitingFor: 'dial', deadline: 1_500 });
    expect(fault.message).toContain('the client to authenticate');
  });

  it('before it answers a question', async () => {
    const { keyboardInteractive } = everyMethod;
    let given: unknown;
    const fault = await faultOf(
      (port) => {
        const client = until(port, 'promptsWanted');
        const { onEvent } = client;
        client.onEvent = (event) => {
          onEvent(event);
          if (event.type === 'methodWanted')
            client.core.attempt({ method: 'keyboard-interactive', submethods: '' });
        };
        return client;
      },
      {
        authentication: {
          keyboardInteractive: async (username, ask, context) => {
            try {
              return (await keyboardInteractive?.(username, ask, context)) ?? false;
            } catch (error) {
              given = error;
              return false;
            }
          },
        },
      },
    );
    expect(fault).toMatchObject({ phase: 'authentication', waitingFor: 'dial' });
    expect(given).toBe(fault);
  });

  it('never, and only ever tries wrong passwords, is cut off by rounds', async () => {
    await using server = await startEmbedded({
      ...short,
      loginTimeout: 20_000,
      limits: { authenticationRounds: 5 },
    });
    using client = new RawClient(server.port);
    client.onEvent = (event) => {
      if (event.type === 'hostKey') client.core.acceptHostKey();
      if (event.type === 'methodWanted') client.core.attempt({ method: 'password', password: 'wrong' });
    };
    await client.closed;
    await expect
      .poll(() => server.faults)
      .toMatchObject([{ code: 'ERR_SSH_LIMIT', phase: 'authentication' }]);
  });

  it('once it is in, is found out by keep-alive', async () => {
    const fault = await faultOf(
      (port) => {
        const client = new RawClient(port);
        client.onEvent = (event) => {
          if (event.type === 'hostKey') client.core.acceptHostKey();
          if (event.type === 'methodWanted') client.core.attempt({ method: 'password', password });
          if (event.type === 'authenticated') client.core.takeOutput = () => undefined;
        };
        return client;
      },
      { keepAlive: { interval: 100, maxMissed: 2 }, loginTimeout: 10_000 },
    );
    expect(fault).toMatchObject({ phase: 'connection', waitingFor: 'keepAlive', deadline: 100 });
  });

  it('does not hold up those that go on', async () => {
    await using server = await startEmbedded({ ...short, timeouts: { identification: 5_000 } });
    const idle = Array.from({ length: 20 }, () => bare(server.port));
    await using client = await connectClient({
      host: '127.0.0.1',
      port: server.port,
      username: 'ops',
      password,
      verifyHostKey: acceptAnyHostKey(),
    });
    expect(await client.run('greet you')).toMatchObject({ code: 7 });
    for (const each of idle) each[Symbol.dispose]();
  });
});

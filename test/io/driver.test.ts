/** A driver with a link in the hands of the test: calls, events, phases, what it tells and what it shows. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { utf8Encode } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { Driver } from '../../src/io/driver.ts';
import type { DriverOptions } from '../../src/io/driverOptions.ts';
import type { Link } from '../../src/io/link.ts';
import { type ConnectionObserver, liveConnections, observeConnections } from '../../src/io/registry.ts';
import type { SftpSnapshot } from '../../src/io/snapshots.ts';
import { ClientProtocol } from '../../src/protocol/client.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const provider = createEagerNobleProvider({ randomBytes: (length) => new Uint8Array(length) });
const known = { localAddress: '1.1.1.1', localPort: 1, remoteAddress: '2.2.2.2', remotePort: 2 };

function made(
  more: Partial<DriverOptions<ClientProtocol>> = {},
  handle: (event: unknown) => void = () => {},
) {
  const clock = new VirtualClock();
  const waits = new WaitTable();
  const written: Uint8Array[] = [];
  const deeds: string[] = [];
  const link: Link = {
    write: (bytes) => written.push(bytes) > 0,
    unsentBytes: () => 0,
    writeBacklog: () => 0,
    end: () => void deeds.push('end'),
    destroy: () => void deeds.push('destroy'),
    addresses: () => known,
    progress: () => 'nobody answers',
  };
  const driver: Driver<ClientProtocol> = new Driver(
    {
      clock,
      waits,
      timeouts: defaultTimeouts,
      open: () => link,
      createCore: (now) =>
        new ClientProtocol({
          username: 'ops',
          provider,
          preferences: defaultPreferences,
          limits: defaultLimits,
          timeouts: defaultTimeouts,
          keepAlive: undefined,
          rekey: defaultRekeyPolicy,
          identification: identificationLine('test'),
          requireStrict: false,
          waits,
          now,
        }),
      role: 'client',
      target: { host: 'host', port: 22 },
      openedAt: 'at somewhere',
      ...more,
    },
    { handle, ended: (cause) => void deeds.push(`ended ${cause.code}`) },
  );
  const settle = (): Promise<void> => clock.run({ until: clock.now() });
  return { driver, clock, waits, link, written, deeds, settle };
}

type Made = ReturnType<typeof made>;
const over = async ({ driver, settle }: Made): Promise<void> => {
  driver.destroy(new SshError('ERR_SSH_CLOSED', 'over'));
  driver.closed();
  await settle();
};

/** What observers were told of. */
let told: string[] = [];
let stop = (): void => {};
beforeEach(() => {
  told = [];
  const observer: ConnectionObserver = {
    opened: ({ id }) => void told.push(`opened ${liveConnections().some((each) => each.id === id)}`),
    phaseChanged: (_each, from, to, elapsed) => void told.push(`${from} to ${to} after ${elapsed}`),
    waitExpired: (_each, { name, elapsed }) => void told.push(`${name} expired after ${elapsed}`),
    ended: ({ id }, { code }, { age }) =>
      void told.push(`${code} at ${age} ${liveConnections().some((each) => each.id === id)}`),
    transferStarted: (_each, kind) => void told.push(`${kind} started`),
    transferEnded: (_each, { kind, outcome }) => void told.push(`${kind} ${outcome}`),
    sftpEnded: (_each, { channel, fileNames }) => void told.push(`sftp ${channel} ${fileNames}`),
  };
  stop = observeConnections(observer);
});
afterEach(() => {
  stop();
  expect(liveConnections()).toEqual([]);
});

describe('a connection', () => {
  it('tells of its phases, with what each took, and is live until nothing is left of it', async () => {
    const scene = made();
    const { driver, clock, settle } = scene;
    expect([told, driver.phase, driver.isLive]).toEqual([[], 'connect', false]);
    driver.start();
    clock.block(30);
    driver.connected();
    await settle();
    expect([driver.phase, driver.isLive]).toEqual(['identification', true]);
    clock.block(20);
    driver.received(utf8Encode('SSH-2.0-x\r\n'));
    await settle();
    expect(driver.phase).toBe('keyExchange');
    clock.block(10);
    await over(scene);
    expect([driver.phase, driver.isLive]).toEqual(['close', false]);
    expect(told).toEqual([
      'opened true',
      'connect to identification after 30',
      'identification to keyExchange after 20',
      'keyExchange to close after 10',
      'ERR_SSH_CLOSED at 60 false',
    ]);
    expect(await driver.over).toBe(driver.cause);
  });

  it('says to which host its error happened, where one was dialled', async () => {
    const dialled = made();
    dialled.driver.start();
    await over(dialled);
    expect(dialled.driver.cause).toMatchObject({ host: 'host', port: 22, message: 'host:22: over' });
    const accepted = made({ target: '1.2.3.4:5' });
    accepted.driver.start();
    await over(accepted);
    expect(accepted.driver.cause?.message).toBe('over');
    expect(accepted.driver.cause).not.toHaveProperty('host');
  });

  it('whose link cannot be opened ends, and is told of as any other', async () => {
    const scene = made({
      open: () => {
        throw new Error('no descriptors');
      },
    });
    scene.driver.start();
    await scene.settle();
    expect(scene.driver.cause).toMatchObject({
      code: 'ERR_SSH_CONNECT',
      phase: 'connect',
      message: 'cannot connect to host:22: no descriptors',
    });
    expect(scene.deeds).toEqual(['ended ERR_SSH_CONNECT']);
    expect(told.at(-1)).toBe('ERR_SSH_CONNECT at 0 false');
    expect(await scene.driver.over).toBe(scene.driver.cause);
  });

  it('that does not come up in time says what is known of the way', async () => {
    const scene = made();
    scene.driver.start();
    scene.waits.start('connect', 'TCP', 0, 500);
    scene.driver.touch();
    await scene.clock.run({ until: 1_000 });
    expect(scene.driver.cause).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      message: 'timed out after 500 ms connecting to host:22: nobody answers',
      waitingFor: 'connect',
      elapsed: 500,
    });
    expect(scene.deeds).toEqual(['ended ERR_SSH_TIMEOUT', 'destroy']);
    scene.driver.closed();
    await scene.settle();
    expect(told).toContain('connect expired after 500');
  });

  it('tells a wait of its own before it is up, and goes on', async () => {
    const scene = made();
    scene.driver.start();
    const expired: string[] = [];
    const wait = scene.waits.start('proxyCommand', 'a look-up', 0, 100, () => {
      scene.waits.finish(wait);
      expired.push('told');
    });
    scene.driver.touch();
    await scene.clock.run({ until: 200 });
    expect([expired, scene.driver.cause]).toEqual([['told'], undefined]);
    await over(scene);
  });
});

describe('the end of a connection', () => {
  it('is told to everybody who asks for it, before and after', async () => {
    const scene = made();
    scene.driver.start();
    scene.driver.connected();
    const [first, second] = [scene.driver.over, scene.driver.over];
    expect(first).toBe(second);
    await over(scene);
    expect(await Promise.all([first, second, scene.driver.over])).toEqual([
      scene.driver.cause,
      scene.driver.cause,
      scene.driver.cause,
    ]);
    const late = made();
    late.driver.start();
    await over(late);
    expect(await late.driver.over).toBe(late.driver.cause);
  });

  it('frees what the core holds', async () => {
    const scene = made();
    scene.driver.start();
    scene.driver.connected();
    scene.driver.received(utf8Encode('SSH-2'));
    await scene.settle();
    expect(scene.driver.core?.bufferedInput).toBe(5);
    await over(scene);
    expect(scene.driver.core?.bufferedInput).toBe(0);
  });
});

describe('a call on a connection', () => {
  it('is refused before it is up and after its end, with the reason', async () => {
    const scene = made();
    const { driver } = scene;
    driver.start();
    expect(() => driver.act(() => 1)).toThrow('not connected yet');
    driver.quietly(() => told.push('never'));
    driver.connected();
    expect(driver.act(() => 5)).toBe(5);
    const cause = new SshError('ERR_SSH_DECODE', 'bad');
    // The core ends ahead of the driver.
    driver.act((core) => core.fail(cause));
    expect(() => driver.act(() => 1)).toThrow(cause);
    driver.quietly(() => told.push('never'));
    await scene.settle();
    expect(() => driver.act(() => 1)).toThrow(driver.cause);
    driver.closed();
    await scene.settle();
    expect(told).not.toContain('never');
  });

  it('has the time of the clock, and what it says goes out behind it', async () => {
    const scene = made();
    const { driver, clock, written } = scene;
    driver.start();
    driver.connected();
    await scene.settle();
    const { length } = written;
    clock.block(77);
    expect(driver.act((core) => core.now)).toBe(77);
    clock.block(1);
    driver.quietly((core) => told.push(`at ${core.now}`));
    expect(told.at(-1)).toBe('at 78');
    driver.received(utf8Encode('SSH-2.0-x\r\n'));
    await scene.settle();
    driver.act((core) => core.transport.disconnect(11, 'bye'));
    expect(written.length).toBeGreaterThanOrEqual(length);
    const before = written.length;
    await scene.settle();
    expect(written.length).toBe(before + 1);
    await over(scene);
  });

  it('that throws where nobody listens ends the connection, and one that is asked for throws', async () => {
    const scene = made();
    const { driver } = scene;
    driver.start();
    driver.connected();
    const fault = new SshError('ERR_SSH_LIMIT', 'too much');
    expect(() =>
      driver.act(() => {
        throw fault;
      }),
    ).toThrow(fault);
    expect(driver.isLive).toBe(true);
    driver.quietly(() => {
      throw fault;
    });
    await scene.settle();
    expect(driver.cause).toBe(fault);
    driver.closed();
    await scene.settle();
  });

  it('is followed by one turn, however many calls there are', async () => {
    let turns = 0;
    const scene = made();
    const { driver } = scene;
    driver.start();
    driver.connected();
    await scene.settle();
    const { core } = driver;
    if (core === undefined) throw new Error('it is not up');
    const takeOutput = core.takeOutput.bind(core);
    core.takeOutput = () => {
      turns++;
      return takeOutput();
    };
    for (let calls = 0; calls < 5; calls++) driver.touch();
    expect(turns).toBe(0);
    await scene.settle();
    expect(turns).toBe(1);
    await over(scene);
  });
});

describe('a listener', () => {
  it('that throws ends the connection by what it threw, once', async () => {
    const fault = new SshError('ERR_SSH_CALLBACK', 'not ours', { origin: 'user' });
    const seen: string[] = [];
    const scene = made({}, (event) => {
      seen.push((event as { readonly type: string }).type);
      throw fault;
    });
    const { driver } = scene;
    driver.start();
    driver.connected();
    driver.received(utf8Encode('SSH-2.0-x\r\n'));
    await scene.settle();
    expect([seen[0], driver.cause]).toEqual(['identified', fault]);
    expect(seen).not.toContain('ended');
    expect(scene.deeds).toEqual(['ended ERR_SSH_CALLBACK', 'destroy']);
    driver.closed();
    await scene.settle();
  });
});

describe('an event', () => {
  it('that what is sent brings about is told of in the same turn', async () => {
    const seen: string[] = [];
    const scene = made({}, (event) => void seen.push((event as { readonly type: string }).type));
    const { driver } = scene;
    driver.start();
    driver.connected();
    await scene.settle();
    const { core } = driver;
    if (core === undefined) throw new Error('it is not up');
    const takeOutput = core.takeOutput.bind(core);
    core.takeOutput = () => {
      if (seen.length === 0) core.queueEvent({ type: 'ready' });
      return takeOutput();
    };
    driver.touch();
    await scene.settle();
    expect(seen).toEqual(['ready']);
    await over(scene);
  });
});

describe('what a connection shows', () => {
  it('is where it leads, also once its link is gone', async () => {
    const scene = made();
    const { driver } = scene;
    expect(driver.addresses()).toBeUndefined();
    driver.start();
    driver.connected();
    scene.clock.block(40);
    expect(driver.addresses()).toBe(known);
    expect(driver.snapshot()).toMatchObject({
      ...{ id: driver.id, role: 'client', target: 'host:22', addresses: known, age: 40 },
      ...{ phase: 'identification', openedAt: 'at somewhere', forwards: [], sftp: [] },
    });
    await over(scene);
    expect(driver.addresses()).toBe(known);
  });

  it('are the sessions of SFTP that run on it, each until it is over', async () => {
    const scene = made();
    const { driver } = scene;
    driver.start();
    driver.connected();
    const session =
      (channel: number) =>
      (withNames: boolean): SftpSnapshot => ({
        ...{
          channel,
          openHandles: 0,
          requests: 0,
          queuedRequests: 0,
          bytesRead: 0,
          bytesWritten: 0,
          filesOpened: 0,
        },
        ...{ transfers: [], fileNames: withNames ? ['/a'] : undefined },
      });
    const [one, two] = [driver.showSftp(session(1)), driver.showSftp(session(2))];
    expect(driver.snapshot().sftp).toMatchObject([
      { channel: 1, fileNames: undefined },
      { channel: 2, fileNames: undefined },
    ]);
    expect(driver.snapshot({ fileNames: true }).sftp).toMatchObject([
      { fileNames: ['/a'] },
      { fileNames: ['/a'] },
    ]);
    one.transferStarted('put');
    one.transferEnded({ kind: 'put', outcome: 'failed', elapsed: 1, files: 0, bytes: 0 });
    one.over();
    one.over();
    expect(told.slice(-3)).toEqual(['put started', 'put failed', 'sftp 1 undefined']);
    expect(driver.snapshot().sftp).toMatchObject([{ channel: 2 }]);
    two.over();
    expect(driver.snapshot().sftp).toEqual([]);
    await over(scene);
  });
});

describe('memory that is lent', () => {
  it('is read at once where nothing came before it, and copied where something did', async () => {
    const scene = made();
    const { driver } = scene;
    driver.start();
    const lent = utf8Encode('SSH-2.0-early\r\n');
    // Before the protocol is there nobody can read it.
    driver.lent(lent);
    lent.fill(0x20);
    driver.connected();
    await scene.settle();
    expect(driver.core?.transport.remote?.softwareVersion).toBe('early');
    const { core } = driver;
    const before = core?.bytesReceived ?? 0;
    // The beginning of a packet of 1,028 bytes.
    driver.lent(Uint8Array.of(0, 0));
    expect(core?.bytesReceived).toBe(before + 2);
    driver.received(Uint8Array.of(4, 4, 4));
    driver.lent(new Uint8Array(4));
    expect(core?.bytesReceived).toBe(before + 2);
    await scene.settle();
    expect(core?.bytesReceived).toBe(before + 9);
    await over(scene);
    driver.received(new Uint8Array(3));
    await scene.settle();
    expect(core?.bytesReceived).toBe(before + 9);
  });
});

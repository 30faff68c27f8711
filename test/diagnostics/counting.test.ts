/**
 * What is counted and told of connections, on a virtual clock.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { describe, expect, it } from 'vitest';
import {
  type DiagnosticsEventName,
  diagnosticsEvents,
  eventPublisher,
} from '../../src/diagnostics/events.ts';
import { formatMetrics } from '../../src/diagnostics/exposition.ts';
import { Metrics } from '../../src/diagnostics/metrics.ts';
import { type MetricName, metricTable } from '../../src/diagnostics/metricTable.ts';
import { observeConnections } from '../../src/io/registry.ts';
import { publishConnectionEvents } from '../../src/node/diagnosticsChannel.ts';
import type { Host } from '../sim/network.ts';
import { wholeLife } from '../sim/stories.ts';
import { World, type WorldOptions } from '../sim/world.ts';

publishConnectionEvents();

/** Plays a story while metrics count. */
async function count(
  story: (world: World) => Promise<void>,
  options: Partial<WorldOptions> = {},
): Promise<Metrics> {
  const metrics = new Metrics();
  const world = new World({ seed: 1, ...options });
  const over = await world.play(async () => {
    await world.startServer();
    await story(world);
    await world.server?.close();
  });
  expect(over).toBe(true);
  metrics.stop();
  return metrics;
}

/** The samples of a metric as `label=value,…: number`, those that are not 0. */
function samples(metrics: Metrics, name: MetricName): Readonly<Record<string, number>> {
  const entries = metrics
    .family(name)
    .samples.map(({ suffix, labels, value }): [string, number] => [
      `${Object.values(labels).join(' ')}${suffix}`,
      value,
    ]);
  return Object.fromEntries(entries.filter(([, value]) => value !== 0));
}

const manners: Readonly<Record<string, Host['manner']>> = {
  silent: 'silent',
  hole: 'blackhole',
  closed: 'refuse',
};

const hostOf = (name: string): Host => ({ manner: manners[name] ?? 'serve' });

describe('metrics', () => {
  it('count dials by result and by the phase they got to', async () => {
    const metrics = await count(
      async (world) => {
        const aborter = new AbortController();
        const dials = ['silent', 'silent', 'hole', 'closed', 'server'].map((host) =>
          world.call(host, () => world.connect({ host })),
        );
        const aborted = world.call('aborted', () =>
          world.connect({ host: 'silent', signal: aborter.signal }),
        );
        const refused = world.call('refused', () => world.connect({ verifyHostKey: () => false }));
        await world.sleep(100);
        aborter.abort();
        await Promise.all([...dials, aborted, refused]);
        await (await dials[4])?.close();
      },
      { hostOf },
    );
    expect(samples(metrics, 'deadline_ssh_dials_total')).toEqual({
      'deadline identification': 2,
      'deadline connect': 1,
      'network connect': 1,
      'ready connection': 1,
      'user identification': 1,
      'user keyExchange': 1,
    });
    expect(samples(metrics, 'deadline_ssh_accepts_total')).toMatchObject({ 'ready connection': 1 });
    expect(samples(metrics, 'deadline_ssh_waits_expired_total')).toEqual({ identification: 2, connect: 1 });
  });

  it('count bytes of both directions, those of live connections too', async () => {
    let meanwhile = 0;
    const metrics = await count(async (world) => {
      const live = new Metrics();
      const client = await world.connect();
      const { bytesReceived } = client.inspect();
      meanwhile = samples(live, 'deadline_ssh_received_bytes_total')['client'] ?? 0;
      expect(meanwhile).toBe(bytesReceived);
      live.stop();
      await client.close();
    });
    const received = samples(metrics, 'deadline_ssh_received_bytes_total');
    const sent = samples(metrics, 'deadline_ssh_sent_bytes_total');
    expect(received['client']).toBeGreaterThanOrEqual(meanwhile);
    expect(sent['client']).toBeGreaterThan(500);
    expect(received['server']).toBe(sent['client']);
    expect(received['client']).toBe(sent['server']);
  });

  it('count commands by kind and by how they ended', async () => {
    const metrics = await count(async (world) => {
      const client = await world.connect();
      await client.run('both');
      await world.call('no such subsystem', () => client.subsystem('nothing'));
      await world.call('no shell', () => client.shell());
      const running = world.call('wait', () => client.run('wait'));
      await world.sleep(100);
      client.destroy();
      await running;
    });
    expect(samples(metrics, 'deadline_ssh_commands_total')).toEqual({
      'exec exit': 1,
      'subsystem error': 1,
      'shell error': 1,
      'exec error': 1,
    });
  });

  it('count open connections and open waits as they are when they are asked for', async () => {
    const metrics = await count(
      async (world) => {
        const dial = world.call('silent', () => world.connect({ host: 'silent' }));
        const client = await world.connect();
        await world.sleep(100);
        const now = new Metrics();
        expect(samples(now, 'deadline_ssh_open_connections')).toEqual({
          'client identification': 1,
          'client connection': 1,
          'server connection': 1,
        });
        expect(samples(now, 'deadline_ssh_open_waits')).toEqual({ dial: 1, identification: 1 });
        now.stop();
        await dial;
        await client.close();
      },
      { hostOf },
    );
    expect(samples(metrics, 'deadline_ssh_open_connections')).toEqual({});
  });

  it('measure each phase of a dial, and tell those that failed from those that were completed', async () => {
    const metrics = await count(
      async (world) => {
        await world.call('silent', () => world.connect({ host: 'silent' }));
        await (await world.connect()).close();
      },
      { hostOf },
    );
    const durations = samples(metrics, 'deadline_ssh_phase_duration_seconds');
    expect(durations['client identification failed_sum']).toBe(10);
    expect(durations['client identification failed_count']).toBe(1);
    expect(durations['client identification failed 10_bucket']).toBe(1);
    expect(durations['client identification failed 5_bucket']).toBeUndefined();
    for (const phase of ['connect', 'identification', 'keyExchange', 'authentication']) {
      expect(durations[`client ${phase} completed_count`]).toBe(phase === 'connect' ? 2 : 1);
    }
  });

  it('count keep-alive probes that were not answered, and calls that ran out of time', async () => {
    const bytesOf = async (options: Partial<WorldOptions>): Promise<{ bytes: number; metrics: Metrics }> => {
      let bytes = 0;
      const metrics = await count(async (world) => {
        const client = await world.connect();
        await world.call('command', () => client.run('wait', { timeout: 5_000 }));
        bytes = world.network.wires[0]?.arrived.toClient ?? 0;
        if (options.plan === undefined) await client.close();
        await client.closed;
      }, options);
      return { bytes, metrics };
    };
    const { bytes } = await bytesOf({});
    const plan = { toClient: { fault: { kind: 'stall', offset: bytes } } } as const;
    const { metrics } = await bytesOf({ plan });
    expect(samples(metrics, 'deadline_ssh_waits_expired_total')).toMatchObject({ command: 1, keepAlive: 3 });
  });

  it('know every metric of the table and no other', async () => {
    const metrics = await count((world) => wholeLife(world));
    const names = [...formatMetrics(metrics).matchAll(/^# TYPE (\w+) (\w+)$/gm)].map(([, name, type]) => [
      name,
      type,
    ]);
    expect(names).toEqual(Object.entries(metricTable).map(([name, { type }]) => [name, type]));
    for (const { name, samples: each } of metrics.families()) {
      for (const { labels } of each) {
        expect(Object.keys(labels).filter((label) => label !== 'le')).toEqual(metricTable[name].labels);
      }
    }
  });
});

describe('events', () => {
  it('tell of a whole life in its order', async () => {
    const told: unknown[] = [];
    const note = (message: unknown, name: string | symbol): void => {
      const { connection, elapsed, ...rest } = message as Record<string, unknown>;
      expect(connection).toBeTypeOf('number');
      told.push([name, rest, ...(elapsed === undefined ? [] : [typeof elapsed])]);
    };
    const names = Object.keys(diagnosticsEvents).filter((name) => name !== 'deadline-ssh:accept');
    const client = new Set<unknown>();
    const ofClients = (message: unknown, name: string | symbol): void => {
      const { connection } = message as { readonly connection: number };
      if (name === 'deadline-ssh:dial') client.add(connection);
      if (client.has(connection)) note(message, name);
    };
    for (const name of names) subscribe(name, ofClients);
    await count(async (world) => {
      const connected = await world.connect();
      await connected.run('both');
      await connected.close();
    });
    for (const name of names) unsubscribe(name, ofClients);
    const phase = (from: string, to: string): unknown[] => ['deadline-ssh:phase', { from, to }, 'number'];
    expect(told).toEqual([
      ['deadline-ssh:dial', { target: 'server:22' }],
      phase('connect', 'identification'),
      phase('identification', 'keyExchange'),
      phase('keyExchange', 'authentication'),
      phase('authentication', 'connection'),
      ['deadline-ssh:command-start', { kind: 'exec' }],
      ['deadline-ssh:command-end', { kind: 'exec', outcome: 'exit' }, 'number'],
      phase('connection', 'close'),
      [
        'deadline-ssh:end',
        {
          code: 'ERR_SSH_CLOSED',
          origin: 'user',
          wait: undefined,
          age: expect.any(Number),
          bytesReceived: expect.any(Number),
          bytesSent: expect.any(Number),
        },
      ],
    ]);
  });

  it('tell of a deadline before they tell of the end it brought', async () => {
    const told: unknown[] = [];
    const note = (message: unknown, name: string | symbol): void => void told.push([name, message]);
    const names = ['deadline-ssh:wait-expired', 'deadline-ssh:end'];
    for (const name of names) subscribe(name, note);
    await count((world) => world.call('silent', () => world.connect({ host: 'silent' })).then(() => {}), {
      hostOf,
    });
    for (const name of names) unsubscribe(name, note);
    expect(told).toMatchObject([
      [
        'deadline-ssh:wait-expired',
        { wait: 'identification', waitingFor: "the peer's identification", elapsed: 10_000, timeout: 10_000 },
      ],
      ['deadline-ssh:end', { code: 'ERR_SSH_TIMEOUT', origin: 'deadline', wait: 'identification' }],
    ]);
  });

  it('tell of connections that a server accepted', async () => {
    const told: unknown[] = [];
    const note = (message: unknown): void => void told.push(message);
    subscribe('deadline-ssh:accept', note);
    await count(async (world) => (await world.connect()).close());
    unsubscribe('deadline-ssh:accept', note);
    expect(told).toMatchObject([{ target: 'client' }]);
  });

  it('cost nothing while nobody subscribes: no message is made', async () => {
    const asked = new Set<DiagnosticsEventName>();
    const published: unknown[] = [];
    const stop = observeConnections(
      eventPublisher((name) => ({
        get hasSubscribers() {
          asked.add(name);
          return false;
        },
        publish: (message) => void published.push(message),
      })),
    );
    await count((world) => wholeLife(world));
    stop();
    expect(asked).toContain('deadline-ssh:dial');
    expect(asked).toContain('deadline-ssh:end');
    expect(published).toEqual([]);
  });
});

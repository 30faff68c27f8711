/**
 * What a report says of connections in every phase, on a virtual clock: ages are exact.
 */
import { describe, expect, it } from 'vitest';
import { connectionById, listedIds, type Report, takeReport } from '../../src/diagnostics/report.ts';
import { duration, formatConnection, formatReport } from '../../src/diagnostics/reportText.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { World } from '../sim/world.ts';

/** Twelve silent hosts, two black holes, one that serves a command that goes on. */
async function takeAfter(
  milliseconds: number,
  look: (report: Report) => void,
  options: { readonly captureStack?: boolean } = {},
): Promise<void> {
  const world = new World({
    seed: 1,
    hostOf: (name) => ({
      manner: name.startsWith('silent') ? 'silent' : name.startsWith('hole') ? 'blackhole' : 'serve',
    }),
  });
  const over = await world.play(async () => {
    await world.startServer();
    const client = await world.connect(options);
    const running = world.call('wait', () => client.run('wait'));
    const dials = [
      ...Array.from({ length: 12 }, (_, i) => `silent-${i}`),
      ...Array.from({ length: 2 }, (_, i) => `hole-${i}`),
    ].map((host) => world.call(host, () => world.connect({ host })));
    await world.sleep(milliseconds);
    look(takeReport({ details: true }));
    await Promise.all(dials);
    await client.close();
    await world.server?.close();
    await running;
  });
  expect(over).toBe(true);
  expect(takeReport({ details: true })).toMatchObject({ connections: 0, groups: [], details: [] });
}

describe('a report', () => {
  it('groups connections by role, phase and what they wait for, the largest group first', async () => {
    await takeAfter(4_000, ({ connections, groups }) => {
      expect(connections).toBe(16);
      expect(groups).toMatchObject([
        {
          role: 'client',
          phase: 'identification',
          waitsFor: ['identification'],
          connections: 12,
          oldestAge: 4_000,
          longestWait: 4_000,
          nextDeadline: 6_000,
        },
        { role: 'client', phase: 'connect', waitsFor: ['connect'], connections: 2, oldestAge: 4_000 },
        { role: 'client', phase: 'connection', waitsFor: ['command'], connections: 1, nextDeadline: null },
        { role: 'server', phase: 'connection', waitsFor: [], connections: 1, longestWait: null },
      ]);
      expect(groups[0]?.oldest).toHaveLength(listedIds);
    });
  });

  it('tells of each connection its addresses, waits, traffic and channels', async () => {
    await takeAfter(1_000, ({ details }) => {
      const running = details?.find(({ channels }) => channels.length > 0);
      expect(running).toMatchObject({
        role: 'client',
        target: 'server:22',
        phase: 'connection',
        remoteIdentification: expect.stringMatching(/^SSH-2\.0-/),
        lastMessage: expect.stringMatching(/^SSH_MSG_/),
        waits: [{ name: 'command', timeout: null, remaining: null }],
        channels: [{ id: 0, type: 'session', state: 'open', pendingRequests: 0 }],
        openedAt: null,
      });
      expect(running?.packetsReceived).toBeGreaterThan(5);
      expect(running?.bytesSent).toBeGreaterThan(500);
      const silent = details?.find(({ target }) => target === 'silent-3:22');
      expect(silent).toMatchObject({
        remoteIdentification: null,
        lastMessage: null,
        bytesReceived: 0,
        age: 1_000,
        waits: [
          { name: 'dial', timeout: 30_000, remaining: 29_000 },
          { name: 'identification', elapsed: 1_000, timeout: 10_000, remaining: 9_000 },
        ],
      });
      expect(connectionById(silent?.id ?? 0)).toEqual(silent);
    });
  });

  it('tells where a connection was opened, where that was asked for', async () => {
    await takeAfter(
      1_000,
      ({ details }) => {
        const opened = details?.filter(({ openedAt }) => openedAt !== null) ?? [];
        expect(opened).toHaveLength(1);
        expect(opened[0]?.openedAt?.[0]).toContain('World.connect');
        expect(opened[0]?.openedAt?.join()).toContain('report.test.ts');
      },
      { captureStack: true },
    );
  });

  it('survives JSON as it is', async () => {
    await takeAfter(1_000, (report) => {
      expect(JSON.parse(JSON.stringify(report))).toEqual(report);
    });
  });

  it('has details of the oldest only where a limit is given, and counts all the same', async () => {
    await takeAfter(1_000, (whole) => {
      const { connections, details, groups } = takeReport({ details: true, limit: 3 });
      expect(connections).toBe(16);
      expect(groups).toHaveLength(whole.groups.length);
      expect(details).toEqual(whole.details?.slice(0, 3));
      expect(takeReport().details).toBeNull();
      expect(formatReport(takeReport({ details: true, limit: 3 }))).toContain('and 13 more');
    });
  });
});

describe('a report as text', () => {
  it('has a line for each group', async () => {
    await takeAfter(4_000, (report) => {
      const lines = formatReport({ ...report, details: null })
        .trimEnd()
        .split('\n');
      expect(lines[0]).toBe(`deadline-ssh: 16 connections at ${report.takenAt}`);
      expect(lines[1]).toMatch(
        /^12 client in identification, waiting for identification: oldest 4\.0 s; longest wait 4\.0 s; first deadline in 6\.0 s; connection \d+(, \d+){9}, …$/,
      );
      expect(lines).toHaveLength(1 + report.groups.length);
    });
  });

  it('has a block for each connection, in which every wait is told with its bound', async () => {
    await takeAfter(4_000, (report) => {
      const detail = report.details?.find(({ target }) => target === 'silent-0:22');
      if (detail === undefined) throw new Error('there is no such connection');
      const text = formatConnection(detail);
      expect(formatReport(report)).toContain(text);
      expect(text).toContain(`connection ${detail.id} [client, identification, 4.0 s] silent-0:22`);
      expect(text).toContain(
        "waits for   identification: the peer's identification, for 4.0 s, 6.0 s of 10.0 s left",
      );
      expect(text).toContain('received    0 bytes in 0 packets');
    });
  });

  it('says how long in units that fit', () => {
    expect([0, 999, 1_000, 119_900, 120_000, 7_199_000, 7_200_000].map(duration)).toEqual([
      '0 ms',
      '999 ms',
      '1.0 s',
      '119.9 s',
      '2 min 0 s',
      '119 min 59 s',
      '2 h 0 min',
    ]);
  });
});

describe('a connection that is over', () => {
  it('is in no report', () => {
    expect(liveConnections()).toEqual([]);
    expect(connectionById(1)).toBeUndefined();
  });
});

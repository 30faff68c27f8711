/**
 * Real databases behind a real sshd, with the drivers that programs use: over streams of
 * `openTcp` in place of sockets, and through forwards.
 */
import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Client, connect, openTunnel } from '../../src/entry/index.ts';
import { describeServer, openSsh, startOpenSsh, type TestServer } from '../support/servers/index.ts';
import {
  connectMongo,
  type Driver,
  driverObstacle,
  ioredis,
  mysql2,
  pg,
  type Session,
  type Way,
} from './databases/drivers.ts';
import { StandIn } from './databases/mongoStandIn.ts';
import { type Database, type DatabaseKind, mariadb, postgres, redis } from './databases/processes.ts';

const pairs: readonly (readonly [DatabaseKind, Driver])[] = [
  [postgres, pg],
  [mariadb, mysql2],
  [redis, ioredis],
];

for (const [kind, driver] of pairs) {
  describeServer(
    `${kind.name} with ${driver.name}`,
    openSsh,
    (lab) => suite(kind, driver, () => startOpenSsh(lab())),
    { obstacle: () => kind.obstacle() ?? driverObstacle(driver.name) },
  );
}

describeServer(
  'a stand-in for MongoDB with mongodb',
  openSsh,
  (lab) => {
    let standIn: StandIn;
    let sshd: TestServer;
    beforeAll(async () => {
      [standIn, sshd] = await Promise.all([StandIn.start(), startOpenSsh(lab())]);
    });
    afterAll(() => standIn?.stop());

    it('works through a forward, and through a SOCKS proxy', async () => {
      await using client = await connect(sshd.options());
      const there = { host: '127.0.0.1', port: standIn.port };
      await using forward = await client.forwardLocal({ port: 0 }, there);
      await using proxy = await client.forwardSocks({ port: 0 });
      const ways = [
        () => connectMongo({ host: '127.0.0.1', port: forward.address.port ?? 0 }),
        () => connectMongo(there, { proxyHost: '127.0.0.1', proxyPort: proxy.address.port ?? 0 }),
      ];
      for (const way of ways) {
        const session = await way();
        await works(session);
        await session.close();
      }
      await expect.poll(() => [...forward.connections, ...proxy.connections]).toEqual([]);
      expect([forward.counters.failed, proxy.counters.failed]).toEqual([0, 0]);
      expect(Math.min(forward.counters.accepted, proxy.counters.accepted)).toBeGreaterThan(0);
    });
  },
  { obstacle: () => driverObstacle('mongodb') },
);

async function works(session: Session): Promise<void> {
  const sums = await Promise.all(Array.from({ length: 50 }, (_, i) => session.add(i, 1_000)));
  expect(sums).toEqual(sums.map((_, i) => 1_000 + i));
  const bytes = randomBytes(3_000_000);
  expect((await session.echo(bytes)).equals(bytes)).toBe(true);
}

function suite(kind: DatabaseKind, driver: Driver, startSshd: () => Promise<TestServer>): void {
  let database: Database;
  let sshd: TestServer;
  const faults: Error[] = [];
  const failed = (error: Error): void => void faults.push(error);

  beforeAll(async () => {
    [database, sshd] = await Promise.all([kind.start(), startSshd()]);
  }, 120_000);
  afterAll(() => database?.stop());

  const login = (way: Way): Promise<Session> => driver.connect(database, way, failed);
  const streams = (client: Client) => (): Promise<Duplex> =>
    // What ends at the server's side ends here as well, as drivers expect of a socket.
    client.openTcp('127.0.0.1', database.port, { allowHalfOpen: false });
  const channels = (client: Client): number => client.inspect().channels.length;

  it.each(driver.hasTls ? [false, true] : [false])(
    'works over a stream in place of a socket, and leaves no channel (TLS: %s)',
    async (tls) => {
      await using client = await connect(sshd.options());
      for (let round = 0; round < 3; round++) {
        const session = await login({ open: streams(client), tls });
        await works(session);
        await session.close();
      }
      await expect.poll(() => channels(client)).toBe(0);
      expect(faults.splice(0)).toEqual([]);
    },
  );

  it('works through a forward with several connections at once, and leaves none', async () => {
    await using client = await connect(sshd.options());
    await using forward = await client.forwardLocal({ port: 0 }, { host: '127.0.0.1', port: database.port });
    const port = forward.address.port ?? 0;
    const sessions = await Promise.all(Array.from({ length: 5 }, () => login({ port, tls: driver.hasTls })));
    expect(forward.connections).toHaveLength(5);
    await Promise.all(sessions.map(works));
    await Promise.all(sessions.map((session) => session.close()));
    await expect.poll(() => forward.connections).toEqual([]);
    expect(forward.counters).toMatchObject({ accepted: 5, refused: 0, failed: 0 });
    expect(faults.splice(0)).toEqual([]);
  });

  it('works through a tunnel that stays up', async () => {
    await using tunnel = await openTunnel(
      sshd.options(),
      { port: 0 },
      { host: '127.0.0.1', port: database.port },
    );
    const session = await login({ port: tunnel.address.port ?? 0, tls: false });
    await works(session);
    await session.close();
    expect(faults.splice(0)).toEqual([]);
  });

  it('tells its driver where the connection is lost, and ends nothing else', async () => {
    const client = await connect(sshd.options());
    const session = await login({ open: streams(client), tls: false });
    expect(await session.add(1, 2)).toBe(3);
    client.destroy();
    await expect(session.add(3, 4)).rejects.toBeInstanceOf(Error);
    await session.close().catch(() => {});
    faults.splice(0);
  });

  it('says to its driver why there is no connection', async () => {
    await using client = await connect(sshd.options());
    const open = (): Promise<Duplex> => client.openTcp('127.0.0.1', 1);
    await expect(login({ open, tls: false })).rejects.toBeInstanceOf(Error);
    expect(channels(client)).toBe(0);
    faults.splice(0);
  });
}

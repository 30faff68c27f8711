/** Connections that have not logged in cannot shut out those that will. */
import { connect as netConnect, type Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, type Client, connect } from '../../src/entry/index.ts';
import type { ServerOptions } from '../../src/entry/server.ts';
import { defaultStartups, type Newcomer, Newcomers } from '../../src/server/admission/newcomers.ts';
import { resolveServerOptions } from '../../src/server/options.ts';
import { password, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

afterEach(nothingIsLeft);

interface Guest extends Newcomer {
  readonly name: string;
}

/** Newcomers, and the names of those that were dropped. */
function house(options = { start: 4, full: 8 }, random: () => number = () => 0) {
  const dropped: string[] = [];
  const newcomers = new Newcomers(options, random);
  const guest = (name: string, network = 'a', progress = 0, since = 0): Guest => ({
    name,
    network,
    since,
    progress: () => progress,
    drop: () => void dropped.push(name),
  });
  return { newcomers, dropped, guest };
}

describe('a connection that has not logged in', () => {
  it('costs nobody a place while there are few', () => {
    const { newcomers, dropped, guest } = house();
    for (let i = 0; i < 4; i++) newcomers.add(guest(`${i}`), 10_000);
    expect(dropped).toEqual([]);
    expect(newcomers.size).toBe(4);
  });

  it('costs one that has waited its place by chance, the more certainly the more there are', () => {
    const chances = [0.29, 0.31, 0.99];
    const drops = chances.map((chance) => {
      const { newcomers, dropped, guest } = house({ start: 4, full: 8 }, () => chance);
      for (let i = 0; i < 12; i++) newcomers.add(guest(`${i}`), 2_000);
      return dropped.length;
    });
    // With 4 waiting the chance is 0.3, with 8 it is 1: below, each newcomer costs a place, above, those beyond 8 do.
    expect(drops).toEqual([8, 7, 4]);
  });

  it('costs nobody a place early who has come just now', () => {
    const { newcomers, dropped, guest } = house();
    for (let i = 0; i < 8; i++) newcomers.add(guest(`${i}`, 'a', 0, 1), 2_000);
    expect(dropped).toEqual([]);
    newcomers.add(guest('one more', 'a', 0, 1), 2_000);
    expect(dropped).toHaveLength(1);
  });

  it('is dropped before those that are further, and those of a network that has fewer', () => {
    const { newcomers, dropped, guest } = house({ start: 8, full: 8 });
    newcomers.add(guest('other', 'b'), 0);
    newcomers.add(guest('far', 'a', 2), 0);
    for (let i = 0; i < 3; i++) newcomers.add(guest(`silent ${i}`), 0);
    for (let i = 0; i < 3; i++) newcomers.add(guest(`middle ${i}`, 'a', 1), 0);
    for (let i = 0; i < 6; i++) newcomers.dropOne();
    expect(dropped).toEqual(['silent 0', 'silent 1', 'silent 2', 'middle 0', 'middle 1', 'middle 2']);
    expect(newcomers.size).toBe(2);
  });

  it('is not one any more once it has logged in', () => {
    const { newcomers, dropped, guest } = house({ start: 1, full: 1 });
    const user = guest('user');
    newcomers.add(user, 0);
    newcomers.remove(user);
    newcomers.add(guest('next'), 0);
    expect(dropped).toEqual([]);
    expect(newcomers.dropOne()).toBe(true);
    expect(newcomers.dropOne()).toBe(false);
  });

  it('is one of a bounded number, and never the one that comes, whatever happens', () => {
    const steps = fc.array(
      fc.record({
        network: fc.constantFrom('a', 'b', 'c'),
        progress: fc.nat({ max: 2 }),
        wait: fc.nat({ max: 3_000 }),
        random: fc.double({ min: 0, max: 1, noNaN: true }),
        leaves: fc.boolean(),
      }),
      { maxLength: 60 },
    );
    fc.assert(
      fc.property(steps, fc.integer({ min: 1, max: 6 }), fc.nat({ max: 6 }), (all, start, more) => {
        let random = 0;
        let now = 0;
        const { newcomers, dropped, guest } = house({ start, full: start + more }, () => random);
        const present = new Set<string>();
        for (const [index, step] of all.entries()) {
          random = step.random;
          now += step.wait;
          const before = dropped.length;
          const comer = guest(String(index), step.network, step.progress, now);
          newcomers.add(comer, now);
          present.add(comer.name);
          for (const name of dropped.slice(before)) {
            expect(name).not.toBe(comer.name);
            expect(present.delete(name)).toBe(true);
          }
          if (step.leaves && present.delete(comer.name)) newcomers.remove(comer);
          expect(newcomers.size).toBe(present.size);
          expect(newcomers.size).toBeLessThanOrEqual(start + more);
        }
      }),
    );
  });

  it.each([{ start: 0 }, { full: 0 }, { start: 9, full: 8 }, { start: 1.5 }, { full: '9' }])(
    'has a bound that makes sense: %j does not',
    (maxStartups) => {
      const options = { hostKeys: [], authentication: { password: () => false }, maxStartups };
      expect(() => resolveServerOptions(options as unknown as ServerOptions)).toThrow(/maxStartups/);
    },
  );

  it('is one of 256 where nothing is said, and of 64 without a risk', () => {
    const { newcomers, dropped, guest } = house(defaultStartups);
    for (let i = 0; i < 64; i++) newcomers.add(guest(`${i}`), 10_000);
    expect([newcomers.size, dropped.length]).toEqual([64, 0]);
    newcomers.add(guest('one more'), 10_000);
    expect([newcomers.size, dropped.length]).toEqual([64, 1]);
    // Who has come just now loses no place by chance.
    for (let i = 0; i < 192; i++) newcomers.add(guest(`late ${i}`, 'b', 0, 10_000), 10_000);
    for (let i = 0; i < 300; i++) newcomers.add(guest(`later ${i}`, 'b', 0, 10_000), 10_000);
    expect(newcomers.size).toBe(256);
  });

  it('has a bound by default', () => {
    const options = { hostKeys: [], authentication: { password: () => false } };
    expect(resolveServerOptions(options).maxStartups).toEqual(defaultStartups);
    expect(resolveServerOptions({ ...options, maxStartups: { full: 64 } }).maxStartups).toEqual({
      start: 64,
      full: 64,
    });
  });
});

describe('silent sockets', () => {
  const one: Partial<ServerOptions> = { hostKeys: keyText('ed25519') };
  const dial = (port: number): Promise<Client> =>
    connect({ host: '127.0.0.1', port, username: 'ops', password, verifyHostKey: acceptAnyHostKey() });
  const silent = (port: number, count: number): Promise<Socket[]> =>
    Promise.all(
      Array.from(
        { length: count },
        () =>
          new Promise<Socket>((resolve) => {
            const socket = netConnect({ host: '127.0.0.1', port }, () => resolve(socket));
            socket.on('error', () => {});
          }),
      ),
    );

  it.each<readonly [string, Partial<ServerOptions>]>([
    ['that fill all connections', { maxConnections: 20 }],
    ['that fill the bound of those that have not logged in', { maxStartups: { start: 10, full: 20 } }],
  ])('%s shut out no login, however many come', async (_how, options) => {
    await using server = await startEmbedded({ ...one, ...options });
    const sockets = await silent(server.port, 50);
    await expect.poll(() => server.server.connections().length).toBeLessThanOrEqual(20);
    const clients = [];
    for (let i = 0; i < 5; i++) {
      sockets.push(...(await silent(server.port, 5)));
      clients.push(await dial(server.port));
    }
    for (const client of clients) expect(await client.run('greet you')).toMatchObject({ code: 7 });
    expect(server.server.connections().length).toBeLessThanOrEqual(25);
    for (const fault of server.faults) {
      expect(fault).toMatchObject({ code: 'ERR_SSH_LIMIT', origin: 'local' });
      expect(String(fault)).toContain('maxStartups');
    }
    expect(server.faults.length).toBeGreaterThan(30);
    for (const client of clients) await client.close();
    for (const socket of sockets) socket.destroy();
  });

  it('give way to a stream of the application, and users do not', async () => {
    await using server = await startEmbedded({ ...one, maxConnections: 2 });
    const sockets = await silent(server.port, 2);
    await expect.poll(() => server.server.connections().length).toBe(2);
    const connection = server.server.accept(new PassThrough());
    expect(server.server.connections()).toContain(connection);
    connection.destroy();
    const clients = [await dial(server.port), await dial(server.port)];
    expect(() => server.server.accept(new PassThrough())).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_LIMIT' }),
    );
    for (const client of clients) await client.close();
    for (const socket of sockets) socket.destroy();
  });
});

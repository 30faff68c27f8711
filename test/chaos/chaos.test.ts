/**
 * A service's life on a network that misbehaves, before sshd and before a server
 * of this library: every promise settles by its deadline, every byte that comes is
 * the right one, and nothing is left.
 *
 * A few seconds here; `npm run chaos -- --minutes N [--seed S]` for more.
 */
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { acceptAnyHostKey } from '../../src/entry/index.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { pattern, seeded } from '../sim/random.ts';
import { type Embedded, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { memoryInUse } from '../support/heap.ts';
import { IdleTimer } from '../support/idleTimer.ts';
import { describeServer, openSsh, setupTimeout, startOpenSsh } from '../support/servers/index.ts';
import { Account } from './account.ts';
import { fileLength, serveByShell, session, type Target } from './load.ts';
import { ChaosProxy, drawPlan } from './proxy.ts';

const minutes = Number(process.env['CHAOS_MINUTES'] ?? 0.1);
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const told = process.env['CHAOS_MINUTES'] !== undefined;
/** Sessions at once. */
const atOnce = 6;
/** Sessions until everything has to be as it was. */
const round = 4 * atOnce;
/** Bytes that may be in use more at the end than in the middle: what the engine keeps of its own. */
const growth = 3 * 1024 * 1024;

/** What this process has open: handles of the event loop, and descriptors. */
function openThings(): readonly string[] {
  return [
    ...process.getActiveResourcesInfo().filter((name) => !/Timeout|Immediate|FSReq/.test(name)),
    ...readdirSync('/proc/self/fd').map(() => 'descriptor'),
  ].sort();
}

describeServer(
  'chaos',
  openSsh,
  (lab) => {
    let echo: Server;
    let embedded: Embedded;
    let targets: readonly { readonly target: Target; readonly port: number }[];

    beforeAll(async () => {
      const server = await startOpenSsh(lab(), { config: { LoginGraceTime: 20, MaxSessions: 50 } });
      embedded = await startEmbedded({
        exec: serveByShell('sh', '-c'),
        subsystems: { sftp: serveByShell('/usr/lib/openssh/sftp-server') },
        loginTimeout: 8_000,
        timeouts: { write: 3_000, close: 1_000 },
        keepAlive: { interval: 1_000, maxMissed: 2 },
        maxSessions: 50,
        // Connections that are cut before they log in are what this is about.
        keyExchangeBudget: {
          perAddress: { burst: 1e9, perSecond: 1e6 },
          total: { burst: 1e9, perSecond: 1e6 },
        },
        // Clients that vanish, and bytes that were altered, are no faults here.
        onError: () => {},
      });
      echo = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => {});
        socket.pipe(socket);
      });
      echo.listen(0, '127.0.0.1');
      await once(echo, 'listening');
      const folder = lab().newPath();
      mkdirSync(folder);
      chmodSync(folder, 0o777);
      const common = {
        folder,
        file: lab().file(pattern(fileLength, 3)),
        echoPort: (echo.address() as AddressInfo).port,
      };
      const ours = {
        host: '127.0.0.1',
        username: 'ops',
        privateKey: keyText('ed25519'),
        verifyHostKey: acceptAnyHostKey(),
      };
      targets = [
        { target: { ...common, name: 'sshd', options: server.options() }, port: server.port },
        { target: { ...common, name: 'our server', options: ours }, port: embedded.port },
      ];
    }, setupTimeout);
    afterAll(async () => {
      await embedded?.[Symbol.asyncDispose]();
      echo?.close();
    });

    it(`leaves nothing wrong, late or behind (${minutes} minutes, CHAOS_SEED=${seed})`, {
      timeout: 120_000 + minutes * 120_000,
    }, async () => {
      using idle = new IdleTimer();
      const account = new Account(idle);
      const random = seeded(seed);
      const until = performance.now() + minutes * 60_000;
      const memory: number[] = [];
      /** The least that was ever open between two rounds. */
      let least: readonly string[] | undefined;
      const more = (): readonly string[] => {
        const now = openThings();
        if (least === undefined || now.length < least.length) least = now;
        return now.length === least.length ? [] : now;
      };
      let number = 0;

      const one = async (): Promise<void> => {
        const { target, port } = targets[Math.floor(random() * targets.length)] ?? { port: 0 };
        const plan = drawPlan(random);
        const own = Math.floor(random() * 2 ** 31);
        number++;
        const mine = number;
        if (target === undefined) throw new Error('there is no target');
        const name = `session ${number} of seed ${seed}, ${target.name}, ${JSON.stringify(plan)}`;
        await using proxy = await ChaosProxy.before(port, plan);
        await session(target, proxy.port, own, mine, account.at(name));
      };

      for (let rounds = 0; rounds < 3 || performance.now() < until; rounds++) {
        // One after the other draws from the generator, so that a seed gives the same sessions.
        let left = round;
        const work = async (): Promise<void> => {
          while (left-- > 0) await one();
        };
        await Promise.all(Array.from({ length: atOnce }, work));
        expect(account.unsettled).toEqual([]);
        await expect.poll(() => liveConnections().length, { timeout: 10_000, interval: 20 }).toBe(0);
        await expect.poll(more, { timeout: 10_000, interval: 20 }).toEqual([]);
        expect(account.findings).toEqual([]);
        memory.push(memoryInUse());
      }
      if (told) {
        const MiB = memory.map((bytes) => (bytes / 2 ** 20).toFixed(1)).join(' ');
        console.info(
          `${number} sessions; deadlines late by ${account.latest.toFixed(0)} ms at most; MiB in use: ${MiB}`,
        );
        console.info(Object.fromEntries([...account.outcomes].sort()));
      }
      // Every deed was done at least once, and harm was done as well.
      const outcomes = [...account.outcomes.keys()];
      expect(outcomes.filter((name) => name.endsWith(': done')).length).toBeGreaterThan(10);
      expect(outcomes.some((name) => name.includes('ERR_SSH_'))).toBe(true);
      // From the middle on: until then the engine still compiles, and keeps what it has compiled.
      const settled = memory[memory.length >> 1] ?? 0;
      expect((memory.at(-1) ?? 0) - settled).toBeLessThan(growth);
    });
  },
  { programs: ['sshd', 'ssh-keygen'] },
);

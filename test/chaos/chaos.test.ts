/**
 * A service's life on a network that misbehaves, before sshd and before a server
 * of this library: every promise settles by its deadline, every byte that comes is
 * the right one, and nothing is left.
 *
 * A few seconds here; `npm run chaos -- --minutes N [--seed S]` for more.
 */
import { once } from 'node:events';
import { chmodSync, mkdirSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { acceptAnyHostKey } from '../../src/entry/index.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { pattern, seeded } from '../sim/random.ts';
import { type Embedded, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { IdleTimer } from '../support/idleTimer.ts';
import { describeServer, openSsh, setupTimeout, startOpenSsh } from '../support/servers/index.ts';
import { Account } from './account.ts';
import { openThings, Usage } from './leftovers.ts';
import { fileLength, serveByShell, session, type Target } from './load.ts';
import { ChaosProxy, drawPlan } from './proxy.ts';

const minutes = Number(process.env['CHAOS_MINUTES'] ?? 0.1);
const seed = Number(process.env['CHAOS_SEED'] ?? Date.now() % 1_000_000);
const told = process.env['CHAOS_MINUTES'] !== undefined;
/** Sessions at once. */
const atOnce = 6;
/** Sessions until everything has to be as it was. */
const round = 4 * atOnce;
/** Milliseconds until all of a round has to be gone: more than the longest deadline of the load. */
const emptied = 10_000;

/** The value once it is what it has to be; else what it is when the time is over, which a machine that stands still prolongs. */
async function settled<T>(idle: IdleTimer, read: () => T, isRight: (value: T) => boolean): Promise<T> {
  const begun = performance.now();
  for (;;) {
    const value = read();
    if (isRight(value) || performance.now() - begun > idle.allowed(emptied, begun)) return value;
    await sleep(20);
  }
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
      // Each stack that is printed for the first time has the map of its source decoded, and kept.
      const { stackTraceLimit } = Error;
      onTestFinished(() => {
        Error.stackTraceLimit = stackTraceLimit;
      });
      Error.stackTraceLimit = 0;
      using idle = new IdleTimer();
      const account = new Account(idle);
      const random = seeded(seed);
      const until = performance.now() + minutes * 60_000;
      const usage = new Usage();
      /** The least that was ever open between two rounds. What is left once, by the first, is not seen; what is left by each is. */
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
        const none = ({ length }: { readonly length: number }): boolean => length === 0;
        expect(await settled(idle, liveConnections, none)).toEqual([]);
        expect(await settled(idle, more, none)).toEqual([]);
        expect(account.findings).toEqual([]);
        usage.look(number);
      }
      if (told) {
        const late = account.latest.toFixed(0);
        console.info(`${number} sessions; deadlines late by ${late} ms at most; ${usage.summary()}`);
        console.info(Object.fromEntries([...account.outcomes].sort()));
      }
      // Every deed was done at least once, and harm was done as well.
      const outcomes = [...account.outcomes.keys()];
      expect(outcomes.filter((name) => name.endsWith(': done')).length).toBeGreaterThan(10);
      expect(outcomes.some((name) => name.includes('ERR_SSH_'))).toBe(true);
      expect(usage.findings()).toEqual([]);
    });
  },
  { programs: ['sshd', 'ssh-keygen'] },
);

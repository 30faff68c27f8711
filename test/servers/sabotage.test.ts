/**
 * The laws of test/sim on real sockets: a proxy before OpenSSH's sshd does harm
 * at a byte of a whole session. Every pending call settles with a typed error
 * that names the phase and, where time ran out, what was waited for; nothing is left.
 *
 * A few dozen samples here; `npm run sim:sockets -- --runs N [--seed S]` for more.
 */

import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Client, SshError } from '../../src/entry/index.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { isCause } from '../sim/laws.ts';
import { IdleTimer } from '../support/idleTimer.ts';
import { harms, type Sabotage, Saboteur, type Way } from '../support/saboteur.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

const runs = Number(process.env['SOCKET_RUNS'] ?? 36);
const seed = Number(process.env['SOCKET_SEED'] ?? Date.now() % 1_000_000);
/** Samples at once: most of their time is spent waiting. */
const atOnce = 6;
const shortened = {
  connect: 1_500,
  identification: 1_500,
  keyExchange: 2_000,
  authentication: 1_500,
  channelOpen: 1_500,
  request: 1_500,
  write: 1_500,
  close: 1_000,
} as const;
const keepAlive = { interval: 800, maxMissed: 2 } as const;
const dial = 6_000;
/** Milliseconds that a call takes at most which has a deadline of its own. */
const callTimeout = 4_000;
/** The longest that a call can take by the deadlines above, one behind the other. */
const inARow = dial + callTimeout + 2 * shortened.close;

/** Errors of one call; what else rejects has the connection's cause. */
const ownErrors = new Set([
  'ERR_SSH_CHANNEL_OPEN_FAILED',
  'ERR_SSH_REQUEST_FAILED',
  'ERR_SSH_CHANNEL_CLOSED',
]);
const ownWaits = new Set(['channelOpen', 'request', 'command']);

interface Call {
  readonly name: string;
  readonly startedAt: number;
  /** Of the call as a whole, in milliseconds. */
  readonly deadline: number;
  /** What it took, and what it may have taken by the deadline of the call, and of the wait it ended by. */
  took?: number;
  allowed?: number;
  waitAllowed?: number;
  error?: unknown;
}

interface Session {
  readonly calls: readonly Call[];
  /** Why the connection ended; undefined where there never was one. */
  readonly cause: SshError | undefined;
}

const payload = Buffer.alloc(48 * 1024, 'deadline');

/** Dial, two commands with data both ways, new keys, a forwarded connection, the end. */
async function session(
  server: TestServer,
  port: number,
  echoPort: number,
  idle: IdleTimer,
): Promise<Session> {
  const calls: Call[] = [];
  const call = async <T>(name: string, deadline: number, begin: () => Promise<T>): Promise<T | undefined> => {
    const entry: Call = { name, deadline, startedAt: performance.now() };
    calls.push(entry);
    try {
      return await begin();
    } catch (error) {
      entry.error = error;
      if (error instanceof SshError && error.deadline !== undefined) {
        entry.waitAllowed = idle.allowed(error.deadline, performance.now() - (error.elapsed ?? 0));
      }
      return undefined;
    } finally {
      entry.took = performance.now() - entry.startedAt;
      entry.allowed = idle.allowed(deadline, entry.startedAt);
    }
  };
  const client = await call('connect', dial, () =>
    server.connect({ port, timeout: dial, timeouts: shortened, keepAlive }),
  );
  if (client === undefined) return { calls, cause: undefined };
  const ended = client.closed;
  await Promise.all([
    call('cat', callTimeout, async () => {
      const { stdout } = await client.run('cat', {
        input: payload,
        encoding: 'buffer',
        timeout: callTimeout,
      });
      expect(Buffer.compare(stdout, payload)).toBe(0);
    }),
    call('status', callTimeout, async () => {
      const command = 'echo out; echo err >&2; exit 3';
      expect(await client.run(command, { timeout: callTimeout })).toMatchObject({
        stdout: 'out\n',
        stderr: 'err\n',
        code: 3,
      });
    }),
  ]);
  await Promise.all([
    call('rekey', callTimeout, () => client.rekey({ timeout: callTimeout })),
    call('forward', inARow, () => forward(client, echoPort)),
  ]);
  await call('ping', callTimeout, async () => void (await client.ping({ timeout: callTimeout })));
  await call('close', 2 * shortened.close, () => client.close());
  return { calls, cause: await ended };
}

async function forward(client: Client, echoPort: number): Promise<void> {
  const stream = await client.openTcp('127.0.0.1', echoPort);
  stream.end(payload);
  let length = 0;
  for await (const chunk of stream) length += (chunk as Buffer).length;
  expect(length).toBe(payload.length);
}

/** Every failure is typed and came in its time. */
function check({ calls, cause }: Session): void {
  for (const { name, took, allowed = Number.NaN, waitAllowed = Number.NaN, error } of calls) {
    expect(took, `the whole of ${name}`).toBeLessThan(allowed);
    if (error === undefined) continue;
    if (!(error instanceof SshError))
      throw new Error(`${name} rejected with something else`, { cause: error });
    expect(error.code, name).not.toBe('ERR_SSH_INTERNAL');
    expect(error.phase, name).not.toBe('options');
    if (cause !== undefined && !isCause(error, cause) && !isOwn(error)) {
      throw new Error(`${name} has a cause of its own: ${error}; the connection's is ${cause}`);
    }
    if (error.code !== 'ERR_SSH_TIMEOUT') continue;
    const { waitingFor = '', elapsed = Number.NaN, deadline = Number.NaN } = error;
    const bounds: Readonly<Record<string, number>> = {
      ...shortened,
      dial,
      keepAlive: keepAlive.interval,
      command: callTimeout,
    };
    // The dial's and the key exchange's clocks stand still while this side works.
    expect(deadline, `${name} waited for ${waitingFor}`).toBeLessThanOrEqual(
      bounds[waitingFor] ?? Number.NaN,
    );
    expect(elapsed, `${name} waited for ${waitingFor}`).toBeGreaterThanOrEqual(deadline - 1);
    // A tenth more, and what an idle timer beside it was late.
    expect(elapsed, `${name} waited for ${waitingFor}`).toBeLessThan(waitAllowed);
  }
}

function isOwn({ code, waitingFor = '' }: SshError): boolean {
  return ownErrors.has(code) || (code === 'ERR_SSH_TIMEOUT' && ownWaits.has(waitingFor));
}

describeServer('harm at a byte of a session', openSsh, (lab) => {
  const idle = new IdleTimer();
  let server: TestServer;
  let echo: Server;
  let echoPort = 0;
  const total: Record<Way, number> = { toServer: 0, toClient: 0 };

  beforeAll(async () => {
    server = await startOpenSsh(lab(), { config: { LoginGraceTime: 30, MaxSessions: 50 } });
    echo = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => {});
      socket.pipe(socket);
    });
    echo.listen(0, '127.0.0.1');
    await once(echo, 'listening');
    echoPort = (echo.address() as AddressInfo).port;
  }, setupTimeout);

  afterAll(() => {
    idle[Symbol.dispose]();
    echo.close();
  });

  async function live(sabotage?: Sabotage): Promise<Session> {
    await using saboteur = await Saboteur.before(server.port, sabotage);
    const lived = await session(server, saboteur.port, echoPort, idle);
    if (sabotage === undefined) {
      total.toServer = saboteur.passed('toServer');
      total.toClient = saboteur.passed('toClient');
    }
    return lived;
  }

  it('is none without a fault: all calls of the session do what they should', async () => {
    const { calls } = await live();
    expect(calls.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(calls.map(({ name }) => name)).toEqual([
      'connect',
      'cat',
      'status',
      'rekey',
      'forward',
      'ping',
      'close',
    ]);
    expect(total.toServer).toBeGreaterThan(2 * payload.length);
    expect(total.toClient).toBeGreaterThan(2 * payload.length);
  });

  it(`ends every call by its deadline and leaves nothing (${runs} samples, SOCKET_SEED=${seed})`, {
    timeout: 60_000 + (runs * 3 * inARow) / atOnce,
  }, async () => {
    const anyWhere = fc.constantFrom<Way>('toServer', 'toClient').chain((way) =>
      fc.record<Sabotage>({
        way: fc.constant(way),
        harm: fc.constantFrom(...harms),
        // Half of them before the user's data, where a session is densest.
        offset: fc.oneof(fc.integer({ min: 0, max: 4_000 }), fc.integer({ min: 0, max: total[way] })),
      }),
    );
    const samples = fc.sample(anyWhere, { numRuns: runs, seed });
    const failures: string[] = [];
    const outcomes = new Map<string, number>();
    const next = samples.entries();
    const work = async (): Promise<void> => {
      for (const [index, sabotage] of next) {
        const lived = await live(sabotage);
        try {
          check(lived);
        } catch (error) {
          failures.push(`sample ${index}, ${JSON.stringify(sabotage)}: ${String(error)}`);
        }
        const first = lived.calls.find(({ error }) => error !== undefined)?.error;
        const outcome = first instanceof SshError ? `${first.code} ${first.waitingFor ?? ''}` : 'unharmed';
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));
    if (process.env['SOCKET_RUNS'] !== undefined) console.info(Object.fromEntries(outcomes));
    expect(failures).toEqual([]);
    // An end on the way out may come behind the last byte; nearly all do harm, in more than one manner.
    expect(outcomes.get('unharmed') ?? 0).toBeLessThan(runs / 2);
    expect(outcomes.size).toBeGreaterThan(2);
    await expect.poll(() => liveConnections().length, { timeout: 5_000 }).toBe(0);
    const left = (): string[] => process.getActiveResourcesInfo().filter((name) => name === 'TCPSocketWrap');
    await expect.poll(left, { timeout: 5_000 }).toEqual([]);
  });
});

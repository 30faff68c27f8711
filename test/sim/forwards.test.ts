/**
 * Forwarded connections in virtual time, from this machine and from the server: bytes, ends and
 * cuts under any chunking, on a path that fails, with programs that stop reading or break off.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes } from '../../src/base/bytes.ts';
import type { Client } from '../../src/client/client.ts';
import { Metrics } from '../../src/diagnostics/metrics.ts';
import { takeReport } from '../../src/diagnostics/report.ts';
import { formatReport } from '../../src/diagnostics/reportText.ts';
import type { Forward } from '../../src/forwarding/forward.ts';
import { failuresAreTyped, nothingIsLeft } from './laws.ts';
import type { SimProgram } from './localNetwork.ts';
import { pattern } from './random.ts';
import type { LinkPlan } from './simLink.ts';
import { World } from './world.ts';

type Way = 'local' | 'remote';
const ways = ['local', 'remote'] as const;

/** A connection with a program at either end: the one that connected, and the one that was connected to. */
interface Pair {
  readonly near: SimProgram;
  readonly far: Promise<SimProgram>;
}

class Scene {
  readonly world: World;
  readonly client: Client;
  readonly forward: Forward;
  private readonly waiting: ((program: SimProgram) => void)[];

  constructor(world: World, client: Client, forward: Forward, waiting: ((program: SimProgram) => void)[]) {
    this.world = world;
    this.client = client;
    this.forward = forward;
    this.waiting = waiting;
  }

  connect(): Pair {
    const far = new Promise<SimProgram>((resolve) => this.waiting.push(resolve));
    return { near: this.world.network.local.dial(this.forward.address), far };
  }

  async until(happened: () => boolean, longest = 600_000): Promise<void> {
    for (let waited = 0; !happened() && waited < longest; waited += 100) await this.world.sleep(100);
    expect(happened()).toBe(true);
  }
}

/** Plays with a forward; nothing may be left of it, and no channel while the connection lives. */
async function play(
  way: Way,
  story: (scene: Scene) => Promise<void>,
  {
    plan = {},
    livesOn = true,
    allows = async () => true,
  }: {
    readonly plan?: LinkPlan;
    readonly livesOn?: boolean;
    /** The server's word on each connection that the client wants. */
    readonly allows?: () => Promise<boolean>;
  } = {},
): Promise<World> {
  const world = new World({
    seed: 5,
    plan,
    server: { forwarding: { local: allows, remote: () => true }, openTcp: undefined as never },
  });
  const { local } = world.network;
  const faults: unknown[] = [];
  const over = await world.play(async () => {
    await world.startServer({ openTcp: undefined as never });
    const waiting: ((program: SimProgram) => void)[] = [];
    const target = { host: 'target', port: 1 };
    local.serve(target, (program) => waiting.shift()?.(program));
    const client = await world.call('connect', () => world.connect());
    if (client === undefined) return;
    const forward = await world.call('forward', () =>
      way === 'local' ? client.forwardLocal({ port: 0 }, target) : client.forwardRemote({ port: 0 }, target),
    );
    try {
      if (forward !== undefined) await story(new Scene(world, client, forward, waiting));
      if (livesOn) {
        const idle = (): boolean =>
          client.inspect().channels.length === 0 && forward?.connections.length === 0;
        for (let waited = 0; !idle() && waited < 20_000; waited += 50) await world.sleep(50);
        expect([client.inspect().channels, forward?.connections]).toEqual([[], []]);
      }
    } catch (error) {
      faults.push(error);
    } finally {
      client.destroy();
      await client.closed;
    }
  });
  if (faults.length > 0) throw faults[0];
  nothingIsLeft(world, over);
  failuresAreTyped(world);
  expect([local.listening, local.open]).toEqual([[], 0]);
  return world;
}

const pieces = fc.array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 6 });
const script = fc.record({ pieces, pause: fc.nat(50), first: fc.boolean() });
const chunking = fc.record({
  cut: fc.constantFrom(1, 7, 100, 1_000, 50_000),
  jitter: fc.nat(3),
  capacity: fc.constantFrom(512, 8_192, 262_144),
});

/** Writes the pieces and ends; the other direction may be over by then. */
async function speak(
  world: World,
  program: SimProgram,
  sizes: readonly number[],
  pause: number,
  seed: number,
) {
  const sent = sizes.map((size, index) => pattern(size, seed + index));
  for (const piece of sent) {
    await program.write(piece);
    await world.sleep(pause);
  }
  program.end();
  return concatBytes(...sent);
}

/** What a program does with its end of a connection, and how it leaves it. */
interface Conduct {
  readonly steps: readonly (
    | { readonly does: 'write' | 'pause'; readonly amount: number }
    | { readonly does: 'stopReading' | 'readOn' }
  )[];
  /** `patient`: ends when the other side has, or after a while. `late`: resets some time after its end. */
  readonly leaves: 'end' | 'patient' | 'reset' | 'late';
  readonly pause: number;
}

const conduct: fc.Arbitrary<Conduct> = fc.record({
  steps: fc.array(
    fc.oneof(
      { weight: 4, arbitrary: fc.record({ does: fc.constant('write' as const), amount: fc.nat(120_000) }) },
      { weight: 2, arbitrary: fc.record({ does: fc.constant('pause' as const), amount: fc.nat(300) }) },
      fc.record({ does: fc.constantFrom('stopReading' as const, 'readOn' as const) }),
    ),
    { maxLength: 8 },
  ),
  leaves: fc.constantFrom('end', 'end', 'patient', 'patient', 'reset', 'late'),
  pause: fc.nat(500),
});

/** The writes of a sink are told of in their order, also around one that has nothing to send. */
const pieceWithoutBytes: Conduct = {
  steps: [120_000, 0, 120_000, 0, 120_000].map((amount) => ({ does: 'write', amount })),
  leaves: 'end',
  pause: 0,
};

/** Plays it, and returns all that was written. */
async function behave(
  scene: Scene,
  program: SimProgram,
  { steps, leaves, pause }: Conduct,
  seed: number,
): Promise<Uint8Array> {
  const { world } = scene;
  const written: Uint8Array[] = [];
  for (const [index, step] of steps.entries()) {
    if (step.does === 'write') {
      const piece = pattern(step.amount, seed + index);
      written.push(piece);
      // A peer that has stopped reading holds up who waits for it; the rest waits in the kernel's place.
      await Promise.race([program.write(piece), world.sleep(200)]);
    } else if (step.does === 'pause') await world.sleep(step.amount);
    else program[step.does]();
  }
  program.readOn();
  for (let waited = 0; leaves === 'patient' && !program.isOver && waited < 3_000; waited += 100) {
    await world.sleep(100);
  }
  if (leaves !== 'reset') program.end();
  if (leaves === 'reset' || leaves === 'late') {
    await world.sleep(pause);
    program.reset();
  }
  return concatBytes(...written);
}

describe.each(ways)('a connection through a forward (%s)', (way) => {
  it('class: brings what was written in its order, and takes no cut for an end, whoever leaves first and how', async () => {
    let whole = 0;
    await fc.assert(
      fc.asyncProperty(conduct, conduct, async (here, there) => {
        await play(way, async (scene) => {
          const { near, far } = scene.connect();
          const target = await far;
          const [question, answer] = await Promise.all([
            behave(scene, near, here, 1),
            behave(scene, target, there, 100),
          ]);
          await scene.until(() => near.isOver && target.isOver);
          const cuts = [here, there].map(({ leaves }) => leaves === 'reset' || leaves === 'late');
          for (const [reader, sent, writer] of [
            [near, answer, there],
            [target, question, here],
          ] as const) {
            const { received } = reader;
            expect(Buffer.compare(received, sent.subarray(0, received.length))).toBe(0);
            // Whoever saw an end has all that was said, and one was said.
            if (reader.ended)
              expect([received.length, writer.leaves === 'reset']).toEqual([sent.length, false]);
            if (cuts.includes(true)) continue;
            whole++;
            expect([reader.ended, reader.fault]).toEqual([true, undefined]);
          }
        });
      }),
      { numRuns: 30, examples: [[pieceWithoutBytes, pieceWithoutBytes]] },
    );
    expect(whole).toBeGreaterThan(0);
  });

  it('sshj#686, asyncssh#159: brings every byte under any chunking, and each end by itself, in any order', async () => {
    await fc.assert(
      fc.asyncProperty(script, script, chunking, chunking, async (here, there, toServer, toClient) => {
        const isTiny = [toServer, toClient].some(({ cut }) => cut < 100);
        const sizes = (list: readonly number[]): number[] =>
          list.map((size) => (isTiny ? 1 + (size % 300) : size));
        await play(
          way,
          async (scene) => {
            const { world } = scene;
            const { near, far } = scene.connect();
            const target = await far;
            // One of them may wait for the end of the other before it says anything.
            const patient = here.first ? there.first : false;
            const asked = speak(world, near, sizes(here.pieces), here.pause, 1);
            if (patient) await scene.until(() => target.ended);
            const answered = speak(world, target, sizes(there.pieces), there.pause, 100);
            const [question, answer] = await Promise.all([asked, answered]);
            await scene.until(() => near.isOver && target.isOver);
            expect([near.fault, target.fault]).toEqual([undefined, undefined]);
            expect(Buffer.compare(target.received, question)).toBe(0);
            expect(Buffer.compare(near.received, answer)).toBe(0);
          },
          { plan: { toServer, toClient } },
        );
      }),
      { numRuns: 15 },
    );
  });

  it('class: never looks whole where the path fails, and leaves nothing', async () => {
    const faults = fc.record({
      direction: fc.constantFrom('toServer', 'toClient'),
      kind: fc.constantFrom('stall', 'end', 'reset', 'drip', 'corrupt'),
      offset: fc.integer({ min: 2_000, max: 60_000 }),
    });
    await fc.assert(
      fc.asyncProperty(faults, async ({ direction, kind, offset }) => {
        const plan = { [direction]: { fault: { offset, kind, gap: 100 } } };
        await play(
          way,
          async ({ world, client, ...scene }) => {
            const { near, far } = Scene.prototype.connect.call({ world, client, ...scene } as Scene);
            const target = await Promise.race([far, client.closed.then(() => undefined)]);
            const [question, answer] = [pattern(60_000, 1), pattern(60_000, 2)];
            void near.write(question).then(() => near.end());
            void target?.write(answer).then(() => target.end());
            for (let waited = 0; waited < 400_000; waited += 500) {
              if (near.isOver && (target === undefined || target.isOver)) break;
              await world.sleep(500);
            }
            expect(near.isOver).toBe(true);
            if (near.fault === undefined && target !== undefined)
              expect(Buffer.compare(near.received, answer)).toBe(0);
            if (target !== undefined && target.fault === undefined)
              expect([target.ended, Buffer.compare(target.received, question)]).toEqual([true, 0]);
          },
          { plan, livesOn: false },
        );
      }),
      { numRuns: 15 },
    );
  });

  it('class: holds back its own sender alone where a program stops reading, and brings all once it reads on', async () => {
    await play(way, async (scene) => {
      const { world, client } = scene;
      const slow = scene.connect();
      const slowFar = await slow.far;
      slow.near.stopReading();
      const data = pattern(5_000_000, 3);
      let taken = false;
      const sending = (async () => {
        for (let at = 0; at < data.length; at += 50_000) await slowFar.write(data.subarray(at, at + 50_000));
        slowFar.end();
        taken = true;
      })();
      await world.sleep(5_000);
      expect(taken).toBe(false);
      const held = client.inspect().channels.reduce((sum, { unread }) => sum + unread, 0);
      const between = scene.forward.counters;
      const passed = way === 'local' ? between.bytesIn : between.bytesOut;
      // What lies between is bounded: the window, and what sockets hold.
      expect(held + passed).toBeLessThan(4_000_000);
      const quick = scene.connect();
      const quickFar = await quick.far;
      const [question, answer] = await Promise.all([
        speak(world, quick.near, [100_000, 5], 1, 7),
        speak(world, quickFar, [200_000], 1, 9),
      ]);
      await scene.until(() => quick.near.isOver && quickFar.isOver);
      expect(Buffer.compare(quickFar.received, question)).toBe(0);
      expect(Buffer.compare(quick.near.received, answer)).toBe(0);
      slow.near.readOn();
      await sending;
      slow.near.end();
      await scene.until(() => slow.near.ended && slowFar.ended);
      expect(Buffer.compare(slow.near.received, data)).toBe(0);
    });
  });

  it('mina-sshd#879: is cut on the far side where a program cut it on the near one, at whatever moment', async () => {
    const life = async (scene: Scene, cut?: { readonly step: number; readonly side: 'near' | 'far' }) => {
      const { near, far } = scene.connect();
      let other: SimProgram | undefined;
      void far.then((program) => {
        other = program;
        void program.write(pattern(30_000, 2));
      });
      void near.write(pattern(30_000, 1));
      const first = scene.world.clock.steps;
      let isCut = false;
      if (cut !== undefined) {
        scene.world.clock.atStep(first + cut.step, () => {
          const program = cut.side === 'near' ? near : other;
          isCut = program !== undefined;
          program?.reset();
        });
      }
      await scene.world.sleep(1_000);
      // The moment may lie behind all that happens, or ahead of the other program.
      if (!isCut) near.reset();
      await scene.world.sleep(1_000);
      expect(near.isOver).toBe(true);
      if (other !== undefined) expect(other.isOver).toBe(true);
      return scene.world.clock.steps - first;
    };
    let steps = 0;
    await play(way, async (scene) => {
      steps = await life(scene);
    });
    const cuts = fc.record({
      step: fc.integer({ min: 1, max: steps }),
      side: fc.constantFrom('near', 'far'),
    });
    await fc.assert(
      fc.asyncProperty(cuts, (cut) =>
        play(way, async (scene) => void (await life(scene, cut))).then(() => {}),
      ),
      { numRuns: 15 },
    );
  });

  it('tunnel-ssh#69: ends with its forward, or with the connection, at whatever moment that is closed', async () => {
    const ends = fc.record({
      step: fc.integer({ min: 1, max: 400 }),
      how: fc.constantFrom('forward', 'close', 'destroy'),
    });
    await fc.assert(
      fc.asyncProperty(ends, async ({ step, how }) => {
        await play(
          way,
          async (scene) => {
            const { world, client, forward } = scene;
            const pairs = [scene.connect(), scene.connect()];
            const others: SimProgram[] = [];
            for (const { near, far } of pairs) {
              void near.write(pattern(100_000, 1));
              void far.then((program) => {
                others.push(program);
                void program.write(pattern(100_000, 2));
              });
            }
            let isEnded = false;
            const end = (): void => {
              if (isEnded) return;
              isEnded = true;
              if (how === 'forward') void world.call('forward.close', () => forward.close());
              else if (how === 'close') void world.call('close', () => client.close());
              else client.destroy();
            };
            world.clock.atStep(world.clock.steps + step, end);
            await world.sleep(1_000);
            end();
            await world.sleep(20_000);
            expect([...pairs.map(({ near }) => near), ...others].map(({ isOver }) => isOver)).not.toContain(
              false,
            );
            if (how === 'forward') expect((await client.run('both')).code).toBe(3);
            expect(client.forwards).toEqual([]);
          },
          { livesOn: false },
        );
      }),
      { numRuns: 15 },
    );
  });

  it('is seen in inspect, the report, its text and the metrics', async () => {
    await play(way, async (scene) => {
      const { near, far } = scene.connect();
      void near.write(pattern(1_000, 1));
      const target = await far;
      await scene.until(() => target.received.length === 1_000);
      const [bytesOut, bytesIn] = way === 'local' ? [1_000, 0] : [0, 1_000];
      const [forward] = scene.client.inspect().forwards;
      expect(forward).toMatchObject({ accepted: 1, refused: 0, failed: 0, bytesOut, bytesIn });
      expect(forward?.connections).toMatchObject([
        { id: 1, to: 'target:1', state: 'open', bytesOut, bytesIn },
      ]);
      const report = takeReport({ details: true });
      const detail = report.details?.find(({ role }) => role === 'client');
      expect(detail?.forwards).toMatchObject([{ name: forward?.name, connections: [{ to: 'target:1' }] }]);
      expect(formatReport(report)).toContain(
        `forward     ${forward?.name}; 1 connection open, 1 came, 0 refused, 0 failed; ${bytesOut} bytes out, ${bytesIn} in`,
      );
      const counting = new Metrics();
      const gauge = (name: 'deadline_ssh_open_forwards' | 'deadline_ssh_forwarded_connections') =>
        counting.family(name).samples.map(({ labels, value }) => [labels['role'], value]);
      // On the side that listens for the other one there is a forward as well.
      const there = way === 'local' ? 0 : 1;
      for (const name of ['deadline_ssh_open_forwards', 'deadline_ssh_forwarded_connections'] as const)
        expect(gauge(name)).toEqual([
          ['client', 1],
          ['server', there],
        ]);
      counting.stop();
      near.reset();
    });
  });
});

describe('a program that connects to a forward and writes at once', () => {
  it('SSHD-1262: keeps what it writes until the channel is open, and then all of it goes', async () => {
    let allow: (allowed: boolean) => void = () => {};
    const allowed = new Promise<boolean>((resolve) => {
      allow = resolve;
    });
    await play(
      'local',
      async (scene) => {
        const { near, far } = scene.connect();
        const pieces = Array.from({ length: 4 }, (_, index) => pattern(64 * 1024, index));
        let taken = 0;
        const writing = Promise.all(
          pieces.map(async (piece) => {
            await near.write(piece);
            taken++;
          }),
        );
        await scene.world.sleep(5_000);
        // The kernel has room for one of them; nobody reads it.
        expect(taken).toBe(1);
        expect(scene.forward.connections.map(({ state, bytesOut }) => [state, bytesOut])).toEqual([
          ['opening', 0],
        ]);
        allow(true);
        const other = await far;
        await writing;
        near.end();
        await scene.until(() => other.ended);
        expect(concatBytes(...other.pieces)).toEqual(concatBytes(...pieces));
        other.end();
      },
      { allows: () => allowed },
    );
  });
});

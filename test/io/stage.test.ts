/** The end of a connection: each stage, and each thing that can happen in it. */
import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { defaultKeepAlive, defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { Driver } from '../../src/io/driver.ts';
import type { Link } from '../../src/io/link.ts';
import { liveConnections } from '../../src/io/registry.ts';
import { type Stage, stageAfter } from '../../src/io/stage.ts';
import { ClientProtocol } from '../../src/protocol/client.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { VirtualClock } from '../support/virtualClock.ts';

const provider = createEagerNobleProvider({ randomBytes: (length) => new Uint8Array(length) });

const scenes: Scene[] = [];

/** Tests of other files that run in this process look for what is left of a connection. */
afterEach(async () => {
  for (const scene of scenes.splice(0)) {
    scene.driver.destroy(byUser('the test is over'));
    scene.driver.closed();
    await scene.settle();
  }
  expect(liveConnections()).toEqual([]);
});

/** A connection whose link is the test: it takes what is written when the test says so. */
class Scene {
  readonly clock: VirtualClock = new VirtualClock();
  readonly waits: WaitTable = new WaitTable();
  /** What was asked of the link, but for writes, since the last look. */
  readonly asked: string[] = [];
  /** Causes its user was told of. */
  readonly ends: SshError[] = [];
  readonly driver: Driver<ClientProtocol>;
  private unsent = 0;

  constructor() {
    const { clock, waits } = this;
    this.driver = new Driver<ClientProtocol>(
      {
        clock,
        waits,
        timeouts: defaultTimeouts,
        open: () => this.link(),
        createCore: (now) =>
          new ClientProtocol({
            username: 'ops',
            provider,
            preferences: defaultPreferences,
            limits: defaultLimits,
            timeouts: defaultTimeouts,
            keepAlive: defaultKeepAlive,
            rekey: defaultRekeyPolicy,
            identification: identificationLine('test'),
            requireStrict: false,
            waits,
            now,
          }),
        role: 'client',
        target: 'host:22',
        openedAt: undefined,
      },
      { handle: () => {}, ended: (cause) => void this.ends.push(cause) },
    );
    waits.start('connect', 'the TCP connection to host:22', clock.now(), 1000);
    scenes.push(this);
    this.driver.start();
  }

  private link(): Link {
    const nowhere = { localAddress: undefined, localPort: undefined };
    return {
      write: (bytes) => {
        this.unsent += bytes.length;
        return true;
      },
      unsentBytes: () => this.unsent,
      writeBacklog: () => this.unsent,
      end: () => void this.asked.push('end'),
      destroy: () => void this.asked.push('destroy'),
      addresses: () => ({ ...nowhere, remoteAddress: undefined, remotePort: undefined }),
    };
  }

  /** What was set off has happened; no time passes. */
  async settle(): Promise<this> {
    await this.clock.run({ until: this.clock.now() });
    return this;
  }

  /** The link is up. */
  async up(): Promise<this> {
    this.waits.clear();
    this.driver.connected();
    return this.settle();
  }

  /** The peer takes all that was written. */
  async sent(): Promise<this> {
    this.unsent = 0;
    this.driver.written();
    return this.settle();
  }
}

const byUser = (what: string): SshError => new SshError('ERR_SSH_CLOSED', what, { origin: 'user' });

/** Ends that the user brings about have their words, others their code. */
const named = (cause: SshError | undefined): string | undefined =>
  cause?.code === 'ERR_SSH_CLOSED' ? cause.message : cause?.code;

const reach: Readonly<Record<Stage, () => Promise<Scene>>> = {
  connecting: () => new Scene().settle(),
  running: async () => (await new Scene().up()).sent(),
  draining: async () => {
    const scene = await new Scene().up();
    scene.driver.close(byUser('closed'));
    return scene.settle();
  },
  leaving: async () => (await reach.draining()).sent(),
  breaking: async () => {
    const scene = await reach.running();
    scene.driver.destroy(byUser('destroyed'));
    return scene.settle();
  },
  over: async () => {
    const scene = await reach.breaking();
    scene.driver.closed();
    return scene.settle();
  },
};

const deeds = {
  'the link is up': ({ driver }) => driver.connected(),
  'all is sent': (scene) => void scene.sent(),
  'the user closes': ({ driver }) => driver.close(byUser('closed now')),
  'the user destroys': ({ driver }) => driver.destroy(byUser('destroyed now')),
  'this side fails': ({ driver }) => driver.fail(byUser('failed now')),
  'the peer sends garbage': ({ driver }) => driver.received(new Uint8Array(300)),
  'the peer ends': ({ driver }) => driver.ended(undefined),
  'the link is gone': ({ driver }) => driver.closed(),
  'a deadline passes': ({ clock, waits }) => clock.block(waits.earliest() - clock.now() + 1),
} as const satisfies Readonly<Record<string, (scene: Scene) => void>>;

type Deed = keyof typeof deeds;

/** The next stage, what is asked of the link, and the cause where there is one from then on. */
type Outcome = readonly [stage: Stage, link: readonly ('end' | 'destroy')[], cause?: string];

const outcomes: Readonly<Record<Stage, Readonly<Record<Deed, Outcome>>>> = {
  connecting: {
    'the link is up': ['running', []],
    'all is sent': ['connecting', []],
    'the user closes': ['breaking', ['destroy'], 'closed now'],
    'the user destroys': ['breaking', ['destroy'], 'destroyed now'],
    'this side fails': ['breaking', ['destroy'], 'failed now'],
    'the peer sends garbage': ['connecting', []],
    'the peer ends': ['breaking', ['destroy'], 'ERR_SSH_CONNECT'],
    'the link is gone': ['over', ['destroy'], 'ERR_SSH_CONNECT'],
    'a deadline passes': ['breaking', ['destroy'], 'ERR_SSH_TIMEOUT'],
  },
  running: {
    'the link is up': ['running', []],
    'all is sent': ['running', []],
    'the user closes': ['leaving', ['end'], 'closed now'],
    'the user destroys': ['breaking', ['destroy'], 'destroyed now'],
    'this side fails': ['breaking', ['destroy'], 'failed now'],
    'the peer sends garbage': ['breaking', ['destroy'], 'ERR_SSH_IDENTIFICATION'],
    'the peer ends': ['breaking', ['destroy'], 'ERR_SSH_CONNECTION_LOST'],
    'the link is gone': ['over', ['destroy'], 'ERR_SSH_CONNECTION_LOST'],
    'a deadline passes': ['breaking', ['destroy'], 'ERR_SSH_TIMEOUT'],
  },
  draining: {
    'the link is up': ['draining', []],
    'all is sent': ['leaving', ['end'], 'closed'],
    'the user closes': ['draining', []],
    'the user destroys': ['breaking', ['destroy'], 'destroyed now'],
    'this side fails': ['leaving', ['end'], 'failed now'],
    'the peer sends garbage': ['leaving', ['end'], 'ERR_SSH_IDENTIFICATION'],
    'the peer ends': ['leaving', ['end'], 'ERR_SSH_CONNECTION_LOST'],
    'the link is gone': ['over', ['end'], 'ERR_SSH_CONNECTION_LOST'],
    'a deadline passes': ['breaking', ['destroy'], 'ERR_SSH_TIMEOUT'],
  },
  leaving: {
    'the link is up': ['leaving', [], 'closed'],
    'all is sent': ['leaving', [], 'closed'],
    'the user closes': ['leaving', [], 'closed'],
    'the user destroys': ['breaking', ['destroy'], 'closed'],
    'this side fails': ['leaving', [], 'closed'],
    'the peer sends garbage': ['leaving', [], 'closed'],
    'the peer ends': ['breaking', ['destroy'], 'closed'],
    'the link is gone': ['over', ['destroy'], 'closed'],
    'a deadline passes': ['breaking', ['destroy'], 'closed'],
  },
  breaking: {
    'the link is up': ['breaking', [], 'destroyed'],
    'all is sent': ['breaking', [], 'destroyed'],
    'the user closes': ['breaking', [], 'destroyed'],
    'the user destroys': ['breaking', ['destroy'], 'destroyed'],
    'this side fails': ['breaking', [], 'destroyed'],
    'the peer sends garbage': ['breaking', [], 'destroyed'],
    'the peer ends': ['breaking', [], 'destroyed'],
    'the link is gone': ['over', [], 'destroyed'],
    'a deadline passes': ['breaking', [], 'destroyed'],
  },
  over: {
    'the link is up': ['over', [], 'destroyed'],
    'all is sent': ['over', [], 'destroyed'],
    'the user closes': ['over', [], 'destroyed'],
    'the user destroys': ['over', [], 'destroyed'],
    'this side fails': ['over', [], 'destroyed'],
    'the peer sends garbage': ['over', [], 'destroyed'],
    'the peer ends': ['over', [], 'destroyed'],
    'the link is gone': ['over', [], 'destroyed'],
    'a deadline passes': ['over', [], 'destroyed'],
  },
};

const rows = Object.entries(outcomes).flatMap(([stage, row]) =>
  Object.entries(row).map(([deed, outcome]) => [stage as Stage, deed as Deed, outcome] as const),
);

describe('a connection', () => {
  it.each(rows)('that is %s, when %s', async (stage, deed, [next, asked, cause]) => {
    const scene = await reach[stage]();
    const { driver } = scene;
    expect(driver.stage).toBe(stage);
    scene.asked.length = 0;
    const before = driver.cause;
    deeds[deed](scene);
    await scene.settle();
    expect([driver.stage, scene.asked]).toEqual([next, asked]);
    expect(named(driver.cause)).toBe(cause);
    // One end, one cause, told once.
    expect(scene.ends).toEqual(driver.cause === undefined ? [] : [driver.cause]);
    if (before !== undefined) expect(driver.cause).toBe(before);
    if (next === 'over') {
      expect(await driver.over).toBe(driver.cause);
      expect([scene.waits.size, scene.clock.liveTimers]).toEqual([0, 0]);
    }
  });
});

it('is drawn in the comment as the table has it', () => {
  const source = readFileSync(new URL('../../src/io/stage.ts', import.meta.url), 'utf8');
  const drawn = [...source.matchAll(/^ \* {3}\w+ ──.*$/gm)].flatMap(([line]) => {
    const [first = '', ...rest] = line.replace(/^ \* +/, '').split(' ──');
    let from = first;
    return rest.map((part) => {
      const [event = '', to = ''] = part.split('──> ');
      const arrow = `${from} ${event} ${to}`;
      from = to;
      return arrow;
    });
  });
  const table = Object.entries(stageAfter).flatMap(([from, row]) =>
    Object.entries(row)
      .filter(([, to]) => to !== from)
      .map(([event, to]) => `${from} ${event} ${to}`),
  );
  expect(drawn.sort()).toEqual(table.sort());
});

/** Options that are numbers, at their bounds: the least and the largest are taken, what lies beyond is refused. */
import { describe, expect, it } from 'vitest';
import { resolveKeepAlive } from '../../src/base/timeouts.ts';
import type { AuthMethod } from '../../src/client/authentication/methods.ts';
import {
  checkExecOptions,
  checkRunOptions,
  checkSessionOptions,
  checkShellOptions,
} from '../../src/client/callOptions.ts';
import { createConnect } from '../../src/client/dial/connect.ts';
import { createPoolOn } from '../../src/client/fleet/pool.ts';
import { createRunOnAll } from '../../src/client/fleet/runOnAll.ts';
import { checkForwardOptions, checkSocksOptions } from '../../src/client/forwarding.ts';
import { resolveRetry, resolveTunnelOptions } from '../../src/client/tunnel/options.ts';
import { openAgent } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { terminalModeOpcodes } from '../../src/message/terminalModes.ts';
import { nodePlatform } from '../../src/node/platform.ts';
import { refusalOf } from '../support/optionRows.ts';
import { play } from '../support/scene.ts';

/** A platform without a network: what reaches it has passed all checks. */
const platform = {
  ...nodePlatform,
  tcp: () => () => {
    throw new Error('dialled');
  },
  defaultHostKeyVerifier: () => () => true,
};
const connect = createConnect(platform);
const runOnAll = createRunOnAll(platform);
const createPool = createPoolOn(platform);

type Call = (value: number) => unknown;
type Row = readonly [name: string, low: number, high: number, call: Call];

const endless = Number.MAX_SAFE_INTEGER;
const lengths = 0xffff_ffff;

const dial =
  (name: string): Call =>
  (value) =>
    connect({ host: 'a', username: 'b', [name]: value });
const step =
  (given: object): Call =>
  (attempts) =>
    connect({ host: 'a', username: 'b', auth: [{ ...given, attempts } as AuthMethod] });

const connectRows: readonly Row[] = [
  ['port', 1, 65_535, dial('port')],
  ['maxChannels', 1, endless, dial('maxChannels')],
  ['typeOfService', 0, 255, dial('typeOfService')],
  ['attempts', 1, 1000, step({ method: 'password', password: 'x' })],
  ['attempts', 1, 1000, step({ method: 'keyboard-interactive', answer: () => [] })],
  ['maxMissed', 1, endless, (maxMissed) => resolveKeepAlive({ maxMissed })],
];

const sizes = ['columns', 'rows', 'widthPixels', 'heightPixels'];
const commandRows: readonly Row[] = [
  ...[checkRunOptions, checkExecOptions, checkShellOptions].map(
    (check): Row => ['maxChannels', 1, endless, (maxChannels) => check({ maxChannels })],
  ),
  ['maxChannels', 1, endless, (maxChannels) => checkSessionOptions('subsystem', { maxChannels })],
  ...sizes.map((name): Row => [name, 0, lengths, (value) => checkRunOptions({ pty: { [name]: value } })]),
  ...sizes.map((name): Row => [name, 0, lengths, (value) => checkShellOptions({ [name]: value })]),
  ...Object.keys(terminalModeOpcodes).map(
    (name): Row => [name, 0, lengths, (value) => checkShellOptions({ modes: { [name]: value } })],
  ),
];

const fleetRows: readonly Row[] = [
  ['maxConnections', 1, 65_536, (maxConnections) => createPool({ maxConnections })],
  ['maxChannels', 1, 65_536, (maxChannels) => createPool({ maxChannels })],
  [
    'concurrency',
    1,
    endless,
    async (concurrency) => {
      for await (const _ of runOnAll([], 'x', { username: 'b', concurrency }));
    },
  ],
  ['attempts', 1, 2 ** 31, (attempts) => resolveRetry({ attempts })],
  ['maxConnections', 1, 65_536, (maxConnections) => resolveTunnelOptions({ maxConnections }, {})],
  ['maxConnections', 1, endless, (maxConnections) => checkForwardOptions('forwardLocal', { maxConnections })],
  ['maxConnections', 1, endless, (maxConnections) => checkSocksOptions('forwardSocks', { maxConnections })],
];

async function holds([name, low, high, call]: Row): Promise<void> {
  const refused = async (value: number): Promise<string | undefined> =>
    (await refusalOf(() => call(value)))?.message;
  for (const value of [low, low + 1, high - 1, high]) {
    expect([name, value, await refused(value)]).toEqual([name, value, undefined]);
  }
  for (const value of [low - 1, high + 1, low + 0.5]) {
    const message = expect.stringMatching(new RegExp(`\\b${name}\\b.* must be .*, not ${value}$`));
    expect([name, value, await refused(value)]).toEqual([name, value, message]);
  }
}

describe('the bounds of numbers', () => {
  it.each([
    ['a connection', connectRows],
    ['a command', commandRows],
    ['a fleet, a pool, a tunnel and a forward', fleetRows],
  ])('in the options of %s', async (_, rows) => {
    for (const row of rows) await holds(row);
  });

  it('of a terminal that gets another size', async () => {
    await play(
      async ({ client }) => {
        await using shell = await client.shell();
        for (const [at, name] of sizes.entries()) {
          const size = [80, 24, 0, 0];
          await holds([
            name,
            0,
            lengths,
            (value) => shell.resize(...(size.with(at, value) as [number, number])),
          ]);
        }
      },
      { server: { shell: () => new Promise(() => {}) } },
    );
  });

  it('of SFTP', async () => {
    await play(async ({ client }) => {
      for (const name of ['openHandles', 'blockLength']) {
        await holds([name, 1, endless, (value) => client.sftp({ [name]: value })]);
      }
    });
  });

  it('of a key that an agent is to hold for so many seconds', async () => {
    const key = generateKey('ed25519');
    await using agent = openAgent('/nowhere');
    await holds(['lifetime', 1, 0xffff_ffff, (lifetime) => agent.add(key, { lifetime })]);
  });
});

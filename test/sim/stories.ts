/**
 * What users do in a simulation, from the dial to the close.
 *
 * Owns: the stories.
 * Must not know: what goes wrong meanwhile.
 */
import { once } from 'node:events';
import type { Duplex, Readable } from 'node:stream';
import type { Client } from '../../src/client/client.ts';
import type { RemoteProcess } from '../../src/client/command/remoteProcess.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import { pattern } from './random.ts';
import type { World } from './world.ts';

/** Signals for the calls of a story, by their names. */
export type Signals = Readonly<Record<string, AbortSignal>>;

export interface StoryOptions {
  readonly signals?: Signals;
  readonly connect?: ConnectOptions;
  /** Told of the client once it is connected. */
  readonly connected?: (client: Client) => void;
  /** Bytes of the largest input; others are parts of it. 900 */
  readonly size?: number;
  /** Commands that run beside each other, besides the two that always do. 0 */
  readonly beside?: number;
}

/** Dial, key exchange, authentication, commands with data both ways, rekey, a forwarded connection, close. */
export async function wholeLife(world: World, options: StoryOptions = {}): Promise<void> {
  const { signals = {}, connect = {}, size = 900, beside = 0 } = options;
  const signal = (name: string): { signal?: AbortSignal } =>
    signals[name] === undefined ? {} : { signal: signals[name] };
  const client = await world.call('connect', () => world.connect({ ...connect, ...signal('connect') }));
  if (client === undefined) return;
  options.connected?.(client);
  const ended = world.call('closed', () => client.closed.then((cause) => ({ cause: cause.code })));
  await Promise.all([
    world.call('echo', () =>
      client.run('echo', { input: pattern(size), encoding: 'buffer', ...signal('echo') }),
    ),
    world.call('both', () => client.run('both', { encoding: 'buffer', ...signal('both') })),
    forward(world, client, Math.ceil((size * 5) / 9), signal('forward')),
    ...Array.from({ length: beside }, (_, index) =>
      world.call(`beside ${index}`, () =>
        client.run('echo', { input: pattern(Math.ceil(size / (index + 2)), index), encoding: 'buffer' }),
      ),
    ),
  ]);
  await Promise.all([
    world.call('rekey', () => client.rekey(signal('rekey'))),
    world.call('echo 2', () =>
      client.run('echo', { input: 'x'.repeat(Math.ceil(size / 3)), ...signal('echo 2') }),
    ),
  ]);
  await interactive(world, client, signal('exec'));
  await world.call('refused', () => client.openTcp('nowhere', 9, signal('refused')));
  await world.call('ping', () => client.ping(signal('ping')).then(() => undefined));
  await world.call('close', () => client.close());
  await ended;
}

/** A forwarded connection that gives back what it is sent. */
async function forward(
  world: World,
  client: Client,
  size: number,
  call: { signal?: AbortSignal },
): Promise<void> {
  const stream = await world.call('forward', () => client.openTcp('echo', 7, call).then(hidden));
  if (stream === undefined) return;
  await world.call('forward data', () => {
    stream.duplex.end(pattern(size, 3));
    return collected(stream.duplex);
  });
  stream.duplex.destroy();
}

/** A command that is written to and read in turn. */
async function interactive(world: World, client: Client, call: { signal?: AbortSignal }): Promise<void> {
  const started = await world.call('exec', () => client.exec('echo', call).then(hiddenProcess));
  if (started === undefined) return;
  const { process } = started;
  process.stderr.resume();
  process.stdin.write('ping');
  const reading = world.call('exec read', async () => {
    let text = '';
    for await (const chunk of process.stdout) {
      text += String(chunk);
      if (text === 'ping') process.stdin.end('pong');
    }
    return text;
  });
  await reading;
  process.stdin.destroy();
  await world.call('exec exit', () => process.exit);
}

async function collected(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** Values that are compared by nothing but their presence. */
function hidden(duplex: Duplex): { readonly duplex: Duplex } {
  return Object.defineProperty({}, 'duplex', { value: duplex }) as { duplex: Duplex };
}

function hiddenProcess(process: RemoteProcess): { readonly process: RemoteProcess } {
  return Object.defineProperty({}, 'process', { value: process }) as { process: RemoteProcess };
}

/** Resolves once a stream is closed, however that came about. */
export async function closed(stream: Duplex): Promise<void> {
  if (!stream.closed) await once(stream, 'close').catch(() => {});
}

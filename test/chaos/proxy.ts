/**
 * A network that misbehaves, as a proxy before a server.
 *
 * Owns: both sockets of each connection, and what becomes of the bytes between
 * them, which follows from a plan.
 * Must not know: SSH.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Random, seeded } from '../sim/random.ts';

export const harms = ['stall', 'block', 'pause', 'drip', 'reset', 'halfClose', 'corrupt'] as const;
/**
 * `stall`: what follows is swallowed. `block`: it is not taken. `pause`: it comes
 * later. `drip`: the next bytes come one at a time. `reset`: both sockets break.
 * `halfClose`: an orderly end in its place. `corrupt`: a bit of a byte is turned.
 */
export type Harm = (typeof harms)[number];
export type Way = 'toServer' | 'toClient';

/** What happens to one way of a connection. */
export interface LanePlan {
  /** Longest piece that is passed on at once; as it comes where not given. */
  readonly split?: number | undefined;
  /** Most milliseconds from a piece to the next. */
  readonly delay: number;
  readonly harm?: { readonly kind: Harm; readonly offset: number } | undefined;
}

export interface ConnectionPlan extends Readonly<Record<Way, LanePlan>> {
  /** Of the pieces and delays. */
  readonly seed: number;
}

/** A plan that a generator draws: most connections are harmed, somewhere up to a megabyte. */
export function drawPlan(random: Random): ConnectionPlan {
  const lane = (harmed: boolean): LanePlan => ({
    split: random() < 0.4 ? 1 + Math.floor(2 ** (random() * 14)) : undefined,
    delay: random() < 0.3 ? random() * 8 : 0,
    harm: harmed
      ? {
          kind: harms[Math.floor(random() * harms.length)] ?? 'stall',
          offset: Math.floor(2 ** (random() * 20)),
        }
      : undefined,
  });
  const harmed = random() < 0.6;
  const toServer = random() < 0.5;
  return {
    toServer: lane(harmed && toServer),
    toClient: lane(harmed && !toServer),
    seed: Math.floor(random() * 2 ** 31),
  };
}

const longestPause = 700;
const dripLength = 120;
const dripGap = 12;

/** Passes one way of a connection on, until it ends. */
async function pass(
  from: Socket,
  to: Socket,
  plan: LanePlan,
  random: Random,
  over: AbortSignal,
): Promise<void> {
  const wait = (milliseconds: number): Promise<void> => sleep(milliseconds, undefined, { signal: over });
  const put = async (bytes: Buffer): Promise<void> => {
    if (bytes.length > 0 && !to.write(bytes)) await once(to, 'drain', { signal: over });
  };
  const putPieces = async (bytes: Buffer): Promise<void> => {
    for (let at = 0; at < bytes.length; ) {
      const length = plan.split === undefined ? bytes.length : 1 + Math.floor(random() * plan.split);
      await put(bytes.subarray(at, at + length));
      at += length;
      // Not behind each of many small pieces: that would be a drip.
      if (plan.delay > 0 && random() < 0.1) await wait(random() * plan.delay);
    }
  };
  let { harm } = plan;
  let passed = 0;
  let dripping = 0;
  for await (const chunk of from as AsyncIterable<Buffer>) {
    let rest = chunk;
    if (harm !== undefined && passed + rest.length > harm.offset) {
      const clean = rest.subarray(0, harm.offset - passed);
      await putPieces(clean);
      rest = rest.subarray(clean.length);
      passed += clean.length;
      const { kind } = harm;
      harm = undefined;
      switch (kind) {
        case 'stall':
          // To the end of the connection, nothing more gets through.
          for await (const _ of from);
          return;
        case 'block':
          from.pause();
          await wait(2 ** 30);
          return;
        case 'reset':
          from.resetAndDestroy();
          to.resetAndDestroy();
          return;
        case 'halfClose':
          to.end();
          for await (const _ of from);
          return;
        case 'pause':
          await wait(random() * longestPause);
          break;
        case 'drip':
          dripping = dripLength;
          break;
        case 'corrupt':
          rest = Buffer.from(rest);
          rest[0] = (rest[0] ?? 0) ^ (1 << Math.floor(random() * 8));
          break;
        default:
          kind satisfies never;
      }
    }
    for (; dripping > 0 && rest.length > 0; dripping--) {
      await put(rest.subarray(0, 1));
      rest = rest.subarray(1);
      passed++;
      await wait(dripGap);
    }
    await putPieces(rest);
    passed += rest.length;
  }
  to.end();
}

export class ChaosProxy implements AsyncDisposable {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly lanes = new Set<Promise<void>>();

  private constructor(server: Server) {
    this.server = server;
  }

  /** Listens before a server on a loopback port. */
  static async before(port: number, plan: ConnectionPlan): Promise<ChaosProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const proxy = new ChaosProxy(server);
    server.on('connection', (client) => {
      const upstream = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
      proxy.join(client, upstream, plan);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
    await Promise.all(this.lanes);
  }

  private join(client: Socket, upstream: Socket, plan: ConnectionPlan): void {
    const over = new AbortController();
    const end = (): void => {
      over.abort();
      for (const socket of [client, upstream]) {
        socket.destroy();
        this.sockets.delete(socket);
      }
    };
    for (const socket of [client, upstream]) {
      this.sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', end);
    }
    const lane = (from: Socket, to: Socket, way: Way): void => {
      const random = seeded(plan.seed + (way === 'toServer' ? 0 : 1));
      // What goes wrong in a lane is the end of its connection.
      const passed = pass(from, to, plan[way], random, over.signal).catch(end);
      this.lanes.add(passed);
    };
    lane(client, upstream, 'toServer');
    lane(upstream, client, 'toClient');
  }
}

/**
 * A proxy before a real server that does harm at a byte.
 *
 * Owns: both sockets of each connection, and what becomes of the bytes between them.
 * Must not know: SSH.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export const harms = ['stall', 'drip', 'stopReading', 'end', 'reset', 'corrupt'] as const;
export type Harm = (typeof harms)[number];
export type Way = 'toServer' | 'toClient';

/** What happens once so many bytes have gone one way. */
export interface Sabotage {
  readonly way: Way;
  readonly offset: number;
  /**
   * `stall`: what follows is swallowed. `drip`: it goes a byte at a time.
   * `stopReading`: it is not taken. `end`: an orderly end in its place.
   * `reset`: both sockets break. `corrupt`: the next byte is altered.
   */
  readonly harm: Harm;
}

/** Milliseconds between two bytes of a drip. */
const dripGap = 20;

/** One way of one connection. */
class Lane {
  passed = 0;
  private readonly from: Socket;
  private readonly to: Socket;
  private readonly sabotage: Sabotage | undefined;
  private readonly dripping: number[] = [];
  private timer: ReturnType<typeof setInterval> | undefined;
  private struck = false;

  constructor(from: Socket, to: Socket, sabotage: Sabotage | undefined) {
    this.from = from;
    this.to = to;
    this.sabotage = sabotage;
    from.on('data', (chunk: Buffer) => this.take(chunk));
    from.on('end', () => {
      if (!this.struck || sabotage?.harm === 'corrupt') to.end();
    });
    from.on('close', () => {
      clearInterval(this.timer);
      to.destroy();
    });
  }

  private take(chunk: Buffer): void {
    const { sabotage } = this;
    const clean = sabotage === undefined || this.struck ? chunk.length : sabotage.offset - this.passed;
    if (sabotage === undefined || clean > chunk.length || (this.struck && sabotage.harm === 'corrupt')) {
      return this.pass(chunk);
    }
    if (!this.struck) {
      this.pass(chunk.subarray(0, clean));
      this.struck = true;
      return this.strike(sabotage.harm, chunk.subarray(clean));
    }
    if (sabotage.harm === 'drip') this.dripping.push(...chunk);
  }

  private pass(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.passed += bytes.length;
    if (this.to.write(bytes)) return;
    this.from.pause();
    this.to.once('drain', () => {
      if (!this.struck || this.sabotage?.harm !== 'stopReading') this.from.resume();
    });
  }

  private strike(harm: Harm, rest: Buffer): void {
    switch (harm) {
      case 'stall':
        return;
      case 'stopReading':
        this.from.pause();
        return;
      case 'drip':
        this.dripping.push(...rest);
        this.timer = setInterval(() => {
          const next = this.dripping.shift();
          if (next !== undefined) this.to.write(Buffer.from([next]));
        }, dripGap);
        return;
      case 'end':
        this.to.end();
        return;
      case 'reset':
        this.from.resetAndDestroy();
        this.to.resetAndDestroy();
        return;
      case 'corrupt': {
        const altered = Buffer.from(rest);
        if (altered.length > 0) altered[0] = (altered[0] as number) ^ 0x55;
        else this.struck = false;
        this.pass(altered);
        return;
      }
      default:
        harm satisfies never;
    }
  }
}

export class Saboteur implements AsyncDisposable {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private readonly lanes: { readonly way: Way; readonly lane: Lane }[] = [];

  private constructor(server: Server) {
    this.server = server;
  }

  /** Listens before a server on a loopback port. */
  static async before(port: number, sabotage?: Sabotage): Promise<Saboteur> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    const saboteur = new Saboteur(server);
    server.on('connection', (client) => {
      const upstream = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
      for (const socket of [client, upstream]) {
        socket.on('error', () => {});
        saboteur.sockets.add(socket);
      }
      const on = (way: Way): Sabotage | undefined => (sabotage?.way === way ? sabotage : undefined);
      saboteur.lanes.push({ way: 'toServer', lane: new Lane(client, upstream, on('toServer')) });
      saboteur.lanes.push({ way: 'toClient', lane: new Lane(upstream, client, on('toClient')) });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return saboteur;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Bytes that went a way as they should. */
  passed(way: Way): number {
    return this.lanes.reduce((sum, each) => sum + (each.way === way ? each.lane.passed : 0), 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

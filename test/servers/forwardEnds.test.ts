/**
 * Ends and cuts of forwarded connections between real programs: OpenSSH's client and server
 * around this library, and this library alone; in either direction, in every order, byte for byte.
 */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, connect as dialTcp, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, connect } from '../../src/entry/index.ts';
import { startEmbedded } from '../support/clients/embedded.ts';
import { openSshClient } from '../support/clients/kinds.ts';
import { useClientLab } from '../support/clients/lab.ts';
import { ClientProcess } from '../support/clients/process.ts';
import {
  describeServer,
  freePort,
  openSsh,
  setupTimeout,
  type TestServer,
} from '../support/servers/index.ts';
import { describeWith } from '../support/servers/programs.ts';

/** A forward that stands: what is connected to `port` comes out at the target. */
interface Standing extends AsyncDisposable {
  readonly port: number;
}

interface Way {
  readonly stand: (target: number) => Promise<Standing>;
  /** OpenSSH hands a reset on as an end, and this library as a reset. */
  readonly passesResets: boolean;
}

const question = randomBytes(3 * 1024 * 1024 + 5);
const answer = randomBytes(3 * 1024 * 1024 + 11);

const resetFault = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });

/** 0 where the system knows the peer. */
function peerOf(socket: Socket): number {
  const handle = Reflect.get(socket, '_handle') as { getpeername(out: object): number };
  return handle.getpeername({});
}

/** A program's end of a connection: what came, and how it was over. */
class Program {
  readonly socket: Socket;
  readonly ended: Promise<void>;
  readonly closed: Promise<void>;
  fault: NodeJS.ErrnoException | undefined;
  sawEnd = false;
  private readonly pieces: Buffer[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (piece: Buffer) => this.pieces.push(piece));
    socket.on('error', (error) => {
      this.fault = error;
    });
    this.closed = new Promise((resolve) => socket.once('close', () => resolve()));
    this.ended = new Promise((resolve) => {
      socket.once('end', () => {
        // Node tells of a reset behind bytes as of an end; the system knows no peer then.
        if (!socket.writableEnded && peerOf(socket) !== 0) this.fault = resetFault;
        else this.sawEnd = true;
        resolve();
      });
      socket.once('close', () => resolve());
    });
  }

  get received(): Buffer {
    return Buffer.concat(this.pieces);
  }

  /** Resolves when so many bytes came, or none will any more. */
  async has(count: number): Promise<void> {
    while (this.socket.bytesRead < count && !this.socket.destroyed) {
      await Promise.race([once(this.socket, 'data').catch(() => {}), this.closed]);
    }
  }
}

interface Pair {
  readonly near: Program;
  readonly far: Program;
}

/** The target of a forward, and connections through it. */
class Target {
  readonly port: number;
  private readonly arrived: ((program: Program) => void)[] = [];
  private readonly server;

  private constructor(port: number, server: ReturnType<typeof createServer>) {
    this.port = port;
    this.server = server;
    server.on('connection', (socket) => this.arrived.shift()?.(new Program(socket)));
  }

  static async listen(): Promise<Target> {
    const server = createServer({ allowHalfOpen: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new Target((server.address() as AddressInfo).port, server);
  }

  async reach(port: number): Promise<Pair> {
    const far = new Promise<Program>((resolve) => this.arrived.push(resolve));
    const near = new Program(dialTcp({ host: '127.0.0.1', port, allowHalfOpen: true }));
    return { near, far: await far };
  }

  close(): void {
    this.server.close();
  }
}

/** Who ends when; all of it is said and heard in each. */
const orders: Readonly<Record<string, (pair: Pair) => void>> = {
  'the client ends, and then the server answers': ({ near, far }) => {
    near.socket.end(question);
    void far.ended.then(() => far.socket.end(answer));
  },
  'the server ends, and then the client speaks': ({ near, far }) => {
    far.socket.end(answer);
    void near.ended.then(() => near.socket.end(question));
  },
  'both speak and end at once': ({ near, far }) => {
    near.socket.end(question);
    far.socket.end(answer);
  },
  'the client ends while it is spoken to': ({ near, far }) => {
    far.socket.write(answer.subarray(0, answer.length / 2));
    void near.has(100_000).then(() => near.socket.end(question));
    void far.ended.then(() => far.socket.end(answer.subarray(answer.length / 2)));
  },
  'the server ends while it is spoken to': ({ near, far }) => {
    near.socket.write(question.subarray(0, question.length / 2));
    void far.has(100_000).then(() => far.socket.end(answer));
    void near.ended.then(() => near.socket.end(question.subarray(question.length / 2)));
  },
  'both speak to readers that are late': ({ near, far }) => {
    near.socket.pause();
    far.socket.pause();
    near.socket.end(question);
    far.socket.end(answer);
    setTimeout(() => near.socket.resume(), 100);
    setTimeout(() => far.socket.resume(), 200);
  },
};

function isPrefix(part: Buffer, whole: Buffer): boolean {
  return part.equals(whole.subarray(0, part.length));
}

function suite(way: () => Way): void {
  let target: Target;
  beforeAll(async () => {
    target = await Target.listen();
  });
  afterAll(() => target.close());

  it.each(Object.keys(orders))('%s: every byte arrives, and each end', async (order) => {
    await using standing = await way().stand(target.port);
    const pair = await target.reach(standing.port);
    const { near, far } = pair;
    orders[order]?.(pair);
    await Promise.all([near.closed, far.closed]);
    expect([near.fault, far.fault, near.sawEnd, far.sawEnd]).toEqual([undefined, undefined, true, true]);
    expect(near.received.equals(answer)).toBe(true);
    expect(far.received.equals(question)).toBe(true);
  });

  it.each(['near', 'far'] as const)(
    'a reset by the %s program while both speak ends the other, and nothing false arrives',
    async (side) => {
      await using standing = await way().stand(target.port);
      const pair = await target.reach(standing.port);
      const { near, far } = pair;
      const [cutter, other] = side === 'near' ? [near, far] : [far, near];
      near.socket.write(question);
      far.socket.write(answer);
      await Promise.all([near.has(200_000), far.has(200_000)]);
      cutter.socket.resetAndDestroy();
      // What OpenSSH hands on as an end is answered by one.
      void other.ended.then(() => other.socket.end());
      await Promise.all([near.closed, far.closed]);
      expect(isPrefix(near.received, answer) && isPrefix(far.received, question)).toBe(true);
      if (way().passesResets) expect([other.fault?.code, other.sawEnd]).toEqual(['ECONNRESET', false]);
      // The forward goes on.
      const after = await target.reach(standing.port);
      orders['both speak and end at once']?.(after);
      await Promise.all([after.near.closed, after.far.closed]);
      expect(after.near.received.equals(answer) && after.far.received.equals(question)).toBe(true);
    },
  );

  it('a consumer that stands still holds up nobody beside it, and gets all of it once it reads on', async () => {
    await using standing = await way().stand(target.port);
    const slow = await target.reach(standing.port);
    slow.near.socket.pause();
    const long = Buffer.concat([answer, question, answer, question, answer, question]);
    slow.far.socket.end(long);
    for (let i = 0; i < 3; i++) {
      const quick = await target.reach(standing.port);
      orders['the client ends, and then the server answers']?.(quick);
      await Promise.all([quick.near.closed, quick.far.closed]);
      expect(quick.near.received.equals(answer) && quick.far.received.equals(question)).toBe(true);
    }
    expect(slow.near.sawEnd).toBe(false);
    slow.near.socket.resume();
    await slow.near.ended;
    slow.near.socket.end();
    await slow.far.closed;
    expect(slow.near.received.equals(long)).toBe(true);
  });
}

describe.each(['forwardLocal', 'forwardRemote'] as const)('%s', (call) => {
  const places = (target: number) => [{ port: 0 }, { host: '127.0.0.1', port: target }] as const;

  describeServer('through a server', openSsh, (lab) => {
    let server: TestServer;
    beforeAll(async () => {
      server = await openSsh.start(lab());
    }, setupTimeout);
    suite(() => ({
      passesResets: false,
      stand: async (target) => {
        const client = await server.connect();
        const forward = await client[call](...places(target));
        return { port: forward.address.port ?? 0, [Symbol.asyncDispose]: () => client.close() };
      },
    }));
  });

  describe('through the server of this library', () => {
    suite(() => ({
      passesResets: true,
      stand: async (target) => {
        const server = await startEmbedded(forwarding);
        const client = await connect({
          host: '127.0.0.1',
          port: server.port,
          username: 'ops',
          auth: ['none'],
          verifyHostKey: acceptAnyHostKey(),
        });
        const forward = await client[call](...places(target));
        return {
          port: forward.address.port ?? 0,
          [Symbol.asyncDispose]: async () => {
            await expect.poll(() => [client.inspect().channels, forward.connections]).toEqual([[], []]);
            await client.close();
            await server[Symbol.asyncDispose]();
            expect(server.faults).toEqual([]);
          },
        };
      },
    }));
  });
});

const forwarding = {
  openTcp: undefined,
  authentication: { none: () => true },
  forwarding: { local: () => true, remote: () => true },
} as unknown as Parameters<typeof startEmbedded>[0];

describeWith({ programs: openSshClient.needs }, 'OpenSSH through the server of this library', () => {
  const lab = useClientLab();
  describe.each(['-L', '-R'])('ssh %s', (option) => {
    suite(() => ({
      passesResets: false,
      stand: async (target) => {
        const server = await startEmbedded(forwarding);
        const port = await freePort();
        const more = ['-N', option, `127.0.0.1:${port}:127.0.0.1:${target}`];
        const running = new ClientProcess(
          openSshClient.invoke(lab, { port: server.port, login: 'none', more }),
          { within: 120_000 },
        );
        // To connect would make a connection to the target as well.
        const listens = async (): Promise<boolean> => {
          const probe = createServer().listen(port, '127.0.0.1');
          return once(probe, 'listening').then(
            async () => {
              await new Promise((resolve) => probe.close(resolve));
              return false;
            },
            () => true,
          );
        };
        await expect.poll(listens, { timeout: 20_000 }).toBe(true);
        return {
          port,
          [Symbol.asyncDispose]: async () => {
            await running.kill();
            await server[Symbol.asyncDispose]();
            expect(server.faults).toEqual([]);
          },
        };
      },
    }));
  });
});

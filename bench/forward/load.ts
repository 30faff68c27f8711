/**
 * What is sent through a forward, and the place that it leads to.
 *
 * Owns: that place, the loads, and that each checks what came back before its figures count.
 * Must not know: who forwards.
 */
import { randomBytes } from 'node:crypto';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Milliseconds after which an answer is given up. */
const patience = 10_000;

/** The first line that a client says to the place. */
type Order = 'send' | 'count' | 'echo';

const block = Buffer.alloc(256 * 1024, 'deadline');

/** A server that sends so many bytes, counts those that come, or sends them back. */
export class Place {
  readonly port: number;
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
    this.port = (server.address() as AddressInfo).port;
  }

  static async start(): Promise<Place> {
    const server = createServer({ allowHalfOpen: true, noDelay: true }, serve);
    await new Promise<void>((resolve) =>
      server.listen({ port: 0, host: '127.0.0.1', backlog: 1024 }, resolve),
    );
    return new Place(server);
  }

  stop(): void {
    this.server.close();
  }
}

function serve(socket: Socket): void {
  socket.on('error', () => socket.destroy());
  socket.once('data', (first: Buffer) => {
    const end = first.indexOf('\n');
    const [order, length] = first.subarray(0, end).toString().split(' ') as [Order, string];
    const rest = first.subarray(end + 1);
    if (order === 'send') return send(socket, Number(length));
    if (order === 'echo') {
      socket.write(rest);
      socket.pipe(socket);
      return;
    }
    let counted = rest.length;
    socket.on('data', (chunk: Buffer) => {
      counted += chunk.length;
    });
    socket.on('end', () => socket.end(String(counted)));
  });
}

/** Sends so many bytes as fast as they are taken, and then the end. */
function send(socket: Socket, length: number): void {
  let left = length;
  const more = (): void => {
    while (left > 0) {
      const piece = left < block.length ? block.subarray(0, left) : block;
      left -= piece.length;
      if (!socket.write(piece)) return void socket.once('drain', more);
    }
    socket.end();
  };
  more();
}

/** All sockets that receive in bulk read into this. */
const readBuffer = new Uint8Array(256 * 1024);

/** Resolves with the milliseconds that it took. */
export async function download(port: number, bytes: number): Promise<number> {
  let received = 0;
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    const socket = connect({
      host: '127.0.0.1',
      port,
      onread: {
        buffer: readBuffer,
        callback: (length) => {
          received += length;
          return true;
        },
      },
    });
    socket.write(`send ${bytes}\n`);
    socket.resume();
    socket.once('end', resolve);
    socket.once('error', reject);
  });
  if (received !== bytes) throw new Error(`${received} of ${bytes} bytes came`);
  return performance.now() - began;
}

/** As `download`, the other way: the place says how much it counted. */
export async function upload(port: number, bytes: number): Promise<number> {
  let answer = '';
  const began = performance.now();
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.once('end', resolve);
    socket.once('error', reject);
    socket.write('count\n');
    send(socket, bytes);
  });
  if (Number(answer) !== bytes) throw new Error(`${answer} of ${bytes} bytes arrived`);
  return performance.now() - began;
}

/** Checks that bytes come back unchanged. */
export async function verify(port: number): Promise<void> {
  const sent = randomBytes(3_000_001);
  const pieces: Buffer[] = [];
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true });
    socket.on('data', (chunk: Buffer) => pieces.push(chunk));
    socket.once('end', resolve);
    socket.once('error', reject);
    socket.write('echo\n');
    socket.end(sent);
  });
  if (!Buffer.concat(pieces).equals(sent)) throw new Error('bytes came back changed');
}

export interface ShortLoad {
  readonly milliseconds: number;
  /** Connections whose answer did not come, or not whole. */
  readonly lost: number;
}

/** So many connections, a few at a time: each asks once and is over when its answer and the end have come. */
export async function shortConnections(port: number, count: number, atOnce: number): Promise<ShortLoad> {
  let next = 0;
  let lost = 0;
  const began = performance.now();
  const lane = async (): Promise<void> => {
    while (next < count) if (!(await ask(port, `request ${next++}`))) lost++;
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return { milliseconds: performance.now() - began, lost };
}

function ask(port: number, text: string): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = '';
    let ended = false;
    const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true });
    socket.on('data', (chunk) => {
      answer += String(chunk);
    });
    socket.once('end', () => {
      ended = true;
    });
    socket.once('error', () => {});
    const timer = setTimeout(() => socket.destroy(), patience);
    socket.once('close', () => {
      clearTimeout(timer);
      resolve(ended && answer === text);
    });
    socket.end(`echo\n${text}`);
  });
}

/** Opens so many connections, asks on each, tells, and closes all; how many were answered. */
export async function manyAtOnce(port: number, count: number, allOpen: () => void): Promise<number> {
  const sockets = await Promise.all(
    Array.from({ length: count }, (_, index) => open(port, `number ${index}`)),
  );
  allOpen();
  const answered = sockets.filter((socket) => socket !== undefined);
  await Promise.all(
    answered.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.once('close', () => resolve());
          socket.end();
        }),
    ),
  );
  return answered.length;
}

function open(port: number, text: string): Promise<Socket | undefined> {
  return new Promise((resolve) => {
    let answer = '';
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const timer = setTimeout(() => socket.destroy(), patience);
    socket.on('data', (chunk) => {
      answer += String(chunk);
      if (answer !== text) return;
      clearTimeout(timer);
      resolve(socket);
    });
    socket.on('error', () => {});
    socket.once('close', () => resolve(undefined));
    socket.write(`echo\n${text}`);
  });
}

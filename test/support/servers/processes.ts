/**
 * One server process of a test.
 *
 * Owns: its start, its log, the proof that it answers, its end together with
 * the processes it made and with nothing else.
 * Must not know: which server it is.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { connect, createServer } from 'node:net';

/** The longest a server may take until it answers, in milliseconds. */
const readyWithin = 10_000;
/** The longest a process may take to end once it was told to. */
const gone = 5_000;
/** Characters of log that are kept. */
const logLength = 512 * 1024;

export interface ServerProcessOptions {
  readonly program: string;
  readonly args: (port: number) => readonly string[];
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Where it listens; loopback where not given. */
  readonly host?: string | undefined;
  /** A free one where not given. */
  readonly port?: number | undefined;
}

/** Every server that runs at present, for the reports of tests that fail. */
export const runningServers: Set<ServerProcess> = new Set();

export class ServerProcess {
  readonly port: number;
  readonly pid: number;
  private readonly child: ChildProcess;
  private text = '';
  private mark = 0;

  constructor(child: ChildProcess, port: number) {
    this.child = child;
    this.port = port;
    this.pid = child.pid ?? 0;
    const collect = (chunk: Buffer): void => {
      this.text += chunk.toString();
      if (this.text.length <= logLength) return;
      const dropped = this.text.length - logLength;
      this.text = this.text.slice(dropped);
      this.mark = Math.max(0, this.mark - dropped);
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
  }

  /** All that was logged, or the end of it where that is much. */
  get log(): string {
    return this.text;
  }

  /** What was logged since `markLog`. */
  get recentLog(): string {
    return this.text.slice(this.mark);
  }

  markLog(): void {
    this.mark = this.text.length;
  }

  get hasExited(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Processes that serve connections, and what these have started, at this moment. */
  descendants(): number[] {
    return descendantsOf(this.pid);
  }

  /** Ends the processes that serve connections at once; the server itself goes on. */
  killConnections(): void {
    for (const pid of this.descendants()) kill(pid, 'SIGKILL');
  }

  /** Ends the server and all that came of it. */
  async stop(): Promise<void> {
    runningServers.delete(this);
    const others = this.descendants();
    kill(this.pid, 'SIGTERM');
    for (const pid of others) kill(pid, 'SIGTERM');
    await this.ended(others);
  }

  /** Ends the server and all that came of it at once, as if its machine had lost its power. */
  async kill(): Promise<void> {
    runningServers.delete(this);
    const others = this.descendants();
    for (const pid of [this.pid, ...others]) kill(pid, 'SIGKILL');
    await this.ended(others);
  }

  private async ended(others: readonly number[]): Promise<void> {
    const until = performance.now() + gone;
    const left = (): number[] => others.filter(isAlive);
    while (!this.hasExited || left().length > 0) {
      if (performance.now() > until) {
        for (const pid of [this.pid, ...left()]) kill(pid, 'SIGKILL');
        return;
      }
      await pause(10);
    }
  }
}

/** Starts a server on a free loopback port and waits until it identifies itself. */
export async function startServerProcess(options: ServerProcessOptions): Promise<ServerProcess> {
  let last: unknown;
  // Between the choice of a port and its use somebody else may have taken it.
  for (let attempt = 0; attempt < 3; attempt++) {
    const port = options.port ?? (await freePort());
    const child = spawn(options.program, options.args(port), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.environment },
    });
    const server = new ServerProcess(child, port);
    try {
      await untilReady(server, child, options.host ?? '127.0.0.1');
      runningServers.add(server);
      return server;
    } catch (error) {
      last = error;
      await server.stop();
    }
  }
  throw last;
}

async function untilReady(server: ServerProcess, child: ChildProcess, host: string): Promise<void> {
  let failure: Error | undefined;
  child.once('error', (error) => {
    failure = error;
  });
  const until = performance.now() + readyWithin;
  while (failure === undefined && !server.hasExited && performance.now() < until) {
    if (await identifies(host, server.port)) return;
    await pause(20);
  }
  const why = failure?.message ?? (server.hasExited ? 'it exited' : 'it did not answer in time');
  throw new Error(`${child.spawnfile} did not start: ${why}\n${server.log}`);
}

/** Whether a server on the port says that it speaks SSH. */
function identifies(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (result: boolean): void => {
      socket.destroy();
      resolve(result);
    };
    socket.setTimeout(2_000, () => end(false));
    socket.once('error', () => end(false));
    socket.once('close', () => end(false));
    socket.once('data', (chunk) => end(chunk.toString('latin1').startsWith('SSH-2.0-')));
  });
}

/** Below what systems hand out to whoever asks for any port, and above what services have. */
const ownPorts = { from: 12_000, to: 32_000 } as const;

/**
 * A loopback port to listen on, which nobody does at this moment. No system gives
 * such a port to anybody who asks for any: only another call of this function
 * comes by it, as one of twenty thousand. Where nobody may listen, see `ClosedPort`.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(ownPorts.from, ownPorts.to);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

function descendantsOf(root: number): number[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=', '-o', 'ppid='], { encoding: 'utf8' });
  const children = new Map<number, number[]>();
  for (const line of stdout.split('\n')) {
    const [pid, parent] = line.trim().split(/\s+/).map(Number);
    if (pid === undefined || parent === undefined) continue;
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const found: number[] = [];
  for (let open = [root]; open.length > 0; ) {
    open = open.flatMap((pid) => children.get(pid) ?? []);
    found.push(...open);
  }
  return found;
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself.
  }
}

/** A process that has ended and that nobody has asked about yet counts as gone. */
function isAlive(pid: number): boolean {
  const { stdout, status } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return status === 0 && !stdout.trim().startsWith('Z');
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

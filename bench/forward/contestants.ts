/**
 * Those that hold a forward, each in a process of its own.
 *
 * Owns: their start and end, and what their process has used so far.
 * Must not know: what is sent through them.
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Target } from '../lib/sshd.ts';
import type { Algorithms } from '../session/libraries.ts';
import { sshCommand } from '../session/openSshClient.ts';
import type { Holding } from './holder.ts';

export type ContestantName = Holding['library'] | 'ssh -L';

export const contestantNames: readonly ContestantName[] = [
  'deadline-ssh',
  'ssh2 with addon',
  'ssh2 without',
  'ssh -L',
];

export interface Way {
  readonly target: Target;
  readonly algorithms: Algorithms;
  /** Port on 127.0.0.1 that the forward leads to. */
  readonly to: number;
}

const program = fileURLToPath(new URL('./holder.js', import.meta.url));
/** For the processes of libraries, such as `--cpu-prof`; one space between two. */
const nodeFlags = (process.env['BENCH_NODE_FLAGS'] ?? '').split(' ').filter((flag) => flag !== '');
/** The unit of the times in /proc/PID/stat. */
const ticksASecond = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

export class Contestant {
  readonly name: ContestantName;
  readonly port: number;
  private readonly child: ChildProcess;

  private constructor(name: ContestantName, port: number, child: ChildProcess) {
    this.name = name;
    this.port = port;
    this.child = child;
  }

  /** @throws Error where it cannot be started, with what it said */
  static async start(name: ContestantName, way: Way): Promise<Contestant> {
    return name === 'ssh -L' ? Contestant.startSsh(way) : Contestant.startLibrary(name, way);
  }

  private static async startLibrary(library: Holding['library'], way: Way): Promise<Contestant> {
    const holding: Holding = { library, ...way };
    const child = spawn(process.execPath, [...nodeFlags, program, JSON.stringify(holding)], {
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const { port } = JSON.parse(await firstLine(child)) as { readonly port: number };
    return new Contestant(library, port, child);
  }

  private static async startSsh({ target, algorithms, to }: Way): Promise<Contestant> {
    const port = await freePort();
    const [command = '', ...args] = sshCommand(target, algorithms).split(' ');
    const child = spawn(
      command,
      ['-N', '-L', `127.0.0.1:${port}:127.0.0.1:${to}`, '-o', 'ExitOnForwardFailure=yes', ...args],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    let log = '';
    child.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    const until = performance.now() + 20_000;
    while (child.exitCode === null && performance.now() < until) {
      if (await answers(port)) return new Contestant('ssh -L', port, child);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    child.kill();
    throw new Error(`ssh does not forward: ${log.trim()}`);
  }

  /** Milliseconds of CPU since its start, with all of its threads. */
  get cpuMilliseconds(): number {
    // The name of the program stands in brackets and may hold anything.
    const fields = this.read('stat').split(') ').at(-1)?.split(' ') ?? [];
    return (1000 * (Number(fields[11]) + Number(fields[12]))) / ticksASecond;
  }

  /** Bytes of memory, now and at the most since `forgetPeak`. */
  get memory(): { readonly now: number; readonly peak: number } {
    const status = this.read('status');
    const bytes = (name: string): number =>
      1024 * Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]);
    return { now: bytes('VmRSS'), peak: bytes('VmHWM') };
  }

  forgetPeak(): void {
    writeFileSync(`/proc/${this.child.pid}/clear_refs`, '5');
  }

  /** Sockets that it holds. */
  get sockets(): number {
    const folder = `/proc/${this.child.pid}/fd`;
    return readdirSync(folder).filter((name) => {
      try {
        return readlinkSync(`${folder}/${name}`).startsWith('socket:');
      } catch {
        return false;
      }
    }).length;
  }

  stop(): void {
    // A library's process ends with its input, so that a profile of it can be written.
    if (this.child.stdin === null) this.child.kill();
    else this.child.stdin.end();
  }

  private read(name: string): string {
    return readFileSync(`/proc/${this.child.pid}/${name}`, 'utf8');
  }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let [text, log] = ['', ''];
    child.stderr?.on('data', (chunk) => {
      log += String(chunk);
    });
    child.stdout?.on('data', (chunk) => {
      text += String(chunk);
      if (text.includes('\n')) resolve(text);
    });
    child.once('exit', () => {
      const lines = log.trim().split('\n');
      reject(new Error(lines.find((line) => line.includes('Error')) ?? lines.at(-1) ?? 'it exited'));
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(address !== null && typeof address === 'object' ? address.port : 0));
    });
  });
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

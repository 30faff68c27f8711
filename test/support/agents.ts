/**
 * Authentication agents for tests: OpenSSH's own, and one that does what a test
 * tells it.
 *
 * Owns: their sockets and processes, and the end of them.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { concatBytes } from '../../src/base/bytes.ts';

/** A running ssh-agent. */
export interface TestAgent {
  readonly path: string;
  /** Runs ssh-add on it and returns what that prints. */
  add(...args: string[]): string;
  stop(): void;
}

/** Starts ssh-agent on a socket of its own. */
export function startSshAgent(
  args: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): TestAgent {
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-agent-'));
  const path = join(folder, 'socket');
  const printed = execFileSync('ssh-agent', ['-s', '-a', path, ...args], {
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(printed)?.[1]);
  return {
    path,
    add: (...rest) =>
      execFileSync('ssh-add', rest, {
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
        env: { ...process.env, SSH_AUTH_SOCK: path },
      }),
    stop: () => {
      process.kill(pid);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** What a scripted agent does with a request, its number included: bytes as they go out, or what it likes with the socket. */
export type AgentScript = (request: Uint8Array, socket: Socket) => Uint8Array | undefined;

export interface ScriptedAgent {
  readonly path: string;
  /** Requests that came, whole. */
  readonly requests: Uint8Array[];
  /** Connections that are open. */
  readonly open: () => number;
  stop(): Promise<void>;
}

/** Starts an agent that answers as the script says. `greet` is done with each new connection. */
export async function startScriptedAgent(
  script: AgentScript,
  greet: (socket: Socket) => void = () => {},
): Promise<ScriptedAgent> {
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-agent-'));
  const path = join(folder, 'socket');
  const requests: Uint8Array[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', () => {});
    greet(socket);
    let held: Uint8Array = new Uint8Array(0);
    socket.on('data', (chunk) => {
      held = concatBytes(held, chunk as Uint8Array);
      while (held.length >= 4) {
        const length = new DataView(held.buffer, held.byteOffset).getUint32(0);
        if (held.length < 4 + length) return;
        const request = held.slice(4, 4 + length);
        held = held.slice(4 + length);
        requests.push(request);
        const answer = script(request, socket);
        if (answer !== undefined) socket.write(answer);
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    requests,
    open: () => sockets.size,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A message as it goes over the socket. */
export function framed(message: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, message.length);
  return concatBytes(length, message);
}

/**
 * What the simulated server serves.
 *
 * Owns: its commands and its forwarded connections.
 * Must not know: wires, faults.
 */
import { PassThrough } from 'node:stream';
import type { ServerOptions } from '../../src/server/options.ts';
import type { ServerProcess } from '../../src/server/serverProcess.ts';
import { pattern } from './random.ts';

type Command = (process: ServerProcess) => Promise<number>;

const commands: Readonly<Record<string, Command>> = {
  /** stdin to stdout. */
  echo: async (process) => {
    for await (const chunk of process.stdin) {
      if (!process.stdout.write(chunk)) await drain(process);
    }
    return 0;
  },
  /** Both outputs and a status. */
  both: async (process) => {
    process.stdout.write(pattern(700, 1));
    process.stderr.write(pattern(300, 2));
    return 3;
  },
  /** Ends when the client is gone. */
  wait: (process) =>
    new Promise((resolve) => {
      process.signal.addEventListener('abort', () => resolve(0));
    }),
};

function drain(process: ServerProcess): Promise<void> {
  return new Promise((resolve) => {
    const go = (): void => {
      process.stdout.off('drain', go);
      process.stdout.off('close', go);
      resolve();
    };
    process.stdout.on('drain', go);
    process.stdout.on('close', go);
  });
}

export const serverHandlers: Pick<ServerOptions, 'authentication' | 'exec' | 'openTcp' | 'banner'> = {
  banner: 'simulated\n',
  authentication: { publicKey: () => true },
  exec: (process, command) => {
    const run = commands[command];
    if (run === undefined) throw new Error(`no command ${command}`);
    return run(process);
  },
  openTcp: ({ port }) => (port === 7 ? new PassThrough() : undefined),
};

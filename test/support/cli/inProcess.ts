/**
 * A subcommand in the process of the test, with its output caught.
 *
 * Owns: the standard streams while it runs.
 * Must not know: what is tested.
 */
import { vi } from 'vitest';
import { subcommands } from '../../../src/cli/subcommands.ts';

export interface EndedCommand {
  readonly status: number;
  readonly out: string;
  readonly said: string;
}

/** Runs a subcommand to its end. */
export async function runHere(name: string, argv: readonly string[]): Promise<EndedCommand> {
  const entry = subcommands.get(name);
  if (entry === undefined) throw new Error(`there is no ${name}`);
  const command = await entry.load();
  let [out, said] = ['', ''];
  const caught = (take: (text: string) => void) =>
    ((text: string | Uint8Array, ...rest: readonly unknown[]) => {
      take(typeof text === 'string' ? text : Buffer.from(text).toString());
      const done = rest.at(-1);
      if (typeof done === 'function') done();
      return true;
    }) as typeof process.stdout.write;
  const output = vi.spyOn(process.stdout, 'write').mockImplementation(caught((text) => (out += text)));
  const errors = vi.spyOn(process.stderr, 'write').mockImplementation(caught((text) => (said += text)));
  const streams = [process.stdout, process.stderr] as const;
  const heard = streams.map((stream) => stream.listeners('error'));
  try {
    const status = await command.run(argv);
    return { status, out, said };
  } finally {
    // A process runs one command, which need not take its listeners away.
    for (const [i, stream] of streams.entries()) {
      for (const listener of stream.listeners('error')) {
        if (heard[i]?.includes(listener) !== true) stream.off('error', listener as () => void);
      }
    }
    output.mockRestore();
    errors.mockRestore();
  }
}

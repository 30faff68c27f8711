/**
 * `npm run bench -- ledger`: what the deadlines cost a stream of packets of 64 bytes.
 *
 * Owns: the processes, the table.
 * Must not know: how it is measured.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { median } from '../lib/measure.ts';
import { printTable, writeResults } from '../lib/report.ts';

interface Measured {
  readonly manner: 'stream' | 'echo';
  readonly packets: number;
  /** Nanoseconds of CPU. */
  readonly packet: number;
  readonly ledger: number;
  /** How often each call is made for a packet. */
  readonly perPacket: Readonly<Record<string, number>>;
}

/** The part of a stream's cost that the ledger may have. */
const allowed = 0.02;

export async function ledgerPart(quick: boolean): Promise<void> {
  const server = fork(program, ['serve']);
  try {
    const { port } = (await told(server)) as { readonly port: number };
    const rounds = quick ? 1 : 5;
    const results: Measured[] = [];
    for (let round = 0; round < rounds; round++) {
      for (const [manner, packets] of Object.entries({ stream: 500_000, echo: 20_000 })) {
        results.push((await told(fork(program, [manner, `${port}`, `${packets}`]))) as Measured);
      }
    }
    writeResults('ledger', results);
    const share = show(results);
    if (share > allowed) throw new Error(`the ledger costs ${(100 * share).toFixed(2)} % of the stream`);
  } finally {
    server.disconnect();
  }
}

/** Prints the medians; returns the ledger's share of the stream. */
function show(results: readonly Measured[]): number {
  const of = (manner: string, figure: (measured: Measured) => number): number =>
    median(results.filter((measured) => measured.manner === manner).map(figure));
  const row = (manner: string, title: string): string[] => [
    title,
    `${of(manner, ({ packet }) => packet).toFixed(0)} ns`,
    `${of(manner, ({ ledger }) => ledger).toFixed(1)} ns`,
    `${(100 * of(manner, ({ ledger, packet }) => ledger / packet)).toFixed(2)} %`,
    Object.entries(results.find((measured) => measured.manner === manner)?.perPacket ?? {})
      .map(([step, times]) => `${times.toPrecision(2)} ${step}`)
      .join(', '),
  ];
  printTable(
    'packets of 64 bytes: CPU time of the client, and what of it are waits, timers and looks at the clock',
    ['', 'a packet', 'of it the ledger', 'share', 'calls a packet'],
    [row('stream', 'a stream, read as fast as it comes'), row('echo', 'sent and given back one at a time')],
  );
  return of('stream', ({ ledger, packet }) => ledger / packet);
}

const program: string = fileURLToPath(new URL('./program.js', import.meta.url));

function told(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`a process ended with ${code}`)));
  });
}

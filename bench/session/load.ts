/**
 * Part 7: how long it takes to load the client.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { median } from '../lib/measure.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { interleave, times } from './jobs.ts';

const execute = promisify(execFile);
/** As it is published, not as it was compiled for the benchmarks. */
const entry = fileURLToPath(new URL('../../../../dist/entry/index.js', import.meta.url));

/** Each prints how long the loading took, in milliseconds, and proves that what it loaded is there. */
const programs: Readonly<Record<string, string>> = {
  'deadline-ssh': `const { connect } = await import(${JSON.stringify(entry)}); proof(connect);`,
  ssh2: "const { Client } = require('ssh2'); proof(Client);",
};

function programOf(body: string): string {
  return `
    const start = performance.now();
    const proof = (value) => { if (typeof value !== 'function') throw new Error('nothing was loaded'); };
    (async () => { ${body} console.log(performance.now() - start); })();`;
}

export async function loadPart(quick: boolean): Promise<void> {
  const measured = await interleave<number>(
    Object.entries(programs).map(([name, body]) => ({
      name,
      run: async () => {
        const { stdout } = await execute(process.execPath, ['-e', programOf(body)]);
        return Number(stdout);
      },
    })),
    quick ? 7 : 31,
  );
  printTable(
    '7. Load time of the module',
    ['by', 'ms', 'ssh2 ÷'],
    measured.map((own) => [
      own.name,
      median(own.rounds).toFixed(1),
      times(own, measured, 'ssh2', (milliseconds) => milliseconds),
    ]),
  );
  writeResults('load', measured);
}

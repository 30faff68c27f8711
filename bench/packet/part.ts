/**
 * Parts 1 and 2, and the one of TypeScript's own parts: starts a process for each suite and prints what they found.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { inLanes } from '../lib/lanes.ts';
import { ratio, type Timing } from '../lib/measure.ts';
import { printTable, writeResults } from '../lib/report.ts';
import type { CaseResult } from './case.ts';
import { suites } from './suites.ts';

const run = promisify(execFile);

/** `filters`: labels of suites, payload lengths; none is all. */
export async function packetPart(
  part: 'receive' | 'send' | 'parts',
  quick: boolean,
  filters: readonly string[],
): Promise<void> {
  const only = filters.find((word) => /^\d+$/.test(word));
  const labels = filters.filter((word) => !/^\d+$/.test(word));
  const chosen = suites.filter(
    ({ label }) => labels.length === 0 || labels.some((word) => label.includes(word)),
  );
  const measured = new Map<string, readonly CaseResult[]>();
  await inLanes(chosen, quick ? 2 : 1, async ({ label }) => {
    const script = fileURLToPath(new URL('./case.js', import.meta.url));
    const words = [script, part, label, quick ? 'quick' : 'full', ...(only === undefined ? [] : [only])];
    try {
      const { stdout } = await run(process.execPath, words, { maxBuffer: 1 << 26 });
      measured.set(label, JSON.parse(stdout) as CaseResult[]);
    } catch (error) {
      const lines = (error instanceof Error ? error.message : String(error)).trim().split('\n');
      console.error(`${part}, ${label}: ${lines.find((line) => line.includes('Error')) ?? lines.at(-1)}`);
      process.exitCode = 1;
    }
  });
  const results = chosen.flatMap(({ label }) => measured.get(label) ?? []);
  if (part === 'parts') printParts(results);
  else print(part, results);
  writeResults(part, results);
}

function print(part: string, results: readonly CaseResult[]): void {
  const rows = results.flatMap(({ suite, payloadLength, chunking, timings }) =>
    timings.map((timing) => [
      suite,
      `${payloadLength} B`,
      chunking,
      timing.name,
      (1e6 / timing.nanoseconds).toFixed(0),
      ((1e3 * payloadLength) / timing.nanoseconds).toFixed(0),
      against(timing, timings, 'ssh2 with addon'),
      against(timing, timings, 'ssh2 without'),
      `${timing.heapBytes.toFixed(0)} + ${timing.externalBytes.toFixed(0)}`,
    ]),
  );
  printTable(
    part === 'receive' ? '1. Receive path' : '2. Send path',
    [
      'cipher',
      'payload',
      'chunks',
      'by',
      'k packets/s',
      'MB/s',
      '× ssh2 with addon',
      '× ssh2 without',
      'B allocated/packet',
    ],
    rows,
  );
}

function printParts(results: readonly CaseResult[]): void {
  const rows = results.flatMap(({ suite, timings }) =>
    timings.map((timing) => [
      suite,
      timing.name,
      (timing.nanoseconds / 1e3).toFixed(1),
      against(timing, timings, 'the parts alone'),
      against(timing, timings, "@noble's gcm()"),
    ]),
  );
  printTable(
    "TypeScript's own parts, 32 KiB",
    ['cipher', 'what', 'µs a packet', '× the parts alone', "× @noble's gcm()"],
    rows,
  );
}

function against(own: Timing, all: readonly Timing[], peer: string): string {
  const other = all.find(({ name }) => name === peer);
  if (other === undefined || other === own || own.name.startsWith('ssh2')) return '';
  const { median, low, high } = ratio(own, other);
  return `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`;
}

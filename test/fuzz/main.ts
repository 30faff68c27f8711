/**
 * `npm run fuzz -- TARGET|all [--time SECONDS] [--seed N] [--replay FILE]`.
 *
 * Owns: the command, the clock, the files of findings.
 * Must not know: what a target tests.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { Fuzzer, type FuzzFinding } from './fuzzer.ts';
import { HeapWatch } from './heapWatch.ts';
import { makeCorpus } from './makeCorpus.ts';
import type { FuzzTarget } from './target.ts';
import { targets } from './targets.ts';

const usage = `npm run fuzz -- TARGET [--time SECONDS] [--seed N]    one target, or "all"
npm run fuzz -- TARGET --replay FILE                  one input again
npm run fuzz -- corpus                                fixtures/corpus made anew
targets: ${targets.map(({ name }) => name).join(', ')}`;

/** Inputs between two looks at the clock. */
const stride = 16;
const reportEvery = 60_000;

/** What the command line asks for. */
export async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      time: { type: 'string', default: '60' },
      seed: { type: 'string' },
      replay: { type: 'string' },
    },
  });
  const [name = ''] = positionals;
  const seconds = Number(values.time);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const chosen = name === 'all' ? targets : targets.filter((target) => target.name === name);
  if (name === 'corpus') return makeCorpus();
  const [only] = chosen;
  if (only === undefined || !(seconds > 0) || !Number.isSafeInteger(seed)) {
    console.error(usage);
    process.exitCode = 2;
  } else if (values.replay !== undefined) {
    await replay(only, values.replay);
  } else {
    for (const target of chosen) await run(target, seconds / chosen.length, seed);
  }
}

async function run(target: FuzzTarget, seconds: number, seed: number): Promise<void> {
  console.log(`${target.name}: seed ${seed}, ${seconds.toFixed(1)} s`);
  const fuzzer = await Fuzzer.begin(target, seed);
  const heap = new HeapWatch(fuzzer);
  const begun = performance.now();
  let reported = begun;
  let slowest = 0;
  let kept = 0;
  for (let now = begun; now - begun < seconds * 1000; ) {
    for (let i = 0; i < stride; i++) {
      await fuzzer.step();
      const after = performance.now();
      slowest = Math.max(slowest, after - now);
      now = after;
    }
    // zlib, which some targets compare with, frees what a call left when the event loop turns.
    await turn();
    if (now - begun > (seconds * 1000) / 4) heap.begin();
    // At once: who stops a long run has what it found.
    for (; kept < fuzzer.findings.length; kept++) await keep(fuzzer, fuzzer.findings[kept] as FuzzFinding);
    if (now - reported > reportEvery) {
      reported = now;
      console.log(summary(fuzzer, (now - begun) / 1000, slowest));
    }
  }
  console.log(summary(fuzzer, (performance.now() - begun) / 1000, slowest));
  const { text, isLeak } = heap.end();
  console.log(`${target.name}: ${text}`);
  if (isLeak) console.log(`\nFINDING ${target.name} leaves memory behind\n`);
  if (isLeak || fuzzer.findings.length > 0) process.exitCode = 1;
}

function summary(fuzzer: Fuzzer, seconds: number, slowest: number): string {
  const { target, executions, branches, poolSize, mostSteps, findings } = fuzzer;
  const rate = Math.round(executions / seconds);
  return [
    `${target.name}: ${executions} executions in ${seconds.toFixed(0)} s, ${rate} a second`,
    `${branches} branches, ${poolSize} inputs kept, at most ${mostSteps} steps and ${slowest.toFixed(0)} ms`,
    `${findings.length} findings`,
  ].join('; ');
}

async function keep(fuzzer: Fuzzer, found: FuzzFinding): Promise<void> {
  const finding = await fuzzer.shrink(found);
  const folder = join(process.cwd(), '.tmp/findings');
  mkdirSync(folder, { recursive: true });
  const { name } = fuzzer.target;
  const path = join(folder, `${name}-${hashOf(finding.signature)}`);
  writeFileSync(path, finding.data);
  console.log(`\nFINDING ${finding.signature}\n${detail(finding.error)}`);
  console.log(`input of ${finding.data.length} bytes; replay: npm run fuzz -- ${name} --replay ${path}\n`);
}

async function replay(target: FuzzTarget, path: string): Promise<void> {
  const fuzzer = await Fuzzer.begin({ ...target, seeds: () => [] }, 0);
  const finding = await fuzzer.try(new Uint8Array(readFileSync(path)));
  if (finding === undefined) {
    console.log(JSON.stringify(await target.examine(new Uint8Array(readFileSync(path)))));
    return;
  }
  console.log(`FINDING ${finding.signature}\n${detail(finding.error)}`);
  process.exitCode = 1;
}

function detail(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const cause = error.cause instanceof Error ? `\ncaused by ${error.cause.stack}` : '';
  return `${error.stack}${cause}`;
}

function hashOf(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, '0');
}

/**
 * A thousand machines that accept and never speak, on real sockets in a process
 * of its own. `npm run bench -- silentDials` does it with 2,110 and 10,000.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { SilentDialsFigures } from '../../bench/memory/silentDials.ts';
import { ChildPrograms } from '../support/servers/childProgram.ts';

const count = 1_000;
const deadline = 4_000;

let folder = '';
let programs: ChildPrograms;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'silent-dials-'));
  programs = new ChildPrograms(folder);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true }));

it('every dial to a silent machine ends by its deadline, and nothing of it is left', {
  timeout: 90_000,
}, async () => {
  const input = { count, identification: deadline };
  const report = (await programs.run('silentDials', input)) as SilentDialsFigures & {
    readonly held: number;
    readonly allowed: number;
  };
  const { before, during, after, waited, leastElapsed } = report;
  const perDial = (during.heap - before.heap) / count / 1024;
  console.info(
    `${count} silent machines: ended after ${waited.least.toFixed(0)} to ${waited.most.toFixed(0)} ms of ${deadline}, ${perDial.toFixed(1)} KiB of heap each while they waited`,
  );
  expect(report.ends).toEqual({ 'ERR_SSH_TIMEOUT in identification by identification': count });
  expect(report.deadline).toBe(deadline);
  // One timer of the process serves all of them while they wait; the other one is the idle timer's.
  expect(during).toMatchObject({ connections: count, resources: { Timeout: 2 } });
  // A tenth more, and what an idle timer of that process was late.
  expect(waited.most).toBeLessThan(report.allowed);
  expect(leastElapsed).toBeGreaterThanOrEqual(deadline);
  expect(after.resources).toEqual(before.resources);
  expect(after.connections).toBe(0);
  expect(report.held).toBe(0);
  // What each cost is given back: what is left of all is less than a tenth of it.
  expect(perDial).toBeGreaterThan(1);
  // Some 9 of the dial, its peer's socket and what this program keeps of it included.
  expect(perDial).toBeLessThan(11);
  expect(after.heap - before.heap).toBeLessThan((during.heap - before.heap) / 10);
});

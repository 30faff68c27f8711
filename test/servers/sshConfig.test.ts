import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { configOf } from '../config/arbitraries.ts';
import { compare, environment } from '../config/comparison.ts';
import { judges } from '../config/programs.ts';
import { describeWith } from '../support/servers/programs.ts';

/** Configurations for each program; `npm run config` says another number. */
const runs = Number(process.env['CONFIG_RUNS'] ?? 150);
const found = judges();

const obstacle = (): string | undefined => (found.length === 0 ? 'no ssh is installed' : undefined);

describeWith({ programs: [], obstacle }, 'a configuration is read as ssh reads it', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'ssh-config-'));
    Object.assign(process.env, environment);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(found)(
    '$name prints with -G what this answers, oddities aside',
    async (judge) => {
      let count = 0;
      await fc.assert(
        fc.asyncProperty(configOf(judge), async (config) => {
          expect(await compare(judge, config, join(folder, `${count++}`))).toEqual([]);
        }),
        { numRuns: runs },
      );
    },
    30_000 + runs * 2_000,
  );
});

/** The table of costs in SECURITY.md has a row for each probe, and none beyond the bounds. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { clientProbes } from '../amplification/clientProbes.ts';
import { isOver, type Measured, mostCpu, mostHeld } from '../amplification/probe.ts';
import { serverProbes } from '../amplification/serverProbes.ts';
import { tableOf } from '../amplification/table.ts';
import { numberIn, tableBelow } from './markdown.ts';

const security = readFileSync(fileURLToPath(new URL('../../SECURITY.md', import.meta.url)), 'utf8');
const stages = { connect: 'before the keys', authentication: 'before login', login: 'after login' };

describe('what a peer can cost', () => {
  const rows = tableBelow(security, '## What a peer can cost');

  it('is measured for each thing that it can ask', () => {
    const expected = [
      ...serverProbes.map(({ from, asks, bound }) => ['a server', from, asks, bound] as const),
      ...clientProbes.map(({ from, asks, bound }) => ['a client', from, asks, bound] as const),
    ].map(([payer, from, asks, bound]) => [`${payer}, ${stages[from]}`, asks, bound]);
    expect(rows.map(([payer, asks, ...rest]) => [payer, asks, rest.at(-1)])).toEqual(expected);
  });

  it('is within the bounds', () => {
    expect(rows.length).toBeGreaterThan(40);
    for (const [, asks, , , , cpu, held] of rows) {
      expect(numberIn(cpu), asks).toBeLessThanOrEqual(mostCpu);
      expect(numberIn(held), asks).toBeLessThanOrEqual(mostHeld);
    }
  });

  it('is over the bounds where either is passed', () => {
    const row: Measured = {
      payer: 'server',
      from: 'connect',
      asks: 'x',
      bound: 'y',
      bytes: 1024,
      cpu: mostCpu,
      held: 1024 * mostHeld,
    };
    expect(isOver(row)).toBe(false);
    expect(isOver({ ...row, cpu: mostCpu + 0.01 })).toBe(true);
    expect(isOver({ ...row, held: row.held + 1 })).toBe(true);
    expect(isOver({ ...row, held: -1e9 })).toBe(false);
    expect(tableOf([row])).toContain(
      '| a server, before the keys | x | 1,024 | 10.00 | 102,400 | 10.0 | 100.0 | y |',
    );
  });
});

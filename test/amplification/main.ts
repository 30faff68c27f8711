/**
 * The command `npm run amplification`.
 *
 * Owns: its arguments, the table it prints and writes, its status.
 * Must not know: what is asked, how it is measured.
 */
import { parseArgs } from 'node:util';
import { clientProbes } from './clientProbes.ts';
import { measureClient, measureServer } from './measure.ts';
import { isOver, type Measured } from './probe.ts';
import { serverProbes } from './serverProbes.ts';
import { line, tableOf, writeTable } from './table.ts';

/** @returns 0 where every row is within the bounds, else 1 */
export async function main(args: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      write: { type: 'boolean', default: false },
      only: { type: 'string', default: '' },
      payer: { type: 'string', default: '' },
    },
  });
  const isWanted =
    (payer: string) =>
    ({ asks, from }: { asks: string; from: string }): boolean =>
      `${from} ${asks}`.includes(values.only) && payer.startsWith(values.payer);
  const all: Measured[] = [];
  const told = (measured: Measured): void => {
    all.push(measured);
    console.log(line(measured));
  };
  await measureServer(serverProbes.filter(isWanted('server')), told);
  await measureClient(clientProbes.filter(isWanted('client')), told);
  const over = all.filter(isOver);
  if (values.write && `${values.only}${values.payer}` === '' && over.length === 0) writeTable(tableOf(all));
  for (const measured of over) console.error(`over the bound: ${line(measured)}`);
  return over.length === 0 ? 0 : 1;
}

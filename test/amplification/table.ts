/**
 * The costs as a table.
 *
 * Owns: its form, and its place in SECURITY.md.
 * Must not know: how costs are measured.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { cpuPerKilobyte, heldPerByte, isOver, type Measured } from './probe.ts';

const document = 'SECURITY.md';
const begin = '<!-- npm run amplification: begin -->';
const end = '<!-- npm run amplification: end -->';

const stages = {
  connect: 'before the keys',
  authentication: 'before login',
  login: 'after login',
} as const;

export function line(measured: Measured): string {
  const { payer, from, asks, bytes, cpu, held } = measured;
  return [
    isOver(measured) ? 'OVER' : 'ok  ',
    payer,
    stages[from],
    `${Math.round(bytes)} B`,
    `${cpu.toFixed(2)} ms`,
    `${Math.round(held)} B held`,
    `${cpuPerKilobyte(measured).toFixed(2)} ms/KB`,
    `${heldPerByte(measured).toFixed(1)} B/B`,
    asks,
  ].join('  ');
}

function number(value: number, digits: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: digits, minimumFractionDigits: digits });
}

export function tableOf(all: readonly Measured[]): string {
  const rows = all.map((measured) => {
    const { payer, from, asks, bound, bytes, cpu, held } = measured;
    return [
      `a ${payer}, ${stages[from]}`,
      asks,
      number(bytes, 0),
      number(cpu, 2),
      number(Math.max(0, held), 0),
      number(cpuPerKilobyte(measured), 1),
      number(heldPerByte(measured), 1),
      bound,
    ];
  });
  const head = [
    'who pays',
    'what the peer asks for',
    'bytes sent',
    'ms of CPU',
    'bytes held',
    'ms a kilobyte',
    'held a byte',
    'and no more than',
  ];
  return [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

export function writeTable(table: string): void {
  const text = readFileSync(document, 'utf8');
  const [before, rest] = text.split(begin);
  const after = rest?.split(end)[1];
  if (before === undefined || after === undefined) throw new Error(`${document} has no place for the table`);
  writeFileSync(document, `${before}${begin}\n${table}\n${end}${after}`);
}

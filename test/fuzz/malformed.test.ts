/** Every input that showed a defect once, with the answer that it must have. */
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { targets } from './targets.ts';

const folder = new URL('../../fixtures/malformed/', import.meta.url);
const files = readdirSync(folder).filter((name) => name.endsWith('.txt'));

const cases = files.flatMap((file) =>
  readFileSync(new URL(file, folder), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, code = '', phase = '', hex = '', label = ''] =
        /^(\S+) (\S+) ([\da-f]*) # (.+)$/.exec(line) ?? [];
      return { target: file.replace('.txt', ''), code, phase, hex, label };
    }),
);

describe('a malformed input', () => {
  it.each(cases)('of $target: $label', async ({ target, code, phase, hex, label }) => {
    expect(label).not.toBe('');
    const found = targets.find(({ name }) => name === target);
    const verdict = await found?.examine(new Uint8Array(Buffer.from(hex, 'hex')));
    expect([verdict?.code ?? '-', verdict?.phase ?? '-']).toEqual([code, phase]);
  });
});

/** The fuzzer finds what is planted, by its seed, and the targets begin without a finding. */
import { describe, expect, it } from 'vitest';
import { hit, OutOfSteps } from './counters.ts';
import { Fuzzer } from './fuzzer.ts';
import { instrumented } from './instrument.mjs';
import { decodeRecords, encodeRecords } from './records.ts';
import { type FuzzTarget, fine, law, type Verdict } from './target.ts';
import { targets } from './targets.ts';

/** A target with a defect of its own, as if instrumented. */
function planted(
  shape: FuzzTarget['shape'],
  seed: Uint8Array,
  dictionary: readonly string[],
  examine: (data: Uint8Array) => Verdict,
): FuzzTarget {
  return { name: 'planted', shape, examine, seeds: () => [seed], dictionary, stepBudget: 10_000 };
}

const latin1 = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));

/** Reads a string and trusts its length. */
const trusting = planted('wire', latin1('\0\0\0\x03abc\0\0\0\x02de'), [], (data) => {
  const length = new DataView(data.buffer).getUint32(0);
  new Uint8Array(length > 10_000 ? -1 : length);
  return fine;
});

/** Fails at one order of three operations. */
const ordered = planted('records', encodeRecords(0, [{ operation: 1, payload: latin1('x') }]), [], (data) => {
  const said = decodeRecords(data, 1).map(({ operation }) => operation);
  if (said[0] === 3) hit(1);
  if (said[0] === 3 && said[1] === 7) hit(2);
  law(!(said[0] === 3 && said[1] === 7 && said[2] === 1), 'out of order');
  return fine;
});

/** Never ends on one word. */
const endless = planted('text', latin1('one two\nthree four\n'), ['for', 'ever'], (data) => {
  const text = Buffer.from(data).toString('latin1');
  for (let at = 0; at < text.length; ) {
    hit(3);
    if (!text.startsWith('ever', at)) at++;
  }
  return fine;
});

async function firstFinding(target: FuzzTarget, seed: number): Promise<Fuzzer> {
  const fuzzer = await Fuzzer.begin(target, seed);
  while (fuzzer.findings.length === 0 && fuzzer.executions < 200_000) await fuzzer.step();
  return fuzzer;
}

describe('the fuzzer', () => {
  it.each([
    ['a length that is trusted', trusting, RangeError],
    ['an order of operations', ordered, Error],
    ['a loop without end, by its steps', endless, OutOfSteps],
  ])('finds %s', async (_, target, kind) => {
    const { findings } = await firstFinding(target, 1);
    expect(findings).toHaveLength(1);
    expect(findings[0]?.error).toBeInstanceOf(kind);
  });

  it('makes the same inputs of the same seed', async () => {
    const a = await firstFinding(ordered, 5);
    const b = await firstFinding(ordered, 5);
    const c = await firstFinding(ordered, 6);
    expect(a.executions).toBe(b.executions);
    expect(a.findings[0]?.data).toEqual(b.findings[0]?.data);
    expect(c.executions).not.toBe(a.executions);
  });

  it('leaves out of a finding what it does not need', async () => {
    const fuzzer = await Fuzzer.begin(endless, 1);
    const finding = await fuzzer.try(latin1('a long text that goes on for ever and ever\nand more'));
    expect(finding).toBeDefined();
    if (finding !== undefined) expect((await fuzzer.shrink(finding)).data).toEqual(latin1('ever'));
  });
});

describe('an instrumented source', () => {
  const source = `
    const half = (n) => n % 2 === 0 ? n / 2 : ({ odd: n });
    export function f(n) {
      if (n > 3) return half(n); else n += 1;
      for (const c of 'ab') if (c === 'a') n++;
      switch (n) { case 4: case 5: return n > 4 || half(n); default: while (n < 9) n++; }
      try { null.x; } catch { n = n && -n; }
      return n;
    }`;

  it('computes the same, and calls a number for each branch taken', async () => {
    const { text, branches } = instrumented(source, 10);
    const hits = new Set<number>();
    Object.assign(globalThis, { __hit: (branch: number) => void hits.add(branch) });
    const load = async (code: string): Promise<{ f: (n: number) => unknown }> =>
      import(`data:text/javascript,${encodeURIComponent(code)}`);
    const [plain, counted] = [await load(source), await load(text)];
    for (let n = -3; n < 12; n++) expect(counted.f(n)).toEqual(plain.f(n));
    expect([...hits].sort((a, b) => a - b)).toEqual(Array.from({ length: branches }, (_, i) => 10 + i));
  });
});

describe.each(targets.map((target) => [target.name, target] as const))('the target %s', (_, target) => {
  it('has seeds and no finding in them', async () => {
    const seeds = target.seeds();
    expect(seeds.length).toBeGreaterThan(3);
    for (const seed of seeds) expect(await target.examine(seed.slice())).toBeDefined();
  });

  it('has no finding in the first inputs of a seed', async () => {
    const fuzzer = await Fuzzer.begin(target, 1);
    for (let i = 0; i < 60; i++) await fuzzer.step();
    expect(fuzzer.findings.map(({ signature }) => signature)).toEqual([]);
  });
});

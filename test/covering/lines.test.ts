/** From what V8 counts to lines of sources. */
import { Session } from 'node:inspector/promises';
import { SourceMap } from 'node:module';
import vm from 'node:vm';
import { transformWithOxc } from 'vite';
import { describe, expect, it } from 'vitest';
import { addScript, byFolder, codeLines, countsAt, placesOf, startsOf } from './lines.mjs';

const source = `interface Shape {
  readonly size: number;
}
export function used(shape: Shape): string {
  if (shape.size > 3) {
    return 'large';
  }
  return 'small';
}
export function unused(): number {
  const some = 1;
  return some;
}
`;

describe('the lines of a source', () => {
  it('are those that V8 saw run, by the map of the script', async () => {
    const { code, map } = await transformWithOxc(source, 'shape.ts', { sourcemap: true });
    const prefix = '(exports) => {';
    const body = code.replaceAll('export function', '       function');
    const session = new Session();
    session.connect();
    await session.post('Profiler.enable');
    await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
    const run = vm.runInThisContext(`${prefix}${body}\nreturn used({ size: 1 });}`, {
      filename: 'shape-script',
    });
    expect(run({})).toBe('small');
    const { result } = (await session.post('Profiler.takePreciseCoverage')) as unknown as {
      result: { url: string; functions: Parameters<typeof countsAt>[0] }[];
    };
    session.disconnect();
    const functions = result.find(({ url }) => url === 'shape-script')?.functions ?? [];
    const lines = new Map<string, Map<number, boolean>>();
    const starts = startsOf(body.split('\n').map((line) => line.length));
    const script = {
      functions,
      map: map as { mappings: string; sources: string[] },
      starts,
      from: prefix.length,
    };
    addScript(lines, script, (name) => (name.endsWith('shape.ts') ? 'src/a/shape.ts' : undefined));
    const ofShape = lines.get('src/a/shape.ts') ?? new Map<number, boolean>();
    const numbers = (ran: boolean): number[] =>
      [...ofShape]
        .filter(([, did]) => did === ran)
        .map(([line]) => line + 1)
        .sort((a, b) => a - b);
    // The interface is no code; of the function that ran, what was not reached.
    expect(numbers(true)).toEqual(expect.arrayContaining([4, 5, 8]));
    expect(numbers(false)).toEqual(expect.arrayContaining([6, 11, 12]));
    expect(numbers(true)).not.toContain(6);
    expect(numbers(false)).not.toContain(8);
    expect([...ofShape.keys()]).not.toContain(1);
    const [row] = byFolder(lines, () => 'a');
    expect(row).toEqual({ folder: 'a', all: ofShape.size, ran: numbers(true).length });
  });

  it('are found by the same places as Node’s own reader finds', async () => {
    const { code, map } = await transformWithOxc(source, 'shape.ts', { sourcemap: true });
    const places = placesOf((map as { mappings: string }).mappings);
    expect(places.length).toBeGreaterThan(10);
    const known = new SourceMap(map as never);
    for (const { line, column, sourceLine } of places) {
      expect(known.findEntry(line, column)).toMatchObject({ generatedLine: line, originalLine: sourceLine });
    }
    expect(code).not.toContain('interface');
  });

  it('of one script add to those of another', () => {
    const script = (count: number) => ({
      functions: [{ ranges: [{ startOffset: 0, endOffset: 10, count }] }],
      map: { mappings: 'AAAA', sources: ['x.ts'] },
      starts: [0],
      from: 0,
    });
    const lines = new Map<string, Map<number, boolean>>();
    for (const count of [0, 1, 0]) addScript(lines, script(count), (name) => name);
    expect(byFolder(lines, () => 'f')).toEqual([{ folder: 'f', all: 1, ran: 1 }]);
  });

  it('are no imports, and no brackets alone', () => {
    const text = `import { a } from './a.ts';
import {
  b,
} from './b.ts';

export { c } from './c.ts';
if (a(b)) {
  b.import = 1;
} else {
  c([
    1,
  ]);
}
`;
    expect([...codeLines(text)].map((line) => line + 1)).toEqual([6, 7, 8, 9, 10, 11]);
  });

  it('have the count of the innermost range around them', () => {
    const range = (startOffset: number, endOffset: number, count: number) => ({
      startOffset,
      endOffset,
      count,
    });
    const functions = [
      { ranges: [range(0, 100, 1), range(20, 40, 0)] },
      { ranges: [range(50, 90, 3), range(60, 70, 0), range(65, 68, 2)] },
    ];
    expect(countsAt(functions, [0, 19, 20, 39, 40, 50, 60, 66, 68, 70, 89, 90, 100])).toEqual([
      1, 1, 0, 0, 1, 3, 0, 2, 0, 3, 3, 1, 0,
    ]);
  });
});

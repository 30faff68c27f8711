/**
 * Metrics as Prometheus reads them, and in a registry of prom-client.
 */
import fc from 'fast-check';
import { Counter, type OpenMetricsContentType, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { escapeLabel, formatMetrics, registerMetrics } from '../../src/diagnostics/exposition.ts';
import { Metrics } from '../../src/diagnostics/metrics.ts';
import { durationBuckets, metricTable } from '../../src/diagnostics/metricTable.ts';
import { Histogram } from '../../src/diagnostics/series.ts';
import { wholeLife } from '../sim/stories.ts';
import { World } from '../sim/world.ts';

/** Metrics of a whole life and of a dial that failed. */
async function counted(): Promise<Metrics> {
  const metrics = new Metrics();
  const world = new World({
    seed: 1,
    hostOf: (name) => ({ manner: name === 'hole' ? 'blackhole' : 'serve' }),
  });
  const over = await world.play(async () => {
    await world.startServer();
    await wholeLife(world);
    await world.call('hole', () => world.connect({ host: 'hole' }));
    await world.server?.close();
  });
  expect(over).toBe(true);
  metrics.stop();
  return metrics;
}

/** Lines of samples, in any order. */
function sampleLines(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .sort();
}

describe('the text format', () => {
  it('is one HELP, one TYPE and the samples of each metric, each a name, labels and a number', async () => {
    const text = formatMetrics(await counted());
    expect(text.endsWith('\n')).toBe(true);
    const names = Object.keys(metricTable);
    for (const name of names) {
      expect(text.split('\n').filter((line) => line.startsWith(`# HELP ${name} `))).toHaveLength(1);
      expect(text.split('\n').filter((line) => line.startsWith(`# TYPE ${name} `))).toHaveLength(1);
    }
    const label = String.raw`[a-z_]\w*="(?:[^"\\\n]|\\["\\n])*"`;
    const sample = new RegExp(
      String.raw`^(\w+)(?:\{${label}(?:,${label})*\})? -?\d+(?:\.\d+)?(?:e[+-]\d+)?$`,
    );
    const lines = sampleLines(text);
    expect(lines.length).toBeGreaterThan(50);
    for (const line of lines) {
      expect(line).toMatch(sample);
      const [, name = ''] = sample.exec(line) ?? [];
      expect(names).toContain(name.replace(/_(bucket|sum|count)$/, ''));
    }
    expect(new Set(lines.map((line) => line.replace(/ \S+$/, ''))).size).toBe(lines.length);
  });

  it('escapes labels so that they can be read back', () => {
    const readBack = (text: string): string =>
      text.replace(/\\(["\\n])/g, (_, character: string) => (character === 'n' ? '\n' : character));
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('\\', '"', '\n', 'n', 'a') }), (text) => {
        const escaped = escapeLabel(text);
        expect(escaped).not.toContain('\n');
        expect(escaped).not.toMatch(/(?<!\\)(?:\\\\)*"/);
        expect(readBack(escaped)).toBe(text);
      }),
    );
  });
});

describe('a histogram', () => {
  it('counts every value once, in each bucket at least as large', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: 0, max: 100, noNaN: true })), (values) => {
        const histogram = new Histogram(durationBuckets);
        for (const value of values) histogram.observe({ a: 'b' }, value);
        for (const { suffix, labels, value } of histogram.samples()) {
          if (suffix === '_count') expect(value).toBe(values.length);
          if (suffix !== '_bucket') continue;
          const bound = labels['le'] === '+Inf' ? Number.POSITIVE_INFINITY : Number(labels['le']);
          expect(value).toBe(values.filter((each) => each <= bound).length);
        }
        expect(histogram.samples()).toHaveLength(values.length === 0 ? 0 : durationBuckets.length + 3);
      }),
    );
  });
});

describe('a registry of prom-client', () => {
  it('shows the same samples as the text format does, beside those of its own', async () => {
    const metrics = await counted();
    const registry = new Registry();
    const own = new Counter({ name: 'own_total', help: 'of the user', registers: [registry] });
    own.inc(3);
    registerMetrics(registry, metrics);
    expect(sampleLines(await registry.metrics())).toEqual(
      [...sampleLines(formatMetrics(metrics)), 'own_total 3'].sort(),
    );
    expect(await registry.metrics()).toContain('# TYPE deadline_ssh_phase_duration_seconds histogram');
  });

  it('keeps the names of counters when it speaks OpenMetrics, and its own labels', async () => {
    const metrics = await counted();
    const registry = new Registry<OpenMetricsContentType>();
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE);
    registry.setDefaultLabels({ app: 'x' });
    registerMetrics(registry, metrics);
    const text = await registry.metrics();
    expect(text).toContain('# TYPE deadline_ssh_dials counter\n');
    expect(text).toContain('deadline_ssh_dials_total{result="ready",phase="connection",app="x"} 1\n');
    expect(text.endsWith('# EOF\n')).toBe(true);
  });

  it('gives them as JSON, is reset without losing them, and refuses to take them twice', async () => {
    const metrics = await counted();
    const registry = new Registry();
    registerMetrics(registry, metrics);
    registry.resetMetrics();
    const all = await registry.getMetricsAsJSON();
    expect(all.map(({ name }) => name)).toEqual(Object.keys(metricTable));
    expect(all.find(({ name }) => name === 'deadline_ssh_dials_total')?.values).toHaveLength(2);
    expect(() => registerMetrics(registry, metrics)).toThrow(/already/);
  });
});

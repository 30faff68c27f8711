/**
 * Metrics for those who collect them.
 *
 * Owns: the text format of Prometheus, version 0.0.4, and the shape in which a
 * registry of the package `prom-client` takes metrics of others.
 * Must not know: what is counted.
 */

import { callback, checkArgument, objectWith } from '../base/optionChecks.ts';
import { type Metrics, metrics as processMetrics } from './metrics.ts';
import { type MetricName, metricTable } from './metricTable.ts';
import type { Labels } from './series.ts';

/** Content type of `formatMetrics`. */
export const metricsContentType = 'text/plain; version=0.0.4; charset=utf-8';

const metricsRule = objectWith('a Metrics', { families: callback, family: callback });
const registryRule = objectWith('a registry of prom-client', { registerMetric: callback });

/** Metrics in the text format of Prometheus. */
export function formatMetrics(metrics: Metrics = processMetrics()): string {
  checkArgument('the metrics for formatMetrics', metrics, metricsRule);
  const lines = metrics
    .families()
    .flatMap(({ name, type, help, samples }) => [
      `# HELP ${name} ${escapeHelp(help)}`,
      `# TYPE ${name} ${type}`,
      ...samples.map(
        ({ suffix, labels, value }) => `${name}${suffix}${labelText(labels)} ${numberText(value)}`,
      ),
    ]);
  return `${lines.join('\n')}\n`;
}

/** A metric as `prom-client` asks for it when it is scraped. */
export interface CollectedMetric {
  /** Written by the registry when it speaks OpenMetrics. */
  name: string;
  /** What kind of metric it is. */
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** What it counts, in a sentence. */
  readonly help: string;
  /** The numbers at this moment. */
  get(): Promise<CollectedValues>;
  /** Does nothing: the numbers are those of the process. */
  reset(): void;
}

/** The numbers of a metric at one moment. */
export interface CollectedValues {
  /** Name of the metric. */
  readonly name: string;
  /** What it counts, in a sentence. */
  readonly help: string;
  /** What kind of metric it is. */
  readonly type: 'counter' | 'gauge' | 'histogram';
  /** How the numbers of several processes become one. */
  readonly aggregator: 'sum';
  /** A number for each set of labels. */
  readonly values: readonly CollectedValue[];
}

/** One number of a metric. */
export interface CollectedValue {
  /** What the number is about. */
  readonly labels: Labels;
  /** The number. */
  readonly value: number;
  /** The name with its suffix, for the parts of a histogram. */
  readonly metricName?: string;
}

/** A `Registry` of the package `prom-client`, version 15; nothing of that package is imported here. */
export interface MetricsRegistry {
  /** Takes a metric that is asked for its numbers at each scrape. */
  registerMetric(metric: Pick<CollectedMetric, 'reset'>): void;
}

/**
 * Registers every metric with a registry of `prom-client`; the numbers are
 * taken when the registry is scraped. `resetMetrics` of the registry leaves
 * them as they are: they are the process's.
 *
 * @throws what the registry throws, where it has a metric of the same name
 * @example
 * ```ts
 * import { registerMetrics } from 'deadline-ssh/diagnostics';
 * import { Registry } from 'prom-client';
 * const registry = new Registry();
 * registerMetrics(registry);
 * const page = () => registry.metrics();
 * ```
 */
export function registerMetrics(registry: MetricsRegistry, metrics: Metrics = processMetrics()): void {
  checkArgument('the registry for registerMetrics', registry, registryRule);
  checkArgument('the metrics for registerMetrics', metrics, metricsRule);
  for (const name of Object.keys(metricTable) as MetricName[]) {
    registry.registerMetric(collected(name, metrics));
  }
}

function collected(name: MetricName, metrics: Metrics): CollectedMetric {
  const { type, help } = metricTable[name];
  return {
    name,
    type,
    help,
    async get() {
      const values = metrics.family(name).samples.map(({ suffix, labels, value }) => ({
        labels,
        value,
        ...(suffix === '' ? {} : { metricName: `${name}${suffix}` }),
      }));
      return { name: this.name, help, type, aggregator: 'sum', values };
    },
    reset: () => {},
  };
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return parts.length === 0 ? '' : `{${parts.join(',')}}`;
}

/** In a label's value backslash, quote and line feed are escaped; in a help text the quote is not. */
export function escapeLabel(value: string): string {
  return escapeHelp(value).replaceAll('"', '\\"');
}

function escapeHelp(text: string): string {
  return text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
}

function numberText(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? '+Inf' : '-Inf';
}

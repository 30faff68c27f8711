/**
 * Numbers by labels.
 *
 * Owns: counters and histograms, and the samples they come to.
 * Must not know: what is counted.
 */

/** Values of labels by name. */
export type Labels = Readonly<Record<string, string>>;

/** One number of a metric. */
export interface Sample {
  /** What follows the metric's name: `_bucket`, `_sum` and `_count` of histograms. */
  readonly suffix: '' | '_bucket' | '_sum' | '_count';
  /** What the number is about. */
  readonly labels: Labels;
  /** The number. */
  readonly value: number;
}

/** Sums by labels. */
export class Sums {
  private readonly sums = new Map<string, { readonly labels: Labels; value: number }>();

  add(labels: Labels, value: number = 1): void {
    const key = JSON.stringify(Object.entries(labels));
    const sum = this.sums.get(key);
    if (sum === undefined) this.sums.set(key, { labels, value });
    else sum.value += value;
  }

  samples(): Sample[] {
    return [...this.sums.values()].map(({ labels, value }) => ({ suffix: '', labels, value }));
  }
}

interface Distribution {
  readonly labels: Labels;
  /** Not cumulative; the last is for what exceeds every bound. */
  readonly counts: number[];
  sum: number;
}

/** Distributions by labels. */
export class Histogram {
  private readonly bounds: readonly number[];
  private readonly distributions = new Map<string, Distribution>();

  /** @param bounds rising */
  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
  }

  observe(labels: Labels, value: number): void {
    const key = JSON.stringify(Object.entries(labels));
    const empty = (): Distribution => ({ labels, counts: [...this.bounds, 0].map(() => 0), sum: 0 });
    const distribution = this.distributions.get(key) ?? empty();
    this.distributions.set(key, distribution);
    const found = this.bounds.findIndex((bound) => value <= bound);
    const index = found < 0 ? this.bounds.length : found;
    distribution.counts[index] = (distribution.counts[index] ?? 0) + 1;
    distribution.sum += value;
  }

  /** Cumulative, as Prometheus wants them. */
  samples(): Sample[] {
    return [...this.distributions.values()].flatMap(({ labels, counts, sum }) => {
      let count = 0;
      const buckets = counts.map((own, index): Sample => {
        count += own;
        const le = String(this.bounds[index] ?? '+Inf');
        return { suffix: '_bucket', labels: { ...labels, le }, value: count };
      });
      return [
        ...buckets,
        { suffix: '_sum', labels, value: sum },
        { suffix: '_count', labels, value: count },
      ] satisfies Sample[];
    });
  }
}

/**
 * Runs a target with input after input.
 *
 * Owns: the pool of inputs worth changing, what makes one worth it (a branch not
 * taken before, or taken more often than before), the findings.
 * Must not know: files, clocks, targets by name.
 */
import { type Random, seeded } from '../sim/random.ts';
import { beginCounting, eachBranch, endCounting } from './counters.ts';
import { Mutator } from './mutator.ts';
import type { FuzzTarget } from './target.ts';

/** An input that showed what must not be. */
export interface FuzzFinding {
  readonly data: Uint8Array;
  readonly error: unknown;
  /** The same for the same defect, as far as can be told. */
  readonly signature: string;
}

/** An array and its buffer, about. */
const arrayOverhead = 200;

export class Fuzzer {
  readonly target: FuzzTarget;
  executions = 0;
  /** Of one input. */
  mostSteps = 0;
  /** Branches taken by any input. */
  branches = 0;
  readonly findings: FuzzFinding[] = [];
  private readonly random: Random;
  private readonly mutator: Mutator;
  private readonly pool: Uint8Array[] = [];
  /** For each branch, the magnitudes of its counts that were seen, a bit each. */
  private readonly seen = new Map<number, number>();

  private constructor(target: FuzzTarget, seed: number) {
    this.target = target;
    this.random = seeded(seed);
    this.mutator = new Mutator(this.random, target);
  }

  /** Runs the target's seeds first. */
  static async begin(target: FuzzTarget, seed: number): Promise<Fuzzer> {
    const fuzzer = new Fuzzer(target, seed);
    for (const data of target.seeds()) {
      await fuzzer.run(data);
      fuzzer.pool.push(data);
    }
    if (fuzzer.pool.length === 0) fuzzer.pool.push(new Uint8Array(0));
    return fuzzer;
  }

  /** Inputs worth changing. */
  get poolSize(): number {
    return this.pool.length;
  }

  /** What the pool itself holds, so that what is held besides can be told. */
  get poolBytes(): number {
    return this.pool.reduce((sum, { length }) => sum + length + arrayOverhead, 0);
  }

  /** One more input. Those that were added last are changed most. */
  async step(): Promise<void> {
    const data = this.mutator.mutate(this.draw(), this.draw());
    if (await this.run(data)) this.pool.push(data);
  }

  /** The finding of one input, if it is one; what it counted does not count. */
  async try(data: Uint8Array): Promise<FuzzFinding | undefined> {
    beginCounting(this.target.stepBudget);
    try {
      await this.target.examine(data.slice());
      return undefined;
    } catch (error) {
      return { data, error, signature: signatureOf(error) };
    } finally {
      endCounting();
    }
  }

  /** The same finding from less input: pieces are left out while the signature stays. */
  async shrink(finding: FuzzFinding): Promise<FuzzFinding> {
    let best = finding;
    for (let size = Math.ceil(best.data.length / 2); size > 0; size = size === 1 ? 0 : Math.ceil(size / 2)) {
      for (let at = 0; at < best.data.length; ) {
        const rest = new Uint8Array(Math.max(0, best.data.length - size));
        rest.set(best.data.subarray(0, Math.min(at, rest.length)));
        rest.set(best.data.subarray(at + size), Math.min(at, rest.length));
        const again = await this.try(rest);
        if (again?.signature === finding.signature && rest.length < best.data.length) best = again;
        else at += size;
      }
    }
    return best;
  }

  /** Whether the input took a branch as none did before it. */
  private async run(data: Uint8Array): Promise<boolean> {
    this.executions++;
    beginCounting(this.target.stepBudget);
    try {
      await this.target.examine(data.slice());
    } catch (error) {
      const signature = signatureOf(error);
      if (this.findings.every((known) => known.signature !== signature)) {
        this.findings.push({ data, error, signature });
      }
      return false;
    } finally {
      this.mostSteps = Math.max(this.mostSteps, endCounting());
    }
    let isNew = false;
    eachBranch((branch, magnitude) => {
      const known = this.seen.get(branch) ?? 0;
      const bit = 1 << magnitude;
      if ((known & bit) !== 0) return;
      if (known === 0) this.branches++;
      this.seen.set(branch, known | bit);
      isNew = true;
    });
    return isNew;
  }

  private draw(): Uint8Array {
    const { pool } = this;
    const skewed = this.random() < 0.3 ? Math.sqrt(this.random()) : this.random();
    return pool[Math.floor(skewed * pool.length)] as Uint8Array;
  }
}

/** The error's text without its numbers and quotations, and where in the sources it came from. */
export function signatureOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const inner = error.cause instanceof Error ? error.cause : error;
  const place = /(?:src|targets)\/[\w/]+\.[jt]s/.exec(inner.stack ?? '')?.[0] ?? '';
  return `${inner.name}: ${inner.message.replaceAll(/\d+|"[^"]*"/g, '#').slice(0, 200)} (${place.replace(/\.[jt]s$/, '')})`;
}

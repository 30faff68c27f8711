/**
 * Whether a run leaves something of each input behind.
 *
 * Owns: the samples of the memory in use, and how much growth is none.
 * Must not know: what a target tests.
 */
import { memoryInUse } from '../support/heap.ts';
import type { Fuzzer } from './fuzzer.ts';

/** Code that is compiled meanwhile, tables of branches that fill. */
const allowance = 6 * 1024 * 1024;
const perExecution = 32;

export class HeapWatch {
  private readonly fuzzer: Fuzzer;
  private first: { readonly bytes: number; readonly executions: number } | undefined;

  constructor(fuzzer: Fuzzer) {
    this.fuzzer = fuzzer;
  }

  /** The target is warm: from here on nothing should be added. */
  begin(): void {
    this.first ??= this.sample();
  }

  /** What was added since, and whether that is too much. */
  end(): { readonly text: string; readonly isLeak: boolean } {
    const last = this.sample();
    const { bytes, executions } = this.first ?? last;
    const grown = last.bytes - bytes;
    const inputs = last.executions - executions;
    const text = `heap ${mebibytes(last.bytes)}, ${mebibytes(grown)} more than ${inputs} executions before`;
    return { text, isLeak: grown > allowance + perExecution * inputs };
  }

  private sample(): { readonly bytes: number; readonly executions: number } {
    const { fuzzer } = this;
    return { bytes: memoryInUse() - fuzzer.poolBytes, executions: fuzzer.executions };
  }
}

function mebibytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

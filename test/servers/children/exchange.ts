/**
 * What a program of this folder is told by the test that starts it, and reports to it.
 * Files carry both, for standard streams would be resources that are open.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import type { ConnectOptions } from '../../../src/entry/index.ts';
import { pinnedHostKey } from '../../../src/entry/index.ts';

export interface Target {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly privateKey: string;
  readonly fingerprints: readonly string[];
}

/** The JSON in the file that the command line names. */
export function readInput<T>(): T {
  return JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as T;
}

export function writeReport(report: object): void {
  writeFileSync(`${process.argv[2]}.report`, JSON.stringify(report));
}

export function optionsFor({ fingerprints, ...target }: Target): ConnectOptions {
  return { ...target, verifyHostKey: pinnedHostKey(...fingerprints) };
}

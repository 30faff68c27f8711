/**
 * Suites on client programs.
 *
 * Owns: suites that run with one or with each.
 * Must not know: what is tested.
 */
import { describeWith, type Program } from '../servers/programs.ts';
import { type ClientKind, clientKinds } from './kinds.ts';
import { type ClientLab, useClientLab } from './lab.ts';

/** The same suite with every client, or skipped by name where the machine lacks one. */
export function describeEachClient(
  name: string,
  suite: (kind: ClientKind, lab: ClientLab) => void | Promise<void>,
  needs: readonly Program[] = [],
): void {
  for (const kind of clientKinds) {
    describeWith({ programs: [...kind.needs, ...needs] }, `${name} with ${kind.name}`, () =>
      suite(kind, useClientLab()),
    );
  }
}

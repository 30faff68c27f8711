/**
 * Suites on real servers.
 *
 * Owns: the list of servers, and suites that run on one or on each.
 * Must not know: what is tested.
 */
import { startDropbear } from './dropbear.ts';
import type { KeyKind } from './keys.ts';
import { type Lab, useLab } from './lab.ts';
import { startOpenSsh } from './openSsh.ts';
import { describeWith, type Needs } from './programs.ts';
import type { TestServer } from './testServer.ts';

export type { KeyFile, KeyKind } from './keys.ts';
export { keyKinds, keyTypes, makeOpenSshKey } from './keys.ts';
export { type Lab, nothingIsLeft, setupTimeout } from './lab.ts';
export { freePort } from './processes.ts';
export { isRoot, serversRequired } from './programs.ts';
export type { TestServer } from './testServer.ts';
export { startDropbear, startOpenSsh };

export type ServerName = 'OpenSSH' | 'dropbear';

/** One of the servers, and what is the same about all. */
export interface ServerKind {
  readonly name: ServerName;
  readonly needs: Needs;
  start(
    lab: Lab,
    options?: {
      readonly hostKeys?: readonly KeyKind[];
      readonly userKeys?: readonly KeyKind[];
      readonly authorizedKeys?: readonly string[];
      /** Keywords of sshd_config; other servers have none. */
      readonly config?: Readonly<Record<string, string | number>>;
    },
  ): Promise<TestServer>;
}

export const openSsh: ServerKind = {
  name: 'OpenSSH',
  needs: { programs: ['sshd', 'ssh-keygen'] },
  start: startOpenSsh,
};

/** It looks for authorized_keys in the home of the account, and a user's own home is not ours to change. */
export const dropbear: ServerKind = {
  name: 'dropbear',
  needs: { programs: ['dropbear', 'dropbearkey', 'ssh-keygen'], root: true },
  start: startDropbear,
};

export const serverKinds: readonly ServerKind[] = [openSsh, dropbear];

/** A suite on one server, or skipped by name where the machine lacks what it needs. */
export function describeServer(
  name: string,
  kind: ServerKind,
  suite: (lab: () => Lab) => void,
  needs: Partial<Needs> = {},
): void {
  const programs = [...kind.needs.programs, ...(needs.programs ?? [])];
  const root = kind.needs.root === true || needs.root === true;
  const { obstacle } = needs;
  describeWith({ programs, root, obstacle }, `${name} on ${kind.name}`, () => suite(useLab()));
}

/** The same suite on every server. */
export function describeEachServer(name: string, suite: (kind: ServerKind, lab: () => Lab) => void): void {
  for (const kind of serverKinds) describeServer(name, kind, (lab) => suite(kind, lab));
}

/**
 * Which of the programs that tests on real servers need are here.
 *
 * Owns: the search for them, and suites that are skipped by name where one is
 * missing. With DEADLINE_SSH_REQUIRE_SERVERS=1 such a suite fails instead.
 * Must not know: what is done with a program.
 */
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe, it } from 'vitest';
import { canMount } from '../mounts.ts';

export type Program =
  | 'sshd'
  | 'dropbear'
  | 'ssh-keygen'
  | 'ssh-agent'
  | 'ssh-add'
  | 'dropbearkey'
  | 'python3'
  | 'chromium'
  | 'ssh'
  | 'sftp'
  | 'scp'
  | 'plink'
  | 'psftp'
  | 'lftp'
  | 'rclone'
  | 'dbclient'
  | 'dropbearconvert'
  | 'ip'
  | 'iptables'
  | 'git'
  | 'rsync'
  | 'xauth'
  | 'Xvfb'
  | 'xdpyinfo'
  | 'ansible'
  | 'mosh';

/** Servers are often outside the PATH of a plain user. */
const serverFolders = ['/usr/sbin', '/usr/local/sbin', '/sbin', '/opt/homebrew/sbin'];

/** Absolute path of a program; undefined where there is none. */
export function findProgram(program: Program): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), ...serverFolders];
  return folders.map((folder) => join(folder, program)).find(isExecutable);
}

/** As `findProgram`, for those that run only where it was found. */
export function pathOf(program: Program): string {
  const path = findProgram(program);
  if (path === undefined) throw new Error(`${program} is not installed`);
  return path;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Whether missing programs are failures. */
export const serversRequired: boolean = !['', '0', undefined].includes(
  process.env['DEADLINE_SSH_REQUIRE_SERVERS'],
);

/** Whether this process may make users and start servers that log them in. */
export const isRoot: boolean = process.getuid?.() === 0;

/** Why a suite cannot run here; undefined where it can. */
function obstacle(needs: Needs): string | undefined {
  for (const program of needs.programs) {
    if (findProgram(program) === undefined) return `${program} is not installed`;
  }
  if ((needs.root === true || needs.mounts === true) && !isRoot) return 'needs to run as root';
  if (needs.mounts === true && !canMount()) return 'file systems cannot be mounted here';
  return needs.obstacle?.();
}

/** What a suite needs of the machine. */
export interface Needs {
  readonly programs: readonly Program[];
  /** Passwords and other users are root's to make. */
  readonly root?: boolean | undefined;
  /** File systems of one's own, for the faults that they have; not every container lets root mount one. */
  readonly mounts?: boolean | undefined;
  /** Asked last, where all else is there: why it cannot run all the same. */
  readonly obstacle?: (() => string | undefined) | undefined;
}

/** A suite that runs where the machine has what it needs, and tells by its title why it does not. */
export function describeWith(needs: Needs, name: string, suite: () => void | Promise<void>): void {
  const reason = obstacle(needs);
  if (reason === undefined) {
    describe(name, suite);
    return;
  }
  const title = `${name} (${reason})`;
  if (!serversRequired) {
    describe.skip(title, suite);
    return;
  }
  describe(title, () => {
    it('can run, as DEADLINE_SSH_REQUIRE_SERVERS demands', () => {
      throw new Error(`${reason}, and DEADLINE_SSH_REQUIRE_SERVERS forbids to skip "${name}"`);
    });
  });
}

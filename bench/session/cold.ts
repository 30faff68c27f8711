/**
 * Part 8: a process that connects, runs a command and ends, on each Node that is there.
 *
 * Its CPU time is that of the whole process, what the engine takes to start included.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median } from '../lib/measure.ts';
import { type NodeVersion, nodeVersions } from '../lib/nodes.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { type Sshd, startSshd } from '../lib/sshd.ts';
import type { FleetJob } from './fleetProgram.ts';
import { interleave, type Rounds, times } from './jobs.ts';
import type { Algorithms, LibraryName } from './libraries.ts';
import { sshCommand, timed } from './openSshClient.ts';

const program = fileURLToPath(new URL('./fleetProgram.js', import.meta.url));
const command = fileURLToPath(new URL('../../../../dist/cli/main.js', import.meta.url));

export interface Timed {
  readonly milliseconds: number;
  readonly cpuMilliseconds: number;
}

const offers: readonly { readonly name: string; readonly algorithms: Algorithms }[] = [
  { name: 'by default', algorithms: {} },
  { name: 'curve25519-sha256', algorithms: { kex: 'curve25519-sha256', cipher: 'aes128-gcm@openssh.com' } },
];

export async function coldPart(quick: boolean): Promise<void> {
  const rounds = quick ? 1 : 9;
  const nodes = quick ? nodeVersions().slice(0, 1) : nodeVersions();
  const sshd = await startSshd();
  const results: object[] = [];
  const rows: string[][] = [];
  try {
    for (const { name, algorithms } of quick ? offers.slice(0, 1) : offers) {
      for (const node of nodes) {
        const measured = await interleave<Timed>(contestants(node, sshd, algorithms), rounds);
        results.push({ node: node.name, kex: name, server: sshd.version, measured });
        rows.push(...measured.map((own) => rowOf(node.name, name, own, measured, node.ssh2)));
      }
    }
  } finally {
    sshd.stop();
  }
  printTable(
    '8. A whole process: one connection, one command',
    ['Node', 'key exchange', 'by', 'CPU ms', 'wall ms', 'CPU: ssh2 ÷', 'wall: ssh2 ÷'],
    rows,
  );
  writeResults('cold', results);
}

function contestants(
  node: NodeVersion,
  sshd: Sshd,
  algorithms: Algorithms,
): { readonly name: string; readonly run: () => Promise<Timed> }[] {
  const variables = node.modules === undefined ? '' : `BENCH_MODULES=${node.modules} `;
  const dial = (library: LibraryName): string => {
    const job: FleetJob = { library, target: sshd, algorithms, count: 1, atOnce: 1, command: 'true' };
    return `${variables}${node.path} ${program} '${JSON.stringify(job)}' >/dev/null`;
  };
  return [
    { name: 'deadline-ssh', run: () => timed(dial('deadline-ssh')) },
    { name: node.ssh2, run: () => timed(dial(node.ssh2)) },
    { name: 'nothing', run: () => timed(`${node.path} -e 0`) },
    { name: 'the command deadline-ssh', run: () => timed(`${commandLine(node, sshd)} true </dev/null`) },
    { name: 'ssh', run: () => timed(`${sshCommand(sshd, {})} true </dev/null`) },
  ];
}

/** With a home folder of its own, where the key and the host are known. */
function commandLine(node: NodeVersion, sshd: Sshd): string {
  const home = `${sshd.privateKey}.home`;
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  const known = `[${sshd.host}]:${sshd.port} ${sshd.hostKey}\n`;
  writeFileSync(join(home, '.ssh', 'known_hosts'), known);
  return `HOME=${home} ${node.path} ${command} -i ${sshd.privateKey} -p ${sshd.port} ${sshd.username}@${sshd.host}`;
}

function rowOf(
  node: string,
  kex: string,
  own: Rounds<Timed>,
  all: readonly Rounds<Timed>[],
  peer: LibraryName,
): string[] {
  const cpu = ({ cpuMilliseconds }: Timed): number => cpuMilliseconds;
  const wall = ({ milliseconds }: Timed): number => milliseconds;
  return [
    node,
    kex,
    own.name,
    median(own.rounds.map(cpu)).toFixed(0),
    median(own.rounds.map(wall)).toFixed(0),
    times(own, all, peer, cpu),
    times(own, all, peer, wall),
  ];
}

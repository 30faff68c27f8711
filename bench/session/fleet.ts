/**
 * Part 9: many dials, fifty at once, on each Node that is there; and what a known_hosts
 * of 2,000 lines adds to them.
 */
import { createHmac, randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { median } from '../lib/measure.ts';
import { type NodeVersion, nodeVersions } from '../lib/nodes.ts';
import { printTable, writeResults } from '../lib/report.ts';
import { type Sshd, startSshd } from '../lib/sshd.ts';
import type { FleetJob } from './fleetProgram.ts';
import { interleave, runProgram, times } from './jobs.ts';
import type { Measured } from './tasks.ts';

const program = fileURLToPath(new URL('./fleetProgram.js', import.meta.url));
const curve = { kex: 'curve25519-sha256', cipher: 'aes128-gcm@openssh.com' };

export async function fleetPart(quick: boolean): Promise<void> {
  const count = quick ? 10 : 300;
  const rounds = quick ? 1 : 3;
  const nodes = quick ? nodeVersions().slice(0, 1) : nodeVersions();
  const sshd = await startSshd();
  const results: object[] = [];
  const rows: string[][] = [];
  const cpu = ({ cpuMilliseconds, operations }: Measured): number => cpuMilliseconds / operations;
  const wall = ({ milliseconds }: Measured): number => milliseconds;
  const dial = (node: NodeVersion, job: Omit<FleetJob, 'target' | 'atOnce'>): Promise<Measured> =>
    runProgram<Measured>(node.path, program, { ...job, target: sshd, atOnce: 50 }, node.modules);
  const run = async (
    node: NodeVersion,
    what: string,
    peer: string,
    jobs: Readonly<Record<string, Omit<FleetJob, 'target' | 'atOnce'>>>,
  ): Promise<void> => {
    const measured = await interleave<Measured>(
      Object.entries(jobs).map(([name, job]) => ({ name, run: () => dial(node, job) })),
      rounds,
    );
    results.push({ node: node.name, what, peer, server: sshd.version, measured });
    rows.push(
      ...measured.map((own) => [
        node.name,
        what,
        own.name,
        median(own.rounds.map(cpu)).toFixed(2),
        (median(own.rounds.map(wall)) / 1000).toFixed(1),
        own.name === peer ? '' : times(own, measured, peer, cpu),
      ]),
    );
  };
  try {
    for (const node of nodes) {
      const { ssh2 } = node;
      await run(node, `${count} dials by default`, ssh2, {
        'deadline-ssh': { library: 'deadline-ssh', algorithms: {}, count },
        [ssh2]: { library: ssh2, algorithms: {}, count },
      });
      await run(node, `${2 * count} dials, curve25519`, ssh2, {
        'deadline-ssh': { library: 'deadline-ssh', algorithms: curve, count: 2 * count },
        [ssh2]: { library: ssh2, algorithms: curve, count: 2 * count },
      });
    }
    const [node] = nodes as [NodeVersion];
    const library = 'deadline-ssh';
    const any = { library, algorithms: curve, count: 2 * count } as const;
    const names = ['plain', 'hashed'] as const;
    const files = names.map((name) => [name, knownHostsFile(sshd, name, 2_000)] as const);
    await run(node, `${2 * count} dials, curve25519, host keys`, 'deadline-ssh, any key', {
      'deadline-ssh, any key': any,
      ...Object.fromEntries(
        files.map(([name, path]) => [`deadline-ssh, 2,000 ${name} lines`, { ...any, knownHosts: path }]),
      ),
    });
  } finally {
    sshd.stop();
  }
  printTable(
    '9. Fleets: fifty dials at once',
    ['Node', 'what', 'by', 'CPU ms each', 'wall s', 'CPU: the other ÷'],
    rows,
  );
  writeResults('fleet', results);
}

/** The server is the last of them. */
function knownHostsFile(sshd: Sshd, form: 'plain' | 'hashed', count: number): string {
  const path = `${sshd.privateKey}.${form}`;
  const hosts = Array.from({ length: count - 1 }, (_, i) => `host-${i}.example`);
  const lines = [...hosts, `[${sshd.host}]:${sshd.port}`].map((name) => {
    const salt = randomBytes(20);
    const hash = createHmac('sha1', salt).update(name).digest('base64');
    return `${form === 'plain' ? name : `|1|${salt.toString('base64')}|${hash}`} ${sshd.hostKey}\n`;
  });
  writeFileSync(path, lines.join(''));
  return path;
}

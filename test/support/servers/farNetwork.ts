/**
 * A network of its own for a server, with a wire to it that can be harmed.
 *
 * Owns: a network namespace, the pair of interfaces that leads there, the rules of
 * its packet filter; all of it gone at the end.
 * Must not know: which server runs in it, what is tested.
 */
import { spawnSync } from 'node:child_process';
import { pathOf } from './programs.ts';

/** Addresses of the server's side. */
const farHosts = [2, 3, 4] as const;

/** What the packet filter of the far side drops, by the words of iptables. */
export type Harm = readonly string[];

/** Everything: the machine has vanished, and nobody says so. */
export const everything: Harm = [];
/** What comes to a port is dropped and not refused. */
export const toPort = (port: number): Harm => ['-p', 'tcp', '--dport', String(port)];
/** So many of a hundred packets, whichever. */
export const some = (percent: number): Harm => [
  ...['-m', 'statistic', '--mode', 'random', '--probability', String(percent / 100)],
];
/** Packets beyond a size, as on a path with a smaller MTU whose messages about it get lost. */
export const longerThan = (bytes: number): Harm => ['-m', 'length', '--length', `${bytes + 1}:65535`];

export class FarNetwork {
  /** Each leads to the same server. */
  readonly addresses: readonly string[];
  private readonly name: string;
  private readonly link: string;

  /** Throws where this process may not make networks. */
  constructor() {
    // 198.18.0.0/15 is for measurements between devices (RFC 2544): nobody is routed there.
    const subnet = process.pid & 0xfff;
    const network = `198.18.${subnet >> 4}`;
    const first = (subnet & 15) << 4;
    this.name = `dlssh-${process.pid}`;
    this.link = `dl${process.pid.toString(36)}`;
    this.addresses = farHosts.map((host) => `${network}.${first + host}`);
    // A run that was killed may have left one.
    this.remove();
    try {
      ip('netns', 'add', this.name);
      ip('link', 'add', this.link, 'type', 'veth', 'peer', 'name', 'far', 'netns', this.name);
      ip('addr', 'add', `${network}.${first + 1}/28`, 'dev', this.link);
      ip('link', 'set', this.link, 'up');
      for (const address of this.addresses) ip('-n', this.name, 'addr', 'add', `${address}/28`, 'dev', 'far');
      ip('-n', this.name, 'link', 'set', 'far', 'up');
      ip('-n', this.name, 'link', 'set', 'lo', 'up');
      this.heal();
    } catch (error) {
      this.remove();
      throw error;
    }
  }

  /** The command line that runs a program in the network. */
  within(program: string, args: readonly string[]): { readonly program: string; readonly args: string[] } {
    return { program: pathOf('ip'), args: ['netns', 'exec', this.name, program, ...args] };
  }

  /** Drops packets from now on, in the directions given as the server sees them. */
  drop(harm: Harm, ...directions: readonly ('INPUT' | 'OUTPUT')[]): void {
    const chains = directions.length === 0 ? (['INPUT', 'OUTPUT'] as const) : directions;
    for (const chain of chains) this.filter('-A', chain, ...harm, '-j', 'DROP');
  }

  /** Drops what comes to one of the addresses. */
  dropAt(address: string): void {
    this.filter('-A', 'INPUT', '-d', address, '-j', 'DROP');
  }

  /** Has a router on the way say that there is no such host. */
  refuseAt(address: string): void {
    this.filter('-A', 'INPUT', '-d', address, '-j', 'REJECT', '--reject-with', 'icmp-host-unreachable');
  }

  /** Nothing is dropped any more. */
  heal(): void {
    this.filter('-F');
  }

  remove(): void {
    // The pair of interfaces goes with either of its ends.
    spawnSync(pathOf('ip'), ['link', 'del', this.link], { stdio: 'ignore' });
    spawnSync(pathOf('ip'), ['netns', 'del', this.name], { stdio: 'ignore' });
  }

  private filter(...args: readonly string[]): void {
    const { program, args: all } = this.within(pathOf('iptables'), ['-w', ...args]);
    run(program, all);
  }
}

let obstacle: string | undefined;
let isKnown = false;

/** Why this process cannot make such a network; undefined where it can. */
export function networkObstacle(): string | undefined {
  if (isKnown) return obstacle;
  isKnown = true;
  try {
    const network = new FarNetwork();
    try {
      for (const harm of [everything, some(1), longerThan(600)]) network.drop(harm);
      network.refuseAt(network.addresses[0] ?? '');
    } finally {
      network.remove();
    }
  } catch (error) {
    obstacle = `network namespaces cannot be made: ${error instanceof Error ? error.message : String(error)}`;
  }
  return obstacle;
}

function ip(...args: readonly string[]): void {
  run(pathOf('ip'), args);
}

function run(program: string, args: readonly string[]): void {
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${error?.message ?? stderr.trim()}`);
}

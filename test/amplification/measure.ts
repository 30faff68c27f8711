/**
 * Measures one probe.
 *
 * Owns: the order of things: connections go as far as the probe wants, the account
 * is opened, all of them ask, the payer comes to rest, the account is closed.
 * Must not know: what is asked.
 */
import { AttackClient } from './attackClient.ts';
import { AttackListener } from './attackServer.ts';
import { type ClientProbe, isOver, type Measured, type ServerProbe } from './probe.ts';
import { VictimProcess } from './victimProcess.ts';

interface Account {
  readonly cpu: number;
  readonly memory: number;
}

async function open(victim: VictimProcess): Promise<Account> {
  await victim.atRest();
  const memory = await victim.ask({ ask: 'memory' });
  return { memory, cpu: await victim.ask({ ask: 'cpu' }) };
}

async function close(victim: VictimProcess): Promise<Account> {
  const cpu = await victim.atRest();
  return { cpu, memory: await victim.ask({ ask: 'memory' }) };
}

/** The best of several, as what else the machine does only adds; of more where that is beyond the bounds. */
const tries = 3;
const mostTries = 10;

async function bestOf(measure: () => Promise<Measured>): Promise<Measured> {
  // The first time pays for code that is compiled.
  await measure();
  const all: Measured[] = [];
  while (all.length < tries || (all.length < mostTries && isOver(best(all)))) all.push(await measure());
  return best(all);
}

function best(all: readonly Measured[]): Measured {
  const [first] = all;
  if (first === undefined) throw new Error('nothing was measured');
  return {
    ...first,
    cpu: Math.min(...all.map(({ cpu }) => cpu)),
    held: Math.min(...all.map(({ held }) => held)),
  };
}

async function onServer(victim: VictimProcess, port: number, probe: ServerProbe): Promise<Measured> {
  const { asks, connections, bound, from, ask } = probe;
  const clients: AttackClient[] = [];
  const arriveAll = async (): Promise<void> => {
    for (let i = 0; i < connections; i++) {
      const client = new AttackClient(port, probe);
      clients.push(client);
      await client.arrive();
    }
  };
  // A connection itself is part of what is asked before anything is known.
  if (from !== 'connect') await arriveAll();
  const before = await open(victim);
  if (from === 'connect') await arriveAll();
  for (const client of clients) {
    await ask(client);
    await client.drained();
  }
  const after = await close(victim);
  const bytes = clients.reduce((sum, { sent }) => sum + sent, 0);
  for (const client of clients) client.destroy();
  await victim.ask({ ask: 'drop' });
  await victim.atRest();
  return {
    payer: 'server',
    from,
    asks,
    bound,
    bytes: bytes / connections,
    cpu: (after.cpu - before.cpu) / connections,
    held: (after.memory - before.memory) / connections,
  };
}

async function onClient(victim: VictimProcess, probe: ClientProbe): Promise<Measured> {
  const { asks, connections, bound, from, ask } = probe;
  await using listener = new AttackListener();
  listener.probe = probe;
  const port = await listener.listen();
  const dialAll = async (): Promise<void> => {
    for (let i = 1; i <= connections; i++) {
      await victim.ask({ ask: 'dial', port });
      await listener.arrivals(i);
    }
  };
  // The dial is the client's own wish: what it costs by itself is no answer to anybody.
  await dialAll();
  const before = await open(victim);
  for (const client of listener.clients) {
    await ask(client);
    await client.drained();
  }
  const after = await close(victim);
  const bytes = listener.clients.reduce((sum, { sent }) => sum + sent, 0);
  for (const client of listener.clients) client.destroy();
  await victim.ask({ ask: 'drop' });
  await victim.atRest();
  return {
    payer: 'client',
    from,
    asks,
    bound,
    bytes: bytes / connections,
    cpu: (after.cpu - before.cpu) / connections,
    held: (after.memory - before.memory) / connections,
  };
}

export async function measureServer(
  probes: readonly ServerProbe[],
  told: (measured: Measured) => void,
): Promise<void> {
  if (probes.length === 0) return;
  using victim = new VictimProcess();
  const port = await victim.ask({ ask: 'serve' });
  for (const probe of probes) {
    told(await bestOf(() => onServer(victim, port, probe)));
  }
}

export async function measureClient(
  probes: readonly ClientProbe[],
  told: (measured: Measured) => void,
): Promise<void> {
  if (probes.length === 0) return;
  using victim = new VictimProcess();
  for (const probe of probes) {
    told(await bestOf(() => onClient(victim, probe)));
  }
}

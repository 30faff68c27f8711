/**
 * How long a handshake keeps the event loop from everything else.
 *
 * Measured in a process of its own, in time of its processor: what else the
 * machine does is not in it. The collection of garbage and the compiler of the
 * engine are, on whatever thread, and now and then they take long. So the middle
 * one of several handshakes is judged. What blocks in fewer than half of them is
 * missed; all figures are printed.
 */
import { beforeAll, expect, it } from 'vitest';
import type { ConnectOptions } from '../../src/entry/index.ts';
import { ChildPrograms } from '../support/servers/childProgram.ts';
import { describeServer, openSsh, setupTimeout, type TestServer } from '../support/servers/index.ts';

interface Handshake {
  readonly milliseconds: number;
  /** Milliseconds of processor time in one turn of the event loop. */
  readonly longestBlock: number;
  readonly kex: string;
}

/** What the design allows for the default algorithms. */
const allowedBlock = 50;
/** Nothing may come near the 16 s for which group exchange froze another client. */
const allowedSlowBlock = 500;

describeServer('the event loop during a handshake', openSsh, (lab) => {
  let programs: ChildPrograms;
  let server: TestServer;
  beforeAll(async () => {
    programs = new ChildPrograms(lab().folder);
    server = await openSsh.start(lab());
  }, setupTimeout);

  /** Some handshakes, of which the first compiles what the others run. */
  async function measure(name: string, options: ConnectOptions, runs = 5): Promise<readonly Handshake[]> {
    const input = { target: server.target(), options, runs };
    const { handshakes } = (await programs.run('handshakes', input)) as {
      readonly handshakes: readonly Handshake[];
    };
    const [first] = handshakes;
    console.info(
      `${name} (${first?.kex}): first ${shown(first)}; later ${handshakes.slice(1).map(shown).join(', ')}`,
    );
    return handshakes;
  }

  it.each(['auto', 'noble'] as const)(
    "is not held up with default algorithms and crypto: '%s'",
    async (crypto) => {
      const handshakes = await measure(`crypto: '${crypto}'`, { crypto }, 9);
      expect(handshakes).toHaveLength(9);
      expect(middleOf(handshakes)).toBeLessThan(allowedBlock);
    },
  );

  for (const kex of [
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'ecdh-sha2-nistp521',
  ]) {
    it.each(['auto', 'noble'] as const)(
      `is held up by ${kex} for a bounded time with crypto: '%s'`,
      async (crypto) => {
        const handshakes = await measure(`crypto: '${crypto}'`, { crypto, algorithms: { kex: [kex] } });
        expect(handshakes).toHaveLength(5);
        expect(handshakes[0]).toMatchObject({ kex });
        expect(middleOf(handshakes)).toBeLessThan(allowedSlowBlock);
      },
    );
  }
});

/** The longest block of the middle one. */
function middleOf(handshakes: readonly Handshake[]): number {
  const blocks = handshakes.map(({ longestBlock }) => longestBlock).sort((a, b) => a - b);
  return blocks[Math.floor(blocks.length / 2)] ?? Number.POSITIVE_INFINITY;
}

function shown(handshake: Handshake | undefined): string {
  const { milliseconds = Number.NaN, longestBlock = Number.NaN } = handshake ?? {};
  return `${milliseconds.toFixed(0)} ms, blocked ${longestBlock.toFixed(0)} ms`;
}

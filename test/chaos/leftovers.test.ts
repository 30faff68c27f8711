/** What the count of leftovers (`leftovers.ts`) sees, and what it would miss. */
import { describe, expect, it } from 'vitest';
import { acceptAnyHostKey, connect } from '../../src/entry/index.ts';
import { startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { Usage } from './leftovers.ts';

const round = 24;

/** What is found where each session leaves something behind. */
async function found(rounds: number, session: (number: number) => unknown): Promise<readonly string[]> {
  const usage = new Usage();
  const left: unknown[] = [];
  for (let number = 1; number <= rounds * round; number++) {
    left.push(await session(number));
    if (number % round === 0) usage.look(number);
  }
  expect(left).toHaveLength(rounds * round);
  return usage.findings();
}

const text = (number: number, length: number): string =>
  Buffer.alloc(length, `${number} `).toString('latin1');

describe('what a session leaves behind', () => {
  it.each<[string, (number: number) => unknown]>([
    ['nothing', () => undefined],
    // What it misses.
    ['an object', () => ({})],
    ['a text of 4,000 letters', (number) => text(number, 4_000)],
  ])('is let pass where it is %s', async (_, session) => {
    expect(await found(3, session)).toEqual([]);
  });

  it.each<[string, number, (number: number) => unknown, RegExp]>([
    ['four objects, in many rounds', 9, () => [{}, {}, {}, {}], /^\d+ objects more than 96 sessions before/],
    ['twelve objects, in three rounds', 3, () => Array.from({ length: 12 }, () => ({})), /^\d+ objects more/],
    ['sixteen functions', 3, () => Array.from({ length: 16 }, () => () => {}), /^\d+ objects more/],
    ['a text', 3, (number) => text(number, 100_000), /^\d+ bytes more than 24 sessions before/],
    ['bytes', 3, () => new Uint8Array(100_000), /^\d+ bytes more/],
  ])('is seen where it is %s', async (_, rounds, session, message) => {
    const findings = await found(rounds, session);
    expect(findings.filter((finding) => message.test(finding))).toHaveLength(1);
  });

  it('is seen where it is one connection in four, ended though it is', async () => {
    await using server = await startEmbedded({});
    const session = async (number: number): Promise<unknown> => {
      const client = await connect({
        host: '127.0.0.1',
        port: server.port,
        username: 'ops',
        privateKey: keyText('ed25519'),
        verifyHostKey: acceptAnyHostKey(),
      });
      await client.close();
      return number % 4 === 0 ? client : undefined;
    };
    expect(await found(3, session)).toEqual([expect.stringMatching(/^\d+ objects more than 24 sessions/)]);
  });
});

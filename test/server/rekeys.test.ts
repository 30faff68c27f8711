/** Clients that exchange keys while the server works for them. */
import { afterEach, describe, expect, it } from 'vitest';
import { acceptAnyHostKey, connect } from '../../src/entry/index.ts';
import { everyMethod, password, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

afterEach(nothingIsLeft);

describe('fifteen clients that run commands and exchange keys meanwhile', () => {
  it('lose nothing and are told nothing out of its order', async () => {
    await using server = await startEmbedded({
      hostKeys: keyText('ed25519'),
      authentication: everyMethod,
      limits: { keyExchangesWithoutData: 10_000 },
    });
    const commands = 12;
    const one = async (index: number): Promise<string[]> => {
      await using client = await connect({
        host: '127.0.0.1',
        port: server.port,
        username: 'ops',
        password,
        verifyHostKey: acceptAnyHostKey(),
      });
      const outputs: Promise<string>[] = [];
      for (let i = 0; i < commands; i++) {
        outputs.push(
          client.run(`greet ${index}.${i}`).then(({ code, stdout }) => `${code} ${stdout.trim()}`),
        );
        if (i % 2 === 0) await client.rekey();
      }
      return await Promise.all(outputs);
    };
    const all = await Promise.all(Array.from({ length: 15 }, (_, index) => one(index)));
    all.forEach((outputs, index) => {
      expect(outputs).toEqual(Array.from({ length: commands }, (_, i) => `7 hello ${index}.${i}`));
    });
    expect(server.faults).toEqual([]);
  });
});

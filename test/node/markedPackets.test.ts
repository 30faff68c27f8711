/** Packets that are marked, with a runtime that can do so and with one that cannot. */
import { Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { acceptAnyHostKey, connect } from '../../src/entry/index.ts';
import { canMarkPackets } from '../../src/node/socketLink.ts';
import { password, startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { nothingIsLeft } from '../support/servers/index.ts';

afterEach(nothingIsLeft);

/** As Node 24 has it. */
type Marking = { setTypeOfService?: (mark: number) => void };

/** The marks that a dial asks the runtime for. */
async function marksOf(typeOfService: number | undefined, mark: Marking['setTypeOfService']): Promise<void> {
  const prototype = Socket.prototype as Marking;
  const before = prototype.setTypeOfService;
  if (mark === undefined) delete prototype.setTypeOfService;
  else prototype.setTypeOfService = mark;
  try {
    await using server = await startEmbedded({
      hostKeys: keyText('ed25519'),
      authentication: { password: (_username, given) => given === password },
    });
    await using client = await connect({
      host: '127.0.0.1',
      port: server.port,
      username: 'ops',
      password,
      verifyHostKey: acceptAnyHostKey(),
      typeOfService,
    });
    expect(await client.ping()).toBeGreaterThan(0);
    expect(canMarkPackets()).toBe(mark !== undefined);
  } finally {
    if (before === undefined) delete prototype.setTypeOfService;
    else prototype.setTypeOfService = before;
  }
}

it('asks the runtime for the mark that typeOfService says, and for none where it says nothing', async () => {
  const marks: number[] = [];
  await marksOf(0x20, (mark) => void marks.push(mark));
  await marksOf(undefined, (mark) => void marks.push(mark));
  expect(marks).toEqual([0x20]);
});

it('connects all the same where the runtime cannot, or the system will not', async () => {
  await marksOf(0x20, undefined);
  await marksOf(0x20, () => {
    throw new Error('EPERM');
  });
});

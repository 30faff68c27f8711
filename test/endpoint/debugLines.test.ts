/** What the debug listener is told of a key exchange, in the words that scripts look for in the log of ssh. */
import { expect, it } from 'vitest';
import { bannerText, chosenGroupLine, keysExchangedLine } from '../../src/endpoint/debugLines.ts';
import { connect } from '../../src/entry/index.ts';
import { generateKey } from '../../src/entry/keys.ts';
import { createServer } from '../../src/entry/server.ts';

it.each([
  ['aes128-ctr', 3072, 3072],
  // A server's bound is 4,096.
  ['aes256-ctr', 8192, 4096],
])('with %s: the sizes asked for, the group that came, and NEWKEYS', async (cipher, wanted, bits) => {
  const kex = ['diffie-hellman-group-exchange-sha256'];
  await using server = await createServer({
    hostKeys: generateKey('ed25519'),
    authentication: { none: () => true },
    algorithms: { kex, cipher: [cipher] },
  });
  const { port } = await server.listen();
  const lines: string[] = [];
  await using client = await connect({
    host: '127.0.0.1',
    port,
    username: 'ops',
    verifyHostKey: () => true,
    algorithms: { kex, cipher: [cipher] },
    onDebug: (line) => lines.push(line),
  });
  await client.rekey();
  const asked = lines.filter((line) =>
    line.includes(`SSH2_MSG_KEX_DH_GEX_REQUEST(2048<${wanted}<8192) sent`),
  );
  expect(asked).toHaveLength(2);
  for (const line of asked) {
    const [, set = 0, all] = /bits set: (\d+)\/(\d+)$/.exec(line) ?? [];
    expect(Number(all)).toBe(bits);
    // Half of them, give or take what does not happen by chance.
    expect(Math.abs(Number(set) - bits / 2)).toBeLessThan(bits / 8);
  }
  const exchanged = lines.filter((line) => line.startsWith('keys exchanged: '));
  expect(exchanged.map((line) => line.includes('SSH2_MSG_NEWKEYS sent'))).toEqual([true, true]);
});

type Exchanged = Parameters<typeof keysExchangedLine>[0];

function exchanged(
  clientToServer: { readonly cipher: string; readonly mac?: string },
  serverToClient = clientToServer,
  strict = false,
): Exchanged {
  const negotiated = { kex: 'k', hostKey: 'h', clientToServer, serverToClient };
  return { type: 'keyExchanged', negotiated, strict, group: undefined } as unknown as Exchanged;
}

it('of what was agreed on: each cipher with its MAC, once where both directions have the same', () => {
  const [gcm, ctr] = [{ cipher: 'gcm' }, { cipher: 'ctr', mac: 'sha2' }];
  const said = ', SSH2_MSG_NEWKEYS sent and received';
  expect(keysExchangedLine(exchanged(gcm))).toBe(`keys exchanged: k, h, gcm${said}`);
  expect(keysExchangedLine(exchanged(ctr, gcm, true))).toBe(
    `keys exchanged: k, h, ctr sha2 / gcm, strict${said}`,
  );
  expect(chosenGroupLine(exchanged(gcm))).toBeUndefined();
});

it('of a banner: what could steer a terminal is escaped, and a cut is said', () => {
  expect(bannerText({ message: 'a\u001b\nb', isCut: false })).toBe('a\\x1b\nb');
  expect(bannerText({ message: 'a', isCut: true })).toBe(
    'a\n[the banner is longer; the rest was cut off, see limits.bannerBytes]\n',
  );
});

/** Memory that a transfer has used up: freed at once where it is the transfer's alone, and never else. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isSole, markSole, unmarkSole } from '../../../src/base/soleMemory.ts';
import { acceptAnyHostKey, type ConnectOptions, connect } from '../../../src/entry/index.ts';
import { generateKey } from '../../../src/entry/keys.ts';
import {
  ClientProtocol,
  createEagerNobleProvider,
  defaultKeepAlive,
  defaultLimits,
  defaultPreferences,
  defaultRekeyPolicy,
  defaultTimeouts,
  identificationLine,
  WaitTable,
} from '../../../src/entry/protocol.ts';
import { createServer, serveFolder } from '../../../src/entry/server.ts';
import { streamLink } from '../../../src/node/socketLink.ts';
import { giveBack } from '../../../src/node/spentMemory.ts';
import { encodeResponse } from '../../../src/sftp/packet/frame.ts';
import { openMemory } from '../memory/channel.ts';
import { aRead, ClientProbe } from '../support.ts';
import { LocalFolder } from './support.ts';

const many = 64;

/** Whether the memory of these bytes has been freed. */
const isGone = (bytes: Uint8Array): boolean => bytes.buffer.byteLength === 0;

const soleBytes = (length: number): Uint8Array => {
  const bytes = new Uint8Array(length);
  markSole(bytes);
  return bytes;
};

it('only what is marked is freed, and what is short is not worth a mark', () => {
  const marked = Array.from({ length: many }, () => soleBytes(10_000));
  const unmarked = Array.from({ length: many }, () => new Uint8Array(10_000));
  const divided = Array.from({ length: many }, () => soleBytes(10_000));
  for (const bytes of divided) unmarkSole(bytes);
  const short = soleBytes(100);
  expect(isSole(short)).toBe(false);
  giveBack([short]);
  for (const list of [marked, unmarked, divided]) giveBack(list);
  expect(marked.every(isGone)).toBe(true);
  expect([...unmarked, ...divided, short].some(isGone)).toBe(false);
});

it('a piece of data keeps the mark of its memory only where no other piece lies in that', () => {
  const seen = { sole: 0, shared: 0 };
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 2, maxLength: 8 }),
      fc.array(fc.integer({ min: 500, max: 60_000 }), { minLength: 1, maxLength: 8 }),
      (sizes, lengths) => {
        const probe = ClientProbe.ready();
        const requests = sizes.map((size) => probe.ask(aRead(size)));
        const stream = Buffer.concat(
          requests.map(({ id, length }) =>
            encodeResponse(id, { kind: 'data', data: new Uint8Array(length) }),
          ),
        );
        for (let at = 0, turn = 0; at < stream.length; turn++) {
          const chunk = new Uint8Array(stream.subarray(at, at + (lengths[turn % lengths.length] as number)));
          markSole(chunk);
          probe.core.receive(chunk);
          probe.collect();
          at += chunk.length;
        }
        const pieces = probe.events.flatMap((event) =>
          event.type === 'answered' && event.answer.kind === 'data' ? event.answer.pieces : [],
        );
        expect(pieces.reduce((sum, { length }) => sum + length, 0)).toBe(sizes.reduce((a, b) => a + b));
        for (const piece of pieces) {
          const isShared = pieces.some((other) => other !== piece && other.buffer === piece.buffer);
          if (isShared) seen.shared++;
          if (isSole(piece)) seen.sole++;
          expect(isShared && isSole(piece)).toBe(false);
        }
      },
    ),
  );
  expect(seen.sole).toBeGreaterThan(20);
  expect(seen.shared).toBeGreaterThan(20);
});

it('a get frees what it has stored, with holes and without', async () => {
  for (const sparse of [false, true]) {
    const here = new LocalFolder();
    const { sftp, files, channel } = await openMemory();
    const content = randomBytes(5_000_000);
    files.file('/f', content);
    const given: Uint8Array[] = [];
    const take = channel.take.bind(channel);
    channel.take = () => {
      const chunk = take();
      if (chunk !== undefined) {
        // As a cipher gives it: alone in its memory.
        markSole(chunk);
        given.push(chunk);
      }
      return chunk;
    };
    await sftp.get('/f', here.at('f'), { sparse });
    expect(here.text('f') === content.toString('latin1')).toBe(true);
    expect(given.filter(isGone).length).toBeGreaterThan(given.length / 2);
  }
});

it('what is read and not stored is the caller’s and stays', async () => {
  const { sftp, files, channel } = await openMemory();
  const content = randomBytes(1_000_000);
  files.file('/f', content);
  const take = channel.take.bind(channel);
  channel.take = () => {
    const chunk = take();
    if (chunk !== undefined) markSole(chunk);
    return chunk;
  };
  const whole = (await sftp.readFile('/f')) as Uint8Array;
  const pieces: Uint8Array[] = [];
  for await (const piece of sftp.createReadStream('/f')) pieces.push(piece as Uint8Array);
  giveBack(Array.from({ length: many }, () => soleBytes(10_000)));
  expect(Buffer.from(whole).equals(content)).toBe(true);
  expect(Buffer.concat(pieces).equals(content)).toBe(true);
});

it('bytes written to a stream of the caller’s are the stream’s: it may hold them', async () => {
  const stream = new PassThrough();
  const link = streamLink(stream)({
    connected: () => {},
    received: () => {},
    lent: () => {},
    ended: () => {},
    written: () => {},
    closed: () => {},
  });
  const sent = Array.from({ length: many }, () => soleBytes(10_000));
  for (const bytes of sent) link.write(bytes);
  await new Promise((resolve) => setImmediate(resolve));
  expect(sent.some(isGone)).toBe(false);
  link.destroy();
});

it('what a connection receives loses its mark: packets that are opened where they lie share it', () => {
  const provider = createEagerNobleProvider({ randomBytes: (length) => new Uint8Array(randomBytes(length)) });
  const core = new ClientProtocol({
    username: 'ops',
    provider,
    preferences: defaultPreferences,
    limits: defaultLimits,
    timeouts: defaultTimeouts,
    keepAlive: defaultKeepAlive,
    rekey: defaultRekeyPolicy,
    identification: identificationLine('test'),
    requireStrict: false,
    waits: new WaitTable(),
    now: 0,
  });
  const chunk = soleBytes(10_000);
  core.receive(chunk, 0);
  expect(isSole(chunk)).toBe(false);
});

it.each(['aes128-gcm@openssh.com', 'chacha20-poly1305@openssh.com', 'aes128-ctr'])(
  'both ways over %s, and over a connection within one',
  async (cipher) => {
    const there = new LocalFolder();
    const here = new LocalFolder();
    const content = randomBytes(1_500_000);
    writeFileSync(there.at('f'), content);
    await using server = await createServer({
      hostKeys: generateKey('ed25519'),
      authentication: { none: () => true },
      sftp: serveFolder(there.path),
      forwarding: { local: () => true },
    });
    const { port } = await server.listen();
    const login: ConnectOptions = {
      host: '127.0.0.1',
      port,
      username: 'ops',
      auth: ['none'],
      verifyHostKey: acceptAnyHostKey(),
      algorithms: { cipher: [cipher] },
    };
    await using outer = await connect(login);
    await using inner = await connect({ ...login, crypto: 'noble', via: outer });
    for (const [name, client] of Object.entries({ outer, inner })) {
      await client.get('/f', here.at(name));
      expect(here.text(name) === content.toString('latin1'), name).toBe(true);
      await client.put(here.at(name), `/${name}`);
      expect(there.text(name) === content.toString('latin1'), name).toBe(true);
    }
  },
);

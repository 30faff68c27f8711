/**
 * What a client program offers.
 *
 * Owns: reading the KEXINIT that a client sends unasked (RFC 4253 §7.1).
 * Must not know: which client it is.
 */
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type KexInit, kexInit } from '../../../src/message/transport.ts';
import { WireReader } from '../../../src/wire/reader.ts';
import { firstPayload } from '../servers/offer.ts';
import { ClientProcess, type Invocation } from './process.ts';

/** Names that a client's first KEXINIT lists; `invoke` says how it dials a port. */
export async function readClientOffer(invoke: (port: number) => Invocation): Promise<KexInit> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const running = new ClientProcess(invoke((server.address() as AddressInfo).port));
  const accepted = once(server, 'connection');
  const ended = running.outcome.then(({ stderr }) => {
    throw new Error(`the client did not dial: ${stderr}`);
  });
  ended.catch(() => {});
  const [socket] = (await Promise.race([accepted, ended])) as [Socket];
  try {
    socket.write('SSH-2.0-offer_reader\r\n');
    let received = Buffer.alloc(0);
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk as Buffer]);
      const payload = firstPayload(received);
      if (payload !== undefined) return kexInit.decode(new WireReader(payload, 1, payload.length));
    }
    throw new Error('the client closed the connection before its KEXINIT');
  } finally {
    socket.destroy();
    server.close();
    await running.kill();
  }
}

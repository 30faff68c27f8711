/**
 * What a server offers.
 *
 * Owns: reading the KEXINIT that a server sends unasked (RFC 4253 §7.1).
 * Must not know: which server it is.
 */
import { connect } from 'node:net';
import { type KexInit, kexInit } from '../../../src/message/transport.ts';
import { WireReader } from '../../../src/wire/reader.ts';

/** Names that a server's first KEXINIT lists. */
export async function readOffer(port: number): Promise<KexInit> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.write('SSH-2.0-offer_reader\r\n');
  socket.setTimeout(5_000, () => socket.destroy(new Error('the server sent no KEXINIT')));
  let received = Buffer.alloc(0);
  for await (const chunk of socket) {
    received = Buffer.concat([received, chunk as Buffer]);
    const payload = firstPayload(received);
    if (payload !== undefined) return kexInit.decode(new WireReader(payload, 1, payload.length));
  }
  throw new Error('the server closed the connection before its KEXINIT');
}

/** The payload of the first packet, once it is there (RFC 4253 §6). */
export function firstPayload(received: Buffer): Uint8Array | undefined {
  const line = received.indexOf('\n');
  const packet = received.subarray(line + 1);
  if (line < 0 || packet.length < 5) return undefined;
  const packetLength = packet.readUInt32BE(0);
  const paddingLength = packet.readUInt8(4);
  if (packet.length < 4 + packetLength) return undefined;
  return new Uint8Array(packet.subarray(5, 4 + packetLength - paddingLength));
}

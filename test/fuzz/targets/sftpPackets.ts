/**
 * Packets of SFTP, of both roles.
 *
 * Owns: that decoding and encoding are inverse, that a decoder reads nothing but what it is
 * given, that READ, WRITE and DATA by hand equal their codecs; that a server's machine takes
 * any bytes, in any pieces alike.
 * Must not know: engines.
 */
import { defaultLimits } from '../../../src/base/limits.ts';
import * as extensions from '../../../src/sftp/packet/extensions.ts';
import {
  decodeRequest,
  decodeResponse,
  encodeInit,
  encodeRequest,
  encodeResponse,
  writeDataHeader,
  writeRead,
  writeWriteHeader,
} from '../../../src/sftp/packet/frame.ts';
import type { MessagePart } from '../../../src/sftp/packet/part.ts';
import { init, type SftpRequest } from '../../../src/sftp/packet/requests.ts';
import { type SftpResponse, version } from '../../../src/sftp/packet/responses.ts';
import { SftpServerProtocol } from '../../../src/sftp/protocol/server.ts';
import { WireReader } from '../../../src/wire/reader.ts';
import { WireWriter } from '../../../src/wire/writer.ts';
import { requestRows, responseRows } from '../../sftp/packets.ts';
import { attempt, type FuzzTarget, fine, fingerprintOf, law, type Verdict } from '../target.ts';

const parts: readonly MessagePart<unknown>[] = [
  extensions.twoPaths,
  extensions.onePath,
  extensions.oneHandle,
  extensions.lsetstat,
  extensions.copyData,
  extensions.homeDirectory,
  extensions.usersGroupsById,
  extensions.usersGroupsNames,
  extensions.filesystemStatus,
  extensions.serverLimits,
] as readonly MessagePart<unknown>[];

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const packet = data.slice(1);
  switch ((data[0] ?? 0) % 5) {
    case 0:
      return inverse(packet, decodeRequest, (id, body) => encodeRequest(id, body as SftpRequest));
    case 1:
      return inverse(packet, decodeResponse, (id, body) => encodeResponse(id, body as SftpResponse));
    case 2:
      return checkParts(packet);
    case 3:
      return checkBeginnings(packet);
    default:
      return checkServer(packet);
  }
}

type Decode = (
  bytes: Uint8Array,
  start?: number,
  end?: number,
) => { readonly id: number; readonly body: unknown };

function inverse(
  packet: Uint8Array,
  decode: Decode,
  encode: (id: number, body: unknown) => Uint8Array,
): Verdict {
  const decoded = attempt(() => decode(packet));
  const buffer = new Uint8Array(packet.length + 32).fill(0xa5);
  buffer.set(packet, 16);
  const within = attempt(() => decode(buffer, 16, 16 + packet.length));
  if ('verdict' in decoded || 'verdict' in within) {
    law('verdict' in decoded && 'verdict' in within, 'a decoder that reads beyond its bytes');
    law(decoded.verdict.code === 'ERR_SSH_DECODE', `${decoded.verdict.code} from a decoder`);
    return decoded.verdict;
  }
  const { id, body } = decoded.value;
  law(fingerprintOf(within.value) === fingerprintOf(decoded.value), 'a decoder that reads beyond its bytes');
  if (body === undefined) return fine;
  const encoded = encode(id, body);
  law(
    new DataView(encoded.buffer).getUint32(0) === encoded.length - 4,
    'a length that is not that of the packet',
  );
  law(fingerprintOf(decode(encoded, 4)) === fingerprintOf({ id, body }), 'a packet changes on the way');
  checkHot(id, body as SftpRequest | SftpResponse, encoded);
  return fine;
}

/** The packets of a transfer by hand against the codecs. */
function checkHot(id: number, body: SftpRequest | SftpResponse, encoded: Uint8Array): void {
  const writer = new WireWriter();
  if (body.kind === 'read' && body.offset <= BigInt(Number.MAX_SAFE_INTEGER)) {
    writeRead(writer, id, body.handle, Number(body.offset), body.length);
  } else if (body.kind === 'write' && body.offset <= BigInt(Number.MAX_SAFE_INTEGER)) {
    writeWriteHeader(writer, id, body.handle, Number(body.offset), body.data.length);
    writer.bytes(body.data);
  } else if (body.kind === 'data') {
    writeDataHeader(writer, id, body.data.length);
    writer.bytes(body.data);
  } else return;
  law(Buffer.compare(writer.copyWritten(), encoded) === 0, `${body.kind} by hand differs from its codec`);
}

function checkParts(bytes: Uint8Array): Verdict {
  const part = parts[(bytes[0] ?? 0) % parts.length] as MessagePart<unknown>;
  const decoded = attempt(() => part.fromBytes(bytes.slice(1)));
  if ('verdict' in decoded) {
    law(decoded.verdict.code === 'ERR_SSH_DECODE', `${decoded.verdict.code} from a decoder`);
    return decoded.verdict;
  }
  const again = part.fromBytes(part.toBytes(decoded.value));
  law(fingerprintOf(again) === fingerprintOf(decoded.value), 'the fields of an extension change on the way');
  return fine;
}

function checkBeginnings(bytes: Uint8Array): Verdict {
  for (const codec of [init, version]) {
    const decoded = attempt(() => codec.decode(new WireReader(bytes)));
    if ('verdict' in decoded) {
      law(decoded.verdict.code === 'ERR_SSH_DECODE', `${decoded.verdict.code} from a decoder`);
      return decoded.verdict;
    }
    law(decoded.value.extensions.length <= 256, 'more extensions than are allowed');
  }
  return fine;
}

/** What a server's machine tells of a client's bytes, each request answered at once. */
function play(bytes: Uint8Array, pieces: number): { readonly told: string; readonly verdict: Verdict } {
  const core = new SftpServerProtocol({
    limits: { ...defaultLimits, sftpPacketLength: 40_000, sftpRequests: 4 },
    extensions: [],
  });
  core.receive(encodeInit({ version: 3, extensions: [] }));
  const told: string[] = [];
  let ended = 0;
  const drain = (): void => {
    for (let event = core.nextEvent(); event !== undefined; event = core.nextEvent()) {
      law(ended === 0, 'an event behind the end');
      if (event.type === 'ended') ended++;
      if (event.type === 'ready') continue;
      told.push(event.type === 'request' ? fingerprintOf(event.request) : event.error.code);
      if (event.type === 'request') core.answerStatus(event.request, 4);
    }
    for (let output = core.takeOutput(); output !== undefined; output = core.takeOutput());
    law(core.inFlight <= 4, 'more requests than are allowed');
  };
  const length = Math.max(1, Math.ceil(bytes.length / pieces));
  for (let at = 0; at < bytes.length; at += length) {
    core.receive(bytes.slice(at, at + length));
    drain();
  }
  core.inputEnded();
  drain();
  drain();
  law(ended === 1, `${ended} ends`);
  return { told: told.join('\n'), verdict: { code: core.cause?.code, phase: core.cause?.phase } };
}

function checkServer(bytes: Uint8Array): Verdict {
  const whole = play(bytes, 1);
  const pieces = play(bytes, 7);
  law(whole.told === pieces.told, 'pieces matter');
  return whole.verdict;
}

function seedsOf(
  first: number,
  rows: readonly { readonly encoded: Uint8Array }[],
  from: number,
): Uint8Array[] {
  return rows.map(({ encoded }) => Uint8Array.from([first, ...encoded.subarray(from)]));
}

export const sftpPackets: FuzzTarget = {
  name: 'sftpPackets',
  shape: 'wire',
  examine,
  seeds: () => [
    ...seedsOf(0, requestRows, 4),
    ...seedsOf(1, responseRows, 4),
    ...parts.map((_, index) => Uint8Array.of(2, index, 0, 0, 0, 1, 0x61, 0, 0, 0, 1, 0x62)),
    Uint8Array.from([3, 0, 0, 0, 3, 0, 0, 0, 1, 0x78, 0, 0, 0, 1, 0x31]),
    Uint8Array.from([4, ...requestRows.flatMap(({ encoded }) => [...encoded])]),
  ],
  stepBudget: 5_000_000,
  dictionary: Object.keys(extensions.extensionVersions),
};

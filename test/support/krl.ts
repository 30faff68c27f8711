/**
 * Key revocation lists of any content, the bad ones too, without any program.
 *
 * Owns: the writing of a list, section by section (OpenSSH PROTOCOL.krl).
 */
import { utf8Encode } from '../../src/base/bytes.ts';
import { WireWriter } from '../../src/wire/writer.ts';

/** A section: its type and its content. */
export type Section = readonly [type: number, content: Uint8Array];

/** The whole list. */
export function krl(sections: readonly Section[], version = 1): Uint8Array {
  const writer = new WireWriter()
    .bytes(utf8Encode('SSHKRL\n\0'))
    .uint32(version)
    .uint64(7n)
    .uint64(1_700_000_000n)
    .uint64(0n)
    .text('')
    .text('a list');
  for (const [type, content] of sections) writer.byte(type).string(content);
  return writer.copyWritten();
}

/** Section 1: certificates of an authority, or with an empty blob of all of them. */
export function certificatesSection(authority: Uint8Array, parts: readonly Section[]): Section {
  const writer = new WireWriter().string(authority).text('');
  for (const [type, content] of parts) writer.byte(type).string(content);
  return [1, writer.copyWritten()];
}

export function serialList(...serials: readonly bigint[]): Section {
  const writer = new WireWriter();
  for (const serial of serials) writer.uint64(serial);
  return [0x20, writer.copyWritten()];
}

export function serialRange(first: bigint, last: bigint): Section {
  return [0x21, new WireWriter().uint64(first).uint64(last).copyWritten()];
}

/** @param bits numbers counted from `offset` */
export function serialBitmap(offset: bigint, bits: readonly number[]): Section {
  const length = Math.floor(Math.max(-1, ...bits) / 8) + 1;
  const number = new Uint8Array(length + 1);
  for (const bit of bits) number[length - (bit >> 3)] = (number[length - (bit >> 3)] ?? 0) | (1 << (bit & 7));
  const isPadded = ((number[1] ?? 0) & 0x80) !== 0;
  return [
    0x22,
    new WireWriter()
      .uint64(offset)
      .string(isPadded ? number : number.subarray(1))
      .copyWritten(),
  ];
}

export function keyIds(...ids: readonly string[]): Section {
  const writer = new WireWriter();
  for (const id of ids) writer.text(id);
  return [0x23, writer.copyWritten()];
}

/** Strings one behind the other: keys (2), fingerprints (3, 5). */
export function strings(type: number, ...items: readonly Uint8Array[]): Section {
  const writer = new WireWriter();
  for (const item of items) writer.string(item);
  return [type, writer.copyWritten()];
}

/** In a list (255), or among certificates (0x39). */
export function extension(type: number, name: string, isCritical: boolean): Section {
  return [type, new WireWriter().text(name).boolean(isCritical).text('x').copyWritten()];
}

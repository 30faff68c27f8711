/**
 * Key revocation lists in OpenSSH's binary form.
 *
 * Owns: the sections of the form and what each of them revokes.
 * Must not know: lists of keys as text, files on disk, what is done about a
 * revoked key.
 * Source: OpenSSH PROTOCOL.krl. Signatures in a list are passed over, as OpenSSH
 * does since 9.4: who may write the file decides.
 */
import { equalBytes, escapeText, latin1Decode } from '../../base/bytes.ts';
import type { Certificate } from '../../crypto/keys/certificate.ts';
import { WireReader } from '../../wire/reader.ts';
import { keyFormatError, keyUnsupportedError } from '../errors.ts';

/** The first bytes of a file: `SSHKRL`, a line feed, a zero. */
const magic = Uint8Array.of(0x53, 0x53, 0x48, 0x4b, 0x52, 0x4c, 0x0a, 0x00);
const formatVersion = 1;

const sections = {
  certificates: 1,
  explicitKey: 2,
  sha1: 3,
  signature: 4,
  sha256: 5,
  extension: 255,
} as const;

const certificateSections = {
  serialList: 0x20,
  serialRange: 0x21,
  serialBitmap: 0x22,
  keyId: 0x23,
  extension: 0x39,
} as const;

const hashLengths = { sha1: 20, sha256: 32 } as const;

/** Bytes of a bitmap: as many as OpenSSH takes for a number. */
const longestBitmap = 16_384 / 8;

/** Entries that are read in one step, well below a millisecond. */
const stepEntries = 256;

/** Whether bytes begin as such a list does. */
export function isKrl(data: Uint8Array): boolean {
  return data.length >= magic.length && equalBytes(data.subarray(0, magic.length), magic);
}

/** What is revoked of the certificates of one authority, or of all of them. */
interface RevokedCertificates {
  /** Undefined: of any authority. */
  readonly authority: Uint8Array | undefined;
  readonly keyIds: Set<string>;
  /** Serial numbers, eight bytes each. */
  readonly lists: Uint8Array[];
  readonly ranges: { readonly first: bigint; readonly last: bigint }[];
  readonly bitmaps: { readonly offset: bigint; readonly bits: Uint8Array }[];
}

/** Hashes of a public key blob. */
export interface KeyHashes {
  readonly sha1: Uint8Array;
  readonly sha256: Uint8Array;
}

/** A list that was read. The bytes it was read from must not change. */
export class Krl {
  /** Grows with each change of the list. */
  readonly version: bigint;
  /** Seconds since 1970. */
  readonly generated: bigint;
  /** Not escaped. */
  readonly comment: string;
  private readonly keys = new Set<string>();
  private readonly hashes = { sha1: new Set<string>(), sha256: new Set<string>() };
  private readonly certificates: RevokedCertificates[] = [];

  private constructor(reader: WireReader) {
    reader.viewBytes(magic.length);
    const format = reader.uint32();
    if (format !== formatVersion) {
      throw keyUnsupportedError(`the list is of version ${format}; version ${formatVersion} is known`);
    }
    this.version = reader.uint64();
    this.generated = reader.uint64();
    reader.uint64(); // Flags; none is defined.
    reader.viewString(); // Reserved.
    this.comment = reader.text();
  }

  /**
   * Reads a list, less than a millisecond of work at a time.
   *
   * @throws SshError `ERR_SSH_DECODE` or `ERR_SSH_KEY_FORMAT` malformed, `ERR_SSH_KEY_UNSUPPORTED` a version or a
   *   critical extension that is not known
   */
  static *readInSteps(data: Uint8Array): Generator<void, Krl> {
    const reader = new WireReader(data);
    const krl = new Krl(reader);
    let isSigned = false;
    while (reader.remaining > 0) {
      const type = reader.byte();
      if (isSigned && type !== sections.signature) {
        throw keyFormatError('the list has a section behind its signature');
      }
      const section = new WireReader(reader.viewString());
      switch (type) {
        case sections.certificates:
          yield* krl.readCertificates(section);
          break;
        case sections.explicitKey:
          yield* readEach(section, (key) => krl.keys.add(latin1Decode(key)));
          break;
        case sections.sha1:
          yield* krl.readHashes(section, 'sha1');
          break;
        case sections.sha256:
          yield* krl.readHashes(section, 'sha256');
          break;
        case sections.signature:
          // The section has a second string, which is the signature itself.
          reader.viewString();
          isSigned = true;
          break;
        case sections.extension:
          refuseCritical(section);
          break;
        default:
          throw keyFormatError(`the list has a section of type ${type}, which is not known`);
      }
      yield;
    }
    return krl;
  }

  /** Whether a plain key is revoked. */
  revokesKey(blob: Uint8Array, { sha1, sha256 }: KeyHashes): boolean {
    return (
      this.keys.has(latin1Decode(blob)) ||
      this.hashes.sha1.has(latin1Decode(sha1)) ||
      this.hashes.sha256.has(latin1Decode(sha256))
    );
  }

  /** Whether a certificate is revoked by its number or its name, apart from its keys. */
  revokesCertificate({ authorityBlob, keyId, serial }: Certificate): boolean {
    return this.certificates.some(({ authority, keyIds, lists, ranges, bitmaps }) => {
      if (authority !== undefined && !equalBytes(authority, authorityBlob)) return false;
      if (keyIds.has(keyId)) return true;
      // An authority that numbers none gives all the number 0.
      if (serial === 0n) return false;
      return (
        lists.some((list) => isListed(list, serial)) ||
        ranges.some(({ first, last }) => first <= serial && serial <= last) ||
        bitmaps.some(({ offset, bits }) => isMarked(bits, serial - offset))
      );
    });
  }

  private *readHashes(section: WireReader, hash: keyof typeof hashLengths): Generator<void> {
    const length = hashLengths[hash];
    yield* readEach(section, (bytes) => {
      if (bytes.length !== length) {
        throw keyFormatError(`the list has a ${hash} fingerprint of ${bytes.length} bytes, not ${length}`);
      }
      this.hashes[hash].add(latin1Decode(bytes));
    });
  }

  private *readCertificates(section: WireReader): Generator<void> {
    const authority = section.viewString();
    section.viewString(); // Reserved.
    if (authority.length > 0) new WireReader(authority).name();
    const revoked: RevokedCertificates = {
      authority: authority.length === 0 ? undefined : authority,
      keyIds: new Set(),
      lists: [],
      ranges: [],
      bitmaps: [],
    };
    this.certificates.push(revoked);
    let entries = 0;
    while (section.remaining > 0) {
      const type = section.byte();
      readCertificateSection(type, new WireReader(section.viewString()), revoked);
      if (++entries % stepEntries === 0) yield;
    }
  }
}

function readCertificateSection(type: number, content: WireReader, revoked: RevokedCertificates): void {
  switch (type) {
    case certificateSections.serialList: {
      const list = content.viewRest();
      if (list.length % 8 !== 0) throw keyFormatError('the list has half a serial number in it');
      if (isListed(list, 0n)) throw noZero();
      revoked.lists.push(list);
      break;
    }
    case certificateSections.serialRange: {
      const [first, last] = [content.uint64(), content.uint64()];
      if (first === 0n) throw noZero();
      if (first > last) throw keyFormatError(`the list has the range ${first} to ${last}, which is none`);
      revoked.ranges.push({ first, last });
      break;
    }
    case certificateSections.serialBitmap: {
      const offset = content.uint64();
      const bits = magnitude(content.viewString());
      if (offset === 0n && isMarked(bits, 0n)) throw noZero();
      if (offset + BigInt(bits.length * 8) > 1n << 64n && lastOf(bits, offset) >= 1n << 64n) {
        throw keyFormatError('the list has serial numbers of more than 64 bits');
      }
      revoked.bitmaps.push({ offset, bits });
      break;
    }
    case certificateSections.keyId:
      while (content.remaining > 0) revoked.keyIds.add(content.text());
      break;
    case certificateSections.extension:
      refuseCritical(content);
      break;
    default:
      throw keyFormatError(`the list has certificates by type ${type}, which is not known`);
  }
  content.end();
}

/** Anybody who does not know a critical extension cannot say what the list revokes. */
function refuseCritical(section: WireReader): void {
  const name = section.text();
  const isCritical = section.boolean();
  section.viewString();
  section.end();
  if (!isCritical) return;
  throw keyUnsupportedError(
    `the list has the critical extension "${escapeText(name, 80)}", which is not known`,
  );
}

function* readEach(section: WireReader, take: (bytes: Uint8Array) => void): Generator<void> {
  for (let entries = 1; section.remaining > 0; entries++) {
    take(section.viewString());
    if (entries % stepEntries === 0) yield;
  }
}

function noZero() {
  return keyFormatError('the list revokes the serial number 0, which stands for none');
}

/** Whether a number is among those of a list, which are of eight bytes each. */
function isListed(list: Uint8Array, serial: bigint): boolean {
  const view = new DataView(list.buffer, list.byteOffset, list.byteLength);
  const high = Number(serial >> 32n);
  const low = Number(serial & 0xffff_ffffn);
  for (let at = 0; at < list.length; at += 8) {
    if (view.getUint32(at + 4) === low && view.getUint32(at) === high) return true;
  }
  return false;
}

/** A positive number without the zeros before it. */
function magnitude(mpint: Uint8Array): Uint8Array {
  if (((mpint[0] ?? 0) & 0x80) !== 0) throw keyFormatError('the list has a bitmap that is a negative number');
  let start = 0;
  while (mpint[start] === 0) start++;
  const bits = mpint.subarray(start);
  if (bits.length <= longestBitmap) return bits;
  throw keyFormatError(`the list has a bitmap of ${bits.length} bytes; ${longestBitmap} are allowed`);
}

/** Bits are counted from the end. */
function isMarked(bits: Uint8Array, index: bigint): boolean {
  if (index < 0n || index >= BigInt(bits.length * 8)) return false;
  const bit = Number(index);
  return (((bits[bits.length - 1 - (bit >> 3)] ?? 0) >> (bit & 7)) & 1) === 1;
}

/** The largest number of a bitmap. */
function lastOf(bits: Uint8Array, offset: bigint): bigint {
  const first = bits[0] ?? 0;
  return offset + BigInt(bits.length * 8 - 1 - (Math.clz32(first) - 24));
}

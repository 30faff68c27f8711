/**
 * The version exchange.
 *
 * Owns: RFC 4253 §4.2 (protocol version exchange) and §5.1 (version 1.99), both directions.
 * Must not know: packets; who reads next.
 */
import { copyOf, escapeBytes, escapeText, latin1Decode, utf8Encode } from '../base/bytes.ts';
import { SshError } from '../base/errors.ts';
import type { Limits } from '../base/limits.ts';
import { SharedObjects } from '../base/shared.ts';
import type { ByteQueue } from '../wire/byteQueue.ts';

/** Which side this is. */
export type Role = 'client' | 'server';

/** A peer's identification string, taken apart. */
export interface Identification {
  /** The line without CR LF, as it enters the exchange hash (RFC 4253 §8). */
  readonly line: Uint8Array;
  /** `2.0`, or `1.99` of a server that speaks both. */
  readonly protocolVersion: string;
  /** What the peer calls its software. */
  readonly softwareVersion: string;
  /** Undefined where there is no space behind the software version. */
  readonly comments: string | undefined;
  /** The line, escaped, for people. */
  readonly text: string;
}

const LF = 0x0a;
const CR = 0x0d;
/** CR LF. */
const endOfLine = 2;

/** Reads a peer's identification out of the first bytes that come. */
export class IdentificationReader {
  private readonly limits: Limits;
  private readonly localRole: Role;
  private lines = 0;
  private bytes = 0;
  private firstLine: Uint8Array | undefined;

  constructor(localRole: Role, limits: Limits) {
    this.localRole = localRole;
    this.limits = limits;
  }

  /**
   * The identification if its line is complete. Bytes behind it stay in the queue.
   *
   * @throws SshError `ERR_SSH_IDENTIFICATION`
   */
  next(queue: ByteQueue): Identification | undefined {
    for (;;) {
      const length = this.lineLength(queue);
      if (length === undefined) return undefined;
      const line = copyOf(queue.buffer.subarray(queue.start, queue.start + length));
      queue.consume(length);
      const trimmed = line.subarray(0, length - (line[length - 2] === CR ? 2 : 1));
      if (startsWithSsh(trimmed)) return parseIdentification(trimmed);
      if (trimmed.length > this.limits.greetingLine) {
        throw notSsh(`a line of more than ${this.limits.greetingLine} characters`, escapeBytes(line));
      }
      this.countLine(trimmed, length);
    }
  }

  /** What came instead of an identification, escaped, for the error when the peer ends or stays silent. */
  received(queue: ByteQueue): string {
    if (this.firstLine !== undefined) return escapeBytes(this.firstLine);
    if (queue.length === 0) return '';
    queue.ensure(queue.length);
    return escapeBytes(queue.buffer.subarray(queue.start, queue.start + queue.length));
  }

  /** Of the next line, its end included; undefined while that has not come. */
  private lineLength(queue: ByteQueue): number | undefined {
    const { bytes: most, what } = this.bound(queue);
    const available = Math.min(queue.length, most);
    queue.ensure(available);
    for (let i = 0; i < available; i++) {
      const byte = queue.buffer[queue.start + i];
      if (byte === LF) return i + 1;
      if (byte === 0) throw notSsh('a NUL byte', this.received(queue));
    }
    if (queue.length >= most) throw notSsh(`a line of more than ${what}`, this.received(queue));
    return undefined;
  }

  /** RFC 4253 §4.2 bounds the identification itself; of lines before it, it says nothing, and OpenSSH takes 8,192 characters. */
  private bound(queue: ByteQueue): { readonly bytes: number; readonly what: string } {
    const { identificationLine, greetingLine } = this.limits;
    queue.ensure(Math.min(queue.length, 4));
    const mayBeGreeting = this.localRole === 'client' && queue.length >= 4;
    if (mayBeGreeting && !startsWithSsh(queue.buffer.subarray(queue.start, queue.start + 4))) {
      return { bytes: greetingLine + endOfLine, what: `${greetingLine} characters` };
    }
    return { bytes: identificationLine, what: `${identificationLine} bytes` };
  }

  private countLine(line: Uint8Array, length: number): void {
    this.firstLine ??= line;
    this.lines++;
    this.bytes += length;
    if (this.localRole === 'server') throw notSsh('a line that is not an identification', escapeBytes(line));
    if (this.lines > this.limits.identificationLines || this.bytes > this.limits.identificationBytes) {
      throw notSsh(`${this.lines} lines before any identification`, escapeBytes(this.firstLine));
    }
  }
}

/** Servers of one kind send the same line, and each connection keeps what it says. */
const known = new SharedObjects<Identification>();

/** @throws SshError `ERR_SSH_IDENTIFICATION` for a version other than 2.0 and 1.99, or a malformed line */
export function parseIdentification(line: Uint8Array): Identification {
  const raw = latin1Decode(line);
  return known.get(raw, () => parse(line, raw));
}

function parse(line: Uint8Array, raw: string): Identification {
  const text = escapeText(raw);
  const match = /^SSH-([^-]+)-([^ ]*)(?: (.*))?$/s.exec(raw);
  if (match === null) throw notSsh('a malformed identification', text);
  const [, protocolVersion = '', softwareVersion = '', comments] = match;
  if (protocolVersion !== '2.0' && protocolVersion !== '1.99') {
    throw new SshError(
      'ERR_SSH_IDENTIFICATION',
      `the peer speaks SSH protocol ${escapeText(protocolVersion)} ("${text}"); only 2.0 is supported`,
      { phase: 'identification', remoteIdentification: text },
    );
  }
  return { line, protocolVersion, softwareVersion, comments, text };
}

/**
 * The line this side sends, CR LF not included.
 *
 * @throws SshError `ERR_SSH_OPTIONS` where software version or comments break the form
 */
export function identificationLine(softwareVersion: string, comments?: string): Uint8Array {
  const text = `SSH-2.0-${softwareVersion}${comments === undefined ? '' : ` ${comments}`}`;
  if (!/^SSH-2\.0-[\x21-\x2c\x2e-\x7e]+( [\x20-\x7e]*)?$/.test(text) || text.length > 253) {
    throw new SshError(
      'ERR_SSH_OPTIONS',
      'the identification must be printable ASCII without "-" in the software version, at most 253 characters',
      { phase: 'options', origin: 'user' },
    );
  }
  return utf8Encode(text);
}

function startsWithSsh(line: Uint8Array): boolean {
  return line[0] === 0x53 && line[1] === 0x53 && line[2] === 0x48 && line[3] === 0x2d;
}

function notSsh(what: string, received: string): SshError {
  return new SshError(
    'ERR_SSH_IDENTIFICATION',
    `the peer sent ${what} where an SSH identification was expected; is it an SSH server? It began with "${received}"`,
    { phase: 'identification' },
  );
}

/**
 * Changes inputs in ways that keep most of their structure.
 *
 * Owns: the operators by shape: fields with a length before them, records, lines,
 * base64 with either inside.
 * Must not know: targets, verdicts.
 */
import type { Random } from '../sim/random.ts';
import { decodeRecords, encodeRecords, type FuzzRecord } from './records.ts';
import type { FuzzTarget } from './target.ts';

/** Longer inputs find nothing that these do not, and are slow. */
export const longestInput: number = 64 * 1024;

const edgeBytes = [0, 1, 2, 4, 0x7f, 0x80, 0xfe, 0xff];
const edgeWords = [
  0, 1, 2, 3, 4, 8, 16, 255, 256, 32_768, 35_000, 65_535, 65_536, 262_144, 0x7fffffff,
].concat([0x80000000, 0xfffffffc, 0xfffffffe, 0xffffffff]);
const edgeNumbers = ['0', '1', '-1', '22', '65535', '65536', '4294967295', '4294967296', '1e9', '00', ''];
const shortestBase64 = 16;

export class Mutator {
  private readonly random: Random;
  private readonly shape: FuzzTarget['shape'];
  private readonly dictionary: readonly Uint8Array[];

  constructor(random: Random, target: Pick<FuzzTarget, 'shape' | 'dictionary'>) {
    this.random = random;
    this.shape = target.shape;
    this.dictionary = target.dictionary.map((word) => latin1(word));
  }

  /** A changed copy; `other` gives parts. */
  mutate(data: Uint8Array, other: Uint8Array): Uint8Array {
    let result: Uint8Array = data.slice();
    for (let rounds = 1 + this.below(4); rounds > 0; rounds--) result = this.once(result, other);
    return result.subarray(0, longestInput);
  }

  private once(data: Uint8Array, other: Uint8Array): Uint8Array {
    if (this.random() < 0.2) return this.anyBytes(data, other);
    switch (this.shape) {
      case 'wire':
        return this.wire(data, other);
      case 'records':
        return this.records(data, other);
      case 'text':
        return this.text(data, other);
    }
  }

  // Any bytes --------------------------------------------------------------------

  private anyBytes(data: Uint8Array, other: Uint8Array): Uint8Array {
    const at = this.below(data.length + 1);
    const length = this.smallLength(data.length - at);
    switch (this.below(9)) {
      case 0:
        return overwrite(data, at, [(data[at] ?? 0) ^ (1 << this.below(8))]);
      case 1:
        return overwrite(data, at, [this.below(256)]);
      case 2:
        return overwrite(data, at, [this.pick(edgeBytes)]);
      case 3:
        return overwrite(data, at, bigEndian(this.pick(edgeWords)));
      case 4:
        return replace(data, at, at, this.noise(1 + this.smallLength(64)));
      case 5:
        return replace(data, at, at + length, []);
      case 6:
        return replace(data, at, at, data.subarray(at, at + length));
      case 7: {
        const from = this.below(other.length + 1);
        return replace(data, at, at + length, other.subarray(from, from + this.smallLength(other.length)));
      }
      default:
        return data.slice(0, at);
    }
  }

  // Data types of SSH ----------------------------------------------------------------

  /** One field with its length before it, wherever something looks like one. */
  private wire(data: Uint8Array, other: Uint8Array): Uint8Array {
    const fields = fieldsOf(data);
    if (fields.length === 0) return this.anyBytes(data, other);
    const { start, end } = this.pick(fields);
    const content = data.subarray(start, end);
    switch (this.below(9)) {
      case 0:
        return overwrite(data, start - 4, bigEndian(this.pick(edgeWords)));
      case 1:
        return overwrite(data, start - 4, bigEndian(end - start + this.below(9) - 4));
      case 2:
        return this.withContent(data, fields, start, end, this.word());
      case 3:
        return this.withContent(data, fields, start, end, this.anyBytes(content, other));
      case 4:
        return this.withContent(data, fields, start, end, this.list(content));
      case 5: {
        const theirs = fieldsOf(other);
        if (theirs.length === 0) return this.withContent(data, fields, start, end, []);
        const field = this.pick(theirs);
        return this.withContent(data, fields, start, end, other.subarray(field.start, field.end));
      }
      case 6:
        return replace(data, start - 4, end, []);
      case 7:
        return replace(data, end, end, data.subarray(start - 4, end));
      default:
        return this.withContent(data, fields, start, end, this.noise(this.smallLength(300)));
    }
  }

  /** Puts other content in a field; its length and those of the fields around it follow. */
  private withContent(
    data: Uint8Array,
    fields: readonly Field[],
    start: number,
    end: number,
    content: ArrayLike<number>,
  ): Uint8Array {
    const grown = content.length - (end - start);
    const result = replace(data, start, end, content);
    for (const field of fields) {
      if (field.start > start || field.end < end) continue;
      result.set(bigEndian(field.end - field.start + grown), field.start - 4);
    }
    return result;
  }

  /** A name-list with a name more, less, doubled or nothing between two commas. */
  private list(content: Uint8Array): Uint8Array {
    const names = latin1Text(content).split(',');
    const at = this.below(names.length);
    switch (this.below(4)) {
      case 0:
        names.splice(at, 1);
        break;
      case 1:
        names.splice(at, 0, latin1Text(this.word()));
        break;
      case 2:
        names.splice(at, 0, names[at] ?? '');
        break;
      default:
        names.splice(at, 0, '');
    }
    return latin1(names.join(','));
  }

  // Records -------------------------------------------------------------------------

  private records(data: Uint8Array, other: Uint8Array): Uint8Array {
    const records = decodeRecords(data, 1);
    const theirs = decodeRecords(other, 1);
    const first = this.random() < 0.03 ? this.below(256) : (data[0] ?? 0);
    const at = this.below(records.length + 1);
    const record: FuzzRecord = records[at] ?? {
      operation: this.below(48),
      payload: this.noise(this.below(12)),
    };
    switch (this.below(12)) {
      case 0:
        records.splice(at, 1);
        break;
      case 1:
        records.splice(at, 0, record);
        break;
      case 2: {
        const to = this.below(records.length + 1);
        const [moved] = records.splice(at, 1);
        if (moved !== undefined) records.splice(to, 0, moved);
        break;
      }
      case 3:
        records.splice(at, 1, { ...record, operation: this.below(48) });
        break;
      case 4:
        records.splice(at, 0, { operation: this.below(48), payload: this.noise(this.below(12)) });
        break;
      case 5: {
        const from = this.below(theirs.length + 1);
        records.splice(at, 0, ...theirs.slice(from, from + 1 + this.below(4)));
        break;
      }
      case 6:
        records.splice(at, records.length, ...theirs.slice(this.below(theirs.length + 1)));
        break;
      case 7:
        records.splice(at, 0, ...Array.from({ length: this.below(40) }, () => record));
        break;
      default: {
        const { payload } = this.pick(theirs.length > 0 ? theirs : [record]);
        records.splice(at, 1, { ...record, payload: this.wire(record.payload, payload) });
      }
    }
    return encodeRecords(first, records);
  }

  // Lines -----------------------------------------------------------------------------

  private text(data: Uint8Array, other: Uint8Array): Uint8Array {
    if (this.random() < 0.4) {
      const changed = this.base64(data, other);
      if (changed !== undefined) return changed;
    }
    const text = latin1Text(data);
    switch (this.below(4)) {
      case 0:
        return latin1(this.token(text));
      case 1:
        return this.anyBytes(data, other);
      default:
        return latin1(this.lines(text, latin1Text(other)));
    }
  }

  private lines(text: string, other: string): string {
    const lines = text.split('\n');
    const theirs = other.split('\n');
    const at = this.below(lines.length);
    const line = lines[at] ?? '';
    switch (this.below(6)) {
      case 0:
        lines.splice(at, 1);
        break;
      case 1:
        lines.splice(at, 0, line);
        break;
      case 2:
        lines.splice(at, 2, line + (lines[at + 1] ?? ''));
        break;
      case 3:
        lines.splice(at, 0, ...theirs.slice(this.below(theirs.length)).slice(0, 1 + this.below(3)));
        break;
      case 4:
        lines.splice(this.below(lines.length), 0, ...lines.splice(at, 1));
        break;
      default: {
        const cut = this.below(line.length + 1);
        lines.splice(
          at,
          1,
          line.slice(0, cut) + this.pick(['', ' ', '\t', '\r', '\n', '\0', '"', ',', '\\']) + line.slice(cut),
        );
      }
    }
    return lines.join('\n');
  }

  /** One word or number for another. */
  private token(text: string): string {
    const tokens = [...text.matchAll(/[\w@.-]+/g)];
    if (tokens.length === 0) return text + latin1Text(this.word());
    const token = this.pick(tokens);
    const isNumber = /^\d+$/.test(token[0]);
    const instead = isNumber && this.random() < 0.8 ? this.pick(edgeNumbers) : latin1Text(this.word());
    return text.slice(0, token.index) + instead + text.slice(token.index + token[0].length);
  }

  /** Changes what a run of base64 stands for, and writes it as it was written. */
  private base64(data: Uint8Array, other: Uint8Array): Uint8Array | undefined {
    const text = latin1Text(data);
    const runs = [...text.matchAll(/(?:[A-Za-z0-9+/]{4,}={0,2}\r?\n?)+/g)].filter(
      ([run]) => run.length >= shortestBase64,
    );
    if (runs.length === 0) return undefined;
    const run = this.pick(runs);
    const theirs = [...latin1Text(other).matchAll(/(?:[A-Za-z0-9+/]{4,}={0,2}\r?\n?)+/g)];
    const inner = new Uint8Array(Buffer.from(run[0], 'base64'));
    const donor = new Uint8Array(Buffer.from(this.pick(theirs.length > 0 ? theirs : [run])[0], 'base64'));
    const changed = this.random() < 0.5 ? this.wire(inner, donor) : this.der(inner, donor);
    const width = run[0].search(/\r?\n/);
    const encoded = Buffer.from(changed).toString('base64');
    const wrapped = width > 0 ? encoded.replaceAll(new RegExp(`.{${width}}(?=.)`, 'g'), '$&\n') : encoded;
    const tail = run[0].endsWith('\n') ? '\n' : '';
    return latin1(text.slice(0, run.index) + wrapped + tail + text.slice(run.index + run[0].length));
  }

  /** One element of ASN.1, wherever something looks like one with a short length. */
  private der(data: Uint8Array, other: Uint8Array): Uint8Array {
    const starts: number[] = [];
    for (let at = 0; at + 2 <= data.length; at++) {
      if (at + 2 + (data[at + 1] as number) <= data.length && (data[at + 1] as number) < 128) starts.push(at);
    }
    if (starts.length === 0) return this.anyBytes(data, other);
    const at = this.pick(starts);
    const length = data[at + 1] as number;
    const end = at + 2 + length;
    switch (this.below(6)) {
      case 0:
        return overwrite(data, at, [
          this.pick([0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31, 0xa0, 0xa1, 0x80, 0x1f]),
        ]);
      case 1:
        return overwrite(data, at + 1, [
          this.pick([0, length - 1, length + 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0x88, 0xff]),
        ]);
      case 2:
        return replace(data, at, end, []);
      case 3:
        return replace(data, end, end, data.subarray(at, end));
      case 4:
        return overwrite(data, at + 2, this.noise(length));
      default: {
        const content = this.anyBytes(data.subarray(at + 2, end), other).subarray(0, 127);
        return replace(data, at + 1, end, [content.length, ...content]);
      }
    }
  }

  // Draws -----------------------------------------------------------------------------

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }

  /** Mostly short, at most `limit`. */
  private smallLength(limit: number): number {
    return Math.min(limit, Math.floor(2 ** (this.random() * 10)));
  }

  private noise(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256));
  }

  private word(): Uint8Array {
    if (this.dictionary.length === 0) return this.noise(this.below(8));
    return this.pick(this.dictionary);
  }
}

interface Field {
  readonly start: number;
  readonly end: number;
}

/** Every place where four bytes could be the length of what follows them. Long inputs: the first 4 KiB. */
function fieldsOf(data: Uint8Array): Field[] {
  const fields: Field[] = [];
  const last = Math.min(data.length - 4, 4096);
  for (let at = 0; at <= last; at++) {
    if (data[at] !== 0 || data[at + 1] !== 0) continue;
    const length = ((data[at + 2] as number) << 8) | (data[at + 3] as number);
    if (at + 4 + length <= data.length) fields.push({ start: at + 4, end: at + 4 + length });
  }
  return fields;
}

function replace(data: Uint8Array, start: number, end: number, by: ArrayLike<number>): Uint8Array {
  const stop = Math.min(Math.max(start, end), data.length);
  const result = new Uint8Array(start + by.length + data.length - stop);
  result.set(data.subarray(0, start));
  result.set(by, start);
  result.set(data.subarray(stop), start + by.length);
  return result;
}

function overwrite(data: Uint8Array, at: number, by: ArrayLike<number>): Uint8Array {
  return replace(data, at, at + by.length, by);
}

function bigEndian(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

function latin1(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'latin1'));
}

function latin1Text(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

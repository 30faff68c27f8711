/**
 * Inputs that are a list of records: an operation, the length of its payload, the payload.
 *
 * Owns: their form. A record that is cut off has what there is, so that every input is a list.
 * Must not know: what an operation does.
 */

export interface FuzzRecord {
  /** One byte. */
  readonly operation: number;
  /** At most 65,535 bytes. */
  readonly payload: Uint8Array;
}

const headerLength = 3;

/** The records in `data` from `start` on. */
export function decodeRecords(data: Uint8Array, start: number): FuzzRecord[] {
  const records: FuzzRecord[] = [];
  for (let at = start; at + headerLength <= data.length; ) {
    const length = ((data[at + 1] as number) << 8) | (data[at + 2] as number);
    const payload = data.slice(at + headerLength, at + headerLength + length);
    records.push({ operation: data[at] as number, payload });
    at += headerLength + payload.length;
  }
  return records;
}

/** An input of a first byte, which says how it begins, and records. */
export function encodeRecords(first: number, records: readonly FuzzRecord[]): Uint8Array {
  const bytes: number[] = [first];
  for (const { operation, payload } of records) {
    const length = Math.min(payload.length, 0xffff);
    bytes.push(operation, length >> 8, length & 0xff, ...payload.subarray(0, length));
  }
  return Uint8Array.from(bytes);
}

/**
 * What `read` and `write` of an open file are called with.
 *
 * Owns: the forms that these calls have in `node:fs/promises`, each as one kind of request: bytes, a
 * place in the file, the options of the call.
 * Must not know: files, the position of one.
 */
import { describeValue, isObject, optionsError } from '../../../base/optionChecks.ts';
import type { CallOptions } from '../../seam/channel.ts';
import * as check from '../options.ts';
import { checkedPosition, type Position, type ReadOptions, type SpanOptions } from '../options.ts';
import { type Encoding, encodeText, encodings } from './text.ts';

/** The bytes that a call is about. */
export interface Span<T> {
  /** As it was given: the result has it. */
  readonly buffer: T;
  /** The part of it that is read into or written. */
  readonly bytes: Uint8Array;
  /** Undefined for behind the last one. */
  readonly position: number | undefined;
  readonly options: CallOptions;
}

/** Bytes that `read` makes room for where it is given no buffer. */
const usualLength = 16 * 1024;

/** @throws SshError `ERR_SSH_OPTIONS` */
export function readArguments<T extends ArrayBufferView>(
  first: T | ReadOptions<T> | null | undefined,
  second: number | SpanOptions | null | undefined,
  length: number | null | undefined,
  position: Position | undefined,
  options: CallOptions = {},
): Span<T> {
  if (first !== undefined && first !== null && !ArrayBuffer.isView(first)) {
    check.checkReadInto(first);
    const { buffer, offset, length: most, position: at, ...bounds } = first;
    return span(buffer ?? ownBuffer<T>(), offset, most, readPosition(at), bounds);
  }
  const buffer = first ?? ownBuffer<T>();
  if (isObject(second)) return spanOf(buffer, second as SpanOptions, readPosition);
  check.checkCall(options);
  return span(buffer, second as number | null | undefined, length, readPosition(position), options);
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function writeArguments<T extends ArrayBufferView>(
  data: string | T,
  second: Position | SpanOptions | undefined,
  third: number | Encoding | CallOptions | null | undefined,
  fourth: Position | CallOptions | undefined,
  options: CallOptions = {},
): Span<string | T> {
  if (typeof data === 'string') return textSpan(data, second, third, fourth);
  if (!ArrayBuffer.isView(data)) {
    throw optionsError(`write takes a string or bytes, not ${describeValue(data)}`);
  }
  if (isObject(second)) return spanOf(data, second as SpanOptions, writePosition);
  check.checkCall(options);
  const position = writePosition(fourth as Position | undefined);
  return span(
    data,
    second as number | null | undefined,
    third as number | null | undefined,
    position,
    options,
  );
}

/** The buffers of `readv` and `writev`, as bytes. @throws SshError `ERR_SSH_OPTIONS` */
export function checkedBuffers(buffers: unknown): readonly Uint8Array[] {
  if (Array.isArray(buffers) && buffers.every((buffer) => ArrayBuffer.isView(buffer))) {
    return buffers.map(bytesOf);
  }
  throw optionsError('the buffers must be an array of Uint8Arrays or other views of memory');
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function readPosition(position: Position | undefined): number | undefined {
  // In Node, too, -1 stands for the present position here.
  return position === -1 || position === -1n ? undefined : writePosition(position);
}

/** @throws SshError `ERR_SSH_OPTIONS` */
export function writePosition(position: Position | undefined): number | undefined {
  return position === undefined || position === null ? undefined : checkedPosition(position);
}

function textSpan(text: string, position: unknown, third: unknown, fourth: unknown): Span<string> {
  const [encoding, options] = isObject(third) ? ['utf8', third] : [third ?? 'utf8', fourth ?? {}];
  if (!encodings.includes(encoding as Encoding)) {
    throw optionsError(`encoding must be one of ${encodings.join(', ')}, not ${describeValue(encoding)}`);
  }
  check.checkCall(options as CallOptions);
  return {
    buffer: text,
    bytes: encodeText(text, encoding as Encoding),
    position: writePosition(position as Position | undefined),
    options: options as CallOptions,
  };
}

function spanOf<T extends ArrayBufferView>(
  buffer: T,
  given: SpanOptions,
  place: (position: Position | undefined) => number | undefined,
): Span<T> {
  check.checkSpan(given);
  const { offset, length, position, ...bounds } = given;
  return span(buffer, offset, length, place(position), bounds);
}

/** A part of a buffer: all behind the offset where no length is given. */
function span<T extends ArrayBufferView>(
  buffer: T,
  givenOffset: number | null | undefined,
  givenLength: number | null | undefined,
  position: number | undefined,
  options: CallOptions,
): Span<T> {
  const all = bytesOf(buffer);
  const offset = givenOffset ?? 0;
  const length = givenLength ?? all.length - offset;
  const fits = Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 0;
  if (fits && offset + length <= all.length) {
    return { buffer, bytes: all.subarray(offset, offset + length), position, options };
  }
  throw optionsError(
    `offset ${describeValue(offset)} and length ${describeValue(length)} are not within the ${all.length} bytes of the buffer`,
  );
}

function ownBuffer<T extends ArrayBufferView>(): T {
  // Without a buffer of the caller's the type is the usual one.
  return new Uint8Array(usualLength) as ArrayBufferView as T;
}

/** The memory of a view. */
function bytesOf(view: ArrayBufferView): Uint8Array {
  return view instanceof Uint8Array ? view : new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}

/** Every packet of SFTP: a value, its bytes worked out by hand from the draft, and arbitrary values. */
import fc from 'fast-check';
import type { FileAttributes } from '../../src/sftp/packet/attributes.ts';
import type { SftpRequest } from '../../src/sftp/packet/requests.ts';
import type { SftpResponse } from '../../src/sftp/packet/responses.ts';
import { ascii, byteStrings, hexBytes, lengthAnd, texts, uint32s } from '../message/support.ts';

export const uint64s: fc.Arbitrary<bigint> = fc.oneof(
  fc.bigInt({ min: 0n, max: 0xffffffffffffffffn }),
  fc.constantFrom(0n, 1n, 0xffffffffn, 0x100000000n, 2n ** 53n, 0xffffffffffffffffn),
);

export const handles: fc.Arbitrary<Uint8Array> = fc.uint8Array({ minLength: 1, maxLength: 256 });

export const attributeValues: fc.Arbitrary<FileAttributes> = fc
  .tuple(
    fc.record({ size: uint64s }, { requiredKeys: [] }),
    fc.option(fc.record({ uid: uint32s, gid: uint32s }), { nil: {} }),
    fc.record({ permissions: uint32s }, { requiredKeys: [] }),
    fc.option(fc.record({ atime: uint32s, mtime: uint32s }), { nil: {} }),
    fc.option(
      fc.record({
        extended: fc.array(fc.record({ type: byteStrings, data: byteStrings }), { maxLength: 3 }),
      }),
      {
        nil: {},
      },
    ),
  )
  .map((parts) => Object.assign({}, ...parts) as FileAttributes);

/** One packet with the id 0x01020304. */
export interface PacketRow<T> {
  readonly example: T;
  /** From the length on. */
  readonly encoded: Uint8Array;
  readonly values: fc.Arbitrary<T>;
  /** Bytes of the fields, shorter than all, at which they are a legal packet still. */
  readonly legalLengths: readonly number[];
}

const bytesOf = (text: string): Uint8Array => hexBytes(ascii(text));

function rowOf<T>(
  type: string,
  example: T,
  fields: readonly string[],
  values: fc.Arbitrary<unknown>,
  legalLengths: readonly number[] = [],
): PacketRow<T> {
  const body = hexBytes(...fields);
  const length = (body.length + 5).toString(16).padStart(8, '0');
  const kind = (example as { kind: string }).kind;
  return {
    example,
    encoded: hexBytes(length, type, '01020304', ...fields),
    values: values.map((value) => ({ kind, ...(value as object) }) as T),
    legalLengths,
  };
}

const path = bytesOf('/tmp/a');
const pathHex = lengthAnd('/tmp/a');
const handle = hexBytes('00ff');
const handleHex = '00000002 00ff';
const pathOnly = fc.record({ path: byteStrings });
const handleOnly = fc.record({ handle: handles });

export const requestRows: readonly PacketRow<SftpRequest>[] = [
  rowOf<SftpRequest>(
    '03',
    { kind: 'open', filename: path, pflags: 0x1a, attrs: { permissions: 0o644 } },
    [pathHex, '0000001a', '00000004', '000001a4'],
    fc.record({ filename: byteStrings, pflags: uint32s, attrs: attributeValues }),
  ),
  rowOf<SftpRequest>('04', { kind: 'close', handle }, [handleHex], handleOnly),
  rowOf<SftpRequest>(
    '05',
    { kind: 'read', handle, offset: 0x0001000200030004n, length: 32768 },
    [handleHex, '0001000200030004', '00008000'],
    fc.record({ handle: handles, offset: uint64s, length: uint32s }),
  ),
  rowOf<SftpRequest>(
    '06',
    { kind: 'write', handle, offset: 5n, data: bytesOf('abc') },
    [handleHex, '0000000000000005', lengthAnd('abc')],
    fc.record({ handle: handles, offset: uint64s, data: byteStrings }),
  ),
  rowOf<SftpRequest>('07', { kind: 'lstat', path }, [pathHex], pathOnly),
  rowOf<SftpRequest>('08', { kind: 'fstat', handle }, [handleHex], handleOnly),
  rowOf<SftpRequest>(
    '09',
    { kind: 'setstat', path, attrs: { atime: 1, mtime: 0xffffffff } },
    [pathHex, '00000008', '00000001', 'ffffffff'],
    fc.record({ path: byteStrings, attrs: attributeValues }),
  ),
  rowOf<SftpRequest>(
    '0a',
    { kind: 'fsetstat', handle, attrs: { size: 2n ** 53n + 1n, uid: 1, gid: 2 } },
    [handleHex, '00000003', '0020000000000001', '00000001', '00000002'],
    fc.record({ handle: handles, attrs: attributeValues }),
  ),
  rowOf<SftpRequest>('0b', { kind: 'opendir', path }, [pathHex], pathOnly),
  rowOf<SftpRequest>('0c', { kind: 'readdir', handle }, [handleHex], handleOnly),
  rowOf<SftpRequest>(
    '0d',
    { kind: 'remove', filename: path },
    [pathHex],
    fc.record({ filename: byteStrings }),
  ),
  rowOf<SftpRequest>(
    '0e',
    { kind: 'mkdir', path, attrs: {} },
    [pathHex, '00000000'],
    fc.record({ path: byteStrings, attrs: attributeValues }),
  ),
  rowOf<SftpRequest>('0f', { kind: 'rmdir', path }, [pathHex], pathOnly),
  rowOf<SftpRequest>('10', { kind: 'realpath', path }, [pathHex], pathOnly),
  rowOf<SftpRequest>('11', { kind: 'stat', path }, [pathHex], pathOnly),
  rowOf<SftpRequest>(
    '12',
    { kind: 'rename', oldpath: path, newpath: bytesOf('b') },
    [pathHex, lengthAnd('b')],
    fc.record({ oldpath: byteStrings, newpath: byteStrings }),
  ),
  rowOf<SftpRequest>('13', { kind: 'readlink', path }, [pathHex], pathOnly),
  rowOf<SftpRequest>(
    '14',
    { kind: 'symlink', first: path, second: bytesOf('b') },
    [pathHex, lengthAnd('b')],
    fc.record({ first: byteStrings, second: byteStrings }),
  ),
  rowOf<SftpRequest>(
    'c8',
    { kind: 'extended', extendedRequest: 'fsync@openssh.com', payload: hexBytes(handleHex) },
    [lengthAnd('fsync@openssh.com'), handleHex],
    fc.record({ extendedRequest: texts, payload: byteStrings }),
    [21, 22, 23, 24, 25, 26],
  ),
];

export const responseRows: readonly PacketRow<SftpResponse>[] = [
  rowOf<SftpResponse>(
    '65',
    { kind: 'status', errorCode: 2, errorMessage: bytesOf('no'), languageTag: bytesOf('en') },
    ['00000002', lengthAnd('no'), lengthAnd('en')],
    fc.record({ errorCode: uint32s, errorMessage: byteStrings, languageTag: byteStrings }),
    // Servers leave out the language, or both texts.
    [4, 10],
  ),
  rowOf<SftpResponse>('66', { kind: 'handle', handle }, [handleHex], handleOnly),
  rowOf<SftpResponse>(
    '67',
    { kind: 'data', data: bytesOf('abc') },
    [lengthAnd('abc')],
    fc.record({ data: byteStrings }),
  ),
  rowOf<SftpResponse>(
    '68',
    {
      kind: 'name',
      names: [
        { filename: bytesOf('a'), longname: bytesOf('-rw a'), attrs: { size: 3n } },
        { filename: hexBytes('ff'), longname: hexBytes(''), attrs: {} },
      ],
    },
    [
      '00000002',
      lengthAnd('a'),
      lengthAnd('-rw a'),
      '00000001',
      '0000000000000003',
      '00000001 ff',
      '00000000',
      '00000000',
    ],
    fc.record({
      names: fc.array(fc.record({ filename: byteStrings, longname: byteStrings, attrs: attributeValues }), {
        maxLength: 4,
      }),
    }),
  ),
  rowOf<SftpResponse>(
    '69',
    { kind: 'attrs', attrs: { extended: [{ type: bytesOf('t'), data: bytesOf('d') }] } },
    ['80000000', '00000001', lengthAnd('t'), lengthAnd('d')],
    fc.record({ attrs: attributeValues }),
  ),
  rowOf<SftpResponse>(
    'c9',
    { kind: 'extendedReply', payload: hexBytes('0102') },
    ['0102'],
    fc.record({ payload: byteStrings }),
    [0, 1],
  ),
];

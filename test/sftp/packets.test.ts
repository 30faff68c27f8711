/** Packets of SFTP as bytes: draft-ietf-secsh-filexfer-02. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { emptyBytes } from '../../src/base/bytes.ts';
import { attributes } from '../../src/sftp/packet/attributes.ts';
import * as extensions from '../../src/sftp/packet/extensions.ts';
import {
  dataHeaderLength,
  decodeRequest,
  decodeResponse,
  encodeInit,
  encodeRequest,
  encodeResponse,
  encodeVersion,
  writeDataHeader,
  writeHeaderLength,
  writeRead,
  writeWriteHeader,
} from '../../src/sftp/packet/frame.ts';
import { packetName, packetTypes } from '../../src/sftp/packet/numbers.ts';
import type { MessagePart } from '../../src/sftp/packet/part.ts';
import { init, requestCodecs } from '../../src/sftp/packet/requests.ts';
import { responseCodecs, version } from '../../src/sftp/packet/responses.ts';
import { statusCodes, statusInVersion3, statusName } from '../../src/sftp/packet/status.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { hexBytes, lengthAnd } from '../message/support.ts';
import { attributeValues, handles, requestRows, responseRows } from './packets.ts';

const id = 0x01020304;

describe('requests', () => {
  it('have a row for each kind', () => {
    expect(requestRows.map(({ example }) => example.kind)).toEqual(Object.keys(requestCodecs));
  });

  it.each(requestRows)('$example.kind has the bytes of the draft, and reads them', ({ example, encoded }) => {
    expect(encodeRequest(id, example)).toEqual(encoded);
    expect(decodeRequest(encoded, 4)).toEqual({ id, body: example });
  });

  it.each(requestRows)('$example.kind: encoding and decoding are inverse', ({ values }) => {
    fc.assert(
      fc.property(values, fc.nat({ max: 0xffffffff }), (body, number) => {
        expect(decodeRequest(encodeRequest(number, body), 4)).toEqual({ id: number, body });
      }),
    );
  });

  it.each(requestRows)(
    '$example.kind is refused where it ends early, and what follows its last field is passed over',
    ({ example, encoded, legalLengths }) => {
      const name = packetName(encoded[4] ?? 0);
      for (let length = 9; length < encoded.length; length++) {
        if (legalLengths.includes(length - 9)) continue;
        expect(() => decodeRequest(encoded.subarray(0, length), 4), `${length}`).toThrow(`malformed ${name}`);
      }
      const longer = new Uint8Array(encoded.length + 1);
      longer.set(encoded);
      if (example.kind !== 'extended') expect(decodeRequest(longer, 4).body).toEqual(example);
    },
  );

  it('of a type that no draft has are told by their id alone', () => {
    expect(decodeRequest(hexBytes('4d 00000009 ffff'))).toEqual({ id: 9, body: undefined });
  });
});

describe('answers', () => {
  it('have a row for each kind', () => {
    expect(responseRows.map(({ example }) => example.kind)).toEqual(Object.keys(responseCodecs));
  });

  it.each(responseRows)(
    '$example.kind has the bytes of the draft, and reads them',
    ({ example, encoded }) => {
      expect(encodeResponse(id, example)).toEqual(encoded);
      expect(decodeResponse(encoded, 4)).toEqual({ id, body: example });
    },
  );

  it.each(responseRows)('$example.kind: encoding and decoding are inverse', ({ values }) => {
    fc.assert(
      fc.property(values, fc.nat({ max: 0xffffffff }), (body, number) => {
        expect(decodeResponse(encodeResponse(number, body), 4)).toEqual({ id: number, body });
      }),
    );
  });

  it.each(responseRows)('$example.kind is refused where it ends early', ({ encoded, legalLengths }) => {
    for (let length = 9; length < encoded.length; length++) {
      if (legalLengths.includes(length - 9)) continue;
      expect(() => decodeResponse(encoded.subarray(0, length), 4), `${length}`).toThrow(
        /^malformed SSH_FXP_/,
      );
    }
  });

  it('filexfer-02 §7: a STATUS may lack its texts, and may have more behind them', () => {
    const none = { errorMessage: emptyBytes, languageTag: emptyBytes };
    expect(decodeResponse(hexBytes('65 00000001 00000000')).body).toEqual({
      kind: 'status',
      errorCode: 0,
      ...none,
    });
    const more = hexBytes('65 00000001 00000000', lengthAnd('ok'), lengthAnd('en'), 'aabb');
    expect(decodeResponse(more).body).toMatchObject({ kind: 'status', languageTag: hexBytes('656e') });
  });

  it('of a type that is none is refused', () => {
    expect(() => decodeResponse(hexBytes('03 00000001'))).toThrow(
      'SSH_FXP_OPEN where an answer was expected',
    );
    expect(() => decodeResponse(hexBytes('4d 00000001'))).toThrow('SSH_FXP_ 77 where an answer was expected');
  });

  it('class: a count beyond the bytes takes no memory', () => {
    expect(() => decodeResponse(hexBytes('68 00000001 ffffffff'))).toThrow(
      '4294967295 entries claimed in 0 bytes',
    );
    expect(() => decodeResponse(hexBytes('69 00000001 80000000 7fffffff'))).toThrow(
      '2147483647 entries claimed',
    );
  });

  it('class: a handle has 1 to 256 bytes', () => {
    expect(() => decodeResponse(hexBytes('66 00000001 00000000'))).toThrow('a handle of 0 bytes');
    const length = (bytes: number): Uint8Array =>
      encodeResponse(1, { kind: 'handle', handle: new Uint8Array(bytes) });
    expect(() => decodeResponse(length(257), 4)).toThrow('a handle of 257 bytes; 1 to 256 are allowed');
    expect(decodeResponse(length(256), 4).body).toMatchObject({ kind: 'handle' });
  });
});

describe('INIT and VERSION', () => {
  it('have no id', () => {
    expect(encodeInit({ version: 3, extensions: [] })).toEqual(hexBytes('00000005 01 00000003'));
    const extension = { name: 'fsync@openssh.com', data: hexBytes('31') };
    const bytes = encodeVersion({ version: 3, extensions: [extension] });
    expect(bytes).toEqual(hexBytes('0000001f 02 00000003', lengthAnd('fsync@openssh.com'), '00000001 31'));
    expect(version.decode(new WireReader(bytes, 5))).toEqual({
      kind: 'version',
      version: 3,
      extensions: [extension],
    });
  });

  it('take 256 extensions and no more', () => {
    const read = (count: number): unknown =>
      init.decode(
        new WireReader(
          encodeInit({ version: 3, extensions: Array(count).fill({ name: 'x', data: emptyBytes }) }),
          5,
        ),
      );
    expect(read(256)).toMatchObject({ version: 3 });
    expect(() => read(257)).toThrow('malformed SSH_FXP_INIT: more than 256 extensions');
  });
});

describe('attributes', () => {
  it('flags that no version 3 defines announce no field', () => {
    const read = (hex: string): unknown => attributes.decode(new WireReader(hexBytes(hex)));
    expect(read('00000010')).toEqual({});
    expect(read('7ffffff1 0000000000000001')).toEqual({ size: 1n });
  });

  it('an owner without a group, or one time alone, is not sent', () => {
    const writer = new WireWriter();
    attributes.encode(writer, { uid: 1, mtime: 2 });
    expect(writer.copyWritten()).toEqual(hexBytes('00000000'));
  });

  it('encoding and decoding are inverse', () => {
    fc.assert(
      fc.property(attributeValues, (value) => {
        const writer = new WireWriter();
        attributes.encode(writer, value);
        const reader = new WireReader(writer.copyWritten());
        expect(attributes.decode(reader)).toEqual(value);
        expect(reader.remaining).toBe(0);
      }),
    );
  });
});

describe('READ, WRITE and DATA written by hand', () => {
  const offsets = fc.oneof(
    fc.maxSafeNat(),
    fc.constantFrom(0, 0xffffffff, 0x100000000, Number.MAX_SAFE_INTEGER),
  );

  it('equal the codecs', () => {
    fc.assert(
      fc.property(
        handles,
        offsets,
        fc.uint8Array({ maxLength: 300 }),
        fc.nat({ max: 0xffffffff }),
        (handle, offset, data, number) => {
          const read = new WireWriter();
          writeRead(read, number, handle, offset, data.length);
          const asked = { handle, offset: BigInt(offset) };
          expect(read.copyWritten()).toEqual(
            encodeRequest(number, { kind: 'read', ...asked, length: data.length }),
          );
          const write = new WireWriter();
          writeWriteHeader(write, number, handle, offset, data.length);
          expect(write.copyWritten().length).toBe(writeHeaderLength(handle));
          expect(write.bytes(data).copyWritten()).toEqual(
            encodeRequest(number, { kind: 'write', ...asked, data }),
          );
          const answer = new WireWriter();
          writeDataHeader(answer, number, data.length);
          expect(answer.copyWritten().length).toBe(dataHeaderLength);
          expect(answer.bytes(data).copyWritten()).toEqual(encodeResponse(number, { kind: 'data', data }));
        },
      ),
    );
  });
});

describe('extensions', () => {
  it.each([
    [extensions.twoPaths, { oldpath: hexBytes('61'), newpath: hexBytes('62') }, '00000001 61 00000001 62'],
    [extensions.onePath, { path: hexBytes('61') }, '00000001 61'],
    [extensions.oneHandle, { handle: hexBytes('ff') }, '00000001 ff'],
    [
      extensions.lsetstat,
      { path: hexBytes('61'), attrs: { permissions: 1 } },
      '00000001 61 00000004 00000001',
    ],
    [
      extensions.copyData,
      {
        readFromHandle: hexBytes('01'),
        readFromOffset: 2n,
        readDataLength: 3n,
        writeToHandle: hexBytes('04'),
        writeToOffset: 5n,
      },
      '00000001 01 0000000000000002 0000000000000003 00000001 04 0000000000000005',
    ],
    [extensions.homeDirectory, { username: hexBytes('61') }, '00000001 61'],
    [
      extensions.usersGroupsById,
      { uids: hexBytes('00000001'), gids: hexBytes('') },
      '00000004 00000001 00000000',
    ],
    [
      extensions.usersGroupsNames,
      { usernames: hexBytes('00000000'), groupnames: hexBytes('') },
      '00000004 00000000 00000000',
    ],
    [
      extensions.filesystemStatus,
      {
        bsize: 1n,
        frsize: 2n,
        blocks: 3n,
        bfree: 4n,
        bavail: 5n,
        files: 6n,
        ffree: 7n,
        favail: 8n,
        fsid: 9n,
        flag: 10n,
        namemax: 11n,
      },
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map((n) => n.toString(16).padStart(16, '0')).join(''),
    ],
    [
      extensions.serverLimits,
      { maxPacketLength: 1n, maxReadLength: 2n, maxWriteLength: 3n, maxOpenHandles: 4n },
      [1, 2, 3, 4].map((n) => n.toString(16).padStart(16, '0')).join(''),
    ],
  ] as const)('%# has the bytes of OpenSSH PROTOCOL, and reads them', (part, value, hex) => {
    const codec = part as MessagePart<unknown>;
    expect(codec.toBytes(value)).toEqual(hexBytes(hex));
    expect(codec.fromBytes(hexBytes(hex))).toEqual(value);
    expect(() => codec.fromBytes(hexBytes(hex, '00'))).toThrow(/^malformed .*: 1 bytes too many$/);
  });

  it('are known by name', () => {
    expect(extensions.isExtensionName('copy-data')).toBe(true);
    expect(extensions.isExtensionName('toString')).toBe(false);
  });
});

describe('names of numbers', () => {
  it('are those of the drafts', () => {
    expect(packetName(packetTypes.extendedReply)).toBe('SSH_FXP_EXTENDED_REPLY');
    expect(packetName(packetTypes.fsetstat)).toBe('SSH_FXP_FSETSTAT');
    expect(statusName(statusCodes.opUnsupported)).toBe('SSH_FX_OP_UNSUPPORTED');
    expect(statusName(15)).toBe('SSH_FX_QUOTA_EXCEEDED');
    expect(statusName(99)).toBe('SSH_FX_ 99');
  });

  it('codes of later drafts have one in version 3', () => {
    expect([0, 2, 3, 8].map(statusInVersion3)).toEqual([0, 2, 3, 8]);
    expect(statusInVersion3(10)).toBe(statusCodes.noSuchFile);
    expect(statusInVersion3(12)).toBe(statusCodes.permissionDenied);
    expect([9, 11, 14, 77].map(statusInVersion3)).toEqual([4, 4, 4, 4]);
  });
});

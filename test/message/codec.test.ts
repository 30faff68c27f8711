/** Laws that hold for every message and every named payload. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { subsystem } from '../../src/message/channelRequest.ts';
import { messageName } from '../../src/message/numbers.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { agentMessages, agentPayloads } from './agentMessages.ts';
import { allMessages } from './messages.ts';
import { allPayloads } from './payloads.ts';
import type { Row } from './support.ts';

/** Bytes before the fields: the number of a message, nothing of a payload. */
const groups = [
  { title: 'message', rows: allMessages, prefix: 1 },
  { title: 'payload', rows: allPayloads, prefix: 0 },
  { title: 'message of an agent', rows: agentMessages, prefix: 1 },
  { title: 'payload of an agent', rows: agentPayloads, prefix: 0 },
];

function encode(row: Row, value: unknown): Uint8Array {
  const writer = new WireWriter();
  row.codec.encode(writer, value);
  return writer.copyWritten();
}

function refusal(action: () => unknown): SshError {
  try {
    action();
  } catch (error) {
    if (error instanceof SshError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

for (const { title, rows, prefix } of groups) {
  describe.each(rows.map((row) => ({ name: row.codec.name, row })))(`${title} $name`, ({ row }) => {
    const decode = (bytes: Uint8Array): unknown => row.codec.decode(new WireReader(bytes, prefix));

    it('has the bytes its RFC says', () => {
      expect(encode(row, row.example)).toEqual(row.encoded);
      expect(decode(row.encoded)).toEqual(row.example);
    });

    it('is the same after encoding and decoding', () => {
      fc.assert(
        fc.property(row.values, (value) => {
          expect(decode(encode(row, value))).toEqual(value);
        }),
      );
    });

    it('is refused when it ends early', () => {
      for (let length = prefix; length < row.encoded.length; length++) {
        const cut = row.encoded.slice(0, length);
        if (row.legalLengths.includes(length)) {
          expect(decode(cut)).toBeTypeOf('object');
          continue;
        }
        const error = refusal(() => decode(cut));
        expect(error.code).toBe('ERR_SSH_DECODE');
        expect(error.message).toContain(`malformed ${row.codec.name}: `);
      }
    });

    it('is refused when bytes follow, unless its last field takes all', () => {
      const longer = new Uint8Array(row.encoded.length + 1);
      longer.set(row.encoded);
      let error: SshError | undefined;
      try {
        expect(encode(row, decode(longer))).toEqual(longer);
      } catch (thrown) {
        if (!(thrown instanceof SshError)) throw thrown;
        error = thrown;
      }
      if (error !== undefined) expect(error.code).toBe('ERR_SSH_DECODE');
    });

    it('decodes into bytes of its own', () => {
      const bytes = row.encoded.slice();
      const value = decode(bytes);
      bytes.fill(0xee);
      expect(value).toEqual(row.example);
    });

    it('never throws anything but ERR_SSH_DECODE, whatever the bytes', () => {
      const damaged = fc
        .tuple(fc.nat({ max: row.encoded.length }), fc.uint8Array({ maxLength: 12 }))
        .map(([at, patch]) => {
          const bytes = row.encoded.slice();
          bytes.set(patch.subarray(0, Math.max(0, bytes.length - at)), at);
          return bytes;
        });
      fc.assert(
        fc.property(fc.oneof(damaged, fc.uint8Array({ minLength: prefix, maxLength: 64 })), (bytes) => {
          try {
            decode(bytes);
          } catch (error) {
            expect(error).toBeInstanceOf(SshError);
            expect((error as SshError).code).toBe('ERR_SSH_DECODE');
          }
        }),
      );
    });
  });
}

describe('every message', () => {
  it('has the name of its number, where the number has one meaning', () => {
    const named = allMessages.filter(({ encoded }) => !messageName(encoded[0] as number).includes('/'));
    expect(named.length).toBeGreaterThan(30);
    for (const { codec, encoded } of named) {
      expect(codec.name.replace(/ \(.*\)$/, '')).toBe(messageName(encoded[0] as number));
    }
  });

  it('is one of those its number names, where methods share the number', () => {
    expect(messageName(30)).toBe('SSH_MSG_KEXDH_INIT/KEX_ECDH_INIT');
    expect(messageName(31)).toBe('SSH_MSG_KEXDH_REPLY/KEX_ECDH_REPLY/KEX_DH_GEX_GROUP');
    expect(messageName(60)).toBe('SSH_MSG_USERAUTH_PK_OK/PASSWD_CHANGEREQ/INFO_REQUEST');
  });

  it('leaves a number without a name readable', () => {
    expect(messageName(20)).toBe('SSH_MSG_KEXINIT');
    expect(messageName(211)).toBe('message 211');
  });
});

it('a name has 1,024 bytes at most, in UTF-8', () => {
  for (const letter of ['n', 'é']) {
    const longest = letter.repeat(1024 / Buffer.byteLength(letter));
    expect(subsystem.fromBytes(subsystem.toBytes({ subsystemName: longest }))).toEqual({
      subsystemName: longest,
    });
    const beyond = subsystem.toBytes({ subsystemName: `${longest}n` });
    expect(() => subsystem.fromBytes(beyond)).toThrow('a name of 1025 bytes; 1024 are allowed');
  }
});

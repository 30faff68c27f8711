/** Rules of single messages that the table of all cannot state. */
import { describe, expect, it } from 'vitest';
import { channelOpenConfirmation } from '../../src/message/channel.ts';
import { exec } from '../../src/message/channelRequest.ts';
import { kexDhInit } from '../../src/message/kex.ts';
import { disconnect, extInfo, kexInit, newKeys } from '../../src/message/transport.ts';
import {
  userauthInfoRequest,
  userauthInfoResponse,
  userauthPasswordChangeRequest,
  userauthPasswordRequest,
  userauthRequest,
} from '../../src/message/userauth.ts';
import type { Codec } from '../../src/wire/codec.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { hexBytes, lengthAnd } from './support.ts';

/** `hex` begins behind the message number. */
const decode = <T>(codec: Codec<T>, ...hex: readonly string[]): T =>
  codec.decode(new WireReader(hexBytes(...hex)));

const decodeError = (pattern: RegExp): unknown =>
  expect.objectContaining({ code: 'ERR_SSH_DECODE', message: expect.stringMatching(pattern) });

describe('SSH_MSG_DISCONNECT (RFC 4253 §11.1)', () => {
  it('is understood without its language tag', () => {
    expect(decode(disconnect, '00000002', lengthAnd('bad'))).toEqual({
      reasonCode: 2,
      description: 'bad',
      languageTag: '',
    });
  });

  it('is understood without its description', () => {
    expect(decode(disconnect, '00000002')).toEqual({ reasonCode: 2, description: '', languageTag: '' });
  });

  it('is refused without its reason, or when a field is cut', () => {
    expect(() => decode(disconnect, '000002')).toThrow(decodeError(/SSH_MSG_DISCONNECT/));
    expect(() => decode(disconnect, '00000002', '00000004 616263')).toThrow(
      decodeError(/SSH_MSG_DISCONNECT/),
    );
  });
});

describe('counts', () => {
  it('an EXT_INFO that claims 0xffffffff extensions ends before it is believed', () => {
    expect(() => decode(extInfo, 'ffffffff', lengthAnd('a'), '00000000')).toThrow(
      decodeError(/SSH_MSG_EXT_INFO: 4294967295 entries claimed in 9 bytes/),
    );
  });

  it('an INFO_REQUEST that claims 0xffffffff prompts ends before it is believed', () => {
    expect(() =>
      decode(userauthInfoRequest, '00000000 00000000 00000000', 'ffffffff', '00000000 00'),
    ).toThrow(decodeError(/SSH_MSG_USERAUTH_INFO_REQUEST: 4294967295 entries claimed in 5 bytes/));
  });

  it('as many prompts as the bytes can hold are taken', () => {
    const many = 1000;
    const writer = new WireWriter().text('').text('').text('').uint32(many);
    for (let i = 0; i < many; i++) writer.text('').boolean(false);
    expect(userauthInfoRequest.decode(new WireReader(writer.copyWritten())).prompts).toHaveLength(many);
  });

  it('an INFO_RESPONSE that claims more answers than bytes is refused', () => {
    expect(() => decode(userauthInfoResponse, '00000002', '00000000')).toThrow(decodeError(/2 entries/));
  });
});

describe('values that would be ambiguous', () => {
  it('a password that is not UTF-8 is refused, so that no two become one', () => {
    const head = [lengthAnd('me'), lengthAnd('ssh-connection'), lengthAnd('password'), '00'];
    expect(() => decode(userauthPasswordRequest, ...head, '00000001 ff')).toThrow(decodeError(/not UTF-8/));
  });

  it('a user name that is not UTF-8 is refused', () => {
    expect(() =>
      decode(userauthRequest, '00000001 80', lengthAnd('ssh-connection'), lengthAnd('none')),
    ).toThrow(decodeError(/not UTF-8/));
  });

  it('a negative e is refused (RFC 4251 §5)', () => {
    expect(() => decode(kexDhInit, '00000001 80')).toThrow(
      decodeError(/SSH_MSG_KEXDH_INIT: a negative mpint/),
    );
  });

  it('a password request and a password change are told apart by their boolean', () => {
    const head = [lengthAnd('me'), lengthAnd('ssh-connection'), lengthAnd('password')];
    expect(() => decode(userauthPasswordRequest, ...head, '01', lengthAnd('a'))).toThrow(
      decodeError(/a boolean that is not false/),
    );
    expect(
      decode(userauthPasswordChangeRequest, ...head, 'ff', lengthAnd('a'), lengthAnd('b')),
    ).toMatchObject({
      changesPassword: true,
      newPassword: 'b',
    });
  });
});

describe('lengths', () => {
  it('a KEXINIT with a cookie of 15 bytes cannot be written', () => {
    const empty: string[] = [];
    const value = {
      cookie: new Uint8Array(15),
      kexAlgorithms: empty,
      serverHostKeyAlgorithms: empty,
      encryptionAlgorithmsClientToServer: empty,
      encryptionAlgorithmsServerToClient: empty,
      macAlgorithmsClientToServer: empty,
      macAlgorithmsServerToClient: empty,
      compressionAlgorithmsClientToServer: empty,
      compressionAlgorithmsServerToClient: empty,
      languagesClientToServer: empty,
      languagesServerToClient: empty,
      firstKexPacketFollows: false,
      reserved: 0,
    };
    expect(() => kexInit.encode(new WireWriter(), value)).toThrow(decodeError(/16 bytes expected, 15 given/));
  });

  it('NEWKEYS with a byte behind it is refused', () => {
    expect(() => decode(newKeys, '00')).toThrow(decodeError(/SSH_MSG_NEWKEYS: 1 bytes too many/));
  });

  it('a confirmation may carry fields of its channel type', () => {
    const { channelTypeData } = decode(
      channelOpenConfirmation,
      '00000000 00000001 00000002 00000003',
      'beef',
    );
    expect(channelTypeData).toEqual(hexBytes('beef'));
  });
});

describe('payloads', () => {
  it('go to bytes and back without a reader or writer in sight', () => {
    const bytes = exec.toBytes({ command: 'true' });
    expect(bytes).toEqual(hexBytes(lengthAnd('true')));
    expect(exec.fromBytes(bytes)).toEqual({ command: 'true' });
    expect(() => exec.fromBytes(bytes.subarray(1))).toThrow(decodeError(/malformed exec: /));
  });
});

describe('a codec of one method (RFC 4252 §5)', () => {
  it('takes no request of another', () => {
    expect(() =>
      decode(
        userauthPasswordRequest,
        lengthAnd('me'),
        lengthAnd('ssh-connection'),
        lengthAnd('none'),
        '00',
        '00000000',
      ),
    ).toThrow(
      decodeError(/malformed SSH_MSG_USERAUTH_REQUEST \(password\): .* where "password" was expected/),
    );
  });
});

describe('a list of algorithms in KEXINIT', () => {
  const none = '00000000';
  const withCiphers = (list: string): readonly string[] =>
    decode(kexInit, '00'.repeat(16), none, none, list, none.repeat(7), '00', none)
      .encryptionAlgorithmsClientToServer;

  it.each([
    ['a,b', ['a', 'b']],
    ['a,b,', ['a', 'b']],
    ['a', ['a']],
    ['a,', ['a']],
    ['', []],
  ])('is understood with a comma behind it: %j', (text, list) => {
    expect(withCiphers(lengthAnd(text))).toEqual(list);
  });

  it.each([',', ',,', 'a,,', 'a,,b', ',a'])('is refused with an empty name in it: %j', (text) => {
    expect(() => withCiphers(lengthAnd(text))).toThrow(decodeError(/SSH_MSG_KEXINIT/));
  });
});

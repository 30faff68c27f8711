/** Every message: a value, its bytes worked out by hand from its RFC, and arbitrary values. */
import fc from 'fast-check';
import * as channel from '../../src/message/channel.ts';
import { channelRequest } from '../../src/message/channelRequest.ts';
import * as global from '../../src/message/globalRequest.ts';
import * as kex from '../../src/message/kex.ts';
import * as transport from '../../src/message/transport.ts';
import * as userauth from '../../src/message/userauth.ts';
import {
  ascii,
  booleans,
  byteStrings,
  hexBytes,
  lengthAnd,
  magnitudes,
  nameLists,
  names,
  type Row,
  range,
  row,
  texts,
  uint32s,
} from './support.ts';

const onChannel = fc.record({ recipientChannel: uint32s });
const noFields = fc.constant({});
const head = { userName: texts, serviceName: names };
const key = hexBytes('0000000b', ascii('ssh-ed25519'), '00000000');
const keyHex = `00000013 0000000b ${ascii('ssh-ed25519')} 00000000`;

export const transportMessages: readonly Row[] = [
  row(
    transport.disconnect,
    { reasonCode: 11, description: 'bye', languageTag: 'en' },
    ['01', '0000000b', lengthAnd('bye'), lengthAnd('en')],
    fc.record({ reasonCode: uint32s, description: texts, languageTag: texts }),
    [5, 12],
  ),
  row(
    transport.ignore,
    { data: hexBytes('00ff') },
    ['02', '00000002 00ff'],
    fc.record({ data: byteStrings }),
  ),
  row(
    transport.unimplemented,
    { packetSequenceNumber: 0xfffffffe },
    ['03', 'fffffffe'],
    fc.record({ packetSequenceNumber: uint32s }),
  ),
  row(
    transport.debug,
    { alwaysDisplay: true, message: 'hé', languageTag: '' },
    ['04', '01', '00000003 68c3a9', '00000000'],
    fc.record({ alwaysDisplay: booleans, message: texts, languageTag: texts }),
  ),
  row(
    transport.serviceRequest,
    { serviceName: 'ssh-userauth' },
    ['05', lengthAnd('ssh-userauth')],
    fc.record({ serviceName: names }),
  ),
  row(
    transport.serviceAccept,
    { serviceName: 'ssh-userauth' },
    ['06', lengthAnd('ssh-userauth')],
    fc.record({ serviceName: names }),
  ),
  row(
    transport.extInfo,
    {
      extensions: [
        { extensionName: 'server-sig-algs', extensionValue: hexBytes(ascii('rsa-sha2-256')) },
        { extensionName: 'a', extensionValue: hexBytes() },
      ],
    },
    ['07', '00000002', lengthAnd('server-sig-algs'), lengthAnd('rsa-sha2-256'), lengthAnd('a'), '00000000'],
    fc.record({
      extensions: fc.array(fc.record({ extensionName: names, extensionValue: byteStrings }), {
        maxLength: 5,
      }),
    }),
  ),
  row(
    transport.kexInit,
    {
      cookie: hexBytes('000102030405060708090a0b0c0d0e0f'),
      kexAlgorithms: ['curve25519-sha256', 'ext-info-c'],
      serverHostKeyAlgorithms: ['ssh-ed25519'],
      encryptionAlgorithmsClientToServer: ['aes128-ctr'],
      encryptionAlgorithmsServerToClient: ['aes256-ctr'],
      macAlgorithmsClientToServer: ['hmac-sha2-256'],
      macAlgorithmsServerToClient: ['hmac-sha2-512'],
      compressionAlgorithmsClientToServer: ['none'],
      compressionAlgorithmsServerToClient: ['none', 'zlib'],
      languagesClientToServer: [],
      languagesServerToClient: ['en'],
      firstKexPacketFollows: true,
      reserved: 0,
    },
    [
      '14',
      '000102030405060708090a0b0c0d0e0f',
      lengthAnd('curve25519-sha256,ext-info-c'),
      lengthAnd('ssh-ed25519'),
      lengthAnd('aes128-ctr'),
      lengthAnd('aes256-ctr'),
      lengthAnd('hmac-sha2-256'),
      lengthAnd('hmac-sha2-512'),
      lengthAnd('none'),
      lengthAnd('none,zlib'),
      '00000000',
      lengthAnd('en'),
      '01',
      '00000000',
    ],
    fc.record({
      cookie: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      kexAlgorithms: nameLists,
      serverHostKeyAlgorithms: nameLists,
      encryptionAlgorithmsClientToServer: nameLists,
      encryptionAlgorithmsServerToClient: nameLists,
      macAlgorithmsClientToServer: nameLists,
      macAlgorithmsServerToClient: nameLists,
      compressionAlgorithmsClientToServer: nameLists,
      compressionAlgorithmsServerToClient: nameLists,
      languagesClientToServer: nameLists,
      languagesServerToClient: nameLists,
      firstKexPacketFollows: booleans,
      reserved: uint32s,
    }),
  ),
  row(transport.newKeys, {}, ['15'], noFields),
  row(
    transport.ping,
    { data: hexBytes(ascii('abc')) },
    ['c0', lengthAnd('abc')],
    fc.record({ data: byteStrings }),
  ),
  row(
    transport.pong,
    { data: hexBytes(ascii('abc')) },
    ['c1', lengthAnd('abc')],
    fc.record({ data: byteStrings }),
  ),
];

export const kexMessages: readonly Row[] = [
  row(kex.kexDhInit, { e: hexBytes('80ff') }, ['1e', '00000003 0080ff'], fc.record({ e: magnitudes })),
  row(
    kex.kexDhReply,
    { hostKey: key, f: hexBytes('7f'), signature: hexBytes('aabb') },
    ['1f', keyHex, '00000001 7f', '00000002 aabb'],
    fc.record({ hostKey: byteStrings, f: magnitudes, signature: byteStrings }),
  ),
  row(
    kex.kexEcdhInit,
    { clientPublicKey: hexBytes('0080') },
    ['1e', '00000002 0080'],
    fc.record({ clientPublicKey: byteStrings }),
  ),
  row(
    kex.kexEcdhReply,
    { hostKey: key, serverPublicKey: hexBytes('04'), signature: hexBytes('') },
    ['1f', keyHex, '00000001 04', '00000000'],
    fc.record({ hostKey: byteStrings, serverPublicKey: byteStrings, signature: byteStrings }),
  ),
  row(
    kex.kexDhGexRequest,
    { min: 2048, n: 3072, max: 8192 },
    ['22', '00000800', '00000c00', '00002000'],
    fc.record({ min: uint32s, n: uint32s, max: uint32s }),
  ),
  row(kex.kexDhGexRequestOld, { n: 3072 }, ['1e', '00000c00'], fc.record({ n: uint32s })),
  row(
    kex.kexDhGexGroup,
    { p: hexBytes('ff01'), g: hexBytes('02') },
    ['1f', '00000003 00ff01', '00000001 02'],
    fc.record({ p: magnitudes, g: magnitudes }),
  ),
  row(kex.kexDhGexInit, { e: hexBytes('0102') }, ['20', '00000002 0102'], fc.record({ e: magnitudes })),
  row(
    kex.kexDhGexReply,
    { hostKey: key, f: hexBytes(''), signature: hexBytes('01') },
    ['21', keyHex, '00000000', '00000001 01'],
    fc.record({ hostKey: byteStrings, f: magnitudes, signature: byteStrings }),
  ),
];

const requestHead = `32 ${lengthAnd('me')} ${lengthAnd('ssh-connection')}`;
const me = { userName: 'me', serviceName: 'ssh-connection' };

export const userauthMessages: readonly Row[] = [
  row(
    userauth.userauthRequest,
    { ...me, methodName: 'x@y', methodFields: hexBytes('0102') },
    [requestHead, lengthAnd('x@y'), '0102'],
    fc.record({ ...head, methodName: names, methodFields: byteStrings }),
    [32, 33],
  ),
  row(
    userauth.userauthNoneRequest,
    { ...me, methodName: 'none' },
    [requestHead, lengthAnd('none')],
    fc.record({ ...head, methodName: fc.constant('none') }),
  ),
  row(
    userauth.userauthPasswordRequest,
    { ...me, methodName: 'password', changesPassword: false, password: 'grün' },
    [requestHead, lengthAnd('password'), '00', '00000005 6772c3bc6e'],
    fc.record({
      ...head,
      methodName: fc.constant('password'),
      changesPassword: fc.constant(false),
      password: texts,
    }),
  ),
  row(
    userauth.userauthPasswordChangeRequest,
    { ...me, methodName: 'password', changesPassword: true, oldPassword: 'a', newPassword: 'bc' },
    [requestHead, lengthAnd('password'), '01', lengthAnd('a'), lengthAnd('bc')],
    fc.record({
      ...head,
      methodName: fc.constant('password'),
      changesPassword: fc.constant(true),
      oldPassword: texts,
      newPassword: texts,
    }),
  ),
  row(
    userauth.userauthPublickeyQuery,
    {
      ...me,
      methodName: 'publickey',
      hasSignature: false,
      publicKeyAlgorithm: 'ssh-ed25519',
      publicKey: key,
    },
    [requestHead, lengthAnd('publickey'), '00', lengthAnd('ssh-ed25519'), keyHex],
    fc.record({
      ...head,
      methodName: fc.constant('publickey'),
      hasSignature: fc.constant(false),
      publicKeyAlgorithm: names,
      publicKey: byteStrings,
    }),
  ),
  row(
    userauth.userauthPublickeyRequest,
    {
      ...me,
      methodName: 'publickey',
      hasSignature: true,
      publicKeyAlgorithm: 'ssh-ed25519',
      publicKey: key,
      signature: hexBytes('aa'),
    },
    [requestHead, lengthAnd('publickey'), '01', lengthAnd('ssh-ed25519'), keyHex, '00000001 aa'],
    fc.record({
      ...head,
      methodName: fc.constant('publickey'),
      hasSignature: fc.constant(true),
      publicKeyAlgorithm: names,
      publicKey: byteStrings,
      signature: byteStrings,
    }),
  ),
  row(
    userauth.userauthHostboundRequest,
    {
      ...me,
      methodName: 'publickey-hostbound-v00@openssh.com',
      hasSignature: true,
      publicKeyAlgorithm: 'ssh-ed25519',
      publicKey: key,
      serverHostKey: hexBytes('bb'),
      signature: hexBytes('aa'),
    },
    [
      requestHead,
      lengthAnd('publickey-hostbound-v00@openssh.com'),
      '01',
      lengthAnd('ssh-ed25519'),
      keyHex,
      '00000001 bb',
      '00000001 aa',
    ],
    fc.record({
      ...head,
      methodName: fc.constant('publickey-hostbound-v00@openssh.com'),
      hasSignature: fc.constant(true),
      publicKeyAlgorithm: names,
      publicKey: byteStrings,
      serverHostKey: byteStrings,
      signature: byteStrings,
    }),
  ),
  row(
    userauth.userauthKeyboardInteractiveRequest,
    { ...me, methodName: 'keyboard-interactive', languageTag: '', submethods: 'pam,otp' },
    [requestHead, lengthAnd('keyboard-interactive'), '00000000', lengthAnd('pam,otp')],
    fc.record({
      ...head,
      methodName: fc.constant('keyboard-interactive'),
      languageTag: texts,
      submethods: texts,
    }),
  ),
  row(
    userauth.userauthFailure,
    { authenticationsThatCanContinue: ['publickey', 'password'], partialSuccess: true },
    ['33', lengthAnd('publickey,password'), '01'],
    fc.record({ authenticationsThatCanContinue: nameLists, partialSuccess: booleans }),
  ),
  row(userauth.userauthSuccess, {}, ['34'], noFields),
  row(
    userauth.userauthBanner,
    { message: 'Welcome\r\n', languageTag: 'en-GB' },
    ['35', lengthAnd('Welcome\r\n'), lengthAnd('en-GB')],
    fc.record({ message: texts, languageTag: texts }),
  ),
  row(
    userauth.userauthPkOk,
    { publicKeyAlgorithm: 'rsa-sha2-512', publicKey: hexBytes('00') },
    ['3c', lengthAnd('rsa-sha2-512'), '00000001 00'],
    fc.record({ publicKeyAlgorithm: names, publicKey: byteStrings }),
  ),
  row(
    userauth.userauthPasswdChangeReq,
    { prompt: 'expired', languageTag: '' },
    ['3c', lengthAnd('expired'), '00000000'],
    fc.record({ prompt: texts, languageTag: texts }),
  ),
  row(
    userauth.userauthInfoRequest,
    {
      name: 'PAM',
      instruction: '',
      languageTag: '',
      prompts: [
        { prompt: 'Password: ', echo: false },
        { prompt: '', echo: true },
      ],
    },
    [
      '3c',
      lengthAnd('PAM'),
      '00000000',
      '00000000',
      '00000002',
      lengthAnd('Password: '),
      '00',
      '00000000',
      '01',
    ],
    fc.record({
      name: texts,
      instruction: texts,
      languageTag: texts,
      prompts: fc.array(fc.record({ prompt: texts, echo: booleans }), { maxLength: 5 }),
    }),
  ),
  row(
    userauth.userauthInfoResponse,
    { responses: ['secret', ''] },
    ['3d', '00000002', lengthAnd('secret'), '00000000'],
    fc.record({ responses: fc.array(texts, { maxLength: 5 }) }),
  ),
];

export const connectionMessages: readonly Row[] = [
  row(
    global.globalRequest,
    { requestName: 'tcpip-forward', wantReply: true, requestData: hexBytes('00000000 00000016') },
    ['50', lengthAnd('tcpip-forward'), '01', '00000000 00000016'],
    fc.record({ requestName: names, wantReply: booleans, requestData: byteStrings }),
    range(19, 27),
  ),
  row(
    global.requestSuccess,
    { responseData: hexBytes('00000016') },
    ['51', '00000016'],
    fc.record({ responseData: byteStrings }),
    range(1, 5),
  ),
  row(global.requestFailure, {}, ['52'], noFields),
  row(
    channel.channelOpen,
    {
      channelType: 'session',
      senderChannel: 3,
      initialWindowSize: 0x200000,
      maximumPacketSize: 0x8000,
      channelTypeData: hexBytes('ab'),
    },
    ['5a', lengthAnd('session'), '00000003', '00200000', '00008000', 'ab'],
    fc.record({
      channelType: names,
      senderChannel: uint32s,
      initialWindowSize: uint32s,
      maximumPacketSize: uint32s,
      channelTypeData: byteStrings,
    }),
    [24],
  ),
  row(
    channel.channelOpenConfirmation,
    {
      recipientChannel: 3,
      senderChannel: 0,
      initialWindowSize: 0,
      maximumPacketSize: 0xffffffff,
      channelTypeData: hexBytes(''),
    },
    ['5b', '00000003', '00000000', '00000000', 'ffffffff'],
    fc.record({
      recipientChannel: uint32s,
      senderChannel: uint32s,
      initialWindowSize: uint32s,
      maximumPacketSize: uint32s,
      channelTypeData: byteStrings,
    }),
  ),
  row(
    channel.channelOpenFailure,
    { recipientChannel: 3, reasonCode: 2, description: 'no', languageTag: '' },
    ['5c', '00000003', '00000002', lengthAnd('no'), '00000000'],
    fc.record({ recipientChannel: uint32s, reasonCode: uint32s, description: texts, languageTag: texts }),
  ),
  row(
    channel.channelWindowAdjust,
    { recipientChannel: 3, bytesToAdd: 0xffffffff },
    ['5d', '00000003', 'ffffffff'],
    fc.record({ recipientChannel: uint32s, bytesToAdd: uint32s }),
  ),
  row(
    channel.channelData,
    { recipientChannel: 3, data: hexBytes('0a0b') },
    ['5e', '00000003', '00000002 0a0b'],
    fc.record({ recipientChannel: uint32s, data: byteStrings }),
  ),
  row(
    channel.channelExtendedData,
    { recipientChannel: 3, dataTypeCode: 1, data: hexBytes('0c') },
    ['5f', '00000003', '00000001', '00000001 0c'],
    fc.record({ recipientChannel: uint32s, dataTypeCode: uint32s, data: byteStrings }),
  ),
  row(channel.channelEof, { recipientChannel: 3 }, ['60', '00000003'], onChannel),
  row(channel.channelClose, { recipientChannel: 3 }, ['61', '00000003'], onChannel),
  row(
    channelRequest,
    { recipientChannel: 3, requestType: 'shell', wantReply: false, requestData: hexBytes('') },
    ['62', '00000003', lengthAnd('shell'), '00'],
    fc.record({
      recipientChannel: uint32s,
      requestType: names,
      wantReply: booleans,
      requestData: byteStrings,
    }),
  ),
  row(channel.channelSuccess, { recipientChannel: 3 }, ['63', '00000003'], onChannel),
  row(channel.channelFailure, { recipientChannel: 3 }, ['64', '00000003'], onChannel),
];

export const allMessages: readonly Row[] = [
  ...transportMessages,
  ...kexMessages,
  ...userauthMessages,
  ...connectionMessages,
];

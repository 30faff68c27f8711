/**
 * Every codec of a message, and of what is inside one.
 *
 * Owns: that decoding and encoding are inverse, that a decoder reads nothing but
 * what it is given, that the hand-written ways equal the declared ones.
 * Must not know: engines.
 */

import { decodePublicKey, encodePublicKey } from '../../../src/crypto/keys/publicKey.ts';
import { type ChannelOpen, channelData, channelExtendedData } from '../../../src/message/channel.ts';
import type { PayloadCodec } from '../../../src/message/codec.ts';
import {
  channelDataStart,
  channelExtendedDataStart,
  readDataTypeCode,
  readRecipientChannel,
} from '../../../src/message/hot.ts';
import {
  channelRequestTypes,
  channelTypes,
  decodeMessage,
  encodeMessage,
  globalRequestNames,
  type MessageContext,
} from '../../../src/message/registry.ts';
import { terminalModes } from '../../../src/message/terminalModes.ts';
import { WireReader } from '../../../src/wire/reader.ts';
import { WireWriter } from '../../../src/wire/writer.ts';
import { corpusOf } from '../corpus.ts';
import { attempt, type FuzzTarget, fine, fingerprintOf, law, type Verdict } from '../target.ts';

export const contexts: readonly MessageContext[] = [
  {},
  { kex: 'dh', authenticationMethod: 'password' },
  { kex: 'ecdh', authenticationMethod: 'keyboard-interactive' },
  { kex: 'groupExchange' },
];

/** For engines that take a function. */
export function fuzz(data: Uint8Array): void {
  examine(data);
}

function examine(data: Uint8Array): Verdict {
  const context = contexts[(data[0] ?? 0) % contexts.length] as MessageContext;
  const payload = data.slice(1);
  checkHot(payload);
  const decoded = attempt(() => decodeMessage(payload, context));
  if ('verdict' in decoded) {
    law(decoded.verdict.code === 'ERR_SSH_DECODE', `${decoded.verdict.code} from a decoder`);
    return decoded.verdict;
  }
  const { codec, value } = decoded.value;
  checkBounds(codec, payload, value);
  checkInverse(codec, value, context);
  return checkInside(value);
}

/** The same bytes in the middle of others decode to the same, whatever the others are. */
function checkBounds(
  codec: { decode(reader: WireReader): object },
  payload: Uint8Array,
  value: object,
): void {
  const buffer = new Uint8Array(payload.length + 32).fill(0xa5);
  buffer.set(payload, 16);
  const again = codec.decode(new WireReader(buffer, 17, 16 + payload.length));
  law(fingerprintOf(again) === fingerprintOf(value), 'a decoder that reads beyond its bytes');
}

function checkInverse(
  codec: Parameters<typeof encodeMessage<object>>[0],
  value: object,
  context: MessageContext,
): void {
  if (isLossy(value)) return;
  const encoded = encodeMessage(codec, value);
  const again = decodeMessage(encoded, context);
  law(again.codec === codec, 'what was encoded is decoded as another message');
  law(fingerprintOf(again.value) === fingerprintOf(value), 'what was encoded is decoded to another value');
  law(Buffer.compare(encodeMessage(codec, again.value), encoded) === 0, 'the same value in other bytes');
}

/** The fields that a name in the message gives a form. */
function checkInside(value: object): Verdict {
  const fields = value as Partial<ChannelOpen> & {
    readonly requestType?: string;
    readonly requestName?: string;
    readonly requestData?: Uint8Array;
    readonly encodedTerminalModes?: Uint8Array;
    readonly hostKey?: Uint8Array;
  };
  const { channelType, channelTypeData, requestType, requestName, requestData } = fields;
  let inner: Verdict = fine;
  if (channelType !== undefined && channelTypeData !== undefined) {
    inner = checkPayload(channelTypes.get(channelType), channelTypeData);
  }
  if (requestData !== undefined) {
    const codec = channelRequestTypes.get(requestType ?? '') ?? globalRequestNames.get(requestName ?? '');
    inner = checkPayload(codec, requestData);
  }
  return inner;
}

/** Text that is no UTF-8 is read with a longer sign in the place of each byte: it need not fit when it is written. */
function isLossy(value: object): boolean {
  return fingerprintOf(value).includes('\ufffd');
}

function checkPayload(codec: PayloadCodec<object> | undefined, bytes: Uint8Array): Verdict {
  if (codec === undefined) return fine;
  const decoded = attempt(() => codec.fromBytes(bytes));
  if ('verdict' in decoded) {
    law(decoded.verdict.code === 'ERR_SSH_DECODE', `${decoded.verdict.code} from a decoder`);
    return decoded.verdict;
  }
  if (isLossy(decoded.value)) return fine;
  const again = codec.fromBytes(codec.toBytes(decoded.value));
  law(fingerprintOf(again) === fingerprintOf(decoded.value), `the fields of ${codec.name} change on the way`);
  const { encodedTerminalModes } = decoded.value as { readonly encodedTerminalModes?: Uint8Array };
  if (encodedTerminalModes !== undefined) checkTerminalModes(encodedTerminalModes);
  return fine;
}

function checkTerminalModes(bytes: Uint8Array): void {
  const decoded = attempt(() => terminalModes.decode(new WireReader(bytes)));
  if ('verdict' in decoded) return;
  const writer = new WireWriter();
  terminalModes.encode(writer, decoded.value);
  const again = terminalModes.decode(new WireReader(writer.copyWritten()));
  law(fingerprintOf(again) === fingerprintOf(decoded.value), 'terminal modes change on the way');
}

/** The hot path by hand against the codecs. */
function checkHot(payload: Uint8Array): void {
  const buffer = new Uint8Array(payload.length + 32).fill(0xa5);
  buffer.set(payload, 16);
  const end = 16 + payload.length;
  const plain = attempt(() => channelData.decode(new WireReader(payload, 1)));
  const hot = attempt(() => ({
    recipientChannel: readRecipientChannel(buffer, 16, end),
    data: buffer.slice(channelDataStart(buffer, 16, end), end),
  }));
  law(sameOutcome(plain, hot), 'CHANNEL_DATA by hand differs from its codec');
  const plainExtended = attempt(() => channelExtendedData.decode(new WireReader(payload, 1)));
  const hotExtended = attempt(() => {
    const recipientChannel = readRecipientChannel(buffer, 16, end);
    const data = buffer.slice(channelExtendedDataStart(buffer, 16, end), end);
    return { recipientChannel, dataTypeCode: readDataTypeCode(buffer, 16, end), data };
  });
  law(sameOutcome(plainExtended, hotExtended), 'CHANNEL_EXTENDED_DATA by hand differs from its codec');
  checkPublicKey(payload);
}

function sameOutcome(a: ReturnType<typeof attempt>, b: ReturnType<typeof attempt>): boolean {
  if ('verdict' in a || 'verdict' in b) {
    return 'verdict' in a && 'verdict' in b && a.verdict.code === b.verdict.code;
  }
  return fingerprintOf(a.value) === fingerprintOf(b.value);
}

/** A public key blob is in many messages. */
function checkPublicKey(blob: Uint8Array): void {
  const key = attempt(() => decodePublicKey(blob));
  if ('value' in key) law(Buffer.compare(encodePublicKey(key.value), blob) === 0, 'a key of another blob');
}

export const messages: FuzzTarget = {
  name: 'messages',
  shape: 'wire',
  examine,
  seeds: () => corpusOf('messages'),
  dictionary: [
    'password',
    'publickey',
    'publickey-hostbound-v00@openssh.com',
    'keyboard-interactive',
    'none',
    ...channelTypes.keys(),
    ...channelRequestTypes.keys(),
    ...globalRequestNames.keys(),
  ],
  stepBudget: 20_000_000,
};

/**
 * What anybody can make a server hold before logging in: requests that wait for
 * a verdict. Names are short, packets too, and a text takes what its bytes do.
 */
import { afterEach, describe, expect, it } from 'vitest';
import { defaultLimits, longestName } from '../../src/base/limits.ts';
import { directTcpip } from '../../src/message/channel.ts';
import { env, ptyReq, subsystem } from '../../src/message/channelRequest.ts';
import type { PayloadCodec } from '../../src/message/codec.ts';
import { tcpipForward } from '../../src/message/globalRequest.ts';
import { decodeMessage, encodeMessage } from '../../src/message/registry.ts';
import { ignore } from '../../src/message/transport.ts';
import {
  userauthKeyboardInteractiveRequest,
  userauthPasswordRequest,
  userauthRequest,
} from '../../src/message/userauth.ts';
import { Conversation } from '../support/conversation.ts';
import { memoryInUse } from '../support/heap.ts';
import { nothingIsLeft } from '../support/servers/index.ts';
import { ServerScript } from '../userauth/support.ts';

afterEach(nothingIsLeft);

const { unauthenticatedPacketLength } = defaultLimits;
const me = { userName: 'me', serviceName: 'ssh-connection' };
const password = { ...me, methodName: 'password', changesPassword: false } as const;
const terminal = {
  columns: 80,
  rows: 24,
  widthPixels: 0,
  heightPixels: 0,
  encodedTerminalModes: new Uint8Array(1),
};

/** As many bytes as that, with a first one that is not ASCII. */
const named = (bytes: number): string => `é${'a'.repeat(bytes - 2)}`;

describe('requests that wait for a verdict', () => {
  it('hold about as much as their clients sent', () => {
    const request = encodeMessage(userauthPasswordRequest, {
      ...password,
      userName: named(longestName),
      password: named(30_000),
    });
    const pend = (): ServerScript => {
      const script = new ServerScript();
      script.says(userauthPasswordRequest, decodeMessage(request).value as never);
      return script;
    };
    pend();
    const before = memoryInUse();
    const pending = Array.from({ length: 100 }, () => {
      const script = pend();
      return { script, events: script.events() };
    });
    const held = memoryInUse() - before;
    expect(pending.every(({ script }) => script.server.state === 'undecided')).toBe(true);
    expect(held / (pending.length * request.length)).toBeLessThan(2);
  });
});

describe('a name', () => {
  it.each<readonly [string, (text: string) => void]>([
    [
      'of a user',
      (userName) =>
        decodeMessage(encodeMessage(userauthPasswordRequest, { ...password, userName, password: '' })),
    ],
    [
      'of a user, whatever the method',
      (userName) => {
        const any = { ...me, userName, methodName: 'x@y', methodFields: new Uint8Array(0) };
        decodeMessage(encodeMessage(userauthRequest, any));
      },
    ],
    [
      'of a submethod',
      (submethods) => {
        const request = { ...me, methodName: 'keyboard-interactive', languageTag: '', submethods } as const;
        new ServerScript().says(userauthKeyboardInteractiveRequest, request);
      },
    ],
    ['of a terminal', (term) => roundTrip(ptyReq, { ...terminal, term })],
    ['of a variable', (variableName) => roundTrip(env, { variableName, variableValue: '' })],
    ['of a subsystem', (subsystemName) => roundTrip(subsystem, { subsystemName })],
    [
      'of a host',
      (hostToConnect) =>
        roundTrip(directTcpip, {
          hostToConnect,
          portToConnect: 1,
          originatorIpAddress: '',
          originatorPort: 1,
        }),
    ],
    [
      'of whoever is forwarded',
      (originatorIpAddress) =>
        roundTrip(directTcpip, {
          hostToConnect: '',
          portToConnect: 1,
          originatorIpAddress,
          originatorPort: 1,
        }),
    ],
    ['of an address', (addressToBind) => roundTrip(tcpipForward, { addressToBind, portNumberToBind: 0 })],
  ])('%s has 1,024 bytes at most', (_whose, use) => {
    use(named(longestName));
    expect(() => use(named(longestName + 1))).toThrow(
      expect.objectContaining({
        code: 'ERR_SSH_DECODE',
        message: expect.stringContaining('1025 bytes; 1024'),
      }),
    );
  });
});

function roundTrip<T>(codec: PayloadCodec<T>, value: T): void {
  expect(codec.fromBytes(codec.toBytes(value))).toEqual(value);
}

describe('a packet', () => {
  // Under chacha20-poly1305 the length field is apart: a byte for the padding length, and padding to blocks of 8.
  const longest = unauthenticatedPacketLength - 1 - 4 - (unauthenticatedPacketLength % 8);
  const padding = (length: number): Uint8Array => encodeMessage(ignore, { data: new Uint8Array(length - 5) });
  const preferences = { cipher: ['chacha20-poly1305@openssh.com'] };

  it.each(['keysExchanged', 'authentication'] as const)(
    'is bounded more narrowly before the user is known: %s',
    (stage) => {
      const talk = (): Conversation => Conversation.to(stage, { client: { preferences } });
      const fits = talk();
      fits.client.transport.sealer.begin().bytes(padding(longest));
      fits.client.transport.sealer.finish();
      fits.exchange();
      expect(fits.server.cause).toBeUndefined();
      const exceeds = talk();
      exceeds.client.transport.sealer.begin().bytes(padding(longest + 8));
      exceeds.client.transport.sealer.finish();
      exceeds.exchange();
      expect(exceeds.server.cause).toMatchObject({
        code: 'ERR_SSH_PACKET',
        message: expect.stringContaining(`${unauthenticatedPacketLength} are allowed`),
      });
      expect(exceeds.server.bufferedInput).toBeLessThan(2 * unauthenticatedPacketLength);
    },
  );

  it('may have the whole length once the user is in, both ways', () => {
    const ready = Conversation.to('ready', { client: { preferences } });
    ready.client.transport.sealer.begin().bytes(padding(200_000));
    ready.client.transport.sealer.finish();
    ready.sayPayload(padding(200_000)).exchange();
    expect(ready.cause).toBeUndefined();
    expect(ready.server.cause).toBeUndefined();
  });
});

/**
 * What a server can ask of a client.
 *
 * Owns: a probe for each message that makes a client compute or hold something.
 * Must not know: what is measured.
 */
import { defaultLimits } from '../../src/base/limits.ts';
import { type KexName, kexMethods } from '../../src/crypto/algorithms.ts';
import { dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import { isGroupExchange, kexMethod } from '../../src/crypto/kex/kex.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { channelOpen, channelWindowAdjust } from '../../src/message/channel.ts';
import { globalRequest } from '../../src/message/globalRequest.ts';
import { kexDhGexGroup, kexDhGexReply, kexDhReply, kexEcdhReply } from '../../src/message/kex.ts';
import { debug, ignore, ping } from '../../src/message/transport.ts';
import { userauthBanner } from '../../src/message/userauth.ts';
import { defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { payloadOf, testHostKey } from '../support/conversation.ts';
import { attackProvider, clearPackets, shortKexInit } from './attackClient.ts';
import type { AttackServer } from './attackServer.ts';
import type { ClientProbe } from './probe.ts';

const empty: Uint8Array = new Uint8Array(0);
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0x61);
const times = (count: number, step: (index: number) => void): void => {
  for (let i = 0; i < count; i++) step(i);
};

const dials = 'one a dial';
const idle = '`limits.messagesWithoutEffect`';
const hostKey = encodePublicKey(testHostKey.publicKey);
const signature = new WireWriter().text('ssh-ed25519').string(bytes(64)).copyWritten();

/** The reply of a method: a value that was computed once and is sent for ever, and a signature that is noise. */
function replyOf(kex: KexName): Uint8Array[] {
  if (isGroupExchange(kex)) {
    // The longest group there may be, and none that is named: a client has to compute in it by itself.
    const { prime } = dhGroup('group18');
    const p = prime.map((byte, index) => (index === 10 ? byte ^ 1 : byte));
    const f = prime.map((byte, index) => (index === 0 ? 0x7f : byte));
    return [
      payloadOf(kexDhGexGroup, { p, g: Uint8Array.of(2) }),
      payloadOf(kexDhGexReply, { hostKey, f, signature }),
    ];
  }
  const method = kexMethod(kex);
  const { publicValue } = method.initiate(attackProvider);
  const { serverValue } = method.respond(attackProvider, publicValue);
  return [
    method.valueEncoding === 'mpint'
      ? payloadOf(kexDhReply, { hostKey, f: serverValue, signature })
      : payloadOf(kexEcdhReply, { hostKey, serverPublicKey: serverValue, signature }),
  ];
}

const keyExchanges: readonly ClientProbe[] = (defaultPreferences.kex as readonly KexName[])
  .filter((kex) => Object.hasOwn(kexMethods, kex) && kex !== 'curve25519-sha256@libssh.org')
  .map((kex) => {
    const reply = replyOf(kex);
    return {
      asks: `a key exchange by ${kex}`,
      from: 'connect',
      connections: 10,
      bound: dials,
      // The reply comes when the client has asked: ahead of that it would be out of turn.
      ask: async (server: AttackServer) => {
        server.begin(shortKexInit(kex));
        await new Promise((resolve) => setTimeout(resolve, 150));
        for (const payload of reply) {
          server.clear(payload);
          await new Promise((resolve) => setTimeout(resolve, 150));
        }
      },
    };
  });

const beforeTheKeys: readonly ClientProbe[] = [
  {
    asks: '1,000 lines before the identification',
    from: 'connect',
    connections: 10,
    bound: '`limits.identificationLines`',
    ask: (server) => server.raw(Buffer.from('x\r\n'.repeat(1_000))),
  },
  {
    asks: '60,000 bytes before the identification',
    from: 'connect',
    connections: 10,
    bound: '`limits.identificationBytes`',
    ask: (server) => server.raw(Buffer.from(`${'x'.repeat(250)}\r\n`.repeat(238))),
  },
  {
    asks: 'a KEXINIT with 500 names in each list',
    from: 'connect',
    connections: 20,
    bound: dials,
    ask: (server) => {
      const names = Array.from({ length: 500 }, (_, index) => `x${index}`);
      const short = shortKexInit('curve25519-sha256');
      server.begin({
        ...short,
        kexAlgorithms: [...names, 'curve25519-sha256'],
        encryptionAlgorithmsClientToServer: [...names, 'aes128-gcm@openssh.com'],
        encryptionAlgorithmsServerToClient: [...names, 'aes128-gcm@openssh.com'],
      });
    },
  },
  {
    asks: 'all but the last byte of the longest packet',
    from: 'connect',
    connections: 10,
    bound: '`limits.packetLength`',
    ask: (server) => {
      server.raw(Buffer.from('SSH-2.0-x\r\n'));
      const packet = clearPackets(payloadOf(ignore, { data: bytes(262_000) }));
      server.raw(packet.subarray(0, packet.length - 1));
    },
  },
  {
    asks: 'IGNORE, 5,000 times',
    from: 'connect',
    connections: 4,
    bound: idle,
    ask: (server) => {
      server.begin(shortKexInit('curve25519-sha256'));
      const one = clearPackets(payloadOf(ignore, { data: empty }));
      server.raw(Buffer.concat(Array.from({ length: 5_000 }, () => one)));
    },
  },
  ...keyExchanges,
];

const beforeLogin: readonly ClientProbe[] = [
  {
    asks: '60,000 bytes of banners',
    from: 'authentication',
    connections: 10,
    bound: '`limits.bannerBytes`',
    ask: (server) =>
      times(60, () => server.say(userauthBanner, { message: `é\x1b${'a'.repeat(990)}`, languageTag: '' })),
  },
  {
    asks: 'DEBUG, 2,000 times',
    from: 'authentication',
    connections: 4,
    bound: idle,
    ask: (server) =>
      times(2_000, () => server.say(debug, { alwaysDisplay: true, message: '', languageTag: '' })),
  },
];

const open = (server: AttackServer, senderChannel: number, channelType: string): void =>
  server.say(channelOpen, {
    channelType,
    senderChannel,
    initialWindowSize: 0xffff,
    maximumPacketSize: 0x8000,
    channelTypeData: empty,
  });

const afterLogin: readonly ClientProbe[] = [
  {
    asks: '2,000 channels nobody asked for',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (server) => times(2_000, (index) => open(server, index, 'forwarded-tcpip')),
  },
  {
    asks: '2,000 global requests that want an answer',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (server) =>
      times(2_000, () =>
        server.say(globalRequest, { requestName: 'x', wantReply: true, requestData: empty }),
      ),
  },
  {
    asks: '2,000 pings',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (server) => times(2_000, () => server.say(ping, { data: empty })),
  },
  {
    asks: '2,000 windows for channels that are gone',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (server) =>
      times(2_000, () => server.say(channelWindowAdjust, { recipientChannel: 9, bytesToAdd: 1 })),
  },
  {
    asks: 'ten IGNORE that become 250,000 bytes each',
    from: 'login',
    connections: 10,
    compresses: true,
    bound: '`limits.inflatedPayload`, `limits.messagesWithoutEffect`',
    ask: (server) =>
      times(10, () => server.say(ignore, { data: bytes(defaultLimits.inflatedPayload - 100) })),
  },
  {
    asks: 'another key exchange',
    from: 'login',
    connections: 20,
    bound: '`limits.keyExchangesWithoutData`',
    listens: true,
    ask: (server) => server.core.rekey(),
  },
];

export const clientProbes: readonly ClientProbe[] = [...beforeTheKeys, ...beforeLogin, ...afterLogin];

/**
 * What a client can ask of a server.
 *
 * Owns: a probe for each message that makes a server compute or hold something.
 * Must not know: what is measured.
 */
import { defaultLimits } from '../../src/base/limits.ts';
import type { Channel } from '../../src/connection/channel.ts';
import type { KexName } from '../../src/crypto/algorithms.ts';
import { dhGroup } from '../../src/crypto/kex/dhGroups.ts';
import { groupExchangeMethod, isGroupExchange, kexMethod } from '../../src/crypto/kex/kex.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { channelData, channelOpen, channelWindowAdjust, directTcpip } from '../../src/message/channel.ts';
import { channelRequest, env, exec, ptyReq } from '../../src/message/channelRequest.ts';
import { globalRequest } from '../../src/message/globalRequest.ts';
import { kexDhGexInit, kexDhGexRequest, kexDhInit, kexEcdhInit } from '../../src/message/kex.ts';
import { debug, ignore, ping } from '../../src/message/transport.ts';
import {
  userauthKeyboardInteractiveRequest,
  userauthNoneRequest,
  userauthPasswordRequest,
  userauthPublickeyQuery,
  userauthPublickeyRequest,
} from '../../src/message/userauth.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { payloadOf } from '../support/conversation.ts';
import { type AttackClient, attackProvider, clearPackets, shortKexInit } from './attackClient.ts';
import type { ServerProbe } from './probe.ts';

const me = { userName: 'user', serviceName: 'ssh-connection' };
const empty: Uint8Array = new Uint8Array(0);
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(0x61);
const times = (count: number, step: (index: number) => void): void => {
  for (let i = 0; i < count; i++) step(i);
};

/** `maxStartups` bounds how many may be at it. */
const startups = '`maxStartups`, `loginTimeout`';
const budget = '`keyExchangeBudget`';
const idle = '`limits.messagesWithoutEffect`';

/** The init of a method: a value that was computed once and is sent for ever. */
function initOf(kex: KexName): Uint8Array[] {
  if (isGroupExchange(kex)) {
    const method = groupExchangeMethod(kex, empty, dhGroup('group16'));
    const { publicValue } = method.initiate(attackProvider);
    const sizes = { min: 2048, n: 8192, max: 8192 };
    return [payloadOf(kexDhGexRequest, sizes), payloadOf(kexDhGexInit, { e: publicValue })];
  }
  const method = kexMethod(kex);
  const { publicValue } = method.initiate(attackProvider);
  return [
    method.valueEncoding === 'mpint'
      ? payloadOf(kexDhInit, { e: publicValue })
      : payloadOf(kexEcdhInit, { clientPublicKey: publicValue }),
  ];
}

const offered = resolveAlgorithms(undefined, 'server').kex as readonly KexName[];
const twins: readonly string[] = ['curve25519-sha256@libssh.org', 'sntrup761x25519-sha512@openssh.com'];

const keyExchanges: readonly ServerProbe[] = offered
  .filter((kex) => !twins.includes(kex))
  .map((kex) => {
    const init = initOf(kex);
    return {
      asks: `a key exchange by ${kex}`,
      from: 'connect',
      connections: 60,
      bound: budget,
      ask: (client: AttackClient) => client.begin(shortKexInit(kex), ...init),
    };
  });

const rsaInit = initOf('curve25519-sha256');

const beforeTheKeys: readonly ServerProbe[] = [
  { asks: 'nothing', from: 'connect', connections: 60, bound: startups, ask: () => {} },
  {
    asks: 'an identification without end',
    from: 'connect',
    connections: 40,
    bound: '`limits.identificationLine`',
    ask: (client) => client.raw(bytes(250)),
  },
  {
    asks: 'an identification, and then nothing',
    from: 'connect',
    connections: 60,
    bound: startups,
    ask: (client) => client.raw(Buffer.from('SSH-2.0-x\r\n')),
  },
  {
    asks: 'a KEXINIT, and then nothing',
    from: 'connect',
    connections: 60,
    bound: startups,
    ask: (client) => client.begin(shortKexInit('curve25519-sha256')),
  },
  {
    asks: 'a KEXINIT with 500 names in each list',
    from: 'connect',
    connections: 20,
    bound: startups,
    ask: (client) => {
      const names = Array.from({ length: 500 }, (_, index) => `x${index}`);
      const short = shortKexInit('curve25519-sha256');
      client.begin({
        ...short,
        kexAlgorithms: [...names, 'curve25519-sha256'],
        encryptionAlgorithmsClientToServer: [...names, 'aes128-gcm@openssh.com'],
        encryptionAlgorithmsServerToClient: [...names, 'aes128-gcm@openssh.com'],
        serverHostKeyAlgorithms: [...names, 'ssh-ed25519'],
      });
    },
  },
  {
    asks: 'all but the last byte of the longest packet',
    from: 'connect',
    connections: 20,
    bound: '`limits.unauthenticatedPacketLength`',
    ask: (client) => {
      client.raw(Buffer.from('SSH-2.0-x\r\n'));
      const packet = clearPackets(payloadOf(ignore, { data: bytes(34_900) }));
      client.raw(packet.subarray(0, packet.length - 1));
    },
  },
  {
    asks: 'IGNORE, 5,000 times',
    from: 'connect',
    connections: 4,
    bound: idle,
    ask: (client) => {
      client.begin(shortKexInit('curve25519-sha256'));
      const one = clearPackets(payloadOf(ignore, { data: empty }));
      client.raw(Buffer.concat(Array.from({ length: 5_000 }, () => one)));
    },
  },
  ...keyExchanges,
  {
    asks: 'a signature by an RSA host key of 3,072 bits',
    from: 'connect',
    connections: 60,
    bound: budget,
    ask: (client) => client.begin(shortKexInit('curve25519-sha256', 'rsa-sha2-512'), ...rsaInit),
  },
];

/** A key of this type that nobody could have made; it has the form of one. */
function rsaKey(bits: number, exponentBytes: number): Uint8Array {
  const modulus = new Uint8Array(bits / 8).fill(0xff);
  const exponent = new Uint8Array(exponentBytes).fill(0xff);
  return new WireWriter().text('ssh-rsa').mpint(exponent).mpint(modulus).copyWritten();
}

function signatureOf(algorithm: string, length: number): Uint8Array {
  return new WireWriter().text(algorithm).string(new Uint8Array(length).fill(0x7f)).copyWritten();
}

const ed25519Key = new WireWriter()
  .text('ssh-ed25519')
  .string(Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex'))
  .copyWritten();
const p521Key = new WireWriter()
  .text('ecdsa-sha2-nistp521')
  .text('nistp521')
  .string(kexMethod('ecdh-sha2-nistp521').initiate(attackProvider).publicValue)
  .copyWritten();
/** Two numbers in range. */
const p521Signature = new WireWriter()
  .text('ecdsa-sha2-nistp521')
  .string(new WireWriter().mpint(bytes(65)).mpint(bytes(65)).copyWritten())
  .copyWritten();

const forged = (
  userName: string,
  publicKeyAlgorithm: string,
  publicKey: Uint8Array,
  signature: Uint8Array,
): Parameters<typeof userauthPublickeyRequest.encode>[1] => ({
  userName,
  serviceName: 'ssh-connection',
  methodName: 'publickey',
  hasSignature: true,
  publicKeyAlgorithm,
  publicKey,
  signature,
});

const attempts = '`limits.authenticationAttempts`';
const rounds = '`limits.authenticationRounds`';

const beforeLogin: readonly ServerProbe[] = [
  {
    asks: 'a password of 30,000 bytes, and waits for its verdict',
    from: 'authentication',
    connections: 20,
    bound: startups,
    ask: (client) =>
      client.say(userauthPasswordRequest, {
        ...me,
        methodName: 'password',
        changesPassword: false,
        password: `wait é${'a'.repeat(30_000)}`,
      }),
  },
  {
    asks: 'the longest name of a user, and waits for a verdict',
    from: 'authentication',
    connections: 60,
    bound: startups,
    ask: (client) =>
      client.say(userauthPasswordRequest, {
        ...me,
        userName: `é${'a'.repeat(1022)}`,
        methodName: 'password',
        changesPassword: false,
        password: 'wait',
      }),
  },
  {
    asks: 'eight requests ahead of a verdict',
    from: 'authentication',
    connections: 40,
    bound: '8 requests and 64 KiB',
    ask: (client) =>
      times(9, (index) =>
        client.say(userauthPasswordRequest, {
          ...me,
          methodName: 'password',
          changesPassword: false,
          password: index === 0 ? 'wait' : 'x',
        }),
      ),
  },
  {
    asks: '`none`, 60 times',
    from: 'authentication',
    connections: 20,
    bound: rounds,
    ask: (client) => times(60, () => client.say(userauthNoneRequest, { ...me, methodName: 'none' })),
  },
  {
    asks: 'whether a key would do, for 60 keys',
    from: 'authentication',
    connections: 20,
    bound: rounds,
    ask: async (client) => {
      for (let i = 0; i < 60; i++) {
        client.say(userauthPublickeyQuery, {
          ...me,
          methodName: 'publickey',
          hasSignature: false,
          publicKeyAlgorithm: 'ssh-ed25519',
          publicKey: ed25519Key,
        });
        await paced(client, i);
      }
    },
  },
  {
    asks: 'a dialogue of keyboard-interactive, 5 times',
    from: 'authentication',
    connections: 20,
    bound: rounds,
    ask: async (client) => {
      for (let i = 0; i < 5; i++) {
        client.say(userauthKeyboardInteractiveRequest, {
          ...me,
          methodName: 'keyboard-interactive',
          languageTag: '',
          submethods: '',
        });
        await paced(client, i);
      }
    },
  },
  ...(
    [
      ['an Ed25519 key', 'ssh-ed25519', ed25519Key, signatureOf('ssh-ed25519', 64)],
      ['an ECDSA key on P-521', 'ecdsa-sha2-nistp521', p521Key, p521Signature],
      ['an RSA key of 4,096 bits', 'rsa-sha2-512', rsaKey(4096, 3), signatureOf('rsa-sha2-512', 512)],
      [
        'an RSA key of 8,192 bits and the longest exponent',
        'rsa-sha2-512',
        rsaKey(8192, 8),
        signatureOf('rsa-sha2-512', 1024),
      ],
    ] as const
  ).flatMap(([what, algorithm, key, signature]): ServerProbe[] => [
    {
      asks: `a login with a forged signature by ${what} of the user`,
      from: 'authentication',
      connections: 20,
      bound: attempts,
      ask: (client) => client.say(userauthPublickeyRequest, forged('known', algorithm, key, signature)),
    },
  ]),
  {
    asks: 'a login with an RSA key of 16,384 bits',
    from: 'authentication',
    connections: 20,
    bound: attempts,
    ask: (client) =>
      client.say(
        userauthPublickeyRequest,
        forged('known', 'rsa-sha2-512', rsaKey(16_384, 8), signatureOf('rsa-sha2-512', 2048)),
      ),
  },
  {
    asks: 'DEBUG, 2,000 times',
    from: 'authentication',
    connections: 10,
    bound: idle,
    ask: (client) =>
      times(2_000, () => client.say(debug, { alwaysDisplay: false, message: '', languageTag: '' })),
  },
  {
    asks: 'another key exchange',
    from: 'authentication',
    connections: 20,
    bound: '`limits.keyExchangesWithoutData`, `keyExchangeBudget`',
    listens: true,
    ask: (client) => client.core.rekey(),
  },
];

/** Lets the server answer now and then: what is sent ahead is bounded. */
async function paced(client: AttackClient, index: number): Promise<void> {
  if (index % 6 !== 5) return;
  await client.drained();
  await new Promise((resolve) => setTimeout(resolve, 25));
}

const open = (client: AttackClient, senderChannel: number, channelType: string, data = empty): void =>
  client.say(channelOpen, {
    channelType,
    senderChannel,
    initialWindowSize: 0xffff,
    maximumPacketSize: 0x8000,
    channelTypeData: data,
  });

const request = (
  client: AttackClient,
  channel: Channel,
  requestType: string,
  requestData: Uint8Array,
): void =>
  client.say(channelRequest, {
    recipientChannel: channel.remoteId,
    requestType,
    wantReply: false,
    requestData,
  });

const connectionWindow = '`limits.connectionWindow`';

const afterLogin: readonly ServerProbe[] = [
  {
    asks: 'ten sessions',
    from: 'login',
    connections: 20,
    bound: '`maxSessions`',
    ask: (client) => times(10, (index) => open(client, index, 'session')),
  },
  {
    asks: '2,000 sessions beyond the tenth',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (client) => times(2_010, (index) => open(client, index, 'session')),
  },
  {
    asks: '2,000 channels of a type there is not',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (client) => times(2_000, (index) => open(client, index, 'x11')),
  },
  {
    asks: '2,000 connections that the application refuses',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (client) =>
      times(2_000, (index) =>
        open(
          client,
          index,
          directTcpip.name,
          directTcpip.toBytes({
            hostToConnect: 'é',
            portToConnect: 1,
            originatorIpAddress: '',
            originatorPort: 1,
          }),
        ),
      ),
  },
  {
    asks: 'a command that reads nothing, and sends it 20,000 packets of a byte',
    from: 'login',
    connections: 2,
    bound: connectionWindow,
    listens: true,
    ask: async (client) => {
      const { remoteId: recipientChannel } = await client.session('hold');
      times(20_000, () => client.say(channelData, { recipientChannel, data: bytes(1) }));
    },
  },
  {
    asks: 'a command that reads nothing, and fills its window',
    from: 'login',
    connections: 4,
    bound: connectionWindow,
    listens: true,
    ask: async (client) => {
      const { remoteId: recipientChannel } = await client.session('hold');
      for (let i = 0; i < 64; i++) {
        client.say(channelData, { recipientChannel, data: bytes(defaultLimits.maximumPacketSize) });
        await client.drained();
      }
    },
  },
  {
    asks: 'a session without a process, and fills its window',
    from: 'login',
    connections: 4,
    bound: connectionWindow,
    listens: true,
    ask: async (client) => {
      const { remoteId: recipientChannel } = await client.session();
      for (let i = 0; i < 64; i++) {
        client.say(channelData, { recipientChannel, data: bytes(defaultLimits.maximumPacketSize) });
        await client.drained();
      }
    },
  },
  {
    asks: 'a command of 200,000 bytes',
    from: 'login',
    connections: 10,
    bound: '`limits.packetLength`',
    listens: true,
    ask: async (client) => void (await client.session(`hold é${'a'.repeat(200_000)}`)),
  },
  {
    asks: '200 variables',
    from: 'login',
    connections: 10,
    bound: '256 variables of 64 KiB',
    listens: true,
    ask: async (client) => {
      const channel = await client.session();
      times(200, (index) =>
        request(client, channel, env.name, env.toBytes({ variableName: `N${index}`, variableValue: 'é' })),
      );
    },
  },
  {
    asks: 'a terminal with the longest name, and all modes',
    from: 'login',
    connections: 20,
    bound: 'one a session',
    listens: true,
    ask: async (client) => {
      const channel = await client.session();
      const modes = new Uint8Array(159 * 5 + 1);
      times(159, (index) => {
        modes[5 * index] = index + 1;
      });
      const terminal = {
        term: `é${'a'.repeat(1022)}`,
        columns: 1,
        rows: 1,
        widthPixels: 0,
        heightPixels: 0,
        encodedTerminalModes: modes,
      };
      request(client, channel, ptyReq.name, ptyReq.toBytes(terminal));
    },
  },
  {
    asks: '2,000 commands, one after the other',
    from: 'login',
    connections: 2,
    bound: '`maxSessions` at a time',
    listens: true,
    ask: async (client) => {
      for (let i = 0; i < 250; i++) {
        const channels = Array.from({ length: 8 }, () => client.core.connection.open('session', empty));
        client.flush();
        await new Promise((resolve) => setTimeout(resolve, 8));
        for (const channel of channels) {
          if (channel.state !== 'open') continue;
          channel.request(exec.name, exec.toBytes({ command: 'x' }), false);
        }
        client.flush();
        await new Promise((resolve) => setTimeout(resolve, 8));
        client.flush();
      }
    },
  },
  {
    asks: '2,000 global requests that want an answer',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (client) =>
      times(2_000, () =>
        client.say(globalRequest, { requestName: 'x', wantReply: true, requestData: empty }),
      ),
  },
  {
    asks: '2,000 pings',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (client) => times(2_000, () => client.say(ping, { data: empty })),
  },
  {
    asks: '2,000 windows for channels that are gone',
    from: 'login',
    connections: 4,
    bound: idle,
    ask: (client) =>
      times(2_000, () => client.say(channelWindowAdjust, { recipientChannel: 9, bytesToAdd: 1 })),
  },
  {
    asks: 'ten IGNORE that become 250,000 bytes each, where it allows compression',
    from: 'login',
    connections: 10,
    compresses: true,
    bound: '`limits.inflatedPayload`, `limits.messagesWithoutEffect`',
    ask: (client) =>
      times(10, () => client.say(ignore, { data: bytes(defaultLimits.inflatedPayload - 100) })),
  },
  {
    asks: 'another key exchange',
    from: 'login',
    connections: 20,
    bound: '`limits.keyExchangesWithoutData`',
    listens: true,
    ask: (client) => client.core.rekey(),
  },
];

export const serverProbes: readonly ServerProbe[] = [...beforeTheKeys, ...beforeLogin, ...afterLogin];

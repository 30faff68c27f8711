/**
 * Writes fixtures/corpus: what is said in true conversations, in the form the targets take.
 *
 * Owns: which conversations these are, and the seeds of their randomness.
 * Must not know: mutation.
 *
 * Nothing here comes from the outside: messages are those of the tests of
 * `message`, conversations are held between both roles of this project with toy
 * arithmetic, identification lines and known_hosts are written by hand. The seeds
 * below are all the randomness there is, so the same sources give the same files.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { channelOpen } from '../../src/message/channel.ts';
import { channelRequest } from '../../src/message/channelRequest.ts';
import { globalRequest } from '../../src/message/globalRequest.ts';
import {
  channelRequestTypes,
  channelTypes,
  decodeMessage,
  encodeMessage,
  globalRequestNames,
} from '../../src/message/registry.ts';
import { allMessages } from '../message/messages.ts';
import { allPayloads } from '../message/payloads.ts';
import { seededBytes } from '../sim/random.ts';
import { createToyProvider, toyAlgorithms, toyKey } from '../sim/toyCrypto.ts';
import { Conversation } from '../support/conversation.ts';
import { withFirst } from './corpus.ts';
import { play } from './player.ts';
import { encodeRecords, type FuzzRecord } from './records.ts';
import { contexts } from './targets/messages.ts';

/** One for each source of randomness; which numbers they are does not matter, only that they stay. */
const seeds = {
  /** Cookie, key pairs and padding of the client. */
  client: 1,
  /** The same of the server. */
  server: 2,
  /** The server's host key, whose signature is in `session.txt`. */
  hostKey: 3,
} as const;

type Line = readonly [label: string, data: Uint8Array];

/** Every message there is, in the context that gives it a meaning; every payload in a message that carries it. */
function messageLines(): Line[] {
  const lines: Line[] = allMessages.flatMap(({ codec, encoded }) => {
    const context = contexts.findIndex((candidate) => {
      try {
        return decodeMessage(encoded, candidate).codec === codec;
      } catch {
        return false;
      }
    });
    return context < 0 ? [] : [[codec.name, withFirst(context, encoded)] as const];
  });
  for (const { codec, encoded } of allPayloads) {
    const { name } = codec;
    if (channelTypes.has(name)) {
      const value = {
        channelType: name,
        senderChannel: 1,
        initialWindowSize: 65_536,
        maximumPacketSize: 32_768,
      };
      lines.push([name, withFirst(0, encodeMessage(channelOpen, { ...value, channelTypeData: encoded }))]);
    } else if (channelRequestTypes.has(name)) {
      const value = { recipientChannel: 0, requestType: name, wantReply: true, requestData: encoded };
      lines.push([name, withFirst(0, encodeMessage(channelRequest, value))]);
    } else if (globalRequestNames.has(name)) {
      const value = { requestName: name, wantReply: true, requestData: encoded };
      lines.push([name, withFirst(0, encodeMessage(globalRequest, value))]);
    }
  }
  return lines;
}

/** What the server of a conversation sealed, and the bytes it put on the wire. */
function heard(): { readonly payloads: readonly Uint8Array[]; readonly identification: Uint8Array } {
  const payloads: Uint8Array[] = [];
  const conversation = new Conversation({
    client: { provider: createToyProvider(seededBytes(seeds.client)), preferences: toyAlgorithms },
    server: {
      provider: createToyProvider(seededBytes(seeds.server)),
      preferences: toyAlgorithms,
      hostKeys: [toyKey(seededBytes(seeds.hostKey)(32))],
    },
    tamper: (payload) => {
      payloads.push(payload.slice());
      return payload;
    },
  });
  conversation.proceed('ready').exchange();
  return { payloads, identification: new Uint8Array(Buffer.from('SSH-2.0-scripted_peer\r\n')) };
}

const say = (payload: Uint8Array): FuzzRecord => ({ operation: play.say, payload });
const go: FuzzRecord = { operation: play.exchange, payload: new Uint8Array(0) };
const act = (operation: number, ...payload: number[]): FuzzRecord => ({
  operation,
  payload: Uint8Array.from(payload),
});
const hex = (...parts: string[]): Uint8Array =>
  new Uint8Array(Buffer.from(parts.join('').replaceAll(' ', ''), 'hex'));
const text = (value: string): string =>
  value.length.toString(16).padStart(8, '0') + Buffer.from(value).toString('hex');

const lengthOf = (bytes: Uint8Array): string => bytes.length.toString(16).padStart(8, '0');
/** A key of the form of Ed25519, and a signature of that form. */
const blob = hex(text('ssh-ed25519'), '00000020', '07'.repeat(32));
const signature = hex(text('ssh-ed25519'), '00000040', '09'.repeat(64));

function sessionLines(): Line[] {
  const { payloads, identification } = heard();
  const failure = say(hex('33', text('password,keyboard-interactive,publickey'), '00'));
  const prompts = say(
    hex('3c', text('n'), text('i'), text(''), '00000002', text('Code'), '01', text('Again'), '00'),
  );
  const opened = [act(play.open, 0, 1), go, act(play.serverDecide, 0, 1), go];
  return [
    [
      'the whole, said by the script',
      encodeRecords(0, [{ operation: play.raw, payload: identification }, ...payloads.map(say)]),
    ],
    ['the whole, by the true server', encodeRecords(0, [go, go, ...opened])],
    ['a changed KEXINIT', encodeRecords(1, [act(play.tamper, 0, 40, 1), go, go])],
    ['a changed reply', encodeRecords(1, [go, act(play.tamper, 0, 60, 1), go])],
    [
      'prompts',
      encodeRecords(3, [
        act(play.answer, 1),
        failure,
        act(play.answer, 2),
        prompts,
        act(play.answer, 0, 65),
        failure,
      ]),
    ],
    [
      'a password to change',
      encodeRecords(3, [
        act(play.answer, 1, 65),
        say(hex('3c', text('too old'), text(''))),
        act(play.answer, 0, 65),
        say(hex('34')),
      ]),
    ],
    [
      'a banner, then a key',
      encodeRecords(3, [
        say(hex('35', text('hello'), text(''))),
        act(play.answer, 131, ...blob),
        say(hex('3c', text('ssh-ed25519'), lengthOf(blob), Buffer.from(blob).toString('hex'))),
        act(play.answer, 0, ...signature),
        say(hex('34')),
      ]),
    ],
    [
      'a key without a question, then no signature',
      encodeRecords(3, [act(play.answer, 3, ...blob), act(play.answer, 1), act(play.answer, 0), failure]),
    ],
    ['a key that is refused', encodeRecords(3, [act(play.answer, 131, ...blob), failure])],
    [
      'data both ways',
      encodeRecords(4, [
        ...opened,
        act(play.write, 0, 0, 0x20, 0),
        say(hex('5e 00000000', text('output'))),
        say(hex('5f 00000000 00000001', text('errors'))),
        act(play.take, 0, 0),
        act(play.take, 0, 1),
        say(hex('5d 00000000 00010000')),
        go,
        say(hex('62 00000000', text('exit-status'), '00 00000003')),
        say(hex('60 00000000')),
        say(hex('61 00000000')),
      ]),
    ],
    [
      'requests and answers',
      encodeRecords(4, [
        ...opened,
        act(play.request, 0, 1, 0, 120),
        say(hex('63 00000000')),
        act(play.request, 0, 1, 0, 120),
        say(hex('64 00000000')),
        act(play.globalRequest, 0, 1),
        say(hex('51')),
        act(play.globalRequest, 0, 1),
        say(hex('52')),
      ]),
    ],
    [
      'opens of the peer',
      encodeRecords(4, [
        say(hex('5a', text('x11'), '00000005 00010000 00008000', text('::1'), '00000001')),
        act(play.decide, 0, 1),
        say(hex('5e 00000000', text('x'))),
        say(hex('5a', text('forwarded-tcpip'), '00000006 00010000 00008000')),
        act(play.decide, 0, 0),
      ]),
    ],
    [
      'an open that fails',
      encodeRecords(4, [act(play.open, 0, 1), say(hex('5c 00000000 00000001', text('no'), text('')))]),
    ],
    [
      'new keys of the peer',
      encodeRecords(4, [
        ...opened,
        act(play.serverRekey),
        act(play.write, 0, 0, 1, 0),
        go,
        act(play.rekey),
        go,
      ]),
    ],
    [
      'without effect',
      encodeRecords(4, [
        say(hex('02', text('x'))),
        say(hex('04 01', text('hello'), text(''))),
        say(hex('03 00000005')),
        say(hex('c0', text('ping'))),
        say(hex('c1', text(''))),
        say(hex('50', text('hostkeys-00@openssh.com'), '00', text('x'))),
        say(hex('d3')),
      ]),
    ],
    [
      'silence',
      encodeRecords(4, [...opened, act(play.time, 1, 0), act(play.time, 1, 0), act(play.time, 8, 0)]),
    ],
    ['goodbye', encodeRecords(4, [say(hex('01 0000000b', text('bye'), text('')))])],
    ['the link ends', encodeRecords(4, [...opened, act(play.linkEnds)])],
  ];
}

function operationLines(): Line[] {
  const opened = [act(play.open, 0, 1), go, act(play.serverDecide, 0, 1), go];
  return [
    [
      'an exchange',
      encodeRecords(0, [
        ...opened,
        act(play.write, 0, 0, 0xff, 0xff),
        go,
        act(play.serverTake, 0, 0),
        go,
        act(play.serverWrite, 0, 0, 0x80, 0),
        act(play.serverWrite, 0, 1, 0x10, 0),
        go,
        act(play.take, 0, 0),
        act(play.take, 0, 1),
        act(play.eof, 0),
        act(play.serverEof, 0),
        go,
        act(play.close, 0),
        go,
      ]),
    ],
    [
      'requests',
      encodeRecords(0, [
        ...opened,
        act(play.request, 0, 1, 0),
        act(play.request, 0, 0, 1),
        go,
        act(play.serverDecide, 1, 1),
        go,
        act(play.serverRequest, 0, 1, 0),
        go,
        act(play.decide, 1, 1),
        go,
      ]),
    ],
    [
      'several channels',
      encodeRecords(0, [
        ...opened,
        ...opened,
        ...opened,
        act(play.write, 1, 0, 0x40, 0),
        act(play.write, 2, 0, 0x40, 0),
        go,
        act(play.serverClose, 1),
        go,
        act(play.serverTake, 2, 0),
      ]),
    ],
    [
      'new keys while data flows',
      encodeRecords(0, [
        ...opened,
        act(play.write, 0, 0, 0xff, 0),
        act(play.rekey),
        act(play.serverRekey),
        go,
        act(play.serverTake, 0, 0),
        act(play.write, 0, 0, 0xff, 0),
        go,
      ]),
    ],
    [
      'opens of the server',
      encodeRecords(0, [
        act(play.serverOpen, 0, 0),
        go,
        act(play.decide, 0, 1),
        go,
        act(play.serverWrite, 0, 0, 0x10, 0),
        go,
        act(play.take, 0, 0),
        act(play.discard, 0),
        act(play.serverOpen, 0, 1),
        go,
        act(play.decide, 0, 0),
        go,
      ]),
    ],
    [
      'global requests',
      encodeRecords(0, [
        act(play.globalRequest, 0, 1),
        act(play.serverGlobalRequest, 0, 1),
        go,
        act(play.serverDecide, 2, 1),
        act(play.decide, 2, 0),
        go,
        act(play.ping),
        go,
      ]),
    ],
    [
      'time',
      encodeRecords(0, [
        ...opened,
        act(play.request, 0, 1, 0),
        act(play.time, 0, 200),
        go,
        act(play.time, 2, 0),
      ]),
    ],
    ['an end', encodeRecords(0, [...opened, act(play.write, 0, 0, 1, 0), act(play.disconnect)])],
  ];
}

function identificationLines(): Line[] {
  const lines = [
    'SSH-2.0-OpenSSH_9.7 Debian-1\r\n',
    'SSH-1.99-Cisco-1.25\n',
    'SSH-2.0-dropbear\r\n\0\0\0\x14',
    'Welcome\r\nto this host\r\nSSH-2.0-x y z\r\n',
    'SSH-1.5-old\r\n',
    'HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n',
    '\x16\x03\x01\0\x05hello',
    `SSH-2.0-${'a'.repeat(246)}\r\n`,
    `${'line\r\n'.repeat(40)}SSH-2.0-late\r\n`,
  ];
  return lines.map((line, index) => [
    JSON.stringify(line.slice(0, 30)),
    withFirst(index * 3, new Uint8Array(Buffer.from(line, 'latin1'))),
  ]);
}

function knownHostsLines(): Line[] {
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl';
  const lines = [
    `host.example ${key} a comment\n`,
    `*.example,!bad.example,10.0.0.? ${key}\n@revoked host.example ${key}\n`,
    `[host.example]:2222 ${key}\n@cert-authority *.example ${key}\n`,
    `# a comment\n\nhost.example 1024 35 123456789\n`,
    `|1|hCgbWIFQVEyPdL1mhIFbK5Y7mXE=|XRWpTD8ljAd7XHXXnAKzlTTbCVE= ${key}\n`,
    `host.example ssh-unknown AAAAC3NzaC11bmtub3duAAAAAA==\n`,
  ];
  return lines.map((line) => [
    JSON.stringify(line.slice(0, 20)),
    new Uint8Array(Buffer.from(line, 'latin1')),
  ]);
}

const corpora: Readonly<Record<string, () => Line[]>> = {
  identification: identificationLines,
  messages: messageLines,
  session: sessionLines,
  operations: operationLines,
  knownHosts: knownHostsLines,
};

/** Writes all of them. */
export function makeCorpus(): void {
  for (const [name, lines] of Object.entries(corpora)) {
    const text = lines().map(
      ([label, data]) => `${Buffer.from(data).toString('hex')} # ${label.replaceAll('#', '')}\n`,
    );
    writeFileSync(join(process.cwd(), 'fixtures/corpus', `${name}.txt`), text.join(''));
    console.log(`${name}: ${text.length} inputs`);
  }
}

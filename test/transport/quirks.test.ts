/**
 * What a scripted peer gets away with when its identification is in the list of
 * quirks, and with no other.
 */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { emptyBytes } from '../../src/base/bytes.ts';
import type { Channel } from '../../src/connection/channel.ts';
import { type AlgorithmOptions, resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { channelClose, channelData, channelFailure } from '../../src/message/channel.ts';
import { requestFailure } from '../../src/message/globalRequest.ts';
import { extInfo, ignore, type KexInit, kexInit, unimplemented } from '../../src/message/transport.ts';
import type { AlgorithmPreferences } from '../../src/transport/kex/negotiation.ts';
import { quirkRows, quirksOf, withoutBroken } from '../../src/transport/quirks.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { Conversation, type ConversationOptions, payloadOf, type Stage } from '../support/conversation.ts';

const modern = 'OpenSSH_9.9';

function speakingAs(softwareVersion: string, stage: Stage, more: ConversationOptions = {}): Conversation {
  return Conversation.to(stage, { ...more, server: { ...more.server, softwareVersion } });
}

/** A channel that both sides have open. */
function openChannel(conversation: Conversation): Channel {
  const channel = conversation.client.at(0).connection.open('session', emptyBytes);
  conversation.exchange();
  const [asked] = conversation.serverEventsOf('channelOpenRequested');
  if (asked === undefined) throw new Error('no channel was asked for');
  conversation.server.at(0).connection.acceptOpen(asked.channel);
  conversation.exchange();
  expect(channel.state).toBe('open');
  return channel;
}

describe('the list of quirks', () => {
  it('knows each example, and no server of today that has none', () => {
    for (const { example, pattern } of quirkRows) expect(example).toMatch(pattern);
    for (const name of [
      modern,
      'OpenSSH_10.0p2',
      'OpenSSH_6.7p1',
      'OpenSSH_6.6.1p1',
      'OpenSSH_7.3',
      'OpenSSH_7.5',
      'AsyncSSH_2.15.0',
      'AsyncSSH_2.20.0',
      'dropbear_2022.83',
      'dropbear_0.52',
      'libssh_0.10.6',
      'Go',
    ]) {
      const known =
        name === 'OpenSSH_6.6.1p1' ? { ...quirksOf(name), answersAfterClose: false } : quirksOf(name);
      expect(known, name).toEqual(quirksOf(undefined));
    }
  });

  it('has nothing against a peer that it does not know', () => {
    for (const name of [undefined, 'nobody_1.0']) {
      expect(quirksOf(name)).toEqual({
        talksDuringRekey: 'nothing',
        unimplementedCountsAhead: false,
        takesRsaSha2: false,
        knowsNoRekey: false,
        answersAfterClose: false,
        mostGroupBits: Number.POSITIVE_INFINITY,
        brokenKex: [],
        alsoKex: [],
        alsoMac: [],
      });
    }
  });

  it('is the table of docs/quirks.md, row by row', () => {
    const text = readFileSync(new URL('../../docs/quirks.md', import.meta.url), 'utf8');
    const rows = text.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => row.split(' | ').slice(0, 2).join(' | '))).toEqual(
      quirkRows.map(
        ({ pattern, example }) => `| \`${pattern.source.replaceAll('|', '\\|')}\` | \`${example}\``,
      ),
    );
  });

  it('counts every row that matches', () => {
    expect(quirksOf('OpenSSH_6.5')).toMatchObject({ answersAfterClose: true, brokenKex: ['curve25519-'] });
  });
});

describe('asyncssh up to 2.14', () => {
  const talksDuringRekey = (softwareVersion: string): Conversation => {
    const conversation = speakingAs(softwareVersion, 'ready');
    const channel = openChannel(conversation);
    const { transport } = conversation.server;
    transport.rekey('user');
    // Data right behind its KEXINIT, sealed with the old keys.
    conversation.queuePayload(payload(channel, 'late'));
    return conversation.exchange();
  };
  const payload = ({ localId: recipientChannel }: Channel, text: string): Uint8Array =>
    payloadOf(channelData, { recipientChannel, data: new TextEncoder().encode(text) });

  it('may send channel data while it rekeys', () => {
    const conversation = talksDuringRekey('AsyncSSH_2.10.1');
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
    const [channel] = conversation.client.connection.list();
    expect(channel?.bytesIn).toBe(4);
  });

  it('is alone in that', () => {
    expect(talksDuringRekey('AsyncSSH_2.15.0').cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });
});

describe('paramiko', () => {
  /** A ping of the client's that is answered right behind the KEXINIT of the server. */
  const answersDuringRekey = (softwareVersion: string): Conversation => {
    const conversation = speakingAs(softwareVersion, 'ready');
    conversation.client.at(0).connection.request('keepalive@openssh.com', emptyBytes, true);
    conversation.server.transport.rekey('user');
    conversation.queuePayload(payloadOf(requestFailure, {}));
    return conversation.exchange();
  };

  it('may answer a global request while it rekeys', () => {
    const conversation = answersDuringRekey('paramiko_2.12.0');
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('globalRequestAnswered')).toMatchObject([{ success: false }]);
  });

  it('is alone in that', () => {
    expect(answersDuringRekey(modern).cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });
});

describe('UNIMPLEMENTED as the answer to a global request', () => {
  /** A ping that is answered with UNIMPLEMENTED for the packet `ahead` of its own. */
  const ping = (softwareVersion: string, ahead: number): Conversation => {
    const conversation = speakingAs(softwareVersion, 'ready');
    const { sealer } = conversation.client.transport;
    const { sequenceNumber } = sealer;
    conversation.client.at(0).connection.request('keepalive@openssh.com', emptyBytes, true);
    conversation.deafenServer().exchange();
    return conversation.say(unimplemented, { packetSequenceNumber: sequenceNumber + ahead });
  };

  it('is a refusal', () => {
    const conversation = ping(modern, 0);
    expect(conversation.eventsOf('globalRequestAnswered')).toMatchObject([
      { success: false, error: undefined },
    ]);
    expect(conversation.cause).toBeUndefined();
  });

  it('names the packet behind it where TinySSH says it', () => {
    expect(ping('tinyssh_20230101-1', 1).eventsOf('globalRequestAnswered')).toHaveLength(1);
    expect(ping('tinyssh_20230101-1', 0).eventsOf('globalRequestAnswered')).toHaveLength(0);
  });

  it('answers no request when it is about another packet', () => {
    expect(ping(modern, 1).eventsOf('globalRequestAnswered')).toHaveLength(0);
  });
});

describe('OpenSSH 7.4', () => {
  const announced = (softwareVersion: string): readonly string[] | undefined => {
    const extensionValue = new TextEncoder().encode('ssh-ed25519,ssh-rsa');
    const said = payloadOf(extInfo, { extensions: [{ extensionName: 'server-sig-algs', extensionValue }] });
    const tamper = (sent: Uint8Array): Uint8Array => (sent[0] === extInfo.number ? said : sent);
    return speakingAs(softwareVersion, 'authentication', { tamper }).client.transport.peerExtensions
      .serverSigAlgs;
  };

  it('takes rsa-sha2 without saying so', () => {
    expect(announced('OpenSSH_7.4')).toEqual(['ssh-ed25519', 'ssh-rsa', 'rsa-sha2-512', 'rsa-sha2-256']);
  });

  it('is alone in that', () => {
    expect(announced('OpenSSH_7.5')).toEqual(['ssh-ed25519', 'ssh-rsa']);
  });
});

/** What the client's first packet offers, behind its identification. */
function offerOf(softwareVersion: string, preferences: Partial<AlgorithmPreferences>): KexInit {
  const conversation = new Conversation({ client: { preferences }, server: { softwareVersion } });
  conversation.exchange();
  const bytes = Buffer.concat(conversation.fromClient);
  const start = bytes.indexOf('\n') + 1;
  const end = start + 4 + bytes.readUInt32BE(start) - bytes.readUInt8(start + 4);
  return kexInit.decode(new WireReader(new Uint8Array(bytes), start + 6, end));
}

describe('key exchange methods that fail with a server', () => {
  const offered = (softwareVersion: string, kex: readonly string[]): readonly string[] =>
    offerOf(softwareVersion, { kex }).kexAlgorithms;

  it('are not offered to OpenSSH 6.5 and 6.6, which encode some secrets of Curve25519 wrongly', () => {
    const kex = ['curve25519-sha256', 'curve25519-sha256@libssh.org', 'ecdh-sha2-nistp256'];
    expect(offered('OpenSSH_6.6', kex)[0]).toBe('ecdh-sha2-nistp256');
    expect(offered('OpenSSH_6.6.1p1', kex)[0]).toBe('curve25519-sha256');
    expect(offered(modern, kex)[0]).toBe('curve25519-sha256');
  });

  it('are all there is where nothing else was asked for', () => {
    expect(offered('OpenSSH_6.6', ['curve25519-sha256'])[0]).toBe('curve25519-sha256');
  });

  it("are those of group exchange with Cisco's", () => {
    const kex = ['diffie-hellman-group-exchange-sha256', 'diffie-hellman-group14-sha256'];
    expect(withoutBroken(kex, quirksOf('Cisco-1.25').brokenKex)).toEqual(['diffie-hellman-group14-sha256']);
    expect(withoutBroken(kex, quirksOf(modern).brokenKex)).toEqual(kex);
  });
});

describe('algorithms that are offered to some servers only', () => {
  const sntrup761 = ['sntrup761x25519-sha512', 'sntrup761x25519-sha512@openssh.com'];
  const plainMacs = ['hmac-sha2-256', 'hmac-sha2-512'];
  const kexOffered = (softwareVersion: string, given?: AlgorithmOptions): readonly string[] =>
    offerOf(softwareVersion, resolveAlgorithms(given)).kexAlgorithms;
  const macsOffered = (softwareVersion: string, given?: AlgorithmOptions): readonly string[] =>
    offerOf(softwareVersion, resolveAlgorithms(given)).macAlgorithmsServerToClient;

  it('sntrup761 goes to OpenSSH 8.5 to 9.8 and TinySSH, behind ML-KEM and before Curve25519', () => {
    const before = kexOffered(modern);
    for (const name of ['OpenSSH_8.5', 'OpenSSH_9.2p1', 'OpenSSH_9.8p1', 'tinyssh_20230101-1']) {
      const [first = '', ...others] = before;
      expect(kexOffered(name), name).toEqual([first, ...sntrup761, ...others]);
    }
    expect(before.slice(0, 2)).toEqual(['mlkem768x25519-sha256', 'curve25519-sha256']);
    for (const name of ['OpenSSH_8.4', 'OpenSSH_9.9', 'OpenSSH_10.0', 'OpenSSH_9.80', 'libssh_0.10.6']) {
      expect(kexOffered(name), name).toEqual(before);
    }
  });

  it('HMAC over the plaintext goes to Twisted Conch and OpenSSH before 6.2, behind all other MACs', () => {
    const before = macsOffered(modern);
    expect(before).toEqual(['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com']);
    for (const name of ['Twisted_22.4.0', 'OpenSSH_5.3', 'OpenSSH_6.1p1']) {
      expect(macsOffered(name), name).toEqual([...before, ...plainMacs]);
    }
    for (const name of ['OpenSSH_6.2', 'OpenSSH_6.10', 'paramiko_2.12.0']) {
      expect(macsOffered(name), name).toEqual(before);
    }
  });

  it('what the user gave name by name stays as it is, and what was removed stays away', () => {
    expect(kexOffered('OpenSSH_9.2p1', { kex: ['curve25519-sha256'] })).not.toEqual(
      expect.arrayContaining([expect.stringMatching(/^sntrup/)]),
    );
    expect(macsOffered('Twisted_22.4.0', { mac: ['hmac-sha2-256-etm@openssh.com'] })).toHaveLength(1);
    const [removed = '', kept = ''] = sntrup761;
    const changed = kexOffered('OpenSSH_9.2p1', {
      kex: { prepend: ['curve448-sha512'], remove: [removed, 'mlkem768x25519-sha256'] },
    });
    expect(changed.slice(0, 3)).toEqual(['curve448-sha512', kept, 'curve25519-sha256']);
  });

  it('sntrup761 is what is agreed on then, with the server and with the client of this library', () => {
    const preferences = resolveAlgorithms({ kex: { remove: ['mlkem768x25519-sha256'] } });
    const conversation = speakingAs('OpenSSH_9.2p1', 'ready', {
      client: { preferences },
      server: { preferences: resolveAlgorithms({ kex: 'compatible' }) },
    });
    expect(conversation.client.transport.keyExchange.negotiated?.kex).toBe('sntrup761x25519-sha512');
  });

  it('nobody on the path gets one offered unnoticed: the host key signs the identification', () => {
    const onTheWire = (bytes: Uint8Array): Uint8Array => {
      const text = Buffer.from(bytes).toString('latin1');
      return text.startsWith('SSH-2.0-OpenSSH_9.9')
        ? new Uint8Array(Buffer.from(text.replace('OpenSSH_9.9', 'OpenSSH_6.1'), 'latin1'))
        : bytes;
    };
    const { cause } = speakingAs(modern, 'start', { onTheWire }).exchange();
    expect(cause).toMatchObject({
      code: 'ERR_SSH_KEY_EXCHANGE',
      message: expect.stringContaining('signature'),
    });
  });
});

describe('a server that knows no rekey', () => {
  const afterAMinute = (softwareVersion: string): number => {
    const conversation = speakingAs(softwareVersion, 'ready', { client: { rekey: { interval: 60_000 } } });
    return conversation.advance(70_000).eventsOf('keyExchanged').length;
  };

  it('is left alone with the keys it has', () => {
    expect(afterAMinute('WeOnlyDo-2.1.3')).toBe(1);
    expect(afterAMinute('Sun_SSH_1.0')).toBe(1);
  });

  it('is not Sun_SSH_1.1, nor OpenSSH', () => {
    expect(afterAMinute('Sun_SSH_1.1')).toBe(2);
    expect(afterAMinute(modern)).toBe(2);
  });
});

describe('an answer to a channel request behind the CHANNEL_CLOSE', () => {
  const late = (softwareVersion: string, times = 1): Conversation => {
    const conversation = speakingAs(softwareVersion, 'ready');
    const { localId: recipientChannel } = openChannel(conversation);
    conversation.deafenServer();
    conversation.say(channelClose, { recipientChannel });
    for (let i = 0; i < times; i++) conversation.say(channelFailure, { recipientChannel });
    return conversation;
  };

  it('is overlooked from OpenSSH up to 6.6 and dropbear up to 0.51', () => {
    for (const old of ['OpenSSH_5.3', 'OpenSSH_6.6', 'dropbear_0.51'])
      expect(late(old).cause, old).toBeUndefined();
  });

  it('is an error from anybody else', () => {
    for (const name of [modern, 'OpenSSH_6.7', 'dropbear_0.52']) {
      expect(late(name).cause, name).toMatchObject({ code: 'ERR_SSH_CHANNEL_PROTOCOL' });
    }
  });

  it('is overlooked so often and no more', () => {
    expect(late('OpenSSH_5.3', 10_001).cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
  });
});

describe('small deviations that no list is needed for', () => {
  it('IGNORE without its data, as from Cisco, has no effect', () => {
    const conversation = Conversation.to('ready').sayPayload(Uint8Array.of(ignore.number));
    expect(conversation.cause).toBeUndefined();
  });

  it('a comma behind the last algorithm of a list, as from libssh 0.10, is overlooked', () => {
    const conversation = Conversation.to('ready', { tamper: withComma });
    // Its exchange hash is of the true KEXINIT, so the signature does not fit; the list was read all the same.
    expect(conversation.cause).toMatchObject({ message: expect.stringContaining('signature') });
  });
});

/** A comma at the end of the lists of ciphers of a KEXINIT. */
function withComma(payload: Uint8Array): Uint8Array {
  if (payload[0] !== kexInit.number) return payload;
  const reader = new WireReader(payload, 17, payload.length);
  const writer = new WireWriter().bytes(payload.subarray(0, 17));
  for (let i = 0; i < 10; i++) {
    const list = reader.text();
    writer.text(i === 2 || i === 3 ? `${list},` : list);
  }
  return writer.bytes(reader.viewRest()).copyWritten();
}

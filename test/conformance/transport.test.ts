/** RFC 4253 and RFC 8308: the statements about the transport that implementations get wrong. */
import { describe, expect, it } from 'vitest';
import { concatBytes, equalBytes, toHex, utf8Encode } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { kexEcdhReply } from '../../src/message/kex.ts';
import { debug, extInfo, ignore, serviceAccept } from '../../src/message/transport.ts';
import { parseIdentification } from '../../src/transport/identification.ts';
import { deriveKey } from '../../src/transport/kex/keys.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { Conversation, payloadOf, seededBytes, withoutKex } from '../support/conversation.ts';

const none = new Uint8Array(0);

describe('identification', () => {
  it('RFC 4253 §4.2: lines that do not begin with "SSH-" may come before the version', () => {
    const conversation = new Conversation().sayBytes(
      utf8Encode('Welcome\r\nto the machine\r\nSSH-2.0-x\r\n'),
    );
    expect(conversation.eventsOf('identified')[0]?.remote.softwareVersion).toBe('x');
  });

  it('RFC 4253 §8: the line enters the hash without CR LF and with its comments', () => {
    const { line, comments } = parseIdentification(utf8Encode('SSH-2.0-x_1 some  comment '));
    expect(line).toEqual(utf8Encode('SSH-2.0-x_1 some  comment '));
    expect(comments).toBe('some  comment ');
    const conversation = Conversation.to('keysExchanged');
    expect(conversation.client.transport.keyExchange.serverIdentification).toEqual(
      utf8Encode('SSH-2.0-scripted_peer'),
    );
  });

  it('RFC 4253 §4.2: a lone LF ends a version line', () => {
    const conversation = new Conversation().sayBytes(utf8Encode('SSH-2.0-x\n'));
    expect(conversation.eventsOf('identified')[0]?.remote.line).toEqual(utf8Encode('SSH-2.0-x'));
  });

  it('RFC 4253 §5.1: SSH-1.99 is 2.0, SSH-1.5 is refused', () => {
    const compatible = new Conversation().sayBytes(utf8Encode('SSH-1.99-x\r\n'));
    expect(compatible.eventsOf('identified')[0]?.remote.protocolVersion).toBe('1.99');
    const old = new Conversation().sayBytes(utf8Encode('SSH-1.5-x\r\n'));
    expect(old.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION' });
    expect(old.cause?.message).toContain('only 2.0 is supported');
  });

  it('RFC 4253 §4.2: bytes behind the version line are the first packet', () => {
    const conversation = new Conversation({ serverKexInit: withoutKex('kex-strict') });
    conversation.server.receive(utf8Encode('SSH-2.0-deadline_ssh\r\n'), 0);
    conversation.sayBytes(conversation.takeServer());
    expect(conversation.client.transport.gateState).toBe('initialKeyExchange');
  });

  it.each([
    ['of 256 characters', `SSH-2.0-${'x'.repeat(246)}\r\n`, true],
    ['of 255 characters', `SSH-2.0-${'x'.repeat(245)}\r\n`, false],
    ['with a NUL', 'SSH-2.0-x\0y\r\n', true],
  ])('RFC 4253 §4.2: a version line %s', (_name, line, refused) => {
    const conversation = new Conversation().sayBytes(utf8Encode(line));
    expect(conversation.cause?.code).toBe(refused ? 'ERR_SSH_IDENTIFICATION' : undefined);
  });
});

describe('packets', () => {
  it('RFC 4253 §6.1: a payload of 32,768 bytes is taken, and one as large as the limit', () => {
    for (const length of [32_768, defaultLimits.packetLength - 64]) {
      const conversation = Conversation.to('ready').say(ignore, { data: new Uint8Array(length - 5) });
      expect(conversation.cause).toBeUndefined();
    }
  });

  it('RFC 4253 §6.4: without strict key exchange the sequence numbers run on through NEWKEYS', () => {
    const conversation = new Conversation({ serverKexInit: withoutKex('kex-strict') }).proceed('ready');
    const { opener, sealer } = conversation.client.transport;
    expect(conversation.client.transport.keyExchange.strict).toBe(false);
    expect(opener.sequenceNumber).toBe(conversation.client.transport.packetsIn);
    expect(sealer.sequenceNumber).toBe(conversation.client.transport.packetsOut);
  });

  it('RFC 4253 §9, RFC 4344 §3.2: new keys after a gibibyte, an hour, and 2^32 blocks of a cipher', () => {
    expect(defaultRekeyPolicy).toMatchObject({ bytes: 2 ** 30, interval: 3_600_000 });
    const conversation = Conversation.to('ready');
    conversation.client.transport.opener.blocks = 2 ** 32 - 3;
    conversation.say(ignore, { data: new Uint8Array(0) }).exchange();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(1);
    conversation.say(ignore, { data: new Uint8Array(0) }).exchange();
    expect(conversation.eventsOf('keyExchanged').map(({ cause }) => cause)).toEqual(['initial', 'blocks']);
    expect(conversation.client.transport.opener.blocks).toBeLessThan(100);
  });

  it('RFC 4253 §9, RFC 4344 §3: new keys by bytes, by packets, by time', () => {
    for (const rekey of [{ bytes: 40_000 }, { packets: 64 }, { interval: 1000 }]) {
      const conversation = Conversation.to('ready', { client: { rekey } });
      for (let i = 0; i < 70; i++)
        conversation.say(debug, { alwaysDisplay: false, message: 'x'.repeat(600), languageTag: '' });
      conversation.advance(1500).exchange();
      const causes = conversation.eventsOf('keyExchanged').map(({ cause }) => cause);
      expect(causes.length).toBeGreaterThan(1);
      expect(causes[1]).toBe(
        { bytes: 'bytes', packets: 'packets', interval: 'time' }[Object.keys(rekey)[0] ?? ''],
      );
    }
  });
});

describe('key exchange', () => {
  it('RFC 4253 §7.1: after our KEXINIT only transport and key exchange messages go out', () => {
    const conversation = Conversation.to('ready').deafenServer();
    conversation.exchange();
    const sent = conversation.client.transport.packetsOut;
    conversation.client.at(0).rekey();
    conversation.client.at(0).connection.open('session', none);
    conversation.exchange();
    expect(conversation.client.transport.packetsOut).toBe(sent + 1);
  });

  it('RFC 4253 §7.1: what was held goes out behind NEWKEYS, in its order', () => {
    const conversation = Conversation.to('ready');
    conversation.client.at(0).rekey();
    conversation.client.at(0).connection.open('session', none);
    conversation.client.at(0).connection.request('a@b', none, false);
    conversation.exchange();
    const seen = conversation.serverEvents.map(({ type }) => type);
    expect(seen.slice(-2)).toEqual(['channelOpenRequested', 'globalRequest']);
  });

  it('RFC 4253 §7.2: the session id is the first H for ever, and the keys change', () => {
    const conversation = Conversation.to('ready');
    const first = conversation.client.transport.keyExchange.sessionId ?? none;
    conversation.client.at(0).rekey();
    conversation.exchange();
    expect(equalBytes(first, conversation.client.transport.keyExchange.sessionId ?? none)).toBe(true);
    expect(equalBytes(first, conversation.server.transport.keyExchange.sessionId ?? none)).toBe(true);
  });

  it('RFC 4253 §7.2: longer keys go on by HASH(K ‖ H ‖ K1)', () => {
    const provider = createEagerNobleProvider({ randomBytes: seededBytes(1) });
    const source = {
      provider,
      hash: 'sha256',
      encodedSecret: Uint8Array.of(0, 0, 0, 1, 5),
      exchangeHash: new Uint8Array(32).fill(1),
      sessionId: new Uint8Array(32).fill(2),
    } as const;
    const hash = (...parts: Uint8Array[]): Uint8Array => {
      const digest = provider.createHash('sha256');
      for (const part of parts) digest.update(part);
      return digest.digest();
    };
    const k1 = hash(source.encodedSecret, source.exchangeHash, utf8Encode('C'), source.sessionId);
    const k2 = hash(source.encodedSecret, source.exchangeHash, k1);
    const k3 = hash(source.encodedSecret, source.exchangeHash, k1, k2);
    expect(toHex(deriveKey(source, 'C', 80))).toBe(toHex(concatBytes(k1, k2, k3).slice(0, 80)));
    expect(toHex(deriveKey(source, 'C', 16))).toBe(toHex(k1.slice(0, 16)));
  });

  it("RFC 4253 §7.3: each direction turns by itself: the server's while ours waits for the host key verdict", () => {
    const conversation = new Conversation({ acceptHostKey: false });
    for (let i = 0; i < 10; i++) conversation.exchange();
    expect(conversation.eventsOf('hostKey')).toHaveLength(1);
    expect(conversation.client.transport.gateState).toBe('service');
    expect(conversation.client.transport.keyExchange.holdsOutput).toBe(true);
    conversation.client.at(0).acceptHostKey();
    conversation.exchange();
    expect(conversation.eventsOf('ready')).toHaveLength(1);
  });

  it('RFC 4253 §10: SERVICE_ACCEPT for a service nobody asked for ends', () => {
    const conversation = new Conversation({ acceptHostKey: false });
    conversation.exchange();
    conversation.say(serviceAccept, { serviceName: 'ssh-userauth' });
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });
});

describe('ext-info and keys', () => {
  const afterNewKeys = (): Conversation => Conversation.to('keysExchanged', { tamper: dropExtInfo });
  const dropExtInfo = (payload: Uint8Array): Uint8Array | undefined =>
    payload[0] === extInfo.number ? undefined : payload;

  it('RFC 8308 §2.4: EXT_INFO comes first after NEWKEYS and at most once more, before SUCCESS', () => {
    const conversation = Conversation.to('keysExchanged');
    expect(conversation.eventsOf('extensions')).toHaveLength(1);
    conversation.proceed('authentication').say(extInfo, { extensions: [] });
    expect(conversation.cause).toBeUndefined();
    conversation.say(extInfo, { extensions: [] });
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });

  it('RFC 8308 §2.4: EXT_INFO after SUCCESS ends', () => {
    const conversation = Conversation.to('ready').say(extInfo, { extensions: [] });
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });

  it('RFC 8308 §2.5: unknown names are ignored; a second EXT_INFO replaces the first', () => {
    const conversation = Conversation.to('authentication').say(extInfo, {
      extensions: [{ extensionName: 'what@ever', extensionValue: Uint8Array.of(0xff) }],
    });
    expect(conversation.cause).toBeUndefined();
    expect(conversation.client.transport.peerExtensions.serverSigAlgs).toBeUndefined();
  });

  it('RFC 8308 §3.1: no server-sig-algs is not an empty one', () => {
    expect(afterNewKeys().client.transport.peerExtensions.serverSigAlgs).toBeUndefined();
  });

  it('RFC 8709 §4: an Ed25519 key in a reply is exactly 32 bytes', () => {
    const conversation = new Conversation({
      tamper: (payload) => {
        if (payload[0] !== kexEcdhReply.number) return payload;
        const reply = kexEcdhReply.decode(new WireReader(payload, 1));
        return payloadOf(kexEcdhReply, { ...reply, hostKey: concatBytes(reply.hostKey, Uint8Array.of(0)) });
      },
    }).exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_DECODE' });
  });
});

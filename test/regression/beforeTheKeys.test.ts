import { describe, expect, it } from 'vitest';
import { utf8Encode } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { channelOpen } from '../../src/message/channel.ts';
import { debug, extInfo, ignore, kexInit, newKeys, ping } from '../../src/message/transport.ts';
import { userauthSuccess } from '../../src/message/userauth.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { Conversation, payloadOf } from '../support/conversation.ts';

/** A packet in the clear (RFC 4253 §6) whose fields can lie. */
function clearPacket(
  payload: Uint8Array,
  lie: { packetLength?: number; paddingLength?: number } = {},
): Uint8Array {
  const padding = 8 - ((5 + payload.length) % 8) + (8 - ((5 + payload.length) % 8) < 4 ? 8 : 0);
  const writer = new WireWriter()
    .uint32(lie.packetLength ?? 1 + payload.length + padding)
    .byte(lie.paddingLength ?? padding)
    .bytes(payload)
    .bytes(new Uint8Array(padding));
  return writer.copyWritten();
}

describe('a peer before its identification', () => {
  it('go#15113: silence ends by the deadline and the error names the phase', () => {
    const conversation = new Conversation().silenceServer().advance(60_000);
    expect(conversation.cause).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'identification',
      origin: 'deadline',
      waitingFor: 'identification',
      deadline: 10_000,
      bytesReceived: 0,
    });
    expect(conversation.client.waits.size).toBe(0);
  });

  it('a drip of a byte a second gains nothing on the same absolute deadline', () => {
    const conversation = new Conversation().silenceServer();
    for (const byte of utf8Encode('SSH-2.0-slow_as_can_be')) {
      conversation.sayBytes(Uint8Array.of(byte)).advance(1000);
      if (conversation.cause !== undefined) break;
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'identification' });
    expect(conversation.cause?.bytesReceived).toBe(10);
    expect(conversation.cause?.message).toContain('SSH-2.0-sl');
  });

  it('CVE-2026-48108: lines without end before the version end at the limits of count and of bytes', () => {
    const short = new Conversation();
    for (let i = 0; i < 1100 && short.cause === undefined; i++) short.sayBytes(utf8Encode('x\r\n'));
    expect(short.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION', phase: 'identification' });
    expect(short.client.bytesReceived).toBe(3 * (defaultLimits.identificationLines + 1));

    const long = new Conversation();
    const line = utf8Encode(`${'y'.repeat(200)}\n`);
    for (let i = 0; i < 1100 && long.cause === undefined; i++) long.sayBytes(line);
    expect(long.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION' });
    expect(long.client.bytesReceived).toBeLessThanOrEqual(defaultLimits.identificationBytes + line.length);
  });

  it('CVE-2026-48108: a line without end ends at the limit of a line', () => {
    const conversation = new Conversation().sayBytes(utf8Encode('z'.repeat(100_000)));
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION' });
  });

  it.each([
    ['an HTTP server', 'HTTP/1.1 400 Bad Request\r\nServer: x\r\n\r\n', 'HTTP/1.1 400 Bad Request'],
    ['a telnet server', '\xff\xfd\x18\xff\xfd\x20login: ', 'login: '],
  ])('asyncssh#260: %s is quoted in the error when it ends', (_name, text, quoted) => {
    const conversation = new Conversation().sayBytes(Uint8Array.from(text, (c) => c.charCodeAt(0)));
    conversation.client.at(0).linkEnded(undefined);
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION', phase: 'identification' });
    expect(conversation.cause?.message).toContain(quoted);
    expect(conversation.cause?.message).not.toMatch(/\p{Cc}/u);
  });

  it('asyncssh#260: TLS is refused at its first zero byte', () => {
    const conversation = new Conversation().sayBytes(Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70));
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION' });
  });

  it.each([
    ['split over many reads', 'SSH-2.0-x_1 a comment\r\n', 1],
    ['with a lone LF', 'SSH-2.0-x_1\n', 100],
    ['of version 1.99', 'SSH-1.99-x_1\r\n', 100],
    ['with an empty software version', 'SSH-2.0-\r\n', 100],
    ['behind other lines', 'hello\r\nthere\nSSH-2.0-x\r\n', 3],
  ])('warpgate#2520: an identification %s is taken', (_name, text, chunk) => {
    const conversation = new Conversation();
    const bytes = utf8Encode(text);
    for (let i = 0; i < bytes.length; i += chunk) conversation.sayBytes(bytes.slice(i, i + chunk));
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('identified')).toHaveLength(1);
  });

  it('warpgate#2520: bytes behind the version in the same chunk are the first packet', () => {
    const conversation = Conversation.to('ready', { chunk: 1_000_000 });
    expect(conversation.cause).toBeUndefined();
  });

  it('ssh2: escape sequences of the peer are escaped in the error', () => {
    const conversation = new Conversation().sayBytes(utf8Encode('SSH-1.5-\x1b[2Jx\r\n'));
    expect(conversation.cause?.code).toBe('ERR_SSH_IDENTIFICATION');
    expect(conversation.cause?.message).toContain('\\x1b');
    expect(conversation.cause?.message).not.toContain('\x1b');
  });
});

describe('packets that cannot be', () => {
  it.each([0, 1, 3, 13, 0x7fffffff, 0xffffffff, defaultLimits.packetLength + 8])(
    'CVE-2024-43410: packet length %i in the clear ends before anything is buffered',
    (packetLength) => {
      const conversation = Conversation.to('identified');
      conversation.sayBytes(new WireWriter().uint32(packetLength).bytes(new Uint8Array(12)).copyWritten());
      expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_PACKET', phase: 'keyExchange' });
      expect(conversation.client.bufferedInput).toBeLessThan(100);
    },
  );

  it.each([0, 3, 250])('CVE-2026-46597: padding length %i ends', (paddingLength) => {
    const conversation = Conversation.to('identified');
    conversation.sayBytes(clearPacket(payloadOf(ignore, { data: new Uint8Array(11) }), { paddingLength }));
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_PACKET' });
  });

  it('CVE-2021-43565: an empty payload ends', () => {
    const conversation = Conversation.to('identified');
    conversation.sayBytes(new WireWriter().uint32(12).byte(11).bytes(new Uint8Array(11)).copyWritten());
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_PACKET' });
  });
});

describe('messages before the keys', () => {
  /** The server's KEXINIT has come; nothing of the client's reaches it any more. */
  const before = (payload: Uint8Array): Conversation => {
    const conversation = Conversation.to('identified').deafenServer().deliver();
    expect(conversation.client.transport.gateState).toBe('initialKeyExchange');
    return conversation.sayPayload(payload);
  };

  it.each([
    ['IGNORE', payloadOf(ignore, { data: new Uint8Array(3) })],
    ['DEBUG', payloadOf(debug, { alwaysDisplay: false, message: 'x', languageTag: '' })],
    ['EXT_INFO', payloadOf(extInfo, { extensions: [] })],
    ['PING', payloadOf(ping, { data: new Uint8Array(0) })],
    ['USERAUTH_SUCCESS', payloadOf(userauthSuccess, {})],
    [
      'CHANNEL_OPEN',
      payloadOf(channelOpen, {
        channelType: 'session',
        senderChannel: 0,
        initialWindowSize: 1,
        maximumPacketSize: 1,
        channelTypeData: new Uint8Array(0),
      }),
    ],
    ['a number nobody knows', Uint8Array.of(211)],
  ])('CVE-2023-48795: %s between KEXINIT and NEWKEYS ends under strict key exchange', (_name, payload) => {
    const conversation = before(payload);
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE', phase: 'keyExchange' });
  });

  it('CVE-2023-48795: IGNORE before KEXINIT ends under strict key exchange', () => {
    const conversation = new Conversation();
    let first = true;
    const { sealer } = conversation.server.transport;
    const begin = sealer.begin.bind(sealer);
    sealer.begin = () => {
      if (first) {
        first = false;
        begin().bytes(payloadOf(ignore, { data: new Uint8Array(1) }));
        sealer.finish();
      }
      return begin();
    };
    conversation.exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_KEY_EXCHANGE', phase: 'keyExchange' });
  });

  it('CVE-2023-48795: strict key exchange resets the sequence numbers at NEWKEYS', () => {
    const conversation = Conversation.to('keysExchanged');
    expect(conversation.client.transport.keyExchange.strict).toBe(true);
    expect(conversation.client.transport.opener.sequenceNumber).toBeLessThan(2);
  });

  it('CVE-2023-48795: an option demands strict key exchange', () => {
    const conversation = Conversation.to('start', {
      client: { requireStrict: true },
      tamper: (payload) => {
        if (payload[0] !== kexInit.number) return payload;
        const message = kexInit.decode(new WireReader(payload, 1));
        return payloadOf(kexInit, {
          ...message,
          kexAlgorithms: message.kexAlgorithms.filter((name) => !name.startsWith('kex-strict')),
        });
      },
    }).exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_KEY_EXCHANGE' });
    expect(conversation.cause?.message).toContain('strict');
  });

  it('draft strict-kex: a sequence number that wraps in the first exchange ends', () => {
    const conversation = new Conversation({
      tamper: (payload) => {
        if (payload[0] !== kexInit.number) return payload;
        const message = kexInit.decode(new WireReader(payload, 1));
        const kexAlgorithms = message.kexAlgorithms.filter((name) => !name.startsWith('kex-strict'));
        return payloadOf(kexInit, { ...message, kexAlgorithms });
      },
    });
    conversation.proceed('identified');
    conversation.client.transport.opener.sequenceNumber = 0xffffffff;
    conversation.exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_KEY_EXCHANGE' });
  });

  it('NEWKEYS before a key exchange ends', () => {
    const conversation = Conversation.to('identified').sayBytes(clearPacket(payloadOf(newKeys, {})));
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_KEY_EXCHANGE', phase: 'keyExchange' });
  });

  it('CVE-2025-26466: pings before authentication get no answer', () => {
    const conversation = Conversation.to('authentication').say(ping, { data: new Uint8Array(1000) });
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE', phase: 'authentication' });
  });

  it('CVE-2025-26466: pings after authentication are answered, and a flood of them ends', () => {
    const conversation = Conversation.to('ready');
    conversation.say(ping, { data: utf8Encode('hello') }).exchange();
    expect(conversation.serverEventsOf('pong')).toHaveLength(1);
    for (let i = 0; i < defaultLimits.idleMessages + 10 && conversation.cause === undefined; i++) {
      conversation.say(ping, { data: new Uint8Array(1000) });
      if (i % 100 === 0) conversation.exchange();
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
  });

  it('CVE-2023-46445: EXT_INFO twice before authentication ends', () => {
    const conversation = Conversation.to('keysExchanged');
    conversation.say(extInfo, { extensions: [] });
    conversation.say(extInfo, { extensions: [] });
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });

  it('CVE-2026-55199: EXT_INFO that claims 2^32-1 entries ends at the first look', () => {
    const conversation = new Conversation({
      tamper: (payload) =>
        payload[0] === extInfo.number ? Uint8Array.of(7, 0xff, 0xff, 0xff, 0xff) : payload,
    }).exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_DECODE' });
  });

  it.each([
    ['thousands of names', Array.from({ length: 5000 }, (_, i) => `alg-${i}`).join(',')],
    ['a name of more than 64 characters', 'a'.repeat(65)],
    ['an empty name', 'a,,b'],
  ])('algorithm lists with %s end at the limits', (_name, list) => {
    const payload = new WireWriter().byte(20).bytes(new Uint8Array(16)).text(list);
    for (let i = 0; i < 9; i++) payload.text('');
    const conversation = new Conversation({
      tamper: (sent) => (sent[0] === 20 ? payload.boolean(false).uint32(0).copyWritten() : sent),
    }).exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_DECODE', phase: 'keyExchange' });
  });
});

/** What peers have done before there were keys; and lengths and paddings, under every cipher. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8Encode } from '../../src/base/bytes.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { channelData, channelOpen } from '../../src/message/channel.ts';
import { globalRequest } from '../../src/message/globalRequest.ts';
import { debug, extInfo, ignore, newKeys, ping, serviceAccept } from '../../src/message/transport.ts';
import { userauthFailure, userauthSuccess } from '../../src/message/userauth.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { nameOf, suites } from '../packet/support.ts';
import { Conversation, type ConversationOptions, payloadOf, withoutKex } from '../support/conversation.ts';
import { memoryInUse } from '../support/heap.ts';

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

  it('go#15113, paramiko#515: silence after any part of the handshake ends by a deadline that names the phase', () => {
    const whole = Conversation.to('ready').client.bytesReceived;
    const waits = new Set<string | undefined>();
    for (let bytes = 0; bytes < whole; bytes += 13) {
      let left = bytes;
      const onTheWire = (sent: Uint8Array): Uint8Array => {
        const arrives = sent.slice(0, left);
        left -= arrives.length;
        return arrives;
      };
      const { cause, client } = new Conversation({ onTheWire }).exchange().advance(16_000);
      expect(cause).toMatchObject({ code: 'ERR_SSH_TIMEOUT', origin: 'deadline', bytesReceived: bytes });
      expect(cause?.phase).toBe(cause?.waitingFor);
      expect(client.waits.size).toBe(0);
      waits.add(cause?.waitingFor);
    }
    expect([...waits]).toEqual(['identification', 'keyExchange', 'authentication']);
  });

  it('several servers: a drip of a byte a second gains nothing on the same absolute deadline', () => {
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
    // Lines are counted and not kept, but for the first, which the error quotes.
    expect(Math.max(short.peakInput, long.peakInput)).toBe(0);
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

  it('asyncssh#260: noise of any kind ends as no identification, quoted without a control character', () => {
    const noise = fc.uint8Array({ minLength: 1, maxLength: 600 });
    fc.assert(
      fc.property(noise, (bytes) => {
        const conversation = new Conversation().sayBytes(bytes.slice());
        conversation.client.at(0).linkEnded(undefined);
        expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION' });
        expect(conversation.cause?.message).not.toMatch(/\p{Cc}/u);
      }),
    );
  });

  it('asyncssh#260: TLS is refused at its first zero byte', () => {
    const conversation = new Conversation().sayBytes(Uint8Array.of(0x15, 3, 1, 0, 2, 2, 70));
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION' });
  });

  it.each([
    ['split over many reads', 'SSH-2.0-x_1 a comment\r\n', 1, 'x_1'],
    ['with a lone LF', 'SSH-2.0-x_1\n', 100, 'x_1'],
    ['of version 1.99', 'SSH-1.99-x_1\r\n', 100, 'x_1'],
    ['with an empty software version', 'SSH-2.0-\r\n', 100, ''],
    ['behind other lines', 'hello\r\nthere\nSSH-2.0-x\r\n', 3, 'x'],
  ])('warpgate#2520: an identification %s is taken', (_name, text, chunk, softwareVersion) => {
    const conversation = new Conversation();
    const bytes = utf8Encode(text);
    for (let i = 0; i < bytes.length; i += chunk) conversation.sayBytes(bytes.slice(i, i + chunk));
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('identified')).toMatchObject([{ remote: { softwareVersion } }]);
  });

  it('warpgate#2520: bytes of the first packet in the chunk of the version are that packet', () => {
    const chunks: Uint8Array[] = [];
    const onTheWire = (sent: Uint8Array): Uint8Array => {
      chunks.push(sent.slice());
      return sent;
    };
    const conversation = new Conversation({ onTheWire }).exchange();
    const first = chunks[0] ?? new Uint8Array(0);
    expect(first[first.indexOf(0x0a) + 6]).toBe(20);
    expect(conversation.eventsOf('ready')).toHaveLength(1);
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

  const lengths = [0, 1, 7, 17, 20, 0x7fffffff, 0xfffffff0, 0xffffffff, defaultLimits.packetLength + 16];
  it.each(suites.map((suite) => [nameOf(suite), suite] as const))(
    'CVE-2024-43410, CVE-2026-55200: under %s no false packet length is waited for',
    (_name, { cipher, mac }) => {
      const preferences = { cipher: [cipher], ...(mac && { mac: [mac] }) };
      // Code that the engine compiles meanwhile weighs too, now and then; what a connection held would weigh each time.
      const grown: number[] = [];
      for (const packetLength of [...lengths, 0x7fffffff, 0x7fffffff]) {
        const conversation = Conversation.to('keysExchanged', {
          client: { preferences },
          server: { preferences },
        });
        const before = packetLength === 0x7fffffff ? memoryInUse() : 0;
        conversation.sayFrame(payloadOf(ignore, { data: new Uint8Array(40) }), { packetLength });
        // CBC ends once as much has come as the longest packet has, and keeps none of it (CVE-2008-5161).
        const hidesFaults = cipher.endsWith('-cbc') && mac?.endsWith('-etm@openssh.com') !== true;
        if (hidesFaults) {
          // One array for all: what many held is given back at a moment of the engine's choice.
          const more = new Uint8Array(1024);
          for (let sent = 0; sent < defaultLimits.packetLength; sent += more.length)
            conversation.sayBytes(more);
        }
        // With the length field a whole number of the short blocks: the tag tells.
        const isLegal = hidesFaults && cipher === '3des-cbc' && packetLength === 20;
        const code = isLegal ? 'ERR_SSH_MAC' : 'ERR_SSH_PACKET';
        expect(conversation.cause, String(packetLength)).toMatchObject({ code });
        expect(conversation.client.transport.opener.readNeed).toBeLessThanOrEqual(64);
        expect(conversation.peakInput).toBeLessThan(2048);
        if (before > 0) grown.push(memoryInUse() - before);
      }
      expect(grown).toHaveLength(3);
      expect(Math.min(...grown)).toBeLessThan(256 * 1024);
    },
  );

  it.each(suites.map((suite) => [nameOf(suite), suite] as const))(
    'CVE-2026-46597: under %s no false padding length is taken',
    (_name, { cipher, mac }) => {
      const preferences = { cipher: [cipher], ...(mac && { mac: [mac] }) };
      for (const paddingLength of [0, 3, 100, 255]) {
        const conversation = Conversation.to('keysExchanged', {
          client: { preferences },
          server: { preferences },
        });
        conversation.sayFrame(payloadOf(ignore, { data: new Uint8Array(40) }), { paddingLength });
        expect(conversation.cause, String(paddingLength)).toMatchObject({ code: 'ERR_SSH_PACKET' });
      }
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
  const midway = (payload: Uint8Array, options: ConversationOptions = {}): Conversation => {
    const conversation = Conversation.to('identified', options).deafenServer().deliver();
    expect(conversation.client.transport.gateState).toBe('initialKeyExchange');
    return conversation.sayPayload(payload);
  };
  const lax = { serverKexInit: withoutKex('kex-strict') };
  const ends = { code: 'ERR_SSH_UNEXPECTED_MESSAGE', phase: 'keyExchange' };

  it.each([
    ['IGNORE', payloadOf(ignore, { data: new Uint8Array(3) })],
    ['DEBUG', payloadOf(debug, { alwaysDisplay: false, message: 'x', languageTag: '' })],
    ['EXT_INFO', payloadOf(extInfo, { extensions: [] })],
    ['PING', payloadOf(ping, { data: new Uint8Array(0) })],
    ['a number nobody knows', Uint8Array.of(211)],
  ])('CVE-2023-48795: %s between KEXINIT and NEWKEYS ends under strict key exchange', (_name, payload) => {
    expect(midway(payload).cause).toMatchObject(ends);
  });

  it('CVE-2023-46445: EXT_INFO before encryption ends without strict key exchange too', () => {
    const conversation = midway(payloadOf(extInfo, { extensions: [] }), lax);
    expect(conversation.client.transport.keyExchange.strict).toBe(false);
    expect(conversation.cause).toMatchObject(ends);
    expect(conversation.eventsOf('extensions')).toHaveLength(0);
  });

  it.each([
    ['SERVICE_ACCEPT', payloadOf(serviceAccept, { serviceName: 'ssh-userauth' })],
    ['USERAUTH_SUCCESS', payloadOf(userauthSuccess, {})],
    [
      'USERAUTH_FAILURE',
      payloadOf(userauthFailure, { authenticationsThatCanContinue: ['password'], partialSuccess: false }),
    ],
    [
      'GLOBAL_REQUEST',
      payloadOf(globalRequest, { requestName: 'x@y', wantReply: true, requestData: new Uint8Array(0) }),
    ],
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
    ['CHANNEL_DATA', payloadOf(channelData, { recipientChannel: 0, data: new Uint8Array(1) })],
  ])('CVE-2023-46446: %s before NEWKEYS ends, strict key exchange or not', (_name, payload) => {
    expect(midway(payload).cause).toMatchObject(ends);
    const conversation = midway(payload, lax);
    expect(conversation.cause).toMatchObject(ends);
    expect(conversation.eventsOf('ready')).toHaveLength(0);
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

  it('CVE-2023-48795: strict key exchange resets the sequence numbers at each NEWKEYS', () => {
    const conversation = Conversation.to('ready');
    const { keyExchange, opener, sealer } = conversation.client.transport;
    expect(keyExchange.strict).toBe(true);
    expect([opener.sequenceNumber, sealer.sequenceNumber]).toEqual([opener.packets, sealer.packets]);
    conversation.client.at(0).rekey();
    conversation.exchange();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(2);
    expect([opener.sequenceNumber, sealer.sequenceNumber]).toEqual([opener.packets, sealer.packets]);
    expect(opener.packets).toBeLessThan(conversation.client.transport.packetsIn);
  });

  describe('somebody on the path who takes the EXT_INFO away', () => {
    const client = { preferences: { cipher: ['chacha20-poly1305@openssh.com'] } };
    const ignored = clearPacket(payloadOf(ignore, { data: new Uint8Array(3) }));
    /** Drops what follows NEWKEYS in its chunk; with `insert` a packet goes in before, to keep the count. */
    const truncating = (insert: boolean) => {
      let done = false;
      return (sent: Uint8Array): Uint8Array => {
        const newKeysPacket = 4 + new DataView(sent.buffer, sent.byteOffset).getUint32(0);
        const isReply = sent[5] === 31 && sent[newKeysPacket + 5] === newKeys.number;
        if (done || !isReply) return sent;
        done = true;
        const clear = sent.slice(0, newKeysPacket + 16);
        return insert ? concatBytes(ignored, clear) : clear;
      };
    };

    it('CVE-2023-48795: is noticed by the tag of the next packet, or by the packet that hides the gap', () => {
      const dropped = new Conversation({ client, onTheWire: truncating(false) }).exchange();
      expect(dropped.cause).toMatchObject({ code: expect.stringMatching(/ERR_SSH_(MAC|PACKET)/) });
      const hidden = new Conversation({ client, onTheWire: truncating(true) }).exchange();
      expect(hidden.cause).toMatchObject(ends);
    });

    it('CVE-2023-48795: succeeds without strict key exchange, which is why an option demands it', () => {
      const options = { ...lax, onTheWire: truncating(true) };
      const attacked = new Conversation({ client, ...options }).exchange();
      expect(attacked.cause).toBeUndefined();
      expect(attacked.eventsOf('extensions')).toHaveLength(0);
      expect(attacked.eventsOf('ready')).toHaveLength(1);
      const demanding = new Conversation({ client: { ...client, requireStrict: true }, ...lax }).exchange();
      expect(demanding.cause).toMatchObject({ code: 'ERR_SSH_KEY_EXCHANGE' });
      expect(demanding.cause?.message).toContain('strict');
    });
  });

  it('draft strict-kex: a sequence number that wraps in the first exchange ends', () => {
    const conversation = Conversation.to('identified', lax);
    conversation.client.transport.opener.sequenceNumber = 0xffffffff;
    conversation.exchange();
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_KEY_EXCHANGE' });
    expect(conversation.cause?.message).toContain('wrapped');
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
    for (let i = 0; i < defaultLimits.messagesWithoutEffect + 10 && conversation.cause === undefined; i++) {
      conversation.say(ping, { data: new Uint8Array(1000) });
      if (i % 100 === 0) conversation.exchange();
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
  });

  it('CVE-2025-26466: pings of a peer that does not read the answers end at the bound of the output', () => {
    const conversation = Conversation.to('ready').deafenServer();
    for (let i = 0; i < 1000 && conversation.cause === undefined; i++) {
      // Delivered without anything being taken from the client.
      conversation.say(ping, { data: new Uint8Array(100_000) });
    }
    expect(conversation.cause).toMatchObject({ code: 'ERR_SSH_LIMIT' });
    expect(conversation.peakOutput).toBeGreaterThan(defaultLimits.outputQueue - 101_000);
    expect(conversation.peakOutput).toBeLessThanOrEqual(defaultLimits.outputQueue);
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

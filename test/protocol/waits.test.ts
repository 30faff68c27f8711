/** What a core waits for at each step, from when on, until when, and what is said where nothing comes. */
import { describe, expect, it } from 'vitest';
import { concatBytes, utf8Encode } from '../../src/base/bytes.ts';
import { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { defaultTimeouts } from '../../src/base/timeouts.ts';
import { WaitTable } from '../../src/base/waits.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { resolveAlgorithms } from '../../src/endpoint/options/algorithmOptions.ts';
import { messageNumbers } from '../../src/message/numbers.ts';
import { ignore } from '../../src/message/transport.ts';
import { ClientProtocol } from '../../src/protocol/client.ts';
import { ServerProtocol } from '../../src/protocol/server.ts';
import { identificationLine } from '../../src/transport/identification.ts';
import { defaultRekeyPolicy } from '../../src/transport/transport.ts';
import { Conversation, seededBytes, testHostKey } from '../support/conversation.ts';

const shared = {
  provider: createEagerNobleProvider({ randomBytes: seededBytes(3) }),
  preferences: { ...resolveAlgorithms(undefined), kex: ['curve25519-sha256'], wider: {} },
  limits: defaultLimits,
  timeouts: { ...defaultTimeouts, identification: 700 },
  keepAlive: undefined,
  rekey: defaultRekeyPolicy,
  identification: identificationLine('deadline_ssh'),
  requireStrict: false,
};

function clientAt(now: number, firstByte?: number): ClientProtocol {
  return new ClientProtocol({ ...shared, waits: new WaitTable(), now, firstByte, username: 'user' });
}

const waitsOf = ({ waits }: { readonly waits: WaitTable }): unknown[] =>
  waits.list().map(({ name, since, deadline }) => [name, since, deadline]);

describe('before the identification', () => {
  it('it is waited for from the beginning', () => {
    const client = clientAt(50);
    expect(waitsOf(client)).toEqual([['identification', 50, 750]]);
    expect(client.deadline()).toBe(750);
    // Not one of its bytes makes it longer.
    client.receive(utf8Encode('S'), 600);
    expect(waitsOf(client)).toEqual([['identification', 50, 750]]);
    client.expire(749);
    expect(client.cause).toBeUndefined();
    client.expire(750);
    expect(client.cause).toMatchObject({
      message: `timed out after 700 ms waiting for the peer's identification; it sent "S"`,
      code: 'ERR_SSH_TIMEOUT',
      phase: 'identification',
      origin: 'deadline',
      waitingFor: 'identification',
      elapsed: 700,
      deadline: 700,
      bytesReceived: 1,
    });
    expect(client.cause).not.toHaveProperty('remoteIdentification');
    expect(waitsOf(client)).toEqual([]);
  });

  it('a program that finds the way has its own time for the first byte, and then the peer has its own', () => {
    const client = clientAt(50, 300);
    expect(waitsOf(client)).toEqual([['proxyCommand', 50, 350]]);
    client.receive(utf8Encode('SSH-'), 340);
    expect(waitsOf(client)).toEqual([['identification', 340, 1040]]);
    client.receive(utf8Encode('2.0-x'), 400);
    expect(waitsOf(client)).toEqual([['identification', 340, 1040]]);
    client.receive(utf8Encode('\r\n'), 500);
    expect(waitsOf(client).map((wait) => (wait as string[])[0])).not.toContain('identification');
    const silent = clientAt(50, 300);
    silent.expire(350);
    expect(silent.cause).toMatchObject({
      message: 'timed out after 300 ms waiting for the first byte through the proxy command',
      waitingFor: 'proxyCommand',
      phase: 'identification',
      deadline: 300,
    });
  });

  it.each([
    ['nothing', '', undefined, 'without a word', 'ERR_SSH_CONNECTION_LOST', 'network'],
    [
      'nothing, with a reason',
      '',
      new Error('reset'),
      'without a word',
      'ERR_SSH_CONNECTION_LOST',
      'network',
    ],
    ['half a line', 'SSH', undefined, 'after "SSH"', 'ERR_SSH_IDENTIFICATION', 'peer'],
    ['an empty line', '\r\n', undefined, 'after "\\n"', 'ERR_SSH_IDENTIFICATION', 'peer'],
    [
      'another protocol',
      'HTTP/1.1\r\n',
      new Error('reset'),
      'after "HTTP/1.1',
      'ERR_SSH_IDENTIFICATION',
      'peer',
    ],
  ])('a link that ends after %s', (_name, text, reason, words, code, origin) => {
    const client = clientAt(0);
    client.receive(utf8Encode(text), 1);
    client.linkEnded(reason);
    expect(client.cause).toMatchObject({ code, origin, phase: 'identification' });
    expect(client.cause?.message).toContain(`the peer ended the connection ${words}`);
    expect(client.cause?.cause).toBe(reason);
    const { cause } = client;
    client.linkEnded(new Error('again'));
    expect(client.cause).toBe(cause);
  });

  it('a link that leads nowhere says why itself, unless the peer said something', () => {
    const reason = new SshError('ERR_SSH_CONNECT', 'no way', { phase: 'connect', origin: 'network' });
    const client = clientAt(0);
    client.linkEnded(reason);
    expect(client.cause).toBe(reason);
    const other = clientAt(0);
    other.linkEnded(new SshError('ERR_SSH_CLOSED', 'closed'));
    expect(other.cause).toMatchObject({ code: 'ERR_SSH_CONNECTION_LOST', phase: 'identification' });
    const spoke = clientAt(0);
    spoke.receive(utf8Encode('x'), 0);
    spoke.linkEnded(reason);
    expect(spoke.cause).toMatchObject({ code: 'ERR_SSH_IDENTIFICATION', cause: reason });
  });
});

describe('in a key exchange', () => {
  it('the time in which the host key is looked at is not the peer’s', () => {
    const conversation = new Conversation({
      acceptHostKey: false,
      client: { timeouts: { keyExchange: 1000 } },
    });
    conversation.proceed('identified');
    const { client } = conversation;
    expect(waitsOf(client)).toEqual([['keyExchange', 0, 1000]]);
    conversation.advance(400);
    for (let turn = 0; turn < 20 && conversation.eventsOf('hostKey').length === 0; turn++)
      conversation.exchange();
    expect(waitsOf(client)).toEqual([]);
    client.at(400).userAsked('the host key verdict');
    expect(client.waits.list()).toMatchObject([{ name: 'user', detail: 'the host key verdict', since: 400 }]);
    expect(client.deadline()).toBe(Number.POSITIVE_INFINITY);
    conversation.advance(1_000_000);
    expect(client.cause).toBeUndefined();
  });

  it('the peer has what was left of its time once the host key is accepted', () => {
    // The answer comes in time; its NEWKEYS does not.
    let isSilent = false;
    const conversation = new Conversation({
      acceptHostKey: false,
      client: { timeouts: { keyExchange: 1000 } },
      tamper: (payload) => {
        isSilent ||= payload[0] === messageNumbers.newKeys;
        return isSilent ? undefined : payload;
      },
    });
    conversation.proceed('identified').advance(400);
    for (let turn = 0; turn < 20 && conversation.eventsOf('hostKey').length === 0; turn++)
      conversation.exchange();
    const { client } = conversation;
    client.at(400).userAsked('the host key verdict');
    conversation.advance(5_000);
    client.at(conversation.now).acceptHostKey();
    // 400 of the 1000 are used up.
    expect(waitsOf(client)).toEqual([['keyExchange', conversation.now - 400, conversation.now + 600]]);
    conversation.exchange().advance(599);
    expect(client.cause).toBeUndefined();
    conversation.advance(1);
    expect(client.cause).toMatchObject({
      message: expect.stringMatching(
        /waiting for the key exchange to finish \(it waits for SSH_MSG_NEWKEYS\)$/,
      ),
      phase: 'keyExchange',
      elapsed: 1000,
    });
  });

  it('a host key that is accepted when all else is done leaves no wait', () => {
    const conversation = new Conversation({ acceptHostKey: false }).exchange();
    expect(conversation.eventsOf('hostKey')).toHaveLength(1);
    conversation.client.at(5).acceptHostKey();
    expect(conversation.client.waits.list().map(({ name, detail }) => [name, detail])).toEqual([
      ['authentication', 'SSH_MSG_SERVICE_ACCEPT'],
    ]);
  });
});

describe('in authentication', () => {
  it('each request has the whole time, from when it was sent', () => {
    const conversation = Conversation.to('keysExchanged');
    const { client } = conversation;
    expect(waitsOf(client)).toEqual([['authentication', 0, 15_000]]);
    conversation.proceed('authentication');
    expect(waitsOf(client)).toEqual([]);
    for (const [now, password] of [
      [100, 'wrong'],
      [5_000, 'right'],
    ] as const) {
      client.at(now).attempt({ method: 'password', password });
      expect(client.waits.list()).toMatchObject([
        {
          name: 'authentication',
          detail: 'the answer to the password request',
          since: now,
          deadline: now + 15_000,
        },
      ]);
      conversation.exchange();
      expect(waitsOf(client)).toEqual([]);
    }
    expect(client.phase).toBe('connection');
  });

  it('nobody but the user is waited for while the user is asked, or a key is unlocked', () => {
    const { client } = Conversation.to('authentication');
    client.at(5).userAsked('a password');
    client.at(6).keyUnlocking();
    expect(client.waits.list()).toMatchObject([
      { name: 'unlock', detail: 'a private key to be unlocked', since: 6, timeout: Number.POSITIVE_INFINITY },
    ]);
    client.at(7).userAsked('a password');
    expect(client.waits.list()).toMatchObject([
      { name: 'user', detail: 'a password', since: 7, timeout: Number.POSITIVE_INFINITY },
    ]);
    client.at(8).attempt({ method: 'password', password: 'right' });
    expect(client.waits.list()).toMatchObject([{ name: 'authentication', since: 8 }]);
  });

  it('every answer of the user ends the wait for it, also one that comes after the end', () => {
    for (const answer of [
      (client: ClientProtocol) => client.acceptHostKey(),
      (client: ClientProtocol) => client.attempt({ method: 'none' }),
      (client: ClientProtocol) => client.sign(new Uint8Array(1)),
      (client: ClientProtocol) => client.signatureFailed(),
      (client: ClientProtocol) => client.changePassword('a', 'b'),
      (client: ClientProtocol) => client.refusePasswordChange(),
      (client: ClientProtocol) => client.answerPrompts([]),
      (client: ClientProtocol) => client.refusePrompts(),
    ]) {
      const client = clientAt(0);
      client.fail(new SshError('ERR_SSH_CLOSED', 'closed'));
      client.userAsked('an answer');
      answer(client);
      expect(waitsOf(client)).toEqual([]);
    }
  });
});

describe('a server', () => {
  const server = (loginTimeout: number): ServerProtocol =>
    new ServerProtocol({
      ...shared,
      waits: new WaitTable(),
      now: 20,
      hostKeys: [testHostKey],
      methods: ['password'],
      loginTimeout,
    });

  it('gives its client so long to log in, whatever it does meanwhile', () => {
    const core = server(500);
    expect(waitsOf(core)).toEqual([
      ['identification', 20, 720],
      ['dial', 20, 520],
    ]);
    core.receive(utf8Encode('SSH-2.0-x\r\n'), 400);
    core.expire(519);
    expect(core.cause).toBeUndefined();
    core.expire(520);
    expect(core.cause).toMatchObject({
      message: 'timed out after 500 ms waiting for the client to authenticate',
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'dial',
      elapsed: 500,
      deadline: 500,
      remoteIdentification: 'SSH-2.0-x',
    });
  });
});

describe('a wait of those above the core', () => {
  it('ends the connection where nobody else is told, and as the innermost one where it is the dial', () => {
    const { client } = Conversation.to('ready');
    client.waits.start('dial', 'the dial', 0, 100);
    client.waits.start('request', 'an answer', 10, 500);
    client.expire(99);
    expect(client.cause).toBeUndefined();
    client.expire(100);
    expect(client.cause).toMatchObject({
      message: 'timed out after 100 ms waiting for an answer',
      waitingFor: 'request',
      phase: 'connection',
      elapsed: 100,
      deadline: 100,
    });
  });

  it('is told once, before or after the end, and one that throws ends the connection', () => {
    const told: string[] = [];
    const { client } = Conversation.to('ready');
    const wait = client.waits.start('request', 'one', 0, 100, () => {
      told.push('one');
      client.waits.finish(wait);
    });
    client.waits.start('request', 'two', 0, 200, () => {
      throw new Error('a defect');
    });
    client.waits.start('request', 'three', 0, 200, () => void told.push('three'));
    client.expire(100);
    expect(told).toEqual(['one']);
    client.expire(200);
    expect(client.cause).toMatchObject({
      code: 'ERR_SSH_INTERNAL',
      message: 'an unexpected error inside the library',
      phase: 'connection',
      origin: 'local',
      cause: new Error('a defect'),
    });
    // The end ended it.
    expect(told).toEqual(['one']);
    const after = client.waits.start('close', 'the link', 200, 50, () => {
      client.waits.finish(after);
      told.push('after');
    });
    expect(client.deadline()).toBe(250);
    client.expire(250);
    expect(told).toEqual(['one', 'after']);
    expect(client.timeoutError(after)).toMatchObject({ phase: 'close', elapsed: 50 });
  });

  it('has the phase of its name, or the one the connection is in', () => {
    const { client } = Conversation.to('ready');
    const phaseOf = (name: 'connect' | 'keyExchange' | 'authentication' | 'close' | 'request'): string =>
      client.timeoutError(client.waits.start(name, 'x', 0, 1, () => {})).phase;
    for (const name of ['connect', 'keyExchange', 'authentication'] as const)
      expect(phaseOf(name)).toBe(name);
    expect([phaseOf('close'), phaseOf('request')]).toEqual(['connection', 'connection']);
  });
});

describe('the phase', () => {
  it('is the step that the connection is at', () => {
    const seen: string[] = [];
    for (const stage of ['start', 'identified', 'keysExchanged', 'authentication', 'ready'] as const) {
      const { client } = Conversation.to(stage);
      if (seen.at(-1) !== client.phase) seen.push(client.phase);
    }
    expect(seen).toEqual(['identification', 'keyExchange', 'authentication', 'connection']);
  });

  it('is put into errors of layers that know none, with what came until then', () => {
    const at = (stage: 'start' | 'identified' | 'authentication' | 'ready'): SshError | undefined => {
      const { client } = Conversation.to(stage);
      const bytes = client.bytesReceived;
      client.fail(new SshError('ERR_SSH_DECODE', 'short'));
      expect(client.cause?.bytesReceived).toBe(bytes);
      return client.cause;
    };
    expect(at('start')).toMatchObject({ phase: 'identification', bytesReceived: 0 });
    expect(at('start')).not.toHaveProperty('remoteIdentification');
    expect(at('identified')).toMatchObject({ phase: 'keyExchange' });
    expect(at('authentication')).toMatchObject({ phase: 'authentication' });
    expect(at('ready')).toMatchObject({ phase: 'connection', remoteIdentification: 'SSH-2.0-scripted_peer' });
    const { client } = Conversation.to('ready');
    const details = { phase: 'close', bytesReceived: 1, remoteIdentification: 'other' } as const;
    client.fail(new SshError('ERR_SSH_CLOSED', 'closed', details));
    expect(client.cause).toMatchObject(details);
  });
});

describe('a core', () => {
  it('counts the bytes that came and went', () => {
    const conversation = Conversation.to('ready');
    expect(conversation.client.bytesSent).toBe(concatBytes(...conversation.fromClient).length);
    expect(conversation.client.bytesReceived).toBe(conversation.server.bytesSent);
    expect(conversation.server.bytesReceived).toBe(conversation.client.bytesSent);
  });

  it('holds what is no whole packet, frees it when it is let go, and reads nothing after its end', () => {
    const conversation = Conversation.to('ready');
    const { client } = conversation;
    expect(client.bufferedInput).toBe(0);
    client.receive(new Uint8Array(3), 5);
    expect(client.bufferedInput).toBe(3);
    client.letGo();
    expect(client.bufferedInput).toBe(0);
    client.fail(new SshError('ERR_SSH_CLOSED', 'closed'));
    const { bytesReceived } = client;
    client.receive(new Uint8Array(3), 5);
    expect([client.bytesReceived, client.bufferedInput]).toEqual([bytesReceived, 0]);
  });

  it('gives its events in the order in which they came about, each once', () => {
    const { client } = Conversation.to('ready');
    const events = Array.from({ length: 5 }, (_, i) => ({
      type: 'ended' as const,
      error: new SshError('ERR_SSH_MAC', `${i}`),
    }));
    const [one, two, three, four, five] = events;
    for (const event of [one, two, three]) if (event !== undefined) client.queueEvent(event);
    expect([client.nextEvent(), client.nextEvent()]).toEqual([one, two]);
    for (const event of [four, five]) if (event !== undefined) client.queueEvent(event);
    expect([client.nextEvent(), client.nextEvent(), client.nextEvent()]).toEqual([three, four, five]);
    expect(client.nextEvent()).toBeUndefined();
  });

  it('says why it ends, unless the peer is gone or the reason is its own', () => {
    const heard = (error: SshError): object | undefined => {
      const conversation = Conversation.to('ready');
      conversation.client.disconnect(error);
      conversation.exchange();
      return conversation.server.cause;
    };
    expect(heard(new SshError('ERR_SSH_DECODE', 'secret'))).toMatchObject({
      disconnectReason: 2,
      message: expect.stringMatching(/ERR_SSH_DECODE/),
    });
    const own = heard(new SshError('ERR_SSH_CLOSED', 'secret'));
    expect(own).toMatchObject({ disconnectReason: 11 });
    expect((own as Error).message).not.toMatch(/ERR_SSH|secret/);
    expect(heard(new SshError('ERR_SSH_CONNECTION_LOST', 'gone'))).toBeUndefined();
  });

  it('says first what was written and fits the windows', () => {
    const { conversation, channel, serverChannel } = Conversation.withChannel();
    channel.write(utf8Encode('last words'));
    conversation.client.disconnect(new SshError('ERR_SSH_CLOSED', 'closed'));
    conversation.exchange();
    expect(serverChannel.data.length).toBe('last words'.length);
    expect(conversation.server.cause).toMatchObject({ code: 'ERR_SSH_DISCONNECTED' });
  });

  it('ends where bytes pile up that nobody reads', () => {
    const conversation = Conversation.to('ready');
    const { client } = conversation;
    const limit = defaultLimits.packetLength + 64 * 1024;
    client.transport.step = () => false;
    client.receive(new Uint8Array(limit), 0);
    expect(client.cause).toBeUndefined();
    client.receive(new Uint8Array(1), 0);
    expect(client.cause).toMatchObject({ code: 'ERR_SSH_INTERNAL', origin: 'local' });
  });

  it('keeps nothing of memory that it was lent, wherever a chunk ends', () => {
    for (const chunk of [1, 13, 1_000, undefined]) {
      const { conversation, serverChannel, channel } = Conversation.withChannel({
        lent: true,
        ...(chunk === undefined ? {} : { chunk }),
      });
      serverChannel.write(utf8Encode('x'.repeat(5_000)));
      conversation.exchange();
      expect(conversation.cause).toBeUndefined();
      expect(channel.data.length).toBe(5_000);
      expect(conversation.client.transport.remote?.line).toEqual(utf8Encode('SSH-2.0-scripted_peer'));
      conversation.client.at(0).rekey();
      conversation.exchange();
      expect([conversation.cause, conversation.client.transport.keyExchange.idle]).toEqual([undefined, true]);
    }
  });

  it('reads every packet of a chunk, and the rest of one with the next', () => {
    const conversation = Conversation.to('ready');
    for (let i = 0; i < 3; i++) conversation.queuePayload(Uint8Array.of(ignore.number, 0, 0, 0, 0));
    const bytes = conversation.takeServer();
    const { packetsIn } = conversation.client.transport;
    const cut = bytes.length - 5;
    conversation.client.receive(bytes.slice(0, cut), 0);
    expect(conversation.client.transport.packetsIn).toBe(packetsIn + 2);
    conversation.client.receive(bytes.slice(cut), 0);
    expect(conversation.client.transport.packetsIn).toBe(packetsIn + 3);
  });
});

/** What the roles add to the core: what they ask of each other, in which order, and what they learn by it. */
import { describe, expect, it, vi } from 'vitest';
import { globalRequest } from '../../src/message/globalRequest.ts';
import { serviceAccept, unimplemented } from '../../src/message/transport.ts';
import { userauthHostboundRequest } from '../../src/message/userauth.ts';
import { compressionSlot } from '../../src/packet/compressionCode.ts';
import { Deflater } from '../../src/packet/deflate.ts';
import { Inflater } from '../../src/packet/inflate.ts';
import { createEagerProvider } from '../../src/protocol/eagerProvider.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { Conversation, payloadOf } from '../support/conversation.ts';

/** Payloads that the client sends from now on, before they are sealed. */
function payloadsOf({ client }: Conversation): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  const { transport } = client;
  const send = transport.send.bind(transport);
  transport.send = (message, value, sealed) => {
    payloads.push(payloadOf(message, value));
    send(message, value, sealed);
  };
  return payloads;
}

describe('RFC 4253 §10: a service that is accepted', () => {
  it('is the one that was asked for, and is accepted once', () => {
    for (const serviceName of ['ssh-connection', 'ssh-userauth2']) {
      const other = Conversation.to('keysExchanged').say(serviceAccept, { serviceName });
      expect(other.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
    }
    const right = Conversation.to('keysExchanged').say(serviceAccept, { serviceName: 'ssh-userauth' });
    expect(right.cause).toBeUndefined();
    expect(right.eventsOf('methodWanted')).toHaveLength(1);
    right.say(serviceAccept, { serviceName: 'ssh-userauth' });
    expect(right.cause).toMatchObject({ code: 'ERR_SSH_UNEXPECTED_MESSAGE' });
  });
});

describe('a client', () => {
  it('learns how long the path is from the quickest answer in authentication', () => {
    const conversation = Conversation.to('keysExchanged');
    const { client } = conversation;
    expect(client.connection.roundTrip).toBe(Number.POSITIVE_INFINITY);
    conversation.now = 70;
    conversation.proceed('authentication');
    expect(client.connection.roundTrip).toBe(70);
    for (const [took, quickest] of [
      [90, 70],
      [40, 40],
    ] as const) {
      client.at(conversation.now).attempt({ method: 'password', password: 'wrong' });
      conversation.now += took;
      conversation.exchange();
      expect(client.connection.roundTrip).toBe(quickest);
    }
  });

  it('signs for the host key too where the server says that it knows that (OpenSSH PROTOCOL §3.1)', () => {
    for (const publickeyHostbound of [true, false]) {
      const conversation = Conversation.to('authentication');
      const { transport } = conversation.client;
      transport.peerExtensions = { ...transport.peerExtensions, publickeyHostbound };
      const publicKey = transport.keyExchange.hostKey ?? new Uint8Array(0);
      const key = { method: 'publickey', algorithm: 'ssh-ed25519', publicKey, probe: false } as const;
      conversation.client.at(0).attempt(key);
      const wanted = conversation.client.nextEvent();
      if (wanted?.type !== 'signatureWanted') throw new Error('no signature is wanted');
      const reader = new WireReader(wanted.data);
      reader.viewString();
      expect(reader.byte()).toBe(userauthHostboundRequest.number);
      const text = Buffer.from(wanted.data).toString('latin1');
      expect(text.includes('publickey-hostbound-v00@openssh.com')).toBe(publickeyHostbound);
    }
  });

  it.each([
    ['counts as the RFC says', 'scripted_peer', 0],
    ['counts ahead', 'tinyssh_20230101-1', 1],
  ])(
    'takes UNIMPLEMENTED as the answer to its request of a peer that %s',
    (_name, softwareVersion, ahead) => {
      const conversation = Conversation.to('ready', { server: { softwareVersion } });
      const { client } = conversation;
      const numbers: number[] = [];
      const { transport } = client;
      const send = transport.send.bind(transport);
      transport.send = (message, value, sealed) =>
        send(message, value, (number) => {
          if (message.number === globalRequest.number) numbers.push(number);
          sealed?.(number);
        });
      client.at(0).connection.request('what@example.com', new Uint8Array(0), true);
      conversation.exchange();
      expect([numbers.length, client.waits.size]).toEqual([1, 1]);
      const number = numbers[0] ?? 0;
      conversation.say(unimplemented, { packetSequenceNumber: number + ahead + 1 });
      expect(client.waits.size).toBe(1);
      conversation.say(unimplemented, { packetSequenceNumber: number + ahead });
      expect([client.waits.size, conversation.cause]).toEqual([0, undefined]);
    },
  );

  it('counts ahead around the end of the sequence numbers as well', () => {
    const conversation = Conversation.to('ready', { server: { softwareVersion: 'tinyssh_20230101-1' } });
    const told: number[] = [];
    conversation.client.connection.notUnderstood = (number) => void told.push(number);
    for (const packetSequenceNumber of [0, 1, 0xffff_ffff, 0x8000_0000])
      conversation.say(unimplemented, { packetSequenceNumber });
    expect(told).toEqual([0xffff_ffff, 0, 0xffff_fffe, 0x7fff_ffff]);
  });

  it('asks for new keys at the moment that its policy says, and not before', () => {
    const conversation = Conversation.to('ready', { client: { rekey: { interval: 5_000 } } });
    const { client } = conversation;
    expect(client.deadline()).toBe(5_000);
    client.expire(4_999);
    expect(client.transport.keyExchange.idle).toBe(true);
    client.expire(5_000);
    expect(client.transport.keyExchange.idle).toBe(false);
  });

  it('sends what it says in the order in which it says it', () => {
    const conversation = Conversation.to('authentication');
    const payloads = payloadsOf(conversation);
    conversation.client.at(0).attempt({ method: 'password', password: 'right' });
    conversation.exchange();
    conversation.client.at(0).connection.open('session', new Uint8Array(0));
    expect(payloads.map(([number]) => number)).toEqual([50, 90]);
  });
});

describe('a server asks its client', () => {
  it('for answers, and for another password', () => {
    const conversation = Conversation.to('authentication');
    const { client, server } = conversation;
    const reject = server.reject.bind(server);
    let times = 0;
    server.reject = () => {
      times++;
      if (times === 1) server.passwdChangeReq('a new one');
      else reject();
    };
    client.at(0).attempt({ method: 'password', password: 'old' });
    conversation.exchange();
    expect(conversation.eventsOf('passwordChangeWanted')).toMatchObject([{ prompt: 'a new one' }]);
    client.at(0).changePassword('old', 'new');
    conversation.exchange();
    expect(conversation.serverEventsOf('request').at(-1)).toMatchObject({
      method: { method: 'password', password: 'old', newPassword: 'new' },
    });
    server.reject = () => {
      const prompts = [{ prompt: 'Token: ', echo: false }];
      server.infoRequest({ name: 'n', instruction: 'i', prompts });
      server.reject = reject;
    };
    server.banner('hello');
    client.at(0).attempt({ method: 'keyboard-interactive', submethods: '' });
    conversation.exchange();
    expect(conversation.eventsOf('banner')).toMatchObject([{ message: 'hello' }]);
    expect(conversation.eventsOf('promptsWanted')).toMatchObject([
      { name: 'n', prompts: [{ prompt: 'Token: ' }] },
    ]);
    client.at(0).answerPrompts(['5']);
    conversation.exchange();
    expect(conversation.serverEventsOf('request').at(-1)).toMatchObject({ method: { responses: ['5'] } });
  });

  it('whether it signs with a key that would do', () => {
    const conversation = Conversation.to('authentication');
    const { client, server } = conversation;
    server.reject = () => server.pkOk();
    const publicKey = client.transport.keyExchange.hostKey ?? new Uint8Array(0);
    client.at(0).attempt({ method: 'publickey', algorithm: 'ssh-ed25519', publicKey, probe: true });
    conversation.exchange();
    expect(conversation.eventsOf('signatureWanted')).toHaveLength(1);
  });
});

describe('a provider that loads nothing', () => {
  it('brings the code of compression along', () => {
    const fill = vi.spyOn(compressionSlot, 'fill');
    const { randomBytes } = createEagerProvider({ randomBytes: (length) => new Uint8Array(length) });
    expect(randomBytes(3)).toHaveLength(3);
    expect(fill.mock.calls).toEqual([[expect.objectContaining({ Deflater, Inflater })]]);
    fill.mockRestore();
  });
});

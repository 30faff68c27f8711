/** A key exchange that waits: for code to be loaded, for the verdict on a host key. */
import { describe, expect, it } from 'vitest';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import { createEagerNobleProvider } from '../../src/entry/protocol.ts';
import { kexEcdhReply } from '../../src/message/kex.ts';
import { kexInit } from '../../src/message/transport.ts';
import { buildKexInit, defaultPreferences } from '../../src/transport/kex/negotiation.ts';
import { Conversation, payloadOf, seededBytes } from '../support/conversation.ts';

const load = (): Promise<void> => Promise.resolve();

/** A provider that has to load one algorithm, and notes which it was asked for. */
function lazy(algorithm: string): { readonly provider: CryptoProvider; readonly asked: string[] } {
  const asked: string[] = [];
  const provider: CryptoProvider = {
    ...createEagerNobleProvider({ randomBytes: seededBytes(5) }),
    loaderFor: (name) => {
      asked.push(name);
      return name === algorithm ? load : undefined;
    },
  };
  return { provider, asked };
}

const kex = ['curve25519-sha256'];
const preferences = { kex, cipher: ['aes256-ctr'], mac: ['hmac-sha2-256'] };
const reply = payloadOf(kexEcdhReply, {
  hostKey: new Uint8Array(0),
  serverPublicKey: new Uint8Array(32),
  signature: new Uint8Array(0),
});
const failed = (message: string): unknown =>
  expect.objectContaining({
    code: 'ERR_SSH_KEY_EXCHANGE',
    phase: 'keyExchange',
    message: expect.stringContaining(message),
  });

describe('code that has to be loaded', () => {
  it('is asked for once, by every name that was negotiated, and the exchange goes on when it is there', () => {
    const { provider, asked } = lazy('aes256-ctr');
    const conversation = new Conversation({ client: { provider, preferences } }).exchange();
    expect(conversation.eventsOf('algorithmsWanted')).toEqual([
      { type: 'algorithmsWanted', loaders: [load] },
    ]);
    expect(asked).toEqual(['curve25519-sha256', 'ssh-ed25519', 'aes256-ctr', 'hmac-sha2-256']);
    expect(conversation.client.transport.keyExchange.waitingFor).toBe('code to load');
    expect(conversation.eventsOf('hostKey')).toHaveLength(0);
    conversation.client.at(0).algorithmsLoaded();
    conversation.proceed('ready');
    expect(conversation.cause).toBeUndefined();
  });

  it('on the side of a server too, which holds the message that came meanwhile', () => {
    const { provider } = lazy('curve25519-sha256');
    const conversation = new Conversation({ client: { preferences }, server: { provider } }).exchange();
    expect(conversation.serverEventsOf('algorithmsWanted')).toHaveLength(1);
    expect(conversation.eventsOf('hostKey')).toHaveLength(0);
    conversation.server.at(0).algorithmsLoaded();
    conversation.proceed('ready');
    expect(conversation.server.cause).toBeUndefined();
  });

  it('that nobody waits for changes nothing', () => {
    const conversation = Conversation.to('ready', { client: { preferences } });
    conversation.client.at(0).algorithmsLoaded();
    conversation.exchange();
    expect(conversation.cause).toBeUndefined();
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(1);
  });

  it('holds one message and no second', () => {
    const { provider } = lazy('aes256-ctr');
    const conversation = new Conversation({ client: { provider, preferences } }).exchange();
    expect(conversation.sayPayload(reply).cause).toBeUndefined();
    expect(conversation.sayPayload(reply).cause).toEqual(
      failed('a second key exchange message came too early'),
    );
  });
});

describe('the verdict on a host key', () => {
  const waiting = (): Conversation => {
    const conversation = new Conversation({ client: { preferences }, acceptHostKey: false }).exchange();
    expect(conversation.eventsOf('hostKey')).toHaveLength(1);
    expect(conversation.client.transport.keyExchange.waitingFor).toBe('the host key verdict');
    return conversation;
  };

  it('is waited for, and the exchange is not over', () => {
    const conversation = waiting();
    const { keyExchange } = conversation.client.transport;
    expect([keyExchange.idle, keyExchange.holdsOutput, keyExchange.peerExchanging]).toEqual([
      false,
      true,
      false,
    ]);
    conversation.client.at(0).acceptHostKey();
    conversation.proceed('ready');
    expect(conversation.cause).toBeUndefined();
    expect([keyExchange.idle, keyExchange.holdsOutput, keyExchange.peerExchanging]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it('meanwhile no other exchange may begin', () => {
    const again = payloadOf(kexInit, buildKexInit('server', defaultPreferences, new Uint8Array(16), 'rekey'));
    expect(waiting().sayPayload(again).cause).toEqual(
      failed('a second SSH_MSG_KEXINIT came before the first exchange was finished'),
    );
  });

  it('given twice is given once', () => {
    const conversation = waiting();
    conversation.client.at(0).acceptHostKey();
    conversation.client.at(0).acceptHostKey();
    conversation.proceed('ready');
    expect(conversation.eventsOf('keyExchanged')).toHaveLength(1);
    expect(conversation.cause).toBeUndefined();
  });
});

describe('a message of the key exchange', () => {
  it('that comes again ends', () => {
    const early = new Conversation({
      client: { preferences },
      acceptHostKey: false,
      // In place of NEWKEYS: the reply has been taken by then.
      tamper: (payload) => (payload[0] === 21 ? reply : payload),
    }).exchange();
    expect(early.cause).toEqual(failed('message 31 came where none of its kind was expected'));
  });
});

/**
 * Law 4: a cipher that fails on this side, as one does that the runtime turns
 * out not to have, is the end of the connection and not of the process.
 */
import { describe, expect, it } from 'vitest';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import type { CryptoProvider } from '../../src/crypto/provider/provider.ts';
import { Conversation, seededBytes } from '../support/conversation.ts';

/** A provider whose sealing ciphers fail at the packet with that number. */
function failingAt(packet: number): CryptoProvider {
  const provider = createEagerNobleProvider({ randomBytes: seededBytes(3) });
  return new Proxy(provider, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (name !== 'createSealingCipher') return value.bind(target);
      return (keys: Parameters<CryptoProvider['createSealingCipher']>[0]) => {
        const cipher = target.createSealingCipher(keys);
        const seal = cipher.seal.bind(cipher);
        let sealed = 0;
        cipher.seal = (...args: Parameters<typeof seal>) => {
          if (sealed++ >= packet) throw new Error('Unknown cipher');
          return seal(...args);
        };
        return cipher;
      };
    },
  });
}

describe('a cipher that fails to seal', () => {
  it.each([0, 1, 2])('at packet %i ends the connection with that cause', (packet) => {
    const conversation = new Conversation({ client: { provider: failingAt(packet) } });
    expect(() => conversation.exchange()).not.toThrow();
    expect(conversation.cause).toMatchObject({
      code: 'ERR_SSH_INTERNAL',
      cause: expect.objectContaining({ message: 'Unknown cipher' }),
    });
    expect(conversation.eventsOf('ended')).toHaveLength(1);
    expect(conversation.client.takeOutput()).toBeUndefined();
  });
});

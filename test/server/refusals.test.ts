/**
 * When a server refuses: at the same moment whoever is asked for, however long a
 * callback takes, and what a refusal costs it.
 */
import { afterEach, describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import type { Limits } from '../../src/base/limits.ts';
import { createEagerNobleProvider } from '../../src/crypto/noble/eagerProvider.ts';
import { userauthPublickeyQuery, userauthPublickeyRequest } from '../../src/message/userauth.ts';
import { resolveServerOptions, type ServerOptions } from '../../src/server/options.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { World } from '../sim/world.ts';
import { startEmbedded } from '../support/clients/embedded.ts';
import { keyText } from '../support/clients/lab.ts';
import { Conversation, seededBytes } from '../support/conversation.ts';
import { RawClient } from '../support/rawClient.ts';
import { play, playIn } from '../support/scene.ts';
import { nothingIsLeft } from '../support/servers/index.ts';
import { blob } from '../userauth/support.ts';

afterEach(nothingIsLeft);

/** Milliseconds from the dial to its rejection. */
async function refusalTakes(world: World, options: Parameters<World['connect']>[0]): Promise<number> {
  const began = world.clock.now();
  await expect(world.connect(options)).rejects.toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
  return world.clock.now() - began;
}

describe('a refusal', () => {
  /** Who exists takes a while to be refused, as a slow hash does. */
  const slow = (world: World, milliseconds: number): ServerOptions['authentication'] => {
    const check = async (username: string): Promise<boolean> => {
      if (username === 'known') await world.sleep(milliseconds);
      return false;
    };
    return {
      password: check,
      publicKey: check,
      keyboardInteractive: async (username, ask) => {
        await ask({ prompts: [{ prompt: '?', echo: true }] });
        return check(username);
      },
    };
  };
  const none = { privateKey: undefined, agent: false } as const;

  it.each<readonly [string, Parameters<World['connect']>[0]]>([
    ['a password', { ...none, password: 'guess' }],
    ['answers', { ...none, keyboardInteractive: () => ['guess'] }],
    ['a signature', {}],
  ])('of %s comes after a second, whether its user exists or not', async (_what, credentials) => {
    for (const server of [{}, { failureDelay: 3_000 }]) {
      const { failureDelay = 1_000 } = server;
      await playIn(new World({ seed: 1, server }), async (world) => {
        for (const took of [0, 1, 300, failureDelay - 1]) {
          await world.startServer({ authentication: slow(world, took) });
          const known = await refusalTakes(world, { ...credentials, username: 'known' });
          const unknown = await refusalTakes(world, { ...credentials, username: 'unknown' });
          expect(known).toBe(unknown);
          expect(known).toBe(failureDelay);
        }
      });
    }
  });

  it('that took its callback longer comes at a multiple', async () => {
    await playIn(new World({ seed: 1 }), async (world) => {
      await world.startServer({ authentication: slow(world, 2_500) });
      const credentials = { ...none, password: 'guess' };
      expect(await refusalTakes(world, { ...credentials, username: 'known' })).toBe(3_000);
      expect(await refusalTakes(world, { ...credentials, username: 'unknown' })).toBe(1_000);
    });
  });

  it('of a question comes sooner, and at one moment too', async () => {
    await playIn(new World({ seed: 1 }), async (world) => {
      await world.startServer({
        authentication: {
          none: async (username) => {
            if (username === 'known') await world.sleep(200);
            return false;
          },
        },
      });
      const auth = ['none'] as const;
      expect(await refusalTakes(world, { auth, username: 'known' })).toBe(250);
      expect(await refusalTakes(world, { auth, username: 'unknown' })).toBe(250);
    });
  });

  it('that nobody is asked about is not delayed', async () => {
    await playIn(new World({ seed: 1 }), async (world) => {
      await world.startServer({ authentication: { publicKey: () => true } });
      expect(await refusalTakes(world, { auth: ['none'] })).toBe(0);
    });
  });

  it('delays nobody who is let in', async () => {
    await play(async ({ world }) => {
      expect(world.clock.now()).toBe(0);
    });
  });

  it('that waits when its client leaves leaves no timer', async () => {
    await playIn(new World({ seed: 1 }), async (world) => {
      await world.startServer({ authentication: slow(world, 0) });
      const dial = world.connect({ ...none, password: 'guess', timeout: 400 });
      await expect(dial).rejects.toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
    });
  });

  it.each([Number.NaN, -1, Number.POSITIVE_INFINITY, '1'])('cannot take %s', (failureDelay) => {
    const options = { hostKeys: [], authentication: { password: () => false }, failureDelay };
    expect(() => resolveServerOptions(options as unknown as ServerOptions)).toThrow(/failureDelay/);
  });
});

/** An RSA key of this many bits that nobody could have made, for whoever verifies before asking. */
function rsaBlob(bits: number): Uint8Array {
  const modulus = new Uint8Array(bits / 8).fill(0xff);
  return new WireWriter()
    .text('ssh-rsa')
    .mpint(Uint8Array.of(1, 0, 1))
    .mpint(modulus)
    .copyWritten();
}

describe('a key', () => {
  const head = { userName: 'ops', serviceName: 'ssh-connection', methodName: 'publickey' } as const;

  /** How often a server asks about a key, and verifies by it, when it is asked about and signed with. */
  function costOf(publicKey: Uint8Array, limits: Partial<Limits> = {}): { asked: number; verified: number } {
    const provider = createEagerNobleProvider({ randomBytes: seededBytes(5) });
    let verified = 0;
    const verify: typeof provider.verify = (algorithm, ...given) => {
      if (algorithm === 'rsa-sha2-512') verified++;
      return provider.verify(algorithm, ...given);
    };
    const conversation = Conversation.to('authentication', {
      server: { provider: { ...provider, verify }, limits },
    });
    const { transport } = conversation.client.at(0);
    const publicKeyAlgorithm = 'rsa-sha2-512';
    const signature = blob(publicKeyAlgorithm, new Uint8Array(publicKey.length - 20));
    transport.send(userauthPublickeyQuery, { ...head, hasSignature: false, publicKeyAlgorithm, publicKey });
    transport.send(userauthPublickeyRequest, {
      ...head,
      hasSignature: true,
      publicKeyAlgorithm,
      publicKey,
      signature,
    });
    conversation.exchange();
    expect(conversation.server.cause?.code).toMatch(/DISCONNECTED/);
    return { asked: conversation.serverEventsOf('request').length, verified };
  }

  it('that is not the user’s is never verified by, whatever was signed', () => {
    expect(costOf(rsaBlob(4096))).toEqual({ asked: 2, verified: 0 });
  });

  it('of RSA beyond 8,192 bits is refused before anybody is asked', () => {
    expect(costOf(rsaBlob(8192))).toEqual({ asked: 2, verified: 0 });
    expect(costOf(rsaBlob(8200))).toEqual({ asked: 0, verified: 0 });
    expect(costOf(rsaBlob(16_384))).toEqual({ asked: 0, verified: 0 });
    expect(costOf(rsaBlob(16_384), { userRsaBits: 16_384 })).toEqual({ asked: 2, verified: 0 });
  });
});

describe('a user who has no credential left', () => {
  it('has six attempts: the seventh is not looked at', async () => {
    const guesses: string[] = [];
    await using server = await startEmbedded({
      hostKeys: keyText('ed25519'),
      authentication: {
        password: (_username, guess) => {
          guesses.push(guess);
          return guess === '7';
        },
      },
    });
    using client = new RawClient(server.port);
    client.onEvent = (event) => {
      if (event.type === 'hostKey') client.core.acceptHostKey();
      if (event.type === 'methodWanted') {
        client.core.attempt({ method: 'password', password: String(guesses.length + 1) });
      }
    };
    await client.closed;
    expect(guesses).toEqual(['1', '2', '3', '4', '5', '6']);
    await expect.poll(() => server.faults).toHaveLength(1);
    expect((server.faults[0] as SshError).message).toContain('authenticationAttempts');
  });
});

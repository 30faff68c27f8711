/**
 * Key files that take long to unlock, in virtual time: an abort and the dial's
 * deadline are heard between two steps, wherever the key is unlocked.
 */
import { describe, expect, it, vi } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import { defaultLimits } from '../../src/base/limits.ts';
import { loadUserKeys } from '../../src/client/authentication/userKeys.ts';
import type { ConnectOptions } from '../../src/client/dial/options.ts';
import { fixture, passphrase } from '../keys/fixtures.ts';
import { playIn } from '../support/scene.ts';
import { World } from './world.ts';

// What is loaded late comes in real time, of which a virtual clock knows nothing: it is here before.
await loadUserKeys(
  { privateKey: fixture('ed25519/openssh-aes256-ctr.enc'), passphrase },
  { limits: defaultLimits, pause: () => Promise.resolve() },
);

// Keys are truly derived here, which takes a busy machine its time.
vi.setConfig({ testTimeout: 300_000 });

/** Milliseconds of one step. */
const stepTime = 10;
/** A wire on which a dial takes its time. */
const plan = { toServer: { delay: 20 }, toClient: { delay: 20 } };

/** One key for each derivation; PKCS#8 hides its public half, so that it is unlocked before a server is asked. */
const files = [
  ['bcrypt', 'ed25519/openssh-16-rounds.enc'],
  ['scrypt', 'rsa/pkcs8-scrypt.enc.pem'],
  ['PBKDF2', 'rsa/pkcs8-hmacWithSHA512.enc.pem'],
  ['Argon2', 'ecdsa256/putty-3.enc.ppk'],
] as const;

interface Outcome {
  readonly error: SshError | undefined;
  /** Virtual milliseconds that the dial took. */
  readonly took: number;
  /** Steps that were done until it ended, and in all. */
  readonly steps: number;
  readonly stepsInAll: number;
}

/** Dials, and plays until nothing is left that could happen. */
async function dial(options: ConnectOptions, during?: (world: World) => void): Promise<Outcome> {
  const world = new World({ seed: 1, stepTime, plan });
  let outcome: Omit<Outcome, 'stepsInAll'> | undefined;
  await playIn(world, async () => {
    await world.startServer();
    const began = world.clock.now();
    during?.(world);
    const ended = (error?: SshError): void => {
      outcome = { error, took: world.clock.now() - began, steps: world.pauses };
    };
    await world.connect(options).then(
      (client) => {
        ended();
        client.destroy();
      },
      (error: SshError) => ended(error),
    );
  });
  if (outcome === undefined) throw new Error('the dial has not ended');
  return { ...outcome, stepsInAll: world.pauses };
}

/** How a dial ends whose key was opened: of these the arithmetic of the simulation has ECDSA only. */
const opened = (path: string): string | undefined =>
  path.startsWith('ecdsa') ? undefined : 'ERR_SSH_CRYPTO';

describe.each(files)('a key that is unlocked by %s before the dial', (_, path) => {
  const given = { privateKey: fixture(path), passphrase };

  it('opens, and its time is a part of the dial’s', async () => {
    const { error, steps, took } = await dial(given);
    expect(error?.code).toBe(opened(path));
    expect(steps).toBeGreaterThan(0);
    expect(took).toBeGreaterThanOrEqual(steps * stepTime);
    // What is left of the dial's time when the key is open is too short for all that comes.
    const late = await dial({ ...given, timeout: steps * stepTime + 1 });
    expect(late.error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', origin: 'deadline' });
    expect(late.error?.waitingFor).not.toBe('unlock');
    expect(late.took).toBeLessThanOrEqual(steps * stepTime + 1);
  });

  it('is given up when the dial’s time is over', async () => {
    const { error, steps, stepsInAll } = await dial({ ...given, timeout: stepTime });
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'options',
      origin: 'deadline',
      waitingFor: 'unlock',
      deadline: stepTime,
      elapsed: stepTime,
      host: 'server',
      message: 'server:22: timed out after 10 ms waiting for a private key to be unlocked',
    });
    expect(steps).toBe(1);
    expect(stepsInAll).toBe(steps);
  });

  it('is given up when the dial is aborted', async () => {
    const controller = new AbortController();
    const { error, took, stepsInAll } = await dial({ ...given, signal: controller.signal }, (world) => {
      world.clock.ioAt(world.clock.now() + stepTime / 2, () => controller.abort());
    });
    expect(error).toMatchObject({ code: 'ERR_SSH_ABORTED', phase: 'options' });
    // Heard at once, not with the next step.
    expect(took).toBe(stepTime / 2);
    expect(stepsInAll).toBe(1);
  });
});

describe('a key that is unlocked while the dial goes on', () => {
  const path = 'rsa/pkcs8-scrypt.enc.pem';
  const privateKey = fixture(path);
  /** A person who takes a while. */
  const typing = 500;
  const later = (world: () => World, text: string) => async (): Promise<string> => {
    await world().sleep(typing);
    return text;
  };

  async function dialAsking(
    options: Omit<ConnectOptions, 'privateKey' | 'passphrase'>,
    answers: readonly string[],
    during?: (world: World) => void,
  ): Promise<Outcome & { readonly asked: number }> {
    let own: World | undefined;
    let asked = 0;
    const world = (): World => own as World;
    const given: ConnectOptions = {
      ...options,
      privateKey,
      passphrase: ({ attempt }) => {
        asked++;
        return later(world, answers[attempt - 1] ?? 'wrong')();
      },
    };
    const outcome = await dial(given, (made) => {
      own = made;
      during?.(made);
    });
    return { ...outcome, asked };
  }

  it('takes of the dial’s time what the machine needs, and not what a person needs', async () => {
    const timely = await dialAsking({}, [passphrase]);
    expect(timely.error?.code).toBe(opened(path));
    const work = timely.steps * stepTime;
    const network = timely.took - typing - work;
    const enough = await dialAsking({ timeout: work + network + 1 }, [passphrase]);
    expect(enough.error?.code).toBe(opened(path));
    const late = await dialAsking({ timeout: work + network - 1 }, [passphrase]);
    expect(late.error).toMatchObject({ code: 'ERR_SSH_TIMEOUT' });
    expect(late.took).toBe(typing + work + network - 1);
  });

  it('is given up when the dial’s time is over, and the error says what it was doing', async () => {
    const timely = await dialAsking({}, [passphrase]);
    const network = timely.took - typing - timely.steps * stepTime;
    const { error, stepsInAll, steps, asked } = await dialAsking({ timeout: network + 2 * stepTime }, [
      passphrase,
    ]);
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'authentication',
      origin: 'deadline',
      waitingFor: 'unlock',
    });
    expect(error?.message).toMatch(/waiting for a private key to be unlocked$/);
    expect(asked).toBe(1);
    expect(stepsInAll).toBe(steps);
  });

  it('is asked about again after a wrong passphrase, while the dial’s time stands still', async () => {
    const once = await dialAsking({}, [passphrase]);
    const thrice = await dialAsking({}, ['wrong', 'wrong', passphrase]);
    expect([once.asked, thrice.asked]).toEqual([1, 3]);
    expect(thrice.steps).toBe(3 * once.steps);
    const network = once.took - typing - once.steps * stepTime;
    const machine = thrice.steps * stepTime + network;
    const enough = await dialAsking({ timeout: machine + 1 }, ['wrong', 'wrong', passphrase]);
    expect(enough.error?.code).toBe(opened(path));
    const short = await dialAsking({ timeout: machine - 1 }, ['wrong', 'wrong', passphrase]);
    expect(short.error?.code).toBe('ERR_SSH_TIMEOUT');
  });

  it('is given up at whatever moment the dial is aborted, and at once', async () => {
    const { took } = await dialAsking({}, [passphrase]);
    for (let at = 1; at < took; at += 29) {
      const controller = new AbortController();
      const { signal } = controller;
      let stepsThen = 0;
      const outcome = await dialAsking({ signal }, [passphrase], (world) => {
        world.clock.ioAt(world.clock.now() + at, () => {
          stepsThen = world.pauses;
          controller.abort();
        });
      });
      expect(outcome.error).toMatchObject({ code: 'ERR_SSH_ABORTED' });
      expect(outcome.took).toBe(at);
      expect(outcome.stepsInAll).toBe(stepsThen);
    }
  });
});

describe('a key that a fleet shares', () => {
  it('is unlocked once for all', async () => {
    const world = new World({ seed: 1, stepTime });
    let asked = 0;
    const privateKey = fixture('rsa/pkcs8-scrypt.enc.pem');
    const options = {
      privateKey,
      passphrase: () => {
        asked++;
        return passphrase;
      },
    };
    await playIn(world, async () => {
      await world.startServer();
      const codes: (string | undefined)[] = [];
      for await (const result of world.runOnAll(['a', 'b', 'c'], 'both', options)) {
        codes.push(result.ok ? undefined : result.error.code);
      }
      expect(codes).toEqual(Array.from({ length: 3 }, () => 'ERR_SSH_CRYPTO'));
    });
    const alone = (await dial(options)).steps;
    expect(asked).toBe(2);
    expect(world.pauses).toBe(alone);
  });

  it('is given up when the fleet is aborted', async () => {
    const world = new World({ seed: 1, stepTime });
    const controller = new AbortController();
    const { signal } = controller;
    const given = { privateKey: fixture('rsa/pkcs8-scrypt.enc.pem'), passphrase, signal };
    await playIn(world, async () => {
      await world.startServer();
      world.clock.ioAt(world.clock.now() + stepTime / 2, () => controller.abort());
      const results = world.runOnAll(['a', 'b'], 'both', given);
      const took = async (): Promise<void> => {
        for await (const result of results)
          expect(result).toMatchObject({ error: { code: 'ERR_SSH_ABORTED' } });
      };
      await expect(took()).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    });
    expect(world.pauses).toBe(1);
  });

  it('costs each target that needs it the same error where it takes longer than a dial may', async () => {
    const world = new World({ seed: 1, stepTime });
    const given = { privateKey: fixture('rsa/pkcs8-scrypt.enc.pem'), passphrase, timeout: stepTime };
    await playIn(world, async () => {
      await world.startServer();
      const results: unknown[] = [];
      for await (const result of world.runOnAll(['a', 'b'], 'both', given)) results.push(result);
      const expired = { error: { code: 'ERR_SSH_TIMEOUT', waitingFor: 'unlock' } };
      expect(results).toMatchObject([expired, expired]);
    });
  });
});

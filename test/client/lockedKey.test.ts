/** Keys whose passphrase is asked for when a signature is wanted, and not before. */
import { describe, expect, it } from 'vitest';
import { defaultLimits } from '../../src/base/limits.ts';
import { type KeyWaiter, LockedKey } from '../../src/client/authentication/lockedKey.ts';
import { describePrivateKey } from '../../src/keys/privateKey/privateKeyFile.ts';
import { fixtureBytes, passphrase } from '../keys/fixtures.ts';

function lock(
  bytes: Uint8Array,
  answers: readonly (string | undefined)[],
): { readonly key: LockedKey; readonly asked: number[] } {
  const asked: number[] = [];
  const ask = ({ attempt }: { attempt: number }): string | undefined => {
    asked.push(attempt);
    return answers[attempt - 1];
  };
  const settings = { limits: defaultLimits, pause: async () => {} };
  const { publicKey } = describePrivateKey(bytes);
  return { key: new LockedKey(bytes, publicKey, ask, settings), asked };
}

describe('a locked key', () => {
  const bytes = fixtureBytes('ed25519/openssh-aes256-ctr.enc');

  it('tells its public half before it is opened', () => {
    const { key, asked } = lock(bytes, []);
    expect(key.publicKey?.type).toBe('ssh-ed25519');
    expect(asked).toEqual([]);
  });

  it('opens with the passphrase and asks for it once', async () => {
    const { key, asked } = lock(bytes, [passphrase]);
    const opened = await key.unlock();
    expect(opened?.publicKey).toEqual(key.publicKey);
    expect(await key.unlock()).toBe(opened);
    expect(asked).toEqual([1]);
    expect(key.isRefused).toBe(false);
  });

  it('asks once for all who want it at the same time', async () => {
    const { key, asked } = lock(bytes, ['wrong', passphrase]);
    const opened = await Promise.all([key.unlock(), key.unlock(), key.unlock()]);
    expect(new Set(opened).size).toBe(1);
    expect(opened[0]?.publicKey).toEqual(key.publicKey);
    expect(asked).toEqual([1, 2]);
  });

  it('asks again after a wrong passphrase, three times in all', async () => {
    const third = lock(bytes, ['wrong', 'wrong', passphrase]);
    expect((await third.key.unlock())?.publicKey).toEqual(third.key.publicKey);
    expect(third.asked).toEqual([1, 2, 3]);
    const never = lock(bytes, ['wrong', 'wrong', 'wrong', passphrase]);
    expect(await never.key.unlock()).toBeUndefined();
    expect(await never.key.unlock()).toBeUndefined();
    expect(never.asked).toEqual([1, 2, 3]);
    expect(never.key.isRefused).toBe(true);
  });

  it('is asked about once where nobody opens it', async () => {
    const { key, asked } = lock(bytes, [undefined, passphrase]);
    expect(await key.unlock()).toBeUndefined();
    expect(await key.unlock()).toBeUndefined();
    expect(asked).toEqual([1]);
    expect(key.isRefused).toBe(true);
  });

  describe('that several wait for', () => {
    /** A key whose work stands still after its first step until it is told to go on. */
    function slow(): {
      readonly key: LockedKey;
      readonly counts: { asked: number; steps: number };
      readonly goOn: () => void;
    } {
      const counts = { asked: 0, steps: 0 };
      let goOn: () => void = () => {};
      const released = new Promise<void>((resolve) => {
        goOn = resolve;
      });
      const pause = (): Promise<void> => {
        counts.steps++;
        return released;
      };
      const ask = (): string => {
        counts.asked++;
        return passphrase;
      };
      const many = fixtureBytes('ed25519/openssh-16-rounds.enc');
      const { publicKey } = describePrivateKey(many);
      return { key: new LockedKey(many, publicKey, ask, { limits: defaultLimits, pause }), counts, goOn };
    }

    /** One who waits, and what it was told. */
    function waiter(): KeyWaiter & { readonly told: string[] } {
      const told: string[] = [];
      return { told, asking: () => told.push('asking'), deriving: () => told.push('deriving') };
    }

    it('is worked on while one of them is there, and each is told what it waits for', async () => {
      const { key, counts, goOn } = slow();
      const [one, other] = [waiter(), waiter()];
      const first = key.unlock(one);
      await expect.poll(() => counts.steps).toBe(1);
      expect(one.told).toEqual(['asking', 'deriving']);
      const second = key.unlock(other);
      expect(other.told).toEqual(['deriving']);
      key.leave(one);
      goOn();
      expect((await first)?.publicKey).toEqual(key.publicKey);
      expect(await second).toBe(await first);
      expect(counts.asked).toBe(1);
    });

    it('is given up once the last has left, and asked about anew', async () => {
      const { key, counts, goOn } = slow();
      const [one, other] = [waiter(), waiter()];
      const results = Promise.allSettled([key.unlock(one), key.unlock(other)]);
      await expect.poll(() => counts.steps).toBe(1);
      key.leave(one);
      key.leave(other);
      goOn();
      expect((await results).map(({ status }) => status)).toEqual(['rejected', 'rejected']);
      expect(counts.steps).toBe(1);
      expect(key.isRefused).toBe(false);
      const again = waiter();
      expect((await key.unlock(again))?.publicKey).toEqual(key.publicKey);
      expect(again.told).toEqual(['asking', 'deriving']);
      expect(counts.asked).toBe(2);
    });
  });

  it('learns its public half where the file hides it', async () => {
    const { key } = lock(fixtureBytes('ecdsa256/pkcs8.enc.pem'), [passphrase]);
    expect(key.publicKey).toBeUndefined();
    expect((await key.unlock())?.type).toBe('ecdsa-sha2-nistp256');
    expect(key.publicKey?.type).toBe('ecdsa-sha2-nistp256');
  });

  it('keeps faults that no passphrase mends apart from wrong passphrases', async () => {
    const settings = { limits: { ...defaultLimits, bcryptRounds: 1 }, pause: async () => {} };
    const many = fixtureBytes('ed25519/openssh-16-rounds.enc');
    const key = new LockedKey(many, undefined, () => passphrase, settings);
    await expect(key.unlock()).rejects.toMatchObject({ code: 'ERR_SSH_KEY_UNSUPPORTED' });
  });
});

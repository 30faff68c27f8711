/** A quota that several sessions share: never exceeded, and held up by no request that was answered for. */
import { mkdirSync, readdirSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Anchorage, pathAnchorage } from '../../../src/node/served/anchors.ts';
import { Quota, type QuotaChange } from '../../../src/node/served/quota.ts';
import { serveFolderBy } from '../../../src/node/served/serveFolder.ts';
import { Caller } from '../../../src/sftp/serve/order.ts';
import { LocalFolder } from '../transfer/support.ts';
import { connectTo } from './support.ts';

const turns = async (count: number = 10): Promise<void> => {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve));
};

/** Calls of the system take their own time. */
async function until(isSo: () => boolean): Promise<void> {
  for (let round = 0; round < 5000 && !isSo(); round++)
    await new Promise((resolve) => setTimeout(resolve, 1));
  expect(isSo()).toBe(true);
}

interface Call {
  readonly isDone: () => boolean;
  readonly outcome: Promise<string>;
}

function begin(call: Promise<unknown>): Call {
  let isDone = false;
  const outcome = call
    .then(
      () => 'ok',
      (error: Error) => error.message,
    )
    .finally(() => {
      isDone = true;
    });
  return { isDone: () => isDone, outcome };
}

describe('two sessions of a folder with a quota', () => {
  /** Changes that hang in the system, by what they do to `/hang`. */
  const hanging: Readonly<
    Record<string, (sftp: Awaited<ReturnType<typeof connectTo>>['sftp']) => Promise<unknown>>
  > = {
    'an OPEN that makes a file': (sftp) => sftp.writeFile('/hang', 'x'),
    'an OPEN that empties one': (sftp) => sftp.open('/hang', 'w'),
    'a SETSTAT that cuts one': (sftp) => sftp.truncate('/hang', 3),
  };

  it.each(Object.entries(hanging))(
    '%s and hangs holds up nobody beyond its own deadline',
    async (_, hang) => {
      const here = new LocalFolder();
      here.file('hang', 'x'.repeat(100));
      let isHanging = false;
      let finish = (): void => {};
      const forEver = (): Promise<void> => {
        isHanging = true;
        return new Promise((resolve) => {
          finish = resolve;
        });
      };
      const anchorage: Anchorage = {
        ...pathAnchorage,
        checkOpened: async (fd, folder, name) => {
          if (name === 'hang') await forEver();
          return pathAnchorage.checkOpened(fd, folder, name);
        },
        pin: async (folder, name) => {
          const pin = await pathAnchorage.pin(folder, name);
          if (name !== 'hang') return pin;
          return { ...pin, truncate: forEver, release: () => pin.release() };
        },
      };
      const store = serveFolderBy(anchorage, here.path, { quota: 1000 });
      const first = await connectTo(store);
      const second = await connectTo(store);
      const stuck = begin(hang(first.sftp));
      await until(() => isHanging);
      const waiting = [
        begin(second.sftp.writeFile('/a', 'y'.repeat(200))),
        begin(second.sftp.rm('/none', { force: true })),
      ];
      await turns(50);
      expect([stuck.isDone(), waiting[0]?.isDone()]).toEqual([false, false]);
      // Only the first session's time passes.
      first.pass(15_000);
      expect(await stuck.outcome).toContain('it took too long');
      expect(await Promise.all(waiting.map(({ outcome }) => outcome))).toEqual(['ok', 'ok']);
      expect(here.text('a')).toBe('y'.repeat(200));
      expect(second.reports).toEqual([]);
      finish();
      await turns(50);
      // The bound is what it was, whatever came of the one that hung.
      const there = statSync(here.at('hang')).size;
      expect(await begin(second.sftp.writeFile('/b', 'z'.repeat(800 - there + 1))).outcome).toContain(
        'quota',
      );
      expect(await begin(second.sftp.writeFile('/c', 'z'.repeat(800 - there))).outcome).toBe('ok');
    },
  );
});

/** A file system of numbers below a folder that is there: each change is one file's new length. */
interface Plan {
  readonly file: number;
  readonly length: number;
  readonly how: 'done' | 'fails' | 'late' | 'never';
}

describe('a quota', () => {
  it('is exceeded by no order of changes, those among them that are given up and end late or never', async () => {
    const plans: fc.Arbitrary<Plan> = fc.record({
      file: fc.nat(2),
      length: fc.nat(60),
      how: fc.constantFrom('done', 'done', 'done', 'fails', 'late', 'never'),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(plans, { maxLength: 12 }), async (story) => {
        const limit = 100;
        const here = new LocalFolder();
        const quota = new Quota(limit);
        const at = (file: number): string => here.at(`f${file}`);
        const sizeOf = (file: number): number => statSync(at(file), { throwIfNoEntry: false })?.size ?? 0;
        const sum = (): number =>
          readdirSync(here.path).reduce((total, name) => total + statSync(join(here.path, name)).size, 0);
        const set = (file: number, length: number): void => {
          if (sizeOf(file) === 0) writeFileSync(at(file), '');
          truncateSync(at(file), length);
        };
        const late: (() => void)[] = [];
        const one = async ({ file, length, how }: Plan): Promise<void> => {
          const caller = new Caller();
          let begun = (): void => {};
          const isBegun = new Promise<void>((resolve) => {
            begun = resolve;
          });
          const step = async (change: QuotaChange): Promise<void> => {
            const before = sizeOf(file);
            try {
              change.grow(Math.max(0, length - before), length);
            } finally {
              begun();
            }
            if (how === 'never') return new Promise(() => {});
            if (how === 'late') await new Promise<void>((resolve) => late.push(resolve));
            if (how === 'fails') {
              change.shrink(Math.max(0, length - before));
              throw new Error('failed');
            }
            set(file, length);
            change.shrink(Math.max(0, before - length));
          };
          const changing = quota.change(here.path, step, caller).catch(() => {});
          if (how === 'done' || how === 'fails') return changing;
          await isBegun;
          caller.giveUp();
        };
        for (const plan of story) {
          await one(plan);
          expect(sum()).toBeLessThanOrEqual(limit);
          if (late.length > 1) late.shift()?.();
          await turns(2);
          expect(sum()).toBeLessThanOrEqual(limit);
        }
        for (const finish of late.splice(0)) finish();
        await turns(3);
        expect(sum()).toBeLessThanOrEqual(limit);
        // What is free can be used, but for what never ended.
        const held = story.reduce((total, { how, length }) => total + (how === 'never' ? length : 0), 0);
        const left = limit - sum() - held;
        if (left > 0) {
          await one({ file: 9, length: left, how: 'done' });
          expect(sizeOf(9)).toBe(left);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('does no more of a change that was given up before it began to write', async () => {
    const here = new LocalFolder();
    const quota = new Quota(100);
    const caller = new Caller();
    let resume: (() => void) | undefined;
    let wrote = false;
    const change = quota.change(
      here.path,
      async ({ check, grow }) => {
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
        expect(check).toThrow('it took too long');
        grow(1, 1);
        wrote = true;
      },
      caller,
    );
    change.catch(() => {});
    await until(() => resume !== undefined);
    caller.giveUp();
    resume?.();
    await expect(change).rejects.toThrow('it took too long');
    expect(wrote).toBe(false);
  });

  it('counts a large folder once, for all who wait for it, and goes on where they give up', async () => {
    const here = new LocalFolder();
    for (let i = 0; i < 5; i++) mkdirSync(here.at(`d${i}`));
    here.file('d1/f', 'x'.repeat(90));
    const quota = new Quota(100);
    const callers = [new Caller(), new Caller()];
    const refused = callers.map((caller) => quota.change(here.path, async () => {}, caller).catch(() => {}));
    for (const caller of callers) caller.giveUp();
    await Promise.all(refused);
    await quota.change(here.path, async ({ grow }) => {
      expect(() => grow(11, 11)).toThrow('EDQUOT');
      grow(10, 10);
    });
    expect(quota.used).toBe(100);
  });
});

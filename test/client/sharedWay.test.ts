/** The hops that many targets share: dialled once, again when they are lost, and ended once. */
import { describe, expect, it } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { Through } from '../../src/client/dial/hops.ts';
import { SharedWay } from '../../src/client/fleet/sharedWay.ts';

const soon = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A way whose dials end when the test says so. */
class Ways {
  readonly dials: { readonly signal: AbortSignal; settle(through: Through | undefined | Error): void }[] = [];
  readonly way = new SharedWay(
    (signal) =>
      new Promise((resolve, reject) => {
        this.dials.push({
          signal,
          settle: (through) => (through instanceof Error ? reject(through) : resolve(through)),
        });
      }),
  );
}

/** A client that ends when the test, or whoever closes it, says so. */
function hop(isOwned = true) {
  let end = (): void => {};
  const closed = new Promise<void>((resolve) => {
    end = resolve;
  });
  const hop = { closes: 0, end, through: undefined as unknown as Through };
  const client = {
    closed,
    close: async () => {
      hop.closes++;
      throw new Error('heard by nobody');
    },
  };
  hop.through = { client: client as unknown as Client, isOwned };
  return hop;
}

describe('a shared way', () => {
  it('is dialled once for all who need it, and is nobody’s own', async () => {
    const { way, dials } = new Ways();
    const all = [1, 2, 3].map(() => way.reached(undefined));
    expect(dials).toHaveLength(1);
    const { through } = hop();
    dials[0]?.settle(through);
    const reached = { client: through.client, isOwned: false };
    expect(await Promise.all(all)).toEqual([reached, reached, reached]);
    expect(await way.reached(undefined)).toEqual(reached);
    expect(dials).toHaveLength(1);
  });

  it('may lead through nothing', async () => {
    const { way, dials } = new Ways();
    const reached = way.reached(undefined);
    dials[0]?.settle(undefined);
    expect(await reached).toBeUndefined();
    await way.close();
  });

  it('is dialled again once it failed, or was lost', async () => {
    const { way, dials } = new Ways();
    const failed = way.reached(undefined);
    const fault = new Error('no way');
    dials[0]?.settle(fault);
    await expect(failed).rejects.toBe(fault);
    const one = hop();
    const again = way.reached(undefined);
    dials[1]?.settle(one.through);
    await again;
    one.end();
    await soon();
    void way.reached(undefined);
    expect(dials).toHaveLength(3);
    // Only a way that is there still is forgotten by its end.
    const two = hop();
    dials[2]?.settle(two.through);
    await soon();
    one.end();
    await soon();
    void way.reached(undefined);
    expect(dials).toHaveLength(3);
  });

  it('is waited for by each as long as that one likes, and goes on for the others', async () => {
    const { way, dials } = new Ways();
    const abort = new AbortController();
    const [given, other] = [way.reached(abort.signal), way.reached(undefined)];
    abort.abort();
    await expect(given).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    expect(dials[0]?.signal.aborted).toBe(false);
    const { through } = hop();
    dials[0]?.settle(through);
    expect(await other).toMatchObject({ client: through.client });
  });
});

describe('the end of a shared way', () => {
  it('is there when each of its own clients is gone, and leaves those alone that are not its own', async () => {
    const { way, dials } = new Ways();
    const own = hop();
    void way.reached(undefined);
    dials[0]?.settle(own.through);
    await soon();
    let over = false;
    const closing = way.close().then(() => {
      over = true;
    });
    await soon();
    expect([own.closes, over]).toEqual([1, false]);
    own.end();
    await closing;
    const others = new Ways();
    const given = hop(false);
    void others.way.reached(undefined);
    others.dials[0]?.settle(given.through);
    await others.way.close();
    expect(given.closes).toBe(0);
  });

  it('gives up a dial that is under way, and waits for what comes of it', async () => {
    const { way, dials } = new Ways();
    const reached = way.reached(undefined).catch((error: Error) => error.message);
    const closing = way.close();
    expect(dials[0]?.signal.aborted).toBe(true);
    dials[0]?.settle(new Error('given up'));
    await closing;
    expect(await reached).toBe('given up');
    const late = new Ways();
    const one = hop();
    void late.way.reached(undefined);
    const ending = late.way.close();
    late.dials[0]?.settle(one.through);
    await soon();
    expect(one.closes).toBe(1);
    one.end();
    await ending;
  });

  it('is at once where nothing was dialled', async () => {
    const { way, dials } = new Ways();
    await way.close();
    expect(dials).toEqual([]);
  });
});

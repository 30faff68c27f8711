/** A forward by itself: what its caller is told of the connections through it. */
import { describe, expect, it } from 'vitest';
import { addressed } from '../../src/base/addressed.ts';
import { SshError } from '../../src/base/errors.ts';
import { Forward, type ForwardOptions, type Passage } from '../../src/forwarding/forward.ts';
import { uncaughtIn } from '../support/uncaught.ts';

const peer = { address: '127.0.0.1', port: 50_312 };

function stand(options: ForwardOptions): Forward {
  return new Forward(
    { host: '127.0.0.1', port: 8080 },
    {
      name: '127.0.0.1:8080 to db:5432',
      now: () => 0,
      options,
      maxConnections: 8,
      stop: async () => {},
      freed: () => {},
    },
  );
}

it('says of a connection that could not be made which forward it is, where to, and why', async () => {
  const told: (Error | undefined)[] = [];
  const forward = stand({ onConnectionEnd: (_connection, error) => told.push(error) });
  const refused = new SshError('ERR_SSH_CHANNEL_OPEN_FAILED', 'Connection refused', { channelOpenReason: 2 });
  forward.serve(
    peer,
    'db:5432',
    () => Promise.reject(refused),
    () => {},
  );
  await expect.poll(() => told).toHaveLength(1);
  expect(told[0]).toMatchObject({
    code: 'ERR_SSH_CHANNEL_OPEN_FAILED',
    channelOpenReason: 2,
    message: 'the forward 127.0.0.1:8080 to db:5432: Connection refused',
    cause: refused,
  });
  expect(forward.counters).toMatchObject({ accepted: 1, failed: 1 });
});

it('gives up what is under way with the forward, whenever that is listened to', async () => {
  const forward = stand({});
  const heard: unknown[] = [];
  let late: Passage | undefined;
  forward.serve(
    peer,
    'db:5432',
    (passage) =>
      new Promise((resolve) => {
        late = passage;
        passage.whenGivenUp((error) => {
          heard.push(error);
          resolve(error);
        });
        const stop = passage.whenGivenUp(() => heard.push('nobody listens any more'));
        stop();
      }),
    () => {},
  );
  await forward.close();
  const cause = await forward.closed;
  expect(cause).toMatchObject({ code: 'ERR_SSH_CLOSED' });
  late?.whenGivenUp((error) => heard.push(error));
  expect(heard).toEqual([cause, cause]);
  expect(late?.signal.reason).toBe(cause);
});

/** A connection through a forward that ends when it is told to. */
function serveUntil(forward: Forward): () => void {
  let end = (): void => {};
  forward.serve(
    peer,
    'db:5432',
    (passage) =>
      new Promise((resolve) => {
        end = () => resolve(undefined);
        passage.whenGivenUp(resolve);
      }),
    () => {},
  );
  return () => end();
}

it('that drains tells everybody who waits for it', async () => {
  const forward = stand({});
  const end = serveUntil(forward);
  const over: string[] = [];
  const drains = ['first', 'second'].map((name) =>
    forward.close({ drain: true }).then(() => over.push(name)),
  );
  await Promise.resolve();
  expect([over, forward.connections.length]).toEqual([[], 1]);
  end();
  await Promise.all(drains);
  expect(over).toEqual(['first', 'second']);
  expect((await forward.closed).code).toBe('ERR_SSH_CLOSED');
});

it('that drains ends what lives where it is closed without that, or its connection ends', async () => {
  for (const cut of ['close', 'end'] as const) {
    const forward = stand({});
    serveUntil(forward);
    const drained = forward.close({ drain: true });
    if (cut === 'close') await forward.close();
    else forward.end(new SshError('ERR_SSH_CONNECTION_LOST', 'gone', { origin: 'network' }));
    await drained;
    expect((await forward.closed).code).toBe(cut === 'close' ? 'ERR_SSH_CLOSED' : 'ERR_SSH_CONNECTION_LOST');
    expect(forward.connections).toEqual([]);
  }
});

it('ends what lives at once, however long its listener takes to stop', async () => {
  let stopped = (): void => {};
  const forward = new Forward(
    { host: 'localhost', port: 8080 },
    {
      name: 'localhost:8080 to a handler',
      now: () => 0,
      options: {},
      maxConnections: 8,
      stop: () =>
        new Promise((resolve) => {
          stopped = resolve;
        }),
      freed: () => {},
    },
  );
  serveUntil(forward);
  const closed = forward.close();
  await expect.poll(() => forward.connections).toEqual([]);
  stopped();
  await closed;
});

it('names itself in errors of this library, once, and leaves all others as they are', async () => {
  const told: (Error | undefined)[] = [];
  const forward = stand({ onConnectionEnd: (_connection, error) => void told.push(error) });
  const named = new SshError('ERR_SSH_FORWARD', `the forward ${forward.name}: no`);
  const system = new Error('ECONNRESET');
  for (const error of [named, system, 'words'])
    forward.serve(
      peer,
      'db:5432',
      () => Promise.reject(error),
      () => {},
    );
  await expect.poll(() => told).toHaveLength(3);
  expect(told).toEqual([named, system, new Error('words')]);
  expect([told[0], told[1]]).toEqual([named, system]);
  expect(forward.counters).toMatchObject({ accepted: 3, failed: 3, refused: 0 });
});

it('goes on whatever its listeners throw, and tells them of connections and ends', async () => {
  const told: string[] = [];
  const forward = stand({
    onConnection: ({ id }) => {
      told.push(`made ${id}`);
      throw new Error('not ours');
    },
    onConnectionEnd: ({ id }, error) => {
      told.push(`over ${id} ${error?.message}`);
      throw new Error('not ours');
    },
  });
  for (const error of [undefined, new Error('cut')])
    forward.serve(
      peer,
      'db:5432',
      async (passage) => {
        forward.opened(passage);
        return error;
      },
      () => {},
    );
  await expect.poll(() => told).toHaveLength(4);
  expect(told).toEqual(['made 1', 'made 2', 'over 1 undefined', 'over 2 cut']);
  await forward.close();
});

it('is freed once, when its listener has stopped and no connection lives', async () => {
  const freed: Forward[] = [];
  let stopped = (): void => {};
  const forward = new Forward(
    { path: '/run/a' },
    {
      name: 'a',
      now: () => 0,
      options: {},
      maxConnections: 8,
      stop: () =>
        new Promise((resolve) => {
          stopped = resolve;
        }),
      freed: (each) => void freed.push(each),
    },
  );
  let release = (): void => {};
  forward.serve(
    peer,
    'b',
    () =>
      new Promise((resolve) => {
        release = () => resolve(undefined);
      }),
    () => {},
  );
  const closing = forward.close();
  stopped();
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  expect(freed).toEqual([]);
  release();
  await closing;
  expect(freed).toEqual([forward]);
  forward.end(new SshError('ERR_SSH_CLOSED', 'again'));
  await forward.close({ drain: true });
  expect(freed).toEqual([forward]);
});

it('stops although its listener fails to', async () => {
  const forward = new Forward(
    { path: '/run/a' },
    {
      ...{ name: 'a', now: () => 0, options: {}, maxConnections: 8, freed: () => {} },
      stop: () => Promise.reject(new Error('it is stuck')),
    },
  );
  await forward.close();
  expect((await forward.closed).code).toBe('ERR_SSH_CLOSED');
});

describe('asks whether a connection may come through, and', () => {
  /** Whatever is not `true` at once. */
  const refusals: readonly [string, () => unknown][] = [
    ['false', () => false],
    ['a value that is true in an `if`', () => 'yes'],
    [
      'an exception',
      () => {
        throw new Error('mine');
      },
    ],
    ['a promise of true', () => Promise.resolve(true)],
    ['a promise that rejects', () => Promise.reject(new Error('mine'))],
    ['a promise that rejects later', () => Promise.resolve().then(() => Promise.reject(new Error('mine')))],
  ];

  it.each(refusals)('refuses by %s, which ends nobody’s process', async (_name, filter) => {
    let refused = 0;
    const { exceptions, rejections } = await uncaughtIn(async () => {
      const forward = stand({ filter: filter as () => boolean });
      forward.serve(
        peer,
        'db:5432',
        () => Promise.reject(new Error('it was let through')),
        () => refused++,
      );
      expect(forward.counters).toMatchObject({ accepted: 1, refused: 1, failed: 0 });
    });
    expect([refused, exceptions, rejections]).toEqual([1, [], []]);
  });
});

it('takes no option that it does not know for one of `close`, and stands on', async () => {
  const forward = stand({});
  for (const [options, why] of [
    [{ drian: true }, 'there is no option "drian" of close; did you mean drain?'],
    [{ drain: 'yes' }, 'drain must be true or false, not the string "yes"'],
    [null, 'the options of close must be an object, not null'],
  ] as const) {
    await expect(forward.close(options as never)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: why,
    });
  }
  serveUntil(forward);
  expect(forward.connections).toHaveLength(1);
  await forward.close();
});

it('says of whatever goes wrong with it to which server that happened', async () => {
  const told: (Error | undefined)[] = [];
  const forward = new Forward(
    { host: '127.0.0.1', port: 8080 },
    {
      name: '127.0.0.1:8080 to db:5432',
      now: () => 0,
      options: { onConnectionEnd: (_connection, error) => told.push(error) },
      maxConnections: 8,
      stop: async () => {},
      addressed: (error) => addressed(error, { host: 'bastion', port: 22 }),
      freed: () => {},
    },
  );
  const cut = new SshError('ERR_SSH_CHANNEL_CLOSED', 'the peer closed the channel', { origin: 'peer' });
  // Where it could not be made, where it was cut, and where its forward was closed.
  for (const work of [() => Promise.reject(cut), () => Promise.resolve(cut)])
    forward.serve(peer, 'db:5432', work, () => {});
  await expect.poll(() => told).toHaveLength(2);
  serveUntil(forward);
  await forward.close();
  for (const error of [...told, await forward.closed]) {
    expect(error).toMatchObject({ host: 'bastion', port: 22 });
    expect(error?.message.startsWith('bastion:22: the forward 127.0.0.1:8080 to db:5432')).toBe(true);
  }
  expect(told).toHaveLength(3);
});

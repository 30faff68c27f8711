/** A forward by itself: what its caller is told of the connections through it. */
import { expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { Forward, type ForwardOptions, type Passage } from '../../src/forwarding/forward.ts';

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

/** Which connections live, and who is told of what happens to them. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { WaitTable } from '../../src/base/waits.ts';
import {
  type ExpiredWait,
  liveConnections,
  nextConnectionId,
  notifyExpired,
  notifyObservers,
  observeConnections,
  type RegisteredConnection,
  registerConnection,
  unregisterConnection,
} from '../../src/io/registry.ts';

function connection(id = nextConnectionId()): RegisteredConnection {
  return {
    id,
    role: 'client',
    snapshot: () => {
      throw new Error('nobody looks');
    },
  };
}

describe('the live connections', () => {
  it('are those that were registered and not taken out, the oldest first', () => {
    const [one, two, three] = [connection(), connection(), connection()];
    expect([two.id - one.id, three.id - two.id]).toEqual([1, 1]);
    for (const each of [one, two, three]) registerConnection(each);
    unregisterConnection(two);
    expect(liveConnections()).toEqual([one, three]);
    for (const each of [one, two, three]) unregisterConnection(each);
    expect(liveConnections()).toEqual([]);
  });
});

describe('observers', () => {
  it('are all told, though one of them throws, until each stops', () => {
    const told: string[] = [];
    const stops = ['a', 'b', 'c'].map((name) =>
      observeConnections({
        opened: () => {
          told.push(name);
          if (name === 'b') throw new Error('not mine');
        },
      }),
    );
    const tell = (): void => notifyObservers((observer) => observer.opened?.(connection(1)));
    tell();
    stops[0]?.();
    tell();
    for (const stop of stops) stop();
    tell();
    expect(told).toEqual(['a', 'b', 'c', 'b', 'c']);
  });

  describe('of waits', () => {
    let told: ExpiredWait[] = [];
    let stop = (): void => {};
    beforeEach(() => {
      told = [];
      stop = observeConnections({ waitExpired: (_connection, wait) => void told.push(wait) });
    });
    afterEach(() => stop());
    const names = (): string[] => told.map(({ name }) => name);

    it('hear of each, with its times', () => {
      const table = new WaitTable();
      const wait = table.start('request', 'an answer', 10, 30);
      notifyExpired(connection(1), [wait], undefined, 45);
      expect(told).toEqual([{ name: 'request', waitingFor: 'an answer', elapsed: 35, timeout: 30 }]);
    });

    it('hear of none behind the one that ended the connection, nor of a write that goes on', () => {
      const table = new WaitTable();
      const waits = (['write', 'request', 'keepAlive', 'close'] as const).map((name) =>
        table.start(name, '', 0, 1),
      );
      notifyExpired(connection(1), waits, undefined, 5);
      expect(names()).toEqual(['request', 'keepAlive', 'close']);
      told = [];
      const ended = (waitingFor: string): SshError => new SshError('ERR_SSH_TIMEOUT', '', { waitingFor });
      notifyExpired(connection(1), waits, ended('keepAlive'), 5);
      expect(names()).toEqual(['write', 'request', 'keepAlive']);
      told = [];
      notifyExpired(connection(1), waits, ended('identification'), 5);
      expect(names()).toEqual(['write', 'request', 'keepAlive', 'close']);
      told = [];
      // The error of a dial names what was waited for in it.
      const dial = [table.start('dial', '', 0, 1), table.start('request', '', 0, 1)];
      notifyExpired(connection(1), dial, ended('identification'), 5);
      expect(names()).toEqual(['dial']);
      told = [];
      notifyExpired(connection(1), dial, undefined, 5);
      expect(names()).toEqual(['dial', 'request']);
    });
  });
});

/** When a quiet peer is asked for a sign of life, and when it is given up. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WaitTable } from '../../src/base/waits.ts';
import { requestFailure } from '../../src/message/globalRequest.ts';
import { messageNumbers } from '../../src/message/numbers.ts';
import { KeepAliveProbes } from '../../src/protocol/keepAlive.ts';
import { Conversation } from '../support/conversation.ts';

/** Probes in virtual time, with packets at the moments that are given; what happened when. */
function life(
  { interval, maxMissed }: { readonly interval: number; readonly maxMissed: number },
  packetsAt: readonly number[],
  until: number,
): string[] {
  const log: string[] = [];
  const waits = new WaitTable();
  let now = 0;
  let isGone = false;
  const probes: KeepAliveProbes = new KeepAliveProbes(
    {
      get now() {
        return now;
      },
      sendProbe: () => void log.push(`${now} probe`),
      peerIsGone: ({ deadline, detail }) => {
        expect(deadline).toBe(now);
        log.push(`${now} gone, ${detail}`);
        isGone = true;
      },
    },
    { interval, maxMissed },
    waits,
    0,
  );
  const arrivals = [...packetsAt].sort((a, b) => a - b);
  for (let heard = 0; !isGone; ) {
    const next = Math.min(arrivals[heard] ?? Number.POSITIVE_INFINITY, probes.dueAt(), waits.earliest());
    if (next > until) break;
    now = next;
    // What came in time counts, however late it is looked at.
    if (arrivals[heard] === now) probes.heard(++heard, now);
    else if (now >= probes.dueAt()) probes.send();
    for (const wait of waits.expired(now)) wait.onExpire?.();
  }
  expect(waits.size).toBeLessThanOrEqual(1);
  if (isGone) expect(waits.size).toBe(0);
  return log;
}

/** The same from the definition: so many intervals after the last packet, so many probes. */
function expected(
  { interval, maxMissed }: { readonly interval: number; readonly maxMissed: number },
  packetsAt: readonly number[],
  until: number,
): string[] {
  const log: string[] = [];
  const moments = [0, ...[...packetsAt].sort((a, b) => a - b)];
  for (const [i, from] of moments.entries()) {
    const next = moments[i + 1] ?? Number.POSITIVE_INFINITY;
    for (let probe = 1; probe <= maxMissed + 1; probe++) {
      const at = from + probe * interval;
      if (at >= next || at > until) break;
      if (probe <= maxMissed) log.push(`${at} probe`);
      else return [...log, `${at} gone, a sign of life (probe ${maxMissed})`];
    }
  }
  return log;
}

describe('keep-alive', () => {
  it('asks after each interval without a packet, and ends the connection when so many in a row had no answer', () => {
    const options = fc.record({
      interval: fc.integer({ min: 1, max: 20 }),
      maxMissed: fc.integer({ min: 1, max: 4 }),
    });
    // Packets never come at the very moment of a probe: which of the two is first is not ruled.
    const packets = fc.uniqueArray(
      fc.nat(200).map((at) => at + 0.5),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(options, packets, (given, packetsAt) => {
        expect(life(given, packetsAt, 300)).toEqual(expected(given, packetsAt, 300));
      }),
    );
  });

  it('counts packets and no bytes: the same number again is no sign of life', () => {
    const waits = new WaitTable();
    const connection = { now: 0, sendProbe: () => {}, peerIsGone: () => {} };
    const probes = new KeepAliveProbes(connection, { interval: 10, maxMissed: 3 }, waits, 0);
    probes.heard(0, 5);
    expect(probes.dueAt()).toBe(10);
    probes.heard(1, 6);
    expect(probes.dueAt()).toBe(16);
    probes.heard(1, 7);
    expect(probes.dueAt()).toBe(16);
    probes.send();
    expect([probes.dueAt(), waits.size]).toEqual([Number.POSITIVE_INFINITY, 1]);
    probes.heard(2, 20);
    expect([probes.dueAt(), waits.size]).toEqual([30, 0]);
  });

  it('rests until the user is in, and while new keys are agreed on', () => {
    const keepAlive = { interval: 1_000, maxMissed: 2 };
    const conversation = Conversation.to('authentication', { client: { keepAlive } });
    const { client } = conversation;
    expect(client.deadline()).toBeGreaterThan(1_000_000);
    client.expire(500_000);
    expect([client.waits.size, client.takeOutput()]).toEqual([0, undefined]);
    client.at(0).attempt({ method: 'password', password: 'right' });
    conversation.exchange();
    expect(client.deadline()).toBe(1_000);
    client.at(0).rekey();
    expect(client.deadline()).toBe(15_000);
    client.expire(2_000);
    expect(client.waits.list().map(({ name }) => name)).toEqual(['keyExchange']);
    conversation.exchange();
    expect(client.waits.list()).toEqual([]);
    client.expire(2_000);
    expect(client.waits.list()).toMatchObject([{ name: 'keepAlive', since: 2_000, timeout: 1_000 }]);
    expect(client.deadline()).toBe(3_000);
  });

  it('is off where nobody asked for it', () => {
    const { client } = Conversation.to('ready', {
      client: { rekey: { interval: Number.POSITIVE_INFINITY } },
    });
    expect(client.deadline()).toBe(Number.POSITIVE_INFINITY);
    client.expire(1e9);
    expect([client.waits.size, client.takeOutput()]).toEqual([0, undefined]);
  });

  it.each([
    ['ping@openssh.com', true, messageNumbers.ping],
    ['a global request', false, messageNumbers.globalRequest],
  ])('asks by %s where the peer knows it', (_name, knowsPing, number) => {
    const sent: number[] = [];
    const conversation = Conversation.to('ready', {
      client: { keepAlive: { interval: 1_000, maxMissed: 1 } },
    });
    const { client } = conversation;
    expect(client.transport.peerExtensions.ping).toBe(true);
    client.transport.peerExtensions = { ...client.transport.peerExtensions, ping: knowsPing };
    const send = client.transport.send.bind(client.transport);
    client.transport.send = (message, value, sealed) => {
      sent.push(message.number);
      send(message, value, sealed);
    };
    conversation.advance(1_000);
    expect(sent).toEqual([number]);
    if (!knowsPing) conversation.say(requestFailure, {});
    expect(client.waits.size).toBe(0);
    expect(client.deadline()).toBe(2_000);
  });
});

/**
 * A program that drives `./protocol` in one go, as a fuzzer does, leaves nothing of
 * a session behind, though the event loop never turns.
 */
import { describe, expect, it } from 'vitest';
import { defaultKeepAlive } from '../../src/base/timeouts.ts';
import { clientSettings } from '../../src/entry/protocol.ts';
import { seededBytes } from '../sim/random.ts';
import { createToyProvider, toyAlgorithms, toyKey } from '../sim/toyCrypto.ts';
import { Conversation, type Stage } from '../support/conversation.ts';
import { memoryInUse } from '../support/heap.ts';

const hostKeys = [toyKey(seededBytes(3)(32))];
const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);

/** Two sides with options of their own, as each input of a fuzzer brings them. */
function session(stage: Stage): void {
  const { client, server } = Conversation.to(stage, {
    client: {
      preferences: toyAlgorithms,
      provider: createToyProvider(bytes),
      keepAlive: { ...defaultKeepAlive },
    },
    server: { preferences: toyAlgorithms, provider: createToyProvider(bytes), hostKeys },
  });
  if (client.cause !== undefined || server.cause !== undefined) throw new Error('it did not go well');
}

/** How much more is in use behind each of so many parts, in bytes for each session of the last half. */
function growth(stage: Stage, sessions: number): number {
  const parts = 8;
  const samples: number[] = [];
  for (let part = 0; part <= parts; part++) {
    samples.push(memoryInUse());
    // What leaks kilobytes a session would take all memory before it is told.
    if ((samples[part] as number) - (samples[0] as number) > 64 * 1024 * 1024) break;
    if (part < parts) for (let i = 0; i < sessions / parts; i++) session(stage);
  }
  if (samples.length <= parts) return Number.POSITIVE_INFINITY;
  const [middle = 0, last = 0] = [samples[parts / 2], samples[parts]];
  return (last - middle) / (sessions / 2);
}

describe('sessions in one go', () => {
  it('20,000 that begin to exchange keys leave the heap flat', () => {
    expect(growth('identified', 20_000)).toBeLessThan(100);
  }, 300_000);

  it('2,000 that come to an open connection leave it flat too', () => {
    expect(growth('ready', 2_000)).toBeLessThan(500);
  }, 300_000);
});

describe('settings', () => {
  it('are one object for those who make them once, and another for each who does not', () => {
    const { client: first } = Conversation.to('start');
    const { client: second } = Conversation.to('start');
    expect(Reflect.get(first, 'settings')).not.toBe(Reflect.get(second, 'settings'));
    const settings = Reflect.get(first, 'settings') as ReturnType<typeof clientSettings>;
    expect(clientSettings(settings)).toEqual(settings);
    expect(clientSettings(settings)).not.toBe(settings);
  });
});

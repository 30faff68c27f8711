/**
 * What must hold at the end of every simulation, whatever went wrong in it.
 *
 * Owns: the laws, as functions that throw.
 * Must not know: how the end came about.
 */
import { expect } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import {
  defaultDialTimeout,
  defaultKeepAlive,
  defaultTimeouts,
  type Timeouts,
} from '../../src/base/timeouts.ts';
import { liveConnections } from '../../src/io/registry.ts';
import type { Call, World } from './world.ts';

/** Bounds of the waits, by the name an error has for them. */
const bounds: Readonly<Record<string, number>> = {
  ...(defaultTimeouts satisfies Timeouts),
  dial: defaultDialTimeout,
  keepAlive: defaultKeepAlive.interval,
};

/** The longest that any call but a command may take, once its peer is silent. */
export const longestSilence: number = defaultKeepAlive.interval * (defaultKeepAlive.maxMissed + 1);

/** Nothing pending, nothing on the clock, no wait, no wire, no connection. */
export function nothingIsLeft(world: World, over: boolean): void {
  const pending = world.calls.filter(({ outcome }) => outcome === 'pending').map(({ name }) => name);
  expect({
    over,
    pending,
    timers: world.clock.liveTimers,
    connections: liveConnections().map((connection) => connection.snapshot()),
    waits: world.connections.flatMap((connection) => connection.snapshot().waits),
    ends: world.network.wires.filter(({ client, server }) => !client.isGone || !isUnused(server)).length,
    served: world.server?.connections().length ?? 0,
  }).toEqual({ over: true, pending: [], timers: 0, connections: [], waits: [], ends: 0, served: 0 });
}

/** A server's end is gone, or nobody ever sat at it. */
function isUnused(end: World['network']['wires'][number]['server']): boolean {
  return end.isGone || !end.isAttached;
}

/** Every failure is an `SshError`, and a timeout came when its own deadline was over, not before and not later. */
export function failuresAreTyped(world: World): void {
  for (const call of world.calls) {
    if (call.outcome !== 'rejected') continue;
    const { error } = call;
    if (!(error instanceof SshError))
      throw new Error(`${call.name} rejected with something else`, { cause: error });
    expect(error.code, call.name).not.toBe('ERR_SSH_INTERNAL');
    if (error.code === 'ERR_SSH_TIMEOUT') timeoutIsExact(call, error, world.clock.blocked);
  }
  for (const { cause } of world.ends) expect(cause.code).not.toBe('ERR_SSH_INTERNAL');
}

/** Times are fractions where a wire has a rate. */
const rounding = 0.001;

function timeoutIsExact({ name }: Call, error: SshError, blocked: number): void {
  const { waitingFor = 'nothing', elapsed = Number.NaN, deadline = Number.NaN } = error;
  expect(bounds, name).toHaveProperty(waitingFor);
  // The deadline may be the dial's, whose error names what the dial waited for at that moment. Both clocks stand
  // still while the caller is asked.
  const isDial = name === 'connect' && deadline === bounds['dial'];
  const bound = isDial ? deadline : (bounds[waitingFor] as number);
  expect(deadline, `${name} waited for ${waitingFor}`).toBeLessThanOrEqual(bound + rounding);
  expect(elapsed, `${name} waited for ${waitingFor}`).toBeGreaterThanOrEqual(deadline - rounding);
  expect(elapsed, `${name} waited for ${waitingFor}`).toBeLessThanOrEqual(deadline + blocked + rounding);
}

/** Errors of a single call; everything else that rejects must have the connection's cause. */
const ownErrors = new Set([
  'ERR_SSH_ABORTED',
  'ERR_SSH_CHANNEL_OPEN_FAILED',
  'ERR_SSH_REQUEST_FAILED',
  'ERR_SSH_CHANNEL_CLOSED',
]);
const ownWaits = new Set(['channelOpen', 'request', 'command']);

/** The client's connection ended once, and all that it ended rejected with that very cause. */
export function oneCause(world: World): void {
  const cause = clientCause(world);
  const closedAt = Math.min(
    ...world.calls.filter(({ name }) => name.endsWith('close')).map(({ startedAt }) => startedAt),
  );
  for (const { name, startedAt, outcome, error } of world.calls) {
    if (outcome !== 'rejected' || isCause(error, cause)) continue;
    // A call that begins behind `close` is refused by that, whatever the connection ends by.
    if (startedAt >= closedAt && error instanceof SshError && error.code === 'ERR_SSH_CLOSED') continue;
    const own =
      error instanceof SshError &&
      (ownErrors.has(error.code) ||
        (error.code === 'ERR_SSH_TIMEOUT' && ownWaits.has(error.waitingFor ?? '')));
    if (!own)
      throw new Error(
        `${name} has a cause of its own: ${String(error)}; the connection's is ${String(cause)}`,
      );
  }
  expect(new Set(world.ends.map(({ connection }) => connection)).size).toBe(world.ends.length);
}

/** The cause itself; of a command that has output, the cause with that output. */
export function isCause(error: unknown, cause: SshError | undefined): boolean {
  if (error === cause) return true;
  if (!(error instanceof SshError) || error.stdout === undefined) return false;
  return error.code === cause?.code && error.message === cause.message;
}

export function clientCause(world: World): SshError | undefined {
  return world.ends.find(({ connection }) => connection.snapshot().role === 'client')?.cause;
}

/** No call outlived the last byte by more than the defaults allow, and no dial its own bound. */
export function nobodyWaitedTooLong(world: World): void {
  const silence = Math.max(...world.network.wires.map(({ lastArrival }) => lastArrival));
  for (const { name, startedAt, endedAt = Number.POSITIVE_INFINITY } of world.calls) {
    // How long a client lives is its user's affair.
    if (name === 'closed') continue;
    if (name === 'connect') expect(endedAt - startedAt, name).toBeLessThanOrEqual(defaultDialTimeout);
    else expect(endedAt - Math.max(startedAt, silence), name).toBeLessThanOrEqual(longestSilence);
  }
}

/** What each call may take at most, however slowly its answer comes; a command may take its time. */
const callBounds: Readonly<Record<string, number>> = {
  connect: defaultDialTimeout,
  forward: defaultTimeouts.channelOpen,
  refused: defaultTimeouts.channelOpen,
  exec: defaultTimeouts.channelOpen + defaultTimeouts.request,
  // One that is under way already comes first.
  rekey: 2 * defaultTimeouts.keyExchange,
  ping: defaultTimeouts.request,
  // Once for the data, once for the peer.
  close: 2 * defaultTimeouts.close,
};

/** Absolute deadlines: bytes that come one by one gain no call more time than its own. */
export function deadlinesAreAbsolute(world: World): void {
  for (const { name, startedAt, endedAt = Number.POSITIVE_INFINITY } of world.calls) {
    const bound = callBounds[name];
    if (bound !== undefined) expect(endedAt - startedAt, name).toBeLessThanOrEqual(bound + rounding);
  }
}

/** All of the above that hold in every run. */
export function checkEnd(world: World, over: boolean): void {
  nothingIsLeft(world, over);
  failuresAreTyped(world);
  oneCause(world);
}

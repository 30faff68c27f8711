/** The tally of a fleet: who got how far, how long it took, and what that amounts to. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SshError, type SshErrorDetails } from '../../src/base/errors.ts';
import { FleetSummary, stageOf } from '../../src/cli/fleet/fleetSummary.ts';
import type { FleetResult, FleetTimings } from '../../src/client/fleet/runOnAll.ts';

const dial: FleetTimings = { connect: 1, identification: 2, keyExchange: 30, authentication: 4 };

function success(code: number | undefined, command: number = 10): FleetResult<string> {
  return {
    ok: true,
    target: 'host',
    index: 0,
    elapsed: 47,
    timings: { ...dial, command },
    code,
    signal: undefined,
    coreDumped: false,
    errorMessage: '',
    stdout: '',
    stderr: '',
    refusedEnv: [],
  };
}

function failure(details: SshErrorDetails, timings: FleetTimings, elapsed: number): FleetResult<string> {
  const error = new SshError('ERR_SSH_TIMEOUT', 'timed out', { origin: 'deadline', ...details });
  return { ok: false, target: 'host', index: 0, elapsed, timings, error };
}

function tally(...results: readonly FleetResult<string>[]): FleetSummary {
  const summary = new FleetSummary();
  for (const result of results) summary.add(result);
  return summary;
}

describe('the exit status of a fleet', () => {
  const silent = failure({ phase: 'identification' }, { connect: 1 }, 2001);

  it.each([
    ['0 where all succeeded', [success(0), success(0)], 0],
    ['1 where some ended otherwise', [success(0), success(2)], 1],
    ['1 where some did not say how they ended', [success(undefined)], 1],
    ['255 where some did not get that far', [success(0), success(2), silent], 255],
  ] as const)('is %s', (_name, results, status) => {
    expect(tally(...results).status).toBe(status);
  });
});

describe('the phase in which a host failed', () => {
  it.each([
    [{ phase: 'connect' }, 'connect'],
    [{ phase: 'keyExchange' }, 'keyExchange'],
    [{ phase: 'connection', waitingFor: 'channelOpen' }, 'channel'],
    [{ phase: 'connection', waitingFor: 'request' }, 'channel'],
    [{ phase: 'connection', waitingFor: 'command' }, 'command'],
    [{ phase: 'connection', waitingFor: 'keepAlive' }, 'command'],
    [{ phase: 'close' }, 'command'],
  ] as const)('of %j is %s', (details, stage) => {
    expect(stageOf(new SshError('ERR_SSH_TIMEOUT', '', details))).toBe(stage);
  });

  it('of a channel that was refused is the channel', () => {
    expect(stageOf(new SshError('ERR_SSH_CHANNEL_OPEN_FAILED', ''))).toBe('channel');
  });
});

describe('the summary', () => {
  it('tells for each phase who got through it and who did not, and how long it took', () => {
    const { phases } = tally(success(0), failure({ phase: 'identification' }, { connect: 3 }, 2003));
    expect(phases.map(({ phase }) => phase)).toEqual([
      'connect',
      'identification',
      'keyExchange',
      'authentication',
      'command',
    ]);
    expect(phases[0]).toEqual({
      phase: 'connect',
      passed: { hosts: 2, p50: 1, p95: 3, max: 3 },
      failed: null,
      codes: {},
    });
    expect(phases[1]).toEqual({
      phase: 'identification',
      passed: { hosts: 1, p50: 2, p95: 2, max: 2 },
      failed: { hosts: 1, p50: 2000, p95: 2000, max: 2000 },
      codes: { ERR_SSH_TIMEOUT: 1 },
    });
  });

  it('is a table for people, with a sentence', () => {
    const summary = tally(
      success(0),
      success(1),
      failure({ phase: 'identification' }, { connect: 1 }, 2001),
      failure({ phase: 'connection', waitingFor: 'channelOpen' }, dial, 12_537),
    );
    expect(summary.table()).toBe(`\
phase                   hosts     p50     p95     max
connect                     4  1.0 ms  1.0 ms  1.0 ms
identification              3  2.0 ms  2.0 ms  2.0 ms
identification, failed      1  2.00 s  2.00 s  2.00 s  ERR_SSH_TIMEOUT 1
key exchange                3   30 ms   30 ms   30 ms
authentication              3  4.0 ms  4.0 ms  4.0 ms
channel, failed             1  12.5 s  12.5 s  12.5 s  ERR_SSH_TIMEOUT 1
command                     2   10 ms   10 ms   10 ms
`);
    expect(summary.verdict(2500)).toBe(
      '4 hosts: 1 succeeded, 1 ended with another status than 0, 2 failed; 2.50 s',
    );
  });

  it('has percentiles that were measured and are in order', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(100_000), { minLength: 1 }), (times) => {
        const command = tally(...times.map((time) => success(0, time))).phases.at(-1)?.passed;
        if (command === undefined || command === null) throw new Error('there is no command');
        const { hosts, p50, p95, max } = command;
        expect(hosts).toBe(times.length);
        expect(max).toBe(Math.max(...times));
        expect(times).toEqual(expect.arrayContaining([p50, p95]));
        expect(times.filter((time) => time <= p50).length).toBeGreaterThanOrEqual(times.length / 2);
        expect(times.filter((time) => time < p50).length).toBeLessThan(times.length / 2);
        expect(times.filter((time) => time <= p95).length).toBeGreaterThanOrEqual(times.length * 0.95);
      }),
    );
  });
});

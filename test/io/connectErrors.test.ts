/** What an error says of a connection that never came up. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { WaitTable } from '../../src/base/waits.ts';
import type { AddressRace } from '../../src/io/connecting/addressRace.ts';
import {
  AddressesError,
  addressReport,
  connectError,
  connectTimeout,
} from '../../src/io/connecting/connectErrors.ts';

const failed = (code: string | undefined, message = 'it failed'): Error =>
  Object.assign(new Error(message), code === undefined ? {} : { code });

/** A race in which the addresses had these errors; undefined for no answer yet. */
function raceOf(errors: readonly (Error | undefined)[], waiting: readonly string[] = []): AddressRace {
  const attempts = errors.map((error, index) => ({
    target: { address: `10.0.0.${index}`, family: 4 },
    since: 0,
    error,
  }));
  const fields = {
    attempts,
    waiting: waiting.map((address) => ({ address, family: 4 })),
    isLookingUp: false,
    lookupError: undefined,
  };
  return fields as unknown as AddressRace;
}

describe('a connection that never came up', () => {
  it('says why in words and by the code, and whose fault it is', () => {
    for (const [code, words, origin] of [
      ['ECONNREFUSED', 'connection refused (ECONNREFUSED)', 'network'],
      ['ENOTFOUND', 'there is no such host (ENOTFOUND)', 'network'],
      ['EAI_AGAIN', 'its name cannot be looked up at present (EAI_AGAIN)', 'network'],
      ['EMFILE', /^this process has no file descriptors left.* \(EMFILE\)$/, 'local'],
      ['EWHAT', 'it failed', 'network'],
      [undefined, 'it failed', 'network'],
    ] as const) {
      const error = connectError(failed(code), 'a:22');
      expect(error).toMatchObject({ code: 'ERR_SSH_CONNECT', phase: 'connect', origin });
      expect(error.message.startsWith('cannot connect to a:22: ')).toBe(true);
      expect(error.message.slice('cannot connect to a:22: '.length)).toEqual(
        typeof words === 'string' ? words : expect.stringMatching(words),
      );
      expect(error.cause).toMatchObject({ message: 'it failed' });
    }
    expect(connectError('what', 'a:22').message).toBe('cannot connect to a:22');
    expect(connectError(undefined, 'a:22').message).toBe('cannot connect to a:22');
    expect(connectError(failed(undefined, 'a\x1bb'), 'a:22').message).toBe('cannot connect to a:22: a\\x1bb');
    const own = new SshError('ERR_SSH_FORWARD', 'mine');
    expect(connectError(own, 'a:22')).toBe(own);
  });

  it('says what came of each address, in their order, up to sixteen', () => {
    const report = (race: AddressRace, host = 'h', family: 0 | 4 | 6 = 0): string =>
      addressReport(race, host, family);
    const refused = failed('ECONNREFUSED');
    expect(report(raceOf([refused, undefined], ['10.9.9.9']))).toBe(
      '10.0.0.0: connection refused (ECONNREFUSED); 10.0.0.1: no answer; 10.9.9.9: not tried yet',
    );
    // A host that is its own address is named by the rest of the message.
    expect(report(raceOf([refused]), '10.0.0.0')).toBe('connection refused (ECONNREFUSED)');
    const many = Array.from({ length: 17 }, () => undefined);
    expect(report(raceOf(many)).split('; ')).toHaveLength(17);
    expect(report(raceOf(many))).toMatch(/; and 1 more addresses$/);
    expect(report(raceOf(many.slice(1)))).not.toContain('more addresses');
    expect(report(raceOf(many.slice(1), ['x']))).toMatch(/; and 1 more addresses$/);
  });

  it('says what is known of the name where there is no address', () => {
    const none = raceOf([]);
    expect(addressReport(none, 'h', 0)).toBe('it has no address');
    expect(addressReport(none, 'h', 6)).toBe('it has no IPv6 address');
    const looking = { ...none, isLookingUp: true } as AddressRace;
    expect(addressReport(looking, 'h', 0)).toBe('its name is still being looked up');
    const lost = { ...none, lookupError: failed('ENOTFOUND') } as AddressRace;
    expect(addressReport(lost, 'h', 4)).toBe('there is no such host (ENOTFOUND)');
    expect(addressReport({ ...lost, attempts: raceOf([undefined]).attempts } as AddressRace, 'h', 4)).toBe(
      '10.0.0.0: no answer',
    );
  });

  it('has the error of the system below it, or all of them under the code of the first', () => {
    const [one, two] = [failed('EMFILE'), failed('ECONNREFUSED')];
    const causeOf = (race: AddressRace): unknown => new AddressesError(race, 'h', 0).cause;
    expect(causeOf(raceOf([undefined, two]))).toBe(two);
    const lookupError = failed('ENOTFOUND');
    expect(causeOf({ ...raceOf([]), lookupError } as AddressRace)).toBe(lookupError);
    expect(causeOf({ ...raceOf([one]), lookupError } as AddressRace)).toBe(one);
    const both = new AddressesError(raceOf([one, two]), 'h', 0);
    expect(both.cause).toBeInstanceOf(AggregateError);
    expect(both.cause).toMatchObject({ code: 'EMFILE', errors: [one, two] });
    const error = connectError(both, 'h:22');
    expect(error).toMatchObject({ origin: 'local', cause: both.cause });
    expect(error.message).toBe(`cannot connect to h:22: ${both.message}`);
    expect(causeOf(raceOf([undefined]))).toBeUndefined();
  });

  it('in time names the wait, how long it was and what is known of the way', () => {
    const waits = new WaitTable();
    const dial = waits.start('dial', 'the dial', 0, 100.4);
    expect(connectTimeout(dial, waits, 105, 'a:22')).toMatchObject({
      message: 'timed out after 100 ms connecting to a:22',
      waitingFor: 'dial',
    });
    const connect = waits.start('connect', 'TCP', 20, 50);
    expect(connectTimeout(dial, waits, 105, 'a:22', 'no answer')).toMatchObject({
      message: 'timed out after 100 ms connecting to a:22: no answer',
      code: 'ERR_SSH_TIMEOUT',
      phase: 'connect',
      origin: 'deadline',
      waitingFor: 'connect',
      elapsed: 105,
      deadline: 100.4,
      bytesReceived: 0,
    });
    waits.start('agent', 'x', 30, 10);
    expect(connectTimeout(connect, waits, 75, 'a:22')).toMatchObject({ waitingFor: 'connect', elapsed: 55 });
  });
});

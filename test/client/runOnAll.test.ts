/** What `runOnAll` refuses at once, and what becomes the result of a single target. */
import { describe, expect, it } from 'vitest';
import type { FleetTarget, RunOnAllOptions } from '../../src/client/fleet/options.ts';
import { createRunOnAll } from '../../src/client/fleet/runOnAll.ts';
import { nodePlatform } from '../../src/node/platform.ts';

/** A platform without a network: what reaches it has passed all checks. */
const runOnAll = createRunOnAll({
  ...nodePlatform,
  tcp:
    ({ host, port }) =>
    () => {
      throw new Error(`dialled ${host} ${port}`);
    },
  defaultHostKeyVerifier: () => () => true,
});

describe('runOnAll refuses at once', () => {
  it.each<[string, RunOnAllOptions, RegExp]>([
    ['no concurrency', { concurrency: 0 }, /concurrency/],
    ['a fraction of a connection', { concurrency: 1.5 }, /concurrency/],
    ['a timeout that is none', { timeout: 0 }, /timeout must be a positive number/],
    ['an option that does not exist', { hots: 'a' } as RunOnAllOptions, /no option "hots"/],
    ['algorithms that do not exist', { algorithms: { cipher: ['rot13'] } }, /rot13/],
  ])('%s', (_name, options, message) => {
    expect(() => runOnAll(['host'], 'true', options)).toThrow(
      expect.objectContaining({ code: 'ERR_SSH_OPTIONS', message: expect.stringMatching(message) }),
    );
  });

  it('one text in place of a list, and a command that is none', () => {
    expect(() => runOnAll('host' as unknown as string[], 'true')).toThrow(/targets must be a list/);
    expect(() => runOnAll(['host'], 7 as unknown as string)).toThrow(/command must be a string/);
  });
});

describe('a target', () => {
  async function outcome(target: unknown): Promise<string> {
    const options = { username: 'ops', port: 2200 };
    for await (const result of runOnAll([target as FleetTarget], 'true', options)) {
      expect(result.target).toBe(target);
      if (result.ok) throw new Error('there is no network');
      return `${result.error.code}: ${result.error.message}`;
    }
    throw new Error('there is no result');
  }

  it.each<[unknown, string]>([
    ['example', 'dialled example 2200'],
    ['root@[::1]:22', 'dialled ::1 22'],
    [{ host: 'example', port: 23 }, 'dialled example 23'],
    [{ host: 'example', port: undefined }, 'dialled example 2200'],
  ])('%j is dialled with what it says, and else with what all share', async (target, message) => {
    expect(await outcome(target)).toBe(`ERR_SSH_CONNECT: cannot connect to ${at(message)}: ${message}`);
  });

  it.each([['user@'], [''], [{ host: 'a', port: 0 }], [{ port: 22 }], [null], [7], [{ host: 'a', nope: 1 }]])(
    '%j that is none is an error of its own',
    async (target) => {
      expect(await outcome(target)).toMatch(/^ERR_SSH_OPTIONS/);
    },
  );
});

/** `host:port` of a message. */
function at(message: string): string {
  const [, host = '', port] = message.split(' ');
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

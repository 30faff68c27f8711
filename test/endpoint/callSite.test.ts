/** How the stack of an error leads to the lines of those whose calls it ended. */
import { describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { CallSite } from '../../src/endpoint/calls/callSite.ts';

/** Where a call was made, as its frames say. */
function site(...frames: readonly string[]): CallSite {
  const one = new CallSite(site);
  Object.defineProperty(one, 'stack', { value: ['Error', ...frames].join('\n') });
  return one;
}

const own = '    at Driver.end (/lib/driver.js:1:1)';
function fault(): SshError {
  const error = new SshError('ERR_SSH_CONNECTION_LOST', 'gone');
  error.stack = `SshError: gone\n${own}`;
  return error;
}

describe('the stack of an error', () => {
  it('leads to a call, behind the lines of this library, and without those of the platform', () => {
    const error = fault();
    const one = site(
      '    at mine (/app/a.js:1:1)',
      '    at process (node:internal/x:1:1)',
      '    at /app/b.js:2:2',
    );
    expect(one.frames).toEqual(['    at mine (/app/a.js:1:1)', '    at /app/b.js:2:2']);
    one.leadTo(error);
    expect(error.stack).toBe(`SshError: gone\n${own}\n    at mine (/app/a.js:1:1)\n    at /app/b.js:2:2`);
  });

  it('leads to each call that it ended, once', () => {
    const error = fault();
    const [one, two] = [site('    at one (/app/a.js:1:1)'), site('    at two (/app/a.js:9:1)')];
    for (const each of [one, two, one, two]) each.leadTo(error);
    expect(error.stack?.split('\n').slice(2)).toEqual([
      '    at one (/app/a.js:1:1)',
      '    and for another call:',
      '    at two (/app/a.js:9:1)',
    ]);
  });

  it('has no more callers added once it is longer than 8 KiB', () => {
    const error = fault();
    for (let call = 0; call < 1000; call++) {
      const { length } = error.stack ?? '';
      site(`    at call${call} (/app/${'x'.repeat(100)}.js:1:1)`).leadTo(error);
      expect((error.stack?.length ?? 0) > length).toBe(length <= 8 * 1024);
    }
    expect(error.stack?.length).toBeLessThan(9 * 1024);
  });

  it('stays as it is where an engine knows no callers, or the error has no stack', () => {
    const error = fault();
    const before = error.stack;
    const nameless = new CallSite(site);
    Object.defineProperty(nameless, 'stack', { value: undefined });
    expect(nameless.frames).toEqual([]);
    nameless.leadTo(error);
    site('    at process (node:internal/x:1:1)').leadTo(error);
    expect(error.stack).toBe(before);
    const bare = fault();
    Object.defineProperty(bare, 'stack', { value: undefined });
    site('    at one (/app/a.js:1:1)').leadTo(bare);
    expect(bare.stack).toBeUndefined();
  });
});

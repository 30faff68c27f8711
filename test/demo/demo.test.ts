/** `npm run demo`, the first thing the README says to do. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../', import.meta.url));

/** Milliseconds; it takes a tenth of that on a machine that is free. */
const longest = 120_000;

describe('the demonstration', () => {
  let output = '';
  let complaints = '';
  let status: unknown;

  beforeAll(async () => {
    const child = spawn('npm', ['run', '--silent', 'demo'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.on('data', (chunk) => {
      output += String(chunk);
    });
    child.stderr.on('data', (chunk) => {
      complaints += String(chunk);
    });
    // Its process ends by itself when nothing is left in it.
    [status] = await once(child, 'close');
  }, longest);

  it('ends with 0, as all that it checks is as it should be', () => {
    expect(complaints).toBe('');
    expect(output).not.toMatch(/^NO /m);
    expect(output.match(/^ok {2}/gm)).toHaveLength(5);
    expect(status).toBe(0);
  });

  it('shows what is waited for while it is', () => {
    const report = section(/have their result by now/);
    expect(report).toMatch(/^identification +\d+ .* identification$/m);
    expect(report).toMatch(/^keyExchange +\d+ .* keyExchange$/m);
  });

  it('shows in which phase each ended, and how long it took', () => {
    const table = section(/What came of all, by phase/);
    expect(table).toMatch(/^connect, failed +5 .* ERR_SSH_CONNECT 5$/m);
    expect(table).toMatch(/^identification, failed +40 .* ERR_SSH_TIMEOUT 40$/m);
    expect(table).toMatch(/^key exchange, failed +15 .* ERR_SSH_CONNECTION_LOST 5\n +ERR_SSH_TIMEOUT 10$/m);
    expect(table).toMatch(/^channel, failed +5 .* ERR_SSH_TIMEOUT 5$/m);
    expect(table).toMatch(/^command +40 /m);
    expect(table).toMatch(/^command, failed +5 .* ERR_SSH_TIMEOUT 5$/m);
  });

  it('fits 80 columns, and ends with what to try next', () => {
    expect(output.split('\n').filter((line) => line.length > 80)).toEqual([]);
    expect(output.trim().split('\n').slice(-5)[0]).toMatch(/^What to try next/);
  });

  it('shows that nothing is left', () => {
    const table = section(/What this process holds/);
    for (const what of ['connections', 'sockets', 'listeners', 'timers']) {
      const [, before, meanwhile, after] =
        new RegExp(`^${what} +(\\d+) +(\\d+) +(\\d+)$`, 'm').exec(table) ?? [];
      expect([what, before, after]).toEqual([what, '0', '0']);
      expect(Number(meanwhile)).toBeGreaterThan(0);
    }
  });

  /** The lines below a heading, up to the next. */
  function section(heading: RegExp): string {
    const lines = output.split('\n');
    const start = lines.findIndex((line) => heading.test(line));
    if (start < 0) throw new Error(`there is no ${String(heading)} in ${output}`);
    const end = lines.findIndex((line, index) => index > start + 1 && line.endsWith(':'));
    return lines.slice(start + 1, end < 0 ? lines.length : end).join('\n');
  }
});

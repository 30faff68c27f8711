/** A program as a link: whatever it does and whenever it is given up, its end is told once, and nothing is left. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { WaitTable } from '../../src/base/waits.ts';
import type { CommandStart } from '../../src/client/platform.ts';
import type { Link } from '../../src/io/link.ts';
import { nodeClock } from '../../src/node/clock.ts';
import { commandLink } from '../../src/node/command/commandLink.ts';

afterEach(() => vi.restoreAllMocks());

interface Opened {
  readonly link: Link;
  readonly told: string[];
  readonly notes: string[];
  readonly waits: WaitTable;
  /** Once the link is said to be closed. */
  readonly closed: Promise<void>;
  /** Once anything else was told. */
  readonly next: () => Promise<void>;
}

/** Ends what a test left waiting, in words. */
const patience = 10_000;

function open(command: CommandStart['command'], hook: (link: () => Link) => void = () => {}): Opened {
  const told: string[] = [];
  const notes: string[] = [];
  const waits = new WaitTable();
  let closed = (): void => {};
  const wake: (() => void)[] = [];
  const tell = (what: string): void => {
    told.push(what);
    for (const resolve of wake.splice(0)) resolve();
  };
  const whenClosed = new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`not closed; told ${told.join(', ')}`)), patience);
    closed = () => {
      clearTimeout(timer);
      resolve();
    };
  });
  whenClosed.catch(() => {});
  const start: CommandStart = {
    // Asked for when the program is about to be started.
    get command() {
      hook(() => link);
      return command;
    },
    note: (line) => notes.push(line),
    waits,
    closeTimeout: 60_000,
  };
  const link: Link = commandLink(start)({
    connected: () => tell('connected'),
    received: (chunk) => tell(`received ${Buffer.from(chunk)}`),
    lent: (chunk) => tell(`lent ${Buffer.from(chunk)}`),
    ended: (error) => tell(`ended ${error?.message ?? 'in order'}`),
    written: () => tell('written'),
    closed: () => {
      told.push('closed');
      closed();
    },
  });
  const next = (): Promise<void> => new Promise((resolve) => wake.push(resolve));
  return { link, told, notes, waits, closed: whenClosed, next };
}

/** Pipes of this process: a program that did not start must leave none. */
const pipes = (): number => {
  if (process.platform !== 'linux') return 0;
  return readdirSync('/proc/self/fd').filter((name) => {
    try {
      return readlinkSync(`/proc/self/fd/${name}`).includes('deadline-ssh-');
    } catch {
      return false;
    }
  }).length;
};

/** Programs that this process has started and that have the text among their arguments. */
function running(text: string): number {
  const isOurs = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(text);
    } catch {
      return false;
    }
  };
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurs(name)).length;
}

/** What was ended may take a moment to be gone. */
async function expectGone(text: string): Promise<void> {
  await expect.poll(() => running(text), { timeout: patience, interval: 5 }).toBe(0);
}

describe('a link over a program', () => {
  it('carries bytes both ways, and ends in order with the program', async () => {
    const { link, told, next, closed } = open(['cat']);
    expect(link.write(Buffer.from('early'))).toBe(false);
    expect(link.progress?.()).toBe('the proxy command has not started yet');
    await next();
    expect(link.write(Buffer.from('text'))).toBe(true);
    expect([link.unsentBytes(), link.writeBacklog()]).toEqual([4, 4]);
    while (!told.includes('received text')) await next();
    while (!told.includes('written')) await next();
    expect([link.unsentBytes(), link.writeBacklog()]).toEqual([0, 0]);
    expect(link.addresses().remoteAddress).toBeUndefined();
    link.end();
    link.end();
    expect(link.write(Buffer.from('late'))).toBe(false);
    while (!told.includes('ended in order')) await next();
    link.destroy();
    await closed;
    expect(told.filter((what) => what !== 'written')).toEqual([
      'connected',
      'received text',
      'ended in order',
      'closed',
    ]);
    expect(pipes()).toBe(0);
  });

  it('asks to wait from 256 KiB on', async () => {
    const { link, next, closed } = open(['sleep', '60.31']);
    await next();
    expect(link.write(new Uint8Array(256 * 1024 - 1))).toBe(true);
    expect(link.write(new Uint8Array(1))).toBe(false);
    link.destroy();
    expect(link.write(new Uint8Array(1))).toBe(false);
    await closed;
    await expectGone('60.31');
  });

  it.each([
    ['is not there', ['/nonexistent/program'], /^ended the proxy command could not be started: .*ENOENT/],
    [
      'has a name that no system takes',
      ['a\0b'],
      /^ended the proxy command could not be started: .*null bytes/,
    ],
    ['has no name', [], /^ended the proxy command could not be started: /],
  ])('that %s tells so once, and leaves nothing', async (_what, command, message) => {
    const { told, closed, link } = open(command);
    await closed;
    expect(told).toEqual([expect.stringMatching(message), 'closed']);
    link.destroy();
    link.end();
    await new Promise((resolve) => setImmediate(resolve));
    expect(told).toHaveLength(2);
    expect(pipes()).toBe(0);
  });

  it.each([
    ['starts', ['sleep', '60.32']],
    ['cannot be started', ['/nonexistent/program']],
    ['no system takes', ['a\0b']],
  ])('that %s can be given up at each moment of its start', async (_what, command) => {
    const moments: readonly (readonly [string, (link: () => Link) => void])[] = [
      ['at once', () => {}],
      ['when it was started a moment ago', (link) => queueMicrotask(() => link().destroy())],
      ['a tick later', (link) => process.nextTick(() => link().destroy())],
      ['a turn later', (link) => setImmediate(() => link().destroy())],
    ];
    for (const [when, hook] of moments) {
      const { link, told, closed } = open(command, hook);
      if (when === 'at once') link.destroy();
      await closed;
      expect(
        told.filter((what) => what === 'closed'),
        when,
      ).toHaveLength(1);
      if (when === 'at once') expect(told).toEqual(['closed']);
      link.destroy();
    }
    await expectGone('60.32');
    expect(pipes()).toBe(0);
  });

  it('that will not end is waited for, and no longer than that', async () => {
    const { link, told, waits, closed, next } = open([
      'sh',
      '-c',
      'trap "" TERM; echo up; while :; do sleep 60.33; done',
    ]);
    while (!told.includes('received up\n')) await next();
    link.destroy();
    const [wait] = waits.list();
    expect(wait).toMatchObject({ name: 'close', detail: 'the proxy command to end', timeout: 60_000 });
    for (const { onExpire } of waits.expired(Number.MAX_SAFE_INTEGER)) onExpire?.();
    await closed;
    expect(waits.list()).toEqual([]);
    await expectGone('60.33');
  });

  it('ends, where it is given up, with all that it has started', async () => {
    const { link, told, closed, next } = open(['sh', '-c', 'sleep 60.34 & echo up; wait']);
    while (!told.includes('received up\n')) await next();
    link.destroy();
    await closed;
    await expectGone('60.34');
  });

  it.each([
    ['exit 0', 'ended with status 0 and had said nothing'],
    ['exit 3', 'ended with status 3 and had said nothing'],
    ['echo why >&2; exit 3', 'ended with status 3 and had said nothing: why'],
    ['printf "one\\n\\n  \\ntwo" >&2; exit 3', 'ended with status 3 and had said nothing: two'],
    ['kill -9 $$', 'was ended by SIGKILL and had said nothing'],
    ['echo words; exit 0', undefined],
    ['echo words; echo why >&2; exit 1', 'ended with status 1: why'],
    ['exec >&-; echo why >&2; sleep 60.35', 'closed its output and had said nothing: why'],
    ['echo words; exec >&-; sleep 60.35', undefined],
  ])('says how its program ended: %s', async (command, expected) => {
    // One that has ended, and has said all, is not waited for any longer.
    const isOver = !command.includes('sleep');
    if (isOver) vi.spyOn(nodeClock, 'schedule').mockReturnValue({ cancel: () => {} });
    const { link, told, notes, next, closed } = open(command);
    while (!told.some((what) => what.startsWith('ended'))) await next();
    expect(told.at(-1)).toBe(
      `ended ${expected === undefined ? 'in order' : `the proxy command ${expected}`}`,
    );
    expect(notes).toEqual(command.includes('one') ? ['one', 'two'] : command.includes('why') ? ['why'] : []);
    link.destroy();
    await closed;
    expect(told.filter((what) => what.startsWith('ended'))).toHaveLength(1);
  });
});

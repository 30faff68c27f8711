/** The options of every call: what each takes, what each refuses, and what it says of names from elsewhere. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import { clampedSeconds, ownerAttributes, timeAttributes } from '../../src/sftp/files/attributeCalls.ts';
import { parseFlag } from '../../src/sftp/files/content/flags.ts';
import { decodeText } from '../../src/sftp/files/content/text.ts';
import * as check from '../../src/sftp/files/options.ts';
import { resolveTransfer, transferNames } from '../../src/sftp/transfer/options.ts';
import { openMemory } from './memory/channel.ts';

const signal = new AbortController().signal;
const fn = (): void => {};

interface Rule {
  readonly good: readonly unknown[];
  readonly bad: readonly unknown[];
}

const flag: Rule = { good: [true, false, undefined], bad: [0, 1, 'true', null, {}] };
const timeout: Rule = { good: [1, 0.5, 1e9, undefined], bad: [0, -1, Number.NaN, '1', null] };
const aSignal: Rule = { good: [signal, undefined], bad: [{}, 1, null, fn] };
const mode: Rule = { good: [0, 0o644, 0o7777, undefined], bad: [-1, 0o10000, 1.5, '644', null] };
const position: Rule = { good: [0, 1, 2 ** 53 - 1, undefined], bad: [-1, 1.5, 2 ** 53, '0', null] };
const mark: Rule = { good: [1, 1024 ** 3, undefined], bad: [0, 1.5, 1024 ** 3 + 1, '1', null] };
const callback: Rule = { good: [fn, undefined], bad: [1, 'f', {}, null] };
const names: Rule = { good: ['utf8', 'buffer', undefined], bad: ['latin1', 1, null] };
const openFlag: Rule = { good: ['w', 'r', undefined], bad: [1, null, {}] };
const bounds = { timeout, signal: aSignal };

const tables: Readonly<Record<string, readonly [(given: never) => void, Readonly<Record<string, Rule>>]>> = {
  checkCall: [check.checkCall, bounds],
  checkStat: [check.checkStat, { ...bounds, bigint: flag }],
  checkReadFile: [
    check.checkReadFile,
    { ...bounds, encoding: { good: ['utf8', 'utf-8', 'latin1', 'hex', undefined], bad: ['ascii', 1, null] } },
  ],
  checkWriteFile: [check.checkWriteFile, { ...bounds, mode, flag: openFlag }],
  checkReaddir: [check.checkReaddir, { ...bounds, withFileTypes: flag, encoding: names }],
  checkMkdir: [check.checkMkdir, { ...bounds, recursive: flag, mode }],
  checkRename: [check.checkRename, { ...bounds, replace: flag }],
  checkRm: [check.checkRm, { ...bounds, recursive: flag, force: flag }],
  checkPath: [check.checkPath, { ...bounds, encoding: names }],
  checkCopyFile: [check.checkCopyFile, { ...bounds, exclusive: flag }],
  checkGlob: [check.checkGlob, { ...bounds, withFileTypes: flag, dot: flag }],
  checkWalk: [check.checkWalk, { ...bounds, onError: callback }],
  checkReadStream: [
    check.checkReadStream,
    {
      signal: aSignal,
      start: position,
      end: position,
      encoding: { good: ['utf8', 'latin1', 'hex', undefined], bad: ['utf-8', 1] },
      highWaterMark: mark,
    },
  ],
  checkWriteStream: [
    check.checkWriteStream,
    { signal: aSignal, flags: openFlag, mode, start: position, highWaterMark: mark },
  ],
  'get and put': [
    (given) => void resolveTransfer('get', given),
    {
      ...bounds,
      recursive: flag,
      resume: flag,
      atomic: flag,
      sparse: flag,
      specialFiles: flag,
      concurrency: { good: [1, 1024, undefined], bad: [0, 1025, 1.5, '1'] },
      preserve: {
        good: [true, false, {}, { times: true, owner: false }, undefined],
        bad: [1, 'yes', { time: true }, { mode: 1 }],
      },
      verify: { good: ['size', 'sha256', undefined], bad: ['md5', true] },
      links: { good: ['follow', 'skip', 'copy', undefined], bad: ['keep', true] },
      limitRate: { good: [1, 0.5, 1e12, undefined], bad: [0, -1, '1', Number.NaN] },
      filter: callback,
      onProgress: callback,
      onError: callback,
    },
  ],
};

const refusal = expect.objectContaining({ code: 'ERR_SSH_OPTIONS' });

describe.each(Object.entries(tables))('%s', (_name, [test, rules]) => {
  it.each(Object.entries(rules))('takes %s as it should be, and nothing else', (option, { good, bad }) => {
    for (const value of good) expect(() => test({ [option]: value } as never), String(value)).not.toThrow();
    for (const value of bad) expect(() => test({ [option]: value } as never), String(value)).toThrow(refusal);
  });

  it('takes no others', () => {
    expect(() => test({} as never)).not.toThrow();
    expect(() => test({ zebra: 1 } as never)).toThrow(refusal);
    for (const none of [null, 5]) expect(() => test(none as never)).toThrow(refusal);
  });
});

describe('the options of a transfer', () => {
  it('have their defaults', () => {
    expect(resolveTransfer('get', {})).toEqual({
      recursive: false,
      concurrency: 32,
      resume: false,
      preserve: undefined,
      atomic: true,
      verify: 'size',
      filter: undefined,
      links: 'follow',
      sparse: false,
      specialFiles: false,
      limitRate: Number.POSITIVE_INFINITY,
      onProgress: undefined,
      onError: undefined,
    });
  });

  it('stay as they were given', () => {
    const given = {
      recursive: true,
      concurrency: 5,
      resume: true,
      atomic: false,
      verify: 'sha256',
      links: 'copy',
      sparse: true,
      specialFiles: true,
      limitRate: 7,
      filter: () => true,
      onProgress: fn,
      onError: () => 'skip' as const,
    } as const;
    expect(resolveTransfer('get', { ...given, preserve: { owner: true, mode: false } })).toEqual({
      ...given,
      preserve: { times: true, mode: false, setuid: false, owner: true },
    });
    expect(resolveTransfer('get', { preserve: true }).preserve).toEqual({
      times: true,
      mode: true,
      setuid: false,
      owner: false,
    });
    expect(resolveTransfer('get', { preserve: false }).preserve).toBeUndefined();
  });

  it.each(Object.entries(transferNames))('have a hint for %s', (name, { use, note }) => {
    try {
      resolveTransfer('put', { [name]: 1 } as never);
      throw new Error('no error');
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_SSH_OPTIONS' });
      const { message } = error as SshError;
      expect(message).toContain(`no option "${name}" of put`);
      if (use !== undefined) expect(message).toContain(use);
      if (note !== undefined) expect(message).toContain(note);
      expect(use ?? note).toBeDefined();
    }
  });
});

describe('values of calls', () => {
  it('positions are whole numbers that a file can have, as numbers or bigints', () => {
    for (const good of [0, 5, 2 ** 53 - 1]) {
      expect(check.checkedPosition(good)).toBe(good);
      expect(check.checkedPosition(BigInt(good))).toBe(good);
    }
    for (const bad of [-1, 0.5, 2 ** 53, Number.NaN, -1n, 2n ** 53n])
      expect(() => check.checkedPosition(bad)).toThrow(refusal);
  });

  it('options may be an encoding alone, or none', () => {
    expect(check.optionsOf('hex')).toEqual({ encoding: 'hex' });
    expect(check.optionsOf(undefined)).toEqual({});
    expect(check.optionsOf(null as never)).toEqual({});
    const options = { timeout: 5 };
    expect(check.optionsOf(options)).toBe(options);
    expect(check.optionsOf(5 as never)).toBe(5);
  });

  it('flags are those of Node', () => {
    const [r, w, a, c, t, x] = [1, 2, 4, 8, 16, 32] as const;
    const flags = {
      r,
      'r+': r | w,
      'rs+': r | w,
      w: w | c | t,
      wx: w | c | t | x,
      'w+': r | w | c | t,
      'wx+': r | w | c | t | x,
      a: w | a | c,
      ax: w | a | c | x,
      'a+': r | w | a | c,
      'ax+': r | w | a | c | x,
      as: w | a | c,
      'as+': r | w | a | c,
    } as const;
    for (const [name, value] of Object.entries(flags)) expect(parseFlag(name as 'r'), name).toBe(value);
    for (const none of ['q', 'toString', '', 5, undefined])
      expect(() => parseFlag(none as never)).toThrow(refusal);
  });

  it('owners and times are those that SFTP has numbers for', () => {
    expect(ownerAttributes(0, 0xffff_ffff)).toEqual({ uid: 0, gid: 0xffff_ffff });
    for (const bad of [-1, 2 ** 32, 0.5, Number.NaN, '0']) {
      expect(() => ownerAttributes(bad as never, 0)).toThrow(refusal);
      expect(() => ownerAttributes(0, bad as never)).toThrow(refusal);
    }
    expect(timeAttributes(0, 0xffff_ffff)).toEqual({ atime: 0, mtime: 0xffff_ffff });
    expect(timeAttributes(new Date(1999), 5n)).toEqual({ atime: 1, mtime: 5 });
    expect(timeAttributes(1.9, 2)).toEqual({ atime: 1, mtime: 2 });
    for (const bad of [
      -1,
      2 ** 32,
      Number.NaN,
      new Date(-1),
      new Date(Number.NaN),
      new Date(2 ** 32 * 1000),
    ]) {
      expect(() => timeAttributes(bad, 0)).toThrow(refusal);
      expect(() => timeAttributes(0, bad)).toThrow(refusal);
    }
    fc.assert(
      fc.property(fc.integer({ min: -(10 ** 13), max: 10 ** 13 }), (milliseconds) => {
        const whole = Math.floor(milliseconds / 1000);
        const { seconds, clamped } = clampedSeconds(milliseconds);
        expect(seconds).toBe(Math.min(Math.max(whole, 0), 2 ** 32 - 1));
        expect(clamped).toBe(seconds !== whole);
      }),
    );
    expect(clampedSeconds(Number.NaN)).toEqual({ seconds: 0, clamped: true });
  });

  it('text is decoded as Node does', () => {
    const bytes = Uint8Array.of(0xef, 0xbb, 0xbf, 0x61, 0xff);
    for (const encoding of ['utf8', 'utf-8', 'latin1', 'hex'] as const) {
      expect(decodeText(bytes, encoding)).toBe(Buffer.from(bytes).toString(encoding));
    }
    expect(() => decodeText(bytes, 'ascii' as never)).toThrow(refusal);
  });

  it('of streams are checked when they are made', async () => {
    const { sftp, server } = await openMemory();
    const before = server.seen.length;
    for (const bad of [{ start: -1 }, { end: -1 }, { zebra: 1 }, { encoding: 'utf-8' }]) {
      expect(() => sftp.createReadStream('/f', bad as never)).toThrow(refusal);
    }
    for (const bad of [{ start: -1 }, { mode: 0o10000 }, { flags: 5 }]) {
      expect(() => sftp.createWriteStream('/f', bad as never)).toThrow(refusal);
    }
    expect(server.seen.length).toBe(before);
  });
});

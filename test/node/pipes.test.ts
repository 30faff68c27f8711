/** Pairs of descriptors that are pipes: both work, and where one cannot be had none stays open. */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makePipes } from '../../src/node/command/pipes.ts';

const { openSync, closeSync } = fs;

const usual = process.env['TMPDIR'];
let own = '';
beforeEach(() => {
  own = fs.mkdtempSync(join(tmpdir(), 'pipes-'));
  process.env['TMPDIR'] = own;
});
afterEach(() => {
  if (usual === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = usual;
  fs.rmdirSync(own);
  Object.assign(fs, { openSync, closeSync });
  syncBuiltinESMExports();
});

/** From now on: descriptors that are open; the `failing`th is refused. */
function watch(failing: number): ReadonlySet<number> {
  const open = new Set<number>();
  let count = 0;
  Object.assign(fs, {
    openSync: (...args: Parameters<typeof openSync>) => {
      if (++count === failing) throw Object.assign(new Error('EMFILE'), { code: 'EMFILE' });
      const descriptor = openSync(...args);
      open.add(descriptor);
      return descriptor;
    },
    closeSync: (descriptor: number) => {
      open.delete(descriptor);
      closeSync(descriptor);
    },
  });
  syncBuiltinESMExports();
  return open;
}

/** What is left in the folder for temporary ones, which is the test's own. */
const left = (): readonly string[] => fs.readdirSync(process.env['TMPDIR'] ?? '');

describe('pipes to a program', () => {
  it('carry bytes, each in its direction, and lie in no folder any more', async () => {
    const open = watch(0);
    const pipes = await makePipes();
    if (pipes === undefined) throw new Error('this system has named pipes');
    const { stdin, stdout, toProgram, fromProgram } = pipes;
    expect([...open].sort()).toEqual([stdin, stdout, toProgram, fromProgram].sort());
    for (const [to, from, wrong] of [
      [toProgram, stdin, fromProgram],
      [stdout, fromProgram, toProgram],
    ] as const) {
      expect(fs.fstatSync(to).isFIFO() && fs.fstatSync(from).isFIFO()).toBe(true);
      fs.writeSync(to, 'text');
      const into = Buffer.alloc(9);
      expect(into.toString('latin1', 0, fs.readSync(from, into))).toBe('text');
      expect(() => fs.writeSync(from, 'x')).toThrow('EBADF');
      expect(() => fs.readSync(to, into)).toThrow('EBADF');
      expect(wrong).not.toBe(from);
    }
    // The end of one side is seen at the other: nobody else holds it.
    closeSync(toProgram);
    expect(fs.readSync(stdin, Buffer.alloc(1))).toBe(0);
    for (const descriptor of [stdin, stdout, fromProgram]) closeSync(descriptor);
    expect(left()).toEqual([]);
  });

  it.each([1, 2, 3, 4, 5, 6])('leave none open where the system refuses number %i', async (failing) => {
    const open = watch(failing);
    expect(await makePipes()).toBeUndefined();
    expect([...open]).toEqual([]);
    expect(left()).toEqual([]);
  });
});

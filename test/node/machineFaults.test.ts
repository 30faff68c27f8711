/** The machine fails while known_hosts is written: what was in it is in it, and a login goes on. */
import { spawn } from 'node:child_process';
import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeHostKey, type HostKeyInfo, verifyHostKey } from '../../src/client/hostKeys/hostKeys.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { rotateLines } from '../../src/node/knownHosts/hostKeyChanges.ts';
import { knownHosts, trustOnFirstUse } from '../../src/node/knownHosts/knownHosts.ts';
import { addKnownHost, changeKnownHosts, NotWrittenError } from '../../src/node/knownHosts/knownHostsFile.ts';
import { seededBytes } from '../support/conversation.ts';
import { makeReadOnly, mountFile, mountMemory } from '../support/mounts.ts';
import { ChildPrograms } from '../support/servers/childProgram.ts';
import { describeWith } from '../support/servers/programs.ts';

const [one, two] = [81, 82].map((seed) =>
  encodePublicKey(generateKey('ed25519', { randomBytes: seededBytes(seed) }).publicKey),
) as [Uint8Array, Uint8Array];
const info = (blob: Uint8Array, host = 'host.example'): HostKeyInfo =>
  describeHostKey(createOpensslProvider(), host, 22, blob, 'ssh-ed25519');

let folder: string;
let file: string;
let unmount: (() => void)[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-faults-'));
  file = join(folder, 'known_hosts');
});
afterEach(() => {
  for (const step of unmount.reverse()) step();
  unmount = [];
  rmSync(folder, { recursive: true, force: true });
});

/** What a first use of the host warned of; it was accepted. */
async function trust(host: string): Promise<readonly string[]> {
  const warnings: string[] = [];
  await verifyHostKey(trustOnFirstUse({ files: file }), info(one, host), {
    warn: (text) => void warnings.push(text),
    whileLocked: (_detail, work) => work({ timeout: 20_000 }),
  });
  return warnings;
}

describeWith({ programs: [], mounts: true }, 'known_hosts on a file system', () => {
  const page = 4096;

  /** A file system with that many pages, and the file in it, which fills its page but for some bytes. */
  function small(pages: number, left: number): string {
    unmount.push(mountMemory(folder, `size=${pages * page}`));
    const lines = formatKnownHostsLine('known.example', 22, two);
    const text = `${lines}#${'x'.repeat(page - lines.length - left - 2)}\n`;
    writeFileSync(file, text);
    return text;
  }

  /** Fills the file system but for so many pages. */
  function fill(pages: number): void {
    const filler = join(folder, 'filler');
    const fd = openSync(filler, 'w');
    try {
      for (;;) writeSync(fd, Buffer.alloc(page));
    } catch {
      // ENOSPC
    }
    const { size } = fstatSync(fd);
    closeSync(fd);
    rmSync(filler);
    writeFileSync(filler, Buffer.alloc(size - pages * page));
  }

  it.each([
    ['the lock', 0],
    ['half of the line', 1],
  ])('without space for more than %s keeps what it has, and the login goes on', async (_what, pages) => {
    const text = small(16, 20);
    fill(pages);
    expect(await trust('host.example')).toEqual([expect.stringMatching(/could not be kept .*space/)]);
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(readdirSync(folder).sort()).toEqual(['filler', 'known_hosts']);
    // What is known is known.
    expect(await verifyHostKey(knownHosts(file), info(two, 'known.example'))).toBeUndefined();
    rmSync(join(folder, 'filler'));
    expect(await trust('host.example')).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(text + formatKnownHostsLine('host.example', 22, one));
  });

  it('without space for a new file is not replaced', async () => {
    const text = small(16, 20);
    for (const pages of [0, 1]) {
      fill(pages);
      const rotating = rotateLines(file, info(one, 'known.example'), [one], [one], false);
      await expect(rotating).rejects.toThrow(NotWrittenError);
      expect(readFileSync(file, 'utf8')).toBe(text);
      expect(readdirSync(folder).sort()).toEqual(['filler', 'known_hosts']);
      rmSync(join(folder, 'filler'));
    }
    expect(await rotateLines(file, info(one, 'known.example'), [one], [one], false)).toMatchObject({
      added: 1,
      removed: 1,
    });
  });

  it('without space leaves no empty file where there was none', async () => {
    unmount.push(mountMemory(folder, `size=${16 * page}`));
    // The lock has a page, and then the line has none.
    fill(1);
    expect(await trust('host.example')).toEqual([expect.stringContaining('space')]);
    expect(readdirSync(folder)).toEqual(['filler']);
  });

  it('that can only be read keeps what it has, and the login goes on', async () => {
    const text = small(16, 20);
    makeReadOnly(folder);
    expect(await trust('host.example')).toEqual([expect.stringContaining('EROFS')]);
    await expect(addKnownHost(file, 'host.example', 22, one)).rejects.toThrow(NotWrittenError);
    await expect(rotateLines(file, info(one, 'known.example'), [one], [one], false)).rejects.toThrow(
      NotWrittenError,
    );
    expect(readFileSync(file, 'utf8')).toBe(text);
    expect(await verifyHostKey(knownHosts(file), info(two, 'known.example'))).toBeUndefined();
    expect(readdirSync(folder)).toEqual(['known_hosts']);
  });

  it('that can only be read and has no such file gets none', async () => {
    unmount.push(mountMemory(folder, 'size=64k'));
    makeReadOnly(folder);
    expect(await trust('host.example')).toEqual([expect.stringContaining('EROFS')]);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('that is mounted by itself, as in a container, gets lines and cannot be replaced', async () => {
    writeFileSync(file, formatKnownHostsLine('known.example', 22, two));
    unmount.push(mountFile(file));
    const { ino } = statSync(file);
    expect(await trust('host.example')).toEqual([]);
    const outcome = await rotateLines(file, info(one, 'known.example'), [one], [one], false);
    expect(outcome).toEqual({ added: 1, removed: 0, remains: expect.stringContaining('EBUSY') });
    expect(KnownHosts.parse(readFileSync(file)).entries.map(({ hosts }) => hosts)).toEqual([
      'known.example',
      'host.example',
      'known.example',
    ]);
    expect(statSync(file).ino).toBe(ino);
    expect(readdirSync(folder)).toEqual(['known_hosts']);
  });
});

describe('known_hosts of a program that is killed', () => {
  it('is whole, has all that was said to be in it, and is no trouble to the next program', async () => {
    const programs = new ChildPrograms(folder);
    const place = join(folder, 'ssh');
    mkdirSync(place);
    file = join(place, 'known_hosts');
    const log = join(folder, 'log');
    writeFileSync(log, '');
    const random = seededBytes(83);
    for (let round = 0; round < 8; round++) {
      const input = join(folder, `kill-${round}.json`);
      writeFileSync(input, JSON.stringify({ file, log, name: `r${round}`, keys: [[...one], [...two]] }));
      // Within the first changes, or among many.
      await killedAfter(programs.pathOf('changeKnownHosts'), input, 1 + ((random(1)[0] ?? 0) % 20));
      checkWhole(log, round);
    }
    // Whatever was left is gone once it is old and somebody writes.
    for (const name of readdirSync(place))
      if (name !== 'known_hosts') utimesSync(join(place, name), 1_000, 1_000);
    await changeKnownHosts(file, async () => ({ added: ['# the end\n'] }));
    expect(readdirSync(place)).toEqual(['known_hosts']);
  }, 120_000);

  function checkWhole(log: string, round: number): void {
    const known = KnownHosts.parse(existsSync(file) ? readFileSync(file) : '');
    expect(known.malformed, `round ${round}`).toEqual([]);
    const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
    expect(lines.length).toBeGreaterThan(round);
    for (const host of new Set(lines.map((line) => line.split(' ')[0] ?? ''))) {
      const has = [one, two].map((key) => known.lookup(host, 22, key).result);
      // One key each: the second took the place of the first, or is just about to.
      if (lines.includes(`${host} 1`)) expect(has, host).toEqual(['changed', 'trusted']);
      else expect(has.sort(), host).toEqual(['changed', 'trusted']);
    }
  }

  /** Starts a program, lets it do so many things, and kills it in the middle of the next one. */
  function killedAfter(program: string, input: string, dots: number): Promise<void> {
    const child = spawn(process.execPath, [program, input], { stdio: ['ignore', 'pipe', 'pipe'] });
    let seen = 0;
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.length;
      if (seen >= dots) child.kill('SIGKILL');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += String(chunk);
    });
    return new Promise((resolve, reject) => {
      child.once('close', (code, signal) => {
        if (signal === 'SIGKILL') resolve();
        else reject(new Error(`it ended by itself with ${code}:\n${errors}`));
      });
    });
  }
});

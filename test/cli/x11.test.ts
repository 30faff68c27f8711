/** The display of -X and -Y: what xauth is asked for, and what is said without it. */
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { displayFor } from '../../src/cli/remote/x11.ts';
import type { X11Settings } from '../../src/config/session.ts';

const cookie = '00112233445566778899aabbccddeeff';
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-x11-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** An xauth that notes what it is called with. */
function xauth(script: string): string {
  const path = join(folder, 'xauth');
  writeFileSync(path, `#!/bin/sh\necho "$@" >> '${folder}/calls'\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

function calls(): string[] {
  return readFileSync(join(folder, 'calls'), 'utf8').trim().split('\n');
}

async function ask(
  settings: Partial<X11Settings>,
  display: string | undefined = ':7',
  signal: AbortSignal = new AbortController().signal,
) {
  const said: string[] = [];
  const noted: string[] = [];
  const x11 = await displayFor(
    { trusted: true, timeout: 1_200, xauth: join(folder, 'xauth'), ...settings },
    {
      trace: { note: (line) => void noted.push(line) },
      messages: { say: (line) => void said.push(line) },
      signal,
      display,
    },
  );
  return { x11, said, noted };
}

it('a trusted display has the cookie that xauth lists for it, of the kind that is forwarded', async () => {
  xauth(`echo "host/unix:7  XDM-AUTHORIZATION-1  ffff"; echo "host/unix:7  MIT-MAGIC-COOKIE-1  ${cookie}"`);
  expect(await ask({})).toEqual({ x11: { display: ':7', cookie }, said: [], noted: [] });
  expect(calls()).toEqual(['list :7']);
});

it('a display that ssh forwards itself is kept as one of this machine', async () => {
  xauth(`echo "host/unix:10  MIT-MAGIC-COOKIE-1  ${cookie}"`);
  expect((await ask({}, 'localhost:10.0')).x11).toEqual({ display: 'localhost:10.0', cookie });
  expect(calls()).toEqual(['list unix:10.0']);
});

it('one that is not trusted gets a cookie of its own, for a time, and its file is removed', async () => {
  xauth(`[ "$3" = list ] && echo "x MIT-MAGIC-COOKIE-1 ${cookie}" || : > "$2"`);
  expect((await ask({ trusted: false })).x11).toEqual({ display: ':7', cookie, acceptFor: 1_200_000 });
  const [made = '', listed = ''] = calls();
  expect(made).toMatch(/^-f \S+ generate :7 MIT-MAGIC-COOKIE-1 untrusted timeout 1260$/);
  const file = made.split(' ')[1] ?? '';
  expect(listed).toBe(`-f ${file} list :7`);
  expect(existsSync(dirname(file))).toBe(false);
});

it('has no bound where the time is 0, and no more than the protocol has where it is longer', async () => {
  xauth(`[ "$3" = list ] && echo "x MIT-MAGIC-COOKIE-1 ${cookie}"; :`);
  expect((await ask({ trusted: false, timeout: 0 })).x11).toEqual({ display: ':7', cookie });
  await ask({ trusted: false, timeout: 0xffff_fff0 });
  expect(calls().filter((line) => line.includes('generate'))).toEqual([
    expect.stringMatching(/ untrusted$/),
    expect.stringMatching(/ untrusted timeout 4294967295$/),
  ]);
});

it.each([
  ['fails', 'exit 1'],
  ['makes a cookie and does not tell it', '[ "$3" = generate ]'],
  ['prints garbage', 'head -c 100000 /dev/zero'],
])('an xauth that %s: what is not trusted gets no display, and that is said', async (_what, script) => {
  const path = xauth(script);
  const { x11, said } = await ask({ trusted: false });
  expect(x11).toBe(false);
  expect(said).toEqual([
    `X11 is not forwarded: ${path} made no cookie for :7; -Y forwards it to a server that you trust`,
  ]);
  const trusted = await ask({});
  expect(trusted.x11).toEqual({ display: ':7' });
  expect(trusted.said).toEqual([
    `warning: ${path} knows no cookie for :7; programs can use it only if it wants none`,
  ]);
});

it('without the program the file is looked into for a trusted display, and another gets none', async () => {
  expect(await ask({})).toEqual({ x11: { display: ':7' }, said: [], noted: [] });
  const { x11, said } = await ask({ trusted: false, xauth: undefined });
  expect([x11, said]).toEqual([
    false,
    ['X11 is not forwarded: there is no xauth; -Y forwards it to a server that you trust'],
  ]);
});

it.each([[''], ['$(reboot):0'], [':0 -f x'], [':0\n:1']])(
  'the display %j goes to no program',
  async (display) => {
    xauth('exit 0');
    const { x11, said, noted } = await ask({}, display);
    expect([x11, said.length + noted.length]).toEqual([false, 1]);
    expect(existsSync(join(folder, 'calls'))).toBe(false);
  },
);

it('is ended with the command that waits for it', async () => {
  xauth('exec sleep 600');
  const { x11 } = await ask({}, ':7', AbortSignal.abort());
  expect(x11).toEqual({ display: ':7' });
});

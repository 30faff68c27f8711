import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { resolveHost } from '../../src/entry/config.ts';
import { globFiles, readConfigFile, readKeyFile } from '../../src/node/config/configFiles.ts';
import { runInShell } from '../../src/node/config/configPrograms.ts';
import { nobody } from '../support/asUser.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string, mode = 0o644): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

async function refusal(path: string, options: object = {}): Promise<SshError> {
  const error = await resolveHost('alpha', { files: [path], ...options }).catch((reason: unknown) => reason);
  if (error instanceof SshError) return error;
  throw new Error(`nothing was refused: ${String(error)}`);
}

describe('a configuration file', () => {
  it('is read', async () => {
    const path = file('config', 'Host alpha\n  Port 2222\n');
    expect((await resolveHost('alpha', { files: path })).options.port).toBe(2222);
    expect((await resolveHost('alpha', { files: ['none'] })).options.port).toBe(22);
    expect((await resolveHost('alpha', { files: ['/dev/null'] })).options.port).toBe(22);
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ['that is not there', () => {}, /there is no such file/],
    ['that is a folder', (path) => mkdirSync(path), /it is a folder/],
    ['that is a FIFO', (path) => execFileSync('mkfifo', [path]), /it is a FIFO/],
    [
      'that is larger than its limit',
      (path) => writeFileSync(path, Buffer.alloc(1024 * 1024 + 1, '#')),
      /longer than 1048576/,
    ],
    [
      'that everybody may write',
      (path) => {
        writeFileSync(path, '');
        chmodSync(path, 0o666);
      },
      /others may write it \(mode 0666\)/,
    ],
    ['that is a link to itself', (path) => symlinkSync(path, path), /leads to itself/],
  ])('%s is an error with its name', async (_what, make, message) => {
    const path = join(folder, 'config');
    make(path);
    const error = await refusal(path);
    expect(error).toMatchObject({ code: 'ERR_SSH_CONFIG', file: path, line: 0 });
    expect(error.message).toMatch(message);
  });

  it('of 1 GiB is not read', async () => {
    const path = join(folder, 'config');
    execFileSync('truncate', ['-s', '1G', path]);
    expect((await refusal(path)).message).toContain('longer than');
  });

  it('with a line of 1 MiB is an error at that line', async () => {
    const path = file('config', `# first\nPort ${'9'.repeat(1024 * 1024 - 20)}\n`);
    const error = await refusal(path);
    expect(error).toMatchObject({ code: 'ERR_SSH_CONFIG', file: path, line: 2 });
    expect(error.message.length).toBeLessThan(1000);
  });

  it('class: that includes itself is an error at the line of its Include', async () => {
    const path = file('config', `\nInclude ${folder}/config\n`);
    expect(await refusal(path)).toMatchObject({ code: 'ERR_SSH_CONFIG', file: path, line: 2 });
  });

  it('that is included may be written by its user alone, and belongs to the user or to root', async () => {
    const path = file('config', `Port 1\nInclude ${folder}/more\n`);
    file('more', 'User ops\n', 0o664);
    const error = await refusal(path);
    expect(error).toMatchObject({ file: path, line: 2 });
    expect(error.message).toContain('others may write it (mode 0664)');
    chmodSync(join(folder, 'more'), 0o644);
    expect((await resolveHost('alpha', { files: path })).options.username).toBe('ops');
    chownSync(join(folder, 'more'), nobody, nobody);
    expect((await refusal(path)).message).toContain('belongs neither to this user nor to root');
  });

  it('that is named may be written by the group, whose own mistakes it then has', async () => {
    const path = file('config', 'Port 1\n', 0o664);
    expect((await resolveHost('alpha', { files: path })).options.port).toBe(1);
    expect(await readConfigFile(path, { isGuarded: true, maximum: 100 })).toHaveProperty('fault');
  });
});

/** What makes a path, by its name. */
const makers: Readonly<Record<string, (path: string) => void>> = {
  nothing: () => {},
  'a file': (path) => writeFileSync(path, 'text', { mode: 0o600 }),
  'an empty file': (path) => writeFileSync(path, '', { mode: 0o600 }),
  'a file of the mode 640': (path) => made(path, 0o640),
  'a file of the mode 604': (path) => made(path, 0o604),
  'a file of the mode 601': (path) => made(path, 0o601),
  'a file of the mode 620': (path) => made(path, 0o620),
  'a file of the mode 602': (path) => made(path, 0o602),
  'a file that is too long': (path) => writeFileSync(path, Buffer.alloc(1024 * 1024 + 1), { mode: 0o600 }),
  'a file as long as it may be': (path) => writeFileSync(path, Buffer.alloc(1024 * 1024), { mode: 0o600 }),
  'a folder': (path) => mkdirSync(path),
  'a FIFO': (path) => execFileSync('mkfifo', ['-m', '600', path]),
  'a link to itself': (path) => symlinkSync(path, path),
  'a link to nothing': (path) => symlinkSync('none', path),
  'a link to a file': (path) => {
    writeFileSync(`${path}-other`, 'text', { mode: 0o600 });
    symlinkSync(`${path}-other`, path);
  },
};

function made(path: string, mode: number): void {
  writeFileSync(path, 'text');
  chmodSync(path, mode);
}

describe('what lies at a path', () => {
  const text = { text: 'text' };
  const missing = { missing: true };
  const fault = (words: RegExp) => ({ fault: expect.stringMatching(words), cause: expect.any(Error) });
  const others = (mode: string) => ({
    fault: `others may write it (mode ${mode}); chmod go-w takes that away`,
  });

  it.each<[string, unknown, unknown?]>([
    ['nothing', missing],
    ['a file', text],
    ['an empty file', { text: '' }],
    ['a file of the mode 640', text],
    ['a file of the mode 620', text, others('0620')],
    ['a file of the mode 602', others('0602'), others('0602')],
    ['a file that is too long', fault(/longer than 1048576/)],
    ['a file as long as it may be', { text: '\0'.repeat(1024 * 1024) }],
    ['a folder', fault(/it is a folder/)],
    ['a FIFO', { fault: 'it is a FIFO; a configuration is a regular file' }],
    ['a link to itself', fault(/leads to itself/)],
    ['a link to nothing', missing],
    ['a link to a file', text],
  ])('is a configuration, or none: %s', async (what, plain, guarded = plain) => {
    const path = join(folder, 'it');
    makers[what]?.(path);
    const maximum = 1024 * 1024;
    expect(await readConfigFile(path, { isGuarded: false, maximum })).toEqual(plain);
    expect(await readConfigFile(path, { isGuarded: true, maximum })).toEqual(guarded);
    // What would lie below a file does not lie there.
    if (what === 'a file')
      expect(await readConfigFile(`${path}/x`, { isGuarded: true, maximum })).toEqual(missing);
  });

  const key = (othersMode?: string) => ({ bytes: Buffer.from('text'), othersMode });

  it.each<[string, unknown]>([
    ['nothing', missing],
    ['a file', key()],
    ['a file of the mode 640', key('0640')],
    ['a file of the mode 604', key('0604')],
    ['a file of the mode 601', key('0601')],
    ['a file that is too long', { fault: expect.stringMatching(/longer than 1048576/) }],
    ['a folder', { fault: expect.stringMatching(/it is a folder/) }],
    ['a link to itself', { fault: 'it is a link that leads to itself' }],
    ['a link to nothing', missing],
    ['a link to a file', key()],
  ])('is the file of a key, or none: %s', async (what, expected) => {
    const path = join(folder, 'it');
    makers[what]?.(path);
    expect(await readKeyFile(path)).toEqual(expected);
    if (what === 'a file') expect(await readKeyFile(`${path}/x`)).toEqual(missing);
  });

  it.runIf(process.getuid?.() === 0)('of others is judged by who owns it', async () => {
    const path = file('it', 'text', 0o644);
    chownSync(path, nobody, nobody);
    const mine = { isGuarded: false, maximum: 100 };
    expect(await readConfigFile(path, mine)).toEqual(text);
    expect(await readConfigFile(path, { ...mine, isGuarded: true })).toEqual({
      fault: 'it belongs neither to this user nor to root',
    });
    // Who owns the key of another is not judged, nor is what others may do with it.
    expect(await readKeyFile(path)).toEqual(key());
  });
});

describe('a pattern of files', () => {
  it('stands for those that are there, in the order of their bytes', async () => {
    for (const name of ['b.conf', 'a.conf', '.hidden.conf', 'B.conf', 'c.txt']) file(name, '');
    const names = async (pattern: string): Promise<unknown> => {
      const answer = await globFiles(pattern);
      return 'paths' in answer ? answer.paths.map((path) => path.slice(folder.length + 1)) : answer.fault;
    };
    expect(await names(`${folder}/*.conf`)).toEqual(['B.conf', 'a.conf', 'b.conf']);
    expect(await names(`${folder}/[ab].c?nf`)).toEqual(['a.conf', 'b.conf']);
    expect(await names(`${folder}/.h*`)).toEqual(['.hidden.conf']);
    expect(await names(`${folder}/c.txt`)).toEqual(['c.txt']);
    expect(await names(`${folder}/none`)).toEqual([]);
    expect(await names(`${folder}/none/*`)).toEqual([]);
    expect(await names('relative')).toContain('no folder');
  });

  it('goes through folders and links, and through nothing hidden that it does not name', async () => {
    for (const name of ['one', 'two', '.three']) {
      mkdirSync(join(folder, name));
      file(`${name}/x.conf`, '');
      file(`${name}/.hidden`, '');
    }
    file('plain', '');
    symlinkSync('none', join(folder, 'one/dangling.conf'));
    symlinkSync('two', join(folder, 'zlink'));
    const names = async (pattern: string): Promise<unknown> => {
      const answer = await globFiles(pattern);
      return 'paths' in answer ? answer.paths.map((path) => path.slice(folder.length + 1)) : answer.fault;
    };
    expect(await names(`${folder}/*/x.conf`)).toEqual(['one/x.conf', 'two/x.conf', 'zlink/x.conf']);
    expect(await names(`${folder}/**/x.conf`)).toEqual(['one/x.conf', 'two/x.conf', 'zlink/x.conf']);
    expect(await names(`${folder}/o*/*`)).toEqual(['one/dangling.conf', 'one/x.conf']);
    expect(await names(`${folder}/.t*/*.conf`)).toEqual(['.three/x.conf']);
    expect(await names(`${folder}/one/../two/*`)).toEqual(['two/x.conf']);
    // A link to nothing is there, and a file has nothing in it.
    expect(await names(`${folder}/one/dangling.conf`)).toEqual(['one/dangling.conf']);
    expect(await names(`${folder}/plain/*`)).toEqual([]);
    expect(await names(`${folder}/plain/x`)).toEqual([]);
  });

  it('begins at the home of the user where it says so', async () => {
    const before = process.env['HOME'];
    try {
      process.env['HOME'] = folder;
      file('config', '');
      expect(await globFiles('~/con*')).toEqual({ paths: [join(folder, 'config')] });
      expect(await globFiles('~nobody/x')).toEqual({ fault: '~nobody/x leads to no folder' });
      process.env['HOME'] = '';
      expect(await globFiles('~/con*')).toEqual({ fault: 'this user has no home folder' });
    } finally {
      process.env['HOME'] = before;
    }
  });

  it('that stands for more names than anybody means is a mistake', async () => {
    const names = Array.from({ length: 4096 }, (_, index) => `f${index}`);
    for (const name of names) writeFileSync(join(folder, name), '');
    expect(await globFiles(`${folder}/f*`)).toEqual({
      paths: names.map((name) => join(folder, name)).sort(),
    });
    file('f', '');
    expect(await globFiles(`${folder}/f*`)).toEqual({
      fault: `${folder}/f* stands for more than 4096 files`,
    });
  });
});

describe('a command of Match exec', () => {
  const run = (command: string, signal = new AbortController().signal) => runInShell(command, signal);

  it('tells by its status', async () => {
    expect(await run('true')).toEqual({ status: 0 });
    expect(await run('exit 3')).toEqual({ status: 3 });
    expect(await run('kill -9 $$')).toHaveProperty('fault');
  });

  it('reads nothing and writes nothing', async () => {
    expect(await run('read line')).toEqual({ status: 1 });
    expect(await run('echo said')).toEqual({ status: 0 });
  });

  it('that never ends is ended with all that it started, and the reading rejects', async () => {
    const path = file('config', 'Match exec "sleep 1000 & sleep 1000"\nPort 1\n');
    const error = await refusal(path, { timeout: 300 });
    expect(error).toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      phase: 'options',
      origin: 'deadline',
      deadline: 300,
    });
    expect(error.waitingFor).toContain('sleep 1000');
    const aborting = new AbortController();
    const reading = refusal(path, { signal: aborting.signal });
    aborting.abort();
    expect(await reading).toMatchObject({ code: 'ERR_SSH_ABORTED' });
  });

  it('that cannot be run is an error at its line', async () => {
    const path = file('config', '\nMatch exec "kill -9 $$"\nPort 1\n');
    expect(await refusal(path)).toMatchObject({ code: 'ERR_SSH_CONFIG', file: path, line: 2 });
  });
});

/** A folder of this machine over SFTP: what each request does, and that nothing leads out of it. */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Anchorage, descriptorAnchorage, pathAnchorage } from '../../../src/node/served/anchors.ts';
import { type ServeFolderOptions, serveFolder, serveFolderBy } from '../../../src/node/served/serveFolder.ts';
import { LocalFolder } from '../transfer/support.ts';
import { connectTo, type ServedClient } from './support.ts';

const anchorages: readonly (readonly [string, Anchorage])[] = [
  ...(process.platform === 'linux' ? [['descriptors', descriptorAnchorage] as const] : []),
  ['paths', pathAnchorage],
];

/** A folder to serve beside a secret, both of which the test owns. */
class Lab {
  readonly folder = new LocalFolder();
  readonly root: string = this.folder.folder('root');

  constructor() {
    this.folder.file('secret', 'secret');
    this.folder.file('outside/f', 'outside');
    this.folder.file('outside/only outside', '');
  }

  at(name: string): string {
    return `${this.root}/${name}`;
  }

  /** What nobody may have touched. */
  expectOutside(): void {
    expect(this.folder.tree('outside')).toEqual({ f: 'outside', 'only outside': '' });
    expect(this.folder.text('secret')).toBe('secret');
  }
}

describe.each(anchorages)('a folder, held by %s', (_name, anchorage) => {
  const open = async (options: ServeFolderOptions = {}): Promise<ServedClient & { readonly lab: Lab }> => {
    const lab = new Lab();
    return { ...(await connectTo(serveFolderBy(anchorage, lab.root, options))), lab };
  };

  it('does what each request says', async () => {
    const { sftp, lab, session, channel, reports } = await open();
    expect([...sftp.extensions.keys()].sort()).toEqual([
      'copy-data',
      'expand-path@openssh.com',
      'fstatvfs@openssh.com',
      'fsync@openssh.com',
      'hardlink@openssh.com',
      'home-directory',
      'limits@openssh.com',
      'lsetstat@openssh.com',
      'posix-rename@openssh.com',
      'statvfs@openssh.com',
      'users-groups-by-id@openssh.com',
    ]);
    expect(await sftp.realpath('.')).toBe('/');
    expect(await sftp.expandPath('~/a')).toBe('/a');
    expect(await sftp.homeDirectory()).toBe('/');
    await sftp.writeFile('/f', 'hello', { mode: 0o640 });
    await sftp.appendFile('/f', ' world');
    expect(readFileSync(lab.at('f'), 'utf8')).toBe('hello world');
    expect(await sftp.readFile('f', 'utf8')).toBe('hello world');
    expect(statSync(lab.at('f')).mode & 0o777).toBe(0o640);
    await sftp.mkdir('/a/b', { recursive: true });
    await sftp.symlink('../f', '/a/l');
    await sftp.symlink('/f', '/a/b/abs');
    expect(readlinkSync(lab.at('a/l'))).toBe('../f');
    // What a client calls the root is none of this machine: the link means the same to both.
    expect(readlinkSync(lab.at('a/b/abs'))).toBe('../../f');
    expect(await sftp.readFile('/a/b/abs', 'utf8')).toBe('hello world');
    expect(await sftp.readlink('/a/l')).toBe('../f');
    expect(await sftp.realpath('/a/l')).toBe('/f');
    expect((await sftp.lstat('/a/l')).isSymbolicLink()).toBe(true);
    expect((await sftp.stat('/a/l')).size).toBe(11);
    await sftp.link('/f', '/hard');
    expect(statSync(lab.at('hard')).nlink).toBe(2);
    await sftp.writeFile('/g', 'other');
    await sftp.rename('/g', '/hard');
    expect(readFileSync(lab.at('hard'), 'utf8')).toBe('other');
    await sftp.copyFile('/f', '/copy');
    expect(readFileSync(lab.at('copy'), 'utf8')).toBe('hello world');
    await sftp.chmod('/copy', 0o600);
    await sftp.utimes('/copy', 1_000_000, 2_000_000);
    await sftp.truncate('/copy', 5);
    const copy = statSync(lab.at('copy'));
    expect([copy.size, copy.mode & 0o777]).toEqual([5, 0o600]);
    await sftp.lutimes('/a/l', 3, 4);
    expect(lstatSync(lab.at('a/l')).mtimeMs).toBe(4000);
    expect((await sftp.readdir('/')).sort()).toEqual(['a', 'copy', 'f', 'hard']);
    const file = await sftp.open('/f', 'r+');
    await file.write('J', 0);
    await file.sync();
    await file.chmod(0o644);
    await file.truncate(3);
    expect(readFileSync(lab.at('f'), 'utf8')).toBe('Jel');
    expect((await file.stat()).mode & 0o777).toBe(0o644);
    expect((await sftp.statfs('/')).blocks).toBeGreaterThan(0n);
    expect((await sftp.ownerNames([0], [0])).users).toEqual(['root']);
    await expect(sftp.rmdir('/a')).rejects.toThrow('not empty');
    await sftp.rm('/a', { recursive: true });
    await sftp.unlink('/copy');
    expect(await sftp.exists('/a')).toBe(false);
    await file.close();
    await channel.rest();
    expect(session.snapshot(false).openHandles).toBe(0);
    expect(reports).toEqual([]);
    lab.expectOutside();
  });

  it('answers with the status that fits', async () => {
    const { sftp, lab } = await open();
    lab.folder.file('root/f', 'x');
    lab.folder.folder('root/d');
    const status = async (call: Promise<unknown>): Promise<unknown> =>
      call.then(
        () => 'ok',
        (error: { readonly status?: { readonly code: number } }) => error.status?.code,
      );
    expect(await status(sftp.readFile('/none'))).toBe(2);
    expect(await status(sftp.readFile('/f/below'))).toBe(2);
    expect(await status(sftp.readFile('/d'))).toBe(4);
    expect(await status(sftp.readdir('/f'))).toBe(2);
    expect(await status(sftp.mkdir('/d'))).toBe(4);
    expect(await status(sftp.mkdir('/'))).toBe(4);
    expect(await status(sftp.unlink('/d'))).toBe(4);
    expect(await status(sftp.rmdir('/'))).toBe(4);
    expect(await status(sftp.rmdir('/f'))).toBe(2);
    expect(await status(sftp.rename('/', '/d/x'))).toBe(4);
    expect(await status(sftp.rename('/d', '/d/x'))).not.toBe('ok');
    expect(await status(sftp.readlink('/f'))).toBe(5);
    expect(await status(sftp.open('/f', 'wx'))).toBe(4);
    expect(await status(sftp.chown('/f', 12_345, 12_345))).toBe(3);
    const { uid, gid } = statSync(lab.at('f'));
    expect(await status(sftp.chown('/f', uid, gid))).toBe('ok');
    expect(await status(sftp.writeFile(`/${'n'.repeat(300)}`, 'x'))).toBe(5);
    expect(await status(sftp.stat(`/${'n/'.repeat(3000)}`))).toBe(5);
  });

  it('setuid, setgid and sticky are never set', async () => {
    const { sftp, lab } = await open();
    await sftp.writeFile('/f', 'x', { mode: 0o6755 });
    await sftp.chmod('/f', 0o7777);
    await sftp.mkdir('/d', { mode: 0o3777 });
    expect(statSync(lab.at('f')).mode & 0o7777).toBe(0o777);
    expect(statSync(lab.at('d')).mode & 0o7000).toBe(0);
  });

  it('pipes and devices are not opened', async () => {
    const { sftp, lab } = await open();
    execFileSync('mkfifo', [lab.at('pipe')]);
    await expect(sftp.readFile('/pipe')).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE' });
    await expect(sftp.writeFile('/pipe', 'x')).rejects.toThrow();
    if (process.getuid?.() === 0) {
      execFileSync('mknod', [lab.at('null'), 'c', '1', '3']);
      await expect(sftp.readFile('/null')).rejects.toThrow('it is not a regular file');
    }
    expect(await sftp.readdir('/')).toContain('pipe');
  });

  it('a plain rename never replaces what has the name', async () => {
    const { sftp, lab } = await open();
    lab.folder.file('root/a', 'a');
    lab.folder.file('root/b', 'b');
    lab.folder.folder('root/d');
    lab.folder.folder('root/e');
    const plain = (from: string, to: string): Promise<unknown> =>
      // `rename` of this library asks for the one that replaces.
      Reflect.get(sftp, 'session').ok(
        { kind: 'rename', oldpath: Buffer.from(from), newpath: Buffer.from(to) },
        { name: 'rename', path: from },
      );
    await expect(plain('/a', '/b')).rejects.toThrow('the name is taken');
    await expect(plain('/d', '/e')).rejects.toThrow('the name is taken');
    await plain('/a', '/c');
    await plain('/d', '/g');
    expect(lab.folder.tree('root')).toEqual({ b: 'b', c: 'a', 'e/': '', 'g/': '' });
  });

  // Confinement ---------------------------------------------------------------------

  it('row 57: nothing leads out of it, whatever the path', async () => {
    const { sftp, lab } = await open();
    symlinkSync(lab.folder.at('secret'), lab.at('direct'));
    symlinkSync('../secret', lab.at('relative'));
    symlinkSync(lab.folder.at('outside'), lab.at('folder'));
    symlinkSync('..', lab.at('up'));
    symlinkSync('/', lab.at('slash'));
    symlinkSync('direct', lab.at('twice'));
    symlinkSync('loop', lab.at('loop'));
    lab.folder.file('root/d/f', 'inside');
    const ways = [
      '/direct',
      '/relative',
      '/folder/f',
      '/up/secret',
      '/up/up/secret',
      '/../secret',
      '/d/../../secret',
      '/d/../up/../secret',
      `${lab.folder.at('secret')}`,
      '/slash/etc/passwd',
      '/twice',
      '/loop',
      '/loop/x',
      '//..//secret',
      '/./../secret',
    ];
    for (const way of ways) {
      // A file of that path within the folder, which an earlier step may have made, is another one.
      const read = await sftp.readFile(way, 'utf8').catch(() => 'nothing');
      expect(['nothing', 'changed', ''], way).toContain(read);
      await sftp.writeFile(way, 'changed').catch(() => {});
      await sftp.truncate(way, 0).catch(() => {});
      await sftp.chmod(way, 0o777).catch(() => {});
      await sftp.utimes(way, 1, 1).catch(() => {});
      await sftp.rename('/d/f', way).catch(() => {});
      await sftp.rename(way, '/taken').catch(() => {});
      await sftp.link(way, '/hard').catch(() => {});
      if (await sftp.exists('/hard')) {
        expect(['nothing', 'changed', '']).toContain(
          await sftp.readFile('/hard', 'utf8').catch(() => 'nothing'),
        );
        await sftp.unlink('/hard');
      }
      await sftp.mkdir(`${way}/made`).catch(() => {});
      await sftp.readdir(way).then(
        (names) => expect(names).not.toContain('secret'),
        () => {},
      );
    }
    lab.expectOutside();
    expect(lab.folder.tree('.')['made/']).toBeUndefined();
  });

  it('makes no link whose text leads out', async () => {
    const { sftp, lab } = await open();
    lab.folder.folder('root/d');
    for (const target of ['..', '../secret', 'x/../../secret', './../..']) {
      await expect(sftp.symlink(target, '/l'), target).rejects.toMatchObject({
        code: 'ERR_SSH_SFTP_PERMISSION_DENIED',
      });
    }
    await expect(sftp.symlink('../../secret', '/d/l')).rejects.toThrow();
    await sftp.symlink('../f', '/d/l');
    await sftp.symlink('/', '/d/root');
    await sftp.symlink('/etc/passwd', '/passwd');
    expect([readlinkSync(lab.at('d/root')), readlinkSync(lab.at('passwd'))]).toEqual(['..', 'etc/passwd']);
  });

  it('a link by the true path of the folder means what it means to this machine', async () => {
    const { sftp, lab } = await open();
    lab.folder.file('root/d/f', 'inside');
    symlinkSync(`${lab.root}/d`, lab.at('full'));
    symlinkSync(lab.root, lab.at('own'));
    symlinkSync(`${lab.root}x`, lab.at('beside'));
    expect(await sftp.readFile('/full/f', 'utf8')).toBe('inside');
    expect(await sftp.readdir('/own')).toContain('full');
    await expect(sftp.readdir('/beside')).rejects.toThrow();
  });

  // Only open descriptors hold a folder that somebody swaps there and back at any moment.
  if (anchorage === descriptorAnchorage) {
    it('a folder that is swapped for a link while requests run leads nowhere else', async () => {
      const { sftp, lab } = await open();
      mkdirSync(lab.at('d'));
      writeFileSync(lab.at('d/f'), 'inside');
      let isOver = false;
      // Beside the requests, as another program of this machine does it.
      const swapping = (async () => {
        while (!isOver) {
          renameSync(lab.at('d'), lab.at('was'));
          symlinkSync(lab.folder.at('outside'), lab.at('d'));
          await new Promise((resolve) => setImmediate(resolve));
          unlinkSync(lab.at('d'));
          renameSync(lab.at('was'), lab.at('d'));
          await new Promise((resolve) => setImmediate(resolve));
        }
      })();
      const seen = new Set<string>();
      const listed: string[] = [];
      for (let i = 0; i < 8; i++) {
        await Promise.all([
          sftp.readFile('/d/f', 'utf8').then(
            (text) => seen.add(text),
            () => {},
          ),
          sftp.readdir('/d').then(
            (names) => listed.push(...names),
            () => {},
          ),
          sftp.writeFile(`/d/n${i}`, 'x').catch(() => {}),
          sftp.mkdir(`/d/m${i}`).catch(() => {}),
          sftp.chmod('/d/f', 0o600 + (i % 8)).catch(() => {}),
        ]);
        await sftp.unlink(`/d/n${i}`).catch(() => {});
        await sftp.rmdir(`/d/m${i}`).catch(() => {});
      }
      isOver = true;
      await swapping;
      expect(seen.has('outside')).toBe(false);
      expect(listed).not.toContain('only outside');
      lab.expectOutside();
    });
  }

  it('a folder that has become a link is refused, whichever call finds it', async () => {
    const { sftp, lab } = await open();
    mkdirSync(lab.at('d'));
    writeFileSync(lab.at('d/f'), 'inside');
    expect(await sftp.readFile('/d/f', 'utf8')).toBe('inside');
    renameSync(lab.at('d'), lab.at('was'));
    symlinkSync(lab.folder.at('outside'), lab.at('d'));
    for (const call of [
      () => sftp.readFile('/d/f'),
      () => sftp.readdir('/d'),
      () => sftp.writeFile('/d/n', 'x'),
      () => sftp.mkdir('/d/m'),
      () => sftp.chmod('/d/f', 0o600),
      () => sftp.truncate('/d/f', 0),
      () => sftp.rename('/d/f', '/d/g'),
      () => sftp.unlink('/d/f'),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_SSH_SFTP_/) });
    }
    lab.expectOutside();
  });

  it('a file that is swapped for a link is not opened behind it', async () => {
    const { sftp, lab } = await open();
    writeFileSync(lab.at('f'), 'inside');
    const found = new Set<string>();
    for (let i = 0; i < 20; i++) {
      const read = sftp.readFile('/f', 'utf8').then(
        (text) => found.add(text),
        () => {},
      );
      const written = sftp.writeFile('/f', 'inside').catch(() => {});
      rmSync(lab.at('f'), { force: true });
      symlinkSync(lab.folder.at('secret'), lab.at('f'));
      await new Promise((resolve) => setImmediate(resolve));
      rmSync(lab.at('f'), { force: true });
      writeFileSync(lab.at('f'), 'inside');
      await Promise.all([read, written]);
    }
    expect(found.has('secret')).toBe(false);
    lab.expectOutside();
  });

  it('hard names are names like all others', async () => {
    const { sftp, lab, reports } = await open();
    const names = fc.uint8Array({ minLength: 1, maxLength: 80 }).filter((name) => {
      const text = Buffer.from(name).toString('latin1');
      return !name.includes(0) && !name.includes(0x2f) && text !== '.' && text !== '..';
    });
    await fc.assert(
      fc.asyncProperty(names, async (name) => {
        const path = Buffer.concat([Buffer.from('/'), name]);
        await sftp.writeFile(path, 'x');
        const listed = await sftp.readdir('/', { encoding: 'buffer' });
        expect(listed.map((entry) => Buffer.from(entry).toString('hex'))).toEqual([
          Buffer.from(name).toString('hex'),
        ]);
        expect(Buffer.from(await sftp.readFile(path)).toString()).toBe('x');
        await sftp.unlink(path);
      }),
      { numRuns: 40 },
    );
    expect(lab.folder.tree('root')).toEqual({});
    expect(reports).toEqual([]);
  });

  // Options -------------------------------------------------------------------------

  it('with readOnly nothing is changed, and what is there is read', async () => {
    const { sftp, lab, reports } = await open({ readOnly: true });
    lab.folder.file('root/f', 'text');
    lab.folder.file('root/d/g', 'text');
    symlinkSync('f', lab.at('l'));
    const before = lab.folder.tree('root');
    const changes: Record<string, () => Promise<unknown>> = {
      write: () => sftp.writeFile('/f', 'x'),
      append: () => sftp.appendFile('/f', 'x'),
      create: () => sftp.writeFile('/new', 'x'),
      truncate: () => sftp.truncate('/f', 0),
      chmod: () => sftp.chmod('/f', 0o777),
      utimes: () => sftp.utimes('/f', 1, 1),
      lutimes: () => sftp.lutimes('/l', 1, 1),
      mkdir: () => sftp.mkdir('/x'),
      rmdir: () => sftp.rmdir('/d'),
      unlink: () => sftp.unlink('/f'),
      rename: () => sftp.rename('/f', '/g'),
      link: () => sftp.link('/f', '/g'),
      symlink: () => sftp.symlink('f', '/g'),
      copy: () => sftp.copyFile('/f', '/g'),
    };
    for (const [name, change] of Object.entries(changes)) {
      await expect(change(), name).rejects.toMatchObject({
        code: /^ERR_SSH_SFTP_(PERMISSION_DENIED|UNSUPPORTED)$/,
      });
    }
    expect(lab.folder.tree('root')).toEqual(before);
    expect(await sftp.readFile('/l', 'utf8')).toBe('text');
    // A handle of who only reads changes nothing either, and no flags of an OPEN do.
    const was = statSync(lab.at('f'));
    const file = await sftp.open('/f', 'r');
    const byHandle: Record<string, () => Promise<unknown>> = {
      chmod: () => file.chmod(0o777),
      utimes: () => file.utimes(1, 1),
      truncate: () => file.truncate(0),
      chown: () => file.chown(was.uid, was.gid),
      write: () => file.write('x', 0),
    };
    for (const [name, change] of Object.entries(byHandle)) {
      await expect(change(), name).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_PERMISSION_DENIED' });
    }
    await file.close();
    for (const path of ['/f', '/l', '/new']) {
      for (let pflags = 0; pflags < 64; pflags++) {
        const body = { kind: 'open', filename: Buffer.from(path), pflags, attrs: { permissions: 0o777 } };
        const opening = Reflect.get(sftp, 'session').handle(body, { name: 'open', path });
        const readsOnly = (pflags & 0b01_1110) === 0 && path !== '/new';
        const outcome = await opening.then(
          () => 'open',
          (error: { readonly code: string }) => error.code,
        );
        if (readsOnly) expect(outcome, `${path} ${pflags}`).toBe('open');
        else expect(outcome, `${path} ${pflags}`).toMatch(/^ERR_SSH_SFTP_(PERMISSION_DENIED|NO_SUCH_FILE)$/);
      }
    }
    expect(lab.folder.tree('root')).toEqual(before);
    const { mode, mtimeMs, ctimeMs } = statSync(lab.at('f'));
    expect({ mode, mtimeMs, ctimeMs }).toEqual({
      mode: was.mode,
      mtimeMs: was.mtimeMs,
      ctimeMs: was.ctimeMs,
    });
    expect((await sftp.statfs('/')).isReadOnly).toBe(true);
    expect(reports).toEqual([]);
  });

  it('a quota bounds what all files hold, in whatever way they grow', async () => {
    const lab = new Lab();
    lab.folder.file('root/old', 'x'.repeat(400));
    linkSync(lab.at('old'), lab.at('again'));
    const { sftp } = await connectTo(serveFolderBy(anchorage, lab.root, { quota: 1000 }));
    const full = { code: 'ERR_SSH_SFTP_FAILURE', message: expect.stringContaining('quota') };
    const held = (): number =>
      Number(
        execFileSync('find', [lab.root, '-type', 'f', '-links', '1', '-printf', '%s\n'], { encoding: 'utf8' })
          .split('\n')
          .reduce((sum, size) => sum + Number(size), 0),
      ) + 400;
    await sftp.writeFile('/a', 'x'.repeat(600));
    await expect(sftp.writeFile('/b', 'x')).rejects.toMatchObject(full);
    await expect(sftp.appendFile('/a', 'x')).rejects.toMatchObject(full);
    await expect(sftp.truncate('/a', 601)).rejects.toMatchObject(full);
    await expect(sftp.copyFile('/old', '/c')).rejects.toMatchObject(full);
    await sftp.writeFile('/a', 'y'.repeat(600));
    await sftp.truncate('/a', 100);
    await sftp.writeFile('/b', 'x'.repeat(500));
    await sftp.rename('/a', '/b');
    await sftp.writeFile('/c', 'x'.repeat(500));
    await expect(sftp.appendFile('/c', 'x')).rejects.toMatchObject(full);
    await sftp.unlink('/b');
    await sftp.unlink('/again');
    await sftp.appendFile('/c', 'x'.repeat(100));
    await expect(sftp.appendFile('/c', 'x')).rejects.toMatchObject(full);
    await sftp.unlink('/old');
    await sftp.appendFile('/c', 'x'.repeat(400));
    expect(held() - 400).toBe(1000);
    expect((await sftp.statfs('/')).blocks).toBe(0n);
  });

  it('a folder that is gone refuses, and the server lives', async () => {
    const { sftp, lab } = await open();
    rmSync(lab.root, { recursive: true });
    await expect(sftp.writeFile('/f', 'x')).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_NO_SUCH_FILE' });
    await expect(sftp.stat('/f')).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_NO_SUCH_FILE' });
  });

  it('files without permissions are told so', async () => {
    const { sftp, lab } = await open();
    lab.folder.file('root/f', 'x');
    chmodSync(lab.at('f'), 0o000);
    if (process.getuid?.() === 0) return expect(await sftp.readFile('/f', 'utf8')).toBe('x');
    await expect(sftp.readFile('/f')).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_PERMISSION_DENIED' });
  });
});

describe('serveFolder', () => {
  it('refuses what is no folder, and options that nobody knows', () => {
    const lab = new Lab();
    expect(() => serveFolder(lab.folder.at('secret'))).toThrow('is not a folder that could be served');
    expect(() => serveFolder(lab.folder.at('none'))).toThrow('is not a folder that could be served');
    expect(() => serveFolder('')).toThrow('must be a string that is not empty');
    expect(() => serveFolder(lab.root, { readonly: true } as never)).toThrow('did you mean readOnly?');
    expect(() => serveFolder(lab.root, { quota: -1 })).toThrow('quota must be a number of bytes');
  });
});

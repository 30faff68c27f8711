/** Files on real servers: OpenSSH's two kinds of SFTP server, and Dropbear with one of them. */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Client } from '../../src/client/client.ts';
import type { Sftp } from '../../src/sftp/sftp.ts';
import { describeServer, openSsh, setupTimeout, type TestServer } from '../support/servers/index.ts';

const helper = '/usr/lib/openssh/sftp-server';

describe.each([
  ['internal-sftp', 'sftp internal-sftp'],
  ['sftp-server', `sftp ${helper}`],
])('with %s', (_, subsystem) => {
  describeServer('files', openSsh, (lab) => {
    let server: TestServer;
    let folder: string;

    /** A test with a connection of its own, of which nothing is left. */
    const withSftp = (name: string, test: (sftp: Sftp, client: Client) => Promise<void>): void => {
      it(name, async () => {
        const client = await server.connect();
        try {
          const sftp = await client.sftp();
          await test(sftp, client);
          await sftp.close();
          // A transfer that failed does not wait for the end of its own session.
          await expect.poll(() => client.inspect().channels).toEqual([]);
        } finally {
          await client.close();
        }
      });
    };

    beforeAll(async () => {
      server = await openSsh.start(lab(), { config: { Subsystem: subsystem } });
      folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-sftp-'));
      chmodSync(folder, 0o777);
    }, setupTimeout);
    afterAll(() => rmSync(folder, { recursive: true, force: true }));

    withSftp('every call does what it says', async (sftp) => {
      const at = (name: string): string => join(folder, name);
      expect(sftp.version).toBe(3);
      expect(sftp.extensions.get('posix-rename@openssh.com')).toBe('1');
      expect(sftp.limits.readLength).toBeGreaterThanOrEqual(32_768);
      await sftp.writeFile(at('f'), 'hello', { mode: 0o640 });
      await sftp.appendFile(at('f'), ' world');
      expect(await sftp.readFile(at('f'), 'utf8')).toBe('hello world');
      expect((await sftp.stat(at('f'))).mode & 0o777).toBe(0o640);
      expect(await sftp.mkdir(at('a/b/c'), { recursive: true })).toBe(at('a'));
      await sftp.symlink('../f', at('a/l'));
      expect([await sftp.readlink(at('a/l')), await sftp.realpath(at('a/l'))]).toEqual([
        '../f',
        await sftp.realpath(at('f')),
      ]);
      expect((await sftp.lstat(at('a/l'))).isSymbolicLink()).toBe(true);
      await sftp.link(at('f'), at('hard'));
      expect(statSync(at('hard')).nlink).toBe(2);
      await sftp.writeFile(at('g'), 'replaced');
      await sftp.rename(at('g'), at('hard'));
      expect(readFileSync(at('hard'), 'utf8')).toBe('replaced');
      await sftp.copyFile(at('f'), at('copy'));
      expect(readFileSync(at('copy'), 'utf8')).toBe('hello world');
      await sftp.chmod(at('copy'), 0o600);
      await sftp.utimes(at('copy'), 1_000_000, 2_000_000);
      await sftp.truncate(at('copy'), 5);
      expect(statSync(at('copy')).size).toBe(5);
      await sftp.lutimes(at('a/l'), 3, 4);
      expect(statSync(at('f')).mtimeMs).not.toBe(4000);
      expect((await sftp.readdir(at('a'))).sort()).toEqual(['b', 'l']);
      const walked: string[] = [];
      for await (const entry of sftp.walk(folder)) walked.push(entry.path.slice(folder.length + 1));
      expect(walked.sort()).toEqual(['a', 'a/b', 'a/b/c', 'a/l', 'copy', 'f', 'hard']);
      const matched: string[] = [];
      for await (const path of sftp.glob(`${folder}/{c,f}*`)) matched.push(path);
      expect(matched.sort()).toEqual([at('copy'), at('f')]);
      const file = await sftp.open(at('f'), 'r+');
      await file.write('J', 0);
      await file.sync();
      expect((await file.read(new Uint8Array(5), 0, 5, 0)).bytesRead).toBe(5);
      await file.close();
      expect(readFileSync(at('f'), 'utf8')).toBe('Jello world');
      expect((await sftp.statfs(folder)).blocks).toBeGreaterThan(0n);
      expect(await sftp.expandPath('~')).toMatch(/^\//);
      expect((await sftp.ownerNames([0], [0])).users).toEqual(['root']);
      await expect(sftp.readFile(at('nope'))).rejects.toMatchObject({
        code: 'ERR_SSH_SFTP_NO_SUCH_FILE',
        path: at('nope'),
        status: { code: 2 },
      });
      await expect(sftp.mkdir(at('a'))).rejects.toMatchObject({ code: 'ERR_SSH_SFTP_FAILURE' });
      await sftp.rm(at('a'), { recursive: true });
      await sftp.unlink(at('copy'));
      expect(await sftp.exists(at('a'))).toBe(false);
      expect(await sftp.readFile('/proc/self/status', 'utf8')).toContain('Name:');
    });

    withSftp('a pipe, which would hang the server, is not opened; files of /proc are', async (sftp) => {
      const pipe = join(folder, 'pipe');
      execFileSync('mkfifo', [pipe]);
      const target = join(folder, 'fromPipe');
      await expect(sftp.get(pipe, target, { timeout: 20_000 })).rejects.toMatchObject({
        code: 'ERR_SSH_TRANSFER',
        path: pipe,
      });
      await sftp.unlink(pipe);
      await sftp.get('/proc/self/status', target);
      expect(readFileSync(target, 'utf8')).toContain('Name:');
      await sftp.get('/dev/null', target, { specialFiles: true });
      expect(statSync(target).size).toBe(0);
    });

    it('is closed by EOF and CLOSE, without a signal that sshd refuses', async () => {
      const before = server.process.log.length;
      const own = await server.connect();
      const sftp = await own.sftp();
      await sftp.close();
      await own.close();
      const said = (): string => server.process.log.slice(before);
      await vi.waitUntil(() => said().includes('Disconnected from'));
      expect(said()).toMatch(/subsystem|Close session/i);
      expect(said()).not.toMatch(/signal/i);
    });

    withSftp('large files come and go as they are, by get, put and as streams', async (sftp, client) => {
      const content = Buffer.alloc(9_000_001);
      for (let i = 0; i < content.length; i++) content[i] = (i * 7) ^ (i >> 9);
      const sum = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');
      const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => join(folder, `large-${name}`)) as [
        string,
        string,
        string,
        string,
      ];
      writeFileSync(a, content);
      const got = await sftp.get(a, b, { verify: 'sha256', preserve: true });
      expect(got).toMatchObject({ files: 1, bytes: content.length, warnings: [] });
      expect(statSync(b).mtimeMs).toBe(Math.floor(statSync(a).mtimeMs / 1000) * 1000);
      await sftp.put(b, c, { verify: 'sha256' });
      await pipeline(sftp.createReadStream(c), sftp.createWriteStream(d));
      expect([b, c, d].map(sum)).toEqual([sum(a), sum(a), sum(a)]);
      expect(client.inspect().waits.filter(({ name }) => name === 'request')).toEqual([]);
    });

    withSftp('sparse files of more than 4 GiB are read and written beyond 2^32', async (sftp) => {
      const path = join(folder, 'sparse');
      writeFileSync(path, '');
      chmodSync(path, 0o666);
      truncateSync(path, 5 * 1024 ** 3);
      expect((await sftp.stat(path)).size).toBe(5 * 1024 ** 3);
      const file = await sftp.open(path, 'r+');
      await file.write('behind', 2 ** 32 + 10);
      const { buffer } = await file.read(new Uint8Array(8), 0, 8, 2 ** 32 + 9);
      expect(Buffer.from(buffer).toString('latin1')).toBe('\0behind\0');
      await file.close();
      let text = '';
      for await (const chunk of sftp.createReadStream(path, { start: 2 ** 32 + 10, end: 2 ** 32 + 15 }))
        text += String(chunk);
      expect(text).toBe('behind');
    });

    withSftp('a get and a put of more than 4 GiB go on beyond 2^32', async (sftp) => {
      const [there, here] = [join(folder, 'hugeThere'), join(folder, 'hugeHere')];
      const [length, start] = [2 ** 32 + 100_000, 2 ** 32 + 5];
      // All zeros up to the part that is missing: neither file takes room on the disk.
      for (const path of [there, here]) {
        writeFileSync(path, '');
        chmodSync(path, 0o666);
      }
      truncateSync(there, length);
      truncateSync(here, start);
      const file = await sftp.open(there, 'r+');
      await file.write('the end', length - 7);
      await file.close();
      const got = await sftp.get(there, here, { resume: true, atomic: false });
      expect(got).toMatchObject({ files: 1, bytes: length - start });
      expect(statSync(here).size).toBe(length);
      await sftp.truncate(there, start);
      const put = await sftp.put(here, there, { resume: true, atomic: false, sparse: true });
      expect(put.files).toBe(1);
      expect(put.bytes).toBeLessThan(20_000_000);
      expect((await sftp.stat(there)).size).toBe(length);
      const again = await sftp.open(there, 'r');
      const { buffer } = await again.read(new Uint8Array(7), 0, 7, length - 7);
      expect(Buffer.from(buffer).toString()).toBe('the end');
      await again.close();
      await Promise.all([there, here].map((path) => sftp.unlink(path)));
    });

    withSftp('trees go there and back, and sync finds nothing to do', async (sftp) => {
      const source = join(folder, 'tree');
      execFileSync('sh', [
        '-c',
        `mkdir -p '${source}/d/e' '${source}/empty' && cd '${source}' && for i in $(seq 200); do echo $i > d/f$i; done && : > d/e/none && echo x > 'sp ace' && echo y > "$(printf 'new\\nline')"`,
      ]);
      const sent = await sftp.put(source, join(folder, 'there'), { recursive: true, preserve: true });
      expect(sent).toMatchObject({ files: 203, folders: 4, failedCount: 0 });
      await sftp.get(join(folder, 'there'), join(folder, 'back'), { recursive: true, preserve: true });
      execFileSync('diff', ['-r', source, join(folder, 'back')]);
      const { steps } = await sftp.sync(source, join(folder, 'there'), { direction: 'up', delete: true });
      expect(steps).toEqual([]);
    });

    withSftp('client.put and client.get open a session of their own', async (_sftp, client) => {
      await client.put(Buffer.from('one'), join(folder, 'one'));
      await client.get(join(folder, 'one'), join(folder, 'two'));
      expect(readFileSync(join(folder, 'two'), 'utf8')).toBe('one');
      await expect(client.get(join(folder, 'nope'), join(folder, 'x'))).rejects.toMatchObject({
        code: 'ERR_SSH_SFTP_NO_SUCH_FILE',
      });
      await expect(client.put('x', 'y', { recursiv: true } as never)).rejects.toThrow(
        'did you mean recursive?',
      );
    });

    it('a connection that ends rejects what runs with its cause', async () => {
      const own = await server.connect();
      const files = await own.sftp();
      const path = join(folder, 'long');
      writeFileSync(path, Buffer.alloc(50_000_000));
      const target = join(folder, 'never');
      const transfer = files.get(path, target, { limitRate: 1_000_000 });
      const listed = files.readdir(folder);
      await listed;
      own.destroy();
      await expect(transfer).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED' });
      await expect(files.stat(path)).rejects.toMatchObject({ code: 'ERR_SSH_CLOSED' });
      expect(() => statSync(target)).toThrow('ENOENT');
    });
  });
});

describeServer('a server without SFTP', openSsh, (lab) => {
  it('is told, with what to look at', async () => {
    const server = await openSsh.start(lab(), { config: { Subsystem: 'other internal-sftp' } });
    const client = await server.connect();
    const { host, port } = server;
    await expect(client.sftp()).rejects.toMatchObject({
      code: 'ERR_SSH_REQUEST_FAILED',
      message: `${host}:${port}: the server offers no SFTP: it refused the subsystem; sshd offers it with a line "Subsystem sftp internal-sftp" in sshd_config; { command } starts a program that serves it`,
    });
    await expect(client.put(Buffer.from('x'), '/tmp/never')).rejects.toMatchObject({
      code: 'ERR_SSH_REQUEST_FAILED',
      message: expect.stringContaining('the server offers no SFTP'),
    });
    const noisy = client.sftp({ command: 'echo Welcome to this machine' });
    await expect(noisy).rejects.toMatchObject({
      code: 'ERR_SSH_SFTP_PROTOCOL',
      message: expect.stringContaining('"Welcome to this machine\\x0a"'),
    });
    const failing = client.sftp({ command: 'echo no such luck >&2; exit 1' });
    await expect(failing).rejects.toMatchObject({ code: 'ERR_SSH_CHANNEL_CLOSED' });
    const other = await client.sftp({ command: helper });
    expect(await other.realpath('/')).toBe('/');
    await other.close();
    await client.close();
  });
});

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import {
  describeHostKey,
  type HostKeyDial,
  type HostKeyInfo,
  verifyHostKey,
} from '../../src/client/hostKeys/hostKeys.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import { generateKey } from '../../src/keys/generation/generateKey.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { rotateLines } from '../../src/node/knownHosts/hostKeyChanges.ts';
import { knownHosts, trustOnFirstUse } from '../../src/node/knownHosts/knownHosts.ts';
import { addKnownHost, changeKnownHosts, NotWrittenError } from '../../src/node/knownHosts/knownHostsFile.ts';
import { asUser, nobody } from '../support/asUser.ts';
import { seededBytes } from '../support/conversation.ts';
import { ChildPrograms } from '../support/servers/childProgram.ts';
import { describeWith } from '../support/servers/programs.ts';

let folder: string;
let file: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'dlssh-hosts-')));
  file = join(folder, 'known_hosts');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const [one, two, three] = [61, 62, 63].map((seed) =>
  encodePublicKey(generateKey('ed25519', { randomBytes: seededBytes(seed) }).publicKey),
) as [Uint8Array, Uint8Array, Uint8Array];
const info = (blob: Uint8Array, host = 'host.example', port = 22): HostKeyInfo =>
  describeHostKey(createOpensslProvider(), host, port, blob, 'ssh-ed25519');
const read = (): string => readFileSync(file, 'utf8');
/** Nothing but the file is left: no lock, nothing half written. */
const alone = (...names: string[]): void =>
  expect(readdirSync(folder).sort()).toEqual(['known_hosts', ...names].sort());

describe('a known_hosts file', () => {
  const line = (host: string, blob = one): string => formatKnownHostsLine(host, 22, blob);

  it('gets a line behind the others and stays the same file, with its permissions, its names and its bytes', async () => {
    const target = join(folder, 'elsewhere');
    const twin = join(folder, 'twin');
    const before = Buffer.from('\ufeff# caf\xe9 \r\n|not a line|\r\xff\xfe\nno end', 'latin1');
    writeFileSync(target, before);
    chmodSync(target, 0o640);
    linkSync(target, twin);
    symlinkSync('elsewhere', join(folder, 'link'));
    symlinkSync(join(folder, 'link'), file);
    const { ino } = statSync(target);
    await addKnownHost(file, 'host.example', 22, one);
    await addKnownHost(file, 'other.example', 22, one);
    const now = Buffer.concat([before, Buffer.from(`\n${line('host.example')}${line('other.example')}`)]);
    expect(readFileSync(target).equals(now)).toBe(true);
    expect(readFileSync(twin).equals(now)).toBe(true);
    expect(statSync(target)).toMatchObject({ ino, nlink: 2 });
    expect(statSync(target).mode & 0o777).toBe(0o640);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    alone('elsewhere', 'link', 'twin');
  });

  it('is written as UTF-8, whatever its lines are', async () => {
    writeFileSync(file, '# пример\n');
    await changeKnownHosts(file, async () => ({ added: ['# تت.com €\n'] }));
    await changeKnownHosts(file, async () => ({ added: ['# 💩\n'], removed: new Set([1]) }));
    expect(readFileSync(file, 'utf8')).toBe('# تت.com €\n# 💩\n');
  });

  it('that does not exist is made for the user alone', async () => {
    await addKnownHost(join(folder, 'new', 'known_hosts'), 'host.example', 22, one);
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'new', 'known_hosts')).mode & 0o777).toBe(0o600);
  });

  it('that does not exist yet is made where its link leads, and no folder for it', async () => {
    symlinkSync('further', file);
    symlinkSync(join(folder, 'target'), join(folder, 'further'));
    await addKnownHost(file, 'host.example', 22, one);
    expect(readFileSync(join(folder, 'target'), 'utf8')).toBe(line('host.example'));
    expect(statSync(join(folder, 'target')).mode & 0o777).toBe(0o600);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    alone('further', 'target');

    const nowhere = join(folder, 'nowhere');
    symlinkSync(join(folder, 'not', 'there'), nowhere);
    await expect(addKnownHost(nowhere, 'host.example', 22, one)).rejects.toThrow(NotWrittenError);
    const round = join(folder, 'round');
    symlinkSync('round', round);
    await expect(addKnownHost(round, 'host.example', 22, one)).rejects.toThrow(NotWrittenError);
    alone('further', 'target', 'nowhere', 'round');
  });

  it('hides the names of hosts where that is asked for', async () => {
    await addKnownHost(file, 'host.example', 2222, one, { hash: true });
    expect(read()).toMatch(/^\|1\|[^ ]+ ssh-ed25519 /);
    expect(KnownHosts.parse(read()).lookup('host.example', 2222, one).result).toBe('trusted');
  });

  it('is replaced where lines go, and stays what it is otherwise', async () => {
    const target = join(folder, 'elsewhere');
    writeFileSync(target, Buffer.from('# caf\xe9 \r\ngoes\r\nstays\rgoes too\nno end', 'latin1'));
    chmodSync(target, 0o640);
    symlinkSync(target, file);
    const removed = new Set([2, 4]);
    expect(await changeKnownHosts(file, async () => ({ added: ['# ours\n'], removed }))).toEqual({
      added: 1,
      removed: 2,
      remains: undefined,
    });
    expect(readFileSync(target, 'latin1')).toBe('# caf\xe9 \r\nstays\rno end\n# ours\n');
    expect(statSync(target).mode & 0o777).toBe(0o640);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    // Nothing is added to what only loses lines.
    writeFileSync(target, 'goes\nno end');
    await changeKnownHosts(file, async () => ({ added: [], removed: new Set([1]) }));
    expect(read()).toBe('no end');
    alone('elsewhere');
  });

  it('with several names keeps them: what is new is added, and lines that were to go stay, which is told', async () => {
    const twin = join(folder, 'twin');
    writeFileSync(file, '# goes\n');
    linkSync(file, twin);
    const outcome = await changeKnownHosts(file, async () => ({
      added: ['# ours\n'],
      removed: new Set([1]),
    }));
    expect(outcome).toEqual({ added: 1, removed: 0, remains: expect.stringContaining('hard links') });
    expect(readFileSync(twin, 'utf8')).toBe('# goes\n# ours\n');
    alone('twin');
  });

  it.each([
    ['added', undefined, '# first\n# by another\n# ours\n'],
    ['removed', new Set([1]), '# by another\n# ours\n'],
  ] as const)(
    'keeps a line that a program without the lock adds while others are %s',
    async (_what, removed, text) => {
      writeFileSync(file, '# first\n');
      let calls = 0;
      await changeKnownHosts(file, async () => {
        // As ssh does it.
        if (calls++ === 0) appendFileSync(file, '# by another\n');
        return { added: ['# ours\n'], removed };
      });
      expect(calls).toBe(2);
      expect(read()).toBe(text);
      alone();
    },
  );

  it('is not replaced once another program has taken the lock over: that one is waited for', async () => {
    writeFileSync(file, '# goes\n');
    const lock = `${file}.lock`;
    let calls = 0;
    const outcome = await changeKnownHosts(file, async () => {
      if (calls++ === 0) {
        // It has died by now, too.
        writeFileSync(lock, '1 elsewhere somebody\n');
        utimesSync(lock, 1_000, 1_000);
      }
      return { added: [], removed: new Set([1]) };
    });
    expect(outcome).toMatchObject({ removed: 1 });
    expect(calls).toBe(2);
    expect(read()).toBe('');
    alone();
  });

  it.each(['a folder', 'a FIFO', 'a link'])(
    'gets its line where what has the name of its lock is %s; lines that were to go stay',
    async (kind) => {
      const lock = `${file}.lock`;
      if (kind === 'a folder') mkdirSync(lock);
      else if (kind === 'a FIFO') execFileSync('mkfifo', [lock]);
      else symlinkSync('nowhere', lock);
      const { ino } = lstatSync(lock);
      writeFileSync(file, '# goes\n');
      const outcome = await changeKnownHosts(file, async () => ({
        added: ['# ours\n'],
        removed: new Set([1]),
      }));
      expect(outcome).toEqual({ added: 1, removed: 0, remains: expect.stringContaining('cannot be locked') });
      expect(read()).toBe('# goes\n# ours\n');
      expect(lstatSync(lock).ino).toBe(ino);
      alone('known_hosts.lock');
    },
  );

  it('that others write to all the time is given up in the end', async () => {
    writeFileSync(file, '');
    const changing = changeKnownHosts(file, async () => {
      appendFileSync(file, '#\n');
      return { added: ['# ours\n'] };
    });
    await expect(changing).rejects.toThrow(NotWrittenError);
    expect(read()).not.toContain('ours');
    alone();
  });

  it('is not touched where nothing changes', async () => {
    writeFileSync(file, '# same\n');
    const { ino, mtimeMs } = statSync(file);
    await changeKnownHosts(file, async () => ({ added: [] }));
    expect(statSync(file)).toMatchObject({ ino, mtimeMs });
    alone();
  });

  it('is left as it was, and unlocked, when the decision fails', async () => {
    writeFileSync(file, '# same\n');
    const fault = new Error('no');
    await expect(changeKnownHosts(file, () => Promise.reject(fault))).rejects.toBe(fault);
    expect(read()).toBe('# same\n');
    alone();
  });

  it('loses no line of many processes that write at once, hashed or not', async () => {
    const programs = new ChildPrograms(folder);
    const processes = 12;
    const each = 15;
    const hosts = (process: number): string[] =>
      Array.from({ length: each }, (_, i) => `host-${process}-${i}${i % 2 === 0 ? '' : 'x'}.example`);
    await Promise.all(
      Array.from({ length: processes }, (_, process) =>
        programs.run('addKnownHosts', { file, hosts: hosts(process), key: [...one] }),
      ),
    );
    const known = KnownHosts.parse(read());
    expect(known.malformed).toEqual([]);
    expect(known.entries).toHaveLength(processes * each);
    for (let process = 0; process < processes; process++) {
      for (const host of hosts(process)) expect(known.lookup(host, 22, one).result, host).toBe('trusted');
    }
    alone('compiled');
  }, 120_000);
});

describe('trust on first use', () => {
  it('keeps the first key of a host and refuses every other', async () => {
    const policy = trustOnFirstUse({ files: file });
    await verifyHostKey(policy, info(one));
    await verifyHostKey(policy, info(one));
    expect(read()).toBe(formatKnownHostsLine('host.example', 22, one));
    await expect(verifyHostKey(policy, info(two))).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_CHANGED',
    });
    await verifyHostKey(policy, info(two, 'host.example', 2222));
    expect(KnownHosts.parse(read()).entries).toHaveLength(2);
  });

  it('is not what knownHosts does unless it is told to', async () => {
    await expect(verifyHostKey(knownHosts({ files: [file] }), info(one))).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_UNKNOWN',
    });
    await verifyHostKey(knownHosts({ files: [file], unknown: 'add', hash: true }), info(one));
    expect(read()).toMatch(/^\|1\|/);
    await verifyHostKey(knownHosts(file), info(one));
  });

  it('trusts one of two first keys that come at once', async () => {
    const policy = trustOnFirstUse({ files: file });
    const verdicts = await Promise.allSettled(
      [one, two, three].map((key) => verifyHostKey(policy, info(key))),
    );
    expect(verdicts.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const verdict of verdicts) {
      if (verdict.status === 'rejected')
        expect(verdict.reason).toMatchObject({ code: 'ERR_SSH_HOST_KEY_CHANGED' });
    }
    expect(KnownHosts.parse(read()).entries).toHaveLength(1);
  });

  it('never trusts a revoked key, or a plain one where an authority is known', async () => {
    for (const marker of ['@revoked', '@cert-authority'] as const) {
      writeFileSync(file, `${marker} ${formatKnownHostsLine('host.example', 22, one)}`);
      await expect(verifyHostKey(trustOnFirstUse({ files: file }), info(one))).rejects.toMatchObject({
        code: marker === '@revoked' ? 'ERR_SSH_HOST_KEY_REVOKED' : 'ERR_SSH_HOST_KEY_UNKNOWN',
      });
    }
  });

  it('is refused, and writes nothing, for what cannot be written as a host', async () => {
    for (const host of ['*.com', 'a,b', '@revoked', '|1|', 'a b', '\uff0a.com', 'é%2a.com', 'a\u202eb']) {
      for (const hash of [false, true]) {
        const policy = trustOnFirstUse({ files: file, hash });
        await expect(verifyHostKey(policy, info(one, host)), host).rejects.toMatchObject({
          code: 'ERR_SSH_OPTIONS',
        });
      }
    }
    expect(readdirSync(folder)).toEqual([]);
  });

  it('spells a host by IDNA and an address in one way, whoever asks', async () => {
    const policy = trustOnFirstUse({ files: file, update: true });
    for (const host of ['تت.com', '127.1']) await verifyHostKey(policy, info(one, host));
    await addKnownHost(file, 'пример.рф', 22, one);
    expect(KnownHosts.parse(read()).entries.map(({ hosts }) => hosts)).toEqual([
      'xn--pgba.com',
      '127.0.0.1',
      'xn--e1afmkfd.xn--p1ai',
    ]);
    for (const host of ['تت.com', 'XN--pgba.com', '127.0.0.1', '0x7f000001', 'пример.рф']) {
      expect(await policy.keyTypes?.(host, 22), host).toEqual(['ssh-ed25519']);
      await expect(verifyHostKey(policy, info(two, host)), host).rejects.toMatchObject({
        code: 'ERR_SSH_HOST_KEY_CHANGED',
      });
    }
    const current = info(one, 'تت.com');
    expect(await policy.rotation?.unknown(current, [one, three])).toEqual([three]);
    expect(await policy.rotation?.keep(current, [three], [three])).toMatchObject({ added: 1, removed: 1 });
    expect(read()).toContain(formatKnownHostsLine('xn--pgba.com', 22, three));
    // What was `**.com` before is no host's at all now.
    expect(await policy.keyTypes?.('any.com', 22)).toEqual([]);
  });

  it('accepts a key that cannot be kept, and warns', async () => {
    const blocked = join(folder, 'a file');
    writeFileSync(blocked, '');
    symlinkSync(join(folder, 'not', 'there'), file);
    const { dial, warnings } = dialOf();
    await verifyHostKey(trustOnFirstUse({ files: file }), info(one), dial);
    expect(warnings).toEqual([
      expect.stringMatching(/host\.example is accepted, and could not be kept in .*ENOENT/),
    ]);
    // What cannot be read cannot be judged by.
    const unreadable = trustOnFirstUse({ files: join(blocked, 'known_hosts') });
    await expect(verifyHostKey(unreadable, info(one), dial)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
    });
    expect(readdirSync(folder).sort()).toEqual(['a file', 'known_hosts']);
  });

  it('refuses a key that cannot be kept where another was kept meanwhile', async () => {
    const { dial } = dialOf();
    const slow: HostKeyDial = {
      ...dial,
      whileLocked: async () => {
        // Another program has the lock, and the other key.
        appendFileSync(file, formatKnownHostsLine('host.example', 22, two));
        throw new SshError('ERR_SSH_TIMEOUT', 'too long', { waitingFor: 'lock' });
      },
    };
    await expect(verifyHostKey(trustOnFirstUse({ files: file }), info(one), slow)).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_CHANGED',
    });
  });
});

describe('what is no regular file', () => {
  const trust = async (): Promise<readonly string[]> => {
    const { dial, warnings } = dialOf();
    await verifyHostKey(trustOnFirstUse({ files: file }), info(one), dial);
    return warnings;
  };

  it('is left alone: a FIFO', async () => {
    execFileSync('mkfifo', [file]);
    expect(await trust()).toEqual([expect.stringContaining('not a regular file')]);
    expect(lstatSync(file).isFIFO()).toBe(true);
    alone();
  });

  it('is not waited for: a FIFO that another program writes to, or will', async () => {
    execFileSync('mkfifo', [file]);
    // Open for both, it has somebody who may write.
    const fd = openSync(file, 'r+');
    try {
      await expect(trust()).rejects.toMatchObject({
        code: 'ERR_SSH_OPTIONS',
        message: expect.stringContaining('FIFO'),
      });
      writeSync(fd, formatKnownHostsLine('host.example', 22, two));
      await expect(trust()).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    } finally {
      closeSync(fd);
    }
    alone();
  });

  it('is left alone: a link to a FIFO', async () => {
    execFileSync('mkfifo', [join(folder, 'fifo')]);
    symlinkSync('fifo', file);
    expect(await trust()).toHaveLength(1);
    expect(lstatSync(file).isSymbolicLink()).toBe(true);
    expect(lstatSync(join(folder, 'fifo')).isFIFO()).toBe(true);
    alone('fifo');
  });

  it('is left alone: a socket', async () => {
    const server = createServer().listen(file);
    await once(server, 'listening');
    try {
      expect(await trust()).toHaveLength(1);
      expect(lstatSync(file).isSocket()).toBe(true);
      alone();
    } finally {
      server.close();
    }
  });

  it('is an error: a folder', async () => {
    mkdirSync(file);
    await expect(trust()).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining('folder'),
    });
    alone();
  });
});

describeWith({ programs: [], root: true }, 'what is no regular file, to root,', () => {
  // Not /dev/null itself: this test fails where a device is replaced.
  it.each([
    ['/dev/null', '3'],
    ['/dev/zero', '5'],
  ])('is left alone: a device such as %s, and a link to one', async (_name, minor) => {
    const device = join(folder, 'device');
    execFileSync('mknod', [device, 'c', '1', minor]);
    symlinkSync('device', file);
    for (const path of [device, file]) {
      const { dial, warnings } = dialOf();
      await verifyHostKey(trustOnFirstUse({ files: path }), info(one), dial);
      expect(warnings).toEqual([expect.stringContaining('not a regular file')]);
      expect(lstatSync(device).isCharacterDevice()).toBe(true);
      expect(lstatSync(file).isSymbolicLink()).toBe(true);
      await expect(verifyHostKey(knownHosts(path), info(one))).rejects.toMatchObject({
        code: 'ERR_SSH_HOST_KEY_UNKNOWN',
      });
    }
    alone('device');
  });
});

describeWith({ programs: [], root: true }, 'a user without all the rights', () => {
  const stranger = 54_322;
  beforeEach(() => chmodSync(folder, 0o755));

  it('adds to a file that may be written in a folder that may not, as ssh does', async () => {
    writeFileSync(file, '# first\n');
    chownSync(file, nobody, nobody);
    chmodSync(file, 0o644);
    chmodSync(folder, 0o555);
    const { ino } = statSync(file);
    await asUser(nobody, async () => {
      const { dial, warnings } = dialOf();
      await verifyHostKey(trustOnFirstUse({ files: file }), info(one), dial);
      expect(warnings).toEqual([]);
      // Lines that are to go cannot: the file would have to be replaced.
      const outcome = await rotateLines(file, info(two), [two], [two], false);
      expect(outcome).toMatchObject({ added: 1, removed: 0, remains: expect.any(String) });
    });
    expect(read()).toBe(
      `# first\n${formatKnownHostsLine('host.example', 22, one)}${formatKnownHostsLine('host.example', 22, two)}`,
    );
    expect(statSync(file)).toMatchObject({ ino, uid: nobody });
    expect(statSync(file).mode & 0o777).toBe(0o644);
    alone();
  });

  it('leaves a file alone that may not be written, though the folder may', async () => {
    writeFileSync(file, '# first\n');
    chmodSync(file, 0o444);
    chownSync(folder, nobody, nobody);
    await asUser(nobody, async () => {
      const { dial, warnings } = dialOf();
      await verifyHostKey(trustOnFirstUse({ files: file }), info(one), dial);
      expect(warnings).toEqual([expect.stringContaining('EACCES')]);
    });
    expect(read()).toBe('# first\n');
    alone();
  });

  it('keeps the owner of a file of somebody else: lines that were to go stay', async () => {
    writeFileSync(file, formatKnownHostsLine('host.example', 22, one));
    chownSync(file, stranger, stranger);
    chmodSync(file, 0o666);
    chownSync(folder, nobody, nobody);
    await asUser(nobody, async () => {
      const outcome = await rotateLines(file, info(two), [two], [two], false);
      expect(outcome).toEqual({ added: 1, removed: 0, remains: expect.stringContaining('owner') });
    });
    expect(statSync(file)).toMatchObject({ uid: stranger, gid: stranger });
    expect(KnownHosts.parse(read()).entries).toHaveLength(2);
    alone();
  });

  it('as root gives a file that is replaced to whom it was', async () => {
    writeFileSync(file, formatKnownHostsLine('host.example', 22, one));
    chownSync(file, nobody, stranger);
    chmodSync(file, 0o640);
    expect(await rotateLines(file, info(two), [two], [two], false)).toMatchObject({ added: 1, removed: 1 });
    expect(statSync(file)).toMatchObject({ uid: nobody, gid: stranger });
    expect(statSync(file).mode & 0o777).toBe(0o640);
    alone();
  });
});

describe('following a host', () => {
  it('adds what it proved, removes what it announces no longer, and leaves the lines of others', async () => {
    const others = [
      '# a comment',
      `host.example,other.example ${formatKnownHostsLine('x', 22, two).slice(2).trim()}`,
      `*.example ${formatKnownHostsLine('x', 22, two).slice(2).trim()}`,
      formatKnownHostsLine('other.example', 22, two).trim(),
      `@revoked host.example ${formatKnownHostsLine('x', 22, two).slice(2).trim()}`,
      'malformed',
    ];
    const own = [
      formatKnownHostsLine('host.example', 22, one).trim(),
      formatKnownHostsLine('HOST.example', 22, two).trim(),
      formatKnownHostsLine('host.example', 22, two, { salt: new Uint8Array(20) }).trim(),
    ];
    writeFileSync(file, `${[...others, ...own].join('\n')}\n`);
    expect(await rotateLines(file, info(one), [three], [one, three], false)).toEqual({
      added: 1,
      removed: 2,
      remains: undefined,
    });
    expect(read()).toBe(
      `${[...others, own[0], formatKnownHostsLine('host.example', 22, three).trim()].join('\n')}\n`,
    );
  });

  it('writes every key that is missing under the spelling with the port, where the bare host vouched so far', async () => {
    writeFileSync(file, formatKnownHostsLine('host.example', 22, one));
    const { rotation, verify } = knownHosts({ files: file, update: true });
    const shown = info(one, 'host.example', 2222);
    expect(await verify(shown)).toBe(true);
    const unknown = (await rotation?.unknown(shown, [one, three])) ?? [];
    expect(unknown).toEqual([one, three]);
    expect(await rotation?.keep(shown, unknown, [one, three])).toMatchObject({ added: 2, removed: 0 });
    // The next dial sees either key, and the bare host has lost nothing.
    for (const key of [one, three]) expect(await verify(info(key, 'host.example', 2222))).toBe(true);
    expect(await verify(info(one))).toBe(true);
    await expect(verifyHostKey(knownHosts(file), info(two, 'host.example', 2222))).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_CHANGED',
    });
    // Now that all is there, nothing is to be done.
    expect(await rotation?.unknown(shown, [one, three])).toEqual([]);
    expect(await rotation?.keep(shown, [], [one, three])).toMatchObject({ added: 0, removed: 0 });
  });

  it('adds no key twice that another program has added meanwhile', async () => {
    writeFileSync(file, formatKnownHostsLine('host.example', 22, one));
    const rotate = (hash: boolean): Promise<unknown> =>
      rotateLines(file, info(one), [three], [one, three], hash);
    const counts = await Promise.all([rotate(false), rotate(true), rotate(false)]);
    expect(counts.map((outcome) => (outcome as { readonly added: number }).added).sort()).toEqual([0, 0, 1]);
    expect(KnownHosts.parse(read()).entries).toHaveLength(2);
  });

  it('leaves a key alone that is revoked, and a host whose key is not known', async () => {
    writeFileSync(file, `${formatKnownHostsLine('host.example', 22, one)}@revoked * ${lineKey(three)}\n`);
    const { rotation } = knownHosts({ files: file, update: true });
    expect(await rotation?.unknown(info(one), [one, two, three])).toEqual([two]);
    expect(await rotation?.unknown(info(two), [one, two])).toBeUndefined();
    expect(await rotation?.unknown(info(one, 'elsewhere'), [one, two])).toBeUndefined();
  });
});

/** Type and key, as a line has them. */
function lineKey(blob: Uint8Array): string {
  return formatKnownHostsLine('x', 22, blob).slice(2).trim();
}

/** A dial that is asked for nothing but locks, and what it was warned of. */
function dialOf(timeout: number = 2_000): { readonly dial: HostKeyDial; readonly warnings: string[] } {
  const warnings: string[] = [];
  return {
    dial: { warn: (text) => void warnings.push(text), whileLocked: (_detail, work) => work({ timeout }) },
    warnings,
  };
}

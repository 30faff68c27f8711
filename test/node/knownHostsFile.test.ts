import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeHostKey, type HostKeyInfo, verifyHostKey } from '../../src/client/hostKeys.ts';
import { encodePublicKey } from '../../src/crypto/publicKey.ts';
import { generateKey } from '../../src/keys/generateKey.ts';
import { formatKnownHostsLine, KnownHosts } from '../../src/keys/knownHosts.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { rotateLines } from '../../src/node/hostKeyChanges.ts';
import { knownHosts, trustOnFirstUse } from '../../src/node/knownHosts.ts';
import { addKnownHost, changeKnownHosts } from '../../src/node/knownHostsFile.ts';
import { seededBytes } from '../support/conversation.ts';
import { ChildPrograms } from '../support/servers/childProgram.ts';

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
  it('keeps its permissions and its link, and what was in it to the byte', async () => {
    const target = join(folder, 'elsewhere');
    writeFileSync(target, Buffer.from('# caf\xe9 \r\n|not a line|\nno end', 'latin1'));
    chmodSync(target, 0o640);
    symlinkSync(target, file);
    await addKnownHost(file, 'host.example', 22, one);
    expect(readFileSync(target, 'latin1')).toBe(
      `# caf\xe9 \r\n|not a line|\nno end\n${formatKnownHostsLine('host.example', 22, one)}`,
    );
    expect(statSync(target).mode & 0o777).toBe(0o640);
    expect(realpathSync(file)).toBe(target);
    alone('elsewhere');
  });

  it('that does not exist is made for the user alone', async () => {
    await addKnownHost(join(folder, 'new', 'known_hosts'), 'host.example', 22, one);
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'new', 'known_hosts')).mode & 0o777).toBe(0o600);
  });

  it('hides the names of hosts where that is asked for', async () => {
    await addKnownHost(file, 'host.example', 2222, one, { hash: true });
    expect(read()).toMatch(/^\|1\|[^ ]+ ssh-ed25519 /);
    expect(KnownHosts.parse(read()).lookup('host.example', 2222, one).result).toBe('trusted');
  });

  it('keeps a line that a program without the lock adds at the same time', async () => {
    writeFileSync(file, '# first\n');
    let calls = 0;
    await changeKnownHosts(file, (text) => {
      // Appended before the new file takes the place of the old one, as ssh does it.
      if (calls++ === 0) spawnSync('sh', ['-c', `echo '# by another' >> '${file}'`]);
      return `${text}# ours\n`;
    });
    expect(calls).toBe(2);
    expect(read()).toBe('# first\n# by another\n# ours\n');
    alone();
  });

  it('is not touched where nothing changes', async () => {
    writeFileSync(file, '# same\n');
    const before = statSync(file).ino;
    await changeKnownHosts(file, (text) => text);
    expect(statSync(file).ino).toBe(before);
    alone();
  });

  it('is left as it was, and unlocked, when the change fails', async () => {
    writeFileSync(file, '# same\n');
    const failing = changeKnownHosts(file, () => {
      throw new Error('no');
    });
    await expect(failing).rejects.toThrow('no');
    expect(read()).toBe('# same\n');
    alone();
  });

  it('locked by a program that died is taken over', async () => {
    const { pid } = spawnSync('true');
    writeFileSync(`${file}.lock`, `${pid} ${hostname()} some-name\n`);
    await Promise.all([one, two, three].map((key, i) => addKnownHost(file, `h${i}`, 22, key)));
    expect(KnownHosts.parse(read()).entries).toHaveLength(3);
    alone();
  });

  it('locked by a living program is waited for', async () => {
    writeFileSync(`${file}.lock`, `${process.pid} ${hostname()} some-name\n`);
    let done = false;
    const adding = addKnownHost(file, 'host.example', 22, one).then(() => {
      done = true;
    });
    for (let turn = 0; turn < 5; turn++) await appendFile(join(folder, 'known_hosts.lock'), '');
    expect(done).toBe(false);
    rmSync(`${file}.lock`);
    await adding;
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

  it('fails where the file cannot be written, and accepts nothing', async () => {
    writeFileSync(file, '');
    const policy = trustOnFirstUse({ files: join(file, 'below', 'known_hosts') });
    await expect(verifyHostKey(policy, info(one))).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining('known hosts file'),
    });
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
    });
    expect(read()).toBe(
      `${[...others, own[0], formatKnownHostsLine('host.example', 22, three).trim()].join('\n')}\n`,
    );
  });
});

/** `deadline-ssh keygen` as it is installed, beside ssh-keygen. */
import { spawnSync } from 'node:child_process';
import { lstatSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { useBuiltCommand } from '../support/cli/build.ts';
import { describeWith } from '../support/servers/programs.ts';

const command = useBuiltCommand();
const folder = mkdtempSync(join(tmpdir(), 'dlssh-keygen-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Ended {
  readonly status: number | null;
  readonly out: string;
  readonly said: string;
}

function ended(program: string, args: readonly string[], input: string): Ended {
  const { status, stdout, stderr } = spawnSync(program, args, {
    cwd: folder,
    input,
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], HOME: folder },
  });
  return { status, out: stdout, said: stderr };
}

const own = (args: readonly string[], input = ''): Ended =>
  ended(process.execPath, [command(), 'keygen', ...args], input);
const theirs = (args: readonly string[], input = ''): Ended => ended('ssh-keygen', args, input);

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

describeWith({ programs: ['ssh-keygen'] }, 'keygen', () => {
  it('makes keys that ssh-keygen reads, for their owner alone', () => {
    for (const [type, bits] of [
      ['ed25519', '256'],
      ['ecdsa', '521'],
      ['rsa', '2048'],
    ] as const) {
      const path = join(folder, `made-${type}`);
      expect(own(['-q', '-t', type, '-b', bits, '-N', 'secret', '-C', 'me', '-f', path])).toEqual({
        status: 0,
        out: '',
        said: '',
      });
      expect(statSync(path).mode & 0o777).toBe(0o600);
      expect(theirs(['-y', '-P', 'secret', '-f', path]).out).toBe(readFileSync(`${path}.pub`, 'utf8'));
      expect(theirs(['-l', '-f', path]).out).toMatch(new RegExp(`^${bits} SHA256:\\S+ me \\(`));
    }
  }, 120_000);

  it('writes over no key unasked', () => {
    const path = file('there', 'precious');
    const { status, said } = own(['-q', '-N', '', '-f', path]);
    expect([status, said]).toEqual([255, `deadline-ssh: ${path} already exists, and is left as it is\n`]);
    expect(readFileSync(path, 'utf8')).toBe('precious');
    const missing = join(folder, 'missing', 'key');
    const refused = own(['-q', '-N', '', '-f', missing]);
    expect([refused.status, refused.said]).toEqual([
      255,
      `deadline-ssh: ${join(folder, 'missing')} is not a folder; make it first\n`,
    ]);
    // The folder of keys is made.
    expect(own(['-q', '-N', '', '-f', join(folder, '.ssh', 'key')]).status).toBe(0);
    expect(statSync(join(folder, '.ssh')).mode & 0o777).toBe(0o700);
  });

  it('shows and converts keys as ssh-keygen does', () => {
    for (const type of ['ed25519', 'ecdsa', 'rsa']) {
      const path = join(folder, `shown-${type}`);
      theirs(['-q', '-t', type, '-N', '', '-C', 'a comment', '-f', path]);
      const same: readonly (readonly string[])[] = [
        ['-y', '-f', path],
        ['-l', '-f', path],
        ['-l', '-v', '-E', 'md5', '-f', `${path}.pub`],
        ['-B', '-f', path],
        ['-r', 'host.example', '-f', `${path}.pub`],
        ['-e', '-f', path],
        ...(type === 'ed25519' ? [] : [['-e', '-m', 'PKCS8', '-f', path]]),
        ...(type === 'rsa' ? [['-e', '-m', 'PEM', '-f', path]] : []),
      ];
      for (const args of same) expect([args, own(args).out]).toEqual([args, theirs(args).out]);
      const exported = file('exported', own(['-e', '-f', path]).out);
      expect(own(['-i', '-f', exported]).out).toBe(theirs(['-i', '-f', exported]).out);
    }
  }, 240_000);

  it('changes passphrase, format and comment, and nothing else', () => {
    const path = join(folder, 'changed');
    theirs(['-q', '-t', 'ecdsa', '-N', '', '-C', 'old', '-f', path]);
    const key = readFileSync(`${path}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
    expect(own(['-p', '-N', 'one', '-f', path]).status).toBe(0);
    expect(theirs(['-y', '-P', 'one', '-f', path]).out).toBe(`${key} old\n`);
    const wrong = own(['-p', '-P', 'two', '-N', 'x', '-f', path]);
    expect([wrong.status, wrong.said.includes(path)]).toEqual([255, true]);
    expect(own(['-c', '-C', 'new', '-P', 'one', '-f', path]).out).toContain('Comment changed to "new"');
    expect(theirs(['-y', '-P', 'one', '-f', path]).out).toBe(`${key} new\n`);
    expect(readFileSync(`${path}.pub`, 'utf8')).toBe(`${key} new\n`);
    expect(own(['-p', '-P', 'one', '-N', '', '-m', 'PKCS8', '-f', path]).status).toBe(0);
    expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----/);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  }, 120_000);

  it('follows a link, and leaves it a link', () => {
    const path = join(folder, 'behind');
    theirs(['-q', '-t', 'ed25519', '-N', '', '-f', path]);
    const link = join(folder, 'link');
    symlinkSync(path, link);
    expect(own(['-p', '-N', 'x', '-f', link]).status).toBe(0);
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(theirs(['-y', '-P', 'x', '-f', path]).status).toBe(0);
  }, 60_000);

  it('finds, removes and hides hosts as ssh-keygen does', () => {
    const key = readFileSync(join(folder, 'shown-ed25519.pub'), 'utf8').split(' ').slice(0, 2).join(' ');
    const content = [
      '# a comment',
      `host-a ${key} one`,
      `@cert-authority host-c ${key}`,
      `@revoked host-d ${key}`,
      `host-e* ${key}`,
      '',
      `host-f,host-g,[host-h]:2222 ${key} many`,
      `host-a ${key} two`,
      '',
    ].join('\n');
    const path = file('hosts', content);
    for (const name of ['host-a', 'host-c', 'host-d', 'host-elsewhere', '[host-h]:2222', 'nowhere']) {
      const args = ['-f', path, '-F', name];
      expect([name, own(args).out, own(args).status]).toEqual([name, theirs(args).out, theirs(args).status]);
      expect(own([...args, '-l']).out).toBe(theirs([...args, '-l']).out);
    }
    const removed = (run: (args: readonly string[]) => Ended, name: string): string => {
      const copy = file('copy', content);
      run(['-f', copy, '-R', name]);
      expect(readFileSync(`${copy}.old`, 'utf8')).toBe(content);
      return readFileSync(copy, 'utf8');
    };
    for (const name of ['host-a', 'host-f', 'host-e1']) {
      expect(removed(own, name)).toBe(removed(theirs, name));
    }
    expect(own(['-H', '-f', path]).status).toBe(0);
    const hidden = readFileSync(path, 'utf8');
    expect(hidden).not.toMatch(/^host-[afgh]/m);
    expect(hidden).toContain('# a comment\n');
    for (const name of ['host-a', 'host-g', '[host-h]:2222']) {
      expect(theirs(['-f', path, '-F', name]).status).toBe(0);
      expect(own(['-f', path, '-F', name]).out).toBe(theirs(['-f', path, '-F', name]).out);
    }
  }, 240_000);

  it('leaves a file of known hosts with a line that it cannot read as it is', () => {
    const path = file('broken', 'host-a ssh-ed25519\n');
    for (const args of [['-R', 'host-a'], ['-H']]) {
      const { status, said } = own(['-f', path, ...args]);
      expect([status, said.startsWith(`deadline-ssh: ${path}:1: `)]).toEqual([255, true]);
    }
    expect(readFileSync(path, 'utf8')).toBe('host-a ssh-ed25519\n');
  });

  it('signs what ssh-keygen finds good, and the other way round', () => {
    const path = join(folder, 'shown-ed25519');
    const signers = file('signers', `me ${readFileSync(`${path}.pub`, 'utf8')}`);
    const message = file('message', 'a message\n');
    expect(own(['-q', '-Y', 'sign', '-f', path, '-n', 'file', message])).toMatchObject({
      status: 0,
      out: '',
    });
    const verify = ['-Y', 'verify', '-f', signers, '-I', 'me', '-n', 'file', '-s', `${message}.sig`];
    expect(own(verify, 'a message\n')).toMatchObject(theirs(verify, 'a message\n'));
    expect(own(verify, 'a message\n').status).toBe(0);
    expect(own(verify, 'another\n')).toMatchObject({ status: 255, out: 'Could not verify signature.\n' });
    const check = ['-Y', 'check-novalidate', '-n', 'file', '-s', `${message}.sig`];
    expect(own(check, 'a message\n').out).toBe(theirs(check, 'a message\n').out);
    expect(own(['-Y', 'find-principals', '-f', signers, '-s', `${message}.sig`]).out).toBe('me\n');
    expect(own(['-Y', 'match-principals', '-f', signers, '-I', 'me']).out).toBe('me\n');
    expect(own(['-Y', 'match-principals', '-f', signers, '-I', 'you']).status).toBe(255);
    const revoked = ['-r', `${path}.pub`];
    expect(own([...verify, ...revoked], 'a message\n').said).toContain('revokes the key');
    const list = join(folder, 'revoked.krl');
    theirs(['-q', '-k', '-f', list, `${path}.pub`]);
    expect(own([...verify, '-r', list], 'a message\n').said).toContain('revokes the key');
    theirs(['-q', '-k', '-f', list]);
    expect(own([...verify, '-r', list], 'a message\n').status).toBe(0);
    const limited = file('limited', `me namespaces="git" ${readFileSync(`${path}.pub`, 'utf8')}`);
    expect(own(['-Y', 'find-principals', '-f', limited, '-s', `${message}.sig`]).out).toBe('me\n');
    const piped = file('piped.sig', theirs(['-Y', 'sign', '-f', path, '-n', 'x@y'], 'piped').out);
    expect(own(['-Y', 'check-novalidate', '-n', 'x@y', '-s', piped], 'piped').status).toBe(0);
  }, 120_000);

  it.each([
    [['-l', '-f', 'no-such-file'], 'no-such-file: there is no such file'],
    [['-l', '-f', '.'], '.: it is a folder'],
    [['-y', '-f', 'garbage'], 'garbage: '],
    [['-t', 'dsa', '-N', '', '-f', 'x'], 'there are ed25519, ecdsa and rsa'],
    [['-s', 'ca', '-I', 'x', 'k.pub'], 'certificates are not signed here'],
    [['-k', '-f', 'krl'], 'key revocation lists'],
    [['-Y', 'nothing'], '-Y takes sign'],
    [['-Y', 'sign', '-f', 'garbage'], '-n is missing'],
    [['-Y', 'sign', '-f', 'garbage', '-n', 'file', '-O', 'hashalg=sha1'], '-O hashalg takes'],
  ])('%j says in one line what is wrong, and ends with 255', (args, words) => {
    file('garbage', 'not a key\n');
    const { status, out, said } = own(args);
    expect([status, out, said.trimEnd().split('\n').length]).toEqual([255, '', 1]);
    expect(said).toContain(words);
  });
});

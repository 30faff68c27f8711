/** `keygen -Y`: signatures of standard input and of files, who may have made them, and until when. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { fixture, passphrase } from '../keys/fixtures.ts';
import { startSshAgent } from '../support/agents.ts';
import { certificateLine, makeCertificate } from '../support/certificates.ts';
import { type EndedCommand, type HereOptions, runHere } from '../support/cli/inProcess.ts';
import { describeWith } from '../support/servers/programs.ts';

const folder = mkdtempSync(join(tmpdir(), 'dlssh-signatures-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const keygen = (argv: readonly string[], options: HereOptions = {}): Promise<EndedCommand> =>
  runHere('keygen', argv, { cwd: folder, env: { SSH_AUTH_SOCK: undefined }, ...options });
function file(name: string, content: string): string {
  writeFileSync(join(folder, name), content, { mode: 0o600 });
  return name;
}

const key = file('id', fixture('ed25519/openssh'));
const publicLine = fixture('ed25519/id.pub').split(' ').slice(0, 2).join(' ');
const other = fixture('ecdsa256/id.pub').split(' ').slice(0, 2).join(' ');
const signers = file('signers', `me,you ${publicLine}\nsomebody ${other}\n`);
const message = 'a message\n';

/** Signs the message; the name of the file with the signature. */
async function signed(name: string, ...argv: readonly string[]): Promise<string> {
  const { status, out, said } = await keygen(['-q', '-Y', 'sign', '-n', 'file', ...argv], { input: message });
  expect([status, said]).toEqual([0, '']);
  return file(name, out);
}

const verify = (signature: string, argv: readonly string[] = [], input: string = message) =>
  keygen(['-Y', 'verify', '-n', 'file', '-I', 'me', '-f', signers, '-s', signature, ...argv], { input });
const bad = (words: string): EndedCommand => ({
  status: 255,
  out: 'Could not verify signature.\n',
  said: expect.stringMatching(new RegExp(`^deadline-ssh: [^\\n]*${words}[^\\n]*\\n$`)),
});

describe('a signature of standard input', () => {
  it('is printed, and holds for what was signed, for whom it is and for what', async () => {
    const { said } = await keygen(['-Y', 'sign', '-n', 'file', '-f', key], { input: message });
    expect(said).toBe('Signing data on standard input\n');
    const signature = await signed('s', '-f', key);
    const good = await verify(signature);
    expect(good).toEqual({
      status: 0,
      out: expect.stringMatching(/^Good "file" signature for me with ED25519 key SHA256:\S{43}\n$/),
      said: '',
    });
    expect(await verify(signature, ['-q'])).toEqual({ status: 0, out: '', said: '' });
    expect((await verify(signature, ['-O', 'print-pubkey'])).out).toBe(`${good.out}${publicLine}\n`);
    expect((await verify(signature, ['-E', 'md5'])).out).toMatch(/ key MD5(:[0-9a-f]{2}){16}\n$/);
    expect(await verify(signature, [], 'another\n')).toEqual(bad(''));
    expect(await verify(signature, ['-n', 'git'])).toEqual(bad('git|file'));
    expect(await verify(signature, ['-I', 'nobody'])).toEqual(bad('speaks for this key'));
    expect(await verify(signature, ['-I', 'somebody'])).toEqual(bad(''));
    expect({ ...(await verify(signature, ['-q', '-I', 'nobody'])), said: '' }).toEqual({
      status: 255,
      out: '',
      said: '',
    });
    expect((await verify('none')).said).toContain('none: there is no such file');
    expect((await verify(key)).said).toContain('id: ');
  });

  it('holds for any signer where nobody is named', async () => {
    const signature = await signed('s', '-f', key);
    const check = (argv: readonly string[], input: string) =>
      keygen(['-Y', 'check-novalidate', '-n', 'file', '-s', signature, ...argv], { input });
    expect((await check([], message)).out).toMatch(
      /^Good "file" signature with ED25519 key SHA256:\S{43}\n$/,
    );
    expect(await check([], 'x')).toEqual(bad(''));
    expect(await check(['-n', 'x'], message)).toEqual(bad(''));
  });

  it.each(['sha256', 'sha512'])('is made over %s where that is asked for', async (hash) => {
    const signature = await signed('h', '-f', key, '-O', `hashalg=${hash}`);
    expect((await verify(signature)).status).toBe(0);
    const bytes = Buffer.from(
      readFileSync(join(folder, signature), 'utf8').replace(/-----.*-----/g, ''),
      'base64',
    );
    expect(bytes.includes(hash)).toBe(true);
  });

  it('is refused where its key is revoked', async () => {
    const signature = await signed('s', '-f', key);
    const revoked = file('revoked', `${publicLine}\n`);
    expect(await verify(signature, ['-r', revoked])).toEqual(bad('revoked revokes the key of the signature'));
    expect((await verify(signature, ['-r', file('others', `${other}\n`)])).status).toBe(0);
  });

  it('holds within the time that a signer has', async () => {
    const signature = await signed('s', '-f', key);
    const dated = file('dated', `me valid-after="20200101",valid-before="20210101Z" ${publicLine}\n`);
    const at = (time: string): Promise<EndedCommand> =>
      verify(signature, ['-f', dated, '-O', `verify-time=${time}`]);
    expect((await at('20200601')).status).toBe(0);
    expect((await at('20201231235959Z')).status).toBe(0);
    expect(await at('20210101000001Z')).toEqual(bad(''));
    expect(await at('20191231235959')).toEqual(bad(''));
    expect(await verify(signature, ['-f', dated])).toEqual(bad(''));
    for (const time of ['soon', '', '2020', '19600101Z']) {
      expect((await at(time)).said).toContain('-O verify-time takes a date');
    }
    const find = (time: string) =>
      keygen(['-Y', 'find-principals', '-f', dated, '-s', signature, '-O', `verify-time=${time}`]);
    expect([(await find('20200601')).out, (await find('20220601')).out]).toEqual(['me\n', '']);
  });

  it('is asked a passphrase for, or given one', async () => {
    const closed = file('closed', fixture('ed25519/openssh-aes256-ctr.enc'));
    const signature = await signed('c', '-f', closed, '-P', passphrase);
    expect(existsSync(join(folder, signature))).toBe(true);
    expect((await keygen(['-Y', 'sign', '-n', 'x', '-f', closed, '-P', 'wrong'], { input: '' })).status).toBe(
      255,
    );
  });

  it.each([
    [['sign', '-f', key], '-n is missing: it names what the signature is for, such as file or git'],
    [['sign', '-n', 'x'], '-f is missing: it names the key to sign with'],
    [['sign', '-n', 'x', '-f', key, '-O', 'hashalg=sha1'], '-O hashalg takes sha256 or sha512'],
    [['verify', '-n', 'x'], '-I is missing: it names who is said to have signed'],
    [['verify', '-I', 'me'], '-n is missing'],
    [['check-novalidate', '-n', 'x'], '-s is missing: it names the file of the signature'],
    [['find-principals'], '-s is missing'],
    [['match-principals'], '-I is missing: it names somebody'],
    [['match-principals', '-I', 'me'], '-f is missing: it names the file of allowed signers'],
  ])('%j lacks something', async (argv, words) => {
    const { status, said } = await keygen(['-Y', ...argv], { input: '' });
    expect([status, said]).toEqual([255, expect.stringContaining(words)]);
  });
});

describe('those who sign', () => {
  it('are found by a signature, and by a name', async () => {
    const signature = await signed('s', '-f', key);
    const find = (path: string) => keygen(['-Y', 'find-principals', '-f', path, '-s', signature]);
    expect(await find(signers)).toEqual({ status: 0, out: 'me\nyou\n', said: '' });
    // For what a signer may sign does not matter here.
    expect((await find(file('limited', `a namespaces="git" ${publicLine}\n`))).out).toBe('a\n');
    const match = (who: string) => keygen(['-Y', 'match-principals', '-f', signers, '-I', who]);
    expect(await match('you')).toEqual({ status: 0, out: 'me,you\n', said: '' });
    expect(await match('no\x1bbody')).toEqual({
      status: 255,
      out: '',
      said: 'deadline-ssh: no line of the allowed signers names no\\x1bbody\n',
    });
  });
});

describe('a key to sign with', () => {
  it('is the private half beside a public one, or beside a certificate', async () => {
    const half = file('half', fixture('ed25519/openssh'));
    file('half.pub', fixture('ed25519/id.pub'));
    expect((await verify(await signed('p', '-f', `${half}.pub`))).status).toBe(0);
    const { privateKey } = parsePrivateKey(fixture('ed25519/openssh'));
    const authority = parsePrivateKey(fixture('ecdsa256/openssh')).privateKey;
    const blob = makeCertificate({ key: privateKey.publicKey, authority, kind: 1, principals: ['me'] });
    file('half-cert.pub', certificateLine(blob));
    const trusting = file('trusting', `me cert-authority ${other}\n`);
    const signature = await signed('q', '-f', 'half-cert.pub');
    expect((await verify(signature, ['-f', trusting])).status).toBe(0);
    expect(await verify(signature)).toEqual(bad(''));
  });

  it('that is not there is said to be, as is that there is no agent', async () => {
    file('lonely.pub', fixture('ed25519/id.pub'));
    file('odd', `${publicLine}\n`);
    for (const path of ['lonely.pub', 'odd']) {
      expect((await keygen(['-Y', 'sign', '-n', 'x', '-f', path], { input: '' })).said).toContain(
        'the private half of the key is not there, and there is no agent (SSH_AUTH_SOCK)',
      );
    }
    expect(
      (await keygen(['-Y', 'sign', '-n', 'x', '-f', file('junk', 'junk\n')], { input: '' })).said,
    ).toMatch(/^deadline-ssh: junk: /);
  });

  it('signs no file that cannot be read', async () => {
    const { status, said } = await keygen(['-Y', 'sign', '-n', 'x', '-f', key, 'no-such-file']);
    expect([status, said]).toEqual([255, expect.stringContaining('the file to sign cannot be read: ENOENT')]);
  });
});

describeWith({ programs: ['ssh-agent', 'ssh-add'] }, 'an agent', () => {
  it('signs with the private half of a public key', async () => {
    const agent = startSshAgent();
    try {
      agent.add(join(folder, key));
      file('held.pub', fixture('ed25519/id.pub'));
      const { out, status } = await keygen(['-q', '-Y', 'sign', '-n', 'file', '-f', 'held.pub'], {
        input: message,
        env: { SSH_AUTH_SOCK: agent.path },
      });
      expect(status).toBe(0);
      expect((await verify(file('a', out))).status).toBe(0);
    } finally {
      agent.stop();
    }
  });
});

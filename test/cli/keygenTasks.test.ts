/** What keygen asks, prints and writes, task by task. */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { showCertificate } from '../../src/cli/keygen/certificateText.ts';
import { changeComment, changePassphrase } from '../../src/cli/keygen/changeKey.ts';
import type { KeygenContext } from '../../src/cli/keygen/context.ts';
import { exportKey, importKey } from '../../src/cli/keygen/convert.ts';
import {
  bubbleBabble,
  showBubbleBabble,
  showFingerprints,
  showSshfp,
} from '../../src/cli/keygen/fingerprints.ts';
import { findHost, hashHosts, removeHost } from '../../src/cli/keygen/hosts.ts';
import { type KeygenArguments, parseKeygenArguments } from '../../src/cli/keygen/keygenArguments.ts';
import { makeKey } from '../../src/cli/keygen/makeKey.ts';
import { showPublicKey } from '../../src/cli/keygen/showKey.ts';
import { signFiles } from '../../src/cli/keygen/signatures.ts';
import { Messages } from '../../src/cli/messages.ts';
import { hashSpelling } from '../../src/keys/knownHosts/hashedNames.ts';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { fixture, passphrase } from '../keys/fixtures.ts';
import { certificateLine, makeCertificate, optionValue } from '../support/certificates.ts';
import { ScriptedPerson } from '../support/cli/scriptedPerson.ts';
import { describeWith } from '../support/servers/programs.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-tasks-'));
  folders.push(folder);
  return folder;
}

function file(content: string, name = 'file', folder = newFolder()): string {
  const path = join(folder, name);
  writeFileSync(path, content, { mode: 0o600 });
  return path;
}

type Task = (args: KeygenArguments, context: KeygenContext) => Promise<number>;

interface Ended {
  readonly status: number;
  readonly out: string;
  readonly said: string;
}

/** Runs a task with a person who answers so, or with nobody. */
async function run(task: Task, argv: readonly string[], person?: ScriptedPerson): Promise<Ended> {
  const args = parseKeygenArguments(argv);
  if (args === 'help') throw new Error('a task was expected');
  let [out, said] = ['', ''];
  const messages = new Messages({ write: (text: string) => (said += text) });
  const print = (text: string): void => {
    out += text;
  };
  const status = await task(args, { person, messages, print, signal: new AbortController().signal });
  return { status, out, said };
}

const refused = (words: string) => ({ code: 'ERR_SSH_OPTIONS', message: expect.stringContaining(words) });

describe('a new key', () => {
  it('goes where it is told to, and says so as ssh-keygen does', async () => {
    const path = join(newFolder(), 'id');
    const { status, out } = await run(makeKey, ['-N', '', '-C', 'me', '-f', path]);
    expect(status).toBe(0);
    expect(out).toMatch(
      new RegExp(
        `^Generating public/private ed25519 key pair\\.\nYour identification has been saved in ${path}\nYour public key has been saved in ${path}\\.pub\nThe key fingerprint is:\nSHA256:\\S{43} me\nThe key's randomart image is:\n\\+--\\[ED25519 256\\]--\\+\n`,
      ),
    );
    expect([statSync(path).mode & 0o777, statSync(`${path}.pub`).mode & 0o777]).toEqual([0o600, 0o644]);
    expect(await run(showPublicKey, ['-y', '-f', path])).toEqual({
      status: 0,
      out: readFileSync(`${path}.pub`, 'utf8'),
      said: '',
    });
    expect((await run(makeKey, ['-q', '-N', '', '-f', `${path}2`])).out).toBe('');
  });

  it('asks for what it was not told: where, twice the passphrase; an empty answer is what stands there', async () => {
    const home = newFolder();
    const before = process.env['HOME'];
    process.env['HOME'] = home;
    try {
      const usual = join(home, '.ssh', 'id_ecdsa');
      const person = new ScriptedPerson('', 'secret', 'sekret', 'secret', 'secret');
      await run(makeKey, ['-t', 'ecdsa', '-a', '1', '-C', ''], person);
      expect(person.transcript).toBe(
        `Enter file in which to save the key (${usual}): |` +
          '*Enter new passphrase (empty for no passphrase): |*Enter same passphrase again: |The two differ.\n' +
          '*Enter new passphrase (empty for no passphrase): |*Enter same passphrase again: |',
      );
      expect(statSync(join(home, '.ssh')).mode & 0o777).toBe(0o700);
      expect(parsePrivateKey(readFileSync(usual), { passphrase: 'secret' }).publicKey.type).toBe(
        'ecdsa-sha2-nistp256',
      );
      const other = join(home, 'other');
      const next = new ScriptedPerson(other, '', '');
      await run(makeKey, ['-C', ''], next);
      expect([next.left, existsSync(other), existsSync(join(home, '.ssh', 'id_ed25519'))]).toEqual([
        0,
        true,
        false,
      ]);
      await expect(run(makeKey, [], new ScriptedPerson(undefined))).rejects.toMatchObject(
        refused('no file was chosen'),
      );
      await expect(run(makeKey, ['-N', ''])).rejects.toMatchObject(refused('nobody to ask where'));
    } finally {
      process.env['HOME'] = before;
    }
  });

  it.each([
    ['y', true],
    ['Yes', true],
    ['n', false],
    ['', false],
    [undefined, false],
  ])('takes the place of another for the answer %j: %s', async (answer, isMade) => {
    const path = file('precious', 'id');
    const person = new ScriptedPerson(answer);
    const { status, out } = await run(makeKey, ['-N', '', '-f', path], person);
    expect(person.transcript).toBe(`${path} already exists.\nOverwrite (y/n)? |`);
    expect(status).toBe(isMade ? 0 : 1);
    expect(readFileSync(path, 'utf8') === 'precious').toBe(!isMade);
    expect(out.includes('has been saved')).toBe(isMade);
  });

  it.each([
    [['-t', 'rsa', '-b', '2048'], 'ssh-rsa'],
    [['-t', 'ssh-rsa', '-b', '2048'], 'ssh-rsa'],
    [['-t', 'ECDSA', '-b', '384'], 'ecdsa-sha2-nistp384'],
    [['-t', 'ecdsa-sha2-nistp521', '-b', '256'], 'ecdsa-sha2-nistp521'],
    [['-t', 'ed25519', '-b', '4096'], 'ssh-ed25519'],
  ])('of %j is of type %s', async (words, type) => {
    const path = join(newFolder(), 'id');
    await run(makeKey, ['-q', ...words, '-N', '', '-f', path]);
    expect(readFileSync(`${path}.pub`, 'utf8').split(' ')[0]).toBe(type);
  });

  it.each([
    [['-t', 'dsa'], 'there are ed25519, ecdsa and rsa'],
    [['-t', 'constructor'], 'there are ed25519, ecdsa and rsa'],
    [['-t', 'rsa', '-b', '2k'], 'is not a number of bits'],
    [['-Z', 'rot13'], 'is not a cipher of key files'],
    [['-a', '0'], 'is not a number of rounds'],
    [['-m', 'XML'], 'there are OpenSSH, PKCS8 and PEM'],
  ])('is not made of %j', async (words, message) => {
    const path = join(newFolder(), 'id');
    await expect(run(makeKey, [...words, '-N', '', '-f', path])).rejects.toMatchObject(refused(message));
    expect(existsSync(path)).toBe(false);
  });

  it('is not made where nobody can be asked for a passphrase', async () => {
    const path = join(newFolder(), 'id');
    await expect(run(makeKey, ['-f', path])).rejects.toMatchObject(refused('give one with -N'));
    const person = new ScriptedPerson('a', 'b', 'a', 'c', 'a', 'd');
    await expect(run(makeKey, ['-f', path], person)).rejects.toMatchObject(refused('nothing was changed'));
    expect([person.left, existsSync(path)]).toEqual([0, false]);
  });
});

describe('a key that is encrypted', () => {
  const encrypted = (): string => file(fixture('ed25519/openssh-aes256-ctr.enc'), 'id');

  it('is asked about three times, and said to be closed in between alone', async () => {
    const path = encrypted();
    const question = `*Enter passphrase for "${path}": |`;
    const person = new ScriptedPerson('one', passphrase);
    expect((await run(showPublicKey, ['-y', '-f', path], person)).status).toBe(0);
    expect(person.transcript).toBe(`${question}That is not the passphrase.\n${question}`);
    const patient = new ScriptedPerson('one', 'two', 'three', passphrase);
    await expect(run(showPublicKey, ['-y', '-f', path], patient)).rejects.toMatchObject({
      code: 'ERR_SSH_KEY_PASSPHRASE',
      message: expect.stringContaining(path),
    });
    expect(patient.left).toBe(1);
  });

  it('is opened by -P, and nobody is asked where that is wrong', async () => {
    const path = encrypted();
    expect((await run(showPublicKey, ['-y', '-P', passphrase, '-f', path])).out).toMatch(/^ssh-ed25519 /);
    const person = new ScriptedPerson(passphrase);
    await expect(run(showPublicKey, ['-y', '-P', 'x', '-f', path], person)).rejects.toMatchObject({
      code: 'ERR_SSH_KEY_PASSPHRASE',
    });
    expect(person.left).toBe(1);
    await expect(run(showPublicKey, ['-y', '-f', path])).rejects.toMatchObject(refused('give it with -P'));
  });

  it('keeps its passphrase when its comment changes', async () => {
    const path = encrypted();
    const person = new ScriptedPerson(passphrase, 'a new one');
    const { out, status } = await run(changeComment, ['-c', '-a', '1', '-f', path], person);
    const read = parsePrivateKey(readFileSync(path), { passphrase });
    expect([read.comment, status]).toEqual(['a new one', 0]);
    expect(out).toMatch(/^Old comment: .+\nComment changed to "a new one"\n$/);
    expect(person.transcript).toContain('Enter new comment: |');
    expect(readFileSync(`${path}.pub`, 'utf8')).toMatch(/^ssh-ed25519 \S+ a new one\n$/);
    // Once more, with the public half there and the passphrase given.
    await run(changeComment, ['-c', '-a', '1', '-C', '', '-P', passphrase, '-f', path]);
    expect(parsePrivateKey(readFileSync(path), { passphrase }).comment).toBe('');
    expect(
      (await run(changeComment, ['-c', '-a', '1', '-C', 'x', '-P', passphrase, '-f', path])).out,
    ).toContain('Old comment: no comment\n');
    await expect(run(changeComment, ['-c', '-P', passphrase, '-f', path])).rejects.toMatchObject(
      refused('give the comment with -C'),
    );
  });
});

describe('a passphrase', () => {
  it('is changed, which is said; the file keeps its permissions, and nothing is left beside it', async () => {
    const folder = newFolder();
    const path = file(fixture('ed25519/openssh'), 'id', folder);
    const { out } = await run(changePassphrase, ['-p', '-a', '1', '-N', 'new', '-f', path]);
    expect(out).toBe('Your identification has been saved with the new passphrase.\n');
    expect(parsePrivateKey(readFileSync(path), { passphrase: 'new' }).publicKey.type).toBe('ssh-ed25519');
    expect(() => parsePrivateKey(readFileSync(path))).toThrow(SshError);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const person = new ScriptedPerson('new', '', '');
    await run(changePassphrase, ['-p', '-f', path], person);
    expect([person.left, parsePrivateKey(readFileSync(path)).publicKey.type]).toEqual([0, 'ssh-ed25519']);
    expect(spawnSync('ls', ['-A', folder], { encoding: 'utf8' }).stdout).toBe('id\n');
  });

  it('is not changed in a file with several names, or in what is none', async () => {
    const path = file(fixture('ed25519/openssh'), 'id');
    linkSync(path, `${path}2`);
    const before = readFileSync(path, 'utf8');
    await expect(run(changePassphrase, ['-p', '-N', 'x', '-f', path])).rejects.toMatchObject(
      refused('it has several names'),
    );
    expect(readFileSync(path, 'utf8')).toBe(before);
    await expect(run(changePassphrase, ['-p', '-N', 'x', '-f', `${path}3`])).rejects.toMatchObject(
      refused('there is no such file'),
    );
    await expect(run(changePassphrase, ['-p'])).rejects.toMatchObject(refused('name a key with -f'));
  });

  it('of a key in another format can change, and its comment cannot', async () => {
    const path = file(fixture('rsa/pkcs8.pem'), 'id');
    await expect(run(changeComment, ['-c', '-C', 'x', '-f', path])).rejects.toMatchObject(
      refused("only OpenSSH's format keeps a comment"),
    );
    await run(changePassphrase, ['-p', '-N', '', '-m', 'OpenSSH', '-f', path]);
    expect(readFileSync(path, 'utf8')).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----/);
  });
});

describe('a file of known hosts', () => {
  const key = fixture('ed25519/id.pub').split(' ').slice(0, 2).join(' ');
  const hostName = fc.stringMatching(/^[a-z]{1,8}$/);
  const salt = fc.uint8Array({ minLength: 20, maxLength: 20 });

  it('has its hidden lines found by the name that is hidden there, and by no other', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(hostName, { minLength: 2, maxLength: 6 }),
        fc.array(salt, { minLength: 6, maxLength: 6 }),
        async (names, salts) => {
          const lines = names.map(
            (name, i) => `${hashSpelling(name, salts[i] as Uint8Array)} ${key} ${name}`,
          );
          const path = file(`${lines.join('\n')}\n`);
          for (const [i, name] of names.entries()) {
            expect(await run(findHost, ['-F', name.toUpperCase(), '-f', path])).toEqual({
              status: 0,
              out: `# Host ${name.toUpperCase()} found: line ${i + 1} \n${lines[i]}\n`,
              said: '',
            });
          }
          const [first = ''] = names;
          expect((await run(findHost, ['-F', `${first}x`, '-f', path])).status).toBe(
            names.includes(`${first}x`) ? 0 : 1,
          );
          await run(removeHost, ['-q', '-R', first, '-f', path]);
          expect(readFileSync(path, 'utf8')).toBe(`${lines.slice(1).join('\n')}\n`);
          expect(readFileSync(`${path}.old`, 'utf8')).toBe(`${lines.join('\n')}\n`);
        },
      ),
      { numRuns: 20 },
    );
  });

  it('is told of: what was found, removed, hidden and not there', async () => {
    const content = `a,b ${key} both\nc* ${key}\n@revoked a ${key}\n@cert-authority a ${key}\n`;
    const path = file(content);
    const found = await run(findHost, ['-F', 'a', '-f', path]);
    expect(found.out).toBe(
      `# Host a found: line 1 \na,b ${key} both\n# Host a found: line 3 REVOKED\n@revoked a ${key}\n# Host a found: line 4 CA\n@cert-authority a ${key}\n`,
    );
    expect((await run(findHost, ['-q', '-F', 'a', '-f', path])).out).not.toContain('# Host');
    const hidden = await run(findHost, ['-H', '-F', 'a', '-f', path]);
    expect(
      hidden.out.split('\n').filter((line) => /^\|1\|\S+ ssh-ed25519 \S+ both$/.test(line)),
    ).toHaveLength(2);
    expect(await run(removeHost, ['-R', 'nobody', '-f', path])).toEqual({
      status: 0,
      out: '',
      said: `Host nobody not found in ${path}\n`,
    });
    expect(existsSync(`${path}.old`)).toBe(false);
    const hash = await run(hashHosts, ['-H', '-f', path]);
    expect(hash.out).toBe(`${path} updated.\nOriginal contents retained as ${path}.old\n`);
    expect(hash.said).toBe(
      `deadline-ssh: ${path}:2: a pattern cannot be hidden, and is left as it is\n` +
        `deadline-ssh: ${path}.old still has the names of the hosts; delete it to keep them hidden\n`,
    );
    expect(readFileSync(path, 'utf8')).toMatch(
      /^\|1\|\S+ ssh-ed25519 \S+ both\n\|1\|\S+ ssh-ed25519 \S+ both\nc\* [^\n]+\n@revoked a [^\n]+\n@cert-authority a [^\n]+\n$/,
    );
    const removed = await run(removeHost, ['-R', 'b', '-f', path]);
    expect(removed.out).toBe(
      `# Host b found: line 2 \n${path} updated.\nOriginal contents retained as ${path}.old\n`,
    );
    expect((await run(findHost, ['-F', 'b', '-f', path])).status).toBe(1);
    // Marked lines stay, whatever is removed.
    await run(removeHost, ['-R', 'a', '-f', path]);
    expect(
      readFileSync(path, 'utf8')
        .split('\n')
        .filter((line) => line.startsWith('@')),
    ).toHaveLength(2);
  });

  it('that is hidden already stays as it is', async () => {
    const line = `${hashSpelling('a', new Uint8Array(20))} ${key}\n`;
    const path = file(line);
    expect(await run(hashHosts, ['-H', '-f', path])).toEqual({ status: 0, out: '', said: '' });
    expect([readFileSync(path, 'utf8'), existsSync(`${path}.old`)]).toEqual([line, false]);
  });

  it('shows fingerprints with -l, also by MD5', async () => {
    const path = file(`a ${key} mine\n`);
    expect((await run(findHost, ['-l', '-F', 'a', '-f', path])).out).toMatch(
      /^# Host a found: line 1 \na ED25519 SHA256:\S{43} mine\n$/,
    );
    expect((await run(findHost, ['-l', '-E', 'md5', '-F', 'a', '-f', path])).out).toMatch(
      /\na ED25519 MD5(:[0-9a-f]{2}){16} mine\n$/,
    );
  });
});

describe('a signature of a file', () => {
  it('is told of, stands beside it, and takes the place of another only when it may', async () => {
    const folder = newFolder();
    const key = file(fixture('ed25519/openssh'), 'id', folder);
    const [one, two] = [file('1', 'one', folder), file('2', 'two', folder)];
    const argv = ['-Y', 'sign', '-n', 'file', '-f', key, one, two];
    expect(await run(signFiles, argv)).toEqual({
      status: 0,
      out: '',
      said: [one, two].map((path) => `Signing file ${path}\nWrite signature to ${path}.sig\n`).join(''),
    });
    const first = readFileSync(`${one}.sig`, 'utf8');
    expect(first).toMatch(/^-----BEGIN SSH SIGNATURE-----/);
    writeFileSync(`${one}.sig`, 'mine');
    await expect(run(signFiles, argv)).rejects.toMatchObject(refused(`${one}.sig already exists`));
    await expect(run(signFiles, argv, new ScriptedPerson('no'))).rejects.toMatchObject(
      refused(`${one}.sig already exists`),
    );
    expect(readFileSync(`${one}.sig`, 'utf8')).toBe('mine');
    const person = new ScriptedPerson('yes', 'yes');
    expect((await run(signFiles, ['-q', ...argv], person)).said).toBe('');
    expect(person.transcript).toContain(`${one}.sig already exists.\nOverwrite (y/n)? |`);
    expect(readFileSync(`${one}.sig`, 'utf8')).toBe(first);
    await expect(
      run(signFiles, [...argv, join(folder, 'none')], new ScriptedPerson('y', 'y')),
    ).rejects.toMatchObject(refused('the file to sign cannot be read'));
  });
});

describeWith({ programs: ['ssh-keygen'] }, 'a signature of a file', () => {
  it('is told of in the words of ssh-keygen', async () => {
    const folder = newFolder();
    const key = file(fixture('ed25519/openssh'), 'id', folder);
    const path = file('text', 'text', folder);
    const argv = ['-Y', 'sign', '-n', 'file', '-f', key, path];
    const theirs = spawnSync('ssh-keygen', argv, { encoding: 'utf8' });
    rmSync(`${path}.sig`);
    const { out, said } = await run(signFiles, argv);
    expect([out, said]).toEqual([theirs.stdout, theirs.stderr]);
  });
});

describe('a public key', () => {
  const folder = newFolder;

  it('is shown, exported and imported from any form, and comes out the same', async () => {
    for (const type of ['ed25519', 'ecdsa256', 'rsa']) {
      const text = fixture(`${type}/id.pub`);
      const path = file(text, 'id.pub', folder());
      const key = text.split(' ').slice(0, 2).join(' ');
      for (const format of type === 'ed25519' ? ['RFC4716'] : ['RFC4716', 'PKCS8', 'PEM']) {
        const { out } = await run(exportKey, ['-e', '-m', format, '-f', path]);
        const exported = file(out, 'exported', folder());
        expect(await run(importKey, ['-i', '-m', format, '-f', exported]), format).toEqual({
          status: 0,
          out: `${key}\n`,
          said: '',
        });
      }
    }
    await expect(run(exportKey, ['-e', '-m', 'xml', '-f', 'x'])).rejects.toMatchObject(
      refused('there are RFC4716, PKCS8 and PEM'),
    );
  });

  it('among others in a file is shown with them, and is not the one that is exported', async () => {
    const two = `# keys\n${fixture('ed25519/id.pub')}\nno-pty ${fixture('rsa/id.pub')}`;
    const path = file(two);
    expect((await run(showFingerprints, ['-l', '-f', path])).out).toMatch(
      /^256 SHA256:\S+ .*\(ED25519\)\n\d+ SHA256:\S+ .*\(RSA\)\n$/,
    );
    expect((await run(showFingerprints, ['-l', '-v', '-f', path])).out).toMatch(
      /\+-+\[ED25519 256\]-+\+[\s\S]+\+---\[RSA \d+\]----\+/,
    );
    await expect(run(exportKey, ['-e', '-f', path])).rejects.toMatchObject({
      code: 'ERR_SSH_KEY_FORMAT',
      message: expect.stringContaining('several keys'),
    });
  });

  it('has SSHFP records in two forms', async () => {
    const path = file(fixture('ed25519/id.pub'));
    const plain = (await run(showSshfp, ['-r', 'h', '-f', path])).out;
    const generic = (await run(showSshfp, ['-r', 'h', '-g', '-f', path])).out;
    const digests = plain
      .trim()
      .split('\n')
      .map((line) => line.split(' ').at(-1));
    expect(plain).toMatch(/^h IN SSHFP 4 1 [0-9a-f]{40}\nh IN SSHFP 4 2 [0-9a-f]{64}\n$/);
    expect(generic).toBe(`h IN TYPE44 \\# 22 04 01 ${digests[0]}\nh IN TYPE44 \\# 34 04 02 ${digests[1]}\n`);
  });

  it('with a certificate is shown with all that the certificate says', async () => {
    const { privateKey } = parsePrivateKey(fixture('ed25519/openssh'));
    const blob = (more: object): string =>
      certificateLine(
        makeCertificate({
          key: privateKey.publicKey,
          authority: privateKey,
          kind: 1,
          keyId: 'me\x1b[2J',
          serial: 7n,
          principals: ['ops', 'root'],
          criticalOptions: [['force-command', optionValue('uptime')]],
          extensions: [
            ['permit-pty', new Uint8Array(0)],
            ['odd', Uint8Array.of(1, 2, 3)],
            ['long', Uint8Array.of(0, 0, 0, 1, 0x61, 0x62)],
          ],
          ...more,
        }),
      );
    const path = file(blob({}), 'id-cert.pub');
    const { out } = await run(showCertificate, ['-L', '-f', path]);
    const fingerprint = /SHA256:\S+/.exec(out)?.[0];
    expect(out).toBe(
      [
        `${path}:`,
        '        Type: ssh-ed25519-cert-v01@openssh.com user certificate',
        `        Public key: ED25519-CERT ${fingerprint}`,
        `        Signing CA: ED25519 ${fingerprint} (using ssh-ed25519)`,
        '        Key ID: "me\\x1b[2J"',
        '        Serial: 7',
        '        Valid: forever',
        '        Principals: ',
        '                ops',
        '                root',
        '        Critical Options: ',
        '                force-command uptime',
        '        Extensions: ',
        '                permit-pty',
        '                odd UNKNOWN OPTION: 010203',
        '                long UNKNOWN OPTION: 000000016162',
        '',
      ].join('\n'),
    );
    const valid = async (validAfter: bigint, validBefore: bigint): Promise<string | undefined> => {
      const dated = file(blob({ validAfter, validBefore, principals: [] }), 'id-cert.pub');
      const text = (await run(showCertificate, ['-L', '-f', dated])).out;
      expect(text).toContain('Principals: (none)');
      return /Valid: (.*)/.exec(text)?.[1];
    };
    const local = (seconds: number): string => {
      const minutes = -new Date(seconds * 1000).getTimezoneOffset();
      return new Date((seconds + 60 * minutes) * 1000).toISOString().slice(0, 19);
    };
    const forEver = 0xffff_ffff_ffff_ffffn;
    expect(await valid(0n, 1_600_000_001n)).toBe(`before ${local(1_600_000_001)}`);
    expect(await valid(1_600_000_001n, forEver)).toBe(`after ${local(1_600_000_001)}`);
    expect(await valid(1_500_000_000n, 1_600_000_001n)).toBe(
      `from ${local(1_500_000_000)} to ${local(1_600_000_001)}`,
    );
    expect(await valid(1n, forEver - 1n)).toBe(`from ${local(1)} to second ${forEver - 1n}`);
  });
});

/** The bytes behind words of Bubble Babble; undefined where a vowel is not the one that the checksum chooses. */
function bubbleBytes(words: string): number[] | undefined {
  const letters = words.replaceAll('-', '').slice(1, -1);
  const [vowels, consonants] = ['aeiouy', 'bcdfghklmnprstvzx'];
  const bytes: number[] = [];
  let sum = 1;
  for (let at = 0; at < letters.length; at += 5) {
    const [a, b, c, d, e] = [...letters.slice(at, at + 5)];
    const high = (vowels.indexOf(a ?? '') - (sum % 6) + 6) % 6;
    const low = (vowels.indexOf(c ?? '') - Math.floor(sum / 6) + 6) % 6;
    if (d === undefined && b === 'x') return high === 0 && low === 0 ? bytes : undefined;
    if (high > 3 || low > 3) return undefined;
    const first = (high << 6) | (consonants.indexOf(b ?? '') << 2) | low;
    bytes.push(first);
    if (d === undefined) return bytes;
    const second = (consonants.indexOf(d) << 4) | consonants.indexOf(e ?? '');
    bytes.push(second);
    sum = (sum * 5 + first * 7 + second) % 36;
  }
  return undefined;
}

describe('bubble babble', () => {
  it.each([
    ['', 'xexax'],
    ['1234567890', 'xesef-disof-gytuf-katof-movif-baxux'],
  ])('of %j is %j', (text, words) => {
    expect(bubbleBabble(Buffer.from(text))).toBe(words);
  });

  it('is read back as the bytes it is of', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        expect(bubbleBytes(bubbleBabble(bytes))).toEqual([...bytes]);
      }),
    );
  });

  it('of a key is that of its SHA-1, in a line with its size, comment and type', async () => {
    const path = file(fixture('ed25519/id.pub').replace(/( \S+) .*/s, '$1 a comment\n'));
    const { out } = await run(showBubbleBabble, ['-B', '-f', path]);
    const [, words = ''] = /^256 (\S+) a comment \(ED25519\)\n$/.exec(out) ?? [];
    const blob = Buffer.from(fixture('ed25519/id.pub').split(' ')[1] ?? '', 'base64');
    expect(bubbleBytes(words)).toEqual([...createHash('sha1').update(blob).digest()]);
    expect(
      (
        await run(showBubbleBabble, [
          '-B',
          '-f',
          file(fixture('rsa/id.pub').split(' ').slice(0, 2).join(' ')),
        ])
      ).out,
    ).toMatch(/^\d+ \S+ no comment \(RSA\)\n$/);
  });
});

describe('the lines of public keys', () => {
  it('name the size, the type and the comment of each', async () => {
    for (const [name, words] of [
      ['rsa', /^(2048|3072|4096) SHA256:\S{43} .* \(RSA\)\n$/],
      ['ed25519', /^256 SHA256:\S{43} .* \(ED25519\)\n$/],
      ['ecdsa256', /^256 SHA256:\S{43} .* \(ECDSA\)\n$/],
      ['ecdsa384', /^384 SHA256:\S{43} .* \(ECDSA\)\n$/],
      ['ecdsa521', /^521 SHA256:\S{43} .* \(ECDSA\)\n$/],
    ] as const) {
      expect((await run(showFingerprints, ['-l', '-f', file(fixture(`${name}/id.pub`))])).out).toMatch(words);
    }
    await expect(run(showFingerprints, ['-l', '-E', 'crc', '-f', 'x'])).rejects.toMatchObject(
      refused('there are sha256, md5, sha1, sha384, sha512'),
    );
    const bare = file(fixture('ed25519/id.pub').split(' ').slice(0, 2).join(' '));
    expect((await run(showFingerprints, ['-l', '-E', 'SHA1', '-f', bare])).out).toMatch(
      /^256 SHA1:\S{27} no comment \(ED25519\)\n$/,
    );
  });

  it('of ECDSA, RSA and Ed25519 have SSHFP records under the numbers of RFC 4255, 6594 and 7479', async () => {
    for (const [name, number] of [
      ['rsa', 1],
      ['ecdsa256', 3],
      ['ecdsa521', 3],
      ['ed25519', 4],
    ] as const) {
      const { out } = await run(showSshfp, ['-r', 'h', '-f', file(fixture(`${name}/id.pub`))]);
      expect(out).toMatch(
        new RegExp(`^h IN SSHFP ${number} 1 [0-9a-f]{40}\\nh IN SSHFP ${number} 2 [0-9a-f]{64}\\n$`),
      );
    }
  });

  it('are those of a private key, from the file beside it where the key hides its comment', async () => {
    const folder = newFolder();
    const path = file(fixture('ed25519/openssh'), 'id', folder);
    const own = await run(showFingerprints, ['-l', '-f', path]);
    expect(own.out).toMatch(/^256 SHA256:\S+ (?!no comment)/);
    // A key that is open tells by itself, whatever lies beside it.
    file(fixture('rsa/id.pub'), 'id.pub', folder);
    expect((await run(showFingerprints, ['-l', '-f', path])).out).toBe(own.out);
    const closed = file(fixture('ed25519/openssh-aes256-ctr.enc'), 'closed', folder);
    expect((await run(showFingerprints, ['-l', '-f', closed])).out).toMatch(/ no comment \(ED25519\)\n$/);
    file(fixture('ed25519/id.pub').replace(/( \S+) .*/s, '$1 beside\n'), 'closed.pub', folder);
    expect((await run(showFingerprints, ['-l', '-f', closed])).out).toMatch(/ beside \(ED25519\)\n$/);
    // What hides its public half as well has to be opened.
    const pem = file(fixture('rsa/pkcs8.pem'), 'pem', folder);
    expect((await run(showFingerprints, ['-l', '-f', pem])).out).toMatch(/\(RSA\)\n$/);
  });

  it('are those of certificates too, which are said to be', async () => {
    const { privateKey } = parsePrivateKey(fixture('ed25519/openssh'));
    const blob = makeCertificate({ key: privateKey.publicKey, authority: privateKey, kind: 1 });
    const path = file(certificateLine(blob, 'certified'));
    expect((await run(showFingerprints, ['-l', '-f', path])).out).toMatch(
      /^256 SHA256:\S{43} certified \(ED25519-CERT\)\n$/,
    );
    await expect(run(showFingerprints, ['-l', '-f', file('no key\n')])).rejects.toMatchObject({
      code: 'ERR_SSH_KEY_FORMAT',
      message: expect.stringMatching(/\/file: /),
    });
  });
});

describe('a private key of another program', () => {
  it('is imported in the format of OpenSSH, open or with a passphrase', async () => {
    const path = file(fixture('rsa/pkcs8.pem'));
    const open = await run(importKey, ['-i', '-f', path]);
    expect(parsePrivateKey(open.out).publicKey.type).toBe('ssh-rsa');
    const closed = await run(importKey, ['-i', '-N', 'new', '-f', path]);
    expect(closed.out).toMatch(/^-----BEGIN OPENSSH PRIVATE KEY-----/);
    expect(() => parsePrivateKey(closed.out)).toThrow(SshError);
    expect(parsePrivateKey(closed.out, { passphrase: 'new' }).publicKey.type).toBe('ssh-rsa');
    expect(closed.status).toBe(0);
  });
});

describe('the file that a task is about', () => {
  it('is asked for where it is not named; an empty answer is the usual one', async () => {
    const home = newFolder();
    const before = process.env['HOME'];
    process.env['HOME'] = home;
    try {
      mkdirSync(join(home, '.ssh'));
      const usual = file(fixture('ed25519/openssh'), 'id_ed25519', join(home, '.ssh'));
      const other = file(fixture('rsa/pkcs8.pem'), 'other', home);
      const person = new ScriptedPerson('', other);
      expect((await run(showPublicKey, ['-y'], person)).out).toMatch(/^ssh-ed25519 /);
      expect((await run(showPublicKey, ['-y'], person)).out).toMatch(/^ssh-rsa /);
      expect(person.transcript).toBe(`Enter file in which the key is (${usual}): |`.repeat(2));
      await expect(run(showPublicKey, ['-y'], new ScriptedPerson(undefined))).rejects.toMatchObject(
        refused('no file was chosen'),
      );
      await expect(run(showPublicKey, ['-y'])).rejects.toMatchObject(refused('name a key with -f'));
      // Of hosts it is the usual file, and nobody is asked.
      const line = `h ${fixture('ed25519/id.pub').split(' ').slice(0, 2).join(' ')}\n`;
      file(line, 'known_hosts', join(home, '.ssh'));
      expect((await run(findHost, ['-q', '-F', 'h'])).out).toBe(line);
      process.env['HOME'] = 'nowhere';
      await expect(run(findHost, ['-F', 'h'])).rejects.toMatchObject(refused('there is no home folder'));
      await expect(run(makeKey, ['-N', ''])).rejects.toMatchObject(refused('there is no home folder'));
      await expect(run(showPublicKey, ['-y'], new ScriptedPerson(''))).rejects.toMatchObject(
        refused('name a key with -f'),
      );
    } finally {
      process.env['HOME'] = before;
    }
  });

  it('is left as it is where it cannot be written, where it is none, and where a line cannot be read', async () => {
    const path = file(fixture('ed25519/openssh'), 'id');
    const folder = join(path, '..');
    await expect(run(makeKey, ['-N', '', '-f', path])).rejects.toMatchObject(
      refused(`${path} already exists, and is left as it is`),
    );
    const broken = file('h ssh-ed25519\n', 'hosts', folder);
    for (const task of [
      [removeHost, ['-R', 'h']],
      [hashHosts, ['-H']],
    ] as const) {
      await expect(run(task[0], [...task[1], '-f', broken])).rejects.toMatchObject(refused(`${broken}:1: `));
    }
    expect(readFileSync(broken, 'utf8')).toBe('h ssh-ed25519\n');
    await expect(run(findHost, ['-F', 'h', '-f', folder])).rejects.toMatchObject(refused('it is a folder'));
    await expect(run(findHost, ['-F', 'h', '-f', `${path}none`])).rejects.toMatchObject(
      refused('there is no such file'),
    );
  });

  it('keeps its owner where somebody else makes it anew', async (context) => {
    if (process.getuid?.() !== 0) return context.skip();
    const path = file(fixture('ed25519/openssh'), 'id');
    chownSync(path, 12_345, 23_456);
    await run(changePassphrase, ['-p', '-a', '1', '-N', 'new', '-f', path]);
    const { uid, gid, mode } = statSync(path);
    expect([uid, gid, mode & 0o777]).toEqual([12_345, 23_456, 0o600]);
  });

  it('is hidden with what its lines say, and quietly with -q', async () => {
    const key = fixture('ed25519/id.pub').split(' ').slice(0, 2).join(' ');
    const path = file(`a ${key} c\n`);
    expect(await run(hashHosts, ['-q', '-H', '-f', path])).toEqual({ status: 0, out: '', said: '' });
    expect(readFileSync(path, 'utf8')).toMatch(/^\|1\|\S+ ssh-ed25519 \S+ c\n$/);
  });
});

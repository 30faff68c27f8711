import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { decodeCertificate } from '../../src/crypto/keys/certificate.ts';
import { encodePublicKey } from '../../src/crypto/keys/publicKey.ts';
import {
  type Client,
  type ConnectOptions,
  connect,
  type HostKeyDial,
  type HostKeyInfo,
  knownHosts,
  type SshError,
} from '../../src/entry/index.ts';
import { fingerprint, formatKnownHostsLine, formatPublicKey, generateKey } from '../../src/entry/keys.ts';
import { makeCertificate } from '../support/certificates.ts';
import { seededBytes } from '../support/conversation.ts';
import { krl, strings } from '../support/krl.ts';

const [key, other, authority] = [31, 32, 33].map((seed) =>
  generateKey('ed25519', { randomBytes: seededBytes(seed) }),
) as [Key, Key, Key];
type Key = ReturnType<typeof generateKey>;

const infoOf = ({ publicKey }: Key, more: Partial<HostKeyInfo> = {}): HostKeyInfo => ({
  host: 'host.example',
  port: 22,
  key: publicKey,
  blob: encodePublicKey(publicKey),
  type: publicKey.type,
  algorithm: publicKey.type,
  fingerprint: fingerprint(publicKey),
  ...more,
});
const certified = (): HostKeyInfo =>
  infoOf(key, { certificate: decodeCertificate(makeCertificate({ key: key.publicKey, authority })) });
const lineOf = ({ publicKey }: Key, host = 'host.example', port = 22): string =>
  formatKnownHostsLine(host, port, publicKey);

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'command-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

const file = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};
const script = (name: string, body: string): string => {
  const path = file(name, `#!/bin/sh\n${body}\n`);
  chmodSync(path, 0o755);
  return path;
};
const files = '/dev/null';

describe('a program that tells known hosts', () => {
  it('counts beside the files', async () => {
    const command = [script('tells', `echo '${lineOf(key).trim()}'`)];
    const policy = knownHosts({ files, command });
    expect(await policy.verify(infoOf(key))).toBe(true);
    await expect(policy.verify(infoOf(other))).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_CHANGED' });
    expect(await policy.keyTypes?.('host.example', 22)).toEqual(['ssh-ed25519']);
    const revoking = knownHosts({
      files: file('revoking', `@revoked * ${formatPublicKey(key.publicKey)}`),
      command,
    });
    await expect(revoking.verify(infoOf(key))).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_REVOKED' });
    const silent = knownHosts({ files, command: ['/bin/true'] });
    await expect(silent.verify(infoOf(key))).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_UNKNOWN' });
  });

  it('is told what it is asked about', async () => {
    const asked = join(folder, 'asked');
    const command = [script('asked.sh', `echo "$@" >> ${asked}`), '%I', '%H', '%t', '%K', '%f', '%%h'];
    const policy = knownHosts({ files, command });
    await policy.keyTypes?.('host.example', 2222);
    await expect(policy.verify(infoOf(key, { port: 2222 }))).rejects.toMatchObject({ phase: 'keyExchange' });
    const base64 = Buffer.from(encodePublicKey(key.publicKey)).toString('base64');
    expect(readFileSync(asked, 'utf8').split('\n')).toEqual([
      'ORDER [host.example]:2222 NONE NONE NONE %h',
      `HOSTNAME [host.example]:2222 ssh-ed25519 ${base64} ${fingerprint(key.publicKey)} %h`,
      '',
    ]);
  });

  it('is asked about a certificate, and about the key in it', async () => {
    const line = `@cert-authority * ${formatPublicKey(authority.publicKey).trim()}`;
    const isCertificate = 'case $1 in *cert*) ;; *) exit 0;; esac';
    const command = [script('ca', `${isCertificate}\necho '${line}'`), '%t'];
    expect(await knownHosts({ files, command }).verify(certified())).toBe(true);
    const plain = [script('plain', `case $1 in *cert*) exit 0;; esac\necho '${lineOf(key).trim()}'`), '%t'];
    expect(await knownHosts({ files, command: plain }).verify(certified())).toBe(true);
  });

  it.each([
    [
      'ends with a status',
      (): string[] => [script('bad', `echo '${lineOf(key).trim()}'; exit 3`)],
      /status 3/,
    ],
    ['is ended by a signal', (): string[] => [script('dies', 'kill -TERM $$')], /ended by SIGTERM/],
    ['is not there', (): string[] => [join(folder, 'nowhere')], /cannot be run: .*ENOENT/],
    ['says too much', (): string[] => [script('talks', 'yes')], /more than 1048576 bytes/],
  ])('that %s is an error, and no key is accepted', async (_what, command, why) => {
    const policy = knownHosts({ files, command: command(), unknown: 'add' });
    const asked = policy.verify(infoOf(key));
    await expect(asked).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
    await expect(asked).rejects.toThrow(why);
    await expect(policy.keyTypes?.('host.example', 22)).rejects.toThrow(why);
  });

  it('has the time of a wait of the connection, and ends with all that it started', async () => {
    const pid = join(folder, 'pid');
    const command = [script('sleeps', `sleep 600 & echo $! > ${pid}; wait`)];
    const details: string[] = [];
    const dial: HostKeyDial = {
      warn: () => {},
      whileLocked: (_detail, work) => work({ timeout: 1 }),
      whileRunning: (detail, work) => {
        details.push(detail);
        return work({ timeout: 500 });
      },
    };
    await expect(knownHosts({ files, command }).verify(infoOf(key), dial)).rejects.toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'knownHostsCommand',
      deadline: 500,
    });
    expect(details).toEqual([`the known hosts command "${command[0]}"`]);
    const child = Number(readFileSync(pid, 'utf8'));
    await expect.poll(() => isRunning(child)).toBe(false);
  });
});

function isRunning(pid: number): boolean {
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

describe('files of revoked keys', () => {
  const known = (): string => file('known', lineOf(key));
  const refused = { code: 'ERR_SSH_HOST_KEY_REVOKED' };

  it('refuse a key that is known, as a list and as a KRL', async () => {
    const list = file('list', formatPublicKey(key.publicKey));
    const binary = file('krl', krl([strings(2, encodePublicKey(key.publicKey))]));
    const empty = file('empty', krl([]));
    for (const [revokedHostKeys, isFine] of [
      [list, false],
      [binary, false],
      [empty, true],
      [[empty, list], false],
    ] as const) {
      const verdict = knownHosts({ files: known(), revokedHostKeys }).verify(infoOf(key));
      if (isFine) expect(await verdict).toBe(true);
      else await expect(verdict).rejects.toMatchObject(refused);
    }
    await expect(knownHosts({ files: known(), revokedHostKeys: list }).verify(infoOf(key))).rejects.toThrow(
      `the host key of host.example (ssh-ed25519 ${fingerprint(key.publicKey)}) is revoked by ${list}`,
    );
  });

  it('are read again when they change', async () => {
    const list = file('changing', '');
    const policy = knownHosts({ files: known(), revokedHostKeys: list });
    expect(await policy.verify(infoOf(key))).toBe(true);
    writeFileSync(list, formatPublicKey(key.publicKey));
    await expect(policy.verify(infoOf(key))).rejects.toMatchObject(refused);
  });

  it('refuse what a revoked authority signed, though the key is known', async () => {
    const revokedHostKeys = file('authorities', formatPublicKey(authority.publicKey));
    const verdict = knownHosts({ files: known(), revokedHostKeys }).verify(certified());
    await expect(verdict).rejects.toThrow('the authority that signed the host certificate of host.example');
  });

  it('name keys by the hash that the host key is shown by', async () => {
    const shown = { ...certified(), fingerprint: fingerprint(key.publicKey, 'md5') };
    const strange = file('strangers', `@cert-authority * ${formatPublicKey(other.publicKey)}`);
    await expect(knownHosts({ files: strange }).verify(shown)).rejects.toThrow(
      `signed by another (${fingerprint(authority.publicKey, 'md5')})`,
    );
    const revoked = file('revoked-authority', `@revoked * ${formatPublicKey(authority.publicKey)}`);
    await expect(knownHosts({ files: revoked }).verify(shown)).rejects.toThrow(
      `(${fingerprint(authority.publicKey, 'md5')}) is marked @revoked`,
    );
    const command = [script('by', `echo "$1" > ${join(folder, 'by.txt')}`), '%f'];
    await knownHosts({ files: known(), command }).verify(shown);
    expect(readFileSync(join(folder, 'by.txt'), 'utf8').trim()).toBe(shown.fingerprint);
  });

  it('that are missing, damaged or no files refuse every key', async () => {
    for (const [path, why] of [
      [join(folder, 'nowhere'), 'there is no such file'],
      [folder, 'it is a folder'],
      [file('damaged', 'hello'), 'line 1 is not a public key'],
    ] as const) {
      const verdict = knownHosts({ files: known(), revokedHostKeys: path }).verify(infoOf(key));
      await expect(verdict).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
      await expect(verdict).rejects.toThrow(why);
    }
  });

  it('keep a server from teaching a revoked key', async () => {
    const revokedHostKeys = file('taught', formatPublicKey(other.publicKey));
    const { rotation } = knownHosts({ files: known(), update: true, revokedHostKeys });
    const announced = [key, other, authority].map(({ publicKey }) => encodePublicKey(publicKey));
    expect(await rotation?.unknown(infoOf(key), announced)).toEqual([announced[2]]);
  });
});

describe('the address of a host', () => {
  const address = '192.0.2.7';

  it('is kept with the key that the name is known by, and must not be known by another', async () => {
    const path = file('addresses', lineOf(key));
    const policy = knownHosts({ files: path, checkAddress: true });
    expect(await policy.verify(infoOf(key, { address }))).toBe(true);
    expect(readFileSync(path, 'utf8')).toBe(`${lineOf(key)}${lineOf(key, address)}`);
    expect(await policy.verify(infoOf(key, { address }))).toBe(true);
    const wrong = knownHosts({
      files: file('wrong', lineOf(key) + lineOf(other, address)),
      checkAddress: true,
    });
    await expect(wrong.verify(infoOf(key, { address }))).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_CHANGED',
    });
    await expect(wrong.verify(infoOf(key, { address }))).rejects.toThrow(address);
  });

  it('is not looked at unless that is wanted', async () => {
    const path = file('unwanted', lineOf(key) + lineOf(other, address));
    expect(await knownHosts({ files: path }).verify(infoOf(key, { address }))).toBe(true);
    expect(await knownHosts({ files: path, checkAddress: true }).verify(infoOf(key))).toBe(true);
  });
});

describe('the signatures of authorities', () => {
  it('count as far as they are among those that are named', async () => {
    const path = file('authority', `@cert-authority * ${formatPublicKey(authority.publicKey)}`);
    const certificateSignatures = (names: readonly string[]) =>
      knownHosts({ files: path, certificateSignatures: names }).verify(certified());
    expect(await certificateSignatures(['rsa-sha2-512', 'ssh-ed25519'])).toBe(true);
    await expect(certificateSignatures(['rsa-sha2-512'])).rejects.toMatchObject({
      code: 'ERR_SSH_CERTIFICATE',
    });
    await expect(certificateSignatures(['rsa-sha2-512'])).rejects.toThrow('is signed by ssh-ed25519');
  });
});

describe('a program that is asked before there is a connection', () => {
  const dial = (program: string, options: Partial<ConnectOptions>): Promise<Client> =>
    connect({
      host: '127.0.0.1',
      port: 1,
      username: 'ops',
      auth: ['none'],
      verifyHostKey: knownHosts({ files, command: [program, '%I'] }),
      ...options,
    });
  /** Writes a line where it begins, and would write another one after ten seconds. */
  const stuck = (name: string, begun: string): string =>
    script(name, `echo begun >> ${begun}\nsleep 10\necho ended >> ${begun}`);

  it('is asked once, for both of the questions about the order', async () => {
    const asked = join(folder, 'once');
    await expect(dial(script('once.sh', `echo "$1" >> ${asked}`), {})).rejects.toMatchObject({
      code: 'ERR_SSH_CONNECT',
    });
    expect(readFileSync(asked, 'utf8')).toBe('ORDER\n');
  });

  it('has the time of its wait, which is named', async () => {
    const program = stuck('late.sh', join(folder, 'late'));
    await expect(dial(program, { timeouts: { knownHostsCommand: 300 } })).rejects.toMatchObject({
      code: 'ERR_SSH_TIMEOUT',
      waitingFor: 'knownHostsCommand',
      deadline: 300,
    });
  });

  it('has half of the time of the dial at most', async () => {
    const program = stuck('half.sh', join(folder, 'half'));
    const error = await dial(program, { timeout: 1_000 }).catch((reason: unknown) => reason as SshError);
    expect(error).toMatchObject({ code: 'ERR_SSH_TIMEOUT', waitingFor: 'knownHostsCommand' });
    expect((error as SshError).deadline).toBeLessThanOrEqual(500);
  });

  it('ends with the abort of the dial, with everything that it started', async () => {
    const begun = join(folder, 'begun');
    const abort = new AbortController();
    const dialled = dial(stuck('aborted.sh', begun), { signal: abort.signal });
    const rejected = expect(dialled).rejects.toMatchObject({ code: 'ERR_SSH_ABORTED' });
    await expect.poll(() => existsSync(begun)).toBe(true);
    const group = (): number[] => running('aborted.sh');
    expect(group()).not.toEqual([]);
    abort.abort();
    await rejected;
    await expect.poll(group).toEqual([]);
  });
});

/** Processes whose command line has this text. */
function running(text: string): number[] {
  return readdirSync('/proc').flatMap((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1').includes(text)
        ? [Number(name)]
        : [];
    } catch {
      // It has ended meanwhile.
      return [];
    }
  });
}

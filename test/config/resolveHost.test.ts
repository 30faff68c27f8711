import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import type { ResolveHostOptions } from '../../src/config/resolveHost.ts';
import { formatKeywords, resolveHost } from '../../src/entry/config.ts';
import { type ConnectOptions, connect, type HostKeyInfo } from '../../src/entry/index.ts';
import {
  decodeCertificate,
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  parsePrivateKey,
} from '../../src/entry/keys.ts';
import { certificateLine, makeCertificate } from '../support/certificates.ts';

let folder: string;
let agentBefore: string | undefined;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-'));
  agentBefore = process.env['SSH_AUTH_SOCK'];
  delete process.env['SSH_AUTH_SOCK'];
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  if (agentBefore !== undefined) process.env['SSH_AUTH_SOCK'] = agentBefore;
});

const read = (text: string, host = 'alpha', more: ResolveHostOptions = {}) =>
  resolveHost(host, { files: [{ path: 'config', text: `${text}\n` }], ...more });
const optionsFor = async (text: string, more?: ResolveHostOptions) =>
  (await read(text, 'alpha', more)).options;

function keyFile(name: string, mode = 0o600, passphrase?: string): string {
  const key = generateKey('ed25519');
  const path = join(folder, name);
  const rounds = passphrase === undefined ? {} : { passphrase, rounds: 1 };
  writeFileSync(path, formatPrivateKey(key, rounds), { mode });
  writeFileSync(`${path}.pub`, formatPublicKey(key.publicKey));
  return path;
}

describe('options of a host', () => {
  it('are those that connect takes', async () => {
    const text = `Hostname real.example
Port 2222
User ops
AddressFamily inet6
BindAddress ::1
ConnectTimeout 5
ServerAliveInterval 10
ServerAliveCountMax 2
RekeyLimit 1M 1h
RequiredRSASize 3072
Compression yes
Ciphers aes256-ctr,3des-cbc
MACs +hmac-sha1
KexAlgorithms -curve448*
HostKeyAlgorithms ^rsa-sha2-256
VersionAddendum for tests
IdentityFile none`;
    const { verifyHostKey, ...options } = await optionsFor(text);
    expect(verifyHostKey).toHaveProperty('verify');
    expect(options).toEqual({
      host: 'real.example',
      port: 2222,
      username: 'ops',
      auth: ['none'],
      algorithms: {
        cipher: ['aes256-ctr', '3des-cbc'],
        mac: { append: ['hmac-sha1'] },
        kex: { remove: ['curve448-sha512'] },
        hostKey: { prepend: ['rsa-sha2-256'] },
        compression: ['zlib@openssh.com', 'none'],
      },
      family: 6,
      keepAlive: { interval: 10_000, maxMissed: 2 },
      limits: { rsaMinimumBits: 3072 },
      localAddress: '::1',
      publickeyAlgorithms: expect.arrayContaining(['rsa-sha2-512', 'rsa-sha2-256']) as unknown,
      rekey: { bytes: 1024 ** 2, interval: 3_600_000 },
      softwareVersion: 'deadline_ssh for tests',
      timeouts: { connect: 5_000, proxyCommand: 5_000, identification: 5_000 },
    });
  });

  it('mark packets as IPQoS says, for a person and for all else, where the runtime can', async () => {
    const marks = async (text: string, more?: ResolveHostOptions) => {
      const { options, warnings } = await read(`IdentityFile none\n${text}`, 'alpha', more);
      return [options.typeOfService, ...warnings];
    };
    const can = 'setTypeOfService' in Socket.prototype;
    const mark = (value: number) =>
      can ? [value] : [undefined, 'IPQoS has no effect: this runtime cannot mark packets, and Node 24 can'];
    expect(await marks('User x')).toEqual([undefined]);
    expect(await marks('IPQoS none')).toEqual([undefined]);
    expect(await marks('IPQoS ef cs1')).toEqual(mark(0xb8));
    expect(await marks('IPQoS ef cs1', { command: 'true' })).toEqual(mark(0x20));
    expect(await marks('IPQoS ef 0x21\nRemoteCommand true')).toEqual(mark(0x21));
    expect(await marks('IPQoS ef cs1\nRequestTTY force', { command: 'true' })).toEqual(mark(0xb8));
    expect(await marks('IPQoS ef none', { forwardOnly: true })).toEqual([undefined]);
  });

  it('say nothing that nobody said', async () => {
    const { options, warnings } = await read('IdentityFile none');
    expect(Object.keys(options).sort()).toEqual(['auth', 'host', 'port', 'username', 'verifyHostKey']);
    expect(warnings).toEqual([]);
  });

  it('leave room in the whole dial for a long ConnectTimeout', async () => {
    expect(await optionsFor('ConnectTimeout 90')).toMatchObject({
      timeout: 120_000,
      timeouts: { connect: 90_000 },
    });
  });

  it('turn the keep-alive off only where somebody says so', async () => {
    expect((await optionsFor('ServerAliveInterval 0')).keepAlive).toBe(false);
    expect((await optionsFor('ServerAliveCountMax 5')).keepAlive).toBeUndefined();
  });

  it('take an address of an interface', async () => {
    expect((await optionsFor('BindInterface lo\nAddressFamily inet')).localAddress).toBe('127.0.0.1');
    const { warnings, options } = await read('BindInterface nosuch0');
    expect(warnings).toEqual([expect.stringContaining('nosuch0')]);
    await expect(connect({ ...options, host: '127.0.0.1', port: 1 })).rejects.toThrow(
      'localAddress must be an address, not "nosuch0"',
    );
  });

  it('name algorithms that this client lacks, and refuse a list of nothing else', async () => {
    const { options, warnings } = await read('MACs hmac-md5,hmac-sha2-256');
    expect(options.algorithms).toEqual({ mac: ['hmac-sha2-256'] });
    expect(warnings).toEqual([expect.stringContaining('"hmac-md5"')]);
    await expect(read('\nMACs hmac-md5')).rejects.toMatchObject({
      code: 'ERR_SSH_CONFIG',
      file: 'config',
      line: 2,
    });
  });

  it('have a host, a user and a port that were typed', async () => {
    const text = 'User other\nPort 1';
    expect((await read(text, 'ops@alpha')).options).toMatchObject({
      host: 'alpha',
      username: 'ops',
      port: 1,
    });
    expect((await read(text, 'ssh://ops@alpha:2222')).options).toMatchObject({
      host: 'alpha',
      username: 'ops',
      port: 2222,
    });
    expect((await read(text, 'a@b@alpha', { user: 'me', port: 3 })).options).toMatchObject({
      username: 'me',
      port: 3,
    });
    await expect(read('', '@alpha')).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS' });
  });

  it('that nobody knows are refused by name', async () => {
    await expect(read('', 'alpha', { overides: [] } as object)).rejects.toThrow('did you mean overrides?');
    await expect(read('', 'alpha', { files: [{ path: 'a', txt: '' }] } as object)).rejects.toThrow(
      'files must be',
    );
    await expect(read('', 'alpha', { limits: { fileSiez: 1 } } as object)).rejects.toThrow(
      'did you mean limits.fileSize?',
    );
    await expect(resolveHost(undefined as unknown as string)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
    });
  });

  it('warn of what is set and has no effect, and of nothing else', async () => {
    const { warnings } = await read(
      'ControlMaster auto\nControlPath none\nTunnel yes\nForwardX11 no\nHostbasedAuthentication yes\nGSSAPIAuthentication yes\nIdentityFile none',
    );
    expect(warnings.map((line) => line.split(' ')[0])).toEqual([
      'ControlMaster',
      'HostbasedAuthentication',
      'Tunnel',
    ]);
  });
});

describe('the way to a host', () => {
  it('leads over others, the nearest first, each with its own configuration', async () => {
    const text = `IdentityFile none
Host alpha
  ProxyJump one,ops@two:2200
Host one
  Hostname one.example
  User first
Host two
  User ignored
  Port 1
Host beta
  ProxyJump alpha`;
    const via = [
      { host: 'one.example', port: 22, username: 'first' },
      { host: 'two', port: 2200, username: 'ops' },
    ];
    expect((await read(text)).options.via).toMatchObject(via);
    expect((await read(text, 'beta')).options.via).toMatchObject([...via, { host: 'alpha' }]);
    expect(
      (await read(text, 'alpha', { overrides: ['Port=99'] })).options.via?.map(({ port }) => port),
    ).toEqual([22, 2200]);
    for (const hop of (await read(text, 'beta')).options.via ?? []) expect(hop.via).toBeUndefined();
  });

  it('gives those on the way no password, and the address to send from to the first alone', async () => {
    const text =
      'IdentityFile none\nAddressFamily inet\nBindAddress 127.0.0.1\nHost alpha\nProxyJump one,two';
    const options: ConnectOptions = await optionsFor(text, {
      password: 'secret',
      keyboardInteractive: () => [],
    });
    const [first, second] = options.via as readonly ConnectOptions[];
    expect(first).toMatchObject({ auth: ['none'], family: 4, localAddress: '127.0.0.1' });
    expect(second).toMatchObject({ auth: ['none'] });
    for (const reached of [second, options]) {
      expect(reached).not.toHaveProperty('family');
      expect(reached).not.toHaveProperty('localAddress');
    }
    expect(options.auth).toHaveLength(2);
  });

  it('that leads in a circle is refused at the line that says so', async () => {
    const circle = 'Host a\nProxyJump b\nHost b\nProxyJump a';
    await expect(read(circle, 'a')).rejects.toMatchObject({
      code: 'ERR_SSH_CONFIG',
      file: 'config',
      line: 2,
    });
    await expect(read('\nProxyJump alpha')).rejects.toThrow(/config line 2: proxyjump: .*itself/);
    // Nothing but a negation matches nothing, as to ssh.
    expect((await read('Match host !x\nProxyJump j%h')).options.via).toBeUndefined();
  });

  it('may pass a host twice, by another user, another port or further on', async () => {
    const hops = async (text: string, alias = 'alpha', overrides: string[] = []) => {
      const { options } = await read(`IdentityFile none\n${text}`, alias, { overrides });
      return (options.via as readonly ConnectOptions[]).map(({ host, port, username }) =>
        [username, host, port].join(' '),
      );
    };
    const own = 'User me\nHost a\nHostName 127.0.0.1\nHost b\nHostName 127.0.0.2';
    expect(await hops(own, 'alpha', ['ProxyJump=a,b,a'])).toEqual([
      'me 127.0.0.1 22',
      'me 127.0.0.2 22',
      'me 127.0.0.1 22',
    ]);
    expect(await hops(own, 'a', ['ProxyJump=you@a,a:2222'])).toEqual([
      'you 127.0.0.1 22',
      'me 127.0.0.1 2222',
    ]);
    expect(await hops(`${own}\nProxyJump a`, 'a', ['ProxyJump=b'])).toEqual([
      'me 127.0.0.1 22',
      'me 127.0.0.2 22',
    ]);
    // As to ssh, a name that stands for an address is not the address, and the port of a jump is 22.
    expect(await hops(own, 'a', ['ProxyJump=a'])).toEqual(['me 127.0.0.1 22']);
    expect(await hops(own, 'alpha', ['ProxyJump=a,a'])).toEqual(Array(2).fill('me 127.0.0.1 22'));
    await expect(hops(own, 'z', ['ProxyJump=z'])).rejects.toMatchObject({ code: 'ERR_SSH_CONFIG' });
    await expect(hops(own, 'alpha', ['ProxyJump=z,z'])).rejects.toMatchObject({ code: 'ERR_SSH_CONFIG' });
    expect(await hops(`Port 2222\n${own}`, 'a', ['ProxyJump=a,a,a'])).toEqual(
      Array(3).fill('me 127.0.0.1 2222'),
    );
  });

  it('may be a program, with the tokens that the dial does not know', async () => {
    expect(
      (await optionsFor('HostKeyAlias other\nHostname real\nProxyCommand nc %h %p %r %n %k %%x'))
        .proxyCommand,
    ).toBe('nc %h %p %r alpha other %%x');
    expect((await optionsFor('ProxyCommand none')).proxyCommand).toBeUndefined();
    // A program that passes its descriptor says nothing on the pipe.
    expect((await read('ProxyCommand x\nProxyUseFdpass yes')).warnings).toEqual([
      'ProxyUseFdpass has no effect: descriptors are not passed; ProxyCommand has to carry the bytes itself',
    ]);
    await expect(read('ProxyCommand nc %z')).rejects.toMatchObject({ code: 'ERR_SSH_CONFIG', line: 1 });
    await expect(read('HostKeyAlias "$(x)"\nProxyCommand nc %k')).rejects.toMatchObject({
      code: 'ERR_SSH_CONFIG',
      line: 2,
    });
  });
});

describe('the login', () => {
  it('tries keys of the agent that files name, others of the agent, then files', async () => {
    const path = keyFile('k1');
    const { auth } = await optionsFor(`IdentityAgent /run/agent\nIdentityFile ${path}`);
    expect(auth).toMatchObject([
      { method: 'agent', agent: '/run/agent', keys: [{ type: 'ssh-ed25519' }] },
      { method: 'agent', agent: '/run/agent' },
      { method: 'publickey' },
    ]);
    expect(auth[1]).not.toHaveProperty('keys');
    const only = await optionsFor(`IdentityAgent /run/agent\nIdentitiesOnly yes\nIdentityFile ${path}`);
    expect(only.auth).toMatchObject([{ method: 'agent', keys: [{}] }, { method: 'publickey' }]);
    expect((await optionsFor(`IdentityAgent none\nIdentityFile ${path}`)).auth).toMatchObject([
      { method: 'publickey' },
    ]);
  });

  describe('with certificates', () => {
    const authority = generateKey('ed25519');
    /** A key in a file, and the text of a certificate for it. */
    const certified = (name: string, isHost = false): { path: string; line: string } => {
      const path = keyFile(name);
      const { publicKey: key } = parsePrivateKey(readFileSync(path)).privateKey;
      return {
        path,
        line: certificateLine(makeCertificate({ key, authority, kind: isHost ? 2 : 1, keyId: name })),
      };
    };
    const file = (name: string, text: string): string => {
      const path = join(folder, name);
      writeFileSync(path, text);
      return path;
    };
    const named = (keyId: string) => expect.objectContaining({ keyId }) as unknown;

    it('tries those of CertificateFile before other keys, with the agent and with files', async () => {
      const { path, line } = certified('c1');
      const certificate = file('c1.crt', line);
      const text = `CertificateFile ${certificate}\nIdentityFile ${path}`;
      expect((await optionsFor(`IdentityAgent /run/agent\n${text}`)).auth).toMatchObject([
        { method: 'agent', keys: [{}], certificate: [named('c1')] },
        { method: 'publickey', certificate: [named('c1')], certificateOnly: true },
        { method: 'agent' },
        { method: 'publickey' },
      ]);
      const without = (await optionsFor(`IdentityAgent none\n${text}`)).auth;
      expect(without).toMatchObject([{ certificateOnly: true }, { method: 'publickey' }]);
      expect(without[1]).not.toHaveProperty('certificate');
    });

    it('knows one for a key that only the agent holds, and with IdentitiesOnly none', async () => {
      const { path, line } = certified('c2');
      const certificate = file('c2.crt', line);
      const text = `IdentityAgent /run/agent\nIdentityFile none\nCertificateFile ${certificate}`;
      rmSync(path);
      expect((await optionsFor(text)).auth).toMatchObject([
        { method: 'agent', keys: [], certificate: [named('c2')] },
        { method: 'agent' },
      ]);
      const { options, warnings } = await read(`${text}\nIdentitiesOnly yes`);
      expect(options.auth).toEqual(['none']);
      expect(warnings).toEqual([
        `CertificateFile ${certificate} is not used: no IdentityFile and no agent has its key`,
      ]);
    });

    it('finds them beside a key, also where KEY.pub is one or the file itself', async () => {
      const { path, line } = certified('c3');
      writeFileSync(`${path}.pub`, line);
      writeFileSync(`${path}-cert.pub`, line);
      expect((await optionsFor(`IdentityAgent none\nIdentityFile ${path}`)).auth).toMatchObject([
        { method: 'publickey', certificate: [named('c3'), named('c3')] },
      ]);
      const itself = await optionsFor(`IdentityAgent /run/agent\nIdentityFile ${file('c3.crt', line)}`);
      expect(itself.auth).toMatchObject([
        { method: 'agent', keys: [{ type: 'ssh-ed25519' }], certificate: [named('c3')] },
        { method: 'agent' },
      ]);
    });

    it("leaves aside what is none, or a host's, and says so", async () => {
      const { path, line } = certified('c4', true);
      const host = file('host.crt', line);
      const text = `IdentityAgent none\nIdentityFile ${path}\nCertificateFile ${host}\nCertificateFile ${path}.pub\nCertificateFile /nothing`;
      const { options, warnings } = await read(text);
      expect(options.auth).toHaveLength(1);
      expect(warnings).toEqual([
        `CertificateFile ${host} is not used: it is a host's and cannot log a user in`,
        expect.stringMatching(/is not used: .*public key/),
        'CertificateFile /nothing is not used: there is no such file',
      ]);
    });
  });

  it('offers keys with the algorithms of PubkeyAcceptedAlgorithms, in their order', async () => {
    const listFor = async (text: string) => (await optionsFor(text)).publickeyAlgorithms;
    expect(await listFor('User x')).toBeUndefined();
    expect(await listFor('PubkeyAcceptedAlgorithms rsa-sha2-256,ssh-ed25519*')).toEqual([
      'rsa-sha2-256',
      'ssh-ed25519',
      'ssh-ed25519-cert-v01@openssh.com',
    ]);
    expect(await listFor('PubkeyAcceptedAlgorithms ssh-rsa*')).toEqual([
      'ssh-rsa',
      'ssh-rsa-cert-v01@openssh.com',
    ]);
    const usual = (await listFor('HostKeyAlgorithms ssh-ed25519')) ?? [];
    expect(usual).toContain('rsa-sha2-512');
    expect(usual.filter((name) => name.startsWith('ssh-rsa'))).toEqual([]);
    expect(await listFor('PubkeyAcceptedAlgorithms -*sk-*')).toEqual(
      usual.filter((name) => !name.startsWith('sk-')),
    );
    expect(await listFor('PubkeyAcceptedAlgorithms ^rsa-sha2-256')).toEqual([
      'rsa-sha2-256',
      ...usual.filter((name) => name !== 'rsa-sha2-256'),
    ]);
    expect(await listFor('PubkeyAcceptedAlgorithms +ssh-rsa')).toEqual([...usual, 'ssh-rsa']);
    const { options, warnings } = await read(
      'PubkeyAcceptedAlgorithms webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
    );
    expect(options.publickeyAlgorithms).toEqual([]);
    expect(warnings).toEqual([
      'PubkeyAcceptedAlgorithms: this client does not have "webauthn-sk-ecdsa-sha2-nistp256@openssh.com"',
    ]);
  });

  it('gives keys of files to the agent as AddKeysToAgent says', async () => {
    const path = keyFile('added');
    const added = async (value: string, more: ResolveHostOptions = {}) => {
      const text = `IdentityAgent /run/agent\nIdentityFile ${path}\nAddKeysToAgent ${value}`;
      const { options, warnings } = await read(text, 'alpha', more);
      const given = options.auth.map((step) =>
        step !== 'none' && step.method === 'publickey' ? step.addToAgent : undefined,
      );
      return [...given.filter((one) => one !== undefined), ...warnings];
    };
    const always = { agent: '/run/agent', comment: path };
    expect(await added('no')).toEqual([]);
    expect(await added('yes')).toEqual([always]);
    expect(await added('confirm')).toEqual([{ ...always, confirm: true }]);
    expect(await added('confirm 1m')).toEqual([{ ...always, confirm: true, lifetime: 60 }]);
    expect(await added('2h')).toEqual([{ ...always, lifetime: 7200 }]);
    expect(await added('ask')).toEqual(['AddKeysToAgent ask has no effect: nobody can be asked']);
    const asked: unknown[] = [];
    const [ask] = await added('ask', { addToAgent: (request) => asked.push(request) > 0 });
    expect(ask).toEqual({ ...always, ask: expect.any(Function) as unknown });
    await (ask as { ask: () => unknown }).ask();
    expect(asked).toEqual([{ path }]);
    const none = await read(`IdentityAgent none\nIdentityFile ${path}\nAddKeysToAgent yes`);
    expect(none.options.auth[0]).not.toHaveProperty('addToAgent');
  });

  it('expands the paths of keys, and takes a public half that lies alone', async () => {
    const path = keyFile('k-alpha');
    rmSync(path);
    const { auth } = await optionsFor(
      `IdentityAgent /run/agent\nIdentitiesOnly yes\nIdentityFile ${folder}/k-%n`,
    );
    expect(auth).toMatchObject([{ method: 'agent', keys: [{ type: 'ssh-ed25519' }] }]);
    await expect(read('IdentityFile /k-%z')).rejects.toMatchObject({ code: 'ERR_SSH_CONFIG', line: 1 });
  });

  it('leaves out keys that others may read, that are none, or that are locked and stay so', async () => {
    const open = keyFile('open', 0o644);
    const none = join(folder, 'none');
    writeFileSync(none, 'no key', { mode: 0o600 });
    const { options, warnings } = await read(
      `IdentityFile ${open}\nIdentityFile ${none}\nIdentityFile ${folder}`,
    );
    expect(options.auth).toEqual(['none']);
    expect(warnings).toEqual([
      expect.stringContaining('others may read it (mode 0644)'),
      expect.stringContaining(none),
      expect.stringContaining('it is a folder'),
    ]);
    const locked = keyFile('locked', 0o600, 'secret');
    const [left] = (await optionsFor(`IdentityFile ${locked}`)).auth;
    expect(left).toMatchObject({ method: 'publickey', passphrase: expect.any(Function) as unknown });
    const asked: unknown[] = [];
    const passphrase = (request: { readonly path: string; readonly attempt: number }) => {
      asked.push(request);
      return 'secret';
    };
    const [told] = (await optionsFor(`IdentityFile ${locked}`, { passphrase })).auth;
    const ask = (told as { passphrase: (request: { attempt: number }) => unknown }).passphrase;
    expect(ask({ attempt: 1 })).toBe('secret');
    expect(asked).toEqual([{ path: locked, attempt: 1 }]);
  });

  it('asks in the order that is preferred, as often as is allowed, and nobody in batch mode', async () => {
    const answers = {
      password: ({ attempt }: { attempt: number }) => `p${attempt}`,
      keyboardInteractive: () => [],
    };
    const methods = async (text: string) =>
      (await optionsFor(`IdentityFile none\n${text}`, answers)).auth.map((step) =>
        step === 'none' ? step : step.method,
      );
    expect(await methods('')).toEqual(['keyboard-interactive', 'password']);
    expect(await methods('PreferredAuthentications password,keyboard-interactive,hostbased')).toEqual([
      'password',
      'keyboard-interactive',
    ]);
    expect(await methods('PreferredAuthentications publickey')).toEqual(['none']);
    expect(await methods('PasswordAuthentication no')).toEqual(['keyboard-interactive']);
    expect(await methods('KbdInteractiveAuthentication no')).toEqual(['password']);
    expect(await methods('BatchMode yes')).toEqual(['none']);
    expect(await methods('NumberOfPasswordPrompts 0')).toEqual(['none']);
    const [step] = (
      await optionsFor(
        'IdentityFile none\nNumberOfPasswordPrompts 1\nKbdInteractiveAuthentication no',
        answers,
      )
    ).auth;
    expect(step).toMatchObject({ method: 'password', attempts: 1 });
    const many = (await optionsFor('IdentityFile none\nNumberOfPasswordPrompts 7', answers)).auth;
    expect(many).toMatchObject([{ attempts: 7 }, { attempts: 7 }]);
  });

  it('asks nobody for a passphrase in batch mode, and takes one that was given', async () => {
    const locked = keyFile('batch', 0o600, 'secret');
    const asked: unknown[] = [];
    const passphrase = (request: unknown): string => {
      asked.push(request);
      return 'secret';
    };
    const unlocking = async (given: ResolveHostOptions['passphrase']) => {
      const text = `BatchMode yes\nIdentityFile ${locked}`;
      const [step] = (await optionsFor(text, { passphrase: given })).auth;
      const found = (step as { passphrase?: unknown }).passphrase;
      return typeof found === 'function' ? (found({ attempt: 1 }) as unknown) : found;
    };
    expect(await unlocking(passphrase)).toBeUndefined();
    expect(asked).toEqual([]);
    expect(await unlocking('secret')).toBe('secret');
  });
});

describe('host keys', () => {
  it('are shown by the hash of FingerprintHash', async () => {
    for (const [text, hash] of [
      ['', 'sha256'],
      ['FingerprintHash md5', 'md5'],
      ['FingerprintHash SHA512', 'sha512'],
    ] as const) {
      const { options, session, warnings } = await read(text);
      expect(options.verifyHostKey.fingerprintHash).toBe(hash);
      expect(session.fingerprintHash).toBe(hash);
      expect(warnings).toEqual([]);
    }
  });

  const key = generateKey('ed25519').publicKey;
  const info = (host: string, port = 22): HostKeyInfo => {
    const [, base64 = ''] = formatPublicKey(key).split(' ');
    return {
      host,
      port,
      blob: Buffer.from(base64, 'base64'),
      key,
      type: key.type,
      algorithm: key.type,
      fingerprint: 'SHA256:x',
    };
  };
  const codeOf = async (text: string, host = 'alpha', port = 22): Promise<unknown> => {
    const { verifyHostKey } = await optionsFor(`GlobalKnownHostsFile none\nIdentityFile none\n${text}`);
    try {
      return await verifyHostKey.verify(info(host, port));
    } catch (error) {
      return error instanceof SshError ? error.code : error;
    }
  };

  it('are looked up in the files that are named, under the name that is said', async () => {
    const line = formatPublicKey(key).trim();
    const known = join(folder, 'known');
    writeFileSync(known, `alias ${line}\n`);
    const files = `UserKnownHostsFile ${folder}/none ${known}`;
    expect(await codeOf(files, 'alias')).toBe(true);
    expect(await codeOf(files, 'alpha')).toBe('ERR_SSH_HOST_KEY_UNKNOWN');
    expect(await codeOf(`${files}\nHostKeyAlias ALIAS`, 'alpha', 2222)).toBe(true);
  });

  it('of unknown hosts are taken where the configuration says so, and kept where there is a file', async () => {
    const mine = join(folder, 'mine');
    expect(await codeOf(`UserKnownHostsFile ${mine}\nStrictHostKeyChecking yes`)).toBe(
      'ERR_SSH_HOST_KEY_UNKNOWN',
    );
    expect(await codeOf(`UserKnownHostsFile ${mine}\nStrictHostKeyChecking accept-new`)).toBe(true);
    expect(await codeOf(`UserKnownHostsFile ${mine}\nStrictHostKeyChecking yes`)).toBe(true);
    expect(await codeOf('UserKnownHostsFile /dev/null\nStrictHostKeyChecking no')).toBe(true);
    expect(await codeOf('UserKnownHostsFile none\nStrictHostKeyChecking no')).toBe(true);
    expect(await codeOf('UserKnownHostsFile none')).toBe('ERR_SSH_HOST_KEY_UNKNOWN');
  });

  it('that have changed are refused whatever is said', async () => {
    const other = generateKey('ed25519').publicKey;
    const known = join(folder, 'changed');
    writeFileSync(known, `alpha ${formatPublicKey(other).trim()}\n`);
    expect(await codeOf(`UserKnownHostsFile ${known}\nStrictHostKeyChecking no`)).toBe(
      'ERR_SSH_HOST_KEY_CHANGED',
    );
  });

  it('that are revoked are refused before all else', async () => {
    const line = formatPublicKey(key);
    const known = join(folder, 'revocable');
    writeFileSync(known, `alpha,127.0.0.1 ${line}`);
    const [list, empty] = [join(folder, 'revoked-alpha'), join(folder, 'revoked-none')];
    writeFileSync(list, line);
    writeFileSync(empty, '');
    const files = `UserKnownHostsFile ${known}\nNoHostAuthenticationForLocalhost yes`;
    const refused = 'ERR_SSH_HOST_KEY_REVOKED';
    expect(await codeOf(`${files}\nRevokedHostKeys ${empty}`)).toBe(true);
    expect(await codeOf(`${files}\nRevokedHostKeys none`)).toBe(true);
    expect(await codeOf(`${files}\nRevokedHostKeys ${folder}/revoked-%h`)).toBe(refused);
    expect(await codeOf(`${files}\nRevokedHostKeys ${list}`, '127.0.0.1')).toBe(refused);
    expect(await codeOf(`${files}\nRevokedHostKeys ${folder}/nowhere`)).toBe('ERR_SSH_OPTIONS');
  });

  it('are told by a program as well, with the tokens of the host and of the key', async () => {
    const program = join(folder, 'tells');
    writeFileSync(
      program,
      `#!/bin/sh\n[ "$*" = "$WANTED" ] && echo '* ${formatPublicKey(key).trim()}'\nexit 0\n`,
    );
    chmodSync(program, 0o755);
    process.env['WANTED'] = 'alpha ssh-ed25519 100% HOSTNAME a b';
    try {
      const command = `${program} %n %t 100%% %I \${WORDS}`;
      process.env['WORDS'] = 'a b';
      expect(await codeOf(`UserKnownHostsFile none\nKnownHostsCommand ${command}`)).toBe(true);
      process.env['WORDS'] = '%I';
      process.env['WANTED'] = 'alpha ssh-ed25519 100% HOSTNAME %I';
      expect(await codeOf(`UserKnownHostsFile none\nKnownHostsCommand ${command}`)).toBe(true);
    } finally {
      delete process.env['WANTED'];
      delete process.env['WORDS'];
    }
    for (const [wrong, why] of [
      ['tells %h', /"tells" is no absolute path/],
      ['/bin/tells %z', /knownhostscommand: .*"%z"/],
      ['/bin/tells "a', /quote/],
      [`/bin/tells \${NO_SUCH_VARIABLE}`, /NO_SUCH_VARIABLE/],
    ] as const) {
      const refusal = read(`User x\nKnownHostsCommand ${wrong}`);
      await expect(refusal).rejects.toMatchObject({ code: 'ERR_SSH_CONFIG', file: 'config', line: 2 });
      await expect(refusal).rejects.toThrow(why);
    }
  });

  it('are looked up by address where CheckHostIP says so and the host has no other name', async () => {
    const known = join(folder, 'by-address');
    const others = formatPublicKey(generateKey('ed25519').publicKey);
    writeFileSync(known, `alpha,alias ${formatPublicKey(key)}192.0.2.1 ${others}`);
    const verdict = async (text: string): Promise<unknown> => {
      const { verifyHostKey } = await optionsFor(
        `GlobalKnownHostsFile none\nUserKnownHostsFile ${known}\n${text}`,
      );
      const asked = async () => verifyHostKey.verify({ ...info('alpha'), address: '192.0.2.1' });
      return asked().catch((error: unknown) => (error as SshError).code);
    };
    expect(await verdict('CheckHostIP yes')).toBe('ERR_SSH_HOST_KEY_CHANGED');
    expect(await verdict('CheckHostIP no')).toBe(true);
    expect(await verdict('CheckHostIP yes\nHostKeyAlias alias')).toBe(true);
  });

  it('with certificates count by the signatures that CASignatureAlgorithms leaves', async () => {
    const authority = generateKey('ed25519');
    const known = join(folder, 'by-authority');
    writeFileSync(known, `@cert-authority * ${formatPublicKey(authority.publicKey)}`);
    const blob = makeCertificate({ key, authority, principals: ['alpha'] });
    const verdict = async (list: string): Promise<unknown> => {
      const { verifyHostKey } = await optionsFor(
        `GlobalKnownHostsFile none\nUserKnownHostsFile ${known}\nCASignatureAlgorithms ${list}`,
      );
      const asked = async () =>
        verifyHostKey.verify({ ...info('alpha'), certificate: decodeCertificate(blob) });
      return asked().catch((error: unknown) => (error as SshError).code);
    };
    expect(await verdict('ssh-ed25519')).toBe(true);
    expect(await verdict('-rsa-*')).toBe(true);
    expect(await verdict('rsa-sha2-512')).toBe('ERR_SSH_CERTIFICATE');
    expect(await verdict('-ssh-ed25519')).toBe('ERR_SSH_CERTIFICATE');
  });

  it('of this machine are not looked at where that is said', async () => {
    const text = 'UserKnownHostsFile none\nNoHostAuthenticationForLocalhost yes';
    expect(await codeOf(text, '127.0.0.1')).toBe(true);
    expect(await codeOf(text, 'alpha')).toBe('ERR_SSH_HOST_KEY_UNKNOWN');
    expect(await codeOf(text, 'localhost.evil')).toBe('ERR_SSH_HOST_KEY_UNKNOWN');
  });
});

describe('what stands beside the options', () => {
  it('is the session', async () => {
    process.env['LC_CONFIG_TEST'] = 'from outside';
    const text = `RequestTTY force
RemoteCommand echo %n
SessionType none
SendEnv LC_CONFIG_*
SetEnv A=b LC_X=y
ForwardAgent yes
StdinNull yes
EscapeChar none
PermitLocalCommand yes
LocalCommand say %h %T
LogLevel DEBUG2
StrictHostKeyChecking accept-new
IdentityFile none`;
    expect((await read(text)).session).toMatchObject({
      type: 'none',
      requestTty: 'force',
      remoteCommand: 'echo alpha',
      env: { LC_CONFIG_TEST: 'from outside', A: 'b', LC_X: 'y' },
      forwardAgent: true,
      stdinNull: true,
      fork: false,
      escapeChar: undefined,
      localCommand: 'say alpha NONE',
      logLevel: 'DEBUG2',
      strictHostKeyChecking: 'accept-new',
      passwordPrompts: 3,
      connectionAttempts: 1,
    });
    expect((await read('LocalCommand x\nForwardAgent no')).session).toMatchObject({
      localCommand: undefined,
      forwardAgent: false,
    });
  });

  it('refuses a token that means nothing in a LocalCommand that would be run', async () => {
    await expect(read('PermitLocalCommand yes\nLocalCommand say %z')).rejects.toMatchObject({
      code: 'ERR_SSH_CONFIG',
      line: 2,
    });
    expect((await read('LocalCommand say %z')).session.localCommand).toBeUndefined();
  });

  it('is what is to be forwarded', async () => {
    const text = `LocalForward 80 db:5432
LocalForward /run/s /run/t
DynamicForward [::1]:1080
RemoteForward 0
RemoteForward *:90 a:1
GatewayPorts yes
ExitOnForwardFailure yes
StreamLocalBindMask 077
StreamLocalBindUnlink yes
PermitRemoteOpen a:1 [::1]:*`;
    expect((await read(text)).forwards).toEqual({
      local: [
        { listen: { host: undefined, port: 80 }, target: { host: 'db', port: 5432 } },
        { listen: { path: '/run/s' }, target: { path: '/run/t' } },
      ],
      dynamic: [{ host: '::1', port: 1080 }],
      remote: [
        { listen: { host: undefined, port: 0 }, target: undefined },
        { listen: { host: '*', port: 90 }, target: { host: 'a', port: 1 } },
      ],
      gatewayPorts: true,
      exitOnFailure: true,
      bindMask: 0o77,
      unlink: true,
      permitRemoteOpen: [
        { host: 'a', port: 1 },
        { host: '::1', port: '*' },
      ],
    });
    const alone = (await read(text, 'alpha', { forwardOnly: true })).forwards;
    expect(alone).toMatchObject({ local: [], remote: [], dynamic: [] });
  });

  it('is the text of ssh -G', async () => {
    const { keywords } = await read('Port 23\nSendEnv A B\nCanonicalizePermittedCNAMEs none');
    const text = formatKeywords(keywords);
    expect(text).toMatch(/^host alpha\nuser .*\nhostname alpha\nport 23\n/);
    expect(text).toContain('\nsendenv A\nsendenv B\n');
    expect(text).toContain('\ncanonicalizePermittedcnames none\n');
    expect(text.endsWith('\n')).toBe(true);
  });
});

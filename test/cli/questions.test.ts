/** What a person is asked, and what the answers mean. */
import { chmodSync, chownSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { SshError } from '../../src/base/errors.ts';
import { authenticationOrder } from '../../src/cli/connection/credentials.ts';
import { askAboutUnknownKeys } from '../../src/cli/connection/hostKeyQuestion.ts';
import {
  defaultIdentities,
  type IdentityContext,
  namedIdentities,
} from '../../src/cli/connection/identities.ts';
import { addKnownHost } from '../../src/cli/connection/knownHostsFile.ts';
import type { Person } from '../../src/cli/connection/person.ts';
import type {
  AuthMethod,
  ChangePassword,
  KeyboardInteractive,
} from '../../src/client/authentication/methods.ts';
import {
  describeHostKey,
  type HostKeyPolicy,
  type LockBounds,
  verifyHostKey,
} from '../../src/client/hostKeys/hostKeys.ts';
import type { PublicKey } from '../../src/crypto/keys/publicKey.ts';
import { randomArt } from '../../src/keys/fingerprint.ts';
import { KnownHosts } from '../../src/keys/knownHosts/knownHosts.ts';
import { parsePrivateKey } from '../../src/keys/privateKey/parsePrivateKey.ts';
import { createOpensslProvider } from '../../src/node/crypto/provider.ts';
import { fixture, passphrase } from '../keys/fixtures.ts';
import { ScriptedPerson } from '../support/cli/scriptedPerson.ts';
import { isRoot } from '../support/servers/index.ts';

const folders: string[] = [];
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});
function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dlssh-cli-'));
  folders.push(folder);
  return folder;
}

function blobOf(folder: string): Uint8Array {
  return new Uint8Array(Buffer.from(fixture(`${folder}/id.pub`).split(' ')[1] ?? '', 'base64'));
}

const hostKey = describeHostKey(
  createOpensslProvider(),
  'host.example',
  2222,
  blobOf('ed25519'),
  'ssh-ed25519',
);
const unknown = new SshError('ERR_SSH_HOST_KEY_UNKNOWN', 'not known', { phase: 'keyExchange' });

function refusing(error: SshError): HostKeyPolicy {
  return {
    verify: () => {
      throw error;
    },
  };
}

describe('an unknown host key', () => {
  async function verdict(person: Person, policy: HostKeyPolicy = refusing(unknown)): Promise<string[]> {
    const kept: string[] = [];
    const asking = askAboutUnknownKeys(policy, person, async ({ fingerprint }) => {
      kept.push(fingerprint);
      return 'the file';
    });
    await verifyHostKey(asking, hostKey);
    return kept;
  }

  it('is shown by type, fingerprint and picture', async () => {
    const person = new ScriptedPerson('yes');
    await verdict(person);
    expect(person.transcript).toContain('[host.example]:2222 is not known');
    expect(person.transcript).toContain(`ssh-ed25519 ${hostKey.fingerprint}\n${randomArt(hostKey.key)}\n`);
  });

  it('is shown by the hash of the configuration, and accepted by the fingerprint of either', async () => {
    const md5 = describeHostKey(createOpensslProvider(), 'h', 22, hostKey.blob, 'ssh-ed25519', 'md5');
    expect(md5.fingerprint).toMatch(/^MD5(:[0-9a-f]{2}){16}$/);
    const ask = async (answer: string): Promise<string> => {
      const person = new ScriptedPerson(answer);
      const policy = { ...refusing(unknown), fingerprintHash: 'md5' as const };
      await verifyHostKey(
        askAboutUnknownKeys(policy, person, async () => 'the file'),
        md5,
      );
      return person.transcript;
    };
    expect(await ask(md5.fingerprint)).toContain(
      `ssh-ed25519 ${md5.fingerprint}\n${randomArt(hostKey.key, 'md5')}\n`,
    );
    expect(await ask(hostKey.fingerprint)).toContain('Added h to the file');
    const other = md5.fingerprint.replace(/..$/, (last) => (last === '00' ? '01' : '00'));
    await expect(ask(other)).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_REJECTED',
      message: expect.stringContaining(md5.fingerprint),
    });
  });

  it.each(['yes', 'YES', ' yes ', hostKey.fingerprint])('is accepted and kept by %j', async (answer) => {
    const person = new ScriptedPerson(answer);
    expect(await verdict(person)).toEqual([hostKey.fingerprint]);
    expect(person.transcript).toContain('Added [host.example]:2222 to the file.');
  });

  it.each([
    'no',
    'n',
    'NO',
    undefined,
    hostKey.fingerprint.slice(0, -1),
    hostKey.fingerprint.toLowerCase().replace('sha', 'SHA'),
  ])('is refused by %j', async (answer) => {
    await expect(verdict(new ScriptedPerson(answer))).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_REJECTED',
      phase: 'keyExchange',
    });
  });

  it('is asked about again for any other answer', async () => {
    const person = new ScriptedPerson('', 'y', 'what?', 'yes');
    await verdict(person);
    expect(person.transcript.match(/Please type yes, no or the fingerprint/g)).toHaveLength(3);
  });

  it('is accepted for once where another program has locked the file, within the time of the dial', async () => {
    const person = new ScriptedPerson('yes', 'yes');
    const asked: (LockBounds | undefined)[] = [];
    const policy = askAboutUnknownKeys(refusing(unknown), person, async (_info, bounds) => {
      asked.push(bounds);
      return 'the file';
    });
    const warn = (): void => {};
    await verifyHostKey(policy, hostKey, { warn, whileLocked: (_detail, work) => work({ timeout: 77 }) });
    expect(asked).toEqual([{ timeout: 77 }]);
    expect(person.transcript).toContain('Added [host.example]:2222 to the file.');
    const whileLocked = (): Promise<never> => Promise.reject(new SshError('ERR_SSH_TIMEOUT', 'it is locked'));
    await verifyHostKey(policy, hostKey, { warn, whileLocked });
    expect(asked).toHaveLength(1);
    expect(person.transcript).toContain('it could not be kept: it is locked');
  });

  it('is accepted for once where it cannot be kept', async () => {
    const person = new ScriptedPerson('yes');
    const policy = askAboutUnknownKeys(refusing(unknown), person, async () => {
      throw new Error('read-only file system');
    });
    await verifyHostKey(policy, hostKey);
    expect(person.transcript).toContain('it could not be kept: read-only file system');
  });

  it.each(['ERR_SSH_HOST_KEY_CHANGED', 'ERR_SSH_HOST_KEY_REVOKED', 'ERR_SSH_OPTIONS'] as const)(
    'is the only thing asked about: %s stands',
    async (code) => {
      const person = new ScriptedPerson('yes');
      await expect(verdict(person, refusing(new SshError(code, 'no')))).rejects.toMatchObject({ code });
      expect(person.transcript).toBe('');
    },
  );

  it('is not asked about where the policy knows it', async () => {
    const person = new ScriptedPerson();
    expect(await verdict(person, { verify: () => true })).toEqual([]);
    expect(person.transcript).toBe('');
  });
});

describe('a known_hosts file', () => {
  it('is made with its folder, for the user alone', async () => {
    const path = join(temporaryFolder(), '.ssh', 'known_hosts');
    await addKnownHost(path, 'host.example', 22, hostKey.blob);
    expect(KnownHosts.parse(readFileSync(path)).lookup('host.example', 22, hostKey.blob).result).toBe(
      'trusted',
    );
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(statSync(join(path, '..')).mode & 0o777).toBe(0o700);
  });

  it('keeps what is there, also a last line without an end', async () => {
    const path = join(temporaryFolder(), 'known_hosts');
    writeFileSync(path, `# mine\nother.example ${fixture('rsa/id.pub').trim()}`);
    await addKnownHost(path, '::1', 2222, hostKey.blob);
    await addKnownHost(path, 'host.example', 22, hostKey.blob);
    const hosts = KnownHosts.parse(readFileSync(path));
    expect(hosts.lookup('other.example', 22, blobOf('rsa')).result).toBe('trusted');
    expect(hosts.lookup('::1', 2222, hostKey.blob).result).toBe('trusted');
    expect(hosts.lookup('host.example', 22, hostKey.blob).result).toBe('trusted');
    expect(readFileSync(path, 'utf8').split('\n')).toHaveLength(5);
  });

  it('loses no line when several are added at once', async () => {
    const path = join(temporaryFolder(), 'known_hosts');
    const names = Array.from({ length: 20 }, (_unused, i) => `host-${i}`);
    await Promise.all(names.map((name) => addKnownHost(path, name, 22, hostKey.blob)));
    expect(
      KnownHosts.parse(readFileSync(path))
        .entries.map(({ hosts }) => hosts)
        .sort(),
    ).toEqual(names.sort());
  });

  it('takes no host that would say something else there', async () => {
    const path = join(temporaryFolder(), 'known_hosts');
    await expect(addKnownHost(path, '*', 22, hostKey.blob)).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
    });
    expect(() => readFileSync(path)).toThrow('ENOENT');
  });
});

describe('private keys', () => {
  /** A copy that is its owner's alone, or has another mode. */
  function ownFile(path: string, mode: number = 0o600): string {
    const file = join(temporaryFolder(), 'id');
    writeFileSync(file, fixture(path));
    chmodSync(file, mode);
    return file;
  }

  const ed25519 = (): PublicKey => parsePrivateKey(fixture('ed25519/openssh')).publicKey;

  function keyOf(method: AuthMethod | undefined): Extract<AuthMethod, { readonly privateKey: unknown }> {
    if (method === undefined || method === 'none' || method.method !== 'publickey') throw new Error('no key');
    return method;
  }

  /** What the files of these names come to, and what their owner is told. */
  async function named(
    paths: readonly string[],
    context: Partial<IdentityContext> = {},
  ): Promise<{ readonly methods: AuthMethod[]; readonly warnings: readonly string[] }> {
    const warnings: string[] = [];
    const warn = (line: string): number => warnings.push(line);
    const methods = await namedIdentities(paths, { person: undefined, hasAgent: false, warn, ...context });
    return { methods, warnings };
  }

  it('that are named must be usable', async () => {
    const plain = ownFile('ed25519/openssh');
    const { methods, warnings } = await named([plain]);
    expect(keyOf(methods[0]).privateKey).toMatchObject({ comment: plain });
    expect(warnings).toEqual([]);
    await expect(named(['no/such/file'])).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: expect.stringContaining('cannot read the private key no/such/file: ENOENT'),
    });
    await expect(named([ownFile('generate.sh', 0o644)])).rejects.toMatchObject({
      code: 'ERR_SSH_KEY_FORMAT',
      message: expect.stringMatching(/\/id: /),
    });
    await expect(named([ownFile('ed25519/openssh-aes256-ctr.enc')])).rejects.toMatchObject({
      code: 'ERR_SSH_KEY_PASSPHRASE',
    });
  });

  it('at the default places are used where they are there and some use', async () => {
    const notes: string[] = [];
    const warnings: string[] = [];
    const methods = await defaultIdentities(
      [
        'no/such/file',
        ownFile('ed25519/openssh'),
        ownFile('ed25519/openssh-aes256-ctr.enc'),
        ownFile('rsa/id.pub'),
        ownFile('ed25519/openssh', 0o640),
      ],
      { person: undefined, warn: (line) => warnings.push(line) },
      (line) => notes.push(line),
    );
    expect(methods).toHaveLength(1);
    expect(notes).toHaveLength(2);
    expect(notes[0]).toContain('is encrypted');
    expect(notes[1]).toContain('public key');
    expect(warnings).toEqual([expect.stringContaining('(mode 0640)')]);
  });

  it.each([0o604, 0o640, 0o620, 0o601, 0o777])(
    'that others have access to are left out: mode %o',
    async (mode) => {
      for (const content of ['ed25519/openssh', 'ed25519/openssh-aes256-ctr.enc', 'rsa/pkcs8.pem']) {
        const path = ownFile(content, mode);
        const { methods, warnings } = await named([path]);
        expect(methods).toEqual([]);
        expect(warnings).toEqual([
          `the private key ${path} is not used: others have access to it (mode 0${mode.toString(8)}); chmod 600 makes it yours alone`,
        ]);
      }
    },
  );

  it.each([0o600, 0o400, 0o700])('that are their owner’s alone are used: mode %o', async (mode) => {
    const { methods, warnings } = await named([ownFile('ed25519/openssh', mode)]);
    expect([methods.length, warnings]).toEqual([1, []]);
  });

  it('that others have access to are used where an agent holds them', async () => {
    const { methods, warnings } = await named([ownFile('ed25519/openssh', 0o644)], { hasAgent: true });
    expect(methods).toEqual([{ method: 'agent', agent: true, keys: [ed25519()] }]);
    expect(warnings).toHaveLength(1);
  });

  it('of somebody else are taken as they are, as ssh does', async (context) => {
    if (!isRoot) return context.skip();
    const path = ownFile('ed25519/openssh', 0o644);
    chownSync(path, 12_345, 12_345);
    const { methods, warnings } = await named([path]);
    expect([methods.length, warnings]).toEqual([1, []]);
  });

  it('are asked of the agent where their public half is named, or is all there is', async () => {
    const agent: AuthMethod = { method: 'agent', agent: true, keys: [ed25519()] };
    const publicFile = ownFile('ed25519/id.pub', 0o644);
    expect((await named([publicFile], { hasAgent: true })).methods).toEqual([agent]);
    await expect(named([publicFile])).rejects.toMatchObject({
      code: 'ERR_SSH_OPTIONS',
      message: `${publicFile} is a public key, and no agent is asked for its private half`,
    });
    const missing = join(temporaryFolder(), 'id_x');
    writeFileSync(`${missing}.pub`, fixture('ed25519/id.pub'));
    expect((await named([missing], { hasAgent: true })).methods).toEqual([agent]);
    await expect(named([missing])).rejects.toMatchObject({ message: expect.stringContaining('ENOENT') });
    writeFileSync(`${missing}.pub`, 'no key');
    await expect(named([missing], { hasAgent: true })).rejects.toMatchObject({
      message: expect.stringContaining(`${missing}.pub: `),
    });
  });

  it('that are encrypted are asked about when their passphrase is wanted', async () => {
    const person = new ScriptedPerson('wrong', passphrase, '', undefined);
    const encrypted = ownFile('ed25519/openssh-aes256-ctr.enc');
    const { passphrase: ask } = keyOf((await named([encrypted], { person })).methods[0]);
    if (typeof ask !== 'function') throw new Error('a function was expected');
    expect(person.transcript).toBe('');
    expect(await ask({ attempt: 1 })).toBe('wrong');
    expect(await ask({ attempt: 2 })).toBe(passphrase);
    expect(person.transcript).toBe(
      `*Passphrase for ${encrypted}: |That is not the passphrase.\n*Passphrase for ${encrypted}: |`,
    );
    expect(await ask({ attempt: 1 })).toBeUndefined();
    expect(await ask({ attempt: 1 })).toBeUndefined();
  });
});

describe('the order of authentication', () => {
  const key: AuthMethod = { method: 'publickey', privateKey: fixture('ed25519/openssh') };
  const names = (order: readonly AuthMethod[]): string[] =>
    order.map((step) => (step === 'none' ? step : step.method));

  it('ends with what a person can type', () => {
    expect(names(authenticationOrder([key], 'a@b', new ScriptedPerson()))).toEqual([
      'publickey',
      'keyboard-interactive',
      'password',
    ]);
    expect(names(authenticationOrder([], 'a@b', new ScriptedPerson()))[0]).toBe('none');
  });

  it('has keys alone where nobody can be asked', () => {
    expect(names(authenticationOrder([key, key], 'a@b', undefined))).toEqual(['publickey', 'publickey']);
    expect(names(authenticationOrder([], 'a@b', undefined))).toEqual(['none']);
  });

  it('asks the agent before anything else, for the keys that were named first of all', () => {
    const agent: AuthMethod = { method: 'agent', agent: true };
    expect(authenticationOrder([key], 'a@b', undefined, 'all')).toEqual([agent, key]);
    expect(authenticationOrder([], 'a@b', undefined, 'all')).toEqual(['none', agent]);
    const { publicKey } = parsePrivateKey(fixture('ed25519/openssh'));
    expect(authenticationOrder([key], 'a@b', undefined, 'namedKeysFirst')).toEqual([
      { ...agent, keys: [publicKey] },
      key,
      agent,
    ]);
    // A public key is the agent's from the start, and asked for once.
    expect(
      authenticationOrder([{ ...agent, keys: [publicKey] }], 'a@b', undefined, 'namedKeysFirst'),
    ).toEqual([{ ...agent, keys: [publicKey] }, agent]);
  });

  function interactive(person: Person): KeyboardInteractive {
    const step = authenticationOrder([], 'ops@host', person)[1];
    if (step === undefined || step === 'none' || step.method !== 'keyboard-interactive')
      throw new Error('no');
    return step.answer;
  }

  it('shows the server’s questions under the account, and hides what is to be hidden', async () => {
    const person = new ScriptedPerson('123456', 'hunter2');
    const prompts = [
      { prompt: 'Code: ', echo: true },
      { prompt: 'Password: ', echo: false },
    ];
    expect(await interactive(person)({ name: 'Login', instruction: 'Two things.', prompts })).toEqual([
      '123456',
      'hunter2',
    ]);
    expect(person.transcript).toBe(
      '[server] Login\n[server] Two things.\n[server] (ops@host) Code: |*[server] (ops@host) Password: |',
    );
  });

  it('gives the method up for Ctrl-D, and answers a round without questions', async () => {
    const prompts = [{ prompt: 'Password: ', echo: false }];
    const person = new ScriptedPerson(undefined);
    expect(await interactive(person)({ name: '', instruction: '', prompts })).toBeUndefined();
    expect(await interactive(person)({ name: '', instruction: '', prompts: [] })).toEqual([]);
  });

  function change(person: Person): ChangePassword {
    const step = authenticationOrder([], 'ops@host', person)[2];
    if (step === undefined || step === 'none' || step.method !== 'password') throw new Error('no');
    if (step.changePassword === undefined) throw new Error('no');
    return step.changePassword;
  }

  it('wants a new password twice', async () => {
    const person = new ScriptedPerson('new', 'mew', 'new', 'new');
    expect(await change(person)('Your password has expired.')).toBe('new');
    expect(person.transcript).toMatch(
      /^\[server\] Your password has expired\.\n\*New password.*The two differ/s,
    );
    expect(await change(new ScriptedPerson(''))('')).toBeUndefined();
    expect(await change(new ScriptedPerson('a', 'b', 'a', 'b', 'a', 'b'))('')).toBeUndefined();
  });
});

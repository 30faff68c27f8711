/** The dial of the command: what a configuration says of it is done, and what a person is asked and shown. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SshError } from '../../src/base/errors.ts';
import { dial } from '../../src/cli/connection/dial.ts';
import { hearConfiguration, resolveLine } from '../../src/cli/connection/resolution.ts';
import { Trace } from '../../src/cli/connection/trace.ts';
import { Messages } from '../../src/cli/messages.ts';
import { parseCommandLine } from '../../src/cli/remote/arguments.ts';
import {
  fingerprint,
  formatPrivateKey,
  formatPublicKey,
  generateKey,
  randomArt,
} from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { ScriptedPerson } from '../support/cli/scriptedPerson.ts';
import { ClosedPort } from '../support/closedPort.ts';

const hostKey = generateKey('ed25519');
const userKey = generateKey('ed25519');
const passphrase = 'open sesame';
let folder = '';
let server: SshServer;
let port = 0;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dlssh-dial-'));
  writeFileSync(join(folder, 'id'), formatPrivateKey(userKey, { passphrase, rounds: 1, comment: 'me' }), {
    mode: 0o600,
  });
  writeFileSync(join(folder, 'id.pub'), formatPublicKey(userKey.publicKey));
  server = await createServer({
    hostKeys: hostKey,
    authentication: {
      publicKey: (_user, { fingerprint: shown }) => shown === fingerprint(userKey.publicKey),
      password: (_user, password) => password === 'hunter2',
    },
  });
  ({ port } = await server.listen());
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Outcome {
  readonly said: string;
  readonly asked: string;
  readonly error: SshError | undefined;
}

/** Dials with these lines of a configuration, as somebody who answers so. */
async function connect(
  lines: readonly string[],
  person?: ScriptedPerson,
  options: { readonly to?: number; readonly signal?: AbortSignal; readonly argv?: readonly string[] } = {},
): Promise<Outcome> {
  const config = join(folder, 'config');
  const known = `[127.0.0.1]:${port} ${formatPublicKey(hostKey.publicKey)}`;
  writeFileSync(join(folder, 'known_hosts'), known);
  const text = [
    `UserKnownHostsFile ${join(folder, 'known_hosts')}`,
    'GlobalKnownHostsFile /dev/null',
    'IdentityAgent none',
    'User ops',
    ...lines,
  ];
  writeFileSync(config, `${text.join('\n')}\n`, { mode: 0o600 });
  const line = parseCommandLine([
    '-F',
    config,
    ...(options.argv ?? []),
    '-p',
    String(options.to ?? port),
    '127.0.0.1',
  ]);
  if (line.mode !== 'ssh') throw new Error('a session was expected');
  let said = '';
  const messages = new Messages({ write: (more: string) => (said += more) });
  const trace = new Trace(0, messages);
  const signal = options.signal ?? new AbortController().signal;
  let error: SshError | undefined;
  try {
    const resolved = await resolveLine(line, { person, messages, signal });
    hearConfiguration(resolved, trace, messages);
    const client = await dial(resolved, { person, trace, messages, signal });
    await client.close();
  } catch (thrown) {
    error = thrown as SshError;
  }
  return { said, asked: person?.transcript ?? '', error };
}

const key = (): string => `IdentityFile ${join(folder, 'id')}`;

describe('an encrypted key', () => {
  const question = (): string => `*Passphrase for ${join(folder, 'id')}: |`;

  it('is asked about, and said to be closed once an answer was wrong', async () => {
    expect(await connect([key()], new ScriptedPerson(passphrase))).toEqual({
      said: '',
      asked: question(),
      error: undefined,
    });
    expect((await connect([key()], new ScriptedPerson('no', passphrase))).asked).toBe(
      `${question()}That is not the passphrase.\n${question()}`,
    );
  });

  it('is passed over by an empty answer', async () => {
    const { asked, error } = await connect(
      [key(), 'KbdInteractiveAuthentication no'],
      new ScriptedPerson('', 'hunter2'),
    );
    expect(error).toBeUndefined();
    expect(asked).toBe(`${question()}*Password for ops@127.0.0.1: |`);
  });

  it('is left alone in batch mode', async () => {
    const person = new ScriptedPerson(passphrase);
    const { error } = await connect([key(), 'BatchMode yes'], person);
    expect([error?.code, person.left]).toEqual(['ERR_SSH_AUTHENTICATION_FAILED', 1]);
  });
});

describe('a way that cannot be taken', () => {
  it.each([
    ['BindInterface nosuch0', 'BindInterface nosuch0 has no address, or there is no such interface', true],
    [
      'ProxyUseFdpass yes\nProxyCommand none',
      'ProxyUseFdpass has no effect: descriptors are not passed',
      false,
    ],
  ])(
    'is told to everybody (%s), and no other one is taken for an interface',
    async (lines, words, refuses) => {
      const { said, error } = await connect([key(), lines], new ScriptedPerson(passphrase));
      expect(said).toContain(`deadline-ssh: warning: ${words}`);
      expect(error?.code).toBe(refuses ? 'ERR_SSH_OPTIONS' : undefined);
    },
  );
});

describe('a host key', () => {
  const login = (): string[] => ['IdentityFile none', 'KbdInteractiveAuthentication no'];
  const unknown = 'UserKnownHostsFile /dev/null';
  const typist = (): ScriptedPerson => new ScriptedPerson('hunter2');

  it.each(['sha256', 'md5', 'sha512'] as const)('is shown by %s with VisualHostKey', async (hash) => {
    const lines = ['VisualHostKey yes', `FingerprintHash ${hash}`, ...login()];
    const { said, error } = await connect(lines, typist());
    expect(error).toBeUndefined();
    expect(said).toBe(
      `deadline-ssh: the host key of [127.0.0.1]:${port} is ssh-ed25519 ${fingerprint(hostKey.publicKey, hash)}\n` +
        `${randomArt(hostKey.publicKey, hash)}\n`,
    );
    // What says less says nothing of it.
    expect((await connect([...lines, 'LogLevel ERROR'], typist())).said).toBe('');
    expect((await connect(login(), typist())).said).toBe('');
  });

  it('that is unknown is asked about by that hash, and refused by it', async () => {
    const shown = fingerprint(hostKey.publicKey, 'md5');
    const argv = ['-o', unknown];
    const yes = new ScriptedPerson(shown, 'hunter2');
    const accepted = await connect(['FingerprintHash md5', ...login()], yes, { argv });
    expect([accepted.error, yes.left]).toEqual([undefined, 0]);
    expect(accepted.asked).toContain(`ssh-ed25519 ${shown}\n${randomArt(hostKey.publicKey, 'md5')}\n`);
    const no = await connect(['FingerprintHash md5', ...login()], new ScriptedPerson('no'), { argv });
    expect(no.error).toMatchObject({
      code: 'ERR_SSH_HOST_KEY_REJECTED',
      message: expect.stringContaining(shown),
    });
    // Nobody is asked where StrictHostKeyChecking decides, nor in batch mode.
    for (const decided of ['StrictHostKeyChecking yes', 'BatchMode yes']) {
      const silent = new ScriptedPerson('yes', 'hunter2');
      const { error } = await connect([decided, 'FingerprintHash md5', ...login()], silent, { argv });
      expect(error).toMatchObject({
        code: 'ERR_SSH_HOST_KEY_UNKNOWN',
        message: expect.stringContaining(shown),
      });
      expect(silent.left).toBe(2);
    }
  });
});

describe('a dial that fails', () => {
  it('is tried as often as ConnectionAttempts says, where nobody listens', async () => {
    await using closed = await ClosedPort.hold();
    const to = closed.port;
    const { error, said } = await connect(['ConnectionAttempts 2', 'LogLevel DEBUG1'], undefined, { to });
    expect(error?.code).toBe('ERR_SSH_CONNECT');
    expect(said.match(/attempt \d+ of 2 failed/g)).toEqual(['attempt 1 of 2 failed']);
  });

  it('is not tried again once it was given up', async () => {
    await using closed = await ClosedPort.hold();
    const to = closed.port;
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 50);
    const { error } = await connect(['ConnectionAttempts 1000'], undefined, {
      to,
      signal: controller.signal,
    });
    expect(error?.code).toMatch(/^ERR_SSH_(CONNECT|ABORTED)$/);
  });

  it('is not tried again where somebody answered', async () => {
    const person = new ScriptedPerson('wrong', 'wrong', 'wrong');
    const { error } = await connect(
      ['ConnectionAttempts 5', 'IdentityFile none', 'KbdInteractiveAuthentication no'],
      person,
    );
    expect([error?.code, person.left]).toEqual(['ERR_SSH_AUTHENTICATION_FAILED', 0]);
  });
});

describe('what is odd about the command line', () => {
  it('is said: a key file that is not there', async () => {
    const missing = join(folder, 'none');
    const { said } = await connect(['KbdInteractiveAuthentication no'], new ScriptedPerson('hunter2'), {
      argv: ['-i', missing],
    });
    expect(said).toContain(`deadline-ssh: warning: the key file ${missing} is not there, and is not used\n`);
  });
});

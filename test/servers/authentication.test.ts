/**
 * Every way into a server: keys of each type and file format, passwords,
 * prompts, and several of these in a row.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Challenge, ConnectOptions } from '../../src/entry/index.ts';
import { connect } from '../../src/entry/index.ts';
import { startSshAgent } from '../support/agents.ts';
import {
  describeEachServer,
  describeServer,
  keyKinds,
  type Lab,
  makeOpenSshKey,
  openSsh,
  type ServerName,
  serverKinds,
  setupTimeout,
  startDropbear,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

/** Who a connection was let in as. */
async function whoIs(options: ConnectOptions): Promise<string> {
  await using client = await connect(options);
  return (await client.run('id -un')).stdout.trim();
}

function passwordOf(lab: Lab): string {
  const { password } = lab.account;
  if (password === undefined) throw new Error('the account has no known password');
  return password;
}

describeEachServer('a private key', (kind, lab) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await kind.start(lab());
  }, setupTimeout);

  for (const crypto of ['auto', 'noble'] as const) {
    it.each(keyKinds)(`of type %s opens the door with crypto: '${crypto}'`, async (userKey) => {
      expect(await whoIs(server.options({ crypto }, userKey))).toBe(lab().account.name);
    });
  }

  it('may be the third of several', async () => {
    const strangers = ['ed25519', 'rsa'] as const;
    const privateKey = strangers.map((stranger) => {
      const path = lab().newPath();
      makeOpenSshKey(stranger, path);
      return readFileSync(path, 'utf8');
    });
    privateKey.push(lab().userKeys.textOf('ecdsa256'));
    expect(await whoIs({ ...server.anonymous(), privateKey })).toBe(lab().account.name);
  });

  it('may come from an explicit order of methods', async () => {
    const privateKey = lab().userKeys.textOf('ecdsa384');
    const auth = ['none', { method: 'publickey', privateKey }] as const;
    expect(await whoIs({ ...server.anonymous(), auth })).toBe(lab().account.name);
  });
});

describeServer('an encrypted private key', openSsh, (lab) => {
  /** How ssh-keygen writes one. */
  const formats: Readonly<Record<string, readonly string[]>> = {
    'OpenSSH format, default cipher': [],
    'OpenSSH format, aes256-gcm': ['-Z', 'aes256-gcm@openssh.com'],
    'OpenSSH format, chacha20-poly1305': ['-Z', 'chacha20-poly1305@openssh.com'],
    'OpenSSH format, aes128-cbc': ['-Z', 'aes128-cbc'],
  };

  it.each(Object.keys(formats))('in %s opens the door', async (format) => {
    const path = lab().newPath();
    const extra = ['-a', '4', ...(formats[format] ?? [])];
    const publicLine = makeOpenSshKey('ed25519', path, { passphrase: 'open sesame', extra });
    const server = await startOpenSsh(lab(), { authorizedKeys: [publicLine] });
    const privateKey = readFileSync(path);
    const options = { ...server.anonymous(), privateKey, passphrase: 'open sesame' };
    expect(await whoIs(options)).toBe(lab().account.name);
    await server.stop();
  });
});

describeServer(
  'an RSA key',
  openSsh,
  (lab) => {
    it.each(['rsa-sha2-512', 'rsa-sha2-256'])('signs by %s where the options name no other', async (name) => {
      const server = await startOpenSsh(lab(), { config: { PubkeyAcceptedAlgorithms: name } });
      const algorithms = { hostKey: ['ssh-ed25519', name] };
      expect(await whoIs(server.options({ algorithms }, 'rsa'))).toBe(lab().account.name);
      await server.stop();
    });

    describe('is one attempt of the six that a server allows', () => {
      /** Paths of private keys, of which a server knows the last one. */
      let paths: readonly string[];
      let publicLines: readonly string[];
      let authority: string;
      let server: TestServer;

      beforeAll(async () => {
        authority = lab().newPath();
        makeOpenSshKey('ed25519', authority);
        paths = Array.from({ length: 6 }, () => lab().newPath());
        publicLines = paths.map((path) => makeOpenSshKey('rsa', path));
        server = await startOpenSsh(lab(), {
          hostKeys: ['ed25519'],
          userKeys: [],
          authorizedKeys: publicLines.slice(-1),
          config: { MaxAuthTries: 6 },
        });
      }, setupTimeout);
      const keys = (count: number): string[] => paths.slice(-count).map((path) => readFileSync(path, 'utf8'));

      it('so that the sixth of them is tried', async () => {
        const options = { ...server.anonymous(), privateKey: keys(6) };
        expect(await whoIs(options)).toBe(lab().account.name);
      });

      it('also from an agent', async () => {
        const agent = startSshAgent();
        try {
          for (const path of paths) agent.add('-q', path);
          const options = { ...server.anonymous(), agent: agent.path };
          expect(await whoIs(options)).toBe(lab().account.name);
        } finally {
          agent.stop();
        }
      });

      it('and so is its certificate: with three of both the third key is tried', async () => {
        const certificate = paths.slice(-3).map((path) => {
          const args = ['-q', '-s', authority, '-I', 'of a stranger', '-n', 'x', `${path}.pub`];
          execFileSync('ssh-keygen', args, { stdio: 'pipe' });
          return readFileSync(`${path}-cert.pub`, 'utf8');
        });
        const options = { ...server.anonymous(), privateKey: keys(3), certificate };
        expect(await whoIs(options)).toBe(lab().account.name);
      });

      it('and a seventh is one too many, as for ssh', async () => {
        const stranger = lab().newPath();
        makeOpenSshKey('rsa', stranger);
        const options = { ...server.anonymous(), privateKey: [readFileSync(stranger, 'utf8'), ...keys(6)] };
        await expect(whoIs(options)).rejects.toMatchObject({
          code: 'ERR_SSH_DISCONNECTED',
          message: expect.stringContaining('Too many authentication failures'),
        });
      });
    });
  },
  { programs: ['ssh-agent', 'ssh-add'] },
);

for (const kind of serverKinds) {
  describeServer(
    'a password',
    kind,
    (lab) => {
      let server: TestServer;
      beforeAll(async () => {
        server = await kind.start(lab());
      }, setupTimeout);

      it('given as text opens the door', async () => {
        const password = passwordOf(lab());
        expect(await whoIs({ ...server.anonymous(), password })).toBe(lab().account.name);
      });

      it('given by a function is asked for again when it was wrong', async () => {
        const attempts: number[] = [];
        const password = ({ attempt }: { readonly attempt: number }): string => {
          attempts.push(attempt);
          return attempt === 1 ? 'a guess' : passwordOf(lab());
        };
        expect(await whoIs({ ...server.anonymous(), password })).toBe(lab().account.name);
        expect(attempts).toEqual([1, 2]);
      });

      it('opens the door where the key before it did not', async () => {
        const path = lab().newPath();
        makeOpenSshKey('ecdsa256', path);
        const options = { privateKey: readFileSync(path), password: passwordOf(lab()) };
        expect(await whoIs({ ...server.anonymous(), ...options })).toBe(lab().account.name);
      });
    },
    { root: true },
  );
}

/** How a server is told to want a key and a password. */
const bothWanted: Readonly<Record<ServerName, (lab: Lab) => Promise<TestServer>>> = {
  OpenSSH: (lab) => startOpenSsh(lab, { config: { AuthenticationMethods: 'publickey,password' } }),
  dropbear: (lab) => startDropbear(lab, { args: ['-t'] }),
};

for (const kind of serverKinds) {
  describeServer(
    'partial success',
    kind,
    (lab) => {
      let server: TestServer;
      beforeAll(async () => {
        server = await bothWanted[kind.name](lab());
      }, setupTimeout);

      it('of a key goes on to the password', async () => {
        const password = passwordOf(lab());
        expect(await whoIs(server.options({ password }))).toBe(lab().account.name);
      });

      it('is not enough', async () => {
        await expect(server.connect()).rejects.toMatchObject({
          code: 'ERR_SSH_AUTHENTICATION_FAILED',
          phase: 'authentication',
          message: expect.stringContaining('the server accepts password; tried: publickey (ssh-ed25519'),
        });
      });
    },
    { root: true },
  );
}

describeServer(
  'keyboard-interactive authentication',
  openSsh,
  (lab) => {
    let server: TestServer;
    beforeAll(async () => {
      const config = { UsePAM: 'yes', KbdInteractiveAuthentication: 'yes', PasswordAuthentication: 'no' };
      server = await startOpenSsh(lab(), { config });
    }, setupTimeout);

    it("shows the server's prompt and takes the answer", async () => {
      const challenges: Challenge[] = [];
      const keyboardInteractive = (challenge: Challenge): string[] => {
        challenges.push(challenge);
        return challenge.prompts.map(() => passwordOf(lab()));
      };
      expect(await whoIs({ ...server.anonymous(), keyboardInteractive })).toBe(lab().account.name);
      const asked = challenges.flatMap(({ prompts }) => prompts);
      expect(asked).toEqual([{ prompt: expect.stringMatching(/password: $/i), echo: false }]);
    });

    it('takes a password where the server asks in no other way', async () => {
      const password = passwordOf(lab());
      expect(await whoIs({ ...server.anonymous(), password })).toBe(lab().account.name);
    });

    it('fails, and is not asked again, where a password was wrong', async () => {
      const dial = connect({ ...server.anonymous(), password: 'a guess' });
      await expect(dial).rejects.toMatchObject({
        code: 'ERR_SSH_AUTHENTICATION_FAILED',
        phase: 'authentication',
        message: expect.stringContaining('keyboard-interactive'),
      });
    });

    // Last, for it changes the account's password.
    it('leads through the change of a password that has expired', async () => {
      const old = passwordOf(lab());
      const fresh = `${old}-and-a-new-tail`;
      lab().account.expirePassword();
      const prompts: string[] = [];
      const keyboardInteractive = (challenge: Challenge): string[] => {
        prompts.push(...challenge.prompts.map(({ prompt }) => prompt));
        return challenge.prompts.map(({ prompt }) => (/new password/i.test(prompt) ? fresh : old));
      };
      expect(await whoIs({ ...server.anonymous(), keyboardInteractive })).toBe(lab().account.name);
      expect(prompts.filter((prompt) => /new password/i.test(prompt))).toHaveLength(2);
      expect(await whoIs({ ...server.anonymous(), password: fresh })).toBe(lab().account.name);
    });
  },
  { root: true },
);

describeServer('a banner', openSsh, (lab) => {
  it('is handed on with its line ends and without what could steer a terminal', async () => {
    const Banner = lab().file('Authorised use only.\n\u001b[31mred\u001b[0m\n');
    const server = await startOpenSsh(lab(), { config: { Banner } });
    const banners: string[] = [];
    const client = await server.connect({ onBanner: (message) => banners.push(message) });
    await client.close();
    await server.stop();
    expect(banners.join('')).toBe('Authorised use only.\n\\x1b[31mred\\x1b[0m\n');
  });
});

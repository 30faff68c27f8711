/**
 * Certificates made by ssh-keygen, of hosts and of users, with a real sshd.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { certificateAlgorithms } from '../../src/crypto/specialAlgorithms.ts';
import {
  type Client,
  type ConnectOptions,
  connect,
  knownHosts,
  pinnedHostKey,
} from '../../src/entry/index.ts';
import {
  describeServer,
  type KeyKind,
  keyKinds,
  type Lab,
  makeOpenSshKey,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

/** Makes a key of its own and has it signed; returns the paths. */
function certified(
  lab: Lab,
  kind: KeyKind,
  authority: string,
  args: readonly string[],
): { readonly path: string; readonly certificate: string; readonly publicLine: string } {
  const path = lab.newPath();
  const publicLine = makeOpenSshKey(kind, path).trim();
  execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'an id', ...args, `${path}.pub`], {
    stdio: 'pipe',
  });
  return { path, certificate: `${path}-cert.pub`, publicLine };
}

describeServer('a host certificate', openSsh, (lab) => {
  let authority: string;
  let authorityLine: string;
  let serverLine: string;
  let server: TestServer;
  let expired: TestServer;
  let premature: TestServer;
  let misnamed: TestServer;
  let nameless: TestServer;
  /** The plain key of each. */
  const plainLines = new Map<TestServer, string>();

  async function start(args: readonly string[], kind: KeyKind = 'ed25519'): Promise<TestServer> {
    const { path, certificate, publicLine } = certified(lab(), kind, authority, ['-h', ...args]);
    const started = await startOpenSsh(lab(), {
      hostKeys: [],
      userKeys: ['ed25519'],
      config: { HostKey: path, HostCertificate: certificate },
    });
    plainLines.set(started, publicLine);
    return started;
  }

  beforeAll(async () => {
    authority = lab().newPath();
    authorityLine = makeOpenSshKey('ed25519', authority).trim();
    const own = certified(lab(), 'ed25519', authority, ['-h', '-n', '127.0.0.1,host.example']);
    serverLine = own.publicLine;
    server = await startOpenSsh(lab(), {
      hostKeys: [],
      userKeys: ['ed25519'],
      config: { HostKey: own.path, HostCertificate: own.certificate },
    });
    expired = await start(['-n', '127.0.0.1', '-V', '20200101:20200102']);
    premature = await start(['-n', '127.0.0.1', '-V', '20990101:20990102']);
    misnamed = await start(['-n', 'other.example']);
    nameless = await start([]);
  }, setupTimeout);

  const options = (to: TestServer): ConnectOptions => ({
    host: to.host,
    port: to.port,
    username: lab().account.name,
    privateKey: lab().userKeys.textOf('ed25519'),
  });
  const dial = (to: TestServer, known: string): Promise<Client> =>
    connect({ ...options(to), verifyHostKey: knownHosts(lab().file(known)) });
  const trusting = (to: TestServer): string => `@cert-authority [127.0.0.1]:${to.port} ${authorityLine}\n`;

  it('is asked for and accepted where its authority counts for the host', async () => {
    await using client = await dial(server, trusting(server));
    expect(client.negotiated.hostKey).toBe('ssh-ed25519-cert-v01@openssh.com');
    expect((await client.run('echo in')).stdout).toBe('in\n');
  });

  it('stays accepted through new keys', async () => {
    await using client = await dial(server, trusting(server));
    await client.rekey();
    expect((await client.run('echo in')).stdout).toBe('in\n');
  });

  it('is not asked for where nothing is known of an authority', async () => {
    const line = execFileSync('ssh-keyscan', ['-p', String(server.port), '127.0.0.1'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    await using client = await dial(server, line);
    expect(client.negotiated.hostKey).toBe('ssh-ed25519');
  });

  it('of an authority that does not count is refused, and both are named', async () => {
    const other = makeOpenSshKey('ed25519', lab().newPath()).trim();
    const dialled = dial(server, `@cert-authority * ${other}\n`);
    await expect(dialled).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_UNKNOWN',
      phase: 'keyExchange',
      message: expect.stringMatching(/certificate "an id" \(serial 0\).*signed by another \(SHA256:/),
    });
  });

  it('of an authority for other hosts is not asked for', async () => {
    await expect(dial(server, `@cert-authority *.example ${authorityLine}\n`)).rejects.toMatchObject({
      code: 'ERR_SSH_HOST_KEY_UNKNOWN',
    });
  });

  it.each<[string, () => TestServer, string]>([
    ['that has expired', () => expired, 'expired at 2020-01-02'],
    ['that is not valid yet', () => premature, 'is not valid before 2099-01-01'],
    ['for another host', () => misnamed, 'is for other.example, not for 127.0.0.1'],
    ['for nobody in particular', () => nameless, 'names nobody it is for'],
  ])('%s is refused', async (_name, to, words) => {
    await expect(dial(to(), trusting(to()))).rejects.toMatchObject({
      code: 'ERR_SSH_CERTIFICATE',
      phase: 'keyExchange',
      message: expect.stringContaining(words),
    });
  });

  describe('that does not hold, of a key that is known by itself', () => {
    const bad = (): readonly (readonly [TestServer, string])[] => [
      [expired, 'expired at 2020-01-02'],
      [premature, 'is not valid before 2099-01-01'],
      [misnamed, 'is for other.example, not for 127.0.0.1'],
      [nameless, 'names nobody it is for'],
    ];
    const plain = (to: TestServer): string => `[127.0.0.1]:${to.port} ${plainLines.get(to)}\n`;

    it('is warned of, and the key counts, as for ssh', async () => {
      for (const [to, why] of bad()) {
        const known = lab().file(`${trusting(to)}${plain(to)}`);
        const debug: string[] = [];
        await using client = await connect({
          ...options(to),
          verifyHostKey: knownHosts(known),
          onDebug: (line) => debug.push(line),
        });
        expect(client.negotiated.hostKey).toBe('ssh-ed25519-cert-v01@openssh.com');
        expect((await client.run('echo in')).stdout).toBe('in\n');
        const warnings = debug.filter((line) => line.startsWith('warning: the certificate "an id"'));
        expect(warnings).toEqual([expect.stringContaining(why)]);
        expect(warnings[0]).toMatch(/ is known for \[127\.0\.0\.1\]:\d+ by itself$/);
        const ssh = ['-F', 'none', '-o', 'BatchMode=yes', '-o', `UserKnownHostsFile=${known}`];
        const key = lab().file(lab().userKeys.textOf('ed25519'), 0o600);
        const target = ['-i', key, '-p', String(to.port), `${lab().account.name}@127.0.0.1`, 'echo', 'in'];
        expect(execFileSync('ssh', [...ssh, ...target], { encoding: 'utf8', stdio: 'pipe' })).toBe('in\n');
      }
    });

    it('leaves the key unknown, changed or revoked where it is', async () => {
      const other = `[127.0.0.1]:${expired.port} ${makeOpenSshKey('ed25519', lab().newPath()).trim()}\n`;
      const asCertificate = { code: 'ERR_SSH_CERTIFICATE', message: expect.stringContaining('expired at') };
      await expect(dial(expired, `${trusting(expired)}${other}`)).rejects.toMatchObject(asCertificate);
      const adding = knownHosts({ files: lab().file(trusting(expired)), unknown: 'add' });
      await expect(connect({ ...options(expired), verifyHostKey: adding })).rejects.toMatchObject(
        asCertificate,
      );
      for (const revoked of [plainLines.get(expired), authorityLine]) {
        const known = `${trusting(expired)}${plain(expired)}@revoked * ${revoked}\n`;
        // A revoked authority is not asked for certificates; a revoked key does not count, certified or plain.
        const dialled = dial(expired, known);
        if (revoked === authorityLine) await (await dialled).close();
        else await expect(dialled).rejects.toMatchObject({ code: 'ERR_SSH_HOST_KEY_REVOKED' });
      }
    });
  });

  it('by a revoked authority, or for a revoked key, is refused', async () => {
    const asking = { hostKey: { prepend: Object.keys(certificateAlgorithms) } };
    for (const [revoked, words] of [
      [authorityLine, 'the authority that signed'],
      [serverLine, 'the key in the certificate'],
    ] as const) {
      const known = lab().file(`${trusting(server)}@revoked * ${revoked}\n`);
      await expect(
        connect({ ...options(server), algorithms: asking, verifyHostKey: knownHosts(known) }),
      ).rejects.toMatchObject({
        code: 'ERR_SSH_HOST_KEY_REVOKED',
        message: expect.stringContaining(words),
      });
    }
  });

  it('is shown to a verifier of one’s own with its key, its pin holds for the key', async () => {
    const algorithms = { hostKey: Object.keys(certificateAlgorithms) };
    let seen: unknown;
    await using client = await connect({
      ...options(server),
      algorithms,
      verifyHostKey: (info) => {
        seen = info;
        return true;
      },
    });
    expect(client.negotiated.hostKey).toBe('ssh-ed25519-cert-v01@openssh.com');
    expect(seen).toMatchObject({
      type: 'ssh-ed25519',
      certificate: { kind: 'host', principals: ['127.0.0.1', 'host.example'], keyId: 'an id' },
    });
    const { fingerprint } = seen as { readonly fingerprint: string };
    await using again = await connect({
      ...options(server),
      algorithms,
      verifyHostKey: pinnedHostKey(fingerprint),
    });
    expect(again.negotiated.hostKey).toBe('ssh-ed25519-cert-v01@openssh.com');
  });

  it.each(keyKinds)('is accepted for a key of kind %s and an authority of the same', async (kind) => {
    const own = lab().newPath();
    const line = makeOpenSshKey(kind, own).trim();
    const { path, certificate } = certified(lab(), kind, own, ['-h', '-n', '127.0.0.1']);
    const one = await startOpenSsh(lab(), {
      hostKeys: [],
      userKeys: ['ed25519'],
      config: { HostKey: path, HostCertificate: certificate },
    });
    await using client = await dial(one, `@cert-authority 127.0.0.1 ${line}\n`);
    expect(client.negotiated.hostKey).toMatch(/-cert-v01@openssh\.com$/);
    await one.stop();
  });
});

describeServer('a user certificate', openSsh, (lab) => {
  let authority: string;
  let server: TestServer;

  beforeAll(async () => {
    authority = lab().newPath();
    makeOpenSshKey('ed25519', authority);
    server = await startOpenSsh(lab(), {
      hostKeys: ['ed25519'],
      userKeys: [],
      config: { TrustedUserCAKeys: `${authority}.pub` },
    });
  }, setupTimeout);

  const sign = (kind: KeyKind, ...args: string[]): ReturnType<typeof certified> =>
    certified(lab(), kind, authority, ['-n', lab().account.name, ...args]);

  it.each(keyKinds)('for a key of kind %s lets its user in where the key alone does not', async (kind) => {
    const { path, certificate } = sign(kind);
    const privateKey = readFileSync(path);
    await expect(connect({ ...server.anonymous(), privateKey })).rejects.toMatchObject({
      code: 'ERR_SSH_AUTHENTICATION_FAILED',
    });
    await using client = await connect({
      ...server.anonymous(),
      privateKey,
      certificate: readFileSync(certificate),
    });
    expect((await client.run('id -un')).stdout.trim()).toBe(lab().account.name);
    expect(server.process.recentLog).toMatch(/Accepted certificate ID "an id"/);
  });

  it('is found for the key it is for, of several', async () => {
    const [one, two] = [sign('ed25519'), sign('ecdsa256')];
    await using client = await connect({
      ...server.anonymous(),
      privateKey: [readFileSync(one.path), readFileSync(two.path)],
      certificate: [readFileSync(two.certificate, 'utf8')],
    });
    expect(client.inspect().phase).toBe('connection');
  });

  it('goes with a key in an explicit order, one that is encrypted too', async () => {
    const { path, certificate } = sign('ed25519');
    execFileSync('ssh-keygen', ['-q', '-p', '-P', '', '-N', 'secret', '-a', '1', '-f', path], {
      stdio: 'pipe',
    });
    let asked = 0;
    await using client = await connect({
      ...server.anonymous(),
      auth: [
        {
          method: 'publickey',
          privateKey: readFileSync(path),
          certificate: readFileSync(certificate),
          passphrase: () => {
            asked++;
            return 'secret';
          },
        },
      ],
    });
    expect(client.inspect().phase).toBe('connection');
    expect(asked).toBe(1);
  });

  it('that has expired, is for another user, or by a stranger lets nobody in', async () => {
    const stranger = lab().newPath();
    makeOpenSshKey('ed25519', stranger);
    const bad = [
      sign('ed25519', '-V', '20200101:20200102'),
      certified(lab(), 'ed25519', authority, ['-n', 'somebody-else']),
      certified(lab(), 'ed25519', stranger, ['-n', lab().account.name]),
    ];
    for (const { path, certificate } of bad) {
      await expect(
        connect({
          ...server.anonymous(),
          privateKey: readFileSync(path),
          certificate: readFileSync(certificate),
        }),
      ).rejects.toMatchObject({ code: 'ERR_SSH_AUTHENTICATION_FAILED' });
    }
  });

  describe('that is of no use', () => {
    let knowing: TestServer;
    let own: ReturnType<typeof certified>;

    beforeAll(async () => {
      own = sign('ed25519');
      knowing = await startOpenSsh(lab(), {
        hostKeys: ['ed25519'],
        userKeys: [],
        authorizedKeys: [own.publicLine],
        config: { TrustedUserCAKeys: `${authority}.pub` },
      });
    }, setupTimeout);

    const cut = (text: string): string => text.slice(0, text.length / 2);
    const useless: readonly (readonly [string, () => string, RegExp])[] = [
      [
        'for another key',
        () => text(sign('ed25519').certificate),
        /"an id".*is for none of the private keys/,
      ],
      [
        "a host's",
        () => text(certified(lab(), 'ed25519', authority, ['-h', '-n', 'x']).certificate),
        /it is a host's/,
      ],
      ['empty', () => '', /the key file is empty/],
      ['cut off', () => cut(text(own.certificate)), /a certificate is left aside: /],
      ['no certificate', () => `${own.publicLine}\n`, /this is a public key \(ssh-ed25519\)/],
      ['prose', () => 'no certificate at all', /this is not a certificate/],
    ];

    it.each(useless)('being %s, is left aside with a note, and the key is used', async (_, data, why) => {
      for (const place of ['shared', 'own'] as const) {
        const debug: string[] = [];
        const [privateKey, certificate] = [readFileSync(own.path), data()];
        const credentials: ConnectOptions =
          place === 'shared'
            ? { privateKey, certificate: [certificate] }
            : { auth: [{ method: 'publickey', privateKey, certificate }] };
        await using client = await connect({
          ...knowing.anonymous(),
          ...credentials,
          onDebug: (line) => debug.push(line),
        });
        expect((await client.run('echo in')).stdout).toBe('in\n');
        const notes = debug.filter((line) => line.startsWith('warning: '));
        expect(notes).toEqual([expect.stringMatching(/is left aside: /)]);
        expect(notes[0]).toMatch(why);
      }
    });

    it('is left aside beside one that is, and told of again when nothing worked', async () => {
      const stranger = sign('ed25519');
      const dialled = connect({
        ...knowing.anonymous(),
        privateKey: readFileSync(stranger.path),
        certificate: ['', text(certified(lab(), 'ed25519', stranger.path, []).certificate)],
      });
      await expect(dialled).rejects.toMatchObject({
        code: 'ERR_SSH_AUTHENTICATION_FAILED',
        message: expect.stringMatching(
          /tried: .*; a certificate is left aside: .* empty.*; the certificate "an id" .* for none of/,
        ),
      });
      await using client = await connect({
        ...knowing.anonymous(),
        privateKey: readFileSync(stranger.path),
        certificate: ['', text(stranger.certificate)],
      });
      expect((await client.run('echo in')).stdout).toBe('in\n');
    });

    it('is known to be so once the key is open whose public half its file hides', async () => {
      const pem = execFileSync(
        'openssl',
        [
          'genpkey',
          '-algorithm',
          'EC',
          '-pkeyopt',
          'ec_paramgen_curve:P-256',
          '-aes256',
          '-pass',
          'pass:secret',
        ],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
      );
      const debug: string[] = [];
      const dialled = connect({
        ...knowing.anonymous(),
        privateKey: pem,
        passphrase: () => 'secret',
        certificate: text(own.certificate),
        onDebug: (line) => debug.push(line),
      });
      await expect(dialled).rejects.toMatchObject({
        code: 'ERR_SSH_AUTHENTICATION_FAILED',
        message: expect.stringMatching(
          /tried: publickey \(ecdsa-sha2-nistp256 .*is for none of the private keys/,
        ),
      });
      expect(debug.filter((line) => line.includes('is for none of'))).toHaveLength(1);
    });
  });

  it('that can be no certificate is refused before anything is dialled', async () => {
    const { path } = sign('ed25519');
    for (const certificate of [5, true, {}, [null]]) {
      const dialled = connect({
        ...server.anonymous(),
        port: 1,
        privateKey: readFileSync(path),
        certificate: certificate as unknown as string,
      });
      await expect(dialled).rejects.toMatchObject({ code: 'ERR_SSH_OPTIONS', phase: 'options' });
    }
  });
});

function text(path: string): string {
  return readFileSync(path, 'utf8');
}

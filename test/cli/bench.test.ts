/** `deadline-ssh bench` as it is installed, on a server of this library's own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { formatPrivateKey, formatPublicKey, generateKey } from '../../src/entry/keys.ts';
import { createServer, type SshServer } from '../../src/entry/server.ts';
import { useBuiltCommand } from '../support/cli/build.ts';
import { useHomes } from '../support/cli/home.ts';
import { type CommandRun, runCommand } from '../support/cli/run.ts';

const command = useBuiltCommand();
const newHome = useHomes();
const userKey = generateKey('ed25519');
const hostKey = generateKey('ed25519');
const served = ['aes128-gcm@openssh.com', 'aes128-ctr'];
let server: SshServer;
let port: number;
/** What the server does with an upload. */
let upload: 'count' | 'stall' | 'miscount' = 'count';

beforeAll(async () => {
  const known = formatPublicKey(userKey.publicKey);
  server = await createServer({
    hostKeys: hostKey,
    algorithms: { cipher: served },
    authentication: { publicKey: (_username, { key }) => formatPublicKey(key) === known },
    exec: async (process, text) => {
      const size = /^head -c (\d+) \/dev\/zero$/.exec(text)?.[1];
      if (size !== undefined) {
        process.stdout.end(new Uint8Array(Number(size)));
        return 0;
      }
      if (text !== 'wc -c') return 127;
      if (upload === 'stall') {
        await new Promise((resolve) => process.signal.addEventListener('abort', resolve));
        return 0;
      }
      let length = upload === 'miscount' ? 1 : 0;
      for await (const chunk of process.stdin) length += (chunk as Uint8Array).length;
      process.stdout.end(`${length}\n`);
      return 0;
    },
  });
  ({ port } = await server.listen());
});

afterAll(() => server.close());

async function bench(
  ...args: readonly string[]
): Promise<Omit<CommandRun, 'stdout'> & { readonly stdout: string }> {
  const home = newHome();
  home.write('id_ed25519', formatPrivateKey(userKey));
  home.write('known_hosts', `[127.0.0.1]:${port} ${formatPublicKey(hostKey.publicKey)}\n`);
  upload = 'count';
  const run = await runCommand(command(), ['bench', ...args, `ops@127.0.0.1:${port}`], { home });
  return { ...run, stdout: String(run.stdout) };
}

describe('deadline-ssh bench', () => {
  it('has a row for each cipher, with the phases and the figures', async () => {
    const { status, stdout, stderr } = await bench('--size', '2M', ...served.flatMap((name) => ['-c', name]));
    expect(stderr).toBe('');
    expect(status).toBe(0);
    const [head = '', ...rows] = stdout.trimEnd().split('\n');
    expect(head).toMatch(/^cipher +connect ms .*round trip ms +download MB\/s +upload MB\/s$/);
    expect(rows.map((row) => row.split(/ +/)[0])).toEqual(served);
    for (const row of rows) {
      const cells = row.split(/ {2,}/).slice(1);
      // Four phases, then what was measured; a cell without a figure would be a dash.
      expect(cells).toHaveLength(7);
      for (const cell of cells) expect(cell).toMatch(/^\d+\.\d+$/);
      for (const cell of cells.slice(4)) expect(Number(cell)).toBeGreaterThan(0);
    }
  });

  it('takes every provider', async () => {
    for (const name of ['auto', 'openssl', 'noble']) {
      const { status, stdout } = await bench('--size', '10K', '--crypto', name, '-c', 'aes128-ctr');
      expect([name, status, stdout.trimEnd().split('\n').length]).toEqual([name, 0, 2]);
    }
  });

  it('prints an object a line with --json', async () => {
    const { status, stdout } = await bench(
      '--json',
      '--size',
      '100K',
      '--crypto',
      'noble',
      '-c',
      'aes128-ctr',
    );
    expect(status).toBe(0);
    const { cipher, result } = JSON.parse(stdout) as Record<string, Record<string, unknown>>;
    expect(cipher).toBe('aes128-ctr');
    expect(result).toMatchObject({
      roundTrip: expect.any(Number),
      timings: { keyExchange: expect.any(Number) },
    });
    expect(result?.['download']).toBeGreaterThan(0);
    expect(result?.['upload']).toBeGreaterThan(0);
  });

  it('says that the server refuses a cipher, and measures the others', async () => {
    const { status, stdout, stderr } = await bench('--size', '10K', '-c', 'aes256-ctr', '-c', 'aes128-ctr');
    expect(status).toBe(255);
    expect(stderr).toMatch(/^deadline-ssh: aes256-ctr: .*aes128-gcm@openssh\.com.*\n$/);
    expect(stdout.trimEnd().split('\n')).toHaveLength(2);
  });

  it.each([
    ['an unknown cipher', ['-c', 'rot13'], 'there is no cipher "rot13"; there are aes128-gcm@openssh.com'],
    [
      'an unknown provider',
      ['--crypto', 'magic'],
      'there is no crypto provider "magic"; there are auto, openssl and noble',
    ],
    ['a size that is none', ['--size', 'much'], '"much" is no size; write 500K, 64M or 2G'],
    ['an unknown option', ['--fast'], 'there is no option "--fast"'],
    ['a second host', ['other'], 'bench takes one host'],
  ])('refuses %s in one line', async (_, args, message) => {
    const { status, stdout, stderr } = await bench(...args);
    expect([status, stdout]).toEqual([255, '']);
    expect(stderr.startsWith(`deadline-ssh: ${message}`)).toBe(true);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends a measurement that stalls, and says which', async () => {
    const running = bench('--size', '100K', '--step-timeout', '2s', '-c', 'aes128-ctr', '--json');
    upload = 'stall';
    const { status, stdout } = await running;
    expect(status).toBe(255);
    expect(JSON.parse(stdout)).toMatchObject({
      cipher: 'aes128-ctr',
      error: { code: 'ERR_SSH_TIMEOUT', message: 'the upload did not end within 2000 ms' },
    });
  });

  it('counts no figure where bytes are missing', async () => {
    const running = bench('--size', '10K', '-c', 'aes128-ctr');
    upload = 'miscount';
    const { status, stderr } = await running;
    expect(status).toBe(255);
    expect(stderr).toContain('the server took 10001 of 10000 bytes');
  });
});

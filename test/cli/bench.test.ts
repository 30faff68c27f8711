/** `deadline-ssh bench` from its command line to the exit status, in this process: on a server of this library's own. */
import { describe, expect, it } from 'vitest';
import { benchHelp, parseBenchArguments } from '../../src/cli/bench/benchArguments.ts';
import { type HereOptions, hear, runHere } from '../support/cli/inProcess.ts';
import { useOwnServer } from '../support/cli/ownServer.ts';

const served = ['aes128-gcm@openssh.com', 'aes128-ctr'];
/** What the server does with an upload. */
let upload: 'count' | 'stall' | 'miscount' = 'count';
/** Told of an upload that stalls. */
let stalled = (): void => {};
/** How many bytes of a download are missing. */
let missing = 0;

const there = useOwnServer({
  algorithms: { cipher: served },
  exec: async (process, text) => {
    const size = /^head -c (\d+) \/dev\/zero$/.exec(text)?.[1];
    if (size !== undefined) {
      process.stdout.end(new Uint8Array(Number(size) - missing));
      return 0;
    }
    if (text !== 'wc -c') return 127;
    if (upload === 'stall') {
      stalled();
      await new Promise((resolve) => process.signal.addEventListener('abort', resolve));
      return 0;
    }
    let length = upload === 'miscount' ? 1 : 0;
    for await (const chunk of process.stdin) length += (chunk as Uint8Array).length;
    process.stdout.end(`${length}\n`);
    return 0;
  },
});

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

async function bench(args: readonly string[], options: HereOptions = {}): Promise<Ended> {
  const home = there.home();
  const { status, out, said } = await runHere('bench', [...args, `ops@127.0.0.1:${there.port}`], {
    home: home.path,
    ...options,
  });
  return { status, stdout: out, stderr: said };
}

describe('deadline-ssh bench', () => {
  it('has a row for each cipher, with the phases and the figures', async () => {
    const { status, stdout, stderr } = await bench([
      '--size',
      '2M',
      ...served.flatMap((name) => ['-c', name]),
    ]);
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
      const { status, stdout } = await bench(['--size', '10K', '--crypto', name, '-c', 'aes128-ctr']);
      expect([name, status, stdout.trimEnd().split('\n').length]).toEqual([name, 0, 2]);
    }
  });

  it('prints an object a line with --json', async () => {
    const { status, stdout } = await bench([
      '--json',
      '--size',
      '100K',
      '--crypto',
      'noble',
      '-c',
      'aes128-ctr',
    ]);
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
    const { status, stdout, stderr } = await bench(['--size', '10K', '-c', 'aes256-ctr', '-c', 'aes128-ctr']);
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
    ['a size that is none', ['--size', 'much'], '"much" is not a size; write 500K, 64M or 2G'],
    ['an unknown option', ['--fast'], "Unknown option '--fast'"],
    ['a second host', ['other'], 'bench takes one host'],
  ])('refuses %s in one line', async (_, args, message) => {
    const { status, stdout, stderr } = await bench(args);
    expect([status, stdout]).toEqual([255, '']);
    expect(stderr.startsWith(`deadline-ssh: ${message}`)).toBe(true);
    expect(stderr.trimEnd().split('\n')).toHaveLength(1);
  });

  it('ends a measurement that stalls, and says which', async () => {
    upload = 'stall';
    const { status, stdout } = await bench([
      '--size',
      '100K',
      '--step-timeout',
      '1s',
      '-c',
      'aes128-ctr',
      '--json',
    ]);
    upload = 'count';
    expect(status).toBe(255);
    expect(JSON.parse(stdout)).toMatchObject({
      cipher: 'aes128-ctr',
      error: {
        code: 'ERR_SSH_TIMEOUT',
        phase: 'connection',
        origin: 'deadline',
        message: 'the upload did not end within 1000 ms',
        elapsed: 1000,
        deadline: 1000,
      },
    });
  });

  it('counts no figure where bytes are missing', async () => {
    upload = 'miscount';
    const sent = await bench(['--size', '10K', '-c', 'aes128-ctr']);
    upload = 'count';
    expect([sent.status, sent.stdout]).toEqual([255, '']);
    expect(sent.stderr).toContain('the server took 10001 of 10000 bytes');
    missing = 1;
    const brought = await bench(['--size', '10K', '-c', 'aes128-ctr']);
    missing = 0;
    expect([brought.status, brought.stdout]).toEqual([255, '']);
    expect(brought.stderr).toMatch(
      /^deadline-ssh: aes128-ctr: the server sent 9999 of 10000 bytes; has it [^\n]+\n$/,
    );
  });

  it('ends with 143 for SIGTERM, and measures nothing more', async () => {
    const measure = (...more: readonly string[]) =>
      bench(['--size', '10K', ...served.flatMap((name) => ['-c', name]), ...more]);
    upload = 'stall';
    stalled = () => hear('SIGTERM');
    const [people, programs] = [await measure(), await measure('--json')];
    upload = 'count';
    expect(people).toEqual({ status: 143, stdout: '', stderr: '' });
    expect([programs.status, JSON.parse(programs.stdout)]).toMatchObject([
      143,
      { cipher: 'aes128-gcm@openssh.com', error: { code: 'ERR_SSH_ABORTED' } },
    ]);
  });

  it('shows on a terminal what is measured, and how much of it is done', async () => {
    const { status, stderr } = await bench(['--size', '10K', '-c', 'aes128-ctr'], {
      terminal: { on: ['stderr'] },
    });
    expect(status).toBe(0);
    expect(stderr.startsWith('\r\u001b[K')).toBe(true);
    // Nothing of it stays.
    expect(stderr.endsWith('\r\u001b[K')).toBe(true);
  });
});

describe('the command line of bench', () => {
  const parsed = (...argv: readonly string[]) => parseBenchArguments(argv);

  it('has defaults, which its help names', () => {
    expect(parsed('host')).toMatchObject({
      mode: 'bench',
      ciphers: [
        'aes128-gcm@openssh.com',
        'aes256-gcm@openssh.com',
        'chacha20-poly1305@openssh.com',
        'aes128-ctr',
      ],
      size: 64_000_000,
      crypto: 'auto',
      stepTimeout: 60_000,
      json: false,
      dial: {
        mode: 'ssh',
        host: 'host',
        overrides: [],
        identities: [],
        command: undefined,
        timeout: undefined,
      },
    });
    for (const words of ['aes128-gcm@openssh.com, aes256-gcm@openssh.com,', '64M', '(default 60s)']) {
      expect(benchHelp).toContain(words);
    }
    expect(parsed('-h')).toEqual({ mode: 'help' });
  });

  it('reaches the host as a session with the same options does', () => {
    expect(
      parsed('-p', '22', '-l', 'me', '-i', 'one', '-i', 'two', '--timeout', '5s', '--json', 'you@host:23'),
    ).toMatchObject({
      json: true,
      dial: {
        host: 'host',
        identities: ['one', 'two'],
        timeout: 5_000,
        overrides: expect.arrayContaining([
          'Port="22"',
          'User="me"',
          'IdentityFile="one"',
          'IdentityFile="two"',
        ]),
      },
    });
    expect(() => parsed()).toThrow('there is no host to measure; try deadline-ssh bench --help');
  });

  it.each([
    ['1', 1],
    ['500K', 500_000],
    ['500k', 500_000],
    ['2M', 2_000_000],
    ['3G', 3_000_000_000],
    ['999999999999', 999_999_999_999],
  ])('reads the size %s', (text, size) => {
    expect(parsed('-s', text, 'host')).toMatchObject({ size });
  });

  it.each(['0', '', '-1', '1T', '1.5M', 'M', '9999999999999', '999999999999G'])(
    'takes no size %j',
    (text) => {
      expect(() => parsed(`--size=${text}`, 'host')).toThrow('is not a size; write 500K, 64M or 2G');
    },
  );
});

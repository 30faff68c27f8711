/**
 * A process that has run out of file descriptors, and has some again later: a
 * state to survive, also while code of the package is loaded. On the built
 * package, by `ulimit -n 64`.
 *
 * Owns: the dials of such a process.
 * Must not know: which code is loaded when.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { built, dist } from './built.ts';

const { createServer } = await built('server');
const { encodePublicKey, formatKnownHostsLine, formatPrivateKey, generateKey } = await built('keys');

const program = fileURLToPath(new URL('programs/dialWithoutDescriptors.mjs', import.meta.url));

interface Outcome {
  readonly output?: string;
  readonly isTyped?: boolean;
  readonly code?: string;
  readonly phase?: string;
  readonly origin?: string;
  readonly host?: string;
  readonly message?: string;
}

interface Report {
  readonly outcomes: readonly Outcome[];
  readonly uncaught: readonly string[];
}

const hostKey = generateKey('ed25519');
const userKey = generateKey('ed25519');
let server: Awaited<ReturnType<typeof createServer>>;
let port = 0;
let folder = '';

beforeAll(async () => {
  server = await createServer({
    hostKeys: hostKey,
    authentication: { password: () => true, publicKey: () => true },
    exec: (process, command) => {
      process.stdout.write(command);
      return 0;
    },
  });
  ({ port } = await server.listen());
  folder = mkdtempSync(join(tmpdir(), 'deadline-ssh-descriptors-'));
  const line = formatKnownHostsLine('127.0.0.1', port, encodePublicKey(hostKey.publicKey));
  writeFileSync(join(folder, 'known_hosts'), line);
});

afterAll(async () => {
  await server?.close();
  if (folder !== '') rmSync(folder, { recursive: true });
});

/** What such a process came to with so many descriptors left. */
async function dials(options: object, free: number, state: 'cold' | 'warm' | 'fleet'): Promise<Report> {
  const shared = { host: '127.0.0.1', port, username: 'ops', timeout: 20_000 };
  const given = JSON.stringify({ ...shared, ...options });
  const node = [process.execPath, program, `${dist}entry/index.js`, given, String(free), state];
  const child = spawn('bash', ['-c', 'ulimit -n 64 && exec "$@"', 'bash', ...node], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  return JSON.parse(await text(child.stdout)) as Report;
}

const isDone: Outcome = { output: 'say' };
const phases = ['options', 'connect', 'keyExchange', 'authentication'];

/** Either it worked, or the error is one that a program can act on. */
function isSurvived(outcome: Outcome): void {
  if (outcome.output !== undefined) return expect(outcome).toEqual(isDone);
  expect(outcome).toMatchObject({ isTyped: true, host: '127.0.0.1' });
  expect(outcome.code).toMatch(/^ERR_SSH_(?:CONNECT|LOAD|CRYPTO|OPTIONS)$/);
  expect(phases).toContain(outcome.phase);
  expect(outcome.message).toMatch(/EMFILE|file descriptors/);
}

const passphrase = 'x';
const waysIn: readonly [string, () => object][] = [
  ['a password', () => ({ password: 'any' })],
  ['a key', () => ({ privateKey: formatPrivateKey(userKey, {}) })],
  [
    'an encrypted key',
    () => ({ privateKey: formatPrivateKey(userKey, { passphrase, rounds: 1 }), passphrase }),
  ],
  ['known_hosts', () => ({ password: 'any', knownHostsFile: join(folder, 'known_hosts') })],
  ['cryptography in TypeScript', () => ({ password: 'any', crypto: 'noble' })],
  ['sntrup761', () => ({ password: 'any', algorithms: { kex: ['sntrup761x25519-sha512'] } })],
];

describe.each(waysIn)('a process without descriptors that dials with %s', (_name, options) => {
  // None for the socket; one for it and none for the code; and so on, until there are enough.
  it.each([0, 1, 2, 3])('cold, with %d left, dials once there are some', async (free) => {
    const { outcomes, uncaught } = await dials(options(), free, 'cold');
    expect(uncaught).toEqual([]);
    expect(outcomes).toHaveLength(3);
    for (const outcome of outcomes) isSurvived(outcome);
    expect(outcomes.at(-1)).toEqual(isDone);
    if (free === 0) expect(outcomes[0]?.output).toBeUndefined();
  });

  it('warm, with none left, says so while it connects, and dials again later', async () => {
    const { outcomes, uncaught } = await dials(options(), 0, 'warm');
    expect(uncaught).toEqual([]);
    const refused = { isTyped: true, code: 'ERR_SSH_CONNECT', phase: 'connect', origin: 'local' };
    expect(outcomes).toMatchObject([isDone, refused, refused, isDone]);
    expect(outcomes[1]?.message).toMatch(/ulimit -n/);
  });
});

describe('a fleet that has more hosts than descriptors', () => {
  it.each(waysIn)(
    'with %s: each host comes to a result, and the process dials on',
    async (_name, options) => {
      const { outcomes, uncaught } = await dials(options(), 0, 'fleet');
      expect(uncaught).toEqual([]);
      expect(outcomes).toHaveLength(151);
      for (const outcome of outcomes) isSurvived(outcome);
      expect(outcomes.filter(({ output }) => output === undefined).length).toBeGreaterThan(0);
      expect(outcomes.at(-1)).toEqual(isDone);
    },
  );
});

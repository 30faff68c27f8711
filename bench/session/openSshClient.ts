/**
 * OpenSSH's client as a contestant.
 *
 * Owns: how it is called, and what a call costs.
 * Must not know: other contestants.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { Target } from '../lib/sshd.ts';
import type { Algorithms } from './libraries.ts';
import type { Measured } from './tasks.ts';

const execute = promisify(execFile);

/** The two transfers; what happens before and after them is measured by itself and taken off. */
export async function runOpenSsh(
  target: Target,
  algorithms: Algorithms,
  task: 'download' | 'upload',
  bytes: number,
): Promise<Measured> {
  const ssh = sshCommand(target, algorithms);
  await verify(ssh);
  const empty = await timed(`${ssh} true </dev/null >/dev/null`);
  const full =
    task === 'download'
      ? await timed(`${ssh} 'head -c ${bytes} /dev/zero' </dev/null >/dev/null`)
      : await timed(`head -c ${bytes} /dev/zero | ${ssh} 'wc -c' >/dev/null`);
  return {
    bytes,
    operations: 1,
    milliseconds: full.milliseconds - empty.milliseconds,
    cpuMilliseconds: full.cpuMilliseconds - empty.cpuMilliseconds,
  };
}

async function verify(ssh: string): Promise<void> {
  const { stdout } = await execute('bash', ['-c', `head -c 3000000 /dev/zero | ${ssh} cat | sha256sum`]);
  const expected = createHash('sha256').update(Buffer.alloc(3_000_000)).digest('hex');
  if (!stdout.startsWith(expected)) throw new Error('bytes came back changed');
}

export function sshCommand(target: Target, algorithms: Algorithms): string {
  const options = openSshOptions(target, algorithms);
  return `ssh -F none ${options} -p ${target.port} ${target.username}@${target.host}`;
}

/** The options of `ssh` and of programs that hand them on to it. */
export function openSshOptions(target: Target, { kex, cipher }: Algorithms): string {
  // Beside the key: it goes with the folder of the server.
  const known = `${target.privateKey}.known`;
  writeFileSync(known, `[${target.host}]:${target.port} ${target.hostKey}\n`);
  return [
    ['UserKnownHostsFile', known],
    ['IdentityFile', target.privateKey],
    ['IdentityAgent', 'none'],
    ['IdentitiesOnly', 'yes'],
    ['BatchMode', 'yes'],
    ...(kex === undefined ? [] : [['KexAlgorithms', kex]]),
    ...(cipher === undefined ? [] : [['Ciphers', cipher]]),
    ['HostKeyAlgorithms', 'ssh-ed25519'],
  ]
    .map(([name, value]) => `-o ${name}=${value}`)
    .join(' ');
}

/** Times of a command of the shell; its CPU is that of the last program of the pipe alone where there is one. */
export async function timed(
  command: string,
): Promise<{ readonly milliseconds: number; readonly cpuMilliseconds: number }> {
  const parts = command.split(' | ');
  const last = `{ TIMEFORMAT='%R %U %S'; time ${parts.at(-1)}; }`;
  const { stderr } = await execute('bash', ['-c', [...parts.slice(0, -1), last].join(' | ')]);
  const [real = Number.NaN, user = Number.NaN, system = Number.NaN] = (stderr.trim().split('\n').at(-1) ?? '')
    .split(' ')
    .map((seconds) => 1000 * Number(seconds));
  if (Number.isNaN(real + user + system)) throw new Error(`no times in ${JSON.stringify(stderr)}`);
  return { milliseconds: real, cpuMilliseconds: user + system };
}

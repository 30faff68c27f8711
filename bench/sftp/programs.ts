/**
 * Programs that move files, as contestants.
 *
 * Owns: how OpenSSH's sftp, lftp and asyncssh are called, and what a call costs.
 * Must not know: other contestants.
 */
import { execFile, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Target } from '../lib/sshd.ts';
import { openSshOptions, timed } from '../session/openSshClient.ts';
import type { Measured } from '../session/tasks.ts';
import { atOnce, cipher, kex } from './libraries.ts';
import { hashOfNames, type WorkKind } from './work.ts';

const execute = promisify(execFile);

/** What one of them is to do. */
export interface ProgramJob {
  readonly target: Target;
  readonly kind: WorkKind;
  readonly source: string;
  readonly destination: string;
  readonly names: string;
  /** For what is written besides. */
  readonly scratch: string;
}

export interface Program {
  readonly name: string;
  readonly run: (job: ProgramJob) => Promise<Measured>;
}

/** Those that this machine has. */
export function programsHere(): Program[] {
  return [
    ...(isThere('sftp', ['-V']) ? [{ name: 'OpenSSH sftp', run: openSsh }] : []),
    ...(isThere('lftp', ['--version']) ? [{ name: 'lftp', run: lftp }] : []),
    ...(isThere(python, ['-c', 'import asyncssh']) ? [{ name: 'asyncssh', run: asyncssh }] : []),
  ];
}

/** Debian's own Python has Debian's packages, whatever else is installed. */
const python = '/usr/bin/python3';
const asyncsshClient = join(process.cwd(), 'bench', 'sftp', 'asyncssh_client.py');

function isThere(program: string, words: readonly string[]): boolean {
  const { error, status } = spawnSync(program, words, { stdio: 'ignore' });
  return error === undefined && (status === 0 || program === 'sftp');
}

async function openSsh(job: ProgramJob): Promise<Measured> {
  const { target } = job;
  const options = openSshOptions(target, { kex, cipher });
  const call = (batch: string): string =>
    `sftp -F none ${options} -q -b ${batch} -P ${target.port} ${target.username}@${target.host} > ${job.scratch}/out`;
  return beyondStart(job, call, openSshCommands(job), namesOfLines);
}

function openSshCommands({ kind, source, destination }: ProgramJob): string {
  switch (kind) {
    case 'get':
      return `get ${source} ${destination}\n`;
    case 'put':
      return `put ${source} ${destination}\n`;
    case 'get tree':
      return `get -r ${source} ${destination}\n`;
    case 'put tree':
      return `mkdir ${destination}\nput -r ${source}/. ${destination}\n`;
    case 'list':
      return `ls -1f ${source}\n`;
    default:
      throw new Error(`there is no work ${kind satisfies never}`);
  }
}

async function lftp(job: ProgramJob): Promise<Measured> {
  const { target } = job;
  const options = openSshOptions(target, { kex, cipher });
  const settings = [
    `set sftp:connect-program "ssh -a -x -F none ${options}"`,
    'set cmd:fail-exit true',
    'set net:max-retries 1',
    `open -u ${target.username}, sftp://${target.host}:${target.port}`,
  ].join('\n');
  const call = (batch: string): string => `lftp -f ${batch} > ${job.scratch}/out`;
  return beyondStart(job, call, lftpCommands(job), namesOfLines, `${settings}\n`, 'cd /\n');
}

function lftpCommands({ kind, source, destination }: ProgramJob): string {
  switch (kind) {
    case 'get':
      return `get ${source} -o ${destination}\n`;
    case 'put':
      return `put ${source} -o ${destination}\n`;
    case 'get tree':
      return `mirror --parallel=${atOnce} ${source} ${destination}\n`;
    case 'put tree':
      return `mirror -R --parallel=${atOnce} ${source} ${destination}\n`;
    case 'list':
      return `cls -1 --basename ${source}/\n`;
    default:
      throw new Error(`there is no work ${kind satisfies never}`);
  }
}

/** The whole program, less what it takes to connect and to end. */
async function beyondStart(
  job: ProgramJob,
  call: (batch: string) => string,
  commands: string,
  namesIn: (output: string) => readonly string[],
  before: string = '',
  nothing: string = 'pwd\n',
): Promise<Measured> {
  const batch = join(job.scratch, 'batch');
  writeFileSync(batch, `${before}${nothing}`);
  const empty = await timed(call(batch));
  writeFileSync(batch, `${before}${commands}`);
  const full = await timed(call(batch));
  if (job.kind === 'list') checkNames(namesIn(readFileSync(join(job.scratch, 'out'), 'utf8')), job);
  return {
    bytes: 0,
    operations: 1,
    milliseconds: full.milliseconds - empty.milliseconds,
    cpuMilliseconds: full.cpuMilliseconds - empty.cpuMilliseconds,
  };
}

/** sftp prints its commands as well, and paths where it was given one. */
function namesOfLines(output: string): readonly string[] {
  return output
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('sftp>'))
    .map((line) => line.slice(line.lastIndexOf('/') + 1).trim())
    .filter((name) => name !== '.' && name !== '..');
}

async function asyncssh({ target, kind, source, destination, names }: ProgramJob): Promise<Measured> {
  const words = [asyncsshClient, JSON.stringify({ target, kind, source, destination, cipher, kex })];
  const { stdout } = await execute(python, words, { maxBuffer: 1 << 26 });
  const taken = JSON.parse(stdout) as {
    readonly milliseconds: number;
    readonly cpuMilliseconds: number;
    readonly names: readonly string[];
  };
  if (kind === 'list') checkNames(taken.names, { names });
  const { milliseconds, cpuMilliseconds } = taken;
  return { bytes: 0, operations: 1, milliseconds, cpuMilliseconds };
}

function checkNames(found: readonly string[], { names }: Pick<ProgramJob, 'names'>): void {
  if (hashOfNames(found) !== names) throw new Error(`other names came, ${found.length} of them`);
}

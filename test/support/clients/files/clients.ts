/**
 * Programs and libraries of others that move files over SFTP.
 *
 * Owns: how each is told to do the same work: `big` to /work/renamed by way of /work/big and back
 * to `back`; /work/half from `head` and the rest of `big`; `part` filled up from the server; `tree`
 * to /tree and back to `treeBack`; what is made in between is gone.
 * Must not know: what is checked.
 */
import { execFileSync, spawnSync } from 'node:child_process';

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { keyKinds } from '../../servers/keys.ts';
import { type Program, pathOf } from '../../servers/programs.ts';
import { type ClientLab, publicLine } from '../lab.ts';
import { ClientProcess, type Outcome } from '../process.ts';

/** What the work is done with. */
export interface FilesJob {
  readonly lab: ClientLab;
  readonly port: number;
  /** Has big, head, part, tree. */
  readonly folder: string;
}

export interface FilesClient {
  readonly name: string;
  readonly programs: readonly Program[];
  /** Python's module that it needs. */
  readonly module?: string;
  /** It goes on with a transfer that was cut off. */
  readonly resumes: boolean;
  /** @returns the error output of what failed; undefined where all went well */
  work(job: FilesJob): Promise<string | undefined>;
}

const within = 120_000;

const environment = ({ lab }: FilesJob): Record<string, string> => ({
  PATH: process.env['PATH'] ?? '',
  HOME: lab.folder,
  LC_ALL: 'C.UTF-8',
  TERM: 'dumb',
});

async function run(
  job: FilesJob,
  program: string,
  args: readonly string[],
  input: string = '',
): Promise<string | undefined> {
  const invocation = { program, args, env: environment(job) };
  const { child, outcome } = new ClientProcess(invocation, { within });
  child.stdin.end(input);
  const { code, stdout, stderr }: Outcome = await outcome;
  return code === 0 ? undefined : `${program} ended with ${code}:\n${stdout}${stderr}`;
}

const knownHosts = ({ lab, port }: FilesJob): string =>
  lab.file(keyKinds.map((kind) => `[127.0.0.1]:${port} ${publicLine(kind)}\n`).join(''));

const openSshOptions = (job: FilesJob): string[] => [
  ...['-F', 'none', '-P', String(job.port), '-i', job.lab.key('ed25519', 'openssh')],
  ...['-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes', '-o', 'HostKeyAlgorithms=ssh-ed25519'],
  ...['-o', `UserKnownHostsFile=${knownHosts(job)}`, '-o', 'GlobalKnownHostsFile=none'],
];

const sftp: FilesClient = {
  name: 'OpenSSH’s sftp',
  programs: ['sftp'],
  resumes: true,
  work(job) {
    const lines = [
      `lcd ${job.folder}`,
      ...['mkdir /work', 'put big /work/big', 'get /work/big back', 'rename /work/big /work/renamed'],
      ...['ls -la /work', 'put head /work/half', 'reput big /work/half', 'reget /work/renamed part'],
      ...['put -rp tree /', 'get -rp /tree treeBack', 'chmod 600 /work/half', 'ln -s renamed /work/link'],
      ...['get /work/link', 'rm /work/link', 'ln /work/half /work/hard', 'rm /work/hard'],
      ...['cp /work/half /work/copy', 'rm /work/copy', 'df -h /work', 'put head /work/gone', 'rm /work/gone'],
      ...['mkdir /empty', 'rmdir /empty', '-ls /work/gone', 'cd /tree', 'ls -1', 'pwd'],
    ];
    return run(job, pathOf('sftp'), [...openSshOptions(job), '-b', '-', 'ops@127.0.0.1'], lines.join('\n'));
  },
};

const scp: FilesClient = {
  name: 'OpenSSH’s scp',
  programs: ['scp', 'sftp'],
  resumes: false,
  async work(job) {
    const { folder } = job;
    const at = (path: string): string => `ops@127.0.0.1:${path}`;
    const copy = (...args: readonly string[]) =>
      run(job, pathOf('scp'), ['-s', ...openSshOptions(job), ...args]);
    const first = ['mkdir /work'].join('\n');
    return (
      (await run(job, pathOf('sftp'), [...openSshOptions(job), '-b', '-', at('')], first)) ??
      (await copy(join(folder, 'big'), at('/work/renamed'))) ??
      (await copy(at('/work/renamed'), join(folder, 'back'))) ??
      (await copy(join(folder, 'big'), at('/work/half'))) ??
      (await copy('-rp', join(folder, 'tree'), at('/'))) ??
      (await copy('-rp', at('/tree'), join(folder, 'treeBack')))
    );
  },
};

const psftp: FilesClient = {
  name: 'PuTTY’s psftp',
  programs: ['psftp'],
  resumes: true,
  async work(job) {
    const lines = [
      `lcd ${job.folder}`,
      ...['mkdir /work', 'put big /work/big', 'get /work/big back', 'mv /work/big /work/renamed'],
      ...['ls /work', 'put head /work/half', 'reput big /work/half', 'reget /work/renamed part'],
      ...['put -r tree /tree', 'get -r /tree treeBack', 'chmod 600 /work/half', 'put head /work/gone'],
      ...['del /work/gone', 'mkdir /empty', 'rmdir /empty', 'cd /tree', 'pwd', 'quit'],
    ];
    const hostKey = publicLine('ed25519').split(' ')[1] ?? '';
    const script = job.lab.file(`${lines.join('\n')}\n`);
    const args = ['-P', String(job.port), '-l', 'ops', '-batch', '-noagent', '-hostkey', hostKey];
    return run(job, pathOf('psftp'), [
      ...args,
      ...['-i', job.lab.key('ed25519', 'putty-3.ppk'), '-b', script, '127.0.0.1'],
    ]);
  },
};

const lftp: FilesClient = {
  name: 'lftp',
  programs: ['lftp', 'ssh'],
  resumes: true,
  work(job) {
    const ssh = [
      ...['ssh', '-a', '-x', '-F', 'none', '-i', job.lab.key('ed25519', 'openssh')],
      ...['-o', 'IdentitiesOnly=yes', '-o', 'BatchMode=yes', '-o', `UserKnownHostsFile=${knownHosts(job)}`],
      ...['-o', 'HostKeyAlgorithms=ssh-ed25519'],
    ].join(' ');
    const lines = [
      'set cmd:fail-exit true',
      'set net:max-retries 1',
      'set net:timeout 30',
      `set sftp:connect-program '${ssh}'`,
      `open -u ops,none -p ${job.port} sftp://127.0.0.1`,
      `lcd ${job.folder}`,
      ...['mkdir /work', 'put big -o /work/big', 'get /work/big -o back', 'mv /work/big /work/renamed'],
      ...[
        'cls -l /work',
        'put head -o /work/half',
        'put -c big -o /work/half',
        'get -c /work/renamed -o part',
      ],
      ...['mirror -R tree /tree', 'mirror /tree treeBack', 'chmod 600 /work/half', 'put head -o /work/gone'],
      ...['rm /work/gone', 'mkdir /empty', 'rmdir /empty', 'mkdir -p /deep/er', 'rm -r /deep', 'exit'],
    ];
    return run(job, pathOf('lftp'), ['--norc', '-f', job.lab.file(`${lines.join('\n')}\n`)]);
  },
};

const rclone: FilesClient = {
  name: 'rclone',
  programs: ['rclone'],
  resumes: false,
  async work(job) {
    const { folder } = job;
    const options = [
      ...['host=127.0.0.1', `port=${job.port}`, 'user=ops', `key_file=${job.lab.key('ed25519', 'openssh')}`],
      ...[`known_hosts_file=${knownHosts(job)}`, 'shell_type=none', 'md5sum_command=none'],
      'sha1sum_command=none',
    ];
    const at = (path: string): string => `:sftp,${options.join(',')}:${path}`;
    const rcloneRun = (...args: readonly string[]) =>
      run(job, pathOf('rclone'), ['--config', '/dev/null', '--retries', '1', '--links', ...args]);
    return (
      (await rcloneRun('copyto', join(folder, 'big'), at('/work/big'))) ??
      (await rcloneRun('copyto', at('/work/big'), join(folder, 'back'))) ??
      (await rcloneRun('moveto', at('/work/big'), at('/work/renamed'))) ??
      (await rcloneRun('copyto', join(folder, 'big'), at('/work/half'))) ??
      (await rcloneRun('lsl', at('/work'))) ??
      (await rcloneRun('sync', '--create-empty-src-dirs', join(folder, 'tree'), at('/tree'))) ??
      (await rcloneRun('sync', '--create-empty-src-dirs', at('/tree'), join(folder, 'treeBack'))) ??
      (await rcloneRun('check', '--download', join(folder, 'tree'), at('/tree'))) ??
      (await rcloneRun('mkdir', at('/empty'))) ??
      (await rcloneRun('rmdir', at('/empty'))) ??
      (await rcloneRun('copyto', join(folder, 'head'), at('/work/gone'))) ??
      (await rcloneRun('deletefile', at('/work/gone')))
    );
  },
};

const script = (name: string): string => fileURLToPath(new URL(`./${name}`, import.meta.url));

const python = (module: string): FilesClient => ({
  name: module,
  programs: [],
  module,
  resumes: true,
  work: (job) =>
    run(job, '/usr/bin/python3', [
      ...[script(`${module}_client.py`), String(job.port), job.lab.key('ed25519', 'openssh')],
      ...[knownHosts(job), job.folder],
    ]),
});

/** ssh2, by whose SFTP also node-ssh and ssh2-sftp-client move files. */
const ssh2: FilesClient = {
  name: 'ssh2',
  programs: [],
  resumes: true,
  work: (job) =>
    run(job, process.execPath, [
      ...[script('ssh2_client.mjs'), String(job.port), job.lab.key('ed25519', 'openssh'), job.folder],
      createRequire(import.meta.url).resolve('ssh2'),
    ]),
};

export const filesClients: readonly FilesClient[] = [
  sftp,
  scp,
  psftp,
  lftp,
  rclone,
  ssh2,
  python('asyncssh'),
  python('paramiko'),
];

/** Whether Debian's Python has a module. */
export function hasModule(module: string): boolean {
  return spawnSync('/usr/bin/python3', ['-c', `import ${module}`], { stdio: 'ignore' }).status === 0;
}

/** Names that are hard to write, all of which a Unix folder takes. */
export const strangeNames: readonly string[] = [
  ...[
    'sp ace',
    'ünïcödé',
    'q"uote',
    "apos'trophe",
    '-dash',
    'semi;colon',
    '$dollar',
    'a&b',
    '(paren)',
    '%41',
  ],
  ...['#hash', '~tilde', 'trailing.', '日本語', '.hidden', 'a=b', 'x,y', '@at'],
];

/** Files and folders below a folder with the hash of each. */
export function contentsOf(folder: string): string[] {
  return execFileSync('find', ['.', '-type', 'f', '-exec', 'sha256sum', '{}', '+'], {
    cwd: folder,
    encoding: 'utf8',
  })
    .trim()
    .split('\n')
    .sort();
}

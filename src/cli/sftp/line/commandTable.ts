/**
 * The commands there are.
 *
 * Owns: their names, their flags, what help says of each, and which kind of name completes an argument.
 * Must not know: how lines are read.
 */

/** One command, under the name that the parser knows it by. */
export type CommandName =
  | 'cd'
  | 'chgrp'
  | 'chmod'
  | 'chown'
  | 'cp'
  | 'df'
  | 'get'
  | 'help'
  | 'lcd'
  | 'lls'
  | 'lmkdir'
  | 'ln'
  | 'lpwd'
  | 'ls'
  | 'lumask'
  | 'mkdir'
  | 'progress'
  | 'put'
  | 'pwd'
  | 'quit'
  | 'reget'
  | 'rename'
  | 'reput'
  | 'rm'
  | 'rmdir'
  | 'symlink'
  | 'version';

export type ArgumentKind = 'local' | 'remote' | 'none';

export interface CommandEntry {
  readonly name: CommandName;
  readonly aliases: readonly string[];
  /** The letters that are flags. */
  readonly flags: string;
  /** What stands behind its name, for the help. */
  readonly usage: string;
  readonly summary: string;
  /** What Tab completes, by the place of the argument; the last one is for all behind it. */
  readonly completes: readonly ArgumentKind[];
}

const entry = (
  name: CommandName,
  usage: string,
  summary: string,
  completes: readonly ArgumentKind[] = ['none'],
  more: { readonly flags?: string; readonly aliases?: readonly string[] } = {},
): CommandEntry => ({
  name,
  usage,
  summary,
  completes,
  flags: more.flags ?? '',
  aliases: more.aliases ?? [],
});

export const commandTable: readonly CommandEntry[] = [
  entry('cd', '[path]', 'go to a folder on the server', ['remote'], { aliases: ['chdir'] }),
  entry('chgrp', '[-h] group path', 'set the group by number; -h: of a link', ['none', 'remote'], {
    flags: 'h',
  }),
  entry('chmod', '[-h] mode path', 'set permissions, such as 644', ['none', 'remote'], { flags: 'h' }),
  entry('chown', '[-h] user path', 'set the owner by number', ['none', 'remote'], { flags: 'h' }),
  entry('cp', 'path path', 'copy a file on the server', ['remote'], { aliases: ['copy'] }),
  entry('df', '[-hi] [path]', 'show free space; -i: free inodes', ['remote'], { flags: 'hi' }),
  entry('get', '[-afpR] remote [local]', 'fetch files', ['remote', 'local'], {
    flags: 'afpPrR',
    aliases: ['mget'],
  }),
  entry('help', '', 'print this list', ['none'], { aliases: ['?'] }),
  entry('lcd', '[path]', 'go to a folder here', ['local'], { aliases: ['lchdir'] }),
  entry('lls', '[arguments of ls]', 'list a folder here', ['local']),
  entry('lmkdir', 'path', 'make a folder here', ['local']),
  entry('ln', '[-s] path path', 'make a hard link; -s: a symbolic link', ['remote'], {
    flags: 's',
  }),
  entry('lpwd', '', 'print the current folder here'),
  entry('ls', '[-1afhlnrSt] [path]', 'list files on the server', ['remote'], {
    flags: '1afhlnrSt',
    aliases: ['dir'],
  }),
  entry('lumask', 'mask', 'set the umask for new files here', ['none'], { flags: 'h' }),
  entry('mkdir', 'path', 'make a folder on the server', ['remote']),
  entry('progress', '', 'show the progress of transfers, or hide it'),
  entry('put', '[-afpR] local [remote]', 'send files', ['local', 'remote'], {
    flags: 'afpPrR',
    aliases: ['mput'],
  }),
  entry('pwd', '', 'print the folder on the server'),
  entry('quit', '', 'end the session', ['none'], { aliases: ['exit', 'bye'] }),
  entry('reget', '[-fpR] remote [local]', 'continue a get', ['remote', 'local'], { flags: 'afpPrR' }),
  entry('rename', 'path path', 'rename a file on the server', ['remote'], { flags: 'l' }),
  entry('reput', '[-fpR] local [remote]', 'continue a put', ['local', 'remote'], { flags: 'afpPrR' }),
  entry('rm', 'path', 'remove files on the server', ['remote']),
  entry('rmdir', 'path', 'remove an empty folder on the server', ['remote']),
  entry('symlink', 'path path', 'make a symbolic link on the server', ['remote']),
  entry('version', '', 'print the version of SFTP'),
];

const byName: ReadonlyMap<string, CommandEntry> = new Map(
  commandTable.flatMap((each) => [each.name, ...each.aliases].map((name) => [name, each] as const)),
);

/** The command of this name, in letters of either case. */
export function commandNamed(name: string): CommandEntry | undefined {
  return byName.get(name.toLowerCase());
}

/** Every word that may begin a line. */
export function commandNames(): readonly string[] {
  return [...byName.keys()].sort();
}

/** What `help` prints. */
export function commandHelp(): string {
  const rows = commandTable.flatMap(({ name, aliases, usage, summary }) => {
    const named = [name, ...aliases].join(', ');
    return [[usage === '' ? named : `${named} ${usage}`, summary] as const];
  });
  const shell = [
    ['!command', 'run a command here'],
    ['!', 'run a shell here'],
  ] as const;
  const width = Math.max(...rows.map(([left]) => left.length));
  return [...rows, ...shell].map(([left, right]) => `${left.padEnd(width)}  ${right}\n`).join('');
}

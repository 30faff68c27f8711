/**
 * The first program of the README, as JavaScript and as TypeScript.
 *
 * Owns: how the text is taken from the README, what is put in place of its example
 * host and paths, and what the program must have done.
 * Must not know: which runtime runs it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

const report = 'the report\n';

/** The program of the README's section, with `port`, key and files of this machine. */
export function firstProgram({ root, folder, port, username, keyFile, hostKeyFile }) {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const text = /^## The first program\n+```ts\n([\s\S]*?)```/m.exec(readme)?.[1];
  if (text === undefined) throw new Error('the README has no first program');
  const arrived = join(folder, 'arrived.txt');
  const program = replaced(text, {
    "host: 'server.example'": `host: '127.0.0.1', port: ${port}`,
    "username: 'ops'": `username: ${JSON.stringify(username)}`,
    "'/home/ops/.ssh/id_ed25519'": JSON.stringify(keyFile),
    "'report.txt'": JSON.stringify(join(folder, 'report.txt')),
    "'/tmp/report.txt'": JSON.stringify(arrived),
  });
  writeFileSync(join(folder, 'report.txt'), report);
  writeFileSync(join(folder, 'first.mjs'), program);
  writeFileSync(join(folder, 'first.ts'), program);
  compile(root, folder);
  const home = join(folder, 'home');
  mkdirSync(join(home, '.ssh'), { recursive: true, mode: 0o700 });
  writeFileSync(
    join(home, '.ssh', 'known_hosts'),
    `[127.0.0.1]:${port} ${readFileSync(hostKeyFile, 'utf8')}`,
  );
  return {
    /** What went wrong, in words; undefined where the program did what the README says. */
    async run(language, compiles, start) {
      rmSync(arrived, { force: true });
      const typed = compiles ? join('compiled', 'first.js') : 'first.ts';
      const file = language === 'JavaScript' ? 'first.mjs' : typed;
      const { output, errors, ended } = await start(file, { HOME: home });
      if (ended !== 'code 0') return `it ended by ${ended}: ${errors.trim().slice(-2000)}`;
      // A runtime may print numbers in colour.
      if (!/^0 Linux /.test(stripVTControlCharacters(output))) return `it printed ${JSON.stringify(output)}`;
      const came = readFileSync(arrived, 'utf8');
      return came === report ? undefined : `the file that arrived has ${JSON.stringify(came)}`;
    },
  };
}

/** Each text once for its counterpart; one that the README no longer has is an error. */
function replaced(text, pairs) {
  return Object.entries(pairs).reduce((before, [from, to]) => {
    if (before.split(from).length !== 2)
      throw new Error(`the README's first program does not have ${from} once`);
    return before.replace(from, () => to);
  }, text);
}

/** With every check, against the types of the package that is installed beside it. */
function compile(root, folder) {
  execFileSync(
    process.execPath,
    [
      join(root, 'node_modules/typescript/bin/tsc'),
      ...['--strict', '--module', 'nodenext', '--target', 'es2023', '--types', 'node'],
      ...[
        '--typeRoots',
        join(root, 'node_modules/@types'),
        '--outDir',
        'compiled',
        '--ignoreConfig',
        'first.ts',
      ],
    ],
    { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
  );
}

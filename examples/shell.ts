/** A shell on the server, on this terminal. */
import { connect } from 'deadline-ssh';
import { argumentsOr, optionsFor } from './target.ts';

const [target = ''] = argumentsOr('shell [user@]host[:port]', 1);
const { stdin, stdout } = process;
if (!stdin.isTTY) {
  console.error('shell: standard input is not a terminal');
  process.exit(2);
}
const client = await connect({ ...optionsFor(target), timeout: 10_000 });
try {
  const { columns, rows } = stdout;
  const shell = await client.shell({ term: 'xterm-256color', columns, rows });
  const resize = (): void => shell.resize(stdout.columns, stdout.rows);
  stdout.on('resize', resize);
  // In raw mode each key, Ctrl-C too, goes to the server, and the server echoes it.
  stdin.setRawMode(true);
  stdin.pipe(shell.stdin);
  shell.stdout.pipe(stdout);
  const { code } = await shell.exit;
  process.exitCode = code ?? 255;
} finally {
  stdin.setRawMode(false);
  stdin.destroy();
  await client.close();
}

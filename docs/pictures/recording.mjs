/**
 * A recording of programs on a terminal.
 *
 * Owns: the terminal (a shell on a pseudo-terminal), what is typed, when the screen looked how.
 * Must not know: which programs run, how a screen is drawn.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import xterm from '@xterm/headless';

const driver = fileURLToPath(new URL('../../test/support/cli/terminal.py', import.meta.url));
const prompt = '$ ';
/** Milliseconds; changes of the screen that are closer together are one picture. */
const shortestFrame = 90;
/** Milliseconds within which a command has to end. */
const longest = 60_000;

/**
 * Types the command into a shell and records the screen until the shell asks for the next one.
 *
 * @returns the screens, each with the milliseconds since the command began
 */
export async function record(command, { rows, columns, env, folder }) {
  const screen = new xterm.Terminal({ rows, cols: columns, allowProposedApi: true });
  const shell = spawn('python3', [driver, String(rows), String(columns), 'bash', '--norc', '-i'], {
    cwd: folder,
    env: {
      ...env,
      PS1: prompt,
      TERM: 'xterm-256color',
      HISTFILE: '/dev/null',
      BASH_SILENCE_DEPRECATION_WARNING: '1',
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const tooLong = setTimeout(() => shell.kill(), longest);
  const frames = [];
  const shown = [];
  let began = 0;
  const look = (at) => {
    const rowsNow = linesOf(screen);
    const last = frames.at(-1);
    if (last !== undefined && at - last.at < shortestFrame && frames.length > 1) frames.pop();
    if (JSON.stringify(frames.at(-1)?.rows) !== JSON.stringify(rowsNow)) frames.push({ at, rows: rowsNow });
  };
  const isAtPrompt = () => {
    const { active } = screen.buffer;
    const line = active.getLine(active.baseY + active.cursorY)?.translateToString(true) ?? '';
    return `${line} `.startsWith(prompt) && line.trim() === prompt.trim();
  };
  const input = (text) =>
    shell.stdin.write(`${JSON.stringify({ write: Buffer.from(text).toString('base64') })}\n`);
  const lines = createInterface({ input: shell.stdout });
  let stage = 'waiting';
  for await (const line of lines) {
    const event = JSON.parse(line);
    if (event.exit !== undefined) break;
    if (event.output === undefined) continue;
    await new Promise((resolve) => screen.write(Buffer.from(event.output, 'base64'), resolve));
    shown.push(event.output);
    if (stage === 'waiting') {
      if (!isAtPrompt()) continue;
      stage = 'typed';
      input(`${command}\r`);
      continue;
    }
    // The prompt may come in pieces: the command runs once it stands in the prompt's line.
    if (stage === 'typed') {
      if (isAtPrompt()) continue;
      stage = 'running';
      began = performance.now();
    }
    if (stage === 'running') {
      look(performance.now() - began);
      if (!isAtPrompt()) continue;
      stage = 'over';
      input('exit\r');
    }
  }
  clearTimeout(tooLong);
  if (shell.exitCode === null) await once(shell, 'exit');
  if (stage !== 'over') throw new Error(`“${command}” did not come to its end: ${text(shown)}`);
  return frames;
}

const text = (chunks) => chunks.map((chunk) => Buffer.from(chunk, 'base64').toString()).join('');

/** The screen as rows of runs: text of one look. */
function linesOf(screen) {
  const { active } = screen.buffer;
  const cell = active.getNullCell();
  return Array.from({ length: screen.rows }, (_, y) => {
    const line = active.getLine(active.baseY + y);
    const runs = [];
    for (let x = 0; line !== undefined && x < screen.cols; x++) {
      line.getCell(x, cell);
      const look = {
        colour: cell.isFgPalette() ? cell.getFgColor() : undefined,
        bold: cell.isBold() !== 0,
        dim: cell.isDim() !== 0,
      };
      const letters = cell.getChars() || ' ';
      const last = runs.at(-1);
      if (last !== undefined && sameLook(last.look, look)) last.text += letters;
      else runs.push({ x, text: letters, look });
    }
    return runs
      .map((run, index) => (index === runs.length - 1 ? { ...run, text: run.text.trimEnd() } : run))
      .filter((run) => run.text.trim() !== '');
  });
}

const sameLook = (a, b) => a.colour === b.colour && a.bold === b.bold && a.dim === b.dim;

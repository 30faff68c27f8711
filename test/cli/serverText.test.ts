/**
 * Lines of a server and lines of this program cannot be taken for each other,
 * whatever the server says.
 */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { escapeLines } from '../../src/base/bytes.ts';
import { serverLines, serverPrefix, serverPrompt } from '../../src/cli/connection/serverText.ts';
import { formatPublicKey, generateKey } from '../../src/entry/keys.ts';
import { createServer, type ServerOptions, type SshServer } from '../../src/entry/server.ts';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import { runCommand } from '../support/cli/run.ts';
import { type Terminal, useTerminals } from '../support/cli/terminal.ts';
import { describeWith } from '../support/servers/programs.ts';

/** The lines that a terminal of that width shows, of characters that take up to two places. */
function visibleLines(text: string, columns: number): string[] {
  return text.split('\n').flatMap((line) => {
    const lines: string[] = [];
    let shown = '';
    let width = 0;
    for (const character of line) {
      // A tab goes to the edge at most; what follows it wraps.
      const more = character === '\t' ? Math.min(8, columns - width) : /[ -~]/.test(character) ? 1 : 2;
      if (width + more > columns) {
        lines.push(shown);
        shown = '';
        width = 0;
      }
      shown += character;
      width += more;
    }
    return [...lines, shown];
  });
}

const said = fc.oneof(
  fc.string(),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  fc
    .array(
      fc.constantFrom(
        '\n',
        '\r\n',
        '\t',
        ' '.repeat(70),
        'Passphrase for /home/me/.ssh/id_ed25519: ',
        '你',
        '\u0301',
        '[server] ',
      ),
    )
    .map((parts) => parts.join('')),
);
const width = fc.integer({ min: serverPrefix.length + 3, max: 200 });

describe('what a server says', () => {
  it('begins no visible line without the prefix', () => {
    fc.assert(
      fc.property(said, width, (text, columns) => {
        for (const line of visibleLines(serverLines(escapeLines(text), columns), columns)) {
          expect(line.startsWith(serverPrefix.trimEnd())).toBe(true);
        }
        for (const line of visibleLines(serverPrompt('me@host', escapeLines(text), columns), columns)) {
          expect(line.startsWith(serverPrefix)).toBe(true);
        }
      }),
    );
  });

  it('is shown in full', () => {
    fc.assert(
      fc.property(said, fc.option(width, { nil: undefined }), (text, columns) => {
        const escaped = escapeLines(text).replace(/\n$/, '');
        const shown = serverLines(escaped, columns).split('\n');
        const joined = shown.map((line) => line.slice(serverPrefix.length)).join('');
        expect(joined).toBe(escaped.replaceAll('\n', ''));
      }),
    );
  });

  it('is cut for no terminal that does not wrap', () => {
    expect(serverLines('x'.repeat(500))).toBe(`${serverPrefix}${'x'.repeat(500)}`);
    expect(serverLines('a\n\nb\n')).toBe('[server] a\n[server]\n[server] b');
  });

  it('shows the line ends of a question as such', () => {
    expect(serverPrompt('me@host', 'Code: ', 80)).toBe('[server] (me@host) Code: ');
    expect(serverPrompt('me@host', 'Code\nPassphrase for id: ', 80)).toBe(
      '[server] (me@host) Code\\n\n[server] Passphrase for id: ',
    );
    expect(serverPrompt('me@host', 'Code:\n', 80)).toBe('[server] (me@host) Code:\\n\n[server]  ');
  });
});

describeWith({ programs: ['python3'] }, 'on a terminal', () => {
  const command = useBuiltCommand();
  const newHome = useHomes();
  const start = useTerminals(command);
  const hostKey = generateKey('ed25519');
  const faked = 'Passphrase for /home/me/.ssh/id_ed25519: ';
  let server: SshServer;
  let port: number;
  let prompt = '';
  const answers: string[][] = [];

  beforeAll(async () => {
    const authentication: ServerOptions['authentication'] = {
      keyboardInteractive: async (_username, ask) => {
        const prompts = [{ prompt, echo: true }];
        answers.push([...(await ask({ name: 'Name', instruction: `Instruction\n${faked}`, prompts }))]);
        return true;
      },
    };
    server = await createServer({
      hostKeys: hostKey,
      banner: `Banner\n${faked}\n`,
      authentication,
      exec: (process) => {
        process.stdout.end('in\n');
        return 0;
      },
    });
    ({ port } = await server.listen());
    return () => server.close();
  });

  function home(): Home {
    const made = newHome();
    made.write('known_hosts', `[127.0.0.1]:${port} ${formatPublicKey(hostKey.publicKey)}\n`);
    return made;
  }

  it.each([
    ['a line feed', `Code:\n${faked}`],
    ['blanks up to the edge', `Code:${' '.repeat(200)}${faked}`],
    ['nothing but what this program would say', faked],
  ])('a server that asks with %s cannot ask in the words of this program', async (_, asked) => {
    prompt = asked;
    const terminal: Terminal = start([`me@127.0.0.1:${port}`, 'true'], home(), { columns: 80 });
    await terminal.shows(/id_ed25519: $/);
    const lines = terminal.screen.split(/\r?\n/).flatMap((line) => visibleLines(line, 80));
    expect(lines.join('\n')).toContain('[server] Banner');
    expect(lines.join('\n')).toContain('[server] Instruction');
    for (const line of lines.slice(0, -1)) expect(line).toMatch(/^\[server\]/);
    expect(lines.at(-1)).toMatch(/^\[server\] .*id_ed25519: $/);
    terminal.type('seen through\r');
    await terminal.shows('in\r\n');
    expect((await terminal.end).status).toBe(0);
    expect(answers.at(-1)).toEqual(['seen through']);
  });

  it('and no line of this program begins with the prefix of a server', async () => {
    prompt = 'Code:';
    const terminal: Terminal = start(['-vv', `me@127.0.0.1:${port}`, 'true'], home(), { columns: 200 });
    await terminal.shows(/Code:.*$/);
    terminal.type('seen through\r');
    expect((await terminal.end).status).toBe(0);
    const lines = terminal.screen.split(/\r?\n/).filter((line) => line !== '');
    const [ofServer, own] = [
      lines.filter((line) => line.startsWith('[server]')),
      lines.filter((line) => !line.startsWith('[server]')),
    ];
    expect(ofServer.slice(0, 2)).toEqual(['[server] Banner', `[server] ${faked}`]);
    expect(own.length).toBeGreaterThan(5);
    // What the command of the server printed is its own matter.
    for (const line of own.filter((text) => text !== 'in')) expect(line).toMatch(/^deadline-ssh: /);
  });

  it('and where there is none, nobody is asked, and the banner is as the server sent it', async () => {
    const { stderr } = await runCommand(command(), ['-vv', `me@127.0.0.1:${port}`, 'true'], { home: home() });
    const lines = stderr.trimEnd().split('\n');
    const own = lines.filter((line) => line.startsWith('deadline-ssh: '));
    expect(own.length).toBeGreaterThan(5);
    expect(lines.filter((line) => !own.includes(line))).toEqual(['Banner', faked]);
  });
});

/**
 * The command as a person at a terminal meets it: prompts, a shell, escapes,
 * and a terminal that is what it was afterwards, however it ends.
 */
import { readFileSync, statSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import { type Terminal, useTerminals } from '../support/cli/terminal.ts';
import {
  describeServer,
  makeOpenSshKey,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

const raw = { echo: false, icanon: false, isig: false, opost: false, icrnl: false };
const driven = { programs: ['python3'] } as const;

describeServer(
  'a terminal',
  openSsh,
  (lab) => {
    let server: TestServer;
    const command = useBuiltCommand();
    const newHome = useHomes();
    const start = useTerminals(command);
    beforeAll(async () => {
      server = await startOpenSsh(lab(), { hostKeys: ['ed25519'] });
    }, setupTimeout);

    const target = (): string => `${lab().account.name}@127.0.0.1:${server.port}`;
    const userKey = (): readonly string[] => ['-i', lab().userKeys.of('ed25519').path];
    const known = (): Home => newHome().knows(server);

    /** Path of a key with the passphrase `open sesame`. */
    function lockedKey(isAuthorized: boolean): string {
      const path = lab().newPath();
      const publicLine = makeOpenSshKey('ed25519', path, { passphrase: 'open sesame', extra: ['-a', '1'] });
      lab().authorize(['ed25519'], isAuthorized ? [publicLine] : []);
      return path;
    }

    /** A shell with a prompt of its own; what is behind the prompt is output. */
    async function shell(
      more: readonly string[] = [],
      size?: { rows: number; columns: number },
    ): Promise<Terminal> {
      const terminal = start([...more, ...userKey(), target()], known(), size);
      await terminal.shows(/[$#] $/);
      terminal.type("PS1='ready> '; set +o vi +o emacs 2>/dev/null\r");
      await terminal.shows(/\nready> $/);
      return terminal;
    }

    describe('with a shell on it', () => {
      it('is raw while the shell lasts, and afterwards as it was', async () => {
        const terminal = await shell();
        expect(await terminal.modes()).toMatchObject(raw);
        terminal.type('exit 7\r');
        await terminal.shows('Connection to 127.0.0.1 closed.\r\n');
        const { status, modes } = await terminal.end;
        expect(status).toBe(7);
        expect(modes.asBefore).toBe(true);
      });

      it('gives the server its type, size and modes', async () => {
        const terminal = await shell([], { rows: 31, columns: 97 });
        terminal.type('echo $TERM; stty size; stty -a\r');
        await terminal.shows('xterm-256color\r\n31 97\r\n');
        const modes = await terminal.shows(/\nready> $/);
        expect(modes).toContain('intr = ^C');
        expect(modes).toMatch(/[^-]icanon/);
      });

      it('takes each new size to the server', async () => {
        const terminal = await shell();
        terminal.resize(40, 120);
        // What is typed goes behind the new size: both are packets of one connection.
        await expect
          .poll(async () => {
            terminal.type('stty size\r');
            return terminal.shows(/\r\n\d+ \d+\r\n/);
          })
          .toContain('40 120');
      });

      it('sends Ctrl-C to the remote command and lives on', async () => {
        const terminal = await shell();
        // Said by the process that is to be interrupted: a shell that is about to start one may miss the signal.
        terminal.type("sh -c 'echo started; exec cat'\r");
        await terminal.shows('\nstarted\r\n');
        terminal.type('\u0003');
        await terminal.shows(/\^C\r\n(\r\n)?ready> /);
        terminal.type('echo still $((40 + 2))\r');
        await terminal.shows('still 42\r\n');
      });

      it('passes output on as it is', async () => {
        const terminal = await shell();
        terminal.type("stty -opost; printf 'a\\nb\\033[1mc\\n'; stty opost\r");
        await terminal.shows('a\nb\u001b[1mc\n');
      });
    });

    describe('escapes', () => {
      it('disconnect with ~. at once, and leave the terminal as it was', async () => {
        const terminal = await shell();
        terminal.type('~.');
        await terminal.shows('Connection to 127.0.0.1 closed.');
        const { status, modes } = await terminal.end;
        expect(status).toBe(255);
        expect(modes.asBefore).toBe(true);
      });

      it('disconnect from a server that answers nothing any more', async () => {
        const terminal = await shell();
        terminal.type('kill -STOP $PPID\r');
        terminal.type('echo never\r');
        terminal.type('~.');
        expect((await terminal.end).status).toBe(255);
        server.process.killConnections();
      });

      it('tell what they are, what is waited for, and agree on new keys', async () => {
        const terminal = await shell();
        terminal.type('~?');
        await terminal.shows('~.   disconnect');
        terminal.type('~i');
        await terminal.shows('waiting for the shell');
        terminal.type('~R');
        await terminal.shows('new keys are in use');
        terminal.type('\r~~\r');
        await terminal.shows('~');
        terminal.type('echo still here\r');
        // The terminal may echo what is typed before a slow shell prompts.
        await terminal.shows(/\n(?:ready> )?still here/);
      });
    });

    describe('is left as it was', () => {
      it.each([
        ['SIGTERM', 143],
        ['SIGHUP', 129],
      ] as const)('by %s, with status %i', async (signal, status) => {
        const terminal = await shell();
        terminal.signal(signal);
        const end = await terminal.end;
        expect(end.status).toBe(status);
        expect(end.modes.asBefore).toBe(true);
      });

      it('when the connection is lost, with the reason', async () => {
        const terminal = await shell();
        server.process.killConnections();
        await terminal.shows(/deadline-ssh: .*the connection was lost/);
        const { status, modes } = await terminal.end;
        expect(status).toBe(255);
        expect(modes.asBefore).toBe(true);
      });

      it('when a passphrase is asked for and a signal comes', async () => {
        const path = lockedKey(true);
        const terminal = start(['-i', path, target()], known());
        await terminal.shows(`Passphrase for ${path}: `);
        expect((await terminal.modes()).echo).toBe(false);
        terminal.signal('SIGTERM');
        const { status, modes } = await terminal.end;
        expect(status).toBe(143);
        expect(modes.asBefore).toBe(true);
      });
    });

    describe('an unknown host key', () => {
      const question = 'Is it the right one? (yes, no, or the fingerprint you were told) ';
      const fingerprint = (): string => server.hostKeys[0]?.fingerprint ?? '';
      const whoami = (home: Home): Terminal => start([...userKey(), target(), 'id -un'], home);

      it('is shown and, once accepted, kept', async () => {
        const home = newHome();
        const first = whoami(home);
        const shown = await first.shows(question);
        expect(shown).toContain(`ssh-ed25519 ${fingerprint()}`);
        expect(shown).toContain('+--[ED25519 256]--+');
        first.type('yes\r');
        await first.shows(`Added [127.0.0.1]:${server.port} to ${home.at('known_hosts')}.`);
        await first.shows(`${lab().account.name}\r\n`);
        expect((await first.end).status).toBe(0);
        expect(statSync(home.at('known_hosts')).mode & 0o777).toBe(0o600);
        const second = whoami(home);
        expect((await second.end).status).toBe(0);
        expect(second.screen).toBe(`${lab().account.name}\r\n`);
      });

      it('is accepted by its fingerprint', async () => {
        const terminal = whoami(newHome());
        await terminal.shows(question);
        terminal.type(`${fingerprint()}\r`);
        expect((await terminal.end).status).toBe(0);
      });

      it.each(['no\r', '\u0004', 'SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDtSAIIbzQmXZyXnRk\r'])(
        'is refused by %j, and nothing is kept',
        async (keys) => {
          const home = newHome();
          const terminal = whoami(home);
          await terminal.shows(question);
          terminal.type(keys);
          await terminal.shows('was not accepted');
          expect((await terminal.end).status).toBe(255);
          expect(() => home.read('known_hosts')).toThrow('ENOENT');
        },
      );

      it('that differs from the known one is refused without a question', async () => {
        const home = newHome();
        const { publicLine } = lab().userKeys.of('rsa');
        home.write('known_hosts', `[127.0.0.1]:${server.port} ${publicLine}\n`);
        const terminal = whoami(home);
        expect((await terminal.end).status).toBe(255);
        expect(terminal.screen).toContain('is not the known one');
        expect(terminal.screen).not.toContain('yes');
      });
    });

    describe('a passphrase', () => {
      it('is asked for again after a wrong one, and never shown', async () => {
        const path = lockedKey(true);
        const terminal = start(['-i', path, target(), 'id -un'], known());
        await terminal.shows(`Passphrase for ${path}: `);
        expect(await terminal.modes()).toMatchObject({ echo: false, icanon: false });
        terminal.type('open barley\r');
        await terminal.shows(`That is not the passphrase.\r\nPassphrase for ${path}: `);
        terminal.type('open x\u007fsesame\r');
        const { status, modes } = await terminal.end;
        expect(status).toBe(0);
        expect(modes.asBefore).toBe(true);
        expect(terminal.screen).not.toMatch(/barley|sesame/);
      });

      it('is not asked for where the server would not take the key', async () => {
        const path = lockedKey(false);
        const terminal = start(
          ['-i', path, '-i', lab().userKeys.of('ed25519').path, target(), 'id -un'],
          known(),
        );
        expect((await terminal.end).status).toBe(0);
        expect(terminal.screen).toBe(`${lab().account.name}\r\n`);
      });

      it('passes the key over where it is left empty', async () => {
        const path = lockedKey(true);
        const terminal = start(
          ['-i', path, '-i', lab().userKeys.of('ed25519').path, target(), 'id -un'],
          known(),
        );
        await terminal.shows('Passphrase');
        terminal.type('\r');
        expect((await terminal.end).status).toBe(0);
      });

      it('is not waited for after Ctrl-C', async () => {
        const terminal = start(['-i', lockedKey(true), target(), 'id -un'], known());
        await terminal.shows('Passphrase');
        terminal.type('open\u0003');
        const { status, modes } = await terminal.end;
        expect(status).toBe(130);
        expect(modes.asBefore).toBe(true);
        expect(terminal.screen).not.toContain('deadline-ssh:');
      });
    });

    describe('a command', () => {
      it('leaves the terminal as it is, unless it is given one', async () => {
        const plain = start([...userKey(), target(), 'tty; cat'], known());
        await plain.shows('not a tty');
        expect((await plain.modes()).asBefore).toBe(true);
        plain.type('a line\r');
        await plain.shows('a line\r\na line\r\n');
        plain.type('\u0004');
        expect((await plain.end).status).toBe(0);
        const given = start(['-t', ...userKey(), target(), 'tty; cat'], known());
        await given.shows(/\/dev\/\S+\r\n/);
        expect(await given.modes()).toMatchObject(raw);
        given.type('\u0003');
        const { status, modes } = await given.end;
        expect(status).toBe(130);
        expect(modes.asBefore).toBe(true);
      });

      it('ends with 130 for Ctrl-C', async () => {
        const terminal = start([...userKey(), target(), 'echo started; sleep 1000'], known());
        await terminal.shows('started');
        terminal.type('\u0003');
        const { status, modes } = await terminal.end;
        expect(status).toBe(130);
        expect(modes.asBefore).toBe(true);
      });

      it('reads nothing of the terminal with -n', async () => {
        const terminal = start(['-n', ...userKey(), target(), 'cat; echo end'], known());
        await terminal.shows('end\r\n');
        expect((await terminal.end).status).toBe(0);
      });

      it('prompts on the terminal while its output is elsewhere', async () => {
        const output = lab().newPath();
        const script = `exec "$@" > ${output} < /dev/null`;
        const terminal = start(['-i', lockedKey(true), target(), 'id -un'], known(), { script });
        await terminal.shows('Passphrase');
        terminal.type('open sesame\r');
        expect((await terminal.end).status).toBe(0);
        expect(readFileSync(output, 'utf8')).toBe(`${lab().account.name}\n`);
      });
    });
  },
  driven,
);

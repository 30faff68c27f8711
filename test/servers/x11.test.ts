/** -X and -Y with a real display, its cookie and a real X client on the server. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import { type CommandRun, runCommand } from '../support/cli/run.ts';
import { describeServer, openSsh, startOpenSsh, type TestServer } from '../support/servers/index.ts';

/** A display that wants the cookie in the file. */
async function startDisplay(authority: string): Promise<{ name: string; end: () => Promise<void> }> {
  const cookie = randomBytes(16).toString('hex');
  spawnSync('xauth', ['-q', '-f', authority, 'add', ':0', 'MIT-MAGIC-COOKIE-1', cookie]);
  // A display forgets cookies that were made meanwhile when its last program leaves; a desktop has always one.
  const options = ['-noreset', '-nolisten', 'tcp', '-screen', '0', '640x480x24'];
  const args = ['-displayfd', '3', '-auth', authority, ...options];
  const child = spawn('Xvfb', args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  const name = await numberOf(child);
  // The server takes the cookies of its file for its own display, whatever it is called there.
  spawnSync('xauth', ['-q', '-f', authority, 'add', name, 'MIT-MAGIC-COOKIE-1', cookie]);
  return {
    name,
    end: () =>
      new Promise((resolve) => {
        child.once('exit', () => resolve());
        child.kill();
      }),
  };
}

function numberOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', () => reject(new Error('Xvfb ended')));
    child.stdio[3]?.once('data', (bytes: Buffer) => resolve(`:${String(bytes).trim()}`));
  });
}

/** The server's xauth says something of a file that it makes. */
function linesOfOurs({ stderr }: CommandRun): string[] {
  return stderr.split('\n').filter((line) => line.startsWith('deadline-ssh: '));
}

describeServer(
  'X11 of the command',
  openSsh,
  (lab) => {
    const command = useBuiltCommand();
    const newHome = useHomes();

    async function withDisplay(
      server: TestServer,
      use: (ssh: (...args: string[]) => Promise<CommandRun>, home: Home) => Promise<void>,
    ): Promise<void> {
      const home = newHome().knows(server);
      const key = lab().userKeys.of('ed25519').path;
      home.write(
        'config',
        `Host there\n  HostName 127.0.0.1\n  Port ${server.port}\n  User ${lab().account.name}\n  IdentityFile ${key}\n  ForwardX11Trusted no\n`,
      );
      const authority = home.at('Xauthority');
      const display = await startDisplay(authority);
      const env = { DISPLAY: display.name, XAUTHORITY: authority };
      try {
        await use((...args) => runCommand(command(), args, { home, env }), home);
      } finally {
        await display.end();
      }
    }

    it('-Y lets a program of the server draw on the display, and -x, no option or another cookie does not', async () => {
      const server = await startOpenSsh(lab(), { config: { X11Forwarding: 'yes' } });
      await withDisplay(server, async (ssh) => {
        const good = await ssh('-Y', 'there', 'xdpyinfo');
        expect([good.status, linesOfOurs(good)]).toEqual([0, []]);
        expect(String(good.stdout)).toMatch(/^name of display: +(localhost|127\.0\.0\.1):\d+/);
        expect(String(good.stdout)).toContain('dimensions:    640x480 pixels');
        for (const options of [[], ['-Y', '-x']]) {
          const none = await ssh(...options, 'there', 'echo "<$DISPLAY>"');
          expect(String(none.stdout)).toBe('<>\n');
        }
        const forged =
          'xauth -q add "$DISPLAY" MIT-MAGIC-COOKIE-1 00112233445566778899aabbccddeeff && xdpyinfo';
        expect((await ssh('-Y', 'there', forged)).status).not.toBe(0);
      });
    }, 60_000);

    it('-X lets a program in that can do no harm: it may not change what others are allowed', async () => {
      const server = await startOpenSsh(lab(), { config: { X11Forwarding: 'yes' } });
      await withDisplay(server, async (ssh, home) => {
        const good = await ssh('-X', 'there', 'xdpyinfo');
        expect([good.status, linesOfOurs(good)]).toEqual([0, []]);
        // A program that is trusted gets through where this one ends with an error of the display.
        const trusted = await ssh('-Y', 'there', 'xauth -q generate "$DISPLAY" . trusted');
        expect([trusted.status, linesOfOurs(trusted)]).toEqual([0, []]);
        const other = await ssh('-X', 'there', 'xauth -q generate "$DISPLAY" . trusted');
        expect(other.status).not.toBe(0);
        expect(home.read('config')).toContain('ForwardX11Trusted no');
      });
    }, 60_000);

    it('a server that does not forward it, and a display that is not there, are said and the command runs', async () => {
      const server = await startOpenSsh(lab(), { config: { X11Forwarding: 'no' } });
      await withDisplay(server, async (ssh) => {
        const refused = await ssh('-Y', 'there', 'echo "<$DISPLAY>"');
        expect(String(refused.stdout)).toBe('<>\n');
        expect(refused.stderr).toContain('the server refused to forward X11');
      });
      const home = newHome().knows(server);
      const key = lab().userKeys.of('ed25519').path;
      const to = ['-i', key, `${lab().account.name}@127.0.0.1:${server.port}`, 'echo in'];
      const none = await runCommand(command(), ['-v', '-X', ...to], { home });
      expect(String(none.stdout)).toBe('in\n');
      expect(none.stderr).toContain('X11 is not forwarded: DISPLAY is not set');
    }, 60_000);
  },
  { programs: ['sshd', 'ssh-keygen', 'xauth', 'Xvfb', 'xdpyinfo'] },
);

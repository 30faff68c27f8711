/** What a server refuses beside the command is said, and the session goes on, as with ssh. */
import { beforeAll, expect, it } from 'vitest';
import { startSshAgent } from '../support/agents.ts';
import { useBuiltCommand } from '../support/cli/build.ts';
import { type Home, useHomes } from '../support/cli/home.ts';
import { type CommandRun, runCommand } from '../support/cli/run.ts';
import { useTerminals } from '../support/cli/terminal.ts';
import {
  describeServer,
  openSsh,
  setupTimeout,
  startOpenSsh,
  type TestServer,
} from '../support/servers/index.ts';

const noTerminal = 'deadline-ssh: the server refused a terminal; the session goes on without one';
const noAgent = 'deadline-ssh: the server refused to forward the agent; the session goes on without it';

describeServer(
  'a server that refuses things',
  openSsh,
  (lab) => {
    let server: TestServer;
    const command = useBuiltCommand();
    const newHome = useHomes();
    const start = useTerminals(command);
    beforeAll(async () => {
      server = await startOpenSsh(lab(), {
        hostKeys: ['ed25519'],
        config: { PermitTTY: 'no', AllowAgentForwarding: 'no' },
      });
    }, setupTimeout);

    const target = (): string => `${lab().account.name}@127.0.0.1:${server.port}`;
    const userKey = (): readonly string[] => ['-i', lab().userKeys.of('ed25519').path];
    const run = (
      args: readonly string[],
      env?: Record<string, string>,
      home: Home = newHome(),
    ): Promise<CommandRun> =>
      runCommand(command(), [...userKey(), ...args], { home: home.knows(server), env });

    it('a terminal: the command runs without one, with its status', async () => {
      const { status, stdout, stderr } = await run(['-tt', target(), 'tty; echo $((40 + 2)); exit 7']);
      expect(stderr).toBe(`${noTerminal}\n`);
      expect(stdout.toString()).toBe('not a tty\n42\n');
      expect(status).toBe(7);
    });

    it('a terminal: -v says that there is none', async () => {
      const { stderr } = await run(['-v', '-tt', target(), 'true']);
      expect(stderr).toMatch(/channel +.*command without a terminal/);
    });

    it('a terminal for a shell: the local one stays as it is and is not taken over', async () => {
      const terminal = start([...userKey(), target()], newHome().knows(server));
      await terminal.shows(noTerminal);
      expect((await terminal.modes()).asBefore).toBe(true);
      terminal.type('echo $((40 + 2)); exit 7\r');
      await terminal.shows('\n42\r\n');
      const { status, modes } = await terminal.end;
      expect(status).toBe(7);
      expect(modes.asBefore).toBe(true);
    });

    it('the agent: the command runs without it', async () => {
      const agent = startSshAgent();
      try {
        const { status, stdout, stderr } = await run(['-A', target(), 'echo "<$SSH_AUTH_SOCK>"'], {
          SSH_AUTH_SOCK: agent.path,
        });
        expect([status, stdout.toString(), stderr]).toEqual([0, '<>\n', `${noAgent}\n`]);
      } finally {
        agent.stop();
      }
    });

    it('rejects where a program asks for a terminal by the library', async () => {
      const client = await server.connect();
      await expect(client.exec('true', { pty: true })).rejects.toMatchObject({
        code: 'ERR_SSH_REQUEST_FAILED',
      });
      const process = await client.exec('true');
      expect(process.refused).toEqual([]);
      process.stdout.resume();
      process.stderr.resume();
      await process.exit;
      await client.close();
    });
  },
  { programs: ['python3', 'ssh-agent', 'ssh-add'] },
);

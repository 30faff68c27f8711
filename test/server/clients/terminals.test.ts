/**
 * Client programs at a terminal: what they say about it when they ask for one
 * on the server, and when its size changes.
 */
import { afterEach, expect, it } from 'vitest';
import { Terminal } from '../../support/cli/terminal.ts';
import { startEmbedded } from '../../support/clients/embedded.ts';
import { describeEachClient } from '../../support/clients/index.ts';

const login = { key: 'ed25519' as const };

describeEachClient(
  'terminals',
  (kind, lab) => {
    let terminal: Terminal | undefined;
    afterEach(() => terminal?.close());

    function open(port: number, command: string): Terminal {
      const { program, args, env } = kind.invoke(lab, { port, login, command, pty: true });
      const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`);
      terminal = new Terminal(['env', '-i', ...variables, program, ...args], 31, 97);
      return terminal;
    }

    it('have a kind, a size and modes', async () => {
      await using server = await startEmbedded();
      const person = open(server.port, 'tty');
      expect(await person.shows(/modes \w+/)).toContain('xterm 97x31 modes true');
      expect((await person.end).status).toBe(0);
    });

    it('change their size, and what is typed goes there unchanged', async () => {
      await using server = await startEmbedded();
      const person = open(server.port, 'size');
      await person.shows('97x31');
      person.resize(40, 111);
      await person.shows('111x40');
      person.type('\x03');
      await person.shows('got "\\u0003"');
      expect((await person.end).status).toBe(6);
    });
  },
  ['python3'],
);

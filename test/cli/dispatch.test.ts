/** Which words are commands of this program, and which are hosts. */
import { describe, expect, it } from 'vitest';
import { dispatch, type Program } from '../../src/cli/dispatch.ts';
import { queryText } from '../../src/cli/remote/query.ts';
import { subcommands } from '../../src/cli/subcommands.ts';

/** Runs a command line on a program that only notes what it is told. */
async function run(...argv: readonly string[]): Promise<{ status: number; calls: string[]; output: string }> {
  const calls: string[] = [];
  let output = '';
  const collect = { write: (text: string) => (output += text) };
  const program: Program = {
    subcommands: new Map([
      [
        'fleet',
        {
          summary: 'run a command on many hosts',
          load: async () => ({
            run: async (rest: readonly string[]) => {
              calls.push(`fleet ${rest.join(' ')}`);
              return 7;
            },
          }),
        },
      ],
    ]),
    output: collect,
    messages: collect,
    session: async ({ host, overrides, command }) => {
      calls.push(`host ${host} ${overrides.join(' ')}: ${command ?? 'shell'}`);
      return 3;
    },
  };
  return { status: await dispatch(argv, program), calls, output };
}

describe('the first word', () => {
  it('is a subcommand where there is one of that name', async () => {
    expect(await run('fleet', '-f', 'hosts')).toEqual({ status: 7, calls: ['fleet -f hosts'], output: '' });
  });

  it.each([
    [['host', 'fleet'], 'host host : fleet'],
    [['root@fleet'], 'host fleet User="root": shell'],
    [['--', 'fleet', 'uptime'], 'host fleet : uptime'],
    [['-v', 'fleet'], 'host fleet LogLevel="DEBUG1": shell'],
    [['constructor'], 'host constructor : shell'],
  ])('of %j is none', async (argv, call) => {
    const { status, calls } = await run(...argv);
    expect(calls).toEqual([call]);
    expect(status).toBe(3);
  });
});

describe('the program', () => {
  it('prints its help and the subcommands there are', async () => {
    const { status, calls, output } = await run('--help');
    expect({ status, calls }).toEqual({ status: 0, calls: [] });
    expect(output).toMatch(/^Usage: deadline-ssh/);
    expect(output).toContain('fleet       run a command on many hosts');
    expect(output).not.toContain('\r');
  });

  it('prints the version of the package', async () => {
    expect((await run('--version')).output).toMatch(/^deadline-ssh \d+\.\d+\.\d+\S*\n$/);
  });

  it('prints a list of what can be negotiated', async () => {
    expect(await run('-Q', 'mac')).toEqual({ status: 0, calls: [], output: queryText('mac') });
  });

  it('says what is wrong with a command line, and ends with 255', async () => {
    expect(await run('--nonsense')).toEqual({
      status: 255,
      calls: [],
      output: 'deadline-ssh: there is no option "--nonsense"; try deadline-ssh --help\n',
    });
  });

  it('loads every subcommand it lists', async () => {
    expect([...subcommands.keys()]).toEqual(expect.arrayContaining(['cp', 'fleet', 'keygen', 'sftp']));
    for (const { summary, load } of subcommands.values()) {
      expect(summary).not.toBe('');
      expect(typeof (await load()).run).toBe('function');
    }
  });
});

/** What every subcommand does alike: its help, its version, what it makes of bad options and of its own faults. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { benchHelp } from '../../src/cli/bench/benchArguments.ts';
import { copyHelp } from '../../src/cli/copy/copyArguments.ts';
import { fleetHelp } from '../../src/cli/fleet/fleetArguments.ts';
import { packageVersion } from '../../src/cli/help.ts';
import { keygenHelp } from '../../src/cli/keygen/keygenArguments.ts';
import { keyscanHelp } from '../../src/cli/keyscan/keyscanArguments.ts';
import { sftpHelp } from '../../src/cli/sftp/sftpArguments.ts';
import { sftpServerHelp } from '../../src/cli/sftpServer/serverArguments.ts';
import { subcommands } from '../../src/cli/subcommands.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

interface Ended {
  readonly status: number;
  readonly out: string;
  readonly said: string;
}

/** Runs a subcommand in this process, with its output caught. */
async function run(name: string, argv: readonly string[]): Promise<Ended> {
  const entry = subcommands.get(name);
  if (entry === undefined) throw new Error(`there is no ${name}`);
  const command = await entry.load();
  let [out, said] = ['', ''];
  const output = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const errors = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    said += String(text);
    return true;
  });
  try {
    const status = await command.run(argv);
    return { status, out, said };
  } finally {
    output.mockRestore();
    errors.mockRestore();
  }
}

const helps: Readonly<Record<string, string>> = {
  bench: benchHelp,
  cp: copyHelp,
  fleet: fleetHelp,
  keygen: keygenHelp,
  keyscan: keyscanHelp,
  sftp: sftpHelp,
  'sftp-server': sftpServerHelp,
};
const names = Object.keys(helps);

it('these are all there are', () => {
  expect([...subcommands.keys()].sort()).toEqual([...names].sort());
});

describe.each(names)('%s', (name) => {
  it('prints its help where it is asked to, and does nothing else', async () => {
    expect(await run(name, ['--help'])).toEqual({ status: 0, out: helps[name], said: '' });
  });

  it('says in one line that an option is none, and ends with what scripts expect', async () => {
    const { status, out, said } = await run(name, ['--nonsense']);
    expect(out).toBe('');
    expect(said).toMatch(/^deadline-ssh: [^\n]*nonsense[^\n]*\n$/);
    // Of the programs whose place they take, those of files end with 1.
    expect(status).toBe(['cp', 'sftp', 'sftp-server'].includes(name) ? 1 : 255);
  });

  it('keeps no fault of its own from whoever looks for it', async () => {
    const broken = new Proxy<readonly string[]>(['x'], {
      get: () => {
        throw new TypeError('a fault of this program');
      },
    });
    await expect(run(name, broken)).rejects.toThrow(TypeError);
  });
});

describe.each(['cp', 'sftp'])('%s', (name) => {
  it.each(['-V', '--version'])('prints the version of the package for %s', async (option) => {
    expect(await run(name, [option])).toEqual({
      status: 0,
      out: `deadline-ssh ${packageVersion()}\n`,
      said: '',
    });
  });
});

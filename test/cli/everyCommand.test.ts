/** What every subcommand does alike: its help, its version, what it makes of bad options and of its own faults. */
import { describe, expect, it } from 'vitest';
import { benchHelp } from '../../src/cli/bench/benchArguments.ts';
import { copyHelp } from '../../src/cli/copy/copyArguments.ts';
import { fleetHelp } from '../../src/cli/fleet/fleetArguments.ts';
import { packageVersion } from '../../src/cli/help.ts';
import { keygenHelp } from '../../src/cli/keygen/keygenArguments.ts';
import { keyscanHelp } from '../../src/cli/keyscan/keyscanArguments.ts';
import { sftpHelp } from '../../src/cli/sftp/sftpArguments.ts';
import { sftpServerHelp } from '../../src/cli/sftpServer/serverArguments.ts';
import { subcommands } from '../../src/cli/subcommands.ts';
import { runHere } from '../support/cli/inProcess.ts';

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
    expect(await runHere(name, ['--help'])).toEqual({ status: 0, out: helps[name], said: '' });
  });

  it('has a help that fits a terminal of 80 columns', () => {
    expect(helps[name]?.split('\n').filter((line) => line.length > 80)).toEqual([]);
  });

  it('says in one line that an option is none, and ends with what scripts expect', async () => {
    const { status, out, said } = await runHere(name, ['--nonsense']);
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
    await expect(runHere(name, broken)).rejects.toThrow(TypeError);
  });
});

describe.each(['cp', 'sftp'])('%s', (name) => {
  it.each(['-V', '--version'])('prints the version of the package for %s', async (option) => {
    expect(await runHere(name, [option])).toEqual({
      status: 0,
      out: `deadline-ssh ${packageVersion()}\n`,
      said: '',
    });
  });
});

/**
 * What the command lines of the file commands have in common.
 *
 * Owns: the options of both, their help, and how both are read.
 * Must not know: what each command has beside these, how any of it is carried out.
 */
import { parsePort } from '../../client/dial/target.ts';
import { type GivenOption, getopt, type OptionNames } from './getopt.ts';
import { connectionOptions, rateOption, type ServerAddress } from './session/connectionWords.ts';

/** The end of the list of options in the help of either command. */
export const commonHelp = `\
  -D PROGRAM
            talk to an SFTP server that runs here, instead of connecting
  -S PROGRAM
            use PROGRAM as ssh, instead of this program's own connection
  -4 -6 -A -C -c -F -i -J -o -v
            as with ssh
      --timeout TIME   the time for connecting and logging in, such as 10s
                       (default 30s)
      --algorithms SET compatible or legacy, for older servers
      --no-agent       do not ask the authentication agent for keys
      --json           print one JSON object a line, {"result"} or {"error"},
                       instead of text
  -h, --help           print this text
  -V, --version        print the version
`;

/** What `-r`, `-p`, `-l` and `--json` say of a transfer. */
export interface TransferWords {
  readonly recursive: boolean;
  readonly preserve: boolean;
  /** Bytes a second. */
  readonly limitRate: number | undefined;
  readonly json: boolean;
}

/** A command line that is cut into options and words. */
export class FileCommandLine {
  readonly options: readonly GivenOption[];
  /** The words behind the options. */
  readonly operands: readonly string[];

  /**
   * @param own the letters of the command itself, without and with a value
   * @throws SshError `ERR_SSH_OPTIONS`
   */
  constructor(argv: readonly string[], own: Pick<OptionNames, 'flags' | 'valued'>) {
    const { options, operands } = getopt(argv, {
      flags: `${connectionOptions.flags}${own.flags}Vhpr`,
      valued: `${connectionOptions.valued}${own.valued}Pl`,
      long: { ...connectionOptions.long, help: false, json: false, version: false },
    });
    this.options = options;
    this.operands = operands;
  }

  has(...names: readonly string[]): boolean {
    return this.options.some(({ name }) => names.includes(name));
  }

  /** The last of these options that is given, which is the one that counts. */
  last(...names: readonly string[]): GivenOption | undefined {
    return this.options.findLast(({ name }) => names.includes(name));
  }

  /** Where nothing but a text is asked for. */
  get asksFor(): 'help' | 'version' | undefined {
    if (this.has('h', 'help')) return 'help';
    return this.has('V', 'version') ? 'version' : undefined;
  }

  /** @throws SshError `ERR_SSH_OPTIONS` */
  transferWords(): TransferWords {
    return {
      recursive: this.has('r'),
      preserve: this.has('p'),
      limitRate: rateOption(this.last('l')?.value),
      json: this.has('json'),
    };
  }

  /** Of `-P`. @throws SshError `ERR_SSH_OPTIONS` */
  port(): number | undefined {
    const text = this.last('P')?.value;
    return text === undefined ? undefined : parsePort(text);
  }
}

/** As with scp and sftp, the port of a URI comes before that of `-P`. */
export function withPort(server: ServerAddress, port: number | undefined): ServerAddress {
  return { ...server, port: server.port ?? port };
}

/**
 * The payloads of a session's requests, from what a user gives.
 *
 * Owns: the checks and defaults of commands and terminals.
 * Must not know: channels.
 */
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { exec as execRequest, ptyReq } from '../../message/channelRequest.ts';
import { type TerminalMode, terminalModeOpcodes, terminalModes } from '../../message/terminalModes.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type Command, commandLine } from './shellWords.ts';

/** A terminal for a command or shell. */
export interface PtyOptions {
  /** The type of the terminal, as `TERM` has it. Default: `xterm-256color`. */
  readonly term?: string | undefined;
  /** Width in characters. Default: 80. */
  readonly columns?: number | undefined;
  /** Height in characters. Default: 24. */
  readonly rows?: number | undefined;
  /** Width in pixels. Default: 0, for unknown. */
  readonly widthPixels?: number | undefined;
  /** Height in pixels. Default: 0, for unknown. */
  readonly heightPixels?: number | undefined;
  /** Terminal modes by their termios names, such as `{ ECHO: 0 }` (RFC 4254 §8). */
  readonly modes?: Readonly<Record<string, number>> | undefined;
}

/** @throws SshError `ERR_SSH_OPTIONS` for what is no command */
export function execPayload(command: Command, cwd?: string): Uint8Array {
  return execRequest.toBytes({ command: commandLine(command, cwd) });
}

export function ptyPayload(options: PtyOptions): Uint8Array {
  const {
    term = 'xterm-256color',
    columns = 80,
    rows = 24,
    widthPixels = 0,
    heightPixels = 0,
    modes = {},
  } = options;
  const writer = new WireWriter();
  terminalModes.encode(writer, terminalModeList(modes));
  return ptyReq.toBytes({
    term,
    columns,
    rows,
    widthPixels,
    heightPixels,
    encodedTerminalModes: writer.copyWritten(),
  });
}

function terminalModeList(modes: Readonly<Record<string, number>>): TerminalMode[] {
  return Object.entries(modes).map(([name, argument]) => {
    const opcode = (terminalModeOpcodes as Readonly<Record<string, number>>)[name];
    if (opcode === undefined) throw optionsError(`there is no terminal mode ${quotedText(name)}`);
    return { opcode, argument };
  });
}

/** What a terminal is asked for with, byte for byte as a server reads it. */
import { describe, expect, it } from 'vitest';
import { execPayload, type PtyOptions, ptyPayload } from '../../src/client/command/requestPayloads.ts';
import { exec, ptyReq } from '../../src/message/channelRequest.ts';
import { terminalModeOpcodes, terminalModes } from '../../src/message/terminalModes.ts';
import { WireReader } from '../../src/wire/reader.ts';

const modesOf = (bytes: Uint8Array): unknown => terminalModes.decode(new WireReader(bytes));

describe('a terminal', () => {
  it('has the usual size and no modes where nothing else is said', () => {
    const { encodedTerminalModes, ...rest } = ptyReq.fromBytes(ptyPayload({}));
    expect(rest).toEqual({
      term: 'xterm-256color',
      columns: 80,
      rows: 24,
      widthPixels: 0,
      heightPixels: 0,
    });
    expect(modesOf(encodedTerminalModes)).toEqual([]);
  });

  it('has what it is given, each mode by its number (RFC 4254 §8)', () => {
    const given = { term: 'vt100', columns: 1, rows: 2, widthPixels: 3, heightPixels: 4 };
    const names = Object.keys(terminalModeOpcodes);
    const modes = Object.fromEntries(names.map((name, index) => [name, index]));
    const { encodedTerminalModes, ...rest } = ptyReq.fromBytes(ptyPayload({ ...given, modes }));
    expect(rest).toEqual(given);
    expect(modesOf(encodedTerminalModes)).toEqual(
      Object.values(terminalModeOpcodes).map((opcode, argument) => ({ opcode, argument })),
    );
  });

  it('has no mode that is none', () => {
    expect(() => ptyPayload({ modes: { VINTR: 3, NOTHING: 1 } as PtyOptions['modes'] })).toThrow(
      'there is no terminal mode "NOTHING"',
    );
  });
});

it('a command is sent as it is written', () => {
  expect(exec.fromBytes(execPayload('ls "a b"'))).toEqual({ command: 'ls "a b"' });
});

/** RFC 4254 §8: encoded terminal modes. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { terminalModeOpcodes, terminalModes } from '../../src/message/terminalModes.ts';
import { WireReader } from '../../src/wire/reader.ts';
import { WireWriter } from '../../src/wire/writer.ts';
import { hexBytes, uint32s } from './support.ts';

const { VINTR, ECHO, TTY_OP_OSPEED } = terminalModeOpcodes;

function encode(modes: readonly { opcode: number; argument: number }[]): Uint8Array {
  const writer = new WireWriter();
  terminalModes.encode(writer, modes);
  return writer.copyWritten();
}

const decode = (bytes: Uint8Array) => terminalModes.decode(new WireReader(bytes));

describe('terminal modes', () => {
  it('are pairs of opcode and uint32, ended by TTY_OP_END', () => {
    const modes = [
      { opcode: VINTR, argument: 3 },
      { opcode: ECHO, argument: 0 },
      { opcode: TTY_OP_OSPEED, argument: 38400 },
    ];
    const bytes = hexBytes('01 00000003', '35 00000000', '81 00009600', '00');
    expect(encode(modes)).toEqual(bytes);
    expect(decode(bytes)).toEqual(modes);
  });

  it('may be none', () => {
    expect(encode([])).toEqual(hexBytes('00'));
    expect(decode(hexBytes('00'))).toEqual([]);
    expect(decode(hexBytes(''))).toEqual([]);
  });

  it('are taken without TTY_OP_END', () => {
    expect(decode(hexBytes('35 00000001'))).toEqual([{ opcode: ECHO, argument: 1 }]);
  });

  it('stop at an opcode from 160 on, whose argument has no defined form', () => {
    const reader = new WireReader(hexBytes('35 00000001', 'a0 12'));
    expect(terminalModes.decode(reader)).toEqual([{ opcode: ECHO, argument: 1 }]);
    expect(reader.remaining).toBe(0);
  });

  it('stop at TTY_OP_END, whatever follows', () => {
    const reader = new WireReader(hexBytes('00', '35 00000001'));
    expect(terminalModes.decode(reader)).toEqual([]);
    expect(reader.remaining).toBe(0);
  });

  it('are refused when an argument is cut', () => {
    expect(() => decode(hexBytes('35 000000'))).toThrow(expect.objectContaining({ code: 'ERR_SSH_DECODE' }));
  });

  it('cannot be written with an opcode that has no argument', () => {
    for (const opcode of [0, 160, 255, 1.5]) {
      expect(() => encode([{ opcode, argument: 0 }])).toThrow(
        expect.objectContaining({ code: 'ERR_SSH_DECODE' }),
      );
    }
  });

  it('are the same after encoding and decoding', () => {
    const modes = fc.array(fc.record({ opcode: fc.integer({ min: 1, max: 159 }), argument: uint32s }));
    fc.assert(
      fc.property(modes, (value) => {
        expect(decode(encode(value))).toEqual(value);
      }),
    );
  });
});

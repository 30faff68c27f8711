/**
 * Terminal modes, as they lie encoded in a pty-req.
 *
 * Owns: RFC 4254 §8 (encoding and opcodes), RFC 8160 §2 (IUTF8).
 * Must not know: what a terminal does with them.
 */
import type { Codec } from '../wire/codec.ts';
import { decodeError } from '../wire/reader.ts';

/** Opcodes by the names of RFC 4254 §8. TTY_OP_END is written by the codec. */
export const terminalModeOpcodes = {
  VINTR: 1,
  VQUIT: 2,
  VERASE: 3,
  VKILL: 4,
  VEOF: 5,
  VEOL: 6,
  VEOL2: 7,
  VSTART: 8,
  VSTOP: 9,
  VSUSP: 10,
  VDSUSP: 11,
  VREPRINT: 12,
  VWERASE: 13,
  VLNEXT: 14,
  VFLUSH: 15,
  VSWTCH: 16,
  VSTATUS: 17,
  VDISCARD: 18,
  IGNPAR: 30,
  PARMRK: 31,
  INPCK: 32,
  ISTRIP: 33,
  INLCR: 34,
  IGNCR: 35,
  ICRNL: 36,
  IUCLC: 37,
  IXON: 38,
  IXANY: 39,
  IXOFF: 40,
  IMAXBEL: 41,
  IUTF8: 42,
  ISIG: 50,
  ICANON: 51,
  XCASE: 52,
  ECHO: 53,
  ECHOE: 54,
  ECHOK: 55,
  ECHONL: 56,
  NOFLSH: 57,
  TOSTOP: 58,
  IEXTEN: 59,
  ECHOCTL: 60,
  ECHOKE: 61,
  PENDIN: 62,
  OPOST: 70,
  OLCUC: 71,
  ONLCR: 72,
  OCRNL: 73,
  ONOCR: 74,
  ONLRET: 75,
  CS7: 90,
  CS8: 91,
  PARENB: 92,
  PARODD: 93,
  TTY_OP_ISPEED: 128,
  TTY_OP_OSPEED: 129,
} as const;

/** One mode. */
export interface TerminalMode {
  /** 1 to 159. */
  readonly opcode: number;
  /** A uint32: a character, a speed, or 0 and 1 for off and on. */
  readonly argument: number;
}

const end = 0;
/** RFC 4254 §8: opcodes from here on have no defined argument, so that reading stops at them. */
const firstUndefined = 160;

/** Modes up to TTY_OP_END, an undefined opcode, or the end of the bytes; what follows is skipped. */
export const terminalModes: Codec<readonly TerminalMode[]> = {
  decode: (reader) => {
    const modes: TerminalMode[] = [];
    while (reader.remaining > 0) {
      const opcode = reader.byte();
      if (opcode === end || opcode >= firstUndefined) {
        reader.viewRest();
        break;
      }
      modes.push({ opcode, argument: reader.uint32() });
    }
    return modes;
  },
  encode: (writer, modes) => {
    for (const { opcode, argument } of modes) {
      if (!Number.isInteger(opcode) || opcode <= end || opcode >= firstUndefined) {
        throw decodeError(`terminal mode ${opcode} has no argument; 1 to ${firstUndefined - 1} have one`);
      }
      writer.byte(opcode).uint32(argument);
    }
    writer.byte(end);
  },
};

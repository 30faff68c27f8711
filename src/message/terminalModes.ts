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
  /** Character that interrupts. */
  VINTR: 1,
  /** Character that quits. */
  VQUIT: 2,
  /** Character that erases the one to its left. */
  VERASE: 3,
  /** Character that kills the line. */
  VKILL: 4,
  /** Character that ends the file. */
  VEOF: 5,
  /** Character that ends a line in addition to LF. */
  VEOL: 6,
  /** Another character that ends a line. */
  VEOL2: 7,
  /** Character that goes on with output. */
  VSTART: 8,
  /** Character that pauses output. */
  VSTOP: 9,
  /** Character that suspends. */
  VSUSP: 10,
  /** Character that suspends when it is read. */
  VDSUSP: 11,
  /** Character that shows the line again. */
  VREPRINT: 12,
  /** Character that erases a word. */
  VWERASE: 13,
  /** Character that takes the next one as it is. */
  VLNEXT: 14,
  /** Character that flushes output. */
  VFLUSH: 15,
  /** Character that switches to another layer. */
  VSWTCH: 16,
  /** Character that shows a line of status. */
  VSTATUS: 17,
  /** Character that turns output off and on. */
  VDISCARD: 18,
  /** Parity errors are ignored. */
  IGNPAR: 30,
  /** Parity errors are marked. */
  PARMRK: 31,
  /** Input parity is checked. */
  INPCK: 32,
  /** The 8th bit is removed. */
  ISTRIP: 33,
  /** LF becomes CR on input. */
  INLCR: 34,
  /** CR is ignored on input. */
  IGNCR: 35,
  /** CR becomes LF on input. */
  ICRNL: 36,
  /** Upper case becomes lower case on input. */
  IUCLC: 37,
  /** Output is controlled by START and STOP. */
  IXON: 38,
  /** Any character starts output again. */
  IXANY: 39,
  /** Input is controlled by START and STOP. */
  IXOFF: 40,
  /** The bell rings when input is full. */
  IMAXBEL: 41,
  /** Input is UTF-8 (RFC 8160). */
  IUTF8: 42,
  /** Signals from INTR, QUIT and SUSP are on. */
  ISIG: 50,
  /** Input is edited by the line. */
  ICANON: 51,
  /** Upper case is marked by a backslash. */
  XCASE: 52,
  /** What is typed is shown. */
  ECHO: 53,
  /** Erasing a character removes it from the screen. */
  ECHOE: 54,
  /** Killing a line starts a new one. */
  ECHOK: 55,
  /** A line feed is shown even without ECHO. */
  ECHONL: 56,
  /** Nothing is flushed after INTR and QUIT. */
  NOFLSH: 57,
  /** Output of background jobs stops them. */
  TOSTOP: 58,
  /** Extensions are on. */
  IEXTEN: 59,
  /** Control characters are shown as ^X. */
  ECHOCTL: 60,
  /** Killing a line removes it from the screen. */
  ECHOKE: 61,
  /** Pending input is shown again. */
  PENDIN: 62,
  /** Output is processed. */
  OPOST: 70,
  /** Lower case becomes upper case on output. */
  OLCUC: 71,
  /** LF becomes CR LF on output. */
  ONLCR: 72,
  /** CR becomes LF on output. */
  OCRNL: 73,
  /** No CR is sent in the first column. */
  ONOCR: 74,
  /** LF returns to the first column. */
  ONLRET: 75,
  /** 7 bits a character. */
  CS7: 90,
  /** 8 bits a character. */
  CS8: 91,
  /** Parity is on. */
  PARENB: 92,
  /** Parity is odd. */
  PARODD: 93,
  /** Input speed in bits a second. */
  TTY_OP_ISPEED: 128,
  /** Output speed in bits a second. */
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

/**
 * Requests on a channel.
 *
 * Owns: RFC 4254 §5.4 (the message), §6.2 to §6.10 (the types of request of a
 * session), RFC 4335 (break), and two requests of OpenSSH (PROTOCOL §2.1, PROTOCOL.agent).
 * Must not know: which channels exist, how a request is served.
 */
import { boolean, name, rest, string, text, uint32 } from '../wire/codec.ts';
import { type Empty, type MessageCodec, message, type PayloadCodec, payload, shortText } from './codec.ts';
import { messageNumbers } from './numbers.ts';

/** RFC 4254 §5.4. */
export interface ChannelRequest {
  readonly recipientChannel: number;
  readonly requestType: string;
  readonly wantReply: boolean;
  /** Fields of the request type, as they came. */
  readonly requestData: Uint8Array;
}

export const channelRequest: MessageCodec<ChannelRequest> = message(messageNumbers.channelRequest, {
  recipientChannel: uint32,
  requestType: name,
  wantReply: boolean,
  requestData: rest,
});

/** RFC 4254 §6.2. */
export interface PtyReq {
  /** Value of the TERM environment variable. */
  readonly term: string;
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
  /** In the form of `terminalModes`. */
  readonly encodedTerminalModes: Uint8Array;
}

export const ptyReq: PayloadCodec<PtyReq> = payload('pty-req', {
  term: shortText,
  columns: uint32,
  rows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
  encodedTerminalModes: string,
});

/** RFC 4254 §6.3.1. */
export interface X11Req {
  readonly singleConnection: boolean;
  readonly x11AuthenticationProtocol: string;
  /** Hexadecimal. */
  readonly x11AuthenticationCookie: string;
  readonly x11ScreenNumber: number;
}

export const x11Req: PayloadCodec<X11Req> = payload('x11-req', {
  singleConnection: boolean,
  x11AuthenticationProtocol: shortText,
  x11AuthenticationCookie: shortText,
  x11ScreenNumber: uint32,
});

/** RFC 4254 §6.4. */
export interface Env {
  readonly variableName: string;
  readonly variableValue: string;
}

export const env: PayloadCodec<Env> = payload('env', { variableName: shortText, variableValue: text });

/** RFC 4254 §6.5: the user's default shell. */
export const shell: PayloadCodec<Empty> = payload('shell', {});

/** RFC 4254 §6.5. */
export interface Exec {
  readonly command: string;
}

export const exec: PayloadCodec<Exec> = payload('exec', { command: text });

/** RFC 4254 §6.5. */
export interface Subsystem {
  readonly subsystemName: string;
}

export const subsystem: PayloadCodec<Subsystem> = payload('subsystem', { subsystemName: shortText });

/** RFC 4254 §6.7. */
export interface WindowChange {
  readonly columns: number;
  readonly rows: number;
  readonly widthPixels: number;
  readonly heightPixels: number;
}

export const windowChange: PayloadCodec<WindowChange> = payload('window-change', {
  columns: uint32,
  rows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
});

/** RFC 4254 §6.8. */
export interface XonXoff {
  readonly clientCanDo: boolean;
}

export const xonXoff: PayloadCodec<XonXoff> = payload('xon-xoff', { clientCanDo: boolean });

/** RFC 4254 §6.9. */
export interface Signal {
  /** Without `SIG`, such as `TERM`. */
  readonly signalName: string;
}

export const signal: PayloadCodec<Signal> = payload('signal', { signalName: shortText });

/** RFC 4254 §6.10. */
export interface ExitStatus {
  readonly exitStatus: number;
}

export const exitStatus: PayloadCodec<ExitStatus> = payload('exit-status', { exitStatus: uint32 });

/** RFC 4254 §6.10. */
export interface ExitSignal {
  /** Without `SIG`, such as `KILL`. */
  readonly signalName: string;
  readonly coreDumped: boolean;
  readonly errorMessage: string;
  readonly languageTag: string;
}

export const exitSignal: PayloadCodec<ExitSignal> = payload('exit-signal', {
  signalName: shortText,
  coreDumped: boolean,
  errorMessage: text,
  languageTag: shortText,
});

/** RFC 4335 §3. */
export interface Break {
  /** Milliseconds; 0 leaves the choice to the other side. */
  readonly breakLength: number;
}

export const breakRequest: PayloadCodec<Break> = payload('break', { breakLength: uint32 });

/** PROTOCOL.agent of OpenSSH: forwards the agent on this session. */
export const authAgentReq: PayloadCodec<Empty> = payload('auth-agent-req@openssh.com', {});

/** OpenSSH PROTOCOL §2.1: the sender of this will read no more of the channel's data. */
export const eow: PayloadCodec<Empty> = payload('eow@openssh.com', {});

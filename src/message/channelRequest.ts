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
  /** Number that the recipient gave the channel. */
  readonly recipientChannel: number;
  /** Such as `exec`. */
  readonly requestType: string;
  /** Whether the recipient has to answer. */
  readonly wantReply: boolean;
  /** Fields of the request type, as they came. */
  readonly requestData: Uint8Array;
}

/** Codec of SSH_MSG_CHANNEL_REQUEST. */
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
  /** Characters in a line. */
  readonly columns: number;
  /** Lines. */
  readonly rows: number;
  /** 0 where it is not known. */
  readonly widthPixels: number;
  /** 0 where it is not known. */
  readonly heightPixels: number;
  /** In the form of `terminalModes`. */
  readonly encodedTerminalModes: Uint8Array;
}

/** Codec of the payload of `pty-req` (RFC 4254 §6.2). */
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
  /** Whether one connection is all that is forwarded. */
  readonly singleConnection: boolean;
  /** Such as `MIT-MAGIC-COOKIE-1`. */
  readonly x11AuthenticationProtocol: string;
  /** Hexadecimal. */
  readonly x11AuthenticationCookie: string;
  /** Number of the screen. */
  readonly x11ScreenNumber: number;
}

/** Codec of the payload of `x11-req` (RFC 4254 §6.3.1). */
export const x11Req: PayloadCodec<X11Req> = payload('x11-req', {
  singleConnection: boolean,
  x11AuthenticationProtocol: shortText,
  x11AuthenticationCookie: shortText,
  x11ScreenNumber: uint32,
});

/** RFC 4254 §6.4. */
export interface Env {
  /** Name of the environment variable. */
  readonly variableName: string;
  /** Its value. */
  readonly variableValue: string;
}

/** Codec of the payload of `env` (RFC 4254 §6.4). */
export const env: PayloadCodec<Env> = payload('env', { variableName: shortText, variableValue: text });

/** RFC 4254 §6.5: the user's default shell. */
export const shell: PayloadCodec<Empty> = payload('shell', {});

/** RFC 4254 §6.5. */
export interface Exec {
  /** The line for the shell of the server. */
  readonly command: string;
}

/** Codec of the payload of `exec` (RFC 4254 §6.5). */
export const exec: PayloadCodec<Exec> = payload('exec', { command: text });

/** RFC 4254 §6.5. */
export interface Subsystem {
  /** Such as `sftp`. */
  readonly subsystemName: string;
}

/** Codec of the payload of `subsystem` (RFC 4254 §6.5). */
export const subsystem: PayloadCodec<Subsystem> = payload('subsystem', { subsystemName: shortText });

/** RFC 4254 §6.7. */
export interface WindowChange {
  /** Characters in a line. */
  readonly columns: number;
  /** Lines. */
  readonly rows: number;
  /** 0 where it is not known. */
  readonly widthPixels: number;
  /** 0 where it is not known. */
  readonly heightPixels: number;
}

/** Codec of the payload of `window-change` (RFC 4254 §6.7). */
export const windowChange: PayloadCodec<WindowChange> = payload('window-change', {
  columns: uint32,
  rows: uint32,
  widthPixels: uint32,
  heightPixels: uint32,
});

/** RFC 4254 §6.8. */
export interface XonXoff {
  /** Whether the client stops and starts output by itself. */
  readonly clientCanDo: boolean;
}

/** Codec of the payload of `xon-xoff` (RFC 4254 §6.8). */
export const xonXoff: PayloadCodec<XonXoff> = payload('xon-xoff', { clientCanDo: boolean });

/** RFC 4254 §6.9. */
export interface Signal {
  /** Without `SIG`, such as `TERM`. */
  readonly signalName: string;
}

/** Codec of the payload of `signal` (RFC 4254 §6.9). */
export const signal: PayloadCodec<Signal> = payload('signal', { signalName: shortText });

/** RFC 4254 §6.10. */
export interface ExitStatus {
  /** What the process ended with. */
  readonly exitStatus: number;
}

/** Codec of the payload of `exit-status` (RFC 4254 §6.10). */
export const exitStatus: PayloadCodec<ExitStatus> = payload('exit-status', { exitStatus: uint32 });

/** RFC 4254 §6.10. */
export interface ExitSignal {
  /** Without `SIG`, such as `KILL`. */
  readonly signalName: string;
  /** Whether the process left an image of its memory. */
  readonly coreDumped: boolean;
  /** For people, as the server wrote it: not escaped. */
  readonly errorMessage: string;
  /** Language of the text (RFC 3066); usually empty. */
  readonly languageTag: string;
}

/** Codec of the payload of `exit-signal` (RFC 4254 §6.10). */
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

/** Codec of the payload of `break` (RFC 4335). */
export const breakRequest: PayloadCodec<Break> = payload('break', { breakLength: uint32 });

/** PROTOCOL.agent of OpenSSH: forwards the agent on this session. */
export const authAgentReq: PayloadCodec<Empty> = payload('auth-agent-req@openssh.com', {});

/** OpenSSH PROTOCOL §2.1: the sender of this will read no more of the channel's data. */
export const eow: PayloadCodec<Empty> = payload('eow@openssh.com', {});

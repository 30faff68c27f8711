/**
 * The one error type of the library and the list of its codes.
 *
 * Owns: `SshError`, its codes, phases and origins, and the map from an error to
 * the reason code of the SSH_MSG_DISCONNECT that is sent for it (RFC 4253 §11.1).
 * Must not know: sockets, clocks, which layer threw.
 */

/** Where in the life of a connection something happened. */
export type SshErrorPhase =
  | 'options'
  | 'connect'
  | 'identification'
  | 'keyExchange'
  | 'authentication'
  | 'connection'
  | 'close';

/** Who caused it: this program's state, the peer, the network, a deadline, or the caller. */
export type SshErrorOrigin = 'local' | 'peer' | 'network' | 'deadline' | 'user';

/** Every code an `SshError` can carry, with the sentence that the documentation prints for it. */
export const errorCodes = {
  /** Correct the option that the message names. */
  ERR_SSH_OPTIONS: 'An option given to this library is missing, malformed or contradicts another.',
  /** Check host, port and network; the message has the reason for each address. */
  ERR_SSH_CONNECT: 'The TCP connection (or the given stream) could not be established.',
  /** Connect again; what was under way may or may not have happened on the server. */
  ERR_SSH_CONNECTION_LOST: 'The transport ended or was reset without an SSH_MSG_DISCONNECT.',
  /** Check the port: what listens there does not speak SSH 2.0. */
  ERR_SSH_IDENTIFICATION: 'The peer did not identify itself as an SSH 2.0 implementation.',
  /** Set `algorithms` as the message says, or update the server. */
  ERR_SSH_NO_COMMON_ALGORITHM: 'The two sides share no algorithm for one of the negotiated kinds.',
  /** Suspect the network or the server; do not send secrets there. */
  ERR_SSH_KEY_EXCHANGE: 'The key exchange failed: a value, a signature or the strict rules were wrong.',
  /** The verifier decides; look at what it was given. */
  ERR_SSH_HOST_KEY_REJECTED: 'The host key was not accepted by the verifier.',
  /** Check the fingerprint with the owner of the server, then add the key to known_hosts. */
  ERR_SSH_HOST_KEY_UNKNOWN: 'The host key is not in known_hosts.',
  /** Either the server was set up anew or somebody is in between. Ask its owner before the old line is removed. */
  ERR_SSH_HOST_KEY_CHANGED: 'known_hosts holds another key for this host, or a rekey shows another one.',
  /** Do not connect: its owner has revoked the key, because it may be in wrong hands. */
  ERR_SSH_HOST_KEY_REVOKED: 'The host key is marked @revoked.',
  /** Either the server was set up anew or somebody is in between. Ask its owner for the fingerprint. */
  ERR_SSH_HOST_KEY_NOT_PINNED: 'The host key is none of those that were pinned.',
  /** Have the certificate renewed, or check the clock of this machine. */
  ERR_SSH_CERTIFICATE: 'A certificate does not hold: its signature, its time, its kind, or whom it is for.',
  /** Check user name and credentials; the message lists what was tried. */
  ERR_SSH_AUTHENTICATION_FAILED:
    'The server accepted none of the authentication methods that could be tried.',
  /** Report it to the maker of the server. */
  ERR_SSH_AUTHENTICATION_PROTOCOL: 'The server broke the rules of the authentication protocol.',
  /** Suspect the network or the server. */
  ERR_SSH_PACKET: 'A packet was malformed: length, padding or alignment.',
  /** Suspect the network: something changed bytes on the way. */
  ERR_SSH_MAC: 'A packet failed its integrity check.',
  /** Report it to the maker of the server. */
  ERR_SSH_DECODE: 'A message ended early, was too long, or held a malformed value.',
  /** Report it to the maker of the server. */
  ERR_SSH_UNEXPECTED_MESSAGE: 'A message came that is not legal in the present state.',
  /** Raise the option in `limits` that the message names, if the peer may have that much. */
  ERR_SSH_LIMIT:
    'A limit was reached: on what a peer may make this side hold or do, or on what fits in one packet.',
  /** The message has the reason that the peer gave; `disconnectReason` has its number. */
  ERR_SSH_DISCONNECTED: 'The peer sent SSH_MSG_DISCONNECT.',
  /** Report it to the maker of the server. */
  ERR_SSH_CHANNEL_PROTOCOL: 'The peer broke the rules of the connection protocol.',
  /** The server does not allow it, or allows no more of them; `channelOpenReason` tells which. */
  ERR_SSH_CHANNEL_OPEN_FAILED: 'The server refused to open the channel.',
  /** The server ended the command, or the file session; start it again. */
  ERR_SSH_CHANNEL_CLOSED: 'The channel closed before the operation finished.',
  /** The server does not know the request, or its settings forbid it; connect once more where the message says that it was not sent. */
  ERR_SSH_REQUEST_FAILED: 'The server refused a request, or its answers have become doubtful.',
  /** Raise `maxBuffer`, or read the output as a stream with `exec`. */
  ERR_SSH_MAX_BUFFER: 'The output of a command is larger than maxBuffer.',
  /**
   * `waitingFor` names the wait, `deadline` its milliseconds; raise that timeout only if the peer is slow on
   * purpose.
   */
  ERR_SSH_TIMEOUT: 'A deadline passed while waiting for the peer.',
  /** Nothing to do: the caller's own signal fired. */
  ERR_SSH_ABORTED: 'The caller aborted the operation.',
  /** Nothing to do where this program closed the connection itself. */
  ERR_SSH_CLOSED: 'The connection was closed or destroyed by this side.',
  /** Mend the function of the caller that the message names. */
  ERR_SSH_CALLBACK: 'A function of the caller threw, or its promise rejected; `cause` is what it threw.',
  /** Check that it is the right file; the message says what was found. */
  ERR_SSH_KEY_FORMAT: 'A key file could not be understood.',
  /** Give the right `passphrase`. */
  ERR_SSH_KEY_PASSPHRASE: 'A key file is encrypted and the passphrase is missing or wrong.',
  /** Convert the key with `ssh-keygen`, or make a new one. */
  ERR_SSH_KEY_UNSUPPORTED: 'A key file is of a kind that is not supported.',
  /** Check that the agent runs and holds the key. */
  ERR_SSH_AGENT: 'The authentication agent failed or misbehaved.',
  /** Do not trust the message: it was changed, or somebody else signed it. */
  ERR_SSH_SIGNATURE: 'A signature over a message does not hold, or is not of somebody who may sign.',
  /** Choose another algorithm, or `crypto: 'noble'`, where this runtime lacks one. */
  ERR_SSH_CRYPTO: 'A cryptographic operation could not be performed.',
  /** Free what the message says is short, and call again. */
  ERR_SSH_LOAD: 'Code that is loaded when it is first needed could not be read; the next call tries again.',
  /** The message names the forward and the reason. */
  ERR_SSH_FORWARD: 'A forward could not be made, or a connection through it could not.',
  /** Check `path`. */
  ERR_SSH_SFTP_NO_SUCH_FILE: 'The server has no file or folder of that name.',
  /** Check the permissions of `path` and of the folder that it is in. */
  ERR_SSH_SFTP_PERMISSION_DENIED: 'The server does not allow the user to do that with the file.',
  /** Look at `path`, and at the free space and the log of the server. */
  ERR_SSH_SFTP_FAILURE: 'The server failed at an operation on a file; its status says no more than that.',
  /** Do without it: this server lacks the operation. */
  ERR_SSH_SFTP_UNSUPPORTED: 'The server does not support an operation on files.',
  /** Check that the server runs SFTP; a startup file that prints text spoils it. */
  ERR_SSH_SFTP_PROTOCOL: 'The peer broke the rules of SFTP, or does not speak version 3 of it.',
  /** The message and `path` say what did not arrive; transfer that again. */
  ERR_SSH_TRANSFER:
    'A transfer did not arrive as it should: a check failed, the local side changed, or a name is unsafe.',
  /** Correct the line that the message names. */
  ERR_SSH_CONFIG: 'A configuration file, or an option in the form of one, cannot be read or is not right.',
  /** Report it, with the stack. */
  ERR_SSH_INTERNAL: 'A defect of this library; please report it.',
} as const;

/** One of the documented `ERR_SSH_…` codes. */
export type SshErrorCode = keyof typeof errorCodes;

/** What is wrong at one place of a configuration. */
export interface ConfigProblem {
  /** As it was named; `command-line` for options of the caller. */
  readonly file: string;
  /** From 1; 0 where it is about the file as a whole. */
  readonly line: number;
  /** What is wrong, with what the file says in it escaped. */
  readonly message: string;
}

/** What an error may say beyond its message; every field is optional. */
export interface SshErrorDetails {
  /** `connection` where not given. */
  readonly phase?: SshErrorPhase | undefined;
  /** `peer` where not given. */
  readonly origin?: SshErrorOrigin | undefined;
  /** The error below it, of the system or of the caller. */
  readonly cause?: unknown;
  /** What a program can do about it, in terms of this library. The message ends with it, behind a semicolon. */
  readonly hint?: string | undefined;
  /** The host that was dialled, as the caller named it. */
  readonly host?: string | undefined;
  /** The port that was dialled. */
  readonly port?: number | undefined;
  /**
   * Name of the innermost wait when the deadline passed, such as `identification`
   * or `channelOpen`. The deadline may be that of the whole dial.
   */
  readonly waitingFor?: string | undefined;
  /** Milliseconds from the start of what the deadline bounds to the error. */
  readonly elapsed?: number | undefined;
  /** The deadline that passed, in milliseconds. */
  readonly deadline?: number | undefined;
  /** Bytes received on the connection until then. */
  readonly bytesReceived?: number | undefined;
  /** The peer's identification string, escaped. */
  readonly remoteIdentification?: string | undefined;
  /** Reason code of an SSH_MSG_DISCONNECT, received or to be sent (RFC 4253 §11.1). */
  readonly disconnectReason?: number | undefined;
  /** Reason code of an SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
  readonly channelOpenReason?: number | undefined;
  /** The file that it is about, escaped. */
  readonly path?: string | undefined;
  /** What an SFTP server answered. */
  readonly status?: SftpStatus | undefined;
  /** The configuration file that is not right; `command-line` for options of the caller. */
  readonly file?: string | undefined;
  /** The line in it, from 1; 0 where it is about the file as a whole. */
  readonly line?: number | undefined;
  /** All that is wrong with the file; the first problem is in the message. */
  readonly problems?: readonly ConfigProblem[] | undefined;
}

/** The status of an SFTP server: its number and its name, such as 2 and `SSH_FX_NO_SUCH_FILE`. */
export interface SftpStatus {
  /** The number, such as 2. */
  readonly code: number;
  /** The name in the draft, such as `SSH_FX_NO_SUCH_FILE`; `SSH_FX_9` where the draft has none. */
  readonly name: string;
}

/**
 * The error that every function of this library throws or rejects with.
 *
 * @example
 * ```ts
 * import { SshError } from 'deadline-ssh';
 * const describe = (error: unknown): string =>
 *   error instanceof SshError ? `${error.code} in phase ${error.phase}` : 'not ours';
 * ```
 */
export class SshError extends Error {
  /** What went wrong; see `errorCodes`. */
  readonly code: SshErrorCode;
  /** Written once more by the protocol when a lower layer, which knows no phase, threw. */
  phase: SshErrorPhase;
  /** Who caused it. */
  readonly origin: SshErrorOrigin;
  /** The host that was dialled, as the caller named it. */
  declare host?: string;
  /** The port that was dialled. */
  declare port?: number;
  /** What a program can do about it; the message ends with it. */
  declare hint?: string;
  /** Name of the innermost wait when a deadline passed, such as `identification`. */
  declare waitingFor?: string;
  /** Milliseconds from the start of what the deadline bounds to the error. */
  declare elapsed?: number;
  /** The deadline that passed, in milliseconds. */
  declare deadline?: number;
  /** Bytes received on the connection until then. */
  declare bytesReceived?: number;
  /** The peer's identification string, escaped. */
  declare remoteIdentification?: string;
  /** Reason code of an SSH_MSG_DISCONNECT, received or to be sent (RFC 4253 §11.1). */
  declare disconnectReason?: number;
  /** Reason code of an SSH_MSG_CHANNEL_OPEN_FAILURE (RFC 4254 §5.1). */
  declare channelOpenReason?: number;
  /** What a `run` that failed had received by then, in the encoding of its options; not shown when the error is printed. */
  declare readonly stdout?: string | Uint8Array;
  /** As `stdout`. */
  declare readonly stderr?: string | Uint8Array;
  /** The file that it is about, escaped. */
  declare path?: string;
  /** What an SFTP server answered. */
  declare status?: SftpStatus;
  /** The configuration file that it is about. */
  declare file?: string;
  /** The line of that file, from 1. */
  declare line?: number;
  /** All that is wrong, where it is more than one thing. */
  declare problems?: readonly ConfigProblem[];

  constructor(code: SshErrorCode, message: string, details: SshErrorDetails = {}) {
    super(
      withHint(message, details.hint),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = 'SshError';
    // Until its stack is read, V8 keeps with an error all that its frames were called on:
    // the connection with its buffers, for as long as somebody keeps the error.
    void this.stack;
    this.code = code;
    this.phase = details.phase ?? 'connection';
    this.origin = details.origin ?? 'peer';
    if (details.host !== undefined) this.host = details.host;
    if (details.port !== undefined) this.port = details.port;
    if (details.hint !== undefined) this.hint = details.hint;
    if (details.waitingFor !== undefined) this.waitingFor = details.waitingFor;
    if (details.elapsed !== undefined) this.elapsed = details.elapsed;
    if (details.deadline !== undefined) this.deadline = details.deadline;
    if (details.bytesReceived !== undefined) this.bytesReceived = details.bytesReceived;
    if (details.remoteIdentification !== undefined) {
      this.remoteIdentification = details.remoteIdentification;
    }
    if (details.disconnectReason !== undefined) this.disconnectReason = details.disconnectReason;
    if (details.channelOpenReason !== undefined) this.channelOpenReason = details.channelOpenReason;
    if (details.path !== undefined) this.path = details.path;
    if (details.status !== undefined) this.status = details.status;
    if (details.file !== undefined) this.file = details.file;
    if (details.line !== undefined) this.line = details.line;
    if (details.problems !== undefined) this.problems = details.problems;
  }

  /**
   * This error with the output of one command. The cause of a connection's end is
   * one error for all that was under way: a command that has output gets a copy
   * of it, one that has none gets it as it is.
   */
  withOutput(output: CommandOutput, isEmpty: boolean): SshError {
    // Text and bytes differ where there are none, too.
    const isFree = this.stdout === undefined || typeof this.stdout === typeof output.stdout;
    if (isEmpty && isFree) return addOutput(this, output);
    const copy = new SshError(this.code, this.message, { ...this, cause: this.cause });
    if (this.stack !== undefined) copy.stack = this.stack;
    return addOutput(copy, output);
  }
}

interface CommandOutput {
  readonly stdout: string | Uint8Array;
  readonly stderr: string | Uint8Array;
}

/** Anybody who prints an error wants neither megabytes nor the secrets that may be in them. */
function addOutput(error: SshError, { stdout, stderr }: CommandOutput): SshError {
  const hidden = { enumerable: false, writable: true, configurable: true };
  return Object.defineProperties(error, {
    stdout: { ...hidden, value: stdout },
    stderr: { ...hidden, value: stderr },
  });
}

/** A copy of an error has the hint in its message already. */
function withHint(message: string, hint: string | undefined): string {
  return hint === undefined || message.endsWith(hint) ? message : `${message}; ${hint}`;
}

/** Reason codes of SSH_MSG_DISCONNECT (RFC 4253 §11.1). */
export const disconnectReasons = {
  hostNotAllowedToConnect: 1,
  protocolError: 2,
  keyExchangeFailed: 3,
  reserved: 4,
  macError: 5,
  compressionError: 6,
  serviceNotAvailable: 7,
  protocolVersionNotSupported: 8,
  hostKeyNotVerifiable: 9,
  connectionLost: 10,
  byApplication: 11,
  tooManyConnections: 12,
  authCancelledByUser: 13,
  noMoreAuthMethodsAvailable: 14,
  illegalUserName: 15,
} as const;

/**
 * The reason that is sent in SSH_MSG_DISCONNECT for an error; undefined where
 * the peer is gone or already said goodbye, so that nothing is sent.
 */
export function disconnectReasonFor(error: SshError): number | undefined {
  switch (error.code) {
    case 'ERR_SSH_CONNECT':
    case 'ERR_SSH_CONNECTION_LOST':
    case 'ERR_SSH_DISCONNECTED':
    case 'ERR_SSH_IDENTIFICATION':
      return undefined;
    case 'ERR_SSH_NO_COMMON_ALGORITHM':
    case 'ERR_SSH_KEY_EXCHANGE':
      return disconnectReasons.keyExchangeFailed;
    case 'ERR_SSH_HOST_KEY_REJECTED':
    case 'ERR_SSH_HOST_KEY_UNKNOWN':
    case 'ERR_SSH_HOST_KEY_CHANGED':
    case 'ERR_SSH_HOST_KEY_REVOKED':
    case 'ERR_SSH_HOST_KEY_NOT_PINNED':
    case 'ERR_SSH_CERTIFICATE':
      return disconnectReasons.hostKeyNotVerifiable;
    case 'ERR_SSH_MAC':
      return disconnectReasons.macError;
    case 'ERR_SSH_AUTHENTICATION_FAILED':
      return disconnectReasons.noMoreAuthMethodsAvailable;
    case 'ERR_SSH_AUTHENTICATION_PROTOCOL':
    case 'ERR_SSH_PACKET':
    case 'ERR_SSH_DECODE':
    case 'ERR_SSH_UNEXPECTED_MESSAGE':
    case 'ERR_SSH_CHANNEL_PROTOCOL':
      return disconnectReasons.protocolError;
    case 'ERR_SSH_LIMIT':
      return error.origin === 'user' ? disconnectReasons.byApplication : disconnectReasons.protocolError;
    case 'ERR_SSH_OPTIONS':
    case 'ERR_SSH_CHANNEL_OPEN_FAILED':
    case 'ERR_SSH_CHANNEL_CLOSED':
    case 'ERR_SSH_REQUEST_FAILED':
    case 'ERR_SSH_MAX_BUFFER':
    case 'ERR_SSH_TIMEOUT':
    case 'ERR_SSH_ABORTED':
    case 'ERR_SSH_CLOSED':
    case 'ERR_SSH_CALLBACK':
    case 'ERR_SSH_LOAD':
    case 'ERR_SSH_FORWARD':
    case 'ERR_SSH_KEY_FORMAT':
    case 'ERR_SSH_KEY_PASSPHRASE':
    case 'ERR_SSH_KEY_UNSUPPORTED':
    case 'ERR_SSH_SIGNATURE':
    case 'ERR_SSH_AGENT':
    case 'ERR_SSH_CRYPTO':
    case 'ERR_SSH_SFTP_NO_SUCH_FILE':
    case 'ERR_SSH_SFTP_PERMISSION_DENIED':
    case 'ERR_SSH_SFTP_FAILURE':
    case 'ERR_SSH_SFTP_UNSUPPORTED':
    case 'ERR_SSH_SFTP_PROTOCOL':
    case 'ERR_SSH_TRANSFER':
    case 'ERR_SSH_CONFIG':
    case 'ERR_SSH_INTERNAL':
      return disconnectReasons.byApplication;
    default:
      return error.code satisfies never;
  }
}

/**
 * The errors of SFTP.
 *
 * Owns: which error a status becomes, and what is said of it; the error of a peer
 * that breaks the rules.
 * Must not know: what an operation is for.
 */
import { escapeText, utf8Decode } from '../../base/bytes.ts';
import { SshError, type SshErrorCode } from '../../base/errors.ts';
import type { Status } from '../packet/responses.ts';
import { statusCodes, statusInVersion3, statusName } from '../packet/status.ts';

/** What a request was about, for its wait and its error. */
export interface Operation {
  /** Such as `open` or `readdir`. */
  readonly name: string;
  /** As the caller gave it; escaped where it is shown. */
  readonly path: string | undefined;
}

/** Bytes of a peer's text in an error. */
const longestText = 256;

/** `stat "/etc/motd"`: the operation and its file, escaped. */
export function describeOperation({ name, path }: Operation): string {
  return path === undefined ? name : `${name} "${escapeText(path)}"`;
}

/** The error that a status other than OK and EOF is to the caller. */
export function statusError(status: Status, operation: Operation, host: string): SshError {
  const { errorCode } = status;
  const said = escapeText(utf8Decode(status.errorMessage.subarray(0, longestText)), longestText);
  const name = statusName(errorCode);
  const plain = said === '' || isUsual(said, errorCode);
  const text = `${describeOperation(operation)} on ${host}: ${meaning(errorCode)}${plain ? '' : ` (${said})`}`;
  return new SshError(codeOf(errorCode), text, {
    origin: 'peer',
    path: operation.path === undefined ? undefined : escapeText(operation.path),
    status: { code: errorCode, name },
  });
}

/** SSH_FX_FAILURE, which is all that servers have for what they have no status for. */
export function isPlainFailure(error: unknown): error is SshError {
  return error instanceof SshError && error.status?.code === statusCodes.failure;
}

/** The error of a peer that breaks the rules; it ends the SFTP session. */
export function protocolError(what: string, details: { readonly cause?: unknown } = {}): SshError {
  return new SshError('ERR_SSH_SFTP_PROTOCOL', `the peer broke the rules of SFTP: ${what}`, {
    origin: 'peer',
    ...details,
  });
}

/** The cause of a session's end, whatever was thrown over what a peer sent. */
export function faultOf(error: unknown): SshError {
  if (!(error instanceof SshError)) {
    const text = error instanceof Error ? error.message : String(error);
    return new SshError('ERR_SSH_INTERNAL', `a defect of this library: ${text}`, {
      origin: 'local',
      cause: error,
    });
  }
  return error.code === 'ERR_SSH_DECODE' ? protocolError(error.message, { cause: error }) : error;
}

function codeOf(errorCode: number): SshErrorCode {
  switch (statusInVersion3(errorCode)) {
    case statusCodes.noSuchFile:
      return 'ERR_SSH_SFTP_NO_SUCH_FILE';
    case statusCodes.permissionDenied:
      return 'ERR_SSH_SFTP_PERMISSION_DENIED';
    case statusCodes.opUnsupported:
      return 'ERR_SSH_SFTP_UNSUPPORTED';
    default:
      return 'ERR_SSH_SFTP_FAILURE';
  }
}

function meaning(errorCode: number): string {
  switch (errorCode) {
    case statusCodes.eof:
      return 'the file has ended';
    case statusCodes.noSuchFile:
      return 'no such file or folder';
    case statusCodes.permissionDenied:
      return 'permission denied';
    case statusCodes.failure:
      return 'the server reports a failure';
    case statusCodes.badMessage:
      return 'the server did not understand the request';
    case statusCodes.opUnsupported:
      return 'the server does not support this operation';
    default:
      return `the server reports ${statusName(errorCode)}`;
  }
}

/** Texts that servers send with a code and that say nothing more. */
const usual: readonly RegExp[] = [
  /^(?:success|ok)\.?$/i,
  /^(?:end of file|eof)\.?$/i,
  /^no such file(?: or directory)?\.?$/i,
  /^permission denied\.?$/i,
  /^failure\.?$/i,
  /^bad message\.?$/i,
  /^no connection\.?$/i,
  /^connection lost\.?$/i,
  /^operation (?:unsupported|not supported)\.?$/i,
];

function isUsual(said: string, errorCode: number): boolean {
  return usual[errorCode]?.test(said) ?? false;
}

/**
 * Errors that say to which host they happened.
 *
 * Owns: how a target is spelled, and where in an error it stands.
 * Must not know: who dials, which layer threw.
 */
import { escapeText } from './bytes.ts';
import { SshError } from './errors.ts';

/** Whom a client dials. */
export interface Address {
  /** As the caller named it. */
  readonly host: string;
  readonly port: number;
}

/** `host:port`; an IPv6 address stands in brackets. */
export function spelled({ host, port }: Address): string {
  const name = escapeText(host, 300);
  return `${name.includes(':') ? `[${name}]` : name}:${port}`;
}

/**
 * The error with its target in `host`, `port` and the message. An error that
 * several targets share, such as a key file that cannot be read, is copied for
 * each of them after the first.
 */
export function addressed(error: SshError, target: Address): SshError {
  if (error.host === undefined) return named(error, target);
  if (error.host === target.host && error.port === target.port) return error;
  return named(copyOf(error), target);
}

/** The message without the target in front, for those who print that themselves. */
export function messageAlone({ message, host, port }: SshError): string {
  if (host === undefined || port === undefined) return message;
  const prefix = `${spelled({ host, port })}: `;
  return message.startsWith(prefix) ? message.slice(prefix.length) : message;
}

/** The error with a remark behind its message, which is made once. */
export function remarked(error: SshError, remark: string): SshError {
  if (!error.message.endsWith(`; ${remark}`)) retitle(error, `${error.message}; ${remark}`);
  return error;
}

function named(error: SshError, target: Address): SshError {
  error.host = target.host;
  error.port = target.port;
  if (!names(error.message, target)) retitle(error, `${spelled(target)}: ${error.message}`);
  return error;
}

/** Whether a message says the target already. */
function names(message: string, target: Address): boolean {
  const host = escapeText(target.host, 300);
  return message.includes(spelled(target)) || message.includes(`[${host}]:${target.port}`);
}

/** A stack begins with the message as it was when it was taken. */
function retitle(error: SshError, message: string): void {
  const { stack = '', message: before } = error;
  error.message = message;
  const headOf = (text: string): string => (text === '' ? error.name : `${error.name}: ${text}`);
  const head = headOf(before);
  if (stack.startsWith(head)) error.stack = `${headOf(message)}${stack.slice(head.length)}`;
}

function copyOf(error: SshError): SshError {
  const { code, message, phase, origin, cause, stack } = error;
  const copy = new SshError(code, message, { phase, origin, cause });
  // Whatever else an error says is said of each target.
  Object.assign(copy, error);
  if (stack !== undefined) copy.stack = stack;
  retitle(copy, messageAlone(error));
  return copy;
}

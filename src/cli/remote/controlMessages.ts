/**
 * What goes over a control socket.
 *
 * Owns: the requests, the answers, the check of each.
 * Must not know: sockets, what a request brings about.
 */
import type { ListenPlace, TargetPlace } from '../../forwarding/places.ts';
import { controlCommands } from './arguments.ts';
import type { ForwardSpec } from './forwardSpecs.ts';

export type ControlCommand = (typeof controlCommands)[number];

export type ControlRequest =
  | { readonly command: 'check' | 'exit' | 'stop' }
  /** A forward that is to be made, or to end. */
  | { readonly command: 'forward' | 'cancel'; readonly spec: ForwardSpec };

export interface ControlAnswer {
  readonly pid: number;
  /** Of a forward whose port was to be chosen. */
  readonly port?: number;
  /** Why it was not done. */
  readonly error?: string;
}

/** Undefined for what is no request. */
export function parseRequest(line: string): ControlRequest | undefined {
  const value = objectIn(line);
  const command = controlCommands.find((one) => one === value?.['command']);
  if (command === undefined) return undefined;
  if (command !== 'forward' && command !== 'cancel') return { command };
  const spec = specOf(value?.['spec']);
  return spec === undefined ? undefined : { command, spec };
}

/** Undefined for what is no answer. */
export function parseAnswer(line: string): ControlAnswer | undefined {
  const { pid, port, error } = objectIn(line) ?? {};
  if (!isWhole(pid, Number.MAX_SAFE_INTEGER) || pid === 0) return undefined;
  if (typeof error === 'string') return { pid, error };
  return isWhole(port, 65_535) ? { pid, port } : { pid };
}

function objectIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return recordOf(JSON.parse(text));
  } catch {
    return undefined;
  }
}

function recordOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? { ...value } : undefined;
}

function specOf(value: unknown): ForwardSpec | undefined {
  const { kind, from, to } = recordOf(value) ?? {};
  const listen = listenOf(from);
  if (listen === undefined) return undefined;
  if (kind === 'socks' || kind === 'remoteSocks') return { kind, from: listen };
  if (kind !== 'local' && kind !== 'remote') return undefined;
  const target = targetOf(to);
  return target === undefined ? undefined : { kind, from: listen, to: target };
}

function listenOf(value: unknown): ListenPlace | undefined {
  const { host, port, path, mode, unlink } = recordOf(value) ?? {};
  if (typeof path === 'string') {
    return { path, ...(isWhole(mode, 0o777) ? { mode } : {}), ...(unlink === true ? { unlink } : {}) };
  }
  if (!isWhole(port, 65_535)) return undefined;
  return { port, ...(typeof host === 'string' ? { host } : {}) };
}

function targetOf(value: unknown): TargetPlace | undefined {
  const { host, port, path } = recordOf(value) ?? {};
  if (typeof path === 'string') return { path };
  return typeof host === 'string' && isWhole(port, 65_535) && port > 0 ? { host, port } : undefined;
}

function isWhole(value: unknown, most: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most;
}

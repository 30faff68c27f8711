/**
 * What goes over a control socket.
 *
 * Owns: the requests, the answers, the check of each.
 * Must not know: sockets, what a request brings about.
 */
import type { ExecOptions } from '../../client/callOptions.ts';
import type { RefusedRequest } from '../../client/command/remoteProcess.ts';
import type { ListenPlace, TargetPlace } from '../../forwarding/places.ts';
import { controlCommands } from './arguments.ts';
import type { ForwardSpec } from './forwardSpecs.ts';
import type { RemotePurpose } from './settings.ts';

/** What a program that listens is told; `proxy` is a session that no connection of its own may serve. */
export type ToldCommand = Exclude<(typeof controlCommands)[number], 'proxy'>;
const toldCommands = controlCommands.filter((command): command is ToldCommand => command !== 'proxy');

export type ControlRequest =
  | { readonly command: 'check' | 'exit' | 'stop' }
  /** A forward that is to be made, or to end. */
  | { readonly command: 'forward' | 'cancel'; readonly spec: ForwardSpec }
  | SessionRequest;

/** A session over the connection of the program that listens. Behind the answer the socket is its streams. */
export interface SessionRequest {
  readonly command: 'session';
  readonly purpose: RemotePurpose;
  readonly options: SharedOptions;
  /** Forwards that are to stand. */
  readonly forwards: readonly ForwardSpec[];
}

/** What of a session goes to another program. */
export type SharedOptions = Pick<ExecOptions, 'pty' | 'x11' | 'forwardAgent' | 'env'>;

export interface ControlAnswer {
  readonly pid: number;
  /** Of a session: what the server refused beside it. */
  readonly refused?: readonly RefusedRequest[];
  /** Of a session: why forwards do not stand. */
  readonly faults?: readonly string[];
  /** Of a forward whose port was to be chosen. */
  readonly port?: number;
  /** Why it was not done. */
  readonly error?: string;
}

/** Undefined for what is no request. */
export function parseRequest(line: string): ControlRequest | undefined {
  const value = objectIn(line);
  if (value?.['command'] === 'session') return sessionOf(value);
  const command = toldCommands.find((one) => one === value?.['command']);
  if (command === undefined) return undefined;
  if (command !== 'forward' && command !== 'cancel') return { command };
  const spec = specOf(value?.['spec']);
  return spec === undefined ? undefined : { command, spec };
}

/** Undefined for what is no answer. */
export function parseAnswer(line: string): ControlAnswer | undefined {
  const { pid, port, error, refused, faults } = objectIn(line) ?? {};
  if (!isWhole(pid, Number.MAX_SAFE_INTEGER) || pid === 0) return undefined;
  if (typeof error === 'string') return { pid, error };
  return {
    pid,
    ...(isWhole(port, 65_535) ? { port } : {}),
    ...(Array.isArray(refused) ? { refused: refusals.filter((one) => refused.includes(one)) } : {}),
    ...(Array.isArray(faults) ? { faults: faults.filter((one) => typeof one === 'string') } : {}),
  };
}

const refusals: readonly RefusedRequest[] = ['terminal', 'agent', 'x11'];

/** What is in the options of a session is checked where it starts. */
function sessionOf(value: Readonly<Record<string, unknown>>): SessionRequest | undefined {
  const { kind, command, name } = recordOf(value['purpose']) ?? {};
  const options = recordOf(value['options']);
  const given = value['forwards'];
  if (options === undefined || !Array.isArray(given)) return undefined;
  const forwards = given.map(specOf).filter((spec) => spec !== undefined);
  if (forwards.length < given.length) return undefined;
  const { pty, x11, forwardAgent, env } = options as SharedOptions;
  const request = { command: 'session', options: { pty, x11, forwardAgent, env }, forwards } as const;
  if (kind === 'subsystem' && typeof name === 'string') return { ...request, purpose: { kind, name } };
  if (kind !== 'session' || (command !== undefined && typeof command !== 'string')) return undefined;
  return { ...request, purpose: { kind, command } };
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

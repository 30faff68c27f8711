/**
 * Whose connection a session runs over.
 *
 * Owns: what a session needs of it.
 * Must not know: how a session goes on.
 */
import type { Client } from '../../client/client.ts';
import type { SharedOptions } from './controlMessages.ts';
import type { Forwards } from './forwards.ts';
import type { RemotePurpose } from './settings.ts';
import type { SessionProcess } from './shared/sharedProcess.ts';

/** That of this program, or that of another. */
export interface SessionHost {
  /** @throws SshError as `Client.exec` */
  start(purpose: RemotePurpose, options: SharedOptions): Promise<SessionProcess>;
  /** Of a connection of this program's own. */
  readonly own: { readonly client: Client; readonly forwards: Forwards } | undefined;
  /** Ends what runs, with its goodbye. */
  close(): void;
  /** Ends it at once. */
  destroy(): void;
}

/** The connection of this program. */
export function ownHost(client: Client, forwards: Forwards, signal: AbortSignal): SessionHost {
  return {
    start: (purpose, options) =>
      whileStarting(signal, (starting) => startOn(client, purpose, { ...options, signal: starting })),
    own: { client, forwards },
    // What still waits is told so at once; the goodbye has its bound.
    close: () => void client.close(),
    destroy: () => client.destroy(),
  };
}

/** What has started hears the very signal that this program gets, and is not ended by an abort. */
async function whileStarting<T>(
  signal: AbortSignal,
  start: (starting: AbortSignal) => Promise<T>,
): Promise<T> {
  const starting = new AbortController();
  const end = (): void => starting.abort(signal.reason);
  signal.addEventListener('abort', end);
  if (signal.aborted) end();
  try {
    return await start(starting.signal);
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** @throws SshError as `Client.exec` */
export function startOn(
  client: Client,
  purpose: RemotePurpose,
  options: SharedOptions & { readonly signal?: AbortSignal },
): Promise<SessionProcess> {
  return purpose.kind === 'subsystem'
    ? client.startSubsystem(purpose.name, options)
    : client.startLenient(purpose.command, options);
}

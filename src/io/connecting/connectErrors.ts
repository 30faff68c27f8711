/**
 * The errors of a connection that never came up.
 *
 * Owns: their texts and details, and what is said of each address of a host.
 * Must not know: links, drivers, platforms beyond the names of their error codes.
 */
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { shortageIn } from '../../base/shortage.ts';
import type { Wait, WaitTable } from '../../base/waits.ts';
import type { AddressFamily, AddressRace } from './addressRace.ts';

/** Addresses that a message names; of the others it says how many there are. */
const namedAddresses = 16;

/** The link failed before it was up. */
export function connectError(error: unknown, target: string): SshError {
  if (error instanceof SshError) return error;
  const why = error instanceof Error ? `: ${reasonOf(error)}` : '';
  const cause = error instanceof AddressesError ? error.cause : error;
  return new SshError('ERR_SSH_CONNECT', `cannot connect to ${target}${why}`, {
    phase: 'connect',
    origin: shortageIn(cause) === undefined ? 'network' : 'local',
    cause,
  });
}

/**
 * A wait expired before the link was up.
 *
 * @param progress what is known of each address
 */
export function connectTimeout(
  wait: Wait,
  waits: WaitTable,
  now: number,
  target: string,
  progress: string = '',
): SshError {
  const bound = wait.timeout;
  const { name } = waits.innermostBeside(wait) ?? wait;
  const why = progress === '' ? '' : `: ${progress}`;
  return new SshError(
    'ERR_SSH_TIMEOUT',
    `timed out after ${Math.round(bound)} ms connecting to ${target}${why}`,
    {
      phase: 'connect',
      origin: 'deadline',
      waitingFor: wait.name === 'dial' ? name : wait.name,
      elapsed: now - wait.since,
      deadline: bound,
      bytesReceived: 0,
    },
  );
}

/** No address of a host could be connected to. The message lists each with its reason. */
export class AddressesError extends Error {
  constructor(race: AddressRace, host: string, family: AddressFamily) {
    super(addressReport(race, host, family), { cause: causeOf(race) });
    this.name = 'AddressesError';
  }
}

/** What came of each address so far, in the order in which they were tried. */
export function addressReport(race: AddressRace, host: string, family: AddressFamily): string {
  const { attempts, waiting } = race;
  if (attempts.length === 0 && waiting.length === 0) return lookupReport(race, family);
  const lines = attempts.map(({ target: { address }, error }) => {
    const reason = error === undefined ? 'no answer' : reasonOf(error);
    return address === host ? reason : `${address}: ${reason}`;
  });
  const all = [...lines, ...waiting.map(({ address }) => `${address}: not tried yet`)];
  const more = all.length - namedAddresses;
  const named = all.slice(0, namedAddresses).join('; ');
  return more > 0 ? `${named}; and ${more} more addresses` : named;
}

function lookupReport({ isLookingUp, lookupError }: AddressRace, family: AddressFamily): string {
  if (isLookingUp) return 'its name is still being looked up';
  if (lookupError !== undefined) return reasonOf(lookupError);
  return family === 0 ? 'it has no address' : `it has no IPv${family} address`;
}

/** The platform's error where there is one; its first error's code where there are several. */
function causeOf({ attempts, lookupError }: AddressRace): unknown {
  const errors = attempts.flatMap(({ error }) => (error === undefined ? [] : [error]));
  if (errors.length < 2) return errors[0] ?? lookupError;
  const all = new AggregateError(errors, 'no address could be connected to');
  return Object.assign(all, { code: codeOf(errors[0]) });
}

const reasons: Readonly<Record<string, string>> = {
  EAI_AGAIN: 'its name cannot be looked up at present',
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'there is no such host',
  ETIMEDOUT: 'no answer',
};

/** In words, with the platform's code, which is what people search for. */
function reasonOf(error: Error): string {
  if (error instanceof AddressesError) return error.message;
  const code = codeOf(error);
  const words = code === undefined ? undefined : (shortageIn(error) ?? reasons[code]);
  return words === undefined ? escapeText(error.message) : `${words} (${code})`;
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown };
  return typeof code === 'string' ? code : undefined;
}

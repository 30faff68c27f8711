/**
 * The way to a server through others, for `via`.
 *
 * Owns: which hops there are, what each takes over from the connection that it
 * leads to, the refusal of ways that lead in a circle, and that they are dialled
 * one through the other within the one deadline of the whole dial.
 * Must not know: how a connection is dialled, links.
 */
import { remarked, spelled } from '../../base/addressed.ts';
import { escapeText } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import { checkArgument, optionsError } from '../../base/optionChecks.ts';
import { hops as hopsRule, isClient } from '../../endpoint/options/optionRules.ts';
import type { AuthMethod } from '../authentication/methods.ts';
import type { UserKeys } from '../authentication/userKeys.ts';
import type { Client } from '../client.ts';
import type { ConnectOptions, Hop, HopOptions } from './options.ts';
import { parseTarget } from './target.ts';

/** Hops of one way; more are a circle, or a mistake. */
const mostHops = 16;

/** What a connection runs through. */
export interface Through {
  readonly client: Client;
  /** It was dialled for this connection alone, and ends with it. */
  readonly isOwned: boolean;
}

/** One hop: a client that is connected already, or options to dial with. */
export type PlannedHop =
  | { readonly client: Client; readonly options?: undefined }
  | {
      readonly client?: undefined;
      readonly options: ConnectOptions;
      /** Its keys are those of the connection that it leads to. */
      readonly sharesKeys: boolean;
    };

/** What of the options is the same for a hop that does not say it. */
const inherited = [
  'username',
  'privateKey',
  'passphrase',
  'certificate',
  'agent',
  'verifyHostKey',
  'algorithms',
  'publickeyAlgorithms',
  'crypto',
  'timeout',
  'timeouts',
  'keepAlive',
  'rekey',
  'limits',
  'requireStrictKeyExchange',
  'softwareVersion',
  'captureStack',
] as const satisfies readonly (keyof ConnectOptions)[];

/** What only the hop that is dialled from this machine can have. */
const ofTheFirst = [
  'via',
  'proxy',
  'proxyCommand',
  'stream',
  'localAddress',
  'typeOfService',
  'family',
] as const satisfies readonly (keyof ConnectOptions)[];

const ownCredentials = [
  'auth',
  'privateKey',
  'passphrase',
  'certificate',
] as const satisfies readonly (keyof ConnectOptions)[];

/** The hops of `via`, the nearest first. @throws SshError `ERR_SSH_OPTIONS` that names the hop */
export function planHops(given: ConnectOptions): readonly PlannedHop[] {
  return given.via === undefined ? [] : plan(given.via, given, 'via', 0);
}

function plan(via: Hop | readonly Hop[], shared: ConnectOptions, name: string, depth: number): PlannedHop[] {
  checkArgument(name, via, hopsRule);
  const list = isList(via) ? via : [via];
  if (depth >= mostHops || list.length > mostHops) {
    throw optionsError(`${name} leads in a circle, or through more than ${mostHops} hops`);
  }
  return list.flatMap((hop, index) => {
    const own = isList(via) ? `${name}[${index}]` : name;
    if (isHopClient(hop)) {
      if (index > 0) throw optionsError(`${own} is a client, which is connected already; put it first`);
      return [{ client: hop }];
    }
    return inPlace(own, () => planOne(hop, shared, own, index === 0, depth));
  });
}

function planOne(
  hop: string | HopOptions,
  shared: ConnectOptions,
  name: string,
  isFirst: boolean,
  depth: number,
): PlannedHop[] {
  const given: ConnectOptions = typeof hop === 'string' ? parseTarget(hop) : hop;
  if ('signal' in given) {
    throw optionsError(
      'there is no option "signal" of a hop; signal stands beside via: it ends the whole dial',
    );
  }
  if (!isFirst) {
    const misplaced = ofTheFirst.find((option) => given[option] !== undefined);
    if (misplaced !== undefined) {
      throw optionsError(
        `${misplaced} is an option of the first hop; this one is reached through those before it`,
      );
    }
  }
  const { via, ...rest } = given;
  const before = via === undefined ? [] : plan(via, shared, `${name}.via`, depth + 1);
  const isNearest = isFirst && before.length === 0;
  const sharesKeys = !ownCredentials.some((option) => rest[option] !== undefined);
  const options = { ...taken(shared, sharesKeys, isNearest, given.host), ...definedOf(rest) };
  return [...before, { options, sharesKeys: sharesKeys && shared.auth === undefined }];
}

/** What a hop has of the connection that it leads to. */
function taken(
  shared: ConnectOptions,
  sharesKeys: boolean,
  isNearest: boolean,
  host: string | undefined,
): ConnectOptions {
  const names: readonly (keyof ConnectOptions)[] = [
    ...inherited.filter((name) => sharesKeys || !(ownCredentials as readonly string[]).includes(name)),
    ...(isNearest ? (['localAddress', 'typeOfService', 'family'] as const) : []),
  ];
  const same = Object.fromEntries(names.map((name) => [name, shared[name]]));
  const { onDebug, auth } = shared;
  return definedOf({
    ...same,
    onDebug:
      onDebug && ((line: string) => onDebug(`on the way, ${escapeText(host ?? 'stream', 300)}: ${line}`)),
    auth: sharesKeys && auth !== undefined ? auth.filter(givesNothingAway) : undefined,
  });
}

/** A signature is of use to nobody but whom it is made for; a password is. */
function givesNothingAway(step: AuthMethod): boolean {
  return step === 'none' || ['none', 'publickey', 'agent'].includes(step.method);
}

function definedOf(options: ConnectOptions): ConnectOptions {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** Says of an error in which hop it is. */
function inPlace<T>(name: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof SshError) || error.message.startsWith(`${name}.via`)) throw error;
    throw optionsError(`${name}: ${error.message}`);
  }
}

/** What checks the options of a hop, and knows where it leads. */
type Resolve = (options: ConnectOptions) => Place;

interface Place {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** What was given for it, where that is known. */
  readonly given?: Pick<ConnectOptions, 'verifyHostKey'>;
}

/**
 * Checks the options of each hop, and that none leads to itself. A hop may come again
 * further on, or have a host key of its own: an address may mean another machine there,
 * and the way still has an end.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function checkHops(hops: readonly PlannedHop[], target: Place | undefined, resolve: Resolve): void {
  let last: { readonly place: string; readonly verifyHostKey: ConnectOptions['verifyHostKey'] } | undefined;
  const pass = ({ host, port, username, given }: Place): void => {
    const verifyHostKey = given?.verifyHostKey;
    const place = `${username}@${spelled({ host: host.toLowerCase(), port })}`;
    if (place === last?.place && verifyHostKey === last.verifyHostKey) {
      throw optionsError(`via leads from ${place} to itself; leave one of the two out`);
    }
    last = { place, verifyHostKey };
  };
  for (const [index, { options }] of hops.entries()) {
    if (options === undefined) continue;
    pass(inPlace(`via, hop ${index + 1}`, () => resolve(options)));
  }
  if (target !== undefined && hops.some(({ options }) => options !== undefined)) pass(target);
}

/** A hop that is connected, and the milliseconds of the dial's time that it took. */
export interface Reached {
  readonly client: Client;
  readonly elapsed: number;
}

export interface HopDials {
  /** Milliseconds that the whole dial may take. */
  readonly timeout: number;
  /** Milliseconds of that which are gone. */
  readonly elapsed: number;
  readonly signal: AbortSignal | undefined;
  readonly keys: UserKeys;
  /** Where the way leads, for errors. */
  readonly target: string;
  /** Dials one of them. It frees what it runs through where it fails. */
  readonly dial: (
    options: ConnectOptions,
    through: Through | undefined,
    keys: UserKeys | undefined,
  ) => Promise<Reached>;
}

/** The last hop, and the time of the dial that is gone once it is reached. */
export interface Route {
  readonly through: Through | undefined;
  readonly elapsed: number;
}

/** Time that is gone leaves a dial nothing, but no dial is without a bound. */
const leastTime = 0.001;

/** Dials the hops, each through the one before. What was dialled is freed where a later one fails. */
export async function dialHops(hops: readonly PlannedHop[], dials: HopDials): Promise<Route> {
  let through: Through | undefined;
  let { elapsed } = dials;
  for (const [index, hop] of hops.entries()) {
    if (hop.options === undefined) {
      through = { client: hop.client, isOwned: false };
      continue;
    }
    const { timeout, signal, keys, target } = dials;
    const left = Math.max(leastTime, timeout - elapsed);
    const options = { ...hop.options, signal, timeout: Math.min(left, hop.options.timeout ?? left) };
    try {
      const reached = await dials.dial(options, through, hop.sharesKeys ? keys : undefined);
      through = { client: reached.client, isOwned: true };
      elapsed += reached.elapsed;
    } catch (error) {
      if (!(error instanceof SshError)) throw error;
      throw remarked(error, `this is hop ${index + 1} of ${hops.length} on the way to ${target}`);
    }
  }
  return { through, elapsed };
}

function isHopClient(hop: Hop): hop is Client {
  return isClient(hop);
}

function isList(via: Hop | readonly Hop[]): via is readonly Hop[] {
  return Array.isArray(via);
}

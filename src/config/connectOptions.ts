/**
 * Settings as options of `connect`.
 *
 * Owns: which option each setting becomes, and its unit there.
 * Must not know: how a configuration is read, how an option is carried out.
 */
import { defaultDialTimeout } from '../base/timeouts.ts';
import type { AuthMethod } from '../client/authentication/methods.ts';
import type { ConnectOptions } from '../client/dial/options.ts';
import type { HostKeyPolicy } from '../client/hostKeys/hostKeys.ts';
import { algorithmsOf, publickeyAlgorithmsOf } from './algorithms.ts';
import { authenticationOf, type CredentialContext } from './credentials.ts';
import { hostKeyPolicyOf } from './hostKeyPolicy.ts';
import { proxyCommandOf } from './proxyCommand.ts';
import { rekeyBytes, rekeyTime } from './reading/ownDirectives.ts';
import type { Resolution } from './reading/resolve.ts';
import type { Settings } from './reading/settings.ts';
import { serviceMark } from './syntax/serviceClasses.ts';

/** What `connect` is given. */
export interface ResolvedOptions
  extends Pick<
    ConnectOptions,
    | 'algorithms'
    | 'family'
    | 'keepAlive'
    | 'limits'
    | 'localAddress'
    | 'publickeyAlgorithms'
    | 'rekey'
    | 'softwareVersion'
    | 'timeout'
    | 'timeouts'
    | 'typeOfService'
  > {
  /** As it is dialled. */
  readonly host: string;
  /** Port, 22 where the configuration has none. */
  readonly port: number;
  /** User, or the local one where the configuration has none. */
  readonly username: string;
  /** The methods to try, in order; others may be put beside them. */
  readonly auth: readonly AuthMethod[];
  /** The policy that StrictHostKeyChecking and the files of known and revoked keys amount to. */
  readonly verifyHostKey: HostKeyPolicy;
  /** ProxyJump: the hosts on the way, the nearest first. */
  readonly via?: readonly ResolvedOptions[] | undefined;
  /** ProxyCommand; `%h`, `%p` and `%r` are expanded by the dial. */
  readonly proxyCommand?: string | undefined;
}

export interface ConnectContext extends CredentialContext {
  /** Whether a person works in the session, as far as it is known now. */
  readonly isInteractive: boolean;
  /** The hosts on the way. */
  readonly via: readonly ResolvedOptions[];
}

const second = 1000;
/** What `rekey.bytes` takes at least. */
const leastRekeyBytes = 16 * 1024;
/** Bits that this client takes at least, whatever is said. */
const leastRsaBits = 1024;

/** @throws SshError `ERR_SSH_CONFIG` for what is not right in what was not read yet */
export async function connectOptionsOf(
  resolution: Resolution,
  context: ConnectContext,
): Promise<ResolvedOptions> {
  const { settings, host, port, user } = resolution;
  const { warnings, via } = context;
  const proxyCommand = proxyCommandOf(resolution, warnings);
  return {
    host,
    port,
    username: user,
    auth: await authenticationOf(resolution, context),
    verifyHostKey: hostKeyPolicyOf(resolution, context),
    ...without({
      algorithms: algorithmsOf(settings, warnings),
      publickeyAlgorithms: publickeyAlgorithmsOf(settings, warnings),
      family: familyOption(settings),
      keepAlive: keepAliveOf(settings),
      limits: limitsOf(settings),
      localAddress: localAddressOf(settings, context),
      typeOfService: typeOfServiceOf(settings, context),
      rekey: rekeyOf(settings),
      softwareVersion: softwareVersionOf(settings),
      ...connectTimeout(settings),
      via: via.length === 0 ? undefined : via,
      proxyCommand,
    }),
  };
}

/** The options of a host that is reached through another: how this machine sends is a matter of the first one. */
export function reachedThrough(options: ResolvedOptions): ResolvedOptions {
  const { family, localAddress, typeOfService, proxyCommand, ...rest } = options;
  return rest;
}

/** Only what is there. */
function without<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

function familyOption(settings: Settings): 4 | 6 | undefined {
  const family = settings.value('addressfamily');
  return family === 'inet' ? 4 : family === 'inet6' ? 6 : undefined;
}

/** The keep-alive of this client stays on unless somebody turns it off. */
function keepAliveOf(settings: Settings): ConnectOptions['keepAlive'] {
  const isSaid = ['serveraliveinterval', 'serveralivecountmax'].some(
    (keyword) => settings.origin(keyword) !== undefined,
  );
  if (!isSaid) return undefined;
  const interval = Number(settings.value('serveraliveinterval')) * second;
  const maxMissed = Number(settings.value('serveralivecountmax'));
  if (interval === 0) return settings.origin('serveraliveinterval') === undefined ? undefined : false;
  return { interval, maxMissed: Math.max(1, maxMissed) };
}

function limitsOf(settings: Settings): ConnectOptions['limits'] {
  const bits = Number(settings.value('requiredrsasize'));
  return settings.origin('requiredrsasize') === undefined
    ? undefined
    : { rsaMinimumBits: Math.max(leastRsaBits, bits) };
}

function rekeyOf(settings: Settings): ConnectOptions['rekey'] {
  const bytes = Number(settings.value(rekeyBytes));
  const interval = Number(settings.value(rekeyTime)) * second;
  if (bytes === 0 && interval === 0) return undefined;
  return without({
    bytes: bytes === 0 ? undefined : Math.max(leastRekeyBytes, bytes),
    interval: interval === 0 ? undefined : interval,
  });
}

/** The TCP connection, or the first byte of a proxy command, and the server's first line each have it; the whole dial has to have room for both. */
function connectTimeout(settings: Settings): Pick<ConnectOptions, 'timeout' | 'timeouts'> {
  const time = Number(settings.value('connecttimeout') ?? 0) * second;
  if (time === 0) return {};
  return {
    timeouts: { connect: time, proxyCommand: time, identification: time },
    ...(time < defaultDialTimeout ? {} : { timeout: time + defaultDialTimeout }),
  };
}

function localAddressOf(settings: Settings, { platform, warnings }: ConnectContext): string | undefined {
  const address = settings.value('bindaddress');
  if (address !== undefined) return address;
  const name = settings.value('bindinterface');
  if (name === undefined) return undefined;
  const found = platform.interfaceAddress(name, familyOption(settings));
  if (found !== undefined) return found;
  warnings.push(`BindInterface ${name} has no address, or there is no such interface`);
  // No dial takes it for an address: a connection that must take one way takes no other.
  return name;
}

/** The first of the two classes is for a person's session, the second for all else. */
function typeOfServiceOf(settings: Settings, context: ConnectContext): number | undefined {
  if (settings.origin('ipqos') === undefined) return undefined;
  const [interactive = 'none', bulk = 'none'] = (settings.value('ipqos') ?? '').split(' ');
  const mark = serviceMark(context.isInteractive ? interactive : bulk);
  if (mark === undefined || context.platform.marksPackets) return mark;
  context.warnings.push('IPQoS has no effect: this runtime cannot mark packets, and Node 24 can');
  return undefined;
}

const ownVersion = 'deadline_ssh';

function softwareVersionOf(settings: Settings): string | undefined {
  const addendum = settings.value('versionaddendum');
  return addendum === undefined || addendum === '' ? undefined : `${ownVersion} ${addendum}`;
}

/**
 * What `connect` takes, checked and completed.
 *
 * Owns: the options of a connection, their defaults and the errors of bad ones.
 * Must not know: how any of them is carried out.
 */
import type { Address } from '../../base/addressed.ts';
import { type Limits, resolveLimits } from '../../base/limits.ts';
import {
  abortSignal,
  anyObject,
  anyText,
  callback,
  checkForeignText,
  checkOptions,
  eitherOf,
  flag,
  milliseconds,
  type OptionTable,
  oneOf,
  optionsError,
  port as portRule,
  secretly,
  someText,
  wholeNumber,
} from '../../base/optionChecks.ts';
import {
  defaultDialTimeout,
  type KeepAlive,
  resolveKeepAlive,
  resolveTimeouts,
  type Timeouts,
} from '../../base/timeouts.ts';
import { type AlgorithmOptions, resolveAlgorithms } from '../../endpoint/options/algorithmOptions.ts';
import {
  agentPath,
  certificates,
  duplexStream,
  hops,
  keyInputs,
  passphrase,
  password,
  signatureNames,
  verifier,
} from '../../endpoint/options/optionRules.ts';
import { connectNames } from '../../endpoint/options/otherNames.ts';
import { resolveRekey } from '../../endpoint/options/rekeyOption.ts';
import type { CryptoChoice } from '../../endpoint/platform.ts';
import type { PrivateKeyInput } from '../../endpoint/privateKeys.ts';
import type { Duplex } from '../../endpoint/streams.ts';
import { identificationLine } from '../../transport/identification.ts';
import type { AlgorithmPreferences } from '../../transport/kex/negotiation.ts';
import type { RekeyPolicy } from '../../transport/transport.ts';
import {
  type AuthMethod,
  type CertificateInput,
  type ChangePassword,
  checkAuthOrder,
  type KeyboardInteractive,
  type PassphraseFunction,
  type PasswordFunction,
} from '../authentication/methods.ts';
import type { Client } from '../client.ts';
import type { HostKeyVerifier } from '../hostKeys/hostKeys.ts';
import { type AsciiName, canonicalHost } from './hostName.ts';
import { type ProxyPlace, parseProxy } from './proxy.ts';
import { expandCommand, type ProxyCommand, proxyCommandRule } from './proxyCommand.ts';
import { checkHost } from './target.ts';

type Optional<T> = { readonly [K in keyof T]?: T[K] | undefined };

/**
 * One server on the way to another: a client; a host as `[user@]host[:port]` or an ssh
 * URI; or options of its own. What a hop does not say is as for the connection that it
 * leads to: user, keys, agent, host key check, algorithms, deadlines, limits. Passwords
 * and answers to prompts are given to nobody but the host they stand beside. Only the
 * first hop may be a client, or say how it is reached itself (`via`, `proxy`,
 * `proxyCommand`, `stream`, `localAddress`, `family`).
 */
export type Hop = Client | string | HopOptions;

/** The options of a hop: those of `connect`, but for `signal`, which ends the whole dial. */
export type HopOptions = Omit<ConnectOptions, 'signal'>;

/** What `connect` takes. Only `host` or `stream` is needed. */
export interface ConnectOptions {
  /**
   * Name or address, and nothing else: no user, no port, no URI; needed unless
   * `stream` is given. A name that is not ASCII is used in its form by IDNA, an
   * address in its one spelling: `::1` for `0:0:0:0:0:0:0:1`.
   */
  readonly host?: string | undefined;
  /** 22. */
  readonly port?: number | undefined;
  /** The name of the local user where the platform knows it. */
  readonly username?: string | undefined;
  /** One or several; each is tried in turn. */
  readonly privateKey?: PrivateKeyInput | readonly PrivateKeyInput[] | undefined;
  /** Of encrypted private keys, or a function that is asked when one is needed. */
  readonly passphrase?: string | Uint8Array | PassphraseFunction | undefined;
  /**
   * For the keys given; each is tried before the plain key it is for. One that is
   * of no use (damaged, a host's, or for another key) is left aside: `onDebug` is
   * told, and so is the error when nothing worked.
   */
  readonly certificate?: CertificateInput | readonly CertificateInput[] | undefined;
  /**
   * An authentication agent: the path of its socket, or `true` for the user's own
   * (`SSH_AUTH_SOCK`, or the pipe of the agent of Windows). Tried after the keys
   * given. Where no credential at all is given, the user's own is tried; `false`
   * never.
   */
  readonly agent?: string | boolean | undefined;
  /** Or a function that is asked when needed. */
  readonly password?: string | PasswordFunction | undefined;
  /** Asked when the server wants the password changed; without it such a login fails. */
  readonly changePassword?: ChangePassword | undefined;
  /** Answers the questions of the server (RFC 4256). `password` answers a single hidden question where this is not given. */
  readonly keyboardInteractive?: KeyboardInteractive | undefined;
  /**
   * Signature algorithms that your own keys authenticate with, those of certificates
   * among them; the preferred first. A key that none of them is for is not
   * offered: with an empty list none is.
   * Where not given, every key is offered, RSA keys with SHA-2 (and with SHA-1 where
   * `algorithms.hostKey` names `ssh-rsa`).
   */
  readonly publickeyAlgorithms?: readonly string[] | undefined;
  /** Explicit order; the credentials above are not looked at then. */
  readonly auth?: readonly AuthMethod[] | undefined;
  /** `knownHosts()` where not given. */
  readonly verifyHostKey?: HostKeyVerifier | undefined;
  /** Lists or changes to the default ones, by kind; `'compatible'` adds what older servers need, `'legacy'` what only very old ones do. */
  readonly algorithms?: AlgorithmOptions | undefined;
  /**
   * `auto` takes OpenSSL where it is faster; `openssl` takes it for every packet, so
   * that no cipher looks into a table by a secret; `noble` keeps everything in
   * TypeScript. `auto`
   */
  readonly crypto?: CryptoChoice | undefined;
  /**
   * The whole dial in milliseconds, 30,000. Reading and unlocking key files is
   * counted; the time the caller's own functions take is not.
   */
  readonly timeout?: number | undefined;
  /** The deadline of each wait in milliseconds; `defaultTimeouts` where not given. */
  readonly timeouts?: Optional<Timeouts> | undefined;
  /** `{ interval: 15_000, maxMissed: 3 }`; `false` turns it off. */
  readonly keepAlive?: Optional<KeepAlive> | boolean | undefined;
  /** When new keys are agreed on: 1 GiB, 2^31 packets, one hour. */
  readonly rekey?: Optional<RekeyPolicy> | undefined;
  /** What a peer may make this side hold or do; `defaultLimits` where not given. */
  readonly limits?: Optional<Limits> | undefined;
  /** Aborts the dial. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The way to the server through others, the nearest first: each is a client that is
   * connected, or a hop that is dialled for this connection and ends with it. `timeout`
   * covers the hops as well.
   */
  readonly via?: Hop | readonly Hop[] | undefined;
  /**
   * A proxy on the way to the server: `socks5://[user:password@]host[:port]` (RFC 1928)
   * or `http://…` (CONNECT, RFC 9110 §9.3.6). The proxy looks up the name of the
   * server. `timeouts.connect` covers the way to the proxy and its answer.
   */
  readonly proxy?: string | undefined;
  /**
   * A program that leads to the server, on its stdin and stdout: a line for the shell,
   * or a program and its arguments. `%h`, `%p`, `%r` and `%n` stand for the host, the port,
   * the user and the host as it was given, `%%` for a percent sign. `timeouts.proxyCommand`
   * bounds it up to its first byte. All its processes end with the connection; its stderr
   * goes to `onDebug`.
   */
  readonly proxyCommand?: string | readonly string[] | undefined;
  /** Any duplex stream in place of a TCP connection. */
  readonly stream?: Duplex | undefined;
  /**
   * Session channels (commands, shells, subsystems) that may be open at once: calls
   * that would open one more wait for their turn. Servers allow a number of them,
   * OpenSSH 10, and refuse more. No bound where not given; each call may say another
   */
  readonly maxChannels?: number | undefined;
  /** Told of the server's banner (RFC 4252 §5.4), escaped but for line ends. What it throws rejects the dial. */
  readonly onBanner?: ((message: string) => void) | undefined;
  /**
   * Told what the connection does, a line each, for people. What it throws rejects
   * the dial; later it ends the connection, whose calls reject with that.
   */
  readonly onDebug?: ((line: string) => void) | undefined;
  /** Local address to connect from. Only addresses of its family are tried. */
  readonly localAddress?: string | undefined;
  /**
   * The mark of packets by which networks tell urgent ones (TOS of IPv4, traffic class
   * of IPv6), 0 to 255. Of no effect where the runtime cannot set it: Node 24 can.
   * The system's own, where not given
   */
  readonly typeOfService?: number | undefined;
  /** 4 or 6; where not given, IPv4 and IPv6 addresses take turns (RFC 8305). */
  readonly family?: 4 | 6 | undefined;
  /** End the connection unless the server offers strict key exchange. */
  readonly requireStrictKeyExchange?: boolean | undefined;
  /** Software version in our identification string. */
  readonly softwareVersion?: string | undefined;
  /** Keep the frames of the caller's code where the connection was opened, for reports. `false` */
  readonly captureStack?: boolean | undefined;
}

/** Of a connection. */
export const connectTable: OptionTable<ConnectOptions> = {
  host: someText,
  port: portRule,
  username: someText,
  privateKey: keyInputs,
  passphrase,
  certificate: certificates,
  agent: agentPath,
  password,
  changePassword: callback,
  keyboardInteractive: callback,
  publickeyAlgorithms: signatureNames,
  auth: { takes: 'a list of methods', accepts: Array.isArray },
  verifyHostKey: verifier,
  // It says itself what it takes.
  algorithms: { takes: 'algorithms', accepts: () => true },
  crypto: oneOf('auto', 'openssl', 'noble'),
  timeout: milliseconds,
  timeouts: anyObject,
  keepAlive: eitherOf('true, false or an object such as { interval: 15_000, maxMissed: 3 }', flag, anyObject),
  rekey: anyObject,
  limits: anyObject,
  signal: abortSignal,
  via: hops,
  proxy: secretly(someText),
  proxyCommand: proxyCommandRule,
  stream: duplexStream,
  maxChannels: wholeNumber(1, Number.POSITIVE_INFINITY),
  onBanner: callback,
  onDebug: callback,
  localAddress: someText,
  typeOfService: wholeNumber(0, 255),
  family: oneOf(4, 6),
  requireStrictKeyExchange: flag,
  softwareVersion: anyText,
  captureStack: flag,
};

/** @throws SshError `ERR_SSH_OPTIONS` that names the option, what it takes and what it got */
function checkConnectOptions(given: unknown): void {
  if (typeof given === 'string') {
    throw optionsError('connect takes an object, such as { host, username }, not a string');
  }
  checkOptions(given, { of: 'connect', table: connectTable, otherNames: connectNames });
  const { host, username, auth } = given as ConnectOptions;
  if (host !== undefined) checkForeignText('host', host);
  if (username !== undefined) checkForeignText('username', username);
  checkAuthOrder(auth ?? []);
}

/** Options, checked and completed. */
export interface ResolvedOptions {
  /** Printable ASCII, in its one spelling. */
  readonly host: string;
  readonly port: number;
  /** What errors say of where it happened; undefined for a stream without a host. */
  readonly target: Address | undefined;
  readonly username: string;
  readonly preferences: AlgorithmPreferences;
  readonly limits: Limits;
  readonly timeouts: Timeouts;
  readonly dialTimeout: number;
  readonly keepAlive: KeepAlive | undefined;
  readonly rekey: RekeyPolicy;
  readonly identification: Uint8Array;
  readonly proxy: ProxyPlace | undefined;
  /** With the target in place of the tokens. */
  readonly proxyCommand: ProxyCommand | undefined;
  readonly given: ConnectOptions;
}

/**
 * @throws SshError `ERR_SSH_OPTIONS` that names the option and what it takes
 */
export function resolveOptions(
  given: ConnectOptions,
  localUser: () => string | undefined,
  asciiName: AsciiName,
): ResolvedOptions {
  checkConnectOptions(given);
  const { host, port = 22, username = localUser(), stream, proxy, proxyCommand } = given;
  const [way, another] = ways.filter((name) => given[name] !== undefined);
  if (way !== undefined && another !== undefined)
    throw optionsError(`${way} and ${another} exclude each other`);
  if (host === undefined && stream === undefined) throw optionsError('host is missing');
  if (host !== undefined) checkHost(host);
  if (typeof username !== 'string' || username === '') throw optionsError('username is missing');
  const canonical = canonicalHost(host ?? 'stream', asciiName);
  return {
    host: canonical,
    port,
    target: host === undefined ? undefined : { host, port },
    username,
    preferences: resolveAlgorithms(given.algorithms),
    limits: resolveLimits(given.limits as Partial<Limits> | undefined),
    timeouts: resolveTimeouts(given.timeouts),
    dialTimeout: given.timeout ?? defaultDialTimeout,
    keepAlive: resolveKeepAlive(given.keepAlive),
    rekey: resolveRekey(given.rekey),
    proxy: proxy === undefined ? undefined : parseProxy(proxy, asciiName),
    proxyCommand:
      proxyCommand &&
      expandCommand(proxyCommand, { host: canonical, port, username, name: host ?? canonical }),
    identification: identificationOf(given.softwareVersion),
    given,
  };
}

/** What a connection may run over in place of TCP from this machine. */
const ways = ['stream', 'via', 'proxy', 'proxyCommand'] as const satisfies readonly (keyof ConnectOptions)[];

let defaultIdentification: Uint8Array | undefined;

function identificationOf(softwareVersion: string | undefined): Uint8Array {
  if (softwareVersion !== undefined) return identificationLine(softwareVersion);
  defaultIdentification ??= identificationLine('deadline_ssh');
  return defaultIdentification;
}

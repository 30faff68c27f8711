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
 * URI; or options of its own. What a hop does not say it takes from the connection that it
 * leads to: user, keys, agent, host key check, algorithms, deadlines, limits. Passwords
 * and answers to prompts go only to the host that they stand beside. Only the first hop
 * may be a client, or say how to reach it (`via`, `proxy`, `proxyCommand`, `stream`,
 * `localAddress`, `family`).
 */
export type Hop = Client | string | HopOptions;

/** The options of a hop: those of `connect` without `signal`, which ends the whole dial. */
export type HopOptions = Omit<ConnectOptions, 'signal'>;

/** What `connect` takes. Only `host` or `stream` is needed. */
export interface ConnectOptions {
  /**
   * The name or address of the server, without user, port or URI. You may leave it
   * out only with `stream`. The client uses the IDNA form of a name that is not ASCII,
   * and the canonical spelling of an address: `::1` for `0:0:0:0:0:0:0:1`.
   */
  readonly host?: string | undefined;
  /** The TCP port of the server. Default: 22. */
  readonly port?: number | undefined;
  /** The user to log in as. Default: the name of the local user, if the platform knows it. */
  readonly username?: string | undefined;
  /** One private key or several, as text or bytes of a key file, or parsed; the client tries them in this order. */
  readonly privateKey?: PrivateKeyInput | readonly PrivateKeyInput[] | undefined;
  /** The passphrase of encrypted private keys, or a function that the client asks when it needs one. */
  readonly passphrase?: string | Uint8Array | PassphraseFunction | undefined;
  /**
   * Certificates for the given keys; the client tries each before its plain key. It
   * ignores one that is damaged, is a host's, or belongs to another key, tells
   * `onDebug`, and says so in the error if no login works.
   */
  readonly certificate?: CertificateInput | readonly CertificateInput[] | undefined;
  /**
   * An authentication agent: the path of its socket, or `true` for the user's own
   * (`SSH_AUTH_SOCK`, or the pipe of OpenSSH's agent on Windows). The client tries it
   * after the given keys. Default: the user's own agent if you give no credential;
   * `false` never asks it.
   */
  readonly agent?: string | boolean | undefined;
  /** The password, or a function that the client asks when it needs one. */
  readonly password?: string | PasswordFunction | undefined;
  /** The client asks this for a new password when the server wants one. Without it such a login fails. */
  readonly changePassword?: ChangePassword | undefined;
  /** Answers the questions of the server (RFC 4256). Without it, `password` answers a single hidden question. */
  readonly keyboardInteractive?: KeyboardInteractive | undefined;
  /**
   * The signature algorithms that your keys and certificates may use, the preferred
   * ones first. The client does not offer a key that has none of them.
   * Default: every key, RSA keys with SHA-2 (and with SHA-1 if `algorithms.hostKey`
   * names `ssh-rsa`).
   */
  readonly publickeyAlgorithms?: readonly string[] | undefined;
  /** The methods to try, in this order. With it the client ignores the credentials above. */
  readonly auth?: readonly AuthMethod[] | undefined;
  /** Decides whether the server's host key is right. Default: `knownHosts()`. */
  readonly verifyHostKey?: HostKeyVerifier | undefined;
  /**
   * The algorithms to offer: lists of your own, or changes to the default ones, by kind.
   * `'compatible'` adds what older servers need, `'legacy'` also what only very old ones need.
   */
  readonly algorithms?: AlgorithmOptions | undefined;
  /**
   * Where cryptography is computed. `auto` uses OpenSSL where it is faster; `openssl`
   * uses it for every packet, so no cipher uses a secret as an index into a table;
   * `noble` computes everything in TypeScript. Default: `auto`.
   */
  readonly crypto?: CryptoChoice | undefined;
  /**
   * Milliseconds for the whole dial. Reading and unlocking key files counts; the time
   * of your own functions does not. Default: 30,000.
   */
  readonly timeout?: number | undefined;
  /** Milliseconds for each kind of wait. Default: `defaultTimeouts`. */
  readonly timeouts?: Optional<Timeouts> | undefined;
  /**
   * Milliseconds of silence before each probe, and how many probes may go unanswered;
   * `false` turns it off. Default: `{ interval: 15_000, maxMissed: 3 }`.
   */
  readonly keepAlive?: Optional<KeepAlive> | boolean | undefined;
  /** When the client agrees on new keys. Default: after 1 GiB, 2^31 packets or one hour. */
  readonly rekey?: Optional<RekeyPolicy> | undefined;
  /** Bounds on what a peer can make this side hold or do. Default: `defaultLimits`. */
  readonly limits?: Optional<Limits> | undefined;
  /** Aborts the dial, which rejects with `ERR_SSH_ABORTED`. */
  readonly signal?: AbortSignal | undefined;
  /**
   * The hops on the way to the server, the nearest first. Each is a connected client, or
   * a hop that is dialled for this connection and ends with it. `timeout` covers the hops
   * too.
   */
  readonly via?: Hop | readonly Hop[] | undefined;
  /**
   * A proxy on the way to the server: `socks5://[user:password@]host[:port]` (RFC 1928)
   * or `http://…` (CONNECT, RFC 9110 §9.3.6). The proxy looks up the name of the
   * server. `timeouts.connect` covers the way to the proxy and its answer.
   */
  readonly proxy?: string | undefined;
  /**
   * A program whose stdin and stdout lead to the server: a line for the shell, or a
   * program and its arguments. `%h`, `%p`, `%r` and `%n` stand for the host, the port, the
   * user and the host as you gave it, `%%` for a percent sign. `timeouts.proxyCommand`
   * bounds the time to its first byte. All its processes end with the connection; its
   * stderr goes to `onDebug`.
   */
  readonly proxyCommand?: string | readonly string[] | undefined;
  /** Any duplex stream in place of a TCP connection. */
  readonly stream?: Duplex | undefined;
  /**
   * Session channels (commands, shells, subsystems) that may be open at once; a call
   * that would open one more waits for its turn. Servers refuse more than they allow,
   * OpenSSH more than 10. Each call may give its own number. Default: no bound.
   */
  readonly maxChannels?: number | undefined;
  /** Gets the server's banner (RFC 4252 §5.4), escaped except for line ends. If it throws, the dial rejects with that. */
  readonly onBanner?: ((message: string) => void) | undefined;
  /**
   * Gets a line for each thing that the connection does, for people. If it throws, the
   * dial rejects with that, or later the connection ends and its calls reject with that.
   */
  readonly onDebug?: ((line: string) => void) | undefined;
  /** The local address to connect from. The client tries only server addresses of the same family. */
  readonly localAddress?: string | undefined;
  /**
   * The mark of packets that tells networks how urgent they are (TOS of IPv4, traffic
   * class of IPv6), 0 to 255. It has no effect if the runtime cannot set it; Node 24 can.
   * Default: that of the system.
   */
  readonly typeOfService?: number | undefined;
  /** 4 or 6, to use addresses of one family. Default: IPv4 and IPv6 take turns (RFC 8305). */
  readonly family?: 4 | 6 | undefined;
  /** Refuses a server that does not offer strict key exchange (`ERR_SSH_KEY_EXCHANGE`). Default: `false`. */
  readonly requireStrictKeyExchange?: boolean | undefined;
  /** The software version in this client's identification string. Default: `deadline_ssh`. */
  readonly softwareVersion?: string | undefined;
  /** Keeps where your code opened the connection, for reports. Default: `false`. */
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

/**
 * What this client does with each keyword.
 *
 * Owns: the row of every keyword, and the line that tells of one that is set and
 * not carried out.
 * Must not know: how any of them is carried out.
 */
import type { Resolution } from './reading/resolve.ts';

/** Where a keyword has its effect, or why it has none. */
export interface Support {
  /** `connect`: an option of it; `session`, `forwards`: stands beside them; `reading`: while files are read; `none`: said to be without effect. */
  readonly by: 'connect' | 'session' | 'forwards' | 'reading' | 'none';
  /** For people: what becomes of it. */
  readonly what: string;
  /** Values that need no warning, since nothing is what they ask for. */
  readonly idle?: readonly string[];
}

const none = (what: string, ...idle: readonly string[]): Support => ({ by: 'none', what, idle });
const connect = (what: string): Support => ({ by: 'connect', what });
const session = (what: string): Support => ({ by: 'session', what });
const forwards = (what: string): Support => ({ by: 'forwards', what });
const reading = (what: string): Support => ({ by: 'reading', what });

const noMultiplexing = 'only the command shares connections';
const noGssapi = 'GSSAPI is not done';
const noHostbased = 'host-based authentication is not done';

/** By keyword, as the manual spells it. */
export const support: Readonly<Record<string, Support>> = {
  Host: reading('chooses a block'),
  Match: reading('chooses a block'),
  Include: reading('reads other files'),
  Tag: reading('for `Match tagged`'),
  IgnoreUnknown: reading('passes over keywords'),
  AddKeysToAgent: connect('`auth`: keys of files are given to the agent once they were used'),
  AddressFamily: connect('`family`'),
  BatchMode: connect('nobody is asked for a password; `session.batchMode`'),
  BindAddress: connect('`localAddress`'),
  BindInterface: connect('`localAddress`: an address of the interface'),
  CanonicalDomains: reading('looks the host up'),
  CanonicalizeFallbackLocal: reading('looks the host up'),
  CanonicalizeHostname: reading('looks the host up'),
  CanonicalizeMaxDots: reading('looks the host up'),
  CanonicalizePermittedCNAMEs: reading('looks the host up'),
  CASignatureAlgorithms: connect('`verifyHostKey`: the signatures of host certificates that count'),
  CertificateFile: connect('`auth`: for the keys of files and of the agent'),
  ChannelTimeout: none('channels have no time of their own', 'none'),
  CheckHostIP: connect('`verifyHostKey`: the address must not be known by another key'),
  Ciphers: connect('`algorithms.cipher`'),
  ClearAllForwardings: forwards('drops all forwards'),
  Compression: connect('`algorithms.compression`'),
  ConnectionAttempts: session('`connectionAttempts`, as the command dials; `connect` dials once'),
  ConnectTimeout: connect('`timeouts.connect`, `timeouts.proxyCommand` and `timeouts.identification`'),
  ControlMaster: none(noMultiplexing, 'false'),
  ControlPath: none(noMultiplexing, 'none'),
  ControlPersist: none(noMultiplexing, 'no'),
  DynamicForward: forwards('`dynamic`'),
  EnableEscapeCommandline: session('`escapeCommandline`'),
  EnableSSHKeysign: none(noHostbased, 'no'),
  EscapeChar: session('`escapeChar`'),
  ExitOnForwardFailure: forwards('`exitOnFailure`'),
  FingerprintHash: connect('`verifyHostKey`: the hash that a host key is shown by'),
  ForkAfterAuthentication: session('`fork`'),
  ForwardAgent: session('`forwardAgent`'),
  ForwardX11: session('`forwardX11`'),
  ForwardX11Timeout: session('`forwardX11.timeout`, where they are not trusted'),
  ForwardX11Trusted: session('`forwardX11.trusted`'),
  GatewayPorts: forwards('`gatewayPorts`'),
  GlobalKnownHostsFile: connect('`verifyHostKey`'),
  GSSAPIAuthentication: none(noGssapi, 'no', 'yes'),
  GSSAPIClientIdentity: none(noGssapi),
  GSSAPIDelegateCredentials: none(noGssapi, 'no'),
  GSSAPIKexAlgorithms: none(noGssapi),
  GSSAPIKeyExchange: none(noGssapi, 'no'),
  GSSAPIRenewalForcesRekey: none(noGssapi, 'no'),
  GSSAPIServerIdentity: none(noGssapi),
  GSSAPITrustDns: none(noGssapi, 'no'),
  HashKnownHosts: connect('`verifyHostKey`: names in new lines are hashed'),
  HostbasedAcceptedAlgorithms: none(noHostbased, 'default'),
  HostbasedAuthentication: none(noHostbased, 'no'),
  HostKeyAlgorithms: connect('`algorithms.hostKey`'),
  HostKeyAlias: connect('`verifyHostKey`: the name that the host is known by'),
  Hostname: connect('`host`'),
  IdentitiesOnly: connect('`auth`: the agent signs for the keys of files only'),
  IdentityAgent: connect('`auth`: the agent'),
  IdentityFile: connect('`auth`'),
  IPQoS: connect('`typeOfService`, where the runtime can mark packets: Node 24 can'),
  KbdInteractiveAuthentication: connect('`auth`'),
  KbdInteractiveDevices: none('the server chooses the devices'),
  KexAlgorithms: connect('`algorithms.kex`'),
  KnownHostsCommand: connect('`verifyHostKey`: a program that tells known hosts beside the files'),
  LocalCommand: session('`localCommand`, where PermitLocalCommand allows it'),
  LocalForward: forwards('`local`'),
  LogLevel: session('`logLevel`'),
  LogVerbose: none('no lines of the source are logged', 'none'),
  MACs: connect('`algorithms.mac`'),
  NoHostAuthenticationForLocalhost: connect('`verifyHostKey`: any key of this machine is taken'),
  NumberOfPasswordPrompts: connect(
    '`auth`: how often a password, a passphrase and answers are asked for; `session.passwordPrompts`',
  ),
  ObscureKeystrokeTiming: none('the times of keystrokes are not hidden', 'yes', 'no'),
  PasswordAuthentication: connect('`auth`'),
  PermitLocalCommand: session('`localCommand`'),
  PermitRemoteOpen: forwards('`permitRemoteOpen`'),
  PKCS11Provider: none('PKCS#11 is not done; keys of a token are used through an agent'),
  Port: connect('`port`'),
  PreferredAuthentications: connect('`auth`: its order'),
  ProxyCommand: connect('`proxyCommand`'),
  ProxyJump: connect('`via`'),
  ProxyUseFdpass: none('descriptors are not passed; ProxyCommand has to carry the bytes itself', 'no'),
  PubkeyAcceptedAlgorithms: connect('`publickeyAlgorithms`'),
  PubkeyAuthentication: connect('`auth`'),
  RefuseConnection: reading('ends with its text'),
  RekeyLimit: connect('`rekey`'),
  RemoteCommand: session('`remoteCommand`'),
  RemoteForward: forwards('`remote`'),
  RequestTTY: session('`requestTty`'),
  RequiredRSASize: connect('`limits.rsaMinimumBits`'),
  RevokedHostKeys: connect('`verifyHostKey`: keys and certificates that are refused, as a list or a KRL'),
  SecurityKeyProvider: none('keys of a token are used through an agent', 'internal'),
  SendEnv: session('`env`'),
  ServerAliveCountMax: connect('`keepAlive.maxMissed`'),
  ServerAliveInterval: connect('`keepAlive.interval`'),
  SessionType: session('`type`'),
  SetEnv: session('`env`'),
  StdinNull: session('`stdinNull`'),
  StreamLocalBindMask: forwards('`bindMask`'),
  StreamLocalBindUnlink: forwards('`unlink`'),
  StrictHostKeyChecking: connect('`verifyHostKey`; a key that has changed is refused whatever it says'),
  SyslogFacility: none('nothing is logged to the system', 'USER'),
  TCPKeepAlive: none('the connection is kept alive by `keepAlive`', 'yes'),
  Tunnel: none('tunnels of network packets are not made', 'false'),
  TunnelDevice: none('tunnels of network packets are not made', 'any:any'),
  UpdateHostKeys: connect('`verifyHostKey`: keys that a server changes are followed; `ask` is `no`'),
  User: connect('`username`'),
  UserKnownHostsFile: connect('`verifyHostKey`'),
  VerifyHostKeyDNS: none(
    'host keys are not looked up in the DNS, whose answers are not checked here',
    'false',
  ),
  VersionAddendum: connect('`softwareVersion`'),
  VisualHostKey: session('`visualHostKey`'),
  WarnWeakCrypto: none('the command warns with -v', 'yes', 'no'),
  XAuthLocation: session('`forwardX11.xauth`'),
};

/** A line for each keyword that somebody set and that has no effect. */
export function* warningsOf({ settings }: Resolution): Generator<string> {
  for (const [name, { by, what, idle = [] }] of Object.entries(support)) {
    if (by !== 'none') continue;
    const keyword = name.toLowerCase();
    if (settings.origin(keyword) === undefined) continue;
    const value = settings.value(keyword) ?? settings.list(keyword).join(' ');
    if (value === '' || idle.includes(value)) continue;
    yield `${name} has no effect: ${what}`;
  }
}

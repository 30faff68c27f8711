/**
 * Every keyword of ssh_config(5).
 *
 * Owns: their names, also former ones, and the form of the value that each takes.
 * Must not know: what is done with a value.
 * Source: ssh_config(5) of OpenSSH 10.5.
 */

/** Words that a keyword takes, each with the word that stands for it in the answer of `ssh -G`. */
export type Choices = Readonly<Record<string, string>>;

const flag: Choices = { true: 'yes', false: 'no', yes: 'yes', no: 'no' };
/** The same, printed in other words. */
const truth: Choices = { true: 'true', false: 'false', yes: 'true', no: 'false' };

/** Which list of algorithms a keyword changes. */
export type NameKind = 'ciphers' | 'macs' | 'kex' | 'keys' | 'signatures';

export type Form =
  | { readonly takes: 'choice'; readonly choices: Choices }
  /** One word. */
  | { readonly takes: 'word' }
  /** All of the line, as it is. */
  | { readonly takes: 'command' }
  | { readonly takes: 'number' }
  | { readonly takes: 'time' }
  | { readonly takes: 'names'; readonly of: NameKind }
  /** Words. `alone` may only stand by itself. */
  | {
      readonly takes: 'words';
      readonly alone: readonly string[];
      readonly most?: number;
      readonly word?: WordForm;
    }
  | { readonly takes: 'own' }
  /** Was of use once; it is taken and forgotten. */
  | { readonly takes: 'nothing' };

/** What each of several words has to be. */
export type WordForm = 'path' | 'domain' | 'cname' | 'open' | 'timeout' | 'pattern';

export interface KeywordRow {
  readonly name: string;
  readonly form: Form;
}

const choice = (choices: Choices): Form => ({ takes: 'choice', choices });
const names = (of: NameKind): Form => ({ takes: 'names', of });
const words = (word: WordForm, alone: readonly string[] = ['none'], most?: number): Form => ({
  takes: 'words',
  alone,
  word,
  ...(most === undefined ? {} : { most }),
});
const onOff = choice(flag);
const word: Form = { takes: 'word' };
const command: Form = { takes: 'command' };
const number: Form = { takes: 'number' };
const time: Form = { takes: 'time' };
const own: Form = { takes: 'own' };
const nothing: Form = { takes: 'nothing' };

const mostKnownHostsFiles = 32;

/** What Debian and Fedora add, whose own configurations say it. */
const ofDistributions: Readonly<Record<string, Form>> = {
  GSSAPIClientIdentity: word,
  GSSAPIKexAlgorithms: word,
  GSSAPIKeyExchange: onOff,
  GSSAPIRenewalForcesRekey: onOff,
  GSSAPIServerIdentity: word,
  GSSAPITrustDns: onOff,
};

/** By name. */
const forms: Readonly<Record<string, Form>> = {
  Host: own,
  Match: own,
  Include: own,
  Tag: word,
  IgnoreUnknown: word,
  AddKeysToAgent: own,
  AddressFamily: choice({ inet: 'inet', inet6: 'inet6', any: 'any' }),
  BatchMode: onOff,
  BindAddress: word,
  BindInterface: word,
  CanonicalDomains: words('domain'),
  CanonicalizeFallbackLocal: onOff,
  CanonicalizeHostname: choice({ ...truth, always: 'always' }),
  CanonicalizeMaxDots: number,
  CanonicalizePermittedCNAMEs: words('cname'),
  CASignatureAlgorithms: names('signatures'),
  CertificateFile: own,
  ChannelTimeout: words('timeout'),
  CheckHostIP: onOff,
  Ciphers: names('ciphers'),
  ClearAllForwardings: onOff,
  Compression: choice({ yes: 'yes', no: 'no' }),
  ConnectionAttempts: number,
  ConnectTimeout: time,
  ControlMaster: choice({ ...truth, auto: 'auto', ask: 'ask', autoask: 'autoask' }),
  ControlPath: word,
  ControlPersist: own,
  DynamicForward: own,
  EnableEscapeCommandline: onOff,
  EnableSSHKeysign: onOff,
  EscapeChar: own,
  ExitOnForwardFailure: onOff,
  FingerprintHash: choice({ md5: 'MD5', sha1: 'SHA1', sha256: 'SHA256', sha384: 'SHA384', sha512: 'SHA512' }),
  ForkAfterAuthentication: onOff,
  ForwardAgent: own,
  ForwardX11: onOff,
  ForwardX11Timeout: time,
  ForwardX11Trusted: onOff,
  GatewayPorts: onOff,
  GlobalKnownHostsFile: words('path', ['none'], mostKnownHostsFiles),
  GSSAPIAuthentication: onOff,
  GSSAPIDelegateCredentials: onOff,
  ...ofDistributions,
  HashKnownHosts: onOff,
  HostbasedAcceptedAlgorithms: names('keys'),
  HostbasedAuthentication: onOff,
  HostKeyAlgorithms: names('keys'),
  HostKeyAlias: word,
  Hostname: word,
  IdentitiesOnly: onOff,
  IdentityAgent: own,
  IdentityFile: own,
  IPQoS: own,
  KbdInteractiveAuthentication: onOff,
  KbdInteractiveDevices: word,
  KexAlgorithms: names('kex'),
  KnownHostsCommand: command,
  LocalCommand: command,
  LocalForward: own,
  LogLevel: own,
  LogVerbose: own,
  MACs: names('macs'),
  NoHostAuthenticationForLocalhost: onOff,
  NumberOfPasswordPrompts: number,
  ObscureKeystrokeTiming: own,
  PasswordAuthentication: onOff,
  PermitLocalCommand: onOff,
  PermitRemoteOpen: words('open', ['none', 'any']),
  PKCS11Provider: word,
  Port: own,
  PreferredAuthentications: word,
  ProxyCommand: command,
  ProxyJump: own,
  ProxyUseFdpass: onOff,
  PubkeyAcceptedAlgorithms: names('keys'),
  PubkeyAuthentication: choice({ ...truth, unbound: 'unbound', 'host-bound': 'host-bound' }),
  RefuseConnection: own,
  RekeyLimit: own,
  RemoteCommand: command,
  RemoteForward: own,
  RequestTTY: choice({ ...truth, force: 'force', auto: 'auto' }),
  RequiredRSASize: number,
  RevokedHostKeys: words('path'),
  SecurityKeyProvider: word,
  SendEnv: own,
  ServerAliveCountMax: number,
  ServerAliveInterval: time,
  SessionType: choice({ none: 'none', subsystem: 'subsystem', default: 'default' }),
  SetEnv: own,
  StdinNull: onOff,
  StreamLocalBindMask: own,
  StreamLocalBindUnlink: onOff,
  StrictHostKeyChecking: choice({ ...truth, ask: 'ask', off: 'false', 'accept-new': 'accept-new' }),
  SyslogFacility: own,
  TCPKeepAlive: onOff,
  Tunnel: choice({
    ethernet: 'ethernet',
    'point-to-point': 'point-to-point',
    true: 'point-to-point',
    yes: 'point-to-point',
    false: 'false',
    no: 'false',
  }),
  TunnelDevice: own,
  UpdateHostKeys: choice({ ...truth, ask: 'ask' }),
  User: word,
  UserKnownHostsFile: words('path', ['none'], mostKnownHostsFiles),
  VerifyHostKeyDNS: choice({ ...truth, ask: 'ask' }),
  VersionAddendum: own,
  VisualHostKey: onOff,
  WarnWeakCrypto: choice({ ...flag, 'no-pq-kex': 'no' }),
  XAuthLocation: word,
};

/** Names of the past that mean a keyword of today. */
const formerNames: Readonly<Record<string, string>> = {
  challengeresponseauthentication: 'kbdinteractiveauthentication',
  skeyauthentication: 'kbdinteractiveauthentication',
  tisauthentication: 'kbdinteractiveauthentication',
  dsaauthentication: 'pubkeyauthentication',
  identityfile2: 'identityfile',
  keepalive: 'tcpkeepalive',
  hostbasedkeytypes: 'hostbasedacceptedalgorithms',
  pubkeyacceptedkeytypes: 'pubkeyacceptedalgorithms',
  smartcarddevice: 'pkcs11provider',
  // Of Debian and Fedora.
  protocolkeepalives: 'serveraliveinterval',
  setuptimeout: 'serveraliveinterval',
  rsaminsize: 'requiredrsasize',
};

/** Keywords that say nothing any more. */
const forgottenNames = [
  'protocol',
  'cipher',
  'fallbacktorsh',
  'globalknownhostsfile2',
  'rhostsauthentication',
  'userknownhostsfile2',
  'useroaming',
  'usersh',
  'useprivilegedport',
  'afstokenpassing',
  'kerberosauthentication',
  'kerberostgtpassing',
  'rsaauthentication',
  'rhostsrsaauthentication',
  'compressionlevel',
] as const;

/** The keywords, spelled as the manual spells them. */
export const keywordNames: readonly string[] = Object.keys(forms);

const rows: ReadonlyMap<string, KeywordRow> = new Map([
  ...Object.entries(forms).map(([name, form]): [string, KeywordRow] => {
    const lower = name.toLowerCase();
    return [lower, { name: lower, form }];
  }),
  ...forgottenNames.map((name): [string, KeywordRow] => [name, { name, form: nothing }]),
]);

/** The row of a keyword in lower case; undefined for what is none. */
export function keywordRow(keyword: string): KeywordRow | undefined {
  return rows.get(Object.hasOwn(formerNames, keyword) ? (formerNames[keyword] ?? keyword) : keyword);
}

/** Every name that can begin a line, in lower case. */
export const everyKeyword: readonly string[] = [...rows.keys(), ...Object.keys(formerNames)];

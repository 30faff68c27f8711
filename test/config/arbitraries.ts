// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a variable of ssh_config
/**
 * Random configurations.
 *
 * Owns: lines of every keyword with values that are right and some that are not,
 * blocks, files that include others; what a release does not know is left out.
 * Must not know: who judges them.
 */
import fc from 'fast-check';
import type { Judge } from './programs.ts';

/** Files by name, the first of which is asked about. */
export interface GeneratedConfig {
  readonly files: Readonly<Record<string, string>>;
  readonly host: string;
  readonly overrides: readonly string[];
}

/** Where includes are found; a word in the text of a file. */
export const folderMark = '@FOLDER@';

const pick = <T>(...values: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...values);

export const hosts = [
  'alpha',
  'beta.example.com',
  'Gamma',
  '192.0.2.7',
  '127.1',
  'web-1',
  'a',
  '::1',
] as const;
const users = ['ops', 'root', 'deploy', 'u1'] as const;

const pattern = pick(
  '*',
  'alpha',
  'b*',
  '*.example.com',
  '?????',
  'web-?',
  '!alpha',
  '!*.com',
  'G*',
  'gamma',
  'a',
  '192.0.2.*',
  'nobody',
);
const patternList = fc.array(pattern, { minLength: 1, maxLength: 3 }).map((list) => list.join(','));
const flag = pick('yes', 'no', 'true', 'false', 'YES', 'No');
const time = (judge: Judge) =>
  pick(
    '0',
    '5',
    '90',
    '10m',
    '1h30m',
    '2d',
    '1w',
    '1W2D',
    '300s',
    ...(judge.release >= 1003 ? ['1.5s'] : []),
  );
const number = pick('0', '1', '3', '17', '+5', '2147483647');
const word = pick(
  'one',
  '"two words"',
  'a=b',
  "'single'",
  'esc\\"aped',
  '"in#side"',
  '%%h',
  'x\\\\y',
  'back\\ slash',
);
const path = pick(
  '/a/b',
  '~/x',
  '~/.ssh/k_%h',
  '"/with space/f"',
  '/p/%u-%n-%p',
  '~root/y',
  '/l/%l%L',
  '/d%d',
  '/i/%i%k',
  'rel/ative',
);
const command = pick(
  'nc %h %p',
  'none',
  'ssh -W [%h]:%p jump # not a comment',
  '"quoted prog" %r',
  'x=y',
  'proxy   two   spaces',
  '= weird',
);
const port = pick('1', '22', '65535', '2222', 'ssh', 'http');
const listen = pick(
  '8080',
  '127.0.0.1:9000',
  '[::1]:9001',
  '*:9002',
  'localhost:9003',
  '/run/s-%h',
  ':9004',
  '"9005"',
);
const target = pick('db:5432', '[2001:db8::1]:80', '/run/t', 'h.example:http', '127.0.0.1:1');

const names = (all: readonly string[], wildcards: boolean): fc.Arbitrary<string> => {
  const some = fc.subarray([...all], { minLength: 1, maxLength: 4 }).map((list) => list.join(','));
  const wild = pick('*', '*-nistp*', 'ssh-*', 'rsa-*,ssh-ed25519', '*@openssh.com');
  const plain = wildcards ? fc.oneof(some, wild) : some;
  return fc.oneof(
    plain,
    plain.map((list) => `+${list}`),
    fc.oneof(some, wild, pick('*cbc', '*,!aes*', '*sha1*')).map((list) => `-${list}`),
    plain.map((list) => `^${list}`),
  );
};

/** Values by keyword that are right. */
function valuesOf(judge: Judge): Readonly<Record<string, fc.Arbitrary<string>>> {
  const { dialect, release } = judge;
  const signatures = dialect.keys.filter((name) => !name.includes('-cert-'));
  const flags = [
    'BatchMode',
    'CanonicalizeFallbackLocal',
    'CheckHostIP',
    'EnableEscapeCommandline',
    'EnableSSHKeysign',
    'ExitOnForwardFailure',
    'ForwardX11',
    'ForwardX11Trusted',
    'GatewayPorts',
    'GSSAPIAuthentication',
    'GSSAPIDelegateCredentials',
    'HashKnownHosts',
    'HostbasedAuthentication',
    'IdentitiesOnly',
    'KbdInteractiveAuthentication',
    'ChallengeResponseAuthentication',
    'NoHostAuthenticationForLocalhost',
    'PasswordAuthentication',
    'PermitLocalCommand',
    'ProxyUseFdpass',
    'StdinNull',
    'StreamLocalBindUnlink',
    'TCPKeepAlive',
    'KeepAlive',
    'VisualHostKey',
  ];
  return {
    ...Object.fromEntries(flags.map((name) => [name, flag])),
    AddKeysToAgent: pick('yes', 'no', 'ask', 'confirm', 'confirm 5m', '10m', 'true', '0'),
    AddressFamily: pick('any', 'inet', 'inet6', 'INET'),
    BindAddress: pick('192.0.2.1', '::1', '"a b"'),
    BindInterface: pick('lo', 'eth0'),
    CanonicalDomains: pick('example.com', 'a.example b.example.', 'none', 'UPPER.example'),
    CanonicalizeHostname: pick('no', 'false', 'none-such'),
    CanonicalizeMaxDots: number,
    CASignatureAlgorithms: names(signatures, true),
    CertificateFile: path,
    Ciphers: names(dialect.ciphers, false),
    ClearAllForwardings: pick('no', 'no', 'yes'),
    Compression: pick('yes', 'no', 'YES'),
    ConnectionAttempts: pick('1', '2', '100'),
    ConnectTimeout: fc.oneof(time(judge), pick('none')),
    ControlMaster: pick('yes', 'no', 'auto', 'ask', 'autoask', 'true', 'false'),
    ControlPath: pick('none', '~/.ssh/c-%r@%h:%p', '/tmp/%n', '"/t m/%u"', '/h/${CONFIG_TEST}'),
    ControlPersist: pick('yes', 'no', '10m', '0', 'true', 'false'),
    DynamicForward: pick('1080', '127.0.0.1:1081', '[::1]:1082', '/run/socks', '*:1083'),
    EscapeChar: pick('~', 'none', '^A', '^[', 'x', '"\\\\"', "' '", '^@', '%'),
    FingerprintHash: pick('md5', 'sha256', 'SHA256'),
    ForwardAgent: pick('yes', 'no', '/tmp', '${CONFIG_TEST}', '~', '/run'),
    ForwardX11Timeout: time(judge),
    GlobalKnownHostsFile: pick('/etc/k1 /etc/k2', 'none', '"/etc/k 3"', '~/k'),
    HostbasedAcceptedAlgorithms: names(dialect.keys, true),
    HostKeyAlgorithms: names(dialect.keys, true),
    HostKeyAlias: pick('alias', 'UPPER', 'alias.example'),
    Hostname: pick(
      'real.example',
      '%h.example',
      'Upper.Example',
      '192.0.2.9',
      '0:0:0:0:0:0:0:1',
      '%h',
      '127.2',
    ),
    IdentityAgent: pick('none', 'SSH_AUTH_SOCK', '$CONFIG_TEST', '/run/%u', '~/agent', '${CONFIG_TEST}/x'),
    IdentityFile: path,
    IgnoreUnknown: pick('Foo*', 'foo,bar', '*'),
    IPQoS: pick(
      'af21 cs1',
      'none',
      'ef',
      '0',
      '255',
      '0x',
      'cs7 none',
      'EF af43',
      '32 44',
      ...(release >= 1001 ? ['lowdelay'] : ['le']),
    ),
    KbdInteractiveDevices: pick('pam', 'bsdauth,pam'),
    KexAlgorithms: names(dialect.kex, false),
    KnownHostsCommand: command,
    LocalCommand: command,
    LocalForward: fc.tuple(listen, target).map(([a, b]) => `${a} ${b}`),
    LogLevel: pick('QUIET', 'fatal', 'ERROR', 'Info', 'VERBOSE', 'DEBUG', 'DEBUG1', 'debug2', 'DEBUG3'),
    LogVerbose: pick('none', 'kex.c:*:1000', 'a b'),
    MACs: names(dialect.macs, false),
    NumberOfPasswordPrompts: number,
    PermitRemoteOpen: pick('any', 'none', 'h:80', '[::1]:22 *:443', 'h:*'),
    PKCS11Provider: pick('none', '/usr/lib/p.so'),
    Port: port,
    PreferredAuthentications: pick('publickey', 'password,publickey'),
    ProxyCommand: command,
    ProxyJump: pick(
      'none',
      'jump',
      'u@jump:2200',
      'a,b,c',
      'ssh://u@j.example:24',
      '[::1]:22',
      '192.0.2.3',
      'a,u@b:1 # c',
      'None',
    ),
    PubkeyAcceptedAlgorithms: names(dialect.keys, true),
    PubkeyAuthentication: pick('yes', 'no', 'unbound', 'host-bound', 'true'),
    RekeyLimit: pick(
      '1G',
      '1G 1h',
      'default',
      'default none',
      '500m 30',
      '0',
      '16',
      '1.5k',
      '4096 2d',
      '1K none',
    ),
    RemoteCommand: command.filter((text) => !text.includes('jump')),
    RemoteForward: fc.oneof(
      listen,
      fc.tuple(listen, target).map(([a, b]) => `${a} ${b}`),
      pick('0', '0 db:1'),
    ),
    RequestTTY: pick('yes', 'no', 'force', 'auto', 'true'),
    RequiredRSASize: number,
    RevokedHostKeys: release >= 1003 ? path : pick('/r/one', '"/r/two words"'),
    SecurityKeyProvider: pick('internal', 'none', '/usr/lib/sk.so'),
    SendEnv: pick('LANG LC_*', 'A', '-LC_*', '-*', 'A B -A'),
    ServerAliveCountMax: number,
    ServerAliveInterval: time(judge),
    SessionType: pick('none', 'subsystem', 'default'),
    SetEnv: pick(
      'A=b',
      'A=b C="d e"',
      'A=1 A=2',
      '"X=with space"',
      'E=',
      ...(release >= 1000 ? ['A=%n'] : []),
    ),
    StreamLocalBindMask: pick('0177', '077', '0', '777', '0o', '7z'),
    StrictHostKeyChecking: pick('yes', 'no', 'ask', 'accept-new', 'off', 'true'),
    SyslogFacility: pick('USER', 'local3', 'Auth', 'DAEMON'),
    Tunnel: pick('no', 'yes', 'ethernet', 'point-to-point'),
    TunnelDevice: pick('any', '0:1', '3', 'any:7', 'ANY:any'),
    UpdateHostKeys: pick('yes', 'no', 'ask'),
    User: pick(...users, ...(release >= 1001 ? ['%u'] : [])),
    UserKnownHostsFile: pick(
      '/k1 ~/k2',
      'none',
      '~/.ssh/known_hosts',
      '~/.ssh/k_%k',
      '/dev/null',
      '/h/${CONFIG_TEST}',
    ),
    VerifyHostKeyDNS: pick('yes', 'no', 'ask'),
    XAuthLocation: pick('/usr/bin/xa', 'xa'),
    Protocol: pick('2', '1,2'),
    Cipher: pick('blowfish'),
    UsePrivilegedPort: flag,
    CompressionLevel: number,
    FooOption: word,
    ...(release >= 904 ? { Tag: pick('t1', 't2') } : {}),
    ...(release >= 905 ? { ObscureKeystrokeTiming: pick('yes', 'no', 'interval:80', 'interval:20') } : {}),
    ...(release >= 906 ? { ChannelTimeout: pick('none', 'session=1m', 'a=1 b*=2h') } : {}),
    ...(release >= 1000 ? { VersionAddendum: pick('none', 'text %h', 'a # b') } : {}),
    ...(release >= 1001 ? { WarnWeakCrypto: flag } : {}),
  };
}

/** Values that are wrong, one of which makes the file wrong. */
const wrongLines: readonly string[] = [
  'Port 0',
  'Port 65536',
  'Port nosuchservice',
  'Port 22 23',
  'Port',
  'Port ""',
  'NoSuchKeyword yes',
  'BatchMode maybe',
  'ConnectTimeout soon',
  'ConnectTimeout 5x',
  'Ciphers nosuch',
  'Ciphers aes128-c*',
  'KexAlgorithms +nosuch',
  'HostKeyAlgorithms nosuch*',
  'RekeyLimit 15',
  'RekeyLimit 1Q',
  'LocalForward 80',
  'LocalForward 0 a:1',
  'LocalForward 80 a:b:c:d:e',
  'DynamicForward a:b:c',
  'IdentityFile',
  'IdentityFile a b',
  'UserKnownHostsFile none more',
  'EscapeChar ab',
  'LogLevel LOUD',
  'StreamLocalBindMask 999',
  'TunnelDevice x',
  'SetEnv NAME',
  'SendEnv A=b',
  'Host ""',
  'Match',
  'Match host',
  'Match nosuch x',
  'Match all host a',
  'User "unbalanced',
  'ProxyJump @',
  'ProxyJump a:b:c',
  'CanonicalDomains -bad',
  'CanonicalizePermittedCNAMEs a',
  'IPQoS nosuch',
  'NumberOfPasswordPrompts -1',
  'AddKeysToAgent yes 5m',
  'PermitRemoteOpen h',
  'PermitRemoteOpen any h:1',
  'IdentityAgent ${NO_SUCH_VARIABLE}',
  'ControlPersist never',
];

/** Before 9.4 every key could sign certificates. */
const wrongSince904 = ['CASignatureAlgorithms ssh-ed25519-cert-v01@openssh.com'];

const separator = pick(' ', ' ', ' ', '=', ' = ', '\t', '  ');
const indent = pick('', '', '  ', '\t');

function lineOf(judge: Judge): fc.Arbitrary<string> {
  const values = valuesOf(judge);
  const lines = Object.entries(values).map(([keyword, value]) =>
    fc
      .tuple(
        indent,
        pick(keyword, keyword.toLowerCase(), keyword.toUpperCase()),
        separator,
        value,
        pick('', '', '', ' ', ' # a comment', '\f'),
      )
      .map(([before, name, between, text, after]) => {
        // Of a line that is taken as it is, a comment is a part.
        const isWhole = /command|proxyjump|versionaddendum/i.test(keyword);
        return `${before}${name}${between}${text}${isWhole ? '' : after}`;
      }),
  );
  return fc.oneof(...lines);
}

function blockOf(judge: Judge): fc.Arbitrary<string> {
  const criterion = fc.oneof(
    patternList.map((list) => `host ${list}`),
    patternList.map((list) => `originalhost ${list}`),
    pick(...users).map((name) => `user ${name},!u1`),
    pick('root', '*', '!root').map((name) => `localuser ${name}`),
    pick('true', 'false', '"test %h = alpha"', '"test %n = %h"', '"test %p -gt 22"', '"exit 3"').map(
      (text) => `exec ${text}`,
    ),
    pick('canonical', 'final'),
    // Before 10.1 a second pass came of `!final` too.
    pick(judge.release >= 1001 ? '!final' : 'canonical'),
    ...(judge.release >= 904
      ? [
          pick('t1', 't2', 't*').map((tag) => `tagged ${tag}`),
          pick('127.0.0.0/8', '203.0.113.0/24', '::1').map((net) => `localnetwork ${net}`),
        ]
      : []),
    ...(judge.release >= 1000
      ? [
          pick('*', 'OpenSSH_9*').map((version) => `version ${version}`),
          pick('shell', 'exec,none').map((type) => `sessiontype ${type}`),
        ]
      : []),
  );
  const negated = fc
    .tuple(pick('', '', '!'), criterion)
    .map(([mark, text]) => (/^!|^final$/.test(text) ? text : `${mark}${text}`));
  return fc.oneof(
    {
      weight: 3,
      arbitrary: fc.array(pattern, { minLength: 1, maxLength: 3 }).map((list) => `Host ${list.join(' ')}`),
    },
    {
      weight: 3,
      arbitrary: fc.array(negated, { minLength: 1, maxLength: 3 }).map((list) => `Match ${list.join(' ')}`),
    },
    {
      weight: 1,
      arbitrary: pick('Match all', 'Match final all', 'Match canonical all', 'Host *', 'Match !all'),
    },
  );
}

/** A configuration of up to three files. */
export function configOf(judge: Judge): fc.Arbitrary<GeneratedConfig> {
  const line = fc.oneof(
    { weight: 12, arbitrary: lineOf(judge) },
    { weight: 3, arbitrary: blockOf(judge) },
    { weight: 1, arbitrary: pick('', '# a comment', '   ', '#', '\t# tabbed') },
  );
  const includes = pick(
    `Include ${folderMark}/one.conf`,
    `Include ${folderMark}/*.inc`,
    `Include "${folderMark}/one.conf" ${folderMark}/none-*`,
    'Include',
  );
  const body = (more: fc.Arbitrary<string>, maxLength: number): fc.Arbitrary<string> =>
    fc
      .array(fc.oneof({ weight: 14, arbitrary: line }, { weight: 1, arbitrary: more }), { maxLength })
      .map((lines) => lines.join('\n'));
  const wrong = fc.option(pick(...wrongLines, ...(judge.release >= 904 ? wrongSince904 : [])), {
    freq: 12,
    nil: undefined,
  });
  // fast-check takes the first more often than not: only some files have a line that is wrong.
  return fc
    .record({
      main: body(includes, 24),
      one: body(pick(`Include ${folderMark}/a.inc`), 6),
      a: body(pick('# nothing'), 5),
      b: body(pick('# nothing'), 5),
      wrongs: fc.oneof(
        { weight: 8, arbitrary: fc.constant<(string | undefined)[]>([]) },
        { weight: 2, arbitrary: fc.array(wrong, { minLength: 1, maxLength: 3 }) },
      ),
      host: pick(...hosts),
      overrides: fc.array(lineOf(judge), { maxLength: 2 }),
      end: pick('', '\n'),
    })
    .map(({ main, one, a, b, wrongs, host, overrides, end }) => ({
      files: {
        main: `${[main, ...wrongs.filter((text) => text !== undefined)].join('\n')}${end}`,
        'one.conf': one,
        'a.inc': `${a}\n`,
        'b.inc': b,
      },
      host,
      overrides: overrides
        .map((text) => text.trim())
        .filter((text) => !/^sessiontype\W+subsystem/i.test(text)),
    }));
}

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a variable of ssh_config
import { describe, expect, it } from 'vitest';
import { keywordNames, keywordRow } from '../../src/config/reading/keywords.ts';
import { support } from '../../src/config/warnings.ts';
import { keywordsFor, main, readText } from './reading.ts';
import { codeOf, refusalOf } from './refusals.ts';

type Value = string | readonly string[];

/** Values that each keyword takes, with what `ssh -G` prints for them; and values that it refuses. */
const values: Readonly<
  Record<string, { readonly takes: Readonly<Record<string, Value>>; readonly refuses: readonly string[] }>
> = {
  AddKeysToAgent: {
    takes: {
      yes: 'true',
      no: 'false',
      ask: 'ask',
      confirm: 'confirm',
      '10m': '600',
      'confirm 1h': 'confirm 3600',
      '0': 'true',
    },
    refuses: ['maybe', 'yes 5m', 'confirm soon', '5m 5m'],
  },
  AddressFamily: { takes: { any: 'any', INET: 'inet', inet6: 'inet6' }, refuses: ['ipv4'] },
  BatchMode: { takes: { yes: 'yes', FALSE: 'no', true: 'yes' }, refuses: ['1', 'yes yes'] },
  BindAddress: { takes: { '192.0.2.1': '192.0.2.1' }, refuses: ['""', 'a b'] },
  BindInterface: { takes: { eth0: 'eth0' }, refuses: ['""'] },
  CanonicalDomains: {
    takes: { 'A.example b.example.': 'a.example b.example', none: 'none' },
    refuses: ['-a', 'a..b', 'none a', 'a none', 'a$', '""'],
  },
  CanonicalizeFallbackLocal: { takes: { no: 'no' }, refuses: ['perhaps'] },
  CanonicalizeHostname: { takes: { no: 'false', yes: 'true', always: 'always' }, refuses: ['often'] },
  CanonicalizeMaxDots: { takes: { '0': '0', '7': '7' }, refuses: ['-1', 'x', '1.5'] },
  CanonicalizePermittedCNAMEs: {
    takes: { 'A.*:B.*,c': 'a.*:b.*,c', '*': '*:*', 'a:b c:d': 'a:b c:d', none: 'none' },
    refuses: ['a', 'a:', 'none a:b'],
  },
  CASignatureAlgorithms: {
    takes: { 'ssh-ed25519,rsa-*': 'ssh-ed25519,rsa-sha2-256,rsa-sha2-512' },
    refuses: ['ssh-ed25519-cert-v01@openssh.com', 'nosuch'],
  },
  CertificateFile: { takes: { '~/c': ['~/c'] }, refuses: ['""', 'a b'] },
  ChannelTimeout: {
    takes: { 'session=1m *=2h': 'session=1m *=2h', none: 'none' },
    refuses: ['session', '=5', 'a=x', 'none a=1'],
  },
  CheckHostIP: { takes: { yes: 'yes' }, refuses: ['never'] },
  Ciphers: {
    takes: { 'aes128-cbc,aes256-ctr': 'aes128-cbc,aes256-ctr', '-*': '' },
    refuses: ['aes128-c*', 'nosuch', '+', 'none', '+nosuch'],
  },
  ClearAllForwardings: { takes: { yes: 'yes' }, refuses: ['all'] },
  Compression: { takes: { yes: 'yes', no: 'no' }, refuses: ['true', 'delayed'] },
  ConnectionAttempts: { takes: { '3': '3' }, refuses: ['many'] },
  ConnectTimeout: { takes: { '5': '5', '1h30m': '5400', none: 'none' }, refuses: ['soon', '5x', '1.5m'] },
  ControlMaster: { takes: { yes: 'true', auto: 'auto', autoask: 'autoask', ask: 'ask' }, refuses: ['never'] },
  ControlPath: { takes: { '~/c-%h-%%': '/home/me/c-alpha-%' }, refuses: ['%x', '~nobody/x', '%'] },
  ControlPersist: { takes: { yes: 'yes', no: 'no', '5m': '300', '0': 'yes' }, refuses: ['forever'] },
  DynamicForward: {
    takes: { '1080': ['1080'], '[::1]:1080': ['[::1]:1080'], '/run/s': ['/run/s'] },
    refuses: ['0', 'a:b:1', 'nosuchport'],
  },
  EnableEscapeCommandline: { takes: { yes: 'yes' }, refuses: ['ask'] },
  EnableSSHKeysign: { takes: { yes: 'yes' }, refuses: ['ask'] },
  EscapeChar: {
    takes: { none: 'none', '^A': '\\^A', x: 'x', "' '": '\\040', '"\\\\"': '\\\\', '^[': '\\^[' },
    refuses: ['ab', '^^^', 'é'],
  },
  ExitOnForwardFailure: { takes: { yes: 'yes' }, refuses: ['ask'] },
  FingerprintHash: { takes: { md5: 'MD5', Sha512: 'SHA512' }, refuses: ['crc'] },
  ForkAfterAuthentication: { takes: { yes: 'yes' }, refuses: ['ask'] },
  ForwardAgent: {
    takes: { yes: 'yes', no: 'no', '~/a-%r': '/home/me/a-me' },
    refuses: ['${}', '${NOT_SET}', '$a-b', '${OPEN'],
  },
  ForwardX11: { takes: { yes: 'yes' }, refuses: ['ask'] },
  ForwardX11Timeout: { takes: { '1h': '3600', none: '1200' }, refuses: ['x'] },
  ForwardX11Trusted: { takes: { yes: 'yes' }, refuses: ['ask'] },
  GatewayPorts: { takes: { yes: 'yes' }, refuses: ['clientspecified'] },
  GlobalKnownHostsFile: {
    takes: { '/a /b': '/a /b', none: 'none', '~/x': '~/x' },
    refuses: ['none a', 'a none', '""'],
  },
  GSSAPIAuthentication: { takes: { yes: 'yes' }, refuses: ['ask'] },
  GSSAPIDelegateCredentials: { takes: { yes: 'yes' }, refuses: ['ask'] },
  HashKnownHosts: { takes: { yes: 'yes' }, refuses: ['ask'] },
  HostbasedAcceptedAlgorithms: { takes: { 'ssh-ed25519': 'ssh-ed25519' }, refuses: ['nosuch'] },
  HostbasedAuthentication: { takes: { yes: 'yes' }, refuses: ['ask'] },
  HostKeyAlgorithms: {
    takes: {
      'rsa-*,RSA':
        'rsa-sha2-256,rsa-sha2-256-cert-v01@openssh.com,rsa-sha2-512,rsa-sha2-512-cert-v01@openssh.com',
    },
    refuses: ['dsa-*', 'nosuch'],
  },
  HostKeyAlias: { takes: { Other: 'other' }, refuses: ['""'] },
  Hostname: {
    takes: { 'Real.Example': 'real.example', '%h.b': 'alpha.b', '127.1': '127.0.0.1', '0::1': '::1' },
    refuses: ['%n', '""'],
  },
  IdentitiesOnly: { takes: { yes: 'yes' }, refuses: ['ask'] },
  IdentityAgent: {
    takes: { none: 'none', SSH_AUTH_SOCK: 'SSH_AUTH_SOCK', $X: '$X', '~/a': '/home/me/a' },
    refuses: ['${NOT_SET}', '$a-b'],
  },
  IdentityFile: { takes: { '~/k-%h': ['~/k-%h'] }, refuses: ['""', 'a b'] },
  IgnoreUnknown: { takes: { 'foo*': 'foo*' }, refuses: ['""'] },
  IPQoS: {
    takes: {
      ef: 'ef ef',
      'AF21 cs1': 'af21 cs1',
      '0 255': 'cs0 0xff',
      lowdelay: 'none none',
      '4': 'le le',
      '0x21 012': '0x21 0x0a',
    },
    refuses: ['nosuch', '256', '0x100', '08', '0x', '-1', 'ef ef ef'],
  },
  KbdInteractiveAuthentication: { takes: { no: 'no' }, refuses: ['ask'] },
  KbdInteractiveDevices: { takes: { 'pam,x': 'pam,x' }, refuses: ['""'] },
  KexAlgorithms: { takes: { 'curve25519-sha256': 'curve25519-sha256' }, refuses: ['curve*', 'nosuch'] },
  KnownHostsCommand: { takes: { '/bin/k %H # all': '/bin/k %H # all' }, refuses: ['"open'] },
  LocalCommand: { takes: { '= a  b': 'a  b' }, refuses: ['"open'] },
  LocalForward: {
    takes: {
      '80 a:1': ['80 [a]:1'],
      '[::1]:80 [::2]:1': ['[::1]:80 [::2]:1'],
      '/a /b': ['/a /b'],
      'h:80 /b': ['[h]:80 /b'],
      '/a-%h b:http': ['/a-alpha [b]:80'],
      '*:80 a\\:b:1': ['[*]:80 [a:b]:1'],
    },
    refuses: ['80', '0 a:1', '80 a', '80 a:0', '80 a:b:c:1', '80 a:1 x', '/a b', '80 [a:1'],
  },
  LogLevel: { takes: { info: 'INFO', debug1: 'DEBUG', DEBUG3: 'DEBUG3' }, refuses: ['loud'] },
  LogVerbose: { takes: { 'a:b b:c': 'a:b', none: 'none' }, refuses: ['none a', 'a none'] },
  MACs: {
    takes: {
      '^hmac-sha2-512': expect.stringMatching(
        /^hmac-sha2-512,umac-64-etm@openssh.com,.*[^2],hmac-sha1$/,
      ) as string,
    },
    refuses: ['hmac-*', 'nosuch'],
  },
  NoHostAuthenticationForLocalhost: { takes: { yes: 'yes' }, refuses: ['ask'] },
  NumberOfPasswordPrompts: { takes: { '1': '1', '+2': '2' }, refuses: ['-1', '2147483648'] },
  ObscureKeystrokeTiming: {
    takes: { yes: 'yes', no: 'no', 'interval:80': '80', 'interval:20': 'yes' },
    refuses: ['YES', 'interval:0', 'interval:1001', 'yes no'],
  },
  PasswordAuthentication: { takes: { no: 'no' }, refuses: ['ask'] },
  PermitLocalCommand: { takes: { yes: 'yes' }, refuses: ['ask'] },
  PermitRemoteOpen: {
    takes: { any: 'any', none: 'none', 'a:1 [::1]:*': 'a:1 [::1]:*' },
    refuses: ['a', 'a:0', 'any a:1', 'a/1'],
  },
  PKCS11Provider: { takes: { '/p.so': '/p.so' }, refuses: ['""'] },
  Port: { takes: { '2222': '2222', ssh: '22' }, refuses: ['0', '65536', 'nosuch', '22 23', '-1', '22x'] },
  PreferredAuthentications: { takes: { 'password,publickey': 'password,publickey' }, refuses: ['""'] },
  ProxyCommand: { takes: { 'nc %h %p # x': 'nc %h %p # x' }, refuses: ['"open'] },
  ProxyJump: {
    takes: {
      'u@j:24': 'u@j:24',
      'a,b,c # d': 'a,b,c',
      'ssh://u%40x@j:24': 'u@x@j:24',
      '[::1]:24': '[::1]:24',
      '10.0.0.1': '[10.0.0.1]',
    },
    refuses: ['@j', 'u@', 'j:0', 'a,,b', 'a:b:c', 'ssh://j/path', 'a/b'],
  },
  ProxyUseFdpass: { takes: { yes: 'yes' }, refuses: ['ask'] },
  PubkeyAcceptedAlgorithms: { takes: { '-*cert*,*nist*,*sk-*,rsa*': 'ssh-ed25519' }, refuses: ['nosuch'] },
  PubkeyAuthentication: {
    takes: { unbound: 'unbound', 'host-bound': 'host-bound', no: 'false' },
    refuses: ['ask'],
  },
  RekeyLimit: {
    takes: {
      '1G': '1073741824 0',
      '1.5k 1h': '1536 3600',
      default: '0 0',
      'default none': '0 0',
      '16': '16 0',
    },
    refuses: ['15', '-1', '1Q', '1G soon', '1G 1h x', '9223372036854775808', '1..5k', '8E'],
  },
  RemoteCommand: { takes: { 'echo %n': 'echo alpha' }, refuses: ['echo %z', '"open'] },
  RemoteForward: {
    takes: { '80 a:1': ['80 [a]:1'], '0': ['0 [socks]:0'], '0 a:1': ['0 [a]:1'], '/s': ['/s [socks]:0'] },
    refuses: ['a:b:c:d:e', '80 a', '-1'],
  },
  RequestTTY: { takes: { yes: 'true', force: 'force', auto: 'auto' }, refuses: ['ask'] },
  RequiredRSASize: { takes: { '3072': '3072' }, refuses: ['big'] },
  RevokedHostKeys: {
    takes: { '~/a /b-%h': '/home/me/a /b-alpha', none: 'none' },
    refuses: ['none a', '""', '%x'],
  },
  SecurityKeyProvider: { takes: { '/s.so': '/s.so' }, refuses: ['""'] },
  SendEnv: { takes: { 'A LC_*': ['A', 'LC_*'], 'A B -A': ['B'] }, refuses: ['A=b', '""'] },
  ServerAliveCountMax: { takes: { '5': '5' }, refuses: ['x'] },
  ServerAliveInterval: { takes: { '1m': '60', none: '0' }, refuses: ['x'] },
  SessionType: { takes: { none: 'none', subsystem: 'subsystem' }, refuses: ['shell'] },
  SetEnv: {
    takes: { 'A=b "C=d e" A=f': ['A=b', 'C=d e'], 'A=%n-%%': ['A=alpha-%'] },
    refuses: ['A', 'A=%x'],
  },
  StdinNull: { takes: { yes: 'yes' }, refuses: ['ask'] },
  StreamLocalBindMask: { takes: { '0': '00', '077': '077', '7x': '07' }, refuses: ['8', '1000', 'x'] },
  StreamLocalBindUnlink: { takes: { yes: 'yes' }, refuses: ['ask'] },
  StrictHostKeyChecking: {
    takes: { yes: 'true', off: 'false', 'accept-new': 'accept-new', ask: 'ask' },
    refuses: ['sure'],
  },
  SyslogFacility: { takes: { local7: 'LOCAL7', AUTHPRIV: 'AUTHPRIV' }, refuses: ['KERN'] },
  Tag: { takes: { t: 't' }, refuses: ['""'] },
  TCPKeepAlive: { takes: { no: 'no' }, refuses: ['ask'] },
  Tunnel: { takes: { yes: 'point-to-point', ethernet: 'ethernet' }, refuses: ['ask'] },
  TunnelDevice: { takes: { '0:any': '0:any', '3': '3:any', ANY: 'any:any' }, refuses: ['x', '1:x', '1:2:3'] },
  UpdateHostKeys: { takes: { no: 'false', ask: 'ask' }, refuses: ['sure'] },
  User: { takes: { ops: 'ops', '%u-%n': 'me-alpha' }, refuses: ['%r', '""', 'x${NOT_SET}'] },
  UserKnownHostsFile: {
    takes: { '~/a /b-%k': '/home/me/a /b-alpha', none: 'none' },
    refuses: ['none a', '%x', '~nobody/k'],
  },
  VerifyHostKeyDNS: { takes: { ask: 'ask', no: 'false' }, refuses: ['sure'] },
  VersionAddendum: { takes: { 'a %n # c': 'a alpha # c', NONE: '' }, refuses: ['%x'] },
  VisualHostKey: { takes: { yes: 'yes' }, refuses: ['ask'] },
  WarnWeakCrypto: { takes: { no: 'no', 'no-pq-kex': 'no' }, refuses: ['ask'] },
  XAuthLocation: { takes: { '/x': '/x' }, refuses: ['""'] },
};

/** Keywords that print nothing, each with the reason. */
const silent = ['Host', 'Match', 'Include', 'RefuseConnection'];
/** Of a distribution, and not printed. */
const ofDistributions = keywordNames.filter((name) => /^GSSAPI(?!Auth|Deleg)/.test(name));
/** Refused when everything has been read, whatever the value. */
const late = new Set([
  'x${NOT_SET}',
  '%x',
  '%n',
  '%',
  '%r',
  '%z',
  '~nobody/x',
  '~nobody/k',
  'echo %z',
  'A=%x',
]);

/** Rules for canonical names want the host looked up. */
const world = { lookup: () => ({ canonicalName: undefined }) };

describe('the table of keywords', () => {
  it('has what becomes of each', () => {
    expect(Object.keys(support)).toEqual(expect.arrayContaining([...keywordNames]));
    expect(Object.keys(support)).toHaveLength(keywordNames.length);
  });

  it('is tested keyword by keyword', () => {
    expect([...Object.keys(values), ...silent, ...ofDistributions].sort()).toEqual([...keywordNames].sort());
  });
});

describe.each(Object.entries(values))('%s', (keyword, { takes, refuses }) => {
  const printed = keyword.toLowerCase();

  it.each(Object.entries(takes).filter(([value]) => !refuses.includes(value)))(
    'takes %s',
    (value, expected) => {
      expect(keywordsFor(`${keyword} ${value}\n`, 'alpha', world)[printed]).toEqual(expected);
    },
  );

  it('takes the first value', () => {
    const [[first, expected] = []] = Object.entries(takes);
    const others = Object.keys(takes)
      .filter((value) => !refuses.includes(value))
      .slice(1);
    const addsUp = [
      'identityfile',
      'certificatefile',
      'localforward',
      'remoteforward',
      'dynamicforward',
      'sendenv',
      'streamlocalbindmask',
      // Of two parts, each of which is kept by itself.
      'forwardagent',
      'rekeylimit',
    ];
    const text = [first, ...others].map((value) => `${keyword}=${value}\n`).join('');
    const kept = keywordsFor(text, 'alpha', world)[printed];
    if (addsUp.includes(printed)) expect(kept).not.toBeUndefined();
    else expect(kept).toEqual(expected);
  });

  it.each(refuses)('refuses %s, with the place', (value) => {
    const error = refusalOf(() => readText(`# first\n${keyword} ${value}\n`));
    expect(error).toMatchObject({
      code: 'ERR_SSH_CONFIG',
      file: main,
      line: 2,
      phase: 'options',
      origin: 'user',
    });
    expect(error.message).toMatch(new RegExp(`^${main} line 2: `));
  });

  it.each(refuses.filter((value) => !late.has(value)))(
    'refuses %s in a block that does not apply',
    (value) => {
      expect(codeOf(() => readText(`Host other\n${keyword} ${value}\n`))).toBe('ERR_SSH_CONFIG 2');
    },
  );

  it('needs a value', () => {
    for (const line of [keyword, `${keyword} `, `${keyword}=`, `  ${keyword}\t`]) {
      expect(codeOf(() => readText(`${line}\n`))).toBe('ERR_SSH_CONFIG 1');
    }
  });
});

describe('a keyword', () => {
  it('of two parts keeps each by itself', () => {
    expect(keywordsFor('RekeyLimit 1G\nRekeyLimit 2G 1h\n')['rekeylimit']).toBe('1073741824 3600');
    expect(keywordsFor('ForwardAgent no\nForwardAgent /a\n')['forwardagent']).toBe('/a');
    expect(keywordsFor('ConnectTimeout none\nConnectTimeout 5\n')['connecttimeout']).toBe('5');
  });

  it('of those that OpenSSH heeds in blocks that do not apply', () => {
    const text = 'Host other\nStreamLocalBindMask 0\nSyslogFacility LOCAL1\nStreamLocalBindMask 077\n';
    expect(keywordsFor(text)).toMatchObject({ streamlocalbindmask: '077', syslogfacility: 'LOCAL1' });
  });

  it('has no case', () => {
    expect(keywordsFor('pOrT 23\n')['port']).toBe('23');
    expect(keywordsFor('HOST alpha\nPORT 23\n')['port']).toBe('23');
  });

  it.each([
    ['ChallengeResponseAuthentication no', 'kbdinteractiveauthentication', 'no'],
    ['DSAAuthentication no', 'pubkeyauthentication', 'false'],
    ['KeepAlive no', 'tcpkeepalive', 'no'],
    ['HostbasedKeyTypes ssh-ed25519', 'hostbasedacceptedalgorithms', 'ssh-ed25519'],
    ['PubkeyAcceptedKeyTypes ssh-ed25519', 'pubkeyacceptedalgorithms', 'ssh-ed25519'],
    ['SmartcardDevice /p', 'pkcs11provider', '/p'],
    ['RSAMinSize 2048', 'requiredrsasize', '2048'],
    ['SetupTimeOut 5', 'serveraliveinterval', '5'],
  ])('of the past still means one of today: %s', (line, keyword, value) => {
    expect(keywordsFor(`${line}\n`)[keyword]).toBe(value);
  });

  it.each(['Protocol 1', 'Cipher blowfish', 'UsePrivilegedPort yes', 'CompressionLevel 9', 'UseRoaming no'])(
    'that says nothing any more is passed over: %s',
    (line) => {
      expect(keywordsFor(`${line}\n`)).toEqual(keywordsFor(''));
    },
  );

  it('that nobody knows is an error which names one that is near', () => {
    expect(refusalOf(() => readText('HostNaem x\n')).message).toContain('did you mean hostname?');
    expect(refusalOf(() => readText('UseKeychain yes\n')).message).toContain('IgnoreUnknown');
  });

  it('that IgnoreUnknown names is passed over, from there on and in the files behind', () => {
    expect(keywordsFor('IgnoreUnknown UseKey*,foo\nUseKeychain yes\nFOO x y z\n')['port']).toBe('22');
    expect(codeOf(() => readText('Foo x\nIgnoreUnknown foo\n'))).toBe('ERR_SSH_CONFIG 1');
    expect(codeOf(() => readText('IgnoreUnknown !foo,*\nFoo x\n'))).toBe('ERR_SSH_CONFIG 2');
  });

  it('has a row for each of its names', () => {
    expect(keywordRow('tisauthentication')?.name).toBe('kbdinteractiveauthentication');
    expect(keywordRow('constructor')).toBeUndefined();
  });

  it('is told with all others that are wrong in the file', () => {
    const error = refusalOf(() => readText('Port 0\nUser a\nFoo x\nHost b\nPort x\n'));
    expect(error.problems?.map(({ line }) => line)).toEqual([1, 3, 5]);
    expect(error.message).toContain('; and 2 more problems in it');
  });
});

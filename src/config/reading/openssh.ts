/**
 * The OpenSSH whose rules and answers these are.
 *
 * Owns: its version, the names of algorithms it knows and those it takes by
 * default, the files it looks for.
 * Must not know: what this client offers (`crypto/algorithms.ts`).
 * Sources: OpenSSH 10.5, ssh_config(5) and `ssh -Q`.
 */

/** What differs between releases and builds of OpenSSH. */
export interface OpenSsh {
  /** For `Match version`. */
  readonly version: string;
  /** All names, in the order of `ssh -Q`. */
  readonly ciphers: readonly string[];
  readonly macs: readonly string[];
  readonly kex: readonly string[];
  /** Signature algorithms of keys and certificates. */
  readonly keys: readonly string[];
  /** Names of types of keys, which only lists of keys take in addition. */
  readonly shortKeyNames: readonly string[];
  /** What is taken where nothing is said. */
  readonly defaults: {
    readonly ciphers: readonly string[];
    readonly macs: readonly string[];
    readonly kex: readonly string[];
    readonly keys: readonly string[];
    readonly signatures: readonly string[];
    readonly identityFiles: readonly string[];
    readonly serviceClasses: string;
    readonly xauthLocation: string;
    /** Of keywords that a distribution gives another value than the manual does. */
    readonly others?: Readonly<Record<string, string>> | undefined;
  };
}

export const certificateMark = '-cert-v01@openssh.com';

const ciphers = [
  'aes128-ctr',
  'aes192-ctr',
  'aes256-ctr',
  'aes128-gcm@openssh.com',
  'aes256-gcm@openssh.com',
];

const defaultMacs = [
  'umac-64-etm@openssh.com',
  'umac-128-etm@openssh.com',
  'hmac-sha2-256-etm@openssh.com',
  'hmac-sha2-512-etm@openssh.com',
  'hmac-sha1-etm@openssh.com',
  'umac-64@openssh.com',
  'umac-128@openssh.com',
  'hmac-sha2-256',
  'hmac-sha2-512',
  'hmac-sha1',
];

const plainKeys = [
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
];

/** OpenSSH 10.5. */
export const openSsh: OpenSsh = {
  version: 'OpenSSH_10.5p1',
  ciphers: [
    '3des-cbc',
    'aes128-cbc',
    'aes192-cbc',
    'aes256-cbc',
    ...ciphers,
    'chacha20-poly1305@openssh.com',
  ],
  macs: [
    'hmac-sha1',
    'hmac-sha1-96',
    'hmac-sha2-256',
    'hmac-sha2-512',
    'hmac-md5',
    'hmac-md5-96',
    'umac-64@openssh.com',
    'umac-128@openssh.com',
    'hmac-sha1-etm@openssh.com',
    'hmac-sha1-96-etm@openssh.com',
    'hmac-sha2-256-etm@openssh.com',
    'hmac-sha2-512-etm@openssh.com',
    'hmac-md5-etm@openssh.com',
    'hmac-md5-96-etm@openssh.com',
    'umac-64-etm@openssh.com',
    'umac-128-etm@openssh.com',
  ],
  kex: [
    'diffie-hellman-group1-sha1',
    'diffie-hellman-group14-sha1',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
    'diffie-hellman-group-exchange-sha1',
    'diffie-hellman-group-exchange-sha256',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'mlkem768nistp256-sha256',
    'curve25519-sha256',
    'curve25519-sha256@libssh.org',
    'sntrup761x25519-sha512',
    'sntrup761x25519-sha512@openssh.com',
    'mlkem768x25519-sha256',
  ],
  keys: [
    'ssh-ed25519',
    'ssh-ed25519-cert-v01@openssh.com',
    'sk-ssh-ed25519@openssh.com',
    'sk-ssh-ed25519-cert-v01@openssh.com',
    'ssh-mldsa44-ed25519@openssh.com',
    'ssh-mldsa44-ed25519-cert-v01@openssh.com',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp384-cert-v01@openssh.com',
    'ecdsa-sha2-nistp521',
    'ecdsa-sha2-nistp521-cert-v01@openssh.com',
    'sk-ecdsa-sha2-nistp256@openssh.com',
    'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'webauthn-sk-ecdsa-sha2-nistp256@openssh.com',
    'webauthn-sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
    'ssh-rsa',
    'ssh-rsa-cert-v01@openssh.com',
    'rsa-sha2-256',
    'rsa-sha2-256-cert-v01@openssh.com',
    'rsa-sha2-512',
    'rsa-sha2-512-cert-v01@openssh.com',
  ],
  shortKeyNames: ['ED25519', 'ED25519-SK', 'ECDSA', 'ECDSA-SK', 'RSA'].flatMap((name) => [
    name,
    `${name}-CERT`,
  ]),
  defaults: {
    ciphers: [
      'chacha20-poly1305@openssh.com',
      'aes128-gcm@openssh.com',
      'aes256-gcm@openssh.com',
      'aes128-ctr',
      'aes192-ctr',
      'aes256-ctr',
    ],
    macs: defaultMacs,
    kex: [
      'mlkem768x25519-sha256',
      'sntrup761x25519-sha512',
      'sntrup761x25519-sha512@openssh.com',
      'curve25519-sha256',
      'curve25519-sha256@libssh.org',
      'ecdh-sha2-nistp256',
      'ecdh-sha2-nistp384',
      'ecdh-sha2-nistp521',
      'diffie-hellman-group-exchange-sha256',
      'diffie-hellman-group16-sha512',
      'diffie-hellman-group18-sha512',
      'diffie-hellman-group14-sha256',
    ],
    keys: [...plainKeys.map(certificateOf), ...plainKeys],
    signatures: plainKeys,
    identityFiles: ['rsa', 'ecdsa', 'ecdsa_sk', 'ed25519', 'ed25519_sk', 'mldsa44_ed25519'].map(
      (name) => `~/.ssh/id_${name}`,
    ),
    serviceClasses: 'ef cs0',
    xauthLocation: '/usr/bin/xauth',
  },
};

function certificateOf(name: string): string {
  return `${name.replace('@openssh.com', '')}${certificateMark}`;
}

/**
 * The names of every algorithm this library can negotiate, as rows of tables.
 *
 * Owns: names, sizes, defaults and their order.
 * Must not know: how any of them is computed.
 * Sources: RFC 4253 §6, RFC 4344, RFC 5656, RFC 6668, RFC 8268, RFC 8332, RFC 8709, RFC 8731, OpenSSH PROTOCOL.
 */

/** Sizes of a packet cipher; `authenticated` ones negotiate no MAC. */
export interface CipherRow {
  readonly keyLength: number;
  readonly ivLength: number;
  readonly blockSize: number;
  readonly authenticated: boolean;
  /** Offered unless the user says otherwise. */
  readonly byDefault: boolean;
}

export type CipherName =
  | 'aes128-gcm@openssh.com'
  | 'aes256-gcm@openssh.com'
  | 'chacha20-poly1305@openssh.com'
  | 'aes128-ctr'
  | 'aes192-ctr'
  | 'aes256-ctr';

/** In order of preference. */
export const ciphers: Readonly<Record<CipherName, CipherRow>> = {
  'aes128-gcm@openssh.com': {
    keyLength: 16,
    ivLength: 12,
    blockSize: 16,
    authenticated: true,
    byDefault: true,
  },
  'aes256-gcm@openssh.com': {
    keyLength: 32,
    ivLength: 12,
    blockSize: 16,
    authenticated: true,
    byDefault: true,
  },
  'chacha20-poly1305@openssh.com': {
    keyLength: 64,
    ivLength: 0,
    blockSize: 8,
    authenticated: true,
    byDefault: true,
  },
  'aes128-ctr': { keyLength: 16, ivLength: 16, blockSize: 16, authenticated: false, byDefault: true },
  'aes192-ctr': { keyLength: 24, ivLength: 16, blockSize: 16, authenticated: false, byDefault: true },
  'aes256-ctr': { keyLength: 32, ivLength: 16, blockSize: 16, authenticated: false, byDefault: true },
};

/** Sizes of a MAC. */
export interface MacRow {
  readonly hash: 'sha256' | 'sha512';
  readonly keyLength: number;
  readonly tagLength: number;
  /** Computed over the ciphertext (OpenSSH PROTOCOL §1.5). */
  readonly encryptThenMac: boolean;
  readonly byDefault: boolean;
}

export type MacName =
  | 'hmac-sha2-256-etm@openssh.com'
  | 'hmac-sha2-512-etm@openssh.com'
  | 'hmac-sha2-256'
  | 'hmac-sha2-512';

/** In order of preference. */
export const macs: Readonly<Record<MacName, MacRow>> = {
  'hmac-sha2-256-etm@openssh.com': {
    hash: 'sha256',
    keyLength: 32,
    tagLength: 32,
    encryptThenMac: true,
    byDefault: true,
  },
  'hmac-sha2-512-etm@openssh.com': {
    hash: 'sha512',
    keyLength: 64,
    tagLength: 64,
    encryptThenMac: true,
    byDefault: true,
  },
  'hmac-sha2-256': { hash: 'sha256', keyLength: 32, tagLength: 32, encryptThenMac: false, byDefault: true },
  'hmac-sha2-512': { hash: 'sha512', keyLength: 64, tagLength: 64, encryptThenMac: false, byDefault: true },
};

/** A key exchange method's place in the table; the method itself is in `kex.ts`. */
export interface KexRow {
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Safe against an adversary with a quantum computer. */
  readonly postQuantum: boolean;
  readonly byDefault: boolean;
}

export type KexName =
  | 'mlkem768x25519-sha256'
  | 'curve25519-sha256'
  | 'curve25519-sha256@libssh.org'
  | 'ecdh-sha2-nistp256'
  | 'ecdh-sha2-nistp384'
  | 'ecdh-sha2-nistp521'
  | 'diffie-hellman-group16-sha512'
  | 'diffie-hellman-group18-sha512'
  | 'diffie-hellman-group14-sha256';

/** In order of preference. */
export const kexMethods: Readonly<Record<KexName, KexRow>> = {
  'mlkem768x25519-sha256': { hash: 'sha256', postQuantum: true, byDefault: true },
  'curve25519-sha256': { hash: 'sha256', postQuantum: false, byDefault: true },
  'curve25519-sha256@libssh.org': { hash: 'sha256', postQuantum: false, byDefault: true },
  'ecdh-sha2-nistp256': { hash: 'sha256', postQuantum: false, byDefault: true },
  'ecdh-sha2-nistp384': { hash: 'sha384', postQuantum: false, byDefault: true },
  'ecdh-sha2-nistp521': { hash: 'sha512', postQuantum: false, byDefault: true },
  'diffie-hellman-group16-sha512': { hash: 'sha512', postQuantum: false, byDefault: true },
  'diffie-hellman-group18-sha512': { hash: 'sha512', postQuantum: false, byDefault: true },
  'diffie-hellman-group14-sha256': { hash: 'sha256', postQuantum: false, byDefault: true },
};

/** A signature algorithm and the type of key that makes it (RFC 8332 §3 parts the two for RSA). */
export interface SignatureRow {
  readonly keyType: string;
  readonly byDefault: boolean;
}

export type SignatureAlgorithmName =
  | 'ssh-ed25519'
  | 'ecdsa-sha2-nistp256'
  | 'ecdsa-sha2-nistp384'
  | 'ecdsa-sha2-nistp521'
  | 'rsa-sha2-512'
  | 'rsa-sha2-256';

/** Host key and public key authentication algorithms, in order of preference. */
export const signatureAlgorithms: Readonly<Record<SignatureAlgorithmName, SignatureRow>> = {
  'ssh-ed25519': { keyType: 'ssh-ed25519', byDefault: true },
  'ecdsa-sha2-nistp256': { keyType: 'ecdsa-sha2-nistp256', byDefault: true },
  'ecdsa-sha2-nistp384': { keyType: 'ecdsa-sha2-nistp384', byDefault: true },
  'ecdsa-sha2-nistp521': { keyType: 'ecdsa-sha2-nistp521', byDefault: true },
  'rsa-sha2-512': { keyType: 'ssh-rsa', byDefault: true },
  'rsa-sha2-256': { keyType: 'ssh-rsa', byDefault: true },
};

/** Signature algorithms that a key of this type can use, best first. */
export function signatureAlgorithmsFor(keyType: string): SignatureAlgorithmName[] {
  return (Object.keys(signatureAlgorithms) as SignatureAlgorithmName[]).filter(
    (name) => signatureAlgorithms[name].keyType === keyType,
  );
}

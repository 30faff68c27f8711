/**
 * The names of every algorithm this library can negotiate, as rows of tables.
 *
 * Owns: names, sizes, defaults and their order.
 * Must not know: how any of them is computed.
 * Sources: RFC 4253 §6, RFC 4344, RFC 5656, RFC 6668, RFC 8268, RFC 8332, RFC 8709, RFC 8731, OpenSSH PROTOCOL.
 */

/** When an algorithm is offered. */
export interface Offered {
  /** Unless the user says otherwise. */
  readonly byDefault: boolean;
  /** Unbroken, with a better one beside it: where something speaks for it, and with `algorithms: 'compatible'`. */
  readonly compatible: boolean;
  /** Broken or about to be: by its name or with `algorithms: 'legacy'` only. */
  readonly legacy: boolean;
  /** More than a server should compute for anybody who asks, for what they send: it offers this by name only. */
  readonly costly?: true | undefined;
}

const always: Offered = { byDefault: true, compatible: false, legacy: false };
const compatible: Offered = { byDefault: false, compatible: true, legacy: false };
/** Sound, and rarely of use. */
const byName: Offered = { byDefault: false, compatible: false, legacy: false };
const legacy: Offered = { byDefault: false, compatible: false, legacy: true };

/** Sizes of a packet cipher; `authenticated` ones negotiate no MAC. */
export interface CipherRow extends Offered {
  readonly keyLength: number;
  readonly ivLength: number;
  readonly blockSize: number;
  readonly authenticated: boolean;
}

/** Every cipher that can be negotiated. */
export type CipherName =
  | 'aes128-gcm@openssh.com'
  | 'aes256-gcm@openssh.com'
  | 'chacha20-poly1305@openssh.com'
  | 'aes128-ctr'
  | 'aes192-ctr'
  | 'aes256-ctr'
  | CbcName;

/** Cipher block chaining (RFC 4253 §6.3), whose IV an attacker can foresee. */
export type CbcName = 'aes128-cbc' | 'aes192-cbc' | 'aes256-cbc' | '3des-cbc';

/** In order of preference. */
export const ciphers: Readonly<Record<CipherName, CipherRow>> = {
  'aes128-gcm@openssh.com': {
    keyLength: 16,
    ivLength: 12,
    blockSize: 16,
    authenticated: true,
    ...always,
  },
  'aes256-gcm@openssh.com': {
    keyLength: 32,
    ivLength: 12,
    blockSize: 16,
    authenticated: true,
    ...always,
  },
  'chacha20-poly1305@openssh.com': {
    keyLength: 64,
    ivLength: 0,
    blockSize: 8,
    authenticated: true,
    ...always,
  },
  'aes128-ctr': { keyLength: 16, ivLength: 16, blockSize: 16, authenticated: false, ...always },
  'aes192-ctr': { keyLength: 24, ivLength: 16, blockSize: 16, authenticated: false, ...always },
  'aes256-ctr': { keyLength: 32, ivLength: 16, blockSize: 16, authenticated: false, ...always },
  'aes128-cbc': { keyLength: 16, ivLength: 16, blockSize: 16, authenticated: false, ...legacy },
  'aes192-cbc': { keyLength: 24, ivLength: 16, blockSize: 16, authenticated: false, ...legacy },
  'aes256-cbc': { keyLength: 32, ivLength: 16, blockSize: 16, authenticated: false, ...legacy },
  '3des-cbc': { keyLength: 24, ivLength: 8, blockSize: 8, authenticated: false, ...legacy },
};

/** Sizes of a MAC. */
export interface MacRow extends Offered {
  /** HMAC over this hash; `umac` is a MAC of its own (RFC 4418). */
  readonly hash: 'sha1' | 'sha256' | 'sha512' | 'umac';
  readonly keyLength: number;
  readonly tagLength: number;
  /** Computed over the ciphertext (OpenSSH PROTOCOL §1.5). */
  readonly encryptThenMac: boolean;
}

/** Every MAC that can be negotiated. */
export type MacName =
  | 'hmac-sha2-256-etm@openssh.com'
  | 'hmac-sha2-512-etm@openssh.com'
  | 'hmac-sha2-256'
  | 'hmac-sha2-512'
  | 'umac-128-etm@openssh.com'
  | 'umac-128@openssh.com'
  | 'umac-64-etm@openssh.com'
  | 'umac-64@openssh.com'
  | 'hmac-sha1-etm@openssh.com'
  | 'hmac-sha1'
  | 'hmac-sha1-96';

/** In order of preference. */
export const macs: Readonly<Record<MacName, MacRow>> = {
  'hmac-sha2-256-etm@openssh.com': {
    hash: 'sha256',
    keyLength: 32,
    tagLength: 32,
    encryptThenMac: true,
    ...always,
  },
  'hmac-sha2-512-etm@openssh.com': {
    hash: 'sha512',
    keyLength: 64,
    tagLength: 64,
    encryptThenMac: true,
    ...always,
  },
  'hmac-sha2-256': { hash: 'sha256', keyLength: 32, tagLength: 32, encryptThenMac: false, ...compatible },
  'hmac-sha2-512': { hash: 'sha512', keyLength: 64, tagLength: 64, encryptThenMac: false, ...compatible },
  'umac-128-etm@openssh.com': {
    hash: 'umac',
    keyLength: 16,
    tagLength: 16,
    encryptThenMac: true,
    ...byName,
  },
  'umac-128@openssh.com': { hash: 'umac', keyLength: 16, tagLength: 16, encryptThenMac: false, ...byName },
  'umac-64-etm@openssh.com': {
    hash: 'umac',
    keyLength: 16,
    tagLength: 8,
    encryptThenMac: true,
    ...byName,
  },
  'umac-64@openssh.com': { hash: 'umac', keyLength: 16, tagLength: 8, encryptThenMac: false, ...byName },
  'hmac-sha1-etm@openssh.com': {
    hash: 'sha1',
    keyLength: 20,
    tagLength: 20,
    encryptThenMac: true,
    ...legacy,
  },
  'hmac-sha1': { hash: 'sha1', keyLength: 20, tagLength: 20, encryptThenMac: false, ...legacy },
  'hmac-sha1-96': { hash: 'sha1', keyLength: 20, tagLength: 12, encryptThenMac: false, ...legacy },
};

/** A key exchange method's place in the table; the method itself is in `kex.ts`. */
export interface KexRow extends Offered {
  readonly hash: 'sha1' | 'sha256' | 'sha384' | 'sha512';
  /** Safe against an adversary with a quantum computer. */
  readonly postQuantum: boolean;
}

/** Every key exchange method that can be negotiated. */
export type KexName =
  | 'mlkem768x25519-sha256'
  | 'sntrup761x25519-sha512'
  | 'sntrup761x25519-sha512@openssh.com'
  | 'curve25519-sha256'
  | 'curve25519-sha256@libssh.org'
  | 'ecdh-sha2-nistp256'
  | 'ecdh-sha2-nistp384'
  | 'ecdh-sha2-nistp521'
  | 'curve448-sha512'
  | 'diffie-hellman-group-exchange-sha256'
  | 'diffie-hellman-group16-sha512'
  | 'diffie-hellman-group18-sha512'
  | 'diffie-hellman-group15-sha512'
  | 'diffie-hellman-group17-sha512'
  | 'diffie-hellman-group14-sha256'
  | 'diffie-hellman-group14-sha1'
  | 'diffie-hellman-group-exchange-sha1'
  | 'diffie-hellman-group1-sha1';

/** In order of preference. */
export const kexMethods: Readonly<Record<KexName, KexRow>> = {
  'mlkem768x25519-sha256': { hash: 'sha256', postQuantum: true, ...always },
  'sntrup761x25519-sha512': { hash: 'sha512', postQuantum: true, ...compatible },
  'sntrup761x25519-sha512@openssh.com': { hash: 'sha512', postQuantum: true, ...compatible },
  'curve25519-sha256': { hash: 'sha256', postQuantum: false, ...always },
  'curve25519-sha256@libssh.org': { hash: 'sha256', postQuantum: false, ...always },
  'ecdh-sha2-nistp256': { hash: 'sha256', postQuantum: false, ...compatible },
  'ecdh-sha2-nistp384': { hash: 'sha384', postQuantum: false, ...compatible, costly: true },
  'ecdh-sha2-nistp521': { hash: 'sha512', postQuantum: false, ...compatible, costly: true },
  'curve448-sha512': { hash: 'sha512', postQuantum: false, ...always, costly: true },
  'diffie-hellman-group-exchange-sha256': { hash: 'sha256', postQuantum: false, ...compatible },
  'diffie-hellman-group16-sha512': { hash: 'sha512', postQuantum: false, ...always },
  'diffie-hellman-group18-sha512': { hash: 'sha512', postQuantum: false, ...compatible, costly: true },
  'diffie-hellman-group15-sha512': { hash: 'sha512', postQuantum: false, ...always },
  'diffie-hellman-group17-sha512': { hash: 'sha512', postQuantum: false, ...compatible, costly: true },
  'diffie-hellman-group14-sha256': { hash: 'sha256', postQuantum: false, ...compatible },
  'diffie-hellman-group14-sha1': { hash: 'sha1', postQuantum: false, ...legacy },
  'diffie-hellman-group-exchange-sha1': { hash: 'sha1', postQuantum: false, ...legacy },
  'diffie-hellman-group1-sha1': { hash: 'sha1', postQuantum: false, ...legacy },
};

/** A signature algorithm and the type of key that makes it (RFC 8332 §3 parts the two for RSA). */
export interface SignatureRow extends Offered {
  readonly keyType: string;
}

/** Every signature algorithm that can be negotiated. */
export type SignatureAlgorithmName =
  | 'ssh-ed25519'
  | 'ecdsa-sha2-nistp256'
  | 'ecdsa-sha2-nistp384'
  | 'ecdsa-sha2-nistp521'
  | 'rsa-sha2-512'
  | 'rsa-sha2-256'
  | 'ssh-ed448'
  | 'ssh-rsa';

/** Host key and public key authentication algorithms, in order of preference. */
export const signatureAlgorithms: Readonly<Record<SignatureAlgorithmName, SignatureRow>> = {
  'ssh-ed25519': { keyType: 'ssh-ed25519', ...always },
  'ecdsa-sha2-nistp256': { keyType: 'ecdsa-sha2-nistp256', ...compatible },
  'ecdsa-sha2-nistp384': { keyType: 'ecdsa-sha2-nistp384', ...compatible },
  'ecdsa-sha2-nistp521': { keyType: 'ecdsa-sha2-nistp521', ...compatible },
  'rsa-sha2-512': { keyType: 'ssh-rsa', ...always },
  'rsa-sha2-256': { keyType: 'ssh-rsa', ...always },
  'ssh-ed448': { keyType: 'ssh-ed448', ...always },
  // SHA-1 (RFC 4253 §6.6).
  'ssh-rsa': { keyType: 'ssh-rsa', ...legacy },
};

/** Compression of what is sent (RFC 4253 §6.2); none of it runs before authentication. */
export type CompressionName = 'none' | 'zlib@openssh.com' | 'zlib';

/** In order of preference. */
export const compressions: Readonly<Record<CompressionName, Offered>> = {
  none: always,
  'zlib@openssh.com': byName,
  zlib: byName,
};

/**
 * Signature algorithms that a key of this type can use, best first.
 *
 * @param named those the user named: what is broken is not to be used otherwise
 */
export function signatureAlgorithmsFor(
  keyType: string,
  named: readonly string[] = [],
): SignatureAlgorithmName[] {
  return usableSignatures(named).filter((name) => signatureAlgorithms[name].keyType === keyType);
}

/** All but the broken ones, and of these the ones the user named. */
export function usableSignatures(named: readonly string[]): SignatureAlgorithmName[] {
  return (Object.keys(signatureAlgorithms) as SignatureAlgorithmName[]).filter(
    (name) => !signatureAlgorithms[name].legacy || named.includes(name),
  );
}

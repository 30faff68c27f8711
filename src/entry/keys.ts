/**
 * `deadline-ssh/keys`: private and public key files, fingerprints, known_hosts.
 *
 * Owns: which names of `keys/` are public, and the source of randomness they use
 * when none is given (Web Crypto, which every runtime has).
 * Must not know: formats.
 */
import { anyText, checkArgument, checkOptionsObject, objectWith } from '../base/optionChecks.ts';
import type { PrivateKey } from '../crypto/keys/privateKey.ts';
import type { RandomBytes } from '../crypto/provider/random.ts';
import type { GeneratedKeyType, GenerateKeyOptions } from '../keys/generation/generateKey.ts';
import {
  generateKey as generateWith,
  generateKeyInSteps as generateWithInSteps,
} from '../keys/generation/generateKey.ts';
import type { FormatPrivateKeyOptions } from '../keys/privateKey/formatPrivateKey.ts';
import {
  formatPrivateKey as formatWith,
  formatPrivateKeyInSteps as formatWithInSteps,
} from '../keys/privateKey/formatPrivateKey.ts';
import { signingParts } from '../keys/sshsig/signingParts.ts';
import {
  type MessageSignature,
  messageSignatureRule,
  parseMessageSignature,
  type SignedMessage,
  type SignMessageOptions,
  signMessageWith,
  verifyMessageWith,
} from '../keys/sshsig/sshsig.ts';

export type { SshErrorCode } from '../base/errors.ts';
export { SshError } from '../base/errors.ts';
export type { Certificate } from '../crypto/keys/certificate.ts';
export { decodeCertificate } from '../crypto/keys/certificate.ts';
export type {
  EcdsaPrivateKey,
  Ed25519PrivateKey,
  PrivateKey,
  PrivateKeyFile,
  RsaPrivateKey,
} from '../crypto/keys/privateKey.ts';
export { wipePrivateKey } from '../crypto/keys/privateKey.ts';
export type {
  EcdsaPublicKey,
  Ed25519PublicKey,
  PublicKey,
  RsaPublicKey,
  SecurityKeyPublicKey,
  SkEcdsaPublicKey,
  SkEd25519PublicKey,
} from '../crypto/keys/publicKey.ts';
export { decodePublicKey, encodePublicKey } from '../crypto/keys/publicKey.ts';
export type { KeyArithmetic } from '../keys/arithmetic.ts';
export { fingerprint, randomArt } from '../keys/fingerprint.ts';
export type { FingerprintHash } from '../keys/fingerprintBy.ts';
export type { GeneratedKeyType } from '../keys/generation/generateKey.ts';
export type {
  FormatKnownHostsOptions,
  KnownHostsEntry,
  KnownHostsResult,
  MalformedLine,
} from '../keys/knownHosts/knownHosts.ts';
export { formatKnownHostsLine, KnownHosts } from '../keys/knownHosts/knownHosts.ts';
export type { CertificateFile, CertificatePurpose } from '../keys/openssh/certificateFile.ts';
export { checkCertificate, parseCertificate } from '../keys/openssh/certificateFile.ts';
export type { SshFileCipherName } from '../keys/openssh/sshCiphers.ts';
export { parsePrivateKey, parsePrivateKeyInSteps } from '../keys/privateKey/parsePrivateKey.ts';
export type { ParsePrivateKeyOptions, PrivateKeyDescription } from '../keys/privateKey/privateKeyFile.ts';
export { describePrivateKey } from '../keys/privateKey/privateKeyFile.ts';
export type {
  AuthorizedKeys,
  FormatPublicKeyOptions,
  KeyOption,
  ParsePublicKeyOptions,
  PublicKeyFile,
} from '../keys/publicKeyFile.ts';
export { formatPublicKey, parseAuthorizedKeys, parsePublicKey } from '../keys/publicKeyFile.ts';
export type { RevokedPart } from '../keys/revocation/revokedKeys.ts';
export { RevokedKeys } from '../keys/revocation/revokedKeys.ts';
export type { AllowedSigner, SignerQuestion } from '../keys/sshsig/allowedSigners.ts';
export { AllowedSigners } from '../keys/sshsig/allowedSigners.ts';
export type {
  MessageHash,
  MessageSignature,
  SignedMessage,
  SignMessageOptions,
} from '../keys/sshsig/sshsig.ts';
export { formatMessageSignature, parseMessageSignature } from '../keys/sshsig/sshsig.ts';
export type { WallClock } from '../keys/sshsig/timestamps.ts';

/** @throws SshError `ERR_SSH_OPTIONS` for options that are no object, which would be lost on the way */
function withRandomness<Options extends { readonly randomBytes?: RandomBytes | undefined }>(
  of: string,
  options: Options,
): Options & { readonly randomBytes: RandomBytes } {
  checkOptionsObject(options, of);
  const { randomBytes: own = randomBytes } = options;
  return { ...options, randomBytes: own };
}

/** The same options, with a source of randomness of your own where you have reason for one. */
type WithRandomness<Options extends { readonly randomBytes: unknown }> = Omit<Options, 'randomBytes'> & {
  readonly randomBytes?: Options['randomBytes'] | undefined;
};

/**
 * A new private key.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for a type or size that does not exist
 * @example
 * ```ts
 * import { formatPublicKey, generateKey } from 'deadline-ssh/keys';
 * const key = generateKey('ed25519');
 * const line: string = formatPublicKey(key.publicKey, { comment: 'me' });
 * ```
 */
export function generateKey(
  type: GeneratedKeyType,
  options: WithRandomness<GenerateKeyOptions> = {},
): PrivateKey {
  return generateWith(type, withRandomness('generateKey', options));
}

/** As `generateKey`, some milliseconds of work at a time: call `next()` until it is done. */
export function generateKeyInSteps(
  type: GeneratedKeyType,
  options: WithRandomness<GenerateKeyOptions> = {},
): Generator<void, PrivateKey> {
  return generateWithInSteps(type, withRandomness('generateKey', options));
}

/**
 * A private key as the text of a file: OpenSSH's format, PKCS#8 or PEM, plain or
 * encrypted. Encryption takes time by design; where an event loop must not stand
 * still, use `formatPrivateKeyInSteps`.
 *
 * @throws SshError `ERR_SSH_OPTIONS` for options that contradict each other or the key
 * @example
 * ```ts
 * import { writeFileSync } from 'node:fs';
 * import { formatPrivateKey, generateKey } from 'deadline-ssh/keys';
 * const text = formatPrivateKey(generateKey('ed25519'), { passphrase: 'a secret', comment: 'me' });
 * writeFileSync('id_ed25519', text, { mode: 0o600 });
 * ```
 */
export function formatPrivateKey(
  key: PrivateKey,
  options: WithRandomness<FormatPrivateKeyOptions> = {},
): string {
  return formatWith(key, withRandomness('formatPrivateKey', options));
}

/** As `formatPrivateKey`, a few milliseconds of work at a time. */
export function formatPrivateKeyInSteps(
  key: PrivateKey,
  options: WithRandomness<FormatPrivateKeyOptions> = {},
): Generator<void, string> {
  return formatWithInSteps(key, withRandomness('formatPrivateKey', options));
}

/**
 * Signs a message as `ssh-keygen -Y sign` does: for a file, a commit, or a purpose
 * of your own, which the namespace names.
 *
 * @returns the text of a signature file
 * @throws SshError `ERR_SSH_OPTIONS` for a namespace that is empty or a certificate for another key,
 *   `ERR_SSH_CRYPTO` for a key that cannot sign
 * @example
 * ```ts
 * import { generateKey, signMessage } from 'deadline-ssh/keys';
 * const signature = signMessage('the text', generateKey('ed25519'), { namespace: 'file' });
 * ```
 */
export function signMessage(
  message: SignedMessage,
  privateKey: PrivateKey,
  options: SignMessageOptions,
): string {
  return signMessageWith(signingParts(randomBytes), message, privateKey, options);
}

/**
 * Checks that a signature is one of its key over a message, for a purpose. Whose
 * key that is, and whether it may sign, is for `AllowedSigners` to say.
 *
 * @throws SshError `ERR_SSH_SIGNATURE` where it does not hold, `ERR_SSH_KEY_FORMAT` for a text that is no signature
 */
export function verifyMessage(
  message: SignedMessage,
  signature: MessageSignature | string,
  options: { readonly namespace: string },
): MessageSignature {
  checkArgument(
    'the options of verifyMessage',
    options,
    objectWith("an object such as { namespace: 'file' }", { namespace: anyText }),
  );
  const read = typeof signature === 'string' ? parseMessageSignature(signature) : signature;
  checkArgument('the signature for verifyMessage', read, messageSignatureRule);
  verifyMessageWith(signingParts(randomBytes), message, read, options.namespace);
  return read;
}

function randomBytes(length: number): Uint8Array {
  return globalThis.crypto.getRandomValues(new Uint8Array(length));
}

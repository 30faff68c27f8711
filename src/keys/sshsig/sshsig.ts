/**
 * Signatures over files, as `ssh-keygen -Y` makes them and git keeps them.
 *
 * Owns: the form of a signature, the bytes that are signed, the making and the
 * checking of one.
 * Must not know: files on disk, clocks, who may sign (`allowedSigners.ts`).
 * Source: OpenSSH PROTOCOL.sshsig.
 */
import { concatBytes, copyOf, equalBytes, utf8Decode, utf8Encode } from '../../base/bytes.ts';
import { SshError } from '../../base/errors.ts';
import {
  anyObject,
  bytesOnly,
  checkArgument,
  checkOptions,
  eitherOf,
  type OptionTable,
  oneOf,
  someText,
} from '../../base/optionChecks.ts';
import {
  type Certificate,
  decodeCertificate,
  isCertificateBlob,
  verifyCertificate,
} from '../../crypto/keys/certificate.ts';
import type { PrivateKey } from '../../crypto/keys/privateKey.ts';
import {
  decodePublicKey,
  decodeSignature,
  encodePublicKey,
  encodeSignature,
  type PublicKey,
} from '../../crypto/keys/publicKey.ts';
import { createSignature, type SignatureParts, verifySignature } from '../../crypto/keys/signatures.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { asKeyError, keyFormatError, keyOptionsError, keyUnsupportedError, quoted } from '../errors.ts';
import { decodePem, encodePem } from '../pem/pem.ts';
import { byteText } from '../textLines.ts';

/** Of the message; the signature is over the hash. */
export type MessageHash = 'sha256' | 'sha512';

/** A signature as it came from a file. That it is well formed says nothing of whether it holds. */
export interface MessageSignature {
  /** Of the signer. */
  readonly publicKey: PublicKey;
  /** With which it was signed; undefined for a plain key. */
  readonly certificate: Certificate | undefined;
  /** What the signature is for, such as `file` or `git`; not escaped. */
  readonly namespace: string;
  /** With which the message was hashed. */
  readonly hash: MessageHash;
  /** Such as `rsa-sha2-512`. */
  readonly algorithm: string;
  /** The algorithm's own part. */
  readonly signature: Uint8Array;
}

/** How `signMessage` signs. */
export interface SignMessageOptions {
  /**
   * What the signature is for: `file`, `git`, or `name@domain` of your own. A
   * signature for one purpose does not hold for another.
   */
  readonly namespace: string;
  /** Of the message: `sha512`. */
  readonly hash?: MessageHash | undefined;
  /** Of the key, where an authority vouches for it. */
  readonly certificate?: Certificate | undefined;
}

/** A message, or its hash where the message is too long to be held. */
export type SignedMessage =
  | string
  | Uint8Array
  | {
      /** The hash of the message. */
      readonly digest: Uint8Array;
    };

const label = 'SSH SIGNATURE';
const magic = utf8Encode('SSHSIG');
const version = 1;
/** As ssh-keygen breaks its lines. */
const lineWidth = 70;
const digestLengths: Readonly<Record<MessageHash, number>> = { sha256: 32, sha512: 64 };

const optionTable: OptionTable<SignMessageOptions> = {
  namespace: someText,
  hash: oneOf('sha256', 'sha512'),
  certificate: anyObject,
};

/**
 * Reads a signature, as `ssh-keygen -Y sign` writes it.
 *
 * @throws SshError `ERR_SSH_KEY_FORMAT` for what is no signature, `ERR_SSH_KEY_UNSUPPORTED` for one of another
 *   version, or of a key or with a hash that is not supported
 */
export function parseMessageSignature(data: Uint8Array | string): MessageSignature {
  try {
    return readSignature(decodePem(byteText(data), label).bytes);
  } catch (error) {
    throw asKeyError(error, 'signature');
  }
}

function readSignature(bytes: Uint8Array): MessageSignature {
  if (!equalBytes(bytes.subarray(0, magic.length), magic)) {
    throw keyFormatError('this is not a signature: it does not begin with SSHSIG');
  }
  const reader = new WireReader(bytes.subarray(magic.length));
  const found = reader.uint32();
  if (found !== version) throw keyUnsupportedError(`the signature is of version ${found}, not ${version}`);
  const signer = readSigner(reader.copyString());
  const namespace = utf8Decode(reader.viewString(), true);
  if (namespace === undefined || namespace === '') throw keyFormatError('the signature has no namespace');
  // Reserved; it is part of what is signed, and no other value is known.
  if (reader.viewString().length > 0)
    throw keyUnsupportedError('the signature has a field that is not known');
  const hash = reader.name();
  if (hash !== 'sha256' && hash !== 'sha512') {
    throw keyUnsupportedError(`the signature is over a hash by ${quoted(hash)}, not sha256 or sha512`);
  }
  const { algorithm, signature } = decodeSignature(reader.viewString());
  reader.end();
  return { ...signer, namespace, hash, algorithm, signature };
}

function readSigner(blob: Uint8Array): Pick<MessageSignature, 'publicKey' | 'certificate'> {
  if (!isCertificateBlob(blob)) return { publicKey: decodePublicKey(blob), certificate: undefined };
  const certificate = decodeCertificate(blob);
  return { publicKey: certificate.publicKey, certificate };
}

/** A signature as the text of a file, as `ssh-keygen -Y sign` writes it. */
export function formatMessageSignature(signature: MessageSignature): string {
  const { publicKey, certificate, namespace, hash, algorithm, signature: part } = signature;
  const bytes = new WireWriter()
    .bytes(magic)
    .uint32(version)
    .string(certificate?.blob ?? encodePublicKey(publicKey))
    .text(namespace)
    .text('')
    .text(hash)
    .string(encodeSignature(algorithm, part))
    .copyWritten();
  return encodePem(label, bytes, { width: lineWidth });
}

/** What is signed: magic, namespace, a reserved field, the name of the hash, the hash of the message. */
function signedBytes(namespace: string, hash: MessageHash, digest: Uint8Array): Uint8Array {
  const fields = new WireWriter().text(namespace).text('').text(hash).string(digest).copyWritten();
  return concatBytes(magic, fields);
}

/**
 * What an agent is to sign for a message, where the private key is not at hand.
 *
 * @throws SshError `ERR_SSH_OPTIONS`
 */
export function bytesToSign(
  parts: Pick<SignatureParts, 'createHash'>,
  message: SignedMessage,
  options: SignMessageOptions,
): Uint8Array {
  checkOptions(options, { of: 'signMessage', table: optionTable });
  const { namespace, hash = 'sha512' } = options;
  if (namespace === undefined) throw keyOptionsError('signMessage needs a namespace, such as file or git');
  return signedBytes(namespace, hash, digestOf(parts, message, hash));
}

/** With which a key signs messages: RSA with SHA-512, any other key with the algorithm of its name. */
export function messageAlgorithm(type: PublicKey['type']): string {
  return type === 'ssh-rsa' ? 'rsa-sha2-512' : type;
}

/** As the `signMessage` of the package, over any arithmetic. */
export function signMessageWith(
  parts: SignatureParts,
  message: SignedMessage,
  privateKey: PrivateKey,
  options: SignMessageOptions,
): string {
  const data = bytesToSign(parts, message, options);
  const { namespace, hash = 'sha512', certificate } = options;
  const { publicKey } = privateKey;
  if (certificate !== undefined && !isSameKey(certificate.publicKey, publicKey)) {
    throw keyOptionsError('the certificate is for another key');
  }
  const algorithm = messageAlgorithm(privateKey.type);
  const signature = createSignature(parts, algorithm, privateKey, data);
  return formatMessageSignature({ publicKey, certificate, namespace, hash, algorithm, signature });
}

/**
 * As the `verifyMessage` of the package, over any arithmetic. A certificate's own
 * signature by its authority is checked too; whether the authority counts is not.
 */
export function verifyMessageWith(
  parts: SignatureParts,
  message: SignedMessage,
  signature: MessageSignature,
  namespace: string,
): void {
  checkArgument('the namespace', namespace, someText);
  const { publicKey, certificate, hash, algorithm } = signature;
  if (signature.namespace !== namespace) {
    throw signatureError(
      `the signature is for the namespace ${quoted(signature.namespace)}, not for ${quoted(namespace)}`,
    );
  }
  // SHA-1, which bears the name of the key type, is no part of the format.
  if (publicKey.type === 'ssh-rsa' && algorithm !== 'rsa-sha2-256' && algorithm !== 'rsa-sha2-512') {
    throw signatureError(`the signature is by ${quoted(algorithm)}, which is not allowed for RSA keys`);
  }
  const data = signedBytes(namespace, hash, digestOf(parts, message, hash));
  if (!verifySignature(parts, algorithm, publicKey, data, signature.signature)) {
    throw signatureError('the signature is not one of this key over this message');
  }
  const verify = (name: string, key: PublicKey, bytes: Uint8Array, part: Uint8Array): boolean =>
    verifySignature(parts, name, key, bytes, part);
  if (certificate !== undefined && !verifyCertificate({ verify }, certificate.blob)) {
    throw signatureError("the signature of the certificate's authority does not hold");
  }
}

/** Whether two keys are one. */
export function isSameKey(one: PublicKey, other: PublicKey): boolean {
  return equalBytes(encodePublicKey(one), encodePublicKey(other));
}

/** `ERR_SSH_SIGNATURE`. */
export function signatureError(message: string): SshError {
  return new SshError('ERR_SSH_SIGNATURE', message, { phase: 'options', origin: 'user' });
}

const messageRule = eitherOf('a string, bytes or { digest }', bytesOnly, {
  takes: 'a string or { digest }',
  accepts: (value) =>
    typeof value === 'string' || (value as { digest?: unknown } | null)?.digest instanceof Uint8Array,
});

function digestOf(
  { createHash }: Pick<SignatureParts, 'createHash'>,
  message: SignedMessage,
  hash: MessageHash,
): Uint8Array {
  checkArgument('the message', message, messageRule);
  if (typeof message === 'object' && 'digest' in message) {
    if (message.digest.length !== digestLengths[hash]) {
      throw keyOptionsError(
        `a digest by ${hash} has ${digestLengths[hash]} bytes, not ${message.digest.length}`,
      );
    }
    return copyOf(message.digest);
  }
  const running = createHash(hash);
  running.update(typeof message === 'string' ? utf8Encode(message) : message);
  return running.digest();
}

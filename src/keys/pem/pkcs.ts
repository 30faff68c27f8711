/**
 * Private keys in DER: what stands in PEM files that are not encrypted. Bytes
 * behind the key are not looked at, which is how ssh-keygen reads such files.
 *
 * Owns: RFC 8017 App. A.1.2 (PKCS#1 RSAPrivateKey), RFC 5915 (SEC 1
 * ECPrivateKey), RFC 5958 (PKCS#8) with the algorithms of RFC 8017 App. A.1,
 * RFC 5480 and RFC 8410, in both directions.
 * Must not know: armour, encryption.
 */
import { wipe } from '../../base/bytes.ts';
import type { EcdsaPrivateKey, PrivateKey, RsaPrivateKey } from '../../crypto/keys/privateKey.ts';
import type { CurveName } from '../../crypto/provider/provider.ts';
import { keyFormatError, keyUnsupportedError } from '../errors.ts';
import type { KeyContext } from '../keyValues.ts';
import { checkDeclaredPoint, ecdsaPrivateKey, ed25519PrivateKey, rsaPrivateKey } from '../keyValues.ts';
import { DerReader, wholeBytes } from './der.ts';
import {
  contextTag,
  der,
  derBitString,
  derNull,
  derObjectIdentifier,
  derOctetString,
  derSequence,
  derSmallInteger,
  derTags,
} from './derWriter.ts';
import { derRsaPrivateKey } from './rsaDer.ts';

export const objectIdentifiers = {
  rsaEncryption: '1.2.840.113549.1.1.1',
  ecPublicKey: '1.2.840.10045.2.1',
  ed25519: '1.3.101.112',
  nistp256: '1.2.840.10045.3.1.7',
  nistp384: '1.3.132.0.34',
  nistp521: '1.3.132.0.35',
} as const;

/** Algorithms that key files may name and this library does not have, for messages. */
const foreignAlgorithms: Readonly<Record<string, string>> = {
  '1.2.840.10040.4.1': 'DSA',
  '1.2.840.113549.1.3.1': 'Diffie-Hellman',
  '1.2.840.113549.1.1.10': 'RSA-PSS',
  '1.3.101.110': 'X25519',
  '1.3.101.111': 'X448',
  '1.3.101.113': 'Ed448',
};

/** @param bytes an RSAPrivateKey of two primes */
export function parsePkcs1(bytes: Uint8Array, context: KeyContext): RsaPrivateKey {
  const fields = new DerReader(bytes).sequence();
  const version = fields.smallInteger();
  if (version === 1) throw keyUnsupportedError('RSA keys of more than two primes are not supported');
  if (version !== 0) throw keyFormatError(`an RSA private key of version ${version}; 0 is known`);
  const numbers = {
    modulus: fields.viewInteger(),
    exponent: fields.viewInteger(),
    privateExponent: fields.viewInteger(),
    prime1: fields.viewInteger(),
    prime2: fields.viewInteger(),
    exponent1: fields.viewInteger(),
    exponent2: fields.viewInteger(),
    coefficient: fields.viewInteger(),
  };
  fields.end();
  return rsaPrivateKey(context, numbers);
}

/**
 * @param bytes an ECPrivateKey
 * @param outer the curve named around it in PKCS#8; the key may then leave it out
 */
export function parseSec1(bytes: Uint8Array, context: KeyContext, outer?: CurveName): EcdsaPrivateKey {
  const fields = new DerReader(bytes).sequence();
  const version = fields.smallInteger();
  if (version !== 1) throw keyFormatError(`an EC private key of version ${version}; 1 is known`);
  const secret = fields.copyOctetString();
  try {
    const parameters = fields.optionalContext(0);
    const inner = parameters === undefined ? undefined : readCurve(parameters);
    parameters?.end();
    const wrapped = fields.optionalContext(1);
    const point = wrapped?.viewBitString();
    wrapped?.end();
    fields.end();
    const curve = inner ?? outer;
    if (curve === undefined) throw keyFormatError('an EC private key that names no curve');
    if (outer !== undefined && outer !== curve)
      throw keyFormatError('an EC private key that names two curves');
    return ecdsaPrivateKey(context, curve, secret, point);
  } finally {
    wipe(secret);
  }
}

export function formatSec1(key: EcdsaPrivateKey): Uint8Array {
  const { curve } = key.publicKey;
  return sec1(key, der(contextTag(0), derObjectIdentifier(objectIdentifiers[curve])));
}

function sec1(key: EcdsaPrivateKey, ...parameters: readonly Uint8Array[]): Uint8Array {
  const point = der(contextTag(1), derBitString(key.publicKey.point));
  return derSequence(derSmallInteger(1), derOctetString(key.scalar), ...parameters, point);
}

/** @param bytes a OneAsymmetricKey (PrivateKeyInfo) */
export function parsePkcs8(bytes: Uint8Array, context: KeyContext): PrivateKey {
  const fields = new DerReader(bytes).sequence();
  const version = fields.smallInteger();
  if (version > 1) throw keyFormatError(`a PKCS#8 private key of version ${version + 1}; 1 and 2 are known`);
  const algorithm = readAlgorithm(fields.sequence());
  const content = fields.copyOctetString();
  try {
    fields.optionalContext(0);
    const publicBits = version === 1 ? fields.optionalImplicit(1) : undefined;
    fields.end();
    return parseContent(algorithm, content, publicBits, context);
  } finally {
    wipe(content);
  }
}

/** What an AlgorithmIdentifier says, as far as keys go. */
export type KeyAlgorithm =
  | { readonly kind: 'rsa' }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'ec'; readonly curve: CurveName };

/** The algorithm of a key in PKCS#8 or SubjectPublicKeyInfo. */
export function readAlgorithm(fields: DerReader): KeyAlgorithm {
  const identifier = fields.objectIdentifier();
  switch (identifier) {
    case objectIdentifiers.rsaEncryption:
      fields.optionalNull();
      fields.end();
      return { kind: 'rsa' };
    case objectIdentifiers.ed25519:
      fields.end();
      return { kind: 'ed25519' };
    case objectIdentifiers.ecPublicKey: {
      const curve = readCurve(fields);
      fields.end();
      return { kind: 'ec', curve };
    }
    default:
      throw keyUnsupportedError(
        `keys of the algorithm ${foreignAlgorithms[identifier] ?? identifier} are not supported; Ed25519, ECDSA and RSA are`,
      );
  }
}

/** An AlgorithmIdentifier, the inverse of `readAlgorithm`. */
export function writeAlgorithm(algorithm: KeyAlgorithm): Uint8Array {
  switch (algorithm.kind) {
    case 'rsa':
      return derSequence(derObjectIdentifier(objectIdentifiers.rsaEncryption), derNull());
    case 'ed25519':
      return derSequence(derObjectIdentifier(objectIdentifiers.ed25519));
    case 'ec':
      return derSequence(
        derObjectIdentifier(objectIdentifiers.ecPublicKey),
        derObjectIdentifier(objectIdentifiers[algorithm.curve]),
      );
  }
}

/** The algorithm of a key as values. */
export function algorithmOf(key: PrivateKey['publicKey']): KeyAlgorithm {
  switch (key.type) {
    case 'ssh-rsa':
      return { kind: 'rsa' };
    case 'ssh-ed25519':
      return { kind: 'ed25519' };
    case 'ssh-ed448':
      throw ed448Error();
    default:
      return { kind: 'ec', curve: key.curve };
  }
}

export function formatPkcs8(key: PrivateKey): Uint8Array {
  const content = formatContent(key);
  return derSequence(derSmallInteger(0), writeAlgorithm(algorithmOf(key.publicKey)), derOctetString(content));
}

function formatContent(key: PrivateKey): Uint8Array {
  switch (key.type) {
    case 'ssh-rsa':
      return derRsaPrivateKey(key);
    case 'ssh-ed25519':
      return derOctetString(key.seed);
    case 'ssh-ed448':
      throw ed448Error();
    default:
      return sec1(key);
  }
}

function ed448Error(): Error {
  return keyUnsupportedError('key files with Ed448 keys are not supported; Ed25519, ECDSA and RSA are');
}

function parseContent(
  algorithm: KeyAlgorithm,
  content: Uint8Array,
  publicBits: Uint8Array | undefined,
  context: KeyContext,
): PrivateKey {
  switch (algorithm.kind) {
    case 'rsa':
      return parsePkcs1(content, context);
    case 'ec': {
      const key = parseSec1(content, context, algorithm.curve);
      if (publicBits !== undefined) checkDeclaredPoint(key, wholeBytes(publicBits));
      return key;
    }
    case 'ed25519': {
      const seed = new DerReader(content).copyOctetString();
      try {
        const point = publicBits === undefined ? undefined : wholeBytes(publicBits);
        return ed25519PrivateKey(context, seed, point);
      } finally {
        wipe(seed);
      }
    }
  }
}

function readCurve(fields: DerReader): CurveName {
  if (fields.nextTag === derTags.sequence) {
    throw keyUnsupportedError(
      'EC keys with explicit curve parameters are not supported; name the curve (openssl ec -param_enc named_curve)',
    );
  }
  const identifier = fields.objectIdentifier();
  for (const curve of ['nistp256', 'nistp384', 'nistp521'] as const) {
    if (objectIdentifiers[curve] === identifier) return curve;
  }
  throw keyUnsupportedError(
    `EC keys on the curve ${identifier} are not supported; nistp256, nistp384 and nistp521 are`,
  );
}

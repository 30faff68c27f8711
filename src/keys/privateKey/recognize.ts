/**
 * What a file is that was given where a key was expected.
 *
 * Owns: the sentences that tell a user what the file is and what to give instead.
 * Must not know: how keys are parsed. Nothing of the file's content gets into a
 * message but names of types and labels.
 */
import { keyFormatError, keyUnsupportedError, quoted } from '../errors.ts';
import { pemLabels } from '../pem/pem.ts';
import { hasSsh2Block } from '../pem/rfc4716.ts';
import { isPpk } from '../putty/ppk.ts';
import { splitLines } from '../textLines.ts';

/** Armour labels of private keys that are read. */
const privateLabels = [
  'OPENSSH PRIVATE KEY',
  'RSA PRIVATE KEY',
  'EC PRIVATE KEY',
  'PRIVATE KEY',
  'ENCRYPTED PRIVATE KEY',
] as const;

/** Armour labels of public keys that are read; RFC 4716 has an armour of its own. */
const publicLabels = ['PUBLIC KEY', 'RSA PUBLIC KEY'] as const;

export type PrivateLabel = (typeof privateLabels)[number];
export type PublicLabel = (typeof publicLabels)[number];

/** A type name as it stands at the head of a public key in one line. */
const keyTypePattern =
  /(?:^|[\s,])((?:sk-)?(?:ssh-[a-z0-9]+|ecdsa-sha2-[a-z0-9]+)(?:-cert-v\d\d)?(?:@openssh\.com)?)[ \t]+AAAA[A-Za-z0-9+/]/;

/** The format of a private key file; throws for everything else, saying what it is. */
export function privateFormat(text: string): PrivateLabel | 'putty' | 'ssh.com' {
  if (isPpk(text)) return 'putty';
  if (hasSsh2Block(text, 'ENCRYPTED PRIVATE KEY')) return 'ssh.com';
  const labels = pemLabels(text);
  const label = privateLabels.find((known) => labels.includes(known));
  if (label !== undefined) return label;
  throw notPrivate(text, labels);
}

/** The format of a public key file, a line of authorized_keys counted as `line`. */
export function publicFormat(text: string): PublicLabel | 'rfc4716' | 'line' {
  const labels = pemLabels(text);
  const label = publicLabels.find((known) => labels.includes(known));
  if (label !== undefined) return label;
  if (hasSsh2Block(text, 'PUBLIC KEY')) return 'rfc4716';
  if (isPpk(text) || labels.some((found) => found.endsWith('PRIVATE KEY'))) {
    throw keyFormatError('this is a private key, where a public key is wanted; give the .pub file beside it');
  }
  if (labels.length > 0) throw foreignBlock(labels[0] as string);
  if (isBinary(text)) throw binaryFile();
  return 'line';
}

function notPrivate(text: string, labels: readonly string[]): Error {
  const label = labels[0];
  if (label !== undefined) return foreignBlock(label);
  if (text.startsWith('SSH PRIVATE KEY FILE FORMAT 1')) {
    return keyUnsupportedError(
      'this is a key for version 1 of SSH, which is not supported; make a new one with ssh-keygen',
    );
  }
  if (hasSsh2Block(text, 'PUBLIC KEY')) return publicGiven('this is a public key (RFC 4716)');
  const line = splitLines(text).find((candidate) => keyTypePattern.test(candidate));
  if (line !== undefined) return lineGiven(line);
  if (isBinary(text)) return binaryFile();
  if (!text.trim().includes('\n') && /^[~./\\]|^[A-Za-z]:[\\/]/.test(text.trim())) {
    return keyFormatError('this looks like the path of a key file; give what the file contains');
  }
  if (text.trimStart().startsWith('{'))
    return keyUnsupportedError('this looks like JSON; keys in JWK form are not supported');
  return keyFormatError('this is not a private key: no line begins a key in OpenSSH, PEM or PuTTY format');
}

/** The error for an armoured block that is no key, or not of the kind wanted. */
function foreignBlock(label: string): Error {
  if (label.endsWith('PUBLIC KEY')) return publicGiven(`this is a public key (${quoted(label)})`);
  if (label === 'DSA PRIVATE KEY')
    return keyUnsupportedError('DSA keys are not supported: no current server takes them');
  if (label === 'EC PARAMETERS')
    return keyFormatError('the key file is truncated: the private key behind its EC PARAMETERS is missing');
  if (label.includes('CERTIFICATE')) {
    return keyFormatError(`this is an X.509 certificate or a request for one (${quoted(label)}), not a key`);
  }
  return keyUnsupportedError(`the file holds ${quoted(label)}, which is not a kind of key that is supported`);
}

/** The error for a text with a public key, a certificate or a known host in one of its lines. */
function lineGiven(line: string): Error {
  const type = keyTypePattern.exec(line)?.[1] ?? '';
  if (type.includes('-cert-v')) {
    return keyFormatError(
      `this is a certificate (${type}), where a private key is wanted; give the key it belongs to`,
    );
  }
  if (line.startsWith('|1|') || line.startsWith('@')) {
    return keyFormatError('this is a known_hosts file, where a private key is wanted');
  }
  return publicGiven(`this is a public key (${type}) or a list of such`);
}

function publicGiven(what: string): Error {
  return keyFormatError(`${what}, where a private key is wanted; give the file without .pub`);
}

function binaryFile(): Error {
  return keyFormatError(
    'the file is binary, where text is wanted; if it is a key in DER, convert it (openssl pkey -inform DER)',
  );
}

function isBinary(text: string): boolean {
  for (let i = 0; i < Math.min(text.length, 256); i++) {
    const code = text.charCodeAt(i);
    if (code < 9 || (code > 13 && code < 32)) return true;
  }
  return false;
}

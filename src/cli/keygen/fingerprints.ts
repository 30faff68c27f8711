/**
 * Fingerprints, their pictures and words, and SSHFP records.
 *
 * Owns: the lines that are printed, as ssh-keygen prints them.
 * Must not know: how a fingerprint is computed, files.
 * Sources: RFC 4255, RFC 6594, RFC 7479 (SSHFP); the Bubble Babble encoding.
 */
import { createHash } from 'node:crypto';
import { quotedText } from '../../base/bytes.ts';
import { optionsError } from '../../base/optionChecks.ts';
import { bitLength, encodePublicKey, type PublicKey } from '../../crypto/keys/publicKey.ts';
import { fingerprint, randomArt } from '../../keys/fingerprint.ts';
import type { FingerprintHash } from '../../keys/fingerprintBy.ts';
import type { KeygenContext } from './context.ts';
import type { KeygenArguments } from './keygenArguments.ts';
import { namedKey } from './namedKey.ts';
import { onlyPublicKeyIn, publicKeysIn } from './publicKeys.ts';

const hashes: readonly FingerprintHash[] = ['sha256', 'md5', 'sha1', 'sha384', 'sha512'];

/** `-E` */
export function fingerprintHash(args: KeygenArguments): FingerprintHash {
  const name = (args.value('E') ?? 'sha256').toLowerCase();
  const hash = hashes.find((each) => each === name);
  if (hash !== undefined) return hash;
  throw optionsError(`-E ${quotedText(name)}: there are ${hashes.join(', ')}`);
}

/** `-l` */
export async function showFingerprints(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const hash = fingerprintHash(args);
  for (const { publicKey, comment, isCertified } of await publicKeysIn(
    await namedKey(args, context),
    context,
  )) {
    const name = `${shortName(publicKey)}${isCertified ? '-CERT' : ''}`;
    context.print(
      `${bitsOf(publicKey)} ${fingerprint(publicKey, hash)} ${comment === '' ? 'no comment' : comment} (${name})\n`,
    );
    if (args.verbose) context.print(`${randomArt(publicKey, hash)}\n`);
  }
  return 0;
}

/** `-B` */
export async function showBubbleBabble(args: KeygenArguments, context: KeygenContext): Promise<number> {
  for (const { publicKey, comment } of await publicKeysIn(await namedKey(args, context), context)) {
    const digest = createHash('sha1').update(encodePublicKey(publicKey)).digest();
    context.print(
      `${bitsOf(publicKey)} ${bubbleBabble(digest)} ${comment === '' ? 'no comment' : comment} (${shortName(publicKey)})\n`,
    );
  }
  return 0;
}

/** `-r` */
export async function showSshfp(args: KeygenArguments, context: KeygenContext): Promise<number> {
  const name = args.needed('r', 'the host of the records');
  const { publicKey } = await onlyPublicKeyIn(await namedKey(args, context), context);
  const type = args.has('g') ? `TYPE44 \\# ` : 'SSHFP ';
  for (const [number, hash] of [
    ['1', 'sha1'],
    ['2', 'sha256'],
  ] as const) {
    const digest = createHash(hash).update(encodePublicKey(publicKey)).digest('hex');
    const algorithm = sshfpAlgorithm(publicKey);
    const record = args.has('g')
      ? `${digest.length / 2 + 2} ${hexByte(algorithm)} ${hexByte(Number(number))} ${digest}`
      : `${algorithm} ${number} ${digest}`;
    context.print(`${name} IN ${type}${record}\n`);
  }
  return 0;
}

function hexByte(value: number): string {
  return value.toString(16).padStart(2, '0');
}

function sshfpAlgorithm(key: PublicKey): number {
  switch (key.type) {
    case 'ssh-rsa':
      return 1;
    case 'ssh-ed25519':
      return 4;
    case 'ssh-ed448':
      return 6;
    case 'sk-ssh-ed25519@openssh.com':
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      throw optionsError(`keys of type ${key.type} have no SSHFP record`);
    default:
      return 3;
  }
}

/** As ssh-keygen names the types of keys to people. */
export function shortName({ type }: PublicKey): string {
  switch (type) {
    case 'ssh-rsa':
      return 'RSA';
    case 'ssh-ed25519':
      return 'ED25519';
    case 'ssh-ed448':
      return 'ED448';
    case 'sk-ssh-ed25519@openssh.com':
      return 'ED25519-SK';
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return 'ECDSA-SK';
    default:
      return 'ECDSA';
  }
}

export function bitsOf(key: PublicKey): number {
  if (key.type === 'ssh-rsa') return bitLength(key.modulus);
  if (key.type === 'ssh-ed448') return 456;
  return 'curve' in key ? Number(key.curve.slice('nistp'.length)) : 256;
}

const vowels = 'aeiouy';
const consonants = 'bcdfghklmnprstvzx';

/** Two bytes become five letters; a checksum runs along and chooses the vowels. */
export function bubbleBabble(bytes: Uint8Array): string {
  let checksum = 1;
  let text = 'x';
  const vowel = (index: number): string => vowels.charAt(index % 6);
  const rounds = Math.floor(bytes.length / 2) + 1;
  for (let i = 0; i < rounds; i++) {
    const [first, second] = [bytes[2 * i], bytes[2 * i + 1]];
    if (first === undefined) {
      text += `${vowel(checksum % 6)}x${vowel(Math.floor(checksum / 6))}`;
      break;
    }
    text += vowel((first >> 6) + checksum) + consonants.charAt((first >> 2) & 15);
    text += vowel((first & 3) + Math.floor(checksum / 6));
    if (second === undefined) break;
    text += `${consonants.charAt(second >> 4)}-${consonants.charAt(second & 15)}`;
    checksum = (checksum * 5 + first * 7 + second) % 36;
  }
  return `${text}x`;
}
